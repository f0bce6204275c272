"""The bot's own book of a real account."""

from decimal import Decimal

import pytest

from shared.core.frozen import copy_with
from shared.core.reasons import Reason
from shared.core.types import (
    AccountKind,
    Holdings,
    OrderIntent,
    OrderKind,
    PairRules,
    Position,
    Purpose,
    Side,
    Traces,
)
from shared.orders.own_book import (
    Executed,
    book_execution,
    free_jpy,
    ledger_equity_jpy,
    manual_close,
    open_ledger,
    rates_of,
    restage_ledger,
    value_holdings,
)

T0 = 1_767_225_600_000
DAY = 86_400_000
MARGIN, SPOT = AccountKind.MARGIN, AccountKind.SPOT
RULES = PairRules(
    maker_fee_rate=Decimal("0.0002"),
    taker_fee_rate=Decimal("0.0012"),
    long_interest_rate_day=Decimal("0.0004"),
    short_interest_rate_day=Decimal("0.0006"),
)


def order(purpose: Purpose, side: Side = Side.LONG, lots: int = 100) -> OrderIntent:
    return OrderIntent(
        id=f"t1.{purpose}.1",
        purpose=purpose,
        side=side,
        kind=OrderKind.LIMIT if purpose is Purpose.ENTRY else OrderKind.MARKET,
        lots=lots,
        price=10_000_000 if purpose is Purpose.ENTRY else None,
        reason=Reason.EXIT_TIME if purpose is Purpose.CLOSE else Reason.OK,
    )


def done(price: int, lots: int = 100, *, at: int = T0, maker: bool = True, **more) -> Executed:
    return Executed(number=1, order_id=7, at=at, price=price, lots=lots, is_maker=maker, **more)


def opened(kind: AccountKind = MARGIN, side: Side = Side.LONG):
    ledger = copy_with(open_ledger(200_000, T0), rates=rates_of(RULES))
    return book_execution(ledger, order(Purpose.ENTRY, side), done(10_000_000), kind=kind).ledger


def test_on_margin_opening_moves_no_cash_and_its_fee_waits():
    ledger = opened()
    assert ledger.cash_jpy == 200_000
    assert (ledger.lots(Side.LONG), ledger.lots(Side.SHORT)) == (100, 0)
    assert ledger.position(Side.LONG).fees_jpy == 20  # 0.02 % of 100,000 yen
    assert (ledger.next_fill_sequence, ledger.next_trade_sequence) == (2, 1)


def test_on_spot_coins_and_fee_are_paid_at_once():
    assert opened(SPOT).cash_jpy == 200_000 - 100_000 - 20


@pytest.mark.parametrize(
    ("side", "price", "gross"), [(Side.LONG, 10_500_000, 5_000), (Side.SHORT, 10_500_000, -5_000)]
)
def test_a_close_on_margin_is_the_difference_less_fees_and_interest(side, price, gross):
    ledger = opened(side=side)
    booked = book_execution(
        ledger,
        order(Purpose.CLOSE, side),
        done(price, maker=False, at=T0 + DAY, interest_jpy=Decimal(80)),
        kind=MARGIN,
    )
    trade = booked.trade
    assert (trade.gross_jpy, trade.fees_jpy, trade.interest_jpy) == (gross, 20 + 126, 80)
    assert trade.reason is Reason.EXIT_TIME
    assert trade.ends_position
    assert booked.ledger.cash_jpy == 200_000 + gross - 146 - 80
    assert booked.ledger.positions == ()
    assert (booked.fill.sequence, trade.sequence) == (2, 1)
    assert booked.ledger.next_trade_sequence == 2


@pytest.mark.parametrize(("number", "kept"), [(1_400_000_001, 1_400_000_001), (0, None)])
def test_a_fill_carries_the_exchanges_own_number_and_a_persons_correction_none(number, kept):
    executed = copy_with(done(10_000_000), number=number)
    for purpose, ledger in ((Purpose.ENTRY, open_ledger(200_000, T0)), (Purpose.CLOSE, opened())):
        booked = book_execution(ledger, order(purpose), executed, kind=MARGIN)
        assert booked.fill.execution_id == kept


def test_where_the_exchange_names_no_interest_it_is_that_of_the_days_begun():
    closed = book_execution(
        opened(side=Side.SHORT),
        order(Purpose.CLOSE, Side.SHORT, 50),
        done(10_000_000, 50, at=T0 + DAY, fee_jpy=Decimal(0)),
        kind=MARGIN,
    )
    assert closed.trade.interest_jpy == 60  # half of 100,000 at 0.06 % for two days
    assert not closed.trade.ends_position
    spot = book_execution(
        opened(SPOT), order(Purpose.CLOSE), done(10_000_000, at=T0 + DAY), kind=SPOT
    )
    assert spot.trade.interest_jpy == 0
    assert spot.ledger.cash_jpy == 200_000 - 20 - 20


def test_a_fee_is_the_exchanges_where_it_says_one():
    taken = book_execution(
        opened(), order(Purpose.ENTRY), done(10_000_000, fee_jpy=Decimal(-3)), kind=MARGIN
    )
    assert taken.fill.fee_jpy == -3
    free = book_execution(
        open_ledger(200_000, T0), order(Purpose.ENTRY), done(10_000_000, maker=False), kind=MARGIN
    )
    assert free.fill.fee_jpy == 100, "without rates those of the pair's defaults"


