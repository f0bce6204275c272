"""How a year for the tax return is told: in eighty columns, and as the file of an accountant."""

import csv
import io
from dataclasses import replace
from decimal import Decimal
from typing import Any
from unicodedata import east_asian_width

import pytest

from scripts.output.tax import MOST_ROWS, WIDTH, TaxAnswer, tax_lines
from scripts.output.tax_csv import tax_csv
from scripts.output.tax_data import tax_data
from shared.core.types import AccountKind, BookName, Purpose, Side
from shared.results.tax import (
    AverageMethod,
    CoinHolding,
    TaxDifference,
    TaxFill,
    TaxMismatch,
    tax_year,
)
from tests.support.tax_stories import BOOKS, DAY, HOUR, NEW_YEARS, told

BUY, SELL = Purpose.ENTRY, Purpose.CLOSE
BOTH = tuple(AverageMethod)
T0 = NEW_YEARS[2]
MARGIN = AccountKind.MARGIN
FILLS = (
    told(1, BUY, at=T0 + DAY, price=10_000_000, lots=100, fee="10"),
    told(2, SELL, at=T0 + 2 * DAY, price=11_000_000, lots=50, fee="5.5"),
    told(3, BUY, at=T0 + 3 * DAY, price=9_000_000, lots=40, account=MARGIN, side=Side.SHORT),
    told(
        4,
        SELL,
        at=T0 + 4 * DAY,
        price=8_000_000,
        lots=10,
        fee="0.8",
        interest="3",
        account=MARGIN,
        side=Side.SHORT,
    ),
)
"""Coins: 100,010 paid, a coin costs 10,001,000; of a short a quarter is closed."""


def answer_of(*fills: TaxFill, elsewhere: CoinHolding | None = None, **more: Any) -> TaxAnswer:
    given: dict[str, Any] = {
        "bot_id": "default",
        "kind": "real",
        "books": (BOOKS[0],),
        "number": 2026,
        "methods": BOTH,
        "is_over": True,
        "year": tax_year(fills, 2026, elsewhere=elsewhere or CoinHolding()),
        "trouble": "",
        "fills": len(fills),
        "closes": 2,
        "is_standing_known": True,
        "of_books": (),
        "of_exchange": None,
        "executions": 0,
        "account": AccountKind.SPOT,
    }
    return TaxAnswer(**{**given, **more})


def text_of(answer: TaxAnswer, **more: Any) -> str:
    lines = tax_lines(answer, **more)
    widths = [sum(2 if east_asian_width(one) in "WF" else 1 for one in line) for line in lines]
    assert max(widths) <= WIDTH, lines[widths.index(max(widths))]
    return " ".join(" ".join(lines).split())


def test_a_year_is_told_in_eighty_columns_with_what_is_carried_over() -> None:
    text = text_of(answer_of(*FILLS))
    assert "01-02 00:00 buy 0.0100 10,000,000 10 0" in text
    assert "01-03 00:00 sell 0.0050 11,000,000 6 0 +4,990 +4,990" in text
    assert "01-05 00:00 close short 0.0010 8,000,000 1 3 +996 +996" in text
    assert "coins at the end 0.0050 BTC 50,005.0000 50,005.0000" in text
    assert "profit of the year, yen 5,985.7000 5,985.7000" in text
    assert "Open on margin at the end of the year: short 0.0030 BTC at ¥9,000,000." in text
    assert "rounded up to the yen" in text
    assert "tell with --opening-btc" in text
    assert "The year is not over" not in text
    assert "no tax advice" in text


def test_what_is_so_of_this_year_alone_is_told() -> None:
    elsewhere = CoinHolding(lots=5_000, cost_jpy=Decimal(1_500_000))
    text = text_of(answer_of(*FILLS, elsewhere=elsewhere, is_over=False))
    assert "The year began with 0.5000 BTC from elsewhere, which had cost ¥1,500,000." in text
    assert "tell with --opening-btc" not in text
    assert "each further purchase changes 総平均" in text
    only_margin = text_of(answer_of(*FILLS[2:], is_over=False))
    assert "The year is not over." in only_margin
    assert "rounded up to the yen" not in only_margin
    assert "coins at the end" not in only_margin
    assumed = replace(FILLS[0], is_kind_assumed=True)
    assert "1 fills were stored without their kind" in text_of(answer_of(assumed))
    by_hand = replace(FILLS[0], fill=replace(FILLS[0].fill, execution_id=None))
    assert "1 fills are a person's corrections" in text_of(answer_of(by_hand))
    assert "No fill in this year." in text_of(answer_of())
    assert "no book of real money" in text_of(answer_of(books=()))
    one_method = text_of(answer_of(*FILLS, methods=(AverageMethod.TOTAL,)))
    assert "移動平均" not in one_method.replace("移動平均法", "")


