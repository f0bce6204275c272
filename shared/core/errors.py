"""Errors, grouped by what the caller must do. Each says what was found and what would be right."""


class BotError(Exception):
    """Any failure that this project names.

    >>> str(BotError("the candles of today are not there yet"))
    'the candles of today are not there yet'
    """


class UserError(BotError):
    """The person must change something: a setting, an argument, a file.

    Exit code 2; the `remedy` is the next step.

    >>> wrong = UserError("no candles.csv lies here", remedy="give the path of a file")
    >>> (str(wrong), wrong.remedy)
    ('no candles.csv lies here', 'give the path of a file')
    """

    def __init__(self, found: str, *, remedy: str = "") -> None:
        """Say what was `found` and, as one sentence, the `remedy`."""
        super().__init__(found)
        self.remedy = remedy


class BadSettings(UserError):
    """A setting is unknown, malformed or contradicts another. Nothing starts.

    >>> from shared.core.settings import load_settings
    >>> load_settings({"BOT_RISK__MAX_DRAWDOWN": "7"})
    Traceback (most recent call last):
        ...
    shared.core.errors.BadSettings: the setting risk.max_drawdown was '7': give a number from 0 to 1
    """


class BadRequest(UserError):
    """A field of a request is wrong: `field` names it, `found` says the rest of the sentence that
    begins with the name.

    >>> wrong = BadRequest("start", "was 'soon'", remedy="give a date like 2026-01-31")
    >>> (wrong.field, str(wrong), wrong.remedy)
    ('start', "start was 'soon'", 'give a date like 2026-01-31')
    """

    def __init__(self, field: str, found: str, *, remedy: str) -> None:
        """Name the field, say what was `found` there and what would be right."""
        super().__init__(f"{field} {found}", remedy=remedy)
        self.field = field
        self.found = found


class BadData(BotError):
    """Data breaks its own rules (NaN, disorder, a missing field).

    It is refused at the border, never repaired by a guess.

    >>> from shared.core.money import price_yen
    >>> price_yen("9800000.5")
    Traceback (most recent call last):
        ...
    shared.core.errors.BadData: a price was '9800000.5'; it must be a positive whole number of yen
    """


class Unavailable(BotError):
    """A service did not answer usefully. Reading may be tried again; an order request may not.

    >>> str(Unavailable("bitbank answered with status 503"))
    'bitbank answered with status 503'
    """


class RateLimited(Unavailable):
    """The service asks for patience; wait `retry_after_seconds` at least.

    >>> RateLimited("bitbank asks for patience", retry_after_seconds=2.0).retry_after_seconds
    2.0
    """

    def __init__(self, found: str, *, retry_after_seconds: float = 1.0) -> None:
        """Say what was `found` and how long to wait."""
        super().__init__(found)
        self.retry_after_seconds = retry_after_seconds


class NotThere(BotError):
    """The thing asked for does not exist (a candle file of today just after the roll, a document,
    an object).

    >>> from shared.core.fingerprint import read_sources
    >>> read_sources(["shared/nowhere"])
    Traceback (most recent call last):
        ...
    shared.core.errors.NotThere: the code is not whole: there is no shared/nowhere
    """


class AlreadyExists(BotError):
    """`create` found the document there: somebody else was first.

    >>> from shared.stores.memory import MemoryDocuments
    >>> documents = MemoryDocuments()
    >>> first = documents.create("ticks/one", {"bot": "default"})
    >>> documents.create("ticks/one", {"bot": "default"})
    Traceback (most recent call last):
        ...
    shared.core.errors.AlreadyExists: the document ticks/one exists already
    """


class Conflict(BotError):
    """Compare-and-set found another version: read again and decide again, or give up the lease.

    >>> from shared.stores.memory import MemoryDocuments
    >>> documents = MemoryDocuments()
    >>> read = documents.create("bots/default", {"lots": 1})
    >>> newer = documents.replace(read, {"lots": 2})
    >>> try:
    ...     documents.replace(read, {"lots": 3})
    ... except Conflict:
    ...     documents.get("bots/default").data["lots"]
    2
    """


class BadBundle(BotError):
    """A model bundle failed one of its checks. It is not used; the champion before it may be.

    >>> from shared.model import load_bundle
    >>> load_bundle({}, public_keys=[], version="v1")
    Traceback (most recent call last):
        ...
    shared.core.errors.BadBundle: files: manifest.json is missing from bundle v1
    """


class LeaseLost(BotError):
    """Another tick owns the account now. Stop at once; nothing more may be ordered or saved.

    >>> str(LeaseLost("another tick holds the account"))
    'another tick holds the account'
    """


class StoreBroken(UserError):
    """The store cannot be used (locked for too long, corrupt, not writable, not set up).

    Nothing was lost by stopping.

    >>> broken = StoreBroken("the candles are damaged", remedy="run: bot collect")
    >>> (str(broken), broken.remedy)
    ('the candles are damaged', 'run: bot collect')
    """


def as_bot_error(error: Exception) -> BotError:
    """The error as one that this project names; a surprise becomes one that says its kind.

    >>> str(as_bot_error(KeyError("price")))
    "KeyError: 'price'"
    """
    return error if isinstance(error, BotError) else BotError(f"{type(error).__name__}: {error}")


def remedy_of(error: BaseException) -> str:
    """The next step of whoever meets the error; empty where it names none.

    >>> remedy_of(UserError("no file", remedy="give a path")), remedy_of(KeyError("price"))
    ('give a path', '')
    """
    return error.remedy if isinstance(error, UserError) else ""
