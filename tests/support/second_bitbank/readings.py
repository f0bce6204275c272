"""Where the reference leaves two readings open, which of them this bitbank keeps."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class Readings:
    """A test chooses; each default is one reading like the other.

    Attributes:
        dialect: How rows are written. `doc`: what does not apply is absent, four places. `lab`: it
            is null, and averages are whole yen. `mock`: eight places, prices with four, no field
            that the official mock leaves out.
        error_status: HTTP status of an answer with a code (`4xx`: 400, 404 where nothing is).
        post_answers: An order's answer shows it before it met the book (`early`), or after.
        cancel_answers: The same for a cancel, which may still say UNFILLED.
        cancel_ms: So long a cancel is in process: a second one says 70019, and it may be filled.
        orders_oldest_first: The order of `active_orders`; `orders_info` has the other one.
        lists: Which orders that have not fired `active_orders` shows.
        lists_after_ms: An order shows in lists so long after it was accepted.
        position_ms: A position shows, and can be closed, so long after its fill.
        history_ms: An execution is told so long after it happened.
        since_unit: Of `since` and `end`, which are both inclusive.
        closes: What counts, with a new close, against the position. `apart`: stops beside stops,
            limits beside limits, and everything beside a market order. `together`: everything.
            `stops_free`: no stop counts before it fires.
        above_position: What a close does that is larger than the position when it executes.
            `shrink`: it becomes as large. `rest`: its rest is cancelled. `nothing`: all of it is.
        fires_on: A stop's price: the side that it would take, or the last price.
        fills_at: A resting limit is filled when the other side goes `through` its price, or
            touches it.
        passing_ms: A fired stop reads CANCELED_UNFILLED so long before it is filled.
        unfilled: How a market order ends that cannot be filled whole.
        oversized: An opening that is too large gets a code, or an order that is REJECTED.
        amountless: What becomes of a take_profit or stop_loss without an amount.
        collect_ms: Losses and costs of a close are taken from the yen so long after it.
        interest_sign: How `interest` of a trade is written.
        interest_by: What accrues: each started day whole, or each second its part.
        tells_occurred: Whether trades have `fee_occurred_amount_quote`.
        locks_fee: A spot buy locks the taker's fee too.
    """

    dialect: Literal["doc", "lab", "mock"] = "doc"
    error_status: Literal["4xx", "200"] = "4xx"
    post_answers: Literal["early", "late"] = "early"
    cancel_answers: Literal["early", "late"] = "late"
    cancel_ms: int = 0
    orders_oldest_first: bool = False
    lists: Literal["all", "no_stop_limits", "no_stops"] = "all"
    lists_after_ms: int = 0
    position_ms: int = 0
    history_ms: int = 0
    since_unit: Literal["ms", "s"] = "ms"
    closes: Literal["apart", "together", "stops_free"] = "apart"
    above_position: Literal["shrink", "rest", "nothing"] = "shrink"
    fires_on: Literal["touch", "last"] = "touch"
    fills_at: Literal["through", "touch"] = "through"
    passing_ms: int = 0
    unfilled: Literal["CANCELED_UNFILLED", "REJECTED", "EXPIRED"] = "CANCELED_UNFILLED"
    oversized: Literal["code", "rejected"] = "code"
    amountless: Literal["refuse", "follow"] = "refuse"
    collect_ms: int = 0
    interest_sign: Literal["plus", "minus"] = "plus"
    interest_by: Literal["started_day", "second"] = "started_day"
    tells_occurred: bool = True
    locks_fee: bool = False
