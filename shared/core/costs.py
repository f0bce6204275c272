"""What a trade costs, in one place: fees and interest by the exchange's rules, spread and slippage
as assumed. Pure.

Two kinds of number: floats where an expected value is worked out, exact Decimals where an order's
size follows. `crossing` is what liquidity that is taken costs: the taker fee, the slippage, and
half the spread.
"""

from dataclasses import dataclass, replace
from decimal import Decimal

import numpy as np

from shared.core.calendar import DAY_MS
from shared.core.money import LOT_BTC, ZERO, rate
from shared.core.settings import Settings
from shared.core.settings.schema import PaperSettings
from shared.core.types import Book, BoolArray, FloatArray, PairRules, Side, Timeframe


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """What the paper market charges beside fees: fractions of the price, and the share of a
    candle's volume we may take.

    >>> costs = Costs(
    ...     spread_rate=Decimal("0.0002"),
    ...     slippage_rate=Decimal("0.0005"),
    ...     volume_share=Decimal("0.1"),
    ... )
    >>> costs.spread_rate / 2 + costs.slippage_rate  # what crossing costs beside the fee
    Decimal('0.0006')
    """

    spread_rate: Decimal
    slippage_rate: Decimal
    volume_share: Decimal


def assumed_costs(paper: PaperSettings) -> Costs:
    """What the settings say that the paper market charges.

    >>> from shared.core.settings import load_settings
    >>> assumed_costs(load_settings({}).paper).slippage_rate
    Decimal('0.0005')
    """
    return Costs(
        spread_rate=rate(paper.spread_rate),
        slippage_rate=rate(paper.slippage_rate),
        volume_share=rate(paper.volume_share),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """Costs as shares of the price: one number for each way in or out."""

    entry: float
    target: float
    crossing: float
    interest: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RateRows:
    """The same for many rows: `target` and `interest` are (n,), `entry` is the same for all."""

    entry: float
    target: FloatArray
    crossing: FloatArray
    interest: FloatArray


def assumed_rules(settings: Settings, stated: PairRules | None = None) -> PairRules:
    """The pair's rules with the fees that `settings.replay` puts in their place.

    >>> from shared.core.settings import load_settings
    >>> phase19 = load_settings({}, profile="phase19")
    >>> assumed_rules(load_settings({})).taker_fee_rate, assumed_rules(phase19).taker_fee_rate
    (Decimal('0.001'), Decimal('0.0012'))
    """
    rules, assumed = stated or PairRules(), settings.replay
    maker, taker = assumed.maker_fee_rate, assumed.taker_fee_rate
    return replace(
        rules,
        maker_fee_rate=rules.maker_fee_rate if maker is None else rate(maker),
        taker_fee_rate=rules.taker_fee_rate if taker is None else rate(taker),
    )


def rates(*, rules: PairRules, side: Side, book: Book | None, settings: Settings) -> Rates:
    """What entry and exits of one trade cost, held as long as it may be.

    A target that rests is filled as maker; where it cannot rest the profit is taken by crossing.
    """
    spread = book.spread_rate if book is not None else settings.paper.spread_rate
    crossing = crossing_rate(rules, max(0.0, spread) / 2, settings)
    maker = float(rules.maker_fee_rate)
    target = crossing if settings.account.has_locks else maker
    if not settings.account.has_debt:
        return Rates(entry=maker, target=target, crossing=crossing, interest=0.0)
    day = _interest_rate_day(rules, side)
    interest = float(day) * longest_days(settings)
    return Rates(entry=maker, target=target, crossing=crossing, interest=interest)


def rates_at_best(
    *, rules: PairRules, close: FloatArray, long: BoolArray, settings: Settings
) -> RateRows:
    """`rates` of many rows at once, at the narrowest spread that a book of whole yen can have."""
    half_spread = np.maximum(0.0, settings.paper.spread_rate / 2 - 2.0 / close)
    crossing = np.asarray(crossing_rate(rules, 0.0, settings) + half_spread)
    maker = float(rules.maker_fee_rate)
    target = crossing if settings.account.has_locks else np.full(len(close), maker)
    interest = np.zeros(len(close))
    if settings.account.has_debt:
        each = (float(_interest_rate_day(rules, side)) for side in (Side.LONG, Side.SHORT))
        interest = np.where(long, *each) * longest_days(settings)
    return RateRows(entry=maker, target=target, crossing=crossing, interest=interest)


def crossing_rate(rules: PairRules, half_spread: float, settings: Settings) -> float:
    """What an order pays that takes liquidity, as a share of the price.

    >>> from shared.core.settings import load_settings
    >>> round(crossing_rate(PairRules(), 0.0001, load_settings({})), 6)
    0.0016
    """
    return float(rules.taker_fee_rate) + settings.paper.slippage_rate + half_spread


def longest_days(settings: Settings) -> int:
    """How many days of interest the longest holding starts."""
    return settings.risk.max_hold_candles * Timeframe.M15.ms // DAY_MS + 1


def leaving_rate(*, rules: PairRules, book: Book | None, settings: Settings) -> Decimal:
    """What an exit that crosses costs, as an exact share of the price."""
    spread = rate(book.spread_rate) if book is not None else rate(settings.paper.spread_rate)
    return rules.taker_fee_rate + rate(settings.paper.slippage_rate) + max(ZERO, spread) / 2


def holding_rate(*, rules: PairRules, side: Side, settings: Settings) -> Decimal:
    """What the longest holding owes in interest, as an exact share of the entry's price."""
    if not settings.account.has_debt:
        return ZERO
    return _interest_rate_day(rules, side) * longest_days(settings)


def prepaid_rate(fee_rate: Decimal, settings: Settings) -> Decimal:
    """The part of an entry's fee that is taken with the price of the coins."""
    return ZERO if settings.account.has_debt else max(ZERO, fee_rate)


def stop_loss_per_lot(
    *, price: int, stop: int, rules: PairRules, book: Book | None, settings: Settings
) -> Decimal:
    """What one lot bought or sold at `price` loses when its stop fires, in yen, unrounded: the
    distance, and what leaving costs. Entry fee and interest aside.
    """
    leaving = leaving_rate(rules=rules, book=book, settings=settings)
    return (Decimal(abs(price - stop)) + stop * leaving) * LOT_BTC


def _interest_rate_day(rules: PairRules, side: Side) -> Decimal:
    return rules.long_interest_rate_day if side is Side.LONG else rules.short_interest_rate_day
