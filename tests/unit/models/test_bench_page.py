"""The page, the data and the Markdown of a study: the same result gives the same bytes, and text
stays text.
"""

import json
import re
from dataclasses import replace

import pytest

from models.gate import figure
from models.study import draw, markdown, narrow, study_files, tables
from models.study.result import Estimate, finite_or_null
from shared.model.manifest import Check
from tests.support.made_results import VARIANTS, made_result

HOSTILE = '</title><script>document.body.dataset.owned="yes"</script><img src=x>{{ 7 * 7 }} | a'


@pytest.fixture(scope="module")
def result():
    return made_result(passed=("trend",))


def test_the_same_result_gives_the_same_bytes(result):
    again = made_result(passed=("trend",))
    assert study_files(result, command="bot study x") == study_files(again, command="bot study x")
    assert set(study_files(result)) == {"study.html", "study.json", "study.md"}


def test_the_answer_names_what_may_enter(result):
    assert (
        tables.verdict_text(result)
        == "2 of 8 passed the gate and may enter: trend on bitbank 2018; trend on Binance x ECB"
        " 2023-25."
    )
    assert (
        tables.verdict_text(made_result())
        == "Nothing here may enter: none of the 8 tries passed the gate."
    )
    alone = made_result()
    held = replace(alone.held[0], tried=alone.held[0].tried[:1])
    assert (
        tables.verdict_text(replace(alone, held=(held,)))
        == "It may not enter: it did not pass the gate."
    )


def test_every_variant_stands_in_every_table_with_what_it_failed(result):
    for held in result.held:
        money, learned, gate, denied = tables.dataset_tables(held)
        assert [row[0].text for row in money.rows] == [*VARIANTS, "buy and hold"]
        assert [row[0].text for row in learned.rows] == list(VARIANTS[:3]), "trend asks no model"
        assert [cell.text for cell in gate.head[2:]] == list(VARIANTS)
        assert [row[0].text for row in denied.rows] == list(VARIANTS)
        for row, tried in zip(money.rows, held.tried, strict=False):
            assert row[-1].text == ("yes" if tried.variant == "trend" else "no")
            assert row[-1].title == (
                "" if tried.variant == "trend" else "deflated_sharpe, calibration_error"
            )
        assert all(len(row) == len(money.head) for row in money.rows)


def test_a_check_says_its_value_its_limit_and_whether_it_passed(result):
    gate = tables.checks_table(result.held[0])
    told = {row[0].text: [cell.text for cell in row[1:]] for row in gate.rows}
    assert told["deflated sharpe"] == ["0.95", "0.31 ✗", "0.31 ✗", "0.31 ✗", "0.97 ✓"]
    assert told["calibration error"][1] == "– ✗", "what is not known has not passed"
    assert told["trials"] == ["a note", "12,345", "12,345", "12,345", "12,345"]
    assert gate.rows[0][0].title == "above: log-loss skill"


@pytest.mark.parametrize(
    ("found", "text", "tone"),
    [
        (Estimate(value=0.01, low=0.001, high=0.02), "+1.00 % [+0.10, +2.00]", "good"),
        (Estimate(value=-0.01, low=-0.02, high=-0.001), "-1.00 % [-2.00, -0.10]", "bad"),
        (Estimate(value=0.01, low=-0.01, high=0.03), "+1.00 % [-1.00, +3.00]", ""),
        (Estimate(value=0.01), "+1.00 %", ""),
        (Estimate(), "–", ""),
    ],
)
def test_an_interval_is_good_or_bad_only_where_it_leaves_zero_out(found, text, tone):
    cell = tables.estimate_text(found)
    assert (cell.text, cell.tone) == (text, tone)


def test_text_from_outside_stays_text(result):
    held = replace(result.held[0], name=HOSTILE)
    hostile = replace(
        result,
        name=HOSTILE,
        question=HOSTILE,
        notes=(HOSTILE,),
        says={HOSTILE: HOSTILE},
        held=(held,),
    )
    page = study_files(hostile)["study.html"].decode()
    assert page.count("<script>") == 1
    assert "<img" not in page
    assert page.count("{{ 7 * 7 }}") >= 5
    assert "http" not in re.sub(r"http-equiv", "", page)


def test_the_data_is_json_without_anything_undefined(result):
    told = json.loads(study_files(result)["study.json"])
    assert told["verdict"] == tables.verdict_text(result)
    assert told["held"][0]["tried"][3]["learned"] is None
    assert len(told["held"][0]["tried"][0]["curve"]["own"]) == 240
    assert finite_or_null({"a": [float("nan"), 1.0], "b": (float("inf"),)}) == {
        "a": [None, 1.0],
        "b": [None],
    }


