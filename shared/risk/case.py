"""What a rule may look at, and how what it says is told. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from shared.core.reasons import Reason
from shared.core.settings import Settings
from shared.core.types import Account, Action, Book, Decision, Issue, PairRules, Side, Signal


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """All that the rules may look at.

    `issues` are those of market, data and model together.

    >>> from decimal import Decimal
    >>> from shared.core.settings import load_settings
    >>> money = Decimal(1_000_000)
    >>> account = Account(
    ...     equity_jpy=money,
    ...     capital_jpy=money,
    ...     available_jpy=money,
    ...     equity_peak_jpy=money,
    ...     day_start_equity_jpy=money,
    ... )
    >>> case = Case(
    ...     signal=Signal(as_of=0, close=9_800_000, atr_jpy=24_500.0, side=Side.LONG, strength=0.7),
    ...     account=account,
    ...     issues=(),
    ...     rules=PairRules(),
    ...     book=Book(as_of=0, bid=9_799_000, ask=9_801_000),
    ...     now_ms=1_000,
    ...     settings=load_settings({}),
    ... )
    >>> case.entry_price
    9799000
    """

    signal: Signal
    account: Account
    issues: Sequence[Issue]
    rules: PairRules
    book: Book | None
    now_ms: int
    settings: Settings

    @property
    def entry_price(self) -> int | None:
        """The touch at which a post-only entry on the signal's side would rest."""
        if self.book is None or self.signal.side is None:
            return None
        return self.book.bid if self.signal.side is Side.LONG else self.book.ask


Rule: TypeAlias = Callable[[Case], Decision | None]
"""A decision where the rule has a word on the case, else None."""


def decide_without_order(case: Case, action: Action, reason: Reason, **context: object) -> Decision:
    """A decision on the signal's side that orders nothing."""
    return Decision(
        action=action,
        as_of=case.signal.as_of,
        reason=reason,
        side=case.signal.side,
        context={name: str(value) for name, value in context.items()},
    )


def deny(case: Case, reason: Reason, **context: object) -> Decision:
    """No entry, because of `reason`."""
    return decide_without_order(case, Action.DENY, reason, **context)
