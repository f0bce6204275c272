"""Array signals with bracket orders: the same trades, prices and yen as the paper account makes of
the same candles.
"""

import random
from collections import Counter
from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as sizes
from hypothesis import strategies as st

from shared.core.costs import Costs
from shared.core.errors import BadData
from shared.core.money import jpy, notional_jpy
from shared.core.reasons import Reason
from shared.core.types import (
    Accepted,
    AccountKind,
    Candles,
    OrderIntent,
    OrderKind,
    PairRules,
    Purpose,
    Side,
    Timeframe,
)
from shared.exchanges.paper import account as accounts
from shared.exchanges.paper.account import PaperAccount, Terms
from shared.exchanges.paper.fills import crossing_at, crossing_book
from shared.market.first_touch import FirstTouch
from shared.market.path import book_at
from shared.replay.brackets import Brackets, BracketTrades, Exit, walk
from shared.replay.crossings import at_base, at_book, rounded_share
from tests.support.account_stories import market, rules_of

FREE = Costs(spread_rate=Decimal(0), slippage_rate=Decimal(0), volume_share=Decimal(1))
COSTLY = Costs(
    spread_rate=Decimal("0.0001"), slippage_rate=Decimal("0.0005"), volume_share=Decimal(1)
)
NO_FEES = PairRules(
    taker_fee_rate=Decimal(0), long_interest_rate_day=Decimal(0), short_interest_rate_day=Decimal(0)
)
REASONS = {
    Reason.EXIT_STOP: Exit.STOP,
    Reason.EXIT_TARGET: Exit.TARGET,
    Reason.EXIT_OPPOSITE: Exit.SIGNAL,
    Reason.EXIT_TIME: Exit.TIME,
}


def candles_of(
    *rows: tuple[float, float, float, float], timeframe: Timeframe = Timeframe.M15
) -> Candles:
    table = np.array(rows, dtype=float)
    return Candles(
        timeframe=timeframe,
        opened_at=timeframe.ms * np.arange(len(rows), dtype=np.int64),
        open=table[:, 0],
        high=table[:, 1],
        low=table[:, 2],
        close=table[:, 3],
        volume=np.full(len(rows), 1000.0),
    )


def sides_of(count: int, **at: int) -> np.ndarray:
    sides = np.zeros(count, dtype=np.int8)
    for name, side in at.items():
        sides[int(name.removeprefix("row"))] = side
    return sides


# the paper account, asked to do the same


