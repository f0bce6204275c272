"""Cleaning: what is old goes, a batch at a time, and nothing that anybody still needs."""

import pytest

from models.jobs import records
from shared.core.errors import NotThere, Unavailable
from shared.core.settings import load_settings
from shared.rounds.cleaning import CleaningPlace, clean_up
from shared.rounds.keeping import protect_report, protected_reports, release_report
from shared.rounds.old_jobs import OVER
from shared.stores.local.folder import FolderBucket
from shared.stores.local.sqlite import SqliteDocuments
from shared.stores.memory import MemoryBucket, MemoryDocuments
from shared.stores.ports import Write

DAY = 86_400_000
NOW = 1_800_000_000_000
FOR_EVER = (
    *("trades/b~1", "trades/b~live-7~1", "fills/b~live-7~9", "days/b~2020-01-01"),
    *("days/b~live-7~2020-01-01", "trials/t", "audit/1~a", "retrains/b~2020-W01"),
)


@pytest.fixture(params=["memory", "disk"])
def place(request, tmp_path):
    on_disk = request.param == "disk"
    documents = SqliteDocuments(tmp_path / "state.sqlite") if on_disk else MemoryDocuments()
    bucket = FolderBucket(tmp_path / "bucket") if on_disk else MemoryBucket()
    keep = load_settings({}, overrides={"keep": {"reports_days": 30, "ticks_days": 20}}).keep
    yield CleaningPlace(documents=documents, bucket=bucket, keep=keep)
    documents.close()


def add_tick(place, age_days, *, bot="b", **report):
    at = NOW - int(age_days * DAY)
    data = {"bot": bot, "claimed_at": at, "report": {"scheduled_at": at, "issues": [], **report}}
    place.documents.create(f"ticks/{bot}~{at}", data)
    return f"ticks/{bot}~{at}"


def add_job(place, name, age_days, *, status="done"):
    at = NOW - int(age_days * DAY)
    files = {"report.html": f"backtests/{name}/1/report.html"}
    for key in files.values():
        place.bucket.put(key, b"<html>")
    data = {"kind": "backtest", "status": status, "created_at": at, "updated_at": at}
    more = {"result": {"files": files}, "error": None, "job_hash": "h", "lease": {"fence": 3}}
    place.documents.create(f"jobs/{name}", {**data, **more})


def add_week(place):
    """Ticks of a week of life."""
    return [add_tick(place, age / 2) for age in range(14)]


def names(place, collection):
    return {found.path for found in place.documents.query(collection, limit=10_000)}


def test_old_reports_ticks_alerts_and_intents_go_and_everything_else_stays(place):
    week = add_week(place)
    add_tick(place, 21)
    for name, age in (("old", 31), ("young", 29), ("newest", 1)):
        add_job(place, name, age)
    for name, at in (("old", NOW - 21 * DAY), ("young", NOW - 19 * DAY)):
        place.documents.create(f"alerts/{name}", {"waiting_for": None, "sent_at": at})
        place.documents.create(f"intents/{name}", {"open_for": None, "at": at})
    for path in FOR_EVER:
        place.documents.create(path, {"at": 0, "created_at": 0, "sent_at": 0, "claimed_at": 0})
    done = clean_up(place, now_ms=NOW)
    assert done.removed == {"jobs": 1, "ticks": 1, "alerts": 1, "intents": 1}
    assert not done.is_more
    assert names(place, "jobs") == {"jobs/young", "jobs/newest"}
    assert place.bucket.keys("backtests/") == [
        f"backtests/{name}/1/report.html" for name in ("newest", "young")
    ]
    assert names(place, "ticks") == set(week)
    assert names(place, "alerts") == {"alerts/young"}
    assert names(place, "intents") == {"intents/young"}
    assert all(place.documents.get(path) is not None for path in FOR_EVER)
    assert clean_up(place, now_ms=NOW).removed == {}


