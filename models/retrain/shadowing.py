"""What the shadow record of two models says against the challenger: it was written down before
anything of it happened.
"""

import numpy as np

from models.statistics.blocks import block_rows, ratio_interval
from models.statistics.evaluate import log_losses
from shared.core.calendar import jst_day
from shared.core.errors import BadData
from shared.core.settings import GateSettings
from shared.core.types import Candles, FloatArray
from shared.model.bundle import Bundle
from shared.stores.ports import DocumentStore
from shared.turn.watch.shadow import Shadow, decode_shadow, matured_candles

MOST_DAYS = 400
LEAST_LABELS = 5.0
"""Fewer independent labels than this say nothing, for or against."""


def shadow_record(documents: DocumentStore, bot: str, *, since: int) -> Shadow:
    """Everything that the ticks of this bot wrote down about its models.

    Raises `BadData` where a record is damaged.
    """
    days = documents.query("days", field="date", op=">=", value=jst_day(since), limit=MOST_DAYS)
    return decode_shadow(day.data for day in days if day.data.get("bot") == bot)


def find_objection(
    shadow: Shadow,
    champion: Bundle,
    challenger: Bundle,
    *,
    since: int,
    candles: Candles,
    atr_jpy: FloatArray,
    gate: GateSettings,
    seed: int,
) -> str | None:
    """What speaks against the challenger; None where nothing does.

    A few days of labels that overlap prove no superiority, and none is asked for here: the gate
    did, when the bundle was made. Here it must have spoken whenever the champion did, and must not
    be worse beyond luck.

    Args:
        shadow: See `record_of`.
        champion: What serves.
        challenger: What has predicted beside it.
        since: When it began to.
        candles: 15m candles of that time.
        atr_jpy: (n,) ATR(14) of them.
        gate: `champion_confidence`, one-sided.
        seed: Of the resampling.
    """
    recent = shadow.as_of > since
    asked = int((shadow.both(champion.version) & recent).sum())
    spoke = int((shadow.both(champion.version, challenger.version) & recent).sum())
    if 2 * spoke < asked:
        return f"it spoke of {spoke} of {asked} candles of which the champion did"
    if not spoke or champion.barriers != challenger.barriers:
        return None
    versions = (champion.version, challenger.version)
    known = matured_candles(shadow, candles, atr_jpy, challenger.barriers, versions=versions)
    if float(known.weight.sum()) < LEAST_LABELS:
        return None
    theirs, ours = (
        known.weight * log_losses(known.said[version], known.label) for version in versions
    )
    step_ms = candles.timeframe.ms
    saved = ratio_interval(
        theirs - ours,
        theirs,
        block=block_rows(known.as_of, known.end_at, step_ms=step_ms),
        seed=seed,
        confidence=2.0 * gate.champion_confidence - 1.0,
    )
    if not np.isfinite(saved.value):
        raise BadData("the shadow record gave a log loss that is not finite")
    if saved.ends[1] < 0.0:
        return (
            f"beside the champion its log loss was {-100 * saved.value:.1f} % higher, beyond luck"
        )
    return None
