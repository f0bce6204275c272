"""The result as one self-contained HTML page. Pure: the same result gives the same page."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from shared.core.sentences import say
from shared.core.settings import Settings
from shared.core.types import Candles, Timeframe
from shared.replay.types import Replayed
from shared.results.page.render import embeddable, render
from shared.results.performance import Performance
from shared.results.report import assumptions, headline, tables
from shared.results.report.positions import HeldPosition, positions
from shared.results.report.series import chart_values
from shared.results.report.statistics import statistic_groups

FOLDER = Path(__file__).with_name("page")
SCRIPTS = tuple(
    FOLDER / name
    for name in (
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
)


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

    >>> from shared.core.settings import load_settings
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
    ...     stages=stages(candles, bundle=None, settings=load_settings({})),
    ...     settings=load_settings({}),
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
    values = values_of(replayed, performance, held, candles=candles, settings=settings)
    return render(
        FOLDER / "report.html.j2",
        {**values, "checks": checks},
        heading=title or say("report.title"),
        notes=replayed.notes,
        scripts=SCRIPTS,
    )


def values_of(
    replayed: Replayed,
    performance: Performance,
    held: list[HeldPosition],
    *,
    candles: Candles,
    settings: Settings | None,
) -> dict[str, Any]:
    """What `report.html.j2` says, by the names that it asks for."""
    earned, luck = headline.verdict(performance, replayed.entries)
    happened, more_events = tables.events(replayed.events)
    return {
        "replayed": replayed,
        "performance": performance,
        "resolution_words": assumptions.resolution_words(replayed.resolution),
        "of_record": replayed.resolution is Timeframe.M1,
        "earned": earned,
        "luck": luck,
        "cards": headline.cards(performance),
        "month_names": [say(f"report.month.{number}") for number in range(1, 13)],
        "years": tables.year_rows(performance.months),
        "costs": tables.cost_rows(performance),
        "attributions": tables.attributions(performance),
        "positions": held,
        "checks": (),
        "statistics": statistic_groups(performance),
        "entered": bool(held),
        "denials": tables.denials(replayed.denials),
        "denial_words": "",
        "events": happened,
        "more_events": more_events,
        "counts": [
            (name.replace("_", " "), f"{count:,d}") for name, count in replayed.counts.items()
        ],
        "fill_rules": assumptions.fill_rules(replayed, settings),
        "setting_groups": assumptions.setting_groups(settings),
        "drawn": embeddable(chart_values(replayed, held, hold=performance.hold, candles=candles)),
    }