def test_what_is_referred_to_stays(place):
    add_week(place)
    add_job(place, "waiting", 90, status="waiting")
    add_job(place, "working", 80, status="working")
    add_job(place, "protected", 70)
    add_job(place, "newest", 60)
    protect_report(place.documents, "protected", who="me", why="the first", now_ms=NOW)
    place.documents.create("intents/open", {"open_for": "b", "at": NOW - 90 * DAY})
    place.documents.create("alerts/open", {"waiting_for": "b", "sent_at": NOW - 90 * DAY})
    last = add_tick(place, 60, bot="still")
    place.documents.create(
        "bots/still", {"state": {"last_scheduled_at": NOW - 60 * DAY}, "lease": {}}
    )
    before = {name: names(place, name) for name in ("jobs", "intents", "alerts", "ticks")}
    assert clean_up(place, now_ms=NOW).removed == {}
    assert {name: names(place, name) for name in before} == before
    assert last in before["ticks"]
    assert len(place.bucket.keys("backtests/")) == 4
    release_report(place.documents, "protected")
    assert clean_up(place, now_ms=NOW).removed == {"jobs": 1}
    assert "jobs/protected" not in names(place, "jobs")


def test_a_round_takes_a_batch_at_most_and_the_next_goes_on(place):
    week = add_week(place)
    add_job(place, "open", 99, status="waiting")
    for number in range(7):
        add_job(place, f"old-{number}", 40)  # all of one instant
        add_tick(place, 30 + number)
    add_job(place, "newest", 1)
    rounds = [clean_up(place, now_ms=NOW, batch=3) for _ in range(4)]
    assert [done.removed for done in rounds] == [
        {"jobs": 3, "ticks": 3},
        {"jobs": 3, "ticks": 3},
        {"jobs": 1, "ticks": 1},
        {},
    ]
    assert [done.is_more for done in rounds] == [True, True, False, False]
    assert names(place, "jobs") == {"jobs/open", "jobs/newest"}
    assert names(place, "ticks") == set(week)


@pytest.mark.parametrize("days", [9, 30, 400])
def test_a_clock_that_jumps_ahead_takes_nothing_away_and_says_so(place, days):
    add_week(place)
    add_job(place, "old", 5)
    add_job(place, "newest", 1)
    ahead = NOW + days * DAY
    add_tick(place, -days)  # the bot ticks under that clock too
    done = clean_up(place, now_ms=ahead)
    assert done.removed == {}
    assert "nothing is taken away until ticks have agreed with the clock for a day" in done.refused
    assert len(names(place, "jobs")) == 2
    for age in range(1, 9):  # after a day of ticks it was no jump: the bot had stood still
        add_tick(place, -days - age / 8)
    goes = clean_up(place, now_ms=ahead + DAY)
    assert goes.refused == ""
    assert goes.removed == ({} if days == 9 else {"jobs": 1, "ticks": 14})  # the newest job stays


