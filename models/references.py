"""What a model is held against once it serves: how its inputs and scores were distributed, and what it promised.

The PSI of a window depends on its length, and features of overlapping candles wander: the customary limits of 0.1 and 0.25
would alarm always or never. So the alarm levels come from the model's own past: what windows of `WINDOW_ROWS` rows reached one
time in a hundred.
"""

import numpy as np

from models import evaluate
from models.dataset import Dataset, Split
from models.labels import LOWER, NEITHER, UPPER
from shared.ensemble.manifest import Promise, Reference
from shared.ensemble.predict import Bundle, predict_rows
from shared.types import FloatArray, Int8Array, IntArray
from shared.watch.drift import LEAST_SHARE

WINDOW_ROWS = 1_000
ALARM = 0.99
SCORES = {"score:lower": LOWER, "score:upper": UPPER}
_DECILES = np.linspace(0.1, 0.9, 9)
_STRIDE_ROWS = 50


def references(bundle: Bundle, parts: Split) -> tuple[Reference, ...]:
    """Each feature's and score's distribution on the validation rows, in deciles, with its alarm levels.

    The past of a feature are all rows; that of a score only those that the learners did not see: a model is bolder on its own.
    """
    judged, held = parts.validation, np.concatenate([parts.calibration.rows, parts.validation.rows])
    past = np.concatenate([parts.training.rows, held])
    told = predict_rows(held, bundle)
    found = [
        _reference(name, judged.rows[:, column].astype(np.float64), past[:, column].astype(np.float64))
        for column, name in enumerate(judged.names)
    ]
    found += [_reference(name, told[-len(judged) :, of], told[:, of]) for name, of in SCORES.items()]
    return tuple(found)


def _reference(name: str, judged: FloatArray, past: FloatArray) -> Reference:
    edges = np.unique(np.quantile(judged, _DECILES))
    counts = np.bincount(np.searchsorted(edges, judged, side="right"), minlength=len(edges) + 1)
    shares = counts / len(judged)
    windows = _windows(np.searchsorted(edges, past, side="right"), bins=len(edges) + 1)
    expected, seen = np.maximum(shares, LEAST_SHARE), np.maximum(windows, LEAST_SHARE)
    psi = ((seen - expected) * np.log(seen / expected)).sum(axis=1)
    distance = np.abs(np.cumsum(windows, axis=1) - np.cumsum(shares)).max(axis=1)
    return Reference(
        name=name,
        edges=tuple(edges.tolist()),
        shares=tuple(shares.tolist()),
        psi_alarm=_level(psi),
        ks_alarm=_level(distance),
    )


def _level(reached: FloatArray) -> float:
    """The 99th percentile, rounded so that no processor's last bit changes a bundle."""
    return round(float(np.quantile(reached, ALARM)), 9)


def _windows(place: IntArray, *, bins: int) -> FloatArray:
    """The shares (w, bins) in windows of `WINDOW_ROWS` rows, one every `_STRIDE_ROWS`; the whole where there are fewer."""
    length = min(WINDOW_ROWS, len(place))
    counted = np.zeros((len(place) + 1, bins), dtype=np.int64)
    np.cumsum(place[:, None] == np.arange(bins), axis=0, out=counted[1:])
    starts = np.arange(0, len(place) - length + 1, _STRIDE_ROWS)
    found: FloatArray = (counted[starts + length] - counted[starts]) / length
    return found


def promise(probabilities: FloatArray, part: Dataset) -> Promise:
    """What the vote (n, 3) showed on rows that nothing was fitted on."""
    return Promise(
        hit_rate=_hit_rate(probabilities, part.label),
        calibration_error=evaluate.calibration_error(probabilities, part.label),
        log_loss=float(evaluate.log_losses(probabilities, part.label).mean()),
        spread=float(probabilities.std(axis=0).mean()),
    )


def _hit_rate(probabilities: FloatArray, label: Int8Array) -> float:
    """How often the more probable side came, among the rows where one of them did; one half where none did."""
    touched = label != NEITHER
    if not touched.any():
        return 0.5
    guess = np.where(probabilities[:, UPPER] >= probabilities[:, LOWER], UPPER, LOWER)
    return float((guess == label)[touched].mean())
