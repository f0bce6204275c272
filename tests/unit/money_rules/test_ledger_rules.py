"""What a fill books, to the last digit, and what it leaves resting; what an account is worth, and
what it may still open.
"""

from dataclasses import replace
from decimal import Decimal

import pytest

from shared.core.costs import Costs
from shared.core.reasons import Reason
from shared.core.types import (
    AccountKind,
    Counted,
    Entry,
    Fill,
    OrderIntent,
    OrderKind,
    PairRules,
    Position,
    Purpose,
    Side,
    Trade,
)
from shared.exchanges.paper import ledger
from shared.exchanges.paper.fills import PathPoint
from shared.exchanges.paper.ledger import Execution
from shared.orders import booking

T0 = 1_699_999_200_000
DAY = 86_400_000
LONG, SHORT = Side.LONG, Side.SHORT
FEES = PairRules(
    maker_fee_rate=Decimal("0.001"),
    taker_fee_rate=Decimal("0.002"),
    long_interest_rate_day=Decimal("0.0004"),
    short_interest_rate_day=Decimal("0.0006"),
    margin_ratio=Decimal("0.5"),
)


@pytest.fixture
def account(made):
    """An account with fees, and what is given: orders rest by number, positions are held."""

    def making(*positions, kind=AccountKind.MARGIN, orders=(), cash=1_000_000, **more):
        more = {"next_order_id": 1 + len(orders), **more}
        return made.account(
            kind, cash=cash, rules=FEES, positions=positions, orders=tuple(orders), **more
        )

    return making


def yen(text):
    return Decimal(text)


# terms


def test_the_terms_are_what_settings_and_rules_say(made):
    settings = made.settings(
        paper={"spread_rate": 0.05, "slippage_rate": 0.04, "volume_share": 0.3, "keep_trades": 7}
    )
    assert ledger.account_terms(settings, FEES) == ledger.Terms(
        maker_fee_rate=Decimal("0.001"),
        taker_fee_rate=Decimal("0.002"),
        long_interest_rate_day=Decimal("0.0004"),
        short_interest_rate_day=Decimal("0.0006"),
        margin_ratio=Decimal("0.5"),
        costs=Costs(
            spread_rate=Decimal("0.05"), slippage_rate=Decimal("0.04"), volume_share=Decimal("0.3")
        ),
        keep_trades=7,
    )


@pytest.mark.parametrize(
    "field",
    [
        "maker_fee_rate",
        "taker_fee_rate",
        "long_interest_rate_day",
        "short_interest_rate_day",
        "margin_ratio",
    ],
)
@pytest.mark.parametrize("value", ["0.0001", "0.9"])
def test_the_terms_follow_every_rate_up_and_down_and_keep_the_rest(account, field, value):
    before = account().terms
    assert before.follow_rules(FEES) is before
    assert before.follow_rules(replace(FEES, **{field: Decimal(value)})) == replace(
        before, **{field: Decimal(value)}
    )


def test_a_new_account_is_settled_to_its_full_minute(made):
    begun = ledger.open_account(
        "1000.00005", T0 + 59_999, kind=AccountKind.SPOT, terms=made.account().terms
    )
    assert (begun.kind, begun.cash_jpy, begun.settled_until, begun.is_idle) == (
        "spot",
        yen("1000.0000"),
        T0,
        True,
    )
    assert (begun.next_order_id, begun.next_trade_sequence, begun.next_fill_sequence) == (1, 1, 1)


def test_an_account_is_idle_only_without_orders_and_positions(made, account):
    assert not account(made.position(made.part(100, 1))).is_idle
    assert not account(orders=[made.order(1, made.entry(1))]).is_idle


# what it is worth


@pytest.mark.parametrize(
    ("held_ms", "days"),
    [(-5, 1), (0, 1), (1, 1), (DAY - 1, 1), (DAY, 2), (2 * DAY - 1, 2), (2 * DAY, 3)],
)
def test_a_day_of_interest_begins_with_the_position_and_every_24_hours(held_ms, days):
    assert booking.days_started(T0, T0 + held_ms) == days


