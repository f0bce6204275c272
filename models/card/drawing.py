"""The pictures of a card as SVG files of their own: a plot with its title and legend, on a white
ground so that they can be read on a dark page too.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from shared.results.page.svg import Area, Plot, draw_label

AREA = Area(width=760, height=360, left=64, right=40, top=56, bottom=48)
_INK, _GREY, _PALE = "#22262b", "#8a8f98", "#d9dce1"
_COLOURS = {"upper": "#0072b2", "lower": "#d55e00", "hold": _GREY, "base": _INK}
_KEY_LETTER = 7.0
_STYLE = "".join(
    (
        f"text{{font:11px system-ui,sans-serif;fill:{_INK}}}",
        ".title{font-size:15px;font-weight:600}.group{font-size:13px;font-weight:600}",
        f".word{{font-size:12px}}.note,.group{{fill:{_GREY}}}",
        ".passed,.failed{font-size:12px;font-weight:600}",
        f".passed{{fill:#008f5d}}.failed{{fill:{_COLOURS['lower']}}}.grid{{stroke:{_PALE}}}",
        *(
            f"polyline.{look}{{fill:none;stroke:{colour};stroke-width:1.6}}"
            f"path.{look}{{fill:none;stroke:{colour}}}"
            f"circle.{look},rect.{look}{{fill:{colour}}}"
            for look, colour in _COLOURS.items()
        ),
        f"polyline.even{{fill:none;stroke:{_GREY};stroke-width:1.6;stroke-dasharray:5 4}}",
        "rect.bar{fill-opacity:.45}",
    )
)


@dataclass(slots=True, kw_only=True)
class Picture(Plot):
    """A plot with a title, a note below it, and a legend of those looks that `keys` names."""

    title: str
    note: str = ""
    keys: Sequence[tuple[str, str]] = ()
    area: Area = field(default=AREA)

    def svg(self) -> bytes:
        """The file."""
        area = self.area
        parts = [draw_label(area.left, 20, self.title, look="title")]
        if self.note:
            parts.append(draw_label(area.left, 38, self.note, look="note"))
        at = float(area.width - area.right)
        for name, look in reversed(self.keys):
            at -= _KEY_LETTER * len(name) + 24
            parts.append(f'<rect class="{look}" x="{at:.1f}" y="11" width="12" height="9"/>')
            parts.append(draw_label(at + 17, 20, name, look="word"))
        middle = (area.left + area.width - area.right) / 2
        parts.append(
            draw_label(middle, area.height - 8, self.x.title, anchor="middle", look="word")
        )
        return frame(area.width, area.height, [*parts, *self.parts()])


def frame(width: int, height: int, parts: Sequence[str]) -> bytes:
    """A whole SVG file."""
    size = f'width="{width}" height="{height}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} viewBox="0 0 {width} {height}">'
    ground = f'<rect {size} fill="#ffffff"/>'
    return "\n".join([head, f"<style>{_STYLE}</style>", ground, *parts, "</svg>", ""]).encode()
