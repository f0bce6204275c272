"""The decision: one table of rules, asked in order; the first that answers decides. Pure.

What is held comes first: a position must be able to end while entries are halted. Then what halts a
person's money, then what the market and the data forbid, then the signal itself, and last what it
is worth and how much of it.
"""

import math
from collections.abc import Mapping
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import TypeVar

from shared.core.money import rate
from shared.core.reasons import Reason
from shared.core.settings import Settings
from shared.core.types import (
    Action,
    Decision,
    Forecast,
    PolicyName,
    Position,
    PositionPlan,
    Side,
    Signal,
    Timeframe,
)
from shared.risk import edge as edges
from shared.risk import sizing
from shared.risk.case import Case, Rule, deny
from shared.risk.halts import HALTS

T = TypeVar("T")


class BarrierPolicy:
    """One entry with a stop and a target, where the model's probabilities say that it is worth it.

    What is held has a plan: its stop, its target, and when it must end.

    >>> BarrierPolicy().is_model_based, BarrierPolicy().has_goal
    (True, False)
    """

    name = PolicyName.BARRIER
    is_model_based = True
    has_goal = False

    def decide(self, case: Case) -> Decision:
        """Enter, exit, hold or deny, and why: the first rule that has a word decides."""
        for rule in RULES:
            decision = rule(case)
            if decision is not None:
                return decision
        return _weigh(case)

    def stop_price(
        self,
        position: Position,
        *,
        plan: PositionPlan | None,
        signal: Signal | None,
        settings: Settings,
    ) -> int | None:
        """That of the plan; where it is lost, at the usual distance from the average price.

        None where the ATR is not known either.
        """
        if plan is not None:
            return plan.stop_price
        if signal is None or signal.atr_jpy <= 0:
            return None
        distance = rate(signal.atr_jpy) * rate(settings.risk.stop_atr)
        price = position.average_price - distance * position.side.sign
        rounding = ROUND_FLOOR if position.side is Side.LONG else ROUND_CEILING
        return int(price.to_integral_value(rounding=rounding))

    def is_due(self, *, holds: bool, pursues: bool, plan: PositionPlan | None, now_ms: int) -> bool:
        """Whether what is held may have to end though no candle has closed."""
        del pursues
        return holds if plan is None else now_ms >= plan.exit_by


# what is held


def _position(case: Case) -> Decision | None:
    held, plan = case.account.position, case.account.plan
    if held is None:
        return None
    reason, action = Reason.POSITION_OPEN, Action.HOLD
    # Without a plan (lost, or opened under the other policy) it may be held as long as if it had
    # been entered at its last fill.
    held_until = (
        held.entries[-1].at + case.settings.risk.max_hold_candles * Timeframe.M15.ms
        if plan is None
        else plan.exit_by
    )
    if case.now_ms >= held_until:
        reason, action = Reason.EXIT_TIME, Action.EXIT
    elif case.settings.risk.exit_on_opposite and case.signal.side not in {None, held.side}:
        reason, action = Reason.EXIT_OPPOSITE, Action.EXIT
    return Decision(
        action=action,
        as_of=case.signal.as_of,
        reason=reason,
        side=held.side,
        lots=held.lots,
        stop_price=0 if plan is None else plan.stop_price,
        target_price=0 if plan is None else plan.target_price,
        exit_by=None if plan is None else plan.exit_by,
    )


# market, data, signal


def _consensus(case: Case) -> Decision | None:
    return deny(case, Reason.NO_CONSENSUS) if case.signal.side is None else None


def _side(case: Case) -> Decision | None:
    settings, side = case.settings, case.signal.side
    if side is Side.SHORT and settings.sides != "both":
        return deny(case, Reason.SIDE_NOT_ALLOWED, why=f"sides is {settings.sides}")
    if side is Side.SHORT and not settings.account.has_shorts:
        return deny(case, Reason.SIDE_NOT_ALLOWED, why=f"account is {settings.account}")
    opens = case.rules.long_opens if side is Side.LONG else case.rules.short_opens
    return None if opens else deny(case, Reason.SIDE_SUSPENDED)


