"""What a demo came to, for people and as JSON."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scripts.local.demo.run import Ran
from scripts.output.report import first_line
from scripts.output.report.outcome import TickedRun, build_ticked_run
from shared.core.sentences import reason_then, say
from shared.core.sentences.figures import duration, percent, yen
from shared.core.types import Action


@dataclass(frozen=True, slots=True, kw_only=True)
class FinishedDemo:
    """A finished demo: where its report is, how long all of it took, and its folder where that was
    kept.
    """

    ran: Ran
    target: Path
    seconds: float
    home: Path | None


def summary_values(done: FinishedDemo) -> dict[str, Any]:
    """The summary as JSON values."""
    ran = done.ran
    run = build_ticked_run(ran.reports, ran.header)
    performance, costs = run.performance, run.performance.costs
    return {
        "first_line": first_line(ran.header),
        "report": str(done.target) if ran.reports else None,
        "home": None if done.home is None else str(done.home),
        "start_at": ran.plan.start_at,
        "end_at": ran.plan.end_at,
        "training": ran.header.training,
        "model": ran.header.model,
        "profile": ran.header.profile,
        "settings_hash": ran.header.settings_hash,
        "start_equity_jpy": performance.start_equity_jpy,
        "end_equity_jpy": performance.end_equity_jpy,
        "profit_jpy": performance.end_equity_jpy - performance.start_equity_jpy,
        "fees_jpy": costs.fees_jpy,
        "interest_jpy": costs.interest_jpy,
        "slippage_jpy": costs.slippage_jpy,
        "max_drawdown": performance.drawdown.max_share,
        "buy_and_hold": _hold(run),
        "round_trips": performance.positions.count,
        "wins": performance.positions.wins,
        "stops": sum(
            trade.reason == "exit_stop" for report in ran.reports for trade in report.trades
        ),
        "decisions_with_orders": len(run.stories),
        "entries_decided": sum(story.decision.action is Action.ENTER for story in run.stories),
        "ticks": dict(run.ticks),
        "reasons": {
            row.reason.value: {"candles": row.candles, "ticks": row.ticks} for row in run.why_not
        },
        "interrupted": ran.interrupted,
        "failure": None if ran.failure is None else str(ran.failure),
        "seconds": {
            "total": round(done.seconds, 1),
            "preparing": round(ran.preparing_seconds, 1),
            "ticking": round(ran.ticking_seconds, 1),
        },
        "ms_per_tick": round(ran.ms_per_tick, 1),
    }


def _hold(run: TickedRun) -> float | None:
    """What buying and holding brought; None where no tick knew a price."""
    hold = run.performance.hold
    return None if hold.price is None else hold.returns.total


def summary_lines(done: FinishedDemo) -> list[str]:
    """The summary for people."""
    ran = done.ran
    written = ["", first_line(ran.header), ""]
    if ran.header.stopped_early:
        written += [ran.header.stopped_early, ""]
    if not ran.reports:
        return [*written, say("live.no_tick")]
    run = build_ticked_run(ran.reports, ran.header)
    performance, costs = run.performance, run.performance.costs
    held, hold = performance.positions, _hold(run)
    written += [
        say(
            "live.equity",
            start=yen(performance.start_equity_jpy),
            end=yen(performance.end_equity_jpy),
            total=percent(performance.returns.total, sign=True),
            hold=say("figures.unknown") if hold is None else percent(hold, sign=True),
        ),
        say(
            "live.round_trips",
            count=held.count,
            won=held.wins,
            drawdown=percent(performance.drawdown.max_share),
        ),
        say(
            "live.costs",
            fees=yen(costs.fees_jpy),
            interest=yen(costs.interest_jpy),
            slippage=yen(costs.slippage_jpy),
        ),
        say(
            "live.ticks",
            ticks=f"{len(ran.reports):,d}",
            statuses=", ".join(f"{count:,d} {status}" for status, count in run.ticks.items()),
        ),
    ]
    written += _why(run)
    written += [
        say(
            "live.took",
            time=duration(done.seconds),
            preparing=duration(ran.preparing_seconds),
            ticking=duration(ran.ticking_seconds),
            milliseconds=f"{ran.ms_per_tick:.0f}",
        ),
        *([say("live.kept", place=str(done.home))] if done.home is not None else []),
        say("backtest.report", report=done.target.as_uri()),
    ]
    return written


def _why(run: TickedRun) -> list[str]:
    """The three most frequent reasons why a candle led to no entry."""
    rows = [row for row in run.why_not if row.candles and row.reason != "nothing_new"][:3]
    return [
        say(
            "live.why_not" if row is rows[0] else "live.why_not_either",
            candles=f"{row.candles:,d}",
            why=reason_then(row.reason),
        )
        for row in rows
    ]