def test_no_more_is_closed_than_the_book_holds_and_nothing_of_nothing():
    closed = book_execution(opened(), order(Purpose.CLOSE), done(10_000_000, 170), kind=MARGIN)
    assert (closed.fill.lots, closed.trade.lots) == (100, 100)
    with pytest.raises(ValueError, match="holds nothing on the short side"):
        book_execution(opened(), order(Purpose.CLOSE, Side.SHORT), done(1, 1), kind=MARGIN)


def test_both_sides_stand_side_by_side():
    both = book_execution(
        opened(), order(Purpose.ENTRY, Side.SHORT), done(10_100_000, 40), kind=MARGIN
    ).ledger
    assert (both.lots(Side.LONG), both.lots(Side.SHORT)) == (100, 40)
    left = book_execution(both, order(Purpose.CLOSE), done(10_000_000), kind=MARGIN).ledger
    assert (left.lots(Side.LONG), left.lots(Side.SHORT)) == (0, 40)


def test_a_close_of_somebody_else_stands_in_the_book_by_the_executions_number():
    intent = manual_close(Side.SHORT, 30, number=9, reason=Reason.EXIT_LOSSCUT)
    assert (intent.id, intent.is_opening, intent.lots) == ("manual.9", False, 30)
    assert (intent.purpose, intent.kind, intent.side) == (
        Purpose.CLOSE,
        OrderKind.MARKET,
        Side.SHORT,
    )


@pytest.mark.parametrize(
    ("kind", "side", "mark", "worth"),
    [
        (MARGIN, Side.LONG, 10_100_000, 200_000 + 1_000 - 20 - 80),
        (MARGIN, Side.SHORT, 10_100_000, 200_000 - 1_000 - 20 - 120),
        (MARGIN, Side.LONG, None, 200_000 - 20 - 80),
        (SPOT, Side.LONG, 10_100_000, 200_000 - 20 + 1_000),
        (SPOT, Side.LONG, None, 200_000 - 20),
    ],
)
def test_the_book_is_worth_its_cash_and_what_it_holds_less_what_is_due(kind, side, mark, worth):
    ledger = opened(kind, side)
    marked = None if mark is None else Decimal(mark)
    assert ledger_equity_jpy(ledger, marked, T0 + DAY, kind=kind) == worth


def test_what_may_be_opened_is_what_the_margin_carries_less_what_is_held_and_rests():
    ledger, worth = opened(), Decimal(200_000)
    entry = order(Purpose.ENTRY, lots=50)
    assert free_jpy(ledger, ledger.positions, [], worth, kind=MARGIN) == 400_000 - 100_000
    assert free_jpy(ledger, ledger.positions, [entry], worth, kind=MARGIN) == 250_000
    assert free_jpy(ledger, ledger.positions, [], Decimal(40_000), kind=MARGIN) == 0
    spot = opened(SPOT)
    assert free_jpy(spot, spot.positions, [], worth, kind=SPOT) == 99_980
    assert free_jpy(spot, spot.positions, [entry], worth, kind=SPOT) == 99_980 - 50_000 - 10


def test_holdings_are_valued_at_a_mark_and_bounded_by_what_the_exchange_allows():
    ledger = opened()
    held = Holdings(
        as_of=T0,
        cash_jpy=ledger.cash_jpy,
        equity_jpy=Decimal(0),
        available_jpy=Decimal(0),
        mark_price=None,
        positions=ledger.positions,
        ledger=ledger,
        most_jpy=Decimal(70_000),
    )
    valued = value_holdings(held, Decimal(10_100_000), T0, kind=MARGIN)
    assert valued.equity_jpy == 200_000 + 1_000 - 20 - 40
    assert valued.available_jpy == 70_000
    assert valued.mark_price == valued.ledger.mark_price == 10_100_000
    free = value_holdings(copy_with(held, most_jpy=None), Decimal(10_000_000), T0, kind=MARGIN)
    assert free.available_jpy == (200_000 - 60) * 2 - 100_000
    paper = copy_with(held, ledger=None)
    assert value_holdings(paper, Decimal(1), T0, kind=MARGIN) is paper


@pytest.mark.parametrize("kind", [MARGIN, SPOT])
def test_what_was_sold_and_nobody_told_yet_is_neither_won_nor_lost(kind):
    """Its coins are gone from what is held, and its yen are not in the cash."""
    ledger = opened(kind)
    told = Holdings(
        as_of=T0,
        cash_jpy=ledger.cash_jpy,
        equity_jpy=Decimal(0),
        available_jpy=Decimal(0),
        mark_price=None,
        positions=ledger.positions,
        ledger=ledger,
    )
    mark = Decimal(10_100_000)
    before = value_holdings(told, mark, T0, kind=kind)
    after = value_holdings(copy_with(told, positions=()), mark, T0, kind=kind)
    assert after.equity_jpy == before.equity_jpy > 200_000


def test_another_stage_moves_capital_and_cash_and_explains_the_rest():
    traces = Traces(read_at=T0, newest_order_id=1, jpy=Decimal(300_000))
    ledger = copy_with(
        opened(), aside_jpy=Decimal(300_000), traces=traces, drift=traces, cash_jpy=Decimal(190_000)
    )
    up = restage_ledger(ledger, Decimal(500_000))
    assert (up.capital_jpy, up.cash_jpy) == (500_000, 490_000)
    assert (up.aside_jpy, up.traces.jpy, up.drift) == (0, 0, None)
    assert restage_ledger(ledger, ledger.capital_jpy) is ledger
    first = restage_ledger(open_ledger(200_000, T0), Decimal(20_000))
    assert (first.cash_jpy, first.aside_jpy, first.traces) == (20_000, None, None)


def test_positions_of_the_book_are_frozen_values():
    assert isinstance(opened().position(Side.LONG), Position)
    assert opened().position(Side.SHORT) is None