def _model(case: Case) -> Decision | None:
    signal, forecast = case.signal, case.signal.forecast
    if forecast is None:
        return deny(case, Reason.MODEL_MISSING)
    strange = _strange_label(case, forecast)
    if strange is not None:
        return deny(case, Reason.MODEL_MISMATCH, why=strange)
    if not forecast.is_believable():
        told = (forecast.p_lower, forecast.p_neither, forecast.p_upper)
        return deny(case, Reason.MODEL_INVALID, why="these are not probabilities", told=told)
    if signal.volatility is not None and not (
        math.isfinite(signal.volatility) and signal.volatility > 0
    ):
        return deny(
            case, Reason.MODEL_INVALID, why="this is not a volatility", told=signal.volatility
        )
    return None


def _strange_label(case: Case, forecast: Forecast) -> str | None:
    """Why the model's label does not fit what the settings ask of it."""
    barriers = forecast.barriers
    if barriers.kind == "next_candle":
        if case.settings.risk.entry == "value":
            return (
                "the model forecasts the next candle, from which no expected value follows:"
                " risk.entry must be threshold"
            )
    elif not (math.isfinite(barriers.atr_multiple) and barriers.atr_multiple > 0):
        return "the model does not say which barriers its probabilities are for"
    return None


def _vote(case: Case) -> Decision | None:
    """The meta head may only say no."""
    risk, told = case.settings.risk, _require_value(case.signal.forecast).p_vote
    if not (risk.veto_below > 0 or risk.shrink_by_vote):
        return None
    if told is None:
        why = (
            "the settings ask whether the vote's own trade pays, and the model has no word on that"
        )
        return deny(case, Reason.MODEL_MISMATCH, why=why)
    if not 0.0 <= told <= 1.0:
        return deny(case, Reason.MODEL_INVALID, why="this is not a probability", told=told)
    return (
        deny(case, Reason.VOTE_VETOED, p_vote=told, limit=risk.veto_below)
        if told < risk.veto_below
        else None
    )


