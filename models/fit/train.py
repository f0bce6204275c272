"""One honest training: fit on the past, calibrate on later rows, judge on the latest ones, sign
what was judged.
"""

import dataclasses
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeAlias

import numpy as np

from models.card.card import card
from models.data.dataset import Dataset, build, candles_hash
from models.data.labels import costs_of
from models.fit.drafts import draft, golden_rows
from models.fit.learners import Progress
from models.fit.recipe import Fitted, fit_recipe, parts_of, recipe_hash
from models.fit.references import promise, references
from models.gate import serve_checks, unproven_verdict
from models.statistics import evaluate
from shared import features, strategies
from shared.core.calendar import DAY_MS
from shared.core.settings import LearningSettings, Settings
from shared.core.types import Candles, FloatArray, Timeframe
from shared.model import predict_rows
from shared.model.bundle import load_bundle
from shared.model.manifest import (
    CANDLES,
    CLASSES,
    MANIFEST,
    MODEL,
    SIGNATURE,
    Check,
    FileEntry,
    Manifest,
    Purpose,
    Verdict,
    encode,
)
from shared.model.predict import Bundle, calibrate_scores, member_scores
from shared.model.question import features_of
from shared.model.signing import public_of, sign
from shared.turn import golden

CARD = "MODEL_CARD.md"
WARM_UP_DAYS = 170  # 1,000 candles of 4h and some: what the tick's window holds
Judge: TypeAlias = Callable[[Sequence[Check]], Verdict]


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
    names: tuple[str, ...] | None = None,
    verdict: Verdict | Judge | None = None,
    purpose: Purpose = "quick",
) -> Training:
    """Train, calibrate, export, judge and sign. The same arguments give the same bytes.

    Args:
        candles: 15m and 4h; only those closed at `as_of` are looked at. About `WARM_UP_DAYS` more
            than `settings.learning.days` make all features warm from the first day.
        settings: `learning` decides label, split and learners.
        as_of: the instant of the training, ms UTC; no other clock is read.
        seed: of learners and bootstrap.
        commit: of the code; part of the version's name.
        signing_key: Ed25519 private key as hex.
        parent: the champion's version, for the record.
        on_progress: told what is done next and the share that is done.
        names: features to learn from; None: those that the settings ask for.
        verdict: what the gate said of the recipe's walk-forward, or a function that is told this
            bundle's own checks and says it. None: nobody was asked, so the bundle may not enter.
            Whether it may serve is always found here.
        purpose: what the bundle is for; it decides whether it may ever serve.

    Raises:
        UserError: too little history, or a learner's package is missing.
        BadData: a timeframe or feature is missing.
        BadBundle: the exported trees differ from the native libraries; such a bundle is never made.
    """
    tell = on_progress or (lambda _text, _share: None)
    known = {timeframe: part.closed_by(as_of) for timeframe, part in candles.items()}
    tell("features and labels", 0.0)
    names = features_of(settings.learning) if names is None else names
    dataset = _dataset(known, settings, names)
    fitted = fit_recipe(parts_of(dataset, settings), dataset, settings, seed=seed, tell=tell)
    tell("validation", 0.85)
    hashed = candles_hash(known)
    recipe = recipe_hash(settings, names)
    what = {
        "names": names,
        "as_of": as_of,
        "seed": seed,
        "parent": parent,
        "recipe": recipe,
        "purpose": purpose,
    }
    version = _version(known, settings, commit=commit, candles_hash=hashed, what=what)
    bundle = draft(
        fitted,
        settings,
        version=version,
        as_of=as_of,
        data_hash=hashed,
        commit=commit,
        seed=seed,
        parent=parent,
        purpose=purpose,
    )
    last = golden.cut(known)
    manifest = dataclasses.replace(
        _complete_manifest(bundle, fitted, dataset, verdict),
        answers=golden.answers(last, bundle, settings),
    )
    tell("signature", 0.95)
    kept = {MODEL: fitted.forest.to_bytes(), CANDLES: golden.pack_candles(last), **fitted.audit()}
    files = _sign_files(manifest, kept, signing_key)
    loaded = load_bundle(files, public_keys=(public_of(signing_key),), version=version, whole=True)
    tell("done", 1.0)
    return Training(
        version=version, files=files, manifest=loaded.manifest, metrics=loaded.manifest.metrics
    )


