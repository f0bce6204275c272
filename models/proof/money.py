"""What a replay brought, as the gate wants it: by day, by position, and beside the same thing done
at random.
"""

from dataclasses import dataclass

import numpy as np

from models.gate.types import MoneyRecord
from shared.core.calendar import DAY_MS
from shared.core.costs import assumed_costs, crossing_rate
from shared.core.types import Candles, Features, FloatArray, Purpose, Side, Timeframe
from shared.replay.brackets import Brackets
from shared.replay.random_entries import Pace, random_entries
from shared.replay.types import Curve, Inputs, Replayed
from shared.results.performance.hold import held_series
from shared.results.performance.positions import Closed, book_of
from shared.results.performance.series import changes, day_edges, equity_of
from shared.risk import policy_of
from shared.risk.screen import distance_factors

LEAST_SHIFT_DAYS = 30
"""An exposure that is moved in time by less than this is still its own."""
NO_RATES = np.zeros(0)


def money_of(replayed: Replayed, inputs: Inputs, *, draws: int, seed: int) -> MoneyRecord:
    """Days, positions and chance.

    Args:
        replayed: What the predictions did.
        inputs: What the replay was given.
        draws: How many random histories stand beside it.
        seed: Of them.

    Raises:
        BadData: The equity curve contradicts itself.
    """
    edges = day_edges(replayed.start_at, replayed.end_at)
    own, held = equity_of(replayed), held_series(replayed)[0]
    closed = book_of(replayed).closed
    chance = (
        _shifted_exposure_chance(replayed, draws=draws, seed=seed)
        if policy_of(inputs.settings).has_goal
        else None
    )
    return MoneyRecord(
        day_at=edges[:-1],
        returns=_changes(own.units_at(edges)),
        hold=_changes(held.units_at(edges)),
        closed_at=np.array([one.closed_at for one in closed], dtype=np.int64),
        net_rates=np.array([_net_rate(one) for one in closed]),
        random=(
            _random(replayed, inputs, closed, draws=draws, seed=seed)
            if chance is None
            else chance.others
        ),
        own=None if chance is None else chance.own,
    )


def _changes(units: "np.ndarray[tuple[int], np.dtype[np.int64]]") -> FloatArray:
    """Daily returns; where everything was lost the whole is lost on the first day, and nothing
    moves after it.
    """
    found = changes(units)
    if found is not None:
        return found
    lost = np.zeros(len(units) - 1)
    lost[int(np.argmax(units[1:] <= 0))] = -1.0
    return lost


def _net_rate(one: Closed) -> float:
    """Net result as a share of what was put in: average price x size."""
    return one.net_units / sum(part.entry_price * part.lots for part in one.parts)


# the barrier policy: the same barriers at random times


def _random(
    replayed: Replayed, inputs: Inputs, closed: tuple[Closed, ...], *, draws: int, seed: int
) -> FloatArray:
    """Mean net rate a trade of each draw; empty where nothing was closed, so that nobody knows how
    often to enter.
    """
    flat = int((replayed.curve.lots == 0).sum())
    if not closed or not flat:
        return NO_RATES
    candles, brackets = _brackets(inputs)
    longs = sum(one.side is Side.LONG for one in closed)
    drawn = random_entries(
        candles,
        brackets,
        Pace(chance=min(1.0, len(closed) / flat), long_share=longs / len(closed)),
        rules=replayed.rules,
        costs=assumed_costs(inputs.settings.paper),
        draws=draws,
        seed=seed,
    )
    dearer = crossing_rate(
        replayed.rules, inputs.settings.paper.spread_rate / 2, inputs.settings
    ) - _entry_rate(replayed)
    known: FloatArray = drawn.mean_rate[~np.isnan(drawn.mean_rate)] + dearer
    return known


