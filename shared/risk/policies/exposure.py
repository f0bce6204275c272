"""The target policy: hold weight x min(1, volatility target / volatility) x capital, decided once a
closed 4h candle. Pure.

What is wanted stands until the next 4h close (`Goal`). Ticks in between carry it out: what is held
too much closes at once, whatever halts entries; what is missing is a growth, which everything that
halts entries halts. A denial that is not transient ends a growth: what is held is then what is
wanted until the next 4h close.

The no-trade band: while the side stays, a change smaller than `exposure.band` of the capital is not
traded, and nothing smaller is opened. A position that is not wanted at all, or on the other side,
is never kept for the band's sake.

The bound of the loss is the disaster stop: `exposure.stop_rate` from the average price, for all
that is held. So that one stop cannot lose more than the drawdown at which the bot halts, the
position's loss there, costs included, is at most `risk.max_drawdown` of the capital in use.
"""

from collections.abc import Mapping
from decimal import ROUND_CEILING, ROUND_DOWN, Decimal

from shared.core.costs import prepaid_rate, stop_loss_per_lot
from shared.core.frozen import copy_with
from shared.core.money import LOT_BTC, ZERO, rate, yen_beyond
from shared.core.reasons import TRANSIENT, Reason
from shared.core.settings import Settings
from shared.core.types import (
    Account,
    Action,
    Book,
    Decision,
    Goal,
    PolicyName,
    Position,
    PositionPlan,
    Side,
    Signal,
    TargetExposure,
)
from shared.risk import sizing
from shared.risk.case import Case
from shared.risk.halts import HALTS


class ExposurePolicy:
    """Hold what a strategy with a target wants, decided anew after each 4h close.

    What is held has a goal, and its stop bounds a disaster.

    >>> ExposurePolicy().is_model_based, ExposurePolicy().has_goal
    (False, True)
    """

    name = PolicyName.TARGET
    is_model_based = False
    has_goal = True

    def decide(self, case: Case) -> Decision:
        """Enter (which also grows), reduce, exit, hold or deny, and why."""
        held = held_lots(case.account)
        goal = _goal(case, held)
        if goal is None:
            return Decision(
                action=Action.HOLD, as_of=case.signal.as_of, reason=Reason.TARGET_UNKNOWN
            )
        if held and goal.lots * held <= 0:
            return _close_lots(case, goal, held, Action.EXIT, abs(held))
        surplus = abs(held) - abs(goal.lots)
        if surplus < 0:
            return _grow_position(case, goal, held)
        if surplus < max(1, case.rules.min_lots):
            reached = copy_with(goal, since=0)
            return _build_decision(
                case, reached, held, Action.HOLD, Reason.ON_TARGET, **_wishes(case)
            )
        return _close_lots(case, goal, held, Action.REDUCE, surplus)

    def stop_price(
        self,
        position: Position,
        *,
        plan: PositionPlan | None,
        signal: Signal | None,
        settings: Settings,
    ) -> int | None:
        """The disaster stop: `stop_rate` from the average price, whatever was planned."""
        del plan, signal
        return yen_beyond(
            position.average_price,
            rate(settings.risk.exposure.stop_rate),
            above=position.side is Side.SHORT,
        )

    def is_due(self, *, holds: bool, pursues: bool, plan: PositionPlan | None, now_ms: int) -> bool:
        """Whether another position is wanted than is held, so that every tick works on it."""
        del holds, plan, now_ms
        return pursues


def held_lots(account: Account) -> int:
    """What is held, negative for a short."""
    return 0 if account.position is None else account.position.side.sign * account.position.lots


def weight_allowed(weight: float, settings: Settings) -> float:
    """The weight without the side that the settings do not allow."""
    return weight if settings.has_shorts else max(0.0, weight)


# what is wanted


def _goal(case: Case, held: int) -> Goal | None:
    """The standing goal, or a new one where a 4h candle has closed since."""
    signal, standing = case.signal, case.account.goal
    exposure = signal.exposure
    if exposure is None or (standing is not None and exposure.as_of <= standing.as_of):
        return standing
    lots = _beyond_band(case, _wanted_lots(case, exposure), held)
    since = 0
    if abs(lots) > abs(held) or lots * held < 0:
        since = signal.as_of
        if standing is not None and standing.since > 0 and standing.lots * lots > 0:
            since = standing.since
    return Goal(lots=lots, as_of=exposure.as_of, since=since)


