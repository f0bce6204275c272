"""Numbers, amounts and lengths of time as people read them: one function a thing.

An amount stands alone where the heading of its column names the unit, and with its sign or its word
elsewhere. What is undefined is a dash. Instants are in `shared.core.calendar`.
"""

import math
from decimal import Decimal

from shared.core.calendar import DAY_MS, HOUR_MS, MINUTE_MS
from shared.core.money import btc_from_lots
from shared.core.sentences import say

DASH = "–"
"""What stands where a number is undefined."""

_MANY_HOURS = 48
_WHOLE_FROM_JPY = 100
_SHOWN_SECONDS = 9.95


def yen(amount: Decimal | float) -> str:
    """An amount in whole yen: `¥1,000,000`, `-¥1,250`."""
    if not math.isfinite(amount):
        return say("figures.unknown")
    whole = round(amount)
    return f"{'-' if whole < 0 else ''}¥{abs(whole):,}"


def yen_words(amount: Decimal | int) -> str:
    """`1,234 yen`; hundredths are told where the amount is small."""
    exact = Decimal(amount)
    whole = abs(exact) >= _WHOLE_FROM_JPY or exact == int(exact)
    return say("figures.yen", amount=f"{exact:,.0f}" if whole else f"{exact:,.2f}")


def yen_alone(amount: Decimal | float | None, *, sign: bool = False) -> str:
    """An amount in whole yen without its unit, `1,234`; `sign` also shows a plus."""
    if amount is None or not math.isfinite(amount):
        return DASH
    rounded = round(amount)
    return f"{rounded:+,d}" if sign and rounded else f"{rounded:,d}"


def btc(lots: int) -> str:
    """`0.0123 BTC`."""
    return f"{btc_from_lots(lots):f} BTC"


def percent(fraction: Decimal | float | None, *, sign: bool = False, places: int = 2) -> str:
    """A fraction in per cent, `1.20 %`; `sign` also shows a plus."""
    if fraction is None or not math.isfinite(fraction):
        return DASH
    shown = round(float(fraction) * 100, places)
    return f"{shown:+,.{places}f} %" if sign and shown else f"{shown or 0.0:,.{places}f} %"


def fall_percent(share: float | None) -> str:
    """A drawdown in per cent, which stands below zero wherever one is shown."""
    return percent(None if share is None else -share or 0.0)


def rate_percent(fraction: Decimal | float) -> str:
    """A fee or an interest in per cent, without needless digits: `0.12 %`."""
    return f"{number(round(float(fraction) * 100, 6))} %"


def basis_points(fraction: float | None) -> str:
    """A fraction in basis points, one place."""
    return DASH if fraction is None else f"{fraction * 10_000:+z.1f} bp"


def number(value: float) -> str:
    """A number without needless digits."""
    return f"{value:g}"


def decimals(value: float | None, *, places: int = 2, sign: bool = False) -> str:
    """A plain ratio such as Sharpe's; infinity is its sign."""
    if value is None or math.isnan(value):
        return DASH
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    shown = round(value, places) or 0.0
    return f"{shown:+,.{places}f}" if sign and shown else f"{shown:,.{places}f}"


def length(ms: float | None) -> str:
    """A length of time as one number, for columns: `45 min`, `7.5 h`, `12 days`."""
    if ms is None or not math.isfinite(ms):
        return DASH
    if ms < HOUR_MS:
        return say("figures.minutes", minutes=f"{ms / MINUTE_MS:.0f}")
    hours = ms / HOUR_MS
    if hours < _MANY_HOURS:
        return say("figures.hours", hours=f"{hours:.1f}")
    return say("figures.days", days=f"{ms / DAY_MS:,.0f}")


def duration(seconds: float) -> str:
    """A length of time for sentences: `0.4 s`, `2 min 5 s`, `3 h 20 min`, `4 d 2 h`."""
    if seconds < _SHOWN_SECONDS:
        return say("figures.seconds", seconds=f"{seconds:.1f}")
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes_left = divmod(minutes, 60)
    if not minutes:
        return say("figures.seconds", seconds=rest)
    if not hours:
        return say("figures.minutes_seconds", minutes=minutes, seconds=rest)
    if hours < 24:  # noqa: PLR2004 - a day
        return say("figures.hours_minutes", hours=hours, minutes=minutes_left)
    return say("figures.days_hours", days=hours // 24, hours=hours % 24)
