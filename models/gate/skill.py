"""Skill on rows that the model had not seen: of the whole forecast, of the side alone, and how far
to believe the numbers.
"""

from models.gate.checks import above, at_least, at_most, note
from models.gate.types import PredictionRows
from models.statistics.blocks import block_rows
from models.statistics.evaluate import calibration_error_beyond_luck, direction_skill, skill
from shared.core.settings import GateSettings
from shared.model.calibration import calibration_error
from shared.model.manifest import Check


def skill_checks(
    rows: PredictionRows, gate: GateSettings, *, step_ms: int, seed: int
) -> list[Check]:
    """How many independent labels there are, both skills with both ends, the calibration error.

    Rows count by uniqueness.
    """
    checks = [effective_rows(rows, gate)]
    if len(rows) == 0:
        return checks
    block = block_rows(rows.as_of, rows.end_at, step_ms=step_ms)
    return [
        *checks,
        whole_skill(rows, gate, block=block, seed=seed),
        side_skill(rows, gate, block=block, seed=seed),
        *calibration_checks(rows, gate),
    ]


def effective_rows(rows: PredictionRows, gate: GateSettings) -> Check:
    """Overlapping labels say the same: their uniqueness is summed, not their number (Lopez de Prado
    2018, section 4.4).
    """
    return at_least(
        "effective_rows",
        rows.effective,
        gate.min_effective_rows,
        "independent labels out of sample, by their uniqueness",
        group="enter",
    )


def whole_skill(rows: PredictionRows, gate: GateSettings, *, block: int, seed: int) -> Check:
    """Above the best constant in hindsight, with the lower end of the interval."""
    found = skill(
        rows.probabilities,
        rows.label,
        block=block,
        seed=seed,
        weight=rows.weight,
        confidence=gate.confidence,
    )
    return above(
        "skill",
        found.value,
        0.0,
        "log-loss skill over the best constant, and the lower end of its interval",
        group="enter",
        ends=found.ends,
    )


def side_skill(rows: PredictionRows, gate: GateSettings, *, block: int, seed: int) -> Check:
    """The same for the side alone: volatility has skill in the whole, and none in the side."""
    found = direction_skill(
        rows.probabilities,
        rows.label,
        block=block,
        seed=seed,
        weight=rows.weight,
        confidence=gate.confidence,
    )
    return above(
        "direction_skill",
        found.value,
        0.0,
        "the same for the side alone, on rows where one side came",
        group="enter",
        ends=found.ends,
    )


def calibration_checks(rows: PredictionRows, gate: GateSettings) -> list[Check]:
    """The error beyond what few labels show by luck decides; the plain one is told beside it."""
    error = calibration_error_beyond_luck(rows.probabilities, rows.label, rows.weight)
    plain = calibration_error(rows.probabilities, rows.label, rows.weight)
    return [
        at_most(
            "calibration_error",
            error,
            gate.max_calibration_error,
            "distance of what was said from what happened, beyond what so few labels show by luck",
            group="enter",
        ),
        note(
            "calibration_error_plain",
            plain,
            "the same with the luck, beside what is asked",
            beside=gate.max_calibration_error,
        ),
    ]
