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
    """`2026-01-31T14:59:00.123Z`.

    >>> utc_text(1_769_871_540_123)
    '2026-01-31T14:59:00.123Z'
    """
    whole = datetime.fromtimestamp(at // 1000, tz=UTC)
    return f"{whole:%Y-%m-%dT%H:%M:%S}.{at % 1000:03d}Z"


def jst_text(at: int) -> str:
    """`2026-01-31 23:59:00 JST`.

    >>> jst_text(1_769_871_540_123)
    '2026-01-31 23:59:00 JST'
    """
    return f"{datetime.fromtimestamp(at // 1000, tz=JST):%Y-%m-%d %H:%M:%S} JST"


def jst_day(at: int) -> str:
    """The accounting day, `2026-01-31`.

    >>> jst_day(1_769_871_540_123)  # 14:59 UTC is 23:59 in Japan
    '2026-01-31'
    >>> jst_day(1_769_871_600_000)
    '2026-02-01'
    """
    return _day((at + JST_MS) // DAY_MS)


def jst_day_begins(at: int) -> int:
    """When the accounting day of `at` began, ms UTC."""
    return (at + JST_MS) // DAY_MS * DAY_MS - JST_MS


@cache
def _day(number: int) -> str:
    return f"{datetime.fromtimestamp(number * 86_400, tz=UTC):%Y-%m-%d}"
