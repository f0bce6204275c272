"""How a fill is booked: what it opens, what it closes, what of that is profit. Pure.

One set of formulas for an account on paper and for the bot's own ledger of a real one. Margin, as
on bitbank: opening moves no cash; the fee *occurs* then and is *collected*, with the interest, when
the position is closed; a part that is closed is valued at the average price. Spot: coins are paid
at once, and sold first in, first out.
"""

from decimal import Decimal

from shared.core.calendar import DAY_MS
from shared.core.money import ZERO, jpy, jpy_units, notional_jpy
from shared.core.reasons import Reason
from shared.core.types import AccountKind, Entry, Fill, Position, Purpose, Side, Trade

EXITS = {Purpose.STOP: Reason.EXIT_STOP, Purpose.TARGET: Reason.EXIT_TARGET}


def days_started(opened_at: int, at: int) -> int:
    """How many periods of 24 hours have started since the opening: bitbank's rounding is not
    documented, so the dear one.

    >>> days_started(0, 0), days_started(0, 86_399_999), days_started(0, 86_400_000)
    (1, 1, 2)
    """
    return max(0, at - opened_at) // DAY_MS + 1


def entry_interest_jpy(entry: Entry, rate_day: Decimal, at: int) -> Decimal:
    """Interest accrued on one entry of a margin position, at the price at which it was opened: what
    is added at another price changes nothing of the days before.

    >>> entry = Entry(at=0, price=10_000_000, lots=10, fee_jpy=ZERO)
    >>> entry_interest_jpy(entry, Decimal("0.0004"), 86_400_000)
    Decimal('8.0000')
    """
    return jpy(entry.product_jpy * rate_day * days_started(entry.at, at))


def accrued_interest_jpy(position: Position, rate_day: Decimal, at: int) -> Decimal:
    """Interest accrued on a margin position and not collected yet."""
    return sum((entry_interest_jpy(entry, rate_day, at) for entry in position.entries), ZERO)


def gain_jpy(side: Side, value: Decimal, cost: Decimal) -> Decimal:
    """What is gained where something that cost `cost` is worth `value`.

    >>> gain_jpy(Side.SHORT, Decimal(90), Decimal(100))
    Decimal('10')
    """
    return value - cost if side is Side.LONG else cost - value


def opened_position(held: Position | None, fill: Fill) -> Position:
    """What is held after a fill that opens or grows it.

    >>> fill = Fill(
    ...     sequence=1,
    ...     order_id=7,
    ...     purpose=Purpose.ENTRY,
    ...     side=Side.LONG,
    ...     at=0,
    ...     price=9_800_000,
    ...     lots=12,
    ...     maker=True,
    ...     fee_jpy=ZERO,
    ... )
    >>> opened_position(opened_position(None, fill), fill).lots
    24
    """
    entry = Entry(at=fill.at, price=fill.price, lots=fill.lots, fee_jpy=fill.fee_jpy)
    return Position(side=fill.side, entries=(*(held.entries if held else ()), entry))


def closing_trade(
    held: Position,
    left: Position,
    fill: Fill,
    *,
    kind: AccountKind,
    sequence: int,
    reason: Reason,
    interest_jpy: Decimal,
) -> Trade:
    """What a close realised: all that was `held` before it less what is `left`, so that rounding
    loses nothing.

    >>> entry = Entry(at=0, price=10_000_000, lots=100, fee_jpy=Decimal(10))
    >>> fill = Fill(
    ...     sequence=2,
    ...     order_id=8,
    ...     purpose=Purpose.TARGET,
    ...     side=Side.LONG,
    ...     at=60_000,
    ...     price=11_000_000,
    ...     lots=100,
    ...     maker=True,
    ...     fee_jpy=Decimal(11),
    ... )
    >>> trade = closing_trade(
    ...     Position(side=Side.LONG, entries=(entry,)),
    ...     Position(side=Side.LONG, entries=()),
    ...     fill,
    ...     kind=AccountKind.MARGIN,
    ...     sequence=1,
    ...     reason=Reason.EXIT_TARGET,
    ...     interest_jpy=Decimal(4),
    ... )
    >>> trade.gross_jpy, trade.fees_jpy, trade.net_jpy
    (Decimal('10000.0000'), Decimal('21.0000'), Decimal('9975.0000'))
    """
    cost = held.product_jpy - left.product_jpy
    entered = held.average_price if kind.has_debt else jpy_units(cost) / Decimal(fill.lots)
    return Trade(
        sequence=sequence,
        side=fill.side,
        opened_at=held.opened_at,
        closed_at=fill.at,
        lots=fill.lots,
        entry_price=entered,
        exit_price=fill.price,
        reason=reason,
        gross_jpy=gain_jpy(fill.side, notional_jpy(fill.price, fill.lots), cost),
        fees_jpy=held.fees_jpy - left.fees_jpy + fill.fee_jpy,
        interest_jpy=interest_jpy,
        slippage_jpy=fill.slippage_jpy,
        ends_position=not left.entries,
    )


def cash_after_opening(cash_jpy: Decimal, fill: Fill, *, kind: AccountKind) -> Decimal:
    """On spot coins and fee are paid at once; on margin nothing moves."""
    if kind.has_debt:
        return cash_jpy
    return cash_jpy - notional_jpy(fill.price, fill.lots) - fill.fee_jpy


def cash_after_closing(
    cash_jpy: Decimal, held: Position, left: Position, trade: Trade, *, kind: AccountKind
) -> Decimal:
    """The profit is taken; on spot what was paid for the coins comes back with it."""
    cash = cash_jpy + trade.net_jpy
    if not kind.has_debt:
        cash += held.product_jpy - left.product_jpy + held.fees_jpy - left.fees_jpy
    return jpy(cash)
