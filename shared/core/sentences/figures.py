"""Numbers, amounts, instants and lengths of time as people read them: one function a thing.

An amount stands alone where the heading of its column names the unit, and with its sign or its word
elsewhere. What is undefined is a dash.
"""

import math
from datetime import UTC, datetime
from decimal import Decimal

from shared.core.calendar import DAY_MS, HOUR_MS, JST, MINUTE_MS, jst_text, utc_text
from shared.core.money import btc_from_lots
from shared.core.sentences import say

DASH = "–"
"""What stands where a number is undefined."""

_DAY_HOURS = 24
_MANY_HOURS = 48
_WHOLE_FROM_JPY = 100
_SHOWN_SECONDS = 9.95


def utc_second(at: int) -> str:
    """An instant for machines, to its second.

    >>> utc_second(1_769_871_540_123)
    '2026-01-31T14:59:00Z'
    """
    return f"{datetime.fromtimestamp(at // 1000, tz=UTC):%Y-%m-%dT%H:%M:%S}Z"


def jst_minute(at: int) -> str:
    """An instant of Japan's time, where the heading names the zone.

    >>> jst_minute(1_769_871_540_123)
    '2026-01-31 23:59'
    """
    return f"{datetime.fromtimestamp(at // 1000, tz=JST):%Y-%m-%d %H:%M}"


def jst_and_utc(at: int) -> str:
    """An instant for whoever compares it with a machine's log.

    >>> jst_and_utc(1_769_871_540_123)
    '2026-01-31 23:59:00 JST (14:59:00 UTC)'
    """
    return f"{jst_text(at)} ({utc_text(at)[11:19]} UTC)"


def yen(amount: Decimal | float) -> str:
    """An amount in whole yen.

    >>> yen(-1250)
    '-¥1,250'
    """
    if not math.isfinite(amount):
        return say("figures.unknown")
    whole = round(amount)
    return f"{'-' if whole < 0 else ''}¥{abs(whole):,}"


def yen_words(amount: Decimal | int) -> str:
    """An amount with its word; hundredths are told where it is small.

    >>> yen_words(1234), yen_words(Decimal("99.5"))
    ('1,234 yen', '99.50 yen')
    """
    exact = Decimal(amount)
    whole = abs(exact) >= _WHOLE_FROM_JPY or exact == int(exact)
    return say("figures.yen", amount=f"{exact:,.0f}" if whole else f"{exact:,.2f}")


def yen_alone(amount: Decimal | float | None, *, sign: bool = False) -> str:
    """An amount in whole yen without its unit; `sign` also shows a plus.

    >>> yen_alone(1234, sign=True), yen_alone(None)
    ('+1,234', '–')
    """
    if amount is None or not math.isfinite(amount):
        return DASH
    rounded = round(amount)
    return f"{rounded:+,d}" if sign and rounded else f"{rounded:,d}"


def btc(lots: int) -> str:
    """A size.

    >>> btc(123)
    '0.0123 BTC'
    """
    return f"{btc_from_lots(lots):f} BTC"


def percent(fraction: Decimal | float | None, *, sign: bool = False, places: int = 2) -> str:
    """A fraction in per cent; `sign` also shows a plus.

    >>> percent(0.012), percent(0.012, sign=True, places=1)
    ('1.20 %', '+1.2 %')
    """
    if fraction is None or not math.isfinite(fraction):
        return DASH
    shown = round(float(fraction) * 100, places)
    return f"{shown:+,.{places}f} %" if sign and shown else f"{shown or 0.0:,.{places}f} %"


def fall_percent(share: float | None) -> str:
    """A drawdown in per cent, which stands below zero wherever one is shown.

    >>> fall_percent(0.25)
    '-25.00 %'
    """
    return percent(None if share is None else -share or 0.0)


def rate_percent(fraction: Decimal | float) -> str:
    """A fee or an interest in per cent, without needless digits.

    >>> rate_percent(0.0012)
    '0.12 %'
    """
    return f"{number(round(float(fraction) * 100, 6))} %"


def basis_points(fraction: float | None) -> str:
    """A fraction in basis points, one place.

    >>> basis_points(0.0012)
    '+12.0 bp'
    """
    return DASH if fraction is None else f"{fraction * 10_000:+z.1f} bp"


def number(value: float) -> str:
    """A number without needless digits.

    >>> number(2.50)
    '2.5'
    """
    return f"{value:g}"


def decimals(value: float | None, *, places: int = 2, sign: bool = False) -> str:
    """A plain ratio such as Sharpe's; infinity is its sign.

    >>> decimals(1.234), decimals(math.inf)
    ('1.23', '∞')
    """
    if value is None or math.isnan(value):
        return DASH
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    shown = round(value, places) or 0.0
    return f"{shown:+,.{places}f}" if sign and shown else f"{shown:,.{places}f}"


def length(ms: float | None) -> str:
    """A length of time as one number, for columns.

    >>> length(2_700_000), length(27_000_000)
    ('45 min', '7.5 h')
    """
    if ms is None or not math.isfinite(ms):
        return DASH
    if ms < HOUR_MS:
        return say("figures.minutes", minutes=f"{ms / MINUTE_MS:.0f}")
    hours = ms / HOUR_MS
    if hours < _MANY_HOURS:
        return say("figures.hours", hours=f"{hours:.1f}")
    return say("figures.days", days=f"{ms / DAY_MS:,.0f}")


def duration(seconds: float) -> str:
    """A length of time for sentences: two units at the most.

    >>> duration(0.4), duration(125), duration(12_000)
    ('0.4 s', '2 min 5 s', '3 h 20 min')
    """
    if seconds < _SHOWN_SECONDS:
        return say("figures.seconds", seconds=f"{seconds:.1f}")
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes_left = divmod(minutes, 60)
    if not minutes:
        return say("figures.seconds", seconds=rest)
    if not hours:
        return say("figures.minutes_seconds", minutes=minutes, seconds=rest)
    if hours < _DAY_HOURS:
        return say("figures.hours_minutes", hours=hours, minutes=minutes_left)
    return say("figures.days_hours", days=hours // 24, hours=hours % 24)
