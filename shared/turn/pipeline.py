"""From candles to a decision. Pure: tick and replay both call it, so a rule is never written twice.

    candles -> features -> votes -> prediction      arrays, one row a 15m candle: `stages`
                                  -> signal         one row of them, as scalars: `signal_at`
                                  -> decision       the scalar rules: `risk.decide`

A tick runs the array stages on its window and takes the last row; a replay runs them once over
years and takes the rows where something can happen.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from shared import features, model, risk, strategies
from shared.core.errors import BadData
from shared.core.settings import Settings
from shared.core.types import (
    Account,
    BoolArray,
    Candles,
    Decision,
    Features,
    FloatArray,
    Forecast,
    Issue,
    Market,
    Prediction,
    Side,
    Signal,
    TargetExposure,
    Targets,
    Timeframe,
    Vote,
    Votes,
)
from shared.model.bundle import Bundle


@dataclass(frozen=True, slots=True, kw_only=True)
class Stages:
    """The array stages over the same rows.

    `prediction` is None without a valid model, `targets` without the trend strategy.

    >>> from shared.core.settings import load_settings
    >>> from shared.market.candles import empty_candles
    >>> frames = (Timeframe.M15, Timeframe.H4)
    >>> nothing = {frame: empty_candles(frame) for frame in frames}
    >>> stages(nothing, bundle=None, settings=load_settings({})).prediction is None
    True
    """

    features: Features
    votes: Votes
    prediction: Prediction | None
    targets: Targets | None = None


def stages(
    candles: Mapping[Timeframe, Candles],
    *,
    bundle: Bundle | None,
    settings: Settings,
    since: int | None = None,
    computed: Features | None = None,
) -> Stages:
    """Run features, votes and prediction over all rows of the 15m candles.

    >>> from shared.core.settings import load_settings
    >>> from shared.exchanges.sandbox.generate import generate
    >>> from shared.market.candles import aggregate
    >>> minutes = generate(start_ms=1_767_225_600_000, days=2, seed=7)
    >>> candles = {frame: aggregate(minutes, frame) for frame in (Timeframe.M15, Timeframe.H4)}
    >>> run = stages(candles, bundle=None, settings=load_settings({}))
    >>> len(run.features.as_of), run.votes.consensus.shape
    (192, (192,))

    Args:
        candles: 15m and 4h candles.
        bundle: The model; None leaves every row without a prediction.
        settings: Strategies, consensus, and the sides on which an entry is allowed.
        since: The first instant, ms UTC, at which anything will be decided: the model is asked only
            for rows that can then lead to an entry. None asks it for every row with a consensus.
        computed: The features of exactly these candles, where they are there already.
    """
    done = features.compute(candles) if computed is None else computed
    votes = strategies.vote(done, settings.strategies, settings.consensus)
    asked = None if since is None else _may_enter(votes, since, settings)
    prediction = None if bundle is None else model.predict(done, votes, bundle, asked=asked)
    targets = strategies.targets(done, settings.strategies)
    return Stages(features=done, votes=votes, prediction=prediction, targets=targets)


def _may_enter(votes: Votes, since: int, settings: Settings) -> BoolArray:
    """Rows on an allowed side, from the candle before the last one closed by `since`: the last may
    not be final then.

    A policy that needs no model enters by no row's probabilities.
    """
    if not risk.policy_of(settings).is_model_based:
        return np.zeros(len(votes.as_of), dtype=np.bool_)
    asked = votes.consensus != 0 if _is_side_allowed(Side.SHORT, settings) else votes.consensus > 0
    asked[: max(0, int(np.searchsorted(votes.as_of, since, side="right")) - 2)] = False
    return asked


def _is_side_allowed(side: Side, settings: Settings) -> bool:
    """Whether the settings alone would let an entry on this side through."""
    return side is Side.LONG or settings.has_shorts


def signal_at(
    done: Stages,
    row: int,
    *,
    candles_before: Mapping[Timeframe, int],
    slow_until: int,
    settings: Settings,
) -> Signal:
    """Row `row` of the stages as scalars.

    `candles_before` counts the candles of each timeframe that are known at that row, for
    `min_history`; `slow_until` is when the last 4h candle among them closed (0: none). Where that
    is not the one that is due, there is no target: what it would say is four hours old.

    Raises:
        BadData: The model was not asked for this row although it may lead to an entry: the stages
            were computed for other settings or a later start.
    """
    names, features = done.features.names, done.features.values[row]
    value = {
        name: float(features[names.index(name)])
        for name in ("close", "atr_14", "price_z", "volume_z", "realised_16")
    }
    consensus = int(done.votes.consensus[row])
    enough = (
        candles_before[Timeframe.M15] >= settings.market.min_history_15m
        and candles_before[Timeframe.H4] >= settings.market.min_history_4h
    )
    prediction, forecast = done.prediction, None
    if prediction is not None and consensus and risk.policy_of(settings).is_model_based:
        three: list[float] = prediction.probabilities[row].tolist()
        if all(math.isfinite(share) for share in three):
            lower, neither, upper = three
            forecast = Forecast(
                p_lower=lower,
                p_neither=neither,
                p_upper=upper,
                barriers=prediction.barriers,
                p_vote=_value(prediction.p_vote, row),
            )
        elif prediction.unasked is None or not prediction.unasked[row]:
            enough = False
        elif _is_side_allowed(Side.LONG if consensus > 0 else Side.SHORT, settings):
            raise BadData(
                f"row {row} was not predicted: these stages are for other settings or a later start"
            )
    as_of = int(done.features.as_of[row])
    return Signal(
        as_of=as_of,
        close=int(value["close"]),
        atr_jpy=value["atr_14"] if math.isfinite(value["atr_14"]) else 0.0,
        side=None if consensus == 0 else Side.LONG if consensus > 0 else Side.SHORT,
        strength=float(done.votes.strength[row]),
        votes=tuple(
            Vote(strategy=name, side=side, confidence=confidence)
            for name, side, confidence in zip(
                done.votes.names,
                done.votes.sides[row].tolist(),
                done.votes.confidences[row].tolist(),
                strict=True,
            )
        ),
        model=None if prediction is None else prediction.model,
        forecast=forecast,
        exposure=_exposure(done.targets, row, as_of=as_of, slow_until=slow_until),
        price_z=value["price_z"] if math.isfinite(value["price_z"]) else 0.0,
        volume_z=value["volume_z"] if math.isfinite(value["volume_z"]) else 0.0,
        warm=enough and math.isfinite(value["atr_14"]),
        volatility=None if prediction is None else _value(prediction.volatility, row),
        volatility_past=value["realised_16"] if math.isfinite(value["realised_16"]) else None,
    )


def _exposure(
    targets: Targets | None, row: int, *, as_of: int, slow_until: int
) -> TargetExposure | None:
    """What a strategy with a target wants, where the 4h candle that is due has told it."""
    slot = as_of - as_of % Timeframe.H4.ms
    if targets is None or slow_until != slot:
        return None
    weight, volatility = _value(targets.weight, row), _value(targets.volatility, row)
    if weight is None or volatility is None:
        return None
    return TargetExposure(weight=weight, volatility=volatility, as_of=slot)


def _value(column: FloatArray | None, row: int) -> float | None:
    """One value of a head or a target, None where it said nothing."""
    value = math.nan if column is None else float(column[row])
    return value if math.isfinite(value) else None


def window(market: Market, settings: Settings) -> Mapping[Timeframe, Candles]:
    """The candles that a tick looks at."""
    return {
        frame: candles.tail(settings.market.window_candles)
        for frame, candles in market.candles.items()
    }


def last_signal(
    market: Market, *, bundle: Bundle | None, settings: Settings, computed: Features | None = None
) -> Signal | None:
    """The signal of the last closed 15m candle, or None where there is no candle at all.

    `computed`: the features of exactly this `window`, where they are there already.
    """
    seen = window(market, settings)
    if not len(seen[Timeframe.M15]):
        return None
    known = features.compute(seen) if computed is None else computed
    last = Features(
        as_of=known.as_of[-1:], names=known.names, values=known.values[-1:]
    )  # what comes after works row by row
    done = stages(seen, bundle=bundle, settings=settings, computed=last)
    counts = {frame: len(candles) for frame, candles in seen.items()}
    closed = seen[Timeframe.H4].closed_by(int(last.as_of[0]))
    slow_until = int(closed.closed_at[-1]) if len(closed) else 0
    return signal_at(done, 0, candles_before=counts, slow_until=slow_until, settings=settings)


def predict_chosen_rows(computed: Features, *, bundle: Bundle, rows: BoolArray) -> Prediction:
    """What a model says of some rows (n,) whether or not the strategies agree there; NaN elsewhere,
    and where it is not warm.

    No decision rests on it: it is how a model is watched, and how one that decides nothing is
    heard. Raises `BadBundle` where the bundle wants a feature that is not there.
    """
    asked = np.flatnonzero(rows)
    some = Features(
        as_of=computed.as_of[asked], names=computed.names, values=computed.values[asked]
    )
    everyone = Votes(
        as_of=some.as_of,
        names=(),
        sides=np.empty((len(asked), 0), dtype=np.int8),
        confidences=np.empty((len(asked), 0)),
        consensus=np.ones(len(asked), dtype=np.int8),
        strength=np.ones(len(asked)),
    )
    told = model.predict(some, everyone, bundle)
    probabilities = np.full((len(rows), told.probabilities.shape[1]), np.nan)
    probabilities[asked] = told.probabilities
    return Prediction(
        as_of=computed.as_of,
        probabilities=probabilities,
        model=bundle.version,
        barriers=bundle.barriers,
    )


def decide(
    signal: Signal,
    *,
    market: Market,
    account: Account,
    now_ms: int,
    settings: Settings,
) -> tuple[Decision, tuple[Issue, ...]]:
    """The scalar rules on one signal: the decision, and everything that is wrong with market and
    data.
    """
    issues: Sequence[Issue] = (
        *market.issues,
        *risk.anomalies(market=market, signal=signal, settings=settings),
    )
    case = risk.Case(
        signal=signal,
        account=account,
        issues=issues,
        rules=market.rules,
        book=market.book,
        now_ms=now_ms,
        settings=settings,
    )
    return risk.decide(case), tuple(issues)
