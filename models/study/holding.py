"""What a variant does for somebody who could simply hold: growth, fall, both with intervals, and
the chance of its own halt.

Days are drawn again in blocks (circular, Politis & Romano 1992), the variant's and those of holding
together, so that what is compared is compared on the same days. Falls are of daily values: within a
day they can be deeper.
"""

import math
from dataclasses import dataclass

import numpy as np

from models.gate.types import MoneyRecord
from models.study.estimate import Estimate
from shared.core.calendar import YEAR_DAYS
from shared.core.types import FloatArray, IntArray

BLOCK_DAYS = 30
DRAWS = 1_000
LEAST_DAYS = YEAR_DAYS
AHEAD_YEARS = (1, 3, 7)
SHARES_OF_SHARPE = (1.0, 0.5, 0.0)
_LOW, _HIGH = 0.025, 0.975


@dataclass(frozen=True, slots=True, kw_only=True)
class HaltChance:
    """Chance that the drawdown limit stops it within `years`, where its true Sharpe is `of_sharpe`
    of what was measured.
    """

    years: int
    of_sharpe: float
    chance: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """A record beside holding on the same days, 95 % intervals.

    Rates a year are compound; falls are shares of the peak.

    Attributes:
        growth: Of the variant, a year.
        hold_growth: Of holding.
        growth_gap: The first less the second.
        drawdown: Deepest fall.
        hold_drawdown: That of holding.
        sharpe_gap: The variant's Sharpe ratio less that of holding.
        mixed: Share of the money in bitcoin, the rest in cash, that moves as much as the variant
            did.
        mixed_growth_gap: Growth above that mixture, balanced every day, without costs.
        mixed_drawdown: Deepest fall of that mixture.
        limit: The drawdown at which the variant halts.
        halts: How likely that is.
    """

    growth: Estimate
    hold_growth: Estimate
    growth_gap: Estimate
    drawdown: Estimate
    hold_drawdown: Estimate
    sharpe_gap: Estimate
    mixed: float
    mixed_growth_gap: Estimate
    mixed_drawdown: Estimate
    limit: float
    halts: tuple[HaltChance, ...]


def compare_with_holding(money: MoneyRecord | None, *, limit: float, seed: int) -> Beside | None:
    """None where there is less than a year, or nothing moved.

    Days after its own halt, when nothing was held, count.
    """
    if (
        money is None
        or len(money.returns) < LEAST_DAYS
        or not money.returns.any()
        or not money.hold.any()
    ):
        return None
    random = np.random.default_rng(seed)
    own, hold = money.returns, money.hold
    share = float(own.std(ddof=1) / hold.std(ddof=1))
    drawn = _draw_days(random, len(own), len(own))
    return Beside(
        growth=_estimate(_growth(own), _growth(own[drawn])),
        hold_growth=_estimate(_growth(hold), _growth(hold[drawn])),
        growth_gap=_estimate(
            _growth(own) - _growth(hold), _growth(own[drawn]) - _growth(hold[drawn])
        ),
        drawdown=_estimate(_fall(own), _fall(own[drawn])),
        hold_drawdown=_estimate(_fall(hold), _fall(hold[drawn])),
        sharpe_gap=_estimate(
            _sharpe(own) - _sharpe(hold), _sharpe(own[drawn]) - _sharpe(hold[drawn])
        ),
        mixed=share,
        mixed_growth_gap=_estimate(
            _growth(own) - _growth(share * hold), _growth(own[drawn]) - _growth(share * hold[drawn])
        ),
        mixed_drawdown=_estimate(_fall(share * hold), _fall(share * hold[drawn])),
        limit=limit,
        halts=_halts(random, own, limit),
    )


def _halts(random: np.random.Generator, own: FloatArray, limit: float) -> tuple[HaltChance, ...]:
    """The same days in another order, with a mean that leaves so much of the Sharpe ratio."""
    found = []
    for years in AHEAD_YEARS:
        drawn = _draw_days(random, len(own), years * YEAR_DAYS)
        for share in SHARES_OF_SHARPE:
            moved = own[drawn] - (1.0 - share) * own.mean()
            found.append(
                HaltChance(
                    years=years, of_sharpe=share, chance=float((_fall(moved) >= limit).mean())
                )
            )
    return tuple(found)


def _draw_days(random: np.random.Generator, days: int, length: int) -> IntArray:
    """Rows of days, (DRAWS, length), in blocks that wrap around."""
    starts = random.integers(0, days, (DRAWS, -(-length // BLOCK_DAYS)))
    blocks = (starts[:, :, None] + np.arange(BLOCK_DAYS)) % days
    found: IntArray = blocks.reshape(DRAWS, -1)[:, :length]
    return found


def _growth(returns: FloatArray) -> FloatArray:
    """A year, of each row."""
    logarithms = np.log(np.maximum(1.0 + returns, 1e-12)).mean(axis=-1)
    found: FloatArray = np.expm1(YEAR_DAYS * logarithms)
    return found


def _fall(returns: FloatArray) -> FloatArray:
    """The deepest fall from a peak, of each row; the start is a peak, too."""
    value = np.cumprod(np.maximum(1.0 + returns, 0.0), axis=-1)
    peak = np.maximum(np.maximum.accumulate(value, axis=-1), 1.0)
    found: FloatArray = (1.0 - value / peak).max(axis=-1)
    return found


def _sharpe(returns: FloatArray) -> FloatArray:
    found: FloatArray = (
        math.sqrt(YEAR_DAYS)
        * returns.mean(axis=-1)
        / np.maximum(returns.std(axis=-1, ddof=1), 1e-12)
    )
    return found


def _estimate(value: FloatArray, drawn: FloatArray) -> Estimate:
    low, high = np.quantile(drawn, [_LOW, _HIGH])
    return Estimate(value=float(value), low=float(low), high=float(high))
