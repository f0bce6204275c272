"""Small walk-forwards on generated markets, each made once a test process."""

import dataclasses
from functools import cache
from typing import Any

from models.data.dataset import Dataset, build
from models.data.labels import costs_of
from models.walk_forward import Walked, walk_forward
from shared import features
from shared.core.settings import Settings
from shared.core.types import Features, Timeframe
from tests.support.made_trainings import market, small_settings

DAY_MS = 86_400_000
SEED = 7


def quick_settings(**learning: Any) -> Settings:
    settings = small_settings(60)
    small = {"rounds": 4, "forest_trees": 5, **learning}
    return dataclasses.replace(settings, learning=dataclasses.replace(settings.learning, **small))


@cache
def rows(
    days: int = 100, seed: int = 3, *, edge_bp: float = 8.0, meta: bool = False
) -> tuple[Dataset, Features]:
    settings, candles = quick_settings(meta_head=meta), market(days, seed=seed, edge_bp=edge_bp)
    computed = features.compute(candles)
    return (
        build(candles, settings.learning, days=None, computed=computed, costs=costs_of(settings)),
        computed,
    )


def last_at(computed: Features) -> int:
    return int(computed.as_of[-1])


def walked(
    *, settings: Settings | None = None, back_days: float = 19.0, jobs: int = 1, **more: Any
) -> Walked:
    if settings is None and jobs == 1 and not more:
        return _plain(back_days)
    return _made(settings or quick_settings(), back_days, jobs, **more)


@cache
def _plain(back_days: float) -> Walked:
    return _made(quick_settings(), back_days, 1)


def _made(settings: Settings, back_days: float, jobs: int, **more: Any) -> Walked:
    dataset, computed = rows(meta=settings.learning.meta_head)
    end_at = last_at(computed) + 1
    return walk_forward(
        dataset,
        computed,
        settings,
        first_at=grid(end_at - round(back_days * DAY_MS)),
        end_at=end_at,
        seed=SEED,
        jobs=jobs,
        **more,
    )


def grid(at: int) -> int:
    return at // Timeframe.M15.ms * Timeframe.M15.ms
