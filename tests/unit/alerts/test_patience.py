"""Discord's request for patience holds for every later tick, level and process, and
loses nothing.
"""

import json
import time
from contextlib import closing
from dataclasses import replace
from email.utils import formatdate

import pytest

from shared.alerts.discord.sink import DiscordSink
from shared.alerts.office import Office
from shared.alerts.patience import EVERY_WEBHOOK, LONGEST_SECONDS, StoredPatience, name_of
from shared.alerts.records import record_write
from shared.core.errors import StoreBroken
from shared.core.types import Level
from shared.stores.memory import MemoryDocuments
from shared.stores.ports import Write
from tests.support.fixed_clock import FixedClock
from tests.unit.alerts.test_discord import (
    AT,
    SETTINGS,
    TOKEN,
    Discord,
    Lines,
    alert,
    no_proxy,  # noqa: F401 - a fixture
)

TICK_MS = 180_000


@pytest.fixture
def discord():
    with closing(Discord()) as server:
        yield server


class Bot:
    """The outbox of one bot, delivered tick by tick by a new process each time."""

    def __init__(self, *urls):
        self.documents, self.clock = MemoryDocuments(), FixedClock(AT)
        self.urls, self.lines = urls, Lines()

    def says(self, *alerts):
        self.documents.commit([record_write(one, bot=SETTINGS.id) for one in alerts])

    def ticks(self, times=1, *, step_ms=TICK_MS):
        for _ in range(times):
            webhooks = dict(zip(Level, self.urls * len(Level), strict=False))
            patience = StoredPatience(self.documents, self.clock)
            sink = DiscordSink(
                webhooks, SETTINGS, patience=patience, write=self.lines, sleep=lambda _: None
            )
            Office(self.documents, SETTINGS, self.clock, sink).deliver_due(seconds=5.0)
            self.clock.sleep_until(self.clock.now_ms() + step_ms)

    @property
    def waiting(self):
        found = self.documents.query("alerts", field="waiting_for", value="default", limit=1_000)
        return {item.data["alert"]["key"] for item in found}


def limited(*, status=429, headers=None, **body):
    return {"status": status, "headers": headers or {}, "body": json.dumps(body) if body else ""}


