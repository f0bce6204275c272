"""Where a resource is not as it should be. Pure.

What should be is compared field by field with what is; a field that only the server names is its
own. The API leaves out what is empty, writes whole numbers of 64 bits as text, and durations with
as many digits as it likes: none of this is a difference.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

_DURATION = re.compile(r"(-?\d+(?:\.\d+)?)s")


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldDifference:
    """One field: where it is (`retryConfig.retryCount`), what it is, what it should be."""

    path: str
    found: Any
    wanted: Any


def field_differences(
    wanted: Any, found: Any, *, path: str = "", whole: frozenset[str] = frozenset()
) -> Iterator[FieldDifference]:
    """Every field in which `found` is not `wanted`.

    In the maps at `whole` a key that is not wanted is a difference too; lists are always whole. An
    empty map that is wanted must be there.

    >>> wanted = {"ackDeadlineSeconds": 60, "detached": False, "ttl": "60s"}
    >>> list(field_differences(wanted, {"ackDeadlineSeconds": "60", "ttl": "60.0s"}))
    []
    >>> [told] = field_differences(wanted, {"ackDeadlineSeconds": 10, "ttl": "60s"})
    >>> told.path, told.found, told.wanted
    ('ackDeadlineSeconds', 10, 60)
    """
    if isinstance(wanted, Mapping) and isinstance(found, Mapping if not wanted else Mapping | None):
        there = found or {}
        surplus = [name for name in there if name not in wanted] if path in whole else []
        for name in (*wanted, *surplus):
            below = f"{path}.{name}" if path else name
            yield from field_differences(wanted.get(name), there.get(name), path=below, whole=whole)
    elif _is_list_of_maps(wanted) and isinstance(found, list) and len(wanted) == len(found):
        for number, (one, other) in enumerate(zip(wanted, found, strict=True)):
            yield from field_differences(one, other, path=f"{path}[{number}]", whole=whole)
    elif _plain(wanted) != _plain(found):
        yield FieldDifference(path=path, found=found, wanted=wanted)


def _is_list_of_maps(value: Any) -> bool:
    return isinstance(value, list) and any(isinstance(one, Mapping) for one in value)


def _plain(value: Any) -> Any:
    """The value in the one form in which two that mean the same are equal; None for what the API
    leaves out. An empty map is not left out: it says that something is there.
    """
    if isinstance(value, Mapping):
        return value
    if not value or value == "0":
        return None
    if isinstance(value, list):
        return [_plain(one) for one in value]
    if isinstance(value, str) and (told := _DURATION.fullmatch(value)):
        return ("seconds", Decimal(told[1]).normalize())
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    return value
