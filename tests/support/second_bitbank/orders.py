"""An order as the exchange keeps it, and the row that it shows."""

from dataclasses import dataclass
from typing import Any

from tests.support.second_bitbank.figures import DAY, btc, quotient
from tests.support.second_bitbank.readings import Readings

PAIR = "btc_jpy"
KINDS = ("limit", "market", "stop", "stop_limit", "take_profit", "stop_loss")
TRIGGERED = ("stop", "stop_limit", "take_profit", "stop_loss")
ATTACHED = ("take_profit", "stop_loss")
PRICED = ("limit", "stop_limit")
LIVE = ("INACTIVE", "UNFILLED", "PARTIALLY_FILLED")


@dataclass
class Order:
    """`value` is the sum of price x lots of what is `done`; times are ms.

    `lots` is None where the position's size decides, `fills_at` is set while a fired stop waits,
    `cancels_at` while a cancel is in process.
    """

    number: int
    buys: bool
    kind: str
    side: str | None
    lots: int | None
    price: int | None
    trigger: int | None
    post_only: bool
    at: int
    status: str
    done: int = 0
    value: int = 0
    triggered_at: int | None = None
    canceled_at: int | None = None
    executed_at: int | None = None
    fills_at: int | None = None
    cancels_at: int | None = None

    @property
    def opens(self) -> bool:
        return self.side is not None and self.buys == (self.side == "long")

    @property
    def closes(self) -> bool:
        return self.side is not None and not self.opens

    @property
    def is_live(self) -> bool:
        return self.status in LIVE

    @property
    def left(self) -> int:
        return (self.lots or 0) - self.done

    def end(self, at: int, status: str = "CANCELED_UNFILLED") -> None:
        """Ended without its rest."""
        if self.done:
            status = "CANCELED_PARTIALLY_FILLED"
        self.status, self.canceled_at = status, at

    def row(self, readings: Readings) -> dict[str, Any]:
        places = 8 if readings.dialect == "mock" else 4
        amounts = (self.lots, None if self.lots is None else self.left)
        start, remaining = (None if one is None else btc(one, places=places) for one in amounts)
        told: dict[str, Any] = {
            "order_id": self.number,
            "pair": PAIR,
            "side": "buy" if self.buys else "sell",
            "type": self.kind,
            "start_amount": start,
            "remaining_amount": remaining,
            "executed_amount": btc(self.done, places=places),
            "average_price": average_text(self.value, self.done, readings),
            "ordered_at": self.at,
            "status": self.status,
        }
        if readings.dialect != "mock":
            told |= {"user_cancelable": True, "expire_at": self.at + 180 * DAY}
        more = {
            "position_side": self.side,
            "price": price_text(self.price, readings),
            "post_only": self.post_only if self.kind == "limit" else None,
            "trigger_price": price_text(self.trigger, readings),
            "triggered_at": self.triggered_at,
            "canceled_at": self.canceled_at,
        }
        if readings.dialect == "mock":
            more["executed_at"] = self.executed_at
        keeps_nulls = readings.dialect == "lab"
        absent = {"position_side", "canceled_at"}  # absent in every source where they do not apply
        return told | {
            name: value
            for name, value in more.items()
            if value is not None or (keeps_nulls and name not in absent)
        }


def price_text(price: int | None, readings: Readings) -> str | None:
    if price is None:
        return None
    return f"{price}.0000" if readings.dialect == "mock" else str(price)


def average_text(value: int, lots: int, readings: Readings) -> str:
    """The average of what is filled or held."""
    if not lots:
        return "0.0000" if readings.dialect == "mock" else "0"
    if readings.dialect == "mock":
        whole, _, rest = quotient(value, lots, places=4).partition(".")
        return f"{whole}.{rest:0<4}"
    return quotient(value, lots, places=8 if readings.dialect == "doc" else 0)
