"""Three votes: the trend of the EMAs, the momentum of MACD, and RCI's overheating against both."""

from dataclasses import dataclass

import numpy as np

from shared.core.settings.kinds import Rank, Share
from shared.core.types import Features
from shared.strategies.ballot import Ballot, against, ballot, columns, difference

_ALL, _MOST = 3, 2


@dataclass(frozen=True, slots=True, kw_only=True)
class MochipoyAlert:
    """EMA trend, MACD momentum and RCI overheating vote; two equal votes make a signal."""

    weight: Share
    min_confidence: Share = 0.4
    rci_low: Rank = -80.0
    rci_high: Rank = 80.0
    single_vote_confidence: Share = 0.35  # one vote, none against it
    two_votes_confidence: Share = 0.65
    three_votes_confidence: Share = 0.8


def vote(features: Features, settings: MochipoyAlert) -> Ballot:
    """Two equal votes make a signal, three a strong one; a single vote without another against it
    is weak.
    """
    fast, slow, macd, rci = needs = columns(features, "ema_20", "ema_50", "macd", "rci_14")
    trend = difference(fast > slow, fast < slow)
    momentum = difference(macd > 0.0, macd < 0.0)
    overheated = against(rci, settings.rci_low, settings.rci_high)
    total = trend + momentum + overheated
    agreeing = (np.abs(trend) + np.abs(momentum) + np.abs(overheated) + np.abs(total)) // 2
    confidence = np.where(
        agreeing == _MOST, settings.two_votes_confidence, settings.single_vote_confidence
    )
    confidence[agreeing == _ALL] = settings.three_votes_confidence
    return ballot(total, confidence, least=settings.min_confidence, needs=needs)