def _dataset(
    known: Mapping[Timeframe, Candles], settings: Settings, names: tuple[str, ...]
) -> Dataset:
    """What there is to learn from, with votes where a head learns from them."""
    if not settings.learning.meta_head:
        return build(known, settings.learning, names, costs=costs_of(settings))
    computed = features.compute(known)
    votes = strategies.vote(computed, settings.strategies, settings.consensus)
    return build(
        known, settings.learning, names, computed=computed, costs=costs_of(settings)
    ).with_votes(votes)


def _complete_manifest(
    bundle: Bundle, fitted: Fitted, dataset: Dataset, verdict: Verdict | Judge | None
) -> Manifest:
    """The manifest with metrics, promises, golden rows and verdict, all from the
    validation rows.
    """
    part, found = fitted.parts.validation, fitted.differences()
    vote = predict_rows(part.rows, bundle)
    checks = serve_checks(differences=found, probabilities=vote, label=part.label)
    return dataclasses.replace(
        bundle.manifest,
        metrics=_metrics(bundle, fitted, dataset, vote, found),
        golden=golden_rows(bundle, part),
        references=references(bundle, fitted.parts),
        promise=promise(vote, part),
        verdict=_verdict(checks, verdict),
    )


def _metrics(
    bundle: Bundle, fitted: Fitted, dataset: Dataset, vote: FloatArray, found: Mapping[str, float]
) -> dict[str, dict[str, float]]:
    part, manifest = fitted.parts.validation, bundle.manifest
    block = max(96, 2 * manifest.barriers.horizon_candles)
    scores = {"vote": evaluate.metrics(vote, part.label, block=block, seed=manifest.seed)}
    forest = bundle.forest.part(*manifest.spans[0])
    for member, raw in zip(
        manifest.members, member_scores(part.rows, forest, manifest.members), strict=True
    ):
        given = calibrate_scores(raw, member.calibration)
        scores[member.name] = evaluate.metrics(given, part.label, block=block, seed=manifest.seed)
        scores[member.name]["difference_from_native"] = found[member.name]
    shares = np.bincount(part.label, minlength=len(CLASSES)) / len(part)
    scores["data"] = {
        "rows": float(len(dataset)),
        "effective_rows": dataset.effective,
        "ambiguous_rows": float(dataset.ambiguous),
        **{
            f"validation_share_{name}": float(share)
            for name, share in zip(CLASSES, shares, strict=True)
        },
    }
    return scores if fitted.heads is None else {**scores, **fitted.heads.metrics}


def _verdict(checks: tuple[Check, ...], given: Verdict | Judge | None) -> Verdict:
    """What was said of the recipe, under what was found on this very bundle."""
    if given is None:
        return unproven_verdict(checks)
    if not isinstance(given, Verdict):
        return given(checks)
    sane = all(check.passed for check in checks)
    return dataclasses.replace(
        given,
        may_serve=sane,
        may_enter=sane and given.may_enter,
        takes_over=sane and given.takes_over,
        checks=(*checks, *(check for check in given.checks if check.group != "serve")),
    )


def _sign_files(manifest: Manifest, files: dict[str, bytes], signing_key: str) -> dict[str, bytes]:
    everything = {**files, CARD: card(manifest)}
    listed = {name: FileEntry.of(data) for name, data in sorted(everything.items())}
    told = encode(dataclasses.replace(manifest, files=listed))
    return {**everything, MANIFEST: told, SIGNATURE: sign(told, signing_key)}


def _version(
    known: Mapping[Timeframe, Candles],
    settings: Settings,
    *,
    commit: str,
    candles_hash: str,
    what: Mapping[str, object],
) -> str:
    """The end of the data, the commit, and eight digits for everything else that makes a
    difference.
    """
    end = datetime.fromtimestamp(int(known[Timeframe.M15].closed_at[-1]) / 1000, UTC).strftime(
        "%Y%m%dT%H%MZ"
    )
    told = repr((settings.hash, candles_hash, commit, sorted(what.items())))
    short = "".join(letter for letter in commit[:12] if letter.isalnum()) or "unknown"
    return f"{end}-{short}-{hashlib.sha256(told.encode()).hexdigest()[:8]}"


def history_days(learning: LearningSettings) -> float:
    """How many days of candles before `as_of` a training wants: what it learns from, the warm-up,
    and the last horizon.
    """
    return learning.days + WARM_UP_DAYS + learning.horizon_candles * Timeframe.M15.ms / DAY_MS
