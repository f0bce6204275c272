"""Ways to look ahead, built on purpose: broken features, strategies, models and callbacks, each one
mistake away from honest.

An honest configuration is the project's own features and strategies on a generated market, with a
small rule in the model's place, so that nothing needs to be trained. Every leak is the same with
one line that knows the future.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest

from shared import features as feature_code
from shared import strategies
from shared.core import settings as configuration
from shared.core.reasons import Reason
from shared.core.settings import Settings
from shared.core.types import (
    Action,
    Barriers,
    Candles,
    Features,
    FloatArray,
    Prediction,
    Side,
    Timeframe,
    Votes,
)
from shared.exchanges.sandbox.generate import generate
from shared.market.candles import aggregate
from shared.model.bundle import Bundle
from shared.replay import engine
from shared.replay.types import Inputs, Replayed
from shared.risk import sizing
from shared.risk.policies import barrier as risk_rules
from shared.turn.pipeline import Stages

DAY = 86_400_000
START = 1_767_225_600_000  # 2026-01-01 00:00 UTC
WARM_DAYS, DAYS = 14, 18
FIRST_AT = START + WARM_DAYS * DAY
Compute = Callable[..., Stages]

SETTINGS = configuration.load_settings({}, profile="loose", overrides={"sides": "both"})


@cache
def minutes() -> Candles:
    return generate(start_ms=START, days=DAYS, seed=11, edge_bp=8.0, maintenance=False)


@cache
def candles() -> Mapping[Timeframe, Candles]:
    return {frame: aggregate(minutes(), frame) for frame in (Timeframe.M15, Timeframe.H4)}


def inputs(
    compute: Compute, *, fine: bool = False, bundle: Bundle | None = None, **more: Any
) -> Inputs:
    """A replay of the last days; `fine`: on 1m candles, else on 15m candles alone."""
    return Inputs(
        candles=candles(),
        minutes=minutes() if fine else None,
        stages=compute(candles(), bundle=bundle, settings=SETTINGS),
        settings=SETTINGS,
        start_at=more.pop("start_at", FIRST_AT),
        end_at=more.pop("end_at", START + DAYS * DAY),
        **more,
    )


# an honest configuration


def ruled(computed: Features, votes: Votes) -> Prediction:
    """A rule in the model's place: the stronger the last hour's move, the likelier it goes on."""
    with np.errstate(invalid="ignore"):
        up = np.clip(0.4 + 20.0 * computed.column("returns_4"), 0.1, 0.7)
    return predicted(computed, votes, up)


def predicted(computed: Features, votes: Votes, up: FloatArray) -> Prediction:
    shares = np.stack([0.8 - up, np.full(len(up), 0.2), up], axis=1)
    shares[votes.consensus == 0] = np.nan
    return Prediction(
        as_of=computed.as_of,
        probabilities=shares,
        model="rule",
        barriers=Barriers(atr_multiple=1.5, horizon_candles=8),
    )


def staged(computed: Features, settings: Settings) -> Stages:
    votes = strategies.vote(computed, settings.strategies, settings.consensus)
    return Stages(features=computed, votes=votes, prediction=ruled(computed, votes))


def honest(
    known: Mapping[Timeframe, Candles], *, bundle: Bundle | None, settings: Settings
) -> Stages:
    del bundle
    return staged(feature_code.compute(known), settings)


def with_column(computed: Features, name: str, column: FloatArray) -> Features:
    values = computed.values.copy()
    values[:, computed.names.index(name)] = column
    return replace(computed, values=values)


# features that leak


def next_return(
    known: Mapping[Timeframe, Candles], *, bundle: Bundle | None, settings: Settings
) -> Stages:
    """`shift(-1)`: the return of the next candle."""
    computed = feature_code.compute(known)
    moves = computed.column("returns_1")
    return staged(with_column(computed, "returns_4", np.append(moves[1:], np.nan)), settings)


def full_sample_zscore(
    known: Mapping[Timeframe, Candles], *, bundle: Bundle | None, settings: Settings
) -> Stages:
    """Standardised with the mean and the deviation of the whole frame."""
    computed = feature_code.compute(known)
    close = known[Timeframe.M15].close
    return staged(with_column(computed, "zscore", (close - close.mean()) / close.std()), settings)


def unshifted_4h(
    known: Mapping[Timeframe, Candles], *, bundle: Bundle | None, settings: Settings
) -> Stages:
    """A 4h candle is merged at its opening, hours before anybody knows how it closes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            feature_code,
            "_last_closed",
            lambda slow, at: np.searchsorted(slow.opened_at, at, side="right") - 1,
        )
        return honest(known, bundle=bundle, settings=settings)


