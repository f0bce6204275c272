"""What a model is held against once it serves: how its inputs and scores were distributed, and what
it promised.

The PSI of a window depends on its length, and features of overlapping candles wander: the customary
limits of 0.1 and 0.25 would alarm always or never. So the alarm levels come from the model's own
past, by doing there what the watch will do: a stretch as long as the judged one is the reference,
and a window that comes after it is held against it. Few of these pairs are independent of each
other, so the level reached one time in a hundred is that of Student's prediction interval, not the
largest that happened to be seen.
"""

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

from models.data.dataset import STEP_MS, Dataset, Split
from models.data.labels import LOWER, NEITHER, UPPER
from models.statistics import evaluate
from shared.core.types import BoolArray, FloatArray, Int8Array, IntArray
from shared.model.calibration import calibration_error
from shared.model.manifest import Promise, Reference
from shared.model.predict import Bundle, predict_rows
from shared.turn.watch.drift import LEAST_SHARE
from shared.turn.watch.inspection import sampled_rows

WINDOW_ROWS = 1_000
ALARM = 0.99
SCORES = {"score:lower": LOWER, "score:upper": UPPER}
_DECILES = np.linspace(0.1, 0.9, 9)
_WINDOW_MS = WINDOW_ROWS * STEP_MS
_STRIDE_MS = _WINDOW_MS // 5
_AFTER_MS = (0, _WINDOW_MS)
"""How long after its reference a window begins."""
_LEAST_FREEDOM = 3
_LEAST_ROWS = 30
_WITHOUT_PAST = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Past:
    """Values (n,) at instants (n,), and which of them the watch would ask for in a window."""

    as_of: IntArray
    values: FloatArray
    asked: BoolArray


def references(bundle: Bundle, parts: Split) -> tuple[Reference, ...]:
    """Each feature's and score's distribution on the validation rows, in deciles, with its alarm
    levels.

    The past of a feature are all rows. That of a score are the training rows: a model is bolder on
    its own, but alike in all of them, and only how far windows differ is asked here.
    """
    judged, training = parts.validation, parts.training
    span_ms = int(judged.as_of[-1] - judged.as_of[0]) + STEP_MS
    as_of = np.concatenate([training.as_of, parts.calibration.as_of, judged.as_of])
    rows = np.concatenate([training.rows, parts.calibration.rows, judged.rows]).astype(np.float64)
    every = np.ones(len(as_of), dtype=np.bool_)
    found = [
        _reference(
            name,
            judged.rows[:, column].astype(np.float64),
            _Past(as_of=as_of, values=rows[:, column], asked=every),
            span_ms,
        )
        for column, name in enumerate(judged.names)
    ]
    told, learned = predict_rows(judged.rows, bundle), predict_rows(training.rows, bundle)
    some = sampled_rows(training.as_of, step_ms=STEP_MS)
    found += [
        _reference(
            name,
            told[:, of],
            _Past(as_of=training.as_of, values=learned[:, of], asked=some),
            span_ms,
        )
        for name, of in SCORES.items()
    ]
    return tuple(found)


def _reference(name: str, judged: FloatArray, past: _Past, span_ms: int) -> Reference:
    edges, shares = _bin_values(judged)
    psi, distance, independent = _pairs(past, span_ms)
    return Reference(
        name=name,
        edges=tuple(edges.tolist()),
        shares=tuple(shares.tolist()),
        psi_alarm=_level(np.sqrt(psi).tolist(), independent)
        ** 2,  # its root is nearly Normal, as that of a chi-square
        ks_alarm=min(1.0, _level(distance, independent)),
    )


def _bin_values(values: FloatArray) -> tuple[FloatArray, FloatArray]:
    """The edges of the deciles, and what fell between them."""
    edges = np.unique(np.quantile(values, _DECILES))
    return edges, _shares(values, edges)


def _shares(values: FloatArray, edges: FloatArray) -> FloatArray:
    counts = np.bincount(np.searchsorted(edges, values, side="right"), minlength=len(edges) + 1)
    found: FloatArray = counts / len(values)
    return found


def _pairs(past: _Past, span_ms: int) -> tuple[list[float], list[float], int]:
    """PSI and KS of every window against the stretch before it, and how many of these windows do
    not overlap.

    Where the past is too short for one pair, the stretch is made shorter: its first part against
    what is left.
    """
    first, end = int(past.as_of[0]), int(past.as_of[-1]) + STEP_MS
    span_ms = min(span_ms, max((end - first) // 2, end - first - 3 * _WINDOW_MS))
    psi, distance = [], []
    begins = set()
    for after in _AFTER_MS:
        for at in range(first, end - span_ms - after - _WINDOW_MS + 1, _STRIDE_MS):
            window = _between(past, at + span_ms + after, _WINDOW_MS, asked=True)
            stretch = _between(past, at, span_ms, asked=False)
            if min(len(window), len(stretch)) < _LEAST_ROWS:
                continue
            edges, expected = _bin_values(stretch)
            seen = _shares(window, edges)
            distance.append(float(np.abs(np.cumsum(seen) - np.cumsum(expected)).max()))
            one, other = np.maximum(seen, LEAST_SHARE), np.maximum(expected, LEAST_SHARE)
            psi.append(float(((one - other) * np.log(one / other)).sum()))
            begins.add(at + span_ms + after)
    return psi, distance, (max(begins) - min(begins)) // _WINDOW_MS + 1 if begins else 0


def _between(past: _Past, at: int, length_ms: int, *, asked: bool) -> FloatArray:
    first, last = np.searchsorted(past.as_of, [at, at + length_ms])
    values = past.values[first:last]
    return values[past.asked[first:last]] if asked else values


def _level(reached: list[float], independent: int) -> float:
    """What is reached one time in a hundred, rounded so that no processor's last bit changes a
    bundle.

    The upper end of a prediction interval (Student's t; Hahn & Meeker, Statistical Intervals,
    1991), and never below what was seen that often. Without any past nothing is alarming.
    """
    if not reached:
        return _WITHOUT_PAST
    freedom = max(_LEAST_FREEDOM, independent - 1)
    reach = float(stdtrit(freedom, ALARM)) * math.sqrt(1.0 + 1.0 / (freedom + 1))
    level = float(np.mean(reached)) + reach * float(np.std(reached))
    return round(max(level, float(np.quantile(reached, ALARM))), 9)


def promise(probabilities: FloatArray, part: Dataset) -> Promise:
    """What the vote (n, 3) showed on rows that nothing was fitted on."""
    return Promise(
        hit_rate=_hit_rate(probabilities, part.label),
        calibration_error=calibration_error(probabilities, part.label),
        log_loss=float(evaluate.log_losses(probabilities, part.label).mean()),
        spread=float(probabilities.std(axis=0).mean()),
    )


def _hit_rate(probabilities: FloatArray, label: Int8Array) -> float:
    """How often the more probable side came, among the rows where one of them did; one half where
    none did.
    """
    touched = label != NEITHER
    if not touched.any():
        return 0.5
    guess = np.where(probabilities[:, UPPER] >= probabilities[:, LOWER], UPPER, LOWER)
    return float((guess == label)[touched].mean())
