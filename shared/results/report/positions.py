"""Positions as people think of them: from the first fill that opened one to the last that ended it,
with its order.
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from operator import attrgetter

from shared.core.money import ZERO, jpy
from shared.core.reasons import Reason
from shared.core.types import Fill, Purpose, Side, Trade
from shared.replay.types import Entered, Replayed


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldPosition:
    """One position: its trades (one for each closing fill), and the entry that opened it where the
    replay told of it.

    Attributes:
        number: Counts from 1 in the order of opening.
        lots: All that was ever opened of it.
        closed_at: When it ended; None while it is open.
        exit_price: The mean closing price, weighted by size; None where nothing was closed yet.
        reason: Why it ended; None while it is open.
        opening_slippage_jpy: Slippage of all fills that opened it.
    """

    number: int
    side: Side
    opened_at: int
    closed_at: int | None
    lots: int
    entry_price: Decimal
    exit_price: Decimal | None
    reason: Reason | None
    trades: tuple[Trade, ...]
    entered: Entered | None
    opening_slippage_jpy: Decimal = ZERO

    @property
    def gross_jpy(self) -> Decimal:
        """Profit of what was closed, before fees and interest."""
        return sum((trade.gross_jpy for trade in self.trades), ZERO)

    @property
    def fees_jpy(self) -> Decimal:
        """Fees of what was closed."""
        return sum((trade.fees_jpy for trade in self.trades), ZERO)

    @property
    def interest_jpy(self) -> Decimal:
        """Interest of what was closed."""
        return sum((trade.interest_jpy for trade in self.trades), ZERO)

    @property
    def slippage_jpy(self) -> Decimal:
        """Slippage of what was closed, opening and closing, like its fees; it is inside the prices
        already.
        """
        return sum(self.slippages_jpy, ZERO)

    @property
    def slippages_jpy(self) -> tuple[Decimal, ...]:
        """The same for each of its trades: of the closing fill, and by size of the fills that
        opened it.
        """
        found, closed, told = [], 0, ZERO
        for trade in self.trades:
            closed += trade.lots
            due = jpy(self.opening_slippage_jpy * closed / self.lots)
            found.append(trade.slippage_jpy + due - told)
            told = due
        return tuple(found)

    @property
    def net_jpy(self) -> Decimal:
        """Profit of what was closed, after all costs."""
        return self.gross_jpy - self.fees_jpy - self.interest_jpy


def positions(replayed: Replayed) -> list[HeldPosition]:
    """All positions in the order of their opening; the last may still be open.

    Linear in trades, fills and entries.
    """
    orders = sorted(
        (entry for entry in replayed.entries if entry.filled_lots > 0), key=attrgetter("placed_at")
    )
    placed = [entry.placed_at for entry in orders]
    opening = [fill for fill in replayed.fills if fill.purpose is Purpose.ENTRY]
    filled = [fill.at for fill in opening]
    found: list[HeldPosition] = []
    part: list[Trade] = []
    told = 0
    for trade in replayed.trades:
        part.append(trade)
        if trade.ends_position:
            until = bisect_right(filled, trade.closed_at)
            one = _build_held_position(
                part, [], number=len(found) + 1, entered=_before(orders, placed, part[0].opened_at)
            )
            found.append(replace(one, opening_slippage_jpy=_slippage(opening[told:until])))
            told = until
            part = []
    if part or told < len(opening):
        opened_at = part[0].opened_at if part else opening[told].at
        one = _build_held_position(
            part, opening[told:], number=len(found) + 1, entered=_before(orders, placed, opened_at)
        )
        found.append(replace(one, opening_slippage_jpy=_slippage(opening[told:])))
    return found


def _slippage(fills: Sequence[Fill]) -> Decimal:
    return sum((fill.slippage_jpy for fill in fills), ZERO)


def _before(orders: Sequence[Entered], placed: Sequence[int], opened_at: int) -> Entered | None:
    """The order that opened a position: the last one that was filled and had been
    placed by then.
    """
    row = bisect_right(placed, opened_at) - 1
    return orders[row] if row >= 0 else None


def _build_held_position(
    part: Sequence[Trade], opening: Sequence[Fill], *, number: int, entered: Entered | None
) -> HeldPosition:
    """A position from its closing fills, and for an open one from all its opening fills too."""
    ended = bool(part) and part[-1].ends_position
    closed = sum(trade.lots for trade in part)
    lots = closed if ended else sum(fill.lots for fill in opening)
    paid: Decimal = sum((trade.entry_price * trade.lots for trade in part), Decimal(0))
    if not ended:
        paid = sum((Decimal(fill.price) * fill.lots for fill in opening), Decimal(0))
    return HeldPosition(
        number=number,
        side=part[0].side if part else opening[0].side,
        opened_at=part[0].opened_at if part else opening[0].at,
        closed_at=part[-1].closed_at if ended else None,
        lots=lots,
        entry_price=paid / lots,
        exit_price=(
            sum((Decimal(trade.exit_price) * trade.lots for trade in part), Decimal(0)) / closed
            if closed
            else None
        ),
        reason=part[-1].reason if ended else None,
        trades=tuple(part),
        entered=entered,
    )