class ByHand:
    """A trader who does at every open, through the paper account, what the arrays say."""

    def __init__(
        self, candles: Candles, orders: Brackets, *, rules: PairRules, costs: Costs
    ) -> None:
        self.candles, self.orders, self.rules = candles, orders, rules
        terms = Terms(
            maker_fee_rate=rules.maker_fee_rate,
            taker_fee_rate=rules.taker_fee_rate,
            long_interest_rate_day=rules.long_interest_rate_day,
            short_interest_rate_day=rules.short_interest_rate_day,
            margin_ratio=rules.margin_ratio,
            costs=costs,
            keep_trades=10_000,
        )
        self.account: PaperAccount = accounts.open_account(
            10**12, int(candles.opened_at[0]), kind=AccountKind.MARGIN, terms=terms
        )
        self.entry_row = 0

    def traded(self) -> PaperAccount:
        for row in range(1, len(self.candles)):
            now = int(self.candles.opened_at[row])
            self.account = accounts.settle_account(self.account, self.candles, now)
            if self.account.positions:
                self.leave(row, now)
            if not self.account.positions and self.orders.sides[row - 1]:
                self.enter(row, now)
        self.account = accounts.settle_account(
            self.account, self.candles, int(self.candles.closed_at[-1])
        )
        return self.account

    def leave(self, row: int, now: int) -> None:
        side = self.account.positions[0].side
        signals = self.orders.end_longs if side is Side.LONG else self.orders.end_shorts
        asked = signals is not None and row > self.entry_row and bool(signals[row - 1])
        limit = self.orders.max_hold_candles
        if not asked and (limit is None or row < self.entry_row + limit):
            return
        for order in self.account.orders:
            self.account, _ = accounts.cancel_order(self.account, order, now_ms=now)
        reason = Reason.EXIT_OPPOSITE if asked else Reason.EXIT_TIME
        self.place(row, now, Purpose.CLOSE, side, self.account.lots(side), reason=reason)

    def enter(self, row: int, now: int) -> None:
        side = Side.LONG if self.orders.sides[row - 1] > 0 else Side.SHORT
        opened = int(self.candles.open[row])
        levels = {}
        for name, away in (("stop", -side.sign), ("target", side.sign)):
            price, distance = (
                getattr(self.orders, f"{name}_price"),
                getattr(self.orders, f"{name}_distance"),
            )
            if price is not None and np.isfinite(price[row - 1]):
                levels[f"{name}_price"] = round(price[row - 1])
            elif distance is not None and np.isfinite(distance[row - 1]):
                levels[f"{name}_price"] = opened + away * max(1, round(distance[row - 1]))
        lots = int(np.broadcast_to(self.orders.lots, self.orders.sides.shape)[row - 1])
        self.entry_row = row
        self.place(row, now, Purpose.ENTRY, side, lots, **levels)

    def place(
        self, row: int, now: int, purpose: Purpose, side: Side, lots: int, **more: object
    ) -> None:
        intent = OrderIntent(
            id=f"{purpose}{row}",
            purpose=purpose,
            side=side,
            kind=OrderKind.MARKET,
            lots=lots,
            **more,
        )
        book = book_at(
            int(self.candles.open[row]),
            spread_rate=float(self.account.terms.costs.spread_rate),
            as_of=now,
        )
        self.account, outcome = accounts.place_order(
            self.account, intent, book=book, now_ms=now, rules=self.rules
        )
        assert isinstance(outcome, Accepted), outcome


def told(trades: BracketTrades) -> list[tuple]:
    """The trades that ended, as the account tells them."""
    assert trades.money is not None
    assert trades.lots is not None
    return [
        (
            int(trades.side[at]),
            int(trades.entered_at[at]),
            int(trades.exited_at[at]),
            int(trades.lots[at]),
            int(trades.entry_price[at]),
            int(trades.exit_price[at]),
            Exit(trades.ends[at]).name,
            *(jpy(Decimal(int(units[at])) / 10_000) for units in money_of(trades)),
        )
        for at in np.flatnonzero(trades.is_closed)
    ]


def money_of(trades: BracketTrades) -> tuple:
    return (
        trades.money.gross_units,
        trades.money.fee_units,
        trades.money.interest_units,
        trades.money.net_units,
    )


def told_by(account: PaperAccount) -> list[tuple]:
    return [
        (
            trade.side.sign,
            trade.opened_at,
            trade.closed_at,
            trade.lots,
            int(trade.entry_price),
            trade.exit_price,
            REASONS[trade.reason].name,
            trade.gross_jpy,
            trade.fees_jpy,
            trade.interest_jpy,
            trade.net_jpy,
        )
        for trade in account.trades
    ]


