"""What a reading of the account means: which orders are ours, what they executed, what is held, and
what nobody explains. Pure.

    reading + ledger + open intents
        ├─► ours: tracked by id, found by form, permitted by an entry's intent
        ├─► executions of ours, each booked once ─► ledger, fills, trades
        ├─► what was executed and is not told yet ─► held already, booked later
        ├─► what is there less than booked ─► a close of the owner's or of the exchange's
        └─► what remains unexplained ─► forbids entries; traces, by which a lost order is disproved
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from shared.core.frozen import copy_with
from shared.core.types import (
    AccountKind,
    Fate,
    Fill,
    Issue,
    Ledger,
    OpenIntent,
    Order,
    Position,
    Side,
    Stranger,
    Trade,
)
from shared.exchanges.bitbank.live.aside import is_quiet, note_aside
from shared.exchanges.bitbank.live.executions import (
    book_own,
    book_strange_closes,
    end_waiting,
    remember_booked,
)
from shared.exchanges.bitbank.live.fates import fates_of
from shared.exchanges.bitbank.live.held import (
    closable_lots,
    is_whole_of,
    positions_of,
    there_lots,
)
from shared.exchanges.bitbank.live.own_orders import (
    has_all_entries,
    is_counted_on,
    order_as_told,
    recognize_orders,
    without_ended,
)
from shared.exchanges.bitbank.live.reading import Reading
from shared.exchanges.bitbank.live.unexplained import (
    beyond_issues,
    position_issues,
    stranger_issues,
    strangers_of,
    traces_of,
    unseen_issues,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reckoned:
    """What is held and known after a reading.

    `positions` hold also what was executed and is not told yet. `fills` and `trades` are those of
    this reading. `there_lots`: what of each side the exchange shows and would let the bot close.
    """

    ledger: Ledger
    positions: tuple[Position, ...]
    orders: tuple[Order, ...]
    fills: tuple[Fill, ...]
    trades: tuple[Trade, ...]
    fates: Mapping[str, Fate]
    strangers: tuple[Stranger, ...]
    issues: tuple[Issue, ...]
    there_lots: Mapping[Side, int]


def reckon(
    reading: Reading, *, ledger: Ledger, intents: Sequence[OpenIntent], kind: AccountKind
) -> Reckoned:
    """Reckon up one reading."""
    tracked, found = recognize_orders(reading, ledger, intents, kind)
    ledger = copy_with(ledger, tracked=tuple(order_as_told(one, reading) for one in tracked))
    own = book_own(reading, ledger, kind)
    ledger, more_fills, more_trades = book_strange_closes(reading, own.ledger, kind)
    unheld = own.unheld
    if has_all_entries(reading, intents, found):
        ledger, ended = end_waiting(reading, ledger, own.waiting)
        unheld += ended
    ledger = remember_booked(ledger, reading)
    positions = positions_of(ledger, reading, kind)
    there = there_lots(reading, ledger, kind)
    traces = traces_of(reading, ledger, positions, there, kind)
    is_whole = is_whole_of(reading, ledger)
    issues = [
        *unseen_issues(reading, ledger),
        *beyond_issues(ledger, own.beyond, unheld),
        *position_issues(reading, ledger, positions, there, traces),
    ]
    fates, unseen = fates_of(intents, found, traces, ledger, is_whole=is_whole)
    strangers = strangers_of(reading, ledger)
    issues += stranger_issues(strangers)
    is_settled = is_whole and Fate.OPEN not in fates.values() and is_quiet(reading)
    ledger, told = note_aside(copy_with(ledger, unseen=unseen), traces, is_settled=is_settled)
    return Reckoned(
        ledger=copy_with(
            without_ended(ledger, reading.read_at),
            traces=traces if is_whole else ledger.traces,
            read_at=reading.read_at if is_whole else ledger.read_at,
            newest_order_id=max(ledger.newest_order_id, reading.newest_order_id),
        ),
        positions=positions,
        orders=tuple(one.order for one in ledger.tracked if is_counted_on(one, reading)),
        fills=(*own.fills, *more_fills),
        trades=(*own.trades, *more_trades),
        fates=fates,
        strangers=strangers,
        issues=(*issues, *told),
        there_lots=closable_lots(reading, ledger, there, kind),
    )


__all__ = ["Reckoned", "reckon"]
