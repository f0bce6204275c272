"""Whether fills, trades, the bot's own book and the exchange say the same; what does not is named.
Pure.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import TypeAlias

from shared.core.frozen import copy_with
from shared.core.money import ZERO, jpy
from shared.core.types import BookName, Purpose, Side, Trade
from shared.results.tax.margin import margin_trades
from shared.results.tax.types import TaxFill

BookTrades: TypeAlias = Mapping[BookName, Sequence[Trade]]


class TaxMismatch(StrEnum):
    """What does not fit.

    >>> TaxMismatch.NOT_STORED.value
    'not_stored'
    """

    MISSING_FILL = "missing_fill"
    MISSING_TRADE = "missing_trade"
    MISSING_CLOSE = "missing_close"
    OTHER_TRADE = "other_trade"
    OTHER_CASH = "other_cash"
    OTHER_POSITION = "other_position"
    NOT_STORED = "not_stored"
    NOT_TOLD = "not_told"
    OTHER_EXECUTION = "other_execution"


@dataclass(frozen=True, slots=True, kw_only=True)
class TaxDifference:
    """One thing on which two sides do not agree: `stored` is ours, `found` the other's.

    `number` is the exchange's, or that of the book.

    >>> TaxDifference(what=TaxMismatch.OTHER_EXECUTION, number="41", field="price").field
    'price'
    """

    what: TaxMismatch
    number: str
    field: str = ""
    stored: str = ""
    found: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class BookStanding:
    """What a book says of itself, apart from its fills: the money that it began with and has now,
    what it holds, and how many fills it has numbered.

    `capital_jpy` is None where the book does not say it.

    >>> BookStanding(book=BookName(), capital_jpy=None, cash_jpy=ZERO, lots={Side.LONG: 12}).fills
    0
    """

    book: BookName
    capital_jpy: Decimal | None
    cash_jpy: Decimal
    lots: Mapping[Side, int] = field(default_factory=dict)
    fills: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class TaxExecution:
    """An execution as the exchange tells it; `side` is None on spot. What it does not say of fee
    and interest is None.

    >>> execution = TaxExecution(
    ...     number=41,
    ...     order_id=7,
    ...     at=0,
    ...     is_buy=True,
    ...     side=None,
    ...     price=10_000_000,
    ...     lots=100,
    ...     maker=True,
    ...     fee_jpy=Decimal(0),
    ...     interest_jpy=None,
    ... )
    >>> [one.what.value for one in exchange_differences([], [execution])]
    ['not_stored']
    """

    number: int
    order_id: int
    at: int
    is_buy: bool
    side: Side | None
    price: int
    lots: int
    maker: bool
    fee_jpy: Decimal | None
    interest_jpy: Decimal | None


def with_interest(
    fills: Iterable[TaxFill], trades: BookTrades
) -> tuple[tuple[TaxFill, ...], tuple[TaxDifference, ...]]:
    """The fills with the interest of the trades that they closed, and which closes have no trade,
    which trades no close: of those no interest is known.

    >>> from shared.core.types import AccountKind, Fill
    >>> fill = Fill(
    ...     sequence=1,
    ...     order_id=7,
    ...     purpose=Purpose.STOP,
    ...     side=Side.LONG,
    ...     at=0,
    ...     price=10_000_000,
    ...     lots=100,
    ...     maker=False,
    ...     fee_jpy=Decimal(100),
    ... )
    >>> told = TaxFill(fill=fill, book=BookName(), account=AccountKind.MARGIN)
    >>> [one.what.value for one in with_interest([told], {})[1]]
    ['missing_trade']
    """
    known = sorted(fills, key=_numbers_of)
    closes = [told for told in known if told.fill.purpose is not Purpose.ENTRY]
    made, strays = _trades_of(closes, trades)
    found = [
        TaxDifference(what=TaxMismatch.MISSING_TRADE, number=told.name)
        for told in closes
        if _numbers_of(told) not in made
    ]
    found += [
        TaxDifference(what=TaxMismatch.MISSING_CLOSE, number=f"#{trade.sequence}")
        for trade in strays
    ]
    filled = [
        copy_with(told, interest_jpy=trade.interest_jpy)
        if (trade := made.get(_numbers_of(told))) is not None
        else told
        for told in known
    ]
    return tuple(filled), tuple(found)


def book_differences(
    fills: Sequence[TaxFill], trades: BookTrades, standings: Iterable[BookStanding]
) -> tuple[TaxDifference, ...]:
    """In what the books differ from the sum of their fills; `fills` are all that there ever were,
    with their interest.

    Every fill is there by its number; each close on margin gives by the fills alone the trade that
    was stored; and of a book that says how it stands, money and positions are what the fills make
    of them, to 0.0001 yen.

    >>> money = Decimal(1_000_000)
    >>> book = BookStanding(book=BookName(), capital_jpy=money, cash_jpy=money + 1, fills=1)
    >>> [(one.what.value, one.number) for one in book_differences([], {}, [book])]
    [('missing_fill', '#1')]
    """
    known = {standing.book: standing for standing in standings}
    found: list[TaxDifference] = []
    for book in dict.fromkeys([*(told.book for told in fills), *known]):
        mine = sorted((told for told in fills if told.book == book), key=_numbers_of)
        standing = known.get(book)
        missing = list(_missing_numbers(mine, standing))
        found += missing
        if not missing:  # nothing can be summed up of what is not whole
            found += _other_trades(mine, trades)
            found += [] if standing is None else _other_standing(mine, standing)
    return tuple(found)


def exchange_differences(
    fills: Iterable[TaxFill], executions: Iterable[TaxExecution]
) -> tuple[TaxDifference, ...]:
    """What is missing on either side, by the exchange's numbers, or differs in anything.

    What the bot did not order (the owner's own) is not stored, and is named. A fill without a
    number, which a person corrected, has nothing to be compared with, and is named too.

    >>> exchange_differences([], [])
    ()
    """
    told_by = {one.number: one for one in executions}
    found = []
    stored = set()
    for told in fills:
        number = told.fill.execution_id
        execution = None if number is None else told_by.get(number)
        if number is not None:
            stored.add(number)
        if execution is None:
            found.append(TaxDifference(what=TaxMismatch.NOT_TOLD, number=told.name))
        else:
            found += _other_execution(told, execution)
    found += [
        TaxDifference(what=TaxMismatch.NOT_STORED, number=str(number), found=_words(one))
        for number, one in told_by.items()
        if number not in stored
    ]
    return tuple(found)


def _numbers_of(told: TaxFill) -> tuple[int, int, int]:
    return told.book.opened_at, told.fill.sequence, told.fill.execution_id or 0


def _trades_of(
    closes: Iterable[TaxFill], trades: BookTrades
) -> tuple[dict[tuple[int, int, int], Trade], list[Trade]]:
    """The trade that each close made, and the trades that none made."""
    waiting: dict[tuple[object, ...], list[Trade]] = defaultdict(list)
    for book, made in trades.items():
        for trade in sorted(made, key=lambda trade: trade.sequence):
            key = (book, trade.closed_at, trade.side, trade.lots, trade.exit_price)
            waiting[key].append(trade)
    found = {}
    for told in closes:
        fill = told.fill
        alike = waiting.get((told.book, fill.at, fill.side, fill.lots, fill.price))
        if alike:
            found[_numbers_of(told)] = alike.pop(0)
    return found, [trade for alike in waiting.values() for trade in alike]


def _missing_numbers(
    fills: Sequence[TaxFill], standing: BookStanding | None
) -> Iterator[TaxDifference]:
    there = {told.fill.sequence for told in fills}
    last = max([0 if standing is None else standing.fills, *there])
    for number in range(1, last + 1):
        if number not in there:
            yield TaxDifference(what=TaxMismatch.MISSING_FILL, number=f"#{number}")


def _other_trades(fills: Sequence[TaxFill], trades: BookTrades) -> Iterator[TaxDifference]:
    margin = [told for told in fills if told.account.has_debt]
    stored, _ = _trades_of(
        (told for told in margin if told.fill.purpose is not Purpose.ENTRY), trades
    )
    for told, trade in margin_trades(margin)[0].items():
        kept = stored.get(_numbers_of(told))
        if kept is None:
            continue
        for name in ("gross_jpy", "fees_jpy", "interest_jpy"):
            ours, theirs = getattr(kept, name), getattr(trade, name)
            if ours != theirs:
                yield TaxDifference(
                    what=TaxMismatch.OTHER_TRADE,
                    number=told.name,
                    field=name,
                    stored=str(ours),
                    found=str(theirs),
                )


def _other_standing(fills: Sequence[TaxFill], standing: BookStanding) -> Iterator[TaxDifference]:
    lots = {
        side: sum(
            told.fill.lots if told.fill.purpose is Purpose.ENTRY else -told.fill.lots
            for told in fills
            if told.fill.side is side
        )
        for side in Side
    }
    for side in Side:
        held = standing.lots.get(side, 0)
        if held != lots[side]:
            yield TaxDifference(
                what=TaxMismatch.OTHER_POSITION,
                number=str(side),
                stored=str(held),
                found=str(lots[side]),
            )
    if standing.capital_jpy is None:
        return
    cash = standing.capital_jpy + _moved_cash(fills)
    if cash != standing.cash_jpy:
        yield TaxDifference(
            what=TaxMismatch.OTHER_CASH,
            number=standing.book.mode,
            stored=str(standing.cash_jpy),
            found=str(cash),
        )


def _moved_cash(fills: Sequence[TaxFill]) -> Decimal:
    """By how much the fills moved the money: coins are paid and sold; a close on margin brings its
    profit.
    """
    margin = [told for told in fills if told.account.has_debt]
    moved = sum((trade.net_jpy for trade in margin_trades(margin)[0].values()), ZERO)
    for told in fills:
        if not told.account.has_debt:
            is_buy = told.fill.purpose is Purpose.ENTRY
            moved += (-told.amount_jpy if is_buy else told.amount_jpy) - told.fill.fee_jpy
    return moved


def _other_execution(told: TaxFill, execution: TaxExecution) -> Iterator[TaxDifference]:
    fill = told.fill
    is_buy = (fill.side is Side.LONG) == (fill.purpose is Purpose.ENTRY)
    side = fill.side if told.account.has_debt else None
    pairs: list[tuple[str, object, object]] = [
        ("time", fill.at, execution.at),
        ("order", fill.order_id, execution.order_id),
        ("is_buy", is_buy, execution.is_buy),
        ("side", side, execution.side),
        ("price", fill.price, execution.price),
        ("lots", fill.lots, execution.lots),
        ("maker", fill.maker, execution.maker),
    ]
    if execution.fee_jpy is not None:
        pairs.append(("fee", fill.fee_jpy, jpy(execution.fee_jpy)))
    if execution.interest_jpy is not None:
        pairs.append(("interest", told.interest_jpy, jpy(execution.interest_jpy)))
    for name, ours, theirs in pairs:
        if ours != theirs:
            yield TaxDifference(
                what=TaxMismatch.OTHER_EXECUTION,
                number=told.name,
                field=name,
                stored=str(ours),
                found=str(theirs),
            )


def _words(execution: TaxExecution) -> str:
    """What an execution was that is not ours."""
    kind = "spot" if execution.side is None else f"margin {execution.side}"
    what = "buy" if execution.is_buy else "sell"
    return f"{kind} {what}, {execution.lots} lots at {execution.price}"
