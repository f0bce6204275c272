"""The walk of a policy that asks no model: nothing is learned or predicted, and money alone judges
its replay.
"""

import numpy as np

from models.data.labels import barriers_of
from models.gate.types import PredictionRows
from models.walk_forward.types import Walked
from shared.core.settings import Settings
from shared.core.types import Features


def empty_walk(computed: Features, settings: Settings) -> Walked:
    """No folds, and no prediction on any row.

    >>> from shared.core.settings import load_settings
    >>> from shared.core.types import Timeframe
    >>> from shared.features import compute
    >>> from shared.market.candles import empty_candles
    >>> nothing = compute({Timeframe.M15: empty_candles(Timeframe.M15)})
    >>> empty_walk(nothing, load_settings({}, profile="trend")).probabilities.shape
    (0, 3)
    """
    none, nothing = np.zeros(0, dtype=np.int64), np.zeros((0, 3))
    return Walked(
        recipe=f"none-{settings.risk.policy}",
        barriers=barriers_of(settings.learning),
        folds=(),
        probabilities=np.full((len(computed.as_of), 3), np.nan),
        rows=PredictionRows(
            as_of=none,
            end_at=none,
            label=none.astype(np.int8),
            weight=np.zeros(0),
            probabilities=nothing,
            volatility_only=nothing,
            known_at=none,
        ),
    )
