"""Errors, grouped by what the caller must do. Each says what was found and what would be right."""


class BotError(Exception):
    """Any failure that this project names."""


class UserError(BotError):
    """The person must change something: a setting, an argument, a file.

    Exit code 2; the `remedy` is the next step.
    """

    def __init__(self, found: str, *, remedy: str = "") -> None:
        """Say what was `found` and, as one sentence, the `remedy`."""
        super().__init__(found)
        self.remedy = remedy


class BadSettings(UserError):
    """A setting is unknown, malformed or contradicts another. Nothing starts."""


class BadRequest(UserError):
    """A field of a request is wrong: `field` names it, `found` says the rest of the sentence that
    begins with the name.
    """

    def __init__(self, field: str, found: str, *, remedy: str) -> None:
        """Name the field, say what was `found` there and what would be right."""
        super().__init__(f"{field} {found}", remedy=remedy)
        self.field = field
        self.found = found


class BadData(BotError):
    """Data breaks its own rules (NaN, disorder, a missing field).

    It is refused at the border, never repaired by a guess.
    """


class Unavailable(BotError):
    """A service did not answer usefully. Reading may be tried again; an order request may not."""


class RateLimited(Unavailable):
    """The service asks for patience; wait `retry_after_seconds` at least."""

    def __init__(self, found: str, *, retry_after_seconds: float = 1.0) -> None:
        """Say what was `found` and how long to wait."""
        super().__init__(found)
        self.retry_after_seconds = retry_after_seconds


class NotThere(BotError):
    """The thing asked for does not exist (a candle file of today just after the roll, a document,
    an object).
    """


class AlreadyExists(BotError):
    """`create` found the document there: somebody else was first."""


class Conflict(BotError):
    """Compare-and-set found another version: read again and decide again, or give up the lease."""


class BadBundle(BotError):
    """A model bundle failed one of its checks. It is not used; the champion before it may be."""


class LeaseLost(BotError):
    """Another tick owns the account now. Stop at once; nothing more may be ordered or saved."""


class StoreBroken(UserError):
    """The local store cannot be used (locked for too long, corrupt, not writable).

    Nothing was lost by stopping.
    """


def as_bot_error(error: Exception) -> BotError:
    """The error as one that this project names; a surprise becomes one that says its kind."""
    return error if isinstance(error, BotError) else BotError(f"{type(error).__name__}: {error}")


def remedy_of(error: BaseException) -> str:
    """The next step of whoever meets the error; empty where it names none."""
    return error.remedy if isinstance(error, UserError) else ""
