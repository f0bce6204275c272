"""Fills, trades, books and executions that do not agree: each difference by name and number."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from shared.core.types import AccountKind, BookName, Purpose, Side, Trade
from shared.results.tax import (
    BookStanding,
    TaxDifference,
    TaxExecution,
    TaxFill,
    TaxMismatch,
    book_differences,
    exchange_differences,
    with_interest,
)
from shared.results.tax.margin import margin_trades
from tests.support.tax_stories import BOOKS, NEW_YEARS, told

BUY, SELL = Purpose.ENTRY, Purpose.STOP
MARGIN, SPOT = AccountKind.MARGIN, AccountKind.SPOT
T0 = NEW_YEARS[2]
CAPITAL = Decimal(1_000_000)


def margin_fills() -> list[TaxFill]:
    """Opened in two parts, closed in two of one moment and one form, and a short that stays."""
    more: dict[str, Any] = {"account": MARGIN}
    return [
        told(1, BUY, at=T0, price=10_000_000, lots=100, fee="10", **more),
        told(2, BUY, at=T0 + 1, price=11_000_000, lots=100, fee="11", **more),
        told(3, SELL, at=T0 + 2, price=12_000_000, lots=50, fee="6", interest="3", **more),
        told(4, SELL, at=T0 + 2, price=12_000_000, lots=50, fee="6", interest="4", **more),
        told(5, BUY, at=T0 + 3, price=9_000_000, lots=30, side=Side.SHORT, **more),
    ]


def spot_fills() -> list[TaxFill]:
    return [
        told(1, BUY, at=T0, price=10_000_000, lots=100, fee="10"),
        told(2, SELL, at=T0 + 1, price=11_000_000, lots=40, fee="4.4"),
    ]


def trades_of(fills: list[TaxFill]) -> dict[BookName, tuple[Trade, ...]]:
    return {BOOKS[0]: tuple(margin_trades(fills)[0].values())}


def standing_of(fills: list[TaxFill], **more: Any) -> BookStanding:
    """By hand: margin brings 0.005 x (12,000,000 - 10,500,000) - 5.25 - 6 - interest, twice; coins
    cost 100,010 and bring 43,995.6.
    """
    is_margin = fills[0].account is MARGIN
    cash = CAPITAL + (2 * Decimal("7488.75") - 7 if is_margin else Decimal("-56014.4"))
    lots = {Side.LONG: 100, Side.SHORT: 30} if is_margin else {Side.LONG: 60}
    given = {"capital_jpy": CAPITAL, "cash_jpy": cash, "lots": lots, "fills": len(fills)}
    return BookStanding(book=BOOKS[0], **{**given, **more})


def execution_of(one: TaxFill, **more: Any) -> TaxExecution:
    fill = one.fill
    given = {
        "number": fill.execution_id,
        "order_id": fill.order_id,
        "at": fill.at,
        "is_buy": (fill.side is Side.LONG) == (fill.purpose is BUY),
        "side": fill.side if one.account is MARGIN else None,
        "price": fill.price,
        "lots": fill.lots,
        "maker": fill.maker,
        "fee_jpy": fill.fee_jpy,
        "interest_jpy": one.interest_jpy if fill.purpose is SELL else None,
    }
    return TaxExecution(**{**given, **more})


def named(found: tuple[TaxDifference, ...]) -> list[tuple[str, str, str]]:
    return [(one.what.value, one.number, one.field) for one in found]


@pytest.mark.parametrize("fills", [margin_fills(), spot_fills()], ids=["margin", "spot"])
def test_what_agrees_has_no_differences(fills: list[TaxFill]) -> None:
    trades = trades_of([one for one in fills if one.account is MARGIN])
    assert book_differences(fills, trades, [standing_of(fills)]) == ()
    assert book_differences(fills, trades, [standing_of(fills, capital_jpy=None)]) == ()
    assert exchange_differences(fills, [execution_of(one) for one in fills]) == ()


def test_each_close_gets_the_interest_of_its_trade_also_of_two_alike() -> None:
    fills = margin_fills()
    bare = [replace(one, interest_jpy=Decimal(0)) for one in fills]
    found, strays = with_interest(reversed(bare), trades_of(fills))
    assert list(found) == fills
    assert strays == ()


def test_a_lost_trade_and_a_lost_close_are_named() -> None:
    fills = margin_fills()
    trades = trades_of(fills)
    first, second = trades[BOOKS[0]]
    bare = [replace(one, interest_jpy=Decimal(0)) for one in fills]
    found, strays = with_interest(bare, {BOOKS[0]: (second,)})
    assert named(strays) == [("missing_trade", "1004", "")]
    assert [one.interest_jpy for one in found] == [0, 0, 4, 0, 0]
    _, strays = with_interest(bare[:3], trades)
    assert named(strays) == [("missing_close", "#2", "")]
    for other in (
        {"closed_at": first.closed_at + 1},
        {"lots": 51},
        {"exit_price": 12_000_001},
        {"side": Side.SHORT},
    ):
        _, strays = with_interest(bare, {BOOKS[0]: (replace(first, **other), second)})
        assert {what for what, _, _ in named(strays)} == {"missing_trade", "missing_close"}
    _, strays = with_interest(bare, {BOOKS[1]: (first, second)})
    assert len(strays) == 4, "trades of another book are none of this one"


def test_a_fill_that_is_missing_in_the_middle_or_at_the_end_is_named_and_nothing_is_summed() -> (
    None
):
    fills = margin_fills()
    standing = standing_of(fills)
    for gone in range(5):
        rest = [one for one in fills if one is not fills[gone]]
        found = book_differences(rest, trades_of(fills), [standing])
        assert named(found) == [("missing_fill", f"#{gone + 1}", "")]
    assert named(book_differences([], {}, [standing])) == [
        ("missing_fill", f"#{number}", "") for number in range(1, 6)
    ]
    assert book_differences(fills[1:], trades_of(fills), [])[0].what is TaxMismatch.MISSING_FILL


@pytest.mark.parametrize("name", ["gross_jpy", "fees_jpy"])
def test_a_trade_that_says_something_else_than_its_fills_is_named(name: str) -> None:
    fills = margin_fills()
    first, second = trades_of(fills)[BOOKS[0]]
    other = replace(second, **{name: getattr(second, name) + Decimal("0.0001")})
    found = book_differences(fills, {BOOKS[0]: (first, other)}, [])
    assert named(found) == [("other_trade", "1004", name)]
    assert Decimal(found[0].stored) - Decimal(found[0].found) == Decimal("0.0001")


@pytest.mark.parametrize("fills", [margin_fills(), spot_fills()], ids=["margin", "spot"])
def test_a_book_with_other_money_or_another_position_is_named(fills: list[TaxFill]) -> None:
    trades = trades_of([one for one in fills if one.account is MARGIN])
    standing = standing_of(fills)
    richer = replace(standing, cash_jpy=standing.cash_jpy + Decimal("0.0001"))
    assert named(book_differences(fills, trades, [richer])) == [("other_cash", "live", "")]
    longer = replace(standing, lots={**standing.lots, Side.LONG: 101})
    assert named(book_differences(fills, trades, [longer])) == [("other_position", "long", "")]
    shorter = replace(standing, lots={**standing.lots, Side.SHORT: 29})
    assert named(book_differences(fills, trades, [shorter])) == [("other_position", "short", "")]


@pytest.mark.parametrize(
    ("field", "change"),
    [
        ("time", {"at": T0 + 9}),
        ("order", {"order_id": 99}),
        ("is_buy", {"is_buy": True}),
        ("side", {"side": None}),
        ("price", {"price": 1}),
        ("lots", {"lots": 1}),
        ("maker", {"maker": False}),
        ("fee", {"fee_jpy": Decimal("6.0001")}),
        ("interest", {"interest_jpy": Decimal(5)}),
    ],
)
def test_what_an_execution_says_otherwise_is_named(field: str, change: dict[str, Any]) -> None:
    fills = margin_fills()
    executions = [execution_of(one) for one in fills]
    executions[3] = replace(executions[3], **change)
    assert named(exchange_differences(fills, executions)) == [("other_execution", "1004", field)]


def test_what_the_exchange_does_not_say_is_not_compared() -> None:
    fills = margin_fills()
    silent = [execution_of(one, fee_jpy=None, interest_jpy=None) for one in fills]
    assert exchange_differences(fills, silent) == ()
    finer = [
        replace(one, fee_jpy=None if one.fee_jpy is None else one.fee_jpy + Decimal("0.00001"))
        for one in map(execution_of, fills)
    ]
    assert exchange_differences(fills, finer) == (), "the book keeps 0.0001 yen"


def test_what_one_side_lacks_is_named_and_so_is_what_a_person_corrected() -> None:
    fills = spot_fills()
    executions = [execution_of(one) for one in fills]
    owners = replace(executions[0], number=5, side=Side.SHORT, is_buy=False)
    found = exchange_differences(fills, [owners, executions[1]])
    assert named(found) == [("not_told", "1001", ""), ("not_stored", "5", "")]
    assert found[1].found == "margin short sell, 100 lots at 10000000"
    found = exchange_differences([], executions[:1])
    assert found[0].found == "spot buy, 100 lots at 10000000"
    by_hand = replace(fills[0], fill=replace(fills[0].fill, execution_id=None))
    assert by_hand.is_by_hand
    assert named(exchange_differences([by_hand], [])) == [("not_told", "#1", "")]
