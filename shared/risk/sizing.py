"""How much: whole lots under every limit, rounded down, never up to the exchange's minimum.

Pure, exact.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_DOWN, ROUND_FLOOR, Decimal

from shared.core.costs import holding_rate, leaving_rate, prepaid_rate
from shared.core.money import LOT_BTC, ZERO, jpy, rate
from shared.core.reasons import Reason
from shared.core.settings import Settings
from shared.core.types import Account, Book, PairRules, Side

FOUR_HOURS_A_YEAR = Decimal(365 * 6)


@dataclass(frozen=True, slots=True, kw_only=True)
class Prices:
    """Where a trade begins and ends, in whole yen."""

    entry: int
    stop: int
    target: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How many lots, and which limit said so. `reason` is OK only where an order may follow."""

    lots: int
    bound_by: str
    reason: Reason
    limits: Mapping[str, int]


def prices(
    *, side: Side, entry: int, atr_jpy: float, settings: Settings, factor: float = 1.0
) -> Prices:
    """Stop and target around the entry price, each rounded to the worse side: further to lose,
    further to win.

    `factor`: by how much both lie further away than ATR says (see `edge.distance_factor`).
    """
    atr = rate(atr_jpy) * rate(factor)
    stop = entry - side.sign * atr * rate(settings.risk.stop_atr)
    target = entry + side.sign * atr * rate(settings.risk.target_atr)
    down, up = (stop, target) if side is Side.LONG else (target, stop)
    low = int(down.to_integral_value(rounding=ROUND_FLOOR))
    high = int(up.to_integral_value(rounding=ROUND_CEILING))
    return (
        Prices(entry=entry, stop=low, target=high)
        if side is Side.LONG
        else Prices(entry=entry, stop=high, target=low)
    )


def capital_in_use(account: Account, settings: Settings) -> Decimal:
    """min(capital, equity) x the stage's share: what sizing may work with.

    A real account is of its stage already: its book begins with that share.
    """
    least = max(ZERO, min(account.capital_jpy, account.equity_jpy))
    if account.is_staged:
        return jpy(least)
    return jpy(least * rate(settings.stages[settings.stage]))


def loss_per_lot(
    *, side: Side, where: Prices, rules: PairRules, book: Book | None, settings: Settings
) -> Decimal:
    """What one lot loses when its stop fires, in yen, unrounded: distance, both fees, half spread,
    slippage, interest.
    """
    leaving = leaving_rate(rules=rules, book=book, settings=settings)
    interest = holding_rate(rules=rules, side=side, settings=settings)
    distance = Decimal(abs(where.entry - where.stop))
    return (
        distance + where.stop * leaving + where.entry * (max(ZERO, rules.maker_fee_rate) + interest)
    ) * LOT_BTC


def leverage(settings: Settings) -> Decimal:
    """The most the position may be, as a multiple of the capital in use: never more than the money
    itself on spot.
    """
    most = rate(settings.risk.max_leverage)
    return most if settings.account.has_debt else min(Decimal(1), most)


def annual_volatility(volatility: float) -> Decimal:
    """The volatility of four hours as that of a year: times the root of how many four
    hours it has.
    """
    return rate(volatility) * FOUR_HOURS_A_YEAR.sqrt()


def vote_share(p_vote: float | None) -> Decimal:
    """How much of the size is left: 0 where the vote's own trade pays half the time or less, all
    where it always does.
    """
    return ZERO if p_vote is None else min(Decimal(1), max(ZERO, 2 * rate(p_vote) - 1))


