"""What a trade is worth: from the model's probabilities to the expected value at our own stop and
target. Pure.

The model says which of two *symmetric* barriers, k ATR away, is touched first; our stop and target
may lie elsewhere. A Brownian motion with drift connects them. With lambda = 2 mu / sigma^2 its
scale function is exp(-lambda x), so

    P(+a before -b) = (1 - exp(-lambda b)) / (1 - exp(-lambda (a + b))),  b / (a + b) at lambda = 0,

and for a = b = k this is a logistic function: lambda = logit(q) / k with q = p_upper / (p_upper +
p_lower).
Source: Karatzas and Shreve, *Brownian Motion and Stochastic Calculus*, 2nd ed., section 5.5 (exit
probabilities from the scale function).

A trade that touches neither barrier is closed by time; its mean before costs is taken as zero.

Where the model forecasts volatility, stop and target widen and narrow together (`distance_factor`):
ATR(14) and the realised volatility of the last four hours look back over the same candles, so that
ATR x forecast / realised is the range that ATR would show if the forecast were already past. In
that unit the barriers lie where the model's labels put them. The probabilities are about the
unscaled ones all the same, so a trade must pay at both distances: `lower`.
"""

import math
from dataclasses import dataclass
from decimal import Decimal

from shared.core.costs import rates
from shared.core.settings import Settings
from shared.core.types import Book, PairRules, Side, Signal

SMALLEST = 1e-6
"""Probabilities arrive rounded to this; nothing is believed to be nearer to 0 or 1."""
DIGITS = 9
"""Edge and Kelly share are rounded so that no processor's last bit decides."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """Expected values a trade as shares of the price.

    `net = gross - cost`. `p_target`, `p_stop`, `p_time` add up to 1; `win`, `loss`, `idle` are what
    each leaves after costs (`loss` and `idle` as they come: negative).
    """

    gross: float
    cost: float
    net: float
    p_target: float
    p_stop: float
    p_time: float
    win: float
    loss: float
    idle: float


def touches_target_first(q: float, *, barrier: float, target: float, stop: float) -> float:
    """The probability that +target is touched before -stop, all three distances in ATR.

    `q`: that of +barrier before -barrier. Exact for a Brownian motion with constant drift.
    """
    q = min(1.0 - SMALLEST, max(SMALLEST, q))
    drift = math.log(q / (1.0 - q)) / barrier
    if abs(drift) * (target + stop) < SMALLEST:
        return stop / (target + stop)
    if drift > 0:
        return math.expm1(-drift * stop) / math.expm1(-drift * (target + stop))
    return math.exp(drift * target) * math.expm1(drift * stop) / math.expm1(drift * (target + stop))


def distance_factor(signal: Signal, settings: Settings) -> float:
    """By how much stop and target lie further away than ATR alone says: forecast / past volatility,
    within `volatility_reach`.

    1 where either is unknown.
    """
    reach, past = settings.risk.volatility_reach, signal.volatility_past
    if signal.volatility is None or past is None:
        return 1.0
    return min(reach, max(1.0 / reach, signal.volatility / past)) if past > 0 else reach


def expected_edge(
    *,
    signal: Signal,
    side: Side,
    rules: PairRules,
    book: Book | None,
    settings: Settings,
    factor: float = 1.0,
) -> Edge:
    """The edge of entering `side` on this signal, whose probabilities and barriers must be there
    and believable.

    `factor`: by how much stop and target, and with them the model's barriers, lie further away than
    ATR says.
    """
    forecast = signal.forecast
    if forecast is None:
        raise AssertionError("the rules before this one deny a signal without a forecast")
    with_us, against = forecast.side(side)
    touch = with_us + against
    target, stop = settings.risk.target_atr, settings.risk.stop_atr
    q = with_us / touch if touch > 0 else 0.5
    first = touches_target_first(
        q, barrier=forecast.barriers.atr_multiple, target=target, stop=stop
    )
    p_target, p_stop = touch * first, touch * (1.0 - first)
    p_time = max(0.0, 1.0 - touch)
    atr = signal.atr_jpy / signal.close * factor
    pays = rates(rules=rules, side=side, book=book, settings=settings)
    always = pays.entry + pays.interest
    gross = p_target * target * atr - p_stop * stop * atr
    cost = always + p_target * pays.target + (p_stop + p_time) * pays.crossing
    return Edge(
        gross=round(gross, DIGITS),
        cost=round(cost, DIGITS),
        net=round(gross - cost, DIGITS),
        p_target=p_target,
        p_stop=p_stop,
        p_time=p_time,
        win=target * atr - always - pays.target,
        loss=-stop * atr - always - pays.crossing,
        idle=-always - pays.crossing,
    )


def lower_edge(
    *, signal: Signal, side: Side, rules: PairRules, book: Book | None, settings: Settings
) -> tuple[Edge, Edge]:
    """The edge at stop and target as ATR says and as the forecast moves them, the lower
    one first.
    """
    plain = expected_edge(signal=signal, side=side, rules=rules, book=book, settings=settings)
    factor = distance_factor(signal, settings)
    if factor == 1.0:
        return plain, plain
    moved = expected_edge(
        signal=signal, side=side, rules=rules, book=book, settings=settings, factor=factor
    )
    return (moved, plain) if moved.net < plain.net else (plain, moved)


def kelly_share(edge: Edge, *, fraction: float, cap: float) -> Decimal:
    """The share of the capital to put at risk at the stop: `fraction` of the Kelly optimum, at most
    `cap`.

    The optimum maximises E log(1 + f r) over the three outcomes r (Kelly, 1956), found by halving
    the interval where the derivative changes its sign; f is in units of the price, so that f x
    |loss| is what the stop costs. For two outcomes this is the familiar (b p - q) / b.
    """
    win, loss, idle = edge.win, edge.loss, edge.idle
    wins, losses, idles = edge.p_target * win, edge.p_stop * loss, edge.p_time * idle
    if wins + losses + idles <= 0 or loss >= 0:
        return Decimal(0)
    low, high = 0.0, 1.0 / -loss
    for _ in range(80):
        middle = (low + high) / 2
        slope = (
            wins / (1.0 + middle * win)
            + losses / (1.0 + middle * loss)
            + idles / (1.0 + middle * idle)
        )
        low, high = (middle, high) if slope > 0 else (low, middle)
    return Decimal(repr(round(min(cap, fraction * low * -loss), DIGITS)))
