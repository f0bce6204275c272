"""A year of fills as a tax return wants it: each in Japan's time with what it realised by both
methods. Pure.
"""

from collections.abc import Iterable

from shared.results.tax.average import moving_average, total_average
from shared.results.tax.margin import margin_year
from shared.results.tax.types import (
    AverageMethod,
    CoinHolding,
    TaxAct,
    TaxFill,
    TaxRow,
    TaxYear,
)

NOTHING = CoinHolding()


def tax_year(fills: Iterable[TaxFill], year: int, *, elsewhere: CoinHolding = NOTHING) -> TaxYear:
    """The year of all `fills`, of this year and of those before; later ones change nothing.

    `elsewhere` are coins that the year began with besides, and what they had cost. Raises
    `UserError` where more coins are sold than were there, and `BadData` where fills of a position
    are missing.

    >>> from decimal import Decimal
    >>> from shared.core.types import AccountKind, BookName, Fill, Purpose, Side
    >>> def told(sequence, purpose, day, price, lots):
    ...     at = 1_767_193_200_000 + day * 86_400_000
    ...     fill = Fill(
    ...         sequence=sequence,
    ...         order_id=sequence,
    ...         purpose=purpose,
    ...         side=Side.LONG,
    ...         at=at,
    ...         price=price,
    ...         lots=lots,
    ...         maker=True,
    ...         fee_jpy=Decimal(0),
    ...     )
    ...     return TaxFill(fill=fill, book=BookName(mode="live"), account=AccountKind.SPOT)
    >>> year = tax_year(
    ...     [
    ...         told(1, Purpose.ENTRY, 0, 10_000_000, 1_000),
    ...         told(2, Purpose.TARGET, 1, 11_000_000, 500),
    ...         told(3, Purpose.ENTRY, 2, 12_000_000, 1_000),
    ...     ],
    ...     2026,
    ... )
    >>> {str(method): int(year.profit_jpy(method)) for method in AverageMethod}
    {'moving': 50000, 'total': 0}
    """
    known = list(fills)
    coins = sorted((told for told in known if not told.account.has_debt), key=_by_time)
    margin = sorted((told for told in known if told.account.has_debt), key=_by_booking)
    by_method = {
        AverageMethod.MOVING: moving_average(coins, year, elsewhere),
        AverageMethod.TOTAL: total_average(coins, year, elsewhere),
    }
    closed, of_margin = margin_year(margin, year)
    sales = [told for told in coins if told.year == year and told.act is TaxAct.SELL]
    realised = {
        **{told: dict.fromkeys(AverageMethod, one) for told, one in of_margin.items()},
        **{
            told: {method: one.realised[number] for method, one in by_method.items()}
            for number, told in enumerate(sales)
        },
    }
    rows = sorted((told for told in known if told.year == year), key=_by_time)
    return TaxYear(
        year=year,
        rows=tuple(TaxRow(told=told, realised=realised.get(told, {})) for told in rows),
        coins=by_method,
        margin=closed,
        elsewhere=elsewhere,
    )


def _by_time(told: TaxFill) -> tuple[int, int, int]:
    return told.fill.at, told.book.opened_at, told.fill.sequence


def _by_booking(told: TaxFill) -> tuple[int, int]:
    return told.book.opened_at, told.fill.sequence