@pytest.mark.parametrize(
    ("kind", "side", "interest"),
    [("margin", LONG, "0.8000"), ("margin", SHORT, "1.2000"), ("spot", LONG, "0")],
)
def test_interest_is_of_the_price_by_side_and_by_day(made, account, kind, side, interest):
    part = made.part(100_000, 100, at=T0)  # 1,000 yen
    held = Position(side=side, entries=(part,))
    assert ledger.accrued_jpy(account(kind=kind), held, T0 + DAY) == yen(interest)


@pytest.mark.parametrize(
    ("kind", "side", "mark", "worth"),
    [
        ("margin", LONG, 110_000, "1000092.6000"),  # +100, -7 of fees, -0.4 of interest
        ("margin", SHORT, 110_000, "999892.4000"),
        ("margin", LONG, "100000.5", "999992.6050"),
        ("margin", SHORT, "100000.5", "999992.3950"),
        ("margin", LONG, None, "999992.6000"),
        ("margin", SHORT, 90_000, "1000092.4000"),
        ("spot", LONG, 110_000, "1001100.0000"),
        ("spot", LONG, None, "1001000.0000"),
    ],
)
def test_equity_is_cash_and_what_is_held_less_what_it_owes(made, account, kind, side, mark, worth):
    held = made.position(made.part(100_000, 100, fee="7"), side=side)
    told = Decimal(mark) if isinstance(mark, str) else mark
    assert ledger.equity(account(held, kind=kind), told, T0) == yen(worth)


def test_equity_adds_up_every_part_of_every_position(made, account):
    long = made.position(made.part(100_000, 100, fee="1"), made.part(120_000, 50, fee="2"))
    short = made.position(made.part(90_000, 10, fee="4"), side=SHORT)
    # +100 -50 -20, -7, and interest of 0.4 + 0.24 + 0.054
    assert ledger.equity(account(long, short), 110_000, T0) == yen("1000022.3060")


@pytest.mark.parametrize(
    ("kind", "orders", "free"),
    [
        ("margin", (), "1998985.2000"),  # twice 999,992.6, less what is held
        ("margin", ("entry",), "1998485.2000"),
        ("margin", ("entry", "entry", "stop", "target"), "1997985.2000"),
        ("spot", (), "1000000.0000"),
        ("spot", ("entry",), "999499.5000"),
        ("spot", ("entry", "stop"), "999499.5000"),
    ],
)
def test_what_is_free_is_what_is_neither_held_nor_reserved(made, account, kind, orders, free):
    makes = {
        "entry": made.entry(50_000, 200),
        "stop": made.stop(50_000, 100),
        "target": made.target(50_000, 100),
    }
    resting = [
        made.order(number, replace(makes[name], id=str(number)), left=100)
        for number, name in enumerate(orders, start=1)
    ]
    held = made.position(made.part(100_000, 100, fee="7"))
    assert ledger.available_jpy(account(held, kind=kind, orders=resting), None, T0) == yen(free)


def test_what_is_free_is_never_less_than_nothing(made, account):
    resting = [made.order(1, made.entry(1_000_000_000, 10_000))]
    assert ledger.available_jpy(account(orders=resting), None, T0) == 0
    assert ledger.available_jpy(account(kind=AccountKind.SPOT, orders=resting), None, T0) == 0
    assert ledger.available_jpy(account(cash=-5), None, T0) == 0


def test_a_rebate_reserves_nothing_back(made, account):
    held = account(kind=AccountKind.SPOT, orders=[made.order(1, made.entry(1_000_000, 100))])
    rebate = replace(held, terms=replace(held.terms, maker_fee_rate=Decimal("-0.5")))
    assert ledger.available_jpy(rebate, None, T0) == yen("990000.0000")


