"""A person's correction of the book: its size and price, once, of this book alone."""

from dataclasses import replace
from decimal import Decimal

import pytest

from shared.core.reasons import Reason
from shared.core.types import AccountKind, Adoption, Correction, Ledger, Purpose, Side
from shared.orders.correcting import correct_ledger

AT = 1_767_225_600_000
BOOK = Ledger(
    capital_jpy=Decimal(1_000_000),
    cash_jpy=Decimal(1_000_000),
    opened_at=AT,
    aside_jpy=Decimal(5),
    aside_btc=Decimal(1),
)
ADOPT = Adoption(
    id="a",
    what=Correction.ADOPT,
    side=Side.LONG,
    lots=100,
    price=15_000_000,
    at=AT,
    who="ann",
    why="bought",
)
FORGET = replace(ADOPT, id="b", what=Correction.FORGET, price=15_100_000, lots=40)
PAID = {AccountKind.MARGIN: Decimal(1_000_000), AccountKind.SPOT: Decimal(850_000)}
GAINED = {AccountKind.MARGIN: Decimal(1_000_376), AccountKind.SPOT: Decimal(910_400)}
NET = {AccountKind.MARGIN: 376, AccountKind.SPOT: 400}
"""On margin the book takes the interest of the day that it knows."""


@pytest.mark.parametrize("kind", list(AccountKind))
def test_what_is_adopted_is_booked_at_its_price_without_a_fee_and_what_is_forgotten_as_a_trade(
    kind,
):
    adopted = correct_ledger(BOOK, ADOPT, kind=kind)
    assert [(one.side, one.lots, one.average_price) for one in adopted.ledger.positions] == [
        (Side.LONG, 100, 15_000_000)
    ]
    assert adopted.ledger.cash_jpy == PAID[kind]
    assert [(one.purpose, one.lots, one.price, one.fee_jpy) for one in adopted.fills] == [
        (Purpose.ENTRY, 100, 15_000_000, 0)
    ]
    assert (adopted.trades, adopted.ledger.corrected_by) == ((), "a")
    assert (adopted.ledger.aside_jpy, adopted.ledger.aside_btc) == (None, None)
    forgot = correct_ledger(adopted.ledger, FORGET, kind=kind)
    assert forgot.ledger.lots(Side.LONG) == 60
    assert forgot.ledger.cash_jpy == GAINED[kind]
    assert [(one.lots, one.exit_price, one.reason, one.net_jpy) for one in forgot.trades] == [
        (40, 15_100_000, Reason.EXIT_MANUAL, NET[kind])
    ]
    assert forgot.ledger.corrected_by == "b"


def test_a_book_is_corrected_once_by_an_order_and_never_by_one_of_an_earlier_book():
    kind = AccountKind.MARGIN
    once = correct_ledger(BOOK, ADOPT, kind=kind).ledger
    assert correct_ledger(once, ADOPT, kind=kind) is None
    assert correct_ledger(BOOK, replace(ADOPT, at=AT - 1), kind=kind) is None


def test_what_the_book_does_not_hold_is_not_forgotten_and_the_order_is_done():
    found = correct_ledger(BOOK, FORGET, kind=AccountKind.MARGIN)
    assert (found.fills, found.trades) == ((), ())
    assert found.ledger == replace(BOOK, corrected_by="b")
