"""The office where others write beside it, channels take its time, and what is stored is odd."""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

from shared.alerts import waiting
from shared.alerts.office import Office
from shared.alerts.ports import Delivered
from shared.alerts.records import record_write
from shared.core.types import Alert, Level
from shared.stores import lease as leases
from shared.stores.ports import Document
from tests.support.discord import LoopbackDiscord, loopback_discord
from tests.support.fixed_clock import FixedClock
from tests.unit.alerts.test_discord import no_proxy  # noqa: F401 - a fixture
from tests.unit.alerts.test_office import AT, MINUTE, SETTINGS, WARNING, Place, Second, alert


class Talking:
    """A channel that takes everything, and lets something happen while it does."""

    name = "talking"
    loudest = (Level.CRITICAL,)

    def __init__(self, meanwhile: Callable[[], Any] = lambda: None) -> None:
        self.told: list[str] = []
        self.meanwhile = meanwhile

    def deliver(self, alerts: Sequence[Alert], **_: Any) -> Delivered:
        self.told += [one.key for one in alerts]
        self.meanwhile()
        return Delivered(told=frozenset(one.key for one in alerts))


@pytest.fixture
def discord() -> Iterator[LoopbackDiscord]:
    with loopback_discord(limits=False) as running:
        yield running


@pytest.fixture
def place(discord: LoopbackDiscord) -> Place:
    return Place(discord, Second())


def test_a_slow_first_channel_leaves_the_second_one_its_time(place: Place) -> None:
    class Slow(Talking):
        def deliver(self, alerts: Sequence[Alert], *, deadline_ms: int, **_: Any) -> Delivered:
            self.told += [one.key for one in alerts]
            time.sleep(max(0.0, deadline_ms / 1000 - time.monotonic()))
            return Delivered()

    class Patient(Second):
        def tell(self, alerts: Sequence[Alert], *, deadline_ms: int) -> bool:
            self.is_up = deadline_ms / 1000 - time.monotonic() > 0.1
            return super().tell(alerts, deadline_ms=deadline_ms)

    place.second = Patient()
    office = place.office(Slow())
    for name in ("a", "b", "c"):
        office.keep(alert(name))
    office.deliver_due(seconds=0.6)
    assert place.second.told == [["default:a", "default:b", "default:c"]]


def test_what_is_noticed_again_while_it_is_told_is_counted(place: Place) -> None:
    office = place.office()
    names = [f"w{number}" for number in range(9)]
    for name in names:
        office.keep(alert(name, WARNING))

    def notice() -> None:
        for name in ("w0", "w4", "w8"):
            office.keep(alert(name, WARNING, at=AT + 1))

    place.office(Talking(notice)).deliver_due(seconds=20.0)
    assert [place.record(name)["times"] for name in names] == [2, 1, 1, 1, 2, 1, 1, 1, 2]
    assert all(place.record(name)["sent_at"] for name in names)
    assert place.waiting() == []


def test_an_office_that_was_frozen_takes_nothing_away_when_it_wakes(place: Place) -> None:
    """Another one told everything over both channels while it slept."""

    def sleep() -> None:
        frozen.meanwhile = lambda: None
        place.later(20 * MINUTE)
        place.deliver()

    frozen = Talking(sleep)
    office = place.office(frozen)
    for name in ("a", "b"):
        office.keep(alert(name))
    office.deliver_due(seconds=20.0)
    assert frozen.told == ["default:a"], "repeated once"
    assert place.discord.keys == ["default:a", "default:b"]
    for _ in range(3):
        place.later(6 * MINUTE)
        place.deliver()
    assert place.second.told == [["default:a", "default:b"]]
    assert place.record("a")["told_by"] == "discord", "what was told first stays"
    assert place.waiting() == []


def test_two_machines_of_which_one_is_ahead_repeat_one_message_at_most(place: Place) -> None:
    ahead = FixedClock(AT + 30 * MINUTE)
    other = Talking()

    def interfere() -> None:
        place_ahead = Office(place.documents, SETTINGS, ahead, other, place.second)
        place_ahead.deliver_due(seconds=20.0)

    mine = Talking(interfere)
    office = place.office(mine)
    for number in range(6):
        office.keep(alert(f"c{number}"))
    office.deliver_due(seconds=20.0)
    told = Counter([*mine.told, *other.told])
    assert len(told) == 6
    assert sum(told.values()) == 7
    assert place.waiting() == []


def test_an_alert_that_is_taken_away_while_it_is_told_holds_nothing_back(place: Place) -> None:
    def take_away() -> None:
        place.documents.commit([_delete("a")])

    office = place.office(Talking(take_away))
    for name in ("a", "b"):
        office.keep(alert(name))
    office.deliver_due(seconds=20.0)
    assert place.documents.get("alerts/default:a") is None
    assert place.waiting() == []


def _delete(name: str) -> Any:
    from shared.stores.ports import Write

    return Write(kind="delete", path=f"alerts/default:{name}")


def test_a_storm_of_long_alerts_is_noted_although_no_batch_could_bear_it(place: Place) -> None:
    office = place.office()
    for number in range(250):
        write = record_write(alert(f"w{number}", WARNING), bot="default")
        place.documents.create(write.path, {**(write.data or {}), "more": "x" * 40_000})
    assert office.deliver_due(seconds=20.0).told == 250
    assert place.waiting() == []
    assert len(place.discord.posted) == 1


