"""Features -> Votes: seven strategies, a column each, and what they say together.

Pure and deterministic, row by row.

A strategy reads one row of features and nothing else, so a vote depends on exactly what its
features depend on. A row on which a strategy's features are not warm gets no vote from it; nothing
ever stands in for a missing vote. One of them, `trend`, also says how much to hold: `targets`.
"""

import numpy as np

from shared.core.settings.strategies import Consensus, Strategies
from shared.core.types import Features, Targets, Votes
from shared.strategies import (
    adx_trend,
    atr_based,
    donchian_channel,
    fibonacci_retracement,
    mochipoy_alert,
    multi_timeframe,
    trend,
)
from shared.strategies.ballot import Ballot, silent
from shared.strategies.consensus import agree

__all__ = ["NAMES", "targets", "vote"]

NAMES = (
    "atr_based",
    "mochipoy_alert",
    "multi_timeframe",
    "fibonacci_retracement",
    "donchian_channel",
    "adx_trend",
    "trend",
)


BLOCK_ROWS = 16_384
"""Rows voted on at once: with this many, what is worked on stays in the processor's cache."""


def vote(features: Features, strategies: Strategies, consensus: Consensus) -> Votes:
    """Ask all seven and weigh their answers: sides and confidences (n, 7) in the order of `NAMES`.

    A strategy of weight 0 is out: it keeps its column and says nothing.

    >>> from shared.core.settings import load
    >>> from shared.core.types import Timeframe
    >>> from shared.exchanges.sandbox.generate import generate
    >>> from shared.features import compute
    >>> from shared.market.candles import aggregate
    >>> settings = load({})
    >>> minutes = generate(start_ms=1_767_225_600_000, days=2, seed=7)
    >>> candles = {frame: aggregate(minutes, frame) for frame in (Timeframe.M15, Timeframe.H4)}
    >>> votes = vote(compute(candles), settings.strategies, settings.consensus)
    >>> votes.sides.shape, votes.names[0]
    ((192, 7), 'atr_based')
    """
    rows = len(features.as_of)
    weights = [float(getattr(strategies, name).weight) for name in NAMES]
    sides, confidences = np.empty((len(NAMES), rows), dtype=np.int8), np.empty((len(NAMES), rows))
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
        names=NAMES,
        sides=sides.T,
        confidences=confidences.T,
        consensus=side,
        strength=strength,
    )


def _ballots(features: Features, strategies: Strategies) -> list[Ballot]:
    out = silent(len(features.as_of))
    return [
        atr_based.vote(features, strategies.atr_based) if strategies.atr_based.weight else out,
        (
            mochipoy_alert.vote(features, strategies.mochipoy_alert)
            if strategies.mochipoy_alert.weight
            else out
        ),
        (
            multi_timeframe.vote(features, strategies.multi_timeframe)
            if strategies.multi_timeframe.weight
            else out
        ),
        (
            fibonacci_retracement.vote(features, strategies.fibonacci_retracement)
            if strategies.fibonacci_retracement.weight
            else out
        ),
        (
            donchian_channel.vote(features, strategies.donchian_channel)
            if strategies.donchian_channel.weight
            else out
        ),
        adx_trend.vote(features, strategies.adx_trend) if strategies.adx_trend.weight else out,
        trend.vote(features, strategies.trend) if strategies.trend.weight else out,
    ]


def targets(features: Features, strategies: Strategies) -> Targets | None:
    """The exposure that `trend` wants on each row; None where its weight is 0.

    >>> from shared.core.settings import load
    >>> from shared.core.types import Timeframe
    >>> from shared.features import compute
    >>> from shared.market.candles import empty
    >>> nothing = compute({Timeframe.M15: empty(Timeframe.M15)})
    >>> targets(nothing, load({}, profile="trend").strategies).weight.shape
    (0,)
    >>> targets(nothing, load({}).strategies) is None  # by default the trend has no weight
    True
    """
    return trend.targets(features, strategies.trend) if strategies.trend.weight else None