FORMS = {
    "a header": limited(headers={"Retry-After": "3600"}),
    "a header with a fraction": limited(headers={"Retry-After": "3600.25"}),
    "a body": limited(retry_after=3600.5, message="You are being rate limited."),
    "the bucket's header": limited(headers={"X-RateLimit-Reset-After": "3600"}),
    "a date": lambda _body: limited(
        headers={"Retry-After": formatdate(time.time() + 3_610, usegmt=True)}
    ),
    "all of them": limited(
        headers={"Retry-After": "1", "X-RateLimit-Reset-After": "2"}, retry_after=3600
    ),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_wait_of_an_hour_is_asked_for_once_by_all_ticks_and_levels_and_nothing_is_lost(
    discord, form
):
    discord.answers = [FORMS[form]]
    bot = Bot(discord.url)
    audit = replace(alert("i", Level.INFO), kind="audit")
    bot.says(alert("c"), alert("w", Level.WARNING), audit)
    bot.ticks(10)
    bot.says(alert("later"))
    bot.ticks(9)
    assert len(discord.requests) == 1, "one post in that hour"
    assert bot.waiting == {"c", "w", "i", "later"}
    bot.ticks(3)
    assert bot.waiting == set()
    assert sorted(discord.keys[1:]) == ["c", "i", "later", "w"]


def test_no_address_stands_in_the_store(discord):
    discord.answers = [FORMS["a header"]]
    bot = Bot(discord.url)
    bot.says(alert("c"))
    bot.ticks(2)
    stored = bot.documents.query("webhooks")
    assert [item.path for item in stored] == [name_of(discord.url)]
    assert TOKEN not in str(stored)
    assert name_of(discord.url) == name_of(f"{discord.url}?thread_id=5")


def test_one_webhook_does_not_speak_for_another_unless_it_says_so(discord):
    with closing(Discord()) as other:
        discord.answers = [FORMS["a header"]]
        bot = Bot(discord.url, other.url)
        bot.says(alert("c"), alert("w", Level.WARNING))
        bot.ticks(3)
        assert (len(discord.requests), len(other.requests), bot.waiting) == (1, 1, {"c"})


@pytest.mark.parametrize(
    "told",
    [
        {"headers": {"X-RateLimit-Global": "true"}},
        {"headers": {"X-RateLimit-Scope": "global"}},
        {"global": True},
    ],
)
def test_a_limit_for_every_webhook_holds_for_every_webhook(discord, told):
    with closing(Discord()) as other:
        discord.answers = [limited(retry_after=3600, **told)]
        bot = Bot(discord.url, other.url)
        bot.says(alert("c"), alert("w", Level.WARNING))
        bot.ticks(5)
        assert (len(discord.requests), len(other.requests)) == (1, 0)
        assert [item.path for item in bot.documents.query("webhooks")] == [EVERY_WEBHOOK]


@pytest.mark.parametrize(
    "answer",
    [
        limited(headers={"Retry-After": "1e300"}),
        limited(headers={"Retry-After": "99999999999999"}),
        limited(headers={"Retry-After": "Fri, 31 Dec 9999 23:59:59 GMT"}),
        limited(retry_after=10**18),
    ],
)
def test_an_absurd_wait_is_cut(discord, answer):
    discord.answers = [answer]
    bot = Bot(discord.url)
    bot.says(alert("c"))
    bot.ticks(int(LONGEST_SECONDS * 1000 / TICK_MS))
    assert (len(discord.requests), bot.waiting) == (1, {"c"})
    bot.ticks(2)
    assert (len(discord.requests), bot.waiting) == (2, set())


@pytest.mark.parametrize(
    "answer",
    [
        limited(headers={"Retry-After": "-5"}),
        limited(headers={"Retry-After": "soon"}),
        limited(headers={"Retry-After": "nan"}),
        limited(headers={"Retry-After": "inf"}),
        limited(retry_after="x"),
        limited(retry_after=True),
        limited(retry_after=None),
        limited(),
        {"status": 429, "body": "[" * 3_000},
        {"status": 403},
    ],
)
def test_who_shuts_us_out_without_a_word_is_tried_again_every_hour_for_over_a_day(discord, answer):
    discord.answers = [answer] * 30
    bot = Bot(discord.url)
    bot.says(alert("c"))
    bot.ticks(30 * 20)
    assert (len(discord.requests), bot.waiting) == (30, {"c"})
    bot.ticks(21)
    assert (len(discord.requests), bot.waiting) == (31, set())


@pytest.mark.parametrize("hours", [-30, -9, 9, 20])
def test_a_clock_that_was_wrong_for_one_tick_costs_one_question_and_no_alert(discord, hours):
    discord.answers = [FORMS["a header"], FORMS["a header"]]
    bot = Bot(discord.url)
    right = bot.clock
    bot.says(alert("c"))
    bot.clock = FixedClock(AT + hours * 3_600_000)
    bot.ticks()
    bot.clock = right
    bot.ticks(20)
    assert len(discord.requests) == 2
    bot.ticks(2)
    assert bot.waiting == set()


def test_what_cannot_be_read_or_written_holds_no_alert_back(discord):
    class Broken:
        def left_seconds(self, _url):
            raise StoreBroken("the store is away")

        def note(self, _url, _seconds, *, everywhere):
            raise StoreBroken("the store is away")

    discord.answers = [FORMS["a header"]]
    lines = Lines()
    sink = DiscordSink({Level.CRITICAL: discord.url}, SETTINGS, patience=Broken(), write=lines)
    deadline = int((time.monotonic() + 5) * 1000)
    assert sink.send([alert("a")], deadline_ms=deadline) == frozenset()
    assert sink.send([alert("a")], deadline_ms=deadline) == {"a"}
    documents = MemoryDocuments()
    for data in (
        {},
        {"noted_at": "x", "wait_seconds": 5},
        {"noted_at": AT, "wait_seconds": None},
        {"noted_at": AT, "wait_seconds": -5},
    ):
        documents.commit([Write(kind="put", path=name_of(discord.url), data=data)])
        assert StoredPatience(documents, FixedClock(AT)).left_seconds(discord.url) == 0


def test_a_storm_that_waited_is_told_in_bounded_pieces(discord):
    discord.answers = [FORMS["a header"]]
    bot = Bot(discord.url)
    bot.says(*(alert(f"a{number:03}") for number in range(400)))
    bot.ticks(20)
    assert len(discord.requests) == 1
    bot.ticks(2)
    assert bot.waiting == set()
    assert len(discord.requests) <= 1 + 21
