"""How a check is made of a number: one comparison each, and a number that could not be found never
passes.
"""

import math
from typing import Literal, TypeAlias

from shared.model.manifest import Check

Group: TypeAlias = Literal["serve", "enter", "champion", "note"]


def at_most(
    name: str,
    value: float | None,
    threshold: float,
    meaning: str,
    *,
    group: Group,
    ends: tuple[float, float] | None = None,
) -> Check:
    """Passed where `value` <= `threshold`. `ends`: of the value's interval."""
    known = _finite_value(value)
    return _check(
        name,
        known,
        threshold,
        known is not None and known <= threshold,
        f"at most: {meaning}",
        group,
        ends,
    )


def at_least(
    name: str,
    value: float | None,
    threshold: float,
    meaning: str,
    *,
    group: Group,
    ends: tuple[float, float] | None = None,
) -> Check:
    """Passed where `value` >= `threshold`; with `ends`, where their lower one is, too."""
    known = _finite_value(value)
    passed = known is not None and known >= threshold and (ends is None or ends[0] >= threshold)
    return _check(name, known, threshold, passed, f"at least: {meaning}", group, ends)


def above(
    name: str,
    value: float | None,
    threshold: float,
    meaning: str,
    *,
    group: Group,
    ends: tuple[float, float] | None = None,
) -> Check:
    """Passed where `value` > `threshold`; with `ends`, where their lower one is, too."""
    known = _finite_value(value)
    passed = known is not None and known > threshold and (ends is None or ends[0] > threshold)
    return _check(name, known, threshold, passed, f"above: {meaning}", group, ends)


def note(name: str, value: float | None, meaning: str, *, beside: float = 0.0) -> Check:
    """A number for people, which decides nothing; `beside` stands where a threshold would."""
    known = _finite_value(value)
    return _check(name, known, beside, known is not None, meaning, "note", None)


def _finite_value(value: float | None) -> float | None:
    return float(value) if value is not None and math.isfinite(value) else None


def _check(
    name: str,
    value: float | None,
    threshold: float,
    passed: bool,
    meaning: str,
    group: Group,
    ends: tuple[float, float] | None,
) -> Check:
    told = ends if ends is not None and all(math.isfinite(end) for end in ends) else None
    return Check(
        name=name,
        value=value,
        threshold=float(threshold),
        passed=bool(passed and (ends is None or told is not None)),
        meaning=meaning,
        group=group,
        lower=None if told is None else float(told[0]),
        upper=None if told is None else float(told[1]),
    )
