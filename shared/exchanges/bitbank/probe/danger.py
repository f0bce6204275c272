"""What a probe can lose at the most, told before it begins. Pure."""

from decimal import ROUND_UP, Decimal

from shared.core.errors import UserError
from shared.core.money import ZERO, notional_jpy
from shared.core.types import Book, PairRules
from shared.orders.probing import ProbePlan

MOST_LOSS_JPY = 500
STOP_RATE = Decimal("0.03")
"""How far below the entry its stop lies."""
TARGET_RATE = Decimal("0.03")
CAP_RATE = Decimal("0.001")
"""How far above the best ask the entry may be filled."""
SLIP_RATE = Decimal("0.02")
"""How far beyond its stop the price may jump before what was named is lost."""
DAYS_OF_INTEREST = 2
STEP_JPY = 10


def probe_plan(book: Book, rules: PairRules) -> ProbePlan:
    """The smallest position that the pair allows.

    Raises `UserError` where it could lose more than 500 yen.

    >>> book = Book(bid=9_999_000, ask=10_000_000, as_of=0)
    >>> plan = probe_plan(book, PairRules())
    >>> plan.lots, plan.stop_price, plan.loss_jpy
    (1, 9699030, 60)
    """
    lots = max(1, rules.min_lots)
    cap = int(Decimal(book.ask) * (1 + CAP_RATE))
    stop = int(Decimal(book.bid) * (1 - STOP_RATE))
    target = int(Decimal(book.ask) * (1 + TARGET_RATE))
    worst = int(Decimal(stop) * (1 - SLIP_RATE))
    fees = 2 * max(rules.taker_fee_rate, rules.maker_fee_rate, ZERO)
    costs = fees + DAYS_OF_INTEREST * rules.long_interest_rate_day
    loss = notional_jpy(cap - worst, lots) + notional_jpy(cap, lots) * costs
    named = int((loss / STEP_JPY).to_integral_value(ROUND_UP)) * STEP_JPY
    if named > MOST_LOSS_JPY:
        raise UserError(
            f"the smallest order is {lots} lots of 0.0001 BTC, with which a probe could lose"
            f" {named} yen",
            remedy=f"probe at a time when no more than {MOST_LOSS_JPY} yen are at stake",
        )
    return ProbePlan(lots=lots, cap_price=cap, stop_price=stop, target_price=target, loss_jpy=named)
