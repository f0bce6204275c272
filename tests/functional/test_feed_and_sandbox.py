"""The feed against the sandbox: both read the exchange's protocol alike, and none of its faults
gets through.
"""

from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime

import numpy as np
import pytest

from shared.core import settings as configuration
from shared.core.errors import Unavailable
from shared.core.types import Candles, Timeframe
from shared.exchanges.bitbank.feed import BitbankFeed
from shared.exchanges.sandbox.faults import Fault
from shared.exchanges.sandbox.generate import generate
from shared.exchanges.sandbox.market import SandboxMarket
from shared.exchanges.sandbox.server import Sandbox, serve
from shared.exchanges.sandbox.spoil import KINDS
from shared.exchanges.sandbox.time_source import SteppedTime
from shared.market.archive import CandleWindows
from shared.market.candles import aggregate, candles_between, changed_times
from shared.stores.memory import MemoryBucket
from tests.support.fixed_clock import FixedClock

MINUTE = 60_000
START = int(datetime(2025, 12, 20, tzinfo=UTC).timestamp() * 1000)
NOW = int(datetime(2026, 1, 3, 11, 56, tzinfo=UTC).timestamp() * 1000)
MINUTES = generate(start_ms=START, days=16, seed=3)
MARKET = SandboxMarket.from_minutes(MINUTES)


class Bot:
    def __init__(self, sandbox: Sandbox, url: str) -> None:
        self.sandbox = sandbox
        self.clock = FixedClock(NOW)
        exchange = {
            "public_url": url,
            "private_url": f"{url}/v1",
            "retry_base_seconds": 0.0,
            "timeout_seconds": 0.5,
        }
        self.settings = configuration.load_settings(
            {},
            overrides={"exchange": exchange, "market": {"window_candles": 200, "window_keep": 220}},
        )
        self.bucket = MemoryBucket()
        self.feed = self.fresh()

    def fresh(self) -> BitbankFeed:
        """The feed of another process; it sleeps only as long as it must."""
        return BitbankFeed(
            self.settings,
            self.clock,
            CandleWindows(self.bucket),
            jitter=lambda: 0.0,
            sleep=lambda _: None,
        )

    def move(self, at_ms: int) -> None:
        self.sandbox.clock.advance_to(at_ms)
        self.clock.sleep_until(at_ms)


@pytest.fixture
def bot() -> Iterator[Bot]:
    sandbox = Sandbox(MARKET, SteppedTime(NOW))
    with serve(sandbox) as server:
        made = Bot(sandbox, server.url)
        yield made
        made.feed.close()


def truth(timeframe: Timeframe, final_at: int) -> Candles:
    """What really happened, from the sandbox's own minutes."""
    return aggregate(MINUTES, timeframe, until=final_at)


def test_every_candle_of_a_day_and_a_half_of_ticks_is_what_really_happened(bot):
    """Across midnights, from New Year's files, in steps of 7 minutes: never a forming candle, never
    a wrong one.
    """
    checked = 0
    for step in range(1_440 * 3 // 2 // 7):
        now = NOW - 3 * 86_400_000 + step * 7 * MINUTE
        bot.clock._now_ms = bot.sandbox.clock._now_ms = now
        market = bot.feed.fetch(now)
        for timeframe, candles in market.candles.items():
            final_at = now - 10_000
            wanted = truth(timeframe, final_at).tail(len(candles))
            assert np.array_equal(candles.opened_at, wanted.opened_at)
            assert len(changed_times(candles, wanted)) == 0
            checked += len(candles)
    assert checked > 50_000


def test_a_quiet_look_at_the_market_asks_three_questions_as_the_sandbox_counts_them(bot):
    bot.feed.fetch(NOW)
    bot.sandbox.forget_requests()
    before = bot.feed.requests
    market = bot.feed.fetch(NOW + MINUTE, may_enter=False)
    assert bot.sandbox.requests() == {"circuit_break_info": 1, "status": 1, "depth": 1}
    assert bot.feed.requests - before == 3
    assert market.book is not None
    assert market.book.spread_rate == pytest.approx(0.0001, rel=0.01)


def test_minutes_are_the_sandboxs_own(bot):
    start = NOW - 30 * 3_600_000
    minutes = bot.feed.minutes(start, NOW)
    wanted = candles_between(MINUTES.closed_by(NOW - 10_000), start, NOW)
    assert np.array_equal(minutes.opened_at, wanted.opened_at)
    assert len(changed_times(minutes, wanted)) == 0
    assert len(minutes) > 1_000


@pytest.mark.parametrize("name", sorted(set(KINDS) - {"candle-spike"}))
def test_no_fault_of_the_sandbox_puts_a_wrong_candle_into_the_window(bot, name):
    """Whatever is wrong: candles are true or absent, the fault is an issue or without effect, and
    afterwards all is well.
    """
    bot.feed.fetch(NOW)
    bot.move(NOW + 8 * MINUTE)  # a candle of both timeframes has closed
    bot.sandbox.faults.add(
        Fault(name=name, seconds={"slow": 0.6, "stall": 0.6, "cached": 540.0}.get(name))
    )
    market = None
    with suppress(Unavailable):  # nothing at all could be had
        market = bot.fresh().fetch(bot.clock.now_ms())
    if market is not None:
        for timeframe, candles in market.candles.items():
            wanted = truth(timeframe, bot.clock.now_ms())
            rows = np.isin(candles.opened_at, wanted.opened_at)
            assert rows.all()
            assert len(changed_times(candles, wanted)) == 0
        harmless = {"wide-spread", "crossed-book", "far-book", "missing-field"}
        harmless |= {"orders-stopped", "stops-stopped", "market-stopped", "pair-disabled"}
        assert market.issues or name in harmless
    assert bot.sandbox.faults.fire_count(name) > 0
    bot.sandbox.faults.clear()
    healed = bot.feed.fetch(bot.clock.now_ms())
    missing = [issue for issue in healed.issues if issue.forbids_entry]
    assert not missing or name == "candle-hole"
