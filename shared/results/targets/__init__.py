"""The six targets of a bot, each a function over what it stored: a number, its limit, and whether
that is met; and what its strategies said, hour by hour. Pure.
"""

from shared.results.targets.answers import judge_answers
from shared.results.targets.confidence import judge_confidence
from shared.results.targets.error_rate import judge_error_rate
from shared.results.targets.figure import Reached, TargetFigure, TargetName
from shared.results.targets.profit import judge_profit
from shared.results.targets.signals import SignalRow, signal_rows
from shared.results.targets.uptime import judge_uptime
from shared.results.targets.wins import judge_wins

__all__ = [
    "Reached",
    "SignalRow",
    "TargetFigure",
    "TargetName",
    "judge_answers",
    "judge_confidence",
    "judge_error_rate",
    "judge_profit",
    "judge_uptime",
    "judge_wins",
    "signal_rows",
]
