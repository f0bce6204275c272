"""The errors that bitbank's answers become, and what they mean for reading again."""

from shared.core.errors import BadData, BotError, NotThere, RateLimited, Unavailable
from shared.core.reasons import Reason
from shared.exchanges.bitbank.codes import NOT_FOUND, TOO_MANY, Meaning, meaning_of

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


class NotSent(Unavailable):
    """A request that certainly did not leave: no connection, or no time left for it."""

    def __init__(self, found: str, *, reason: Reason, again: bool = False) -> None:
        """Say what was `found`; `reason` is what an order that was not sent failed for, and `again`
        whether a reading can be tried soon.
        """
        super().__init__(found)
        self.reason = reason
        self.again = again


def error_of(what: str, *, code: int, http_status: int, retry_after_seconds: float) -> BotError:
    """The error that an answer with `code` is."""
    meaning = meaning_of(code)
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
        case NoAnswer() | NotSent():
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
