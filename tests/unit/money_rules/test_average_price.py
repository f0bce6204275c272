"""A margin position is valued at its average: cases worked out by hand, and random stories against
sums in fractions.

In the cases a lot at 1,000,000 is 100 yen. Maker pays 0.1 %, taker 0.2 %, a long 0.04 % for each
started day and a short 0.06 %, where a case says that they are paid at all.
"""

import random
from collections import Counter
from dataclasses import dataclass, field, replace
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

import numpy as np
import pytest

from shared.core.types import AccountKind, Entry, PairRules, Position, Side
from shared.exchanges.paper import ledger
from shared.exchanges.paper.ledger import Execution
from shared.orders.closing import position_left
from shared.replay.hands import snapshot
from shared.replay.valuation import worth

T0 = 1_699_999_200_000
HOUR = 3_600_000
DAY = 24 * HOUR
LONG, SHORT = Side.LONG, Side.SHORT
MILLION = Decimal(1_000_000)


def rules(*, fees: bool = False, interest: bool = False) -> PairRules:
    return PairRules(
        maker_fee_rate=Decimal("0.001") * fees,
        taker_fee_rate=Decimal("0.002") * fees,
        long_interest_rate_day=Decimal("0.0004") * interest,
        short_interest_rate_day=Decimal("0.0006") * interest,
    )


FREE, FEES, INTEREST = rules(), rules(fees=True), rules(interest=True)
ALL = rules(fees=True, interest=True)
REBATE = replace(FREE, maker_fee_rate=Decimal("-0.0002"), taker_fee_rate=Decimal("0.001"))


class Case(NamedTuple):
    """A story of fills, and what each close must have booked.

    `fills` are (hours, what, lots, price), `closes` (entry price, gross, fees, interest) and `left`
    (lots, average price, fees not collected); amounts in yen.
    """

    says: str
    side: Side
    rules: PairRules
    fills: tuple[tuple[int, str, int, int], ...]
    closes: tuple[tuple[str, str, str, str], ...]
    left: tuple[int, str, str] | None
    cash: str


