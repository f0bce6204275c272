"""A plot as SVG, written by hand: the same numbers give the same bytes, on any machine and with any
version of anything.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from xml.sax.saxutils import escape

WIDTH, HEIGHT = 760, 360
LEFT, RIGHT, TOP, BOTTOM = 64, 40, 56, 48
BLUE, RED, GREY, INK, PALE = "#0072b2", "#d55e00", "#8a8f98", "#22262b", "#d9dce1"
_TICKS = 6
_FONT = 'font-family="system-ui, sans-serif"'


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """What one axis shows: [low, high], where it is labelled, and how."""

    low: float
    high: float
    ticks: tuple[tuple[float, str], ...]
    title: str = ""

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
        if high - low < 1e-9:  # noqa: PLR2004 - a flat line needs some height
            low, high = low - 0.5, high + 0.5
        step = _round_step((high - low) / _TICKS)
        first, last = math.floor(low / step), math.ceil(high / step)
        digits = max(0, -math.floor(math.log10(step) + 1e-9))
        ticks = tuple(
            (number * step, f"{number * step:.{digits}f}{unit}")
            for number in range(first, last + 1)
        )
        return cls(low=first * step, high=last * step, ticks=ticks, title=title)


def _round_step(rough: float) -> float:
    """The next of 1, 2, 5 x a power of ten."""
    power = 10.0 ** math.floor(math.log10(rough))
    return next(
        power * factor for factor in (1.0, 2.0, 5.0, 10.0) if power * factor >= rough * (1 - 1e-9)
    )


@dataclass(slots=True, kw_only=True)
class Plot:
    """One picture: axes and title first, then whatever is drawn into it, in that order."""

    title: str
    x: Axis
    y: Axis
    note: str = ""
    _parts: list[str] = field(default_factory=list)
    _keys: list[tuple[str, str]] = field(default_factory=list)

    def line(
        self,
        xs: Sequence[float],
        ys: Sequence[float],
        *,
        colour: str,
        name: str = "",
        dashed: bool = False,
    ) -> None:
        """A line through the points; `name` puts it into the legend."""
        points = " ".join(f"{self._x(x):.1f},{self._y(y):.1f}" for x, y in zip(xs, ys, strict=True))
        dash = ' stroke-dasharray="5 4"' if dashed else ""
        self._parts.append(
            f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.6"{dash}/>'
        )
        self._key(name, colour)

    def dots(
        self,
        xs: Sequence[float],
        ys: Sequence[float],
        *,
        colour: str,
        name: str = "",
        radius: float = 3.5,
    ) -> None:
        """A dot at each point."""
        self._parts += [
            f'<circle cx="{self._x(x):.1f}" cy="{self._y(y):.1f}" r="{radius}" fill="{colour}"/>'
            for x, y in zip(xs, ys, strict=True)
        ]
        self._key(name, colour)

    def whisker(self, x: float, low: float, high: float, *, colour: str) -> None:
        """An interval, upright."""
        at, ends = self._x(x), (self._y(low), self._y(high))
        self._parts.append(
            f'<path d="M{at:.1f} {ends[0]:.1f}V{ends[1]:.1f}M{at - 3:.1f}'
            f' {ends[0]:.1f}h6M{at - 3:.1f} {ends[1]:.1f}h6" stroke="{colour}" fill="none"/>'
        )

    def bars(
        self, edges: Sequence[float], heights: Sequence[float], *, colour: str, name: str = ""
    ) -> None:
        """Adjoining bars, half transparent so that two sets can be told apart."""
        floor = self._y(max(0.0, self.y.low))
        for left, right, height in zip(edges[:-1], edges[1:], heights, strict=True):
            begin, top = self._x(left), self._y(height)
            size = f'width="{self._x(right) - begin:.1f}" height="{max(0.0, floor - top):.1f}"'
            self._parts.append(
                f'<rect x="{begin:.1f}" y="{top:.1f}" {size} fill="{colour}" fill-opacity="0.45"/>'
            )
        self._key(name, colour)

    def level(self, y: float, *, colour: str = INK) -> None:
        """A level line across the plot."""
        self.line([self.x.low, self.x.high], [y, y], colour=colour)

    def svg(self) -> bytes:
        """The picture."""
        return frame(WIDTH, HEIGHT, [*self._axes(), *self._parts, *self._legend()])

    def _axes(self) -> list[str]:
        parts = [text(LEFT, 20, self.title, size=15, weight="600")]
        if self.note:
            parts.append(text(LEFT, 38, self.note, size=11, colour=GREY))
        for value, label in self.y.ticks:
            at = self._y(value)
            parts.append(f'<path d="M{LEFT} {at:.1f}H{WIDTH - RIGHT}" stroke="{PALE}"/>')
            parts.append(text(LEFT - 8, at + 4, label, size=11, anchor="end"))
        for value, label in self.x.ticks:
            parts.append(
                text(self._x(value), HEIGHT - BOTTOM + 18, label, size=11, anchor="middle")
            )
        parts.append(
            text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 8, self.x.title, size=12, anchor="middle")
        )
        return parts

    def _legend(self) -> list[str]:
        parts, at = [], float(WIDTH - RIGHT)
        for name, colour in reversed(self._keys):
            at -= 7.0 * len(name) + 24
            parts.append(f'<rect x="{at:.1f}" y="11" width="12" height="9" fill="{colour}"/>')
            parts.append(text(at + 17, 20, name, size=12))
        return parts

    def _key(self, name: str, colour: str) -> None:
        if name:
            self._keys.append((name, colour))

    def _x(self, value: float) -> float:
        share = (value - self.x.low) / (self.x.high - self.x.low)
        return LEFT + min(1.0, max(0.0, share)) * (WIDTH - LEFT - RIGHT)

    def _y(self, value: float) -> float:
        share = (value - self.y.low) / (self.y.high - self.y.low)
        return HEIGHT - BOTTOM - min(1.0, max(0.0, share)) * (HEIGHT - TOP - BOTTOM)


def text(
    x: float,
    y: float,
    told: str,
    *,
    size: int,
    anchor: str = "start",
    colour: str = INK,
    weight: str = "400",
) -> str:
    """A line of text."""
    place = f'x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}"'
    return f'<text {place} fill="{colour}" font-weight="{weight}" {_FONT}>{escape(told)}</text>'


def frame(width: int, height: int, parts: Sequence[str]) -> bytes:
    """A whole SVG file on a white ground, so that it can be read on a dark page too."""
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0'
        f' {width} {height}">'
    )
    ground = f'<rect width="{width}" height="{height}" fill="#ffffff"/>'
    return "\n".join([head, ground, *parts, "</svg>", ""]).encode()
