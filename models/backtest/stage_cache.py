"""The array stages of a backtest, kept by what they were made from: candles, settings of the votes,
model, code.

A second backtest of the same candles, or one that differs only in what comes after the stages
(limits, fees, capital), finds votes and predictions where the first one left them. What is found is
equal to what would be computed; whatever cannot be trusted is computed again, and `told` says so.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from shared.core import deciding
from shared.core.errors import BadData, BotError
from shared.core.settings import Settings
from shared.core.types import Candles, Features, Prediction, Targets, Timeframe, Votes
from shared.model.bundle import Bundle
from shared.model.manifest import encode
from shared.stores.arrays import ArrayStore
from shared.stores.ports import Bucket
from shared.strategies import names
from shared.turn import pipeline
from shared.turn.pipeline import Stages

KEPT = ("close", "atr_14", "price_z", "volume_z", "realised_16")
"""The features that are looked at after the stages; the others have done their work in votes and
predictions."""
PREFIX = "stages/"


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheOutcome:
    """Whether the last stages came from the cache, and in words for people why or why not."""

    hit: bool
    told: str


class StageCache:
    """`pipeline.stages` with a memory in a bucket.

    The features of its stages are `KEPT` only, found or computed. To compare stages column by
    column, as the truncation check does, take `pipeline.stages` itself.
    """

    def __init__(
        self,
        bucket: Bucket,
        *,
        most_entries: int = 32,
        most_bytes: int = 1 << 29,
        code: str | None = None,
    ) -> None:
        """Keep entries in `bucket`, the newest `most_entries` and together `most_bytes`; `code` is
        that of other code than decides here.
        """
        self._store = ArrayStore(bucket, PREFIX, most_entries=most_entries, most_bytes=most_bytes)
        self._code = code
        self.found = CacheOutcome(hit=False, told="nothing was asked for yet")

    def stages(
        self,
        candles: Mapping[Timeframe, Candles],
        *,
        bundle: Bundle | None,
        settings: Settings,
        since: int | None = None,
    ) -> Stages:
        """The array stages over exactly these candles, see `pipeline.stages`.

        `found` tells where they came from.

        A store that fails (full, locked, gone) never stops a backtest: its stages are computed, and
        `found` says what happened.
        """
        key = stage_cache_key(
            candles,
            bundle=bundle,
            settings=settings,
            since=since,
            code=self._code or deciding.files_hash(),
        )
        why = "nothing was stored for these candles, settings and model"
        try:
            stored = self._store.read(key)
            if stored is not None:
                done = _unpack_stages(
                    stored, candles[Timeframe.M15], bundle, names=names(settings.strategies)
                )
                self.found = CacheOutcome(
                    hit=True, told="votes and predictions were stored already"
                )
                return done
        except BotError as error:
            why = str(error)
        done = reduce_stages(
            pipeline.stages(candles, bundle=bundle, settings=settings, since=since)
        )
        try:
            self._store.write(key, _pack_stages(done))
        except BotError as error:
            why = f"{why}; it cannot be stored: {error}"
        self.found = CacheOutcome(hit=False, told=f"votes and predictions were computed: {why}")
        return done


def reduce_stages(done: Stages) -> Stages:
    """The same stages with the features `KEPT` alone, so that the large matrix can go."""
    columns = [done.features.names.index(name) for name in KEPT]
    values = np.ascontiguousarray(done.features.values.T[columns])
    values.setflags(write=False)
    features = Features(as_of=done.features.as_of, names=KEPT, values=values.T)
    return Stages(
        features=features, votes=done.votes, prediction=done.prediction, targets=done.targets
    )


def stage_cache_key(
    candles: Mapping[Timeframe, Candles],
    *,
    bundle: Bundle | None,
    settings: Settings,
    since: int | None,
    code: str,
) -> str:
    """48 hex digits that change with anything that the stages depend on."""
    model = None
    if bundle is not None:
        model = [
            bundle.version,
            hashlib.sha256(encode(bundle.manifest) + bundle.forest.to_bytes()).hexdigest(),
        ]
    told = [
        *("stages 2", code, np.__version__, model),
        *(msgspec.to_builtins(settings.strategies), msgspec.to_builtins(settings.consensus)),
        None if since is None else [since, settings.sides, settings.account, settings.risk.policy],
    ]
    digest = hashlib.blake2b(json.dumps(told, sort_keys=True).encode(), digest_size=24)
    for timeframe in (Timeframe.M15, Timeframe.H4):
        part = candles.get(timeframe)
        digest.update(f"{timeframe} {'none' if part is None else len(part)};".encode())
        if part is not None:
            for column in (part.opened_at, part.open, part.high, part.low, part.close, part.volume):
                digest.update(np.ascontiguousarray(column).data)
    return digest.hexdigest()


def _pack_stages(done: Stages) -> dict[str, NDArray[Any]]:
    votes, prediction = done.votes, done.prediction
    packed: dict[str, NDArray[Any]] = {
        "as_of": done.features.as_of,
        "features": done.features.values.T,
        "sides": votes.sides.T,
        "confidences": votes.confidences.T,
        "consensus": votes.consensus,
        "strength": votes.strength,
    }
    if prediction is not None:
        rows = np.flatnonzero(np.isfinite(prediction.probabilities).all(axis=1))
        packed |= {"rows": rows, "probabilities": prediction.probabilities[rows]}
        if prediction.unasked is not None:
            packed["unasked"] = prediction.unasked
        if prediction.volatility is not None:
            packed["volatility"] = prediction.volatility
        if prediction.p_vote is not None:
            packed["p_vote"] = prediction.p_vote
    if done.targets is not None:
        packed |= {
            "target_weight": done.targets.weight,
            "target_volatility": done.targets.volatility,
        }
    return packed


def _unpack_stages(
    stored: Mapping[str, NDArray[Any]],
    candles: Candles,
    bundle: Bundle | None,
    *,
    names: tuple[str, ...],
) -> Stages:
    as_of = stored["as_of"]
    if not np.array_equal(as_of, candles.closed_at):
        raise BadData("the stored stages are of other candles")
    prediction = None
    if bundle is not None:
        probabilities = np.full((len(as_of), 3), np.nan)
        probabilities[stored["rows"]] = stored["probabilities"]
        prediction = Prediction(
            as_of=as_of,
            probabilities=probabilities,
            model=bundle.version,
            barriers=bundle.barriers,
            unasked=stored.get("unasked"),
            volatility=stored.get("volatility"),
            p_vote=stored.get("p_vote"),
        )
    return Stages(
        features=Features(as_of=as_of, names=KEPT, values=stored["features"].T),
        votes=Votes(
            as_of=as_of,
            names=names,
            sides=stored["sides"].T,
            confidences=stored["confidences"].T,
            consensus=stored["consensus"],
            strength=stored["strength"],
        ),
        prediction=prediction,
        targets=(
            None
            if "target_weight" not in stored
            else Targets(
                as_of=as_of, weight=stored["target_weight"], volatility=stored["target_volatility"]
            )
        ),
    )
