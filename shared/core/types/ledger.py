"""What a bot knows by itself of its account at a real exchange: its own money, the orders that are
its own, and what would show an order that nobody knows of.
"""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from shared.core.types.orders import Order, OrderIntent, Position, Side

MOST_ENDED = 40
LEAST_JPY = Decimal(1)
"""What the exchange shows is compared to the yen: it rounds by itself, and tells what costs have
accrued at another moment than what lies there."""
MAY_REST = frozenset({"", "INACTIVE", "UNFILLED", "PARTIALLY_FILLED"})
"""The exchange's words for an order that may still be filled, and none before it said one."""
MOST_TRACKED = 8
"""So many orders of a bot are followed at once; six of them may be live."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackedOrder:
    """An order of ours by the exchange's id, and the intent that it was.

    `status` is the exchange's word of the last reading, empty before the first. Of what it
    executed, `booked_lots` are in the ledger.

    >>> from shared.core.types.orders import OrderKind, Purpose
    >>> stop = OrderIntent(
    ...     id="t1~s1",
    ...     purpose=Purpose.STOP,
    ...     side=Side.LONG,
    ...     kind=OrderKind.STOP,
    ...     lots=12,
    ...     trigger_price=9_700_000,
    ... )
    >>> order = Order(order_id=7, intent=stop, placed_at=0, remaining_lots=12)
    >>> TrackedOrder(order=order).is_live
    True
    """

    order: Order
    status: str = ""
    booked_lots: int = 0
    triggered_at: int | None = None

    @property
    def is_live(self) -> bool:
        """Whether it may still be filled, as far as is known."""
        return self.status in MAY_REST

    @property
    def unbooked_lots(self) -> int:
        """What it executed, and no execution that was read says so yet."""
        return self.order.executed_lots - self.booked_lots


def is_same_money(one: Decimal, other: Decimal) -> bool:
    """Whether two sums of yen at an exchange are the same, to the yen.

    >>> is_same_money(Decimal(500), Decimal("500.99")), is_same_money(Decimal(500), Decimal(501))
    (True, False)
    """
    return abs(one - other) < LEAST_JPY


@dataclass(frozen=True, slots=True, kw_only=True)
class Traces:
    """What an order that nobody knows of would change: all that the exchange holds beyond what the
    ledger explains.

    Where two readings agree in it, and the second comes long enough after the order could last
    arrive, there is no such order. `read_at` and `newest_order_id` only say which reading it was;
    since `lots_since` every reading has shown the same lots.

    >>> Traces(read_at=0, newest_order_id=7, long_lots=12).lots(Side.LONG)
    12
    """

    read_at: int
    newest_order_id: int
    long_lots: int = 0
    short_lots: int = 0
    jpy: Decimal = Decimal(0)
    btc: Decimal = Decimal(0)
    strangers: tuple[int, ...] = ()
    lots_since: int = 0

    def lots(self, side: Side) -> int:
        """How much more of a side is there than the ledger explains."""
        return self.long_lots if side is Side.LONG else self.short_lots

    def is_same_as(self, other: "Traces") -> bool:
        """Whether nothing unexplained came or went between the two.

        >>> before = Traces(read_at=0, newest_order_id=7)
        >>> before.is_same_as(Traces(read_at=180_000, newest_order_id=9))
        True
        >>> before.is_same_as(Traces(read_at=180_000, newest_order_id=9, long_lots=12))
        False
        >>> before.is_same_as(Traces(read_at=180_000, newest_order_id=9, jpy=Decimal("0.9999")))
        True
        """
        return is_same_money(self.jpy, other.jpy) and (
            self.long_lots,
            self.short_lots,
            self.btc,
            self.strangers,
        ) == (other.long_lots, other.short_lots, other.btc, other.strangers)


class Fate(StrEnum):
    """What is known of an intent whose answer was lost.

    >>> [str(fate) for fate in Fate]
    ['found', 'absent', 'open']
    """

    FOUND = "found"
    ABSENT = "absent"
    OPEN = "open"


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenIntent:
    """An order that was written down, and that no saved state knows of.

    It was written at `at` and cannot arrive after `until`. `order_id` where the exchange told it;
    without it the answer was lost. `before` is what was read before it was sent, `looked` the first
    whole reading after its time that did not show it.

    >>> from shared.core.types.orders import OrderKind, Purpose
    >>> close = OrderIntent(
    ...     id="t1~c1", purpose=Purpose.CLOSE, side=Side.LONG, kind=OrderKind.MARKET, lots=12
    ... )
    >>> OpenIntent(intent=close, at=0, until=170_000).order_id is None
    True
    """

    intent: OrderIntent
    at: int
    until: int
    order_id: int | None = None
    before: Traces | None = None
    looked: Traces | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Stranger:
    """An order of the pair that is not ours. It is never touched.

    `is_like_ours`: of a form that only a bot sends, so that another writer must be about.

    >>> Stranger(order_id=7, is_like_ours=False).order_id
    7
    """

    order_id: int
    is_like_ours: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldingRates:
    """What holding costs, as the exchange last stated it.

    >>> rates = HoldingRates(
    ...     maker_fee_rate=Decimal(0),
    ...     taker_fee_rate=Decimal("0.001"),
    ...     long_interest_rate_day=Decimal("0.0004"),
    ...     short_interest_rate_day=Decimal("0.0006"),
    ...     margin_ratio=Decimal("0.5"),
    ... )
    >>> rates.interest_rate_day(Side.SHORT)
    Decimal('0.0006')
    """

    maker_fee_rate: Decimal
    taker_fee_rate: Decimal
    long_interest_rate_day: Decimal
    short_interest_rate_day: Decimal
    margin_ratio: Decimal

    def interest_rate_day(self, side: Side) -> Decimal:
        """The interest of a day on one side, as a fraction."""
        return self.long_interest_rate_day if side is Side.LONG else self.short_interest_rate_day


@dataclass(frozen=True, slots=True, kw_only=True)
class BookedExecution:
    """An execution that is in the ledger, by the exchange's number.

    >>> BookedExecution(number=7, at=0).number
    7
    """

    number: int
    at: int


class Correction(StrEnum):
    """What a person makes of a book that the exchange contradicts: it takes over what lies there,
    or forgets what is gone.

    >>> [str(kind) for kind in Correction]
    ['adopt', 'forget']
    """

    ADOPT = "adopt"
    FORGET = "forget"


@dataclass(frozen=True, slots=True, kw_only=True)
class Adoption:
    """A person's correction of the book: which size, and at which price it came or went.

    `id` names it: a book is corrected by it once.

    >>> asked = Adoption(
    ...     id="7-1f",
    ...     what=Correction.ADOPT,
    ...     side=Side.LONG,
    ...     lots=100,
    ...     price=15_000_000,
    ...     at=7,
    ...     who="ann",
    ...     why="bought by hand",
    ... )
    >>> asked.what.value
    'adopt'
    """

    id: str
    what: Correction
    side: Side
    lots: int
    price: int
    at: int
    who: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """The bot's own book of a real account: its capital, its fills, and what they cost.

    What else lies there is the owner's: it limits sizes, and is never equity. `aside_jpy` and
    `aside_btc` are what the exchange held beyond the book when that was last explained; None before
    the first reading. `booked` are the executions that a reading may show again. `unseen` are
    orders that protect whose answers were lost, and that no reading has shown. `ended` are orders
    that ended lately and are booked whole: nobody follows them again. `corrected_by` is the
    person's correction that was made last. `has_shared_closes`: whether orders that close the same
    position share its quantity, as the exchange last showed; None where it never did.

    >>> ledger = Ledger(
    ...     capital_jpy=Decimal(200_000), cash_jpy=Decimal(200_000), opened_at=0, ended=(7,)
    ... )
    >>> ledger.lots(Side.LONG), ledger.next_fill_sequence, ledger.own_ids
    (0, 1, frozenset({7}))
    """

    capital_jpy: Decimal
    cash_jpy: Decimal
    opened_at: int
    positions: tuple[Position, ...] = ()
    tracked: tuple[TrackedOrder, ...] = ()
    unseen: tuple[OpenIntent, ...] = ()
    booked: tuple[BookedExecution, ...] = ()
    ended: tuple[int, ...] = ()
    read_at: int = 0
    newest_order_id: int = 0
    next_fill_sequence: int = 1
    next_trade_sequence: int = 1
    mark_price: Decimal | None = None
    rates: HoldingRates | None = None
    aside_jpy: Decimal | None = None
    aside_btc: Decimal | None = None
    drift: Traces | None = None
    traces: Traces | None = None
    corrected_by: str = ""
    has_shared_closes: bool | None = None

    @property
    def own_ids(self) -> frozenset[int]:
        """The numbers of our orders by the exchange: of those that are followed, and of those that
        ended lately.
        """
        return frozenset({*(one.order.order_id for one in self.tracked), *self.ended})

    def position(self, side: Side) -> Position | None:
        """What is held on one side by the book."""
        return next((held for held in self.positions if held.side is side), None)

    def lots(self, side: Side) -> int:
        """How much is held on one side by the book."""
        held = self.position(side)
        return 0 if held is None else held.lots
