"""The verdict: every group of checks on the evidence, and what follows from them."""

from collections.abc import Iterable, Sequence

import numpy as np

from models.gate.champion import champion_checks
from models.gate.leaks import leak_checks
from models.gate.money import money_checks, money_notes
from models.gate.skill import skill_checks
from models.gate.stability import stability_checks
from models.gate.terms import terms_checks
from models.gate.types import Evidence, MoneyRecord, PredictionRows
from models.gate.words import PROVEN
from shared.core.errors import BadData
from shared.core.settings import GateSettings
from shared.core.types import FloatArray
from shared.model.manifest import Check, Verdict

SUMS_TO_ONE = 1e-3


def judge(evidence: Evidence, gate: GateSettings, *, serve: Sequence[Check]) -> Verdict:
    """Ask for everything that must be shown.

    May serve: all of `serve`. May enter: that, and every check of the group `enter`; there is no
    other way to enter. Takes
    over: may serve, and every check of the group `champion`; there are none where nothing serves
    yet. Where the policy asks no model for direction (`evidence.rows` is None) the checks on
    predictions are left out and money alone decides. The same evidence gives the same verdict.

    >>> import numpy as np
    >>> from models.gate.types import TrialCounts
    >>> from shared.core.settings import load_settings
    >>> nothing = Evidence(rows=None, money=None, trials=TrialCounts(count=1, sharpes=np.zeros(0)))
    >>> verdict = judge(nothing, load_settings({}).gate, serve=())
    >>> verdict.may_enter
    False

    Args:
        evidence: What was found out of sample.
        gate: The thresholds.
        serve: Checks on the bundle itself, from `serve_checks`.

    Raises:
        BadData: An array of the evidence holds NaN or does not fit to the others.
    """
    _refuse_nonsense(evidence)
    checks: list[Check] = [*serve, *terms_checks(evidence)]
    if evidence.rows is not None:
        checks += skill_checks(evidence.rows, gate, step_ms=evidence.step_ms, seed=evidence.seed)
        checks += leak_checks(evidence.rows, evidence, gate)
    checks += money_checks(evidence.money, evidence.trials, gate, seed=evidence.seed)
    checks += stability_checks(evidence.money, evidence.trials, gate)
    if evidence.rival is not None:
        checks += champion_checks(
            evidence.rival,
            gate,
            embargo_ms=evidence.embargo_ms,
            step_ms=evidence.step_ms,
            seed=evidence.seed,
        )
    checks += money_notes(evidence.money, evidence.trials)
    return _verdict(checks)


def unproven_verdict(serve: Sequence[Check]) -> Verdict:
    """The verdict on a bundle that was made without asking the gate: it may serve, and it may not
    enter.

    >>> unproven_verdict(()).may_serve, unproven_verdict(()).may_enter
    (True, False)
    """
    asked = Check(
        name=PROVEN,
        value=None,
        threshold=1.0,
        passed=False,
        meaning="at least: proofs that were asked of the gate; this training asked for none",
        group="enter",
    )
    verdict = _verdict([*serve, asked])
    return Verdict(
        may_serve=verdict.may_serve, may_enter=False, checks=verdict.checks, takes_over=False
    )


def _verdict(checks: Sequence[Check]) -> Verdict:
    may_serve = _is_group_passed(checks, "serve")
    return Verdict(
        may_serve=may_serve,
        may_enter=may_serve
        and any(check.group == "enter" for check in checks)
        and _is_group_passed(checks, "enter"),
        checks=tuple(checks),
        takes_over=may_serve and _is_group_passed(checks, "champion"),
    )


def _is_group_passed(checks: Iterable[Check], group: str) -> bool:
    return all(check.passed for check in checks if check.group == group)


def _refuse_nonsense(evidence: Evidence) -> None:
    if evidence.rows is not None:
        _check_rows("rows", evidence.rows)
    if evidence.rival is not None:
        _check_rows("the challenger's rows", evidence.rival.challenger)
        _check_rows("the champion's rows", evidence.rival.champion)
    if evidence.money is not None:
        _check_money(evidence.money)
    if evidence.trials.count < 1:
        raise BadData(f"the trial log counted {evidence.trials.count} trials; this one is one, too")
    _check_finite("trials.sharpes", evidence.trials.sharpes)
    _check_finite("shuffled", evidence.shuffled)
    if evidence.trials.matrix is not None:
        _check_finite("trials.matrix", evidence.trials.matrix)


def _check_rows(name: str, rows: PredictionRows) -> None:
    shape = (len(rows), 3)
    if rows.probabilities.shape != shape or rows.volatility_only.shape != shape:
        raise BadData(
            f"{name}: probabilities of {rows.probabilities.shape} and {rows.volatility_only.shape}"
            f" for {len(rows)} rows"
        )
    columns = (rows.end_at, rows.label, rows.weight, rows.known_at)
    if any(column.shape != (len(rows),) for column in columns):
        raise BadData(
            f"{name}: columns of shapes {[column.shape for column in columns]} for {len(rows)} rows"
        )
    for given in (rows.probabilities, rows.volatility_only, rows.weight):
        _check_finite(name, given)
    for given in (rows.probabilities, rows.volatility_only):
        if len(given) and (
            given.min() < 0.0 or np.abs(given.sum(axis=1) - 1.0).max() > SUMS_TO_ONE
        ):
            raise BadData(f"{name}: three probabilities of a row are not three shares of one")


def _check_money(money: MoneyRecord) -> None:
    if not len(money.day_at) == len(money.returns) == len(money.hold) or len(
        money.closed_at
    ) != len(money.net_rates):
        raise BadData(
            "money: days and their returns, or positions and their rates, differ in number"
        )
    for name in ("returns", "hold", "net_rates", "random"):
        _check_finite(f"money.{name}", getattr(money, name))


def _check_finite(name: str, values: FloatArray) -> None:
    if not np.isfinite(values).all():
        raise BadData(f"{name} held a number that is not finite")
