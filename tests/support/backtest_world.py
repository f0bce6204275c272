"""A data folder with an archive and a model, and backtests in it."""

import shutil
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from functions import wiring
from models.backtest.service import Backtests
from models.jobs.keys import signing_key
from shared.core.types import Candles, Timeframe
from shared.market.archive import CandleArchive
from shared.market.candle_files import files_between
from shared.market.candles import aggregate, candles_between
from shared.model.registry import BundleRegistry
from tests.support.world import QUICK, SIGNING_KEY, market, training

START, END = "2026-03-03", "2026-03-09"
JOB = {"start": START, "end": END, "timeframe": "1m", "profile": "loose"}
LONG = {**JOB, "start": "2026-02-18", "inside_training": True}
"""Long enough to be met at work; what it earns is of no interest."""
SLOW = {
    "BOT_BACKTEST__CHECKPOINT_SECONDS": "0.01",
    "BOT_BACKTEST__STEP_SECONDS": "0.001",
    "BOT_BACKTEST__LEASE_SECONDS": "1.5",
}
"""A checkpoint every few hours of the market: a worker is met at work, and one that dies is missed
soon."""
SLOWEST = {**SLOW, "BOT_BACKTEST__CHECKPOINT_SECONDS": "0", "BOT_BACKTEST__STEP_SECONDS": "0"}
"""A checkpoint every quarter of an hour of the market."""


@cache
def _made_home() -> Path:
    """The folder that all tests copy; made once a process."""
    home = Path(mkdtemp())
    settings = wiring.settings_from({**QUICK, "BOT_HOME": str(home)})
    signing_key(settings, {"BOT_BUNDLE_SIGNING_KEY": SIGNING_KEY})
    bucket = wiring.bucket_for(settings)
    made, registry = training(), BundleRegistry(bucket)
    registry.publish(made.version, made.files)
    registry.promote(made.version, at=1, why="a test", by="test")
    minutes = market()
    for timeframe in Timeframe:
        archive(bucket, minutes if timeframe is Timeframe.M1 else aggregate(minutes, timeframe))
    return home


def archive(bucket: Any, candles: Candles) -> None:
    store = CandleArchive(bucket)
    for file in files_between(
        candles.timeframe, int(candles.opened_at[0]), int(candles.closed_at[-1])
    ):
        store.write(file, candles_between(candles, file.start, file.end), complete=True)


def home_at(path: Path, **extra: str) -> dict[str, str]:
    """An environment whose data folder is a fresh copy at `path`."""
    shutil.copytree(_made_home(), path)
    return {**QUICK, "BOT_HOME": str(path), **extra}


def backtests_in(environ: Mapping[str, str]) -> Backtests:
    """The service in this process."""
    return Backtests(wiring.backtest_place(wiring.settings_from(environ), environ))


def result_files(home: Path, stands: Mapping[str, Any]) -> dict[str, bytes]:
    """The files that a job's answer points to."""
    return {
        name: (home / "bucket" / key).read_bytes()
        for name, key in stands["result"]["files"].items()
    }
