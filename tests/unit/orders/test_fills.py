"""The fill rules, one by one: the six intrabar probes, and what every other backtester
gives away.
"""

from dataclasses import replace
from decimal import Decimal

import pytest

from shared.core.costs import Costs
from shared.core.reasons import Reason
from shared.core.types import Accepted, Book, Order, OrderKind, PairRules, Purpose, Side
from shared.exchanges.paper import account as accounts
from shared.exchanges.paper.fills import (
    PathPoint,
    crossing_at,
    crossing_book,
    half_spread,
    stop_base,
    volume_lots,
)
from shared.market.path import book_at

ENTRY, STOP, TARGET = 1_000_000, 950_000, 1_100_000


def after(world, account, *rows):
    return accounts.settle_account(
        account, world.minutes(rows, first=1), world.t0 + (1 + len(rows)) * world.minute
    )


def only_trade(account):
    (trade,) = account.trades
    return trade.reason, trade.exit_price


def mirrored(rows):
    return [
        (2 * ENTRY - o, 2 * ENTRY - low, 2 * ENTRY - high, 2 * ENTRY - c)
        for o, high, low, c in rows
    ]


PROBES = {
    "A: opens beyond the stop and comes back": (
        (900_000, 970_000, 890_000, 960_000),
        Reason.EXIT_STOP,
        900_000,
    ),
    "B: the whole candle lies beyond the stop": (
        (900_000, 930_000, 880_000, 920_000),
        Reason.EXIT_STOP,
        900_000,
    ),
    "C: stop and target, the stop nearer": (
        (1_000_000, 1_110_000, 940_000, 1_000_000),
        Reason.EXIT_STOP,
        950_000,
    ),
    "C2: stop and target, the target nearer": (
        (1_080_000, 1_110_000, 940_000, 1_000_000),
        Reason.EXIT_STOP,
        950_000,
    ),
    "E: opens beyond the target": (
        (1_150_000, 1_160_000, 1_140_000, 1_150_000),
        Reason.EXIT_TARGET,
        1_100_000,
    ),
}


@pytest.mark.parametrize("name", PROBES)
def test_the_intrabar_probes_are_strict_for_a_long(world, name):
    row, reason, price = PROBES[name]
    held = world.held(entry=ENTRY, stop=STOP, target=TARGET)
    crossed = (
        price - 1 if reason is Reason.EXIT_STOP else price
    )  # half a spread is one yen at the least
    assert only_trade(after(world, held, row)) == (reason, crossed)


@pytest.mark.parametrize("name", PROBES)
def test_the_intrabar_probes_are_strict_for_a_short(world, name):
    row, reason, price = PROBES[name]
    (row,) = mirrored([row])
    held = world.held(
        side=Side.SHORT, entry=ENTRY, stop=2 * ENTRY - STOP, target=2 * ENTRY - TARGET
    )
    price = 2 * ENTRY - price
    crossed = price + 1 if reason is Reason.EXIT_STOP else price
    assert only_trade(after(world, held, row)) == (reason, crossed)


@pytest.mark.parametrize("side", Side)
def test_probe_d_the_stop_is_live_in_the_candle_of_the_entry(world, side):
    flip = (lambda p: p) if side is Side.LONG else (lambda p: 2 * ENTRY - p)
    intent = world.entry(ENTRY, side=side, stop_price=flip(STOP), target_price=flip(TARGET))
    account = world.resting(world.account(), intent, flip(1_010_000), world.t0 + 1)
    row = (
        flip(1_010_000),
        max(flip(1_020_000), flip(940_000)),
        min(flip(1_020_000), flip(940_000)),
        flip(1_000_000),
    )
    account = accounts.settle_account(
        account, world.minutes([row], first=1), world.t0 + 2 * world.minute
    )
    assert only_trade(account) == (Reason.EXIT_STOP, flip(STOP) - side.sign)
    (trade,) = account.trades
    assert trade.opened_at == trade.closed_at
    assert account.is_idle


def test_a_gap_through_entry_and_stop_fills_both_at_the_worst(world):
    intent = world.entry(ENTRY, stop_price=STOP, target_price=TARGET)
    account = world.resting(world.account(), intent, 1_010_000)
    account = after(world, account, (900_000, 905_000, 895_000, 900_000))
    (trade,) = account.trades
    assert (trade.entry_price, trade.exit_price) == (ENTRY, 899_999)


def test_a_limit_that_is_only_touched_does_not_fill(world):
    account = world.resting(world.account(), world.entry(ENTRY), 1_010_000)
    touched = after(world, account, (1_010_000, 1_010_000, ENTRY, 1_005_000))
    assert touched.is_idle is False
    assert touched.positions == ()
    through = after(world, account, (1_010_000, 1_010_000, ENTRY - 1, 1_005_000))
    assert through.lots(Side.LONG) == 100
    assert through.fills[0].maker
    assert through.fills[0].price == ENTRY


