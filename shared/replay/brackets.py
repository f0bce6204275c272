"""Array signals with strict bracket fills: years of candles in milliseconds, filled as the paper
exchange would. Pure.

For research and baselines. Whoever has, for each candle, a side to enter and a distance of stop and
target, gets the trades that the fill rules of `shared.exchanges.paper.fills` make of them, one
position at a time:

* What the closed candle i decides trades at the open of candle i + 1, as taker: half the spread and
  the slippage worse.
* The stop is live in the entry's own candle. It fires where the path reaches it, as taker: at the
  stop, or where a candle opened beyond it. An entry that itself opens beyond its stop leaves at
  once, at that open.
* The target fills, as maker and at its own price, only where the path trades strictly through it.
* Where stop and target lie in one candle, the stop wins.
* An exit signal or the time limit trades at the next open, before anything else in that candle. A
  new entry may be decided on the same closed candle; after a stop or a target the candle that
  touched it decides first.
* Signals while a position is held are passed over, not kept.

The path is what the candles tell; from 15m alone it is the conservative approximation. Nothing here
limits an account: sizes, margin and the share of a candle's volume that a target may take are the
caller's (`thin` marks the doubtful fills).

All candidates are worked out side by side, by a search for the first touch; then one pass takes
those that find us flat.
"""

from dataclasses import fields

import numpy as np

from shared.core.costs import Costs
from shared.core.errors import BadData
from shared.core.types import Candles, IntArray, PairRules
from shared.replay.bracket_fills import settle_brackets
from shared.replay.bracket_types import Brackets, BracketTrades, Exit, Money

__all__ = ["BracketTrades", "Brackets", "Exit", "Money", "outcomes", "walk"]


def walk(candles: Candles, orders: Brackets, *, rules: PairRules, costs: Costs) -> BracketTrades:
    """Trade the signals, one position at a time, from flat.

    Args:
        candles: n candles; also their path.
        orders: What each of them asks for.
        rules: Fees, interest and sizes. For a spot account give interest of zero.
        costs: Spread and slippage; the volume share is not used.

    Raises:
        BadData: An array has not n values, an entry's stop or target is NaN or not positive, a size
            is not allowed.
    """
    decided = np.flatnonzero(orders.sides[: max(0, len(candles) - 1)] != 0)
    every = outcomes(candles, orders, decided, rules=rules, costs=costs)
    return every.take_rows(_one_at_a_time(every))


def outcomes(
    candles: Candles, orders: Brackets, decided: IntArray, *, rules: PairRules, costs: Costs
) -> BracketTrades:
    """What each of the entries decided at the rows `decided` would come to, each as if it were the
    only one.

    Arguments and errors as in `walk`; shape (len(decided),). The last candle decides nothing:
    nothing trades after it.
    """
    _check(candles, orders, decided, rules)
    return settle_brackets(candles, orders, decided, rules=rules, costs=costs)


def _one_at_a_time(every: BracketTrades) -> IntArray:
    """The chain of entries that find us flat: from each to the first that trades when
    it is over.
    """
    following = every.entry_row.searchsorted(every.free_row)
    (jumps,) = (following > np.arange(1, len(following) + 1)).nonzero()
    taken = np.ones(len(following), dtype=np.bool_)
    free = 0
    for entry, after in zip(jumps.tolist(), following[jumps].tolist(), strict=True):
        if entry >= free:
            taken[entry + 1 : after] = False
            free = after
    return taken.nonzero()[0]


def _check(candles: Candles, orders: Brackets, decided: IntArray, rules: PairRules) -> None:
    """Refuse what cannot be traded, before anything is computed from it."""
    count = len(candles)
    for field in fields(orders):
        values = getattr(orders, field.name)
        if isinstance(values, np.ndarray) and values.shape != (count,):
            raise BadData(f"{field.name} has shape {values.shape}; there are {count} candles")
    if orders.max_hold_candles is not None and orders.max_hold_candles < 1:
        raise BadData(
            f"max_hold_candles is {orders.max_hold_candles}; a position is held for one candle at"
            " the least"
        )
    if not len(decided):
        return
    if decided.min() < 0 or decided.max() >= count - 1:
        raise BadData(
            f"an entry is decided outside rows 0 to {count - 2}; each needs a candle after it"
        )
    _check_barriers(orders, decided)
    if orders.lots is not None:
        sizes = np.broadcast_to(orders.lots, (count,))[decided]
        if sizes.min() < rules.min_lots or sizes.max() > rules.max_market_lots:
            allowed = f"{rules.min_lots} to {rules.max_market_lots}"
            raise BadData(
                f"sizes go from {sizes.min()} to {sizes.max()} lots; {allowed} are allowed"
            )


def _check_barriers(orders: Brackets, decided: IntArray) -> None:
    for name in ("stop", "target"):
        distances, prices = getattr(orders, f"{name}_distance"), getattr(orders, f"{name}_price")
        if distances is not None and prices is not None:
            raise BadData(f"{name}_distance and {name}_price are both given; one of them decides")
        for levels in (distances, prices):
            known = np.ones(1) if levels is None else levels[decided]
            wrong = np.isnan(known) | (known <= 0.0) & ((known > -np.inf) | (levels is distances))
            if wrong.any():
                what = f"{name} of an entry is {known[wrong][0]}"
                raise BadData(
                    f"the {what}; it must be a positive number of yen, or infinite for none"
                )
