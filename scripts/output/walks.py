"""A walk-forward's result, as a person reads it in the terminal and as JSON."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from models.backtest.outcome import Outcome, summary_of
from models.gate import in_words, table_lines
from scripts.output.backtests import backtest_lines
from shared.core.sentences import say
from shared.core.sentences.figures import DASH, percent
from shared.model.manifest import Verdict

if TYPE_CHECKING:
    from models.study.walk import ProvenWalk


@dataclass(frozen=True, slots=True, kw_only=True)
class WalkRun:
    """What one walk gave, as a walk and as the result of a backtest, and the seconds that each part
    of it took.
    """

    proven: "ProvenWalk"
    outcome: Outcome
    seconds: Mapping[str, float]

    @property
    def cached_folds(self) -> int:
        """How many folds were in the cache."""
        return sum(fold.cached for fold in self.proven.learned.walked.folds)


def walk_summary(
    run: WalkRun, folder: Path, files: Mapping[str, bytes], took: float
) -> dict[str, Any]:
    """Everything for `--json`: the replay, the models, the evidence, the verdict, and where the
    files are.
    """
    evidence = run.proven.proof.evidence
    return {
        **summary_of(replace(run.outcome, replayed=run.proven.proof.replayed, walk=None)),
        **(run.outcome.walk or {}),
        "folds": run.proven.learned.walked.folds,
        "folds_cached": run.cached_folds,
        "random_entries": evidence.money and evidence.money.random,
        "shuffled_skills": evidence.shuffled,
        "seconds": run.seconds,
        "files": {name: str(folder / name) for name in files},
        "took_seconds": round(took, 3),
    }


def walk_lines(run: WalkRun, folder: Path, took: float) -> list[str]:
    """The summary and the gate's table, a line each."""
    proof = run.proven.proof
    outcome = replace(run.outcome, replayed=proof.replayed)  # the verdict has a line of its own
    report = str(folder / "report.html")
    told = backtest_lines(
        outcome,
        report=report,
        took_seconds=took,
        cached=run.cached_folds,
        luck=_luck(proof.verdict),
    )
    spent = ", ".join(f"{name} {value:.1f}" for name, value in run.seconds.items())
    return [
        *told[:-2],
        say("backtest.chance", chance=_chance(run) or DASH),
        say("backtest.verdict", verdict=in_words(proof.verdict)),
        "",
        *table_lines(proof.verdict),
        "",
        *told[-2:],
        say("backtest.seconds", seconds=spent),
    ]


def _luck(verdict: Verdict) -> str:
    """The gate's own numbers: a plain replay's, which count every day in full, would stand beside
    them as others.
    """
    found = {check.name: percent(check.value, places=1) for check in verdict.checks}
    return say("backtest.gate_luck", psr=found.get("psr", DASH), dsr=found.get("dsr", DASH))


def _chance(run: WalkRun) -> str:
    """What random entries with the same barriers brought."""
    money = run.proven.proof.evidence.money
    if money is None or not len(money.random):
        return ""
    own = money.own if money.own is not None else float(money.net_rates.mean())
    low, middle, high = 100 * np.quantile(money.random, [0.05, 0.5, 0.95])
    what = say("backtest.a_day") if money.own is not None else say("backtest.a_trade")
    return say(
        "backtest.random",
        own=f"{100 * own:+.3f}",
        what=what,
        draws=len(money.random),
        middle=f"{middle:+.3f}",
        low=f"{low:+.3f}",
        high=f"{high:+.3f}",
    )
