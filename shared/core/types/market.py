"""What the exchange says at an instant: book, rules of the pair, candles, and what is wrong with
them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from shared.core.money import ZERO
from shared.core.reasons import Reason
from shared.core.types.candles import Candles, Timeframe


@dataclass(frozen=True, slots=True, kw_only=True)
class Book:
    """The best prices in whole yen, and what rests there in lots.

    >>> book = Book(as_of=0, bid=9_799_000, ask=9_801_000)
    >>> book.mid, f"{book.spread_rate:.6f}", book.is_crossed
    (Decimal('9800000'), '0.000204', False)
    """

    as_of: int
    bid: int
    ask: int
    bid_lots: int = 0
    ask_lots: int = 0

    @property
    def is_crossed(self) -> bool:
        """Whether the book makes no sense for continuous trading."""
        return self.bid >= self.ask

    @property
    def spread_rate(self) -> float:
        """(ask - bid) / mid."""
        return 2.0 * (self.ask - self.bid) / (self.ask + self.bid)

    @property
    def mid(self) -> Decimal:
        """The middle, exact."""
        return Decimal(self.bid + self.ask) / 2


@dataclass(frozen=True, slots=True, kw_only=True)
class PairRules:
    """What the exchange says of the pair: minimum and maximum sizes in lots, fees and interest as
    fractions.

    >>> PairRules().taker_fee_rate, PairRules(status="HALT").is_suspended
    (Decimal('0.001'), True)
    """

    min_lots: int = 1
    max_limit_lots: int = 10_000_000
    max_market_lots: int = 100_000
    maker_fee_rate: Decimal = ZERO
    taker_fee_rate: Decimal = Decimal("0.001")
    long_interest_rate_day: Decimal = Decimal("0.0004")
    short_interest_rate_day: Decimal = Decimal("0.0004")
    margin_ratio: Decimal = Decimal("0.5")
    enabled: bool = True
    stop_orders: bool = True
    market_orders: bool = True
    long_opens: bool = True
    short_opens: bool = True
    status: str = "NORMAL"
    circuit_break_mode: str = "NONE"

    @property
    def is_suspended(self) -> bool:
        """Whether the exchange takes no order at all."""
        return not self.enabled or self.status == "HALT"


@dataclass(frozen=True, slots=True, kw_only=True)
class Issue:
    """One thing that is wrong with data or market: whether it forbids entries, and the facts.

    >>> Issue(reason=Reason.BOOK_MISSING, forbids_entry=True).context
    {}
    """

    reason: Reason
    forbids_entry: bool
    context: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Market:
    """What a tick knows of the market: closed, final candles only, the book, the rules, and the
    quality of it all.

    >>> book = Book(as_of=0, bid=9_799_000, ask=9_801_000)
    >>> market = Market(as_of=0, candles={}, book=book, rules=PairRules())
    >>> market.book.mid, market.issues
    (Decimal('9800000'), ())
    """

    as_of: int
    candles: Mapping[Timeframe, Candles]
    book: Book | None
    rules: PairRules
    issues: tuple[Issue, ...] = ()
    latency_ms: float = 0.0
    clock_skew_ms: float | None = None
