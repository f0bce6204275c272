"""The champion beside what was trained, on candles that neither's training, label ends and embargo
have touched.
"""

from collections.abc import Mapping
from dataclasses import replace

import msgspec
import numpy as np

from models.data.dataset import Dataset
from models.data.uniqueness import uniqueness
from models.fit.recipe import recipe_hash, training_embargo_ms
from models.gate.types import PredictionRows, Rival
from shared.core.settings import LearningSettings, Settings
from shared.core.types import BoolArray, FloatArray, IntArray, Timeframe
from shared.model.predict import Bundle, predict_rows

RECIPE = "recipe.json"
"""The settings of the learning, kept in each bundle, so that a later training can walk this recipe
again."""


def recipe_file(settings: Settings) -> bytes:
    """What `champions_settings` reads."""
    return msgspec.json.format(msgspec.json.encode(settings.learning), indent=1) + b"\n"


def champions_settings(
    files: Mapping[str, bytes], recipe: str, settings: Settings
) -> Settings | None:
    """The settings that give the champion's recipe under today's code; None where its code or its
    file is gone.
    """
    if RECIPE not in files:
        return None
    try:
        learning = msgspec.json.decode(files[RECIPE], type=LearningSettings)
    except msgspec.DecodeError:
        return None
    theirs = replace(settings, learning=learning)
    return theirs if recipe_hash(theirs) == recipe else None


def by_folds(version: str, mine: PredictionRows, theirs: PredictionRows) -> Rival:
    """Both recipes' walk-forwards, on the rows that both decided."""
    own, other = np.isin(mine.as_of, theirs.as_of), np.isin(theirs.as_of, mine.as_of)
    return Rival(
        version=version, source="folds", challenger=_cut(mine, own), champion=_cut(theirs, other)
    )


def by_bundles(champion: Bundle, challenger: Bundle, dataset: Dataset, settings: Settings) -> Rival:
    """Both bundles asked about the newest rows: those that neither learned from nor was calibrated
    on, embargo included.

    No row at all where the two answer different questions or see different features.
    """
    manifests = (champion.manifest, challenger.manifest)
    known_at = max(
        max(each.training.label_end_at, each.calibrating.label_end_at) for each in manifests
    )
    untouched = dataset.as_of > known_at + training_embargo_ms(settings)
    if len({each.barriers for each in manifests}) > 1 or any(
        not set(each.features) <= set(dataset.names) for each in manifests
    ):
        untouched &= False
    part = dataset.at(np.flatnonzero(untouched))
    rows = [_rows(part, _predict_part(part, bundle), known_at) for bundle in (challenger, champion)]
    return Rival(version=champion.version, source="bundles", challenger=rows[0], champion=rows[1])


def _predict_part(part: Dataset, bundle: Bundle) -> FloatArray:
    if not len(part):
        return np.empty((0, 3))
    columns = [part.names.index(name) for name in bundle.manifest.features]
    return predict_rows(np.ascontiguousarray(part.rows[:, columns]), bundle)


def _rows(part: Dataset, said: FloatArray, known_at: int) -> PredictionRows:
    """The volatility-only column repeats the model: a rival is asked only who says it better."""
    return PredictionRows(
        as_of=part.as_of,
        end_at=part.end_at,
        label=part.label,
        weight=part.weight,
        probabilities=said,
        volatility_only=said,
        known_at=np.full(len(part), known_at, dtype=np.int64),
    )


def _cut(rows: PredictionRows, kept: BoolArray) -> PredictionRows:
    as_of, end_at = rows.as_of[kept], rows.end_at[kept]
    weight: FloatArray = uniqueness(as_of, end_at, step_ms=Timeframe.M15.ms)
    known_at: IntArray = rows.known_at[kept]
    return PredictionRows(
        as_of=as_of,
        end_at=end_at,
        label=rows.label[kept],
        weight=weight,
        probabilities=rows.probabilities[kept],
        volatility_only=rows.volatility_only[kept],
        known_at=known_at,
    )
