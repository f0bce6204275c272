"""Lengths of time in milliseconds, and instants as text: UTC for machines, Japan's time, nine hours
ahead, for people.
"""

from datetime import UTC, datetime, timedelta, timezone
from functools import cache

JST = timezone(timedelta(hours=9), "JST")
SECOND_MS = 1_000
MINUTE_MS = 60 * SECOND_MS
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS
WEEK_MS = 7 * DAY_MS
YEAR_DAYS = 365
YEAR_MS = YEAR_DAYS * DAY_MS
JST_MS = 9 * HOUR_MS


def utc_text(at: int) -> str:
    """`2026-01-31T14:59:00.123Z`."""
    whole = datetime.fromtimestamp(at // 1000, tz=UTC)
    return f"{whole:%Y-%m-%dT%H:%M:%S}.{at % 1000:03d}Z"


def jst_text(at: int) -> str:
    """`2026-01-31 23:59:00 JST`."""
    return f"{datetime.fromtimestamp(at // 1000, tz=JST):%Y-%m-%d %H:%M:%S} JST"


def utc_second(at: int) -> str:
    """`2026-01-31T14:59:00Z`, of an instant whose milliseconds say nothing."""
    return f"{datetime.fromtimestamp(at // 1000, tz=UTC):%Y-%m-%dT%H:%M:%S}Z"


def jst_minute(at: int) -> str:
    """`2026-01-31 23:59`, where the heading names the zone."""
    return f"{datetime.fromtimestamp(at // 1000, tz=JST):%Y-%m-%d %H:%M}"


def jst_and_utc(at: int) -> str:
    """`2026-01-31 23:59:00 JST (14:59:00 UTC)`."""
    return f"{jst_text(at)} ({utc_text(at)[11:19]} UTC)"


def jst_day(at: int) -> str:
    """The accounting day, `2026-01-31`."""
    return _day((at + JST_MS) // DAY_MS)


def jst_day_begins(at: int) -> int:
    """When the accounting day of `at` began, ms UTC."""
    return (at + JST_MS) // DAY_MS * DAY_MS - JST_MS


@cache
def _day(number: int) -> str:
    return f"{datetime.fromtimestamp(number * 86_400, tz=UTC):%Y-%m-%d}"
