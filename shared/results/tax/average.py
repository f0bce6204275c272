"""What coins cost that are sold: 移動平均法 and 総平均法 for crypto assets of an individual. Pure.

By the tax agency's published rules (国税庁「暗号資産等に関する税務上の取扱いについて（FAQ）」,
所得税法施行令 119条の2 and 119条の6):

* A purchase costs its price and the fee of buying; a rebate lowers it. The fee of selling is an
  expense of the sale.
* 総平均法: (what the year began with + all that was acquired in it) / all these coins is the unit
  price of the whole year, also of what was sold before the last purchase.
* 移動平均法: the unit price is averaged anew at each purchase, and at no sale.
* The unit price is rounded up to the yen, which the FAQ allows (取得価額の計算上発生する１円未満の
  端数は、切り上げして差し支えありません) and its examples do. So the cost of a year is what it
  began with + what was acquired - what is left at the unit price; what is left begins the next
  year. Over the years nothing is deducted twice and nothing is lost.
* A year begins at 0:00 in Japan.
"""

from collections.abc import Iterable, Sequence
from decimal import Decimal

from shared.core.errors import UserError
from shared.core.money import ZERO, notional_jpy
from shared.results.tax.types import CoinHolding, CoinYear, Realised, TaxAct, TaxFill


def moving_average(fills: Iterable[TaxFill], year: int, elsewhere: CoinHolding) -> CoinYear:
    """The year by 移動平均法; `fills` are those of coins and of all years, by their time.

    Raises `UserError` where more is sold than was there.
    """
    earlier, within = _split_at(fills, year)
    held = CoinHolding()
    for told in earlier:
        held, _ = _after_fill(held, told)
    opening = held.grown_by(elsewhere)
    held, realised = opening, list[Realised]()
    for told in within:
        held, one = _after_fill(held, told)
        realised += [] if one is None else [one]
    return _coin_year(within, opening, _at_unit_price(held, held.unit_price_yen), realised)


def total_average(fills: Iterable[TaxFill], year: int, elsewhere: CoinHolding) -> CoinYear:
    """The year by 総平均法; `fills` are those of coins and of all years.

    Raises `UserError` where more is sold in a year than it began with and bought.
    """
    earlier, within = _split_at(fills, year)
    opening = CoinHolding()
    for before in sorted({told.year for told in earlier}):
        opening = _year_of(opening, [told for told in earlier if told.year == before]).closing
    return _year_of(opening.grown_by(elsewhere), within)


def _split_at(fills: Iterable[TaxFill], year: int) -> tuple[list[TaxFill], list[TaxFill]]:
    """Those before the year, and those of it."""
    known = list(fills)
    return (
        [told for told in known if told.year < year],
        [told for told in known if told.year == year],
    )


def _after_fill(held: CoinHolding, told: TaxFill) -> tuple[CoinHolding, Realised | None]:
    """What is held after a fill, at the price of one coin that stands then, and what it
    realised.
    """
    if told.act is TaxAct.BUY:
        grown = held.grown_by(_purchase_of(told))
        return _at_unit_price(grown, grown.unit_price_yen), None
    unit = held.unit_price_yen
    left = held.lots - told.fill.lots
    if left < 0:
        raise _too_little(told, held.lots)
    return _at_unit_price(CoinHolding(lots=left), unit), _sale_of(told, unit)


def _year_of(opening: CoinHolding, fills: Sequence[TaxFill]) -> CoinYear:
    all_of_it = opening
    for told in fills:
        if told.act is TaxAct.BUY:
            all_of_it = all_of_it.grown_by(_purchase_of(told))
    unit, left = all_of_it.unit_price_yen, all_of_it.lots
    realised = []
    for told in fills:
        if told.act is TaxAct.SELL:
            if told.fill.lots > left:
                raise _too_little(told, left)
            left -= told.fill.lots
            realised.append(_sale_of(told, unit))
    return _coin_year(fills, opening, _at_unit_price(CoinHolding(lots=left), unit), realised)


def _purchase_of(told: TaxFill) -> CoinHolding:
    return CoinHolding(lots=told.fill.lots, cost_jpy=told.amount_jpy + told.fill.fee_jpy)


def _at_unit_price(held: CoinHolding, unit_price_yen: int) -> CoinHolding:
    """As many coins at this price of one."""
    return CoinHolding(lots=held.lots, cost_jpy=notional_jpy(unit_price_yen, held.lots))


def _sale_of(told: TaxFill, unit_price_yen: int) -> Realised:
    cost = notional_jpy(unit_price_yen, told.fill.lots)
    return Realised(
        unit_price_jpy=Decimal(unit_price_yen),
        cost_jpy=cost,
        fees_jpy=told.fill.fee_jpy,
        profit_jpy=told.amount_jpy - told.fill.fee_jpy - cost,
    )


def _coin_year(
    fills: Sequence[TaxFill],
    opening: CoinHolding,
    closing: CoinHolding,
    realised: Sequence[Realised],
) -> CoinYear:
    acquired = CoinHolding()
    for told in fills:
        if told.act is TaxAct.BUY:
            acquired = acquired.grown_by(_purchase_of(told))
    sales = [told for told in fills if told.act is TaxAct.SELL]
    return CoinYear(
        opening=opening,
        acquired=acquired,
        sold_lots=sum(told.fill.lots for told in sales),
        proceeds_jpy=sum((told.amount_jpy for told in sales), ZERO),
        fees_jpy=sum((told.fill.fee_jpy for told in sales), ZERO),
        closing=closing,
        realised=tuple(realised),
    )


def _too_little(told: TaxFill, held_lots: int) -> UserError:
    return UserError(
        f"the fill {told.name} of {told.year} sold {told.fill.lots} lots where {held_lots} were"
        " known to be held",
        remedy="say with --opening-btc and --opening-cost-jpy what the year began with besides",
    )
