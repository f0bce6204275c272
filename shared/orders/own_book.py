"""The bot's own book of a real account: opened with its capital, moved by its own fills, and by
nothing else. Pure.

What the exchange says that it is worth is compared with it, never taken for it: bitbank's margin
counts all yen and half of all coins of the owner.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from shared.core.frozen import copy_with
from shared.core.money import ZERO, jpy, notional_jpy, rate
from shared.core.reasons import Reason
from shared.core.settings import Settings
from shared.core.types import (
    AccountKind,
    Fill,
    HoldingRates,
    Holdings,
    Ledger,
    OrderIntent,
    OrderKind,
    PairRules,
    Position,
    Purpose,
    Side,
    Trade,
)
from shared.orders.booking import (
    EXITS,
    accrued_interest_jpy,
    cash_after_closing,
    cash_after_opening,
    closing_trade,
    gain_jpy,
    opened_position,
)
from shared.orders.closing import position_left


@dataclass(frozen=True, slots=True, kw_only=True)
class Executed:
    """One execution of an order, in our own units.

    `number` is the exchange's, 0 where a person corrected the book. `fee_jpy` is the fee that arose
    with it; `interest_jpy` what a close paid, None where the
    exchange does not say.
    """

    number: int
    order_id: int
    at: int
    price: int
    lots: int
    is_maker: bool
    fee_jpy: Decimal | None = None
    interest_jpy: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Booked:
    """The ledger after an execution, and what it was: a fill, and the trade that it closed."""

    ledger: Ledger
    fill: Fill
    trade: Trade | None = None


def open_ledger(capital_jpy: Decimal | int, now_ms: int) -> Ledger:
    """A book with nothing but the capital.

    >>> open_ledger(200_000, 1_767_225_600_000).cash_jpy
    Decimal('200000.0000')
    """
    capital = jpy(capital_jpy)
    return Ledger(capital_jpy=capital, cash_jpy=capital, opened_at=now_ms)


def staged_capital_jpy(settings: Settings) -> Decimal:
    """What of the capital the stage gives: a real account's book begins with it.

    >>> from shared.core.settings import load_settings
    >>> staged_capital_jpy(load_settings({"BOT_STAGE": "stage-10"}))
    Decimal('100000.0000')
    """
    return jpy(settings.capital_jpy * rate(settings.stages[settings.stage]))


def restage_ledger(ledger: Ledger, capital_jpy: Decimal) -> Ledger:
    """The book with another capital: what it won and lost stays as it is."""
    moved = capital_jpy - ledger.capital_jpy
    if not moved:
        return ledger
    aside = None if ledger.aside_jpy is None else ledger.aside_jpy - moved
    traces = ledger.traces
    return copy_with(
        ledger,
        capital_jpy=capital_jpy,
        cash_jpy=ledger.cash_jpy + moved,
        aside_jpy=aside,
        drift=None,
        traces=None if traces is None else copy_with(traces, jpy=traces.jpy - moved),
    )


def rates_of(rules: PairRules) -> HoldingRates:
    """What holding costs by the pair's rules."""
    return HoldingRates(
        maker_fee_rate=rules.maker_fee_rate,
        taker_fee_rate=rules.taker_fee_rate,
        long_interest_rate_day=rules.long_interest_rate_day,
        short_interest_rate_day=rules.short_interest_rate_day,
        margin_ratio=rules.margin_ratio,
    )


def book_execution(
    ledger: Ledger, intent: OrderIntent, done: Executed, *, kind: AccountKind
) -> Booked:
    """Book one execution of an order of ours. Of a close no more than the book holds is booked.

    Raises `ValueError` for a close where the book holds nothing of the side.
    """
    fill = _fill(ledger, intent, done)
    if intent.is_opening:
        grown = opened_position(ledger.position(intent.side), fill)
        after = copy_with(
            _with_position(ledger, grown),
            cash_jpy=cash_after_opening(ledger.cash_jpy, fill, kind=kind),
            next_fill_sequence=fill.sequence + 1,
        )
        return Booked(ledger=after, fill=fill)
    held = ledger.position(intent.side)
    if held is None:
        raise ValueError(f"the ledger holds nothing on the {intent.side} side")
    fill = copy_with(fill, lots=min(fill.lots, held.lots))
    left = position_left(held, fill.lots, kind=kind)
    trade = closing_trade(
        held,
        left,
        fill,
        kind=kind,
        sequence=ledger.next_trade_sequence,
        reason=EXITS.get(intent.purpose, intent.reason),
        interest_jpy=_interest_of_a_close(ledger, held, left, done, kind=kind),
    )
    after = copy_with(
        _with_position(ledger, left),
        cash_jpy=cash_after_closing(ledger.cash_jpy, held, left, trade, kind=kind),
        next_fill_sequence=fill.sequence + 1,
        next_trade_sequence=trade.sequence + 1,
    )
    return Booked(ledger=after, fill=fill, trade=trade)