def test_a_tick_sees_the_account_as_it_is(made, account):
    orders = [
        made.order(1, made.entry(90_000, expires_at=T0 - 5)),
        made.order(2, made.stop(80_000, expires_at=T0)),
        made.order(3, made.stop(80_000, expires_at=T0 + 1)),
    ]
    fills, trades = (made.fill(1),), (made.trade(1, 5),)
    held = account(
        made.position(made.part(100_000, 100)),
        orders=orders,
        fills=fills,
        trades=trades,
        settled_until=T0 - 60_000,
    )
    seen = ledger.holdings(held, 110_000, T0)
    assert [order.order_id for order in seen.orders] == [1, 3]
    assert (seen.as_of, seen.cash_jpy, seen.mark_price, seen.settled_until) == (
        T0,
        held.cash_jpy,
        Decimal(110_000),
        T0 - 60_000,
    )
    assert (seen.positions, seen.trades, seen.fills) == (held.positions, trades, fills)
    assert seen.equity_jpy == ledger.equity(held, 110_000, T0)
    assert seen.available_jpy == ledger.available_jpy(held, 110_000, T0)
    assert ledger.holdings(held, None, T0).mark_price is None


# orders that rest


def test_an_order_is_numbered_and_rests_whole(made, account):
    after, order = ledger.with_order(account(next_order_id=5), made.entry(1, 30), T0)
    assert order == made.order(5, made.entry(1, 30), at=T0)
    assert (after.orders, after.next_order_id) == ((order,), 6)
    assert ledger.with_order(after, made.entry(2), T0)[0].orders[0] is order


def test_an_order_is_changed_in_its_place_and_ends_with_its_last_lot(made, account):
    orders = [made.order(number, made.entry(number, id=str(number))) for number in (1, 2, 3)]
    smaller = replace(orders[1], remaining_lots=1)
    after = ledger.update_order(account(orders=orders), smaller)
    assert (after.orders, after.ended) == ((orders[0], smaller, orders[2]), ())
    nothing = replace(orders[1], remaining_lots=0)
    after = ledger.update_order(after, nothing)
    assert (after.orders, after.ended) == ((orders[0], orders[2]), (nothing,))


def test_the_last_twenty_ended_orders_are_remembered(made, account):
    orders = [made.order(number, made.entry(number, id=str(number))) for number in range(1, 31)]
    before = account(orders=orders)
    assert ledger.end_orders(before, []) is before
    after = ledger.end_orders(before, orders[:25])
    assert [order.order_id for order in after.ended] == list(range(6, 26))
    assert [order.order_id for order in after.orders] == list(range(26, 31))
    assert [order.order_id for order in ledger.end_orders(after, orders[25:26]).ended] == list(
        range(7, 27)
    )


# booking


@pytest.mark.parametrize(
    ("kind", "maker", "cash"),
    [("margin", True, "1000000"), ("spot", True, "998997.9990"), ("spot", False, "998996.9980")],
)
def test_an_opening_is_booked_with_its_fee_and_paid_at_once_only_on_spot(
    made, account, kind, maker, cash
):
    before = account(
        kind=kind, orders=[made.order(1, made.entry(100_100, 300))], next_fill_sequence=4
    )
    done = Execution(at=T0 + 7, price=100_100, lots=100, maker=maker, slippage_jpy=yen("0.5"))
    after = ledger.book_opening(before, before.orders[0], done)
    fee = yen("1.0010") if maker else yen("2.0020")
    assert after.fills == (
        Fill(
            sequence=4,
            order_id=1,
            purpose=Purpose.ENTRY,
            side=LONG,
            at=T0 + 7,
            price=100_100,
            lots=100,
            maker=maker,
            fee_jpy=fee,
            slippage_jpy=yen("0.5"),
        ),
    )
    assert after.positions == (
        Position(side=LONG, entries=(Entry(at=T0 + 7, price=100_100, lots=100, fee_jpy=fee),)),
    )
    assert (after.orders[0].remaining_lots, after.next_fill_sequence, after.cash_jpy) == (
        200,
        5,
        yen(cash),
    )


