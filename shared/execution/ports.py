"""The ports of the execution stage: an exchange that holds our orders, and the document of the paper account."""

from collections.abc import Mapping
from typing import Any, Protocol

from shared.types import Book, Counted, Holdings, Order, OrderIntent, Outcome, PairRules


class Exchange(Protocol):
    """Paper account or real exchange; the cycle does not know which."""

    def reconcile(self, now_ms: int, *, counted: Counted | None = None) -> Holdings:
        """Bring knowledge up to `now_ms` (paper: settle from the 1m candles since) and say what is held.

        `counted`: what a saved state has counted, and need not be told again; None where that is not known.
        """
        ...

    def holdings(self, now_ms: int) -> Holdings:
        """What is held as far as is known, without asking the path or the market: after orders were sent."""
        ...

    def submit(self, intent: OrderIntent, *, book: Book | None, rules: PairRules | None = None, now_ms: int) -> Outcome:
        """Send one order, once. Never raises for an unclear answer: that is `Unknown`.

        `book` and `rules` are what the tick has read; None before it has read them.
        """
        ...

    def cancel(self, order: Order, *, now_ms: int) -> Outcome:
        """Cancel one order; `Accepted` carries it as it ended."""
        ...


class PaperStore(Protocol):
    """Where the paper account lives between ticks: one document under compare-and-set."""

    def load(self) -> tuple[Mapping[str, Any], object] | None:
        """The stored account and the token of that version, or None where there is none yet."""
        ...

    def save(self, data: Mapping[str, Any], token: object | None) -> object:
        """Store `data` over the version of `token` (None: as the first) and return the new token.

        Raises `Conflict` or `AlreadyExists` where somebody else wrote in between.
        """
        ...
