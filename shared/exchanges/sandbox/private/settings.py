"""What can be chosen of the private side: keys, money, and each reading of what bitbank does not
document.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from decimal import Decimal
from typing import Any

from shared.core.errors import UserError

FAKE_KEY = "sandbox-key"
FAKE_SECRET = "sandbox-secret-of-no-worth"  # noqa: S105

READINGS: Mapping[str, tuple[tuple[str, ...], str]] = {
    "closes": (
        ("apart", "together"),
        "Whether stops and limits that close count against the position apart or together (50062).",
    ),
    "stops_listed": (
        ("yes", "no"),
        "Whether active_orders lists stops that have not fired (INACTIVE).",
    ),
    "amountless": (
        ("follow", "refuse"),
        "Whether take_profit and stop_loss without amount follow the position or are refused.",
    ),
    "since_unit": (("ms", "s"), "The unit of since and end."),
    "sorting": (
        ("newest", "oldest"),
        "Which orders come first in active_orders and orders_info.",
    ),
    "orphans": (
        ("stay", "end"),
        "Whether orders of a side stay or end when its position has ended.",
    ),
    "interest_sign": (("plus", "minus"), "The sign of interest in trade_history."),
    "locked_fee": (("yes", "no"), "Whether a locked amount holds the fee."),
    "batch": (
        ("skip", "refuse"),
        "Whether cancel_orders leaves out what it cannot cancel or refuses the whole batch.",
    ),
    "collection": (
        ("at_once", "late"),
        "Whether a margin loss leaves the yen on hand at once or is owed for a minute.",
    ),
    "error_status": (("4xx", "200"), "The HTTP status of an error's JSON."),
    "empty_fields": (
        ("missing", "null"),
        "Whether the price of an order without one is missing or null.",
    ),
}
"""Each undocumented point: its choices, the default first, and what it is about."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Readings:
    """One choice for each of `READINGS`."""

    closes: str = "apart"
    stops_listed: str = "yes"
    amountless: str = "follow"
    since_unit: str = "ms"
    sorting: str = "newest"
    orphans: str = "stay"
    interest_sign: str = "plus"
    locked_fee: str = "yes"
    batch: str = "skip"
    collection: str = "at_once"
    error_status: str = "4xx"
    empty_fields: str = "missing"


@dataclass(frozen=True, slots=True, kw_only=True)
class PrivateSettings:
    """The account's owner and money, and the exchange that keeps it.

    Attributes:
        keys: Secret by key.
        yen: At the start.
        btc_lots: Coins at the start, in lots of 0.0001 BTC.
        readings: Of what is not documented.
        slippage_rate: What crossing costs beyond the touch.
        volume_share: The part of a candle's volume that resting orders may take.
        behind_others: Every so many numbers an order stands behind others: the first price that
            trades through it serves only these. 0: none does.
        margin_call_percentage: Below this margin the status is CALL.
        losscut_percentage: Below this margin positions are closed; 0: never.
        collateral_rate: The part of coins that counts as margin.
        most_lag_seconds: How far a view of the account may lag at the most.
        is_limited: Whether the limits of requests hold.
    """

    keys: Mapping[str, str] = field(default_factory=lambda: {FAKE_KEY: FAKE_SECRET}, repr=False)
    yen: Decimal = Decimal(1_000_000)
    btc_lots: int = 0
    readings: Readings = field(default_factory=Readings)
    slippage_rate: Decimal = Decimal("0.0005")
    volume_share: Decimal = Decimal("0.2")
    behind_others: int = 0
    margin_call_percentage: Decimal = Decimal(100)
    losscut_percentage: Decimal = Decimal(50)
    collateral_rate: Decimal = Decimal("0.5")
    most_lag_seconds: float = 10.0
    is_limited: bool = True


def readings_from(told: Mapping[str, Any]) -> Readings:
    """The readings that differ from the defaults. Raises `UserError` for an unknown one."""
    known = {one.name for one in fields(Readings)}
    for name, choice in told.items():
        if name not in known:
            raise UserError(
                f"there is no reading {name!r}", remedy=f"known: {', '.join(sorted(known))}"
            )
        if choice not in READINGS[name][0]:
            raise UserError(
                f"the reading {name} was {choice!r}",
                remedy=f"give one of {', '.join(READINGS[name][0])}",
            )
    return Readings(**told)
