"""Ctrl-C reaches every process of a terminal at once; only the one that the person talks to takes
it, and ends the others.
"""

import signal
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def hide_interrupts_from_workers() -> Iterator[None]:
    """Processes that joblib's loky starts meanwhile never hear of Ctrl-C; here it waits until they
    are started.

    They inherit the mask from their first instruction on: an initializer would come seconds later,
    after their imports.

    >>> with hide_interrupts_from_workers():
    ...     signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, [])
    True
    >>> signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, [])
    False
    """
    from multiprocessing import resource_tracker

    resource_tracker.ensure_running()  # whoever starts it first unmasks the signal
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
