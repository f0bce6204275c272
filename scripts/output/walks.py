"""A walk-forward's result, as a person reads it in the terminal and as JSON."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from models.backtest.outcome import Outcome, summary_of
from models.gate import in_words, table_lines
from models.proof.facts import fitted
from scripts.output.backtests import DASH, fitted_lines, lines
from shared.model.manifest import Verdict

if TYPE_CHECKING:
    from models.proof import Proof
    from models.study.candles import LoadedCandles
    from models.walk_forward import Walked
    from shared.core.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class WalkRun:
    """What one walk gave, and the seconds that each part of it took."""

    loaded: "LoadedCandles"
    walked: "Walked"
    proof: "Proof"
    settings: "Settings"
    seconds: dict[str, float] = field(default_factory=dict)


def walk_of(run: WalkRun) -> dict[str, Any]:
    """What was fitted: the same for the same candles, settings and code."""
    return {**fitted(run.walked, run.settings), "trials": run.proof.trials}


def data_of(run: WalkRun, folder: Path, files: Mapping[str, bytes], took: float) -> dict[str, Any]:
    """Everything for `--json`: the replay, the models, the evidence, the verdict, and where the
    files are.
    """
    outcome = Outcome(replayed=run.proof.replayed, performance=run.proof.performance, complete=True)
    return {
        **summary_of(outcome),
        **walk_of(run),
        "folds": run.walked.folds,
        "folds_cached": sum(fold.cached for fold in run.walked.folds),
        "random_entries": run.proof.evidence.money and run.proof.evidence.money.random,
        "shuffled_skills": run.proof.evidence.shuffled,
        "verdict": run.proof.verdict,
        "seconds": run.seconds,
        "files": {name: str(folder / name) for name in files},
        "took_seconds": round(took, 3),
    }


def lines_of(run: WalkRun, folder: Path, took: float) -> list[str]:
    """The summary and the gate's table, a line each."""
    outcome = Outcome(replayed=run.proof.replayed, performance=run.proof.performance, complete=True)
    told = lines(outcome, report=str(folder / "report.html"), took_seconds=took)
    kept = sum(fold.cached for fold in run.walked.folds)
    spent = ", ".join(f"{name} {value:.1f}" for name, value in run.seconds.items())
    return [
        *(_luck(run.proof.verdict) if line.startswith("luck ") else line for line in told[:-2]),
        *fitted_lines(walk_of(run), cached=kept),
        f"chance       {_chance(run) or DASH}",
        f"verdict      {in_words(run.proof.verdict)}",
        "",
        *table_lines(run.proof.verdict),
        "",
        *told[-2:],
        f"seconds      {spent}",
    ]


def _luck(verdict: Verdict) -> str:
    """The gate's own numbers: a plain replay's, which count every day in full, would stand beside
    them as others.
    """
    found = {
        check.name: DASH if check.value is None else f"{100 * check.value:.1f} %"
        for check in verdict.checks
    }
    return (
        f"luck         above zero with {found.get('psr', DASH)}, deflated:"
        f" {found.get('dsr', DASH)}; both as the gate counts"
    )


def _chance(run: WalkRun) -> str:
    """What random entries with the same barriers brought."""
    money = run.proof.evidence.money
    if money is None or not len(money.random):
        return ""
    own = money.own if money.own is not None else float(money.net_rates.mean())
    low, middle, high = 100 * np.quantile(money.random, [0.05, 0.5, 0.95])
    what = "a day" if money.own is not None else "a trade"
    return (
        f"{100 * own:+.3f} % {what}; {len(money.random)} random draws {middle:+.3f} % ({low:+.3f}"
        f" to {high:+.3f})"
    )
