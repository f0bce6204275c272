"""All files of a result at once."""

from collections.abc import Sequence

from shared.core.settings import Settings
from shared.core.types import Candles
from shared.replay.types import Replayed
from shared.results.performance import Performance
from shared.results.report.exports import equity_csv, result_json, trades_csv
from shared.results.report.parquet import equity_parquet, trades_parquet
from shared.results.report.positions import positions
from shared.results.report.render import html, page

__all__ = ["html", "report_files"]


def report_files(
    replayed: Replayed,
    performance: Performance,
    *,
    candles: Candles,
    title: str = "",
    settings: Settings | None = None,
    parquet: bool = True,
    checks: Sequence[tuple[str, ...]] = (),
) -> dict[str, bytes]:
    """Every file by its name; the arguments are those of `html`.

    The same result gives the same bytes.

    Without `parquet` these two files are left out, and their library is not loaded.

    >>> from shared.results.performance import measure
    >>> from shared.core.types import Timeframe
    >>> from shared.replay import Inputs, replay
    >>> from shared.core.settings import load_settings
    >>> from shared.exchanges.sandbox.generate import generate
    >>> from shared.market.candles import aggregate
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
    >>> replayed = replay(inputs)
    >>> quarters = candles[Timeframe.M15]
    >>> sorted(report_files(replayed, measure(replayed), candles=quarters, parquet=False))
    ['equity.csv', 'report.html', 'result.json', 'trades.csv']
    """
    held = positions(replayed)
    shown = page(
        replayed, performance, held, candles=candles, title=title, settings=settings, checks=checks
    )
    made = {
        "report.html": shown.encode(),
        "result.json": result_json(replayed, performance, title=title),
        "trades.csv": trades_csv(held),
        "equity.csv": equity_csv(replayed.curve, performance.hold),
    }
    if parquet:
        made["trades.parquet"] = trades_parquet(held)
        made["equity.parquet"] = equity_parquet(replayed.curve, performance.hold)
    return made
