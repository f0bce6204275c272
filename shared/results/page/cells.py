"""Cells of the page: what a tile or a table says, already as text."""

from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """One key figure: its name, value, a line below, and `good`, `bad` or an empty tone."""

    name: str
    value: str
    note: str = ""
    tone: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """A cell: what it says, and what it says when pointed at."""

    text: str
    title: str = ""
    tone: str = ""


def tone(amount: Decimal | float) -> str:
    """`good` for a gain, `bad` for a loss."""
    return "good" if amount > 0 else "bad" if amount < 0 else ""
