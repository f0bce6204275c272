"""What both sides of bitbank's REST have in common on the way: headers, and what operating system
and libraries say of a request that failed.
"""

import functools
from collections.abc import Iterator
from email.utils import parsedate_to_datetime

BAD_ANSWER_SHOWN = 60


@functools.cache
def ccxt_error() -> type[Exception]:
    """The base of all errors of ccxt, which is loaded on first use."""
    from ccxt.base.errors import BaseError

    error: type[Exception] = BaseError
    return error


def retry_after_seconds(text: str | None, *, date: str | None = None) -> float:
    """A Retry-After header in seconds, as a number or a date; 1 where it is absent or senseless."""
    if text is None:
        return 1.0
    try:
        return max(0.0, float(text)) if float(text) < float("inf") else 1.0
    except ValueError:
        at_ms, now_ms = date_header_ms(text), date_header_ms(date)
        return 1.0 if at_ms is None or now_ms is None else max(0.0, (at_ms - now_ms) / 1000)


def date_header_ms(text: str | None) -> int | None:
    """A Date header as an instant; None where there is none."""
    try:
        return None if text is None else int(parsedate_to_datetime(text).timestamp() * 1000)
    except (ValueError, TypeError, OverflowError):
        return None


def causes_of(
    error: BaseException, *, until: BaseException | None = None
) -> Iterator[BaseException]:
    """The error and everything that led to it, up to what its caller was handling already."""
    cause: BaseException | None = error
    while cause is not None and cause is not until:
        yield cause
        cause = cause.__cause__ or cause.__context__


def unreachable_sentence(
    base_url: str, error: Exception, *, until: BaseException | None = None
) -> str:
    """One sentence for what the operating system and requests say in many.

    `until`: the exception that was handled when the request began, which is none of it.
    """
    causes = causes_of(error, until=until)
    text = "".join(f" {type(cause).__name__} {cause}" for cause in causes)
    said = {
        "Connection refused": "refused the connection",
        "NameResolutionError": "has no address: is there a network?",
        "SSLError": "has no valid certificate",
        "Timeout": "did not answer in time",
        "timed out": "did not answer in time",
    }
    how = next(
        (sentence for sign, sentence in said.items() if sign in text), "broke off the connection"
    )
    return f"bitbank at {base_url} {how}"