CASES = (
    # 100 lots x (110 - 100)
    Case(
        "all of one entry",
        LONG,
        FREE,
        ((0, "maker", 100, 1_000_000), (1, "close", 100, 1_100_000)),
        (("1000000", "1000", "0", "0"),),
        None,
        "1001000",
    ),
    # (100 x 100 + 100 x 120) / 200 = 110; 50 x (120 - 110); first in first out would say 1,000
    Case(
        "a part of a long",
        LONG,
        FREE,
        ((0, "maker", 100, 1_000_000), (0, "maker", 100, 1_200_000), (1, "close", 50, 1_200_000)),
        (("1100000", "500", "0", "0"),),
        (150, "1100000", "0"),
        "1000500",
    ),
    # and the rest: 150 x (100 - 110)
    Case(
        "a part with a gain, the rest with a loss",
        LONG,
        FREE,
        (
            (0, "maker", 100, 1_000_000),
            (0, "maker", 100, 1_200_000),
            (1, "close", 50, 1_200_000),
            (2, "close", 150, 1_000_000),
        ),
        (("1100000", "500", "0", "0"), ("1100000", "-1500", "0", "0")),
        None,
        "999000",
    ),
    # 50 x (110 - 100); first in first out would say 0
    Case(
        "a part of a short",
        SHORT,
        FREE,
        ((0, "maker", 100, 1_000_000), (0, "maker", 100, 1_200_000), (1, "close", 50, 1_000_000)),
        (("1100000", "500", "0", "0"),),
        (150, "1100000", "0"),
        "1000500",
    ),
    # (50 x 100 + 50 x 120) / 100 = 110; 100 x (115 - 110)
    Case(
        "growing after a part was closed",
        LONG,
        FREE,
        (
            (0, "maker", 100, 1_000_000),
            (1, "close", 50, 1_000_000),
            (2, "maker", 50, 1_200_000),
            (3, "close", 100, 1_150_000),
        ),
        (("1000000", "0", "0", "0"), ("1100000", "500", "0", "0")),
        None,
        "1000500",
    ),
    # 110, of which 100 stay; (100 x 110 + 100 x 130) / 200 = 120; 50 x (130 - 120)
    Case(
        "grown, reduced, grown and reduced",
        LONG,
        FREE,
        (
            (0, "maker", 100, 1_000_000),
            (1, "maker", 100, 1_200_000),
            (2, "close", 100, 1_100_000),
            (3, "maker", 100, 1_300_000),
            (4, "close", 50, 1_300_000),
        ),
        (("1100000", "0", "0", "0"), ("1200000", "500", "0", "0")),
        (150, "1200000", "0"),
        "1000500",
    ),
    # the same short: 50 x (120 - 130)
    Case(
        "a short grown, reduced, grown and reduced",
        SHORT,
        FREE,
        (
            (0, "maker", 100, 1_000_000),
            (1, "maker", 100, 1_200_000),
            (2, "close", 100, 1_100_000),
            (3, "maker", 100, 1_300_000),
            (4, "close", 50, 1_300_000),
        ),
        (("1100000", "0", "0", "0"), ("1200000", "-500", "0", "0")),
        (150, "1200000", "0"),
        "999500",
    ),
    # cost 300.0002; two thirds are 200.00013..., booked as 200.0001, so that 100.0001 go first
    Case(
        "an average that is no whole number",
        LONG,
        FREE,
        (
            (0, "maker", 1, 1_000_000),
            (0, "maker", 2, 1_000_001),
            (1, "close", 1, 1_000_001),
            (2, "close", 2, 1_000_001),
        ),
        (
            ("1000000.666666666666666666667", "0", "0", "0"),
            ("1000000.666667", "0.0001", "0", "0"),
        ),
        None,
        "1000000.0001",
    ),
    # cost 300.0005; of it 200.0003 and 100.0002 stay: 0.0002, 0.0001 and 0.0002 are lost, 0.0005
    Case(
        "one lot each of three, one after the other",
        LONG,
        FREE,
        (
            (0, "maker", 1, 1_000_000),
            (0, "maker", 1, 1_000_003),
            (0, "maker", 1, 1_000_002),
            (1, "close", 1, 1_000_000),
            (1, "close", 1, 1_000_000),
            (1, "close", 1, 1_000_000),
        ),
        (
            ("1000001.666666666666666666667", "-0.0002", "0", "0"),
            ("1000001.666667", "-0.0001", "0", "0"),
            ("1000001.666667", "-0.0002", "0", "0"),
        ),
        None,
        "999999.9995",
    ),
    # (4 x 100 + 6 x 110) / 10 = 106, three times
    Case(
        "all at the average, in three parts",
        SHORT,
        FREE,
        (
            (0, "maker", 4, 1_000_000),
            (0, "maker", 6, 1_100_000),
            (1, "close", 3, 1_060_000),
            (2, "close", 3, 1_060_000),
            (3, "close", 4, 1_060_000),
        ),
        (("1060000", "0", "0", "0"),) * 3,
        None,
        "1000000",
    ),
    # opening 10,000 x 0.1 % = 10, of it 40 %; closing 4,000 x 0.2 % = 8
    Case(
        "a part takes its share of the opening fee",
        LONG,
        FEES,
        ((0, "maker", 100, 1_000_000), (1, "close", 40, 1_000_000)),
        (("1000000", "0", "12", "0"),),
        (60, "1000000", "6"),
        "999988",
    ),
    # opening 10 + 12,000 x 0.2 % = 34: a quarter is 8.5, three are 25.5; closing 11 and 33
    Case(
        "the share is of the fees of all entries",
        LONG,
        FEES,
        (
            (0, "maker", 100, 1_000_000),
            (0, "taker", 100, 1_200_000),
            (1, "close", 50, 1_100_000),
            (2, "close", 150, 1_100_000),
        ),
        (("1100000", "0", "19.5", "0"), ("1100000", "0", "58.5", "0")),
        None,
        "999922",
    ),
    # opening 0.1 and 0.4; two thirds are 0.0667 and 0.2667, so that 0.1666 go first; closing 0.2,
    # 0.4; in all 1.1
    Case(
        "a third of the fees, and the rest of them",
        SHORT,
        FEES,
        (
            (0, "maker", 1, 1_000_000),
            (0, "taker", 2, 1_000_000),
            (1, "close", 1, 1_000_000),
            (1, "close", 2, 1_000_000),
        ),
        (("1000000", "0", "0.3666", "0"), ("1000000", "0", "0.7334", "0")),
        None,
        "999998.9",
    ),
    # opening 10,000 x -0.02 % = -2, half of it; closing 5,000 x 0.1 % = 5
    Case(
        "a rebate is shared like a fee",
        LONG,
        REBATE,
        ((0, "maker", 100, 1_000_000), (1, "close", 50, 1_000_000)),
        (("1000000", "0", "4", "0"),),
        (50, "1000000", "-1"),
        "999996",
    ),
    # 10,000 x 0.04 % = 4 a day: half of one day, then half of two
    Case(
        "a part takes its share of the interest",
        LONG,
        INTEREST,
        ((0, "maker", 100, 1_000_000), (0, "close", 50, 1_000_000), (36, "close", 50, 1_000_000)),
        (("1000000", "0", "0", "2"), ("1000000", "0", "0", "4")),
        None,
        "999994",
    ),
    # 10,000 x 0.06 % = 6 a day: the third begins after 48 hours; a quarter of 18, and the rest
    Case(
        "a short takes its share where a day begins",
        SHORT,
        INTEREST,
        ((0, "maker", 100, 1_000_000), (48, "close", 25, 1_000_000), (49, "close", 75, 1_000_000)),
        (("1000000", "0", "0", "4.5"), ("1000000", "0", "0", "13.5")),
        None,
        "999982",
    ),
    # 4 x 4 + 4.8 x 1 = 20.8, a quarter; then three quarters of 4 x 5 + 4.8 x 2 = 29.6
    Case(
        "each entry keeps its own days",
        LONG,
        INTEREST,
        (
            (0, "maker", 100, 1_000_000),
            (72, "maker", 100, 1_200_000),
            (72, "close", 50, 1_100_000),
            (96, "close", 150, 1_100_000),
        ),
        (("1100000", "0", "0", "5.2"), ("1100000", "0", "0", "22.2")),
        None,
        "999972.6",
    ),
    # 4 x 10 + 2 x 1: the ten days were at 1,000,000, whatever the average is now
    Case(
        "growing at half the price leaves the days before as dear as they were",
        LONG,
        INTEREST,
        ((0, "maker", 100, 1_000_000), (216, "maker", 100, 500_000), (216, "close", 200, 750_000)),
        (("750000", "0", "0", "42"),),
        None,
        "999958",
    ),
    # half of 4; then 2 x 4 days + 6,000 x 0.04 % x 2 days
    Case(
        "interest of what is left and of what came later",
        LONG,
        INTEREST,
        (
            (0, "maker", 100, 1_000_000),
            (0, "close", 50, 1_000_000),
            (48, "maker", 50, 1_200_000),
            (72, "close", 100, 1_100_000),
        ),
        (("1000000", "0", "0", "2"), ("1100000", "0", "0", "12.8")),
        None,
        "999985.2",
    ),
    # average (100 x 120 + 50 x 90) / 150 = 110. First 30 x (110 - 100), fees 6 + (12 + 9) / 5,
    # interest (7.2 x 2 + 2.7) / 5; then 120 x (110 - 120), 28.8 + 16.8, 0.8 x (7.2 x 3 + 2.7 x 2)
    Case(
        "a short with everything",
        SHORT,
        ALL,
        (
            (0, "maker", 100, 1_200_000),
            (24, "taker", 50, 900_000),
            (24, "close", 30, 1_000_000),
            (48, "close", 120, 1_200_000),
        ),
        (("1100000", "300", "10.2", "3.42"), ("1100000", "-1200", "45.6", "21.6")),
        None,
        "999019.18",
    ),
    # average 110. First 30 x (130 - 110), fees 7.8 + (10 + 24) x 0.15, interest (4 + 4.8) x 0.15;
    # 170 stay at 110, 28.9 of fees
    Case(
        "a long with everything, open still",
        LONG,
        ALL,
        ((0, "maker", 100, 1_000_000), (0, "taker", 100, 1_200_000), (5, "close", 30, 1_300_000)),
        (("1100000", "600", "12.9", "1.32"),),
        (170, "1100000", "28.9"),
        "1000585.78",
    ),
)


