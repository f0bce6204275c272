"""How fast bitbank is asked, on a clock of the test's own."""

import random

import pytest

from shared.exchanges.bitbank.pace import AccountPace, RequestPace


class OwnTime:
    def __init__(self) -> None:
        self.now = 7.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        assert seconds > 0
        self.now += seconds


def pace_of(own: OwnTime) -> AccountPace:
    return AccountPace(monotonic=own.monotonic, sleep=own.sleep)


def test_no_second_holds_more_than_bitbank_grants() -> None:
    own, rng = OwnTime(), random.Random(2)
    pace = pace_of(own)
    for bucket, most in ((pace.queries, 10), (pace.updates, 6)):
        times = []
        for _ in range(400):
            own.now += rng.choice((0.0, 0.0, 0.01, 0.3, 2.0))
            bucket.wait()
            times.append(own.now)
        worst = max(sum(one <= other < one + 1.0 for other in times) for one in times)
        assert most / 2 < worst <= most


def test_queries_do_not_use_up_updates_nor_the_other_way() -> None:
    own = OwnTime()
    pace = pace_of(own)
    for _ in range(50):
        pace.queries.wait()
    before = own.now
    for _ in range(3):
        pace.updates.wait()
    assert own.now == before
    pace.updates.wait()
    assert own.now == pytest.approx(before + 1 / 3)


def test_patience_holds_one_bucket_for_so_long_and_a_minute_at_most() -> None:
    own = OwnTime()
    pace = pace_of(own)
    pace.queries.pause(4.5)
    assert pace.queries.seconds_left() == pytest.approx(4.5)
    assert pace.updates.seconds_left() == 0.0
    pace.queries.pause(1.0)  # a shorter one does not shorten it
    assert pace.queries.seconds_left() == pytest.approx(4.5)
    pace.updates.pause(1e300)
    assert pace.updates.seconds_left() == pytest.approx(60.0)
    own.now += 60.0
    assert pace.updates.seconds_left() == pytest.approx(0.0)


def test_patience_counts_from_when_it_is_asked_for_however_long_the_request_took() -> None:
    own = OwnTime()
    pace = pace_of(own)
    pace.updates.wait()
    own.now += 2.0  # until its answer came
    pace.updates.pause(3.0)
    assert pace.updates.seconds_left() == pytest.approx(3.0)
    own.now += 1.0
    pace.updates.pause(3.0)
    assert pace.updates.seconds_left() == pytest.approx(3.0)


def test_a_clock_that_stands_or_jumps_back_gives_nothing_away() -> None:
    own = OwnTime()
    pace = RequestPace(2.0, monotonic=own.monotonic, sleep=own.sleep)
    pace.wait()
    pace.wait()
    own.now -= 100.0
    assert pace.seconds_left() == pytest.approx(0.5)
