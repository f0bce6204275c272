"""Whether a bot may be given other code now: no tick is at work, no entry rests, no order is open.

A position with its stop is no obstacle: the stop lies at the exchange, and the next tick of
whichever code finds it there.
"""

from collections.abc import Callable, Iterator

from shared.core.calendar import jst_text
from shared.core.clock import Clock
from shared.core.errors import Unavailable
from shared.core.types import TickReport
from shared.tick.documents import BotDocuments

PAUSE_MS = 3_000


def obstacles_to(bot: BotDocuments, *, now_ms: int) -> tuple[str, ...]:
    """What stands against other code at this moment, in words; nothing where it may come.

    >>> from shared.stores.memory import MemoryDocuments
    >>> bot = BotDocuments(MemoryDocuments(), "default")
    >>> obstacles_to(bot, now_ms=0)
    ()
    >>> lease = bot.take_lease(now_ms=0, lease_ms=170_000)
    >>> obstacles_to(bot, now_ms=60_000)
    ('a tick is at work until 1970-01-01 09:02:50 JST at the latest',)
    >>> obstacles_to(bot, now_ms=170_000)
    ()
    """
    return tuple(_find_hindrance(bot, now_ms))


def wait_until_quiet(
    bot: BotDocuments, clock: Clock, *, most_ms: int, tell: Callable[[str], None]
) -> None:
    """Look until nothing stands against other code. Raises `Unavailable` where that takes longer
    than `most_ms`; `tell` hears of each new obstacle.
    """
    until, told = clock.now_ms() + most_ms, ""
    while found := obstacles_to(bot, now_ms=clock.now_ms()):
        if clock.now_ms() >= until:
            raise Unavailable(f"nothing was deployed: {'; '.join(found)}")
        if (line := "; ".join(found)) != told:
            tell(told := line)
        clock.sleep_until(clock.now_ms() + PAUSE_MS)


def _find_hindrance(bot: BotDocuments, now_ms: int) -> Iterator[str]:
    stored = bot.peek()
    lease = (stored.data.get("lease") or {}) if stored is not None else {}
    if lease.get("holder") and lease.get("expires_at", 0) > now_ms:
        yield f"a tick is at work until {jst_text(lease['expires_at'])} at the latest"
    for intent in bot.open_intents():
        yield f"the order {intent.path.partition('~')[2]} is open: nobody knows what came of it"
    last = bot.last_report()
    if last is None:
        return
    for order in TickReport.read(last).resting:
        if order.intent.is_opening and not order.has_ended(now_ms):
            yield f"the entry {order.intent.id} rests at the exchange"
