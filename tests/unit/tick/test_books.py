"""What a tick leaves of its books: names that never meet, an execution once, and documents of
versions that knew no mode.
"""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from shared.alerts.subjects.maker import AlertMaker
from shared.alerts.subjects.trades import entry_alerts, trade_alerts
from shared.core.reasons import Reason
from shared.core.settings import load_settings
from shared.core.types import (
    AccountKind,
    BookName,
    Entry,
    Fill,
    Position,
    Purpose,
    Side,
    TickReport,
    TickStatus,
    Trade,
)
from shared.orders.own_book import open_ledger
from shared.rounds.day import read_day
from shared.stores.memory import MemoryDocuments
from shared.stores.ports import Document
from shared.tick.books import present_book
from shared.tick.documents import BotDocuments
from shared.tick.filing import booked_writes, day_writes
from shared.turn.state import State

AT = 1_769_871_540_000
DATE = "2026-01-31"
BOOKS = (BookName(), BookName(mode="live", opened_at=AT), BookName(mode="live", opened_at=AT + 7))
SETTINGS = load_settings({})
LIVE = replace(SETTINGS, mode="live")


def fill(sequence: int, **more: Any) -> Fill:
    return Fill(
        sequence=sequence,
        order_id=7,
        purpose=Purpose.ENTRY,
        side=Side.LONG,
        at=AT,
        price=9_800_000,
        lots=10,
        maker=True,
        fee_jpy=Decimal(0),
        **more,
    )


def trade(sequence: int, net: int = 50) -> Trade:
    return Trade(
        sequence=sequence,
        side=Side.LONG,
        opened_at=AT - 9,
        closed_at=AT,
        lots=10,
        entry_price=Decimal(9_800_000),
        exit_price=9_850_000,
        reason=Reason.EXIT_TARGET,
        gross_jpy=Decimal(net),
        fees_jpy=Decimal(0),
        interest_jpy=Decimal(0),
    )


def report(book: BookName, **more: Any) -> TickReport:
    return TickReport(
        tick="t1",
        bot="default",
        status=TickStatus.DONE,
        scheduled_at=AT,
        received_at=AT,
        finished_at=AT,
        mode=book.mode,
        stage=book.mode,
        settings_hash="0" * 16,
        equity_jpy=Decimal(1_000_000),
        book_opened_at=book.opened_at,
        **more,
    )


def filed(documents: MemoryDocuments, told: TickReport) -> None:
    booked = booked_writes(told, documents, account=AccountKind.SPOT)
    writes = [*booked, *day_writes(told, documents, candle_at=AT)]
    documents.commit(writes)


def test_the_same_numbers_of_three_books_on_one_day_never_meet() -> None:
    documents = MemoryDocuments()
    for net, book in enumerate(BOOKS):
        filed(documents, report(book, trades=(trade(1, net),), fills=(fill(1, execution_id=5),)))
    for collection, count in (("trades", 3), ("days", 3), ("fills", 2)):
        found = documents.query(collection)
        assert len(found) == count
        assert len({BookName.of(one.data) for one in found}) == count
    assert {one.path for one in documents.query("trades")} >= {"trades/default~00000001"}
    assert documents.get(f"days/default~{DATE}") is not None, "paper's names are those of before"
    assert {one.data["mode"] for one in documents.query("fills")} == {"live"}
    assert {one.data["account"] for one in documents.query("fills")} == {"spot"}


def test_alerts_of_the_same_numbers_in_three_books_are_three() -> None:
    for count in (1, 5):
        keys = set()
        for book in BOOKS:
            numbers = range(1, count + 1)
            told = report(
                book,
                trades=tuple(trade(number) for number in numbers),
                fills=tuple(replace(fill(number), order_id=number) for number in numbers),
            )
            maker = AlertMaker(told, SETTINGS)
            keys |= {
                alert.key for alert in (*entry_alerts(told, maker), *trade_alerts(told, maker))
            }
        assert len(keys) == 2 * len(BOOKS)


