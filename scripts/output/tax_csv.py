"""A year's fills as the file that goes to a tax accountant: a row a fill, then the year's totals,
with times of Japan, in English or Japanese. UTF-8 with a byte order mark, by which Excel knows it.
"""

import csv
from collections.abc import Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from io import StringIO
from typing import Literal, TypeAlias

from shared.core.calendar import JST
from shared.core.money import btc_from_lots
from shared.core.types import BookName
from shared.results.tax import AverageMethod, CoinYear, TaxAct, TaxRow, TaxYear

CsvLanguage: TypeAlias = Literal["en", "ja"]

HEADER = {
    "en": (
        "time_jst",
        "type",
        "size_btc",
        "price_jpy",
        "amount_jpy",
        "fee_jpy",
        "fees_deducted_jpy",
        "interest_jpy",
        "execution",
        "order",
        "book",
        "note",
    ),
    "ja": (
        "日時(日本時間)",
        "取引種別",
        "数量(BTC)",
        "単価(円)",
        "金額(円)",
        "手数料(円)",
        "損益に算入した手数料(円)",
        "利息(円)",
        "約定番号",
        "注文番号",
        "帳簿",
        "備考",
    ),
}
OF_METHOD = {
    "en": ("unit_cost_{}_jpy", "cost_{}_jpy", "realised_{}_jpy"),
    "ja": ("取得単価 {}(円)", "取得原価 {}(円)", "実現損益 {}(円)"),
}
METHODS = {
    "en": {AverageMethod.MOVING: "moving_average", AverageMethod.TOTAL: "total_average"},
    "ja": {AverageMethod.MOVING: "移動平均法", AverageMethod.TOTAL: "総平均法"},
}
ACTS = {
    "en": {act: act.value.replace("_", " ") for act in TaxAct},
    "ja": {
        TaxAct.BUY: "現物買",
        TaxAct.SELL: "現物売",
        TaxAct.OPEN_LONG: "信用新規買",
        TaxAct.CLOSE_LONG: "信用返済売",
        TaxAct.OPEN_SHORT: "信用新規売",
        TaxAct.CLOSE_SHORT: "信用返済買",
    },
}
TOTALS = {
    "en": {
        "opening": "coins at the beginning of the year",
        "acquired": "coins bought, with fees",
        "sold": "coins sold, proceeds",
        "closing": "coins at the end of the year",
        "cost": "cost of the coins sold",
        "fees": "fees of selling coins",
        "rounding": "rounding of the unit price, in the next line",
        "coins": "profit of coins",
        "gross": "margin: differences",
        "margin_fees": "margin: fees",
        "interest": "margin: interest",
        "margin": "profit on margin",
        "profit": "profit of the year",
    },
    "ja": {
        "opening": "年始残高",
        "acquired": "年中取得(手数料込)",
        "sold": "年中売却(譲渡収入)",
        "closing": "年末残高",
        "cost": "譲渡原価",
        "fees": "売却手数料",
        "rounding": "取得単価の端数(次行に含む)",
        "coins": "現物損益",
        "gross": "信用決済差益",
        "margin_fees": "信用手数料",
        "interest": "信用利息",
        "margin": "信用損益",
        "profit": "年間実現損益",
    },
}
NOTES = {
    "en": {"hand": "corrected by a person", "assumed": "kind of account assumed"},
    "ja": {"hand": "手作業による訂正", "assumed": "口座種別は推定"},
}
PAPER = {"en": "on paper, not taxable", "ja": "模擬取引 課税対象外"}
BOOKS = {"en": "{mode} since {at}", "ja": "{mode} {at} 開始"}
MODES = {"en": {"live": "live", "paper": "paper"}, "ja": {"live": "実取引", "paper": "模擬取引"}}


def tax_csv(
    year: TaxYear, *, methods: Sequence[AverageMethod], language: CsvLanguage, is_paper: bool
) -> bytes:
    """The file."""
    text = StringIO()
    writer = csv.writer(text)
    for row in _csv_rows(year, methods, language, is_paper=is_paper):
        writer.writerow(row)
    return text.getvalue().encode("utf-8-sig")


