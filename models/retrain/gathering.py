"""The candles of a retraining, and everything that is worked out of them once: features, votes,
labelled rows.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from models.data.dataset import Dataset, build
from models.data.labels import costs_of
from models.fit.train import WARM_UP_DAYS
from models.retrain.place import LEARNED_FROM, CandleHistory, Tell
from shared.core.calendar import DAY_MS, utc_text
from shared.core.errors import UserError
from shared.core.settings import Settings
from shared.core.trials import data_hash
from shared.core.types import Candles, Timeframe
from shared.market.candle_files import FIRST_FILE_AT
from shared.risk import policy_of
from shared.turn import pipeline
from shared.turn.pipeline import Stages


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathered:
    """Closed candles with nothing after the instant of the training, and sentences about what could
    not be had.
    """

    candles: Mapping[Timeframe, Candles]
    notes: tuple[str, ...]

    @property
    def hash(self) -> str:
        """Sixteen hex digits of all candles."""
        return data_hash([self.candles[timeframe] for timeframe in LEARNED_FROM])


@dataclass(frozen=True, slots=True, kw_only=True)
class Learnable:
    """Features and votes over all candles, and the labelled rows of the whole history."""

    stages: Stages
    dataset: Dataset


def gather_inputs(
    history: CandleHistory, settings: Settings, *, as_of: int, tell: Tell
) -> Gathered:
    """Fetch what is missing, and read.

    The history reaches back as far as the first fold of the walk-forward looks: the gate's days,
    the learning's, the warm-up. A policy that asks no model is judged on every candle there is: no
    more are fetched for it, but all that are stored are read.

    Raises:
        UserError: there are no candles at all.
        Unavailable: the exchange did not answer; what was fetched is stored.
    """
    start_at = as_of - (settings.gate.history_days + settings.learning.days + WARM_UP_DAYS) * DAY_MS
    notes = history.fetch(start_at, as_of, tell)
    if not policy_of(settings).is_model_based:
        start_at = FIRST_FILE_AT  # no candle taught it anything, so that all there are can judge it
    candles = {
        timeframe: history.read(timeframe, start_at, as_of).closed_by(as_of)
        for timeframe in LEARNED_FROM
    }
    empty = [timeframe for timeframe, part in candles.items() if not len(part)]
    if empty:
        raise UserError(
            f"{history.name} holds no {' and no '.join(empty)} candles between"
            f" {utc_text(start_at)[:16]} and {utc_text(as_of)[:16]} UTC",
            remedy="run `scripts/bot collect` first, or give a file with --candles",
        )
    return Gathered(candles=candles, notes=notes)


def learnable(candles: Mapping[Timeframe, Candles], settings: Settings) -> Learnable:
    """Features by the tick's own code, once; votes and labelled rows from them."""
    stages = pipeline.stages(candles, bundle=None, settings=settings)
    dataset = build(
        candles, settings.learning, days=None, computed=stages.features, costs=costs_of(settings)
    )
    return Learnable(stages=stages, dataset=dataset)
