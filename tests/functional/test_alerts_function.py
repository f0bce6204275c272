"""Alerts as the real functions-framework process: pushes of Pub/Sub in, a Discord with its limits
out.
"""

import base64
import json
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
import requests
from google.pubsub_v1.types import PubsubMessage, PushConfig, Subscription

from shared.alerts.pubsub import message_attributes, message_data
from shared.core.types import Alert, Level
from shared.stores.local.sqlite import SqliteDocuments
from tests.support.discord import TOKEN, LoopbackDiscord, loopback_discord
from tests.support.emulators import PUBSUB, run_folder, running
from tests.support.topics import pubsub_clients
from tests.support.world import function_process, send

SEED = 10
SPACING_SECONDS, FULL_SPACING_SECONDS = 3.0, 60.0
MOST_MESSAGES = 29


@dataclass(slots=True, kw_only=True)
class Function:
    """The process, which may be killed and comes back at the same address."""

    home: Path
    discord: LoopbackDiscord
    log: Path
    more: dict[str, str]
    spacing_seconds: float = SPACING_SECONDS
    url: str = ""
    port: int = 0

    @contextmanager
    def process(self) -> Iterator[Any]:
        environ = {
            "BOT_HOME": str(self.home),
            "DISCORD_WEBHOOK_URL": self.discord.url,
            "BOT_TELLING__SPACING_SECONDS": str(self.spacing_seconds),
            **self.more,
        }
        with function_process("alerts", environ, log=self.log, port=self.port or None) as (
            url,
            process,
        ):
            self.url, self.port = url, int(url.rpartition(":")[2])
            yield process

    def push(self, alert: Alert, *, message: str) -> int:
        data = base64.b64encode(message_data(alert)).decode()
        body = {
            "message": {
                "data": data,
                "attributes": message_attributes(alert),
                "messageId": message,
            },
            "subscription": "projects/p/subscriptions/alerts",
        }
        return requests.post(self.url, json=body, timeout=60).status_code

    def flush(self) -> dict[str, Any]:
        told: dict[str, Any] = requests.post(self.url, json={"event": "flush"}, timeout=60).json()
        return told

    def stored(self) -> list[Any]:
        store = SqliteDocuments(self.home / "state.sqlite")
        try:
            return [one.data for one in store.query("alerts", limit=1_000_000)]
        finally:
            store.close()


@pytest.fixture
def function(tmp_path: Path, request) -> Iterator[Function]:
    full = request.config.getoption("--full")
    with loopback_discord() as discord:
        yield Function(
            home=tmp_path / "home",
            discord=discord,
            log=tmp_path / "log",
            more={},
            spacing_seconds=FULL_SPACING_SECONDS if full else SPACING_SECONDS,
        )


def alert(name: str, level: Level = Level.WARNING, at: int | None = None) -> Alert:
    return Alert(
        key=f"default:{name}",
        level=level,
        kind="kind",
        title=f"Title of {name.partition(':')[0]}.",
        at=int(time.time() * 1000) if at is None else at,
        fields={"what": "x" * 200},
    )