def test_a_target_that_is_only_touched_does_not_fill(world):
    held = world.held(entry=ENTRY, stop=STOP, target=TARGET)
    touched = after(world, held, (1_090_000, TARGET, 1_080_000, 1_090_000))
    assert touched.trades == ()
    assert only_trade(after(world, held, (1_090_000, TARGET + 1, 1_080_000, 1_090_000))) == (
        Reason.EXIT_TARGET,
        TARGET,
    )


def test_a_stop_that_is_only_touched_fires(world):
    held = world.held(entry=ENTRY, stop=STOP, target=TARGET)
    assert only_trade(after(world, held, (960_000, 970_000, STOP, 960_000))) == (
        Reason.EXIT_STOP,
        STOP - 1,
    )


def test_a_target_may_fill_in_the_candle_of_the_entry_when_no_stop_is_reached(world):
    intent = world.entry(ENTRY, stop_price=STOP, target_price=TARGET)
    account = world.resting(world.account(), intent, 1_010_000)
    account = after(world, account, (1_010_000, TARGET + 5, ENTRY - 5, 1_050_000))
    assert only_trade(account) == (Reason.EXIT_TARGET, TARGET)


def test_volume_limits_what_a_candle_fills_and_parts_add_up(world):
    account = world.resting(
        world.account(free=False),
        world.entry(ENTRY, stop_price=STOP, target_price=TARGET),
        1_010_000,
    )
    through = (1_000_000, 1_000_000, 999_000, 1_000_000)
    account = after(world, account, (*through, 0.0199))  # 199 lots of volume, a fifth of it is 39.8
    assert account.lots(Side.LONG) == 39
    account = accounts.settle_account(
        account, world.minutes([(*through, 0.01)], first=2), world.t0 + 3 * world.minute
    )
    assert account.lots(Side.LONG) == 59
    stop, target = (
        next(o for o in account.orders if o.intent.id.endswith(end)) for end in ("stop", "target")
    )
    assert stop.remaining_lots == target.remaining_lots == stop.intent.lots == 59
    account = accounts.settle_account(
        account, world.minutes([(*through, 5.0)], first=3), world.t0 + 4 * world.minute
    )
    assert account.lots(Side.LONG) == 100
    assert [fill.lots for fill in account.fills] == [39, 20, 41]
    assert [order.intent.purpose for order in account.orders] == ["stop", "target"]


def test_a_flat_minute_without_volume_never_fills_a_limit(world):
    account = world.resting(world.account(), world.entry(ENTRY), 1_010_000)
    account = after(world, account, *[(990_000, 990_000, 990_000, 990_000, 0.0)] * 5)
    assert account.positions == ()
    assert len(account.orders) == 1


def test_a_stop_fires_without_any_volume(world):
    held = world.held(entry=ENTRY, stop=STOP, target=TARGET)
    assert only_trade(after(world, held, (940_000, 940_000, 940_000, 940_000, 0.0))) == (
        Reason.EXIT_STOP,
        939_999,
    )


def test_a_partly_filled_target_shrinks_the_stop(world):
    held = world.held(entry=ENTRY, stop=STOP, target=TARGET)
    after_part = after(world, held, (1_090_000, TARGET + 10, 1_090_000, 1_090_000, 0.003))
    assert after_part.lots(Side.LONG) == 70
    assert [order.remaining_lots for order in after_part.orders] == [70, 70]
    assert [trade.ends_position for trade in after_part.trades] == [False]
    rest = accounts.settle_account(
        after_part,
        world.minutes([(960_000, 960_000, 940_000, 950_000)], first=2),
        world.t0 + 3 * world.minute,
    )
    assert [(trade.lots, trade.reason, trade.ends_position) for trade in rest.trades] == [
        (30, Reason.EXIT_TARGET, False),
        (70, Reason.EXIT_STOP, True),
    ]
    assert rest.is_idle


def test_a_stop_that_fires_takes_the_rest_of_its_entry_with_it(world):
    account = world.resting(
        world.account(), world.entry(ENTRY, stop_price=STOP, target_price=TARGET), 1_010_000
    )
    account = after(world, account, (1_000_000, 1_000_000, 940_000, 945_000, 0.002))
    assert [trade.lots for trade in account.trades] == [20]
    assert account.is_idle


