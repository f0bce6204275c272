"""A topic that hangs, loses its answers, is missing or comes back: a delivery ends in time, nothing
is told as taken that was not, and what waits arrives later under the key that it had.
"""

import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import grpc
import msgspec
import pytest
from google.pubsub_v1.types import PublishRequest, PublishResponse

from functions import wiring
from shared.alerts.discord.sink import DiscordSink
from shared.alerts.office import Office
from shared.alerts.outlets import TopicOutlet
from shared.alerts.pubsub import PubSubSink
from shared.alerts.records import record_write
from shared.core.settings import load_settings
from shared.core.types import Alert, Level, TickStatus
from shared.stores.memory import MemoryDocuments
from tests.support import grpc_server
from tests.support.emulators import PUBSUB, run_folder, running
from tests.support.fixed_clock import FixedClock
from tests.support.grpc_server import Method
from tests.support.topics import Topic, made_topic
from tests.support.wire import Wire
from tests.support.world import DAY, HISTORY_DAYS, INTERVAL, START, world
from tests.unit.alerts.test_discord import Discord, Lines

NOW = START + HISTORY_DAYS * DAY
GRACE_SECONDS = 0.6


@pytest.fixture(scope="session")
def emulator(tmp_path_factory) -> Iterator[str]:
    with running(PUBSUB, run_folder(tmp_path_factory)) as address:
        yield address


@pytest.fixture
def topic(emulator) -> Iterator[Topic]:
    with made_topic(emulator) as made:
        yield made


def alert(name: str, level: Level = Level.CRITICAL, **fields: str) -> Alert:
    title = f"Title of {name}."
    return Alert(key=name, level=level, kind="halt", title=title, at=NOW, fields=fields)


def deadline_ms(seconds: float) -> int:
    return int((time.monotonic() + seconds) * 1000)


@contextmanager
def sink_at(address: str, topic: str, *, timeout: float = 5.0, attempts: int = 2) -> Iterator[Any]:
    settings = load_settings(
        {"BOT_DISCORD__TIMEOUT_SECONDS": str(timeout), "BOT_DISCORD__ATTEMPTS": str(attempts)}
    )
    yield PubSubSink(topic, settings, emulator=address, write=Lines())


@pytest.mark.parametrize("seconds", [0.4, 1.5])
def test_a_topic_that_hangs_takes_no_longer_than_the_delivery_may(seconds) -> None:
    with Wire(None) as wire, sink_at(wire.address, "pubsub://my-project/alerts") as sink:
        began = time.monotonic()
        assert sink.send([alert("a"), alert("b")], deadline_ms=deadline_ms(seconds)) == frozenset()
        took = time.monotonic() - began
        assert seconds - 0.2 < took < seconds + GRACE_SECONDS
        assert wire.connections >= 1
        (line,) = sink._write
        assert (line["event"], line["keys"]) == ("alerts.not_sent", ["a", "b"])


def test_an_attempt_that_hangs_is_given_up_for_another_one() -> None:
    with (
        Wire(None) as wire,
        sink_at(wire.address, "pubsub://my-project/alerts", timeout=0.3, attempts=3) as sink,
    ):
        began = time.monotonic()
        assert sink.send([alert("a")], deadline_ms=deadline_ms(20)) == frozenset()
        assert time.monotonic() - began < 3 * 0.3 + 0.2 + 0.4 + GRACE_SECONDS
        assert wire.connections == 3  # a connection that failed is not asked again


@contextmanager
def topic_that(answer: Any) -> Iterator[str]:
    """A service in whose place `answer` says what comes of each message."""

    def publish(request: Any, context: Any) -> PublishResponse:
        (message,) = request.messages
        answer(message, context)
        return PublishResponse(message_ids=["1"])

    methods = {"Publish": Method(answer=publish, asks=PublishRequest, gives=PublishResponse)}
    with grpc_server.running("google.pubsub.v1.Publisher", methods) as address:
        yield address


@pytest.mark.parametrize("lost", [1, 2])
def test_messages_whose_answers_were_lost_arrive_again_under_the_same_key(lost) -> None:
    taken: list[Any] = []

    def answer(message: Any, context: Any) -> None:
        taken.append(message)
        if message.attributes["key"] == "a" and len(taken) <= lost:
            context.abort(grpc.StatusCode.UNAVAILABLE, "the answer was lost")

    with topic_that(answer) as address, sink_at(address, "pubsub://my-project/alerts") as sink:
        told = sink.send([alert("a")], deadline_ms=deadline_ms(20))
        assert told == (frozenset() if lost == 2 else {"a"})
        assert sink.send([alert("a"), alert("b")], deadline_ms=deadline_ms(20)) == {"a", "b"}
    keys = [message.attributes["key"] for message in taken]
    assert Counter(keys) == {"a": lost + 1, "b": 1}
    assert len({message.data for message in taken}) == 2


