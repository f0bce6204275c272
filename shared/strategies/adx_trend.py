"""Follow the side of DI, as ADX says how much of a trend there is."""

from dataclasses import dataclass

import numpy as np

from shared.core.settings.kinds import Factor, Oscillator, Share, Span
from shared.core.types import Features
from shared.strategies.ballot import Ballot, ballot, columns, share


@dataclass(frozen=True, slots=True, kw_only=True)
class AdxTrend:
    """Trend strength and the direction of DI."""

    weight: Share
    min_confidence: Share = 0.3
    strong: Oscillator = 25.0  # from here on: with a rising ADX and a cross of DI
    # from here on: with a difference of DI and volume; below: the difference alone
    moderate: Oscillator = 15.0
    cross_difference: Factor = 0.5
    moderate_difference: Factor = 2.0
    weak_difference: Factor = 1.0
    volume_ratio: Factor = 1.1
    base: Share = 0.3
    strong_bonus: Share = 0.1
    adx_gain: Share = 0.3
    adx_span: Span = 25.0  # ADX above strong (or above moderate) at which the gain is whole
    rising_bonus: Share = 0.1
    di_gain: Share = 0.2
    di_span: Span = 20.0
    cross_bonus: Share = 0.15
    volume_bonus: Share = 0.1  # at most, by the volume above its mean
    lowest: Share = 0.2
    highest: Share = 0.9
    weak_base: Share = 0.35
    weak_highest: Share = 0.6


def vote(features: Features, settings: AdxTrend) -> Ballot:
    """Three bands of ADX, each with its own condition.

    A strong trend needs a rising ADX and a fresh cross of DI, a moderate one a clear difference of
    DI on volume. Below that the difference alone gives a weak word.
    """
    adx, change, difference = columns(features, "adx_14", "adx_change_1", "di_difference")
    cross, volume = columns(features, "di_cross", "volume_ratio")
    wide, rising = np.abs(difference), change > 0.0
    strong_band, weak_band = adx >= settings.strong, adx < settings.moderate
    crossed = (cross != 0.0) & (wide >= settings.cross_difference)
    strong = strong_band & rising & crossed
    moderate = (
        ~strong_band
        & ~weak_band
        & (wide >= settings.moderate_difference)
        & (volume > settings.volume_ratio)
    )
    weak = weak_band & (wide >= settings.weak_difference)
    side = difference * (strong | moderate | weak)

    di_part = settings.di_gain * share(wide, settings.di_span)
    floor = np.where(strong_band, settings.strong, settings.moderate)
    trend = (
        settings.base
        + settings.strong_bonus * strong
        + settings.adx_gain * share(adx - floor, settings.adx_span)
        + settings.rising_bonus * rising
        + di_part
        + settings.cross_bonus * crossed
        + settings.volume_bonus * share(volume - 1.0, 1.0)
    )
    confidence = np.where(
        weak,
        np.minimum(settings.weak_base + di_part, settings.weak_highest),
        np.clip(trend, settings.lowest, max(settings.lowest, settings.highest)),
    )
    return ballot(
        side,
        confidence,
        least=settings.min_confidence,
        needs=(adx, change, difference, cross, volume),
    )
