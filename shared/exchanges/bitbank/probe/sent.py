"""What a probe sends, as it is written down before it is sent, and where. Pure."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from shared.core.errors import BadData
from shared.core.types import OpenIntent, OrderIntent, OrderKind, Purpose, Side, Traces
from shared.exchanges.bitbank.bodies import order_body
from shared.exchanges.bitbank.private_answers import ExchangeOrder
from shared.exchanges.bitbank.recognition import CLOCKS_APART_MS, orders_that_may_be


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeOrder:
    """One order of a probe. `order_id` is None until an answer told it; `is_over`: it certainly is
    not, and never was, in the market.

    `follows`: a `stop_loss` without an amount, of which the intent only says side and trigger.
    """

    number: int
    intent: OrderIntent
    at: int
    until: int
    before: Traces
    follows: bool = False
    order_id: int | None = None
    is_over: bool = False

    @property
    def is_lost(self) -> bool:
        """Whether nobody knows what came of it."""
        return self.order_id is None and not self.is_over

    def body(self, pair: str, *, is_margin: bool) -> str:
        """The exact text of its request."""
        if not self.follows:
            return order_body(self.intent, pair=pair, is_margin=is_margin)
        said = {
            "pair": pair,
            "side": "buy" if self.intent.is_buy else "sell",
            "position_side": self.intent.side.value,
            "type": "stop_loss",
            "trigger_price": str(self.intent.trigger_price),
        }
        return json.dumps(said, separators=(",", ":"))

    def document(self) -> dict[str, Any]:
        """What is written down of it before it is sent."""
        return {
            "intent": msgspec.to_builtins(self.intent),
            "plan": None,
            "at": self.at,
            "until": self.until,
            "before": msgspec.to_builtins(self.before),
            "number": self.number,
            "follows": self.follows,
        }

    def may_be(self, orders: list[ExchangeOrder], *, is_margin: bool) -> tuple[ExchangeOrder, ...]:
        """The orders that it may have become, by their ids."""
        if self.follows:
            return tuple(
                order
                for order in sorted(orders, key=lambda order: order.order_id)
                if order.order_id > self.before.newest_order_id
                and order.kind == "stop_loss"
                and order.trigger_price == self.intent.trigger_price
                and self.at - CLOCKS_APART_MS <= order.ordered_at <= self.until + CLOCKS_APART_MS
            )
        written = OpenIntent(intent=self.intent, at=self.at, until=self.until, before=self.before)
        return orders_that_may_be(written, orders, is_margin=is_margin)


def probe_intent(
    name: str, kind: OrderKind, purpose: Purpose, lots: int, **more: Any
) -> OrderIntent:
    """An order of a probe, which is always long.

    >>> probe_intent("probe7~1", OrderKind.MARKET, Purpose.CLOSE, 1).is_buy
    False
    """
    return OrderIntent(id=name, purpose=purpose, side=Side.LONG, kind=kind, lots=lots, **more)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeAnswer:
    """What came of one request: the `order` of a success, the `code` of a refusal, or neither
    where nobody knows (`is_sent`) or where it did not leave.
    """

    order: ExchangeOrder | None = None
    code: int | None = None
    http_status: int | None = None
    is_sent: bool = True
    found: str = ""


def probe_order_from(data: Mapping[str, Any]) -> ProbeOrder:
    """One order of a probe, as it was written down. Raises `BadData` where that is damaged."""
    outcome = data.get("outcome") or {}
    try:
        return ProbeOrder(
            number=int(data["number"]),
            intent=msgspec.convert(data["intent"], OrderIntent),
            at=int(data["at"]),
            until=int(data["until"]),
            before=msgspec.convert(data["before"], Traces),
            follows=bool(data["follows"]),
            order_id=outcome.get("order_id"),
            is_over=outcome.get("outcome") in {"rejected", "not_sent"},
        )
    except (KeyError, TypeError, ValueError) as error:
        raise BadData(f"an order of the probe is damaged: {error}") from error
