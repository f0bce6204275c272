"""Leak tests: what looks like skill of direction, and is a forecast of volatility, a leak, or luck
of the refit.
"""

import numpy as np

from models.data.labels import LOWER, NEITHER, UPPER
from models.gate.checks import Group, above, at_least, at_most, note
from models.gate.types import Evidence, PredictionRows
from models.statistics.auc import auc
from models.statistics.blocks import block_rows, ratio_interval
from models.statistics.evaluate import constant, log_losses, side_losses
from shared.core.calendar import HOUR_MS
from shared.core.settings import GateSettings
from shared.core.types import FloatArray
from shared.model.manifest import Check

SURVIVING_SHARE = 0.5
"""Of the skill, after shuffling: an honest refit keeps nothing, and room for luck is left."""


def leak_checks(rows: PredictionRows, evidence: Evidence, gate: GateSettings) -> list[Check]:
    """All of them, for rows that are at least one."""
    if len(rows) == 0:
        return []
    block = block_rows(rows.as_of, rows.end_at, step_ms=evidence.step_ms)
    return [
        rows_in_order(rows),
        training_ends_before(rows, embargo_ms=evidence.embargo_ms),
        *directional_not_volatility(rows, gate),
        *beats_volatility_only(rows, gate, block=block, seed=evidence.seed),
        *shuffled_labels_destroy_it(rows, evidence.shuffled, gate),
    ]


def rows_in_order(rows: PredictionRows) -> Check:
    """Rows out of order, twice there, or with a label that was known before the decision, are no
    record of anything.
    """
    wrong = int((np.diff(rows.as_of) <= 0).sum()) + int((rows.end_at <= rows.as_of).sum())
    return at_most(
        "rows_in_order",
        float(wrong),
        0.0,
        "rows that are out of order, doubled, or known before",
        group="enter",
    )


def training_ends_before(rows: PredictionRows, *, embargo_ms: int, group: Group = "enter") -> Check:
    """The last label that the predicting model knew lies an embargo before each decision."""
    least = float((rows.as_of - rows.known_at).min()) / HOUR_MS
    return at_least(
        "training_ends_before",
        least,
        embargo_ms / HOUR_MS,
        "hours from the last label that a model had learned from to its decisions",
        group=group,
    )


def directional_not_volatility(rows: PredictionRows, gate: GateSettings) -> list[Check]:
    """A score for one side must not predict the other side equally well.

    Skill of a score: its AUC less one half. Own: that of p_upper for upper and of p_lower for
    lower, their mean; opposite: that of p_upper for lower and of p_lower for upper. A forecast of
    volatility has both alike (0.77 and 0.75 for the label "next candle above +0.3 %": share 0.93),
    one of direction has the opposite below zero. Without own skill there is no share, and the check
    fails.
    """
    upper, lower = rows.probabilities[:, UPPER], rows.probabilities[:, LOWER]
    own = _mean_auc(rows, (upper, UPPER), (lower, LOWER))
    opposite = _mean_auc(rows, (upper, LOWER), (lower, UPPER))
    # One half ranks nothing.
    known = own is not None and opposite is not None and own > 0.5  # noqa: PLR2004
    share = (
        (opposite - 0.5) / (own - 0.5)
        if known and own is not None and opposite is not None
        else None
    )
    return [
        at_most(
            "directional_not_volatility",
            share,
            gate.max_opposite_share,
            "share of its skill that the score keeps when it is asked for the opposite move",
            group="enter",
        ),
        note(
            "auc_of_the_move",
            own,
            "AUC of each side's probability for that side, mean of both",
            beside=0.5,
        ),
        note(
            "auc_of_the_opposite_move",
            opposite,
            "AUC of each side's probability for the other side",
            beside=0.5,
        ),
    ]


def _mean_auc(rows: PredictionRows, *pairs: tuple[FloatArray, int]) -> float | None:
    found = [auc(score, rows.label == side, rows.weight) for score, side in pairs]
    known = [one for one in found if one is not None]
    return float(np.mean(known)) if len(known) == len(found) else None


def beats_volatility_only(
    rows: PredictionRows, gate: GateSettings, *, block: int, seed: int
) -> list[Check]:
    """Better than a model that was trained alike and sees nothing but past volatility: in the
    whole, and in the side.

    The log losses of both on the same rows are paired, so that what makes a week hard for both does
    not count.
    """
    found = []
    for name, losses, meaning in (
        (
            "beats_volatility_only",
            log_losses,
            "log loss saved against a model that sees only past volatility",
        ),
        (
            "side_beats_volatility_only",
            side_losses,
            "the same for the side alone, on rows where one side came",
        ),
    ):
        theirs = rows.weight * losses(rows.volatility_only, rows.label)
        ours = rows.weight * losses(rows.probabilities, rows.label)
        saved = ratio_interval(
            theirs - ours, theirs, block=block, seed=seed, confidence=gate.confidence
        )
        known = losses is log_losses or bool((rows.label != NEITHER).any())
        found.append(
            above(
                name,
                saved.value if known else None,
                0.0,
                f"{meaning}, and its lower end",
                group="enter",
                ends=saved.ends,
            )
        )
    return found


def shuffled_labels_destroy_it(
    rows: PredictionRows, shuffled: FloatArray, gate: GateSettings
) -> list[Check]:
    """No refit on shuffled labels keeps half of the skill (a permutation test; Ojala & Garriga,
    JMLR 11, 2010).

    What a refit on labels without meaning still knows came to it by another way than its labels.
    Fewer refits than asked for are no test; where none is asked for, there is none.
    """
    if gate.shuffles == 0:
        return []
    base = float((rows.weight * log_losses(constant(rows.label, rows.weight), rows.label)).sum())
    own = base - float((rows.weight * log_losses(rows.probabilities, rows.label)).sum())
    tested = len(shuffled) >= gate.shuffles and own > 0.0
    return [
        at_most(
            "shuffled_labels_destroy_it",
            float(shuffled.max()) * base / own if tested else None,
            SURVIVING_SHARE,
            f"share of the skill that the best of {len(shuffled)} refits on shuffled labels keeps",
            group="enter",
        )
    ]
