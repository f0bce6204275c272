"""Whether the model that serves is still the one that was judged: asked once a candle, of the
window that a tick holds. Pure.

It remembers nothing: the window is long enough to see the present state, and alerts are told once a
day anyway. Every limit has room for luck: neighbouring labels tell the same story, so a week of
them is worth some twenty.
"""

import math
from collections.abc import Iterator
from typing import Protocol

import numpy as np

from shared.core.calendar import DAY_MS
from shared.core.reasons import Reason
from shared.core.settings import Settings
from shared.core.types import BoolArray, Candles, Features, FloatArray, IntArray, Issue, Prediction
from shared.model.bundle import Bundle
from shared.model.manifest import Reference
from shared.model.outcomes import LOWER, UPPER, label, uniqueness
from shared.turn.watch.drift import bin_shares, ks_of_shares, psi
from shared.turn.watch.scores import score

EVERY = 8
"""The model is asked for every eighth row of the window: what lies between says nearly the same,
and costs a tick its time."""
FEATURE_SHARE = 0.2
"""This share of the features (two at the least) must have drifted: with dozens of them one always
has, by chance."""
_SCORES = {"score:lower": LOWER, "score:upper": UPPER}


class Retrained(Protocol):
    """The registry's pointer, as far as the watch looks."""

    @property
    def retrained_at(self) -> int | None:
        """When a retraining last ended."""
        ...


