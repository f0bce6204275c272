"""The demo's past: collected over HTTP from the sandbox into an archive, learned from, promoted."""

import os
from dataclasses import dataclass, replace
from pathlib import Path

from functions import wiring
from models.fit.commit import code_commit
from models.fit.train import train
from models.jobs.keys import signing_key
from scripts.local.demo.plan import DemoPlan
from scripts.output.console import Progress, progress
from scripts.output.report import TrainingNote
from shared.core.errors import UserError
from shared.core.settings import Settings
from shared.core.types import Candles, Timeframe
from shared.market.archive import CandleArchive
from shared.market.candle_files import files_between
from shared.market.collect import collect
from shared.model.registry import BundleRegistry

LEARNED_FROM = (Timeframe.M15, Timeframe.H4)


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoTraining:
    """What came of the training: the bundle's version and its period.

    The gate was not asked, so nothing is proven.
    """

    version: str | None
    note: TrainingNote


def collect_candles(
    settings: Settings, folder: Path, start_at: int, end_at: int
) -> dict[Timeframe, Candles]:
    """Fetch [start_at, end_at) through the feed into an archive in `folder`; what is there is not
    asked for again.

    The archive is apart from the bot's own bucket: its ticks must find nothing but what they
    fetched themselves.
    """
    bucket = wiring.bucket_for(replace(settings, bucket=f"file:///{folder}"))
    feed = wiring.feed_for(settings, wiring.clock_for(settings), bucket)
    archive = CandleArchive(bucket)
    total = sum(len(files_between(timeframe, start_at, end_at)) for timeframe in LEARNED_FROM)
    with progress("history", total) as bar:
        for timeframe in LEARNED_FROM:
            bar.describe(f"{timeframe} candles")
            collect(feed, archive, timeframe, start_at, end_at, lambda _done, _of: bar.advance())
    feed.close()
    return {timeframe: archive.read(timeframe, start_at, end_at) for timeframe in LEARNED_FROM}


def train_demo(
    settings: Settings, plan: DemoPlan, candles: dict[Timeframe, Candles]
) -> DemoTraining:
    """Train quickly on the plan's period, without the gate, and let the bundle serve.

    Too little to learn from is a note, not an error.
    """
    with progress("training", 100) as bar:
        try:
            training = train(
                candles,
                settings,
                as_of=plan.training_end_at,
                seed=settings.learning.seed,
                commit=code_commit(os.environ),
                signing_key=signing_key(settings, {}),
                on_progress=_BarSteps(bar),
                purpose="demo",
            )
        except UserError as error:
            return DemoTraining(version=None, note=TrainingNote(missing=str(error)))
    manifest = training.manifest
    note = TrainingNote(start_at=manifest.training.from_at, end_at=manifest.validation.label_end_at)
    if not manifest.verdict.may_serve:
        return DemoTraining(
            version=None, note=TrainingNote(missing="the trained model failed its checks")
        )
    registry = BundleRegistry(wiring.bucket_for(settings))
    registry.publish(training.version, training.files)
    registry.promote(
        training.version, at=plan.training_end_at, why="the demo trained it", by="demo"
    )
    return DemoTraining(version=training.version, note=note)


class _BarSteps:
    """Turns the trainer's share of work done into advances of a bar of 100."""

    def __init__(self, bar: Progress) -> None:
        self._bar = bar
        self._told = 0

    def __call__(self, text: str, share: float) -> None:
        self._bar.describe(text)
        self._bar.advance(round(100 * share) - self._told)
        self._told = round(100 * share)
