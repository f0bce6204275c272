"""Targets, performance and signals of a period in words: lines of 80 columns at the most."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from textwrap import wrap

from shared.core.sentences import say
from shared.core.sentences.figures import decimals, fall_percent, number, percent, yen, yen_words
from shared.results.performance import Performance
from shared.results.targets import Reached, SignalRow, TargetFigure, TargetName
from shared.results.targets.figure import Number

WIDTH = 80
INDENT = " " * 12


def wrap_line(line: str, indent: str = INDENT) -> list[str]:
    """A line in as many as its 80 columns take."""
    return wrap(line, WIDTH, subsequent_indent=indent, break_on_hyphens=False) or [""]


def target_lines(figures: Sequence[TargetFigure]) -> list[str]:
    """A target: its name, what came of it, its number, its limit, and what it is made of."""
    return [line for figure in figures for line in _target(figure)]


def _target(figure: TargetFigure) -> list[str]:
    bound = _LIMITS[figure.name](figure.limit)
    limit = say("targets.least" if figure.is_least else "targets.most", limit=bound)
    made_of = say("targets.nothing") if figure.value is None else _WORDS[figure.name](figure)
    if figure.samples < figure.needed:
        made_of += say("targets.needed", needed=figure.needed)
    told = _NUMBERS[figure.name](figure.value)
    head = f"{figure.name:<12}{_reached_word(figure):<9}{told:>11}  {limit:<11}"
    return wrap_line(f"{head}{made_of}", " " * len(head))


def _reached_word(figure: TargetFigure) -> str:
    if figure.reached is Reached.MET:
        return say("targets.met")
    if figure.reached is Reached.MISSED:
        return say("targets.missed")
    return say("targets.too_few" if figure.samples < figure.needed else "targets.unknown")


def _seconds(value: Number | None) -> str:
    return say("targets.seconds", seconds=decimals(None if value is None else float(value)))


def _plain(value: Number | None) -> str:
    return decimals(None if value is None else float(value))


def _whole(value: Number | None) -> str:
    return decimals(None if value is None else float(value), places=0)


def _yen(value: Number | None) -> str:
    return _plain(None) if value is None else yen(value)


_NUMBERS: Mapping[TargetName, Callable[[Number | None], str]] = {
    TargetName.UPTIME: percent,
    TargetName.ANSWERS: _seconds,
    TargetName.ERRORS: _whole,
    TargetName.WINS: percent,
    TargetName.CONFIDENCE: _plain,
    TargetName.PROFIT: _yen,
}

_LIMITS: Mapping[TargetName, Callable[[Number], str]] = {
    TargetName.UPTIME: partial(percent, places=1),
    TargetName.ANSWERS: lambda limit: say("targets.seconds", seconds=number(float(limit))),
    TargetName.ERRORS: _whole,
    TargetName.WINS: partial(percent, places=0),
    TargetName.CONFIDENCE: _plain,
    TargetName.PROFIT: _yen,
}


def _uptime(figure: TargetFigure) -> str:
    parts = figure.parts
    rest = [
        say(f"targets.rest.{name}", count=_whole(parts[name]))
        for name in ("late", "given_back", "died", "never_came", "failed", "duplicate")
        if parts[name]
    ]
    return say(
        "targets.uptime", up=_whole(parts["up"]), due=_whole(parts["due"]), rest=_listing(rest)
    )


def _listing(told: Sequence[str]) -> str:
    return "".join(f", {one}" for one in told)


def _answers(figure: TargetFigure) -> str:
    parts = figure.parts
    waits = attended = unmeasured = ""
    if parts["waited"]:
        waits = say(
            "targets.waits",
            count=_whole(parts["waited"]),
            seconds=_seconds(parts["wait_seconds"]),
            whole=_seconds(parts["with_wait_seconds"]),
        )
    if parts["attended"]:
        attended = say(
            "targets.attended",
            count=_whole(parts["attended"]),
            seconds=_seconds(parts["attended_seconds"]),
        )
    if parts["unmeasured"]:
        unmeasured = say("targets.unmeasured", count=_whole(parts["unmeasured"]))
    return say(
        "targets.answers",
        count=_whole(figure.samples),
        slowest=_seconds(parts["slowest_seconds"]),
        waits=waits,
        attended=attended,
        unmeasured=unmeasured,
    )


def _errors(figure: TargetFigure) -> str:
    parts = figure.parts
    kinds = [
        say(f"targets.error.{name}", count=_whole(parts[name]))
        for name in ("ticks", "claims", "alerts", "undelivered")
        if parts[name]
    ]
    return say("targets.errors", mean=_plain(parts["mean"]), rest=_listing(kinds))


def _wins(figure: TargetFigure) -> str:
    return say(
        "targets.wins",
        wins=_whole(figure.parts["wins"]),
        count=_whole(figure.samples),
        net=_yen(figure.parts["net_jpy"]),
    )


def _confidence(figure: TargetFigure) -> str:
    entered = ""
    if figure.parts["entered"]:
        entered = say(
            "targets.entered",
            count=_whole(figure.parts["entered"]),
            mean=_plain(figure.parts["entered_mean"]),
        )
    return say("targets.confidence", count=_whole(figure.samples), entered=entered)


def _profit(figure: TargetFigure) -> str:
    parts = figure.parts
    change, month = _yen(parts["change_jpy"]), _yen(parts["month_jpy"])
    days = decimals(float(parts["days"] or 0), places=1)
    if parts["monthly_cost_jpy"] is None:
        return say("targets.profit_without", change=change, days=days, month=month)
    cost = _yen(parts["monthly_cost_jpy"])
    return say("targets.profit", change=change, days=days, month=month, cost=cost)


_WORDS: Mapping[TargetName, Callable[[TargetFigure], str]] = {
    TargetName.UPTIME: _uptime,
    TargetName.ANSWERS: _answers,
    TargetName.ERRORS: _errors,
    TargetName.WINS: _wins,
    TargetName.CONFIDENCE: _confidence,
    TargetName.PROFIT: _profit,
}


def performance_lines(found: Performance) -> list[str]:
    """What the account earned, what that cost, how deep it fell, and buy and hold beside it."""
    costs, deepest = found.costs, found.drawdown.deepest
    lines = [
        say(
            "targets.equity",
            start=yen(found.start_equity_jpy),
            end=yen(found.end_equity_jpy),
            total=percent(found.returns.total, sign=True),
            hold=percent(found.hold.returns.total, sign=True),
        ),
        say(
            "targets.gross",
            gross=yen(costs.gross_jpy),
            net=yen(costs.net_jpy),
            open=yen(costs.unrealised_jpy),
        ),
        say(
            "targets.costs",
            total=yen_words(costs.total_jpy),
            fees=yen_words(costs.fees_jpy),
            interest=yen_words(costs.interest_jpy),
            slippage=yen_words(costs.slippage_jpy),
        ),
        say(
            "targets.fall",
            share=fall_percent(found.drawdown.max_share),
            amount=yen(0 if deepest is None else deepest.jpy),
            below=percent(found.drawdown.under_water_share, places=0),
        ),
    ]
    return [line for told in lines for line in wrap_line(told)]


def signal_lines(rows: Sequence[SignalRow]) -> list[str]:
    """What each strategy said over the whole period."""
    if not rows:
        return [say("targets.no_signals")]
    by_strategy: dict[str, list[SignalRow]] = defaultdict(list)
    for row in rows:
        by_strategy[row.strategy].append(row)
    return [say("targets.signals"), *(_signal(name, by_strategy[name]) for name in by_strategy)]


def _signal(strategy: str, rows: Sequence[SignalRow]) -> str:
    spoken = sum(row.buy + row.sell for row in rows)
    strength = sum((row.buy + row.sell) * (row.strength or 0.0) for row in rows)
    return say(
        "targets.signal",
        strategy=f"{strategy:<25}",
        buy=f"{sum(row.buy for row in rows):>7,d}",
        sell=f"{sum(row.sell for row in rows):>7,d}",
        hold=f"{sum(row.hold for row in rows):>7,d}",
        strength=f"{decimals(strength / spoken if spoken else None):>11}",
    )
