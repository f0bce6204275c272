"""Which rows can lead to an entry at all: a necessary condition over arrays, so that a replay asks the rules only there. Pure.

The scalar rules stay the only ones that decide: what passes here is asked of them, and what does not pass they would deny. The
edge is computed with a little room (`ROOM`), because numpy's exponential may differ from Python's in the last place, and with
the narrowest spread that a book of whole yen can have.
"""

from dataclasses import dataclass

import numpy as np

from shared.reasons import Reason
from shared.risk.edge import SMALLEST, days
from shared.settings import Settings
from shared.types import Barriers, BoolArray, FloatArray, Int8Array, IntArray, PairRules

ROOM = 1e-8


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """What the screen looks at, shape (n,) each; probabilities (n, 3) or None without a model.

    `holes`: too many candles are missing before the row.
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


def screen(rows: Rows, *, rules: PairRules, settings: Settings) -> tuple[BoolArray, list[tuple[Reason, BoolArray]]]:
    """Which rows may lead to an entry, and for the others the first rule that denies them, in the order of the rules."""
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
    denied(Reason.SIDE_NOT_ALLOWED, ~_allowed(rows.consensus, rules, settings))
    if rows.probabilities is None or rows.barriers is None:
        denied(Reason.MODEL_MISSING, np.ones(len(rows.close), dtype=np.bool_))
        return open_, why
    asked = np.flatnonzero(open_)
    bad = np.zeros(len(rows.close), dtype=np.bool_)
    net = net_edge_at_best(rows, asked, rules=rules, settings=settings)
    bad[asked] = ~(net >= risk.min_edge_rate - ROOM)
    bad[asked[np.isnan(net)]] = False  # what is odd is the scalar rules' to name
    denied(Reason.EDGE_BELOW_COST, bad)
    return open_, why


def _allowed(consensus: Int8Array, rules: PairRules, settings: Settings) -> BoolArray:
    shorts = settings.sides == "both" and settings.account == "margin" and rules.short_opens
    allowed: BoolArray = ((consensus > 0) & rules.long_opens) | ((consensus < 0) & shorts)
    return allowed


def net_edge_at_best(rows: Rows, asked: IntArray, *, rules: PairRules, settings: Settings) -> FloatArray:
    """`edge.expected(...).net` of the rows `asked`, in arrays, at the narrowest spread that the book can have."""
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
        first = np.expm1(-drift * risk.stop_atr) / np.expm1(-drift * (risk.target_atr + risk.stop_atr))
        still = np.abs(drift) * (risk.target_atr + risk.stop_atr) < SMALLEST
        first = np.where(still, risk.stop_atr / (risk.target_atr + risk.stop_atr), first)
    p_target, p_stop = touch * first, touch * (1.0 - first)
    p_time = np.maximum(0.0, 1.0 - touch)
    half_spread = np.maximum(0.0, settings.paper.spread_rate / 2 - 2.0 / close)
    crossing = float(rules.taker_fee_rate) + settings.paper.slippage_rate + half_spread
    maker = float(rules.maker_fee_rate)
    if settings.account == "spot":
        at_target, interest = crossing, np.zeros(len(close))
    else:
        at_target = np.full(len(close), maker)
        long_day, short_day = float(rules.long_interest_rate_day), float(rules.short_interest_rate_day)
        interest = np.where(long, long_day, short_day) * days(settings)
    gross = (p_target * risk.target_atr - p_stop * risk.stop_atr) * atr
    cost = maker + interest + p_target * at_target + (p_stop + p_time) * crossing
    net: FloatArray = gross - cost
    return net