def book_words(book: BookName, language: CsvLanguage = "en") -> str:
    """A book as it is told: paper, or when the real one was begun.

    >>> book_words(BookName(mode="live", opened_at=1_769_871_540_123))
    'live since 2026-01-31 23:59:00'
    """
    mode = MODES[language][book.mode]
    if book.mode == "paper":
        return mode
    return BOOKS[language].format(mode=mode, at=_second(book.opened_at))


def _csv_rows(
    year: TaxYear, methods: Sequence[AverageMethod], language: CsvLanguage, *, is_paper: bool
) -> Iterator[Sequence[str]]:
    header = list(HEADER[language])
    for method in methods:
        header += [name.format(METHODS[language][method]) for name in OF_METHOD[language]]
    yield header
    for row in year.rows:
        yield _fill_row(row, methods, language, is_paper=is_paper)
    for name, lots, amounts in tax_totals(year, methods):
        size = "" if lots is None else _size(lots)
        cells = ["", TOTALS[language][name], size, *[""] * (len(HEADER[language]) - 3)]
        for amount in amounts:
            cells += ["", "", _amount(amount)]
        yield cells


def _fill_row(
    row: TaxRow, methods: Sequence[AverageMethod], language: CsvLanguage, *, is_paper: bool
) -> Sequence[str]:
    told, fill = row.told, row.told.fill
    any_realised = next(iter(row.realised.values()), None)
    notes = [
        *([PAPER[language]] if is_paper else []),
        *([NOTES[language]["hand"]] if told.is_by_hand and not is_paper else []),
        *([NOTES[language]["assumed"]] if told.is_kind_assumed else []),
    ]
    cells = [
        _second(fill.at),
        ACTS[language][told.act],
        f"{btc_from_lots(fill.lots):f}",
        str(fill.price),
        _amount(told.amount_jpy),
        _amount(fill.fee_jpy),
        "" if any_realised is None else _amount(any_realised.fees_jpy),
        _amount(told.interest_jpy),
        told.name,
        str(fill.order_id),
        book_words(told.book, language),
        "; ".join(notes),
    ]
    for method in methods:
        one = row.realised.get(method)
        cells += (
            ["", "", ""]
            if one is None
            else [
                f"{one.unit_price_jpy.normalize():f}",
                _amount(one.cost_jpy),
                _amount(one.profit_jpy),
            ]
        )
    return cells


def tax_totals(
    year: TaxYear, methods: Sequence[AverageMethod]
) -> Iterator[tuple[str, int | None, list[Decimal]]]:
    """Each total of the year by its name, with its size in lots where it has one, and its amount by
    each method. Those of coins are left out where there were none, and so are those of margin.
    """
    coins: list[CoinYear] = [year.coins[method] for method in methods]
    one, margin = coins[0], year.margin
    if one.opening.lots or one.acquired.lots:
        yield "opening", one.opening.lots, [each.opening.cost_jpy for each in coins]
        yield "acquired", one.acquired.lots, [each.acquired.cost_jpy for each in coins]
        yield "sold", one.sold_lots, [each.proceeds_jpy for each in coins]
        yield "closing", one.closing.lots, [each.closing.cost_jpy for each in coins]
        yield "cost", one.sold_lots, [each.cost_jpy for each in coins]
        yield "fees", None, [each.fees_jpy for each in coins]
        yield "rounding", None, [each.rounding_jpy for each in coins]
        yield "coins", None, [each.profit_jpy for each in coins]
    if margin.opening or margin.closing or any(row.told.account.has_debt for row in year.rows):
        for name, amount in (
            ("gross", margin.gross_jpy),
            ("margin_fees", margin.fees_jpy),
            ("interest", margin.interest_jpy),
            ("margin", margin.profit_jpy),
        ):
            yield name, None, [amount] * len(coins)
    yield "profit", None, [year.profit_jpy(method) for method in methods]


def _second(at: int) -> str:
    return f"{datetime.fromtimestamp(at // 1000, tz=JST):%Y-%m-%d %H:%M:%S}"


def _size(lots: int) -> str:
    return f"{btc_from_lots(lots):f}"


def _amount(amount: Decimal) -> str:
    return f"{amount:f}"
