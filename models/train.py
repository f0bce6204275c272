"""One honest training: fit on the past, calibrate on later rows, judge on the latest ones, sign what was judged."""

import dataclasses
import hashlib
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np

from models import calibrate, evaluate, export, learners
from models.card import card
from models.dataset import DAY_MS, Dataset, Split, build, data_hash, split
from models.members import NATIVE_FILES, Progress, differences, fit_all, member_of
from models.verdict import judge
from shared.ensemble import predict_rows
from shared.ensemble.bundle import load
from shared.ensemble.forest import Forest
from shared.ensemble.manifest import (
    CLASSES,
    MANIFEST,
    MODEL,
    SCHEMA,
    SIGNATURE,
    Calibration,
    FileEntry,
    Golden,
    Interval,
    Manifest,
    Member,
    Verdict,
    encode,
)
from shared.ensemble.predict import Bundle, calibrated, logarithm, member_scores
from shared.ensemble.signing import public_of, sign
from shared.features.catalogue import MODEL as MODEL_FEATURES
from shared.settings import LearningSettings, Settings
from shared.stores.bundles import code_hash
from shared.types import Barriers, Candles, Timeframe

CARD = "MODEL_CARD.md"
GOLDEN_ROWS = 20
WARM_UP_DAYS = 170  # 1,000 candles of 4h and some: what the tick's window holds


@dataclass(frozen=True, slots=True, kw_only=True)
class Training:
    """A signed bundle and what is known of it."""

    version: str
    files: dict[str, bytes]
    manifest: Manifest
    metrics: dict[str, dict[str, float]]


def train(
    candles: Mapping[Timeframe, Candles],
    settings: Settings,
    *,
    as_of: int,
    seed: int,
    commit: str,
    signing_key: str,
    parent: str | None = None,
    on_progress: Progress | None = None,
    names: tuple[str, ...] = MODEL_FEATURES,
) -> Training:
    """Train, calibrate, export, judge and sign. The same arguments give the same bytes.

    Args:
        candles: 15m and 4h; only those closed at `as_of` are looked at. About `WARM_UP_DAYS` more than
            `settings.learning.days` make all features warm from the first day.
        settings: `learning` decides label, split and learners.
        as_of: the instant of the training, ms UTC; no other clock is read.
        seed: of learners and bootstrap.
        commit: of the code; part of the version's name.
        signing_key: Ed25519 private key as hex.
        parent: the champion's version, for the record.
        on_progress: told what is done next and the share that is done.
        names: features to learn from.

    Raises:
        UserError: too little history, or a learner's package is missing.
        BadData: a timeframe or feature is missing.
        BadBundle: the exported trees differ from the native libraries; such a bundle is never made.
    """
    tell = on_progress or (lambda _text, _share: None)
    learning = settings.learning
    known = {timeframe: part.closed_by(as_of) for timeframe, part in candles.items()}
    tell("features and labels", 0.0)
    dataset = build(known, learning, names)
    embargo_ms = learning.horizon_candles * Timeframe.M15.ms
    parts = split(dataset, held_out_share=learning.validation_share, embargo_ms=embargo_ms)
    fitted = fit_all(parts.training, learning, seed, tell)
    tell("export", 0.75)
    forest = export.flatten([tree for learner in fitted for tree in learner.trees], feature_count=len(names))
    members = tuple(member_of(learner, learning) for learner in fitted)
    found = differences(fitted, members, forest, parts)
    tell("calibration", 0.80)
    members, vote = _calibrate(members, forest, parts)
    tell("validation", 0.85)
    version = _version(known, settings, names=names, as_of=as_of, seed=seed, commit=commit, parent=parent)
    draft = _draft(
        settings,
        parts,
        version=version,
        features=names,
        members=members,
        calibration=vote,
        as_of=as_of,
        data_hash=data_hash(known),
        commit=commit,
        seed=seed,
        parent=parent,
    )
    manifest = _judged(Bundle(version=version, manifest=draft, forest=forest), dataset, parts, found)
    tell("signature", 0.95)
    audit = {NATIVE_FILES[learner.name]: learner.audit for learner in fitted}
    files = _signed(manifest, {MODEL: forest.to_bytes(), **audit}, signing_key)
    bundle = load(files, public_keys=(public_of(signing_key),), version=version, whole=True)
    tell("done", 1.0)
    return Training(version=version, files=files, manifest=bundle.manifest, metrics=bundle.manifest.metrics)


