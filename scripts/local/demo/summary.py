"""What a demo came to, for people and as JSON."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scripts.local.demo.run import Ran
from scripts.output.console import duration, yen
from scripts.output.report import first_line
from scripts.output.report.figures import compute
from scripts.output.report.story import stories, why_nothing
from scripts.output.report.words import percent, reason_words
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


def told(done: FinishedDemo) -> dict[str, Any]:
    """The summary as JSON values."""
    ran = done.ran
    figures = compute(ran.reports, ran.header.start_equity_jpy)
    decided = stories(ran.reports)
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
        "start_equity_jpy": figures.start_equity_jpy,
        "end_equity_jpy": figures.end_equity_jpy,
        "profit_jpy": figures.profit_jpy,
        "fees_jpy": figures.fees_jpy,
        "interest_jpy": figures.interest_jpy,
        "slippage_jpy": figures.slippage_jpy,
        "max_drawdown": figures.max_drawdown,
        "buy_and_hold": figures.buy_and_hold,
        "round_trips": figures.round_trips,
        "wins": figures.wins,
        "stops": sum(
            trade.reason == "exit_stop" for report in ran.reports for trade in report.trades
        ),
        "decisions_with_orders": len(decided),
        "entries_decided": sum(story.decision.action is Action.ENTER for story in decided),
        "ticks": dict(figures.ticks),
        "reasons": {
            row.reason.value: {"candles": row.candles, "ticks": row.ticks}
            for row in why_nothing(ran.reports)
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


def lines(done: FinishedDemo) -> list[str]:
    """The summary for people."""
    ran = done.ran
    figures = compute(ran.reports, ran.header.start_equity_jpy)
    written = ["", first_line(ran.header), ""]
    if ran.header.stopped_early:
        written += [ran.header.stopped_early, ""]
    if not ran.reports:
        return [*written, "No tick was done, so there is no report."]
    hold = "unknown" if figures.buy_and_hold is None else percent(figures.buy_and_hold, sign=True)
    written += [
        (
            f"equity       {yen(figures.start_equity_jpy)} -> {yen(figures.end_equity_jpy)} "
            f"({percent(figures.profit_rate, sign=True)}); buy and hold {hold}"
        ),
        (
            f"round trips  {figures.round_trips}, {figures.wins} won; max drawdown"
            f" {percent(figures.max_drawdown)}"
        ),
        (
            f"costs        fees {yen(figures.fees_jpy)}, interest {yen(figures.interest_jpy)}, "
            f"slippage {yen(figures.slippage_jpy)}"
        ),
        (
            f"ticks        {len(ran.reports):,d}"
            f" ({', '.join(f'{count:,d} {status}' for status, count in figures.ticks.items())})"
        ),
    ]
    written += _why(ran)
    written += [
        (
            f"took         {duration(done.seconds)}: {duration(ran.preparing_seconds)} to prepare, "
            f"{duration(ran.ticking_seconds)} to tick, {ran.ms_per_tick:.0f} ms each"
        ),
        *([f"kept         {done.home}"] if done.home is not None else []),
        f"report       {done.target.as_uri()}",
    ]
    return written


def _why(ran: Ran) -> list[str]:
    """The three most frequent reasons why a candle led to no entry."""
    rows = [row for row in why_nothing(ran.reports) if row.candles and row.reason != "nothing_new"][
        :3
    ]
    return [
        f"{'why not' if row is rows[0] else '':<12} {row.candles:,d} candles:"
        f" {reason_words(row.reason)}"
        for row in rows
    ]
