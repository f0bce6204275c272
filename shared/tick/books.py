"""Where the trades, days and fills of a bot's books lie, and which book it keeps now.

trades/{bot}~{n}                           on paper
trades/{bot}~live-{opened_at}~{n}          of the real book that was begun then
days/{bot}~{date}                          and so on
fills/{bot}~live-{opened_at}~{execution}   by bitbank's number; paper's lie in its account
"""

from collections.abc import Mapping

from shared.core.settings import Settings
from shared.core.types import BookName, Fill
from shared.stores.ports import Document
from shared.turn.state import State


def trade_path(bot: str, book: BookName, sequence: int) -> str:
    """Where a closed trade is.

    >>> trade_path("default", BookName(mode="live", opened_at=7), 12)
    'trades/default~live-7~00000012'
    """
    return f"trades/{bot}~{book.prefix}{sequence:08d}"


def day_path(bot: str, book: BookName, date: str) -> str:
    """Where a JST day is.

    >>> day_path("default", BookName(), "2026-01-31")
    'days/default~2026-01-31'
    """
    return f"days/{bot}~{book.prefix}{date}"


def fill_path(bot: str, book: BookName, fill: Fill) -> str:
    """Where a fill is: by the exchange's number, so that one that is booked twice is kept once.
    What a person corrected has none, and is named by its sequence in the book.
    """
    number = fill.execution_id
    name = f"corrected-{fill.sequence}" if number is None else str(number)
    return f"fills/{bot}~{book.prefix}{name}"


def present_book(stored: Document | None, settings: Settings) -> BookName:
    """The book that goes on, by the document of lease and state: whatever else of it is damaged.

    >>> from shared.core.settings import load_settings
    >>> present_book(None, load_settings({}))
    BookName(mode='paper', opened_at=0)
    """
    if settings.mode == "paper" or stored is None or not isinstance(stored.data, Mapping):
        return BookName(mode=settings.mode)
    ledger = State.salvage_state(stored.data.get("state"), settings).ledger
    return BookName(mode=settings.mode, opened_at=0 if ledger is None else ledger.opened_at)
