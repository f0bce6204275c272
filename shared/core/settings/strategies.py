"""Parameters of the seven strategies.

Defaults and their meaning live in `bot.yaml`; every field must be given there.
"""

from dataclasses import dataclass

from shared.core.settings.kinds import BandPosition, Factor, Oscillator, Rank, Share, Shares, Span


@dataclass(frozen=True, slots=True, kw_only=True)
class AtrBased:
    """Mean reversion: Bollinger position and RSI at their extremes, scaled by volatility."""

    weight: Share
    min_confidence: Share
    bb_low: BandPosition
    bb_high: BandPosition
    bb_span: Span
    bb_base: Share
    bb_gain: Share
    rsi_low: Oscillator
    rsi_high: Oscillator
    rsi_span: Span
    rsi_base: Share
    rsi_gain: Share
    single_factor: Factor
    conflict_factor: Factor
    weak_deviation: Factor
    weak_base: Share
    weak_gain: Share
    volatility_low: Factor
    volatility_high: Factor
    low_volatility_factor: Factor
    high_volatility_factor: Factor


@dataclass(frozen=True, slots=True, kw_only=True)
class MochipoyAlert:
    """EMA trend, MACD momentum and RCI overheating vote; two equal votes make a signal."""

    weight: Share
    min_confidence: Share
    rci_low: Rank
    rci_high: Rank
    single_vote_confidence: Share
    two_votes_confidence: Share
    three_votes_confidence: Share


@dataclass(frozen=True, slots=True, kw_only=True)
class MultiTimeframe:
    """The trend of 4h candles, entered on 15m candles."""

    weight: Share
    min_confidence: Share
    trend_change: Factor
    min_atr_rate: Factor
    rsi_low: Oscillator
    rsi_high: Oscillator
    pullback: Factor
    trend_weight: Share
    entry_weight: Share


@dataclass(frozen=True, slots=True, kw_only=True)
class FibonacciRetracement:
    """Levels of the last swing, with candle patterns, RSI and volume as confirmations."""

    weight: Share
    min_confidence: Share
    levels: Shares
    strong_level: Share
    min_swing_rate: Factor
    tolerance: Span
    rsi_low: Oscillator
    rsi_high: Oscillator
    rsi_span: Span
    hammer_body: Share
    hammer_wick: Share
    pin_bar: Factor
    engulfing: Factor
    volume_ratio: Factor
    base: Share
    rsi_gain: Share
    candle_bonus: Share
    volume_bonus: Share
    strong_bonus: Share
    proximity_bonus: Share


@dataclass(frozen=True, slots=True, kw_only=True)
class DonchianChannel:
    """Breakout of the channel of the 20 candles before, reversal at its edges."""

    weight: Share
    min_confidence: Share
    breakout: Factor
    breakout_volume_ratio: Factor
    breakout_confidence: Share
    reversal_zone: Span
    reversal_base: Share
    reversal_gain: Share
    calm_atr_rate: Factor
    wild_atr_rate: Factor
    atr_bonus: Share
    volume_bonus: Share
    weak_low: Share
    weak_high: Share
    weak_span: Span
    weak_base: Share
    weak_gain: Share


@dataclass(frozen=True, slots=True, kw_only=True)
class AdxTrend:
    """Trend strength and the direction of DI."""

    weight: Share
    min_confidence: Share
    strong: Oscillator
    moderate: Oscillator
    cross_difference: Factor
    moderate_difference: Factor
    weak_difference: Factor
    volume_ratio: Factor
    base: Share
    strong_bonus: Share
    adx_gain: Share
    adx_span: Span
    rising_bonus: Share
    di_gain: Share
    di_span: Span
    cross_bonus: Share
    volume_bonus: Share
    lowest: Share
    highest: Share
    weak_base: Share
    weak_highest: Share


@dataclass(frozen=True, slots=True, kw_only=True)
class Trend:
    """Slow trend of the 4h candles: momentum, crosses of averages and breakouts.

    The one strategy with a target exposure.
    """

    weight: Share
    min_confidence: Share


@dataclass(frozen=True, slots=True, kw_only=True)
class Strategies:
    """The seven, by name, in the order of the votes' columns.

    A weight of 0 takes a strategy out.
    """

    atr_based: AtrBased
    mochipoy_alert: MochipoyAlert
    multi_timeframe: MultiTimeframe
    fibonacci_retracement: FibonacciRetracement
    donchian_channel: DonchianChannel
    adx_trend: AdxTrend
    trend: Trend


@dataclass(frozen=True, slots=True, kw_only=True)
class Consensus:
    """How votes become one side: share of weight that must agree, mean confidence, and the rule for
    conflicts.
    """

    agreement: Share
    min_confidence: Share
    conflict_margin: Share