def test_a_second_opening_grows_the_position_and_leaves_the_other_side_alone(made, account):
    short = made.position(made.part(90_000, 10), side=SHORT)
    long = made.position(made.part(100_000, 10))
    before = account(long, short, orders=[made.order(1, made.entry(110_000, 5))])
    after = ledger.book_opening(
        before, before.orders[0], Execution(at=T0, price=110_000, lots=5, maker=True)
    )
    assert after.position(SHORT) == short
    assert [(part.price, part.lots) for part in after.position(LONG).entries] == [
        (100_000, 10),
        (110_000, 5),
    ]
    assert (after.lots(LONG), after.lots(SHORT)) == (15, 10)
    assert after.orders == ()


@pytest.mark.parametrize("kind", ["margin", "spot"])
def test_an_entrys_bracket_grows_with_every_fill_and_has_a_target_only_on_margin(
    made, account, kind
):
    entry = made.entry(100_000, 300, id="e", stop_price=90_000, target_price=120_000)
    before = account(kind=kind, orders=[made.order(1, entry)])
    once = ledger.book_opening(
        before, before.orders[0], Execution(at=T0 + 1, price=100_000, lots=100, maker=True)
    )
    twice = ledger.book_opening(
        once, once.orders[0], Execution(at=T0 + 2, price=100_000, lots=50, maker=True)
    )
    bracket = [
        OrderIntent(
            id="e.stop",
            purpose=Purpose.STOP,
            side=LONG,
            kind=OrderKind.STOP,
            lots=150,
            trigger_price=90_000,
            reason=Reason.STOP_PLACED,
        ),
        OrderIntent(
            id="e.target",
            purpose=Purpose.TARGET,
            side=LONG,
            kind=OrderKind.LIMIT,
            lots=150,
            price=120_000,
            post_only=True,
        ),
    ][: 2 if kind == "margin" else 1]
    assert [order.intent for order in once.orders[1:]] == [
        replace(intent, lots=100) for intent in bracket
    ]
    assert [order.intent for order in twice.orders[1:]] == bracket
    assert [(order.remaining_lots, order.placed_at) for order in twice.orders[1:]] == [
        (150, T0 + 1)
    ] * len(bracket)


def test_an_entry_without_a_bracket_brings_none(made, account):
    before = account(orders=[made.order(1, made.entry(100_000, 300))])
    after = ledger.book_opening(
        before, before.orders[0], Execution(at=T0, price=100_000, lots=100, maker=True)
    )
    assert len(after.orders) == 1


def test_a_stop_that_was_cancelled_does_not_grow_and_one_filled_in_part_does(made, account):
    entry = made.order(1, made.entry(100_000, 300, id="e", stop_price=90_000))
    gone = made.order(2, made.stop(90_000, 100, id="e.stop", expires_at=T0 + 9))
    before = account(orders=[entry, gone])
    after = ledger.book_opening(before, entry, Execution(at=T0, price=100_000, lots=50, maker=True))
    assert [
        (order.intent.id, order.intent.lots, order.intent.expires_at) for order in after.orders[1:]
    ] == [
        ("e.stop", 100, T0 + 9),
        ("e.stop", 50, None),
    ]
    part = made.order(2, made.stop(90_000, 100, id="e.stop"), left=40)
    before = account(orders=[entry, made.order(3, made.stop(90_000, 7, id="other")), part])
    after = ledger.book_opening(before, entry, Execution(at=T0, price=100_000, lots=50, maker=True))
    assert [(order.intent.lots, order.remaining_lots) for order in after.orders[1:]] == [
        (7, 7),
        (150, 90),
    ]


@pytest.mark.parametrize(
    ("kind", "side", "interest", "cash"),
    [
        ("margin", LONG, "0.3200", "1000048.0800"),
        ("margin", SHORT, "0.4800", "999947.9200"),
        ("spot", LONG, "0", "1000548.9000"),
    ],
)
def test_a_close_is_one_trade_with_all_that_it_cost(made, account, kind, side, interest, cash):
    parts = made.part(100_000, 30, fee="0.3"), made.part(100_000, 20, at=T0 + 5, fee="0.2")
    order = made.order(1, made.close(50, side=side, reason=Reason.EXIT_TIME))
    before = account(
        made.position(*parts, side=side), kind=kind, orders=[order], next_trade_sequence=3
    )
    done = Execution(at=T0 + DAY, price=110_000, lots=50, maker=False, slippage_jpy=yen("0.9"))
    after = ledger.book_closing(before, order, done)
    trade = after.trades[-1]
    assert trade == Trade(
        sequence=3,
        side=side,
        opened_at=T0,
        closed_at=T0 + DAY,
        lots=50,
        entry_price=Decimal(100_000),
        exit_price=110_000,
        reason=Reason.EXIT_TIME,
        gross_jpy=yen("50") * side.sign,
        fees_jpy=yen("1.6"),
        interest_jpy=yen(interest),
        slippage_jpy=yen("0.9"),
        ends_position=True,
    )
    assert after.next_trade_sequence == 4
    assert after.is_idle
    assert after.cash_jpy == yen(cash)


