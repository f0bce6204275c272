"""A new candle, as the watch takes it: the champion is inspected, and both models are heard on it.

Pure.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from shared.core.errors import BotError
from shared.core.reasons import Reason
from shared.core.settings import Settings
from shared.core.types import Candles, Features, FloatArray, Issue, Timeframe
from shared.model.bundle import Bundle
from shared.turn import pipeline
from shared.turn.watch import shadow
from shared.turn.watch.inspection import Retrained, inspect_model, sampled_rows


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """What speaks against the champion, and what the day's document keeps of the candle (see
    `shadow.shadow_entry`).
    """

    doubts: tuple[Issue, ...] = ()
    said: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


def watch_candle(
    bundle: Bundle,
    challenger: Bundle | None,
    *,
    candles: Mapping[Timeframe, Candles],
    computed: Features,
    side: int,
    pointer: Retrained | None,
    now_ms: int,
    settings: Settings,
) -> Watched:
    """Look at the newest candle of a window.

    Args:
        bundle: What decides.
        challenger: What does not; None where there is none. Nothing that is wrong with it disturbs
            the champion.
        candles: The window.
        computed: Its features, the very ones that the signal was read from.
        side: What the strategies agreed on: -1, 0 or +1.
        pointer: The registry's.
        now_ms: The present instant.
        settings: The limits.
    """
    rows = sampled_rows(computed.as_of, step_ms=Timeframe.M15.ms)
    rows[-1] = True
    prediction = pipeline.predict_chosen_rows(computed, bundle=bundle, rows=rows)
    doubts = inspect_model(
        bundle, computed, prediction, candles[Timeframe.M15], pointer, now_ms, settings
    )
    told: dict[str, FloatArray] = {bundle.version: prediction.probabilities[-1]}
    if challenger is not None:
        try:
            told[challenger.version] = _last(computed, challenger)
        except (BotError, ArithmeticError, ValueError, LookupError) as error:
            found = f"{challenger.version}: {error}"
            doubts = (
                *doubts,
                Issue(
                    reason=Reason.CHALLENGER_INVALID, forbids_entry=False, context={"found": found}
                ),
            )
    return Watched(
        doubts=doubts, said=shadow.shadow_entry(told, as_of=int(computed.as_of[-1]), side=side)
    )


def _last(computed: Features, challenger: Bundle) -> FloatArray:
    """What the challenger says of the newest candle, (3,); NaN where it is not warm for it."""
    last = np.zeros(len(computed.as_of), dtype=np.bool_)
    last[-1] = True
    three: FloatArray = pipeline.predict_chosen_rows(
        computed, bundle=challenger, rows=last
    ).probabilities[-1]
    return three
