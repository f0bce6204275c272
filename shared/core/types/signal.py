"""From features to a decision: votes, prediction, signal, goal, and what is to be done."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal

from shared.core.reasons import Reason
from shared.core.types.arrays import BoolArray, FloatArray, Int8Array, IntArray
from shared.core.types.orders import Side


@dataclass(frozen=True, slots=True, kw_only=True)
class Features:
    """A matrix, one row a 15m candle, float64; NaN where a value is not warm yet.

    `as_of[i]` is the close of candle i: the first instant at which row i is known.

    >>> import numpy as np
    >>> features = Features(
    ...     as_of=np.array([900_000]), names=("close", "rsi_14"), values=np.array([[9.8e6, 41.5]])
    ... )
    >>> features.column("rsi_14").tolist()
    [41.5]
    """

    as_of: IntArray
    names: tuple[str, ...]
    values: FloatArray

    def column(self, name: str) -> FloatArray:
        """One feature by its name, shape (n,)."""
        return self.values[:, self.names.index(name)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Votes:
    """What each strategy says on each row, and what they say together.

    `sides` (n, s) and `consensus` (n,) hold -1, 0, +1; `confidences` (n, s) and `strength` (n,) lie
    in [0, 1].

    >>> import numpy as np
    >>> votes = Votes(
    ...     as_of=np.array([900_000]),
    ...     names=("atr_based", "adx_trend"),
    ...     sides=np.array([[1, -1]], dtype=np.int8),
    ...     confidences=np.array([[0.7, 0.3]]),
    ...     consensus=np.array([1], dtype=np.int8),
    ...     strength=np.array([0.7]),
    ... )
    >>> dict(zip(votes.names, votes.sides[0].tolist(), strict=True))
    {'atr_based': 1, 'adx_trend': -1}
    """

    as_of: IntArray
    names: tuple[str, ...]
    sides: Int8Array
    confidences: FloatArray
    consensus: Int8Array
    strength: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Targets:
    """The exposure that a strategy with a target wants on each row, shape (n,) each; NaN until it
    is warm.

    `weight` lies in [-1, 1]; `volatility` is the strategy's own estimate of the past, as a share of
    the price a year.

    >>> import numpy as np
    >>> targets = Targets(
    ...     as_of=np.array([900_000]), weight=np.array([0.25]), volatility=np.array([0.6])
    ... )
    >>> float(targets.weight[-1])
    0.25
    """

    as_of: IntArray
    weight: FloatArray
    volatility: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Barriers:
    """The label that a model was trained on, and so what its probabilities are about.

    kind `barriers`: which of two levels, `atr_multiple` x ATR(14) away, is touched first within
    `horizon_candles`. kind `next_candle`: whether the next close lies more than `move_rate` below
    or above this one (the original's label): no level is touched, so that no expected value follows
    from it.

    >>> Barriers(atr_multiple=4.0, horizon_candles=48).kind
    'barriers'
    """

    atr_multiple: float
    horizon_candles: int
    kind: Literal["barriers", "next_candle"] = "barriers"
    move_rate: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """Calibrated probabilities (n, 3) in the order lower barrier first, neither, upper first; NaN
    where there are none.

    `unasked` (n,) marks the rows that could have been predicted, but that nobody asked for; None:
    every row was asked for. `volatility` (n,) is the forecast of the realised volatility of the
    next 4 hours (root of the sum of squared 15m returns, a rate), `p_vote` (n,) the probability
    that the consensus' own trade pays; NaN where there is none, None without that head.

    >>> import numpy as np
    >>> prediction = Prediction(
    ...     as_of=np.array([900_000]),
    ...     probabilities=np.array([[0.3, 0.2, 0.5]]),
    ...     model="v1",
    ...     barriers=Barriers(atr_multiple=4.0, horizon_candles=48),
    ... )
    >>> prediction.probabilities[0].tolist()
    [0.3, 0.2, 0.5]
    """

    as_of: IntArray
    probabilities: FloatArray
    model: str
    barriers: Barriers
    unasked: BoolArray | None = None
    volatility: FloatArray | None = None
    p_vote: FloatArray | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Vote:
    """One strategy's word on one candle.

    >>> Vote(strategy="trend", side=1, confidence=0.8).side
    1
    """

    strategy: str
    side: int
    confidence: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """What the model says of one candle: which of its `barriers` is touched first.

    `p_vote`: that the consensus' own trade pays; None without that head.

    >>> forecast = Forecast(
    ...     p_lower=0.3,
    ...     p_neither=0.2,
    ...     p_upper=0.5,
    ...     barriers=Barriers(atr_multiple=4.0, horizon_candles=48),
    ... )
    >>> forecast.is_believable(), forecast.side(Side.SHORT)
    (True, (0.3, 0.5))
    """

    p_lower: float
    p_neither: float
    p_upper: float
    barriers: Barriers
    p_vote: float | None = None

    def is_believable(self) -> bool:
        """Whether the three probabilities are probabilities."""
        three = (self.p_lower, self.p_neither, self.p_upper)
        if any(not math.isfinite(p) or p < 0 or p > 1 for p in three):
            return False
        return abs(sum(three) - 1.0) < 1e-3  # noqa: PLR2004 - three roundings to 1e-6 and room

    def side(self, side: Side) -> tuple[float, float]:
        """The probabilities that the barrier with this side, and that against it, comes first."""
        with_us, against = self.p_upper, self.p_lower
        return (with_us, against) if side is Side.LONG else (against, with_us)


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetExposure:
    """What a strategy with a target wants to hold.

    `weight` in [-1, 1] is the share of the capital, `volatility` its estimate of the price's
    volatility a year; both rest on candles that were closed at `as_of`, the last 4h close.

    >>> TargetExposure(weight=0.25, volatility=0.6, as_of=0).weight
    0.25
    """

    weight: float
    volatility: float
    as_of: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """One row of the array stages: all that the scalar rules need to know of candle `as_of`.

    `volatility` is the model's forecast for the next 4 hours and `volatility_past` what the last 4
    hours had (both the root of the sum of squared 15m returns). `forecast` is there where a model
    was asked for the direction, `exposure` where a strategy has a target.

    >>> signal = Signal(as_of=0, close=9_800_000, atr_jpy=24_500.0, side=Side.LONG, strength=0.7)
    >>> signal.side.sign, signal.forecast, signal.warm
    (1, None, True)
    """

    as_of: int
    close: int
    atr_jpy: float
    side: Side | None
    strength: float
    votes: tuple[Vote, ...] = ()
    model: str | None = None
    forecast: Forecast | None = None
    exposure: TargetExposure | None = None
    price_z: float = 0.0
    volume_z: float = 0.0
    warm: bool = True
    volatility: float | None = None
    volatility_past: float | None = None


def upgrade_signal(stored: Mapping[str, Any]) -> Mapping[str, Any]:
    """A stored signal as this version reads it.

    An older one has what a model and a strategy with a target say as fields of its own
    (`p_lower` ... `target_as_of`).
    """
    if "forecast" in stored or "exposure" in stored:
        return stored
    told: dict[str, Any] = dict(stored)
    forecast = {name: told.pop(name, None) for name in _FORECAST}
    weight, volatility, as_of = (told.pop(f"target_{name}", None) for name in _EXPOSURE)
    if all(forecast[name] is not None for name in _FORECAST[:4]):
        told["forecast"] = forecast
    if weight is not None and volatility is not None and as_of is not None:
        told["exposure"] = dict(zip(_EXPOSURE, (weight, volatility, as_of), strict=True))
    return told


_FORECAST = ("p_lower", "p_neither", "p_upper", "barriers", "p_vote")
_EXPOSURE = ("weight", "volatility", "as_of")


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """What the target policy wants to hold: `lots`, negative for a short, decided on the 4h close
    `as_of`.

    `since`: the close of the 15m candle since which a larger position is wanted than is held; 0
    where none is.

    >>> Goal(lots=-120, as_of=0).since
    0
    """

    lots: int
    as_of: int
    since: int = 0


class Action(StrEnum):
    """What a decision asks for.

    >>> Action.ENTER.value
    'enter'
    """

    ENTER = "enter"
    REDUCE = "reduce"
    EXIT = "exit"
    HOLD = "hold"
    DENY = "deny"


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What risk wants, and why. `reason` is OK only for an action that goes through.

    `lots` are those of the order: what an ENTER adds, what a REDUCE closes. `goal` is what the
    target policy wants from now on;
    `crosses`: an entry may take liquidity.

    >>> decision = Decision(action=Action.DENY, as_of=0, reason=Reason.NO_CONSENSUS)
    >>> decision.lots, decision.side
    (0, None)
    """

    action: Action
    as_of: int
    reason: Reason
    side: Side | None = None
    lots: int = 0
    stop_price: int = 0
    target_price: int = 0
    exit_by: int | None = None
    edge_rate: float | None = None
    cost_rate: float | None = None
    goal: Goal | None = None
    crosses: bool = False
    context: Mapping[str, str] = field(default_factory=dict)
