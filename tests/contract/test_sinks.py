"""What every sink of alerts must do. Adapters: the log, Discord, Pub/Sub.

A case knows what arrived (`keys`), and can take the place away (`down`) where there is one.
"""

import contextlib
import json
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from shared.alerts.discord.sink import DiscordSink
from shared.alerts.log_sink import LogSink
from shared.alerts.pubsub import PubSubSink
from shared.core.masking import register_secrets
from shared.core.settings import load_settings
from shared.core.types import Alert, Level
from tests.support.emulators import PUBSUB, run_folder, running
from tests.support.topics import made_topic
from tests.unit.alerts.test_discord import Discord, Lines

SETTINGS = load_settings({"BOT_DISCORD__TIMEOUT_SECONDS": "2", "BOT_DISCORD__ATTEMPTS": "2"})
SECRET = "planted-secret-4711"


@pytest.fixture(scope="session")
def pubsub_emulator(tmp_path_factory):
    with running(PUBSUB, run_folder(tmp_path_factory)) as address:
        yield address


@dataclass
class Case:
    sink: Any
    texts: Callable[[], list[str]]  # all that arrived since the last look, an alert each
    down: Callable[[], Any] | None = None  # the same sink where nobody listens
    lines: Lines | None = None


def _free_address() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"


@contextlib.contextmanager
def _log(request) -> Iterator[Case]:
    lines = Lines()

    def texts():
        found = [json.dumps(line) for line in lines]
        lines.clear()
        return found

    yield Case(sink=LogSink(lines), texts=texts)


@contextlib.contextmanager
def _discord(request) -> Iterator[Case]:
    with contextlib.closing(Discord()) as server:

        def sink(url):
            return DiscordSink(dict.fromkeys(Level, url), SETTINGS, write=lines)

        def texts():
            found = [json.dumps(one) for _, body, _ in server.requests for one in body["embeds"]]
            server.requests.clear()
            return found

        lines = Lines()
        down = f"http://{_free_address()}/api/webhooks/1/x"
        yield Case(sink=sink(server.url), texts=texts, down=lambda: sink(down), lines=lines)


@contextlib.contextmanager
def _pubsub(request) -> Iterator[Case]:
    emulator, lines = request.getfixturevalue("pubsub_emulator"), Lines()
    with made_topic(emulator) as topic:

        def sink(address):
            return PubSubSink(topic.address, SETTINGS, emulator=address, write=lines)

        yield Case(
            sink=sink(emulator),
            texts=lambda: [message.data.decode() for message in topic.pull()],
            down=lambda: sink(_free_address()),
            lines=lines,
        )


CASES = {"log": _log, "discord": _discord, "pubsub": _pubsub}
PLACED = sorted(CASES.keys() - {"log"})
"""Those whose alerts go somewhere else."""


@pytest.fixture(params=sorted(CASES))
def case(request):
    with CASES[request.param](request) as made:
        yield made


@pytest.fixture(params=PLACED)
def placed_case(request):
    with CASES[request.param](request) as made:
        yield made


def alert(name: str, **fields: str) -> Alert:
    title = f"Title of {name}."
    return Alert(key=name, level=Level.CRITICAL, kind="halt", title=title, at=1, fields=fields)


def send(sink: Any, *alerts: Alert, seconds: float = 20.0) -> frozenset[str]:
    return sink.send(alerts, deadline_ms=int((time.monotonic() + seconds) * 1000))


def test_what_was_taken_is_told_by_its_key_and_arrived_once(case):
    names = [f"key-{number}" for number in range(12)]
    assert send(case.sink, *map(alert, names)) == set(names)
    texts = case.texts()
    assert len(texts) == 12
    for name in names:
        assert sum(f'"{name}"' in text for text in texts) == 1


def test_nothing_to_send_is_nothing_sent(case):
    assert send(case.sink) == frozenset()
    assert case.texts() == []


def test_a_key_that_was_taken_is_told_again_and_not_sent_again(placed_case):
    assert send(placed_case.sink, alert("a"), alert("a")) == {"a"}
    assert send(placed_case.sink, alert("a"), alert("b")) == {"a", "b"}
    texts = placed_case.texts()
    assert [sum(f'"{name}"' in text for text in texts) for name in ("a", "b")] == [1, 1]


def test_a_secret_in_an_alert_does_not_arrive(placed_case):
    register_secrets(SECRET)
    assert send(placed_case.sink, alert("a", why=f"the key was {SECRET}")) == {"a"}
    (text,) = placed_case.texts()
    assert "the key was ***" in text
    assert SECRET not in text


def test_where_nobody_listens_nothing_is_told_as_taken_and_nothing_is_raised(placed_case):
    began = time.monotonic()
    assert send(placed_case.down(), alert("a"), alert("b"), seconds=3.0) == frozenset()
    assert time.monotonic() - began < 3.5
    assert placed_case.texts() == []
    assert [line["event"] for line in placed_case.lines] == ["alerts.not_sent"] * len(
        placed_case.lines
    )
    assert placed_case.lines


def test_without_time_nothing_is_sent_and_nothing_is_raised(placed_case):
    began = time.monotonic()
    assert send(placed_case.sink, alert("a"), seconds=-1.0) == frozenset()
    assert time.monotonic() - began < 0.5
    assert placed_case.texts() == []
    assert send(placed_case.sink, alert("a")) == {"a"}
