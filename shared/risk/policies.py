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
