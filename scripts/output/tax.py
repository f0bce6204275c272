"""A year's fills and what they realised, for a terminal of 80 columns."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from unicodedata import east_asian_width

from scripts.output.tax_csv import book_words, tax_totals
from shared.core.calendar import JST
from shared.core.money import btc_from_lots
from shared.core.sentences import say
from shared.core.sentences.figures import btc, yen, yen_alone
from shared.core.types import AccountKind, BookName
from shared.results.tax import AverageMethod, TaxDifference, TaxRow, TaxYear

WIDTH = 80
MOST_ROWS = 50
WIDTHS = (11, 11, 7, 10, 6, 8)
OF_METHOD = 10
LABEL, SIZE, SUM = 28, 12, 16


@dataclass(frozen=True, slots=True, kw_only=True)
class TaxAnswer:
    """What the command found.

    Attributes:
        books: The books whose fills they are; of one kind.
        year: None where fills are missing, as `trouble` says.
        fills: How many there are of all years, and `closes` of them.
        is_standing_known: Whether a book goes on that says how it stands.
        of_books: In what the books differ; `of_exchange` None where it was not asked.
        executions: How many the exchange told of the year.
    """

    bot_id: str
    kind: str
    books: tuple[BookName, ...]
    number: int
    methods: tuple[AverageMethod, ...]
    is_over: bool
    year: TaxYear | None
    trouble: str
    fills: int
    closes: int
    is_standing_known: bool
    of_books: tuple[TaxDifference, ...]
    of_exchange: tuple[TaxDifference, ...] | None
    executions: int
    account: AccountKind


def tax_lines(answer: TaxAnswer, *, written: str = "") -> list[str]:
    """The year in words; the fills lie in the file that was `written`, where one was."""
    lines = [*_text_lines(_head(answer))]
    if answer.year is None:
        lines += ["", *_text_lines(say("tax.uncomputed", trouble=answer.trouble))]
    else:
        lines += [""]
        if written:
            lines += [say("tax.written", path=written, rows=len(answer.year.rows)), ""]
        else:
            lines += _rows(answer.year, answer.methods)
        lines += _sums(answer.year, answer.methods)
        lines += ["", *_notes(answer, answer.year)]
    return [*lines, "", *_differences(answer), *_text_lines(say("tax.no_advice"))]


def _head(answer: TaxAnswer) -> str:
    if answer.kind == "paper":
        return say("tax.head_paper", year=answer.number, bot=answer.bot_id)
    books = ", ".join(map(book_words, answer.books)) or say("tax.no_books")
    return say("tax.head", year=answer.number, bot=answer.bot_id, books=books)


def _rows(year: TaxYear, methods: Sequence[AverageMethod]) -> Iterator[str]:
    if not year.rows:
        yield say("tax.no_fills")
        yield ""
        return
    names = [
        say("tax.column.time"),
        say("tax.column.act"),
        say("tax.column.size"),
        say("tax.column.price"),
        say("tax.column.fee"),
        say("tax.column.interest"),
        *(say(f"tax.column.{method}") for method in methods),
    ]
    yield _line(names)
    if len(year.rows) > MOST_ROWS:
        yield say("tax.earlier_rows", rows=len(year.rows) - MOST_ROWS)
    for row in year.rows[-MOST_ROWS:]:
        yield _line(_cells(row, methods))
    yield ""


def _cells(row: TaxRow, methods: Sequence[AverageMethod]) -> list[str]:
    told, fill = row.told, row.told.fill
    return [
        f"{datetime.fromtimestamp(fill.at // 1000, tz=JST):%m-%d %H:%M}",
        told.act.replace("_", " "),
        f"{btc_from_lots(fill.lots):f}",
        yen_alone(fill.price),
        yen_alone(fill.fee_jpy),
        yen_alone(told.interest_jpy),
        *(
            yen_alone(row.realised[method].profit_jpy, sign=True) if row.realised else ""
            for method in methods
        ),
    ]


def _line(cells: Sequence[str]) -> str:
    widths = [*WIDTHS, *[OF_METHOD] * (len(cells) - len(WIDTHS))]
    padded = [
        _pad_cell(cell, width, left=number < 2)
        for number, (cell, width) in enumerate(zip(cells, widths, strict=True))
    ]
    return " ".join(padded).rstrip()


def _pad_cell(text: str, width: int, *, left: bool) -> str:
    space = " " * (width - _columns(text))
    return f"{text}{space}" if left else f"{space}{text}"


def _sums(year: TaxYear, methods: Sequence[AverageMethod]) -> Iterator[str]:
    titles = [_pad_cell(say(f"tax.column.{method}"), SUM, left=False) for method in methods]
    yield f"{'':{LABEL}}{'':{SIZE}}{''.join(titles)}"
    for name, lots, amounts in tax_totals(year, methods):
        size = "" if lots is None else btc(lots)
        told = "".join(f"{amount:>{SUM},.4f}" for amount in amounts)
        yield f"{say(f'tax.sum.{name}'):{LABEL}}{size:>{SIZE}}{told}"


def _notes(answer: TaxAnswer, year: TaxYear) -> Iterator[str]:
    has_coins = any(one.opening.lots or one.acquired.lots for one in year.coins.values())
    for (_, side), held in year.margin.closing.items():
        price = yen(held.average_price)
        yield from _text_lines(say("tax.carried", side=side, size=btc(held.lots), price=price))
    if has_coins:
        yield from _text_lines(say("tax.unit_price"))
    if year.elsewhere.lots:
        size, cost = btc(year.elsewhere.lots), yen(year.elsewhere.cost_jpy)
        yield from _text_lines(say("tax.elsewhere", size=size, cost=cost))
    if answer.kind != "paper":
        is_open = has_coins and not year.elsewhere.lots
        yield from _text_lines(say("tax.no_elsewhere" if is_open else "tax.transfers"))
    if not answer.is_over:
        yield from _text_lines(say("tax.not_over_coins" if has_coins else "tax.not_over"))
    assumed = sum(row.told.is_kind_assumed for row in year.rows)
    if assumed:
        yield from _text_lines(say("tax.assumed", fills=assumed, account=answer.account))
    by_hand = sum(row.told.is_by_hand for row in year.rows)
    if by_hand and answer.kind != "paper":
        yield from _text_lines(say("tax.by_hand", fills=by_hand))


def _differences(answer: TaxAnswer) -> Iterator[str]:
    if answer.of_books:
        yield say("tax.books_differ", differences=len(answer.of_books))
        yield from _each(answer.of_books)
    else:
        standing = say("tax.book_standing") if answer.is_standing_known else ""
        agree = say("tax.books_agree", fills=answer.fills, trades=answer.closes, standing=standing)
        yield from _text_lines(agree)
    if answer.of_exchange is None:
        if answer.kind != "paper":
            yield say("tax.exchange_unasked")
    elif answer.of_exchange:
        yield from _text_lines(
            say(
                "tax.exchange_differs",
                executions=answer.executions,
                differences=len(answer.of_exchange),
            )
        )
        yield from _each(answer.of_exchange)
    else:
        yield from _text_lines(say("tax.exchange_agrees", executions=answer.executions))


def _each(differences: Sequence[TaxDifference]) -> Iterator[str]:
    for one in differences:
        for number, line in enumerate(_text_lines(_difference(one), WIDTH - 4)):
            yield f"  {'  ' if number else '* '}{line}"


def _difference(one: TaxDifference) -> str:
    number, stored, found = one.number, one.stored, one.found
    match one.what.value:
        case "other_trade" | "other_execution" as what:
            return say(
                f"tax.differs.{what}", number=number, field=one.field, stored=stored, found=found
            )
        case "other_cash" | "other_position" as what:
            return say(f"tax.stands.{what}", number=number, stored=stored, found=found)
        case "not_stored":
            return say("tax.not_stored", number=number, found=found)
        case what:
            return say(f"tax.lacks.{what}", number=number)


def _columns(text: str) -> int:
    """How many columns it takes: letters of East Asia take two."""
    return sum(2 if east_asian_width(letter) in "WF" else 1 for letter in text)


def _text_lines(text: str, width: int = WIDTH) -> list[str]:
    lines: list[str] = []
    for word in text.split(" "):
        if lines and _columns(lines[-1]) + 1 + _columns(word) <= width:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines
