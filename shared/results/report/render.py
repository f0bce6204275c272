"""The result as one self-contained HTML page. Pure: the same result gives the same page."""

import json
import re
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from shared.core.settings import Settings
from shared.core.types import Candles
from shared.replay.types import Replayed, loud
from shared.results.performance import Performance
from shared.results.report import assumptions, headline, tables, words
from shared.results.report.positions import HeldPosition, positions
from shared.results.report.series import drawn
from shared.results.report.statistics import statistics

_FOLDER = Path(__file__).with_name("page")
_SCRIPTS = (
    "unpack.js",
    "axes.js",
    "levels.js",
    "view.js",
    "overview.js",
    "equity.js",
    "price.js",
    "positions.js",
    "page.js",
)
_HYPHEN = re.compile(r"(?<![\w.-])-(?=\d)")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def html(
    replayed: Replayed,
    performance: Performance,
    *,
    candles: Candles,
    title: str = "",
    settings: Settings | None = None,
    checks: Sequence[tuple[str, ...]] = (),
) -> str:
    """The page as text: no network, light and dark; its tables can be read without its script.

    >>> from shared.core.settings import load
    >>> from shared.core.types import Timeframe
    >>> from shared.exchanges.sandbox.generate import generate
    >>> from shared.market.candles import aggregate
    >>> from shared.replay import Inputs, replay
    >>> from shared.results.performance import measure
    >>> from shared.turn.pipeline import stages
    >>> start, day = 1_767_225_600_000, 86_400_000
    >>> minutes = generate(start_ms=start, days=8, seed=7)
    >>> candles = {frame: aggregate(minutes, frame) for frame in (Timeframe.M15, Timeframe.H4)}
    >>> inputs = Inputs(
    ...     candles=candles,
    ...     stages=stages(candles, bundle=None, settings=load({})),
    ...     settings=load({}),
    ...     start_at=start + 7 * day,
    ...     end_at=start + 8 * day,
    ... )
    >>> replayed, quarters = replay(inputs), candles[Timeframe.M15]
    >>> page = html(replayed, measure(replayed), candles=quarters, title="A quiet day")
    >>> "<title>A quiet day" in page, "https://" in page  # it asks no network for anything
    (True, False)

    Args:
        replayed: What happened.
        performance: The same summed up, by `shared.results.performance.measure`.
        candles: 15m candles that hold the period; what lies outside of it is not shown.
        title: A name for the run; any text.
        settings: What the replay ran with, to name the rates and limits in words.
        checks: What a gate found, as a table of text: the heading, then a row a check; its last
            cell is yes, no or empty.
    """
    return page(
        replayed,
        performance,
        positions(replayed),
        candles=candles,
        title=title,
        settings=settings,
        checks=checks,
    )


def page(
    replayed: Replayed,
    performance: Performance,
    held: list[HeldPosition],
    *,
    candles: Candles,
    title: str,
    settings: Settings | None,
    checks: Sequence[tuple[str, ...]] = (),
) -> str:
    """As `html`, from positions that were put together already."""
    earned, luck = headline.verdict(performance, replayed.entries)
    happened, more_events = tables.events(replayed.events)
    written: str = (
        _environment()
        .get_template("page.html.j2")
        .render(
            title=escape(title),
            notes=[
                (escape(note), not loud(note))
                for note in sorted(replayed.notes, key=lambda note: not loud(note))
            ],
            replayed=replayed,
            performance=performance,
            resolution_words=assumptions.resolution_words(replayed.resolution),
            of_record=assumptions.resolution_words(replayed.resolution) == assumptions.OF_RECORD,
            earned=earned,
            luck=luck,
            cards=headline.cards(performance),
            month_names=_MONTHS,
            years=tables.years(performance.months),
            costs=tables.cost_rows(performance),
            attributions=tables.attributions(performance),
            positions=held,
            checks=checks,
            statistics=statistics(performance),
            denials=tables.denials(replayed.denials),
            events=happened,
            more_events=more_events,
            counts=[
                (name.replace("_", " "), f"{count:,d}") for name, count in replayed.counts.items()
            ],
            fill_rules=assumptions.fill_rules(replayed, settings),
            setting_groups=assumptions.setting_groups(settings),
            style=_pasted(("page.css",)),
            script=_pasted(_SCRIPTS),
            drawn=_embeddable(drawn(replayed, held, hold=performance.hold, candles=candles)),
        )
    )
    return written


def _embeddable(value: Any) -> Markup:
    """JSON that cannot end the script element it stands in."""
    # No `<` is left.
    return Markup(json.dumps(value, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c"))  # noqa: S704


@lru_cache(maxsize=2)
def _pasted(names: tuple[str, ...]) -> Markup:
    """Our own style or script as it stands in the page; a script's parts share one scope that
    nothing else sees.
    """
    text = "\n".join((_FOLDER / name).read_text(encoding="utf-8") for name in names)
    # Our own files.
    return Markup(f'(() => {{\n"use strict";\n{text}}})();' if names == _SCRIPTS else text)  # noqa: S704


def _typeset(value: Any) -> Any:
    """A minus sign where a hyphen stands before a number; text that was escaped already stays as it
    is.
    """
    return (
        _HYPHEN.sub("−", value)
        if isinstance(value, str) and not isinstance(value, Markup)
        else value
    )


@lru_cache(maxsize=1)
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_typeset,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(jst=words.jst, yen=words.yen, percent=words.percent)
    return environment
