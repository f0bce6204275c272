"""bitbank's error codes in one table: what each says, and what it means after a reading, after an
order and after a cancel. Pure.

A code that is not here is safe on every path: after a reading it is no answer, after an order and
after a cancel nobody knows.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from shared.core.reasons import Reason


class CancelFate(StrEnum):
    """What came of the wish to cancel an order.

    `asked`: taken, or in progress already; `look`: only reading the order tells; `refused`: it
    lives on; `unknown`: nobody knows, and asking again does no harm.
    """

    CANCELED = "canceled"
    WAS_CANCELED = "was_canceled"
    WAS_FILLED = "was_filled"
    ASKED = "asked"
    LOOK = "look"
    REFUSED = "refused"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Meaning:
    """One code.

    `text`: what it says. `reason`: what it means for the market's quality. `again`: whether reading
    again soon can help. `is_refusal`: whether nothing was placed for certain where an order was
    answered with it, `refusal` why. `cancel`: what it says of an order that was to be cancelled.
    """

    text: str = "an error that this bot does not know"
    reason: Reason = Reason.DATA_MISSING
    again: bool = False
    is_refusal: bool = False
    refusal: Reason = Reason.REJECTED_BY_EXCHANGE
    cancel: CancelFate = CancelFate.UNKNOWN


NOT_LISTED = Meaning()

_REFUSED = Meaning(is_refusal=True, cancel=CancelFate.REFUSED)
_HALTED = replace(_REFUSED, reason=Reason.EXCHANGE_HALTED, refusal=Reason.EXCHANGE_HALTED)
_ONE_SIDE = replace(_REFUSED, refusal=Reason.SIDE_SUSPENDED)
_TOO_LITTLE = replace(_REFUSED, refusal=Reason.SIZE_BELOW_MINIMUM)
_NO_MONEY = replace(_REFUSED, refusal=Reason.MARGIN_INSUFFICIENT)
_SYSTEM = Meaning(text="system error", again=True)
_BUSY = Meaning(text="busy", reason=Reason.EXCHANGE_BUSY, again=True)

_GROUPS: tuple[tuple[Meaning, Mapping[int, str]], ...] = (
    (Meaning(), {10000: "not found", 10002: "malformed request"}),
    (_SYSTEM, dict.fromkeys((10001, 10003, 70001, 70002, 70003, 70012), "system error")),
    (_SYSTEM, {10005: "timed out inside the exchange"}),
    (Meaning(reason=Reason.EXCHANGE_HALTED), {10007: "under maintenance"}),
    (_BUSY, {10008: "busy", 10009: "too many requests", 70011: "busy"}),
    # the request's headers
    (
        _REFUSED,
        {
            20001: "not authorised: signature or nonce",
            20002: "the key is invalid",
            20003: "the key was not found",
            20004: "the nonce is missing",
            20005: "the signature is invalid",
            20011: "a second factor failed",
            20014: "the SMS check failed",
            20018: "not logged in",
            20019: "not logged in",
            20023: "a one-time code is missing",
            20024: "an SMS code is missing",
            20025: "both codes are missing",
            20026: "the second factor is locked for a minute",
            20033: "the request time is missing",
            20036: "neither request time nor nonce was sent",
            20037: "the request time is malformed",
            20038: "the time window is malformed",
            20039: "the nonce is malformed",
        },
    ),
    (
        replace(_REFUSED, refusal=Reason.CLOCK_SKEW),
        {
            20034: "the request time lies ahead of the exchange's clock",
            20035: "the request arrived after its window",
        },
    ),
    # its fields
    (
        _REFUSED,
        {
            30001: "the amount is missing",
            30006: "the order's id is missing",
            30007: "the orders' ids are missing",
            30009: "the asset is missing",
            30012: "the price is missing",
            30013: "the side is missing",
            30015: "the type is missing",
            30016: "the asset is missing",
            30101: "the trigger price is missing",
            40001: "the amount is invalid",
            40006: "the count is invalid",
            40007: "the end is invalid",
            40008: "the last id is invalid",
            40009: "the first id is invalid",
            40013: "the order's id is invalid",
            40014: "the orders' ids are invalid",
            40015: "too many orders at once",
            40017: "the asset is invalid",
            40020: "the price is invalid",
            40021: "the side is invalid",
            40022: "the start is invalid",
            40024: "the type is invalid",
            40025: "the asset is invalid",
            40112: "the trigger price is invalid",
            40113: "post_only is invalid",
            40114: "post_only does not belong to this type",
            40164: "the position side is invalid",
            40165: "this pair has no margin trading",
            40200: "a stop cannot open a position",
            60019: "it would open and not close",
            60020: "refused for a reason that is not documented",
        },
    ),
    # the account
    (
        replace(_REFUSED, refusal=Reason.QUANTITY_HELD),
        {50062: "more than the position, counting what other orders would close"},
    ),
    (
        _REFUSED,
        {
            50003: "the account is restricted",
            50004: "the account is provisional",
            50005: "the account is blocked",
            50006: "the account is blocked",
            50008: "the identity is not verified",
            50011: "no such endpoint",
            50058: "margin trading is not approved",
            60011: "thirty orders rest already",
        },
    ),
    (
        replace(_REFUSED, cancel=CancelFate.LOOK),
        {50009: "no such order, or it ended long ago", 50010: "the order cannot be cancelled"},
    ),
    (
        replace(_REFUSED, cancel=CancelFate.WAS_CANCELED),
        {50026: "the order was cancelled already"},
    ),
    (replace(_REFUSED, cancel=CancelFate.WAS_FILLED), {50027: "the order was executed already"}),
    (replace(_REFUSED, cancel=CancelFate.ASKED), {70019: "a cancel of it is in progress"}),
    (
        _NO_MONEY,
        {50061: "more than may be opened with this margin", 60001: "not enough is free"},
    ),
    # size and price
    (
        _REFUSED,
        {
            60002: "too much for a market order",
            60003: "above the largest amount",
            60005: "the price is too high",
            60006: "the price is too low",
            60016: "the trigger price is too far away",
            60018: "the trigger price is reached already",
            70021: "the price is beyond the limit of the moment",
        },
    ),
    (
        _TOO_LITTLE,
        {60004: "below the smallest amount", 70010: "the smallest amount is raised for now"},
    ),
    # what is suspended
    (
        _HALTED,
        {
            70004: "trading suspended",
            70009: "no market orders for now",
            70013: "no orders and no cancels for now",
            70017: "no orders of this pair",
            70018: "no orders and no cancels of this pair",
            70020: "no market orders outside continuous trading",
            70022: "no stop-limit orders for now",
            70023: "no stops for now",
            70026: "orders restricted for now",
            50079: "positions cannot be closed by orders",
            50081: "positions cannot be closed by orders",
        },
    ),
    (
        _ONE_SIDE,
        {
            50059: "no new margin orders for now",
            50060: "no new margin orders for now",
            50072: "buying is not possible on spot",
            50073: "selling is not possible on spot",
            50078: "positions cannot be opened",
            50080: "positions cannot be opened",
            70005: "no buying for now",
            70006: "no selling for now",
            70024: "no long position may be opened for now",
            70025: "no short position may be opened for now",
        },
    ),
)

_OF_WITHDRAWALS: tuple[int, ...] = (
    *(30019, 30039, *range(30103, 30124), 40028, 40048, *range(40116, 40128)),
    *(*range(40152, 40161), 40163, 50033, 50034, 50035, 50037, 50038, *range(50043, 50055)),
    *(50070, 50071, 50083, 60017),
)
"""Of withdrawals, deposits and the people behind them: answers that no request of ours can get."""
_OF_LENDING = (70014, 70015, 70016)
"""Restrictions of withdrawals and lending; after an order they would say nothing of it."""


def _every_meaning() -> Iterator[tuple[int, Meaning]]:
    for meaning, texts in _GROUPS:
        yield from ((code, replace(meaning, text=text)) for code, text in texts.items())
    for code in _OF_WITHDRAWALS:
        yield code, replace(_REFUSED, text="an error of withdrawals")
    for code in _OF_LENDING:
        yield code, Meaning(text="withdrawals or lending are restricted")


MEANINGS: Mapping[int, Meaning] = dict(sorted(_every_meaning()))
"""Every documented code."""

NOT_FOUND = 10000
NO_SUCH_ORDER = 50009
TOO_MANY = 10009


def meaning_of(code: int) -> Meaning:
    """What a code means, also one that nobody listed.

    >>> meaning_of(50026).cancel.value, meaning_of(99999).is_refusal
    ('was_canceled', False)
    """
    return MEANINGS.get(code, NOT_LISTED)
