"""Believable BTC/JPY markets from a seed, one-minute candles, optionally with a planted pattern of
a stated size. Pure.

The logarithm of the price is a random walk in steps of ten seconds. Its volatility is the product
of

* a slow and a fast factor, AR(1) in logarithms with half-lives of days and of hours: calm weeks,
  clusters;
* a day's shape: quiet in the Japanese morning, busy when America trades;
* a factor a minute, inverse-gamma, which makes the returns Student's t: fat tails (Bollerslev
  1987);
* jumps, Laplace distributed, a few a week.

The whole is scaled so that 15-minute returns have the standard deviation that was asked for. Trades
happen half a tick of the book above or below that price; minutes without a trade are flat with zero
volume, more of them when it is quiet; once a week the exchange is closed for maintenance and there
are no candles at all.

The same arguments give the same candles on the same machine. Between processors `numpy.exp` may
differ in its last bit, which can move a price by one yen.
"""

from dataclasses import dataclass

import numpy as np

from shared.core.calendar import DAY_MS, HOUR_MS, MINUTE_MS
from shared.core.errors import UserError
from shared.core.money import LOTS_PER_BTC
from shared.core.types import BoolArray, Candles, FloatArray, IntArray, Timeframe

MINUTES_A_DAY = 1_440
MINUTES_A_CANDLE = 15
STEPS_A_MINUTE = 6
REGIME_CANDLES = 96
REGIMES_A_GROUP = 8

_MAX_DAYS = 3_660
_MAX_EDGE_BP = 100
_MIN_PRICE = 1_000
_MAX_VOLATILITY = 0.1
_WEEK_MINUTES = 7 * MINUTES_A_DAY
_SLOW_HALF_LIFE_CANDLES, _SLOW_SD = 192.0, 0.35
_FAST_HALF_LIFE_CANDLES, _FAST_SD = 10.0, 0.40
_TAIL_FREEDOM = 5.0
_JUMPS_A_DAY, _JUMP_SCALE = 0.4, 0.003
_HALF_BOUNCE = 0.00004
_FLAT_SHARE = 0.03
_MEAN_VOLUME_BTC = 0.1
_LEAST_VOLUME_BTC = 0.0004


@dataclass(frozen=True, slots=True, kw_only=True)
class Planted:
    """What can be learned from a generated market, and how much it is worth."""

    edge_bp: float

    @property
    def sentence(self) -> str:
        """One sentence for the first line of every screen and report."""
        if self.edge_bp == 0:
            return (
                "A generated market without any planted pattern: its price is a random walk, and"
                " nothing can be earned in it."
            )
        return (
            "A generated market with a planted pattern: in hidden regimes of about a day the price"
            f" drifts up or down by {self.edge_bp:g} basis points per 15 minutes, with as many ups"
            " as downs and pauses in between."
        )


