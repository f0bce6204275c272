"""What is critical does not wait for a topic that is down, or behind which nobody works."""

from collections.abc import Sequence
from typing import Any

import pytest

from shared.alerts.office import Office
from shared.alerts.outlets import LocalOutlet, TopicOutlet
from shared.alerts.pubsub import PubSubSink
from shared.alerts.records import record_write
from shared.core.errors import Unavailable
from shared.core.types import Alert
from shared.stores.memory import MemoryDocuments
from tests.support.fixed_clock import FixedClock
from tests.unit.alerts.test_discord import Lines
from tests.unit.alerts.test_office import AT, SETTINGS, WARNING, Second, alert
from tests.unit.alerts.test_office_faults import Talking


class Topic:
    """A topic that is up or down, and behind which nobody delivers."""

    def __init__(self, *, is_up: bool) -> None:
        self.is_up = is_up
        self.pokes = 0

    def send(self, alerts: Sequence[Alert], *, deadline_ms: int) -> frozenset[str]:
        return frozenset(one.key for one in alerts) if self.is_up else frozenset()

    def poke(self, *, deadline_ms: int) -> bool:
        self.pokes += 1
        return self.is_up


@pytest.mark.parametrize("is_up", [False, True])
def test_what_is_critical_and_waits_since_before_is_told_past_the_topic(*, is_up: bool) -> None:
    documents, channel, second = MemoryDocuments(), Talking(), Second()
    office = Office(documents, SETTINGS, FixedClock(AT), channel, second)
    outlet = TopicOutlet(Topic(is_up=is_up), office)
    older = [alert("c"), alert("w", WARNING)]
    documents.commit([record_write(one, bot=SETTINGS.id) for one in older])
    repeated = [alert("c", at=AT + 1)]
    outlet.pass_on([], has_older=True, seconds=5.0, repeated=repeated)
    assert channel.told == ["default:c"]
    assert second.told == [["default:c"]]
    outlet.pass_on([], has_older=True, seconds=5.0)
    assert channel.told == ["default:c"], "what is no more than a warning waits for the function"


def test_a_count_that_cannot_be_written_holds_nothing_back() -> None:
    documents, channel = MemoryDocuments(), Talking()
    office = Office(documents, SETTINGS, FixedClock(AT), channel)
    office.tell([alert("w", WARNING)], seconds=5.0)
    documents.commit([record_write(alert("c"), bot=SETTINGS.id)])
    get = documents.get

    def refuse(path: str) -> Any:
        if path == "alerts/default:w":
            raise Unavailable("down")
        return get(path)

    documents.get = refuse  # type: ignore[method-assign]
    LocalOutlet(office).pass_on(
        [alert("c")], has_older=False, seconds=5.0, repeated=[alert("w", WARNING, at=AT + 1)]
    )
    assert channel.told == ["default:w", "default:c"]


def test_a_text_that_no_topic_can_carry_is_said_and_holds_nothing_back() -> None:
    lines = Lines()
    sink = PubSubSink("pubsub://my-project/alerts", SETTINGS, emulator="127.0.0.1:9", write=lines)
    odd = alert("odd", title="the folder \udcff is full")
    assert sink.send([odd], deadline_ms=0) == frozenset()
    assert [line["keys"] for line in lines] == [["default:odd"]]
