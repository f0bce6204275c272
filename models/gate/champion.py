"""No worse than the champion, on rows that neither of the two has touched.

Too few of them keep the champion.
"""

import numpy as np

from models.gate.checks import at_least, at_most
from models.gate.types import PredictionRows, Rival
from models.statistics.blocks import BlockInterval, block_rows, ratio_interval
from models.statistics.evaluate import log_losses
from shared.core.settings import GateSettings
from shared.model.calibration import calibration_error
from shared.model.manifest import Check

_SOURCES = {
    "folds": "walk-forward folds of both",
    "shadow": "shadow record of both",
    "bundles": "answers of both bundles",
}


def champion_checks(
    rival: Rival, gate: GateSettings, *, embargo_ms: int, step_ms: int, seed: int
) -> list[Check]:
    """Whether they can be compared at all; then log loss and calibration, which without that are
    unknown, and so failed.
    """
    comparable = champion_comparable(rival, gate, embargo_ms=embargo_ms)
    if not comparable.passed:
        return [comparable, _no_worse(None, rival, gate), _calibration_check(None, gate)]
    rows = rival.challenger
    theirs = rows.weight * log_losses(rival.champion.probabilities, rows.label)
    ours = rows.weight * log_losses(rows.probabilities, rows.label)
    saved = ratio_interval(
        theirs - ours,
        theirs,
        block=block_rows(rows.as_of, rows.end_at, step_ms=step_ms),
        seed=seed,
        confidence=2.0 * gate.champion_confidence - 1.0,
    )
    return [comparable, _no_worse(saved, rival, gate), _calibration_check(rival, gate)]


def champion_comparable(rival: Rival, gate: GateSettings, *, embargo_ms: int) -> Check:
    """Independent labels on common rows that lie an embargo after everything that either of them
    learned from.
    """
    return at_least(
        "champion_comparable",
        rival.challenger.effective if _has_common_rows(rival, embargo_ms) else None,
        gate.min_effective_rows,
        f"independent labels on rows that neither has touched, from the {_SOURCES[rival.source]}",
        group="champion",
    )


def _has_common_rows(rival: Rival, embargo_ms: int) -> bool:
    """Whether these are the same rows, and untouched."""
    one, other = rival.challenger, rival.champion
    same = (
        len(one) > 0
        and np.array_equal(one.as_of, other.as_of)
        and np.array_equal(one.label, other.label)
    )
    return same and _is_untouched(one, embargo_ms) and _is_untouched(other, embargo_ms)


def _is_untouched(rows: PredictionRows, embargo_ms: int) -> bool:
    return bool(
        (rows.known_at + embargo_ms <= rows.as_of).all() and (np.diff(rows.as_of) > 0).all()
    )


def _no_worse(saved: BlockInterval | None, rival: Rival, gate: GateSettings) -> Check:
    """The lower end of what it saves of the champion's log loss, one-sided at
    `champion_confidence`: equal is no worse.
    """
    return at_least(
        "no_worse_than_champion",
        None if saved is None else saved.value,
        0.0,
        f"share of the log loss of {rival.version} saved, and its lower end at"
        f" {gate.champion_confidence:.0%} confidence",
        group="champion",
        ends=None if saved is None else saved.ends,
    )


def _calibration_check(rival: Rival | None, gate: GateSettings) -> Check:
    """Its calibration error less the champion's, on the same rows: what luck does to
    both cancels.
    """
    value = None
    if rival is not None:
        rows, champion = rival.challenger, rival.champion
        value = calibration_error(rows.probabilities, rows.label, rows.weight) - calibration_error(
            champion.probabilities, rows.label, rows.weight
        )
    return at_most(
        "calibration_beside_champion",
        value,
        gate.champion_calibration_slack,
        "calibration error above the champion's",
        group="champion",
    )
