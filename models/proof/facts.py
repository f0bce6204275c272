"""What a walk-forward found, as plain values: what was fitted, and the gate's table.

The same walk gives the same values.
"""

import math
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from models.gate import in_words
from models.gate.shipped import loosened_rules
from models.proof.prove import Proof
from models.walk_forward.types import Walked
from shared.core.calendar import utc_text
from shared.core.settings import Settings
from shared.model.manifest import Verdict


def fitted_facts(walked: Walked, settings: Settings) -> dict[str, Any]:
    """What was fitted and predicted, in numbers."""
    return {
        "recipe": walked.recipe,
        "retrainings": len(walked.folds),
        "every_days": settings.retrain.every_days,
        "trees": sum(fold.trees for fold in walked.folds),
        "rows_learned": sum(fold.training.rows + fold.calibrating.rows for fold in walked.folds),
        "rows_predicted": len(walked.rows),
        "independent_rows_predicted": round(walked.rows.effective, 1),
    }


def fold_facts(walked: Walked) -> list[dict[str, Any]]:
    """Each retraining: which decisions are its own, and what it learned from."""
    return [
        {
            "from": utc_text(fold.from_at),
            "to": utc_text(fold.to_at),
            "learned_from": utc_text(fold.training.from_at),
            "learned_to": utc_text(fold.calibrating.to_at),
            "rows": fold.training.rows + fold.calibrating.rows,
            "trees": fold.trees,
        }
        for fold in walked.folds
    ]


def verdict_facts(proof: Proof) -> dict[str, Any]:
    """The verdict, in words and check by check, and which rules were softer than they ship. What is
    not finite is null.
    """
    return {
        "in_words": in_words(proof.verdict),
        "trials": proof.trials,
        "verdict": _plain_verdict(proof.verdict),
        "loosened": list(loosened_rules(proof.inputs.settings, proof.inputs.rules)),
    }


def _plain_verdict(verdict: Verdict) -> dict[str, Any]:
    checks = [
        {name: _finite_or_null(value) for name, value in asdict(check).items()}
        for check in verdict.checks
    ]
    told: Mapping[str, Any] = asdict(verdict)
    return {**told, "checks": checks}


def _finite_or_null(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value
