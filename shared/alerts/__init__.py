"""What happened, told to a person: `compose` is pure, sinks deliver."""

from shared.alerts.compose import KnownBefore, compose, failure_alert
from shared.alerts.wording import sentence

__all__ = ["KnownBefore", "compose", "failure_alert", "sentence"]
