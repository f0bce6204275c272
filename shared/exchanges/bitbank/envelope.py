"""The JSON around every private answer, read strictly: a success with data, a refusal with a code,
or nothing that anybody could rely on. Pure.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from shared.core.errors import BotError, NotThere, RateLimited
from shared.core.masking import mask_secrets_and_keys
from shared.exchanges.bitbank.codes import NO_SUCH_ORDER, TOO_MANY, meaning_of
from shared.exchanges.bitbank.errors import (
    HTTP_SERVER_ERROR,
    HTTP_TOO_MANY,
    BadEnvelope,
    NoAnswer,
    Refused,
)
from shared.exchanges.bitbank.transport import BAD_ANSWER_SHOWN, retry_after_seconds

LONGEST_BODY = 8 * 2**20
LONGEST_SHOWN = 1_000
HTTP_GOOD = range(200, 300)


@dataclass(frozen=True, slots=True, kw_only=True)
class CarriedAnswer:
    """An HTTP answer as it came."""

    status: int
    body: str = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def retry_after_seconds(self) -> float:
        """How long the exchange asks to be left alone."""
        return retry_after_seconds(self.header("retry-after"), date=self.header("date"))

    def header(self, name: str) -> str | None:
        """A header by its name, in whatever case bitbank and what is before it write it."""
        same = (text for other, text in self.headers.items() if other.lower() == name.lower())
        return next(same, None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """What an answer is: exactly one of `data` (a success), `code` (a refusal) and `problem`."""

    data: Mapping[str, Any] | None = None
    code: int | None = None
    problem: str = ""


def read_envelope(answer: CarriedAnswer) -> Envelope:
    """What an answer is. Every doubt makes it a problem.

    A refusal counts by its code, whatever the HTTP status says (which is not documented); a success
    only where the status is one of success too.

    >>> read_envelope(CarriedAnswer(status=400, body='{"success":0,"data":{"code":60001}}')).code
    60001
    >>> read_envelope(CarriedAnswer(status=200, body='{"success":1,"data":{"a":1,"a":2}}')).problem
    "not with JSON: the field 'a' stands twice"
    """
    if len(answer.body) > LONGEST_BODY:
        return Envelope(problem="with far too much text")
    try:
        value = json.loads(
            answer.body,
            object_pairs_hook=_once_each,
            parse_constant=_no_number,
            parse_float=_Fraction,
        )
    except (ValueError, RecursionError) as error:
        # Whose page it is repeats the request, maybe, with its signature.
        text = mask_secrets_and_keys(" ".join(answer.body[:LONGEST_SHOWN].split()))
        shown = text[:BAD_ANSWER_SHOWN] or "nothing"
        said = str(error) if isinstance(error, _Twice) else shown
        return Envelope(problem=f"not with JSON: {said}")
    return _envelope(value, status=answer.status)


def _envelope(value: Any, *, status: int) -> Envelope:
    if not isinstance(value, dict) or type(value.get("success")) is not int:
        return Envelope(problem="not with its envelope")
    data = value.get("data")
    if not isinstance(data, dict):
        return Envelope(problem="without data")
    if value["success"] == 0:
        code = data.get("code")
        return Envelope(code=code) if type(code) is int else Envelope(problem="without a code")
    if value["success"] != 1:
        return Envelope(problem="neither with success nor without")
    if status not in HTTP_GOOD:
        return Envelope(problem=f"with success and HTTP {status}")
    return Envelope(data=data)


def read_data(answer: CarriedAnswer, what: str) -> Mapping[str, Any]:
    """The data of a success.

    Raises:
        NotThere: there is no such order (50009).
        RateLimited: HTTP 429 or error 10009.
        Refused: any other code.
        NoAnswer: an HTTP status of failure without a code.
        BadEnvelope: something else than bitbank's JSON.
    """
    found = read_envelope(answer)
    if found.data is not None:
        return found.data
    raise _failure(found, answer, what)


def is_too_many(answer: CarriedAnswer) -> bool:
    """Whether bitbank asks to be left alone: by HTTP 429, or by 10009 with whatever status."""
    return answer.status == HTTP_TOO_MANY or read_envelope(answer).code == TOO_MANY


def _failure(found: Envelope, answer: CarriedAnswer, what: str) -> BotError:
    if is_too_many(answer):
        return RateLimited(
            f"bitbank asks for patience with {what} (HTTP {answer.status})",
            retry_after_seconds=answer.retry_after_seconds,
        )
    if found.code is not None:
        meaning = meaning_of(found.code)
        text = f"bitbank answered {what} with error {shown_code(found.code)} ({meaning.text})"
        if found.code == NO_SUCH_ORDER:
            return NotThere(text)
        return Refused(text, code=found.code, meaning=meaning)
    if answer.status not in HTTP_GOOD:
        again = answer.status >= HTTP_SERVER_ERROR
        return NoAnswer(f"bitbank answered {what} with HTTP {answer.status}", again=again)
    return BadEnvelope(f"bitbank answered {what} with HTTP {answer.status} but {found.problem}")


def shown_code(code: int) -> str:
    """A code as it is told: also one of thousands of digits."""
    return str(code) if abs(code) < 10**9 else "of more than nine digits"


class _Twice(ValueError):
    """A field stands twice in one object: which of them counts?"""


class _Fraction:
    """A JSON number with a fraction or an exponent. bitbank writes amounts as text and everything
    else as whole numbers, so that nothing reads this one.
    """

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return self._text[:20]


def _once_each(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise _Twice(f"the field {mask_secrets_and_keys(twice)[:40]!r} stands twice")
    return found


def _no_number(text: str) -> object:
    raise ValueError(f"{text} is no JSON number")
