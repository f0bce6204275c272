"""Six ballots -> one side. Weights decide, a conflict decides nothing."""

from collections.abc import Sequence

import numpy as np

from shared.strategies.ballot import Ballot
from shared.strategy_settings import Consensus
from shared.types import FloatArray, Int8Array

_ROUNDING = 1e-9


def agree(ballots: Sequence[Ballot], weights: Sequence[float], rules: Consensus) -> tuple[Int8Array, FloatArray]:
    """Side (n,) and strength (n,) of all ballots together; 0 and 0.0 where there is no consensus.

    The score of a side is the sum of weight x confidence over its votes as a share of all weight. With votes on both
    sides the higher score leads, if it leads by `conflict_margin` (never on equal scores). The leading side wins if its
    votes hold `agreement` of all weight and their mean confidence, by weight, is at least `min_confidence`: that mean is
    the strength. Weights of 0 do not count, and silence counts against both sides.
    """
    total = float(sum(weights))
    rows = len(ballots[0].sides)
    if total <= 0.0:
        return np.zeros(rows, dtype=np.int8), np.zeros(rows)
    held = {sign: np.zeros(rows) for sign in (1, -1)}
    score = {sign: np.zeros(rows) for sign in (1, -1)}
    for ballot, weight in zip(ballots, weights, strict=True):
        for sign in (1, -1):
            stands = ballot.sides == sign
            held[sign] += weight / total * stands
            score[sign] += weight / total * np.where(stands, ballot.confidences, 0.0)
    lead = score[1] - score[-1]
    conflict = (held[1] > 0.0) & (held[-1] > 0.0) & (np.abs(lead) < rules.conflict_margin - _ROUNDING)
    side = np.where(np.abs(lead) <= _ROUNDING, 0.0, np.sign(lead))
    leading = np.where(lead > 0.0, held[1], held[-1])
    strength = np.divide(np.where(lead > 0.0, score[1], score[-1]), leading, out=np.zeros(rows), where=leading > 0.0)
    agreed = (
        (side != 0.0) & ~conflict & (leading >= rules.agreement - _ROUNDING) & (strength >= rules.min_confidence - _ROUNDING)
    )
    return np.where(agreed, side, 0.0).astype(np.int8), np.where(agreed, np.minimum(strength, 1.0), 0.0)
