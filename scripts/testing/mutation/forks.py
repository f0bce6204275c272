"""A few forks at a time, each with a limit of time: what it says, or that it took too long."""

import os
import select
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a fork ended. `said` is None where it died or was ended without a word."""

    said: str | None
    too_long: bool
    seconds: float


@dataclass(slots=True, kw_only=True)
class _Running:
    pid: int
    pipe: int
    started: float
    limit: float
    done: Callable[[Ended], None]
    said: bytearray = field(default_factory=bytearray)


@dataclass(slots=True, kw_only=True)
class Forks:
    """At most `workers` forks of this process at once. `done` is called in this process."""

    workers: int
    _running: list[_Running] = field(default_factory=list)

    def start(
        self,
        work: Callable[[Callable[[str], None]], None],
        *,
        limit_seconds: float,
        done: Callable[[Ended], None],
    ) -> None:
        """Do `work` in a fork, as soon as one may be started; it is given what it can say something
        with, at any time.
        """
        while len(self._running) >= self.workers:
            self._look()
        reading, writing = os.pipe()
        pid = os.fork()
        if pid == 0:
            try:
                os.setsid()
                os.close(reading)
                work(lambda text: _say(writing, text))
            finally:
                os._exit(0)
        os.close(writing)
        self._running.append(
            _Running(
                pid=pid, pipe=reading, started=time.monotonic(), limit=limit_seconds, done=done
            )
        )

    def join(self) -> None:
        """Wait for all of them."""
        while self._running:
            self._look()

    def _look(self) -> None:
        """Wait until one has ended, or has to be."""
        left = min(fork.started + fork.limit for fork in self._running) - time.monotonic()
        ready, _, _ = select.select([fork.pipe for fork in self._running], [], [], max(0.0, left))
        for fork in list(self._running):
            too_long = time.monotonic() > fork.started + fork.limit
            if fork.pipe in ready:
                part = os.read(fork.pipe, 1 << 20)
                fork.said += part
            if not too_long and (fork.pipe not in ready or part):
                continue
            # Its own group, so that whatever a test has started ends with it.
            os.killpg(fork.pid, signal.SIGKILL)
            os.waitpid(fork.pid, 0)
            os.close(fork.pipe)
            self._running.remove(fork)
            seconds = time.monotonic() - fork.started
            fork.done(
                Ended(said=bytes(fork.said).decode() or None, too_long=too_long, seconds=seconds)
            )


def _say(pipe: int, text: str) -> None:
    """Unbuffered: a signal may end the fork right after it."""
    left = text.encode()
    while left:
        left = left[os.write(pipe, left) :]
