"""On what terms the evidence came about: costs that are paid in full, and a trial log that has
forgotten nothing.
"""

from models.gate.checks import at_least, at_most
from models.gate.types import Evidence, TrialCounts
from shared.model.manifest import Check


def terms_checks(evidence: Evidence) -> list[Check]:
    """Both."""
    return [full_costs(evidence.cheapened), whole_log(evidence.trials)]


def full_costs(cheapened: tuple[str, ...]) -> Check:
    """A pattern that is too small to pay pays where nothing is paid for it."""
    named = f": {'; '.join(cheapened)}" if cheapened else ""
    return at_most(
        "full_costs",
        float(len(cheapened)),
        0.0,
        f"costs below what the exchange states or this project ships{named}",
        group="enter",
    )


def whole_log(trials: TrialCounts) -> Check:
    """Bundles remember how many tries the log held: what is deflated by fewer was not deflated."""
    logged = trials.count if trials.logged is None else trials.logged
    short = trials.remembered - logged
    meaning = "tries in the trial log, beside the most that any bundle remembers of it"
    if short > 0:
        meaning = f"{meaning}: the trial log was shortened, {short} of {trials.remembered} are gone"
    return at_least(
        "whole_trial_log", float(logged), float(trials.remembered), meaning, group="enter"
    )
