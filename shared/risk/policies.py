"""Which policy decides: barriers (one entry with stop and target) or a target exposure. Pure."""

from collections.abc import Sequence

from shared.core.settings import Settings
from shared.core.types import Account, Book, Decision, Issue, PairRules, Signal
from shared.risk import exposure
from shared.risk import rules as barriers


def decide(
    *,
    signal: Signal,
    account: Account,
    issues: Sequence[Issue],
    rules: PairRules,
    book: Book | None,
    now_ms: int,
    settings: Settings,
) -> Decision:
    """What `settings.risk.policy` decides, and why.

    `issues` are those of market, data and model together.

    >>> from decimal import Decimal
    >>> from shared.core.settings import load
    >>> money = Decimal(1_000_000)
    >>> account = Account(
    ...     equity_jpy=money,
    ...     capital_jpy=money,
    ...     available_jpy=money,
    ...     equity_peak_jpy=money,
    ...     day_start_equity_jpy=money,
    ... )
    >>> signal = Signal(as_of=0, close=9_800_000, atr_jpy=24_500.0, side=None, strength=0.0)
    >>> decision = decide(
    ...     signal=signal,
    ...     account=account,
    ...     issues=(),
    ...     rules=PairRules(),
    ...     book=Book(as_of=0, bid=9_799_000, ask=9_801_000),
    ...     now_ms=1_000,
    ...     settings=load({}),
    ... )
    >>> decision.action.value, decision.reason.value
    ('deny', 'no_consensus')
    """
    policy = exposure.decide if settings.risk.policy == "target" else barriers.decide
    return policy(
        signal=signal,
        account=account,
        issues=issues,
        rules=rules,
        book=book,
        now_ms=now_ms,
        settings=settings,
    )
