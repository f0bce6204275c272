"""Ticks of one bot made by hand: each a report that says only what a test is about."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from shared.core.types import TickReport, TickStatus

INTERVAL = 180_000
HOUR = 3_600_000
DAY = 24 * HOUR
T0 = 1_769_871_600_000
"""2026-01-31 15:00 UTC: the midnight at which February begins in Japan."""


def tick(number: int, **changes: Any) -> TickReport:
    """The tick of the schedule with this number; 0 is that of `T0`."""
    at = T0 + number * INTERVAL
    given: dict[str, Any] = {
        "tick": f"default~{at}",
        "bot": "default",
        "status": TickStatus.DONE,
        "scheduled_at": at,
        "received_at": at + 900,
        "finished_at": at + 1_900,
        "mode": "paper",
        "stage": "paper",
        "settings_hash": "0" * 16,
        "equity_jpy": Decimal(1_000_000),
        "cash_jpy": Decimal(1_000_000),
    }
    return TickReport(**{**given, **changes})


def timed(number: int, timings_ms: Mapping[str, float]) -> TickReport:
    """A tick that took this long."""
    return tick(number, timings_ms=timings_ms)
