"""What happened, told to a person: `compose` is pure, sinks deliver."""

from shared.alerts.compose import compose, failure_alert
from shared.alerts.subjects.limits import KnownBefore
from shared.alerts.wording import sentence

__all__ = ["KnownBefore", "compose", "failure_alert", "sentence"]
