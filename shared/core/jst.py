"""Instants as text: UTC for machines, Japan's time, a fixed nine hours ahead, for the people who read it."""

from datetime import UTC, datetime, timedelta, timezone
from functools import cache

JST = timezone(timedelta(hours=9), "JST")
JST_MS = 9 * 3_600_000
DAY_MS = 86_400_000


def utc_text(at: int) -> str:
    """`2026-01-31T14:59:00.123Z`."""
    whole = datetime.fromtimestamp(at // 1000, tz=UTC)
    return f"{whole:%Y-%m-%dT%H:%M:%S}.{at % 1000:03d}Z"


def jst_text(at: int) -> str:
    """`2026-01-31 23:59:00 JST`."""
    return f"{datetime.fromtimestamp(at // 1000, tz=JST):%Y-%m-%d %H:%M:%S} JST"


def jst_day(at: int) -> str:
    """The accounting day, `2026-01-31`."""
    return _day((at + JST_MS) // DAY_MS)


def jst_day_begins(at: int) -> int:
    """When the accounting day of `at` began, ms UTC."""
    return (at + JST_MS) // DAY_MS * DAY_MS - JST_MS


@cache
def _day(number: int) -> str:
    return f"{datetime.fromtimestamp(number * 86_400, tz=UTC):%Y-%m-%d}"
