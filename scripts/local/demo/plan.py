"""Which market, which days, and which other days to learn from. Pure."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from scripts.output.report import MarketSource
from shared.core.calendar import DAY_MS, JST_MS
from shared.core.errors import UserError
from shared.core.sentences.figures import utc_second
from shared.core.settings import Settings
from shared.core.types import Candles, Timeframe

GENERATED_START_AT = 1_767_538_800_000
"""2026-01-05 00:00 JST, a Monday. Fixed, so that the same seed shows the same days whenever it
runs."""
LEAST_TRAINING_DAYS = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoPlan:
    """What the demo will do. Periods are [start, end) in ms UTC.

    `history_days` and `ahead_days` are for a generated market. `untrained` says why there is
    nothing to learn from.
    """

    market: MarketSource
    start_at: int
    end_at: int
    training_start_at: int = 0
    training_end_at: int = 0
    untrained: str = ""
    file: Path | None = None
    timezone: str | None = None
    history_days: float = 0.0
    ahead_days: float = 0.0

    @property
    def is_trained_on_future(self) -> bool:
        """Whether the model's period lies after the one that is shown."""
        return not self.untrained and self.training_start_at >= self.end_at


def plan_generated_market(
    *, days: float, edge_bp: float, seed: int, history_days: float, start_at: int | None = None
) -> DemoPlan:
    """A market from `seed` with `history_days` before its start, on all of which the model is
    trained.
    """
    start = GENERATED_START_AT if start_at is None else start_at
    end = start + round(days * DAY_MS)
    return DemoPlan(
        market=MarketSource(kind="generated", edge_bp=edge_bp, seed=seed),
        start_at=start,
        end_at=end,
        training_start_at=start - round(history_days * DAY_MS),
        training_end_at=start,
        history_days=history_days,
        ahead_days=days + 1.0,
    )


def plan_candle_file(
    quarters: Candles,
    file: Path,
    *,
    days: float,
    settings: Settings,
    seed: int,
    start_at: int | None = None,
    timezone: str | None = None,
) -> DemoPlan:
    """Days of real candles: those asked for, else the most violent ones with enough history before
    them.

    The model learns from what lies before, where that is long enough; otherwise from what lies
    after, an embargo of one label horizon apart.

    Args:
        quarters: The file's candles as 15m.
        file: Where they are.
        days: How many days to show.
        settings: `market` says how much history is enough, `learning` how long a label looks ahead.
        seed: Of the expansion into minutes.
        start_at: Where to start, ms UTC.
        timezone: Of times in the file that name none.

    Raises:
        UserError: the file does not hold these days.
    """
    first, last = int(quarters.opened_at[0]), int(quarters.closed_at[-1])
    length = round(days * DAY_MS)
    start = (
        most_violent(quarters, length, earliest=first + warm_up_ms(settings))
        if start_at is None
        else start_at
    )
    if start is None or not first <= start < last:
        asked = "" if start is None else f" from {utc_second(start)}"
        raise UserError(
            f"{file.name} does not hold {days:g} days{asked}: its candles go from"
            f" {utc_second(first)} to {utc_second(last)}",
            remedy="give fewer --days, or another --from",
        )
    end = min(start + length, last - last % Timeframe.M15.ms)
    embargo_ms = settings.learning.horizon_candles * Timeframe.M15.ms
    found = {"training_start_at": first, "training_end_at": start}
    least = LEAST_TRAINING_DAYS * DAY_MS
    untrained = ""
    if start - first < least:
        found = {"training_start_at": end + embargo_ms, "training_end_at": last - Timeframe.M15.ms}
        if last - found["training_start_at"] < least:
            untrained = (
                f"neither before nor after these days does {file.name} hold {LEAST_TRAINING_DAYS}"
                " days to learn from"
            )
    return DemoPlan(
        market=MarketSource(kind="file", file=file.name, seed=seed),
        start_at=start,
        end_at=end,
        untrained=untrained,
        file=file,
        timezone=timezone,
        **found,
    )


def warm_up_ms(settings: Settings) -> int:
    """How much history a tick wants before it decides anything: the longer of the two minima, and
    one 4h candle to align.
    """
    market = settings.market
    return max(
        market.min_history_15m * Timeframe.M15.ms, (market.min_history_4h + 1) * Timeframe.H4.ms
    )


def most_violent(quarters: Candles, length_ms: int, *, earliest: int) -> int | None:
    """The start, at midnight JST where one fits, of the period with the largest sum of squared 15m
    returns.

    None where no period of this length lies between `earliest` and the last candle.
    """
    last = int(quarters.closed_at[-1])
    midnight = earliest + (-(earliest + JST_MS)) % DAY_MS
    starts = np.arange(midnight, last - length_ms + 1, DAY_MS, dtype=np.int64)
    if not len(starts):
        quarter = earliest + (-earliest) % Timeframe.M15.ms
        return quarter if quarter + length_ms <= last else None
    returns = np.diff(quarters.close, prepend=quarters.open[0]) / quarters.open
    total = np.concatenate(([0.0], np.cumsum(returns * returns)))
    begin = np.searchsorted(quarters.opened_at, starts)
    end = np.searchsorted(quarters.opened_at, starts + length_ms)
    return int(starts[np.argmax(total[end] - total[begin])])
