"""A target with its number: met, missed, or too little to say."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import TypeAlias

Number: TypeAlias = int | float | Decimal


class TargetName(StrEnum):
    """The six targets.

    >>> [str(name) for name in TargetName]
    ['uptime', 'answers', 'errors', 'wins', 'confidence', 'profit']
    """

    UPTIME = "uptime"
    ANSWERS = "answers"
    ERRORS = "errors"
    WINS = "wins"
    CONFIDENCE = "confidence"
    PROFIT = "profit"


class Reached(StrEnum):
    """What came of a target; `UNKNOWN` where there is too little to say.

    >>> str(Reached.UNKNOWN)
    'not enough data'
    """

    MET = "met"
    MISSED = "missed"
    UNKNOWN = "not enough data"


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetFigure:
    """One target over a period.

    >>> figure = TargetFigure(
    ...     name=TargetName.WINS,
    ...     reached=Reached.MET,
    ...     value=0.6,
    ...     limit=0.55,
    ...     is_least=True,
    ...     samples=30,
    ...     needed=30,
    ... )
    >>> figure.value - figure.limit > 0
    True

    Attributes:
        value: The number; None where nothing was there to count.
        limit: What it must reach (`is_least`), or must not pass.
        samples: How many single things it is of (ticks, hours, positions, candles, days).
        needed: With fewer of them it is told, and not judged.
        parts: What it is made of, by name; None where a part is not known.
    """

    name: TargetName
    reached: Reached
    value: Number | None
    limit: Number
    is_least: bool
    samples: int
    needed: int
    parts: Mapping[str, Number | None] = field(default_factory=dict)


def judge_figure(
    name: TargetName,
    value: Number | None,
    *,
    limit: Number,
    is_least: bool,
    samples: int,
    needed: int,
    parts: Mapping[str, Number | None],
) -> TargetFigure:
    """The figure of a target that is met at its limit, and above it (`is_least`) or below it."""
    is_known = value is not None and samples >= needed
    is_met = value is not None and (value >= limit if is_least else value <= limit)
    reached = (Reached.MET if is_met else Reached.MISSED) if is_known else Reached.UNKNOWN
    return TargetFigure(
        name=name,
        reached=reached,
        value=value,
        limit=limit,
        is_least=is_least,
        samples=samples,
        needed=needed,
        parts=parts,
    )
