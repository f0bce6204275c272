"""What a year's tax is computed from, and what comes of it: fills with what they cost, coins by
their average price, and profits in yen.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

from shared.core.calendar import jst_day
from shared.core.money import ZERO, jpy_units, notional_jpy
from shared.core.types import BookName, Fill, Position, Purpose, Side
from shared.core.variants import AccountKind


class AverageMethod(StrEnum):
    """How the cost of coins that are sold is averaged: 移動平均法 or 総平均法.

    >>> [str(method) for method in AverageMethod]
    ['moving', 'total']
    """

    MOVING = "moving"
    TOTAL = "total"


class TaxAct(StrEnum):
    """What a fill was: of coins bought and sold for good, or of a position on margin.

    >>> TaxAct("close_short").value
    'close_short'
    """

    BUY = "buy"
    SELL = "sell"
    OPEN_LONG = "open_long"
    CLOSE_LONG = "close_long"
    OPEN_SHORT = "open_short"
    CLOSE_SHORT = "close_short"


def tax_year_of(at: int) -> int:
    """The year of an instant in Japan.

    >>> tax_year_of(1_798_729_199_999), tax_year_of(1_798_729_200_000)  # 15:00 UTC is midnight
    (2026, 2027)
    """
    return int(jst_day(at)[:4])


@dataclass(frozen=True, slots=True, kw_only=True)
class TaxFill:
    """A fill with what the books say of it: which book, what kind of account, and the interest that
    a close on margin paid.

    `is_kind_assumed`: the fill was stored without its kind of account.

    >>> fill = Fill(
    ...     sequence=1,
    ...     order_id=7,
    ...     purpose=Purpose.STOP,
    ...     side=Side.LONG,
    ...     at=1_798_729_200_000,
    ...     price=10_000_000,
    ...     lots=100,
    ...     maker=False,
    ...     fee_jpy=Decimal(100),
    ...     execution_id=41,
    ... )
    >>> one = TaxFill(fill=fill, book=BookName(mode="live"), account=AccountKind.SPOT)
    >>> one.act.value, one.year, one.amount_jpy, one.name
    ('sell', 2027, Decimal('100000.0000'), '41')
    """

    fill: Fill
    book: BookName
    account: AccountKind
    interest_jpy: Decimal = ZERO
    is_kind_assumed: bool = False

    @property
    def act(self) -> TaxAct:
        """What it was."""
        is_opening = self.fill.purpose is Purpose.ENTRY
        if not self.account.has_debt:
            return TaxAct.BUY if is_opening else TaxAct.SELL
        return TaxAct(f"{'open' if is_opening else 'close'}_{self.fill.side}")

    @property
    def year(self) -> int:
        """The year that it belongs to."""
        return tax_year_of(self.fill.at)

    @property
    def amount_jpy(self) -> Decimal:
        """Price x size."""
        return notional_jpy(self.fill.price, self.fill.lots)

    @property
    def is_by_hand(self) -> bool:
        """Whether it has no number of the exchange's: on paper, and where a person corrected the
        book.
        """
        return self.fill.execution_id is None

    @property
    def name(self) -> str:
        """The exchange's number, or that of the book."""
        number = self.fill.execution_id
        return f"#{self.fill.sequence}" if number is None else str(number)


