"""A stand-in for the replay in studies: numbers that follow from every input, and notes of who
worked where.
"""

import hashlib
import os
from pathlib import Path

import numpy as np

from models.study.grid import Measured
from models.study.grid.given import build_given
from shared.core.settings import load_settings
from shared.core.trials import settings_hash
from shared.core.types import Timeframe
from shared.market.candles import aggregate
from shared.results.performance.sharpe import Track
from tests.support.made_replays import START, made_candles

DAY = 86_400_000


def made_given(*, days=20, seed=1, since=START, **more):
    quarters = made_candles(days=days, seed=seed)
    return build_given(
        {Timeframe.M15: quarters, Timeframe.H4: aggregate(quarters, Timeframe.H4)},
        since=since,
        **more,
    )


def small_load(**asked):
    """The defaults with a short window, so that few days are enough."""
    return load_settings(
        {"BOT_MARKET__WINDOW_CANDLES": "300", "BOT_MARKET__WINDOW_KEEP": "300"}, **asked
    )


def numbers_of(inputs):
    """Numbers that change when anything in the inputs does."""
    digest = hashlib.sha256(settings_hash(inputs.settings, inputs.rules).encode())
    digest.update(repr((inputs.start_at, inputs.end_at, inputs.notes)).encode())
    prediction = inputs.stages.prediction
    arrays = [
        inputs.stages.features.values,
        inputs.stages.votes.sides,
        inputs.stages.votes.confidences,
    ]
    arrays += [inputs.stages.votes.consensus, inputs.stages.votes.strength]
    arrays += [candles.close for _, candles in sorted(inputs.candles.items())]
    arrays += [] if prediction is None else [prediction.probabilities]
    arrays += [] if inputs.minutes is None else [inputs.minutes.opened_at, inputs.minutes.close]
    for array in arrays:
        digest.update(np.ascontiguousarray(array).tobytes())
    share = int.from_bytes(digest.digest()[:6], "big") / 2**48
    return Measured(
        return_rate=share - 0.5,
        hold_rate=0.1,
        drawdown_rate=share / 2,
        trades=int(1000 * share),
        track=Track(
            sharpe=(share - 0.5) / 5, observations=int((inputs.end_at - inputs.start_at) // DAY)
        ),
    )


def noting(file, inputs):
    """The same, and a line in a file: which process worked, and what the features lie in."""
    values = inputs.stages.features.values
    while (
        isinstance(values, np.ndarray)
        and values.base is not None
        and not isinstance(values, np.memmap)
    ):
        values = values.base
    with Path(file).open("a", encoding="ascii") as notes:
        notes.write(f"{os.getpid()} {type(values).__name__}\n")
    return numbers_of(inputs)


def failing(inputs):
    if inputs.settings.risk.stop_atr > 2:
        raise ValueError("this run cannot be")
    return numbers_of(inputs)


def dying(inputs):
    os._exit(9)


__all__ = ["DAY", "START", "dying", "failing", "made_given", "noting", "numbers_of", "small_load"]
