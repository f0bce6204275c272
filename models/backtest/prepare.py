"""From a job to the inputs of its replay: settings, candles with enough history, the model, the
array stages, the fees.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, partial
from typing import Any, Protocol

import numpy as np

from models.backtest.job import BadJob, Job
from models.backtest.sources import CandleSource
from shared import model
from shared.core import fingerprint
from shared.core.calendar import DAY_MS, HOUR_MS, utc_text
from shared.core.costs import assumed_rules
from shared.core.errors import BadBundle, BadSettings, UserError
from shared.core.reasons import Reason
from shared.core.settings import Settings
from shared.core.trials import Scalar, data_hash, settings_hash
from shared.core.types import Candles, Timeframe
from shared.market.candles import candles_between
from shared.market.spikes import spikes, spikes_text
from shared.model.bundle import Bundle
from shared.model.registry import BundleRegistry
from shared.replay.honesty import refuse_training
from shared.replay.types import Inputs
from shared.risk import policy_of
from shared.turn.champion import Champions
from shared.turn.pipeline import Stages

HISTORY_FACTOR = 2
"""How much further back than the window is looked for it, so that holes do not shorten it."""
MAX_SILENT_SHARE = 0.01
_FRAMES = (Timeframe.M15, Timeframe.H4)


class StageMaker(Protocol):
    """`pipeline.stages`, or a cache in front of it."""

    def __call__(
        self,
        candles: Mapping[Timeframe, Candles],
        *,
        bundle: Bundle | None,
        settings: Settings,
        since: int | None = None,
    ) -> Stages:
        """The array stages over exactly these candles; the model is asked for what can be decided
        from `since` on.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedReplay:
    """A replay's inputs, and the hashes that tell whether two of them are the same.

    `fingerprint` covers everything that a result depends on: candles, settings, fees, period, model
    and code. `changed` are the settings that the job was about. `kind` is the kind of its trial,
    and `named` what the trial log calls the model, where that is another name than the replay's.
    """

    inputs: Inputs
    bundle: Bundle | None
    data_hash: str
    settings_hash: str
    fingerprint: str
    changed: Mapping[str, Scalar]
    kind: str = "backtest"
    named: str | None = None


def job_settings(job: Job, load: Callable[..., Settings]) -> Settings:
    """The bot's own settings under the job's profile and overrides; `load` is
    `settings.load_settings` with its environment.

    Raises:
        BadJob: naming `profile` or the override that does not fit.
    """
    try:
        load(profile=job.profile)
    except BadSettings as error:
        if job.profile is None:
            raise
        raise BadJob("profile", f"was {job.profile!r}: {error}", remedy=error.remedy) from error
    try:
        return load(profile=job.profile, overrides=job.nested_overrides)
    except BadSettings as error:
        raise BadJob(
            _blamed_override(job, str(error)), f"did not fit: {error}", remedy=error.remedy
        ) from error


def _blamed_override(job: Job, found: str) -> str:
    """Which override the refusal is about: the one that it names, else all of them."""
    named = [
        name for name in job.overrides if name in found or repr(name.rpartition(".")[2]) in found
    ]
    return f"overrides.{named[0]}" if named else "overrides"


def bundle_of(
    job: Job, registry: BundleRegistry, public_keys: tuple[str, ...], settings: Settings
) -> tuple[Bundle | None, tuple[str, ...]]:
    """The model that the job asks for, and what must be said of it.

    Raises `BadJob` naming `model`.
    """
    if job.model == "none":
        return None, ("No model was asked: without one no entry is ever allowed.",)
    if job.model == "champion":
        champion = Champions(registry, public_keys, settings).load_champion()
        if champion.bundle is None:
            found = "; ".join(issue.context.get("found", issue.reason) for issue in champion.issues)
            remedy = "train a model with `scripts/bot train`, or name a version"
            raise BadJob("model", f"was champion, and {found}", remedy=remedy)
        return champion.bundle, tuple(
            f"The present champion does not load ({issue.context.get('found', issue.reason)}): the"
            " one before it was asked."
            for issue in champion.issues
            if issue.reason is Reason.MODEL_INVALID
        )
    try:
        return (
            model.load_bundle(
                registry.files(job.model), public_keys=public_keys, version=job.model
            ),
            (),
        )
    except BadBundle as error:
        known = registry.versions()[-5:]
        remedy = (
            f"the latest are: {', '.join(known)}"
            if known
            else "train a model with `scripts/bot train`"
        )
        raise BadJob("model", f"was {job.model!r}: {error}", remedy=remedy) from error


UNPROVEN = (
    "The model's own checks did not prove an edge (it may serve, not enter): on paper and here it"
    " trades where its expected value covers the costs."
)


UNWATCHED = (
    "The settings forbid entries with a suspect model (watch.forbid_entries). A replay does not"
    " watch the model, so it enters where a tick would perhaps not have."
)


UNASKED = (
    "This policy asks no model for the side or the size: one only has to be there, as in a tick,"
    " and what it has learned from does not matter here."
)