def centred(values: FloatArray, reach: int) -> FloatArray:
    """The mean from `reach` rows before to `reach` rows after."""
    sums = np.concatenate([[0.0], np.cumsum(values)])
    rows = np.arange(len(values))
    first, last = np.maximum(0, rows - reach), np.minimum(len(values), rows + reach + 1)
    return (sums[last] - sums[first]) / (last - first)


def centred_rolling(
    known: Mapping[Timeframe, Candles], *, bundle: Bundle | None, settings: Settings
) -> Stages:
    """A rolling mean with `center=True`."""
    computed = feature_code.compute(known)
    close = computed.column("close")
    return staged(
        with_column(computed, "close_to_ema_20", close / centred(close, 3) - 1.0), settings
    )


def back_filled(
    known: Mapping[Timeframe, Candles], *, bundle: Bundle | None, settings: Settings
) -> Stages:
    """What is not warm yet is filled with the first value that is."""
    computed = feature_code.compute(known)
    ratio = computed.column("volume_ratio").copy()
    quiet = ratio < 1.5
    following = np.minimum.accumulate(np.where(quiet, len(ratio), np.arange(len(ratio)))[::-1])[
        ::-1
    ]
    known_later = following < len(ratio)
    ratio[known_later] = ratio[following[known_later]]
    return staged(with_column(computed, "volume_ratio", ratio), settings)


# strategies that leak


def voter_who_waits(
    known: Mapping[Timeframe, Candles], *, bundle: Bundle | None, settings: Settings
) -> Stages:
    """A strategy that takes its vote back where the next candle goes against it."""
    done = honest(known, bundle=bundle, settings=settings)
    close = done.features.column("close")
    moves = np.sign(np.append(np.diff(close), 0.0)).astype(np.int8)
    sides = done.votes.sides.copy()
    sides[:, 0] = np.where(sides[:, 0] * moves < 0, 0, sides[:, 0])
    return replace(done, votes=replace(done.votes, sides=sides))


def best_confidence(
    known: Mapping[Timeframe, Candles], *, bundle: Bundle | None, settings: Settings
) -> Stages:
    """Confidences scaled to the largest that was ever seen."""
    done = honest(known, bundle=bundle, settings=settings)
    strength = done.votes.strength * done.features.column("volume")
    return replace(done, votes=replace(done.votes, strength=strength / strength.max()))


# models that leak


def fitted_on_everything(
    known: Mapping[Timeframe, Candles], *, bundle: Bundle | None, settings: Settings
) -> Stages:
    """A regression of the next return on three features, fitted on the frame that it
    then predicts.
    """
    done = honest(known, bundle=bundle, settings=settings)
    columns = np.stack(
        [done.features.column(name) for name in ("returns_1", "returns_16", "zscore")], axis=1
    )
    rows = np.flatnonzero(np.isfinite(columns).all(axis=1))
    later = np.append(done.features.column("returns_1")[1:], np.nan)
    learned = rows[np.isfinite(later[rows])]
    weights, *_ = np.linalg.lstsq(columns[learned], later[learned], rcond=None)
    up = np.full(len(columns), 0.4)
    up[rows] = np.clip(0.4 + 50.0 * (columns[rows] @ weights), 0.1, 0.7)
    return replace(done, prediction=predicted(done.features, done.votes, up))