def generate(
    *,
    start_ms: int,
    days: float,
    seed: int,
    edge_bp: float = 0.0,
    start_price: int = 13_000_000,
    volatility_15m: float = 0.0025,
    maintenance: bool = True,
) -> Candles:
    """Make `days` of one-minute candles from `start_ms` on.

    Args:
        start_ms: The first minute's opening, rounded down to a 15-minute candle.
        days: How many days, at most 3,660.
        seed: Which market; also decides the hidden regimes.
        edge_bp: Drift in basis points per 15-minute candle inside a regime. 0: no pattern, the same
            volatility.
        start_price: The first price in yen.
        volatility_15m: Standard deviation of 15-minute returns, without the drift.
        maintenance: Whether the exchange closes once a week.

    Returns:
        Candles of `Timeframe.M1`: whole yen, volume in steps of 0.0001 BTC, no candles during
        maintenance.

    Raises:
        UserError: An argument makes no market.
    """
    _check(days=days, edge_bp=edge_bp, start_price=start_price, volatility_15m=volatility_15m)
    start_ms -= start_ms % Timeframe.M15.ms
    candles = max(1, round(days * MINUTES_A_DAY / MINUTES_A_CANDLE))
    minutes = candles * MINUTES_A_CANDLE
    opened_at = start_ms + MINUTE_MS * np.arange(minutes, dtype=np.int64)
    streams = [np.random.default_rng(child) for child in np.random.SeedSequence(seed).spawn(6)]

    sigma, returns = _walk(opened_at, candles, volatility_15m, streams[0], streams[1])
    drift = np.repeat(
        regimes(candles=candles, seed=seed) * (edge_bp / 10_000), MINUTES_A_CANDLE * STEPS_A_MINUTE
    )
    returns += drift / (MINUTES_A_CANDLE * STEPS_A_MINUTE)
    level = start_price * np.exp(np.cumsum(returns) - returns[0])
    traded = level * (1.0 + _HALF_BOUNCE * streams[2].choice((-1.0, 1.0), size=level.size))
    shape = np.rint(traded).clip(min=1.0).reshape(minutes, STEPS_A_MINUTE)
    volume = _volume(sigma, shape, streams[3])

    flat = streams[4].random(minutes) < _FLAT_SHARE * (np.median(sigma) / sigma).clip(max=4.0)
    flat[0] = False
    keep = (
        ~_closed_for_maintenance(opened_at, streams[5])
        if maintenance
        else np.ones(minutes, dtype=np.bool_)
    )
    keep[0] = True
    return _candles(opened_at[keep], shape[keep], volume[keep], flat[keep])


def regimes(*, candles: int, seed: int) -> FloatArray:
    """The hidden regime of each 15-minute candle: +1 up, -1 down, 0 pause, shape (candles,).

    Drift and pause alternate; each lasts about a day (gamma distributed, shape 8). Of every eight
    drifts four go up and four go down in random order, and the n-th up of a group lasts as long as
    its n-th down: a group adds no drift.
    """
    rng = np.random.default_rng([seed, 0x5EED])
    parts: list[FloatArray] = []
    total = 0
    while total < candles:
        pairs = REGIMES_A_GROUP // 2
        lengths = _lengths(rng, pairs)
        order = rng.permutation(np.repeat((1.0, -1.0), pairs))
        used = {1.0: 0, -1.0: 0}
        for side, pause in zip(
            order.tolist(), _lengths(rng, REGIMES_A_GROUP).tolist(), strict=True
        ):
            parts += [np.full(int(lengths[used[side]]), side), np.zeros(pause)]
            used[side] += 1
        total = sum(map(len, parts))
    return np.concatenate(parts)[:candles]


def _lengths(rng: np.random.Generator, count: int) -> IntArray:
    return (
        np.rint(rng.gamma(8.0, REGIME_CANDLES / 8.0, size=count))
        .astype(np.int64)
        .clip(min=MINUTES_A_CANDLE)
    )


def _check(*, days: float, edge_bp: float, start_price: int, volatility_15m: float) -> None:
    if not 0 < days <= _MAX_DAYS:
        raise UserError(
            f"a market of {days} days was asked for",
            remedy="ask for more than 0 and at most 3,660 days",
        )
    if not abs(edge_bp) <= _MAX_EDGE_BP:
        raise UserError(
            f"an edge of {edge_bp} basis points was asked for",
            remedy="choose one between -100 and 100",
        )
    if start_price < _MIN_PRICE or not 0 < volatility_15m < _MAX_VOLATILITY:
        raise UserError(
            f"a market at {start_price} yen with a volatility of {volatility_15m} was asked for",
            remedy="start at 1,000 yen or more, with a volatility above 0 and below 0.1",
        )