def test_an_execution_that_is_booked_again_is_kept_once_and_a_correction_by_its_sequence() -> None:
    documents, book = MemoryDocuments(), BOOKS[1]
    filed(documents, report(book, fills=(fill(1, execution_id=900), fill(2, execution_id=901))))
    filed(documents, report(book, fills=(fill(1, execution_id=901), fill(2, execution_id=902))))
    filed(documents, report(book, fills=(fill(3), fill(4))))
    assert [
        one.path.removeprefix(f"fills/default~live-{AT}~") for one in documents.query("fills")
    ] == [
        "900",
        "901",
        "902",
        "corrected-3",
        "corrected-4",
    ]
    told = report(BOOKS[0], fills=(fill(1),))
    nothing = booked_writes(told, documents, account=AccountKind.SPOT)
    assert nothing == [], "fills on paper lie in its account"


def test_documents_of_versions_without_a_mode_are_papers() -> None:
    documents = MemoryDocuments()
    old = {"bot": "default", **msgspec.to_builtins(trade(1))}
    documents.create("trades/default~00000001", old)
    day = {"bot": "default", "date": DATE, "equity": {str(AT - 60_000): "999999.0000"}, "new": 1}
    documents.create(f"days/default~{DATE}", day)
    bot, window = BotDocuments(documents, "default"), {"begin_at": AT - 90_000, "end_at": AT + 1}
    on_paper = read_day(bot, SETTINGS, **window)
    assert (len(on_paper.trades), len(on_paper.equity), on_paper.elsewhere) == (1, 1, {})
    live = read_day(bot, LIVE, **window)
    assert (live.trades, live.equity, live.positions) == ((), (), ())
    assert {mode: len(trades) for mode, trades in live.elsewhere.items()} == {"paper": 1}
    filed(documents, report(BOOKS[0]))
    stored = documents.get(f"days/default~{DATE}")
    assert stored is not None
    assert stored.data["mode"] == "paper"
    assert len(stored.data["equity"]) == 2, "the day goes on"
    assert stored.data["new"] == 1
    told = msgspec.to_builtins(fill(1))
    del told["execution_id"]
    assert msgspec.convert(told, Fill).execution_id is None
    before = msgspec.to_builtins(report(BOOKS[0]))
    del before["book_opened_at"]
    assert TickReport.read(before).book == BookName()


def test_what_another_book_held_is_not_told_as_held() -> None:
    documents = MemoryDocuments()
    bot = BotDocuments(documents, "default")
    entry = Entry(at=AT, price=9_800_000, lots=10, fee_jpy=Decimal(0))
    held = (Position(side=Side.LONG, entries=(entry,)),)
    for number, (book, positions) in enumerate([(BOOKS[0], held), (BOOKS[1], ())]):
        told = msgspec.to_builtins(report(book, positions=positions))
        data = {"bot": "default", "claimed_at": AT + number, "report": told}
        documents.create(f"ticks/default~t{number}", data)
    window = {"begin_at": AT, "end_at": AT + 9}
    on_paper = read_day(bot, SETTINGS, **window)
    assert (on_paper.positions, dict(on_paper.statuses)) == (held, {"done": 2})
    assert read_day(bot, LIVE, **window).positions == ()


@pytest.mark.parametrize("wrong", [{"mode": "live", "book_opened_at": []}, {"book_opened_at": "x"}])
def test_a_trade_whose_book_makes_no_sense_is_named_as_damaged(wrong: dict[str, Any]) -> None:
    documents = MemoryDocuments()
    data = {"bot": "default", **msgspec.to_builtins(trade(1)), **wrong}
    documents.create("trades/default~00000001", data)
    bot = BotDocuments(documents, "default")
    day = read_day(bot, SETTINGS, begin_at=AT - 1, end_at=AT + 1)
    assert day.damaged == ("trades/default~00000001",)
    assert day.trades == ()


def test_the_present_book_is_known_whatever_else_of_the_state_is_damaged() -> None:
    ledger = open_ledger(200_000, AT)
    state = State(mode="live", stage="live", ledger=ledger).encode_state()

    def of(data: Any, settings: Any = LIVE) -> BookName:
        return present_book(Document(path="bots/a", data=data, version="1"), settings)

    assert of({"state": state}) == BookName(mode="live", opened_at=AT)
    assert of({"state": {**state, "limits": 5}}) == BookName(mode="live", opened_at=AT)
    assert of({"state": state}, SETTINGS) == BookName()
    for nothing in ({"state": {**state, "ledger": 5}}, {"state": None}, {}, [1]):
        assert of(nothing) == BookName(mode="live", opened_at=0)
    assert present_book(None, LIVE) == BookName(mode="live", opened_at=0)
