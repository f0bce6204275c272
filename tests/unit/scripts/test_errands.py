"""When what runs beside the ticks is due, and what becomes of it when it fails or hangs."""

import os
import time

import pytest

from scripts.local.paper.errands import (
    Errand,
    ErrandProgress,
    Errands,
    next_on_grid,
    next_retraining,
    next_time_of_day,
    week_begins,
)
from scripts.local.paper.place import SupervisorPaths
from scripts.local.paper.supervisor import believed_time
from shared.core.settings import load_settings

DAY, HOUR = 86_400_000, 3_600_000
MONDAY = 1_775_433_600_000  # 2026-04-06 00:00 UTC


def due(**known):
    return next_retraining(ErrandProgress(**known), life_began_at=MONDAY + 2 * DAY, every_days=7)


def test_the_first_retraining_is_due_after_a_week_of_life_and_the_next_on_monday():
    assert due() == MONDAY + 9 * DAY
    ended = MONDAY + 9 * DAY + HOUR
    assert due(begun_at=ended - HOUR, last_at=ended) == MONDAY + 14 * DAY
    assert due(begun_at=MONDAY + 14 * DAY, last_at=MONDAY + 15 * DAY) == MONDAY + 21 * DAY


def test_a_retraining_that_was_begun_and_has_not_ended_is_due_at_once():
    assert due(begun_at=MONDAY + 9 * DAY) == MONDAY + 9 * DAY
    assert due(begun_at=MONDAY + 14 * DAY, last_at=MONDAY + 9 * DAY) == MONDAY + 14 * DAY


def test_weeks_are_those_of_iso_in_utc():
    assert week_begins(MONDAY) == MONDAY == week_begins(MONDAY + 7 * DAY - 1)
    assert week_begins(MONDAY - 1) == MONDAY - 7 * DAY


def test_the_digest_is_due_at_its_time_in_japan():
    six = MONDAY + 9 * HOUR  # 18:00 JST
    assert next_time_of_day(six - 1, "18:00") == six
    assert next_time_of_day(six, "18:00") == six + DAY
    assert next_time_of_day(six, "00:30") == MONDAY + 15 * HOUR + HOUR // 2


def test_a_schedule_time_that_a_clock_set_back_has_put_far_away_is_not_waited_for():
    assert believed_time(MONDAY + DAY, MONDAY, 180_000) == MONDAY + 180_000
    assert believed_time(MONDAY + 180_000, MONDAY, 180_000) == MONDAY + 180_000
    assert believed_time(MONDAY, MONDAY + DAY, 180_000) == MONDAY


def test_a_grid_keeps_its_place():
    assert [next_on_grid(at, 900, 450) for at in (0, 449, 450, 1_349, 1_350)] == [
        450,
        450,
        1_350,
        1_350,
        2_250,
    ]


def test_a_retraining_that_ends_in_the_next_week_leaves_that_week_its_own():
    sunday_night, monday = MONDAY + 14 * DAY - HOUR, MONDAY + 14 * DAY + HOUR
    assert due(begun_at=sunday_night, last_at=monday) == MONDAY + 14 * DAY


@pytest.fixture
def place(tmp_path):
    place = SupervisorPaths(folder=tmp_path / "paper", logs=tmp_path / "logs")
    place.require_room()
    return place


def next_times(errands):
    return {name: known.next_at for name, known in errands.statuses()}


@pytest.mark.parametrize("restarts", [True, False])
@pytest.mark.parametrize("known", [True, False], ids=["once done", "never done"])
def test_a_clock_that_was_a_year_ahead_puts_nothing_off_once_it_is_set_back(place, restarts, known):
    now, ahead = MONDAY + 2 * DAY + 10 * HOUR, MONDAY + 365 * DAY
    done = {"last_at": ahead, "begun_at": ahead - HOUR}
    before = dict.fromkeys(("retraining", "watch", "digest", "cleaning"), done if known else {})

    def begin(now_ms):
        more = {"environ": dict(os.environ), "place": place, "say": print}
        return Errands(load_settings({}), before=before, life_began_at=ahead, now_ms=now_ms, **more)

    errands = begin(ahead)
    assert min(next_times(errands).values()) > ahead
    errands.look_around(ahead, has_model=True)
    if restarts:
        errands = begin(now)
    errands.look_around(now, has_model=True)
    late = {name: at - now for name, at in next_times(errands).items()}
    assert 0 < late["watch"] <= 15 * 60_000
    assert 0 < late["cleaning"] <= 15 * 60_000
    assert 0 < late["digest"] <= DAY
    assert 0 < late["retraining"] <= 7 * DAY


def errand(place, words, said, **more):
    return Errand(
        "watch",
        words,
        next_time=lambda known: 0 if known.last_at is None else known.last_at + 10,
        environ=dict(os.environ),
        place=place,
        say=said.append,
        progress=ErrandProgress(),
        **more,
    )


def until(errand, wanted):
    limit = time.monotonic() + 60
    while not wanted(errand.progress):
        assert time.monotonic() < limit, errand.progress
        errand.look_around(5)
        time.sleep(0.02)


def test_one_that_ends_well_is_due_again_later(place):
    one = errand(place, ["--version"], [])
    until(one, lambda known: known.last_at is not None)
    known = one.progress
    assert (known.last_at, known.begun_at, known.next_at, known.doing) == (5, 5, 15, "")
    assert place.groups() == {}


def test_one_that_fails_waits_says_why_and_stays_due(place):
    said = []
    one = errand(place, ["no-such-command"], said)
    until(one, lambda known: known.trouble)
    one.look_around(5)
    assert one.progress.doing == "waiting to try again"
    assert one.progress.last_at is None
    assert "No such command" in one.progress.trouble
    assert len(said) == 1


@pytest.mark.parametrize(
    ("longest_seconds", "again"), [(300.0, "again in 30 s"), (86_400.0, "again in 21600 s")]
)
def test_a_watch_that_meets_a_mistake_of_a_person_looks_again_soon_and_a_retraining_later(
    place, longest_seconds, again
):
    said = []
    one = errand(place, ["no-such-command"], said, longest_seconds=longest_seconds)
    until(one, lambda known: known.trouble)
    assert again in said[0]


def test_one_that_does_not_end_is_ended(place):
    said = []
    endless = ["sandbox", "--port", "0"]
    one = errand(place, endless, said, longest_seconds=0.5)
    until(one, lambda known: known.trouble)
    assert "did not end within" in one.progress.trouble
    assert place.groups() == {}