def seeing_head(
    known: Mapping[Timeframe, Candles], *, bundle: Bundle | None, settings: Settings
) -> Stages:
    """A forecast of volatility that is what the next four hours will have."""
    done = honest(known, bundle=bundle, settings=settings)
    later = np.append(done.features.column("realised_16")[16:], np.full(16, np.nan))[
        : len(done.features.as_of)
    ]
    return replace(done, prediction=replace(done.prediction, volatility=later))


def seeing_veto(
    known: Mapping[Timeframe, Candles], *, bundle: Bundle | None, settings: Settings
) -> Stages:
    """A word on the vote that knows where the next candle goes."""
    done = honest(known, bundle=bundle, settings=settings)
    later = np.append(done.features.column("returns_1")[1:], np.nan)
    return replace(
        done,
        prediction=replace(
            done.prediction, p_vote=np.where(later * done.votes.consensus > 0, 0.9, 0.1)
        ),
    )


# callbacks that leak: a stop, a size or an exit that knows how the candles go on


@contextmanager
def peeking_stop(told: Inputs, ahead_ms: int) -> Iterator[None]:
    """A stop that is moved out of the way of what the price will do within `ahead_ms` of the
    decision.
    """
    fast, real = told.candles[Timeframe.M15], risk_rules._weigh
    seen: list[int] = []

    def worth(case: Any) -> Any:
        seen[:] = [case.signal.as_of]
        return real(case)

    def prices(**where: Any) -> Any:
        found = real_prices(**where)
        coming = (fast.opened_at >= seen[0]) & (fast.closed_at <= seen[0] + ahead_ms)
        if not coming.any():
            return found
        if where["side"] is Side.LONG:
            return replace(found, stop=min(found.stop, int(fast.low[coming].min()) - 1))
        return replace(found, stop=max(found.stop, int(fast.high[coming].max()) + 1))

    real_prices = sizing.prices
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(risk_rules, "_weigh", worth)
        patch.setattr(sizing, "prices", prices)
        yield


@contextmanager
def peeking_entry(told: Inputs, ahead_ms: int) -> Iterator[None]:
    """An entry that is called off where the price will go against it."""
    real = risk_rules._weigh

    def worth(case: Any) -> Any:
        if against(told, case, case.signal.side, ahead_ms):
            return risk_rules.deny(case, Reason.EDGE_BELOW_COST)
        return real(case)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(risk_rules, "_weigh", worth)
        yield


@contextmanager
def peeking_exit(told: Inputs, ahead_ms: int) -> Iterator[None]:
    """A position that is closed before the candle that goes against it."""
    real = risk_rules._position

    def position(case: Any) -> Any:
        decision = real(case)
        if decision is not None and against(told, case, decision.side, ahead_ms):
            return replace(decision, action=Action.EXIT, reason=Reason.EXIT_OPPOSITE)
        return decision

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(risk_rules, "RULES", (position, *risk_rules.RULES[1:]))
        yield


def against(told: Inputs, case: Any, side: Side, ahead_ms: int) -> bool:
    """Whether the close after `ahead_ms` is worse for a side than the close that
    everybody knows.
    """
    fast = told.candles[Timeframe.M15]
    coming = (fast.opened_at >= case.signal.as_of) & (
        fast.closed_at <= case.signal.as_of + ahead_ms
    )
    return bool(coming.any()) and (fast.close[coming][-1] - case.signal.close) * side.sign < 0


def with_callback(
    callback: Callable[[Inputs, int], Any], ahead_ms: int
) -> Callable[[Inputs], Replayed]:
    """A replay whose rules are given such a callback."""

    def replayed(told: Inputs) -> Replayed:
        with callback(told, ahead_ms):
            return engine.replay(told)

    return replayed
