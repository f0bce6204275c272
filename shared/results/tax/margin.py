"""What positions on margin realise: at each close the difference, less fees and interest. Pure.

By the tax agency's FAQ on 暗号資産の信用取引 (所得税法施行令 119条の7): what is borrowed to be sold
back is none of the coins that are averaged; what was paid for it stands against what it brought, in
the year of the close. Of a position that was opened in parts the exchange knows one average price,
and closes at that (`shared.orders.booking`). The fee of an opening is deducted with the close, in
its share.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from decimal import Decimal

from shared.core.errors import BadData
from shared.core.money import ZERO
from shared.core.reasons import Reason
from shared.core.types import BookName, Position, Purpose, Side, Trade
from shared.orders.booking import closing_trade, opened_position
from shared.orders.closing import position_left
from shared.results.tax.types import MarginYear, Realised, TaxFill

Positions = Mapping[tuple[BookName, Side], Position]


def margin_trades(fills: Sequence[TaxFill]) -> tuple[dict[TaxFill, Trade], Positions]:
    """What each close realised, and what is open after all of them; `fills` are those of margin, of
    each book in the order in which it booked them.

    Raises `BadData` where more is closed than was opened.
    """
    trades: dict[TaxFill, Trade] = {}
    held: dict[tuple[BookName, Side], Position] = {}
    sequences: dict[BookName, int] = defaultdict(int)
    for told in fills:
        key = (told.book, told.fill.side)
        before = held.get(key)
        if told.fill.purpose is Purpose.ENTRY:
            held[key] = opened_position(before, told.fill)
            continue
        if before is None or before.lots < told.fill.lots:
            raise BadData(
                f"the fill {told.name} closed {told.fill.lots} lots where the fills before it leave"
                f" {0 if before is None else before.lots}: some are missing"
            )
        left = position_left(before, told.fill.lots, kind=told.account)
        sequences[told.book] += 1
        trades[told] = closing_trade(
            before,
            left,
            told.fill,
            kind=told.account,
            sequence=sequences[told.book],
            reason=Reason.OK,
            interest_jpy=told.interest_jpy,
        )
        held[key] = left
    return trades, {key: position for key, position in held.items() if position.entries}


def margin_year(fills: Sequence[TaxFill], year: int) -> tuple[MarginYear, dict[TaxFill, Realised]]:
    """The closes of a year, and what each of them realised."""
    trades, _ = margin_trades(fills)
    mine = {told: trade for told, trade in trades.items() if told.year == year}
    made = MarginYear(
        gross_jpy=sum((trade.gross_jpy for trade in mine.values()), ZERO),
        fees_jpy=sum((trade.fees_jpy for trade in mine.values()), ZERO),
        interest_jpy=sum((trade.interest_jpy for trade in mine.values()), ZERO),
        opening=margin_trades([told for told in fills if told.year < year])[1],
        closing=margin_trades([told for told in fills if told.year <= year])[1],
    )
    return made, {told: _result_of(told, trade) for told, trade in mine.items()}


def _result_of(told: TaxFill, trade: Trade) -> Realised:
    """What stood against the close: of a long what it had cost, of a short what it had brought."""
    cost = told.amount_jpy - told.fill.side.sign * trade.gross_jpy
    return Realised(
        unit_price_jpy=Decimal(trade.entry_price),
        cost_jpy=cost,
        fees_jpy=trade.fees_jpy,
        profit_jpy=trade.net_jpy,
    )
