"""Placing and cancelling at bitbank: what was prepared is sent once, and what came of it is one of
three. Nothing here may reach the retry (an import contract).

bitbank knows no id of ours and no order twice is the same order: an order whose answer is lost
stays *unknown* until reading finds it or its time is over.
"""

from dataclasses import dataclass, field

from shared.core.errors import BadData
from shared.core.reasons import Reason
from shared.core.types import (
    Accepted,
    Order,
    OrderIntent,
    Outcome,
    Rejected,
    Unknown,
)
from shared.exchanges.bitbank.balance_answers import Balances
from shared.exchanges.bitbank.bodies import cancel_request, order_request
from shared.exchanges.bitbank.codes import CancelFate, meaning_of
from shared.exchanges.bitbank.envelope import read_envelope, shown_code
from shared.exchanges.bitbank.errors import NoAnswer, NotSent
from shared.exchanges.bitbank.margin_answers import MarginPositions
from shared.exchanges.bitbank.private_answers import WITH_TRIGGER, ExchangeOrder, order_from
from shared.exchanges.bitbank.recognition import CLOCKS_APART_MS, differing_fields
from shared.exchanges.bitbank.signed import SignedRest


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountBefore:
    """What was read just before an order: reconciling a lost answer starts from it.

    `newest_order_id` is the highest id seen so far, 0 where none was; `positions` is None on spot.
    """

    read_at: int
    newest_order_id: int
    balances: Balances
    positions: MarginPositions | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedOrder:
    """An order as it will be sent: the exact text, and the time that it is signed with.

    bitbank takes it no later than `window_ms` after `at_ms`, however long this process sleeps.
    """

    intent: OrderIntent
    pair: str
    is_margin: bool
    body: str
    at_ms: int
    window_ms: int
    before: AccountBefore


@dataclass(frozen=True, slots=True, kw_only=True)
class SendResult:
    """What came of an order, and the order as bitbank told it, where it did.

    An accepted order may have ended already: see its status.
    """

    outcome: Outcome
    order: ExchangeOrder | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelResult:
    """What came of a cancel, and the order where it was told."""

    fate: CancelFate
    order: ExchangeOrder | None = None
    context: dict[str, str] = field(default_factory=dict)


def send_order(rest: SignedRest, prepared: PreparedOrder) -> SendResult:
    """Send a prepared order, once. Never raises for an unclear answer: that is `Unknown`."""
    try:
        answer = rest.carry(
            order_request(prepared.body), at_ms=prepared.at_ms, window_ms=prepared.window_ms
        )
    except NotSent as error:
        return SendResult(outcome=Rejected(reason=error.reason, context=_context_of(error)))
    except NoAnswer as error:
        return SendResult(outcome=Unknown(context=_context_of(error)))
    found = read_envelope(answer)
    if found.code is not None:
        return SendResult(outcome=_answer_to_order(found.code))
    if found.data is None:
        problem = f"bitbank answered with HTTP {answer.status}, {found.problem}"
        return SendResult(outcome=Unknown(context={"found": problem}))
    try:
        order = order_from(found.data, pair=prepared.pair)
        _check_same_order(order, prepared)
    except BadData as error:
        return SendResult(outcome=Unknown(context=_context_of(error)))
    return SendResult(outcome=_outcome_of(order, prepared.intent), order=order)


def cancel_order(
    rest: SignedRest, order_id: int, *, pair: str, at_ms: int | None = None
) -> CancelResult:
    """Cancel one order, once; whatever is not clear is told as such.

    The answer to a cancel may still show the status of before: only one that says that the order
    ended is more than `asked`.
    """
    try:
        answer = rest.carry(cancel_request(order_id, pair=pair), at_ms=at_ms)
    except NotSent as error:
        return CancelResult(fate=CancelFate.REFUSED, context=_context_of(error))
    except NoAnswer as error:
        return CancelResult(fate=CancelFate.UNKNOWN, context=_context_of(error))
    found = read_envelope(answer)
    if found.code is not None:
        meaning = meaning_of(found.code)
        context = {"code": shown_code(found.code), "said": meaning.text}
        return CancelResult(fate=meaning.cancel, context=context)
    if found.data is None:
        return CancelResult(fate=CancelFate.UNKNOWN, context={"found": found.problem})
    try:
        order = order_from(found.data, pair=pair, order_id=order_id)
    except BadData as error:
        return CancelResult(fate=CancelFate.UNKNOWN, context=_context_of(error))
    return CancelResult(fate=_fate_of(order), order=order)


def _fate_of(order: ExchangeOrder) -> CancelFate:
    """What the status in an answer to a cancel says; CANCELED_UNFILLED of a stop that has fired may
    pass.
    """
    is_fired = order.kind in WITH_TRIGGER and order.triggered_at is not None
    if is_fired and order.status == "CANCELED_UNFILLED":
        return CancelFate.LOOK
    return _FATES.get(order.status, CancelFate.ASKED)


_FATES = {
    "CANCELED_UNFILLED": CancelFate.CANCELED,
    "CANCELED_PARTIALLY_FILLED": CancelFate.CANCELED,
    "FULLY_FILLED": CancelFate.WAS_FILLED,
    "REJECTED": CancelFate.LOOK,
    "EXPIRED": CancelFate.LOOK,
}


def _context_of(error: Exception) -> dict[str, str]:
    return {"found": str(error)}


def _answer_to_order(code: int) -> Outcome:
    meaning = meaning_of(code)
    context = {"code": shown_code(code), "said": meaning.text}
    if meaning.is_refusal:
        return Rejected(reason=meaning.refusal, context=context)
    return Unknown(context=context)


def _check_same_order(order: ExchangeOrder, prepared: PreparedOrder) -> None:
    """Raise `BadData` unless it is the order that was sent, and neither an earlier nor a later
    one.
    """
    latest = prepared.at_ms + prepared.window_ms + CLOCKS_APART_MS
    same = {
        "order_id": order.order_id > prepared.before.newest_order_id,
        "ordered_at": prepared.at_ms - CLOCKS_APART_MS <= order.ordered_at <= latest,
    }
    form = differing_fields(order, prepared.intent, is_margin=prepared.is_margin)
    other = ", ".join((*form, *(name for name, is_same in same.items() if not is_same)))
    if other:
        raise BadData(f"order {order.order_id} is not the one that was sent: {other}")


def _outcome_of(order: ExchangeOrder, intent: OrderIntent) -> Outcome:
    if order.status == "REJECTED":
        context = {"order_id": str(order.order_id), "status": order.status}
        if order.executed_lots:
            return Unknown(context=context)
        return Rejected(reason=Reason.REJECTED_BY_EXCHANGE, context=context)
    return Accepted(
        order=Order(
            order_id=order.order_id,
            intent=intent,
            placed_at=order.ordered_at,
            remaining_lots=intent.lots - order.executed_lots,
        )
    )