def test_the_markdown_says_what_the_page_says_and_no_place_of_this_machine(result):
    text = markdown(result, command="scripts/bot study docs/studies/profiles.yaml")
    assert "    scripts/bot study docs/studies/profiles.yaml\n" in text
    assert "| trend | +39.1 % |" in text
    assert "| Won | Held |" in text
    assert "data `00112233aabbccdd`" in text
    assert "**2 of 8 passed the gate" in text
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert len(rows) > 40
    assert all(line.endswith("|") for line in rows)
    assert "/tmp" not in text
    assert "/home" not in text


def test_a_cell_cannot_break_a_table_of_the_markdown(result):
    tried = tuple(replace(one, variant=f"a|b {one.variant}") for one in result.held[0].tried)
    text = markdown(replace(result, held=(replace(result.held[0], tried=tried),)))
    row = next(line for line in text.splitlines() if "a\\|b default" in line)
    head = next(line for line in text.splitlines() if line.startswith("| Variant |"))
    assert len(re.split(r"(?<!\\)\|", row)) == head.count("|") + 1


def test_no_line_of_the_markdown_is_wider_than_a_page_and_no_cell_is_lost(result):
    text = markdown(result, command="scripts/bot study " + "docs/studies/profiles.yaml " * 5)
    assert [line for line in text.splitlines() if len(line) > narrow.WIDTH] == []
    for held in result.held:
        for table in tables.dataset_tables(held):
            cells = [cell.text for row in (table.head, *table.rows) for cell in row if cell.text]
            assert [
                cell for cell in cells if " ".join(cell.split()) not in " ".join(text.split())
            ] == []


def test_the_picture_holds_every_line_and_all_of_it_inside():
    held = made_result(days=2_000).held[0]
    svg = str(draw.draw_growth(held))
    lines = re.findall(r'<polyline class="([\w-]+)" points="([^"]+)"', svg)
    assert [name for name, _ in lines] == ["hold", "line-0", "line-1", "line-2", "line-3"]
    for _, points in lines:
        places = [tuple(map(float, point.split(","))) for point in points.split()]
        assert 300 < len(places) <= draw.MOST_POINTS + 1
        assert all(0 <= x <= draw.AREA.width and 0 <= y <= draw.AREA.height for x, y in places)
    assert "nan" not in svg


def test_marks_of_a_wide_range_are_far_apart_and_every_word_is_inside():
    held = made_result(days=2_000).held[0]
    first = held.tried[0]
    for most in (1.2, 3.0, 14.2, 90.0, 4_000.0):
        rising = tuple(
            most ** (day / (len(first.curve.day_at) - 1)) for day in range(len(first.curve.day_at))
        )
        svg = str(
            draw.draw_growth(
                replace(held, tried=(replace(first, curve=replace(first.curve, hold=rising)),))
            )
        )
        marks = re.findall(
            r'<text class="tick" x="([\d.]+)" y="([\d.]+)" text-anchor="end">([^<]* %)</text>', svg
        )
        heights = [float(y) for _, y, _ in marks]
        assert 3 <= len(marks) <= draw.TICKS + 3
        assert all(
            above - below > 14
            for below, above in zip(sorted(heights), sorted(heights)[1:], strict=False)
        )
        assert all(6.8 * len(text) <= float(x) for x, _, text in marks)
        assert "0 %" in {text for _, _, text in marks}


def test_a_picture_without_days_or_movement_is_drawn_or_left_out():
    held = made_result(days=1).held[0]
    assert "polyline" in str(draw.draw_growth(held))
    first = held.tried[0]
    flat = replace(first, curve=replace(first.curve, day_at=(), own=(), hold=()))
    assert str(draw.draw_growth(replace(held, tried=(flat,)))) == ""
    assert str(draw.draw_estimate(Estimate(), [Estimate()])) == ""
    assert "circle" in str(draw.draw_estimate(Estimate(value=0.0), [Estimate(value=0.0)]))


def test_a_check_that_failed_by_an_end_of_its_interval_shows_the_interval():
    """A limit of 0 and a value of 0.0244 contradict each other until one sees that the interval
    reaches below zero.
    """
    failed = Check(
        name="skill",
        value=0.0244,
        threshold=0.0,
        passed=False,
        meaning="above: skill",
        group="enter",
        lower=-0.011,
        upper=0.06,
    )
    assert tables._check(failed).text == "0.0244 (-0.011 to 0.06) ✗"
    assert tables._check(replace(failed, passed=True)).text == "0.0244 ✓"


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (0.0, "0"),
        (6.207e-09, "under 0.0001"),
        (-6.207e-09, "between 0 and -0.0001"),
        (0.000123, "0.000123"),
        (0.0244, "0.0244"),
        (999.94, "999.9"),
        (12_345.0, "12,345"),
        (1.5e9, "1,500,000,000"),
        (float("inf"), "inf"),
    ],
)
def test_a_figure_has_no_exponent(value, said):
    assert figure(value) == said
