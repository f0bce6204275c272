"""The one decoder of all functions: what a request says, typed and checked.

A body is a JSON object in UTF-8 (whatever its content type says; none
at all is `{}`), read up to a limit, without duplicate names, NaN, infinities, or nesting without
end. Its fields and those of the query are typed by a dataclass; an unknown or mistyped one is
answered with 400 and its name. What a client did wrong is never answered with 500: a scheduler
would repeat it for ever.
"""

import difflib
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import fields
from typing import Any, TypeVar

from flask import Request

from shared.core.errors import BadRequest
from shared.core.masking import mask_secrets_and_keys, quote_value
from shared.core.settings.values import BadValue, convert_strictly, hints_of

MOST_BODY_BYTES = 1_000_000
DEEPEST = 16
_PIECE_BYTES = 65_536
_MOST_DRAINED_BYTES = 64_000_000
_LONGEST_NAME = 80
_SEND_AN_OBJECT = "send a JSON object"

Typed = TypeVar("Typed")


class TooLarge(BadRequest):
    """A body longer than anybody needs."""


def body_fields(data: bytes) -> dict[str, Any]:
    """The object that a body's bytes hold; none is an empty one.

    Raises `BadRequest`, naming `body` or a field in it.
    """
    try:
        text = data.decode("utf-8-sig").strip()
    except UnicodeDecodeError as error:
        raise BadRequest(
            "body", f"was not UTF-8 (byte {error.start})", remedy="send JSON in UTF-8"
        ) from error
    if not text:
        return {}
    try:
        told = json.loads(
            text, object_pairs_hook=_object, parse_constant=_no_number, parse_float=_parse_finite
        )
    except RecursionError as error:
        raise BadRequest(
            "body", "was nested too deeply", remedy=f"nest at most {DEEPEST} levels"
        ) from error
    except ValueError as error:
        raise BadRequest(
            "body", f"was not JSON: {mask_secrets_and_keys(str(error))}", remedy=_SEND_AN_OBJECT
        ) from error
    if not isinstance(told, dict):
        raise BadRequest("body", "was not a JSON object", remedy=f"{_SEND_AN_OBJECT}, or nothing")
    _check_depth_and_letters(told)
    return told


def body_of(request: Request) -> dict[str, Any]:
    """The fields of a request's body, whatever content type it claims.

    Raises `BadRequest`; `TooLarge` beyond the limit.

    >>> from werkzeug.test import EnvironBuilder
    >>> body_of(Request(EnvironBuilder(method="POST", data=b'{"id": "spring"}').get_environ()))
    {'id': 'spring'}
    """
    if (request.content_length or 0) <= MOST_BODY_BYTES:
        data = request.stream.read(MOST_BODY_BYTES + 1)
        if len(data) <= MOST_BODY_BYTES:
            return body_fields(data)
    drained = 0  # read on, so that the client hears the answer instead of a broken connection
    while drained < _MOST_DRAINED_BYTES and (piece := request.stream.read(_PIECE_BYTES)):
        drained += len(piece)
    raise TooLarge("body", f"was longer than {MOST_BODY_BYTES:,} bytes", remedy="send less")


def query_of(request: Request) -> dict[str, str]:
    """The parameters of a request's address. Raises `BadRequest` for one that is given twice.

    >>> from werkzeug.test import EnvironBuilder
    >>> query_of(Request(EnvironBuilder(query_string="id=spring").get_environ()))
    {'id': 'spring'}
    """
    told: dict[str, str] = {}
    for name, values in request.args.lists():
        if len(values) > 1:
            raise BadRequest(name[:_LONGEST_NAME], "was given twice", remedy="give it once")
        told[name] = values[0]
    return told


def parse_fields(told: Mapping[str, Any], kind: type[Typed], *, named: str = "body") -> Typed:
    """The fields as a dataclass.

    Raises `BadRequest` naming the first that is unknown, missing or not of its type.

    `named`: where they stand, for the sentence about an unknown one.

    >>> from models.retrain import RetrainFields
    >>> parse_fields({"seed": 7, "dry_run": True}, RetrainFields)
    RetrainFields(days=None, seed=7, dry_run=True)
    """
    hints, known = hints_of(kind), {field.name: field for field in fields(kind)}  # type: ignore[arg-type]
    check_known_names(told, known, named=named)
    found = {}
    for name, value in told.items():
        try:
            found[name] = convert_strictly(value, hints[name])
        except BadValue as error:
            raise BadRequest(name, f"was {quote_value(value)}", remedy=str(error)) from error
    try:
        return kind(**found)
    except TypeError as error:
        missing = next(name for name in known if name not in found)
        raise BadRequest(missing, "is missing", remedy="give it") from error


def check_known_names(told: Iterable[str], known: Iterable[str], *, named: str = "body") -> None:
    """Raise `BadRequest` for the first name that is not among the known, with the one that was
    probably meant.

    >>> check_known_names(["id", "strat"], ["id", "start"])
    Traceback (most recent call last):
        ...
    shared.core.errors.BadRequest: strat is not known in the body
    """
    names = tuple(known)
    for name in told:
        if name not in names:
            near = difflib.get_close_matches(name[:_LONGEST_NAME], names, n=1, cutoff=0.5)
            remedy = (
                f"did you mean {near[0]}?"
                if near
                else f"known are: {', '.join(names)}"
                if names
                else "leave it out"
            )
            raise BadRequest(
                mask_secrets_and_keys(name[:_LONGEST_NAME]),
                f"is not known in the {named}",
                remedy=remedy,
            )


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    told = dict(pairs)
    if len(told) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise BadRequest(
            mask_secrets_and_keys(twice[:_LONGEST_NAME]), "was given twice", remedy="give it once"
        )
    return told


def _no_number(text: str) -> float:
    raise ValueError(f"{text} is no JSON number")


def _parse_finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"the number {text[:20]} is too large")
    return number


def _check_depth_and_letters(told: object) -> None:
    level = [told]
    for _ in range(DEEPEST):
        inner: list[object] = []
        for one in level:
            if isinstance(one, dict):
                inner += one.keys()
                inner += one.values()
            elif isinstance(one, list):
                inner += one
            elif isinstance(one, str) and not one.isascii():
                _check_letters(one)
        if not inner:
            return
        level = inner
    raise BadRequest("body", "was nested too deeply", remedy=f"nest at most {DEEPEST - 1} levels")


def _check_letters(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise BadRequest(
            "body", "holds half a character (a lone surrogate)", remedy="send JSON in UTF-8"
        ) from error
