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
    """What the policy of the settings decides, and why."""
    return policy_of(case.settings).decide(case)
