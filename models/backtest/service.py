"""Backtests as jobs: stored, worked off in slices by whoever holds the lease, given up, looked at.

    jobs/{id}                              the job and how far it is (see `models.jobs.records`)
    backtests/{id}/checkpoints/{n}         where the next worker goes on
    backtests/{id}/{fence}/report.html …   the result
    folds/…, shuffles/…                    every fit of a walk-forward, kept as soon as it is done

A worker that dies loses what it did since its last checkpoint and nothing else: the next one goes
on from there and comes to the same bytes. One that was only slow finds its lease taken and stops;
what it wrote lies under its own fence, where nothing points.
Nothing runs between two calls: the thread that keeps the lease alive ends with the call.
"""

import time
import traceback
import zlib
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from models.backtest import forward
from models.backtest.job import BadJob, Job, told
from models.backtest.outcome import files_of, judged, stopped_note, summary_of, trial_of
from models.backtest.prepare import (
    PreparedReplay,
    StageMaker,
    bundle_of,
    check_extent,
    honest_notes,
    prepare,
    settings_of,
)
from models.backtest.sources import CandleSource
from models.backtest.walk import steps
from models.jobs.records import FINAL, HeldJob, JobDocuments, kept_alive
from shared.core.calendar import utc_text
from shared.core.clock import Clock
from shared.core.errors import BotError, Conflict, LeaseLost, StoreBroken, Unavailable, UserError
from shared.core.logs import log
from shared.core.settings import Settings
from shared.core.trials import WALK_FORWARD, Trial
from shared.model.bundle import Bundle
from shared.model.registry import BundleRegistry
from shared.replay.engine import Replay
from shared.replay.hands import Snapshot
from shared.replay.story import Story
from shared.stores.ports import Bucket, Document, DocumentStore
from shared.stores.trials import TrialLog

KIND = "backtest"
PROGRESS_SECONDS = 1.0
WALKED_SHARE = 0.8
"""Of a walk-forward job: what comes before its replay."""


def prepare_types() -> None:
    """Let msgspec read every type that is decoded here, before there are threads that decode (see
    `functions.wiring`).
    """
    for decoded in (Job, Story, list[Snapshot], Trial):
        msgspec.json.Decoder(decoded)


class _LeftOff(Exception):
    """Whoever works on a walk-forward leaves off before its replay; every fit that was done is
    kept.
    """

    def __init__(self, share: float) -> None:
        """So much of the job is done."""
        super().__init__()
        self.share = share


