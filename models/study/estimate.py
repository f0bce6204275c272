"""A number with its interval, None wherever it is not defined."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A number with the ends of its 95 % interval; all None where it is not defined."""

    value: float | None = None
    low: float | None = None
    high: float | None = None
