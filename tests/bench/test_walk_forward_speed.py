"""How long a year of weekly retrainings takes: on all cores, plainly, and from the cache.

Prints; never fails by time.

`.venv/bin/python -m pytest tests/bench/test_walk_forward_speed.py --full -s` with
OMP_NUM_THREADS=1.
"""

import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest

from models.data.dataset import build
from models.fit.train import WARM_UP_DAYS, train
from models.walk_forward import walk_forward
from shared import features, model
from shared.core.calendar import DAY_MS
from shared.core.settings import Settings, load_settings
from shared.core.types import Candles, Timeframe
from shared.exchanges.sandbox.generate import generate
from shared.market.candles import aggregate
from shared.model import predict_rows
from shared.model.predict import Bundle
from shared.model.signing import public_of
from shared.stores.memory import MemoryBucket
from tests.support.made_trainings import COMMIT, SIGNING_KEY

WEEKS = 52
START_AT = 1_704_067_200_000  # a Monday


def timed(run: Callable[[], Any]) -> tuple[Any, float]:
    began = time.perf_counter()
    made = run()
    return made, time.perf_counter() - began


@pytest.fixture(scope="module")
def settings() -> Settings:
    return load_settings({"BOT_HOME": "/nowhere"})


@pytest.fixture(scope="module")
def candles(settings: Settings) -> Mapping[Timeframe, Candles]:
    days = 7 * WEEKS + settings.learning.days + 35
    minutes = generate(start_ms=START_AT, days=days, seed=1, edge_bp=5.0, maintenance=False)
    return {frame: aggregate(minutes, frame) for frame in (Timeframe.M15, Timeframe.H4)}


@pytest.mark.full
def test_a_year_of_weekly_retrainings(
    settings: Settings, candles: Mapping[Timeframe, Candles]
) -> None:
    first_at = START_AT + 7 * DAY_MS * -(-(settings.learning.days + 21) // 7)
    end_at = first_at + 7 * WEEKS * DAY_MS
    computed, featuring = timed(lambda: features.compute(candles))
    dataset, labelling = timed(
        lambda: build(candles, settings.learning, days=None, computed=computed)
    )
    bucket = MemoryBucket()
    ends = {"first_at": first_at, "end_at": end_at, "seed": 7, "cache": bucket}
    walk, walking = timed(lambda: walk_forward(dataset, computed, settings, **ends))
    again, reading = timed(lambda: walk_forward(dataset, computed, settings, **ends))
    _, alone = timed(
        lambda: walk_forward(dataset, computed, settings, jobs=1, **{**ends, "cache": None})
    )
    assert len(walk.folds) == WEEKS
    assert all(fold.cached for fold in again.folds)
    np.testing.assert_array_equal(walk.probabilities, again.probabilities)
    plain = 0.0
    for fold in walk.folds:
        _, spent = timed(lambda at=fold.from_at: plainly(candles, settings, at))
        plain += spent
    rows = sum(fold.training.rows for fold in walk.folds) // WEEKS
    trees = sum(fold.trees for fold in walk.folds) // WEEKS
    print(
        f"\n{WEEKS} retrainings of {settings.learning.days} days: {rows:,} rows and {trees:,} trees"
        " each"
    )
    print(f"features {featuring:.2f} s, labels {labelling:.2f} s")
    print(f"all cores {walking:.1f} s, one process {alone:.1f} s, from the cache {reading:.2f} s")
    print(f"plainly, one after another, nothing shared: {plain:.1f} s")


def plainly(candles: Mapping[Timeframe, Candles], settings: Settings, at: int) -> None:
    """One retraining from its own candles: features, labels, fit, and the audit of its export."""
    from_at = at - (settings.learning.days + WARM_UP_DAYS) * DAY_MS
    later = {
        frame: part.rows(int(np.searchsorted(part.opened_at, from_at)), None)
        for frame, part in candles.items()
    }
    known = {frame: part.closed_by(at) for frame, part in later.items()}
    train(known, settings, as_of=at, seed=7, commit=COMMIT, signing_key=SIGNING_KEY)


@pytest.mark.full
def test_one_training_and_one_row(settings: Settings, candles: Mapping[Timeframe, Candles]) -> None:
    at = int(candles[Timeframe.M15].closed_at[-1])
    asked = {"as_of": at, "seed": 7, "commit": COMMIT, "signing_key": SIGNING_KEY}
    made, spent = min(
        (timed(lambda: train(candles, settings, **asked)) for _ in range(3)), key=lambda one: one[1]
    )
    bundle = model.load_bundle(
        made.files, public_keys=(public_of(SIGNING_KEY),), version=made.version
    )
    row = np.array(made.manifest.golden.rows[:1], dtype=np.float32)
    _, loading = timed(
        lambda: model.load_bundle(
            made.files, public_keys=(public_of(SIGNING_KEY),), version=made.version
        )
    )
    times = sorted(timed(lambda: predict_rows(row, bundle))[1] for _ in range(200))
    print(
        f"\none training of {settings.learning.days} days: {spent:.2f} s; loading"
        f" {1e3 * loading:.0f} ms"
    )
    print(f"one row: median {1e6 * times[100]:.0f} us, 99 % {1e6 * times[197]:.0f} us")
    assert isinstance(bundle, Bundle)