def sampled_rows(as_of: IntArray, *, step_ms: int) -> BoolArray:
    """The rows (n,) of which the model is asked, the same ones in every tick."""
    chosen: BoolArray = (as_of // step_ms) % EVERY == 0
    return chosen


def inspect_model(
    bundle: Bundle,
    features: Features,
    prediction: Prediction,
    candles: Candles,
    pointer: Retrained | None,
    now_ms: int,
    settings: Settings,
) -> tuple[Issue, ...]:
    """What speaks against the model; the issues forbid entries only where `watch.forbid_entries` is
    set.

    Args:
        bundle: The model that serves.
        features: Of the window, n rows.
        prediction: What it says of those rows that are `sampled`, with or without consensus; NaN
            elsewhere.
        candles: The 15m candles of the window, n of them.
        pointer: For the end of the last retraining; None where nothing points to the bundle.
        now_ms: The present instant.
        settings: `watch` has the limits.
    """
    found = (
        *age_findings(
            bundle.manifest.as_of,
            None if pointer is None else pointer.retrained_at,
            now_ms=now_ms,
            settings=settings,
        ),
        *_still(bundle, prediction, settings),
        *_drift_findings(bundle, features, prediction, settings),
        *_worse(bundle, features, prediction, candles, settings),
    )
    return tuple(
        Issue(
            reason=reason,
            forbids_entry=settings.watch.forbid_entries,
            context={"model": bundle.version, **context},
        )
        for reason, context in found
    )


def age_findings(
    as_of: int | None, retrained_at: int | None, *, now_ms: int, settings: Settings
) -> Iterator[tuple[Reason, dict[str, str]]]:
    """What is too old: the end of the model's data, the end of the last retraining.

    None of either: nobody knows it, and it is not too old.

    >>> from shared.core.settings import load_settings
    >>> found = age_findings(0, 21 * DAY_MS, now_ms=22 * DAY_MS, settings=load_settings({}))
    >>> [(reason.value, facts["age"]) for reason, facts in found]
    [('model_old', '22.0 days')]
    """
    age = 0.0 if as_of is None else (now_ms - as_of) / DAY_MS
    if age > settings.watch.max_age_days:
        yield (
            Reason.MODEL_OLD,
            {
                "age": f"{age:.1f} days",
                "limit": f"{settings.watch.max_age_days:g} days",
            },
        )
    if retrained_at is not None:
        since = (now_ms - retrained_at) / DAY_MS
        if since > settings.watch.overdue_days:
            yield (
                Reason.RETRAIN_OVERDUE,
                {
                    "since": f"{since:.1f} days",
                    "limit": f"{settings.watch.overdue_days:g} days",
                },
            )


def _still(
    bundle: Bundle, prediction: Prediction, settings: Settings
) -> Iterator[tuple[Reason, dict[str, str]]]:
    told = prediction.probabilities[np.isfinite(prediction.probabilities).all(axis=1)]
    if len(told) * EVERY < settings.watch.least_rows:
        return
    spread = float(told.std(axis=0).mean())
    if spread < settings.watch.least_spread:
        promised = (
            "" if bundle.manifest.promise is None else f"{bundle.manifest.promise.spread:.4f}"
        )
        yield (
            Reason.MODEL_STILL,
            {
                "spread": f"{spread:.6f}",
                "limit": f"{settings.watch.least_spread:g}",
                "promised": promised,
                "rows": str(len(told)),
            },
        )


def _drift_findings(
    bundle: Bundle, features: Features, prediction: Prediction, settings: Settings
) -> Iterator[tuple[Reason, dict[str, str]]]:
    asked, beyond = 0, []
    scores = []
    for reference in bundle.manifest.references:
        values, rows = _values(reference, features, prediction)
        if rows < settings.watch.least_rows:
            continue
        distance = _distance(reference, values)
        if reference.name in _SCORES:
            scores += [distance] if distance[0] > 1.0 else []
        else:
            asked += 1
            beyond += [distance] if distance[0] > 1.0 else []
    many = len(beyond) >= max(2, math.ceil(FEATURE_SHARE * asked))
    if scores or many:
        worst = sorted((*scores, *beyond), reverse=True)[:2]
        yield (
            Reason.MODEL_DRIFTED,
            {
                "features": f"{len(beyond)} of {asked} beyond their alarm level",
                "scores": ", ".join(text for _, text in scores) or "as they were",
                "worst": "; ".join(text for _, text in worst),
            },
        )


def _values(
    reference: Reference, features: Features, prediction: Prediction
) -> tuple[FloatArray, int]:
    """What the window has of it, as the model sees it, and how many rows of the window that stands
    for.
    """
    if reference.name in _SCORES:
        column = prediction.probabilities[:, _SCORES[reference.name]]
        return column, int(np.isfinite(column).sum()) * EVERY
    if reference.name not in features.names:
        return np.zeros(0), 0
    with np.errstate(over="ignore"):
        column = features.column(reference.name).astype(np.float32).astype(np.float64)
    column = column[np.isfinite(column)]
    return column, len(column)


def _distance(reference: Reference, values: FloatArray) -> tuple[float, str]:
    """How many times beyond its own alarm level it lies by both measures, and in words."""
    shares = bin_shares(values, reference.edges)
    index, distance = psi(reference.shares, shares), ks_of_shares(reference.shares, shares)
    text = (
        f"{reference.name}: PSI {index:.2f} (alarm {reference.psi_alarm:.2f}), "
        f"KS {distance:.2f} (alarm {reference.ks_alarm:.2f})"
    )
    return (
        min(index / max(reference.psi_alarm, 1e-9), distance / max(reference.ks_alarm, 1e-9)),
        text,
    )


def _worse(
    bundle: Bundle, features: Features, prediction: Prediction, candles: Candles, settings: Settings
) -> Iterator[tuple[Reason, dict[str, str]]]:
    """Live rows only: those after the model's data, whose labels have become known inside the
    window.
    """
    promise, watch = bundle.manifest.promise, settings.watch
    if promise is None:
        return
    came = label(candles, features.column("atr_14"), bundle.barriers)
    live = (
        came.complete
        & (features.as_of > bundle.manifest.as_of)
        & np.isfinite(prediction.probabilities).all(axis=1)
    )
    rows = np.flatnonzero(live)
    if len(rows) * EVERY < watch.least_rows:
        return
    weight = uniqueness(features.as_of[rows], came.end_at[rows], step_ms=candles.timeframe.ms)
    shown = score(prediction.probabilities[rows], came.value[rows], weight)
    if shown is None:
        return
    lowest = promise.hit_rate - watch.hit_rate_slack - shown.hit_rate_luck(promise.hit_rate)
    highest = promise.calibration_error + watch.calibration_slack + shown.calibration_luck
    wrong = shown.hit_rate is not None and shown.hit_rate < lowest
    if wrong or shown.calibration_error > highest:
        hit = "unknown" if shown.hit_rate is None else f"{shown.hit_rate:.3f}"
        yield (
            Reason.MODEL_WORSE,
            {
                "hit rate": f"{hit} (promised {promise.hit_rate:.3f}, alarm below {lowest:.3f})",
                "calibration error": (
                    f"{shown.calibration_error:.3f} (promised {promise.calibration_error:.3f},"
                    f" alarm above {highest:.3f})"
                ),
                "independent labels": f"{shown.effective_rows:.1f} in {len(rows)} rows",
            },
        )
