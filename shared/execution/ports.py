"""The port of the execution stage: an exchange that holds our orders."""

from typing import Protocol

from shared.types import Book, Holdings, Order, OrderIntent, Outcome


class Exchange(Protocol):
    """Paper account or real exchange; the cycle does not know which."""

    def reconcile(self, now_ms: int) -> Holdings:
        """Bring knowledge up to `now_ms` (paper: settle from the 1m candles since) and say what is held."""
        ...

    def submit(self, intent: OrderIntent, *, book: Book | None, now_ms: int) -> Outcome:
        """Send one order, once. Never raises for an unclear answer: that is `Unknown`."""
        ...

    def cancel(self, order: Order, *, now_ms: int) -> Outcome:
        """Cancel one order; `Accepted` carries it as it ended."""
        ...

    def next_look_at(self, now_ms: int) -> int | None:
        """When a resting entry is worth looking at again inside this tick; None where waiting cannot help."""
        ...
