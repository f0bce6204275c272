"""What is done beside the ticks, every quarter of an hour: watch, digest, cleaning."""

from shared.rounds.budget import budget_alert, budget_notice, remember_budget
from shared.rounds.changes import WatchMemory, change
from shared.rounds.conditions import Condition, conditions_of
from shared.rounds.day import digest_window
from shared.rounds.digest import Digest, day_digest
from shared.rounds.watch import Round, WatchPorts, look_around

__all__ = [
    "Condition",
    "Digest",
    "Round",
    "WatchMemory",
    "WatchPorts",
    "budget_alert",
    "budget_notice",
    "change",
    "conditions_of",
    "day_digest",
    "digest_window",
    "look_around",
    "remember_budget",
]
