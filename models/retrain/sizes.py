"""Tuned sizes of the learners: searched when they are due, kept in the bucket, and part of the
recipe from then on.

    tuning/{bot}.json    when they were found, from which settings, and what they are

They are searched on the training window before the first decision that the gate will judge, and on
nothing after it.
"""

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import msgspec

from models.data.dataset import Dataset
from models.fit.tuning import TuningTrial, tune
from models.retrain.place import Tell
from shared.core.calendar import DAY_MS
from shared.core.errors import BadData
from shared.core.settings import LearningSettings, Settings
from shared.stores.ports import Bucket, Trials

Sizes: TypeAlias = Mapping[str, int | float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tuned:
    """What a search found. `base` tells from which settings it began: others make it worthless."""

    at: int
    base: str
    trials: int
    sizes: dict[str, int | float]


def base_of(learning: LearningSettings) -> str:
    """Sixteen hex digits of the settings that a search begins with, days and seed apart."""
    told = {
        name: value
        for name, value in msgspec.to_builtins(learning).items()
        if name not in {"days", "seed"}
    }
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:16]


def find_sizes(bucket: Bucket, bot: str, learning: LearningSettings) -> Tuned | None:
    """The sizes that were found last, where they were found from these settings.

    Raises `BadData` where they are damaged.
    """
    blob = bucket.get(_key(bot))
    if blob is None:
        return None
    try:
        found = msgspec.json.decode(blob.data, type=Tuned)
    except msgspec.DecodeError as error:
        raise BadData(
            f"{_key(bot)} is damaged ({error}); delete it, and the sizes are searched again"
        ) from error
    return found if found.base == base_of(learning) else None


def is_search_due(found: Tuned | None, settings: Settings, *, as_of: int) -> bool:
    """Whether it is time to search again."""
    every = settings.retrain.tune_every_days
    return every > 0 and (found is None or as_of - found.at >= every * DAY_MS)


def search_sizes(
    dataset: Dataset,
    settings: Settings,
    *,
    first_at: int,
    as_of: int,
    data_hash: str,
    log: Trials,
    recorded_at: int,
    tell: Tell,
) -> Tuned:
    """Search on the days before `first_at`; every trial goes into the log.

    Raises:
        UserError: too few rows, or optuna is missing.
    """
    learning, count = settings.learning, settings.retrain.tune_trials
    start_at = first_at - learning.days * DAY_MS
    window = dataset.between(start_at, first_at, known_by=first_at)

    def told(tried: TuningTrial) -> None:
        log.append(
            tried.trial(
                settings,
                data_hash=data_hash,
                start_at=start_at,
                end_at=first_at,
                now_ms=recorded_at,
            )
        )
        tell(f"tuning, trial {tried.number + 1} of {count}", (tried.number + 1) / count)

    tell("tuning", 0.0)
    best = tune(window, settings, trials=count, seed=learning.seed, on_trial=told)
    return Tuned(
        at=as_of, base=base_of(learning), trials=count, sizes=_changed_sizes(learning, best)
    )


def store_sizes(bucket: Bucket, bot: str, found: Tuned) -> None:
    """Replace what was found before."""
    bucket.put(_key(bot), msgspec.json.format(msgspec.json.encode(found), indent=1))


def with_sizes(settings: Settings, sizes: Sizes) -> Settings:
    """The settings with the tuned sizes in place of their own.

    Raises `BadData` for a size that there is not.
    """
    try:
        told: dict[str, Any] = dict(sizes)
        return dataclasses.replace(
            settings, learning=dataclasses.replace(settings.learning, **told)
        )
    except TypeError as error:
        raise BadData(f"the tuned sizes are not those of this code ({error})") from error


def _changed_sizes(before: LearningSettings, after: LearningSettings) -> dict[str, int | float]:
    names = [field.name for field in dataclasses.fields(before)]
    return {
        name: getattr(after, name)
        for name in names
        if getattr(after, name) != getattr(before, name)
    }


def _key(bot: str) -> str:
    return f"tuning/{bot}.json"
