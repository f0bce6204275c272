"""The office: what is told when, once, by which channel, and what survives whatever breaks."""

import itertools
import random
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from shared.alerts.delivery import OfficeResult
from shared.alerts.discord.sink import DiscordSink
from shared.alerts.office import Office
from shared.alerts.patience import StoredPatience
from shared.alerts.ports import Delivered
from shared.alerts.records import is_for_the_digest, record_write
from shared.core.errors import Unavailable
from shared.core.settings import load_settings
from shared.core.types import Alert, Level
from shared.stores.memory import MemoryDocuments
from tests.support.discord import LoopbackDiscord, loopback_discord
from tests.support.dying_store import DyingStore
from tests.support.fixed_clock import FixedClock
from tests.unit.alerts.test_discord import no_proxy  # noqa: F401 - a fixture

AT = 1_893_456_000_000
MINUTE = 60_000
SETTINGS = load_settings({"BOT_DISCORD__TIMEOUT_SECONDS": "2", "BOT_DISCORD__ATTEMPTS": "1"})
CRITICAL, WARNING, INFO = Level.CRITICAL, Level.WARNING, Level.INFO


def alert(name: str, level: Level = CRITICAL, **more: Any) -> Alert:
    told = {"at": AT, "kind": "kind", "title": f"Title of {name}.", **more}
    return Alert(key=f"default:{name}", level=level, **told)


class Second:
    """A second channel that keeps what it was told, and may be down."""

    name = "second"

    def __init__(self) -> None:
        self.told: list[list[str]] = []
        self.is_up = True

    def tell(self, alerts: Sequence[Alert], *, deadline_ms: int) -> bool:
        if self.is_up:
            self.told.append([one.key for one in alerts])
        return self.is_up


class Place:
    """One bot's outbox, a Discord, a second channel, and a new process for each delivery."""

    def __init__(self, discord: LoopbackDiscord, second: Second | None = None) -> None:
        self.documents, self.clock = MemoryDocuments(), FixedClock(AT)
        self.discord, self.second = discord, second

    def office(self, channel: Any = None) -> Office:
        sink = DiscordSink(
            dict.fromkeys(Level, self.discord.url),
            SETTINGS,
            patience=StoredPatience(self.documents, self.clock),
            write=lambda *_, **__: None,
        )
        return Office(self.documents, SETTINGS, self.clock, channel or sink, self.second)

    def tell(self, *alerts: Alert) -> OfficeResult:
        return self.office().tell(alerts, seconds=20.0)

    def deliver(self) -> OfficeResult:
        return self.office().deliver_due(seconds=20.0)

    def later(self, ms: int) -> None:
        self.clock.sleep_until(self.clock.now_ms() + ms)

    def waiting(self) -> list[str]:
        found = self.documents.query("alerts", field="waiting_for", value="default", limit=10**6)
        return [one.data["alert"]["key"] for one in found]

    def record(self, name: str) -> Any:
        stored = self.documents.get(f"alerts/default:{name}")
        assert stored is not None
        return stored.data


@pytest.fixture
def discord() -> Iterator[LoopbackDiscord]:
    with loopback_discord(limits=False) as running:
        yield running


@pytest.fixture
def place(discord: LoopbackDiscord) -> Place:
    return Place(discord, Second())


# when


def test_what_is_critical_is_told_at_once_and_each_as_a_message_of_its_own(place: Place) -> None:
    assert place.tell(alert("a"), alert("b")).told == 2
    assert place.discord.keys == ["default:a", "default:b"]
    assert len(place.discord.posted) == 2
    place.later(1_000)
    place.tell(alert("c"))
    assert place.discord.keys[2:] == ["default:c"]
    assert place.record("c")["told_by"] == "discord"


def test_warnings_are_told_within_their_spacing_and_together(place: Place) -> None:
    place.tell(alert("first", WARNING))
    assert place.discord.keys == ["default:first"]
    for number in range(3):
        place.later(20_000)
        place.tell(alert(f"w{number}", WARNING))
    assert place.discord.keys == ["default:first"], "they wait"
    place.later(60_000)
    assert place.deliver().told == 3
    assert len(place.discord.posted) == 2
    assert place.waiting() == []


def test_info_waits_for_the_digest_but_for_what_is_told_at_once(place: Place) -> None:
    place.tell(
        alert("resumed", INFO),
        alert("entry", INFO, kind="entry_filled"),
        alert("who", INFO, kind="audit"),
    )
    assert sorted(place.discord.keys) == ["default:entry", "default:who"]
    found = place.documents.query("alerts", field="digest_for", value="default")
    assert [one.data["alert"]["key"] for one in found] == ["default:resumed"]


def test_positions_wait_for_the_digest_where_the_owner_wants_it_so(discord) -> None:
    settings = load_settings({"BOT_TELLING__POSITIONS_AT_ONCE": "false"})
    place = Place(discord)
    place.office()  # nothing of it is told
    assert is_for_the_digest(alert("entry", INFO, kind="entry_filled"), settings)
    assert not is_for_the_digest(alert("entry", CRITICAL, kind="position_closed"), settings)


