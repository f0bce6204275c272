"""Answers that say nothing about a message: nothing is lost by them, nothing is asked for ever."""

import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from shared.alerts.discord.sink import DiscordSink
from shared.alerts.office import Office
from shared.core.types import Level
from shared.stores.memory import MemoryDocuments
from tests.support.discord import LoopbackDiscord, loopback_discord
from tests.support.fixed_clock import FixedClock
from tests.unit.alerts.test_discord import (
    SETTINGS,
    Discord,
    Lines,
    no_proxy,  # noqa: F401 - a fixture
)
from tests.unit.alerts.test_office import AT, WARNING, Place, Second, alert


@pytest.fixture
def strange() -> Iterator[Discord]:
    with closing(Discord()) as server:
        yield server


def office(discord: Discord, documents: MemoryDocuments, second: Second, at: int = AT) -> Office:
    sink = DiscordSink(dict.fromkeys(Level, discord.url), SETTINGS, write=Lines())
    return Office(documents, SETTINGS, FixedClock(at), sink, second)


@pytest.mark.parametrize("status", [301, 302, 307, 308, 407, 408, 425])
def test_an_answer_that_is_not_about_the_message_buries_nothing(
    strange: Discord, status: int
) -> None:
    documents, second = MemoryDocuments(), Second()
    strange.answers = [{"status": status, "headers": {"Location": strange.url}}]
    done = office(strange, documents, second).tell([alert("a", WARNING)], seconds=0.3)
    assert (done.told, done.dead, done.waiting) == (0, 0, 1)
    assert office(strange, documents, second, AT + 180_000).deliver_due(seconds=5.0).told == 1


@pytest.mark.parametrize(
    "answer",
    [
        {"status": 200, "body": "<html>welcome</html>"},
        {"status": 200, "body": "[]"},
        {"status": 200, "body": '{"id": 7}'},
        {"status": 200, "body": '{"id": "' + "9" * 100_000 + '"}'},
        {"status": 200, "body": '{"id": "../../9"}'},
        {"status": 200, "body": '{"id": "\u0661\u0662"}'},
        {"status": 200, "body": "[" * 50_000},
        {"status": 204},
    ],
)
def test_a_success_of_any_body_is_told_and_no_longer_remembered_than_a_message_is(
    strange: Discord, answer: Any
) -> None:
    documents, second = MemoryDocuments(), Second()
    strange.answers = [answer]
    assert (
        office(strange, documents, second)
        .tell([alert("w:1", WARNING, thread="default:w")], seconds=5.0)
        .told
        == 1
    )
    stored = documents.get("offices/default")
    assert stored is not None
    (thread,) = stored.data["threads"]
    assert len(thread["message"]) <= 20
    assert thread["message"].isascii()
    assert stored.data["lease"]["holder"] is None


@pytest.mark.parametrize("asked", ["nan", "-5", "1e400", "1e12", "9" * 400, "soon", ""])
def test_an_absurd_wait_is_a_ban_and_holds_no_delivery_up(strange: Discord, asked: str) -> None:
    documents, second = MemoryDocuments(), Second()
    headers = {"Retry-After": asked} if asked else {}
    strange.answers = [{"status": 429, "headers": headers, "body": "<html>"}] * 2
    began = time.monotonic()
    done = office(strange, documents, second).tell([alert("a"), alert("w", WARNING)], seconds=5.0)
    assert time.monotonic() - began < 1.5
    assert done.is_banned
    assert second.told == [["default:a", "default:w"]]


@pytest.mark.parametrize("status", [401, 404, 410])
def test_where_the_webhook_is_gone_the_second_channel_names_warnings_too(
    strange: Discord, status: int
) -> None:
    documents, second = MemoryDocuments(), Second()
    strange.answers = [{"status": status}] * 4
    office(strange, documents, second).tell(
        [alert("a"), alert("b"), alert("w", WARNING)], seconds=5.0
    )
    assert second.told == [["default:a", "default:b", "default:w"]]
    assert len(strange.requests) <= 2, "once a level"
    strange.answers = []
    office(strange, documents, second, AT + 180_000).deliver_due(seconds=5.0)
    assert strange.keys[-3:] == ["default:a", "default:b", "default:w"], "the owner mended it"


@pytest.fixture
def discord() -> Iterator[LoopbackDiscord]:
    with loopback_discord(limits=False) as running:
        yield running


def test_a_change_that_is_refused_becomes_a_message_of_its_own(discord: LoopbackDiscord) -> None:
    place = Place(discord, Second())
    place.tell(alert("w:1", WARNING, thread="default:w"))
    discord.refuses = lambda body: "too many edits" if "noticed" in str(body) else ""
    seen: list[int] = []

    def once(body: Any) -> str:
        seen.append(1)
        return "too many edits" if len(seen) == 1 else ""

    discord.refuses = once
    place.later(3_600_000)
    place.tell(alert("w:2", WARNING, at=place.clock.now_ms(), thread="default:w"))
    assert discord.keys == ["default:w:1", "default:w:2"]
    assert place.record("w:2")["told_by"] == "discord"
    assert place.waiting() == []


def test_a_limit_of_changes_is_no_ban_of_the_webhook(discord: LoopbackDiscord) -> None:
    """Discord answers 429 to changes of what is older than an hour, and says no wait."""
    place = Place(discord, Second())
    place.tell(alert("w:1", WARNING, thread="default:w"))
    discord._change = lambda *_: (429, {"code": 30046})  # type: ignore[method-assign]
    place.later(3_600_000)
    at = place.clock.now_ms()
    done = place.tell(alert("w:2", WARNING, at=at, thread="default:w"), alert("c", at=at))
    assert (done.told, done.is_banned) == (2, False)
    assert discord.keys == ["default:w:1", "default:c", "default:w:2"]
