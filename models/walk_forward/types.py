"""What a walk-forward gives: folds, and the predictions of each on candles that it had not seen."""

from dataclasses import dataclass

from models.gate.types import PredictionRows
from shared.core.types import Barriers, Features, FloatArray, Prediction
from shared.model.manifest import Interval


@dataclass(frozen=True, slots=True, kw_only=True)
class WalkFold:
    """One retraining: what it learned from, and the decisions [from_at, to_at) that are its own.

    >>> part = Interval(from_at=0, to_at=60, label_end_at=65, rows=61, effective_rows=7.5)
    >>> fold = WalkFold(
    ...     number=1,
    ...     from_at=100,
    ...     to_at=107,
    ...     training=part,
    ...     calibrating=part,
    ...     trees=960,
    ...     seconds=1.0,
    ... )
    >>> fold.to_at - fold.from_at, fold.cached
    (7, False)
    """

    number: int
    from_at: int
    to_at: int
    training: Interval
    calibrating: Interval
    trees: int
    seconds: float
    cached: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Walked:
    """Out-of-sample predictions over all rows of the features: each from the newest model that
    there was then.

    `probabilities` (n, 3), rounded to 1e-6, and `volatility`, `p_vote` (n,) are NaN on rows that no
    fold decides. `rows` are those of them whose label is known, for the gate. `recipe` is the hash
    of everything that makes a model but its candles.

    >>> from models.walk_forward import empty_walk
    >>> from shared.core.settings import load_settings
    >>> from shared.core.types import Timeframe
    >>> from shared.features import compute
    >>> from shared.market.candles import empty_candles
    >>> nothing = compute({Timeframe.M15: empty_candles(Timeframe.M15)})
    >>> walked = empty_walk(nothing, load_settings({}, profile="trend"))
    >>> walked.recipe, walked.folds, walked.prediction(nothing).model
    ('none-target', (), 'walk-forward-none-target')
    """

    recipe: str
    barriers: Barriers
    folds: tuple[WalkFold, ...]
    probabilities: FloatArray
    rows: PredictionRows
    volatility: FloatArray | None = None
    p_vote: FloatArray | None = None

    @property
    def start_at(self) -> int:
        """The first decision."""
        return self.folds[0].from_at

    @property
    def end_at(self) -> int:
        """After the last."""
        return self.folds[-1].to_at

    def prediction(self, features: Features) -> Prediction:
        """What the rules are told, row by row. `features`: those that were walked over."""
        return Prediction(
            as_of=features.as_of,
            probabilities=self.probabilities,
            model=f"walk-forward-{self.recipe}",
            barriers=self.barriers,
            volatility=self.volatility,
            p_vote=self.p_vote,
        )
