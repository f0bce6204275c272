"""How entries with stop and target end, all side by side: the fill rules of paper for arrays.

Pure.
"""

from dataclasses import dataclass

import numpy as np

from shared.core.calendar import DAY_MS
from shared.core.costs import Costs
from shared.core.money import LOTS_PER_BTC
from shared.core.types import BoolArray, Candles, FloatArray, Int8Array, IntArray, PairRules
from shared.market.first_touch import FirstTouch
from shared.market.path import offsets_ms
from shared.replay.bracket_types import Brackets, BracketTrades, Exit, Money
from shared.replay.crossings import at_base, at_book, rounded_share


def settle_brackets(
    candles: Candles, orders: Brackets, decided: IntArray, *, rules: PairRules, costs: Costs
) -> BracketTrades:
    """What entries decided at the rows `decided` come to, each as if it were the only one.

    Shape (len(decided),).

    Nothing is checked here; see `shared.replay.brackets.outcomes`.
    """
    entries = _Entries.of(candles, orders, decided)
    signal, time = _leaves(candles, orders, entries)
    touched = FirstTouch(candles.low, candles.high).rows(
        entries.row, *entries.borders(), until=np.minimum(np.minimum(signal, time), len(candles))
    )
    ends, row = _ends(candles, entries, touched, signal, time)
    base, point = _base_and_point(candles, entries, ends, row)
    return _trades(
        candles, orders, entries, _Ending(ends=ends, row=row, base=base, point=point), rules, costs
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entries:
    """Entries with their barriers; `row` is the candle at whose open they trade."""

    decided: IntArray
    row: IntArray
    long: BoolArray
    open: FloatArray
    stop: FloatArray
    target: FloatArray

    @classmethod
    def of(cls, candles: Candles, orders: Brackets, decided: IntArray) -> "_Entries":
        long = orders.sides[decided] > 0
        sign = np.where(long, 1.0, -1.0)
        opened = candles.open[decided + 1]
        return cls(
            decided=decided,
            row=decided + 1,
            long=long,
            open=opened,
            stop=_level(orders.stop_price, orders.stop_distance, decided, opened, -sign),
            target=_level(orders.target_price, orders.target_distance, decided, opened, sign),
        )

    def borders(self) -> tuple[FloatArray, FloatArray]:
        """What the path falls to, and rises to, where stop or target trade: a target trades a yen
        beyond itself.
        """
        return np.where(self.long, self.stop, self.target - 1.0), np.where(
            self.long, self.target + 1.0, self.stop
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ending:
    """How and in which candle, at which price of the path (before costs), at which of the candle's
    four points.
    """

    ends: Int8Array
    row: IntArray
    base: IntArray
    point: IntArray


def _level(
    prices: FloatArray | None,
    distances: FloatArray | None,
    decided: IntArray,
    opened: FloatArray,
    sign: FloatArray,
) -> FloatArray:
    if prices is not None:
        return np.where(np.isinf(prices[decided]), sign * np.inf, np.rint(prices[decided]))
    if distances is not None:
        return opened + sign * np.maximum(1.0, np.rint(distances[decided]))
    return sign * np.inf


def _leaves(candles: Candles, orders: Brackets, entries: _Entries) -> tuple[IntArray, IntArray]:
    """The candles at whose open each entry is left by a signal, and because its time is over; after
    the last where it is not.
    """
    last = len(candles) - 1
    signal = np.where(
        entries.long,
        _next_open(orders.end_longs, entries.row, last),
        _next_open(orders.end_shorts, entries.row, last),
    )
    time = (
        entries.row + orders.max_hold_candles
        if orders.max_hold_candles is not None
        else np.full(len(signal), last + 1)
    )
    return signal, time


def _ends(
    candles: Candles, entries: _Entries, touched: IntArray, signal: IntArray, time: IntArray
) -> tuple[Int8Array, IntArray]:
    """How each entry ends and in which candle: what comes first of touch, signal, time and the end
    of the candles.
    """
    last = len(candles) - 1
    leaves = np.minimum(signal, time)
    row = np.minimum(touched, leaves)
    at = np.minimum(row, last)
    stopped = np.where(
        entries.long, candles.low[at] <= entries.stop, candles.high[at] >= entries.stop
    )
    ends = np.where(
        row > last,
        Exit.OPEN,
        np.where(
            touched < leaves,
            np.where(stopped, Exit.STOP, Exit.TARGET),
            np.where(signal <= time, Exit.SIGNAL, Exit.TIME),
        ),
    )
    return ends.astype(np.int8), at


def _next_open(signals: BoolArray | None, rows: IntArray, last: int) -> IntArray:
    """The candle at whose open a signal of `rows` or later trades; after the last where there is
    none.
    """
    if signals is None:
        return np.full(len(rows), last + 1)
    opens = np.append(np.flatnonzero(signals) + 1, last + 1)
    return opens[np.searchsorted(opens, rows, side="right")]


def _base_and_point(
    candles: Candles, entries: _Entries, ends: Int8Array, row: IntArray
) -> tuple[IntArray, IntArray]:
    """The path's price at which an exit trades, and the candle's point where it does: `stop_base`
    for arrays.

    Worked out for longs; a short is the long of the market turned upside down. In its own candle a
    target lives only after the first point, where the entry was made; a stop beyond that point
    fires right there.
    """
    sign = np.where(entries.long, 1.0, -1.0)
    opened, low, high, close = (
        prices[row] for prices in (candles.open, candles.low, candles.high, candles.close)
    )
    bad_first = (high - opened < opened - low) != entries.long
    opened, low, high = sign * opened, sign * low, sign * high
    bad, good = np.minimum(low, high), np.maximum(low, high)
    stop, target = sign * entries.stop, sign * entries.target
    own, beyond = row == entries.row, opened <= stop
    second = np.where(bad_first, bad, good)
    stop_base = np.where(beyond, opened, stop)
    stop_point = np.where(beyond, 0, np.where(bad_first, 1, 2))
    target_point = np.where(~own & (opened > target), 0, np.where(second > target, 1, 2))
    by_kind = [ends == Exit.STOP, ends == Exit.TARGET, ends == Exit.OPEN]
    base = np.select(by_kind, [sign * stop_base, entries.target, close], sign * opened)
    return base.astype(np.int64), np.select(by_kind, [stop_point, target_point, 3], 0)


def _trades(
    candles: Candles,
    orders: Brackets,
    entries: _Entries,
    ending: _Ending,
    rules: PairRules,
    costs: Costs,
) -> BracketTrades:
    """Prices, fees and interest."""
    middle = entries.open.astype(np.int64)
    entry_price = at_book(middle, buys=entries.long, costs=costs)
    exit_price = _exit_price(entries, ending, costs)
    entered_at = candles.opened_at[entries.row]
    offsets = np.array(offsets_ms(candles.timeframe))
    exited_at = candles.opened_at[ending.row] + np.where(
        ending.ends == Exit.OPEN,
        candles.timeframe.ms,
        offsets[ending.point],
    )
    charges = _Charges.of(entries.long, ending.ends, (exited_at - entered_at) // DAY_MS + 1)
    lots = (
        None
        if orders.lots is None
        else np.broadcast_to(orders.lots, orders.sides.shape)[entries.decided].astype(np.int64)
    )
    slipped = np.abs(entry_price - middle) + np.abs(exit_price - ending.base)
    volume = candles.volume[ending.row] * LOTS_PER_BTC
    return BracketTrades(
        side=np.where(entries.long, 1, -1).astype(np.int8),
        decided_row=entries.decided,
        entry_row=entries.row,
        exit_row=ending.row,
        entered_at=entered_at,
        exited_at=exited_at,
        entry_price=entry_price,
        exit_price=exit_price,
        stop_price=entries.stop,
        target_price=entries.target,
        ends=ending.ends,
        net_rate=charges.net_rate(entry_price, exit_price, rules),
        thin=(ending.ends == Exit.TARGET) & (volume < (1 if lots is None else lots)),
        lots=lots,
        money=(
            None if lots is None else charges.money(entry_price, exit_price, lots, slipped, rules)
        ),
    )


def _exit_price(entries: _Entries, ending: _Ending, costs: Costs) -> IntArray:
    sells = ~entries.long
    price = ending.base.copy()
    at_the_entry = (ending.row == entries.row) & (ending.point == 0)
    stopped = (ending.ends == Exit.STOP) & ~at_the_entry
    at_the_open = (
        (ending.ends == Exit.SIGNAL)
        | (ending.ends == Exit.TIME)
        | (ending.ends == Exit.STOP) & at_the_entry
    )
    for which, crossing in (
        (np.flatnonzero(stopped), at_base),
        (np.flatnonzero(at_the_open), at_book),
    ):
        price[which] = crossing(ending.base[which], buys=sells[which], costs=costs)
    return price


@dataclass(frozen=True, slots=True, kw_only=True)
class _Charges:
    """What decides fees and interest: who took liquidity, and how many days were started."""

    long: BoolArray
    takes: BoolArray
    makes: BoolArray
    days: IntArray

    @classmethod
    def of(cls, long: BoolArray, ends: Int8Array, days: IntArray) -> "_Charges":
        makes = ends == Exit.TARGET
        return cls(long=long, takes=~makes & (ends != Exit.OPEN), makes=makes, days=days)

    def net_rate(self, entry: IntArray, exits: IntArray, rules: PairRules) -> FloatArray:
        taker, maker = float(rules.taker_fee_rate), float(rules.maker_fee_rate)
        moved = exits / entry
        gross = np.where(self.long, moved - 1.0, 1.0 - moved)
        fees = taker + moved * np.where(self.takes, taker, np.where(self.makes, maker, 0.0))
        day = np.where(
            self.long, float(rules.long_interest_rate_day), float(rules.short_interest_rate_day)
        )
        rates: FloatArray = gross - fees - day * self.days
        return rates

    def money(
        self, entry: IntArray, exits: IntArray, lots: IntArray, slipped: IntArray, rules: PairRules
    ) -> Money:
        bought, sold = entry * lots, exits * lots
        taker, maker = rules.taker_fee_rate, rules.maker_fee_rate
        leaving = np.where(
            self.takes,
            rounded_share(sold, taker),
            np.where(self.makes, rounded_share(sold, maker), 0),
        )
        interest = np.where(
            self.long,
            rounded_share(bought, rules.long_interest_rate_day, self.days),
            rounded_share(bought, rules.short_interest_rate_day, self.days),
        )
        return Money(
            gross_units=np.where(self.long, sold - bought, bought - sold),
            fee_units=rounded_share(bought, taker) + leaving,
            interest_units=interest,
            slippage_units=slipped * lots,
        )
