"""The one way in which a job is worked on: taken, kept alive, handed over, given up or ended.

    FINAL   there was nothing to do          BUSY    another worker has it, before or by now
    WORKED  it waits for its next slice, or is done, partial, canceled or failed

What a kind of job does in a slice is its `JobWork`; whatever that raises ends in one of these, so
that no job is held by nobody and none is tried for ever.
"""

import traceback
from collections.abc import Mapping
from contextlib import suppress
from enum import Enum, auto
from typing import Any, Protocol

from models.jobs.held import HeldJob, keep_alive
from models.jobs.pace import JobCanceled, JobPace, TimeIsUp
from models.jobs.records import FINAL, JobDocuments
from shared.core.clock import Clock
from shared.core.errors import BotError, LeaseLost, StoreBroken, Unavailable, as_bot_error
from shared.core.logs import log


class SliceEnd(Enum):
    """What came of asking for a slice.

    >>> [end.name for end in SliceEnd]
    ['FINAL', 'BUSY', 'WORKED']
    """

    FINAL = auto()
    BUSY = auto()
    WORKED = auto()


class JobWork(Protocol):
    """What is special to a kind of job."""

    def work(self, held: HeldJob, pace: JobPace) -> None:
        """Do a slice, and `finish` the job where it comes to its end.

        Raises:
            TimeIsUp: the slice is over and the job is not.
            JobCanceled: it is to be given up.
        """
        ...

    def describe_failure(self, held: HeldJob, error: BotError) -> Mapping[str, Any]:
        """The `error` of a job that is impossible, as its document tells it; people may be told."""
        ...

    def before_waiting(self, held: HeldJob, error: BaseException) -> None:
        """A store or a service failed: the job is left to the next call; people may be told."""
        ...

    def forget(self, name: str) -> None:
        """The job was given up: take away what only its next worker would need."""
        ...


class JobWorker:
    """Works on the jobs of one kind.

    >>> from shared.core.clock import SystemClock
    >>> from shared.stores.memory import MemoryDocuments
    >>> clock, jobs = SystemClock(), JobDocuments(MemoryDocuments(), "backtests")
    >>> made = jobs.create("spring", kind="backtest", job={}, job_hash="a1", now_ms=clock.now_ms())
    >>> held = jobs.take("spring", now_ms=clock.now_ms(), lease_ms=60_000)
    >>> worker = JobWorker(jobs, clock, kind="backtest", lease_ms=60_000)
    >>> worker.run("spring", None, seconds=1.0).name  # another worker has it
    'BUSY'
    """

    def __init__(self, jobs: JobDocuments, clock: Clock, *, kind: str, lease_ms: int) -> None:
        """`kind` names them in the log; a worker that is silent for `lease_ms` has lost its job."""
        self._jobs, self._clock, self._kind, self._lease_ms = jobs, clock, kind, lease_ms

    def run(self, name: str, work: JobWork, *, seconds: float) -> SliceEnd:
        """Work on a job for about `seconds`.

        What makes the job impossible ends it as `failed` and is not raised.

        Raises:
            NotThere: there is no such job.
            Unavailable, StoreBroken: a store or a service failed; the job waits and can be worked
                on again.
        """
        held = self._jobs.take(name, now_ms=self._clock.now_ms(), lease_ms=self._lease_ms)
        if held is None:
            is_final = self._jobs.get(name).data["status"] in FINAL
            return SliceEnd.FINAL if is_final else SliceEnd.BUSY
        try:
            self._work(held, work, seconds)
        except LeaseLost as error:
            log(f"{self._kind}.lease_lost", severity="WARNING", id=name, error=str(error))
            return SliceEnd.BUSY
        except (Unavailable, StoreBroken, KeyboardInterrupt) as error:
            # Who ended it by hand goes on at once, not when the lease is over.
            with suppress(BotError):
                work.before_waiting(held, error)
            with suppress(BotError):
                held.release({}, now_ms=self._clock.now_ms())
            raise
        # A surprise must end the job, or it is tried for ever.
        except Exception as error:  # noqa: BLE001
            self._fail(held, work, error)
        return SliceEnd.WORKED

    def _work(self, held: HeldJob, work: JobWork, seconds: float) -> None:
        now_ms = self._clock.now_ms
        try:
            with keep_alive(held, self._clock):
                work.work(held, JobPace(held, now_ms=now_ms, seconds=seconds))
        except TimeIsUp as error:
            held.release(error.changes, now_ms=now_ms())
        except JobCanceled:
            held.finish("canceled", {"checkpoint": None}, now_ms=now_ms())
            work.forget(held.name)

    def _fail(self, held: HeldJob, work: JobWork, error: Exception) -> None:
        failure = as_bot_error(error)
        if failure is not error:
            trace = traceback.format_exc()
            log(f"{self._kind}.surprise", severity="ERROR", id=held.name, trace=trace)
        changes = {"error": work.describe_failure(held, failure)}
        with suppress(LeaseLost):
            held.finish("failed", changes, now_ms=self._clock.now_ms())
