"""Which question the settings ask a model: the features that it sees and the label that it answers.

Pure.

A bundle that answers another one (another profile's, say) is no model of these settings, however
sane it is.
"""

from shared.core.settings import LearningSettings
from shared.core.types import Barriers
from shared.features.catalogue import MODEL, PHASE19, PHASE22
from shared.model.manifest import Manifest

_SETS = {"model": MODEL, "phase19": PHASE19, "phase22": PHASE22}
MOST_NAMED = 3


def features_of(learning: LearningSettings) -> tuple[str, ...]:
    """The features that the settings ask for, in the order that the bundle will keep."""
    return _SETS[learning.features]


def barriers_of(learning: LearningSettings) -> Barriers:
    """The label that the settings ask for; every probability of a model is about it."""
    if learning.label == "next_candle":
        return Barriers(
            atr_multiple=learning.barrier_atr,
            horizon_candles=1,
            kind="next_candle",
            move_rate=learning.move_rate,
        )
    return Barriers(atr_multiple=learning.barrier_atr, horizon_candles=learning.horizon_candles)


def another(manifest: Manifest, learning: LearningSettings) -> str | None:
    """In words: in what the bundle answers another question than the settings ask; None where it is
    the same one.
    """
    wanted, barriers = features_of(learning), barriers_of(learning)
    found = []
    if manifest.features != wanted:
        found.append(f"it sees {_difference(manifest.features, wanted)}")
    if manifest.barriers.kind != barriers.kind:
        found.append(
            f"its label is {manifest.barriers.kind} and the settings ask for {barriers.kind}"
        )
    elif manifest.barriers != barriers:
        found.append(
            f"its label is {_label(manifest.barriers)} and the settings ask for {_label(barriers)}"
        )
    return "; ".join(found) or None


def _difference(has: tuple[str, ...], wanted: tuple[str, ...]) -> str:
    more = [name for name in has if name not in wanted]
    less = [name for name in wanted if name not in has]
    if not more and not less:
        return "the features in another order than the settings'"
    told = f"{len(has)} features and the settings ask for {len(wanted)}"
    parts = [
        f"{what} {_some(names)}" for what, names in (("more:", more), ("missing:", less)) if names
    ]
    return f"{told} ({'; '.join(parts)})"


def _some(names: list[str]) -> str:
    rest = f" and {len(names) - MOST_NAMED} others" if len(names) > MOST_NAMED else ""
    return f"{', '.join(names[:MOST_NAMED])}{rest}"


def _label(barriers: Barriers) -> str:
    if barriers.kind == "next_candle":
        return f"a move of {barriers.move_rate:g} within {barriers.horizon_candles} candle"
    return f"{barriers.atr_multiple:g} ATR within {barriers.horizon_candles} candles"