# once


def test_an_alert_that_is_noticed_again_counts_up_and_is_not_sent_twice(place: Place) -> None:
    for number in range(5):
        place.tell(alert("a", at=AT + number))
    assert place.discord.keys == ["default:a"]
    assert place.record("a")["times"] == 5


def test_what_comes_again_was_noticed_once(place: Place) -> None:
    """A topic brings what a tick has stored already, and may bring it twice."""
    office = place.office()
    place.documents.commit([record_write(alert("a"), bot="default")])
    for _ in range(3):
        assert not office.keep(alert("a"))
    assert place.record("a")["times"] == 1
    assert not office.keep(alert("a", at=AT + 1))
    assert not office.keep(alert("a"))
    assert place.record("a")["times"] == 2


def test_the_repeats_of_a_condition_count_up_one_message_a_day(place: Place) -> None:
    for hour in range(4):
        place.tell(alert(f"w:{hour}", WARNING, at=place.clock.now_ms(), thread="default:w"))
        place.later(3_600_000)
    (message,) = place.discord.posted
    assert len(message.bodies) == 4
    shown = {one["name"]: one["value"] for one in message.embeds[0]["fields"]}
    assert shown["noticed"].startswith("4 times since")
    place.later(24 * 3_600_000)
    place.tell(alert("w:9", WARNING, at=place.clock.now_ms(), thread="default:w"))
    assert len(place.discord.posted) == 2


def test_a_critical_condition_is_heard_every_hour(place: Place) -> None:
    for hour in range(3):
        place.tell(alert(f"c:{hour}", at=place.clock.now_ms(), thread="default:c"))
        place.later(3_600_000)
    assert len(place.discord.posted) == 3


def test_a_message_that_somebody_removed_is_written_anew(place: Place) -> None:
    place.tell(alert("w:1", WARNING, thread="default:w"))
    place.discord.messages.clear()
    place.later(3_600_000)
    place.tell(alert("w:2", WARNING, at=place.clock.now_ms(), thread="default:w"))
    assert place.discord.keys == ["default:w:2"]
    assert place.waiting() == []


# storms


def test_a_storm_becomes_a_summary_that_names_and_counts(place: Place) -> None:
    office = place.office()
    for number in range(400):
        office.keep(alert(f"s{number:03d}", WARNING, at=AT + number))
    assert office.deliver_due(seconds=20.0).told == 400
    (message,) = place.discord.posted
    assert "400" in message.embeds[0]["title"]
    assert place.waiting() == []
    assert place.record("s007")["told_by"] == "summary"


def test_every_critical_one_of_a_storm_is_shown_or_named(place: Place) -> None:
    office = place.office()
    for number in range(45):
        office.keep(alert(f"c{number:02d}", at=AT + number))
    office.deliver_due(seconds=20.0)
    assert len(place.discord.posted) == 21
    named = str([message.bodies for message in place.discord.posted])
    shown = sum(f"Title of c{number:02d}." in named for number in range(45))
    assert shown == 40, "20 as themselves and the first 20 of the summary"
    assert "and 5 more" in named
    assert {key for told in place.second.told for key in told} == {
        f"default:c{number:02d}" for number in range(45)
    }


# what breaks


def test_what_discord_refuses_is_a_dead_letter_and_holds_nothing_back(place: Place) -> None:
    place.discord.refuses = lambda body: "no" if "bad" in str(body) else ""
    place.tell(alert("bad"), alert("good"))
    assert place.discord.keys == ["default:good"]
    assert place.record("bad")["dead_why"] == "Discord answered 400"
    assert place.waiting() == []
    assert place.second.told == [["default:bad", "default:good"]], "the owner hears of it"


def test_an_hour_without_discord_is_delivered_afterwards_in_order(place: Place) -> None:
    place.discord.mode = "down"
    for number in range(20):
        place.tell(alert(f"c{number:02d}", at=place.clock.now_ms()))
        place.later(180_000)
    assert place.discord.posted == []
    place.discord.mode = "up"
    place.deliver()
    assert place.discord.keys == [f"default:c{number:02d}" for number in range(20)]
    assert place.waiting() == []


@pytest.mark.parametrize("mode", ["banned", "limited"])
def test_a_ban_is_tried_hourly_for_as_long_as_it_lasts_and_the_second_channel_takes_over(
    place: Place, mode: str
) -> None:
    place.discord.mode = mode
    for number in range(3 * 480):  # three days of ticks
        if number % 100 == 0:
            place.tell(alert(f"c{number}", at=place.clock.now_ms()))
        elif number % 100 == 50:
            place.tell(alert(f"w{number}", WARNING, at=place.clock.now_ms()))
        else:
            place.deliver()
        place.later(180_000)
    assert 60 <= len(place.discord.requests) <= 73
    named = [key for told in place.second.told for key in told]
    expected = {f"default:c{number}" for number in range(0, 1_440, 100)}
    expected |= {f"default:w{number}" for number in range(50, 1_440, 100)}
    assert set(named) == expected
    assert max(Counter(named).values()) == 1
    place.discord.mode = "up"
    place.later(3_700_000)
    place.deliver()
    assert place.waiting() == []
    assert len([key for key in place.discord.keys if ":c" in key]) == 15


