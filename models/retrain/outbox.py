"""What people are told of retrainings: through the outbox of the bot, which its ticks share."""

from contextlib import suppress

from models.jobs.held import HeldJob
from models.retrain.place import RetrainPorts
from shared.core.errors import AlreadyExists
from shared.core.types import Alert
from shared.tick import filing

SEND_SECONDS = 30.0


def put(ports: RetrainPorts, held: HeldJob, alert: Alert) -> None:
    """Put an alert where the next delivery finds it; one that was put there before a crash is not
    put there again.

    Who trains by hand sees what comes of it.
    """
    if held.data["job"]["by_hand"]:
        return
    write = filing.alert_write(alert, ports.settings)
    with suppress(AlreadyExists):
        ports.documents.create(write.path, write.data or {})


def deliver(ports: RetrainPorts) -> None:
    """Send what waits. What cannot be sent now is sent by the next tick."""
    ports.outlet.pass_on((), has_older=True, seconds=SEND_SECONDS)
