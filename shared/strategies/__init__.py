"""Features -> Votes: the strategies of `bot.yaml`, a column each, and what they say together.

Pure and deterministic, row by row.

A strategy is a file here, called like its line in `bot.yaml`: the class with its parameters, and
`vote(features, parameters) -> Ballot`. It reads one row of features and nothing else, so a vote
depends on exactly what its features depend on. A row on which a strategy's features are not warm
gets no vote from it; nothing ever stands in for a missing vote. One that also says how much to hold
has `targets(features, parameters) -> Targets` besides.
"""

from dataclasses import fields
from functools import cache
from importlib import import_module
from typing import Any

import numpy as np

from shared.core.settings.strategies import Consensus, Strategies
from shared.core.types import Features, Targets, Votes
from shared.strategies.ballot import Ballot, silent
from shared.strategies.consensus import agree

__all__ = ["names", "targets", "vote"]

BLOCK_ROWS = 16_384
"""Rows voted on at once: with this many, what is worked on stays in the processor's cache."""


def names(strategies: Strategies) -> tuple[str, ...]:
    """What the columns of the votes are called, in their order.

    >>> from shared.core.settings import load_settings
    >>> names(load_settings({}).strategies)[:2]
    ('atr_based', 'mochipoy_alert')
    """
    # See `Strategies`.
    return tuple(field.name for field in fields(strategies))  # type: ignore[arg-type]


def vote(features: Features, strategies: Strategies, consensus: Consensus) -> Votes:
    """Ask all and weigh their answers: sides and confidences (n, k) in the order of `names`.

    A strategy of weight 0 is out: it keeps its column and says nothing.

    >>> from shared.core.settings import load_settings
    >>> from shared.core.types import Timeframe
    >>> from shared.exchanges.sandbox.generate import generate
    >>> from shared.features import compute
    >>> from shared.market.candles import aggregate
    >>> settings = load_settings({})
    >>> minutes = generate(start_ms=1_767_225_600_000, days=2, seed=7)
    >>> candles = {frame: aggregate(minutes, frame) for frame in (Timeframe.M15, Timeframe.H4)}
    >>> votes = vote(compute(candles), settings.strategies, settings.consensus)
    >>> votes.sides.shape, votes.names[0]
    ((192, 7), 'atr_based')
    """
    rows, columns = len(features.as_of), names(strategies)
    weights = [float(getattr(strategies, name).weight) for name in columns]
    sides = np.empty((len(columns), rows), dtype=np.int8)
    confidences = np.empty((len(columns), rows))
    side, strength = np.empty(rows, dtype=np.int8), np.empty(rows)
    for start in range(0, rows, BLOCK_ROWS):
        cut = slice(start, start + BLOCK_ROWS)
        block = Features(
            as_of=features.as_of[cut], names=features.names, values=features.values[cut]
        )
        ballots = _ballots(block, strategies)
        for column, ballot in enumerate(ballots):
            sides[column, cut], confidences[column, cut] = ballot.sides, ballot.confidences
        side[cut], strength[cut] = agree(ballots, weights, consensus)
    return Votes(
        as_of=features.as_of,
        names=columns,
        sides=sides.T,
        confidences=confidences.T,
        consensus=side,
        strength=strength,
    )


def targets(features: Features, strategies: Strategies) -> Targets | None:
    """The exposure that the first strategy wants on each row which has a word on it and a weight;
    None without one.

    >>> from shared.core.settings import load_settings
    >>> from shared.core.types import Timeframe
    >>> from shared.features import compute
    >>> from shared.market.candles import empty_candles
    >>> nothing = compute({Timeframe.M15: empty_candles(Timeframe.M15)})
    >>> targets(nothing, load_settings({}, profile="trend").strategies).weight.shape
    (0,)
    >>> targets(nothing, load_settings({}).strategies) is None  # by default the trend has no weight
    True
    """
    for name in names(strategies):
        parameters = getattr(strategies, name)
        if parameters.weight and hasattr(_module(name), "targets"):
            wanted: Targets = _module(name).targets(features, parameters)
            return wanted
    return None


def _ballots(features: Features, strategies: Strategies) -> list[Ballot]:
    out = silent(len(features.as_of))
    pairs = [(name, getattr(strategies, name)) for name in names(strategies)]
    return [
        _module(name).vote(features, parameters) if parameters.weight else out
        for name, parameters in pairs
    ]


@cache
def _module(name: str) -> Any:
    return import_module(f"{__name__}.{name}")
