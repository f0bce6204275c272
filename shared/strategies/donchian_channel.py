"""The channel of the 20 candles before: with its break on volume, against its outer edge, and
weakly against its halves.
"""

from dataclasses import dataclass

import numpy as np

from shared.core.settings.kinds import Factor, Share, Span
from shared.core.types import Features, FloatArray, Int8Array
from shared.strategies.ballot import Ballot, ballot, columns, difference, share


@dataclass(frozen=True, slots=True, kw_only=True)
class DonchianChannel:
    """Breakout of the channel of the 20 candles before, reversal at its edges."""

    weight: Share
    min_confidence: Share = 0.3
    breakout: Factor = 0.002  # beyond the channel, as a share of its edge
    breakout_volume_ratio: Factor = 1.2
    breakout_confidence: Share = 0.75
    reversal_zone: Span = 0.05  # the outer part of the channel
    reversal_base: Share = 0.3
    reversal_gain: Share = 0.3
    calm_atr_rate: Factor = 0.01  # an ATR rate between these two adds atr_bonus
    wild_atr_rate: Factor = 0.03
    atr_bonus: Share = 0.1
    volume_bonus: Share = 0.1  # at most, by the volume above its mean
    weak_low: Share = 0.4  # buy from here down to weak_low - weak_span
    weak_high: Share = 0.6  # sell from here up to weak_high + weak_span
    weak_span: Span = 0.15
    weak_base: Share = 0.35
    weak_gain: Share = 0.25


def vote(features: Features, settings: DonchianChannel) -> Ballot:
    """A close beyond the channel follows the break if it goes far enough on volume, and says
    nothing otherwise.

    A close inside it reverts: strongly in the outer zone, weakly in the weak zones, not at all
    between and in the middle.
    """
    close, top, bottom = channel = columns(features, "close", "donchian_high_20", "donchian_low_20")
    position, volume, atr_rate = now = columns(
        features, "channel_position", "volume_ratio", "atr_rate"
    )
    pushed = volume > settings.breakout_volume_ratio
    up = pushed & (close > top * (1.0 + settings.breakout))
    down = pushed & (close < bottom * (1.0 - settings.breakout))

    to_edge = np.minimum(position, 1.0 - position)
    low_half = position < 1.0 - position
    edge = (to_edge >= 0.0) & (to_edge <= settings.reversal_zone)
    weak, weak_depth = _weak(position, settings)
    inside = np.where(edge, difference(low_half, ~low_half), weak)
    side = np.where(up | down, difference(up, down & ~up), inside)
    lively = (atr_rate >= settings.calm_atr_rate) & (atr_rate <= settings.wild_atr_rate)
    reversal = (
        settings.reversal_base
        + settings.reversal_gain * (1.0 - share(to_edge, settings.reversal_zone))
        + settings.atr_bonus * lively
        + settings.volume_bonus * share(volume - 1.0, 1.0)
    )
    confidence = np.where(edge, reversal, settings.weak_base + settings.weak_gain * weak_depth)
    confidence[up | down] = settings.breakout_confidence
    return ballot(side, confidence, least=settings.min_confidence, needs=channel + now)


def _weak(position: FloatArray, settings: DonchianChannel) -> tuple[Int8Array, FloatArray]:
    """Side of the weak zones, and how deep the close is in them, 0 to 1."""
    below, above = settings.weak_low - position, position - settings.weak_high
    buys = (below >= 0.0) & (below <= settings.weak_span)
    sells = (above >= 0.0) & (above <= settings.weak_span)
    return difference(buys, sells), share(np.where(sells, above, below), settings.weak_span)
