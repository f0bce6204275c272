"""The page of a study in a real browser: it opens without network or a word on the console, light
and dark, wide and narrow.
"""

import shutil

import pytest

from models.study import study_files
from tests.support.chromium import CHROMIUM, DARK, acted, browse, served
from tests.support.made_results import VARIANTS, made_result

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module", autouse=True)
def _chromium():
    if CHROMIUM is None:
        pytest.skip("browser: chromium is not installed")


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    path = tmp_path_factory.mktemp("study") / "study.html"
    path.write_bytes(study_files(made_result(passed=("trend",)))["study.html"])
    return path


@pytest.fixture(scope="module")
def profile(tmp_path_factory):
    folder = tmp_path_factory.mktemp("profile")
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def test_the_page_asks_nobody_and_says_nothing_on_the_console(page, profile):
    with served(page) as (address, asked):
        dom, said = browse(profile, address, "--dump-dom")
    assert said == []
    assert asked == ["/report.html"]
    assert dom.count("<polyline") == 2 * (len(VARIANTS) + 1)
    assert dom.count('class="forest"') == 2 * len(VARIANTS)


def test_everything_is_seen_wide_and_narrow_and_the_button_changes_the_light(
    page, profile, tmp_path
):
    told = acted(
        page,
        profile,
        tmp_path,
        """
        const ground = () => getComputedStyle(document.body).backgroundColor, first = ground();
        document.getElementById("theme").click(); await frame();
        const second = ground();
        document.getElementById("theme").click(); await frame();
        const lines = [...document.querySelectorAll(".growth polyline")].slice(0, 5);
        return {
          grounds: [first, second, ground()],
          colours: lines.map((line) => getComputedStyle(line).stroke),
          boxes: lines.map((line) => line.getBBox().width > 500),
          wide: document.documentElement.scrollWidth <= document.documentElement.clientWidth,
          tables: document.querySelectorAll("table").length,
        };
        """,
    )
    assert told["grounds"][0] == told["grounds"][2] != told["grounds"][1]
    assert len(set(told["colours"])) == 5, "every line has a colour of its own"
    assert all(told["boxes"])
    assert told["wide"]
    assert told["tables"] == 9


def test_a_narrow_page_scrolls_its_tables_and_not_itself(page, profile, tmp_path):
    text = page.read_text(encoding="utf-8")
    frame = tmp_path / "narrow.html"
    inside = text.replace("&", "&amp;").replace('"', "&quot;")
    frame.write_text(
        '<head></head><body><iframe id="phone" width="390" height="800"'
        f' srcdoc="{inside}"></iframe></body>'
    )
    told = acted(
        frame,
        profile,
        tmp_path,
        """
        const inside = () => document.getElementById("phone").contentDocument;
        const isWhole = () =>
          inside()?.readyState === "complete" && inside().querySelector("table");
        for (let i = 0; i < 600 && !isWhole(); i++) await frame();
        await frame();
        const root = inside().documentElement;
        return [root.scrollWidth, root.clientWidth, root.querySelectorAll("table").length];
        """,
    )
    assert told[0] <= told[1], told
    assert told[2] == 9


@pytest.mark.parametrize("flags", [[], DARK], ids=["light", "dark"])
def test_it_can_be_photographed(page, profile, tmp_path, flags):
    picture = tmp_path / "page.png"
    browse(profile, page.as_uri(), f"--screenshot={picture}", *flags)
    assert picture.stat().st_size > 50_000
