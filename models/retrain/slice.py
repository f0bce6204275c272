"""One slice of a retraining: candles, rows, what is pinned, folds and proofs, and the bundle."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

from models.data.checks import check_candles
from models.data.findings import refuse
from models.data.labels import barriers_of
from models.data.leaks import inspect_dataset
from models.jobs.held import HeldJob
from models.jobs.pace import JobPace
from models.jobs.records import JobDocuments
from models.retrain import outbox, pinning, sizes
from models.retrain.gathering import gather_inputs, learnable
from models.retrain.pinning import LearningGround
from models.retrain.place import RetrainPorts, Tell
from models.retrain.progress import RetrainProgress
from models.retrain.proving import Bench, Incumbent, judge_training
from models.retrain.publishing import publish
from models.retrain.records import Pinned, up_to
from models.retrain.telling import failure_of
from shared.core.errors import (
    BadBundle,
    BadData,
    BotError,
    StoreBroken,
    UserError,
    remedy_of,
)
from shared.model.registry import BundleRegistry


class RetrainWork:
    """What is special to retrainings. Implements `models.jobs.worker.JobWork`."""

    def __init__(
        self, ports: RetrainPorts, jobs: JobDocuments, *, on_progress: Tell | None = None
    ) -> None:
        """Work at `ports`; `on_progress` hears what comes next."""
        self._ports, self._jobs, self._on_progress = ports, jobs, on_progress

    def work(self, held: HeldJob, pace: JobPace) -> None:
        """Everything from the candles to the published bundle.

        Raises `TimeIsUp` between two steps, and `UserError` or `BadData` for what makes it
        impossible.
        """
        progress = RetrainProgress(pace, on_progress=self._on_progress)
        ground = self._gather(held, progress)
        pin = pinning.pin(self._ports, held, ground, tell=progress.part(0.14, 0.25))
        bench = self._bench(ground, pin)
        outcome = judge_training(
            bench,
            known_shuffled=pin.shuffled,
            keep_shuffled=lambda found: pinning.keep(
                self._ports, held, replace(pin, shuffled=found)
            ),
            part=lambda first, last: progress.part(0.25 + 0.7 * first, 0.25 + 0.7 * last),
        )
        progress.tell("signing and publishing", 0.97)
        publish(self._ports, self._jobs, held, ground=ground, bench=bench, pin=pin, outcome=outcome)

    def _gather(self, held: HeldJob, progress: RetrainProgress) -> LearningGround:
        """Candles and rows, checked. Raises `BadData`."""
        job, settings = held.data["job"], self._ports.settings
        as_of = int(job["as_of"])
        learning = replace(settings.learning, days=int(job["days"]), seed=int(job["seed"]))
        settings = replace(settings, learning=learning)
        progress.tell("candles", 0.0)
        gathered = gather_inputs(
            self._ports.history, settings, as_of=as_of, tell=progress.part(0.0, 0.12)
        )
        refuse(check_candles(gathered.candles, learning, as_of=as_of))
        progress.tell("features and checks of the data", 0.12)
        rows = learnable(gathered.candles, settings)
        refuse(inspect_dataset(rows.dataset, gathered.candles, barriers=barriers_of(learning)))
        return LearningGround(gathered=gathered, rows=rows, settings=settings, as_of=as_of)

    def _bench(self, ground: LearningGround, pin: Pinned) -> Bench:
        ports, champion = self._ports, None
        if pin.champion is not None:
            champion = Incumbent(
                version=pin.champion,
                files=self._files(pin.champion),
                public_keys=ports.public_keys,
            )
        return Bench(
            settings=sizes.with_sizes(ground.settings, pin.sizes),
            candles=ground.gathered.candles,
            rows=ground.rows,
            as_of=ground.as_of,
            bucket=ports.bucket,
            champion=champion,
            history=up_to(ports.log.all(), pin.trials_before),
            logged=pin.logged,
            remembered=pin.remembered,
            recorded_at=pin.trials_before,
            commit=pin.commit,
            signing_key=ports.signing_key(),
        )

    def _files(self, version: str) -> Mapping[str, bytes]:
        """A bundle's files; none where it is not whole: a champion that is damaged must not keep
        another from being trained.
        """
        try:
            return BundleRegistry(self._ports.bucket).files(version, audit=True)
        except BadBundle:
            return {}

    def describe_failure(self, held: HeldJob, error: BotError) -> Mapping[str, Any]:
        """What was found and what would be right, which people are told as well."""
        with suppress(BotError):
            self._tell_failure(held, error)
        return {
            "error": str(error),
            "remedy": remedy_of(error),
            "ours": not isinstance(error, UserError | BadData),
        }

    def before_waiting(self, held: HeldJob, error: BaseException) -> None:
        """A store that is broken (a damaged file) waits for a person, who is told."""
        if isinstance(error, StoreBroken):
            self._tell_failure(held, error)

    def forget(self, name: str) -> None:
        """Folds are kept: whoever retrains next goes on from them."""

    def _tell_failure(self, held: HeldJob, error: BotError) -> None:
        ports = self._ports
        alert = failure_of(
            ports.settings.id,
            held.name,
            str(error),
            remedy_of(error),
            at=ports.clock.now_ms(),
        )
        outbox.put(ports, held, alert)