def booked(made, account, side, what, lots, price, at):
    """The account after one fill."""
    if what == "close":
        intent = made.close(lots, side=side, id=f"c{account.next_order_id}")
    else:
        intent = made.entry(price, lots, side=side, id=f"e{account.next_order_id}")
    account, order = ledger.with_order(account, intent, at)
    done = Execution(at=at, price=price, lots=lots, maker=what == "maker")
    return (ledger.book_closing if what == "close" else ledger.book_opening)(account, order, done)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.says)
def test_a_story_comes_out_as_it_was_worked_out_by_hand(made, case):
    account = made.account(cash=1_000_000, rules=case.rules)
    for hours, what, lots, price in case.fills:
        account = booked(made, account, case.side, what, lots, price, T0 + hours * HOUR)
    sizes = [lots for _, what, lots, _ in case.fills if what == "close"]
    assert [
        (trade.lots, trade.entry_price, trade.gross_jpy, trade.fees_jpy, trade.interest_jpy)
        for trade in account.trades
    ] == [(lots, *map(Decimal, amounts)) for lots, amounts in zip(sizes, case.closes, strict=True)]
    held = account.position(case.side)
    assert account.cash_jpy == Decimal(case.cash)
    if case.left is None:
        assert held is None
        assert account.trades[-1].ends_position
    else:
        assert (held.lots, held.average_price, held.fees_jpy) == (
            case.left[0],
            *map(Decimal, case.left[1:]),
        )
        assert not account.trades[-1].ends_position
    assert {trade.opened_at for trade in account.trades} == {T0}


