"""Asking bitbank again where a reading failed and that can help; never for an order."""

from collections.abc import Callable
from typing import TypeVar

from shared.core.errors import BotError, RateLimited
from shared.core.retry import backoff_seconds, retry
from shared.core.settings import ExchangeSettings
from shared.exchanges.bitbank.errors import is_worth_retry

LONGEST_WAIT_SECONDS = 10.0
"""A longer Retry-After is not waited for: the next tick comes sooner than that pays off."""

Reading = TypeVar("Reading")


class Rereading:
    """Reads until there is an answer, with exponential back-off and as often as is set."""

    def __init__(
        self,
        settings: ExchangeSettings,
        *,
        jitter: Callable[[], float],
        sleep: Callable[[float], None],
        monotonic: Callable[[], float],
    ) -> None:
        self._settings = settings
        self._jitter = jitter
        self._sleep = sleep
        self._monotonic = monotonic

    def read(
        self, ask: Callable[[], Reading], *, attempts: int | None = None, deadline: float | None
    ) -> Reading:
        """What `ask` gives. Raises what it raised last."""
        return retry(
            ask,
            on=BotError,
            pause_seconds=self._pause_seconds,
            attempts=self._settings.read_attempts if attempts is None else attempts,
            deadline=deadline,
            sleep=self._sleep,
            monotonic=self._monotonic,
        )

    def _pause_seconds(self, error: BotError, number: int) -> float | None:
        if not is_worth_retry(error):
            return None
        pause = backoff_seconds(self._settings.retry_base_seconds, number, jitter=self._jitter())
        if isinstance(error, RateLimited):
            pause = max(pause, error.retry_after_seconds)
        return None if pause > LONGEST_WAIT_SECONDS else pause
