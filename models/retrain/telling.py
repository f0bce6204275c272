"""What a retraining tells people: the stored result, a readable summary, and one alert."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from models.gate import in_words
from models.proof import Proof
from models.retrain.proving import JudgedTraining
from models.retrain.sealing import Sealed
from models.retrain.serving import Served
from models.walk_forward import Walked
from shared.alerts.advice import advice_fields
from shared.alerts.wording import alert_key, name_fields
from shared.core.calendar import DAY_MS, utc_text
from shared.core.sentences import say
from shared.core.sentences.figures import decimals, jst_and_utc, percent
from shared.core.types import Alert, Level
from shared.model.manifest import Check, Verdict

KEPT_WEEKS = 4
"""So many retrainings in a row that changed nothing are worth a warning."""
_SHOWN = ("direction_skill", "positive_expectation", "dsr")
_MOST_FAILED = 4


def result_of(
    sealed: Sealed,
    served: Served,
    outcome: JudgedTraining,
    *,
    notes: Sequence[str],
    serves: str | None,
) -> dict[str, Any]:
    """What is stored, answered and printed: everything that a person asks for, and small enough for
    a document.
    """
    manifest = sealed.manifest
    return {
        "version": sealed.version,
        "outcome": served.outcome,
        "why": served.why,
        "serves": serves,
        "verdict": msgspec.to_builtins(manifest.verdict),
        "in_words": in_words(manifest.verdict),
        "metrics": dict(manifest.metrics),
        "training": msgspec.to_builtins(manifest.training),
        "calibration": msgspec.to_builtins(manifest.calibrating),
        "validation": msgspec.to_builtins(manifest.validation),
        "barriers": msgspec.to_builtins(manifest.barriers),
        "recipe": manifest.recipe,
        "commit": manifest.commit,
        "seed": manifest.seed,
        "as_of": manifest.as_of,
        "parent": manifest.parent,
        "trials": dict(manifest.trials),
        "folds": _folds(outcome.walked),
        "money": _money(outcome.proof),
        "notes": list(notes),
        "files": {name: len(data) for name, data in sorted(sealed.files.items())},
    }


def _folds(walked: Walked | None) -> dict[str, Any] | None:
    if walked is None or not walked.folds:
        return None
    return {"count": len(walked.folds), "from_at": walked.start_at, "to_at": walked.end_at}


def _money(proof: Proof | None) -> dict[str, Any] | None:
    if proof is None:
        return None
    performance = proof.performance
    return {
        "return_rate": performance.returns.total,
        "sharpe": performance.returns.sharpe,
        "max_drawdown": performance.drawdown.max_share,
        "positions": performance.positions.count,
        "hold_return_rate": performance.hold.returns.total,
    }


def retraining_lines(result: Mapping[str, Any]) -> list[str]:
    """The result in a few lines."""
    folds, money = result["folds"], result["money"]
    told = [say("retrain.version", model=result["version"])]
    if folds is not None:
        told.append(
            say(
                "retrain.proof",
                retrainings=folds["count"],
                since=_day(folds["from_at"]),
                until=_day(folds["to_at"]),
            )
        )
    if money is not None:
        told.append(say("retrain.money", money=_money_line(money)))
    return [
        *told,
        say("retrain.verdict", verdict=result["in_words"]),
        say("retrain.outcome", why=result["why"]),
        say("retrain.serves", serves=result["serves"] or say("alerts.value.nothing_serves")),
        *(say("retrain.note", note=note) for note in result["notes"]),
    ]


def _money_line(money: Mapping[str, Any]) -> str:
    return say(
        "retrain.earned",
        total=percent(money["return_rate"], sign=True, places=1),
        positions=money["positions"],
        sharpe=say("figures.unknown") if money["sharpe"] is None else decimals(money["sharpe"]),
        fall=percent(money["max_drawdown"], places=1),
        hold=percent(money["hold_return_rate"], sign=True, places=1),
    )


def _day(at: int) -> str:
    return utc_text(at)[:10]


def alert_of(bot: str, name: str, result: Mapping[str, Any], *, at: int, unchanged: int) -> Alert:
    """One alert: info when all is well, a warning when nothing may serve or nothing has changed for
    weeks.

    Args:
        bot: Whose it is.
        name: Of the retraining.
        result: See `result_of`.
        at: Now.
        unchanged: How many retrainings in a row, this one included, have left the champion as it
            was.
    """
    bad = result["outcome"] == "refused" or unchanged >= KEPT_WEEKS
    verdict = msgspec.convert(result["verdict"], Verdict)
    training = result["training"]
    level = Level.WARNING if bad else Level.INFO
    told = {
        **advice_fields("retrained", level, at=at, variant="unchanged" if bad else ""),
        **name_fields(
            trained=say(
                "alerts.value.trained",
                since=_day(training["from_at"]),
                until=_day(result["as_of"]),
                rows=f"{training['rows']:,}",
            ),
            verdict=result["in_words"],
        ),
        **{check.name.replace("_", " "): _number(check) for check in _telling(verdict.checks)},
        **name_fields(
            serves_now=result["serves"] or say("alerts.value.nothing_serves"),
            time=jst_and_utc(at),
        ),
    }
    if unchanged >= KEPT_WEEKS:
        told |= name_fields(unchanged=say("alerts.value.unchanged", weeks=unchanged))
    title = say("alerts.title.retrained", version=result["version"], why=result["why"])
    return Alert(
        key=alert_key(bot, "retrained", name),
        level=level,
        kind="retrained",
        title=title,
        at=at,
        fields=told,
    )


def failure_of(bot: str, name: str, found: str, remedy: str, *, at: int) -> Alert:
    """The retraining stopped: bad data, or a fault. What serves goes on serving."""
    told = advice_fields("retrain_failed", Level.WARNING, at=at)
    told |= name_fields(what_to_do=remedy) if remedy else {}
    told |= name_fields(what=found, time=jst_and_utc(at))
    return Alert(
        key=alert_key(bot, "retrain_failed", name, at // DAY_MS),
        level=Level.WARNING,
        kind="retrain_failed",
        title=say("alerts.title.retrain_failed"),
        at=at,
        fields=told,
    )


def _telling(checks: Sequence[Check]) -> list[Check]:
    """The few numbers that matter: the named ones, else the first that failed."""
    named = [check for check in checks if check.name in _SHOWN]
    return (
        named
        or [check for check in checks if not check.passed and check.group == "enter"][:_MOST_FAILED]
    )


def _number(check: Check) -> str:
    value = say("figures.unknown") if check.value is None else f"{check.value:.3g}"
    interval = (
        ""
        if check.lower is None or check.upper is None
        else f" [{check.lower:.3g}, {check.upper:.3g}]"
    )
    return say(
        "retrain.check_passed" if check.passed else "retrain.check_failed",
        value=value,
        interval=interval,
        asked=f"{check.meaning.partition(': ')[0]} {check.threshold:.3g}",
    )