def story(seed: int, *, count: int = 60) -> tuple[Candles, Brackets, PairRules, Costs]:
    """A market with gaps, wicks, flat candles and holes, and orders whose barriers lie about as far
    as it moves.
    """
    dice = random.Random(seed)
    step = dice.choice(
        [2, 5, 300]
    )  # small steps make ties: touches, equal extremes, closes at the stop
    minutes = market(dice, count, step=step)
    longer = dice.choice([Timeframe.M1, Timeframe.M15])
    opened_at = minutes.opened_at[0] + (minutes.opened_at - minutes.opened_at[0]) * (
        longer.ms // Timeframe.M1.ms
    )
    candles = replace(
        minutes, timeframe=longer, opened_at=opened_at, volume=np.full(len(minutes), 1e6)
    )
    size, density = len(candles), dice.choice([0.05, 0.3, 1.0])
    draw = np.random.default_rng(seed)
    sides = np.where(draw.random(size) < density, draw.choice([-1, 1], size), 0).astype(np.int8)

    def barrier(name: str, toward: int) -> dict[str, np.ndarray]:
        kind = dice.choice(["none", "distance", "price"])
        distance = np.where(
            draw.random(size) < 0.1, np.inf, draw.uniform(-1, 6 * step, size).clip(0.4)
        )
        if kind == "price":  # from the close: the open may lie beyond it already
            return {f"{name}_price": candles.close + toward * np.where(sides < 0, -1, 1) * distance}
        return {} if kind == "none" else {f"{name}_distance": distance}

    share = dice.choice([0.0, 0.05, 0.3])
    orders = Brackets(
        sides=sides,
        **barrier("stop", -1),
        **barrier("target", 1),
        end_longs=draw.random(size) < share if share else None,
        end_shorts=draw.random(size) < share if share else None,
        max_hold_candles=dice.choice([None, 1, 2, 7]),
        lots=dice.choice([1, 137, draw.integers(10, 5000, size)]),
    )
    costs = Costs(
        spread_rate=Decimal(dice.choice(["0", "0.0001", "0.00033"])),
        slippage_rate=Decimal(dice.choice(["0", "0.0005", "0.000123"])),
        volume_share=Decimal(1),
    )
    return candles, orders, replace(rules_of(dice), min_lots=1), costs


def compared(seed: int) -> Counter[str]:
    candles, orders, rules, costs = story(seed)
    trades = walk(candles, orders, rules=rules, costs=costs)
    account = ByHand(candles, orders, rules=rules, costs=costs).traded()
    assert told(trades) == told_by(account), seed
    assert int((~trades.is_closed).sum()) == len(account.positions)
    equity = accounts.equity(account, int(candles.close[-1]), int(candles.closed_at[-1]))
    assert equity - 10**12 == jpy(Decimal(int(trades.money.net_units.sum())) / 10_000), seed
    exact = trades.money.net_units / (trades.entry_price * trades.lots)
    assert trades.net_rate == pytest.approx(exact, abs=2e-4 / candles.close.min() * 10_000)
    counts = Counter(
        f"{'long' if side > 0 else 'short'} {Exit(end).name}"
        for side, end in zip(trades.side, trades.ends, strict=True)
    )
    counts["own candle"] = int((trades.exit_row == trades.entry_row).sum())
    return counts


def test_the_trades_the_prices_and_the_yen_are_those_of_the_paper_account(full: bool) -> None:
    counts: Counter[str] = Counter()
    for seed in range(4000 if full else 400):
        counts += compared(seed)
    floors = {f"{side} {end.name}": 30 for side in ("long", "short") for end in Exit} | {
        "own candle": 200
    }
    assert {name: counts[name] for name, floor in floors.items() if counts[name] < floor} == {}


@given(st.integers(10**6, 2**60))
@sizes(max_examples=50)
def test_any_story_ends_as_in_the_paper_account(seed: int) -> None:
    compared(seed)


# the six probes of how honest a backtester is inside a candle: entry at 100, stop 95, target 110,
# no costs


FLAT = (100.0, 100.0, 100.0, 100.0)
SHALLOW = (100.0, 101.0, 99.0, 100.0)
PROBES = {
    "A: opens beyond the stop and comes back": ((SHALLOW, (90.0, 97.0, 89.0, 96.0)), 90, Exit.STOP),
    "B: the whole candle beyond the stop": ((SHALLOW, (90.0, 92.0, 88.0, 91.0)), 90, Exit.STOP),
    "C: stop and target, the stop nearer": ((SHALLOW, (100.0, 111.0, 94.0, 100.0)), 95, Exit.STOP),
    "C2: stop and target, the target nearer": (
        (SHALLOW, (105.0, 111.0, 94.0, 100.0)),
        95,
        Exit.STOP,
    ),
    "D: the stop in the entry's own candle": (((100.0, 101.0, 94.0, 96.0), SHALLOW), 95, Exit.STOP),
    "E: opens beyond the target": ((SHALLOW, (115.0, 116.0, 114.0, 115.0)), 110, Exit.TARGET),
    "a touch of the target fills nothing": ((SHALLOW, (100.0, 110.0, 99.0, 100.0)), 100, Exit.OPEN),
    "a yen through the target fills": ((SHALLOW, (100.0, 111.0, 99.0, 100.0)), 110, Exit.TARGET),
    "a touch of the stop fires": ((SHALLOW, (100.0, 101.0, 95.0, 100.0)), 95, Exit.STOP),
}