@pytest.mark.parametrize(
    ("make", "reason"),
    [("stop", Reason.EXIT_STOP), ("target", Reason.EXIT_TARGET), ("close", Reason.EXIT_OPPOSITE)],
)
def test_a_trade_ends_for_the_reason_of_its_order(made, account, make, reason):
    intent = made.close(50, reason=reason) if make == "close" else getattr(made, make)(90_000, 50)
    before = account(made.position(made.part(100_000, 50)), orders=[made.order(1, intent)])
    after = ledger.book_closing(
        before, before.orders[0], Execution(at=T0, price=90_000, lots=50, maker=True)
    )
    assert after.trades[-1].reason is reason


def test_on_spot_a_part_is_closed_first_in_first_out_and_its_fees_go_with_it(made, account):
    parts = (
        made.part(100_000, 30, fee="1.0000"),
        made.part(110_000, 40, at=T0 + 5, fee="0.0003"),
        made.part(120_000, 9, fee="5"),
    )
    order = made.order(1, made.close(40, reason=Reason.EXIT_EXPOSURE))
    before = account(made.position(*parts), kind=AccountKind.SPOT, orders=[order])
    after = ledger.book_closing(
        before, order, Execution(at=T0 + 9, price=100_000, lots=40, maker=False)
    )
    trade = after.trades[0]
    assert (trade.ends_position, trade.opened_at, trade.lots, trade.entry_price) == (
        False,
        T0,
        40,
        Decimal(102_500),
    )
    assert trade.gross_jpy == -10
    assert trade.fees_jpy == yen("1.8001")
    assert after.position(LONG).entries == (
        Entry(at=T0 + 5, price=110_000, lots=30, fee_jpy=yen("0.0002")),
        Entry(at=T0, price=120_000, lots=9, fee_jpy=yen("5")),
    )


def test_a_close_ends_what_rests_on_its_side_and_nothing_on_the_other(made, account):
    orders = [
        made.order(1, made.stop(90_000, 50)),
        made.order(2, made.target(120_000, 50)),
        made.order(3, made.entry(1, 50)),
    ]
    other = made.order(4, made.stop(120_000, 50, side=SHORT))
    before = account(
        made.position(made.part(100_000, 50)),
        made.position(made.part(1, 50), side=SHORT),
        orders=[*orders, other],
    )
    after = ledger.book_closing(
        before, orders[0], Execution(at=T0, price=90_000, lots=50, maker=False)
    )
    assert after.orders == (other,)
    assert [order.order_id for order in after.ended] == [1, 2, 3]


@pytest.mark.parametrize(("closed", "left"), [(1, 49), (10, 40), (20, 30), (49, 1)])
def test_after_a_part_no_order_closes_more_than_is_left(made, account, closed, left):
    stop, entry = made.order(1, made.stop(90_000, 60), left=50), made.order(2, made.entry(1, 80))
    small = made.order(3, made.target(120_000, 30, id="small"))
    other = made.order(4, made.target(1, 80, side=SHORT))
    closing = made.order(5, made.close(closed))
    held = made.position(made.part(100_000, 50)), made.position(made.part(1, 80), side=SHORT)
    before = account(*held, orders=[stop, entry, small, other, closing])
    after = ledger.book_closing(
        before, closing, Execution(at=T0, price=90_000, lots=closed, maker=False)
    )
    assert [(order.intent.lots, order.remaining_lots) for order in after.orders] == [
        (10 + left, left),
        (80, 80),
        (min(30, left), min(30, left)),
        (80, 80),
    ]


