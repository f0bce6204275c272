"""One slice of a backtest job: prepare, go on from the checkpoint, then finish or hand over."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from models.backtest import forward
from models.backtest.job import BadJob, Job
from models.backtest.outcome import (
    backtest_trial,
    measure_outcome,
    result_files,
    stopped_note,
    summary_of,
)
from models.backtest.ports import BacktestPorts
from models.backtest.prepare import PreparedReplay, bundle_of, job_settings, prepare
from models.backtest.walk import steps
from models.jobs.checkpoints import Checkpoints
from models.jobs.held import HeldJob
from models.jobs.pace import JobPace, TimeIsUp
from shared.core.errors import BotError, UserError, remedy_of
from shared.core.logs import log
from shared.core.settings import BacktestSettings
from shared.model.registry import BundleRegistry
from shared.replay.engine import Replay
from shared.stores.trials import TrialLog

KIND = "backtest"
WALKED_SHARE = 0.8
"""Of a walk-forward job: what comes before its replay."""


class BacktestWork:
    """What is special to backtests. Implements `models.jobs.worker.JobWork`."""

    def __init__(self, ports: BacktestPorts, settings: BacktestSettings) -> None:
        """Work at `ports`."""
        self._ports, self._settings = ports, settings

    def work(self, held: HeldJob, pace: JobPace) -> None:
        """Prepare, go on from the checkpoint, and finish.

        Raises `TimeIsUp`, `JobCanceled`, and `BadJob` for what makes it impossible.
        """
        ports = self._ports
        job = msgspec.convert(held.data["job"], Job)
        limit_seconds = job.time_limit_seconds or self._settings.time_limit_seconds
        time = _JobTime(pace=pace, before_ms=int(held.data["worked_ms"]), limit_s=limit_seconds)
        walk = self._begin_walk(held, job, time) if job.walk_forward else None
        prepared = self._prepare(held, job, walk)
        checkpoints = _checkpoints(ports, job.id)
        state = checkpoints.find(held, fingerprint=prepared.fingerprint)
        replay = Replay(prepared.inputs, checkpoint=state)
        share = _progress(job, replay.at)["share"]
        log("backtest.goes_on", id=job.id, fence=held.fence, from_share=share)

        def save(changes: Mapping[str, Any]) -> None:
            checkpoints.save(
                held,
                replay.checkpoint(),
                changes,
                at=replay.at,
                fingerprint=prepared.fingerprint,
                now_ms=ports.clock.now_ms(),
            )

        at = self._advance(replay, job, time, save)
        changes = {"worked_ms": time.worked_ms, **_progress(job, at)}
        self._finish(held, prepared, replay, walk, changes, limit_seconds)
        checkpoints.forget()

    def _advance(
        self,
        replay: Replay,
        job: Job,
        time: "_JobTime",
        save: Callable[[Mapping[str, Any]], None],
    ) -> int:
        """Replay to the end, or to the job's time limit; where it is then, ms UTC."""
        pace, saved_seconds = time.pace, 0.0
        for at in steps(replay, end_at=job.end_at, step_seconds=self._settings.step_seconds):
            pace.note(_progress(job, at))
            if replay.is_finished:
                break
            if time.is_over:
                return at
            changes = {"worked_ms": time.worked_ms, **_progress(job, at)}
            if pace.is_over:
                save(changes)
                raise TimeIsUp(f"{pace.seconds:g} s were over before the end of the replay")
            if pace.worked_seconds - saved_seconds >= self._settings.checkpoint_seconds:
                save(changes)
                saved_seconds = pace.worked_seconds
        return job.end_at

    def _begin_walk(self, held: HeldJob, job: Job, time: "_JobTime") -> forward.Walk:
        """The walk of a walk-forward, which leaves off between two fits: each slice keeps one at
        least, and every fit that was done is kept.
        """
        pace = time.pace

        def tell(doing: str, share: float, new: bool) -> None:
            done = max(held.data["share"], round(WALKED_SHARE * share, 6))
            pace.note({"share": done})
            if new and pace.is_over:
                log("backtest.leaves_off", id=job.id, before=doing, share=done)
                raise TimeIsUp(
                    f"{pace.seconds:g} s were over before {doing}",
                    changes={"worked_ms": time.worked_ms, "share": done},
                )
            if new and time.is_over:
                found = (
                    f"was {time.limit_s:g}: the work was over before {doing}; every model that is"
                    " fitted is kept"
                )
                remedy = "send the job again, and it goes on from there"
                raise BadJob("time_limit_seconds", found, remedy=remedy)

        walks = forward.require_walks(self._ports.walks)
        return walks(end_at=job.end_at, bucket=self._ports.bucket, tell=tell)

    def _prepare(self, held: HeldJob, job: Job, walk: forward.Walk | None) -> PreparedReplay:
        """The inputs, with the model that was found when the job was stored, or with the models of
        the walk.
        """
        ports, settings = self._ports, job_settings(job, self._ports.load)
        if walk is not None:
            return forward.prepare_walk(job, walk, settings=settings, source=ports.source)
        model = held.data["model"]
        registry = BundleRegistry(ports.bucket)
        bundle, _ = bundle_of(
            replace(job, model=model["version"]), registry, ports.public_keys, settings
        )
        return prepare(
            job,
            settings=settings,
            source=ports.source,
            bundle=bundle,
            notes=tuple(model["notes"]),
            stages=ports.stages,
        )

    def _finish(
        self,
        held: HeldJob,
        prepared: PreparedReplay,
        replay: Replay,
        walk: forward.Walk | None,
        changes: Mapping[str, Any],
        limit_seconds: float,
    ) -> None:
        """Measure, write the files, note the trial, and end the job."""
        job, replayed = msgspec.convert(held.data["job"], Job), replay.result()
        now_ms = self._ports.clock.now_ms()
        if not replay.is_finished:
            why = f"its time limit of {limit_seconds:g} s ended the work"
            replayed = replace(replayed, notes=(stopped_note(replay.at, job, why), *replayed.notes))
        log_of_trials = TrialLog(self._ports.documents)
        history = log_of_trials.all()
        outcome = measure_outcome(replayed, prepared, history, complete=replay.is_finished)
        if walk is not None:
            outcome = forward.conclude_walk(
                outcome, prepared, walk, history=history, recorded_at=now_ms
            )
        # before anybody can read of it
        log_of_trials.append(backtest_trial(outcome, prepared, now_ms=now_ms))
        keys = {}
        for file, data in result_files(outcome, prepared.inputs).items():
            keys[file] = f"{_folder(job.id)}{held.fence}/{file}"
            self._ports.bucket.put(keys[file], data)
        result = {"summary": summary_of(outcome), "files": keys}
        status = "done" if outcome.complete else "partial"
        held.finish(status, {**changes, "result": result, "checkpoint": None}, now_ms=now_ms)

    # See JobWork.
    def describe_failure(self, held: HeldJob, error: BotError) -> Mapping[str, Any]:  # noqa: ARG002
        """Which field was wrong, and whether the fault is ours."""
        return {
            "error": str(error),
            "field": error.field if isinstance(error, BadJob) else "",
            "remedy": remedy_of(error),
            "ours": not isinstance(error, UserError),
        }

    def before_waiting(self, held: HeldJob, error: BaseException) -> None:
        """Whoever asked for the job is told by the answer."""

    def forget(self, name: str) -> None:
        """Take its checkpoints away."""
        _checkpoints(self._ports, name).forget()


@dataclass(frozen=True, slots=True, kw_only=True)
class _JobTime:
    """The time of the whole job, over all its slices."""

    pace: JobPace
    before_ms: int
    limit_s: float

    @property
    def worked_ms(self) -> int:
        return self.before_ms + int(self.pace.worked_seconds * 1000)

    @property
    def is_over(self) -> bool:
        return self.worked_ms >= self.limit_s * 1000


def _checkpoints(ports: BacktestPorts, name: str) -> Checkpoints:
    return Checkpoints(ports.bucket, _folder(name), kind=KIND)


def _progress(job: Job, at: int) -> dict[str, Any]:
    share = (at - job.start_at) / (job.end_at - job.start_at)
    whole = WALKED_SHARE + (1.0 - WALKED_SHARE) * share if job.walk_forward else share
    return {"share": round(whole, 6), "at": at}


def _folder(name: str) -> str:
    return f"backtests/{name}/"