@pytest.mark.parametrize("side", [1, -1])
@pytest.mark.parametrize("probe", PROBES)
def test_a_probe_inside_the_candle_ends_strictly(probe: str, side: int) -> None:
    rows, price, end = PROBES[probe]
    turned = [
        row if side > 0 else (200 - row[0], 200 - row[2], 200 - row[1], 200 - row[3])
        for row in (FLAT, *rows)
    ]
    orders = Brackets(
        sides=sides_of(3, row0=side),
        stop_distance=np.full(3, 5.0),
        target_distance=np.full(3, 10.0),
        lots=10,
    )
    probe_costs = replace(FREE, spread_rate=Decimal(0))
    trades = walk(candles_of(*turned), orders, rules=NO_FEES, costs=probe_costs)
    half_spread = 1  # the least there is; a target and a valuation pay none
    paid = half_spread if end is Exit.STOP else 0
    assert [Exit(kind) for kind in trades.ends] == [end]
    assert int(trades.entry_price[0]) == 100 + side * half_spread
    assert int(trades.exit_price[0]) == (price if side > 0 else 200 - price) - side * paid


@pytest.mark.parametrize("side", [1, -1])
@pytest.mark.parametrize(
    "way",
    [(9_000, 9_600, 8_000, 8_500), (9_000, 9_900, 8_990, 9_800), (9_000, 9_400, 8_000, 9_300)],
)
def test_an_entry_that_opens_beyond_its_own_stop_leaves_at_once_at_that_open(
    way: tuple[int, ...], side: int
) -> None:
    """Whether the price comes back to the stop or not: a stop beyond the market does not wait for
    it.
    """
    turn = 20_000
    rows = [
        row if side > 0 else (turn - row[0], turn - row[2], turn - row[1], turn - row[3])
        for row in ((10_000,) * 4, way)
    ]
    stop = 9_500 if side > 0 else turn - 9_500
    orders = Brackets(sides=sides_of(2, row0=side), stop_price=np.full(2, float(stop)), lots=10)
    trades = walk(candles_of(*rows), orders, rules=NO_FEES, costs=FREE)
    opened = rows[1][0]
    assert [Exit(end) for end in trades.ends] == [Exit.STOP]
    assert (int(trades.entry_price[0]), int(trades.exit_price[0])) == (opened + side, opened - side)
    assert int(trades.exited_at[0]) == int(trades.entered_at[0])


# what decides when


def test_nothing_is_entered_on_the_candle_that_decides_it_and_the_last_candle_decides_nothing():
    candles = candles_of((100, 130, 70, 100), (100, 101, 99, 100), (100, 101, 99, 100))
    orders = Brackets(sides=np.ones(3, dtype=np.int8), stop_distance=np.full(3, 5.0), lots=1)
    trades = walk(candles, orders, rules=NO_FEES, costs=FREE)
    assert trades.entry_row.tolist() == [1]
    assert trades.ends.tolist() == [Exit.OPEN]
    assert (
        len(
            walk(
                candles.rows(0, 1),
                Brackets(sides=np.ones(1, dtype=np.int8)),
                rules=NO_FEES,
                costs=FREE,
            )
        )
        == 0
    )
    assert (
        len(
            walk(
                candles.rows(0, 0),
                Brackets(sides=np.ones(0, dtype=np.int8)),
                rules=NO_FEES,
                costs=FREE,
            )
        )
        == 0
    )


