"""Orders, fills and positions, and what an exchange answers to an order."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum
from typing import TypeAlias

from shared.core.money import JPY_QUANTUM, LOTS_PER_BTC, ZERO, notional_jpy
from shared.core.reasons import Reason

AVERAGE_STEP_JPY = Decimal("0.000001")
"""To this an average price is told that no longer follows from whole prices and sizes."""


class Side(StrEnum):
    """The side of a position.

    >>> Side.LONG.sign, Side.SHORT.sign
    (1, -1)
    """

    LONG = "long"
    SHORT = "short"

    def __init__(self, value: str) -> None:
        """`sign` is +1 for long, -1 for short."""
        self.sign = 1 if value == "long" else -1


class OrderKind(StrEnum):
    """The three kinds of order that the bot places. A stop becomes a market order when it fires.

    >>> [str(kind) for kind in OrderKind]
    ['limit', 'market', 'stop']
    """

    LIMIT = "limit"
    MARKET = "market"
    STOP = "stop"


class Purpose(StrEnum):
    """What an order is for.

    >>> Purpose("target")
    <Purpose.TARGET: 'target'>
    """

    ENTRY = "entry"
    STOP = "stop"
    TARGET = "target"
    CLOSE = "close"


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderIntent:
    """An order as it is written down before it is sent.

    `id` is deterministic: tick, purpose, sequence.

    `stop_price` and `target_price` of an entry tell what must protect its fills. `expires_at`: an
    entry never outlives the tick that placed it.

    >>> stop = OrderIntent(
    ...     id="t1~s1",
    ...     purpose=Purpose.STOP,
    ...     side=Side.LONG,
    ...     kind=OrderKind.STOP,
    ...     lots=12,
    ...     trigger_price=9_700_000,
    ... )
    >>> stop.is_opening, stop.is_buy  # the stop of a long sells
    (False, False)
    """

    id: str
    purpose: Purpose
    side: Side
    kind: OrderKind
    lots: int
    price: int | None = None
    trigger_price: int | None = None
    post_only: bool = False
    expires_at: int | None = None
    stop_price: int | None = None
    target_price: int | None = None
    reason: Reason = Reason.OK

    @property
    def is_opening(self) -> bool:
        """Whether it opens or grows a position."""
        return self.purpose is Purpose.ENTRY

    @property
    def is_buy(self) -> bool:
        """Whether the order buys bitcoin."""
        return (self.side is Side.LONG) == self.is_opening

    def is_passed(self, price: int) -> bool:
        """Whether a price lies strictly beyond the limit: a mere touch leaves us waiting in the
        queue.
        """
        limit = _require_price(self.price)
        return price < limit if self.is_buy else price > limit

    def is_reached(self, price: int) -> bool:
        """Whether a price lies at or beyond the trigger of a stop."""
        trigger = _require_price(self.trigger_price)
        return price >= trigger if self.is_buy else price <= trigger


def _require_price(price: int | None) -> int:
    if price is None:
        raise AssertionError("a limit has a price and a stop has a trigger: placing checks it")
    return price


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """An order that the exchange holds.

    >>> intent = OrderIntent(
    ...     id="t1~e1",
    ...     purpose=Purpose.ENTRY,
    ...     side=Side.LONG,
    ...     kind=OrderKind.LIMIT,
    ...     lots=12,
    ...     price=9_800_000,
    ... )
    >>> Order(order_id=7, intent=intent, placed_at=0, remaining_lots=5).executed_lots
    7
    """

    order_id: int
    intent: OrderIntent
    placed_at: int
    remaining_lots: int

    @property
    def executed_lots(self) -> int:
        """What has been filled so far."""
        return self.intent.lots - self.remaining_lots

    def is_live(self, at: int) -> bool:
        """Whether it is in the market at `at`: strictly after it was placed, and not after its
        end.
        """
        return self.placed_at < at and not self.has_ended(at - 1)

    def has_ended(self, at: int) -> bool:
        """Whether nothing after `at` can fill it."""
        return self.intent.expires_at is not None and self.intent.expires_at <= at


@dataclass(frozen=True, slots=True, kw_only=True)
class Fill:
    """A part of an order that was executed.

    `sequence` counts the account's fills from 1, so that each is told once. `execution_id` is a
    real exchange's own number of it; None on paper, and where a person corrected the book.

    >>> fill = Fill(
    ...     sequence=1,
    ...     order_id=7,
    ...     purpose=Purpose.ENTRY,
    ...     side=Side.LONG,
    ...     at=0,
    ...     price=9_800_000,
    ...     lots=12,
    ...     maker=True,
    ...     fee_jpy=ZERO,
    ... )
    >>> fill.maker, fill.slippage_jpy
    (True, Decimal('0.0000'))
    """

    sequence: int
    order_id: int
    purpose: Purpose
    side: Side
    at: int
    price: int
    lots: int
    maker: bool
    fee_jpy: Decimal
    slippage_jpy: Decimal = ZERO
    execution_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One opening fill of a position that is still open, for its cost, interest and uncollected
    fee.

    `cost_jpy` is what remains of price x lots, to 0.000000000001 yen, once a part of a margin
    position was closed: every entry gives its share, and `lots`, being whole, may be 0. None where
    price x lots says it.

    >>> Entry(at=0, price=9_800_000, lots=12, fee_jpy=ZERO).product_jpy
    Decimal('11760.0000')
    """

    at: int
    price: int
    lots: int
    fee_jpy: Decimal
    cost_jpy: Decimal | None = None

    @property
    def product_jpy(self) -> Decimal:
        """What is still open of it cost, at the prices at which it was opened."""
        return notional_jpy(self.price, self.lots) if self.cost_jpy is None else self.cost_jpy


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """What is held on one side.

    >>> entries = (
    ...     Entry(at=0, price=9_800_000, lots=10, fee_jpy=ZERO),
    ...     Entry(at=60_000, price=9_801_000, lots=10, fee_jpy=ZERO),
    ... )
    >>> position = Position(side=Side.LONG, entries=entries)
    >>> position.lots, position.average_price, position.opened_at
    (20, Decimal('9800500'), 0)
    >>> position.product_jpy
    Decimal('19601.0000')
    """

    side: Side
    entries: tuple[Entry, ...]

    @property
    def lots(self) -> int:
        """Its size."""
        return sum(entry.lots for entry in self.entries)

    @property
    def opened_at(self) -> int:
        """When the first of it was bought or sold."""
        return self.entries[0].at

    @property
    def product_jpy(self) -> Decimal:
        """What it cost: average price x size.

        A half is rounded up and not to the even digit, so that what is added moves the sum by just
        what it cost.
        """
        cost = sum((entry.product_jpy for entry in self.entries), ZERO)
        return cost.quantize(JPY_QUANTUM, ROUND_HALF_UP)

    @property
    def fees_jpy(self) -> Decimal:
        """The fees of its opening, which are collected when it is closed."""
        return sum((entry.fee_jpy for entry in self.entries), ZERO)

    @property
    def average_price(self) -> Decimal:
        """The mean opening price, weighted by size.

        Exact, and to 0.000001 yen once a part of a margin position was closed: that close leaves it
        where it was.
        """
        return self.average_with(0, 0)

    def average_with(self, price: int, lots: int) -> Decimal:
        """The average price once `lots` more are held at `price`."""
        size = self.lots + lots
        if all(entry.cost_jpy is None for entry in self.entries):
            units = sum(entry.price * entry.lots for entry in self.entries)
            return Decimal(units + price * lots) / size
        cost = sum((entry.product_jpy for entry in self.entries), notional_jpy(price, lots))
        return (cost * LOTS_PER_BTC / size).quantize(AVERAGE_STEP_JPY)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trade:
    """A position from its opening to its end, or the part of it that one closing fill ended.

    `entry_price` is the average price of the position on margin, and of what was sold on spot.

    >>> trade = Trade(
    ...     sequence=1,
    ...     side=Side.LONG,
    ...     opened_at=0,
    ...     closed_at=3_600_000,
    ...     lots=10,
    ...     entry_price=Decimal(9_800_000),
    ...     exit_price=9_850_000,
    ...     reason=Reason.EXIT_TARGET,
    ...     gross_jpy=Decimal(50),
    ...     fees_jpy=Decimal("9.85"),
    ...     interest_jpy=Decimal("3.92"),
    ... )
    >>> trade.net_jpy
    Decimal('36.23')
    """

    sequence: int
    side: Side
    opened_at: int
    closed_at: int
    lots: int
    entry_price: Decimal
    exit_price: int
    reason: Reason
    gross_jpy: Decimal
    fees_jpy: Decimal
    interest_jpy: Decimal
    slippage_jpy: Decimal = ZERO
    ends_position: bool = True

    @property
    def net_jpy(self) -> Decimal:
        """Profit after all costs. Slippage is inside the prices already."""
        return self.gross_jpy - self.fees_jpy - self.interest_jpy


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """The exchange has the order.

    >>> intent = OrderIntent(
    ...     id="t1~e1",
    ...     purpose=Purpose.ENTRY,
    ...     side=Side.LONG,
    ...     kind=OrderKind.LIMIT,
    ...     lots=12,
    ...     price=9_800_000,
    ... )
    >>> accepted = Accepted(order=Order(order_id=7, intent=intent, placed_at=0, remaining_lots=12))
    >>> accepted.order.order_id, accepted.fills
    (7, ())
    """

    order: Order
    fills: tuple[Fill, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected:
    """The exchange said no.

    >>> Rejected(reason=Reason.EXCHANGE_HALTED).reason.value
    'exchange_halted'
    """

    reason: Reason
    context: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Unknown:
    """Nobody knows whether the exchange has the order. Never resent; reconciliation finds out.

    >>> dict(Unknown(context={"found": "no answer"}).context)
    {'found': 'no answer'}
    """

    context: Mapping[str, str] = field(default_factory=dict)


Outcome: TypeAlias = Accepted | Rejected | Unknown
