"""The own book's figures where nothing was read yet, and to the last yen."""

from decimal import Decimal

import pytest

from shared.core.frozen import copy_with
from shared.core.reasons import Reason
from shared.core.settings import load_settings
from shared.core.types import AccountKind, OrderKind, PairRules, Purpose, Side, Traces
from shared.orders.own_book import (
    book_execution,
    free_jpy,
    ledger_equity_jpy,
    manual_close,
    open_ledger,
    restage_ledger,
    staged_capital_jpy,
)
from tests.unit.orders.test_own_book import DAY, MARGIN, SPOT, T0, done, opened, order

PLAIN = PairRules()


@pytest.mark.parametrize(("stage", "capital"), [("stage-10", 30), ("stage-50", 150), ("live", 300)])
def test_a_stage_gives_its_share_of_the_capital(stage, capital):
    settings = load_settings({"BOT_STAGE": stage, "BOT_CAPITAL_JPY": "300"})
    assert staged_capital_jpy(settings) == capital


def test_what_lies_aside_moves_by_as_much_as_the_capital():
    traces = Traces(read_at=T0, newest_order_id=1, jpy=Decimal(300_000))
    ledger = copy_with(opened(), aside_jpy=Decimal(300_000), traces=traces)
    up = restage_ledger(ledger, Decimal(350_000))
    assert (up.aside_jpy, up.traces.jpy) == (150_000, 150_000)


@pytest.mark.parametrize("kind", [MARGIN, SPOT])
def test_every_execution_has_a_number_of_its_own(kind):
    ledger = opened(kind)
    for number in (2, 3):
        booked = book_execution(
            ledger, order(Purpose.CLOSE, lots=40), done(10_000_000, 40), kind=kind
        )
        assert booked.fill.sequence == number
        assert booked.trade.sequence == number - 1
        ledger = booked.ledger


def test_a_close_of_somebody_else_says_why():
    assert manual_close(Side.LONG, 1, number=1, reason=Reason.EXIT_LOSSCUT).reason is (
        Reason.EXIT_LOSSCUT
    )


def test_before_the_rules_are_known_the_plain_ones_hold():
    ledger = open_ledger(200_000, T0)
    assert ledger.rates is None
    entry = order(Purpose.ENTRY)
    free = free_jpy(ledger, [], [entry], Decimal("200000.3000"), kind=MARGIN)
    assert free == Decimal("200000.3") / PLAIN.margin_ratio - 100_000
    held = book_execution(ledger, entry, done(10_000_000), kind=MARGIN).ledger
    day = Decimal(100_000) * PLAIN.long_interest_rate_day
    fee = held.position(Side.LONG).fees_jpy
    worth = ledger_equity_jpy(held, None, T0 + DAY - 1, kind=MARGIN)
    assert worth == 200_000 - fee - day
    closed = book_execution(held, order(Purpose.CLOSE), done(10_000_000), kind=MARGIN)
    assert closed.trade.interest_jpy == day
    short = book_execution(
        ledger, order(Purpose.ENTRY, Side.SHORT), done(10_000_000), kind=MARGIN
    ).ledger
    closed = book_execution(short, order(Purpose.CLOSE, Side.SHORT), done(10_000_000), kind=MARGIN)
    assert closed.trade.interest_jpy == Decimal(100_000) * PLAIN.short_interest_rate_day


def test_every_position_counts_and_an_order_without_a_price_costs_nothing_yet():
    both = book_execution(
        opened(), order(Purpose.ENTRY, Side.SHORT), done(10_000_000, 40), kind=MARGIN
    ).ledger
    worth = ledger_equity_jpy(both, Decimal(10_000_000), T0, kind=AccountKind.SPOT)
    assert worth == 200_000 + 100_000 + 40_000
    unpriced = copy_with(order(Purpose.ENTRY), price=None, kind=OrderKind.MARKET)
    ledger = open_ledger(200_000, T0)
    free = free_jpy(ledger, [], [unpriced], Decimal(200_000), kind=MARGIN)
    assert free == Decimal(200_000) / PLAIN.margin_ratio
