"""Entries at random with the same barriers: what a strategy must beat before its entries are worth
anything. Pure, seeded.

A strategy's profit has two parts: when it enters, and what stop, target, time limit, costs and the
market's drift make of any entry. Here the second part stays as it is and the first is left to
chance: whoever is flat enters at the close of a candle with the chance at which the strategy did,
on the side that it took as often.

What each candle's entry would come to is worked out once, for all of them; a draw only walks from
one to the next. So a thousand draws cost hardly more than one.
"""

from dataclasses import dataclass

import numpy as np

from shared.core.costs import Costs
from shared.core.errors import BadData
from shared.core.types import Candles, FloatArray, IntArray, PairRules
from shared.replay.brackets import Brackets, outcomes


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How often a strategy enters while it is flat, a candle, in (0, 1]; and how many of its
    entries are long, in [0, 1].
    """

    chance: float
    long_share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RandomEntries:
    """The draws; shape (draws,) each.

    Rates are fractions of what was paid or sold at each entry, after all costs.

    Attributes:
        trades: How many trades a draw closed.
        mean_rate: Mean net rate a trade; NaN where a draw closed none.
    """

    trades: IntArray
    mean_rate: FloatArray
    seed: int


def random_entries(
    candles: Candles,
    orders: Brackets,
    pace: Pace,
    *,
    rules: PairRules,
    costs: Costs,
    draws: int = 1000,
    seed: int = 7,
) -> RandomEntries:
    """Trade at random times with the barriers, exits and time limit of `orders`.

    Args:
        candles: n candles; also their path.
        orders: Barriers as distances at every candle; where one is NaN nothing is entered. `sides`
            is not read.
        pace: How often, and on which side.
        rules: As in `walk`.
        costs: As in `walk`.
        draws: How many histories of random entries.
        seed: The same seed gives the same draws.

    Raises:
        BadData: A barrier is a price (it belongs to one side of one moment), `pace` is no chance,
            or as in `walk`.
    """
    if orders.stop_price is not None or orders.target_price is not None:
        raise BadData(
            "random entries need stop and target as distances: a price belongs to the moment it was"
            " made for"
        )
    if not 0.0 < pace.chance <= 1.0 or not 0.0 <= pace.long_share <= 1.0 or draws < 1:
        raise BadData(f"{pace} and {draws} draws are no random entries")
    table = _Table.of(candles, orders, rules=rules, costs=costs)
    return _draw_entries(table, pace, draws, seed)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Table:
    """What an entry at each of m rows comes to; shape (2, m) each, longs first.

    `following` is the place in the table from where the next entry may be drawn. A trade that never
    ended has no rate.
    """

    rate: FloatArray
    following: IntArray

    @classmethod
    def of(cls, candles: Candles, orders: Brackets, *, rules: PairRules, costs: Costs) -> "_Table":
        rows = _eligible(candles, orders)
        rates, following = [], []
        for side in (1, -1):
            sides = np.full(len(candles), side, dtype=np.int8)
            every = outcomes(candles, _with_sides(orders, sides), rows, rules=rules, costs=costs)
            rates.append(np.where(every.is_closed, every.net_rate, np.nan))
            following.append(np.searchsorted(rows, every.free_row - 1))
        return cls(rate=np.stack(rates), following=np.stack(following))


def _eligible(candles: Candles, orders: Brackets) -> IntArray:
    known = np.ones(len(candles), dtype=np.bool_)
    known[-1:] = False
    for distance in (orders.stop_distance, orders.target_distance):
        if distance is not None:
            known &= ~np.isnan(distance)
    return np.flatnonzero(known)


def _with_sides(orders: Brackets, sides: "np.ndarray[tuple[int], np.dtype[np.int8]]") -> Brackets:
    return Brackets(
        sides=sides,
        stop_distance=orders.stop_distance,
        target_distance=orders.target_distance,
        end_longs=orders.end_longs,
        end_shorts=orders.end_shorts,
        max_hold_candles=orders.max_hold_candles,
    )


def _draw_entries(table: _Table, pace: Pace, draws: int, seed: int) -> RandomEntries:
    """All draws side by side, one entry of each at a time."""
    random = np.random.default_rng(seed)
    trades, total = np.zeros(draws, dtype=np.int64), np.zeros(draws)
    which, at = np.arange(draws), np.zeros(draws, dtype=np.int64)
    while len(which):
        at = at + random.geometric(pace.chance, len(which)) - 1
        going = at < table.rate.shape[1]
        which, at = which[going], at[going]
        side = (random.random(len(which)) >= pace.long_share).astype(np.int64)
        rate = table.rate[side, at]
        closed = ~np.isnan(rate)
        trades[which] += closed
        total[which] += np.where(closed, rate, 0.0)
        at = table.following[side, at]
    with np.errstate(invalid="ignore"):
        return RandomEntries(trades=trades, mean_rate=total / trades, seed=seed)
