"""A backtest's result as a person reads it in the terminal."""

from collections.abc import Mapping, Sequence
from typing import Any

from models.backtest.outcome import Outcome, title_of, top_denials
from shared.core.calendar import utc_second
from shared.core.sentences.figures import duration, yen
from shared.core.types import Timeframe
from shared.replay.types import Replayed
from shared.results.performance import Performance
from shared.results.performance.positions import book_of
from shared.results.performance.series import yen as yen_of
from shared.results.report.headline import entries_words

DASH = "–"
_RESOLUTIONS = {
    Timeframe.M1: "1m candles, the resolution of record",
    Timeframe.M15: "15m candles alone, the fast and conservative approximation",
}


def lines(
    outcome: Outcome, *, report: str, took_seconds: float, cached: int | None = None
) -> list[str]:
    """The summary, a line each; `cached`: how many fits of a walk-forward were there already."""
    replayed, performance = outcome.replayed, outcome.performance
    rules = replayed.rules
    fees = (
        f"fees {_rate(float(rules.maker_fee_rate))} maker, {_rate(float(rules.taker_fee_rate))}"
        " taker"
    )
    profile = f", profile {replayed.profile}" if replayed.profile else ""
    return [
        f"{title_of(replayed)}{'' if outcome.complete else ' (INCOMPLETE)'}",
        f"path         {_RESOLUTIONS[replayed.resolution]}",
        (
            f"rules        model {replayed.model or 'none'}, settings"
            f" {replayed.settings_hash}{profile}, {fees}"
        ),
        *_numbers(performance),
        f"entries      {entries_words(replayed.entries)}",
        f"no entry     {_denied(replayed)}",
        *([] if outcome.walk is None else fitted_lines(outcome.walk, cached=cached)),
        *(f"note         {note}" for note in replayed.notes),
        f"report       {report}",
        f"took         {duration(took_seconds)}",
    ]


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
    return [f"position     {line}" for line in told] or ["position     none was closed"]


def fitted_lines(walk: Mapping[str, Any], *, cached: int | None) -> list[str]:
    """What a walk-forward fitted; `cached`: how much of it was there already, where it is known."""
    if not walk["retrainings"]:
        return ["retrainings  none: this policy asks no model"]
    recipe = (
        f"{walk['retrainings']:,} models of recipe {walk['recipe']}, one every {walk['every_days']}"
        " days"
    )
    kept = "" if cached is None else f"; {cached:,} were in the cache"
    predicted = (
        f"{walk['rows_predicted']:,} rows predicted, worth"
        f" {walk['independent_rows_predicted']:,.0f} independent ones"
    )
    return [
        f"retrainings  {recipe}{kept}",
        f"learned      {walk['trees']:,} trees from {walk['rows_learned']:,} rows; {predicted}",
    ]


def _numbers(performance: Performance) -> Sequence[str]:
    returns, fall, hold = performance.returns, performance.drawdown, performance.hold
    positions, costs, luck = performance.positions, performance.costs, performance.significance
    money = f"{yen(performance.start_equity_jpy)} -> {yen(performance.end_equity_jpy)}"
    longest = duration(fall.longest.length_ms / 1000) if fall.longest is not None else "never"
    trials = f"{luck.trials} trial{'s' if luck.trials > 1 else ''}"
    won = f"won {_chance(positions.win_rate)}, profit factor {_number(positions.profit_factor)}"
    held = f"in the market {_chance(performance.exposure.held_share)} of the time"
    paid = (
        f"fees {yen(costs.fees_jpy)}, slippage {yen(costs.slippage_jpy)}, interest"
        f" {yen(costs.interest_jpy)}"
    )
    return [
        f"return       {_share(returns.total)}  {money}; buy and hold {_share(hold.returns.total)}",
        (
            f"drawdown     {_share(-fall.max_share)}  longest {longest}; buy and hold"
            f" {_share(-hold.drawdown.max_share)}"
        ),
        (
            f"Sharpe       {_number(returns.sharpe)}  Sortino {_number(returns.sortino)}, Calmar"
            f" {_number(fall.calmar)}"
        ),
        (
            f"luck         above zero with {_chance(luck.above_zero)}, deflated by {trials}:"
            f" {_chance(luck.deflated)}"
        ),
        f"trades       {positions.count:,}  {won}, {held}",
        f"costs        {yen(costs.total_jpy)}  {paid}",
    ]


def _denied(replayed: Replayed) -> str:
    """For how many candles what kept the bot from entering; the parts add up to the whole."""
    total, top = sum(replayed.denials.values()), top_denials(replayed)
    if not total:
        return "never denied"
    others = total - sum(top.values())
    told = [f"{reason} {count:,}" for reason, count in top.items()] + (
        [f"others {others:,}"] if others else []
    )
    return f"{total:,} candles: {', '.join(told)}"


def _share(value: float | None) -> str:
    return DASH if value is None else f"{100 * value:+z.2f} %"


def _chance(value: float | None) -> str:
    return DASH if value is None else f"{100 * value:.0f} %"


def _number(value: float | None) -> str:
    return DASH if value is None else f"{value:.2f}"


def _rate(value: float) -> str:
    return f"{100 * value:g} %"
