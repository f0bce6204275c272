"""Pictures of a study as plain SVG: drawn here, so that the page needs no script to show them.

Pure.
"""

import math
from collections.abc import Sequence
from datetime import UTC, datetime

from markupsafe import Markup, escape

from models.study.result import DatasetResult, Estimate
from shared.core.sentences import say
from shared.results.page.svg import Area, Axis, Plot, round_step

AREA = Area(width=1200, height=320, left=78, right=12, top=10, bottom=26)
MOST_POINTS = 600
COLOURS = 8
LEAST_STEP = 0.05
TICKS = 5
WIDE = 4.0
"""From so many times on, marks at equal distances in yen crowd at the top of a logarithmic scale.
"""
FOREST_WIDTH, FOREST_HEIGHT = 150, 16


def draw_growth(held: DatasetResult) -> Markup:
    """One yen under each variant and under buy and hold, on a logarithmic scale; empty where there
    are no days.
    """
    first = held.tried[0].curve
    if not first.day_at:
        return Markup()
    lines = [
        ("hold", first.hold),
        *((f"line-{number % COLOURS}", one.curve.own) for number, one in enumerate(held.tried)),
    ]
    low = min(min(line) for _, line in lines)
    high = max(max(line) for _, line in lines)
    plot = Plot(
        x=_days(first.day_at),
        y=_growths(max(low, 1e-3), max(high, 1.0 + LEAST_STEP)),
        area=AREA,
    )
    plot.level(1.0)
    for number, (name, line) in enumerate(lines):
        rows = _shown_rows(len(line))
        look = f"{name} again" if number > COLOURS else name
        plot.line(rows, [line[row] for row in rows], look=look)
    size = f'viewBox="0 0 {AREA.width} {AREA.height}"'
    title = escape(say("study.chart", data=held.name))
    svg = f'<svg {size} role="img" aria-label="{title}">{"".join(plot.parts())}</svg>'
    return Markup(svg)  # noqa: S704 - numbers of ours, and a title that was escaped


def _growths(low: float, high: float) -> Axis:
    """An axis of growth, logarithmic, with a handful of marks at the most: round percentages or,
    over a wide range, as many times the first yen.
    """
    margin = math.exp(0.04 * max(math.log(high / low), LEAST_STEP))
    least, most = low / margin, high * margin
    marks = _decades(least, most) if most > WIDE * least else _evenly(least, most)
    return Axis(
        low=least, high=most, ticks=tuple((one, _change(one)) for one in marks), logarithmic=True
    )


def _decades(least: float, most: float) -> list[float]:
    decades = [10.0**power for power in range(-3, 6)]
    times = [
        part * decade for decade in decades for part in (1, 2, 5) if least <= part * decade <= most
    ]
    return times if len(times) <= TICKS + 1 else [one for one in times if one in decades]


def _evenly(least: float, most: float) -> list[float]:
    step = round_step((most - least) / TICKS)
    first = math.ceil(least / step)
    return [count * step for count in range(first, int(most / step) + 1) if count > 0]


def _change(growth: float) -> str:
    percent = round(100 * (growth - 1))
    return f"{percent:+,} %".replace("-", "−") if percent else "0 %"


def _days(day_at: Sequence[int]) -> Axis:
    """An axis of rows, labelled with some of their dates."""
    last = len(day_at) - 1
    rows = sorted({round(number / TICKS * last) for number in range(TICKS + 1)})
    ticks = tuple(
        (float(row), f"{datetime.fromtimestamp(day_at[row] / 1000, UTC):%Y-%m-%d}") for row in rows
    )
    return Axis(low=0.0, high=float(max(1, last)), ticks=ticks)


def _shown_rows(count: int) -> list[int]:
    """Rows from the first to the last, about as many as can be seen."""
    step = max(1, -(-count // MOST_POINTS))
    return sorted({*range(0, count, step), count - 1})


def draw_estimate(found: Estimate, within: Sequence[Estimate]) -> Markup:
    """An estimate with its interval on the scale of all that stand above and below it; zero is
    marked.
    """
    ends = [end for one in within for end in (one.low, one.high, one.value) if end is not None]
    if found.value is None or not ends:
        return Markup()
    low, high = min(0.0, *ends), max(0.0, *ends)
    width = max(high - low, 1e-9)

    def x(value: float) -> float:
        return 4 + (value - low) / width * (FOREST_WIDTH - 8)

    middle = FOREST_HEIGHT / 2
    bar = ""
    if found.low is not None and found.high is not None:
        bar = (
            f'<line class="range" x1="{x(found.low):.1f}" x2="{x(found.high):.1f}" y1="{middle}"'
            f' y2="{middle}"/>'
        )
    parts = (
        f'<line class="zero" x1="{x(0.0):.1f}" x2="{x(0.0):.1f}" y1="0" y2="{FOREST_HEIGHT}"/>{bar}'
    )
    parts += f'<circle cx="{x(found.value):.1f}" cy="{middle}" r="3.5"/>'
    size = (
        f'width="{FOREST_WIDTH}" height="{FOREST_HEIGHT}" viewBox="0 0 {FOREST_WIDTH}'
        f' {FOREST_HEIGHT}"'
    )
    # Numbers of ours.
    return Markup(f'<svg class="forest" {size} aria-hidden="true">{parts}</svg>')  # noqa: S704
