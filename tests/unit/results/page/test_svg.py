"""One set of axes and plots for every picture: round marks, everything inside, the same bytes."""

import math
import re
import xml.etree.ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.results.page.svg import Area, Axis, Plot, draw_label, round_step

AREA = Area(width=400, height=200, left=50, right=10, top=10, bottom=30)


def made_plot():
    plot = Plot(x=Axis.of([0.0, 10.0]), y=Axis.of([-3.0, 7.0], unit=" %"), area=AREA)
    plot.level(0.0)
    plot.line([0.0, 5.0, 10.0], [-3.0, 7.0, 1.0], look="own")
    plot.dots([5.0], [7.0], look="own")
    plot.whisker(5.0, 2.0, 7.0, look="own")
    plot.bars([0.0, 5.0, 10.0], [1.0, -1.0], look="own")
    return plot


def test_an_axis_has_round_ticks_that_hold_everything():
    axis = Axis.of([0.13, 0.87], around=(0.0,))
    assert (axis.low, [told for _, told in axis.ticks][:2]) == (0.0, ["0.0", "0.2"])
    assert axis.high >= 0.87
    flat = Axis.of([3.0, 3.0, float("nan")])
    assert flat.low < 3.0 < flat.high
    assert Axis.of([]).ticks


@given(st.floats(1e-6, 1e9))
def test_a_step_is_the_next_of_one_two_and_five(rough):
    step = round_step(rough)
    assert rough * (1 - 1e-6) <= step <= 2.5 * rough * (1 + 1e-6)
    first = step / 10.0 ** math.floor(math.log10(step) + 1e-9)
    assert min(abs(first - digit) for digit in (1.0, 2.0, 5.0)) < 1e-6


def test_equal_factors_are_equally_far_apart_on_a_logarithmic_axis():
    axis = Axis(low=0.25, high=4.0, ticks=(), logarithmic=True)
    assert [axis.share(value) for value in (0.25, 0.5, 1.0, 2.0, 4.0)] == pytest.approx(
        [0.0, 0.25, 0.5, 0.75, 1.0]
    )
    assert (axis.share(0.0), axis.share(99.0)) == (0.0, 1.0)


def test_everything_that_is_drawn_lies_inside_and_looks_as_its_class_says():
    parts = "".join(made_plot().parts())
    ET.fromstring(f"<svg>{parts}</svg>")
    assert parts == "".join(made_plot().parts())
    for points in re.findall(r'points="([^"]+)"', parts):
        for x, y in (map(float, point.split(",")) for point in points.split()):
            assert AREA.left <= x <= AREA.width - AREA.right
            assert AREA.top <= y <= AREA.height - AREA.bottom
    assert set(re.findall(r'class="([^"]+)"', parts)) == {"grid", "tick", "base", "own"}
    assert not re.search(r"fill|stroke|style|nan", parts)


def test_the_first_and_the_last_word_of_an_axis_stay_inside_the_picture():
    told = re.findall(r'text-anchor="(\w+)">(\d+)<', "".join(made_plot().parts()))
    anchors = [anchor for anchor, _ in told]
    assert (anchors[0], anchors[-1]) == ("start", "end")
    assert set(anchors[1:-1]) == {"middle"}


def test_words_from_outside_stay_words():
    assert draw_label(1, 2, "<b>&", look="word").endswith(">&lt;b&gt;&amp;</text>")
