"""What people are told of retrainings: through the outbox of the bot, which its ticks share."""

from contextlib import suppress

from models.jobs.held import HeldJob
from models.retrain.place import RetrainPorts
from shared.core.errors import AlreadyExists, BotError
from shared.core.types import Alert
from shared.tick import filing
from shared.tick.documents import BotDocuments
from shared.tick.outbox import outbox_write

SEND_SECONDS = 30.0


def put(ports: RetrainPorts, held: HeldJob, alert: Alert) -> None:
    """Put an alert where the next delivery finds it; one that was put there before a crash is not
    put there again.

    Who trains by hand sees what comes of it.
    """
    if held.data["job"]["by_hand"]:
        return
    write = outbox_write(alert, bot=ports.settings.id)
    with suppress(AlreadyExists):
        ports.documents.create(write.path, write.data or {})


def deliver(ports: RetrainPorts) -> None:
    """Send what waits.

    What cannot be sent now is sent by the next tick, which alone may give up: it knows the time.
    """
    bot = BotDocuments(ports.documents, ports.settings.id)
    with suppress(BotError):
        filing.deliver(
            bot.waiting_alerts(),
            bot=bot,
            sink=ports.sink,
            now_ms=ports.clock.now_ms(),
            sure=False,
            seconds_left=SEND_SECONDS,
        )
