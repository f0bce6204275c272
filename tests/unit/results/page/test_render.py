"""The one template of all pages: asks nobody, says warnings first, and takes no text for code."""

import pytest

from shared.results.page.render import embeddable, render


@pytest.fixture
def template(tmp_path):
    path = tmp_path / "small.html.j2"
    path.write_text(
        '{% extends "base.html.j2" %}{% block title %}{{ heading }}{% endblock %}'
        "{% block content %}<p>{{ told }}</p>{% endblock %}"
        "{% block data %}{{ data }}{% endblock %}"
    )
    return path


def page(template, told="", data="", **more):
    return render(template, {"told": told, "data": data}, heading="A page", **more)


def test_a_page_asks_for_nothing_and_has_its_style_theme_and_heading(template):
    text = page(template)
    assert "default-src 'none'" in text
    assert "http" not in text.replace("http-equiv", "")
    assert "<h1>A page</h1>" in text
    assert '<button type="button" id="theme" data-light="Light"' in text
    assert "color-scheme: light dark" in text
    assert text.count("<script>") == 1


def test_what_warns_is_said_first_and_loudly(template):
    text = page(template, notes=("just so", "HOLES: many"))
    assert text.index('<p class="">HOLES: many</p>') < text.index('<p class="mild">just so</p>')
    assert "Read this first" not in page(template)


def test_text_from_outside_stays_text_and_numbers_have_a_minus_sign(template):
    hostile = "</style></script><script>alert(1)</script>{{ 7 * 7 }}"
    text = render(template, {"told": hostile, "data": ""}, heading=hostile, notes=(hostile,))
    assert "<script>alert" not in text
    assert text.count("{{ 7 * 7 }}") == 4
    assert "<p>−0.5, a-1 and x - y</p>" in page(template, told="-0.5, a-1 and x - y")


def test_data_cannot_end_the_element_it_stands_in(template):
    assert "</script>" not in embeddable({"name": "</script><b>"})
    with pytest.raises(ValueError, match="JSON"):
        embeddable(float("nan"))


def test_further_styles_and_scripts_stand_behind_the_common_ones(template, tmp_path):
    style, script = tmp_path / "own.css", tmp_path / "own.js"
    style.write_text(".own { color: red; }")
    script.write_text("const own = 1;")
    text = page(template, styles=(style,), scripts=(script,))
    assert text.index(":root {") < text.index(".own { color: red; }") < text.index("</style>")
    assert text.index('"use strict";') < text.index("const theme") < text.index("const own = 1;")