def test_so_many_trades_are_kept_and_twice_as_many_fills(made, account):
    after = account(
        made.position(made.part(100_000, 100)),
        trades=tuple(made.trade(n, 1) for n in range(1, 11)),
        next_trade_sequence=11,
    )
    after = replace(after, fills=tuple(made.fill(n) for n in range(1, 21)), next_fill_sequence=21)
    order = made.order(1, made.close(5))
    after = ledger.book_closing(
        replace(after, orders=(order,)), order, Execution(at=T0, price=1, lots=5, maker=False)
    )
    assert [trade.sequence for trade in after.trades] == list(range(1, 12)), (
        "none is let go of before it was counted"
    )
    assert [fill.sequence for fill in after.fills] == list(range(1, 22))
    for counted, first in (
        (Counted(), 1),
        (Counted(trades=11, fills=21), 2),
        (Counted(trades=1, fills=1), 2),
    ):
        kept = ledger.trim_account(after, counted)
        assert [trade.sequence for trade in kept.trades] == list(range(first, 12))
        assert [fill.sequence for fill in kept.fills] == list(range(first, 22))
    assert ledger.trim_account(after, Counted()) is after


def test_a_resting_limit_is_executed_as_maker_at_its_own_price(made, account):
    entry, target = made.order(1, made.entry(100_000, 50)), made.order(1, made.target(120_000, 50))
    point = PathPoint(T0 + 5, 99_000, opens=False)
    bought = ledger.book_limit_fill(account(orders=[entry]), entry, point, 20)
    assert [
        (fill.at, fill.price, fill.lots, fill.maker, fill.slippage_jpy) for fill in bought.fills
    ] == [(T0 + 5, 100_000, 20, True, 0)]
    before = account(made.position(made.part(100_000, 50)), orders=[target])
    sold = ledger.book_limit_fill(before, target, point, 50)
    assert [(fill.price, fill.maker) for fill in sold.fills] == [(120_000, True)]
    assert sold.trades[0].gross_jpy == 100


@pytest.mark.parametrize(
    ("at", "minute"), [(60_000, 60_000), (119_999, 60_000), (540_000, 540_000), (600_001, 600_000)]
)
def test_a_full_minute_is_one_of_sixty_seconds(at, minute):
    assert ledger.full_minute(T0 + at) == T0 + minute


def test_an_account_is_untouched_until_its_first_fill(account):
    assert [account(next_fill_sequence=number).is_untouched for number in (0, 1, 2, 3, 10)] == [
        False,
        True,
        False,
        False,
        False,
    ]


def test_an_account_remembers_the_capital_that_it_began_with(made):
    begun = ledger.open_account(1_000, T0, kind=AccountKind.MARGIN, terms=made.account().terms)
    assert begun.capital_jpy == 1_000
    assert ledger.holdings(begun, None, T0).opened_with_jpy == 1_000


@pytest.mark.parametrize(
    ("trades", "fills", "left_trades", "left_fills"),
    [
        (0, 0, 13, 23),
        (1, 1, 12, 22),
        (3, 3, 10, 20),
        (9, 9, 10, 20),
        (3, 0, 10, 23),
        (0, 3, 13, 20),
    ],
)
def test_what_was_counted_goes_but_for_the_most_recent(
    made, account, trades, fills, left_trades, left_fills
):
    full = account(
        trades=tuple(made.trade(n, 1) for n in range(1, 14)),
        fills=tuple(made.fill(n) for n in range(1, 24)),
    )
    after = ledger.trim_account(full, Counted(trades=trades, fills=fills))
    assert (len(after.trades), len(after.fills)) == (left_trades, left_fills)
    assert (after.trades[-1].sequence, after.fills[-1].sequence) == (13, 23)
    assert (after is full) is (trades == fills == 0)
    few = account(trades=full.trades[:10], fills=full.fills[:20])
    assert ledger.trim_account(few, Counted(trades=99, fills=99)) is few
