"""Random years of fills, and their tax worked out a second way: in fractions, from lists, by rules
that are written down here once more.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from shared.core.types import AccountKind, BookName, Fill, Purpose, Side
from shared.results.tax import AverageMethod, CoinHolding, TaxFill, tax_year

TOKYO = ZoneInfo("Asia/Tokyo")
MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
NEW_YEARS = [
    int(datetime(year, 1, 1, tzinfo=TOKYO).timestamp()) * 1000 for year in range(2024, 2029)
]
YEARS = range(2024, 2028)
BOOKS = (BookName(mode="live", opened_at=7), BookName(mode="live", opened_at=8))
MOVING, TOTAL = AverageMethod.MOVING, AverageMethod.TOTAL


def told(
    sequence: int,
    purpose: Purpose,
    *,
    at: int,
    price: int,
    lots: int,
    fee: str = "0",
    side: Side = Side.LONG,
    account: AccountKind = AccountKind.SPOT,
    interest: str = "0",
    book: BookName = BOOKS[0],
) -> TaxFill:
    """A fill in a line."""
    fill = Fill(
        sequence=sequence,
        order_id=sequence,
        purpose=purpose,
        side=side,
        at=at,
        price=price,
        lots=lots,
        maker=True,
        fee_jpy=Decimal(fee),
        execution_id=1_000 + sequence,
    )
    return TaxFill(fill=fill, book=book, account=account, interest_jpy=Decimal(interest))


@dataclass(frozen=True)
class Act:
    """What happens next: how long after the last, and how much of what could be."""

    after_ms: int
    is_margin: bool
    is_short: bool
    opens: bool
    share: int
    price: int
    fee: int
    interest: int
    book: int


@st.composite
def stories(draw: Any) -> tuple[list[TaxFill], CoinHolding]:
    """Fills of several years, many of them within hours of a turn of the year in Japan or in UTC;
    nothing is sold that was not there.
    """
    acts = draw(
        st.lists(
            st.builds(
                Act,
                after_ms=st.one_of(
                    st.integers(0, 3 * DAY), st.integers(0, 10 * MINUTE), st.just(30 * DAY)
                ),
                is_margin=st.booleans(),
                is_short=st.booleans(),
                opens=st.integers(0, 2).map(lambda drawn: drawn == 0),
                share=st.integers(1, 10),
                price=st.integers(3_000_000, 20_000_000),
                fee=st.integers(-5_000, 90_000),
                interest=st.integers(0, 90_000),
                book=st.integers(0, 1),
            ),
            min_size=12,
            max_size=40,
        )
    )
    near = draw(st.lists(st.integers(-12 * HOUR, 12 * HOUR), max_size=6))
    at = NEW_YEARS[0] + draw(st.integers(0, 200 * DAY))
    held: Counter[tuple[bool, int, Side]] = Counter()
    sequences: Counter[int] = Counter()
    found = []
    for number, act in enumerate(acts):
        at += act.after_ms
        turn = next((turn for turn in NEW_YEARS if turn > at), NEW_YEARS[-1])
        if number < len(near) and turn + near[number] > at:
            at = turn + near[number]
        if at >= NEW_YEARS[-1] - DAY:
            break
        side = Side.SHORT if act.is_margin and act.is_short else Side.LONG
        key = (act.is_margin, act.book, side)
        is_opening = act.opens or not held[key]
        lots = act.share * 13 if is_opening else max(1, held[key] * act.share // 10)
        held[key] += lots if is_opening else -lots
        sequences[act.book] += 1
        found.append(
            told(
                sequences[act.book],
                Purpose.ENTRY if is_opening else Purpose.CLOSE,
                at=at,
                price=act.price,
                lots=lots,
                fee=str(Decimal(act.fee) / 10_000),
                side=side,
                account=AccountKind.MARGIN if act.is_margin else AccountKind.SPOT,
                interest=str(
                    Decimal(act.interest if act.is_margin and not is_opening else 0) / 100
                ),
                book=BOOKS[act.book],
            )
        )
    elsewhere = draw(
        st.one_of(
            st.just(CoinHolding()),
            st.builds(
                CoinHolding,
                lots=st.integers(1, 500),
                cost_jpy=st.integers(0, 9_000_000).map(lambda yen: Decimal(yen) / 10),
            ),
        )
    )
    return found, elsewhere


def year_in_tokyo(one: TaxFill) -> int:
    """By the zone's own table."""
    return datetime.fromtimestamp(one.fill.at / 1000, tz=TOKYO).year


def check_story(fills: Sequence[TaxFill], elsewhere: CoinHolding) -> Counter[str]:
    """Raises `AssertionError` unless every year is what the second way makes of it."""
    counts: Counter[str] = Counter()
    for year in YEARS:
        found = tax_year(fills, year, elsewhere=elsewhere)
        mine = [one for one in fills if year_in_tokyo(one) == year]
        assert sorted(row.told.name for row in found.rows) == sorted(one.name for one in mine)
        coins = [one for one in fills if one.account is AccountKind.SPOT]
        for method, (profit, closing, rows) in (
            (MOVING, moving_by_fractions(coins, year, elsewhere)),
            (TOTAL, total_by_fractions(coins, year, elsewhere)),
        ):
            by_method = found.coins[method]
            assert Fraction(by_method.profit_jpy) == profit, (year, method)
            assert (by_method.closing.lots, Fraction(by_method.closing.cost_jpy)) == closing
            told_rows = {
                key(row.told): Fraction(row.realised[method].profit_jpy)
                for row in found.rows
                if row.realised and row.told.account is AccountKind.SPOT
            }
            assert told_rows == rows, (year, method)
            gap = Fraction(by_method.profit_jpy) - sum(rows.values())
            assert Fraction(by_method.rounding_jpy) == gap
            counts["sales"] += len(rows)
        profits = margin_by_fractions([one for one in fills if one not in coins], year)
        told_closes = {
            key(row.told): row.realised
            for row in found.rows
            if row.realised and row.told.account is AccountKind.MARGIN
        }
        assert told_closes.keys() == profits.keys()
        for number, profit in profits.items():
            for method in AverageMethod:
                told_profit = Fraction(told_closes[number][method].profit_jpy)
                assert abs(told_profit - profit) < Fraction(1, 500), (number, told_profit, profit)
        assert abs(Fraction(found.margin.profit_jpy) - sum(profits.values())) < Fraction(1, 50)
        for method in AverageMethod:
            together = found.coins[method].profit_jpy + found.margin.profit_jpy
            assert found.profit_jpy(method) == together
        counts["closes"] += len(profits)
        counts["years"] += bool(mine)
        counts["carried"] += bool(found.margin.closing)
        counts["between the midnights"] += sum(
            datetime.fromtimestamp(one.fill.at / 1000, tz=ZoneInfo("UTC")).year != year
            for one in mine
        )
    return counts


