"""What is measured, as frozen values that become JSON.

None wherever a number is undefined: never NaN, infinity or a stray 0.

Shares and rates are fractions (0.05 is 5 %), amounts exact yen, instants ms UTC, lengths ms.
"""

from dataclasses import dataclass
from decimal import Decimal

from shared.core.types import Timeframe


@dataclass(frozen=True, slots=True, kw_only=True)
class Returns:
    """What the account earned, all costs paid.

    Everything but `total` comes from daily returns: equity from one JST midnight to the next, the
    first and the last day as short as the period cuts them, so that they compound to the total. No
    riskless rate is taken off.

    >>> returns = Returns(
    ...     total=0.082,
    ...     annual=0.08,
    ...     sharpe=1.34,
    ...     sortino=1.9,
    ...     volatility=0.07,
    ...     days=370,
    ...     winning_days=0.4,
    ...     best_day=0.021,
    ...     worst_day=-0.017,
    ...     skewness=0.3,
    ...     kurtosis=4.1,
    ... )
    >>> f"{returns.total:+.1%}"
    '+8.2%'

    Attributes:
        total: End equity / start equity - 1.
        annual: The same growth over 365 days; None below one day, and where nothing was left.
        sharpe: Mean / sample standard deviation (n - 1) of daily returns, times sqrt(365).
        sortino: Mean / root of the mean squared loss (over all days), times sqrt(365).
        volatility: Sample standard deviation of daily returns, times sqrt(365).
        days: How many daily returns there are.
        winning_days: The share of days that ended higher.
        skewness: Third standardised moment of daily returns, population (biased) form.
        kurtosis: Fourth, the same; not excess: a Normal has 3.
    """

    total: float
    annual: float | None
    sharpe: float | None
    sortino: float | None
    volatility: float | None
    days: int
    winning_days: float | None
    best_day: float | None
    worst_day: float | None
    skewness: float | None
    kurtosis: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawdown:
    """One fall below a peak of equity.

    >>> fall = Drawdown(
    ...     share=0.1,
    ...     jpy=Decimal(100_000),
    ...     peak_jpy=Decimal(1_000_000),
    ...     trough_jpy=Decimal(900_000),
    ...     peak_at=0,
    ...     trough_at=3_600_000,
    ...     recovered_at=None,
    ...     length_ms=7_200_000,
    ... )
    >>> fall.peak_jpy - fall.trough_jpy == fall.jpy
    True

    Attributes:
        share: (peak - trough) / peak; above 1 where more than everything was lost.
        peak_at: The last instant at the peak.
        recovered_at: When the peak was reached again; None: never within the period.
        length_ms: From the peak to the recovery, or to the end of the period.
    """

    share: float
    jpy: Decimal
    peak_jpy: Decimal
    trough_jpy: Decimal
    peak_at: int
    trough_at: int
    recovered_at: int | None
    length_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawdowns:
    """All falls below a peak, measured at every 15m candle.

    >>> never = Drawdowns(
    ...     max_share=0.0, calmar=None, deepest=None, longest=None, under_water_share=0.0
    ... )
    >>> never.deepest is None
    True

    Attributes:
        max_share: The deepest one's share of its peak; 0 where equity never fell.
        calmar: Annual return / `max_share`.
        deepest: By share. None: equity never fell.
        longest: By time from the peak.
        under_water_share: The share of the candles at which equity was below its peak.
    """

    max_share: float
    calmar: float | None
    deepest: Drawdown | None
    longest: Drawdown | None
    under_water_share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Positions:
    """Closed positions; one that is closed in parts counts once, by the sum of its parts, at the
    end of the last.

    >>> from shared.core.types import Timeframe
    >>> from shared.replay import Inputs, replay
    >>> from shared.results.performance import measure
    >>> from shared.core.settings import load_settings
    >>> from shared.exchanges.sandbox.generate import generate
    >>> from shared.market.candles import aggregate
    >>> from shared.turn.pipeline import stages
    >>> start, day = 1_767_225_600_000, 86_400_000
    >>> minutes = generate(start_ms=start, days=8, seed=7)
    >>> candles = {frame: aggregate(minutes, frame) for frame in (Timeframe.M15, Timeframe.H4)}
    >>> inputs = Inputs(
    ...     candles=candles,
    ...     stages=stages(candles, bundle=None, settings=load_settings({})),
    ...     settings=load_settings({}),
    ...     start_at=start + 7 * day,
    ...     end_at=start + 8 * day,
    ... )
    >>> performance = measure(replay(inputs))
    >>> performance.positions.count, performance.positions.win_rate
    (0, None)

    Attributes:
        parts: Closing fills, those of a position still open at the end included.
        even: Positions that neither won nor lost.
        profit_factor: Sum of wins / sum of losses.
        payoff: Average win / average loss.
        expectancy_jpy: Mean net result.
        expectancy_r: Mean of net result / risk, where risk is the distance from entry to first
            stop, times the size.
        with_r: For how many positions that risk is known.
        longest_losing_streak: Positions lost in a row, in the order of closing.
        held_at_end: Whether one was still open.
    """

    count: int
    parts: int
    wins: int
    losses: int
    even: int
    win_rate: float | None
    profit_factor: float | None
    payoff: float | None
    expectancy_jpy: Decimal | None
    expectancy_r: float | None
    with_r: int
    average_win_jpy: Decimal | None
    average_loss_jpy: Decimal | None
    best_jpy: Decimal | None
    worst_jpy: Decimal | None
    longest_losing_streak: int
    longest_winning_streak: int
    average_held_ms: int | None
    held_at_end: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class TradingCosts:
    """What trading cost: net = gross - fees - interest, over everything that was closed.

    Slippage (with it the half spread of an order that crossed) is inside the prices and so inside
    gross: it is told apart for knowledge and must not be taken off again. `frictionless_jpy` =
    gross + slippage is what the same fills would have earned at middle prices.

    >>> costs = TradingCosts(
    ...     gross_jpy=Decimal(1_000),
    ...     fees_jpy=Decimal(90),
    ...     interest_jpy=Decimal(10),
    ...     net_jpy=Decimal(900),
    ...     slippage_jpy=Decimal(40),
    ...     total_jpy=Decimal(140),
    ...     frictionless_jpy=Decimal(1_040),
    ...     unrealised_jpy=Decimal(0),
    ...     share_of_frictionless=0.1346,
    ...     rate_of_turnover=0.0006,
    ... )
    >>> costs.gross_jpy - costs.fees_jpy - costs.interest_jpy == costs.net_jpy
    True

    Attributes:
        slippage_jpy: Of all fills, opening and closing.
        total_jpy: Fees + interest + slippage.
        unrealised_jpy: Change of equity - net: what was held at the end, at the mark, with its
            costs so far.
        share_of_frictionless: Total / frictionless result, where that is positive.
        rate_of_turnover: Total / turnover.
    """

    gross_jpy: Decimal
    fees_jpy: Decimal
    interest_jpy: Decimal
    net_jpy: Decimal
    slippage_jpy: Decimal
    total_jpy: Decimal
    frictionless_jpy: Decimal
    unrealised_jpy: Decimal
    share_of_frictionless: float | None
    rate_of_turnover: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Exposure:
    """How much of the time and how much of the money was in the market.

    >>> exposure = Exposure(
    ...     held_share=0.43,
    ...     long_share=0.4,
    ...     short_share=0.03,
    ...     mean_leverage=0.2,
    ...     max_leverage=0.5,
    ...     fills=56,
    ...     turnover_jpy=Decimal(12_000_000),
    ...     turnover=12.0,
    ...     annual_turnover=1.7,
    ...     maker_share=0.5,
    ... )
    >>> round(exposure.long_share + exposure.short_share, 2) == exposure.held_share
    True

    Attributes:
        held_share: Share of the period in which something was held, from fill to fill; None for a
            period without length.
        mean_leverage: Mean of |position| / equity over the candles at whose close something was
            held.
        turnover_jpy: Sum of price x size over all fills.
        turnover: The same as a multiple of the mean equity.
        annual_turnover: `turnover` over 365 days.
        maker_share: The share of the turnover that was filled as maker.
    """

    held_share: float | None
    long_share: float | None
    short_share: float | None
    mean_leverage: float | None
    max_leverage: float | None
    fills: int
    turnover_jpy: Decimal
    turnover: float | None
    annual_turnover: float | None
    maker_share: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Attribution:
    """What one side, exit reason or strategy contributed.

    Amounts of one table add up to the whole, to 0.0001 yen.

    By strategy, each amount of a position is shared among the strategies that voted for it in
    proportion to their confidence; `positions` and `wins` then count the positions it voted for,
    and may add up to more than there are.

    >>> by_stop = Attribution(
    ...     name="stop",
    ...     positions=4,
    ...     wins=1,
    ...     win_rate=0.25,
    ...     gross_jpy=Decimal(-80),
    ...     fees_jpy=Decimal(9),
    ...     interest_jpy=Decimal(1),
    ...     net_jpy=Decimal(-90),
    ... )
    >>> by_stop.gross_jpy - by_stop.fees_jpy - by_stop.interest_jpy == by_stop.net_jpy
    True
    """

    name: str
    positions: int
    wins: int
    win_rate: float | None
    gross_jpy: Decimal
    fees_jpy: Decimal
    interest_jpy: Decimal
    net_jpy: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Month:
    """One calendar month of Japan's time, or what of it lies in the period.

    >>> january = Month(
    ...     month="2026-01",
    ...     start_at=1_767_225_600_000,
    ...     end_at=1_769_871_600_000,
    ...     total=0.012,
    ...     change_jpy=Decimal(12_000),
    ...     max_drawdown_share=0.008,
    ...     positions=3,
    ...     wins=2,
    ...     net_jpy=Decimal(12_000),
    ... )
    >>> january.wins / january.positions > 0.5
    True

    Attributes:
        month: `2026-01`.
        total: Return of equity; the months compound to the total return. None where nothing was
            left to begin with.
        change_jpy: Change of equity, with what is held.
        positions: Closed in this month; `net_jpy` is theirs, so it can differ from the change.
    """

    month: str
    start_at: int
    end_at: int
    total: float | None
    change_jpy: Decimal
    max_drawdown_share: float
    positions: int
    wins: int
    net_jpy: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class BuyAndHold:
    """Buy and hold beside it: as many whole lots as the same capital buys at the first close, one
    taker fee, never sold.

    >>> from shared.core.types import Timeframe
    >>> from shared.replay import Inputs, replay
    >>> from shared.results.performance import measure
    >>> from shared.core.settings import load_settings
    >>> from shared.exchanges.sandbox.generate import generate
    >>> from shared.market.candles import aggregate
    >>> from shared.turn.pipeline import stages
    >>> start, day = 1_767_225_600_000, 86_400_000
    >>> minutes = generate(start_ms=start, days=8, seed=7)
    >>> candles = {frame: aggregate(minutes, frame) for frame in (Timeframe.M15, Timeframe.H4)}
    >>> inputs = Inputs(
    ...     candles=candles,
    ...     stages=stages(candles, bundle=None, settings=load_settings({})),
    ...     settings=load_settings({}),
    ...     start_at=start + 7 * day,
    ...     end_at=start + 8 * day,
    ... )
    >>> performance = measure(replay(inputs))
    >>> performance.hold.lots > 0, performance.hold.fee_jpy > 0
    (True, True)

    Attributes:
        excess: The replay's total return minus this one.
        correlation: Of the two series of daily returns.
    """

    lots: int
    price: int | None
    fee_jpy: Decimal
    end_equity_jpy: Decimal
    returns: Returns
    drawdown: Drawdowns
    excess: float
    correlation: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampled:
    """A percentile interval from resampled daily returns.

    None where too few samples have the number.

    >>> Sampled(low=-0.4, high=2.1).high
    2.1
    """

    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Bootstrap:
    """The stationary bootstrap of daily returns (Politis & Romano, JASA 89, 1994).

    >>> bootstrap = Bootstrap(
    ...     seed=7,
    ...     level=0.95,
    ...     samples=1_000,
    ...     days=365,
    ...     block_days=12,
    ...     sharpe=Sampled(low=-0.4, high=2.1),
    ...     total=Sampled(low=-0.05, high=0.2),
    ...     losing=0.11,
    ... )
    >>> bootstrap.sharpe.low
    -0.4

    Attributes:
        level: Of the intervals: 0.95 runs from the 2.5th to the 97.5th percentile.
        samples: How many series were drawn, each as long as the period.
        block_days: Mean length of a block.
        sharpe: Of the annualised Sharpe.
        losing: The share of samples that lost money.
    """

    seed: int
    level: float
    samples: int
    days: int
    block_days: int
    sharpe: Sampled | None
    total: Sampled | None
    losing: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Probability:
    """One published variant of the probabilistic Sharpe and what is made of it.

    >>> Probability(above_zero=0.93, deflated=0.4, minimum_days=512.0).deflated
    0.4

    Attributes:
        above_zero: Probability that the true Sharpe exceeds zero.
        deflated: Probability that it exceeds what the best of all trials shows without any skill.
        minimum_days: How many days with such returns show at 95 % that the Sharpe exceeds zero;
            None: it is not above zero.
    """

    above_zero: float | None
    deflated: float | None
    minimum_days: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Significance:
    """How much of it can be luck.

    Two published variants disagree; both are told, and a gate takes the lower. `estimated` is
    Bailey and Lopez de Prado 2012 (2014 for the deflated one): the variance at the measured Sharpe,
    over T - 1. `hypothesised` is Lopez de Prado, Lipton and Zoonekynd 2025: the variance at the
    Sharpe that is tested against, over T, with autocorrelation.

    >>> from shared.core.types import Timeframe
    >>> from shared.replay import Inputs, replay
    >>> from shared.results.performance import measure
    >>> from shared.core.settings import load_settings
    >>> from shared.exchanges.sandbox.generate import generate
    >>> from shared.market.candles import aggregate
    >>> from shared.turn.pipeline import stages
    >>> start, day = 1_767_225_600_000, 86_400_000
    >>> minutes = generate(start_ms=start, days=8, seed=7)
    >>> candles = {frame: aggregate(minutes, frame) for frame in (Timeframe.M15, Timeframe.H4)}
    >>> inputs = Inputs(
    ...     candles=candles,
    ...     stages=stages(candles, bundle=None, settings=load_settings({})),
    ...     settings=load_settings({}),
    ...     start_at=start + 7 * day,
    ...     end_at=start + 8 * day,
    ... )
    >>> performance = measure(replay(inputs))
    >>> performance.significance.trials, performance.significance.deflated
    (1, None)

    Attributes:
        days: Daily returns, T.
        effective_days: Independent ones among them, by their autocorrelation; never more than there
            are.
        effective_positions: The same for the positions' net results.
        autocorrelation: Of daily returns, lag of one day.
        trials: How many variants were tried on this data, this one included.
        trials_variance: Variance of the trials' annualised Sharpes; where they are not given, what
            estimation error alone makes of trials without skill.
        expected_maximum_sharpe: What the best of so many trials without skill shows, annualised.
        deflated: The lower of both variants.
    """

    days: int
    effective_days: float | None
    effective_positions: float | None
    autocorrelation: float | None
    trials: int
    trials_variance: float | None
    trials_variance_assumed: bool
    expected_maximum_sharpe: float | None
    estimated: Probability
    hypothesised: Probability
    above_zero: float | None
    deflated: float | None
    bootstrap: Bootstrap


