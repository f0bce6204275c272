"""Axes and plots as SVG: the same numbers give the same bytes, and no script is needed to see them.

How things look is said by classes, in the style of the page or of the file. Pure.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from markupsafe import escape

TICKS = 6
_HIDDEN = 1e-9
_LEAST_GROWTH = 1e-3


def round_step(rough: float) -> float:
    """The next of 1, 2, 5 x a power of ten."""
    power = 10.0 ** math.floor(math.log10(rough))
    return next(
        power * factor
        for factor in (1.0, 2.0, 5.0, 10.0)
        if power * factor >= rough * (1 - _HIDDEN)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """What one axis shows: [low, high], where it is labelled, and how.

    `logarithmic`: equal factors are equally far apart.

    >>> axis = Axis.of([0.2, 3.8], title="days")
    >>> axis.low <= 0.2, axis.high >= 3.8, axis.title
    (True, True, 'days')
    """

    low: float
    high: float
    ticks: tuple[tuple[float, str], ...]
    title: str = ""
    logarithmic: bool = False

    @classmethod
    def of(
        cls,
        values: Sequence[float],
        *,
        title: str = "",
        unit: str = "",
        around: Sequence[float] = (),
    ) -> "Axis":
        """An axis with round ticks that holds all finite `values`, and those `around` too."""
        known = [value for value in (*values, *around) if math.isfinite(value)] or [0.0, 1.0]
        low, high = min(known), max(known)
        if high - low < _HIDDEN:
            low, high = low - 0.5, high + 0.5
        step = round_step((high - low) / TICKS)
        first, last = math.floor(low / step), math.ceil(high / step)
        digits = max(0, -math.floor(math.log10(step) + _HIDDEN))
        ticks = tuple(
            (number * step, f"{number * step:.{digits}f}{unit}")
            for number in range(first, last + 1)
        )
        return cls(low=first * step, high=last * step, ticks=ticks, title=title)

    def share(self, value: float) -> float:
        """Where a value stands, from 0 at the low end to 1 at the high one; beyond them at the
        nearer one.
        """
        low, high = self.low, self.high
        if self.logarithmic:
            value, low, high = (math.log(max(one, _LEAST_GROWTH)) for one in (value, low, high))
        return min(1.0, max(0.0, (value - low) / (high - low)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Area:
    """The size of a picture in pixels, and the margins around its plot.

    >>> area = Area(width=640, height=320, left=48, right=16, top=12, bottom=36)
    >>> area.width - area.left - area.right  # what is left for the plot
    576
    """

    width: int
    height: int
    left: int
    right: int
    top: int
    bottom: int


@dataclass(slots=True, kw_only=True)
class Plot:
    """One plot: its axes first, then whatever is drawn into it, in that order.

    `look` is always the class of what is drawn.

    >>> plot = Plot(
    ...     x=Axis.of([0, 10]),
    ...     y=Axis.of([0, 1]),
    ...     area=Area(width=640, height=320, left=48, right=16, top=12, bottom=36),
    ... )
    >>> plot.x_of(plot.x.low), plot.x_of(plot.x.high)
    (48.0, 624.0)
    """

    x: Axis
    y: Axis
    area: Area
    _parts: list[str] = field(default_factory=list)

    def line(self, xs: Sequence[float], ys: Sequence[float], *, look: str) -> None:
        """A line through the points."""
        points = " ".join(
            f"{self.x_of(x):.1f},{self.y_of(y):.1f}" for x, y in zip(xs, ys, strict=True)
        )
        self._parts.append(f'<polyline class="{look}" points="{points}"/>')

    def level(self, y: float, *, look: str = "base") -> None:
        """A level line across the plot."""
        self._parts.append(self._across(y, look))

    def dots(
        self, xs: Sequence[float], ys: Sequence[float], *, look: str, radius: float = 3.5
    ) -> None:
        """A dot at each point."""
        self._parts += [
            f'<circle class="{look}" cx="{self.x_of(x):.1f}" cy="{self.y_of(y):.1f}" r="{radius}"/>'
            for x, y in zip(xs, ys, strict=True)
        ]

    def whisker(self, x: float, low: float, high: float, *, look: str) -> None:
        """An interval, upright."""
        at, ends = self.x_of(x), (self.y_of(low), self.y_of(high))
        caps = "".join(f"M{at - 3:.1f} {end:.1f}h6" for end in ends)
        self._parts.append(
            f'<path class="{look}" d="M{at:.1f} {ends[0]:.1f}V{ends[1]:.1f}{caps}"/>'
        )

    def bars(self, edges: Sequence[float], heights: Sequence[float], *, look: str) -> None:
        """Adjoining bars."""
        floor = self.y_of(max(0.0, self.y.low))
        for left, right, height in zip(edges[:-1], edges[1:], heights, strict=True):
            begin, top = self.x_of(left), self.y_of(height)
            size = f'width="{self.x_of(right) - begin:.1f}" height="{max(0.0, floor - top):.1f}"'
            self._parts.append(f'<rect class="{look}" x="{begin:.1f}" y="{top:.1f}" {size}/>')

    def parts(self) -> list[str]:
        """Axes, and everything that was drawn."""
        area, drawn = self.area, []
        for value, told in self.y.ticks:
            drawn.append(self._across(value, "grid"))
            drawn.append(draw_label(area.left - 8, self.y_of(value) + 4, told, anchor="end"))
        for value, told in self.x.ticks:
            anchor = {self.x.low: "start", self.x.high: "end"}.get(value, "middle")
            drawn.append(
                draw_label(self.x_of(value), area.height - area.bottom + 18, told, anchor=anchor)
            )
        return [*drawn, *self._parts]

    def _across(self, y: float, look: str) -> str:
        ends = f"M{self.area.left} {self.y_of(y):.1f}H{self.area.width - self.area.right}"
        return f'<path class="{look}" d="{ends}"/>'

    def x_of(self, value: float) -> float:
        """Pixels from the left."""
        area = self.area
        return area.left + self.x.share(value) * (area.width - area.left - area.right)

    def y_of(self, value: float) -> float:
        """Pixels from the top."""
        area = self.area
        return (
            area.height - area.bottom - self.y.share(value) * (area.height - area.bottom - area.top)
        )


def draw_label(x: float, y: float, told: str, *, anchor: str = "start", look: str = "tick") -> str:
    """A line of text."""
    place = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"'
    return f'<text class="{look}" {place}>{escape(told)}</text>'
