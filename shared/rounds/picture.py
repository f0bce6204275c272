"""The picture of a day's equity, as PNG. Pillow is imported when one is drawn."""

import math
from collections.abc import Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from io import BytesIO
from typing import TYPE_CHECKING

from shared.core.calendar import DAY_MS, HOUR_MS, JST, JST_MS
from shared.core.sentences import say
from shared.core.sentences.figures import yen_words
from shared.core.types import Trade

if TYPE_CHECKING:
    from PIL.ImageDraw import ImageDraw

WIDTH, HEIGHT = 800, 400
_SCALE = 2
"""It is drawn so many times as large, and made smaller: smooth lines."""
_LEFT, _RIGHT, _TOP, _BOTTOM = 118, 28, 52, 40
_GROUND, _GRID, _TEXT, _FAINT = "#1e1f22", "#3a3c42", "#f2f3f5", "#a9adb5"
_LINE, _PROFIT, _LOSS = "#4fc3f7", "#57f287", "#ff8a65"
_MOST_POINTS = 1_500
_TRIANGLE = 6
_MOST_DAYS_IN_HOURS = 2


def draw_equity(
    points: Sequence[tuple[int, Decimal]],
    trades: Sequence[Trade],
    *,
    begin_at: int,
    end_at: int,
    title: str,
) -> bytes:
    """A PNG of 800 x 400: the equity's line, trades as triangles (up and green: a profit), axes in
    yen and Japan's hours, or days where it is more than two.

    Args:
        points: Instants (ms UTC) with equities in yen, oldest first; one or none is no line.
        trades: Marked where they were closed.
        begin_at: Where the picture begins, ms UTC.
        end_at: Where it ends, ms UTC.
        title: Above it.
    """
    from PIL import Image, ImageDraw  # a tick must not pay for it

    image = Image.new("RGB", (WIDTH * _SCALE, HEIGHT * _SCALE), _GROUND)
    canvas = _Canvas(ImageDraw.Draw(image))
    canvas.write((16, 14), title, size=19)
    if points:
        _draw_day(canvas, _thin(points), trades, begin_at=begin_at, end_at=end_at)
    else:
        middle = (WIDTH / 2, HEIGHT / 2)
        canvas.write(middle, say("digest.picture.empty"), size=18, colour=_FAINT, anchor="mm")
    small = image.resize((WIDTH, HEIGHT), Image.Resampling.LANCZOS)
    out = BytesIO()
    small.save(out, format="PNG", optimize=True)
    return out.getvalue()


class _Canvas:
    """Draws in the picture's own pixels."""

    def __init__(self, draw: "ImageDraw") -> None:
        self._draw = draw

    def write(
        self,
        at: tuple[float, float],
        text: str,
        *,
        size: int = 14,
        colour: str = _TEXT,
        anchor: str = "la",
    ) -> None:
        from PIL import ImageFont

        font = ImageFont.load_default(size=size * _SCALE)
        self._draw.text(_scale_ticks([at])[0], text, fill=colour, font=font, anchor=anchor)

    def line(
        self, points: Sequence[tuple[float, float]], colour: str, *, width: float = 1.0
    ) -> None:
        self._draw.line(
            _scale_ticks(points), fill=colour, width=round(width * _SCALE), joint="curve"
        )

    def triangle(self, at: tuple[float, float], *, up: bool, colour: str) -> None:
        x, y = at
        tip, base = (-_TRIANGLE, _TRIANGLE) if up else (_TRIANGLE, -_TRIANGLE)
        corners = [(x, y + tip), (x - _TRIANGLE, y + base), (x + _TRIANGLE, y + base)]
        self._draw.polygon(_scale_ticks(corners), fill=colour, outline=_GROUND)

    def dot(self, at: tuple[float, float], colour: str) -> None:
        x, y = at
        self._draw.ellipse(_scale_ticks([(x - 4, y - 4), (x + 4, y + 4)]), fill=colour)


def _scale_ticks(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    return [(x * _SCALE, y * _SCALE) for x, y in points]


def _thin(points: Sequence[tuple[int, Decimal]]) -> list[tuple[int, float]]:
    """At most `_MOST_POINTS` of them and the last."""
    step = max(1, math.ceil(len(points) / _MOST_POINTS))
    kept = [*points[::step], points[-1]]
    return [(at, float(equity)) for at, equity in dict(kept).items()]


def _draw_day(
    canvas: _Canvas,
    points: Sequence[tuple[int, float]],
    trades: Sequence[Trade],
    *,
    begin_at: int,
    end_at: int,
) -> None:
    equities = [equity for _, equity in points]
    step, low, high = _steps(min(equities), max(equities))
    right, bottom = WIDTH - _RIGHT, HEIGHT - _BOTTOM

    def x_of(at: int) -> float:
        share = (min(max(at, begin_at), end_at) - begin_at) / max(1, end_at - begin_at)
        return _LEFT + share * (right - _LEFT)

    def y_of(equity: float) -> float:
        return bottom - (equity - low) / (high - low) * (bottom - _TOP)

    for number in range(round((high - low) / step) + 1):
        level = low + number * step
        canvas.line([(_LEFT, y_of(level)), (right, y_of(level))], _GRID)
        text = yen_words(Decimal(round(level)))
        canvas.write((_LEFT - 8, y_of(level)), text, colour=_FAINT, anchor="rm")
    for at, text in _hours(begin_at, end_at):
        canvas.line([(x_of(at), bottom), (x_of(at), bottom + 5)], _FAINT)
        canvas.write((x_of(at), bottom + 9), text, colour=_FAINT, anchor="ma")
    canvas.write((16, bottom + 9), say("digest.picture.zone"), colour=_FAINT)
    line = [(x_of(at), y_of(equity)) for at, equity in points]
    if len(line) > 1:
        canvas.line(line, _LINE, width=2.5)
    canvas.dot(line[-1], _LINE)
    for trade in trades:
        colour = _PROFIT if trade.net_jpy >= 0 else _LOSS
        place = (x_of(trade.closed_at), y_of(_equity_at(points, trade.closed_at)))
        canvas.triangle(place, up=trade.net_jpy >= 0, colour=colour)


def _equity_at(points: Sequence[tuple[int, float]], at: int) -> float:
    """On the line through the points, also between two of them."""
    before = [point for point in points if point[0] <= at]
    after = [point for point in points if point[0] > at]
    if not before or not after:
        return (before[-1:] or after[:1])[0][1]
    (one, low), (two, high) = before[-1], after[0]
    return low + (high - low) * (at - one) / (two - one)


def _steps(least: float, most: float) -> tuple[float, float, float]:
    """The step of the axis of yen, and where it begins and ends: whole steps of at least ten yen,
    with room around a line that is flat.
    """
    room = max((most - least) * 0.08, abs(most) * 0.0005, 20.0)
    low, high = least - room, most + room
    rough = max((high - low) / 5, 10.0)
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough)
    return step, math.floor(low / step) * step, math.ceil(high / step) * step


def _hours(begin_at: int, end_at: int) -> Iterator[tuple[int, str]]:
    """Where the axis of time is marked, and what stands there."""
    days = (end_at - begin_at) / DAY_MS
    hourly = days <= _MOST_DAYS_IN_HOURS
    step = 3 * HOUR_MS if hourly else math.ceil(days / 8) * DAY_MS
    at = math.ceil((begin_at + JST_MS) / step) * step - JST_MS
    while at <= end_at:
        told = datetime.fromtimestamp(at / 1000, tz=JST)
        yield at, f"{told:%H:%M}" if hourly else f"{told:%m-%d}"
        at += step