def _wanted_lots(case: Case, exposure: TargetExposure) -> int:
    """Lots at the candle's close, negative for a short; what is below the exchange's minimum is
    nothing.
    """
    allowed = weight_allowed(exposure.weight, case.settings)
    capital = sizing.capital_in_use(case.account, case.settings)
    side, price = _side(allowed), case.signal.close
    share = rate(abs(allowed)) * volatility_scale(exposure.volatility, case.settings)
    limits = _limits(case, side, price, capital, paid=price)
    lots = min(_floor(capital * share, price * LOT_BTC), *limits.values())
    return side.sign * lots if lots >= case.rules.min_lots else 0


def volatility_scale(volatility: float, settings: Settings) -> Decimal:
    """By how much a full position is shrunk: min(1, volatility target / volatility)."""
    target = rate(settings.risk.exposure.volatility_target)
    return min(Decimal(1), target / rate(volatility)) if volatility > 0 else Decimal(1)


def _beyond_band(case: Case, wanted: int, held: int) -> int:
    """What is wanted where the change is worth a trade, else what is held."""
    stays = held if wanted * held > 0 else 0
    capital = sizing.capital_in_use(case.account, case.settings)
    change = abs(wanted - stays)
    worth = change * case.signal.close * LOT_BTC
    if worth < capital * rate(case.settings.risk.exposure.band) or change < case.rules.min_lots:
        return stays
    return wanted


def _limits(case: Case, side: Side, price: int, capital: Decimal, *, paid: int) -> dict[str, int]:
    """The most lots that may be held at `price`, whatever is wanted; the loss at the stop is
    reckoned from `paid`.
    """
    rules, settings = case.rules, case.settings
    stop = yen_beyond(
        Decimal(paid), rate(settings.risk.exposure.stop_rate), above=side is Side.SHORT
    )
    loss = stop_loss_per_lot(price=paid, stop=stop, rules=rules, book=case.book, settings=settings)
    return {
        "max_leverage": _floor(capital * sizing.leverage(settings), price * LOT_BTC),
        "max_drawdown": _floor(capital * rate(settings.risk.max_drawdown), loss),
        "exchange_maximum": min(rules.max_limit_lots, rules.max_market_lots),
    }


# how it is reached


def _grow_position(case: Case, goal: Goal, held: int) -> Decision:
    """The order that brings the position nearer to the goal, or why there is none."""
    for rule in HALTS:
        denied = rule(case)
        if denied is not None:
            return _deny_growth(goal, held, denied)
    side = _side(goal.lots)
    if case.signal.model is None:
        return _deny_growth(
            goal, held, _build_decision(case, goal, held, Action.DENY, Reason.MODEL_MISSING)
        )
    if not (case.rules.long_opens if side is Side.LONG else case.rules.short_opens):
        return _deny_growth(
            goal, held, _build_decision(case, goal, held, Action.DENY, Reason.SIDE_SUSPENDED)
        )
    if case.book is None:
        return _deny_growth(
            goal, held, _build_decision(case, goal, held, Action.DENY, Reason.BOOK_MISSING)
        )
    return _size_growth(case, goal, held, side, case.book)


