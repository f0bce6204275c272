"""A trained model and what the gate said of it become one signed bundle.

The same arguments give the same bytes.
"""

import dataclasses
import hashlib

import msgspec

from models.card.card import FoldLine, Gated, card
from models.card.pictures import pictures
from models.fit.train import CARD, Training
from models.gate.shipped import loosened_rules
from models.proof import Proof
from models.retrain.proving import JudgedTraining
from models.retrain.rivals import RECIPE, recipe_file
from models.walk_forward import WalkFold
from shared.core.costs import assumed_rules
from shared.core.settings import Settings
from shared.core.trials import Tally
from shared.model.bundle import load_bundle
from shared.model.manifest import MANIFEST, SIGNATURE, FileEntry, Manifest, Verdict, encode
from shared.model.proven import proof_terms, stated_costs
from shared.model.signing import public_of, sign

LEAST_BLOCK = 96


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Sealed:
    """A bundle that is ready to be published."""

    version: str
    files: dict[str, bytes]
    manifest: Manifest


def seal_bundle(outcome: JudgedTraining, settings: Settings, *, signing_key: str) -> Sealed:
    """Put verdict, card and pictures into the bundle and sign it again.

    The version gets six digits of the verdict and of what it is about: the same training under
    another trial log, champion, gate or costs is another bundle.

    Args:
        outcome: The training, the verdict, and what the gate was shown.
        settings: Of the training; those of the learning lie in the bundle, so that its recipe can
            be walked again.
        signing_key: Ed25519, hex.

    Raises:
        BadBundle: the bundle does not load, which would be a fault of ours; nothing of it is
            published.
    """
    training, verdict, proof = outcome.training, outcome.verdict, outcome.proof
    block = max(LEAST_BLOCK, 2 * training.manifest.barriers.horizon_candles)
    drawn = (
        {}
        if proof is None
        else pictures(
            rows=proof.evidence.rows,
            money=proof.evidence.money,
            checks=verdict.checks,
            block=block,
            seed=training.manifest.seed,
        )
    )
    folds = () if outcome.walked is None else tuple(_line(fold) for fold in outcome.walked.folds)
    gated = Gated(folds=folds, trials=1 if proof is None else proof.trials, pictures=tuple(drawn))
    trials = {
        **training.manifest.trials,
        "on_record": gated.trials,
        "folds": len(folds),
        **_remembered_trials(proof),
    }
    asked = proof_terms(settings)
    rules = assumed_rules(settings) if proof is None else proof.inputs.rules
    easier = loosened_rules(settings, rules)
    said = tuple(
        f"The gate was made easier than it is meant: {one}. Such a proof opens nothing."
        for one in easier
    )
    fresh = (
        () if proof is None else Tally(count=proof.trials, logged=proof.logged, sharpes=()).notes
    )
    manifest = dataclasses.replace(
        training.manifest,
        version=f"{training.version}-{_digest(verdict, trials, asked)}",
        verdict=verdict,
        trials=trials,
        proven={} if proof is None else asked,
        loosened=easier,
        notes=(*training.manifest.notes, *said, *fresh),
        costs={} if proof is None else stated_costs(rules),
    )
    return _sign_bundle(
        training,
        manifest,
        {**drawn, RECIPE: recipe_file(settings), CARD: card(manifest, gated)},
        signing_key,
    )


def _remembered_trials(proof: Proof | None) -> dict[str, int]:
    """What the next training will hold the trial log against."""
    if proof is None:
        return {}
    trials = proof.evidence.trials
    logged = proof.logged if trials.logged is None else max(proof.logged, trials.logged)
    return {"logged": logged, "most_logged": max(logged, trials.remembered)}


def _line(fold: WalkFold) -> FoldLine:
    return FoldLine(
        number=fold.number,
        from_at=fold.from_at,
        to_at=fold.to_at,
        training=fold.training,
        trees=fold.trees,
    )


def _digest(verdict: Verdict, trials: dict[str, int], asked: dict[str, str]) -> str:
    return hashlib.sha256(
        msgspec.json.encode([verdict, sorted(trials.items()), sorted(asked.items())])
    ).hexdigest()[:6]


def _sign_bundle(
    training: Training, manifest: Manifest, more: dict[str, bytes], signing_key: str
) -> Sealed:
    kept = {
        name: data
        for name, data in training.files.items()
        if name not in {MANIFEST, SIGNATURE, CARD}
    }
    everything = {**kept, **more}
    listed = {name: FileEntry.of(data) for name, data in sorted(everything.items())}
    told = encode(dataclasses.replace(manifest, files=listed))
    files = {**everything, MANIFEST: told, SIGNATURE: sign(told, signing_key)}
    bundle = load_bundle(
        files, public_keys=(public_of(signing_key),), version=manifest.version, whole=True
    )
    return Sealed(version=manifest.version, files=files, manifest=bundle.manifest)