def size(
    *,
    side: Side,
    where: Prices,
    kelly: Decimal | None,
    account: Account,
    rules: PairRules,
    book: Book | None,
    settings: Settings,
    volatility: float | None = None,
    p_vote: float | None = None,
) -> Size:
    """The largest order under all limits.

    Args:
        side: Of the position.
        where: Entry and the stop by which the loss is reckoned.
        kelly: The share of the capital that Kelly puts at risk; None where it is off.
        account: Capital, equity and what the exchange lets us use.
        rules: Of the pair.
        book: For the spread.
        settings: All limits.
        volatility: What the next four hours are expected to have, for `volatility_target`: without
            it that limit is zero.
        p_vote: That the consensus' own trade pays, for `shrink_by_vote`: without it that limit is
            zero.

    Returns:
        `MARGIN_INSUFFICIENT` where only the exchange's available balance is too small,
        `SIZE_BELOW_MINIMUM` for all others.
    """
    capital = capital_in_use(account, settings)
    loss = loss_per_lot(side=side, where=where, rules=rules, book=book, settings=settings)
    lot = where.entry * LOT_BTC
    fee = prepaid_rate(rules.maker_fee_rate, settings)
    limits = {
        "risk_per_trade": _floor(capital * rate(settings.risk.risk_per_trade), loss),
        "max_leverage": _floor(capital * leverage(settings), lot),
        "exchange_maximum": min(rules.max_limit_lots, rules.max_market_lots),
    }
    if kelly is not None:
        limits["kelly"] = _floor(capital * kelly, loss)
    target = settings.risk.volatility_target
    if target is not None:
        share = (
            ZERO
            if volatility is None
            else min(Decimal(1), rate(target) / annual_volatility(volatility))
        )
        limits["volatility_target"] = _floor(capital * share, lot)
    left = vote_share(p_vote) if settings.risk.shrink_by_vote else Decimal(1)
    own = _floor(min(limits.values()) * left, Decimal(1))
    limits["available"] = _floor(max(ZERO, account.available_jpy), lot * (1 + fee))
    if settings.risk.shrink_by_vote:
        limits["vote"] = _floor(min(limits.values()) * left, Decimal(1))
    bound_by = min(limits, key=lambda name: limits[name])
    lots = limits[bound_by]
    if lots >= max(1, rules.min_lots):
        return Size(lots=lots, bound_by=bound_by, reason=Reason.OK, limits=limits)
    reason = (
        Reason.MARGIN_INSUFFICIENT if own >= max(1, rules.min_lots) else Reason.SIZE_BELOW_MINIMUM
    )
    return Size(lots=0, bound_by=bound_by, reason=reason, limits=limits)


def smallest_capital(
    *, price: int, atr_jpy: float, rules: PairRules, settings: Settings
) -> dict[str, int]:
    """For each stage the smallest `capital_jpy`, in whole yen, that can place the exchange's
    minimum (Kelly aside).

    At `price` and `atr_jpy`, for a long, with the paper spread; a stage with no share of the
    capital is left out.

    >>> from shared.core.settings import load_settings
    >>> settings = load_settings({})
    >>> smallest_capital(price=9_800_000, atr_jpy=24_500.0, rules=PairRules(), settings=settings)
    {'paper': 1170, 'stage-10': 11696, 'stage-50': 2340, 'live': 1170}
    """
    where = prices(side=Side.LONG, entry=price, atr_jpy=atr_jpy, settings=settings)
    loss = loss_per_lot(side=Side.LONG, where=where, rules=rules, book=None, settings=settings)
    least = max(1, rules.min_lots)
    fee = prepaid_rate(rules.maker_fee_rate, settings)
    at_risk = Decimal("Infinity")
    if settings.risk.risk_per_trade > 0:
        at_risk = least * loss / rate(settings.risk.risk_per_trade)
    needed = max(at_risk, least * price * LOT_BTC / leverage(settings))
    spent = least * price * LOT_BTC * (1 + fee)
    found = {}
    for stage, share in settings.stages.items():
        if share > 0 and needed.is_finite():
            found[stage] = int(
                max(needed / rate(share), spent).to_integral_value(rounding=ROUND_CEILING)
            )
    return found


def _floor(amount: Decimal, per_lot: Decimal) -> int:
    return int((amount / per_lot).to_integral_value(rounding=ROUND_DOWN)) if per_lot > 0 else 0
