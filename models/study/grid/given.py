"""What all runs of a study share, worked out once, and the two ways in which it reaches those who
work on the runs.

On one machine it is written to a folder once, and every process maps that file: the system keeps
one copy in memory, however many workers and runs there are. On a cluster each worker is sent it
once. Either way a worker asks its `Source` for the inputs of a run; features are never computed
there, and votes and predictions once for all runs that they are the same for.
"""

import fcntl
import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Protocol, TypeVar

import msgspec
import numpy as np

from models.study.grid.points import Period, Run
from shared import features
from shared.core.files import drafting
from shared.core.settings import Settings
from shared.core.trials import data_hash
from shared.core.types import Candles, Features, Prediction, Timeframe, Votes
from shared.market.candles import candles_between
from shared.model.bundle import Bundle
from shared.replay.types import Inputs
from shared.turn import pipeline
from shared.turn.pipeline import Stages

Made = tuple[Votes, Prediction | None]
Value = TypeVar("Value")

KEPT = 4
"""How many sets of votes and predictions a worker of a cluster keeps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What every run begins from.

    >>> from shared.exchanges.sandbox.generate import generate
    >>> from shared.market.candles import aggregate
    >>> from shared.core.types import Timeframe
    >>> start, day = 1_767_225_600_000, 86_400_000
    >>> minutes = generate(start_ms=start, days=8, seed=7)
    >>> candles = {frame: aggregate(minutes, frame) for frame in (Timeframe.M15, Timeframe.H4)}
    >>> shared = build_given(candles, since=start + 7 * day)
    >>> shared.model is None, shared.features.names[0]
    (True, 'open')

    Attributes:
        candles: 15m and 4h candles, with the history before the first period.
        features: Their features, one row a 15m candle.
        minutes: 1m candles of all periods, where they are the resolution; see `replay.Inputs`.
        since: The begin of the first period, ms UTC: before it nothing is decided, and no model is
            asked.
        bundle: The model, or None.
        notes: What the reader of every result must know.
    """

    candles: Mapping[Timeframe, Candles]
    features: Features
    since: int
    minutes: Candles | None = None
    bundle: Bundle | None = None
    notes: tuple[str, ...] = ()

    @property
    def model(self) -> str | None:
        """The model's version."""
        return None if self.bundle is None else self.bundle.version


def build_given(
    candles: Mapping[Timeframe, Candles],
    *,
    since: int,
    minutes: Candles | None = None,
    bundle: Bundle | None = None,
    notes: Sequence[str] = (),
) -> Given:
    """Compute the features, the only time in a study.

    >>> from shared.exchanges.sandbox.generate import generate
    >>> from shared.market.candles import aggregate
    >>> from shared.core.types import Timeframe
    >>> start, day = 1_767_225_600_000, 86_400_000
    >>> minutes = generate(start_ms=start, days=8, seed=7)
    >>> candles = {frame: aggregate(minutes, frame) for frame in (Timeframe.M15, Timeframe.H4)}
    >>> len(build_given(candles, since=start).features.as_of)
    761
    """
    return Given(
        candles=candles,
        features=features.compute(candles),
        since=since,
        minutes=minutes,
        bundle=bundle,
        notes=tuple(notes),
    )


def data_hashes(shared: Given, runs: Iterable[Run]) -> dict[tuple[Period, int], str]:
    """The hash of the candles that a run can depend on, by its period and how far its decisions
    look back; each made once.

    >>> from models.study.grid.points import runs
    >>> from shared.exchanges.sandbox.generate import generate
    >>> from shared.market.candles import aggregate
    >>> from shared.core.types import Timeframe
    >>> start, day = 1_767_225_600_000, 86_400_000
    >>> minutes = generate(start_ms=start, days=8, seed=7)
    >>> candles = {frame: aggregate(minutes, frame) for frame in (Timeframe.M15, Timeframe.H4)}
    >>> shared = build_given(candles, since=start + 7 * day)
    >>> span = Period(start_at=start + 7 * day, end_at=start + 8 * day)
    >>> todo = runs([{"risk.stop_atr": 2}, {"risk.stop_atr": 3}], [span])
    >>> len(data_hashes(shared, todo))  # the same candles for both
    1
    """
    wanted = {(run.period, run.settings.market.window_candles) for run in runs}
    return {(period, back): _data_hash(shared, period, back) for period, back in wanted}


def _data_hash(shared: Given, period: Period, back: int) -> str:
    parts = []
    for timeframe in (Timeframe.M15, Timeframe.H4):
        known = shared.candles[timeframe].closed_by(period.end_at)
        parts.append(known.rows(max(0, len(known.closed_by(period.start_at)) - back), None))
    if shared.minutes is not None:
        parts.append(candles_between(shared.minutes, period.start_at, period.end_at))
    return data_hash(parts)


def stages_key(settings: Settings) -> str:
    """What votes and predictions depend on, beside candles and model: runs of the same key share
    them.
    """
    told = (settings.strategies, settings.consensus, settings.sides, settings.account)
    return hashlib.sha256(msgspec.json.encode(told)).hexdigest()[:16]