def test_there_are_twenty_cases_and_more_on_both_sides():
    assert len(CASES) >= 20
    assert all(sum(case.side is side for case in CASES) >= 6 for side in Side)
    assert sum(len(case.closes) > 1 for case in CASES) >= 9


def test_a_long_and_a_short_keep_an_average_each(made):
    account = made.account(cash=1_000_000, rules=FREE)
    for side, price in ((LONG, 1_000_000), (SHORT, 1_200_000), (LONG, 1_100_000)):
        account = booked(made, account, side, "maker", 100, price, T0)
    for side in Side:
        account = booked(made, account, side, "close", 50, 1_150_000, T0)
    assert [trade.gross_jpy for trade in account.trades] == [500, 250]
    assert account.position(LONG).average_price == 1_050_000
    assert account.position(SHORT).average_price == 1_200_000


def test_on_spot_what_came_first_goes_first(made):
    account = made.account("spot", cash=1_000_000, rules=FEES)
    for price in (1_000_000, 1_200_000):
        account = booked(made, account, LONG, "maker", 100, price, T0)
    account = booked(made, account, LONG, "close", 150, 1_200_000, T0)
    (trade,) = account.trades
    # 100 x (120 - 100); fees 10 + 12 / 2 + 18,000 x 0.2 %
    assert (trade.entry_price, trade.gross_jpy, trade.fees_jpy, trade.interest_jpy) == (
        Decimal(160_000_000) / 150,
        2000,
        52,
        0,
    )
    assert str(trade.gross_jpy) == "2000.0000"
    # less 22,000 and their fees of 22, and 18,000 less 36
    assert account.cash_jpy == Decimal(995942)
    assert account.position(LONG).entries == (
        Entry(at=T0, price=1_200_000, lots=50, fee_jpy=Decimal(6)),
    )