def test_a_candle_that_ends_one_side_may_begin_the_other_at_the_same_open() -> None:
    candles = candles_of(*[SHALLOW] * 6)
    turn = np.arange(6) == 2
    orders = Brackets(
        sides=sides_of(6, row0=1, row2=-1),
        end_longs=turn,
        end_shorts=~turn & (np.arange(6) == 0),
        lots=1,
    )
    trades = walk(candles, orders, rules=NO_FEES, costs=FREE)
    assert trades.side.tolist() == [1, -1]
    assert trades.exit_row.tolist() == [3, 5]
    assert trades.entry_row.tolist() == [1, 3]
    assert trades.exited_at[0] == trades.entered_at[1]


def test_after_a_stop_the_candle_that_touched_it_is_the_first_to_decide_again() -> None:
    candles = candles_of(FLAT, SHALLOW, (100, 101, 90, 92), (92, 93, 91, 92), (92, 93, 91, 92))
    orders = Brackets(sides=np.ones(5, dtype=np.int8), stop_distance=np.full(5, 5.0), lots=1)
    trades = walk(candles, orders, rules=NO_FEES, costs=FREE)
    assert trades.exit_row[0] == 2
    assert trades.decided_row.tolist() == [0, 2]


def test_a_time_limit_counts_the_candles_that_a_position_was_held() -> None:
    candles = candles_of(*[SHALLOW] * 9)
    orders = Brackets(sides=sides_of(9, row1=1), max_hold_candles=3, lots=1)
    trades = walk(candles, orders, rules=NO_FEES, costs=FREE)
    assert (trades.entry_row[0], trades.exit_row[0], Exit(trades.ends[0])) == (2, 5, Exit.TIME)


def test_a_target_that_a_thin_candle_could_not_have_filled_is_marked() -> None:
    candles = replace(
        candles_of(FLAT, SHALLOW, (100, 120, 99, 100)), volume=np.array([1.0, 1.0, 0.001])
    )
    for lots, thin in ((10, False), (11, True), (None, False)):
        orders = Brackets(sides=sides_of(3, row0=1), target_distance=np.full(3, 10.0), lots=lots)
        assert walk(candles, orders, rules=NO_FEES, costs=FREE).thin.tolist() == [thin]


def test_without_sizes_there_are_rates_and_no_money() -> None:
    candles, orders, rules, costs = story(3)
    sized, unsized = (
        walk(candles, replace(orders, lots=lots), rules=rules, costs=costs) for lots in (7, None)
    )
    assert len(sized) > 3
    assert unsized.money is None
    assert unsized.lots is None
    assert sized.net_rate.tolist() == unsized.net_rate.tolist()


def test_what_later_candles_hold_never_changes_a_trade_that_has_ended(full: bool) -> None:
    compared_trades = 0
    for seed in range(400 if full else 60):
        candles, orders, rules, costs = story(seed)
        whole = walk(candles, orders, rules=rules, costs=costs)
        for count in range(2, len(candles), 7):
            cut = Brackets(
                **{
                    name: (
                        value[:count]
                        if isinstance(value := getattr(orders, name), np.ndarray)
                        else value
                    )
                    for name in Brackets.__dataclass_fields__
                }
            )
            part = walk(candles.rows(0, count), cut, rules=rules, costs=costs)
            ended = part.take_rows(part.is_closed)
            same = whole.take_rows(np.arange(len(ended)))
            assert told(ended) == told(same), (seed, count)
            compared_trades += len(ended)
    assert compared_trades > 1000


# what is refused


REFUSED = {
    "a wrong length": {"stop_distance": np.full(4, 5.0)},
    "a distance that nobody knows": {"stop_distance": np.array([np.nan, 1.0, 1.0])},
    "no distance": {"target_distance": np.zeros(3)},
    "a distance to the other side": {"target_distance": np.full(3, -np.inf)},
    "a price that nobody knows": {"stop_price": np.full(3, np.nan)},
    "a price of nothing": {"target_price": np.zeros(3)},
    "a distance and a price": {"stop_price": np.ones(3), "stop_distance": np.ones(3)},
    "no time": {"max_hold_candles": 0},
    "no size": {"lots": 0},
    "a size above the exchange's": {"lots": np.array([100_001, 1, 1])},
}


