"""Every measured number in groups, with what it means; where it exists, buy and hold's
beside it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from shared.core.calendar import jst_minute
from shared.core.sentences.figures import (
    DASH,
    decimals,
    fall_percent,
    length,
    number,
    percent,
    yen_alone,
)
from shared.results.performance import Drawdown, Drawdowns, Performance, Probability, Returns
from shared.results.report.headline import interval

LUCK = "Luck or skill"


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


def statistics(performance: Performance) -> list[Group]:
    """All groups."""
    return [
        Group(name="Return and risk", beside=True, lines=_returns(performance)),
        Group(name="Positions", lines=_positions(performance)),
        Group(name="In the market", lines=_exposure(performance)),
        Group(name=LUCK, lines=_significance(performance)),
    ]


def _returns(performance: Performance) -> list[Line]:
    own = _return_values(performance.returns, performance.drawdown)
    hold = _return_values(performance.hold.returns, performance.hold.drawdown)
    return [
        *(
            Line(name=name, value=own[name], hold=hold[name], meaning=meaning)
            for name, meaning in _RETURN_MEANINGS.items()
        ),
        Line(
            name="Correlation with holding",
            value=decimals(performance.hold.correlation),
            meaning="of the two series of daily returns",
        ),
    ]


_RETURN_MEANINGS = {
    "Return": "end equity / start equity − 1",
    "Return a year": "the same growth over 365 days",
    "Volatility a year": "standard deviation of daily returns × √365",
    "Sharpe": "mean / standard deviation of daily returns × √365",
    "Sortino": "mean / downside deviation of daily returns × √365",
    "Calmar": "return a year / max drawdown",
    "Max drawdown": "the deepest fall below a peak, as a share of it; never above zero",
    "Deepest fall": "from its peak to its trough (JST)",
    "Longest fall": "from its peak to its recovery, or to the end",
    "Below a peak": "share of the candles",
    "Best day": "JST midnight to midnight",
    "Worst day": "JST midnight to midnight",
    "Winning days": "share of the days that ended higher",
    "Skewness": "of daily returns; a Normal has 0",
    "Kurtosis": "of daily returns; a Normal has 3",
}


def _return_values(returns: Returns, falls: Drawdowns) -> dict[str, str]:
    return {
        "Return": percent(returns.total, sign=True),
        "Return a year": percent(returns.annual, sign=True),
        "Volatility a year": percent(returns.volatility),
        "Sharpe": decimals(returns.sharpe),
        "Sortino": decimals(returns.sortino),
        "Calmar": decimals(falls.calmar),
        "Max drawdown": fall_percent(falls.max_share),
        "Deepest fall": _fall(falls.deepest),
        "Longest fall": length(falls.longest.length_ms) if falls.longest else DASH,
        "Below a peak": percent(falls.under_water_share, places=1),
        "Best day": percent(returns.best_day, sign=True),
        "Worst day": percent(returns.worst_day, sign=True),
        "Winning days": percent(returns.winning_days, places=1),
        "Skewness": decimals(returns.skewness),
        "Kurtosis": decimals(returns.kurtosis),
    }


def _fall(fall: Drawdown | None) -> str:
    return (
        DASH
        if fall is None
        else f"{jst_minute(fall.peak_at)[:10]}\nto {jst_minute(fall.trough_at)[:10]}"
    )


def _money(amount: Decimal | None) -> str:
    return DASH if amount is None else f"{yen_alone(amount, sign=True)} JPY"


def _positions(performance: Performance) -> list[Line]:
    held = performance.positions
    return [
        Line(
            name="Closed",
            value=f"{held.count:,d}",
            meaning=f"{held.parts:,d} closing fills; one position counts once",
        ),
        Line(name="Won, lost, even", value=f"{held.wins:,d}, {held.losses:,d}, {held.even:,d}"),
        Line(name="Win rate", value=percent(held.win_rate)),
        Line(
            name="Profit factor",
            value=decimals(held.profit_factor),
            meaning="sum of wins / sum of losses",
        ),
        Line(name="Payoff", value=decimals(held.payoff), meaning="average win / average loss"),
        Line(
            name="Expectancy",
            value=_money(held.expectancy_jpy),
            meaning="mean net result of a position",
        ),
        Line(
            name="Expectancy in R",
            value=decimals(held.expectancy_r, places=3, sign=True),
            meaning=f"net result / what was at risk to the first stop; known for {held.with_r:,d}",
        ),
        Line(name="Average win", value=_money(held.average_win_jpy)),
        Line(name="Average loss", value=_money(held.average_loss_jpy)),
        Line(name="Best", value=_money(held.best_jpy)),
        Line(name="Worst", value=_money(held.worst_jpy)),
        Line(name="Longest winning streak", value=f"{held.longest_winning_streak:,d}"),
        Line(name="Longest losing streak", value=f"{held.longest_losing_streak:,d}"),
        Line(name="Average time held", value=length(held.average_held_ms)),
        Line(name="Open at the end", value="yes" if held.held_at_end else "no"),
    ]


def _exposure(performance: Performance) -> list[Line]:
    exposure, costs = performance.exposure, performance.costs
    return [
        Line(
            name="Time held",
            value=percent(exposure.held_share, places=1),
            meaning="share of the period, fill to fill",
        ),
        Line(name="Long", value=percent(exposure.long_share, places=1)),
        Line(name="Short", value=percent(exposure.short_share, places=1)),
        Line(
            name="Mean leverage",
            value=decimals(exposure.mean_leverage),
            meaning="position / equity while something was held",
        ),
        Line(name="Highest leverage", value=decimals(exposure.max_leverage)),
        Line(name="Fills", value=f"{exposure.fills:,d}"),
        Line(
            name="Filled as maker",
            value=percent(exposure.maker_share, places=1),
            meaning="share of the turnover",
        ),
        Line(
            name="Turnover",
            value=f"{yen_alone(exposure.turnover_jpy)} JPY",
            meaning="price × size of all fills",
        ),
        Line(name="Turnover, × equity", value=decimals(exposure.turnover, places=1)),
        Line(name="The same a year", value=decimals(exposure.annual_turnover, places=1)),
        Line(name="Costs / turnover", value=percent(costs.rate_of_turnover, places=3)),
        Line(
            name="Costs / result without costs",
            value=percent(costs.share_of_frictionless, places=1),
            meaning="undefined where there was no profit before costs",
        ),
    ]


def _significance(performance: Performance) -> list[Line]:
    told, sampled = performance.significance, performance.significance.bootstrap
    level = f"{sampled.level:.0%}"
    drawn = (
        f"stationary bootstrap of daily returns: {sampled.samples:,d} samples, mean block"
        f" {number(sampled.block_days)} days"
    )
    assumed = (
        "assumed from the estimation error alone"
        if told.trials_variance_assumed
        else "of the logged trials"
    )
    return [
        Line(
            name="Daily returns",
            value=f"{told.days:,d}",
            meaning=f"worth {decimals(told.effective_days, places=0)} independent",
        ),
        Line(name=f"Sharpe, {level} interval", value=interval(sampled.sharpe), meaning=drawn),
        Line(
            name=f"Return, {level} interval",
            value=(
                DASH
                if sampled.total is None
                else f"{percent(sampled.total.low)} to {percent(sampled.total.high)}"
            ),
            meaning=drawn,
        ),
        Line(name="Samples that lost", value=percent(sampled.losing, places=1)),
        Line(
            name="Trials",
            value=f"{told.trials:,d}",
            meaning="variants tried on this data, this one included",
        ),
        Line(
            name="Variance of their Sharpes",
            value=decimals(told.trials_variance, places=3),
            meaning=assumed,
        ),
        Line(
            name="Best of them by luck",
            value=decimals(told.expected_maximum_sharpe),
            meaning="the Sharpe that the best of so many trials without skill shows",
        ),
        *_probabilities("2012", "Bailey and López de Prado", told.estimated),
        *_probabilities("2025", "López de Prado, Lipton and Zoonekynd", told.hypothesised),
        Line(
            name="Autocorrelation",
            value=decimals(told.autocorrelation, places=3),
            meaning="of daily returns, one day apart",
        ),
    ]


def _probabilities(year: str, who: str, told: Probability) -> list[Line]:
    return [
        Line(
            name=f"Probabilistic Sharpe ({year})",
            value=percent(told.above_zero, places=1),
            meaning=f"probability that the true Sharpe is above zero; {who}",
        ),
        Line(
            name=f"Deflated Sharpe ({year})",
            value=percent(told.deflated, places=1),
            meaning="probability that it is above the best of all trials by luck",
        ),
        Line(
            name=f"Shortest record ({year})",
            value=DASH if told.minimum_days is None else f"{told.minimum_days:,.0f} days",
            meaning="of such returns to show at 95 % that the Sharpe is above zero",
        ),
    ]
