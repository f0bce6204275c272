"""What lies in the store of one bot that a tick cannot read, document by document, with what mends
it.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from functions import wiring
from scripts.operation.bot import Here
from shared.core.calendar import jst_day
from shared.core.errors import BadData
from shared.tick.books import day_path, present_book
from shared.tick.control import ALL, OLDER
from shared.tick.intents import decode_intents
from shared.turn.state import State

RESUME = "scripts/bot resume writes it anew, and no halt of it stays"
RESUME_ALL = "scripts/bot resume --all writes it anew, and no halt of it stays"
INTENT = "scripts/bot doctor --mend closes it: look first whether the exchange holds that order"
STATE = (
    "mend it by hand, run the version that wrote it, or begin anew with another BOT_ID; until then"
    " what is held is protected"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Damage:
    """One document: where it is, what is wrong with it, what mends it; `intent` where `doctor
    --mend` does.
    """

    path: str
    found: str
    remedy: str
    intent: bool = False


def damage(here: Here) -> Iterator[Damage]:
    """Every damaged document that a tick of this bot reads."""
    for path, found in here.bot.control().damaged.items():
        yield Damage(path=path, found=found, remedy=RESUME_ALL if path in {ALL, OLDER} else RESUME)
    _, intents = decode_intents((intent.path, intent.data) for intent in here.bot.open_intents())
    for path, found in intents.items():
        yield Damage(path=path, found=found, remedy=INTENT, intent=True)
    yield from _state(here)
    if here.settings.mode == "paper":  # a live account is no document
        yield from _account(here)
    yield from _day(here)


def _state(here: Here) -> Iterator[Damage]:
    path = f"bots/{here.settings.id}"
    try:
        stored = here.bot.peek()
        State.decode_state(None if stored is None else stored.data.get("state"), here.settings)
    except (BadData, AttributeError) as error:
        found = str(error) if isinstance(error, BadData) else f"{path} is damaged: it is no mapping"
        yield Damage(path=path, found=found, remedy=STATE)


def _account(here: Here) -> Iterator[Damage]:
    path = f"paper/{here.settings.id}"
    try:
        wiring.ports(here.settings, here.environ, dry_run=True).exchange.holdings(
            here.clock.now_ms()
        )
    except BadData as error:
        if "paper" in str(error):
            yield Damage(path=path, found=str(error), remedy=STATE)


def _day(here: Here) -> Iterator[Damage]:
    path = f"days/{here.settings.id}"
    try:
        book = present_book(here.bot.peek(), here.settings)
        path = day_path(here.settings.id, book, jst_day(here.clock.now_ms()))
        stored = here.bot.documents.get(path)
        sound = stored is None or isinstance(stored.data.get("equity"), dict)
    except (BadData, AttributeError):
        sound = False
    if not sound:
        yield Damage(
            path=path,
            found=f"{path} is damaged: its equity is no mapping",
            remedy="mend it by hand; ticks go on",
        )