def test_what_was_done_on_paper_is_told_as_not_taxable() -> None:
    on_paper = [
        replace(one, book=BookName(), fill=replace(one.fill, execution_id=None)) for one in FILLS
    ]
    answer = answer_of(*on_paper, kind="paper", books=(BookName(),))
    text = text_of(answer)
    assert "none of it is taxable" in text
    assert "corrections" not in text
    assert "Exchange" not in text
    assert tax_data(answer)["is_taxable"] is False
    rows = file_of(answer, language="ja", is_paper=True)
    assert {row[11] for row in rows if row[0][:2] == "20"} == {"模擬取引 課税対象外"}
    assert {row[10] for row in rows if row[0][:2] == "20"} == {"模擬取引"}


def test_of_many_fills_the_last_are_shown_and_the_file_is_named() -> None:
    fills = [
        told(number, BUY, at=T0 + number * HOUR, price=10_000_000 + number, lots=1)
        for number in range(1, MOST_ROWS + 8)
    ]
    lines = tax_lines(answer_of(*fills))
    shown = [line for line in lines if " buy " in line]
    assert len(shown) == MOST_ROWS
    assert f"10,000,0{MOST_ROWS + 7}" in shown[-1]
    assert any("… and 7 before these" in line for line in lines)
    written = text_of(answer_of(*fills), written="2026.csv")
    assert f"2026.csv: {MOST_ROWS + 7} fills and the totals." in written
    assert " buy " not in written


@pytest.mark.parametrize("what", list(TaxMismatch))
def test_every_difference_has_its_words(what: TaxMismatch) -> None:
    one = TaxDifference(what=what, number="41", field="price", stored="7", found="8")
    text = text_of(answer_of(*FILLS, of_books=(one,), of_exchange=(one,), executions=4))
    assert "Books, differences: 1." in text
    assert "Exchange, of 4 executions that it tells, differences: 1." in text
    assert text.count("* ") == 2
    assert "41" in text
    broken = text_of(answer_of(of_books=(one,), year=None, trouble="some are missing"))
    assert "Nothing can be computed: some are missing." in broken
    assert tax_data(answer_of(year=None, trouble="some are missing"))["rows"] == []


def file_of(answer: TaxAnswer, **more: Any) -> list[list[str]]:
    assert answer.year is not None
    raw = tax_csv(answer.year, methods=answer.methods, **more)
    assert raw.startswith(b"\xef\xbb\xbf")
    return list(csv.reader(io.StringIO(raw.decode("utf-8-sig"))))


def test_the_file_says_of_each_fill_what_an_accountant_expects() -> None:
    english, japanese = (
        file_of(answer_of(*FILLS), language=language, is_paper=False) for language in ("en", "ja")
    )
    assert japanese[0][:8] == [
        "日時(日本時間)",
        "取引種別",
        "数量(BTC)",
        "単価(円)",
        "金額(円)",
        "手数料(円)",
        "損益に算入した手数料(円)",
        "利息(円)",
    ]
    assert japanese[0][-1] == "実現損益 総平均法(円)"
    assert [row[1] for row in japanese[1:5]] == ["現物買", "現物売", "信用新規売", "信用返済買"]
    assert [row[1] for row in english[1:5]] == ["buy", "sell", "open short", "close short"]
    assert english[2] == [
        *("2026-01-03 00:00:00", "sell", "0.0050", "11000000", "55000.0000", "5.5", "5.5", "0"),
        *("1002", "2", "live since 1970-01-01 09:00:00", ""),
        *("10001000", "50005.0000", "4989.5000", "10001000", "50005.0000", "4989.5000"),
    ]
    assert japanese[4][12:15] == ["9000000", "9000.0000", "996.2000"]
    assert [row[14] for row in english if row[1] == "profit of the year"] == ["5985.7000"]
    assert [row[17] for row in japanese if row[1] == "年間実現損益"] == ["5985.7000"]
    assert [row[2] for row in japanese if row[1] == "年末残高"] == ["0.0050"]
    numbers = [[row[2:10], row[12:]] for row in english]
    assert numbers[1:] == [[row[2:10], row[12:]] for row in japanese][1:]
    assert {len(row) for row in (*english, *japanese)} == {18}


def test_the_totals_of_the_file_are_the_sum_of_its_rows_and_the_rounding() -> None:
    rows = file_of(answer_of(*FILLS), language="en", is_paper=False)
    totals = {row[1]: Decimal(row[14]) for row in rows[1:] if not row[0]}
    realised = sum((Decimal(row[14]) for row in rows[1:] if row[0] and row[14]), Decimal(0))
    rounding = totals["rounding of the unit price, in the next line"]
    assert realised + rounding == totals["profit of the year"]
    cost = totals["coins at the beginning of the year"] + totals["coins bought, with fees"]
    assert totals["cost of the coins sold"] == cost - totals["coins at the end of the year"]
    assert totals["profit of coins"] == (
        totals["coins sold, proceeds"]
        - totals["fees of selling coins"]
        - totals["cost of the coins sold"]
    )
