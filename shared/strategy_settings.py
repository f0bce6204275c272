"""Parameters of the seven strategies. Defaults and their meaning live in `bot.yaml`; every field must be given there."""

from dataclasses import dataclass
from typing import Annotated

import msgspec

Share = Annotated[float, msgspec.Meta(ge=0.0, le=1.0)]
NotNegative = Annotated[float, msgspec.Meta(ge=0.0)]
Positive = Annotated[float, msgspec.Meta(gt=0.0)]
Oscillator = Annotated[float, msgspec.Meta(ge=0.0, le=100.0)]
Rank = Annotated[float, msgspec.Meta(ge=-100.0, le=100.0)]


@dataclass(frozen=True, slots=True, kw_only=True)
class AtrBased:
    """Mean reversion: Bollinger position and RSI at their extremes, scaled by volatility."""

    weight: Share
    min_confidence: Share
    bb_low: float
    bb_high: float
    bb_span: Positive
    bb_base: Share
    bb_gain: Share
    rsi_low: Oscillator
    rsi_high: Oscillator
    rsi_span: Positive
    rsi_base: Share
    rsi_gain: Share
    single_factor: NotNegative
    conflict_factor: NotNegative
    weak_deviation: NotNegative
    weak_base: Share
    weak_gain: Share
    volatility_low: NotNegative
    volatility_high: NotNegative
    low_volatility_factor: NotNegative
    high_volatility_factor: NotNegative


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
    trend_change: NotNegative
    min_atr_rate: NotNegative
    rsi_low: Oscillator
    rsi_high: Oscillator
    pullback: NotNegative
    trend_weight: Share
    entry_weight: Share


@dataclass(frozen=True, slots=True, kw_only=True)
class FibonacciRetracement:
    """Levels of the last swing, with candle patterns, RSI and volume as confirmations."""

    weight: Share
    min_confidence: Share
    levels: tuple[Share, ...]
    strong_level: Share
    min_swing_rate: NotNegative
    tolerance: Positive
    rsi_low: Oscillator
    rsi_high: Oscillator
    rsi_span: Positive
    hammer_body: Share
    hammer_wick: Share
    pin_bar: NotNegative
    engulfing: NotNegative
    volume_ratio: NotNegative
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
    breakout: NotNegative
    breakout_volume_ratio: NotNegative
    breakout_confidence: Share
    reversal_zone: Positive
    reversal_base: Share
    reversal_gain: Share
    calm_atr_rate: NotNegative
    wild_atr_rate: NotNegative
    atr_bonus: Share
    volume_bonus: Share
    weak_low: Share
    weak_high: Share
    weak_span: Positive
    weak_base: Share
    weak_gain: Share


@dataclass(frozen=True, slots=True, kw_only=True)
class AdxTrend:
    """Trend strength and the direction of DI."""

    weight: Share
    min_confidence: Share
    strong: Oscillator
    moderate: Oscillator
    cross_difference: NotNegative
    moderate_difference: NotNegative
    weak_difference: NotNegative
    volume_ratio: NotNegative
    base: Share
    strong_bonus: Share
    adx_gain: Share
    adx_span: Positive
    rising_bonus: Share
    di_gain: Share
    di_span: Positive
    cross_bonus: Share
    volume_bonus: Share
    lowest: Share
    highest: Share
    weak_base: Share
    weak_highest: Share


@dataclass(frozen=True, slots=True, kw_only=True)
class Trend:
    """Slow trend of the 4h candles: momentum, crosses of averages and breakouts. The one strategy with a target exposure."""

    weight: Share
    min_confidence: Share


@dataclass(frozen=True, slots=True, kw_only=True)
class Strategies:
    """The seven, by name, in the order of the votes' columns. A weight of 0 takes a strategy out."""

    atr_based: AtrBased
    mochipoy_alert: MochipoyAlert
    multi_timeframe: MultiTimeframe
    fibonacci_retracement: FibonacciRetracement
    donchian_channel: DonchianChannel
    adx_trend: AdxTrend
    trend: Trend


@dataclass(frozen=True, slots=True, kw_only=True)
class Consensus:
    """How votes become one side: share of weight that must agree, mean confidence, and the rule for conflicts."""

    agreement: Share
    min_confidence: Share
    conflict_margin: Share