def _deny_expired(case: Case) -> Decision | None:
    age_ms = case.now_ms - case.signal.as_of
    if age_ms > case.settings.tick.decision_valid_seconds * 1000:
        return deny(case, Reason.DECISION_EXPIRED, age_seconds=age_ms // 1000)
    return None


def _attempts(case: Case) -> Decision | None:
    used, most = case.account.attempts_used, case.settings.execution.entry_attempts
    return deny(case, Reason.ATTEMPTS_USED, used=used, most=most) if used >= most else None


def _deny_unpriced(case: Case) -> Decision | None:
    """Edge and size need a price, a range, and a stop above zero."""
    signal, price = case.signal, case.entry_price
    if price is None:
        return deny(case, Reason.BOOK_MISSING)
    if not (signal.atr_jpy > 0 and signal.close > 0):
        return deny(case, Reason.DATA_BROKEN, atr_jpy=signal.atr_jpy, close=signal.close)
    factor = max(1.0, edges.distance_factor(signal, case.settings))
    reach = (
        signal.atr_jpy * factor * max(case.settings.risk.stop_atr, case.settings.risk.target_atr)
    )
    if reach >= price - 1:
        return deny(
            case,
            Reason.DATA_BROKEN,
            atr_jpy=signal.atr_jpy,
            why="the stop or the target would lie at zero or below",
        )
    return None


RULES: tuple[Rule, ...] = (
    _position,  #  POSITION_OPEN, or an exit: EXIT_TIME, EXIT_OPPOSITE
    *HALTS,
    _consensus,  # NO_CONSENSUS
    _side,  #      SIDE_NOT_ALLOWED, SIDE_SUSPENDED
    _model,  #     MODEL_MISSING, MODEL_MISMATCH, MODEL_INVALID
    _vote,  #      VOTE_VETOED, MODEL_MISMATCH, MODEL_INVALID
    _deny_expired,  #   DECISION_EXPIRED
    _attempts,  #  ATTEMPTS_USED
    _deny_unpriced,  #    BOOK_MISSING, DATA_BROKEN
)
"""Asked in this order; `_weigh` comes last: EDGE_BELOW_COST or PROBABILITY_BELOW, SIZE_KELLY_ZERO,
SIZE_BELOW_MINIMUM, MARGIN_INSUFFICIENT, OK.
"""


def _weigh(case: Case) -> Decision:
    """Edge or probability, then size, then the order."""
    signal, settings, side, price = case.signal, case.settings, case.signal.side, case.entry_price
    if side is None or price is None:
        raise AssertionError(
            "the rules before this one deny a signal without side and a market without book"
        )
    risk, factor = settings.risk, edges.distance_factor(signal, settings)
    value = _value(case, side)
    facts: dict[str, object] = {} if factor == 1.0 else {"distance": f"{factor:.6f}"}
    if value is not None:
        facts |= {
            "edge": f"{value[0].net:.6f}",
            "cost": f"{value[0].cost:.6f}",
            "p_target": f"{value[0].p_target:.6f}",
        }
    edge = None if value is None else value[0]
    if risk.entry == "threshold":
        sure = _require_value(signal.forecast).side(side)[0]
        facts["probability"] = sure
        if sure < risk.min_probability:
            return _deny_with_edge(
                case, edge, Reason.PROBABILITY_BELOW, {**facts, "limit": risk.min_probability}
            )
    elif _require_value(edge).net < risk.min_edge_rate:
        return _deny_with_edge(
            case, edge, Reason.EDGE_BELOW_COST, {**facts, "min_edge": risk.min_edge_rate}
        )
    kelly: Decimal | None = None
    if value is not None and risk.kelly_fraction:
        kelly = min(
            edges.kelly_share(each, fraction=risk.kelly_fraction, cap=risk.kelly_cap)
            for each in dict.fromkeys(value)
        )
        facts["kelly"] = kelly
        if not kelly:
            return _deny_with_edge(case, edge, Reason.SIZE_KELLY_ZERO, facts)
    where = sizing.prices(
        side=side, entry=price, atr_jpy=signal.atr_jpy, settings=settings, factor=factor
    )
    size = sizing.size(
        side=side,
        where=_loss_prices(where, case, side),
        kelly=kelly,
        account=case.account,
        rules=case.rules,
        book=case.book,
        settings=settings,
        volatility=(
            signal.volatility if signal.volatility is not None else signal.volatility_past or None
        ),
        p_vote=None if signal.forecast is None else signal.forecast.p_vote,
    )
    facts |= {
        "bound_by": size.bound_by,
        **{f"lots_{name}": lots for name, lots in size.limits.items()},
    }
    if size.reason is not Reason.OK:
        # A busy exchange raises its minimum for a while, which says nothing about the signal.
        raised = size.reason is Reason.SIZE_BELOW_MINIMUM and case.rules.status != "NORMAL"
        return _deny_with_edge(
            case,
            edge,
            Reason.EXCHANGE_BUSY if raised else size.reason,
            {**facts, "least": case.rules.min_lots},
        )
    return Decision(
        action=Action.ENTER,
        as_of=signal.as_of,
        reason=Reason.OK,
        side=side,
        lots=size.lots,
        stop_price=where.stop,
        target_price=where.target,
        exit_by=signal.as_of + risk.max_hold_candles * Timeframe.M15.ms,
        edge_rate=None if edge is None else edge.net,
        cost_rate=None if edge is None else edge.cost,
        context={name: str(value) for name, value in facts.items()},
    )


def _require_value(value: T | None) -> T:
    """What a rule before has made sure of."""
    if value is None:
        raise AssertionError(
            "the rules before this one deny a signal without probabilities, and a value without"
            " barriers"
        )
    return value


def _value(case: Case, side: Side) -> tuple[edges.Edge, edges.Edge] | None:
    """The lower and the other edge; None where the model's label has no barriers that a trade could
    touch.
    """
    if _require_value(case.signal.forecast).barriers.kind != "barriers":
        return None
    return edges.lower_edge(
        signal=case.signal, side=side, rules=case.rules, book=case.book, settings=case.settings
    )


def _loss_prices(where: sizing.Prices, case: Case, side: Side) -> sizing.Prices:
    """The prices by which the loss is reckoned: a forecast that brings the stop nearer never makes
    the order larger.
    """
    plain = sizing.prices(
        side=side, entry=where.entry, atr_jpy=case.signal.atr_jpy, settings=case.settings
    )
    return plain if abs(plain.entry - plain.stop) > abs(where.entry - where.stop) else where


def _deny_with_edge(
    case: Case, edge: edges.Edge | None, reason: Reason, facts: Mapping[str, object]
) -> Decision:
    return Decision(
        action=Action.DENY,
        as_of=case.signal.as_of,
        reason=reason,
        side=case.signal.side,
        edge_rate=None if edge is None else edge.net,
        cost_rate=None if edge is None else edge.cost,
        context={name: str(value) for name, value in facts.items()},
    )