@dataclass(frozen=True, slots=True, kw_only=True)
class CoinHolding:
    """So many coins at what they cost, purchase fees included.

    >>> CoinHolding(lots=3, cost_jpy=Decimal(10)).unit_price_yen  # 33,333.33 for a whole coin
    33334
    """

    lots: int = 0
    cost_jpy: Decimal = ZERO

    @property
    def unit_price_yen(self) -> int:
        """The average price of one coin, rounded up to the yen; 0 where there is none."""
        return -(-jpy_units(self.cost_jpy) // self.lots) if self.lots else 0

    def grown_by(self, other: "CoinHolding") -> "CoinHolding":
        """Both together."""
        return CoinHolding(lots=self.lots + other.lots, cost_jpy=self.cost_jpy + other.cost_jpy)


@dataclass(frozen=True, slots=True, kw_only=True)
class Realised:
    """What a fill that sold or closed brought: `profit_jpy` is after its costs.

    `unit_price_jpy` is for one coin. `fees_jpy` holds on margin also the share of the fees that
    arose at the opening.

    >>> sale = Realised(
    ...     unit_price_jpy=Decimal(10_000_000),
    ...     cost_jpy=Decimal(100_000),
    ...     fees_jpy=Decimal(11),
    ...     profit_jpy=Decimal(9_989),
    ... )
    >>> sale.profit_jpy + sale.fees_jpy + sale.cost_jpy  # what it was sold for
    Decimal('110000')
    """

    unit_price_jpy: Decimal
    cost_jpy: Decimal
    fees_jpy: Decimal
    profit_jpy: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class CoinYear:
    """Coins of one year by one method.

    Attributes:
        opening: What the year began with.
        acquired: What was bought in it, with the fees of buying.
        sold_lots: How much was sold, for `proceeds_jpy` before the fees of selling.
        closing: What is left, at the last unit price: next year begins with it.
        realised: What each sale brought, by the order of the sales.

    >>> year = CoinYear(
    ...     opening=CoinHolding(),
    ...     acquired=CoinHolding(lots=3, cost_jpy=Decimal(10)),
    ...     sold_lots=1,
    ...     proceeds_jpy=Decimal(5),
    ...     fees_jpy=Decimal(1),
    ...     closing=CoinHolding(lots=2, cost_jpy=Decimal("6.6668")),
    ...     realised=(),
    ... )
    >>> year.cost_jpy, year.profit_jpy
    (Decimal('3.3332'), Decimal('0.6668'))
    """

    opening: CoinHolding
    acquired: CoinHolding
    sold_lots: int
    proceeds_jpy: Decimal
    fees_jpy: Decimal
    closing: CoinHolding
    realised: tuple[Realised, ...]

    @property
    def cost_jpy(self) -> Decimal:
        """What the sold coins had cost: opening + acquired - closing."""
        return self.opening.cost_jpy + self.acquired.cost_jpy - self.closing.cost_jpy

    @property
    def profit_jpy(self) -> Decimal:
        """What the sales of the year brought."""
        return self.proceeds_jpy - self.fees_jpy - self.cost_jpy

    @property
    def rounding_jpy(self) -> Decimal:
        """By how much the profits of the single sales miss the year's: unit prices are whole
        yen.
        """
        return self.profit_jpy - sum((one.profit_jpy for one in self.realised), ZERO)


@dataclass(frozen=True, slots=True, kw_only=True)
class MarginYear:
    """What was closed on margin in one year.

    `opening` and `closing` are the positions that were open at its turns, by their book and side.

    >>> MarginYear(
    ...     gross_jpy=Decimal(100), fees_jpy=Decimal(7), interest_jpy=Decimal(4)
    ... ).profit_jpy
    Decimal('89')
    """

    gross_jpy: Decimal
    fees_jpy: Decimal
    interest_jpy: Decimal
    opening: Mapping[tuple[BookName, Side], Position] = field(default_factory=dict)
    closing: Mapping[tuple[BookName, Side], Position] = field(default_factory=dict)

    @property
    def profit_jpy(self) -> Decimal:
        """After fees and interest."""
        return self.gross_jpy - self.fees_jpy - self.interest_jpy


@dataclass(frozen=True, slots=True, kw_only=True)
class TaxRow:
    """A fill of the year, and what it realised by each method; nothing where it bought or opened.

    On margin both methods give the same.

    >>> fill = Fill(
    ...     sequence=1,
    ...     order_id=7,
    ...     purpose=Purpose.ENTRY,
    ...     side=Side.LONG,
    ...     at=1_798_729_199_999,
    ...     price=10_000_000,
    ...     lots=100,
    ...     maker=True,
    ...     fee_jpy=ZERO,
    ... )
    >>> told = TaxFill(fill=fill, book=BookName(mode="live"), account=AccountKind.SPOT)
    >>> TaxRow(told=told).told.act.value, dict(TaxRow(told=told).realised)
    ('buy', {})
    """

    told: TaxFill
    realised: Mapping[AverageMethod, Realised] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class TaxYear:
    """One year. `elsewhere` are coins that came from outside of the books, at its beginning.

    >>> coins = CoinYear(
    ...     opening=CoinHolding(),
    ...     acquired=CoinHolding(),
    ...     sold_lots=0,
    ...     proceeds_jpy=ZERO,
    ...     fees_jpy=ZERO,
    ...     closing=CoinHolding(),
    ...     realised=(),
    ... )
    >>> year = TaxYear(
    ...     year=2026,
    ...     rows=(),
    ...     coins=dict.fromkeys(AverageMethod, coins),
    ...     margin=MarginYear(gross_jpy=Decimal(100), fees_jpy=Decimal(7), interest_jpy=ZERO),
    ...     elsewhere=CoinHolding(),
    ... )
    >>> year.profit_jpy(AverageMethod.TOTAL)
    Decimal('93.0000')
    """

    year: int
    rows: tuple[TaxRow, ...]
    coins: Mapping[AverageMethod, CoinYear]
    margin: MarginYear
    elsewhere: CoinHolding

    def profit_jpy(self, method: AverageMethod) -> Decimal:
        """What was realised in the year, of coins and on margin."""
        return self.coins[method].profit_jpy + self.margin.profit_jpy
