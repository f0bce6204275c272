"""Parameters of the six strategies. Defaults live in `bot.yaml`; every field must be given there."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class AtrBased:
    """Mean reversion: Bollinger position and RSI at their extremes, scaled by volatility."""

    weight: float
    min_confidence: float
    bb_low: float
    bb_high: float
    rsi_low: float
    rsi_high: float
    volatility_low: float
    volatility_high: float
    low_volatility_factor: float
    high_volatility_factor: float
    single_factor: float
    weak_deviation: float


@dataclass(frozen=True, slots=True, kw_only=True)
class MochipoyAlert:
    """EMA trend, MACD momentum and RCI overheating vote; two equal votes make a signal."""

    weight: float
    min_confidence: float
    rci_low: float
    rci_high: float
    two_votes_confidence: float
    three_votes_confidence: float
    single_vote_confidence: float


@dataclass(frozen=True, slots=True, kw_only=True)
class MultiTimeframe:
    """The trend of 4h candles, entered on 15m candles."""

    weight: float
    min_confidence: float
    trend_change: float
    min_atr_rate: float
    rsi_low: float
    rsi_high: float
    pullback: float
    trend_weight: float
    entry_weight: float


@dataclass(frozen=True, slots=True, kw_only=True)
class FibonacciRetracement:
    """Levels of the last swing, with candle patterns, RSI and volume as confirmations."""

    weight: float
    min_confidence: float
    min_swing_rate: float
    tolerance: float
    rsi_low: float
    rsi_high: float
    volume_ratio: float


@dataclass(frozen=True, slots=True, kw_only=True)
class DonchianChannel:
    """Breakout of the channel of the 20 candles before, reversal at its edges."""

    weight: float
    min_confidence: float
    breakout: float
    breakout_volume_ratio: float
    reversal_zone: float
    weak_low: float
    weak_high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class AdxTrend:
    """Trend strength and the direction of DI."""

    weight: float
    min_confidence: float
    strong: float
    moderate: float
    cross_difference: float
    moderate_difference: float
    weak_difference: float
    volume_ratio: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Strategies:
    """The six, by name."""

    atr_based: AtrBased
    mochipoy_alert: MochipoyAlert
    multi_timeframe: MultiTimeframe
    fibonacci_retracement: FibonacciRetracement
    donchian_channel: DonchianChannel
    adx_trend: AdxTrend


@dataclass(frozen=True, slots=True, kw_only=True)
class Consensus:
    """How votes become one side: share of weight that must agree, mean confidence, and the rule for conflicts."""

    agreement: float
    min_confidence: float
    conflict_margin: float