def honest_notes(job: Job, bundle: Bundle | None, settings: Settings) -> tuple[str, ...]:
    """What must be said of asking this model about this period.

    Raises `BadJob` naming `start` where it learned from it.
    """
    watched = (UNWATCHED,) if settings.watch.forbid_entries else ()
    if bundle is not None and not policy_of(settings).is_model_based:
        return UNASKED, *watched
    try:
        guarded = refuse_training(
            start_at=job.start_at,
            end_at=job.end_at,
            manifest=None if bundle is None else bundle.manifest,
            settings=settings,
            inside_training=job.inside_training,
        )
        unproven = () if bundle is None or bundle.is_allowed_to_enter else (UNPROVEN,)
        return (*guarded, *unproven, *watched)
    except UserError as error:
        raise BadJob(
            "start", f"was {_minute_text(job.start_at)}: {error}", remedy=error.remedy
        ) from error


def check_extent(job: Job, source: CandleSource) -> None:
    """Refuse a period that the source cannot hold, without reading it.

    Raises `BadJob` naming `start` or `end`.
    """
    extent = source.extent()
    if extent is None:
        raise BadJob(
            "start",
            f"was {_minute_text(job.start_at)}: {source.name} holds no 15m candle",
            remedy=source.remedy,
        )
    if job.start_at < extent[0]:
        found = (
            f"was {_minute_text(job.start_at)}: the 15m candles of {source.name} begin at"
            f" {_minute_text(extent[0])}"
        )
        raise BadJob("start", found, remedy=f"begin later, or {source.remedy}")
    if job.end_at > extent[1]:
        found = (
            f"was {_minute_text(job.end_at)}: the 15m candles of {source.name} end at"
            f" {_minute_text(extent[1])}"
        )
        raise BadJob("end", found, remedy=f"end there, or {source.remedy}")


def candles_of(
    job: Job, source: CandleSource, settings: Settings
) -> tuple[dict[Timeframe, Candles], Candles | None]:
    """15m and 4h candles with their history, and the 1m candles of the period where they are asked
    for.

    The history of a walk-forward holds what its first retraining learns from.

    Raises:
        BadJob: naming `start`, `end` or `timeframe` where the source does not reach so far.
    """
    warm_at = job.start_at - (_learning_ms(settings) if job.walk_forward else 0)
    candles = {
        frame: _with_history(job, source, frame, settings.market.window_candles, warm_at)
        for frame in _FRAMES
    }
    quarters = candles[Timeframe.M15]
    inside = quarters.closed_by(job.end_at)
    last_at = int(inside.closed_at[-1]) if len(inside) else 0
    if last_at <= job.start_at:
        found = (
            f"was {_minute_text(job.start_at)}: {source.name} holds no 15m candle from then to"
            f" {_minute_text(job.end_at)}"
        )
        raise BadJob("start", found, remedy=source.remedy)
    if last_at < job.end_at:
        found = (
            f"was {_minute_text(job.end_at)}: the 15m candles of {source.name} end at"
            f" {_minute_text(last_at)}"
        )
        raise BadJob("end", found, remedy=f"end there, or {source.remedy}")
    first_at = int(quarters.opened_at[0])
    if first_at >= job.start_at:
        found = (
            f"was {_minute_text(job.start_at)}: the 15m candles of {source.name} begin at"
            f" {_minute_text(first_at)}, with no history before"
        )
        remedy = (
            "begin at"
            f" {_minute_text(first_at + settings.market.min_history_15m * Timeframe.M15.ms)} or"
            " later"
        )
        raise BadJob("start", found, remedy=f"{remedy}, or {source.remedy}")
    return candles, _minutes(job, source, quarters) if job.timeframe is Timeframe.M1 else None


def _learning_ms(settings: Settings) -> int:
    """How long before the first decision the oldest row lies that the first retraining may learn
    from.
    """
    if not policy_of(settings).is_model_based:
        return 0
    return (
        settings.learning.days + settings.retrain.every_days
    ) * DAY_MS + settings.learning.horizon_candles * Timeframe.M15.ms


def _with_history(
    job: Job, source: CandleSource, frame: Timeframe, window: int, warm_at: int
) -> Candles:
    """The candles up to the end, with a whole window before `warm_at`, where there is one."""
    first_at = max(0, warm_at - HISTORY_FACTOR * window * frame.ms)
    found = source.read(frame, first_at, job.end_at).closed_by(job.end_at)
    return found.rows(max(0, len(found.closed_by(warm_at)) - window), None)


