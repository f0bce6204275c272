"""A model must not be replayed on what it learned from: the one leak that no look at the signals
can find.

A model learned from the decided rows of its three parts (training, calibration, validation: the
last one chose to trust it) and from the candles that told their labels. What is forbidden, seen
from the candle on which a decision is made:

    from_at ------------------ to_at ----- label horizon ----- embargo -----> first allowed
    first row of any part      last row    its label is known  what is near is alike

Source: Lopez de Prado, Advances in Financial Machine Learning (2018), chapter 7 (purging and
embargo).
"""

from dataclasses import dataclass

from shared.core.calendar import utc_text
from shared.core.errors import UserError
from shared.core.settings import Settings
from shared.core.types import Timeframe
from shared.model.manifest import Manifest

CANDLE_MS = Timeframe.M15.ms


@dataclass(frozen=True, slots=True, kw_only=True)
class Learned:
    """What a model has seen, ms UTC: its first row, its last one, and when the last label was known
    at the latest.

    A decision on a candle that closed in [from_at, allowed_at) is not allowed to be judged.
    """

    from_at: int
    to_at: int
    known_at: int
    allowed_at: int
    horizon_candles: int
    embargo_candles: int

    def is_tainted(self, as_of: int) -> bool:
        """Whether a decision on the candle that closed at `as_of` is tainted."""
        return self.from_at <= as_of < self.allowed_at


def learned_interval(manifest: Manifest, settings: Settings) -> Learned:
    """The interval of all parts of a model, its label horizon and the embargo
    (`replay.embargo_candles`) after it.
    """
    parts = (manifest.training, manifest.calibrating, manifest.validation)
    horizon = manifest.barriers.horizon_candles
    embargo = settings.replay.embargo_candles
    embargo = horizon if embargo is None else embargo
    to_at = max(part.to_at for part in parts)
    known_at = max(to_at + horizon * CANDLE_MS, *(part.label_end_at for part in parts))
    return Learned(
        from_at=min(part.from_at for part in parts),
        to_at=to_at,
        known_at=known_at,
        allowed_at=_candle_from(known_at + embargo * CANDLE_MS),
        horizon_candles=horizon,
        embargo_candles=embargo,
    )


def refuse_training(
    *,
    start_at: int,
    end_at: int,
    manifest: Manifest | None,
    settings: Settings,
    inside_training: bool = False,
) -> tuple[str, ...]:
    """Refuse to replay a model on its own past; what the reader of an allowed replay must know.

    Args:
        start_at: First schedule time, ms UTC: the newest candle that is closed by then is the first
            to be decided on.
        end_at: No decision from here on, ms UTC.
        manifest: Of the model; None where no model is asked.
        settings: `replay.embargo_candles`; one label horizon where it says nothing.
        inside_training: Replay it all the same, and say so.

    Returns:
        Sentences for the result's face: none for a period wholly after what the model learned from.

    Raises:
        UserError: A candle of the period lies inside, and `inside_training` was not said; the
            remedy names the first instant that is allowed.
    """
    if manifest is None or end_at <= start_at:
        return ()
    seen = learned_interval(manifest, settings)
    first, last = _candle_by(start_at), _candle_by(end_at - 1)
    notes = []
    inside = _candles(
        max(first, _candle_from(seen.from_at)), min(last, seen.allowed_at - CANDLE_MS)
    )
    if inside:
        if not inside_training:
            raise UserError(
                _refusal(manifest, seen, inside=inside, of=_candles(first, last)),
                remedy=_remedy(seen, start_at),
            )
        notes.append(_confession(manifest, seen, inside=inside, of=_candles(first, last)))
    if first < seen.from_at:
        notes.append(
            f"HINDSIGHT: the model {manifest.version} learned from later candles ({_span(seen)})"
            " than some that are replayed here: it knows how things went on, and nobody could have"
            " had it then."
        )
    if seen.embargo_candles < seen.horizon_candles:
        notes.append(
            f"The embargo after what the model learned from is set to {seen.embargo_candles}"
            f" candles, less than its label horizon of {seen.horizon_candles}."
        )
    return tuple(notes)


def _candle_by(at: int) -> int:
    """The close of the newest candle that is closed at `at`."""
    return at - at % CANDLE_MS


def _candle_from(at: int) -> int:
    """The first close of a candle at or after `at`."""
    return _candle_by(at + CANDLE_MS - 1)


def _candles(first: int, last: int) -> int:
    return max(0, (last - first) // CANDLE_MS + 1)


def _minute(at: int) -> str:
    return f"{utc_text(at)[:16].replace('T', ' ')} UTC"


def _span(seen: Learned) -> str:
    return f"{_minute(seen.from_at)} to {_minute(seen.to_at)}"


def _reach(seen: Learned) -> str:
    return (
        f"what it learned from ({_span(seen)}), its label horizon of {seen.horizon_candles} candles"
        f" and an embargo of {seen.embargo_candles}"
    )


def _refusal(manifest: Manifest, seen: Learned, *, inside: int, of: int) -> str:
    return (
        f"the model {manifest.version} knows {inside} of the {of} candles to be replayed: they lie"
        f" within {_reach(seen)}"
    )


def _remedy(seen: Learned, start_at: int) -> str:
    before = f", end by {_minute(seen.from_at)}" if _candle_by(start_at) < seen.from_at else ""
    return (
        f"begin at {_minute(seen.allowed_at)} or later{before}, take a model that was trained"
        " before the period, or say --inside-training (in a job: inside_training), and the result"
        " will say so"
    )


def _confession(manifest: Manifest, seen: Learned, *, inside: int, of: int) -> str:
    return (
        f"INSIDE TRAINING: {inside} of {of} candles lie within what the model {manifest.version}"
        f" knows, {_reach(seen)}. It was asked about its own past: this result says nothing about"
        " the future."
    )