def manual_close(side: Side, lots: int, *, number: int, reason: Reason) -> OrderIntent:
    """The intent that stands in the book for a close that the bot did not send."""
    return OrderIntent(
        id=f"manual.{number}",
        purpose=Purpose.CLOSE,
        side=side,
        kind=OrderKind.MARKET,
        lots=lots,
        reason=reason,
    )


def ledger_equity_jpy(
    ledger: Ledger, mark: Decimal | None, as_of: int, *, kind: AccountKind
) -> Decimal:
    """What the book is worth: cash + position at the mark - accrued interest - fees that occurred
    and are not collected yet. Without a mark a position is worth what it cost.

    The positions are the book's, as its cash is: what an order executed and nobody has told yet
    counts in neither. In one alone it would be all of its worth won or lost.
    """
    rates = ledger.rates or rates_of(PairRules())
    worth = ledger.cash_jpy
    for position in ledger.positions:
        cost = position.product_jpy
        value = cost if mark is None else notional_jpy(mark, position.lots)
        if not kind.has_debt:
            worth += value
            continue
        due = accrued_interest_jpy(position, rates.interest_rate_day(position.side), as_of)
        worth += gain_jpy(position.side, value, cost) - position.fees_jpy - due
    return jpy(worth)


def free_jpy(
    ledger: Ledger,
    positions: Sequence[Position],
    entries: Sequence[OrderIntent],
    worth: Decimal,
    *,
    kind: AccountKind,
) -> Decimal:
    """For how many yen of the book a position may be opened, after what is held and what rests."""
    rates = ledger.rates or rates_of(PairRules())
    free = worth / rates.margin_ratio if kind.has_debt else ledger.cash_jpy
    for intent in entries:
        cost = notional_jpy(intent.price or 0, intent.lots)
        free -= cost if kind.has_debt else cost + jpy(cost * max(ZERO, rates.maker_fee_rate))
    if kind.has_debt:
        free -= sum((position.product_jpy for position in positions), ZERO)
    return jpy(max(ZERO, free))


def value_holdings(holdings: Holdings, mark: Decimal, as_of: int, *, kind: AccountKind) -> Holdings:
    """The holdings of a real account at this mark; those of another account as they are."""
    if holdings.ledger is None:
        return holdings
    ledger = copy_with(holdings.ledger, mark_price=mark)
    worth = ledger_equity_jpy(ledger, mark, as_of, kind=kind)
    entries = [order.intent for order in holdings.orders if order.intent.is_opening]
    free = free_jpy(ledger, holdings.positions, entries, worth, kind=kind)
    most = free if holdings.most_jpy is None else min(free, holdings.most_jpy)
    return copy_with(holdings, ledger=ledger, equity_jpy=worth, available_jpy=most, mark_price=mark)


def _fill(ledger: Ledger, intent: OrderIntent, done: Executed) -> Fill:
    rates = ledger.rates or rates_of(PairRules())
    share = rates.maker_fee_rate if done.is_maker else rates.taker_fee_rate
    fee = notional_jpy(done.price, done.lots) * share if done.fee_jpy is None else done.fee_jpy
    return Fill(
        sequence=ledger.next_fill_sequence,
        order_id=done.order_id,
        purpose=intent.purpose,
        side=intent.side,
        at=done.at,
        price=done.price,
        lots=done.lots,
        maker=done.is_maker,
        fee_jpy=jpy(fee),
        execution_id=done.number or None,
    )


def _interest_of_a_close(
    ledger: Ledger, held: Position, left: Position, done: Executed, *, kind: AccountKind
) -> Decimal:
    if not kind.has_debt:
        return ZERO
    if done.interest_jpy is not None:
        return jpy(done.interest_jpy)
    day = (ledger.rates or rates_of(PairRules())).interest_rate_day(held.side)
    return accrued_interest_jpy(held, day, done.at) - accrued_interest_jpy(left, day, done.at)


def _with_position(ledger: Ledger, position: Position) -> Ledger:
    others = tuple(held for held in ledger.positions if held.side is not position.side)
    positions = (*others, position) if position.entries else others
    return copy_with(ledger, positions=positions)