def _minutes(job: Job, source: CandleSource, quarters: Candles) -> Candles:
    """The path of record.

    A few silent quarters of an hour are real (nobody traded); many are missing data.
    """
    minutes = source.read(Timeframe.M1, job.start_at, job.end_at)
    opened = quarters.opened_at[
        (quarters.opened_at >= job.start_at) & (quarters.opened_at < job.end_at)
    ]
    grid = Timeframe.M15.ms
    silent = opened[~np.isin(opened, np.unique(minutes.opened_at // grid * grid))]
    if len(silent) > MAX_SILENT_SHARE * len(opened):
        found = (
            f"was 1m: {source.name} lacks the 1m candles of {len(silent):,} of {len(opened):,}"
            " quarters of an hour"
        )
        raise BadJob(
            "timeframe",
            f"{found}, first at {_minute_text(int(silent[0]))}",
            remedy=f"{source.remedy}; or choose 15m",
        )
    return minutes


def prepare(
    job: Job,
    *,
    settings: Settings,
    source: CandleSource,
    bundle: Bundle | None,
    notes: tuple[str, ...],
    stages: StageMaker,
    every_tick: bool = False,
) -> PreparedReplay:
    """Everything that the replay of a job needs.

    Args:
        job: What is asked.
        settings: See `settings_of`.
        source: Of the candles.
        bundle: The model; see `bundle_of`.
        notes: What must be said of it.
        stages: Makes the array stages.
        every_tick: Work out every tick, for the proof of the fast way.

    Raises:
        BadJob: naming the field: a period that the candles do not cover, or one that the model
            learned from.
    """
    honest = honest_notes(job, bundle, settings)
    candles, minutes = candles_of(job, source, settings)
    rules = assumed_rules(settings)
    hashes = (
        data_hash([candles[frame] for frame in _FRAMES] + ([] if minutes is None else [minutes])),
        settings_hash(settings, rules),
    )
    inputs = Inputs(
        candles=candles,
        minutes=minutes,
        stages=stages(candles, bundle=bundle, settings=settings, since=job.start_at),
        settings=settings,
        rules=rules,
        start_at=job.start_at,
        end_at=job.end_at,
        every_tick=every_tick,
        notes=(
            *honest,
            *notes,
            *source.notes,
            *_short_history(job, candles, settings),
            *_holes(job, candles[Timeframe.M15]),
            *_spikes(candles, minutes),
        ),
    )
    version = None if bundle is None else bundle.version
    return PreparedReplay(
        inputs=inputs,
        bundle=bundle,
        data_hash=hashes[0],
        settings_hash=hashes[1],
        fingerprint=_digest(*hashes, job.start_at, job.end_at, version, _code()),
        changed={
            name: value
            for name, value in job.overrides.items()
            if isinstance(value, str | int | float | None)
        },
    )


def _short_history(
    job: Job, candles: Mapping[Timeframe, Candles], settings: Settings
) -> tuple[str, ...]:
    """A tick looks at a whole window; where history is shorter, its first decisions could have been
    others.
    """
    known = {frame: len(part.closed_by(job.start_at)) for frame, part in candles.items()}
    short = [
        f"{count:,} of {frame}"
        for frame, count in known.items()
        if count < settings.market.window_candles
    ]
    if not short:
        return ()
    whole = settings.market.window_candles
    return (
        (
            f"Short history before the start ({' and '.join(short)} candles of {whole:,}): the"
            " first decisions know less."
        ),
    )


def _holes(job: Job, quarters: Candles) -> tuple[str, ...]:
    """A few candles are always missing (maintenance, nobody traded); many make another period of
    the one that was asked for.
    """
    grid = Timeframe.M15.ms
    inside = quarters.opened_at[
        (quarters.opened_at >= job.start_at) & (quarters.opened_at < job.end_at)
    ]
    asked = (job.end_at - job.start_at) // grid
    missing = asked - len(inside)
    if missing <= MAX_SILENT_SHARE * asked:
        return ()
    longest = int(np.diff(inside, prepend=job.start_at - grid, append=job.end_at).max()) - grid
    told = (
        f"{missing:,} of the {asked:,} 15m candles of the period are missing, the longest hole"
        " lasts"
    )
    return (
        (
            f"Holes: {told} {longest / HOUR_MS:g} hours: nothing is decided there, and what is held"
            " waits."
        ),
    )


def _spikes(candles: Mapping[Timeframe, Candles], minutes: Candles | None) -> tuple[str, ...]:
    """Prices that cannot be, by name: indicators that see one enter nothing, and a path that has
    one fills what it reaches.
    """
    parts = [*(candles[frame] for frame in _FRAMES), *(() if minutes is None else (minutes,))]
    known = None if minutes is None else partial(candles_between, minutes)
    found = [spike for part in parts for spike in spikes(part, known)]
    if not found:
        return ()
    return (
        (
            f"Prices that cannot be: {spikes_text(found)}. Nothing is entered while one of 15m or"
            " 4h lies in a tick's window."
        ),
    )


@cache
def _code() -> str:
    """The hash of all code that a result can depend on: a checkpoint of other code is not gone on
    from.
    """
    return fingerprint.digest_of(
        fingerprint.read_sources(("shared", "models/backtest")), np.__version__
    )


def _minute_text(at: int) -> str:
    return f"{utc_text(at)[:16].replace('T', ' ')} UTC"


def _digest(*parts: Any) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]
