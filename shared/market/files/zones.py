"""Time zones as people name them: UTC, JST, +09:00, Asia/Tokyo."""

import re
from datetime import timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from shared.core.errors import UserError

_NAMED = {"utc": 0, "z": 0, "gmt": 0, "jst": 9 * 60}
_OFFSET = re.compile(r"^(?:utc|gmt)?([+-])(\d{1,2})(?::?(\d{2}))?$")


def offset_minutes(text: str) -> int | None:
    """`Z`, `JST`, `+0900`, `GMT+9` in minutes east of UTC; None where it is no offset."""
    known = _NAMED.get(text.lower())
    if known is not None:
        return known
    match = _OFFSET.match(text.lower())
    if match is None:
        return None
    minutes = int(match.group(2)) * 60 + int(match.group(3) or 0)
    return minutes if match.group(1) == "+" else -minutes


def zone_of(text: str) -> tzinfo:
    """The zone that a person names. Raises `UserError`.

    >>> str(zone_of("+09:00")), str(zone_of("Asia/Tokyo"))
    ('+09:00', 'Asia/Tokyo')
    """
    minutes = offset_minutes(text.strip())
    try:
        if minutes is not None:
            return timezone(timedelta(minutes=minutes), text.strip())
        return ZoneInfo(text.strip())
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise UserError(
            f"--timezone was {text!r}", remedy="write UTC, JST, +09:00 or a name like Asia/Tokyo"
        ) from error