def _brackets(inputs: Inputs) -> tuple[Candles, Brackets]:
    """The barriers that an entry at each 15m candle of the period would get."""
    quarters, risk = inputs.candles[Timeframe.M15], inputs.settings.risk
    first = int(np.searchsorted(quarters.closed_at, inputs.start_at))
    last = int(np.searchsorted(quarters.closed_at, inputs.end_at, side="right"))
    atr_jpy = (_ranges(inputs.stages.features) * _factors(inputs))[first:last]
    candles = quarters.rows(first, last)
    return candles, Brackets(
        sides=np.zeros(len(candles), dtype=np.int8),
        stop_distance=risk.stop_atr * atr_jpy,
        target_distance=risk.target_atr * atr_jpy,
        max_hold_candles=risk.max_hold_candles,
    )


def _factors(inputs: Inputs) -> FloatArray | float:
    """How far the forecast of volatility moves the barriers of each candle."""
    said = inputs.stages.prediction
    past = inputs.stages.features.column("realised_16")
    return distance_factors(
        None if said is None else said.volatility, past, settings=inputs.settings
    )


def _ranges(features: Features) -> FloatArray:
    atr_jpy = features.column("atr_14")
    return np.where(np.isfinite(atr_jpy) & (atr_jpy > 0.0), atr_jpy, np.nan)


def _entry_rate(replayed: Replayed) -> float:
    """What the replay's own entries paid.

    A random entry is credited the difference: the rest is the choice of the moment.
    """
    entries = [fill for fill in replayed.fills if fill.purpose is Purpose.ENTRY]
    if not entries:
        return 0.0
    paid = sum(float(fill.fee_jpy + fill.slippage_jpy) for fill in entries)
    return paid * 10_000 / sum(float(fill.price) * fill.lots for fill in entries)


# the target policy: the same exposure at other times


@dataclass(frozen=True, slots=True, kw_only=True)
class _Chance:
    own: float
    others: FloatArray


def _shifted_exposure_chance(replayed: Replayed, *, draws: int, seed: int) -> _Chance:
    """Mean daily return of the exposure that was held, and of the same exposure moved in time,
    wrapped around.

    Both are worked out alike from closes alone, with the costs that the replay paid for what it
    turned over: so much an exposure's change. A moved exposure turns over as much, and is as long
    as often; only the moment is another.
    """
    curve = replayed.curve
    exposure, change = _exposure(curve)
    days = (replayed.end_at - replayed.start_at) / DAY_MS
    if len(change) == 0 or days <= 2 * LEAST_SHIFT_DAYS or not np.abs(exposure).any():
        return _Chance(own=0.0, others=NO_RATES)
    turned = float(np.abs(np.diff(exposure, prepend=0.0)).sum())
    cost = _paid_rate(replayed) / turned if turned else 0.0
    least = round(LEAST_SHIFT_DAYS / days * len(change))
    shifts = np.random.default_rng(seed).integers(least, len(change) - least, size=draws)
    others = [_mean_day(np.roll(exposure, int(shift)), change, cost, days) for shift in shifts]
    return _Chance(own=_mean_day(exposure, change, cost, days), others=np.array(others))


def _exposure(curve: Curve) -> tuple[FloatArray, FloatArray]:
    """Exposure at each candle as a share of the equity, and the price's relative change to the
    next.
    """
    priced = (curve.close > 0.0) & (curve.equity_units > 0)
    close, lots, equity = curve.close[priced], curve.lots[priced], curve.equity_units[priced]
    if len(close) < 2:  # noqa: PLR2004 - one price does not change
        return NO_RATES, NO_RATES
    return (lots * close / equity)[:-1], close[1:] / close[:-1] - 1.0


def _paid_rate(replayed: Replayed) -> float:
    """Fees and slippage of all fills, as a share of the money at the start."""
    paid = sum(float(fill.fee_jpy + fill.slippage_jpy) for fill in replayed.fills)
    return paid / float(replayed.start_equity_jpy)


def _mean_day(exposure: FloatArray, change: FloatArray, cost: float, days: float) -> float:
    turned = float(np.abs(np.diff(exposure, prepend=0.0)).sum())
    return float((exposure * change).sum() - cost * turned) / days
