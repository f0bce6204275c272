"""What the margin account is worth and what it still owes. Pure."""

from collections.abc import Iterable
from decimal import Decimal

from shared.core.frozen import copy_with
from shared.core.money import ZERO, jpy, notional_jpy
from shared.core.types import Position, Side
from shared.exchanges.paper.ledger import PaperAccount, equity
from shared.exchanges.sandbox.private.standing import Standing

COLLECTED_AFTER_MS = 60_000


def profit_jpy(positions: Iterable[Position], mark: int | None) -> Decimal:
    """Unrealised profit: (price - average price) x size over positions."""
    return sum(
        (
            notional_jpy((mark - held.average_price) * held.side.sign, held.lots)
            for held in positions
            if mark is not None
        ),
        ZERO,
    )


def product_jpy(positions: Iterable[Position]) -> Decimal:
    """Average price x size over positions."""
    return sum((notional_jpy(held.average_price, held.lots) for held in positions), ZERO)


def owed_jpy(account: PaperAccount, mark: int | None, at: int) -> Decimal:
    """Fees and interest that have arisen and are not collected yet."""
    worth = equity(account, mark, at)
    return jpy(account.cash_jpy + profit_jpy(account.positions, mark) - worth)


def owed_parts(account: PaperAccount, position: Position, at: int) -> tuple[Decimal, Decimal]:
    """Of one position: fee and interest that are not collected yet."""
    alone = copy_with(account, positions=(position,))
    free = copy_with(account.terms, long_interest_rate_day=ZERO, short_interest_rate_day=ZERO)
    mark = int(position.average_price)
    fee = owed_jpy(copy_with(alone, terms=free), mark, at)
    return fee, owed_jpy(alone, mark, at) - fee


def maintenance_jpy(account: PaperAccount, product: Decimal) -> Decimal:
    """The margin that positions or orders of that product need."""
    return jpy(product * account.terms.margin_ratio)


def margin_percentage(account: PaperAccount, mark: int | None, at: int) -> Decimal | None:
    """Margin over what positions need, in percent; None without a position.

    `account` holds as cash all that counts as margin.
    """
    needed = maintenance_jpy(account, product_jpy(account.positions))
    if not needed:
        return None
    return (equity(account, mark, at) / needed * 100).quantize(Decimal("0.01"))


def uncollected_jpy(standing: Standing, at: int, reading: str) -> Decimal:
    """What margin closes of the last minute lost and have not taken from the yen on hand yet; none
    where all is taken at once.
    """
    if reading == "at_once":
        return ZERO
    return sum(
        (
            max(ZERO, -trade.net_jpy)
            for trade in standing.margin.trades
            if trade.closed_at > at - COLLECTED_AFTER_MS
        ),
        ZERO,
    )


def positions_of(account: PaperAccount, side: Side) -> tuple[Position, ...]:
    """The positions of one side: one or none."""
    return tuple(held for held in account.positions if held.side is side)
