"""All ballots -> one side. Weights decide, a conflict decides nothing."""

from collections.abc import Sequence

import numpy as np

from shared.core.settings.strategies import Consensus
from shared.core.types import FloatArray, Int8Array
from shared.strategies.ballot import Ballot, difference

_ROUNDING = 1e-9


def agree(
    ballots: Sequence[Ballot], weights: Sequence[float], rules: Consensus
) -> tuple[Int8Array, FloatArray]:
    """Side (n,) and strength (n,) of all ballots together; 0 and 0.0 where there is no consensus.

    The score of a side is the sum of weight x confidence over its votes as a share of all weight.
    With votes on both sides the higher score leads, if it leads by `conflict_margin` (never on
    equal scores). The leading side wins if its votes hold `agreement` of all weight and their mean
    confidence, by weight, is at least `min_confidence`: that mean is the strength. Weights of 0 do
    not count, and silence counts against both sides.
    """
    total = float(sum(weights))
    rows = len(ballots[0].sides)
    if total <= 0.0:
        return np.zeros(rows, dtype=np.int8), np.zeros(rows)
    held = {sign: np.zeros(rows) for sign in (1, -1)}
    score = {sign: np.zeros(rows) for sign in (1, -1)}
    for ballot, weight in zip(ballots, weights, strict=True):
        share = weight / total
        weighed = share * ballot.confidences
        for sign in (1, -1):
            stands = ballot.sides == sign
            held[sign] += share * stands
            score[sign] += weighed * stands
    lead = score[1] - score[-1]
    apart, longs = np.abs(lead), lead > 0.0
    leading = np.where(longs, held[1], held[-1])
    with np.errstate(divide="ignore", invalid="ignore"):  # where nobody leads nothing is agreed
        strength = np.where(longs, score[1], score[-1]) / leading
    conflict = (apart < rules.conflict_margin - _ROUNDING) & (held[1] > 0.0) & (held[-1] > 0.0)
    agreed = (apart > _ROUNDING) & ~conflict & (leading > 0.0)
    agreed &= leading >= rules.agreement - _ROUNDING
    agreed &= strength >= rules.min_confidence - _ROUNDING
    return difference(agreed & longs, agreed & ~longs), np.where(
        agreed, np.minimum(strength, 1.0), 0.0
    )
