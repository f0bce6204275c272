"""One rule for what a setting's value means, wherever it was said: `bot.yaml`, environment, `.env`,
`--set`, HTTP.

A text is judged by what it says: `0.1`, `1e-4`, `true`, `null`, `[0.3, 0.6]`. Digits are ASCII and
nothing stands between them.
"""

import math
import re
from enum import StrEnum
from functools import cache
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import msgspec

from shared.core.settings import strategies

LONGEST_NUMBER = 40
LONGEST_LIST_TEXT = 1_000
_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,4})?")
_WHOLE = re.compile(r"[+-]?[0-9]+")
_BOOLEANS = {"true": True, "1": True, "false": False, "0": False}
_NOTHING = frozenset({"null", "none"})
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_SPACES = " \t\r\n"
_LARGEST = 2**63


class BadValue(ValueError):
    """A value is not what its setting can hold; the text says what would be."""


def convert_value(value: Any, kind: Any) -> Any:
    """The value as the type `kind` of a setting holds it. Raises `BadValue`."""
    optional, base, origin, bounds = _parts(kind)
    if optional and (
        value is None or (isinstance(value, str) and value.strip(_SPACES).lower() in _NOTHING)
    ):
        return None
    if base is int or base is float:
        return _number(value, base, bounds)
    if base is bool:
        return _parse_flag(value)
    if _choices(base):
        return _choice(value, base)
    if origin is tuple:
        return _several(value, get_args(base)[0], bounds)
    return _words(value, bounds)


def convert_strictly(value: Any, kind: Any) -> Any:
    """The same for a value that came with its type, as in JSON: a text is no number and no truth.

    Raises `BadValue`.
    """
    base = _parts(kind)[1]
    if value is not None and (
        (isinstance(value, str) and base in {int, float, bool})
        or (base is bool and not isinstance(value, bool))
        or (base is str and not isinstance(value, str))
    ):
        raise BadValue(f"give {describe_kind(kind)}")
    return convert_value(value, kind)


def describe_kind(kind: Any) -> str:
    """What a setting of this type can hold, as the end of the sentence that begins with "give"."""
    optional, base, origin, bounds = _parts(kind)
    if _choices(base):
        told = f"one of {', '.join(_choices(base))}"
    elif origin is tuple:
        told = (
            f"a list of {bounds.min_length} to {bounds.max_length} values, each"
            f" {describe_kind(get_args(base)[0])}"
        )
    elif base is bool:
        told = "true or false"
    elif base is int or base is float:
        told = f"a {'whole number' if base is int else 'number'} {reach(bounds)}"
    else:
        told = f"a text of at most {bounds.max_length:,} characters"
    return f"{told}, or null" if optional else told


def reach(bounds: msgspec.Meta) -> str:
    """The bounds of a number in words: `from 0 to 1`, `above 0 and below 0.9`."""
    if bounds.gt is None and bounds.lt is None:
        return f"from {_bound_text(bounds.ge)} to {_bound_text(bounds.le)}"
    low = (
        f"above {_bound_text(bounds.gt)}"
        if bounds.gt is not None
        else f"from {_bound_text(bounds.ge)}"
    )
    return (
        f"{low} {'and below' if bounds.lt is not None else 'to'}"
        f" {_bound_text(bounds.lt if bounds.lt is not None else bounds.le)}"
    )


def _bound_text(bound: Any) -> str:
    return f"{bound:,}" if isinstance(bound, int) else f"{bound:,.6f}".rstrip("0").rstrip(".")


@cache
def _parts(kind: Any) -> tuple[bool, Any, Any, msgspec.Meta]:
    """Whether there may be none, the type without its annotation, what it is made of, and the
    bounds in it.
    """
    optional = get_origin(kind) in {Union, UnionType}
    if optional:
        (kind,) = (one for one in get_args(kind) if one is not NoneType)
    metas = [one for one in getattr(kind, "__metadata__", ()) if isinstance(one, msgspec.Meta)]
    base = kind.__origin__ if metas else kind
    return optional, base, get_origin(base), metas[0] if metas else msgspec.Meta()


def _choices(base: Any) -> tuple[str, ...]:
    """The words that a setting can be, where it is one of a few."""
    if get_origin(base) is Literal:
        return tuple(map(str, get_args(base)))
    return tuple(base) if isinstance(base, type) and issubclass(base, StrEnum) else ()


def _choice(value: Any, base: Any) -> Any:
    choices = _choices(base)
    if isinstance(value, str) and value in choices:
        return value
    raise BadValue(f"choose one of {', '.join(choices)}")


def _several(value: Any, kind: Any, bounds: msgspec.Meta) -> list[Any]:
    refusal = BadValue(
        f"give a list of {bounds.min_length} to {bounds.max_length} values, like [0.3, 0.6]"
    )
    if isinstance(value, str):
        if len(value) > LONGEST_LIST_TEXT:
            raise refusal
        value = value.strip(_SPACES).removeprefix("[").removesuffix("]").split(",")
    elif isinstance(value, int | float) and not isinstance(value, bool):
        value = [value]
    if not isinstance(value, list | tuple) or not (bounds.min_length or 0) <= len(value) <= (
        bounds.max_length or 0
    ):
        raise refusal
    return [convert_value(item, kind) for item in value]


def _parse_flag(value: Any) -> bool:
    text = value.strip(_SPACES).lower() if isinstance(value, str) else value
    if isinstance(text, bool):
        return text
    if isinstance(text, int) and text in {0, 1}:
        return bool(text)
    if isinstance(text, str) and text in _BOOLEANS:
        return _BOOLEANS[text]
    raise BadValue("give true or false")


def _number(value: Any, kind: type, bounds: msgspec.Meta) -> int | float:
    if isinstance(value, str):
        text = value.strip(_SPACES)
        if len(text) <= LONGEST_NUMBER and _NUMBER.fullmatch(text):
            value = int(text) if _WHOLE.fullmatch(text) else float(text)
    if isinstance(value, int | float) and not isinstance(value, bool) and _is_within(value, bounds):
        if kind is float:
            return float(value) + 0.0  # a negative zero is a zero
        if value == int(value):
            return int(value)
    raise BadValue(f"give a {'whole number' if kind is int else 'number'} {reach(bounds)}")


def _is_within(value: float, bounds: msgspec.Meta) -> bool:
    """Whether a number is one, and lies between the bounds."""
    return (
        (isinstance(value, int) or math.isfinite(value))
        and (bounds.ge is None or value >= bounds.ge)
        and (bounds.le is None or value <= bounds.le)
        and (bounds.gt is None or value > bounds.gt)
        and (bounds.lt is None or value < bounds.lt)
    )


def _words(value: Any, bounds: msgspec.Meta) -> str:
    if isinstance(value, bool):
        value = "true" if value else "false"
    elif isinstance(value, int | float) and abs(value) < _LARGEST:
        value = str(value)
    if not isinstance(value, str):
        raise BadValue("give a text")
    text: str = value if bounds.min_length is not None else value.strip(_SPACES)
    if len(text) > (bounds.max_length or 0):
        raise BadValue(f"give at most {bounds.max_length:,} characters")
    if _UNPRINTABLE.search(text):
        raise BadValue("give a text without control characters")
    if bounds.pattern is not None and not re.search(bounds.pattern, text):
        raise BadValue(f"give a text like {bounds.pattern}")
    return text


@cache
def hints_of(kind: type) -> dict[str, Any]:
    """The types of a dataclass's fields with their bounds."""
    hints = get_type_hints(kind, include_extras=True)
    return {
        name: strategies.kind() if hint is strategies.Strategies else hint
        for name, hint in hints.items()
    }
