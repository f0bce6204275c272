"""Asking again somebody who did not answer: how often, after which pauses, never past a deadline.

Only for what may be asked twice: a reading, a lock, the delivery of an alert. An order request is
sent once, whatever comes of it; no module on its way may import this one (an import contract).
"""

import time
from collections.abc import Callable
from typing import TypeVar

Result = TypeVar("Result")
Failure = TypeVar("Failure", bound=Exception)


def retry(
    ask: Callable[[], Result],
    *,
    on: type[Failure] | tuple[type[Failure], ...],
    pause_seconds: Callable[[Failure, int], float | None],
    attempts: int | None = None,
    deadline: float | None = None,
    sleep: Callable[[float], None] = time.sleep,
    monotonic: Callable[[], float] = time.monotonic,
) -> Result:
    """What `ask` gives, asked again where it failed and that may help.

    >>> answers = iter([TimeoutError("too slow"), "here"])
    >>> def ask():
    ...     answer = next(answers)
    ...     if isinstance(answer, Exception):
    ...         raise answer
    ...     return answer
    >>> retry(ask, on=TimeoutError, pause_seconds=lambda _failure, _number: 0.0, attempts=2)
    'here'

    Args:
        ask: Once; it may be called several times.
        on: The failures after which it may be asked again; any other is raised at once.
        pause_seconds: Of a failure and its number (1 for the first): how long to wait before the
            next attempt; None where another one is useless.
        attempts: At most so many; None: until the deadline.
        deadline: On the clock of `monotonic`; no attempt after the first begins at it or later.
        sleep: Waits.
        monotonic: Tells the seconds.

    Returns:
        The first answer.

    Raises:
        The last failure.
    """
    number = 0
    while True:
        try:
            return ask()
        except on as failure:
            number += 1
            pause = pause_seconds(failure, number)
            if pause is None or number == attempts or _is_over(deadline, monotonic() + pause):
                raise
            sleep(pause)
            if _is_over(deadline, monotonic()):
                raise


def backoff_seconds(base_seconds: float, number: int, *, jitter: float = 0.0) -> float:
    """The pause after failure `number`: the base, doubled with each; longer by the share `jitter`
    in [0, 1), so that many who failed together do not come back together.

    >>> [backoff_seconds(0.5, number) for number in (1, 2, 3)]
    [0.5, 1.0, 2.0]
    """
    return base_seconds * 2.0 ** (number - 1) * (1.0 + jitter)


def _is_over(deadline: float | None, at: float) -> bool:
    return deadline is not None and at >= deadline
