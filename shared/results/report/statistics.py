"""Every measured number in groups, with what it means; where it exists, buy and hold's
beside it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from shared.core.sentences import say
from shared.core.sentences.figures import (
    DASH,
    decimals,
    fall_percent,
    jst_minute,
    length,
    number,
    percent,
    yen_alone,
)
from shared.results.performance import Drawdown, Drawdowns, Performance, Probability, Returns
from shared.results.report.headline import interval


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One number: the replay's, buy and hold's where there is one, and what it means."""

    name: str
    value: str
    hold: str = ""
    meaning: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Lines under one heading; `beside`: the column for buy and hold is shown."""

    name: str
    lines: Sequence[Line]
    beside: bool = False


def statistic_groups(performance: Performance, *, with_luck: bool = True) -> list[Group]:
    """All groups; `with_luck`: also the one that tells luck from skill."""
    groups = [
        Group(name=say("statistics.group.risk"), beside=True, lines=_returns(performance)),
        Group(name=say("statistics.group.positions"), lines=_positions(performance)),
        Group(name=say("statistics.group.market"), lines=_exposure(performance)),
    ]
    if with_luck:
        name = say("statistics.group.luck")
        groups.append(Group(name=name, lines=_significance(performance)))
    return groups


def _returns(performance: Performance) -> list[Line]:
    own = _return_values(performance.returns, performance.drawdown)
    hold = _return_values(performance.hold.returns, performance.hold.drawdown)
    return [
        *(
            Line(
                name=say(f"statistics.return.{name}"),
                value=value,
                hold=hold[name],
                meaning=say(f"statistics.return_means.{name}"),
            )
            for name, value in own.items()
        ),
        Line(
            name=say("statistics.name.correlation"),
            value=decimals(performance.hold.correlation),
            meaning=say("statistics.means.correlation"),
        ),
    ]


def _return_values(returns: Returns, falls: Drawdowns) -> dict[str, str]:
    """By the last part of their keys in the catalogue."""
    return {
        "total": percent(returns.total, sign=True),
        "annual": percent(returns.annual, sign=True),
        "volatility": percent(returns.volatility),
        "sharpe": decimals(returns.sharpe),
        "sortino": decimals(returns.sortino),
        "calmar": decimals(falls.calmar),
        "drawdown": fall_percent(falls.max_share),
        "deepest": _fall(falls.deepest),
        "longest": length(falls.longest.length_ms) if falls.longest else DASH,
        "under_water": percent(falls.under_water_share, places=1),
        "best_day": percent(returns.best_day, sign=True),
        "worst_day": percent(returns.worst_day, sign=True),
        "winning_days": percent(returns.winning_days, places=1),
        "skewness": decimals(returns.skewness),
        "kurtosis": decimals(returns.kurtosis),
    }


def _fall(fall: Drawdown | None) -> str:
    return (
        DASH
        if fall is None
        else say(
            "statistics.fall",
            peak=jst_minute(fall.peak_at)[:10],
            trough=jst_minute(fall.trough_at)[:10],
        )
    )


def _money(amount: Decimal | None) -> str:
    return DASH if amount is None else f"{yen_alone(amount, sign=True)} JPY"


def _positions(performance: Performance) -> list[Line]:
    held = performance.positions
    return [
        Line(
            name=say("statistics.name.closed"),
            value=f"{held.count:,d}",
            meaning=say("statistics.means.closed", parts=f"{held.parts:,d}"),
        ),
        Line(
            name=say("statistics.name.outcomes"),
            value=f"{held.wins:,d}, {held.losses:,d}, {held.even:,d}",
        ),
        Line(name=say("statistics.name.win_rate"), value=percent(held.win_rate)),
        Line(
            name=say("statistics.name.profit_factor"),
            value=decimals(held.profit_factor),
            meaning=say("statistics.means.profit_factor"),
        ),
        Line(
            name=say("statistics.name.payoff"),
            value=decimals(held.payoff),
            meaning=say("statistics.means.payoff"),
        ),
        Line(
            name=say("statistics.name.expectancy"),
            value=_money(held.expectancy_jpy),
            meaning=say("statistics.means.expectancy"),
        ),
        Line(
            name=say("statistics.name.expectancy_r"),
            value=decimals(held.expectancy_r, places=3, sign=True),
            meaning=say("statistics.means.expectancy_r", positions=f"{held.with_r:,d}"),
        ),
        Line(name=say("statistics.name.average_win"), value=_money(held.average_win_jpy)),
        Line(name=say("statistics.name.average_loss"), value=_money(held.average_loss_jpy)),
        Line(name=say("statistics.name.best"), value=_money(held.best_jpy)),
        Line(name=say("statistics.name.worst"), value=_money(held.worst_jpy)),
        Line(name=say("statistics.name.winning_streak"), value=f"{held.longest_winning_streak:,d}"),
        Line(name=say("statistics.name.losing_streak"), value=f"{held.longest_losing_streak:,d}"),
        Line(name=say("statistics.name.time_held_on_average"), value=length(held.average_held_ms)),
        Line(
            name=say("statistics.name.open"),
            value=say("statistics.yes" if held.held_at_end else "statistics.no"),
        ),
    ]


def _exposure(performance: Performance) -> list[Line]:
    exposure, costs = performance.exposure, performance.costs
    return [
        Line(
            name=say("statistics.name.time_held"),
            value=percent(exposure.held_share, places=1),
            meaning=say("statistics.means.time_held"),
        ),
        Line(name=say("statistics.name.long"), value=percent(exposure.long_share, places=1)),
        Line(name=say("statistics.name.short"), value=percent(exposure.short_share, places=1)),
        Line(
            name=say("statistics.name.leverage"),
            value=decimals(exposure.mean_leverage),
            meaning=say("statistics.means.leverage"),
        ),
        Line(name=say("statistics.name.highest_leverage"), value=decimals(exposure.max_leverage)),
        Line(name=say("statistics.name.fills"), value=f"{exposure.fills:,d}"),
        Line(
            name=say("statistics.name.maker"),
            value=percent(exposure.maker_share, places=1),
            meaning=say("statistics.means.maker"),
        ),
        Line(
            name=say("statistics.name.turnover"),
            value=f"{yen_alone(exposure.turnover_jpy)} JPY",
            meaning=say("statistics.means.turnover"),
        ),
        Line(
            name=say("statistics.name.relative_turnover"),
            value=decimals(exposure.turnover, places=1),
        ),
        Line(
            name=say("statistics.name.yearly_turnover"),
            value=decimals(exposure.annual_turnover, places=1),
        ),
        Line(
            name=say("statistics.name.costs_of_turnover"),
            value=percent(costs.rate_of_turnover, places=3),
        ),
        Line(
            name=say("statistics.name.costs_of_result"),
            value=percent(costs.share_of_frictionless, places=1),
            meaning=say("statistics.means.costs_of_result"),
        ),
    ]


def _significance(performance: Performance) -> list[Line]:
    told, sampled = performance.significance, performance.significance.bootstrap
    level = f"{sampled.level:.0%}"
    drawn = say(
        "statistics.means.bootstrap",
        samples=f"{sampled.samples:,d}",
        days=number(sampled.block_days),
    )
    assumed = (
        say("statistics.means.variance_assumed")
        if told.trials_variance_assumed
        else say("statistics.means.variance_logged")
    )
    return [
        Line(
            name=say("statistics.name.days"),
            value=f"{told.days:,d}",
            meaning=say("statistics.means.days", days=decimals(told.effective_days, places=0)),
        ),
        Line(
            name=say("statistics.name.sharpe_interval", level=level),
            value=interval(sampled.sharpe),
            meaning=drawn,
        ),
        Line(
            name=say("statistics.name.return_interval", level=level),
            value=(
                DASH
                if sampled.total is None
                else say(
                    "statistics.interval",
                    low=percent(sampled.total.low),
                    high=percent(sampled.total.high),
                )
            ),
            meaning=drawn,
        ),
        Line(name=say("statistics.name.losing_samples"), value=percent(sampled.losing, places=1)),
        Line(
            name=say("statistics.name.trials"),
            value=f"{told.trials:,d}",
            meaning=say("statistics.means.trials"),
        ),
        Line(
            name=say("statistics.name.trials_variance"),
            value=decimals(told.trials_variance, places=3),
            meaning=assumed,
        ),
        Line(
            name=say("statistics.name.best_by_luck"),
            value=decimals(told.expected_maximum_sharpe),
            meaning=say("statistics.means.best_by_luck"),
        ),
        *_probabilities("2012", "Bailey and López de Prado", told.estimated),
        *_probabilities("2025", "López de Prado, Lipton and Zoonekynd", told.hypothesised),
        Line(
            name=say("statistics.name.autocorrelation"),
            value=decimals(told.autocorrelation, places=3),
            meaning=say("statistics.means.autocorrelation"),
        ),
    ]


def _probabilities(year: str, who: str, told: Probability) -> list[Line]:
    return [
        Line(
            name=say("statistics.name.psr", year=year),
            value=percent(told.above_zero, places=1),
            meaning=say("statistics.means.psr", who=who),
        ),
        Line(
            name=say("statistics.name.dsr", year=year),
            value=percent(told.deflated, places=1),
            meaning=say("statistics.means.dsr"),
        ),
        Line(
            name=say("statistics.name.shortest", year=year),
            value=DASH
            if told.minimum_days is None
            else say("statistics.days", days=f"{told.minimum_days:,.0f}"),
            meaning=say("statistics.means.shortest"),
        ),
    ]
