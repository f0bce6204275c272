"""The real account for a dry run: it is read, and what would be sent is kept.

Nothing is posted, not even `orders_info`, which only reads: orders that do not rest are asked for
one by one. What was rehearsed shows in every later reading, as if bitbank had taken it: so a tick
goes on as it would, but that nothing is filled.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

from shared.core.errors import LeaseLost, NotThere
from shared.core.frozen import copy_with
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
from shared.orders.ports import Fence


@dataclass(frozen=True, slots=True, kw_only=True)
class RehearsedRequest:
    """What would have been posted: the path below `/v1/`, and the exact text."""

    path: str
    body: str


class RehearsalReader(AccountReader):
    """Reads by GET alone, and shows what was rehearsed."""

    def read_resting(self) -> tuple[ExchangeOrder, ...]:
        """What rests, without what would be cancelled and with what would be placed."""
        resting = [one for one in super().read_resting() if one.order_id not in self._canceled]
        return (*resting, *self._placed.values())

    def read_orders(self, order_ids: Sequence[int]) -> OrdersById:
        """Orders by their ids, a request each."""
        found: list[ExchangeOrder] = []
        for number in sorted(set(order_ids)):
            try:
                found.append(self.read_order(number))
            except NotThere:
                continue
        known = {order.order_id for order in found}
        return OrdersById(orders=tuple(found), missing=frozenset(order_ids) - known)

    def read_order(self, order_id: int) -> ExchangeOrder:
        """One order, as it would be."""
        if order_id in self._placed:
            return self._placed[order_id]
        if order_id in self._ended:
            return self._ended[order_id]
        told = super().read_order(order_id)
        return _canceled_order(told) if order_id in self._canceled else told

    @property
    def _placed(self) -> dict[int, ExchangeOrder]:
        return self.__dict__.setdefault("placed", {})

    @property
    def _ended(self) -> dict[int, ExchangeOrder]:
        return self.__dict__.setdefault("ended", {})

    @property
    def _canceled(self) -> set[int]:
        return self.__dict__.setdefault("canceled", set())

    def add_placed(self, order: ExchangeOrder) -> None:
        """Show an order from now on."""
        self._placed[order.order_id] = order
        self._see([order.order_id])

    def add_canceled(self, order_id: int) -> None:
        """Show an order as cancelled from now on."""
        rehearsed = self._placed.pop(order_id, None)
        if rehearsed is not None:
            self._ended[order_id] = _canceled_order(rehearsed)
        self._canceled.add(order_id)


class RehearsalExchange(BitbankExchange):
    """One pair of one account that is only read. It does not stay with an entry: none is filled."""

    is_attended = False
