"""What the bot's store and the exchange hold of fills, as a year's tax is computed from them.

fills/{bot}~…     of real books; each says its kind of account
trades/{bot}~…    what each close realised, with its interest
paper/{bot}       the fills on paper, the newest ones only
bots/{bot}        the book that goes on: its money and positions
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import InvalidOperation
from typing import Any, Literal, TypeAlias, TypeVar

import msgspec

from functions import wiring
from scripts.operation.bot import Here
from shared.core.calendar import JST
from shared.core.errors import BadData, Unavailable, UserError
from shared.core.types import AccountKind, BookName, Fill, Position, Side, Trade
from shared.exchanges.paper.account import PaperAccount
from shared.results.tax import BookStanding, TaxExecution, TaxFill
from shared.stores.ports import Document
from shared.tick.books import present_book
from shared.tick.live.documents import LiveDocuments
from shared.turn.state import State

ALL = 1_000_000
ATTEMPTS = 3
BookKind: TypeAlias = Literal["real", "paper"]
Told = TypeVar("Told", Fill, Trade)


@dataclass(frozen=True, slots=True, kw_only=True)
class TaxBooks:
    """All fills and trades of the books of one kind; `standings` are of books that go on."""

    kind: BookKind
    fills: tuple[TaxFill, ...]
    trades: Mapping[BookName, tuple[Trade, ...]]
    standings: tuple[BookStanding, ...]

    @property
    def book_names(self) -> tuple[BookName, ...]:
        """The books, the oldest first."""
        named = {told.book for told in self.fills} | {one.book for one in self.standings}
        return tuple(sorted(named, key=lambda book: book.opened_at))


def read_tax_books(here: Here, kind: BookKind | None) -> TaxBooks:
    """The books of a kind: the real ones where the bot is live, or was, and that is left open.

    What a tick writes meanwhile is read again. Raises `BadData` naming a document that cannot be
    read, for a year is whole or it is none, `UserError` where fills on paper are not kept any more,
    and `Unavailable` where ticks wrote each time.
    """
    for _ in range(ATTEMPTS):
        before = _versions(here)
        books = _read_once(here, kind)
        if _versions(here) == before:
            return books
    raise Unavailable("a tick wrote each time that the fills were read; run it again")


def _versions(here: Here) -> list[str | None]:
    """Of the documents that every tick writes which books a fill."""
    stored = (here.bot.documents.get(f"{room}/{here.bot.bot}") for room in ("bots", "paper"))
    return [None if one is None else one.version for one in stored]


def _read_once(here: Here, kind: BookKind | None) -> TaxBooks:
    found = _documents_of(here, "fills", Fill)
    if kind is None:
        kind = "real" if found or here.settings.mode == "live" else "paper"
    trades = defaultdict[BookName, tuple[Trade, ...]](tuple)
    for item, trade in _documents_of(here, "trades", Trade):
        book = BookName.of(item.data)
        if (book.mode == "paper") == (kind == "paper"):
            trades[book] = (*trades[book], trade)
    if kind == "paper":
        return _paper_books(here, trades)
    return TaxBooks(
        kind=kind,
        fills=tuple(_with_kinds(here, found)),
        trades=trades,
        standings=_standings(here),
    )


def year_bounds(year: int) -> tuple[int, int]:
    """When a year begins and ends in Japan, ms UTC."""
    first, after = (
        int(datetime(number, 1, 1, tzinfo=JST).timestamp()) * 1000 for number in (year, year + 1)
    )
    return first, after


def read_tax_executions(here: Here, year: int) -> tuple[TaxExecution, ...]:
    """What the exchange tells of the year. Raises `BadSettings` where there is no real account or
    no key, and what reading it raises.
    """
    since_ms, end_ms = year_bounds(year)
    is_over = end_ms <= here.clock.now_ms()
    told = wiring.executions_for(
        here.settings,
        here.environ,
        here.clock,
        since_ms=since_ms,
        until_ms=end_ms if is_over else None,
    )
    return tuple(
        TaxExecution(
            number=one.trade_id,
            order_id=one.order_id,
            at=one.executed_at,
            is_buy=one.is_buy,
            side=one.position_side,
            price=one.price,
            lots=one.lots,
            maker=one.is_maker,
            fee_jpy=one.fee_jpy if one.position_side is None else one.fee_occurred_jpy,
            interest_jpy=one.interest_jpy,
        )
        for one in told
        if one.executed_at < end_ms
    )


def _documents_of(here: Here, collection: str, kind: type[Told]) -> list[tuple[Document, Told]]:
    """All of the bot's documents there, read."""
    begins = f"{collection}/{here.bot.bot}~"
    found = []
    for item in here.bot.documents.query(collection, limit=ALL):
        if not item.path.startswith(begins) or item.data.get("bot") != here.bot.bot:
            continue
        try:
            found.append((item, msgspec.convert({**item.data}, kind)))
        except (msgspec.ValidationError, InvalidOperation) as error:
            raise BadData(f"{item.path} cannot be read: {error}") from error
    return found


