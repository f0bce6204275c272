"""A backtest's result as a person reads it in the terminal."""

from collections.abc import Mapping, Sequence
from typing import Any

from models.backtest.outcome import Outcome, title_of, top_denials
from shared.core.sentences import say
from shared.core.sentences.figures import decimals, duration, percent, rate_percent, utc_second, yen
from shared.core.types import Timeframe
from shared.replay.types import Replayed
from shared.results.performance import Performance
from shared.results.performance.positions import book_of
from shared.results.performance.series import yen_of_units as yen_of
from shared.results.report.headline import entries_words


def backtest_lines(
    outcome: Outcome,
    *,
    report: str,
    took_seconds: float,
    cached: int | None = None,
    luck: str = "",
) -> list[str]:
    """The summary, a line each.

    `cached`: how many fits of a walk-forward were there already. `luck`: the line that tells luck
    from skill, where another than a plain replay's is known.
    """
    replayed, performance = outcome.replayed, outcome.performance
    rules = replayed.rules
    fees = say(
        "backtest.fees",
        maker=rate_percent(rules.maker_fee_rate),
        taker=rate_percent(rules.taker_fee_rate),
    )
    profile = say("status.profile", profile=replayed.profile) if replayed.profile else ""
    title = title_of(replayed)
    return [
        title if outcome.complete else say("backtest.incomplete", title=title),
        say("backtest.path", resolution=_resolution(replayed)),
        say(
            "backtest.rules",
            model=replayed.model or say("models.none"),
            hash=replayed.settings_hash,
            profile=profile,
            fees=fees,
        ),
        *_numbers(performance, luck),
        say("backtest.entries", entries=entries_words(replayed.entries)),
        say("backtest.no_entry", denied=_denials_text(replayed)),
        *([] if outcome.walk is None else fitted_lines(outcome.walk, cached=cached)),
        *(say("backtest.note", note=note) for note in replayed.notes),
        say("backtest.report", report=report),
        say("backtest.took", time=duration(took_seconds)),
    ]


def _resolution(replayed: Replayed) -> str:
    return say(
        "backtest.of_record" if replayed.resolution is Timeframe.M1 else "backtest.approximation"
    )


def position_lines(replayed: Replayed) -> list[str]:
    """Every closed position, a line each, with what it brought after all costs."""
    told = []
    for one in book_of(replayed).closed:
        lots = sum(part.lots for part in one.parts)
        held = duration((one.closed_at - one.opened_at) / 1000)
        told.append(
            f"{utc_second(one.opened_at)}  {one.side:<5} {lots:>6,} lots  {held:>11} "
            f" {one.reason:<16} {yen(yen_of(one.net_units))}"
        )
    return [say("backtest.position", position=line) for line in told] or [
        say("backtest.no_position")
    ]


def fitted_lines(walk: Mapping[str, Any], *, cached: int | None) -> list[str]:
    """What a walk-forward fitted; `cached`: how much of it was there already, where it is known."""
    if not walk["retrainings"]:
        return [say("backtest.no_retrainings")]
    recipe = say(
        "backtest.recipe",
        models=f"{walk['retrainings']:,}",
        recipe=walk["recipe"],
        days=walk["every_days"],
    )
    kept = "" if cached is None else say("backtest.cached", models=f"{cached:,}")
    predicted = say(
        "backtest.predicted",
        rows=f"{walk['rows_predicted']:,}",
        independent=f"{walk['independent_rows_predicted']:,.0f}",
    )
    return [
        say("backtest.retrainings", recipe=recipe, cached=kept),
        say(
            "backtest.learned",
            trees=f"{walk['trees']:,}",
            rows=f"{walk['rows_learned']:,}",
            predicted=predicted,
        ),
    ]


def _numbers(performance: Performance, luck_line: str) -> Sequence[str]:
    returns, fall, hold = performance.returns, performance.drawdown, performance.hold
    positions, costs, luck = performance.positions, performance.costs, performance.significance
    money = f"{yen(performance.start_equity_jpy)} -> {yen(performance.end_equity_jpy)}"
    longest = (
        duration(fall.longest.length_ms / 1000)
        if fall.longest is not None
        else say("backtest.never")
    )
    trials = (
        say("backtest.trials", trials=luck.trials) if luck.trials > 1 else say("backtest.one_trial")
    )
    won = say(
        "backtest.won",
        share=percent(positions.win_rate, places=0),
        profit_factor=decimals(positions.profit_factor),
    )
    held = say("backtest.held", share=percent(performance.exposure.held_share, places=0))
    paid = say(
        "backtest.paid",
        fees=yen(costs.fees_jpy),
        slippage=yen(costs.slippage_jpy),
        interest=yen(costs.interest_jpy),
    )
    return [
        say(
            "backtest.return",
            total=percent(returns.total, sign=True),
            money=money,
            hold=percent(hold.returns.total, sign=True),
        ),
        say(
            "backtest.drawdown",
            drawdown=percent(-fall.max_share, sign=True),
            longest=longest,
            hold=percent(-hold.drawdown.max_share, sign=True),
        ),
        say(
            "backtest.sharpe",
            sharpe=decimals(returns.sharpe),
            sortino=decimals(returns.sortino),
            calmar=decimals(fall.calmar),
        ),
        luck_line
        or say(
            "backtest.luck",
            above_zero=percent(luck.above_zero, places=0),
            trials=trials,
            deflated=percent(luck.deflated, places=0),
        ),
        say("backtest.trades", trades=f"{positions.count:,}", won=won, held=held),
        say("backtest.costs", costs=yen(costs.total_jpy), paid=paid),
    ]


def _denials_text(replayed: Replayed) -> str:
    """For how many candles what kept the bot from entering; the parts add up to the whole."""
    total, top = sum(replayed.denials.values()), top_denials(replayed)
    if not total:
        return say("backtest.never_denied")
    others = total - sum(top.values())
    told = [f"{reason} {count:,}" for reason, count in top.items()] + (
        [say("backtest.others", count=f"{others:,}")] if others else []
    )
    return say("backtest.denied", candles=f"{total:,}", reasons=", ".join(told))