# what is left


@pytest.mark.parametrize(
    ("lots", "closed", "left"),
    [
        ((4, 6), 3, (3, 4)),
        ((1, 1, 1), 1, (1, 1, 0)),
        ((1, 1, 1), 2, (1, 0, 0)),
        ((1, 1, 1, 97), 50, (1, 1, 0, 48)),
        ((10, 10), 5, (8, 7)),
        ((3, 5, 2), 1, (3, 4, 2)),
        ((0, 5, 2), 3, (0, 3, 1)),
    ],
)
def test_whole_lots_go_to_the_largest_remainders_the_oldest_first(made, lots, closed, left):
    parts = [
        replace(made.part(1_000_000, size), cost_jpy=None if size else Decimal(7)) for size in lots
    ]
    after = position_left(made.position(*parts), closed, kind=AccountKind.MARGIN)
    assert tuple(entry.lots for entry in after.entries) == left


def test_an_entry_of_which_no_whole_lot_is_left_keeps_its_share(made):
    parts = [made.part(900_000, 1, fee="0.9"), made.part(1_000_000, 1), made.part(1_100_000, 1)]
    after = position_left(made.position(*parts), 2, kind=AccountKind.MARGIN)
    assert [(part.lots, part.cost_jpy, part.fee_jpy) for part in after.entries] == [
        (1, Decimal("30.000000000000"), Decimal("0.3000")),
        (0, Decimal("33.333333333334"), 0),
        (0, Decimal("36.666666666667"), 0),
    ]
    assert (after.average_price, after.product_jpy) == (MILLION, 100)
    assert (after.opened_at, str(after.average_price)) == (T0, "1000000.000000")


def test_all_of_it_leaves_nothing(made):
    held = made.position(made.part(1_000_000, 5), made.part(1_000_000, 5))
    for kind in AccountKind:
        assert position_left(held, 10, kind=kind).entries == ()


@pytest.mark.parametrize(
    ("closed", "left"),
    [
        (0, [(10, "1.0000"), (20, "0.2000")]),
        (3, [(7, "0.7000"), (20, "0.2000")]),
        (10, [(20, "0.2000")]),
        (13, [(17, "0.1700")]),
        (29, [(1, "0.0100")]),
    ],
)
def test_on_spot_the_last_lots_stay_with_their_fees_in_their_order(made, closed, left):
    parts = made.part(1_000_000, 10, fee="1.0000"), made.part(1_100_000, 20, fee="0.2000")
    after = position_left(made.position(*parts), closed, kind=AccountKind.SPOT)
    assert [(part.lots, str(part.fee_jpy)) for part in after.entries] == left
    assert all(part.cost_jpy is None for part in after.entries)


def test_a_position_of_before_means_what_it_meant():
    """What was left first in first out says no cost: its average is that of what is there."""
    parts = (
        Entry(at=T0, price=1_000_000, lots=50, fee_jpy=Decimal(5)),
        Entry(at=T0, price=1_300_000, lots=100, fee_jpy=Decimal(13)),
    )
    held = Position(side=LONG, entries=parts)
    assert (held.average_price, held.product_jpy, held.fees_jpy) == (1_200_000, 18_000, 18)
    left = position_left(held, 75, kind=AccountKind.MARGIN)
    assert (left.average_price, left.product_jpy, left.fees_jpy) == (1_200_000, 9_000, 9)


# random stories against fractions


