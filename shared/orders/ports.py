"""The ports of the execution stage: an exchange that holds our orders, and the document of the
paper account.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from shared.core.types import (
    Book,
    Counted,
    Holdings,
    Ledger,
    OpenIntent,
    Order,
    OrderIntent,
    Outcome,
    PairRules,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fence:
    """The right under which a tick sends: whoever took the account's lease after it has a higher
    `number`.

    `until` (ms UTC) is when the lease ends; no request may arrive later. `held` is the stored
    lease, for an exchange whose account lies in the same store: it changes the account only in one
    batch with the condition that the lease is still that. Looking at a clock cannot replace this: a
    process may stop for hours between its last look and its request.

    >>> Fence(number=2, until=170_000, held=None).number
    2
    """

    number: int
    until: int
    held: object


class Exchange(Protocol):
    """Paper account or real exchange; the cycle does not know which.

    >>> import tempfile
    >>> from functions import wiring
    >>> with tempfile.TemporaryDirectory() as home:
    ...     ports = wiring.ports(wiring.settings_from({"BOT_HOME": home}), {})
    ...     holdings = ports.exchange.holdings(1_767_225_600_000)
    ...     ports.documents.close()
    >>> holdings.positions, holdings.cash_jpy
    ((), Decimal('1000000.0000'))
    """

    @property
    def is_attended(self) -> bool:
        """Whether a tick has to stay with its entry: its fills bring no stop by themselves."""
        ...

    @property
    def requests(self) -> int:
        """How many requests were sent to it."""
        ...

    def reconcile(
        self,
        now_ms: int,
        *,
        counted: Counted | None = None,
        ledger: Ledger | None = None,
        intents: Sequence[OpenIntent] = (),
        fence: Fence,
    ) -> Holdings:
        """Bring knowledge up to `now_ms` (paper: settle from the 1m candles since) and say what is
        held.

        `counted`: what a saved state has counted, and need not be told again; None where that is
        not known. A real exchange is told the bot's own `ledger` (None: it begins now) and the
        `intents` that no saved state knows of, and says what became of each. Raises `LeaseLost`
        like `submit`.
        """
        ...

    def holdings(
        self, now_ms: int, *, ledger: Ledger | None = None, intents: Sequence[OpenIntent] = ()
    ) -> Holdings:
        """What is held after orders were sent. On paper the path is not asked; a real exchange
        reads again.
        """
        ...

    def has_news(self) -> bool:
        """Whether something may have changed since the account was last read; an attended entry is
        looked at by this. Raises like `reconcile`.
        """
        ...

    def submit(
        self,
        intent: OrderIntent,
        *,
        book: Book | None,
        rules: PairRules | None = None,
        now_ms: int,
        fence: Fence,
    ) -> Outcome:
        """Send one order, once. Never raises for an unclear answer: that is `Unknown`.

        `book` and `rules` are what the tick has read; None before it has read them. `now_ms` is the
        time of the request: where requests are signed, it is signed with that. Raises `LeaseLost`
        where it is certain that nothing was placed because another tick owns the account.
        """
        ...

    def cancel(self, order: Order, *, now_ms: int, fence: Fence) -> Outcome:
        """Cancel one order; `Accepted` carries it as it ended. Raises `LeaseLost` like `submit`."""
        ...


class PaperStore(Protocol):
    """Where the paper account lives between ticks: one document under compare-and-set."""

    def load(self) -> tuple[Mapping[str, Any], object] | None:
        """The stored account and the token of that version, or None where there is none yet."""
        ...

    def save(
        self, data: Mapping[str, Any], token: object | None, *, held: object | None = None
    ) -> object:
        """Store `data` over the version of `token` (None: as the first) and return the new token.

        `held` is the lease of a fence. Raises `Conflict` or `AlreadyExists` where somebody else
        wrote in between, and `LeaseLost` where another tick has taken that lease.
        """
        ...
