"""Three votes: the trend of the EMAs, the momentum of MACD, and RCI's overheating against both."""

import numpy as np

from shared.strategies.ballot import Ballot, against, ballot, columns
from shared.strategy_settings import MochipoyAlert
from shared.types import Features

_ALL, _MOST = 3.0, 2.0


def vote(features: Features, settings: MochipoyAlert) -> Ballot:
    """Two equal votes make a signal, three a strong one; a single vote without another against it is weak."""
    fast, slow, macd, rci = needs = columns(features, "ema_20", "ema_50", "macd", "rci_14")
    votes = np.stack([np.sign(fast - slow), np.sign(macd), against(rci, settings.rci_low, settings.rci_high)])
    total = votes.sum(axis=0)
    cast = np.abs(votes).sum(axis=0)
    agreeing = 0.5 * (cast + np.abs(total))
    confidence = np.select(
        [agreeing == _ALL, agreeing == _MOST],
        [settings.three_votes_confidence, settings.two_votes_confidence],
        settings.single_vote_confidence,
    )
    return ballot(total, confidence, least=settings.min_confidence, needs=needs)
