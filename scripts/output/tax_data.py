"""A year's fills and what they realised, as JSON."""

from collections.abc import Mapping
from typing import Any

import msgspec

from scripts.output.tax import TaxAnswer
from scripts.output.tax_csv import book_words, tax_totals
from shared.core.calendar import jst_text
from shared.core.types import BookName, Position, Side
from shared.results.tax import TaxRow, TaxYear


def tax_data(answer: TaxAnswer) -> dict[str, Any]:
    """The answer in plain values: instants also in Japan's time, sizes in lots, yen as texts."""
    year = answer.year
    return {
        "bot": answer.bot_id,
        "kind": answer.kind,
        "is_taxable": answer.kind != "paper",
        "books": [book_words(book) for book in answer.books],
        "year": answer.number,
        "is_over": answer.is_over,
        "trouble": answer.trouble,
        "rows": [] if year is None else [_row(row, answer) for row in year.rows],
        "totals": {} if year is None else _totals(year, answer),
        "elsewhere": None if year is None else year.elsewhere,
        "carried_in": [] if year is None else _carried_positions(year.margin.opening),
        "carried_over": [] if year is None else _carried_positions(year.margin.closing),
        "fills": answer.fills,
        "closes": answer.closes,
        "book_is_known": answer.is_standing_known,
        "book_differences": answer.of_books,
        "executions": answer.executions,
        "exchange_differences": answer.of_exchange,
    }


def _row(row: TaxRow, answer: TaxAnswer) -> dict[str, Any]:
    told, fill = row.told, row.told.fill
    return {
        "at": fill.at,
        "at_jst": jst_text(fill.at),
        "act": told.act,
        "book": book_words(told.book),
        "name": told.name,
        "execution": fill.execution_id,
        "order": fill.order_id,
        "lots": fill.lots,
        "price": fill.price,
        "amount_jpy": told.amount_jpy,
        "fee_jpy": fill.fee_jpy,
        "interest_jpy": told.interest_jpy,
        "kind_is_assumed": told.is_kind_assumed,
        "realised": {
            str(method): msgspec.to_builtins(row.realised[method])
            for method in answer.methods
            if method in row.realised
        },
    }


def _totals(year: TaxYear, answer: TaxAnswer) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {str(method): {} for method in answer.methods}
    for name, lots, amounts in tax_totals(year, answer.methods):
        for method, amount in zip(answer.methods, amounts, strict=True):
            size = {} if lots is None else {"lots": lots}
            found[str(method)][name] = {"jpy": amount, **size}
    return found


def _carried_positions(positions: Mapping[tuple[BookName, Side], Position]) -> list[dict[str, Any]]:
    return [
        {
            "book": book_words(book),
            "side": side,
            "lots": held.lots,
            "average_price": held.average_price,
            "fees_jpy": held.fees_jpy,
        }
        for (book, side), held in positions.items()
    ]
