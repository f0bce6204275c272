"""Risk: from a signal and an account to a decision with its reason.

Pure; nothing here knows the time or the network.
"""

from shared.risk.anomalies import anomalies
from shared.risk.limits import Limits, fall
from shared.risk.policies import decide
from shared.risk.sizing import smallest_capital

__all__ = ["Limits", "anomalies", "decide", "fall", "smallest_capital"]