def _with_kinds(here: Here, found: Iterable[tuple[Document, Fill]]) -> Iterable[TaxFill]:
    """The fills with their kind of account: as it was stored with them, or as the start of their
    book says it; else as it is set now.
    """
    record = LiveDocuments(here.bot.documents, here.bot.bot).record()
    by_start = {} if record is None else {record.book_opened_at: AccountKind(record.account)}
    for item, fill in found:
        book = BookName.of(item.data)
        stored = item.data.get("account")
        known = by_start.get(book.opened_at) if stored is None else AccountKind(stored)
        yield TaxFill(
            fill=fill,
            book=book,
            account=here.settings.account if known is None else known,
            is_kind_assumed=known is None,
        )


def _standings(here: Here) -> tuple[BookStanding, ...]:
    """How the real book stands that the bot keeps now, if it keeps one."""
    stored = here.bot.peek()
    if here.settings.mode != "live" or stored is None:
        return ()
    ledger = State.decode_state(stored.data.get("state"), here.settings).ledger
    if ledger is None:
        return ()
    return (
        BookStanding(
            book=present_book(stored, here.settings),
            capital_jpy=ledger.capital_jpy,
            cash_jpy=ledger.cash_jpy,
            lots=_lots(ledger.positions),
            fills=ledger.next_fill_sequence - 1,
        ),
    )


def _paper_books(here: Here, trades: Mapping[BookName, tuple[Trade, ...]]) -> TaxBooks:
    stored = here.bot.documents.get(f"paper/{here.bot.bot}")
    if stored is None:
        return TaxBooks(kind="paper", fills=(), trades=trades, standings=())
    data: dict[str, Any] = dict(stored.data)
    try:
        account = msgspec.convert(data, PaperAccount)
    except (msgspec.ValidationError, InvalidOperation) as error:
        raise BadData(f"{stored.path} cannot be read: {error}") from error
    first = min((fill.sequence for fill in account.fills), default=account.next_fill_sequence)
    if first > 1:
        raise UserError(
            f"of the fills on paper the first {first - 1} are not kept any more",
            remedy="nothing on paper is taxable; paper.keep_trades says how many are kept",
        )
    book = BookName()
    standing = BookStanding(
        book=book,
        capital_jpy=account.capital_jpy,
        cash_jpy=account.cash_jpy,
        lots=_lots(account.positions),
        fills=account.next_fill_sequence - 1,
    )
    return TaxBooks(
        kind="paper",
        fills=tuple(TaxFill(fill=fill, book=book, account=account.kind) for fill in account.fills),
        trades=trades,
        standings=(standing,),
    )


def _lots(positions: Iterable[Position]) -> dict[Side, int]:
    return {held.side: held.lots for held in positions}