def storm(count: int, seed: int) -> list[tuple[Alert, str]]:
    """So many messages: 12 distinct critical ones, the rest warnings of some sorts; some noticed
    again later, and the same messages again.
    """
    rng = random.Random(seed)
    critical = [alert(f"critical-{number}", Level.CRITICAL) for number in range(12)]
    distinct = [
        alert(f"sort-{rng.randrange(6)}:{number}") for number in range(count * 3 // 5)
    ] + critical
    sent = [(one, f"m{number}") for number, one in enumerate(distinct)]
    while len(sent) < count:
        one, message = rng.choice(sent)
        if rng.random() < 0.5:
            sent.append((one, message))
        else:
            sent.append((replace(one, at=one.at + len(sent)), f"d{len(sent)}"))
    rng.shuffle(sent)
    return sent


def deliver_all(function: Function, messages: Sequence[tuple[Alert, str]]) -> Counter[str]:
    """As Pub/Sub does: several at once, and again whatever was not acknowledged."""
    waiting, lock, counts = list(reversed(messages)), threading.Lock(), Counter[str]()

    def work() -> None:
        while True:
            with lock:
                if not waiting:
                    return
                one, message = waiting.pop()
            try:
                status = function.push(one, message=message)
            except requests.RequestException:
                status = 0
            with lock:
                counts[str(status)] += 1
                if status != 200:
                    waiting.insert(0, (one, message))
            if status != 200:
                time.sleep(0.2)

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return counts


def flush_until_empty(function: Function) -> None:
    for _ in range(20):
        time.sleep(function.spacing_seconds + 0.1)
        function.flush()
        if all(data["waiting_for"] is None for data in function.stored()):
            return
    raise AssertionError("something waits for ever")


def check_storm(
    function: Function, messages: Sequence[tuple[Alert, str]], *, kills: int, seconds: float
) -> None:
    discord, stored = function.discord, function.stored()
    assert {data["alert"]["key"] for data in stored} == {one.key for one, _ in messages}
    assert all(data["sent_at"] for data in stored), "none is lost"
    shown = Counter(key for key in discord.keys if ":critical-" in key)
    assert set(shown) == {f"default:critical-{number}" for number in range(12)}
    assert sum(count - 1 for count in shown.values()) <= kills
    # one for each critical one, and one a spacing for all the rest
    assert len(discord.posted) <= 12 + kills + seconds / function.spacing_seconds + 2
    if len(messages) >= 10_000:
        assert len(discord.posted) <= MOST_MESSAGES
    by = Counter(data["told_by"] for data in stored)
    assert by["summary"] >= (len(stored) - 12) * 0.9
    print(
        f"\n{len(messages)} messages, {len(stored)} alerts, {kills} kills,"
        f" {len(discord.posted)} posts in {seconds:.0f} s, told by {dict(by)}"
    )


def test_a_storm_of_pushes_is_a_few_messages_and_every_critical_one_of_it_arrives(
    function: Function, request
) -> None:
    full = request.config.getoption("--full")
    messages = storm(10_000 if full else 250, SEED)
    began = time.monotonic()
    with function.process():
        counts = deliver_all(function, messages)
        flush_until_empty(function)
    assert counts["200"] == len(messages)
    check_storm(function, messages, kills=0, seconds=time.monotonic() - began)
    text = function.log.read_text()
    assert TOKEN not in text
    assert TOKEN not in json.dumps(function.stored())


def test_a_function_that_is_killed_in_a_storm_loses_nothing(function: Function, request) -> None:
    kills = 6 if request.config.getoption("--full") else 2
    messages = storm(60 * (kills + 1), SEED + 1)
    began, part = time.monotonic(), len(messages) // (kills + 1)
    for number in range(kills + 1):
        piece = messages[number * part : (number + 1) * part if number < kills else None]
        with function.process() as process:
            if number == kills:
                deliver_all(function, piece)
                flush_until_empty(function)
                break
            dying = threading.Timer(0.4, send, (process, signal.SIGKILL))
            dying.start()
            taken = 0
            for one, message in piece:
                try:
                    taken += function.push(one, message=message) == 200
                except requests.RequestException:
                    break
            dying.join()
            messages += piece[taken:]  # Pub/Sub brings what was not acknowledged
    check_storm(function, messages, kills=kills, seconds=time.monotonic() - began)


def test_what_cannot_be_read_is_acknowledged_and_kept_as_a_dead_letter(function: Function) -> None:
    bad: list[tuple[str, Any]] = [
        ("no object", "x"),
        ("no base64", {"data": "@", "messageId": "1"}),
        ("no alert", {"data": base64.b64encode(b"{}").decode(), "messageId": "2"}),
        ("an event of nobody", {"attributes": {"event": "dance"}, "messageId": "3"}),
        ("nothing at all", {}),
    ]
    with function.process():
        for name, message in bad:
            answer = requests.post(function.url, json={"message": message}, timeout=60)
            assert (answer.status_code, answer.json()["status"]) == (200, "dead"), name
        for body, field in (({"event": "dance"}, "event"), ({"even": "x"}, "even"), ({}, "event")):
            answer = requests.post(function.url, json=body, timeout=60)
            assert (answer.status_code, answer.json()["field"]) == (400, field)
        assert requests.get(function.url, timeout=60).json()["waiting"] == 0
    dead = [data for data in function.stored() if data.get("dead_at")]
    assert len(dead) >= 4
    assert all(data["dead_why"] for data in dead)


def test_a_critical_alert_is_told_though_the_store_is_damaged(function: Function) -> None:
    function.home.mkdir()
    (function.home / "state.sqlite").write_bytes(b"no database" * 1_000)
    with function.process():
        statuses = [function.push(alert("down", Level.CRITICAL), message=text) for text in "ab"]
    assert all(status >= 400 for status in statuses), "Pub/Sub brings it again"
    assert len(function.discord.posted) == 1
    assert "Title of down." in str(function.discord.posted[0].embeds)


def test_where_nothing_can_be_stored_what_is_critical_is_told_and_the_push_comes_again(
    function: Function,
) -> None:
    function.more = {"BOT_STATE": "firestore://my-project/default"}
    function.more["FIRESTORE_EMULATOR_HOST"] = "127.0.0.1:9"
    with function.process():
        assert function.push(alert("w"), message="1") == 503
        assert function.discord.posted == []
        for _ in range(2):
            assert function.push(alert("c", Level.CRITICAL), message="2") == 503
    assert function.discord.keys == ["default:c"], "once an instance"


# through the real topic


@pytest.fixture(scope="session")
def emulator(tmp_path_factory) -> Iterator[str]:
    with running(PUBSUB, run_folder(tmp_path_factory)) as address:
        yield address


def test_a_storm_through_the_real_topic(function: Function, emulator: str, request) -> None:
    full = request.config.getoption("--full")
    messages = storm(10_000 if full else 150, SEED + 2)
    began = time.monotonic()
    with function.process(), pubsub_clients(emulator) as (project, publisher, subscriber):
        topic = f"projects/{project}/topics/alerts"
        publisher.create_topic(name=topic, timeout=30.0)
        subscriber.create_subscription(
            request=Subscription(
                name=f"projects/{project}/subscriptions/alerts",
                topic=topic,
                push_config=PushConfig(push_endpoint=function.url),
                ack_deadline_seconds=60,
            ),
            timeout=30.0,
        )
        for start in range(0, len(messages), 500):
            publisher.publish(
                topic=topic,
                messages=[
                    PubsubMessage(data=message_data(one), attributes=message_attributes(one))
                    for one, _ in messages[start : start + 500]
                ],
                timeout=60.0,
            )
        distinct = {one.key for one, _ in messages}
        wait_for(lambda: len(function.stored()) == len(distinct), seconds=1_800 if full else 120)
        time.sleep(2.0)  # redeliveries
        flush_until_empty(function)
    check_storm(function, messages, kills=0, seconds=time.monotonic() - began)
    times = sum(data["times"] for data in function.stored())
    assert len(distinct) < times <= len(messages)


def wait_for(is_so: Callable[[], bool], *, seconds: float) -> None:
    limit = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < limit
        time.sleep(0.5)


def test_what_is_pushed_is_the_alert_as_it_was() -> None:
    told = alert("a", Level.CRITICAL)
    assert msgspec.json.decode(message_data(told), type=Alert) == told
