"""What a backtest leaves behind: files for people and programs, a summary that fits a document, a
line in the trial log.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from models.backtest.job import Job
from models.backtest.prepare import PreparedReplay
from shared.core.calendar import utc_text
from shared.core.sentences import say
from shared.core.trials import History, Trial, tally
from shared.core.types import Timeframe
from shared.replay.types import Inputs, Replayed
from shared.results.performance import Performance, measure
from shared.results.report import report_files

TOP_DENIALS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """A measured replay. `complete` is False where a limit ended it before the end of the period.

    `walk`: what was fitted and what the gate said of it, where models were retrained on the way;
    `checks`: its table as text.
    """

    replayed: Replayed
    performance: Performance
    complete: bool
    walk: Mapping[str, Any] | None = None
    checks: tuple[tuple[str, ...], ...] = ()


def stopped_note(at: int, job: Job, why: str) -> str:
    """The sentence on the face of a result that does not reach the end of its period."""
    share = (at - job.start_at) / (job.end_at - job.start_at)
    return (
        f"INCOMPLETE: {why}; this is {100 * share:.1f} % of the period, up to"
        f" {utc_text(at)[:16].replace('T', ' ')} UTC."
    )


def measure_outcome(
    replayed: Replayed, prepared: PreparedReplay, history: History, *, complete: bool
) -> Outcome:
    """Measure a replay, and deflate its Sharpe by everything that was ever tried, this one
    included.
    """
    alone = measure(replayed)
    mine = _trial(replayed, alone, prepared, now_ms=replayed.end_at)
    among = tally(mine, history, prior=prepared.inputs.settings.gate.prior_trials)
    performance = (
        alone
        if among.count == 1
        else measure(replayed, trials=among.count, trial_sharpes=among.sharpes)
    )
    told = replace(replayed, notes=among.beside(replayed.notes))
    return Outcome(replayed=told, performance=performance, complete=complete)


def backtest_trial(outcome: Outcome, prepared: PreparedReplay, *, now_ms: int) -> Trial:
    """The line that goes into the trial log."""
    return _trial(outcome.replayed, outcome.performance, prepared, now_ms=now_ms)


def _trial(
    replayed: Replayed, performance: Performance, prepared: PreparedReplay, *, now_ms: int
) -> Trial:
    return Trial(
        kind=prepared.kind,
        settings_hash=prepared.settings_hash,
        data_hash=prepared.data_hash,
        start_at=replayed.start_at,
        end_at=replayed.end_at,
        model=prepared.named or replayed.model,
        recorded_at=now_ms,
        sharpe=performance.returns.sharpe,
        changed=prepared.changed,
        numbers={
            "return_rate": performance.returns.total,
            "max_drawdown": performance.drawdown.max_share,
            "trades": float(performance.positions.count),
        },
    )


def title_of(replayed: Replayed) -> str:
    """What the report is called."""
    first, last = (utc_text(at)[:10] for at in (replayed.start_at, replayed.end_at))
    return say("backtest.title", first=first, last=last, timeframe=replayed.resolution)


def result_files(outcome: Outcome, inputs: Inputs, *, parquet: bool = True) -> dict[str, bytes]:
    """The files of the result by their names; `inputs` are those of its replay.

    The same inputs give the same bytes.
    """
    walked, title = outcome.walk is not None, title_of(outcome.replayed)
    made = report_files(
        outcome.replayed,
        outcome.performance,
        candles=inputs.candles[Timeframe.M15],
        title=say("backtest.title_walked", title=title) if walked else title,
        settings=inputs.settings,
        parquet=parquet,
        checks=outcome.checks,
    )
    if walked:
        made["verdict.json"] = (
            msgspec.json.format(msgspec.json.encode(outcome.walk), indent=2) + b"\n"
        )
    return made


def summary_of(outcome: Outcome) -> dict[str, Any]:
    """What a person wants to know first.

    Rates are fractions, amounts exact yen as texts, undefined numbers null.
    """
    replayed, performance = outcome.replayed, outcome.performance
    returns, hold, significance = performance.returns, performance.hold, performance.significance
    return {
        "complete": outcome.complete,
        "start": utc_text(replayed.start_at),
        "end": utc_text(replayed.end_at),
        "resolution": replayed.resolution.value,
        "profile": replayed.profile,
        "settings_hash": replayed.settings_hash,
        "model": replayed.model,
        "account": replayed.account,
        "maker_fee_rate": str(replayed.rules.maker_fee_rate),
        "taker_fee_rate": str(replayed.rules.taker_fee_rate),
        "start_equity_jpy": str(performance.start_equity_jpy),
        "end_equity_jpy": str(performance.end_equity_jpy),
        "return": returns.total,
        "annual_return": returns.annual,
        "buy_and_hold_return": hold.returns.total,
        "buy_and_hold_max_drawdown": hold.drawdown.max_share,
        "max_drawdown": performance.drawdown.max_share,
        "sharpe": returns.sharpe,
        "sortino": returns.sortino,
        "calmar": performance.drawdown.calmar,
        "probability_above_zero": significance.above_zero,
        "deflated_probability": significance.deflated,
        "trials": significance.trials,
        "trades": performance.positions.count,
        "win_rate": performance.positions.win_rate,
        "profit_factor": performance.positions.profit_factor,
        "held_share": performance.exposure.held_share,
        "fees_jpy": str(performance.costs.fees_jpy),
        "slippage_jpy": str(performance.costs.slippage_jpy),
        "interest_jpy": str(performance.costs.interest_jpy),
        "entries_placed": len(replayed.entries),
        "entries_filled": sum(entered.filled_lots > 0 for entered in replayed.entries),
        "denials": top_denials(replayed),
        "notes": list(replayed.notes),
        **({} if outcome.walk is None else {"walk_forward": dict(outcome.walk)}),
    }


def top_denials(replayed: Replayed, count: int = TOP_DENIALS) -> Mapping[str, int]:
    """The reasons that denied most candles an entry, most first."""
    ordered = sorted(replayed.denials.items(), key=lambda one: (-one[1], one[0]))
    return {reason.value: candles for reason, candles in ordered[:count]}
