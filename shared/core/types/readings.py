"""What a probe saw of an exchange, and what that cost."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeFinding:
    """What was seen of one question: a `choice` by its name, and the facts behind it."""

    question: str
    choice: str
    seen: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeOutcome:
    """What a probe saw and what that cost in yen; `trouble`: what went wrong, in words."""

    findings: tuple[ProbeFinding, ...]
    cost_jpy: Decimal
    requests: int
    trouble: str = ""
