"""What must not be read by anybody: registered secrets, and whatever has the shape of one.

`mask_secrets` is for every line, answer and report: secrets that were registered, webhook
addresses, passwords and tokens in addresses. `mask_secrets_and_keys` is for text that repeats what
a person typed or set, as errors do: long keys of any kind are masked too. A hash that our own code
worked out looks like a key; that is why the first leaves them alone.
"""

import re
import threading
from collections.abc import Mapping
from urllib.parse import quote, urlsplit

MASK = "***"
_SHORTEST_SECRET = 4
_SHORTEST_NAMED = 8
_SHORTEST_KEY = 24
_LONGEST_SHOWN = 80
_LARGEST = 2**63

SECRET_NAME = re.compile(
    r"(SECRET|TOKEN|PASSWORD|PASSWD|WEBHOOK|CREDENTIALS?|API_?KEY|SIGNING_?KEY|PRIVATE_?KEY)",
    re.IGNORECASE,
)
"""Variables whose value is a secret, whatever it looks like."""

_SLASH = r"(?:\\?/|%2f)"
_REST = r"(?:\\/|[^\s\"'<>`,;)\]}\\])*"
_WEBHOOK = re.compile(
    rf"(?i)(discord(?:app)?\.com{_SLASH}api{_SLASH}(?:v\d+{_SLASH})?webhooks{_SLASH}){_REST}"
)
_SHAPES: tuple[tuple[re.Pattern[str], str], ...] = (
    (_WEBHOOK, rf"\1{MASK}"),
    (
        re.compile(
            rf"(?i)(?<![\w/])({_SLASH}?(?:api{_SLASH})?(?:v\d+{_SLASH})?webhooks{_SLASH})"
            rf"\d{{6,}}{_REST}"
        ),
        rf"\1{MASK}",
    ),
    (
        re.compile(rf"(?i)\b(https?://hooks\.slack\.com/(?:services|workflows)/){_REST}"),
        rf"\1{MASK}",
    ),
    (
        re.compile(r"(?i)\b([a-z][a-z0-9+.-]{0,20}:(?:\\?/){2})[^\s/\"'<>@?#]{1,1000}@"),
        rf"\1{MASK}@",
    ),
    (
        re.compile(
            r"(?i)([?&;](?:access[_-]?|auth[_-]?|api[_-]?|id[_-]?|x-amz-|x-goog-|client[_-]?)?"
            r"(?:token|key|secret|signature|sig|password|passwd|pass|pwd|credential|auth)=)"
            r"[^\s&\"'<>#;]+"
        ),
        rf"\1{MASK}",
    ),
    (
        re.compile(
            r"(?i)\b((?:authorization\s*[:=]\s*)?(?:bearer|basic|bot))\s+[A-Za-z0-9._~+/=-]{16,}"
        ),
        rf"\1 {MASK}",
    ),
    (
        re.compile(
            r"(?is)-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)"
        ),
        MASK,
    ),
)
_KEYS: tuple[re.Pattern[str], ...] = (
    re.compile(
        r"(?<![0-9A-Fa-f])[0-9a-f]{24,}(?![0-9A-Fa-f])|(?<![0-9A-Fa-f])[0-9A-F]{24,}(?![0-9A-Fa-f])"
    ),
    re.compile(r"(?i)(?<![0-9a-f])[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}(?![0-9a-f])"),
)
_WORD = re.compile(rf"[A-Za-z0-9+=_.~-]{{{_SHORTEST_KEY},}}")
_SLASHED = re.compile(
    r"(?<![\w/.~:-])[A-Za-z0-9+]+(?:/[A-Za-z0-9+]+){1,8}={0,2}(?<=[A-Za-z0-9+/=]{32})(?![\w/.:-])"
)
_ORDINARY = re.compile(r"[A-Z]?[a-z]+\d*|[A-Z]{2,}|\d+|[a-z]")
"""A part of a path, as people name folders."""
_WHOLE_KEY = re.compile(rf"[A-Za-z0-9+/=_.~-]{{{_SHORTEST_KEY},}}")