def _walk(
    opened_at: IntArray,
    candles: int,
    volatility_15m: float,
    shape_rng: np.random.Generator,
    step_rng: np.random.Generator,
) -> tuple[FloatArray, FloatArray]:
    """Volatility of each minute (n,) and the logarithmic return of each step (n * STEPS_A_MINUTE,),
    before any drift.
    """
    slow = _autoregression(shape_rng, candles, _SLOW_HALF_LIFE_CANDLES, _SLOW_SD)
    fast = _autoregression(shape_rng, candles, _FAST_HALF_LIFE_CANDLES, _FAST_SD)
    at = np.arange(opened_at.size) / MINUTES_A_CANDLE
    sigma: FloatArray = np.exp(np.interp(at, np.arange(candles), slow + fast)) * _day_shape(
        opened_at
    )
    tails = np.sqrt((_TAIL_FREEDOM - 2.0) / step_rng.chisquare(_TAIL_FREEDOM, size=sigma.size))
    steps = step_rng.standard_normal(sigma.size * STEPS_A_MINUTE) * np.repeat(
        sigma * tails, STEPS_A_MINUTE
    )
    of_candle = steps.reshape(candles, -1).sum(axis=1)
    steps *= volatility_15m / np.sqrt(np.mean(of_candle * of_candle))
    jumps = step_rng.random(steps.size) < _JUMPS_A_DAY / (MINUTES_A_DAY * STEPS_A_MINUTE)
    steps[jumps] += step_rng.laplace(0.0, _JUMP_SCALE, size=int(jumps.sum()))
    # A price without drift is a martingale: its logarithm falls by half the variance.
    steps -= np.mean(steps * steps) / 2
    return sigma, steps


def _autoregression(
    rng: np.random.Generator, count: int, half_life: float, sd: float
) -> FloatArray:
    """A stationary AR(1) series of the given half-life and standard deviation."""
    keep = 0.5 ** (1.0 / half_life)
    shocks = (rng.standard_normal(count) * (sd * (1 - keep * keep) ** 0.5)).tolist()
    value = float(rng.standard_normal()) * sd
    series = []
    for shock in shocks:
        value = keep * value + shock
        series.append(value)
    return np.array(series)


def _day_shape(opened_at: IntArray) -> FloatArray:
    """How lively each minute of the UTC day is: least around 04:00, most around 15:00, mean 1."""
    hour = (opened_at % DAY_MS) / HOUR_MS
    turn = 2 * np.pi / 24
    shape: FloatArray = (
        1.0 + 0.28 * np.cos(turn * (hour - 15.0)) + 0.12 * np.cos(2 * turn * (hour - 14.0))
    )
    return shape


def _volume(sigma: FloatArray, shape: FloatArray, rng: np.random.Generator) -> FloatArray:
    """BTC traded in each minute, in steps of 0.0001: more where the price moved."""
    moved = (shape.max(axis=1) - shape.min(axis=1)) / shape[:, 0]
    lively = sigma / sigma.mean() + 2.0 * moved / moved.mean()
    noise = np.exp(0.9 * rng.standard_normal(sigma.size) - 0.405)
    volume: FloatArray = (
        np.rint(
            (_MEAN_VOLUME_BTC / 3.0 * lively * noise).clip(min=_LEAST_VOLUME_BTC) * LOTS_PER_BTC
        )
        / LOTS_PER_BTC
    )
    return volume


def _closed_for_maintenance(opened_at: IntArray, rng: np.random.Generator) -> BoolArray:
    """Which minutes fall into the weekly maintenance: Wednesdays from 18:00 UTC, 30 to
    150 minutes.
    """
    minute = opened_at // MINUTE_MS
    since_monday = minute - 4 * MINUTES_A_DAY
    week = since_monday // _WEEK_MINUTES
    weeks = week - week[0]
    lasts = rng.integers(30, 151, size=int(weeks[-1]) + 1)
    into = since_monday % _WEEK_MINUTES - (2 * MINUTES_A_DAY + 18 * 60)
    closed: BoolArray = (into >= 0) & (into < lasts[weeks])
    return closed


def _candles(
    opened_at: IntArray, shape: FloatArray, volume: FloatArray, flat: BoolArray
) -> Candles:
    """Candles from the prices of each minute's steps; flat minutes repeat the close before them."""
    last_traded = np.maximum.accumulate(np.where(flat, 0, np.arange(flat.size)))
    close = shape[last_traded, -1]
    return Candles(
        timeframe=Timeframe.M1,
        opened_at=opened_at,
        open=np.where(flat, close, shape[:, 0]),
        high=np.where(flat, close, shape.max(axis=1)),
        low=np.where(flat, close, shape.min(axis=1)),
        close=close,
        volume=np.where(flat, 0.0, volume),
    )
