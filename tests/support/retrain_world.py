"""A small market in an archive, and retrainings of it in this process, with a clock that stands."""

import shutil
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from functions import wiring
from models.jobs.keys import signing_key
from models.retrain import RetrainPorts, RetrainRequest, Retrains
from shared.core.types import Candles, Timeframe
from shared.exchanges.sandbox.generate import generate
from shared.market.candles import aggregate
from tests.support.backtest_world import archive
from tests.support.fixed_clock import FixedClock
from tests.support.world import SIGNING_KEY, START

DAY = 86_400_000
DAYS = 92
NOW = START + DAYS * DAY + 20_000
COMMIT = "c" * 40
SMALL = {
    "BOT_LEARNING__DAYS": "50",
    "BOT_LEARNING__ROUNDS": "4",
    "BOT_LEARNING__FOREST_TREES": "4",
    "BOT_LEARNING__MAX_DEPTH": "3",
    "BOT_LEARNING__ROW_STEP": "3",
    "BOT_GATE__HISTORY_DAYS": "28",
    "BOT_GATE__SHUFFLES": "1",
    "BOT_GATE__RANDOM_RUNS": "10",
    "BOT_RETRAIN__JOBS": "1",
    "BOT_RETRAIN__TUNE_EVERY_DAYS": "0",
}


@cache
def minutes(days: int = DAYS) -> Candles:
    return generate(start_ms=START, days=days, seed=5, edge_bp=8.0, maintenance=False)


@cache
def _made_home() -> Path:
    """A data folder with keys and candles, made once a process."""
    home = Path(mkdtemp())
    settings = wiring.settings_from({**SMALL, "BOT_HOME": str(home)})
    signing_key(settings, {"BOT_BUNDLE_SIGNING_KEY": SIGNING_KEY})
    bucket = wiring.bucket_for(settings)
    for timeframe in (Timeframe.M15, Timeframe.H4):
        archive(bucket, aggregate(minutes(DAYS + 14), timeframe))
    return home


def home_at(path: Path, **extra: str) -> dict[str, str]:
    """An environment whose data folder is a fresh copy at `path`."""
    shutil.copytree(_made_home(), path)
    return {**SMALL, "BOT_HOME": str(path), "BOT_BUNDLE_SIGNING_KEY": SIGNING_KEY, **extra}


def place_in(environ: Mapping[str, str], *, now: int = NOW, **ports: Any) -> RetrainPorts:
    """Ports of a retraining from the archive alone, at an instant."""
    place = wiring.retrain_place(wiring.settings_from(environ), environ, fetch=False)
    return replace(place, clock=FixedClock(now), commit=COMMIT, **ports)


def retrained(
    environ: Mapping[str, str], *, now: int = NOW, asked: RetrainRequest | None = None, **ports: Any
) -> dict[str, Any]:
    """One call of the service."""
    return Retrains(place_in(environ, now=now, **ports)).run(asked or RetrainRequest())


def bundle_bytes(home: Path) -> dict[str, bytes]:
    """Every file of every bundle, by its key; the pointer apart, whose history tells when it was
    moved.
    """
    folder = home / "bucket" / "bundles"
    found = {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
    return {name: data for name, data in found.items() if name != "current.json"}


def every_file(home: Path) -> dict[str, bytes]:
    """The whole data folder, SQLite's own working files apart."""
    files = [
        path
        for path in sorted(home.rglob("*"))
        if path.is_file() and path.suffix not in {".sqlite-wal", ".sqlite-shm"}
    ]
    return {str(path.relative_to(home)): path.read_bytes() for path in files}