@pytest.mark.parametrize(
    ("placed_after_ms", "fills"), [(0, True), (19_999, True), (20_000, False), (45_000, False)]
)
def test_an_order_is_live_only_from_the_first_point_strictly_after_it_was_placed(
    world, placed_after_ms, fills
):
    at = world.t0 + placed_after_ms
    account = world.resting(world.account(), world.entry(ENTRY), 1_010_000, at)
    row = (1_010_000, 1_015_000, 990_000, 1_009_000)  # the high comes first, the low at second 40
    low_first = (1_001_000, 1_015_000, 990_000, 1_009_000)  # the low at second 20
    account = accounts.settle_account(account, world.minutes([low_first]), world.t0 + world.minute)
    assert (account.lots(Side.LONG) > 0) is fills
    again = world.resting(world.account(), world.entry(ENTRY), 1_010_000, world.t0 + 39_999)
    assert (
        accounts.settle_account(again, world.minutes([row]), world.t0 + world.minute).lots(
            Side.LONG
        )
        == 100
    )


@pytest.mark.parametrize(
    ("expires_after_ms", "fills"),
    [(100_000, True), (99_999, False), (60_000, False), (120_000, True)],
)
def test_an_entry_fills_up_to_its_end_and_not_after(world, expires_after_ms, fills):
    intent = world.entry(ENTRY, expires_at=world.t0 + expires_after_ms)
    account = world.resting(world.account(), intent, 1_010_000)
    rows = [
        (1_010_000,) * 4,
        (1_010_000, 1_015_000, 990_000, 1_009_000),
        (990_000,) * 4,
    ]  # the low at t0 + 100 s
    account = accounts.settle_account(account, world.minutes(rows), world.t0 + 3 * world.minute)
    assert (account.lots(Side.LONG) > 0) is fills
    assert account.orders == ()
    assert [order.intent.id for order in account.ended] == ["t.entry.1"]


def test_an_order_that_ends_at_an_open_may_fill_there(world):
    intent = world.entry(ENTRY, expires_at=world.t0 + world.minute)
    account = world.resting(world.account(), intent, 1_010_000)
    account = accounts.settle_account(
        account, world.minutes([(1_010_000,) * 4]), world.t0 + world.minute
    )
    assert account.orders
    gap = world.minutes([(999_000, 1_010_000, 999_000, 1_010_000)], first=1)
    assert accounts.settle_account(account, gap, world.t0 + 2 * world.minute).lots(Side.LONG) == 100


def test_a_late_stop_fills_at_the_worst_price_around_its_placing(world):
    stop = world.stop(950_000)
    open_, dip, back = (
        PathPoint(0, 960_000, True),
        PathPoint(20_000, 940_000, False),
        PathPoint(40_000, 945_000, False),
    )
    assert stop_base(stop, dip, open_) == 950_000
    assert stop_base(stop, back, dip) == 940_000
    assert stop_base(stop, PathPoint(60_000, 930_000, True), None) == 930_000
    assert stop_base(stop, PathPoint(60_000, 950_000, True), None) == 950_000
    short = world.stop(1_050_000, side=Side.SHORT)
    assert stop_base(short, PathPoint(60_000, 1_080_000, True), None) == 1_080_000
    assert (
        stop_base(short, PathPoint(80_000, 1_055_000, False), PathPoint(60_000, 1_060_000, True))
        == 1_060_000
    )


def test_costs_of_crossing_round_against_us_and_agree_with_the_book():
    costs = Costs(
        spread_rate=Decimal("0.0001"), slippage_rate=Decimal("0.0005"), volume_share=Decimal("0.2")
    )
    assert crossing_at(4_900_000, buys=False, lots=1000, costs=costs) == (
        4_897_305,
        Decimal("269.5000"),
    )
    assert crossing_at(4_900_000, buys=True, lots=1000, costs=costs) == (
        4_902_695,
        Decimal("269.5000"),
    )
    book = Book(as_of=0, bid=4_999_999, ask=5_000_001)
    assert (
        crossing_book(book, buys=False, lots=10, costs=costs).price == 4_997_499
    )  # 4997499.0005 rounded down
    assert (
        crossing_book(book, buys=True, lots=10, costs=costs).price == 5_002_502
    )  # 5002501.0005 rounded up
    for price in range(900_000, 20_000_000, 999_983):
        book = book_at(price, spread_rate=0.0001, as_of=0)
        assert book.ask - price == half_spread(price, costs.spread_rate)


def test_volume_is_counted_in_whole_lots_without_float_noise():
    share = Decimal("0.2")
    assert volume_lots(0.0005, share) == 1
    assert volume_lots(0.00049, share) == 0
    assert volume_lots(1.1, share) == 2200
    assert volume_lots(0.0, share) == 0