@pytest.mark.parametrize("what", REFUSED)
def test_orders_that_cannot_be_meant_are_refused(what: str) -> None:
    orders = replace(Brackets(sides=sides_of(3, row0=1)), **REFUSED[what])
    with pytest.raises(BadData):
        walk(candles_of(*[SHALLOW] * 3), orders, rules=NO_FEES, costs=FREE)


def test_what_is_not_known_yet_where_nothing_is_entered_does_not_matter() -> None:
    orders = Brackets(
        sides=sides_of(3, row1=1),
        stop_distance=np.array([np.nan, 5.0, np.nan]),
        lots=np.array([0, 1, 0]),
    )
    assert len(walk(candles_of(*[SHALLOW] * 3), orders, rules=NO_FEES, costs=FREE)) == 1


# the pieces


@given(
    st.lists(st.integers(1, 10**8), min_size=1, max_size=20),
    st.decimals(0, Decimal("0.01"), places=9),
    st.decimals(0, Decimal("0.05"), places=8),
    st.booleans(),
)
def test_prices_over_arrays_are_those_of_the_fill_rules(
    prices: list[int], spread: Decimal, slippage: Decimal, buys: bool
) -> None:
    costs = Costs(spread_rate=spread, slippage_rate=slippage, volume_share=Decimal(1))
    whole, sides = np.array(prices), np.full(len(prices), buys)
    fired = [crossing_at(price, buys=buys, lots=1, costs=costs).price for price in prices]
    assert at_base(whole, buys=sides, costs=costs).tolist() == fired
    booked = [
        crossing_book(
            book_at(price, spread_rate=float(spread), as_of=0), buys=buys, lots=1, costs=costs
        ).price
        for price in prices
    ]
    assert at_book(whole, buys=sides, costs=costs).tolist() == booked


@given(
    st.lists(
        st.tuples(st.integers(1, 10**8), st.integers(1, 100_000), st.integers(1, 4000)),
        min_size=1,
        max_size=20,
    ),
    st.one_of(
        st.decimals(Decimal("-0.01"), Decimal("0.02"), places=5),
        st.decimals(0, Decimal("0.02"), places=12),
    ),
)
def test_shares_over_arrays_are_rounded_as_money_is(
    rows: list[tuple[int, int, int]], rate: Decimal
) -> None:
    price, lots, days = np.array(rows).T
    exact = [jpy(notional_jpy(each, size) * rate * for_days) for each, size, for_days in rows]
    assert rounded_share(price * lots, rate, days).tolist() == [
        int(amount * 10_000) for amount in exact
    ]


@given(st.data(), st.integers(1, 200))
def test_the_first_touch_is_the_first_row_that_a_plain_search_finds_as_far_as_it_matters(
    data: st.DataObject, count: int
) -> None:
    draw = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    low = draw.integers(0, 60, count).astype(float)
    high = low + draw.integers(0, 20, count)
    start = draw.integers(0, count + 1, 50)
    falls = np.where(draw.random(50) < 0.2, -np.inf, draw.integers(-2, 30, 50))
    rises = np.where(draw.random(50) < 0.2, np.inf, draw.integers(50, 82, 50))
    expected = [
        next((row for row in range(at, count) if low[row] <= fall or high[row] >= rise), count)
        for at, fall, rise in zip(start, falls, rises, strict=True)
    ]
    touches, ends = FirstTouch(low, high), np.full(50, count)
    assert touches.rows(start, falls, rises, ends).tolist() == expected
    sooner = draw.integers(0, count + 1, 50)
    rows = touches.rows(start, falls, rises, sooner).tolist()
    for row, first, until in zip(rows, expected, sooner.tolist(), strict=True):
        assert row == first if first < until else until <= row <= count