def test_a_second_channel_that_raises_stops_nothing_and_is_asked_again(place: Place) -> None:
    class Broken(Second):
        def tell(self, alerts: Sequence[Alert], *, deadline_ms: int) -> bool:
            if not self.is_up:
                raise ValueError("of a library")
            return super().tell(alerts, deadline_ms=deadline_ms)

    place.second = Broken()
    place.second.is_up = False
    assert place.tell(alert("a")).told == 1
    place.documents.get, real = None, place.documents.get  # type: ignore[assignment,method-assign]
    assert place.office().tell_directly([alert("b")], seconds=5.0) == {"default:b"}
    place.documents.get = real  # type: ignore[method-assign]
    place.second.is_up = True
    place.deliver()
    assert place.second.told == [["default:a"]]


@pytest.mark.parametrize(
    "lease",
    [{}, {"holder": None}, {"holder": "x", "fence": "y", "expires_at": None}, [], 7, None],
)
def test_a_damaged_lease_holds_nothing_back(place: Place, lease: Any) -> None:
    place.documents.create("offices/default", {"lease": lease})
    assert place.tell(alert("a")).told == 1
    assert place.waiting() == []


def test_what_was_told_waits_no_longer_where_the_second_channel_was_given_up(place: Place) -> None:
    place.second.is_up = False
    place.tell(alert("a"))
    assert place.waiting() == ["default:a"]
    place.second = None
    place.deliver()
    assert place.waiting() == []
    assert place.discord.keys == ["default:a"]


def test_a_critical_alert_is_found_behind_any_number_of_others(place: Place, monkeypatch) -> None:
    monkeypatch.setattr(waiting, "MOST_WAITING", 30)
    place.discord.refuses = lambda body: ""
    office = place.office()
    for number in range(60):
        office.keep(alert(f"a{number:02d}", WARNING))
    office.keep(alert("z"))
    office.deliver_due(seconds=5.0)
    assert place.discord.keys[0] == "default:z"
    assert place.record("z")["sent_at"]


@pytest.mark.parametrize("at", [10**17, -(10**17), -1, 253_402_300_799_999])
def test_an_alert_of_an_impossible_time_is_a_dead_letter_and_holds_nothing_back(
    place: Place, at: int
) -> None:
    odd = [alert("odd", at=at), alert("odd-w", WARNING, at=at)]
    place.documents.commit([record_write(one, bot="default") for one in odd])
    place.tell(alert("a"), *(alert(f"w{number}", WARNING) for number in range(9)))
    assert place.record("odd")["dead_at"] == AT
    assert place.record("odd-w")["dead_at"] == AT
    assert place.discord.keys[0] == "default:a"
    assert len(place.discord.posted) == 2
    assert place.second.told == [["default:a"]]
    assert place.waiting() == []


def test_a_clock_that_jumps_back_an_hour_lets_nothing_wait_and_repeats_nothing(
    place: Place,
) -> None:
    place.tell(alert("a"), alert("w", WARNING))
    place.clock = FixedClock(AT - 60 * MINUTE)
    place.tell(alert("b", at=AT - 60 * MINUTE), alert("x", WARNING, at=AT - 60 * MINUTE))
    assert sorted(place.discord.keys) == ["default:a", "default:b", "default:w", "default:x"]
    assert place.second.told == [["default:a"], ["default:b"]]
    stored = place.documents.get("offices/default")
    assert stored is not None
    assert not leases.is_held(stored.data["lease"]["expires_at"], now_ms=AT)
    assert {Level.CRITICAL, Level.WARNING} <= set(Level)


@pytest.mark.parametrize("mode", ["banned", "down"])
def test_a_storm_while_discord_takes_nothing_costs_no_square_of_it(place: Place, mode: str) -> None:
    place.discord.mode, storm = mode, 200
    for number in range(storm):
        place.later(100)
        place.tell(alert(f"w{number}", WARNING, at=place.clock.now_ms()))
    assert place.documents.reads < 10 * storm
    place.discord.mode = "up"
    place.later(3_700_000)
    assert place.deliver().told == storm
    assert place.waiting() == []


def test_a_document_of_another_version_is_asked_for_once_a_delivery(place: Place) -> None:
    """Nothing of it can be noted: it waits for the version that wrote it."""
    foreign = Document(path="alerts/x", data="of the layout 9", version="1")  # type: ignore[arg-type]
    query, asked = place.documents.query, []

    def ask(*args: Any, **more: Any) -> list[Document]:
        asked.append(more)
        return [*query(*args, **more), foreign][: more["limit"]]

    place.documents.query = ask  # type: ignore[method-assign]
    began = time.monotonic()
    assert place.tell(alert("a")).told == 1
    assert time.monotonic() - began < 2.0
    assert len(asked) <= 4


@pytest.mark.parametrize("is_up", [True, False])
def test_a_dead_letter_waits_for_the_digest_whenever_the_second_channel_named_it(
    place: Place, *, is_up: bool
) -> None:
    place.discord.refuses = lambda body: "no"
    place.second.is_up = is_up
    place.tell(alert("a"))
    place.second.is_up = True
    place.later(6 * MINUTE)
    place.deliver()
    assert place.second.told == [["default:a"]]
    assert place.waiting() == []
    assert place.record("a")["digest_for"] == "default"