def test_life_begins_after_the_placing_and_ends_with_the_end(world):
    order = Order(
        order_id=1, intent=world.entry(ENTRY, expires_at=20), placed_at=10, remaining_lots=1
    )
    assert [at for at in range(8, 24) if order.is_live(at)] == list(range(11, 21))
    assert (replace(order, intent=replace(order.intent, expires_at=None))).is_live(10**15)


def test_a_touch_waits_for_the_point_that_goes_through(world):
    account = world.resting(world.account(), world.entry(ENTRY), 1_010_000)
    account = after(
        world, account, (ENTRY, 1_000_500, 999_000, ENTRY)
    )  # opens at the limit, the low at second 40
    assert [fill.at for fill in account.fills] == [world.t0 + world.minute + 40_000]
    intent = world.entry(ENTRY)
    assert [intent.is_passed(price) for price in (ENTRY + 1, ENTRY, ENTRY - 1)] == [
        False,
        False,
        True,
    ]


def test_entries_and_targets_share_one_candles_volume(world):
    first, second = (
        world.entry(ENTRY, 60, id=f"{number}.entry", target_price=TARGET) for number in range(2)
    )
    account = world.resting(world.resting(world.account(), first, 1_010_000), second, 1_010_000)
    account = after(world, account, (1_010_000, TARGET + 5, 990_000, 1_000_000, 0.0100))
    assert [(fill.purpose, fill.lots) for fill in account.fills] == [("entry", 60), ("entry", 40)]
    account = accounts.settle_account(
        account,
        world.minutes([(990_000, TARGET + 5, 990_000, TARGET, 0.0050)], first=2),
        world.t0 + 3 * world.minute,
    )
    assert [(fill.purpose, fill.lots) for fill in account.fills[2:]] == [
        ("entry", 20),
        ("target", 30),
    ]


def test_a_partly_filled_order_that_ends_at_an_open_may_fill_there(world):
    intent = world.entry(ENTRY, expires_at=world.t0 + world.minute)
    account = world.resting(world.account(), intent, 1_010_000)
    rows = [
        (1_010_000, 1_010_000, 990_000, 1_010_000, 0.004),
        (999_000, 1_010_000, 999_000, 1_010_000, 0.003),
    ]
    account = accounts.settle_account(account, world.minutes(rows), world.t0 + 2 * world.minute)
    assert [fill.lots for fill in account.fills] == [40, 30]


@pytest.mark.parametrize(
    ("kind", "side"), [("margin", Side.LONG), ("margin", Side.SHORT), ("spot", Side.LONG)]
)
def test_a_stop_that_is_born_beyond_the_market_fires_at_once_and_never_better_than_it(
    world, side, kind
):
    """The market opened beyond the stop of an entry that crosses: it must not wait until the price
    has come back to it.
    """
    sign = side.sign
    stop = 1_000_000 + sign * 50_000
    entry = world.entry(
        1_000_000 + sign * 90_000,
        side=side,
        stop_price=stop,
        target_price=1_000_000 + sign * 200_000,
    )
    entry = replace(entry, kind=OrderKind.MARKET, price=None, post_only=False)
    account, outcome = accounts.place_order(
        world.account(kind=kind),
        entry,
        book=world.book(1_000_000),
        now_ms=world.t0,
        rules=PairRules(),
    )
    assert isinstance(outcome, Accepted)
    assert [fill.purpose for fill in outcome.fills] == [Purpose.ENTRY]
    (trade,) = account.trades
    assert trade.reason is Reason.EXIT_STOP
    assert (trade.opened_at, trade.closed_at, account.positions, account.orders) == (
        world.t0,
        world.t0,
        (),
        (),
    )
    assert (trade.exit_price - 1_000_000) * sign < 0
    assert trade.gross_jpy < 0


def test_a_resting_entry_whose_stop_lies_beyond_its_own_price_is_never_stopped_with_a_profit(world):
    account = world.resting(
        world.account(),
        world.entry(900_000, stop_price=950_000, target_price=1_100_000),
        1_000_000,
        world.t0,
    )
    settled = accounts.settle_account(
        account, world.minutes([(960_000, 960_000, 800_000, 820_000)]), world.t0 + world.minute
    )
    (trade,) = settled.trades
    assert trade.reason is Reason.EXIT_STOP
    assert trade.exit_price < trade.entry_price == 900_000


def test_a_limit_without_a_price_and_a_stop_without_a_trigger_are_our_own_mistakes_and_loud(world):
    with pytest.raises(AssertionError, match="placing checks it"):
        world.close().is_passed(1_000_000)
    with pytest.raises(AssertionError, match="placing checks it"):
        world.entry(1_000_000).is_reached(1_000_000)
