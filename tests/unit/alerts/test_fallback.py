"""A sink that raises, against its port, beside one that delivers."""

from collections.abc import Sequence
from typing import Any

import pytest
from shared.alerts.fallback import FallbackSink

from shared.alerts.discord import LogSink
from shared.core.errors import StoreBroken, Unavailable
from shared.core.types import Alert, Level

HALT = Alert(key="halt~1", level=Level.CRITICAL, kind="halt", title="Halted", at=0)
FILL = Alert(key="fill~1", level=Level.INFO, kind="fill", title="Filled", at=0)
FAILURES = [Unavailable("away"), StoreBroken("no such topic"), KeyError("a surprise")]


class Raising:
    def __init__(self, failure: Exception) -> None:
        self.failure, self.asked = failure, 0

    def __repr__(self) -> str:
        return "Raising()"

    def send(self, alerts: Sequence[Alert], *, deadline_ms: int) -> frozenset[str]:
        self.asked += 1
        raise self.failure


class Lines(list[dict[str, Any]]):
    def __call__(self, event: str, **fields: Any) -> None:
        self.append({"event": event, **fields})


@pytest.mark.parametrize("failure", FAILURES, ids=lambda failure: type(failure).__name__)
def test_where_the_first_sink_raises_the_critical_go_by_the_second_and_both_are_told(
    failure: Exception,
) -> None:
    first, lines, behind = Raising(failure), Lines(), Lines()
    sink = FallbackSink(first, LogSink(behind), write=lines)
    assert sink.send([HALT, FILL], deadline_ms=0) == {"halt~1"}
    assert first.asked == 1
    assert ["Halted" in str(line) for line in behind] == [True]
    (told,) = lines
    assert told["keys"] == ["halt~1", "fill~1"]
    assert told["problem"].startswith(f"Raising(): {type(failure).__name__}: ")


def test_where_both_sinks_raise_nothing_is_sent_and_each_failure_is_told() -> None:
    first, second, lines = Raising(Unavailable("one")), Raising(Unavailable("two")), Lines()
    assert FallbackSink(first, second, write=lines).send([HALT, FILL], deadline_ms=0) == frozenset()
    assert (first.asked, second.asked) == (1, 1)
    assert [line["problem"] for line in lines] == [
        "Raising(): Unavailable: one",
        "Raising(): Unavailable: two",
    ]
    assert [line["keys"] for line in lines] == [["halt~1", "fill~1"], ["halt~1"]]
