"""The bot's own strategy for benchmarks: six strategies vote, probabilities are made up, all risk
rules are on.
"""

from functools import cache

import numpy as np

from shared import features, strategies
from shared.core import settings as configuration
from shared.core.settings import Settings
from shared.core.types import Barriers, Candles, Features, Prediction, Timeframe, Votes
from shared.market.candles import aggregate
from shared.replay.types import Inputs
from shared.turn.pipeline import Stages
from tests.bench.ema_cross import candles_of

FOUR_YEARS = 1460
UNSURE = (0.4, 0.2, 0.4)
SURE = (0.25, 0.05, 0.7)


@cache
def settings(*, limits: bool = True) -> Settings:
    """Both sides and all rules; without `limits` no drawdown, day or losing streak ever stops the
    trading.

    Then the capital is large and the trades are small, so that thousands of losing ones use nothing
    up.
    """
    off = {
        "max_drawdown": 1.0,
        "daily_loss": 1.0,
        "max_losses": 1_000_000,
        "cooldown_seconds": 0,
        "risk_per_trade": 1e-5,
    }
    endless = {"capital_jpy": 1_000_000_000, "risk": off}
    return configuration.load_settings(
        {}, overrides={"sides": "both", **({} if limits else endless)}
    )


def candles(count: int, *, days: int = FOUR_YEARS) -> dict[Timeframe, Candles]:
    """`count` candles of 15m, the market of `days` cut off or repeated, and the 4h candles that
    they make.
    """
    one = candles_of(days)
    rounds = -(-count // len(one))
    quarters = Candles(
        timeframe=Timeframe.M15,
        opened_at=one.opened_at[0] + Timeframe.M15.ms * np.arange(count, dtype=np.int64),
        **{
            name: np.tile(getattr(one, name), rounds)[:count]
            for name in ("open", "high", "low", "close", "volume")
        },
    )
    return {Timeframe.M15: quarters, Timeframe.H4: aggregate(quarters, Timeframe.H4)}


def prediction(votes: Votes, *, sure_share: float, seed: int = 3) -> Prediction:
    """What a model could have said: on `sure_share` of the rows with a consensus that its side
    wins, else nothing of use.
    """
    random = np.random.default_rng(seed)
    sure = random.random(len(votes.as_of)) < sure_share
    probabilities = np.where(sure[:, None], SURE, UNSURE)
    probabilities = np.where((votes.consensus < 0)[:, None], probabilities[:, ::-1], probabilities)
    probabilities[votes.consensus == 0] = np.nan
    learning, risk = settings().learning, settings().risk
    barriers = Barriers(
        atr_multiple=min(learning.barrier_atr, risk.target_atr),
        horizon_candles=learning.horizon_candles,
    )
    return Prediction(
        as_of=votes.as_of, probabilities=probabilities, model="made up", barriers=barriers
    )


def computed(known: dict[Timeframe, Candles]) -> Features:
    return features.compute(known)


def voted(done: Features) -> Votes:
    return strategies.vote(done, settings().strategies, settings().consensus)


def inputs(known: dict[Timeframe, Candles], done: Stages, *, limits: bool = True) -> Inputs:
    """A replay of all candles but the first weeks, from 15m alone."""
    quarters = known[Timeframe.M15]
    return Inputs(
        candles=known,
        stages=done,
        settings=settings(limits=limits),
        start_at=int(quarters.opened_at[0]) + 40 * 86_400_000,
        end_at=int(quarters.closed_at[-1]),
    )