def _size_growth(case: Case, goal: Goal, held: int, side: Side, book: Book) -> Decision:
    settings, have = case.settings, abs(held)
    crosses = case.now_ms >= goal.since + int(settings.risk.exposure.passive_seconds * 1000)
    price = _price(book, side, settings, crosses=crosses)
    capital = sizing.capital_in_use(case.account, settings)
    fee_rate = case.rules.taker_fee_rate if crosses else case.rules.maker_fee_rate
    paid = price * LOT_BTC * (1 + prepaid_rate(fee_rate, settings))
    owned = case.account.position
    dearest = (
        price
        if owned is None
        else max(price, int(owned.average_price.to_integral_value(rounding=ROUND_CEILING)))
    )
    limits = {
        name: most - have
        for name, most in _limits(case, side, price, capital, paid=dearest).items()
    }
    limits["goal"] = abs(goal.lots) - have
    own = min(limits.values())
    limits["available"] = _floor(max(ZERO, case.account.available_jpy), paid)
    bound_by = min(limits, key=lambda name: limits[name])
    lots, least = limits[bound_by], max(1, case.rules.min_lots)
    facts: dict[str, object] = {
        "bound_by": bound_by,
        **{f"lots_{name}": most for name, most in limits.items()},
    }
    if lots < least:
        small = (
            Reason.SIZE_BELOW_MINIMUM if case.rules.status == "NORMAL" else Reason.EXCHANGE_BUSY
        )  # its minimum is raised
        reason = Reason.MARGIN_INSUFFICIENT if own >= least else small
        return _deny_growth(
            goal, held, _build_decision(case, goal, held, Action.DENY, reason, least=least, **facts)
        )
    stop = _stop(case.account, side, lots, price, settings)
    loss = stop_loss_per_lot(
        price=price, stop=stop, rules=case.rules, book=book, settings=settings
    ) * (have + lots)
    told = _build_decision(
        case,
        goal,
        held,
        Action.ENTER,
        Reason.OK,
        **_wishes(case),
        loss_at_stop=f"{loss / capital:.6f}",
        **facts,
    )
    return copy_with(told, lots=lots, stop_price=stop, crosses=crosses)


def _price(book: Book, side: Side, settings: Settings, *, crosses: bool) -> int:
    """The touch at which a post-only order rests; for one that crosses the dearest price that it is
    reckoned with.
    """
    long = side is Side.LONG
    if not crosses:
        return book.bid if long else book.ask
    if not long:
        return book.bid
    return int(
        (book.ask * (1 + rate(settings.paper.slippage_rate))).to_integral_value(
            rounding=ROUND_CEILING
        )
    )


def _stop(account: Account, side: Side, lots: int, price: int, settings: Settings) -> int:
    """The disaster stop of what is added: `stop_rate` from the average price that the whole
    position will have.
    """
    held = account.position
    average = Decimal(price) if held is None else held.average_with(price, lots)
    return yen_beyond(average, rate(settings.risk.exposure.stop_rate), above=side is Side.SHORT)


def _close_lots(case: Case, goal: Goal, held: int, action: Action, lots: int) -> Decision:
    told = _build_decision(case, goal, held, action, Reason.EXIT_EXPOSURE, **_wishes(case))
    return copy_with(told, side=_side(held), lots=lots)


def _deny_growth(goal: Goal, held: int, decision: Decision) -> Decision:
    """A growth that is denied: tried again where the reason may pass, else over until the next 4h
    close.
    """
    final = decision.action is Action.DENY and decision.reason not in TRANSIENT
    kept = copy_with(goal, lots=held, since=0) if final else goal
    return copy_with(decision, side=_side(goal.lots), goal=kept)


def _build_decision(
    case: Case, goal: Goal, held: int, action: Action, reason: Reason, **facts: object
) -> Decision:
    context = {"goal_lots": goal.lots, "held_lots": held, **facts}
    return Decision(
        action=action,
        as_of=case.signal.as_of,
        reason=reason,
        side=_side(goal.lots) if goal.lots else None,
        goal=goal,
        context={name: str(value) for name, value in context.items()},
    )


def _wishes(case: Case) -> Mapping[str, object]:
    """What the strategy says, for people."""
    wanted = case.signal.exposure
    if wanted is None:
        return {}
    scale = volatility_scale(wanted.volatility, case.settings)
    return {
        "weight": f"{wanted.weight:.6f}",
        "volatility": f"{wanted.volatility:.6f}",
        "scale": f"{scale:.6f}",
    }


def _side(signed: float) -> Side:
    """Of what is wanted or held; nothing has none, and is asked for none."""
    return Side.LONG if signed > 0 else Side.SHORT


def _floor(amount: Decimal, per_lot: Decimal) -> int:
    return int((amount / per_lot).to_integral_value(rounding=ROUND_DOWN)) if per_lot > 0 else 0
