"""Reading, changing and writing as one, where others write the same thing at the same time."""

from collections.abc import Callable
from typing import TypeVar

from shared.core.errors import Conflict

Result = TypeVar("Result")


def repeat_on_conflict(change: Callable[[], Result], *, attempts: int | None = None) -> Result:
    """Do `change`, which reads, decides and writes under compare-and-set; where another wrote in
    between, do all of it again, on what is there then.

    At once and without a pause: that it failed means that somebody else got through. Nothing was
    written by an attempt that ended in `Conflict`, so this repeats no effect.

    >>> tries = iter([Conflict("somebody else was faster"), 12])
    >>> def change():
    ...     found = next(tries)
    ...     if isinstance(found, Exception):
    ...         raise found
    ...     return found
    >>> repeat_on_conflict(change)
    12

    Args:
        change: The whole of it, from reading on.
        attempts: At most so many; None: until nobody is in the way.

    Raises:
        Conflict: Of the last attempt.
    """
    number = 0
    while True:
        number += 1
        try:
            return change()
        except Conflict:
            if number == attempts:
                raise