class OtherJob(Conflict):
    """The id stands for another job."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BacktestPorts:
    """Where backtests live: stores, clock, and where settings, keys and candles come from.

    `load` is `settings.load` with its environment: it takes `profile` and `overrides`. Without
    `walks` no walk-forward is offered here.
    """

    documents: DocumentStore
    bucket: Bucket
    clock: Clock
    load: Callable[..., Settings]
    public_keys: tuple[str, ...]
    source: CandleSource
    stages: StageMaker
    walks: forward.Walks | None = None


class Backtests:
    """Everything that a shell (the command, the function) can ask."""

    def __init__(self, place: BacktestPorts) -> None:
        """Work at `place`."""
        self._place = place
        self._jobs = JobDocuments(place.documents)
        self._settings = place.load()

    @property
    def longest_seconds(self) -> float:
        """How long one request may work."""
        return self._settings.backtest.time_limit_seconds

    def submit(self, job: Job) -> dict[str, Any]:
        """Store a job, or find the same one under its id. Nothing is worked on yet.

        Which model `champion` is, is decided here, for all slices.

        Raises:
            BadJob: a setting of it is unknown or out of range, the model is not there or knows the
                period, or there are no candles of it.
            OtherJob: the id stands for another job.
        """
        try:
            stored = self._jobs.find(job.id, kind=KIND, job_hash=job.hash)
            if stored is None or stored.data["status"] == "failed":
                stored = self._jobs.create(
                    job.id,
                    kind=KIND,
                    job=msgspec.to_builtins(job),
                    job_hash=job.hash,
                    now_ms=self._now(),
                    more=self._checked(job),
                )
        except Conflict as error:
            raise OtherJob(str(error)) from error
        return view(stored)

    def _checked(self, job: Job) -> dict[str, Any]:
        """Everything that can be checked without reading the candles; the model that was found."""
        settings = settings_of(job, self._place.load)
        if job.walk_forward:
            forward.offered(self._place.walks)
            check_extent(job, self._place.source)
            return {"model": {"version": WALK_FORWARD, "notes": []}}
        bundle, notes = self._bundle(job, settings)
        honest_notes(job, bundle, settings)
        check_extent(job, self._place.source)
        return {
            "model": {"version": "none" if bundle is None else bundle.version, "notes": list(notes)}
        }

    def _bundle(self, job: Job, settings: Settings) -> tuple[Bundle | None, tuple[str, ...]]:
        return bundle_of(job, BundleRegistry(self._place.bucket), self._place.public_keys, settings)

    def status(self, name: str) -> dict[str, Any]:
        """How a job stands. Raises `NotThere`."""
        return view(self._jobs.get(name))

    def recent(self) -> list[dict[str, Any]]:
        """The youngest jobs, without their results."""
        stored = [document for document in self._jobs.recent() if document.data["kind"] == KIND]
        return [
            {key: value for key, value in view(document).items() if key != "result"}
            for document in stored
        ]

    def cancel(self, name: str) -> dict[str, Any]:
        """Give a job up: at once where nobody works on it, else its worker does within a heartbeat.

        Raises `NotThere`.
        """
        return view(self._jobs.cancel(name, now_ms=self._now()))

    def work(self, name: str, *, seconds: float | None = None) -> dict[str, Any]:
        """Work on a job for at most `seconds`, and tell how it stands then: `more` says whether
        another slice is needed.

        `busy` is told where another worker holds it. What makes the job impossible is told as its
        `error`, not raised.

        Raises:
            NotThere: there is no such job.
            Unavailable, StoreBroken: a store failed; the job waits and can be worked on again.
        """
        lease_ms = int(self._settings.backtest.lease_seconds * 1000)
        held = self._jobs.take(name, now_ms=self._now(), lease_ms=lease_ms)
        if held is None:
            stored = self.status(name)
            return stored if stored["status"] in FINAL else {**stored, "busy": True}
        try:
            with kept_alive(held, self._place.clock):
                self._slice(held, name, seconds or self._settings.backtest.slice_seconds)
        except LeaseLost as error:
            log("backtest.lease_lost", severity="WARNING", id=name, error=str(error))
            return {**self.status(name), "busy": True}
        except (Unavailable, StoreBroken):
            with suppress(BotError):
                held.release({}, now_ms=self._now())
            raise
        except Exception as error:  # noqa: BLE001 - a surprise must end the job, or it is tried for ever
            self._fail(held, name, error)
        return self.status(name)

    def _fail(self, held: HeldJob, name: str, error: Exception) -> None:
        named = (
            error if isinstance(error, BotError) else BotError(f"{type(error).__name__}: {error}")
        )
        if named is not error:
            log("backtest.surprise", severity="ERROR", id=name, trace=traceback.format_exc())
        wrong = {
            "error": str(named),
            "field": named.field if isinstance(named, BadJob) else "",
            "remedy": named.remedy if isinstance(named, UserError) else "",
            "ours": not isinstance(named, UserError),
        }
        with suppress(LeaseLost):
            held.finish("failed", {"error": wrong}, now_ms=self._now())

    def _slice(self, held: HeldJob, name: str, seconds: float) -> None:
        """One slice: prepare, go on from the checkpoint, and finish, save or give up."""
        began, worked_ms = time.monotonic(), int(held.data["worked_ms"])
        job = msgspec.convert(held.data["job"], Job)
        settings = settings_of(job, self._place.load)
        limit_seconds = job.time_limit_seconds or self._settings.backtest.time_limit_seconds
        walk = self._walk(held, job, began=began, seconds=seconds, limit_seconds=limit_seconds)
        try:
            prepared = self._prepared(held, job, settings, walk)
        except _LeftOff as left:
            changes = {
                "worked_ms": worked_ms + int((time.monotonic() - began) * 1000),
                "share": left.share,
            }
            return (
                self._give_up(held, name)
                if held.canceled
                else held.release(changes, now_ms=self._now())
            )
        replay = Replay(prepared.inputs, checkpoint=self._checkpoint(held, prepared))
        log(
            "backtest.goes_on",
            id=name,
            fence=held.fence,
            from_share=_progress(job, replay.at)["share"],
        )
        saved = noted = began
        for at in steps(
            replay, end_at=job.end_at, step_seconds=self._settings.backtest.step_seconds
        ):
            now = time.monotonic()
            if now - noted >= PROGRESS_SECONDS:
                held.save(_progress(job, at), now_ms=self._now())
                noted = now
            if held.canceled:
                return self._give_up(held, name)
            if replay.done:
                break
            worked = {"worked_ms": worked_ms + int((now - began) * 1000)}
            if worked["worked_ms"] >= limit_seconds * 1000:
                return self._finish(
                    held, prepared, replay, walk, {**worked, **_progress(job, at)}, limit_seconds
                )
            if now - began >= seconds:
                key = self._save_checkpoint(
                    held, name, prepared, replay, {**worked, **_progress(job, at)}
                )
                return held.release({"checkpoint": key}, now_ms=self._now())
            if now - saved >= self._settings.backtest.checkpoint_seconds:
                self._save_checkpoint(
                    held, name, prepared, replay, {**worked, **_progress(job, at)}
                )
                saved = now
        worked = {"worked_ms": worked_ms + int((time.monotonic() - began) * 1000)}
        return self._finish(
            held, prepared, replay, walk, {**worked, **_progress(job, job.end_at)}, limit_seconds
        )

    def _walk(
        self, held: HeldJob, job: Job, *, began: float, seconds: float, limit_seconds: float
    ) -> forward.Walk | None:
        """The walk of a walk-forward, which leaves off between two fits: each slice keeps one at
        least.
        """
        if not job.walk_forward:
            return None
        noted, worked_ms = began, int(held.data["worked_ms"])

        def tell(doing: str, share: float, new: bool) -> None:
            nonlocal noted
            now, done = time.monotonic(), max(held.data["share"], round(WALKED_SHARE * share, 6))
            if now - noted >= PROGRESS_SECONDS:
                held.save({"share": done}, now_ms=self._now())
                noted = now
            if held.canceled or (new and now - began >= seconds):
                log("backtest.leaves_off", id=job.id, before=doing, share=done)
                raise _LeftOff(done)
            if new and worked_ms + (now - began) * 1000 >= limit_seconds * 1000:
                found = (
                    f"was {limit_seconds:g}: the work was over before {doing}; every model that is"
                    " fitted is kept"
                )
                raise BadJob(
                    "time_limit_seconds",
                    found,
                    remedy="send the job again, and it goes on from there",
                )

        return forward.offered(self._place.walks)(
            end_at=job.end_at, bucket=self._place.bucket, tell=tell
        )

    def _prepared(
        self, held: HeldJob, job: Job, settings: Settings, walk: forward.Walk | None
    ) -> PreparedReplay:
        """The inputs, with the model that was found when the job was stored, or with the models of
        the walk.
        """
        place, found = self._place, held.data["model"]
        if walk is not None:
            return forward.prepare_walk(job, walk, settings=settings, source=place.source)
        bundle, _ = self._bundle(replace(job, model=found["version"]), settings)
        notes = tuple(found["notes"])
        return prepare(
            job,
            settings=settings,
            source=place.source,
            bundle=bundle,
            notes=notes,
            stages=place.stages,
        )

    def _checkpoint(self, held: HeldJob, prepared: PreparedReplay) -> Mapping[str, Any] | None:
        """Where to go on; None to begin: there is none yet, it is damaged, or the inputs are others
        now (candles, code).
        """
        key = held.data["checkpoint"]
        blob = self._place.bucket.get(key) if key else None
        if blob is None:
            return None
        because = "the inputs have changed"
        try:
            stored = msgspec.json.decode(zlib.decompress(blob.data))
            fingerprint, checkpoint = stored["fingerprint"], stored["replay"]
        except (zlib.error, msgspec.DecodeError, KeyError, TypeError) as error:
            fingerprint, checkpoint, because = (
                None,
                None,
                f"the checkpoint is damaged ({type(error).__name__})",
            )
        if fingerprint != prepared.fingerprint:
            log(
                "backtest.begun_again",
                severity="WARNING",
                id=held.data["job"]["id"],
                because=because,
            )
            return None
        found: Mapping[str, Any] = checkpoint
        return found

    def _save_checkpoint(
        self,
        held: HeldJob,
        name: str,
        prepared: PreparedReplay,
        replay: Replay,
        changes: Mapping[str, Any],
    ) -> str:
        """Write a checkpoint, point to it, and take the one before away."""
        before = held.data["checkpoint"]
        stored = {"fingerprint": prepared.fingerprint, "replay": replay.checkpoint()}
        key = f"{_folder(name)}checkpoints/{held.fence}-{replay.at}"
        self._place.bucket.put(key, zlib.compress(msgspec.json.encode(stored), level=1))
        held.save({**changes, "checkpoint": key}, now_ms=self._now())
        if before and before != key:
            self._place.bucket.delete(before)
        return key

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
        job, replayed, now_ms = msgspec.convert(held.data["job"], Job), replay.result(), self._now()
        if not replay.done:
            why = f"its time limit of {limit_seconds:g} s ended the work"
            replayed = replace(replayed, notes=(stopped_note(replay.at, job, why), *replayed.notes))
        log_of_trials = TrialLog(self._place.documents)
        history = log_of_trials.all()
        outcome = judged(replayed, prepared, history, complete=replay.done)
        if walk is not None:
            outcome = forward.concluded(
                outcome, prepared, walk, history=history, recorded_at=now_ms
            )
        log_of_trials.append(
            trial_of(outcome, prepared, now_ms=now_ms)
        )  # before anybody can read of it
        keys = {}
        for file, data in files_of(outcome, prepared.inputs).items():
            keys[file] = f"{_folder(job.id)}{held.fence}/{file}"
            self._place.bucket.put(keys[file], data)
        result = {"summary": summary_of(outcome), "files": keys}
        status = "done" if outcome.complete else "partial"
        held.finish(status, {**changes, "result": result, "checkpoint": None}, now_ms=now_ms)
        self._forget_checkpoints(job.id)

    def _give_up(self, held: HeldJob, name: str) -> None:
        held.finish("canceled", {"checkpoint": None}, now_ms=self._now())
        self._forget_checkpoints(name)

    def _forget_checkpoints(self, name: str) -> None:
        for key in self._place.bucket.keys(f"{_folder(name)}checkpoints/"):
            self._place.bucket.delete(key)

    def _now(self) -> int:
        return self._place.clock.now_ms()


def view(stored: Document) -> dict[str, Any]:
    """A job's document as people and programs are told it."""
    data = stored.data
    final = data["status"] in FINAL
    return {
        "id": data["job"]["id"],
        "status": data["status"],
        "more": not final,
        "share": data["share"],
        "cancel_requested": data["cancel"] and not final,
        "slices": data["slices"],
        "worked_seconds": data["worked_ms"] / 1000,
        "created_at": utc_text(data["created_at"]),
        "updated_at": utc_text(data["updated_at"]),
        "model": data["model"]["version"],
        "job": told(msgspec.convert(data["job"], Job)),
        "result": data["result"],
        "error": data["error"],
    }


def _progress(job: Job, at: int) -> dict[str, Any]:
    share = (at - job.start_at) / (job.end_at - job.start_at)
    return {
        "share": round(
            WALKED_SHARE + (1.0 - WALKED_SHARE) * share if job.walk_forward else share, 6
        ),
        "at": at,
    }


def _folder(name: str) -> str:
    return f"backtests/{name}/"
