"""The real account for a dry run: it is read, and what would be sent is kept.

Nothing is posted, not even `orders_info`, which only reads: orders that do not rest are asked for
one by one. What was rehearsed shows in every later reading, as if bitbank had taken it: so a tick
goes on as it would, but that nothing is filled.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from shared.core.clock import Clock
from shared.core.errors import LeaseLost, NotThere
from shared.core.frozen import copy_with
from shared.core.settings import Settings
from shared.core.types import (
    Accepted,
    Book,
    Order,
    OrderIntent,
    OrderKind,
    Outcome,
    PairRules,
)
from shared.exchanges.bitbank.account import AccountReader
from shared.exchanges.bitbank.bodies import (
    SignedRequest,
    cancel_request,
    order_body,
    order_request,
)
from shared.exchanges.bitbank.live.exchange import BitbankExchange
from shared.exchanges.bitbank.private_answers import ExchangeOrder, OrdersById
from shared.exchanges.bitbank.private_schema import OrderStatus
from shared.exchanges.bitbank.signed import SignedRest
from shared.orders.ports import Fence


@dataclass(frozen=True, slots=True, kw_only=True)
class RehearsedRequest:
    """What would have been posted: the path below `/v1/`, and the exact text."""

    path: str
    body: str


class RehearsalReader(AccountReader):
    """Reads by GET alone, and shows what was rehearsed."""

    def __init__(self, *given: Any, **more: Any) -> None:
        """As an `AccountReader`."""
        super().__init__(*given, **more)
        self._placed: dict[int, ExchangeOrder] = {}
        self._canceled: dict[int, ExchangeOrder | None] = {}

    def read_resting(self) -> tuple[ExchangeOrder, ...]:
        """What rests, without what would be cancelled and with what would be placed."""
        resting = [one for one in super().read_resting() if one.order_id not in self._canceled]
        return (*resting, *self._placed.values())

    def read_orders(self, order_ids: Sequence[int]) -> OrdersById:
        """Orders by their ids, a request each."""
        found: list[ExchangeOrder] = []
        for number in sorted(set(order_ids)):
            with suppress(NotThere):
                found.append(self.read_order(number))
        known = {order.order_id for order in found}
        return OrdersById(orders=tuple(found), missing=frozenset(order_ids) - known)

    def read_order(self, order_id: int) -> ExchangeOrder:
        """One order, as it would be."""
        rehearsed = self._placed.get(order_id) or self._canceled.get(order_id)
        if rehearsed is not None:
            return rehearsed
        told = super().read_order(order_id)
        return _as_canceled(told) if order_id in self._canceled else told

    def show_placed(self, intent: OrderIntent, *, is_margin: bool, now_ms: int) -> int:
        """Show an order from now on, as one that rests; its number is of nobody."""
        order_id = self.newest_order_id + 1
        self._placed[order_id] = ExchangeOrder(
            order_id=order_id,
            pair=self._pair,
            is_buy=intent.is_buy,
            position_side=intent.side if is_margin else None,
            kind=intent.kind.value,
            lots=intent.lots,
            remaining_lots=intent.lots,
            executed_lots=0,
            price=intent.price if intent.kind is OrderKind.LIMIT else None,
            trigger_price=intent.trigger_price if intent.kind is OrderKind.STOP else None,
            post_only=intent.post_only,
            average_price=Decimal(0),
            status="INACTIVE" if intent.kind is OrderKind.STOP else "UNFILLED",
            ordered_at=now_ms,
            expire_at=None,
            triggered_at=None,
            canceled_at=None,
            executed_at=None,
            user_cancelable=True,
        )
        self._see([order_id])
        return order_id

    def show_canceled(self, order_id: int) -> None:
        """Show an order as cancelled from now on."""
        rehearsed = self._placed.pop(order_id, None)
        self._canceled[order_id] = None if rehearsed is None else _as_canceled(rehearsed)


class RehearsalExchange(BitbankExchange):
    """One pair of one account that is only read. It does not stay with an entry: none is filled.

    `rehearsed` is what would have been posted, in its order.
    """

    is_attended = False
    reader_kind = RehearsalReader

    def __init__(
        self, rest: SignedRest, reader: AccountReader, settings: Settings, clock: Clock
    ) -> None:
        """Read with `reader`, a `RehearsalReader`."""
        if not isinstance(reader, RehearsalReader):
            raise TypeError(
                f"a rehearsal reads with a RehearsalReader, not {type(reader).__name__}"
            )
        super().__init__(rest, reader, settings, clock)
        self._shown = reader
        self.rehearsed: list[RehearsedRequest] = []

    def submit(
        self,
        intent: OrderIntent,
        *,
        book: Book | None,
        rules: PairRules | None = None,
        now_ms: int,
        fence: Fence | None = None,
    ) -> Outcome:
        """Keep what would be posted, and take it as accepted."""
        del book
        self._rules = rules or self._rules
        self._check_window(now_ms, fence)
        is_margin = self._settings.account.has_debt
        body = order_body(intent, pair=self._settings.pair, is_margin=is_margin)
        self._keep(order_request(body))
        order_id = self._shown.show_placed(intent, is_margin=is_margin, now_ms=now_ms)
        return Accepted(
            order=Order(
                order_id=order_id, intent=intent, placed_at=now_ms, remaining_lots=intent.lots
            )
        )

    def cancel(self, order: Order, *, now_ms: int, fence: Fence | None = None) -> Outcome:
        """Keep what would be posted, and take it as done."""
        self._check_window(now_ms, fence)
        self._keep(cancel_request(order.order_id, pair=self._settings.pair))
        self._shown.show_canceled(order.order_id)
        return Accepted(order=order)

    def _keep(self, request: SignedRequest) -> None:
        self.rehearsed.append(RehearsedRequest(path=request.path, body=request.body or ""))

    def _check_window(self, now_ms: int, fence: Fence | None) -> None:
        if fence is not None and now_ms > fence.until:
            raise LeaseLost("the lease is over; nothing was rehearsed")


def _as_canceled(order: ExchangeOrder) -> ExchangeOrder:
    status: OrderStatus = (
        "CANCELED_PARTIALLY_FILLED" if order.executed_lots else "CANCELED_UNFILLED"
    )
    return copy_with(order, status=status)
