"""Pictures of a study as plain SVG: drawn here, so that the page needs no script to show them.

Pure.
"""

import math
from collections.abc import Sequence
from datetime import UTC, datetime

from markupsafe import Markup, escape

from models.study.result import DatasetResult, Estimate

WIDTH, HEIGHT = 1200, 320
LEFT, RIGHT, TOP, BOTTOM = 78, 12, 10, 26
MOST_POINTS = 600
COLOURS = 8
LEAST_STEP = 0.05
TICKS = 5
WIDE = 4.0
"""From so many times on, marks at equal distances in yen crowd at the top of a logarithmic scale.
"""
FOREST_WIDTH, FOREST_HEIGHT = 150, 16


def growth(held: DatasetResult) -> Markup:
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
    scale = _Scale(max(low, 1e-3), max(high, 1.0 + LEAST_STEP))
    parts = [_grid(scale), _times(first.day_at)]
    for number, (name, line) in enumerate(lines):
        dashed = ' stroke-dasharray="7 4"' if number > COLOURS else ""
        parts.append(f'<polyline class="{name}"{dashed} points="{_points(line, scale)}"/>')
    title = escape(f"Growth on {held.name}")
    svg = (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img"'
        f' aria-label="{title}">{"".join(parts)}</svg>'
    )
    return Markup(svg)  # noqa: S704 - numbers of ours, and a title that was escaped


class _Scale:
    """From growth to the height in the picture."""

    def __init__(self, low: float, high: float) -> None:
        margin = 0.04 * max(math.log(high) - math.log(low), LEAST_STEP)
        self.low, self.high = math.log(low) - margin, math.log(high) + margin

    def y(self, growth: float) -> float:
        share = (math.log(max(growth, 1e-3)) - self.low) / (self.high - self.low)
        return TOP + (1.0 - share) * (HEIGHT - TOP - BOTTOM)

    def ticks(self) -> list[float]:
        """Growths to mark, at most a handful: round percentages or, over a wide range, as many
        times the first yen.
        """
        least, most = math.exp(self.low), math.exp(self.high)
        if most > WIDE * least:
            decades = [10.0**power for power in range(-3, 6)]
            times = [
                part * decade
                for decade in decades
                for part in (1, 2, 5)
                if least <= part * decade <= most
            ]
            return times if len(times) <= TICKS + 1 else [one for one in times if one in decades]
        wanted = (most - least) / TICKS
        step = next(
            (
                part * 10**power
                for power in range(-3, 6)
                for part in (1, 2, 5)
                if part * 10**power >= wanted
            ),
            wanted,
        )
        first = math.ceil(least / step)
        return [count * step for count in range(first, int(most / step) + 1) if count > 0]


def _grid(scale: _Scale) -> str:
    parts = []
    for tick in scale.ticks():
        y = scale.y(tick)
        parts.append(
            f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
        )
        parts.append(
            f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{_change(tick)}</text>'
        )
    y = scale.y(1.0)
    return (
        "".join(parts)
        + f'<line class="base" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
    )


def _change(growth: float) -> str:
    percent = round(100 * (growth - 1))
    return f"{percent:+,} %".replace("-", "−") if percent else "0 %"


def _times(day_at: Sequence[int]) -> str:
    parts = []
    for number in range(TICKS + 1):
        row = round(number / TICKS * (len(day_at) - 1))
        x = _x(row, len(day_at))
        anchor = "start" if number == 0 else "end" if number == TICKS else "middle"
        told = f"{datetime.fromtimestamp(day_at[row] / 1000, UTC):%Y-%m-%d}"
        parts.append(f'<text x="{x:.1f}" y="{HEIGHT - 8}" text-anchor="{anchor}">{told}</text>')
    return "".join(parts)


def _x(row: float, count: int) -> float:
    return LEFT + row / max(1, count - 1) * (WIDTH - LEFT - RIGHT)


def _points(line: Sequence[float], scale: _Scale) -> str:
    step = max(1, -(-len(line) // MOST_POINTS))
    rows = sorted({*range(0, len(line), step), len(line) - 1})
    return " ".join(f"{_x(row, len(line)):.1f},{scale.y(line[row]):.1f}" for row in rows)


def forest(found: Estimate, within: Sequence[Estimate]) -> Markup:
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
