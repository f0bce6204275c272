"""Risk: from a signal and an account to a decision with its reason.

Pure; nothing here knows the time or the network.
"""

from shared.core.types import Decision
from shared.risk.anomalies import anomalies
from shared.risk.case import Case
from shared.risk.limits import Limits, fall
from shared.risk.policies import Policy, policy_of
from shared.risk.sizing import smallest_capital

__all__ = [
    "Case",
    "Limits",
    "Policy",
    "anomalies",
    "decide",
    "fall",
    "policy_of",
    "smallest_capital",
]


def decide(case: Case) -> Decision:
    """What the policy of the settings decides, and why.

    >>> from decimal import Decimal
    >>> from shared.core.settings import load_settings
    >>> from shared.core.types import Account, Book, PairRules, Signal
    >>> money = Decimal(1_000_000)
    >>> account = Account(
    ...     equity_jpy=money,
    ...     capital_jpy=money,
    ...     available_jpy=money,
    ...     equity_peak_jpy=money,
    ...     day_start_equity_jpy=money,
    ... )
    >>> case = Case(
    ...     signal=Signal(as_of=0, close=9_800_000, atr_jpy=24_500.0, side=None, strength=0.0),
    ...     account=account,
    ...     issues=(),
    ...     rules=PairRules(),
    ...     book=Book(as_of=0, bid=9_799_000, ask=9_801_000),
    ...     now_ms=1_000,
    ...     settings=load_settings({}),
    ... )
    >>> decision = decide(case)
    >>> decision.action.value, decision.reason.value
    ('deny', 'no_consensus')
    """
    return policy_of(case.settings).decide(case)
