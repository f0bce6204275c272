"""Which book a trade, a day or a fill is of: the paper account's, or one of a real account's."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class BookName:
    """The mode, and of a real account when the book was begun, ms UTC; 0 on paper.

    Fills and trades are numbered, and equity goes on, within one book. Paper has one for all its
    life; a bot that comes back to real money begins another.

    >>> BookName.of({"bot": "default", "sequence": 7})  # as versions without a mode wrote it
    BookName(mode='paper', opened_at=0)
    >>> live = BookName(mode="live", opened_at=1_767_225_600_000)
    >>> BookName.of({"bot": "default", **live.fields}) == live
    True
    >>> BookName().prefix, live.prefix
    ('', 'live-1767225600000~')
    """

    mode: str = "paper"
    opened_at: int = 0

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> "BookName":
        """The book of a stored trade, day, fill or report; without a mode it is paper's."""
        return cls(
            mode=str(data.get("mode", "paper")), opened_at=int(data.get("book_opened_at", 0))
        )

    @property
    def fields(self) -> dict[str, Any]:
        """What a document says of it."""
        return {"mode": self.mode, "book_opened_at": self.opened_at}

    @property
    def prefix(self) -> str:
        """What begins a name within the bot; nothing on paper, where older versions wrote without
        it.
        """
        return "" if self.mode == "paper" else f"{self.mode}-{self.opened_at}~"