@dataclass
class Sums:
    """The plain rule in fractions, nothing ever rounded: yen, yen x lots, days."""

    rules: PairRules
    side: Side
    size: int = 0
    cost: Fraction = Fraction(0)
    fees: Fraction = Fraction(0)
    parts: list[tuple[int, Fraction]] = field(default_factory=list)

    def rate(self, *, maker: bool) -> Fraction:
        return Fraction(self.rules.maker_fee_rate if maker else self.rules.taker_fee_rate)

    def enter(self, at: int, lots: int, price: int, *, maker: bool) -> None:
        cost = Fraction(price * lots, 10_000)
        self.size, self.cost = self.size + lots, self.cost + cost
        self.fees += cost * self.rate(maker=maker)
        self.parts.append((at, cost))

    def accrued(self, at: int) -> Fraction:
        long = self.side is LONG
        day = self.rules.long_interest_rate_day if long else self.rules.short_interest_rate_day
        days = [(1 + (at - begun) // DAY, cost) for begun, cost in self.parts]
        return Fraction(day) * sum((count * cost for count, cost in days), Fraction(0))

    def leave(self, at: int, lots: int, price: int) -> tuple[Fraction, Fraction, Fraction]:
        """Gross, fees and interest of a close."""
        share = Fraction(lots, self.size)
        gross = (Fraction(price * lots, 10_000) - share * self.cost) * self.side.sign
        fees = share * self.fees + Fraction(price * lots, 10_000) * self.rate(maker=False)
        interest = share * self.accrued(at)
        self.size -= lots
        self.cost, self.fees = self.cost * (1 - share), self.fees * (1 - share)
        self.parts = [(begun, cost * (1 - share)) for begun, cost in self.parts]
        return gross, fees, interest


UNIT = Fraction(1, 10_000)
HALF = Decimal("0.00005")


def story(made, seed: int, counts: Counter[str]) -> None:
    """One account through some dozens of fills, beside the sums."""
    rng = random.Random(seed)
    paid = rng.choice((FREE, FEES, INTEREST, ALL, REBATE))
    side, at = rng.choice(list(Side)), T0
    sums = Sums(paid, side)
    account = made.account(cash=10_000_000, rules=paid)
    exact = [Fraction(0)] * 3
    entries = roundings = 0
    for _ in range(30):
        at += rng.choice((0, 1, HOUR, DAY, DAY - 1, rng.randint(0, 5 * DAY)))
        price, closes = rng.randint(1, 20_000_000), bool(sums.size) and rng.random() < 0.6
        some = (1, rng.randint(1, sums.size), rng.randint(1, sums.size)) if closes else (0,)
        lots = sums.size if closes and rng.random() < 0.1 else rng.choice(some)
        lots, what = (lots, "close") if closes else (rng.choice((1, 2, 3, 70, 999)), "maker")
        before, account = account, booked(made, account, side, what, lots, price, at)
        fill = account.fills[-1]
        worth_before = ledger.equity(before, price, at) - fill.fee_jpy
        if not closes:
            sums.enter(at, lots, price, maker=True)
            entries += 1
            added = account.position(side).entries[-1]
            due = ledger.accrued_jpy(account, Position(side=side, entries=(added,)), at)
            assert ledger.equity(account, price, at) == worth_before - due
            product = sum(part.product_jpy for part in account.position(side).entries)
            counts["costs that end in half a digit"] += product % Decimal("0.0001") == HALF
            counts["growths of what was reduced"] += any(
                entry.cost_jpy is not None for entry in account.position(side).entries
            )
            continue
        assert ledger.equity(account, price, at) == worth_before, "a close makes nothing and loses"
        average = sums.cost / sums.size * 10_000
        told, trade = sums.leave(at, lots, price), account.trades[-1]
        roundings += entries
        near = UNIT * (2 + entries)
        assert abs(Fraction(trade.entry_price) - average) <= Fraction(1, 10**6)
        for mine, due in zip(
            (trade.gross_jpy, trade.fees_jpy, trade.interest_jpy), told, strict=True
        ):
            assert abs(Fraction(mine) - due) <= near
        exact = [mine + due for mine, due in zip(exact, told, strict=True)]
        counts["closes"] += 1
        counts["several entries"] += entries > 1
        held = account.position(side)
        if held is not None:
            assert abs(Fraction(held.average_price) - average) <= Fraction(1, 10**6)
            assert held.lots == sums.size
            counts["partial closes"] += 1
            counts["entries without a lot"] += any(not entry.lots for entry in held.entries)
            marks, instants = np.array([1, price]), np.array([at, at + 3 * DAY])
            assert worth(
                snapshot(account, at), marks, instants, kind=account.kind, terms=account.terms
            ).tolist() == [
                int(ledger.equity(account, int(mark), int(then)) * 10_000)
                for mark, then in zip(marks, instants, strict=True)
            ]
            continue
        trades = account.trades
        counts["ends"] += 1
        assert sum(Fraction(one.gross_jpy) for one in trades) == exact[0], "no yen is lost or made"
        fees = sum(Fraction(one.fee_jpy) for one in account.fills)
        assert sum(Fraction(one.fees_jpy) for one in trades) == fees
        interest = sum(Fraction(one.interest_jpy) for one in trades)
        assert interest >= exact[2] - UNIT / 2 * 2 * roundings
        assert account.cash_jpy == 10_000_000 + sum(one.net_jpy for one in trades)
        counts["ends with a part before"] += len(trades) > 1


@pytest.mark.parametrize("seed", [1])
def test_whatever_is_filled_the_average_follows_the_sums_in_fractions(made, seed, request):
    stories = 4_000 if request.config.getoption("--full") else 60
    counts: Counter[str] = Counter()
    for number in range(stories):
        story(made, seed * 100_000 + number, counts)
    print(counts)
    floors = {
        "closes": 5,
        "several entries": 3,
        "partial closes": 3,
        "growths of what was reduced": 1,
        "entries without a lot": 0.4,
        "ends with a part before": 0.4,
    }
    short = {name: counts[name] for name, least in floors.items() if counts[name] < least * stories}
    assert not short, (short, counts)
    if stories >= 4_000:
        assert counts["costs that end in half a digit"] >= 20, counts


@pytest.mark.parametrize("digit", range(10))
def test_what_is_added_moves_the_cost_by_itself_also_where_the_sum_ends_in_half_a_digit(
    made, digit
):
    half = replace(made.part(1_000_000, 1), cost_jpy=Decimal(f"100.000{digit}5"))
    for added in (1, 2, 3):
        more = Entry(at=T0, price=added, lots=1, fee_jpy=Decimal(0))
        alone, grown = (
            Position(side=LONG, entries=entries).product_jpy for entries in ((half,), (half, more))
        )
        assert grown - alone == more.product_jpy == added * Decimal("0.0001")


def test_interest_of_a_life_is_never_less_than_under_exact_shares(made):
    """In entries of single lots at odd prices whole lots fall apart the most."""
    rng, counts = random.Random(3), Counter()
    for _ in range(300):
        sums = Sums(INTEREST, LONG)
        account, at = made.account(cash=10_000_000, rules=INTEREST), T0
        for _ in range(rng.randint(2, 6)):
            at += rng.randint(0, 2 * DAY)
            lots, price = rng.randint(1, 2), rng.randint(900_000, 1_100_000)
            account = booked(made, account, LONG, "maker", lots, price, at)
            sums.enter(at, lots, price, maker=True)
        due, closes, entries = Fraction(0), 0, len(sums.parts)
        while sums.size:
            at += rng.randint(0, 3 * DAY)
            lots = min(sums.size, rng.randint(1, 2))
            account = booked(made, account, LONG, "close", lots, 1_000_000, at)
            due += sums.leave(at, lots, 1_000_000)[2]
            closes += 1
        told = sum(Fraction(trade.interest_jpy) for trade in account.trades)
        assert told >= due - UNIT / 2 * entries * (2 * closes - 1)
        assert told <= due + UNIT / 2 * entries * (2 * closes - 1) + Fraction(1, 10**9)
        counts["closes"] += closes
    assert counts["closes"] >= 900
