"""How long each step of a tick takes, and what the tick reads, writes and asks for."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from shared.core.clock import Clock
from shared.market.ports import MarketFeed
from shared.orders.ports import Exchange
from shared.stores.ports import DocumentStore

WAITING_STEP = "fetch"
"""The step in which a tick waits until a candle that has just closed is final."""


class Meter:
    """Runs from the tick's beginning; `timings` are milliseconds by step.

    A rehearsal works on a copy of what is stored: what it reads there it would read, and what it
    writes there is no write.
    """

    def __init__(
        self,
        documents: DocumentStore,
        feed: MarketFeed,
        *,
        exchange: Exchange | None = None,
        began: float | None = None,
        is_rehearsal: bool = False,
    ) -> None:
        """Begin to count; the tick was received when `time.monotonic` was `began` (None: now)."""
        self.began = time.monotonic() if began is None else began
        self.timings: dict[str, float] = {}
        self._running: list[str] = []
        self._waited_ms = 0.0
        self._documents, self._feed, self._exchange = documents, feed, exchange
        self._is_rehearsal = is_rehearsal
        self._before = self._counts()

    @contextmanager
    def time_step(self, step: str) -> Iterator[None]:
        """Measure a step, also one that fails."""
        began = time.monotonic()
        self._running.append(step)
        try:
            yield
        finally:
            self._running.pop()
            self.timings[step] = _since(began)

    @contextmanager
    def time_pause(self) -> Iterator[None]:
        """Measure a pause of the tick: in `WAITING_STEP` it is a wait for a candle."""
        began = time.monotonic()
        try:
            yield
        finally:
            if WAITING_STEP in self._running:
                self._waited_ms = round(self._waited_ms + _since(began), 2)

    def all_timings(self, *, gap_ms: int | None, bare_ms: int | None = None) -> Mapping[str, float]:
        """Those of the steps, the wait for a candle (a part of its step), the gap in which a part
        of a position may have had no stop, the longest time from a fill to its stop, and the whole
        so far.
        """
        told = {"gap": gap_ms, "bare": bare_ms}
        more = {name: float(value) for name, value in told.items() if value is not None}
        return {**self.timings, "wait": self._waited_ms, **more, "total": _since(self.began)}

    def counts(self) -> dict[str, int]:
        """What was read, written and asked for since the beginning."""
        return {
            name: now - before
            for (name, now), before in zip(
                self._counts().items(), self._before.values(), strict=True
            )
        }

    def counts_after(self, counts: Mapping[str, int], *, batch: int) -> Mapping[str, int]:
        """These counts with a batch of so many writes that is about to be made."""
        more = 0 if self._is_rehearsal else batch
        return {**counts, "writes": counts["writes"] + more}

    def _counts(self) -> dict[str, int]:
        documents = self._documents
        return {
            "reads": documents.reads,
            "writes": 0 if self._is_rehearsal else documents.writes,
            "requests": self._feed.requests,
            **({} if self._exchange is None else {"private_requests": self._exchange.requests}),
        }


class MeteredClock:
    """The clock of a tick's steps: it measures for how long they let time pass."""

    def __init__(self, inner: Clock, meter: Meter) -> None:
        """Tell the time of `inner`."""
        self._inner, self._meter = inner, meter

    def now_ms(self) -> int:
        """The present instant."""
        return self._inner.now_ms()

    def sleep_until(self, at_ms: int) -> None:
        """Let time pass, and measure it."""
        with self._meter.time_pause():
            self._inner.sleep_until(at_ms)


def _since(began: float) -> float:
    return round((time.monotonic() - began) * 1000, 2)