def _calibrate(members: tuple[Member, ...], forest: Forest, parts: Split) -> tuple[tuple[Member, ...], Calibration]:
    part = parts.calibration
    base = (
        np.bincount(parts.training.label, weights=parts.training.weight, minlength=len(CLASSES)) / parts.training.weight.sum()
    )
    done = []
    vote = np.zeros((len(part), len(CLASSES)))
    for member, scores in zip(members, member_scores(part.rows, forest, members), strict=True):
        calibration = calibrate.fit(scores, part.label, part.weight, base=base, centre=0.0)
        done.append(dataclasses.replace(member, calibration=calibration))
        vote += member.weight * calibrated(scores, calibration)
    return tuple(done), calibrate.fit(logarithm(vote), part.label, part.weight, base=base, centre=1.0)


def _draft(settings: Settings, parts: Split, **known: Any) -> Manifest:
    """The manifest before anything was judged: no metrics, no golden rows, and the verdict is no."""
    learning = settings.learning
    return Manifest(
        schema=SCHEMA,
        files={},
        feature_code=code_hash("shared.features"),
        classes=CLASSES,
        barriers=Barriers(atr_multiple=learning.barrier_atr, horizon_candles=learning.horizon_candles),
        training=_interval(parts.training),
        calibrating=_interval(parts.calibration),
        validation=_interval(parts.validation),
        trials={"configurations": 1},
        metrics={},
        libraries=_libraries(),
        settings_hash=settings.hash,
        golden=Golden(rows=(), probabilities=()),
        verdict=Verdict(may_serve=False, may_enter=False),
        **known,
    )


def _judged(bundle: Bundle, dataset: Dataset, parts: Split, found: Mapping[str, float]) -> Manifest:
    """The manifest with metrics, golden rows and verdict, all from the validation rows."""
    part, manifest = parts.validation, bundle.manifest
    block = max(96, 2 * manifest.barriers.horizon_candles)
    vote = predict_rows(part.rows, bundle)
    scores = {"vote": evaluate.metrics(vote, part.label, block=block, seed=manifest.seed)}
    for member, raw in zip(manifest.members, member_scores(part.rows, bundle.forest, manifest.members), strict=True):
        given = calibrated(raw, member.calibration)
        scores[member.name] = evaluate.metrics(given, part.label, block=block, seed=manifest.seed)
        scores[member.name]["difference_from_native"] = found[member.name]
    shares = np.bincount(part.label, minlength=len(CLASSES)) / len(part)
    scores["data"] = {
        "rows": float(len(dataset)),
        "effective_rows": float(dataset.weight.sum()),
        "ambiguous_rows": float(dataset.ambiguous),
        **{f"validation_share_{name}": float(share) for name, share in zip(CLASSES, shares, strict=True)},
    }
    chosen = np.unique(np.linspace(0, len(part) - 1, GOLDEN_ROWS).astype(np.int64))
    golden = Golden(
        rows=tuple(tuple(float(value) for value in row) for row in part.rows[chosen]),
        probabilities=tuple((float(row[0]), float(row[1]), float(row[2])) for row in vote[chosen]),
    )
    verdict = judge(differences=found, probabilities=vote, label=part.label, scores=scores["vote"])
    return dataclasses.replace(manifest, metrics=scores, golden=golden, verdict=verdict)


def _signed(manifest: Manifest, files: dict[str, bytes], signing_key: str) -> dict[str, bytes]:
    everything = {**files, CARD: card(manifest)}
    listed = {name: FileEntry.of(data) for name, data in sorted(everything.items())}
    told = encode(dataclasses.replace(manifest, files=listed))
    return {**everything, MANIFEST: told, SIGNATURE: sign(told, signing_key)}


def _interval(part: Dataset) -> Interval:
    return Interval(
        from_at=int(part.as_of[0]),
        to_at=int(part.as_of[-1]),
        label_end_at=int(part.end_at.max()),
        rows=len(part),
        effective_rows=float(part.weight.sum()),
    )


def _version(known: Mapping[Timeframe, Candles], settings: Settings, *, commit: str, **what: Any) -> str:
    """The end of the data, the commit, and eight digits for everything else that makes a difference."""
    end = datetime.fromtimestamp(int(known[Timeframe.M15].closed_at[-1]) / 1000, UTC).strftime("%Y%m%dT%H%MZ")
    told = repr((settings.hash, data_hash(known), commit, sorted(what.items())))
    short = "".join(letter for letter in commit[:12] if letter.isalnum()) or "unknown"
    return f"{end}-{short}-{hashlib.sha256(told.encode()).hexdigest()[:8]}"


def _libraries() -> dict[str, str]:
    names = {"numpy": "numpy", "lightgbm": "lightgbm", "xgboost": "xgboost", "scikit-learn": "sklearn"}
    return {
        "python": platform.python_version(),
        **{name: str(learners.needed(module).__version__) for name, module in names.items()},
    }


def history_days(learning: LearningSettings) -> float:
    """How many days of candles before `as_of` a training wants: what it learns from, the warm-up, and the last horizon."""
    return learning.days + WARM_UP_DAYS + learning.horizon_candles * Timeframe.M15.ms / DAY_MS
