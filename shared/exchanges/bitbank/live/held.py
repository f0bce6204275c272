"""What is held, with what was executed and is not told yet, and what of it is there. Pure."""

from collections.abc import Mapping, Sequence
from decimal import Decimal

from shared.core.money import lots_from_btc
from shared.core.types import AccountKind, Entry, Ledger, Position, Side, TrackedOrder
from shared.exchanges.bitbank.live.reading import Reading
from shared.exchanges.bitbank.private_answers import ExchangeOrder
from shared.orders.closing import position_left


def positions_of(ledger: Ledger, reading: Reading, kind: AccountKind) -> tuple[Position, ...]:
    """The book's positions with what orders executed and no execution says yet."""
    held = {position.side: position for position in ledger.positions}
    for one in ledger.tracked:
        lots, intent = one.unbooked_lots, one.order.intent
        if lots <= 0:
            continue
        before = held.get(intent.side)
        if intent.is_opening:
            entry = _entry_to_come(one, reading.orders.get(one.order.order_id))
            entries = (*(before.entries if before else ()), entry)
            held[intent.side] = Position(side=intent.side, entries=entries)
        elif before is not None:
            left = position_left(before, min(lots, before.lots), kind=kind)
            held[intent.side] = left
    return tuple(position for position in held.values() if position.entries)


def there_lots(reading: Reading, ledger: Ledger, kind: AccountKind) -> dict[Side, int]:
    """What the exchange shows of each side. On spot the owner's coins lie beside the bot's: no more
    is asked than that there are as many.
    """
    if kind.has_debt:
        if reading.positions is None:
            raise AssertionError("on margin the positions are read")
        return {
            Side.LONG: reading.positions.long.lots,
            Side.SHORT: reading.positions.short.lots,
        }
    onhand = lots_from_btc(reading.balances.btc.onhand)
    expected = sum(position.lots for position in positions_of(ledger, reading, kind))
    return {Side.LONG: min(onhand, expected), Side.SHORT: 0}


def closable_lots(
    reading: Reading, ledger: Ledger, there: Mapping[Side, int], kind: AccountKind
) -> dict[Side, int]:
    """What is there but for coins that an order holds which is not seen, or is not ours: a sale of
    these would be refused.
    """
    if kind.has_debt:
        return dict(there)
    ours = sum(
        one.order.remaining_lots
        for one in ledger.tracked
        if one.is_live and not one.order.intent.is_opening
    )
    free = lots_from_btc(reading.balances.btc.free)
    return {**there, Side.LONG: min(there[Side.LONG], free + ours)}


def is_whole_of(reading: Reading, ledger: Ledger) -> bool:
    """Whether everything that orders say is told by executions too, and every order answered."""
    return not reading.missing and all(one.unbooked_lots <= 0 for one in ledger.tracked)


def lots_on(positions: Sequence[Position], side: Side) -> int:
    """How much of a side positions hold."""
    return sum(position.lots for position in positions if position.side is side)


def _entry_to_come(one: TrackedOrder, told: ExchangeOrder | None) -> Entry:
    """What was executed and is not told: at the order's average price, at its limit where that is
    not told either.
    """
    limit = one.order.intent.price
    if limit is None:
        raise AssertionError("an entry has a limit")
    average = Decimal(0) if told is None else told.average_price
    return Entry(
        at=one.order.placed_at,
        price=int(average or limit),
        lots=one.unbooked_lots,
        fee_jpy=Decimal(0),
    )
