"""What was executed at the account in a time long past, for whoever reckons up a year. It only
reads.
"""

import random
import time
from contextlib import closing

from shared.core.clock import Clock
from shared.core.settings import Settings
from shared.exchanges.bitbank.account import AccountReader
from shared.exchanges.bitbank.pace import AccountPace
from shared.exchanges.bitbank.private_answers import ExchangeTrade
from shared.exchanges.bitbank.signed import SignedRest

MOST_PAGES = 2_000


def read_executions(
    settings: Settings,
    clock: Clock,
    *,
    key: str,
    secret: str,
    since_ms: int,
    until_ms: int | None,
) -> tuple[ExchangeTrade, ...]:
    """All executions of the pair from `since_ms` to before `until_ms` (None: now), oldest first, by
    signed GETs, page after page at the pace that bitbank grants.

    Raises `Unavailable`, and `BadData` where the history is not told whole.
    """
    limits = AccountPace(monotonic=time.monotonic, sleep=time.sleep)
    rest = SignedRest(settings.exchange, clock, key=key, secret=secret, limits=limits)
    with closing(rest):
        reader = AccountReader(
            rest,
            settings.exchange,
            clock,
            pair=settings.pair,
            is_margin=settings.account.has_debt,
            jitter=random.random,
        )
        return reader.read_trades(since_ms, until_ms=until_ms, most_pages=MOST_PAGES)