class SharedInputs(Protocol):
    """Where a worker finds what the runs share."""

    def load_given(self) -> Given:
        """All of it."""
        ...

    def votes_and_prediction(self, settings: Settings) -> Made:
        """Votes and prediction under these settings."""
        ...

    def forget(self, key: str) -> None:
        """No run will ask for the votes and predictions of this key again; see `stages_key`."""
        ...


def run_inputs(source: SharedInputs, run: Run) -> Inputs:
    """The inputs of one run."""
    shared = source.load_given()
    votes, prediction = source.votes_and_prediction(run.settings)
    return Inputs(
        candles=shared.candles,
        stages=Stages(features=shared.features, votes=votes, prediction=prediction),
        settings=run.settings,
        start_at=run.period.start_at,
        end_at=run.period.end_at,
        minutes=(
            None
            if shared.minutes is None
            else candles_between(shared.minutes, run.period.start_at, run.period.end_at)
        ),
        rules=run.rules,
        notes=shared.notes,
    )


@dataclass(frozen=True, slots=True)
class Folder:
    """A source on this machine: files that every process maps."""

    path: Path

    @classmethod
    def write(cls, path: Path, shared: Given) -> "Folder":
        """Write everything into the folder `path`, once."""
        import joblib

        joblib.dump(shared, path / "given")
        return cls(path)

    def load_given(self) -> Given:
        """Map what was written."""
        shared: Given = _make_once(str(self.path), lambda: _map_file(self.path / "given"))
        return shared

    def votes_and_prediction(self, settings: Settings) -> Made:
        """Map votes and prediction; the first to ask makes them while the others wait."""
        key = stages_key(settings)
        return _make_once(f"{self.path}/{key}", lambda: self._map_or_make(key, settings))

    def forget(self, key: str) -> None:
        """Take their file away; who has it mapped keeps it until it lets go."""
        (self.path / key).unlink(missing_ok=True)

    def _map_or_make(self, key: str, settings: Settings) -> Made:
        import joblib

        path = self.path / key
        with path.with_suffix(".lock").open("w") as lock:
            fcntl.flock(
                lock, fcntl.LOCK_EX
            )  # given back by the system, also where this process dies
            if not path.exists():
                with drafting(path) as draft:
                    joblib.dump(_make(self.load_given(), settings), draft)
        made: Made = _map_file(path)
        return made


@dataclass(frozen=True, slots=True)
class Carried:
    """A source that holds everything itself: what is sent to the workers of a cluster."""

    name: str
    shared: Given

    def load_given(self) -> Given:
        """What came along."""
        return self.shared

    def votes_and_prediction(self, settings: Settings) -> Made:
        """Votes and prediction, made once a worker."""
        return _make_once(
            f"{self.name}/{stages_key(settings)}", lambda: _make(self.shared, settings)
        )

    def forget(self, key: str) -> None:
        """Nothing: each worker keeps the last few by itself."""


@dataclass(frozen=True, slots=True)
class InRay:
    """A source in the object store of a Ray cluster."""

    name: str
    reference: Any

    def load_given(self) -> Given:
        """Map what lies in the store."""
        import ray

        shared: Given = _make_once(self.name, lambda: ray.get(self.reference))
        return shared

    def votes_and_prediction(self, settings: Settings) -> Made:
        """Votes and prediction, made once a worker."""
        return _make_once(
            f"{self.name}/{stages_key(settings)}", lambda: _make(self.load_given(), settings)
        )

    def forget(self, key: str) -> None:
        """Nothing: each worker keeps the last few by itself."""


def forget_all() -> None:
    """Let go of everything that this process keeps of studies."""
    with _LOCK:
        _KEPT.clear()


_KEPT: OrderedDict[str, Any] = OrderedDict()
_LOCK = threading.RLock()


def _make_once(name: str, make: Callable[[], Value]) -> Value:
    """What this process already has under that name, else what `make` gives; threads
    make it once.
    """
    with _LOCK:
        if name not in _KEPT:
            _KEPT[name] = make()
            while len(_KEPT) > KEPT:
                _KEPT.popitem(last=False)
        _KEPT.move_to_end(name)
        value: Value = _KEPT[name]
        return value


def _make(shared: Given, settings: Settings) -> Made:
    done = pipeline.stages(
        shared.candles,
        bundle=shared.bundle,
        settings=settings,
        since=shared.since,
        computed=shared.features,
    )
    return done.votes, done.prediction


def _map_file(path: Path) -> Any:
    import joblib

    return _plain(joblib.load(path, mmap_mode="r"))


def _plain(value: Any) -> Any:
    """The same with every mapped array as a plain one over the same memory: reading one number of a
    memmap is slow.
    """
    if isinstance(value, np.memmap):
        return np.asarray(value)
    if isinstance(value, tuple):
        return tuple(_plain(item) for item in value)
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, Given | Candles | Features | Votes | Prediction):
        return replace(
            value, **{name.name: _plain(getattr(value, name.name)) for name in fields(value)}
        )
    return value
