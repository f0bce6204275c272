"""The bundle that a fit makes, before it is judged and signed: a manifest and the trees."""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.data.dataset import Dataset
from models.data.labels import barriers_of
from models.fit.recipe import Fitted, libraries, recipe_hash
from shared.core import fingerprint
from shared.core.deciding import present_code
from shared.core.settings import Settings
from shared.model.manifest import (
    CLASSES,
    META_INPUTS,
    SCHEMA,
    Golden,
    Interval,
    Manifest,
    Purpose,
    Verdict,
)
from shared.model.predict import Bundle, predict_rows, volatility_rows, vote_rows

GOLDEN_ROWS = 20


def draft(
    fitted: Fitted, settings: Settings, *, version: str, purpose: Purpose = "quick", **known: Any
) -> Bundle:
    """A bundle that predicts as the signed one will, with no metrics, no golden rows, and a verdict
    that allows nothing.

    Args:
        fitted: What serves.
        settings: Those of the fit.
        version: Its name.
        purpose: What it is made for; a fold of a walk-forward is never published.
        known: `as_of`, `data_hash`, `commit`, `seed` and `parent` of the manifest.
    """
    parts, heads = fitted.parts, fitted.heads
    manifest = Manifest(
        schema=SCHEMA,
        version=version,
        purpose=purpose,
        files={},
        features=parts.training.names,
        feature_code=fingerprint.digest_of(fingerprint.read_sources(("shared/features",))),
        code=present_code(),
        classes=CLASSES,
        members=fitted.members,
        calibration=fitted.calibration,
        barriers=barriers_of(settings.learning),
        training=part_interval(parts.training),
        calibrating=part_interval(parts.calibration),
        validation=part_interval(parts.validation),
        trials={"configurations": 1},
        metrics={},
        libraries=libraries(settings.learning),
        settings_hash=settings.hash,
        golden=Golden(rows=(), probabilities=()),
        verdict=Verdict(may_serve=False, may_enter=False),
        recipe=recipe_hash(settings, parts.training.names),
        policy=settings.risk.policy,
        volatility=None if heads is None else heads.volatility,
        meta=None if heads is None else heads.meta,
        **known,
    )
    return Bundle(version=version, manifest=manifest, forest=fitted.forest)


def part_interval(part: Dataset) -> Interval:
    """From where to where a part reaches, and what it is worth."""
    return Interval(
        from_at=int(part.as_of[0]),
        to_at=int(part.as_of[-1]),
        label_end_at=int(part.end_at.max()),
        rows=len(part),
        effective_rows=float(part.weight.sum()),
    )


def golden_rows(bundle: Bundle, part: Dataset) -> Golden:
    """Some of the rows, with what any machine must say of them."""
    chosen = np.unique(np.linspace(0, len(part) - 1, GOLDEN_ROWS).astype(np.int64))
    rows, past = part.rows[chosen], part.volatility_past[chosen]
    found = Golden(rows=_lists(rows), probabilities=_lists(predict_rows(rows, bundle)))
    if bundle.manifest.volatility is not None:
        found = replace(
            found, realised=_lists(past), volatility=_lists(volatility_rows(rows, past, bundle))
        )
    if bundle.manifest.meta is not None:
        votes = np.ones((len(rows), len(META_INPUTS)))
        votes[1::2, 0] = -1.0  # both sides, at every strength
        votes[:, 1] = np.linspace(0.0, 1.0, len(rows))
        found = replace(
            found, votes=_lists(votes), p_vote=tuple(vote_rows(rows, votes, bundle).tolist())
        )
    return found


def _lists(values: NDArray[np.floating[Any]]) -> Any:
    return tuple(tuple(float(value) for value in row) for row in values)
