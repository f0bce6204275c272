"""A probe of an exchange: what it opens, what it saw, and what it needs of the bot's store."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbePlan:
    """The one position of a probe, in lots and whole yen, and the largest loss that it can make
    while its stop works.

    >>> plan = ProbePlan(lots=1, cap_price=100, stop_price=97, target_price=103, loss_jpy=10)
    >>> plan.cap_price - plan.stop_price
    3
    """

    lots: int
    cap_price: int
    stop_price: int
    target_price: int
    loss_jpy: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeFinding:
    """What was seen of one question: a `choice` by its name, and the facts behind it.

    >>> ProbeFinding(question="error_status", choice="4xx", seen={"http": "400"}).choice
    '4xx'
    """

    question: str
    choice: str
    seen: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeOutcome:
    """What a probe saw and what that cost in yen; `trouble`: what went wrong, in words.

    >>> ProbeOutcome(findings=(), cost_jpy=Decimal("0.35"), requests=39).trouble
    ''
    """

    findings: tuple[ProbeFinding, ...]
    cost_jpy: Decimal
    requests: int
    trouble: str = ""


class ProbeJournal(Protocol):
    """Where a probe's orders are written down, under the bot's lease."""

    def keep_lease(self) -> int:
        """Keep the lease, and say until when it is ours (ms UTC). Raises `LeaseLost`."""
        ...

    def write_order(self, number: int, said: Mapping[str, Any]) -> None:
        """Write an order down before it is sent. Raises `LeaseLost`, and what the store raises."""
        ...

    def record_answer(self, number: int, outcome: Mapping[str, Any]) -> None:
        """Write down what was answered. Raises like `write_order`."""
        ...


class Prober(Protocol):
    """What asks an exchange."""

    def plan_position(self) -> ProbePlan:
        """What would be opened, and the largest loss. Raises `UserError` where nothing may be."""
        ...

    def run(
        self, journal: ProbeJournal, *, name: str, named_jpy: int, cash_jpy: Decimal
    ) -> ProbeOutcome:
        """Ask everything, once, and end flat."""
        ...

    def recover(
        self,
        journal: ProbeJournal,
        written: Sequence[Mapping[str, Any]],
        *,
        name: str,
        others: Collection[int] = (),
    ) -> str:
        """End flat what an earlier process has `written` down; what is to be told of it."""
        ...
