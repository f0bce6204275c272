"""A person's correction of the bot's own book: what lies at the exchange is taken over, or what is
gone is forgotten, with the size and the price that the person named. Pure.
"""

from dataclasses import dataclass

from shared.core.frozen import copy_with
from shared.core.money import ZERO
from shared.core.reasons import Reason
from shared.core.types import (
    AccountKind,
    Adoption,
    Correction,
    Fill,
    Ledger,
    OrderIntent,
    OrderKind,
    Purpose,
    Trade,
)
from shared.orders.own_book import Executed, book_execution, manual_close


@dataclass(frozen=True, slots=True, kw_only=True)
class Corrected:
    """A book after a correction, and the fill and the trade that it stands for."""

    ledger: Ledger
    fills: tuple[Fill, ...]
    trades: tuple[Trade, ...]


def correct_ledger(ledger: Ledger, asked: Adoption, *, kind: AccountKind) -> Corrected | None:
    """The book as a person ordered it to be; None where it was corrected by this order already, or
    the order is of an earlier book. Where it does not hold what is to be forgotten any more, it
    only remembers the order.

    What lies beside the book is explained anew by the next reading.

    >>> from decimal import Decimal
    >>> from shared.core.types import Side
    >>> asked = Adoption(
    ...     id="7-1f",
    ...     what=Correction.ADOPT,
    ...     side=Side.LONG,
    ...     lots=100,
    ...     price=15_000_000,
    ...     at=7,
    ...     who="ann",
    ...     why="bought by hand",
    ... )
    >>> money = Decimal(200_000)
    >>> book = Ledger(capital_jpy=money, cash_jpy=money, opened_at=0)
    >>> corrected = correct_ledger(book, asked, kind=AccountKind.MARGIN)
    >>> corrected.ledger.lots(Side.LONG), corrected.ledger.cash_jpy
    (100, Decimal('200000'))
    >>> correct_ledger(corrected.ledger, asked, kind=AccountKind.MARGIN) is None
    True
    """
    if asked.id == ledger.corrected_by or asked.at < ledger.opened_at:
        return None
    if asked.what is Correction.FORGET and ledger.lots(asked.side) < asked.lots:
        return Corrected(ledger=copy_with(ledger, corrected_by=asked.id), fills=(), trades=())
    done = Executed(
        number=0,
        order_id=0,
        at=asked.at,
        price=asked.price,
        lots=asked.lots,
        is_maker=True,
        fee_jpy=ZERO,
    )
    booked = book_execution(ledger, _intent_of(asked), done, kind=kind)
    after = copy_with(
        booked.ledger, aside_jpy=None, aside_btc=None, drift=None, corrected_by=asked.id
    )
    trades = () if booked.trade is None else (booked.trade,)
    return Corrected(ledger=after, fills=(booked.fill,), trades=trades)


def _intent_of(asked: Adoption) -> OrderIntent:
    """The intent that stands in the book for what the bot did not send."""
    if asked.what is Correction.FORGET:
        return manual_close(asked.side, asked.lots, number=0, reason=Reason.EXIT_MANUAL)
    return OrderIntent(
        id=f"adopted.{asked.id}",
        purpose=Purpose.ENTRY,
        side=asked.side,
        kind=OrderKind.LIMIT,
        lots=asked.lots,
        price=asked.price,
    )
