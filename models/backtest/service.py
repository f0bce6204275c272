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

from typing import Any

import msgspec

from models.backtest import forward
from models.backtest.job import Job, encode_job
from models.backtest.ports import BacktestPorts
from models.backtest.prepare import bundle_of, check_extent, honest_notes, job_settings
from models.backtest.slice import KIND, BacktestWork
from models.jobs.records import FINAL, JobDocuments
from models.jobs.worker import JobWorker, SliceEnd
from shared.core.calendar import utc_text
from shared.core.errors import Conflict
from shared.core.trials import WALK_FORWARD, Trial
from shared.model.registry import BundleRegistry
from shared.replay.hands import Snapshot
from shared.replay.story import Story
from shared.stores.ports import Document


def prepare_backtest_types() -> None:
    """Let msgspec read every type that is decoded here, before there are threads that decode (see
    `functions.wiring`).
    """
    for decoded in (Job, Story, list[Snapshot], Trial):
        msgspec.json.Decoder(decoded)


class OtherJob(Conflict):
    """The id stands for another job."""


class Backtests:
    """Everything that a shell (the command, the function) can ask."""

    def __init__(self, ports: BacktestPorts) -> None:
        """Work on `ports`."""
        self._ports = ports
        self._jobs = JobDocuments(ports.documents)
        self._settings = ports.load()
        self._worker = JobWorker(
            self._jobs,
            ports.clock,
            kind=KIND,
            lease_ms=int(self._settings.backtest.lease_seconds * 1000),
        )

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
                    more=self._check_job(job),
                )
        except Conflict as error:
            raise OtherJob(str(error)) from error
        return job_view(stored)

    def _check_job(self, job: Job) -> dict[str, Any]:
        """Everything that can be checked without reading the candles; the model that was found."""
        settings = job_settings(job, self._ports.load)
        if job.walk_forward:
            forward.require_walks(self._ports.walks)
            check_extent(job, self._ports.source)
            return {"model": {"version": WALK_FORWARD, "notes": []}}
        registry = BundleRegistry(self._ports.bucket)
        bundle, notes = bundle_of(job, registry, self._ports.public_keys, settings)
        honest_notes(job, bundle, settings)
        check_extent(job, self._ports.source)
        return {
            "model": {"version": "none" if bundle is None else bundle.version, "notes": list(notes)}
        }

    def status(self, name: str) -> dict[str, Any]:
        """How a job stands. Raises `NotThere`."""
        return job_view(self._jobs.get(name))

    def recent(self) -> list[dict[str, Any]]:
        """The youngest jobs, without their results."""
        stored = [document for document in self._jobs.recent() if document.data["kind"] == KIND]
        return [
            {key: value for key, value in job_view(document).items() if key != "result"}
            for document in stored
        ]

    def cancel(self, name: str) -> dict[str, Any]:
        """Give a job up: at once where nobody works on it, else its worker does within a heartbeat.

        Raises `NotThere`.
        """
        return job_view(self._jobs.cancel(name, now_ms=self._now()))

    def work(self, name: str, *, seconds: float | None = None) -> dict[str, Any]:
        """Work on a job for at most `seconds`, and tell how it stands then: `more` says whether
        another slice is needed.

        `busy` is told where another worker holds it. What makes the job impossible is told as its
        `error`, not raised.

        Raises:
            NotThere: there is no such job.
            Unavailable, StoreBroken: a store failed; the job waits and can be worked on again.
        """
        end = self._worker.run(
            name,
            BacktestWork(self._ports, self._settings.backtest),
            seconds=seconds or self._settings.backtest.slice_seconds,
        )
        stands = self.status(name)
        return {**stands, "busy": True} if end is SliceEnd.BUSY else stands

    def _now(self) -> int:
        return self._ports.clock.now_ms()


def job_view(stored: Document) -> dict[str, Any]:
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
        "job": encode_job(msgspec.convert(data["job"], Job)),
        "result": data["result"],
        "error": data["error"],
    }
