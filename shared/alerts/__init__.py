"""What happened, told to a person: `compose` is pure, sinks deliver."""

from shared.alerts.compose import Known, compose, failure
from shared.alerts.wording import sentence

__all__ = ["Known", "compose", "failure", "sentence"]
