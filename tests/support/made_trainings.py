"""Small trainings on generated markets, each made once a test process."""

import dataclasses
from functools import cache

from models.fit.train import Training, train
from shared.core.settings import Settings, load_settings
from shared.core.types import Candles, Timeframe
from shared.exchanges.sandbox.generate import generate
from shared.market.candles import aggregate

START_AT = 1_735_689_600_000
SIGNING_KEY = "11" * 32
OTHER_KEY = "22" * 32
COMMIT = "0123456789abcdef"


@cache
def market(days: int, *, seed: int, edge_bp: float) -> dict[Timeframe, Candles]:
    minutes = generate(start_ms=START_AT, days=days, seed=seed, edge_bp=edge_bp)
    return {timeframe: aggregate(minutes, timeframe) for timeframe in (Timeframe.M15, Timeframe.H4)}


def small_settings(days: int = 60) -> Settings:
    settings = load_settings({"BOT_HOME": "/nowhere"})
    learning = dataclasses.replace(
        settings.learning, days=days, rounds=15, forest_trees=15, max_depth=4, learning_rate=0.1
    )
    return dataclasses.replace(settings, learning=learning)


def last_close(candles: dict[Timeframe, Candles]) -> int:
    return int(candles[Timeframe.M15].closed_at[-1])


@cache
def small_training(*, days: int = 60, seed: int = 3, edge_bp: float = 8.0) -> Training:
    candles = market(days + 15, seed=seed, edge_bp=edge_bp)
    return train(
        candles,
        small_settings(days),
        as_of=last_close(candles),
        seed=7,
        commit=COMMIT,
        signing_key=SIGNING_KEY,
        parent=None,
    )


@cache
def headed_training() -> Training:
    """With both heads."""
    candles, settings = market(75, seed=3, edge_bp=8.0), small_settings(60)
    settings = dataclasses.replace(
        settings, learning=dataclasses.replace(settings.learning, meta_head=True)
    )
    return train(
        candles, settings, as_of=last_close(candles), seed=7, commit=COMMIT, signing_key=SIGNING_KEY
    )
