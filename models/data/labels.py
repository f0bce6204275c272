"""The label that is learned (`shared.model.outcomes` defines it), and what a trade on it would have
brought after costs.
"""

from dataclasses import dataclass

import numpy as np

from shared.core.calendar import DAY_MS
from shared.core.costs import assumed_rules, crossing_rate
from shared.core.settings import Settings
from shared.core.types import Barriers, Candles, FloatArray, PairRules
from shared.model.outcomes import LOWER, NEITHER, UPPER, Labels, label
from shared.model.question import barriers_of

__all__ = [
    "LOWER",
    "NEITHER",
    "UPPER",
    "USUAL_COSTS",
    "Labels",
    "TradeCosts",
    "barriers_of",
    "costs_of",
    "label",
    "results",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class TradeCosts:
    """What a trade costs, as shares of the price.

    `maker` for the entry and a target that is reached; `crossing` (taker fee, slippage, half the
    spread) for a stop and for an end in time; the interest of each day that was begun.
    """

    maker: float
    crossing: float
    long_interest_day: float
    short_interest_day: float


def costs_of(settings: Settings, rules: PairRules | None = None) -> TradeCosts:
    """Fees as replays assume them (`settings.replay`, else the exchange's `rules`); interest only
    on margin.

    >>> from shared.core.settings import load_settings
    >>> f"{costs_of(load_settings({})).crossing:.4f}"
    '0.0015'
    """
    rules = assumed_rules(settings, rules)
    borrowed = 1.0 if settings.account.has_debt else 0.0
    return TradeCosts(
        maker=float(rules.maker_fee_rate),
        crossing=crossing_rate(rules, settings.paper.spread_rate / 2, settings),
        long_interest_day=borrowed * float(rules.long_interest_rate_day),
        short_interest_day=borrowed * float(rules.short_interest_rate_day),
    )


USUAL_COSTS = TradeCosts(
    maker=0.0, crossing=0.00155, long_interest_day=0.0004, short_interest_day=0.0004
)
"""Those of the default settings and of the exchange's usual rules, on margin."""


def results(
    candles: Candles, atr_jpy: FloatArray, barriers: Barriers, labels: Labels, costs: TradeCosts
) -> tuple[FloatArray, FloatArray]:
    """What a long and a short entered at each close would have brought after costs, (n,) rates
    each; NaN if not complete.

    Entered as maker at the close. A level that is reached fills the one side as maker at its price
    and stops the other, which pays the crossing and, where the candle opened beyond the level, the
    gap. A candle that touches both stops both. What touches neither in time (always, for
    `next_candle`) crosses at the label's last close.
    """
    close = candles.close
    with np.errstate(invalid="ignore"):  # rows without ATR become NaN
        distance = barriers.atr_multiple * atr_jpy
    at, touched = labels.end_row, barriers.kind == "barriers"
    up = touched & (labels.value == UPPER)
    down = touched & (labels.value == LOWER)
    days = (candles.closed_at[at] - candles.closed_at) // DAY_MS + 1
    found = []
    for sign, interest in ((1.0, costs.long_interest_day), (-1.0, costs.short_interest_day)):
        won = up if sign > 0 else down
        lost = (down if sign > 0 else up) | labels.ambiguous
        level = close - sign * distance
        beyond = (
            np.minimum(candles.open[at], level) if sign > 0 else np.maximum(candles.open[at], level)
        )
        end = np.where(won, close + sign * distance, np.where(lost, beyond, candles.close[at]))
        rate = (
            sign * (end / close - 1.0)
            - costs.maker
            - np.where(won, costs.maker, costs.crossing)
            - interest * days
        )
        found.append(np.where(labels.complete, rate, np.nan))
    return found[0], found[1]