class _Secrets:
    """The process's secrets, in every spelling in which they could turn up."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._spellings: tuple[str, ...] = ()

    def add(self, value: str) -> None:
        spellings = {
            value,
            value.strip(),
            quote(value, safe=""),
            value.replace("/", "\\/"),
            repr(value)[1:-1],
        }
        path = _path(value)
        if path.strip("/"):
            spellings |= {
                path,
                path.rpartition("/")[2],
            }  # a webhook's token, as HTTP libraries tell it: without the host
        with self._lock:
            known = {
                item for item in {*self._spellings, *spellings} if len(item) >= _SHORTEST_SECRET
            }
            self._spellings = tuple(sorted(known, key=len, reverse=True))

    def mask(self, text: str) -> str:
        for spelling in self._spellings:
            text = text.replace(spelling, MASK)
        return text


def _path(value: str) -> str:
    try:
        return urlsplit(value).path if "://" in value else ""
    except ValueError:  # brackets that are no address
        return ""


_SECRETS = _Secrets()


def register_secrets(*values: str) -> None:
    """Mask these values from now on: keys, webhook addresses.

    Values shorter than four characters are no secrets.

    >>> register_secrets("correct horse")
    >>> mask_secrets("the word was correct horse")
    'the word was ***'
    """
    for value in values:
        if value:
            _SECRETS.add(value)


def register_secret_variables(environ: Mapping[str, str]) -> None:
    """Mask the values of all variables whose name says that they hold a secret; a path or a short
    word is none.
    """
    for name, value in environ.items():
        told = value.strip()
        if (
            SECRET_NAME.search(name)
            and "PUBLIC" not in name.upper()
            and len(told) >= _SHORTEST_NAMED
            and told[0] not in "/~."
        ):
            register_secrets(told)


def mask_secrets(text: str) -> str:
    """The text without registered secrets, webhook addresses, and passwords or tokens
    in addresses.

    >>> mask_secrets("sent to https://discord.com/api/webhooks/123456/abcdef")
    'sent to https://discord.com/api/webhooks/***'
    """
    text = _SECRETS.mask(text)
    for shape, instead in _SHAPES:
        text = shape.sub(instead, text)
    return text


def mask_secrets_and_keys(text: str) -> str:
    """The text without all that, and without anything that looks like a key.

    >>> key = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
    >>> mask_secrets_and_keys(f"key {key}")
    'key ***'
    """
    text = mask_secrets(text)
    for shape in _KEYS:
        text = shape.sub(MASK, text)
    text = _SLASHED.sub(
        lambda found: found[0] if any(map(_ORDINARY.fullmatch, found[0].split("/"))) else MASK, text
    )
    return _WORD.sub(lambda found: MASK if _is_key_like(found[0]) else found[0], text)


def _is_key_like(word: str) -> bool:
    """Upper case, lower case and digits in one long word, as in nothing that a person writes."""
    lower, upper, digits = (
        sum(map(kind, word)) for kind in (str.islower, str.isupper, str.isdigit)
    )
    # A judgement.
    return min(lower, upper) >= 3 and digits >= 2 and max(map(len, re.split(r"[_.-]", word))) >= 12  # noqa: PLR2004


def quote_value(value: object) -> str:
    r"""A value as an error tells it: in quotes, never all of a long one, nothing of a secret.

    >>> quote_value("seven")
    "'seven'"
    >>> quote_value(list(range(40)))
    '[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 2…'
    """
    if isinstance(value, int) and abs(value) >= _LARGEST:
        return "a number of more than 64 bits"
    if isinstance(value, str):
        plain = value.strip()
        if (
            _WHOLE_KEY.fullmatch(plain)
            and not plain.startswith(("/", "./", "~"))
            and _is_key_like(plain.replace("/", "x"))
        ):
            return f"'{MASK}'"
        value = mask_secrets_and_keys(value[: 10 * _LONGEST_SHOWN])
        text = repr(value[:_LONGEST_SHOWN])
        return text if len(value) <= _LONGEST_SHOWN else f"{text}…"
    try:
        text = mask_secrets_and_keys(repr(value))
    except (RecursionError, ValueError):  # nested too deeply, or a whole number without end inside
        return f"a {type(value).__name__}"
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}…"


def is_webhook(text: str) -> bool:
    """Whether a text is, or holds, the address of a Discord webhook."""
    return _WEBHOOK.search(text) is not None