def test_the_second_channel_names_all_that_wait_at_most_every_five_minutes(place: Place) -> None:
    for number in range(20):
        place.tell(alert(f"c{number:02d}", at=place.clock.now_ms()))
        place.later(30_000)
    place.later(300_000)
    place.deliver()
    assert len(place.second.told) == 3
    assert sum(map(len, place.second.told)) == 20
    assert place.waiting() == []


def test_a_second_channel_that_is_down_is_asked_until_it_takes_it(place: Place) -> None:
    place.second.is_up = False
    place.tell(alert("a"))
    assert place.discord.keys == ["default:a"]
    for _ in range(5):
        place.later(180_000)
        place.deliver()
    assert place.discord.keys == ["default:a"], "nothing is told twice by the first"
    place.second.is_up = True
    place.deliver()
    assert place.second.told == [["default:a"]]
    assert place.waiting() == []


def test_whoever_dies_in_the_middle_repeats_one_message_at_most(discord) -> None:
    exercised = 0
    for lives in itertools.count():
        place = Place(discord, Second())
        discord.messages.clear()
        alerts = [alert("a"), alert("w", WARNING), alert("b", at=AT + 1)]
        broken = DyingStore(place.documents, lives)
        place.documents, real = broken, place.documents  # type: ignore[assignment]
        finished = True
        try:
            place.office().tell(alerts, seconds=20.0)
        except Unavailable:
            finished = False
        place.documents = real
        place.later(15 * MINUTE)  # the dead one's lease has run out
        place.tell(*alerts)
        place.later(6 * MINUTE)
        place.deliver()
        told = Counter(discord.keys)
        assert set(told) == {one.key for one in alerts}
        assert max(told.values()) <= 2
        assert sum(count - 1 for count in told.values()) <= 1
        assert {key for group in place.second.told for key in group} == {"default:a", "default:b"}
        assert place.waiting() == []
        exercised += not finished
        if finished:
            break
    assert exercised >= 12


def test_many_that_come_at_once_are_told_once_and_none_is_lost(place: Place) -> None:
    """The office that works sees what others stored while it did."""
    rng = random.Random(1)
    keys = [f"c{number:02d}" for number in range(18)] * 4
    rng.shuffle(keys)
    errors: list[BaseException] = []

    def bring(part: Sequence[str]) -> None:
        try:
            for name in part:
                place.office().tell([alert(name)], seconds=20.0)
        except BaseException as error:  # noqa: BLE001 - told below
            errors.append(error)

    threads = [threading.Thread(target=bring, args=(keys[n::8],)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert Counter(place.discord.keys) == dict.fromkeys({f"default:{key}" for key in keys}, 1)
    place.later(6 * MINUTE)
    place.deliver()
    assert place.waiting() == []


def test_an_office_whose_lease_ran_out_tells_nothing_more(place: Place) -> None:
    told: list[str] = []

    class Slow:
        name = "slow"

        def deliver(self, alerts: Sequence[Alert], **_: Any) -> Delivered:
            told.extend(one.key for one in alerts)
            place.later(20 * MINUTE)
            return Delivered(told=frozenset(one.key for one in alerts))

    office = place.office(Slow())
    for name in ("a", "b"):
        office.keep(alert(name))
    office.deliver_due(seconds=20.0)
    assert told == ["default:a"]


def test_without_the_store_it_is_told_once_directly(place: Place) -> None:
    office = place.office()
    place.documents.get = _unavailable  # type: ignore[method-assign]
    for _ in range(3):
        office.tell_directly([alert("a")], seconds=5.0)
    assert place.discord.keys == ["default:a"]
    assert place.second.told == [["default:a"]]


def _unavailable(*_: Any, **__: Any) -> Any:
    raise Unavailable("the store is down")


def test_what_is_not_due_costs_two_reads_and_no_write(place: Place) -> None:
    place.tell(alert("w0", WARNING))
    office = place.office()
    for number in range(300):
        office.keep(alert(f"w{number + 1}", WARNING))
    reads, writes = place.documents.reads, place.documents.writes
    office.deliver_due(seconds=5.0)
    assert (place.documents.reads - reads, place.documents.writes - writes) == (2, 0)


def test_a_damaged_record_or_memory_holds_nothing_back(place: Place) -> None:
    place.documents.create("alerts/default:odd", {"waiting_for": "default", "alert": 7})
    place.documents.create("offices/default", {"lease": 7, "threads": "x"})
    place.tell(alert("a"), alert("w", WARNING))
    assert sorted(place.discord.keys) == ["default:a", "default:w"]
    assert place.waiting() == []
    assert place.record("odd")["dead_why"]