def test_a_clock_that_the_last_tick_found_wrong_takes_nothing_away(place):
    add_week(place)
    add_job(place, "old", 50)
    add_job(place, "newest", 1)
    add_tick(place, -0.01, issues=[{"reason": "clock_skew"}])
    done = clean_up(place, now_ms=NOW + DAY // 50)
    assert (done.removed, "found the clock wrong" in done.refused) == ({}, True)


def test_a_tick_of_a_clock_that_was_a_year_ahead_once_puts_no_cleaning_off_for_a_year(place):
    add_week(place)
    add_tick(place, -365, issues=[{"reason": "clock_skew"}])
    add_tick(place, 21)
    assert clean_up(place, now_ms=NOW).removed == {"ticks": 1}


def test_what_a_store_takes_away_by_itself_is_left_to_it(place):
    add_week(place)
    old = add_tick(place, 60)
    place = CleaningPlace(
        documents=place.documents,
        bucket=place.bucket,
        keep=place.keep,
        by_themselves=frozenset({"ticks", "alerts"}),
    )
    assert clean_up(place, now_ms=NOW).removed == {}
    assert old in names(place, "ticks")


class Killed(BaseException):
    """A process that ends here."""


class KilledStore:
    """A store that ends its process before its n-th change."""

    def __init__(self, store, budget):
        self._store, self._budget = store, budget

    def __getattr__(self, name):
        found = getattr(self._store, name)
        if name not in {"commit", "replace", "delete", "create", "put"}:
            return found

        def spend(*given, **named):
            if self._budget[0] == 0:
                raise Killed
            self._budget[0] -= 1
            return found(*given, **named)

        return spend


def test_a_round_that_is_killed_anywhere_is_finished_by_the_next(place):
    add_week(place)
    killed = 0
    for changes in range(12):
        add_job(place, f"newest-{changes}", 1 - changes / 100)
        for number in range(2):
            add_job(place, f"old-{number}", 40)
        add_tick(place, 30)
        budget = [changes]
        dying = CleaningPlace(
            documents=KilledStore(place.documents, budget),
            bucket=KilledStore(place.bucket, budget),
            keep=place.keep,
        )
        try:
            clean_up(dying, now_ms=NOW)
        except Killed:
            killed += 1
        clean_up(place, now_ms=NOW)
        assert not {"jobs/old-0", "jobs/old-1"} & names(place, "jobs")
        assert not [key for key in place.bucket.keys("backtests/") if "old" in key]
    assert killed == 7


def test_a_job_that_was_marked_begins_anew_where_it_is_asked_for(place):
    add_week(place)
    add_job(place, "old", 40)
    add_job(place, "newest", 1)
    budget = [1]
    dying = CleaningPlace(
        documents=KilledStore(place.documents, budget),
        bucket=KilledStore(place.bucket, budget),
        keep=place.keep,
    )
    with pytest.raises(Killed):
        clean_up(dying, now_ms=NOW)
    with pytest.raises(NotThere):
        protect_report(place.documents, "old", who="me", why="late", now_ms=NOW)
    assert protected_reports(place.documents) == []
    jobs = records.JobDocuments(place.documents)
    begun = jobs.create("old", kind="backtest", job={}, job_hash="h", now_ms=NOW)
    assert (begun.data["status"], "removed_at" in begun.data) == ("waiting", False)
    clean_up(place, now_ms=NOW)
    assert "jobs/old" in names(place, "jobs")


class ProtectsMeanwhile:
    """Documents in which a person protects a report just after it was marked."""

    def __init__(self, documents):
        self._documents = documents

    def __getattr__(self, name):
        return getattr(self._documents, name)

    def replace(self, document, data):
        stored = self._documents.replace(document, data)
        if "removed_at" in data:
            write = Write(kind="put", path="kept/old", data={"name": "old", "at": 0})
            self._documents.commit([write])
        return stored


def test_a_report_that_is_protected_while_it_is_marked_stays_whole(place):
    add_week(place)
    add_job(place, "old", 40)
    add_job(place, "newest", 1)
    before = place.documents.get("jobs/old").data
    racing = CleaningPlace(
        documents=ProtectsMeanwhile(place.documents), bucket=place.bucket, keep=place.keep
    )
    assert clean_up(racing, now_ms=NOW).removed == {}
    assert place.documents.get("jobs/old").data == before
    assert len(place.bucket.keys("backtests/old/")) == 1


def test_a_damaged_job_stops_no_round(place):
    add_week(place)
    add_job(place, "old", 40)
    add_job(place, "newest", 1)
    place.documents.create("jobs/damaged", {"created_at": 1})
    assert clean_up(place, now_ms=NOW).removed == {"jobs": 1}
    assert "jobs/damaged" in names(place, "jobs")


def test_the_statuses_of_jobs_that_are_over_are_those_of_the_jobs():
    assert OVER == records.FINAL


def test_a_store_that_is_down_is_told(place):
    class Down:
        def query(self, *_given, **_named):
            raise Unavailable("the store is down")

    with pytest.raises(Unavailable):
        clean_up(CleaningPlace(documents=Down(), bucket=place.bucket, keep=place.keep), now_ms=NOW)
