"""The books of a tax year are read whole, or not at all: a tick that saves meanwhile is noticed."""

from typing import Any

import msgspec
import pytest

from scripts.operation.bot import Here
from scripts.operation.tax_books import read_tax_books, year_bounds
from shared.core.errors import Unavailable
from shared.core.settings import load_settings
from shared.core.types import Purpose
from shared.stores.memory import MemoryDocuments
from shared.tick.documents import BotDocuments
from tests.support.fixed_clock import FixedClock
from tests.support.tax_stories import NEW_YEARS, told


class Disturbed(MemoryDocuments):
    """A tick saves while the fills are read, as often as `times` says."""

    times = 0

    def query(self, collection: str, **more: Any) -> list[Any]:
        found = super().query(collection, **more)
        if collection == "fills" and self.times:
            self.times -= 1
            stored = self.get("bots/default")
            assert stored is not None
            self.replace(stored, stored.data)
        return found


@pytest.fixture
def documents() -> Disturbed:
    made = Disturbed()
    made.create("bots/default", {"bot": "default", "state": None})
    one = told(1, Purpose.ENTRY, at=NEW_YEARS[2], price=10_000_000, lots=100)
    fill = msgspec.to_builtins(one.fill)
    whose = {"bot": "default", "account": "spot", **one.book.fields}
    made.create(f"fills/default~{one.book.prefix}1001", {**whose, **fill})
    return made


def here_of(documents: Disturbed) -> Here:
    return Here(
        settings=load_settings({}),
        clock=FixedClock(NEW_YEARS[3]),
        bot=BotDocuments(documents, "default"),
        environ={},
    )


def test_what_a_tick_writes_meanwhile_is_read_again(documents: Disturbed) -> None:
    for times in (0, 1, 2):
        documents.times = times
        books = read_tax_books(here_of(documents), None)
        assert (books.kind, len(books.fills), documents.times) == ("real", 1, 0)
        assert [book.opened_at for book in books.book_names] == [7]
    documents.times = 3
    with pytest.raises(Unavailable, match="run it again"):
        read_tax_books(here_of(documents), None)


def test_where_nothing_was_ever_traded_there_is_an_empty_book_on_paper() -> None:
    empty = Disturbed()
    books = read_tax_books(here_of(empty), None)
    assert (books.kind, books.fills, books.standings, dict(books.trades)) == ("paper", (), (), {})


def test_a_year_lasts_from_midnight_to_midnight_in_japan() -> None:
    assert [year_bounds(2023 + number)[1] for number in range(1, 5)] == NEW_YEARS[1:]
    assert year_bounds(2026)[0] == NEW_YEARS[2]
