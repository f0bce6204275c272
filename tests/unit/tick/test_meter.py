"""The wait for a candle is measured apart, and nothing else that pauses is."""

import time

import pytest

from shared.stores.memory import MemoryDocuments
from shared.tick.meter import Meter, MeteredClock

PAUSE_MS = 60


class NoFeed:
    """Of a feed, what a meter asks for."""

    requests = 0


class SleepingClock:
    """A clock at 0 whose pauses take real time."""

    def now_ms(self) -> int:
        return 0

    def sleep_until(self, at_ms: int) -> None:
        time.sleep(at_ms / 1000)


@pytest.fixture
def meter() -> Meter:
    return Meter(MemoryDocuments(), NoFeed())


def test_a_pause_in_the_fetch_is_the_wait_and_a_part_of_its_step(meter) -> None:
    clock = MeteredClock(SleepingClock(), meter)
    with meter.time_step("fetch"):
        clock.sleep_until(PAUSE_MS)
        clock.sleep_until(PAUSE_MS)
    told = meter.all_timings(gap_ms=None)
    assert 2 * PAUSE_MS <= told["wait"] <= told["fetch"] <= told["total"]


def test_who_stays_with_an_entry_does_not_wait_for_a_candle(meter) -> None:
    clock = MeteredClock(SleepingClock(), meter)
    with meter.time_step("attend"):
        clock.sleep_until(PAUSE_MS)
    clock.sleep_until(PAUSE_MS)
    told = meter.all_timings(gap_ms=None)
    assert told["wait"] == 0.0
    assert told["attend"] >= PAUSE_MS


def test_a_wait_that_is_broken_off_counts_as_far_as_it_came(meter) -> None:
    class Broken(SleepingClock):
        def sleep_until(self, at_ms: int) -> None:
            super().sleep_until(at_ms)
            raise ValueError

    with pytest.raises(ValueError), meter.time_step("fetch"):
        MeteredClock(Broken(), meter).sleep_until(PAUSE_MS)
    assert meter.all_timings(gap_ms=None)["wait"] >= PAUSE_MS