def test_a_message_is_the_alert_and_says_its_key_level_and_kind(topic, emulator) -> None:
    told = alert("default~halt~1", why="a drawdown of 26 %", where="東京")
    with sink_at(emulator, topic.address) as sink:
        assert sink.send([told], deadline_ms=deadline_ms(20)) == {told.key}
    (message,) = topic.pull(least=1)
    assert msgspec.json.decode(message.data, type=Alert) == told
    assert json.loads(message.data)["fields"]["where"] == "東京"
    expected = {"event": "alert", "key": told.key, "level": "critical", "kind": "halt"}
    assert dict(message.attributes) == expected
    assert message.ordering_key == ""


def test_a_message_that_is_refused_does_not_hold_back_the_others() -> None:
    taken: list[str] = []

    def answer(message: Any, context: Any) -> None:
        if message.attributes["key"].startswith("k"):
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "an attribute is too long")
        taken.append(message.attributes["key"])

    with topic_that(answer) as address, sink_at(address, "pubsub://my-project/alerts") as sink:
        alerts = [alert("b", Level.INFO), alert("a"), alert("k" * 2_000)]
        assert sink.send(alerts, deadline_ms=deadline_ms(20)) == {"a", "b"}
        (line,) = sink._write
        assert line["keys"] == ["k" * 2_000]
        assert "refused" in line["problem"]
    assert taken == ["a", "b"]


def test_a_topic_that_does_not_exist_is_said_and_asked_once(topic, emulator) -> None:
    with sink_at(emulator, f"{topic.address}-2") as sink:
        alerts = [alert("a"), alert("b")]
        assert sink.send(alerts, deadline_ms=deadline_ms(20)) == frozenset()
        (line,) = sink._write
        assert line["keys"] == ["a", "b"]
        assert line["problem"].endswith("alerts-2: the topic does not exist")


def test_no_thread_of_the_sink_is_left_when_a_delivery_is_over(topic, emulator) -> None:
    before = set(threading.enumerate())
    with sink_at(emulator, topic.address) as sink:
        alerts = [alert(f"a{number}") for number in range(30)]
        assert len(sink.send(alerts, deadline_ms=deadline_ms(20))) == 30
        assert set(threading.enumerate()) <= before
    assert len(topic.pull(least=30)) == 30


def test_behind_a_topic_that_hangs_what_is_critical_reaches_the_webhook_in_time() -> None:
    with (
        closing(Discord()) as discord,
        Wire(None) as wire,
        sink_at(wire.address, "pubsub://my-project/alerts") as first,
    ):
        settings = load_settings({"BOT_DISCORD__TIMEOUT_SECONDS": "2"})
        documents, clock = MemoryDocuments(), FixedClock(NOW)
        webhook = DiscordSink({Level.CRITICAL: discord.url}, settings, write=Lines())
        outlet = TopicOutlet(first, Office(documents, settings, clock, webhook))
        alerts = [alert("i", Level.INFO), alert("c"), alert("w", Level.WARNING)]
        documents.commit([record_write(one, bot=settings.id) for one in alerts])
        began = time.monotonic()
        outlet.pass_on(alerts, has_older=False, seconds=2.0)
        assert time.monotonic() - began < 2.0
        assert discord.keys == ["c"]
        waiting = documents.query("alerts", field="waiting_for", value=settings.id)
        assert [one.data["alert"]["key"] for one in waiting] == ["i", "w"]
        assert outlet.tell_directly([alert("d")], seconds=2.0) == {"d"}


@pytest.mark.parametrize("has_webhook", [False, True])
def test_a_tick_goes_on_while_the_topic_hangs_and_its_alerts_wait(
    tmp_path, topic, emulator, has_webhook
) -> None:
    with Wire(None) as wire, closing(Discord()) as discord:
        extra = {
            "BOT_ALERTS": topic.address,
            "PUBSUB_EMULATOR_HOST": wire.address,
            "BOT_DISCORD__TIMEOUT_SECONDS": "0.5",
            "BOT_DISCORD__ATTEMPTS": "1",
            **({"DISCORD_WEBHOOK_CRITICAL": discord.url} if has_webhook else {}),
        }
        with world(tmp_path / "home", extra=extra) as scene:
            ports = scene.ports()
            began = time.monotonic()
            report = scene.tick(NOW, ports)  # without a model: told as critical or as a warning
            took = time.monotonic() - began
            kept = {
                document.data["alert"]["key"]: document.data["alert"]["level"]
                for document in ports.documents.query("alerts")
                if document.data["waiting_for"] == scene.settings.id
            }
            assert report.status is not TickStatus.FAILED
            assert report.alerts
            told = set(discord.keys)
            assert set(report.alerts) == kept.keys() | told
            assert "critical" not in kept.values() or not has_webhook
            assert not told or has_webhook
            assert took < 15
            back = {**scene.environ, "PUBSUB_EMULATOR_HOST": emulator}
            scene.tick(NOW + INTERVAL, wiring.ports(scene.settings, back))
            messages = topic.pull(least=1)
            events = Counter(message.attributes["event"] for message in messages)
            assert events, "what waits is asked for by a word, or told again where it lasts"
