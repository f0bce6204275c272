"""The year's tax: cases worked out by hand, random years against a second way in fractions, and a
slip in each rule that has to be noticed.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import hypothesis
import pytest

from shared.core.errors import BadData, UserError
from shared.core.types import AccountKind, Purpose, Side
from shared.results.tax import AverageMethod, CoinHolding, TaxYear, average, margin, tax_year
from shared.results.tax import types as noun
from tests.support.tax_stories import (
    BOOKS,
    DAY,
    HOUR,
    MOVING,
    NEW_YEARS,
    TOTAL,
    check_story,
    stories,
    told,
)

BUY, SELL = Purpose.ENTRY, Purpose.CLOSE
MARGIN = AccountKind.MARGIN
T0 = NEW_YEARS[2]
"""2026 begins in Japan."""
BTC = 10_000


def profits(year: TaxYear) -> dict[AverageMethod, list[str]]:
    return {
        method: [f"{row.realised[method].profit_jpy:f}" for row in year.rows if row.realised]
        for method in AverageMethod
    }


def test_coins_by_hand() -> None:
    """4 BTC for 2,000,000 and 2 BTC for 1,650,000 (fees included); 0.2 BTC sold for 110,000 between
    them, 1 BTC for 800,000 after.

    Moving: 500,000 a coin; then (3.8 x 500,000 + 1,650,000) / 5.8 = 612,068.97, so 612,069.
    Total: 3,650,000 / 6 = 608,333.33, so 608,334.
    """
    year = tax_year(
        [
            told(1, BUY, at=T0 + 9 * DAY, price=499_000, lots=4 * BTC, fee="4000"),
            told(2, SELL, at=T0 + 20 * DAY, price=550_000, lots=BTC // 5),
            told(3, BUY, at=T0 + 30 * DAY, price=824_000, lots=2 * BTC, fee="2000"),
            told(4, SELL, at=T0 + 40 * DAY, price=800_000, lots=BTC),
        ],
        2026,
    )
    assert profits(year) == {
        MOVING: ["10000.0000", "187931.0000"],
        TOTAL: ["-11666.8000", "191666.0000"],
    }
    moving, total = year.coins[MOVING], year.coins[TOTAL]
    assert moving.closing == CoinHolding(lots=48_000, cost_jpy=Decimal("2937931.2"))
    assert total.closing == CoinHolding(lots=48_000, cost_jpy=Decimal("2920003.2"))
    assert (moving.cost_jpy, total.cost_jpy) == (Decimal("712068.8"), Decimal("729996.8"))
    assert year.profit_jpy(MOVING) == Decimal("197931.2")
    assert year.profit_jpy(TOTAL) == Decimal("180003.2")
    assert (moving.rounding_jpy, total.rounding_jpy) == (Decimal("0.2"), Decimal(4))


def test_coins_that_are_carried_into_the_next_year_by_hand() -> None:
    """1 BTC at 1,000,000 in 2025, of which half goes for 600,000; in 2026 half a BTC at 3,000,000,
    and all is sold at 2,500,000 with a fee of 2,500.

    2025: 600,000 - 500,000. 2026: 2,500,000 - 2,500 - (500,000 + 1,500,000).
    """
    fills = [
        told(1, BUY, at=T0 - 9 * DAY, price=1_000_000, lots=BTC),
        told(2, SELL, at=T0 - 8 * DAY, price=1_200_000, lots=BTC // 2),
        told(3, BUY, at=T0 + DAY, price=3_000_000, lots=BTC // 2),
        told(4, SELL, at=T0 + 2 * DAY, price=2_500_000, lots=BTC, fee="2500"),
    ]
    for method in AverageMethod:
        before, after = tax_year(fills, 2025), tax_year(fills, 2026)
        assert before.profit_jpy(method) == 100_000
        assert before.coins[method].closing == after.coins[method].opening
        assert after.coins[method].opening == CoinHolding(lots=5_000, cost_jpy=Decimal(500_000))
        assert after.profit_jpy(method) == 497_500
        assert after.coins[method].closing.cost_jpy == 0


def test_coins_from_elsewhere_change_both_averages_by_hand() -> None:
    """Half a BTC that had cost 100,000 lies there; half a BTC at 1,000,000 comes and goes for
    600,000: (100,000 + 500,000) / 1 BTC, so 300,000 of cost.
    """
    fills = [
        told(1, BUY, at=T0 + DAY, price=1_000_000, lots=BTC // 2),
        told(2, SELL, at=T0 + 2 * DAY, price=1_200_000, lots=BTC // 2),
    ]
    elsewhere = CoinHolding(lots=BTC // 2, cost_jpy=Decimal(100_000))
    year = tax_year(fills, 2026, elsewhere=elsewhere)
    alone = tax_year(fills, 2026)
    for method in AverageMethod:
        assert year.profit_jpy(method) == 300_000
        assert alone.profit_jpy(method) == 100_000
    assert year.elsewhere == elsewhere


def test_margin_by_hand() -> None:
    """Long 0.01 BTC at 10,000,000 and 0.01 at 11,000,000, fees 10 and 11; half is closed at
    12,000,000 with fee 12 and interest 40: 0.01 x (12,000,000 - 10,500,000) - 10.5 - 12 - 40.

    Short 0.01 at 9,000,000, fee 9; closed at 8,000,000, fee 8, interest 5: 10,000 - 17 - 5.
    """
    year = tax_year(
        [
            told(1, BUY, at=T0, price=10_000_000, lots=100, fee="10", account=MARGIN),
            told(2, BUY, at=T0 + 1, price=11_000_000, lots=100, fee="11", account=MARGIN),
            told(
                3,
                SELL,
                at=T0 + 2,
                price=12_000_000,
                lots=100,
                fee="12",
                account=MARGIN,
                interest="40",
            ),
            told(
                4,
                BUY,
                at=T0 + 3,
                price=9_000_000,
                lots=100,
                fee="9",
                account=MARGIN,
                side=Side.SHORT,
            ),
            told(
                5,
                SELL,
                at=T0 + 4,
                price=8_000_000,
                lots=100,
                fee="8",
                account=MARGIN,
                interest="5",
                side=Side.SHORT,
            ),
        ],
        2026,
    )
    assert profits(year) == {one: ["14937.5000", "9978.0000"] for one in AverageMethod}
    assert year.margin.gross_jpy == 25_000
    assert year.margin.fees_jpy == Decimal("39.5")
    assert year.margin.interest_jpy == 45
    costs = [row.realised[MOVING].cost_jpy for row in year.rows if row.realised]
    assert costs == [105_000, 90_000], "what a long had cost, and what a short had brought"
    (((_, side), held),) = year.margin.closing.items()
    assert (side, held.lots, held.average_price) == (Side.LONG, 100, 10_500_000)
    assert held.fees_jpy == Decimal("10.5"), "its fee counts with its close"
    assert [row.told.act.value for row in year.rows] == [
        "open_long",
        "open_long",
        "close_long",
        "open_short",
        "close_short",
    ]


def test_a_position_that_is_open_at_the_turn_of_the_year_counts_in_the_next() -> None:
    opened = told(1, BUY, at=T0 - HOUR, price=10_000_000, lots=100, fee="10", account=MARGIN)
    closed = told(
        2, SELL, at=T0 + HOUR, price=11_000_000, lots=100, fee="11", account=MARGIN, interest="4"
    )
    before, after = (tax_year([opened, closed], year) for year in (2025, 2026))
    assert (before.margin.profit_jpy, after.margin.profit_jpy) == (0, 9_975)
    assert (len(before.margin.closing), len(after.margin.closing)) == (1, 0)
    assert before.margin.closing == after.margin.opening
    assert tax_year([opened, closed], 2024).rows == ()


@pytest.mark.parametrize(("before_ms", "year"), [(1, 2025), (0, 2026)])
def test_a_year_begins_at_midnight_in_japan(before_ms: int, year: int) -> None:
    one = told(1, BUY, at=T0 - before_ms, price=10_000_000, lots=100)
    assert datetime.fromtimestamp(one.fill.at / 1000, tz=UTC).hour in {14, 15}
    assert [len(tax_year([one], number).rows) for number in (2025, 2026)] == [
        int(year == 2025),
        int(year == 2026),
    ]


def test_what_was_never_there_cannot_be_sold_and_a_missing_opening_is_named() -> None:
    sold = told(2, SELL, at=T0, price=10_000_000, lots=100)
    bought = told(1, BUY, at=T0 - 1, price=10_000_000, lots=99)
    for fills in ([sold], [bought, sold]):
        with pytest.raises(UserError, match="known to be held") as raised:
            tax_year(fills, 2026)
        assert "--opening-btc" in raised.value.remedy
    later = replace(bought, fill=replace(bought.fill, at=T0 + 1, lots=100))
    with pytest.raises(UserError):
        average.moving_average([sold, later], 2026, CoinHolding())
    with pytest.raises(UserError):
        average.total_average([sold, bought], 2026, CoinHolding())
    assert average.total_average([sold, later], 2026, CoinHolding()).profit_jpy == 0
    elsewhere = CoinHolding(lots=1, cost_jpy=Decimal(1_000))
    assert tax_year([bought, sold], 2026, elsewhere=elsewhere).coins[TOTAL].closing.lots == 0
    for lots in (None, 99):
        first = [] if lots is None else [replace(bought, account=MARGIN)]
        with pytest.raises(BadData, match="some are missing"):
            tax_year([*first, replace(sold, account=MARGIN)], 2026)


def test_two_books_average_their_coins_together_and_their_positions_apart() -> None:
    def fills(account: AccountKind) -> list[Any]:
        return [
            told(1, BUY, at=T0, price=1_000_000, lots=BTC, account=account),
            told(1, BUY, at=T0 + 1, price=3_000_000, lots=BTC, account=account, book=BOOKS[1]),
            told(2, SELL, at=T0 + 2, price=4_000_000, lots=BTC, account=account),
        ]

    assert tax_year(fills(AccountKind.SPOT), 2026).profit_jpy(MOVING) == 2_000_000
    assert tax_year(fills(MARGIN), 2026).profit_jpy(MOVING) == 3_000_000


SEEN: Counter[str] = Counter()


def check_random_years(examples: int, **more: Any) -> None:
    """Without making a failure smaller: that a slip is seen is all that is asked then."""

    @hypothesis.settings(max_examples=examples, report_multiple_bugs=False, **more)
    @hypothesis.given(stories())
    def check(story: Any) -> None:
        SEEN.update(check_story(*story))

    check()


def test_random_years_are_what_a_second_way_in_fractions_makes_of_them() -> None:
    SEEN.clear()
    check_random_years(80)
    assert SEEN["sales"] > 300, SEEN
    assert SEEN["closes"] > 100, SEEN
    assert SEEN["years"] > 100, SEEN
    assert SEEN["carried"] > 50, SEEN
    assert SEEN["between the midnights"] > 20, SEEN


def year_of_utc(at: int) -> int:
    return datetime.fromtimestamp(at / 1000, tz=UTC).year


def without_fee(one: Any) -> CoinHolding:
    return CoinHolding(lots=one.fill.lots, cost_jpy=one.amount_jpy)


def averaged_at_a_sale(held: CoinHolding, one: Any) -> Any:
    after, realised = REAL_MOVED(held, one)
    if realised is None or not after.lots:
        return after, realised
    return replace(after, cost_jpy=after.cost_jpy + realised.profit_jpy), realised


def doubled_interest(*given: Any, interest_jpy: Decimal, **more: Any) -> Any:
    return REAL_TRADE(*given, interest_jpy=2 * interest_jpy, **more)


def forgotten_fees(*given: Any, **more: Any) -> Any:
    return replace(REAL_TRADE(*given, **more), fees_jpy=given[2].fee_jpy)


def sold_without_fee(one: Any, unit: int) -> Any:
    found = REAL_SOLD(one, unit)
    return replace(found, profit_jpy=found.profit_jpy + one.fill.fee_jpy)


def rounded_down(self: CoinHolding) -> int:
    return int(self.cost_jpy * 10_000 // self.lots) if self.lots else 0


def first_in_first_out(held: Any, lots: int, *, kind: Any) -> Any:
    del kind
    return REAL_LEFT(held, lots, kind=AccountKind.SPOT)


REAL_MOVED, REAL_SOLD = average._after_fill, average._sale_of
REAL_TRADE, REAL_LEFT = margin.closing_trade, margin.position_left

SLIPS: dict[str, tuple[Any, str, Callable[..., Any]]] = {
    "the year of UTC": (noun, "tax_year_of", year_of_utc),
    "a purchase without its fee": (average, "_purchase_of", without_fee),
    "a sale without its fee": (average, "_sale_of", sold_without_fee),
    "the average anew after a sale": (average, "_after_fill", averaged_at_a_sale),
    "the unit price rounded down": (CoinHolding, "unit_price_yen", property(rounded_down)),
    "interest twice": (margin, "closing_trade", doubled_interest),
    "the opening's fee forgotten": (margin, "closing_trade", forgotten_fees),
    "first in first out on margin": (margin, "position_left", first_in_first_out),
}


@pytest.mark.parametrize("slip", SLIPS)
def test_a_slip_in_a_rule_is_noticed(slip: str, monkeypatch: pytest.MonkeyPatch) -> None:
    where, name, planted = SLIPS[slip]
    monkeypatch.setattr(where, name, planted)
    with pytest.raises(AssertionError):
        check_random_years(60, phases=[hypothesis.Phase.generate])
