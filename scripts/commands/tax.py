"""What came of a year, for a tax return."""

from decimal import Decimal, InvalidOperation
from pathlib import Path

import click

from scripts.operation.bot import Here, open_bot
from scripts.operation.tax_books import (
    BookKind,
    read_tax_books,
    read_tax_executions,
    year_bounds,
)
from scripts.output.console import emit, json_option
from scripts.output.tax import TaxAnswer, tax_lines
from scripts.output.tax_csv import CsvLanguage, tax_csv
from scripts.output.tax_data import tax_data
from scripts.research.writable import require_file, write_results
from shared.core.errors import BadData, UserError
from shared.core.money import LOT_BTC, jpy
from shared.core.types import Purpose
from shared.results.tax import (
    AverageMethod,
    CoinHolding,
    book_differences,
    exchange_differences,
    tax_year,
    with_interest,
)

DIFFERENT = 3
MOST_BTC, MOST_YEN = 21_000_000, 10**15


@click.command()
@click.option(
    "--year",
    type=click.IntRange(2014, 2100),
    required=True,
    help="The calendar year in Japan's time.",
)
@click.option(
    "--method",
    type=click.Choice([str(method) for method in AverageMethod]),
    help="Only by one method: moving (移動平均法) or total (総平均法).  [default: both]",
)
@click.option(
    "--csv",
    "csv_path",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write every fill and the totals there, for a tax accountant.",
)
@click.option(
    "--csv-language",
    type=click.Choice(["en", "ja"]),
    default="en",
    show_default=True,
    help="The language of the file.",
)
@click.option(
    "--book",
    type=click.Choice(["real", "paper"]),
    help="Whose fills.  [default: real, where there ever was real money]",
)
@click.option("--opening-btc", metavar="BTC", help="Coins from elsewhere that the year began with.")
@click.option("--opening-cost-jpy", metavar="YEN", help="What these had cost, with fees.")
@click.option(
    "--reconcile",
    is_flag=True,
    help="Ask the exchange for every execution of the year, and compare.",
)
@json_option
@click.pass_context
def command(
    context: click.Context,
    *,
    year: int,
    method: str | None,
    csv_path: Path | None,
    csv_language: CsvLanguage,
    book: BookKind | None,
    opening_btc: str | None,
    opening_cost_jpy: str | None,
    reconcile: bool,
    as_json: bool,
) -> None:
    """Say what a year's fills realised, as a Japanese tax return wants it.

    Every fill with its fee, interest and realised profit by 移動平均法 and 総平均法, in Japan's
    time; then the year's totals. Positions on margin realise at their close. The fills are held
    against the stored trades and the bot's own book, and with --reconcile against the exchange,
    which is only read. Exit code 3 where something differs. What it leaves out: docs/tax.md
    """
    elsewhere = _elsewhere(opening_btc, opening_cost_jpy)
    methods = tuple(AverageMethod) if method is None else (AverageMethod(method),)
    if csv_path is not None:
        require_file(csv_path, "--csv")
    with open_bot() as here:
        answer = look_at_year(
            here, year, kind=book, methods=methods, elsewhere=elsewhere, reconcile=reconcile
        )
    written = ""
    if csv_path is not None and answer.year is not None:
        is_paper = answer.kind == "paper"
        data = tax_csv(answer.year, methods=methods, language=csv_language, is_paper=is_paper)
        write_results(csv_path.absolute().parent, {csv_path.name: data}, option="--csv")
        written = str(csv_path)
    emit(tax_data(answer), "\n".join(tax_lines(answer, written=written)), as_json=as_json)
    differs = answer.of_books or answer.of_exchange or answer.year is None
    context.exit(DIFFERENT if differs else 0)


def look_at_year(
    here: Here,
    number: int,
    *,
    kind: BookKind | None,
    methods: tuple[AverageMethod, ...],
    elsewhere: CoinHolding,
    reconcile: bool,
) -> TaxAnswer:
    """Read the books, compute the year, and compare."""
    executions = read_tax_executions(here, number) if reconcile else ()
    books = read_tax_books(here, kind)
    if reconcile and books.kind == "paper":
        raise UserError("--reconcile is about a real account", remedy="leave out --book paper")
    fills, strays = with_interest(books.fills, books.trades)
    of_books = (*strays, *book_differences(fills, books.trades, books.standings))
    of_year = [told for told in fills if told.year == number]
    of_exchange = exchange_differences(of_year, executions) if reconcile else None
    year, trouble = None, ""
    try:
        year = tax_year(fills, number, elsewhere=elsewhere)
    except (BadData, UserError) as error:
        if not of_books and not of_exchange:
            raise
        trouble = str(error)  # what differs is why, and is listed
    return TaxAnswer(
        bot_id=here.settings.id,
        kind=books.kind,
        books=books.book_names,
        number=number,
        methods=methods,
        is_over=year_bounds(number)[1] <= here.clock.now_ms(),
        year=year,
        trouble=trouble,
        fills=len(fills),
        closes=sum(told.fill.purpose is not Purpose.ENTRY for told in fills),
        is_standing_known=bool(books.standings),
        of_books=of_books,
        of_exchange=of_exchange,
        executions=len(executions),
        account=here.settings.account,
    )


def _elsewhere(size_btc: str | None, cost_jpy: str | None) -> CoinHolding:
    """Coins that the year began with besides. Raises `UserError` where one half is missing."""
    if (size_btc is None) != (cost_jpy is None):
        raise UserError(
            "coins from elsewhere need their size and what they had cost",
            remedy="give both --opening-btc and --opening-cost-jpy",
        )
    if size_btc is None or cost_jpy is None:
        return CoinHolding()
    size, cost = _number(size_btc, "--opening-btc"), _number(cost_jpy, "--opening-cost-jpy")
    lots = size / LOT_BTC
    if not 0 < size <= MOST_BTC or lots != int(lots):
        raise UserError(
            f"--opening-btc was {size_btc}",
            remedy=f"give a size above 0 in steps of {LOT_BTC} BTC; round down what is finer",
        )
    if not 0 <= cost <= MOST_YEN:
        raise UserError(f"--opening-cost-jpy was {cost_jpy}", remedy="give yen, like 1500000")
    return CoinHolding(lots=int(lots), cost_jpy=jpy(cost))


def _number(text: str, option: str) -> Decimal:
    try:
        number = Decimal(text)
    except InvalidOperation as error:
        raise UserError(f"{option} was {text!r}", remedy="give a number, like 0.5") from error
    if not number.is_finite():
        raise UserError(f"{option} was {text!r}", remedy="give a number, like 0.5")
    return number
