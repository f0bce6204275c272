"""What bitbank's error codes mean for us, in one table, and the errors that its answers become."""

from collections.abc import Mapping
from dataclasses import dataclass

from shared.core.errors import BadData, BotError, NotThere, RateLimited, Unavailable
from shared.core.reasons import Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Meaning:
    """One code: what it says, what it means for the market's quality, and whether reading again
    soon can help.
    """

    text: str
    reason: Reason = Reason.DATA_MISSING
    again: bool = False


MEANINGS: Mapping[int, Meaning] = {
    10000: Meaning(text="not found"),
    10001: Meaning(text="system error", again=True),
    10002: Meaning(text="malformed request"),
    10003: Meaning(text="system error", again=True),
    10005: Meaning(text="timed out inside the exchange", again=True),
    10007: Meaning(text="under maintenance", reason=Reason.EXCHANGE_HALTED),
    10008: Meaning(text="busy", reason=Reason.EXCHANGE_BUSY, again=True),
    10009: Meaning(text="too many requests", reason=Reason.EXCHANGE_BUSY, again=True),
    70001: Meaning(text="system error", again=True),
    70002: Meaning(text="system error", again=True),
    70003: Meaning(text="system error", again=True),
    70004: Meaning(text="trading suspended", reason=Reason.EXCHANGE_HALTED),
}
"""The codes that reading can meet. Whatever is not here is reported with its number and not tried
again."""

NOT_FOUND = 10000
TOO_MANY = 10009
HTTP_TOO_MANY = 429
HTTP_SERVER_ERROR = 500


class NoAnswer(Unavailable):
    """No useful answer: refused, timed out, or an HTTP error without a code."""

    def __init__(self, found: str, *, again: bool = True) -> None:
        """Say what was `found`, and whether reading `again` soon can help."""
        super().__init__(found)
        self.again = again


class BadEnvelope(Unavailable):
    """HTTP 200, but not bitbank's JSON: HTML, nothing, cut off, a list, or no data."""


class Refused(Unavailable):
    """The exchange answered with an error code."""

    def __init__(self, found: str, *, code: int, meaning: Meaning) -> None:
        """Say what was `found`; `code` is bitbank's."""
        super().__init__(found)
        self.code = code
        self.meaning = meaning


def error_of(what: str, *, code: int, http_status: int, retry_after_seconds: float) -> BotError:
    """The error that an answer with `code` is."""
    meaning = MEANINGS.get(code, Meaning(text="an error that this bot does not know"))
    found = f"bitbank answered {what} with error {code} ({meaning.text})"
    if code == NOT_FOUND:
        return NotThere(found)
    if code == TOO_MANY or http_status == HTTP_TOO_MANY:
        return RateLimited(found, retry_after_seconds=retry_after_seconds)
    return Refused(found, code=code, meaning=meaning)


def is_worth_retry(error: BotError) -> bool:
    """Whether the same reading may succeed in a moment."""
    match error:
        case RateLimited() | BadEnvelope() | BadData():
            return True
        case NoAnswer():
            return error.again
        case Refused():
            return error.meaning.again
        case _:
            return False


def reason_of(error: BotError) -> Reason:
    """What a failed reading means for the quality of the market."""
    match error:
        case RateLimited():
            return Reason.EXCHANGE_BUSY
        case Refused():
            return error.meaning.reason
        case NotThere() | NoAnswer():
            return Reason.DATA_MISSING
        case _:
            return Reason.DATA_BROKEN
