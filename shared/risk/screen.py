"""Which rows can lead to an entry at all: a necessary condition over arrays, so that a replay asks
the rules only there. Pure.

The scalar rules stay the only ones that decide: what passes here is asked of them, and what does
not pass they would deny. A row without three finite probabilities passes: what is odd about it is
theirs to name. The edge is computed with a little room (`ROOM`), because numpy's exponential may
differ from Python's in the last place, and with the narrowest spread that a book of whole yen can
have.
"""

from dataclasses import dataclass

import numpy as np

from shared.core.costs import rates_at_best
from shared.core.reasons import Reason
from shared.core.settings import Settings
from shared.core.types import (
    Barriers,
    BoolArray,
    FloatArray,
    Int8Array,
    IntArray,
    PairRules,
    Targets,
)
from shared.risk.edge import SMALLEST

ROOM = 1e-8


@dataclass(frozen=True, slots=True, kw_only=True)
class ScreenRows:
    """What the screen looks at, shape (n,) each; probabilities (n, 3) or None without a model.

    `holes`: too many candles are missing before the row. `volatility`, `volatility_past` and
    `p_vote` as in a signal, NaN where that has None; None without that head.
    """

    close: FloatArray
    atr_jpy: FloatArray
    consensus: Int8Array
    probabilities: FloatArray | None
    barriers: Barriers | None
    warm: BoolArray
    holes: BoolArray
    price_z: FloatArray
    volume_z: FloatArray
    volatility: FloatArray | None = None
    volatility_past: FloatArray | None = None
    p_vote: FloatArray | None = None


def screen(
    rows: ScreenRows, *, rules: PairRules, settings: Settings
) -> tuple[BoolArray, list[tuple[Reason, BoolArray]]]:
    """Which rows may lead to an entry, and for the others the first rule that denies them, in the
    order of the rules.
    """
    risk = settings.risk
    open_ = np.ones(len(rows.close), dtype=np.bool_)
    why: list[tuple[Reason, BoolArray]] = []

    def denied(reason: Reason, bad: BoolArray) -> None:
        hit = open_ & bad
        np.logical_and(open_, ~bad, out=open_)
        why.append((reason, hit))

    denied(Reason.WARMING_UP, ~rows.warm)
    denied(Reason.DATA_HOLE, rows.holes)
    denied(Reason.PRICE_JUMP, np.abs(rows.price_z) >= risk.price_z)
    denied(Reason.VOLUME_SPIKE, np.abs(rows.volume_z) >= risk.volume_z)
    denied(Reason.NO_CONSENSUS, rows.consensus == 0)
    denied(Reason.SIDE_NOT_ALLOWED, ~_allowed_rows(rows.consensus, settings))
    denied(
        Reason.SIDE_SUSPENDED,
        np.where(rows.consensus > 0, not rules.long_opens, not rules.short_opens),
    )
    if rows.probabilities is None or rows.barriers is None:
        denied(Reason.MODEL_MISSING, np.ones(len(rows.close), dtype=np.bool_))
        return open_, why
    told: BoolArray = np.asarray(np.isfinite(rows.probabilities).all(axis=1), dtype=np.bool_)
    if rows.barriers.kind == "next_candle" and risk.entry == "value":
        denied(Reason.MODEL_MISMATCH, told)
    if risk.veto_below > 0 or risk.shrink_by_vote:
        p_vote = np.full(len(rows.close), np.nan) if rows.p_vote is None else rows.p_vote
        denied(Reason.MODEL_MISMATCH, told & np.isnan(p_vote))
        denied(Reason.VOTE_VETOED, told & (p_vote < risk.veto_below))
    if risk.entry == "threshold":
        sure = np.where(rows.consensus > 0, rows.probabilities[:, 2], rows.probabilities[:, 0])
        denied(Reason.PROBABILITY_BELOW, told & (sure < risk.min_probability))
        return open_, why
    asked = np.flatnonzero(open_)
    bad = np.zeros(len(rows.close), dtype=np.bool_)
    net = net_edge_at_best(rows, asked, rules=rules, settings=settings)
    bad[asked] = ~(net >= risk.min_edge_rate - ROOM)
    bad[asked[np.isnan(net)]] = False
    denied(Reason.EDGE_BELOW_COST, bad)
    return open_, why


def exposure_shares(targets: Targets, *, settings: Settings) -> FloatArray:
    """The share of the capital that the target policy wants on each row, before its limits; NaN
    where unknown.
    """
    weight = np.abs(targets.weight) if settings.has_shorts else np.maximum(targets.weight, 0.0)
    with np.errstate(all="ignore"):
        scale = np.minimum(1.0, settings.risk.exposure.volatility_target / targets.volatility)
    return weight * np.where(
        targets.volatility > 0, scale, np.where(np.isnan(targets.volatility), np.nan, 1.0)
    )


def distance_factors(
    volatility: FloatArray | None, past: FloatArray | None, *, settings: Settings
) -> FloatArray | float:
    """`edge.distance_factor` of every row, (n,); 1 where either is NaN, or for all where there is
    no such head.
    """
    reach = settings.risk.volatility_reach
    if volatility is None or past is None:
        return 1.0
    with np.errstate(all="ignore"):
        factor = np.clip(volatility / past, 1.0 / reach, reach)
    return np.where(
        np.isfinite(volatility) & np.isfinite(past), np.where(past > 0, factor, reach), 1.0
    )


def _allowed_rows(consensus: Int8Array, settings: Settings) -> BoolArray:
    """The rows whose side the settings allow."""
    allowed: BoolArray = (consensus > 0) | (settings.has_shorts & (consensus < 0))
    return allowed


def net_edge_at_best(
    rows: ScreenRows, asked: IntArray, *, rules: PairRules, settings: Settings
) -> FloatArray:
    """The net of `edge.lower_edge` of the rows `asked`, in arrays, at the narrowest spread that the
    book can have.
    """
    if rows.probabilities is None or rows.barriers is None:
        raise AssertionError("without a model nothing has an edge")
    risk = settings.risk
    close, atr = rows.close[asked], rows.atr_jpy[asked] / rows.close[asked]
    long = rows.consensus[asked] > 0
    lower, upper = rows.probabilities[asked, 0], rows.probabilities[asked, 2]
    touch = lower + upper
    with np.errstate(all="ignore"):
        q = np.where(touch > 0, np.where(long, upper, lower) / touch, 0.5)
        q = np.minimum(1.0 - SMALLEST, np.maximum(SMALLEST, q))
        drift = np.log(q / (1.0 - q)) / rows.barriers.atr_multiple
        first = np.expm1(-drift * risk.stop_atr) / np.expm1(
            -drift * (risk.target_atr + risk.stop_atr)
        )
        still = np.abs(drift) * (risk.target_atr + risk.stop_atr) < SMALLEST
        first = np.where(still, risk.stop_atr / (risk.target_atr + risk.stop_atr), first)
    p_target, p_stop = touch * first, touch * (1.0 - first)
    p_time = np.maximum(0.0, 1.0 - touch)
    pays = rates_at_best(rules=rules, close=close, long=long, settings=settings)
    gross = (p_target * risk.target_atr - p_stop * risk.stop_atr) * atr
    volatility, past = (
        None if column is None else column[asked]
        for column in (rows.volatility, rows.volatility_past)
    )
    gross = np.minimum(gross, gross * distance_factors(volatility, past, settings=settings))
    crossing = (p_stop + p_time) * pays.crossing
    cost = pays.entry + pays.interest + p_target * pays.target + crossing
    net: FloatArray = gross - cost
    return net
