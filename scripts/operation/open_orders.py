"""Orders that no saved state knows of, and what a person types about each."""

from collections.abc import Sequence
from dataclasses import dataclass

from scripts.operation.bot import Here
from shared.core.calendar import jst_text
from shared.core.sentences import say
from shared.core.sentences.figures import btc
from shared.core.types import OrderIntent
from shared.tick.intents import decode_intents


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenOrder:
    """One of which nobody knows what came; `name` is what `settle` wants."""

    name: str
    intent: OrderIntent
    at: int


def open_orders(here: Here) -> Sequence[OpenOrder]:
    """All of them, oldest first."""
    begins = f"intents/{here.settings.id}~"
    sound, _ = decode_intents((one.path, one.data) for one in here.bot.open_intents())
    found = [
        OpenOrder(name=path.removeprefix(begins), intent=one.intent, at=one.at)
        for path, one in sound.items()
        if one.is_unsettled
    ]
    return sorted(found, key=lambda one: one.at)


def open_order_line(one: OpenOrder) -> str:
    """What it is."""
    return say(
        "acts.open_intent",
        intent=one.name,
        purpose=one.intent.purpose,
        side=one.intent.side,
        size=btc(one.intent.lots),
        at=jst_text(one.at),
    )


def settle_line(one: OpenOrder) -> str:
    """What to type."""
    return say("acts.settle_how", intent=one.name)