@dataclass(frozen=True, slots=True, kw_only=True)
class Performance:
    """A replay summed up.

    >>> from shared.core.types import Timeframe
    >>> from shared.replay import Inputs, replay
    >>> from shared.results.performance import measure
    >>> from shared.core.settings import load_settings
    >>> from shared.exchanges.sandbox.generate import generate
    >>> from shared.market.candles import aggregate
    >>> from shared.turn.pipeline import stages
    >>> start, day = 1_767_225_600_000, 86_400_000
    >>> minutes = generate(start_ms=start, days=8, seed=7)
    >>> candles = {frame: aggregate(minutes, frame) for frame in (Timeframe.M15, Timeframe.H4)}
    >>> inputs = Inputs(
    ...     candles=candles,
    ...     stages=stages(candles, bundle=None, settings=load_settings({})),
    ...     settings=load_settings({}),
    ...     start_at=start + 7 * day,
    ...     end_at=start + 8 * day,
    ... )
    >>> performance = measure(replay(inputs))
    >>> performance.resolution.value, performance.end_equity_jpy
    ('15m', Decimal('1000000.0000'))

    Attributes:
        years: Length of the period in years of 365 days.
        end_equity_jpy: With what is held at the end, at the mark.
        basis: How the numbers were counted, in sentences for people.
    """

    start_at: int
    end_at: int
    years: float
    resolution: Timeframe
    start_equity_jpy: Decimal
    end_equity_jpy: Decimal
    returns: Returns
    drawdown: Drawdowns
    positions: Positions
    costs: TradingCosts
    exposure: Exposure
    by_side: tuple[Attribution, ...]
    by_reason: tuple[Attribution, ...]
    by_strategy: tuple[Attribution, ...]
    months: tuple[Month, ...]
    hold: BuyAndHold
    significance: Significance
    basis: tuple[str, ...]