def key(one: TaxFill) -> tuple[int, int]:
    return one.book.opened_at, one.fill.sequence


def in_time(fills: Sequence[TaxFill]) -> list[TaxFill]:
    return sorted(fills, key=lambda one: (one.fill.at, one.book.opened_at, one.fill.sequence))


def paid(one: TaxFill) -> Fraction:
    return Fraction(one.fill.price * one.fill.lots, 10_000) + Fraction(one.fill.fee_jpy)


def brought(one: TaxFill) -> Fraction:
    return Fraction(one.fill.price * one.fill.lots, 10_000) - Fraction(one.fill.fee_jpy)


Worked = tuple[Fraction, tuple[int, Fraction], dict[tuple[int, int], Fraction]]


def moving_by_fractions(fills: Sequence[TaxFill], year: int, elsewhere: CoinHolding) -> Worked:
    """移動平均法: a price per coin that only a purchase changes."""
    lots, price, worth = 0, Fraction(0), Fraction(0)
    began, spent, sales = Fraction(0), Fraction(0), Fraction(0)
    rows: dict[tuple[int, int], Fraction] = {}
    has_begun = False
    for one in [*in_time(fills), None]:
        if not has_begun and (one is None or year_in_tokyo(one) >= year):
            has_begun = True
            began = worth = worth + Fraction(elsewhere.cost_jpy)
            lots += elsewhere.lots
            price = Fraction(math.ceil(worth * 10_000 / lots)) if lots else Fraction(0)
        if one is None or year_in_tokyo(one) > year:
            break
        is_of_year = year_in_tokyo(one) == year
        if one.fill.purpose is Purpose.ENTRY:
            lots += one.fill.lots
            price = Fraction(math.ceil((worth + paid(one)) * 10_000 / lots))
            spent += paid(one) if is_of_year else 0
        else:
            lots -= one.fill.lots
            if is_of_year:
                rows[key(one)] = brought(one) - price * one.fill.lots / 10_000
                sales += brought(one)
        worth = price * lots / 10_000
    left = price * lots / 10_000
    return sales - (began + spent - left), (lots, left), rows


def total_by_fractions(fills: Sequence[TaxFill], year: int, elsewhere: CoinHolding) -> Worked:
    """総平均法: one price for a year, known when it is over."""
    lots, worth = 0, Fraction(0)
    by_year: dict[int, list[TaxFill]] = defaultdict(list)
    for one in fills:
        by_year[year_in_tokyo(one)].append(one)
    for number in range(min([*by_year, year]), year + 1):
        if number == year:
            lots, worth = lots + elsewhere.lots, worth + Fraction(elsewhere.cost_jpy)
        bought = [one for one in by_year[number] if one.fill.purpose is Purpose.ENTRY]
        sold = [one for one in by_year[number] if one.fill.purpose is not Purpose.ENTRY]
        all_lots = lots + sum(one.fill.lots for one in bought)
        all_worth = worth + sum(paid(one) for one in bought)
        price = Fraction(math.ceil(all_worth * 10_000 / all_lots)) if all_lots else Fraction(0)
        lots = all_lots - sum(one.fill.lots for one in sold)
        worth = price * lots / 10_000
    rows = {key(one): brought(one) - price * one.fill.lots / 10_000 for one in sold}
    profit = sum((brought(one) for one in sold), Fraction(0)) - (all_worth - worth)
    return profit, (lots, worth), rows


def margin_by_fractions(fills: Sequence[TaxFill], year: int) -> dict[tuple[int, int], Fraction]:
    """Each close: its share of what was paid and of the fees, exactly."""
    held: dict[tuple[int, Side], list[Fraction]] = defaultdict(lambda: [Fraction(0)] * 3)
    profits = {}
    for one in in_time(fills):
        where = (one.book.opened_at, one.fill.side)
        lots, worth, fees = held[where]
        amount = Fraction(one.fill.price * one.fill.lots, 10_000)
        if one.fill.purpose is Purpose.ENTRY:
            more = (one.fill.lots, amount, Fraction(one.fill.fee_jpy))
            held[where] = [before + this for before, this in zip(held[where], more, strict=True)]
            continue
        share = Fraction(one.fill.lots) / lots
        held[where] = [before * (1 - share) for before in held[where]]
        gross = (amount - worth * share) * (1 if one.fill.side is Side.LONG else -1)
        costs = fees * share + Fraction(one.fill.fee_jpy) + Fraction(one.interest_jpy)
        if year_in_tokyo(one) == year:
            profits[key(one)] = gross - costs
    return profits
