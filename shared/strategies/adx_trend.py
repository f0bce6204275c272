"""Follow the side of DI, as ADX says how much of a trend there is."""

import numpy as np

from shared.core.settings.strategies import AdxTrend
from shared.core.types import Features
from shared.strategies.ballot import Ballot, ballot, columns, share


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
