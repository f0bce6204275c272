"""What goes wrong on demand, and what is written down of every request."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

FaultKind = Literal["status", "closed before", "closed after"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What is wrong with one call.

    `status`: answered so and not applied. `closed before`: the connection ends without an answer
    and nothing was applied. `closed after`: the same, but it was applied.
    """

    kind: FaultKind
    status: int = 503


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """One request: what it was, what was wrong with it, how it was answered.

    `method`: the id of Google's method, empty where there is none. `status` 0: no answer.
    """

    number: int
    service: str
    http: str
    path: str
    method: str
    query: Mapping[str, Any]
    body: Any
    faults: tuple[str, ...]
    status: int


@dataclass(slots=True)
class Plan:
    """Which of the coming calls fail, by their number from 1 on."""

    seen: int = 0
    faults: dict[int, Fault] = field(default_factory=dict)

    def add(self, fault: Fault, *, nth: int, times: int) -> None:
        """The `nth` call from now on fails, and those after it, `times` in all."""
        for number in range(self.seen + nth, self.seen + nth + times):
            self.faults[number] = fault

    def next(self) -> tuple[int, Fault | None]:
        """The number of a call that arrives just now, and its fault."""
        self.seen += 1
        return self.seen, self.faults.pop(self.seen, None)
