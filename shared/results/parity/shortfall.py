"""Why an order brought another amount at the exchange than on paper, in yen by cause. Pure.

    lots that only paper filled       partial fill, queue or latency:  - what they brought on paper
    lots that only the exchange filled                      the same:  + what they brought there
    lots that both filled   way in, at another price       other book
                                                           or latency:  (paper - live) x side x lots
                            way out, another one    the cause by what rested when paper left
    an order, or a part of its size, that only one of
    the two sent                                         other orders:  what it brought, whole

Each cause has a condition and a formula of its own. Nothing is set down as what is left over: what
meets no condition is `unexplained`, with its own amount.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from shared.core.money import ZERO, jpy_from_units
from shared.core.reasons import Reason
from shared.core.types import Fill, Purpose
from shared.results.parity.lots import LotRun, OrderStory, boundaries_of, lot_runs

PROTECTION = frozenset({Purpose.STOP, Purpose.TARGET})


class FillCause(StrEnum):
    """Why the same order brought something else.

    >>> FillCause("partial fill").name
    'PARTIAL_FILL'
    """

    LATENCY = "latency"
    QUEUE = "queue"
    PARTIAL_FILL = "partial fill"
    PROTECTION_GAP = "protection gap"
    SLIPPAGE = "slippage"
    OTHER_BOOK = "other book"
    OTHER_ORDERS = "other orders"
    UNEXPLAINED = "unexplained"


@dataclass(frozen=True, slots=True, kw_only=True)
class LotDifference:
    """Some lots of one order: what they brought more (less, where negative) than on paper, and why.

    >>> LotDifference(at=0, cause=FillCause.QUEUE, lots=12, amount_jpy=Decimal("-3.5")).cause.value
    'queue'
    """

    at: int
    cause: FillCause
    lots: int
    amount_jpy: Decimal


def differences_of(live: OrderStory | None, paper: OrderStory | None) -> list[LotDifference]:
    """Every lot for which the two differ in yen. None: that one did not send the order.

    >>> differences_of(None, None)
    []
    """
    if live is None or paper is None:
        return _of_one(live, 1) + _of_one(paper, -1)
    bounds = sorted(boundaries_of(live) | boundaries_of(paper))
    mine, other = lot_runs(live, bounds), lot_runs(paper, bounds)
    both = min(live.lots, paper.lots)
    found = []
    for here, there in zip(mine, other, strict=False):
        if here.end <= both:
            found += _of_way_in(live, here, there)
            found += _of_way_out(live, paper, here, there)
    found += [_missing(live, part) for part in other if part.first >= both]
    found += [_extra(paper, part) for part in mine if part.first >= both]
    return [one for one in found if one.amount_jpy]


def amounts_by_cause(
    pairs: Iterable[tuple[OrderStory | None, OrderStory | None]],
) -> Mapping[FillCause, Decimal]:
    """The yen of each cause over many orders, the live story first; only causes that cost or
    brought something.

    >>> amounts_by_cause([(None, None)])
    {}
    """
    amounts: dict[FillCause, Decimal] = defaultdict(lambda: ZERO)
    for live, paper in pairs:
        for one in differences_of(live, paper):
            amounts[one.cause] += one.amount_jpy
    return dict(amounts)


def _of_one(story: OrderStory | None, sign: int) -> list[LotDifference]:
    if story is None:
        return []
    units = sign * sum(part.net_units for part in lot_runs(story))
    return [_difference(story.at, FillCause.OTHER_ORDERS, story.lots, units)]


def _missing(live: OrderStory, part: LotRun) -> LotDifference:
    """Lots that paper filled and the exchange did not: what they brought on paper is lacking."""
    cause = _why_fewer(live, part)
    return _difference(live.at, cause, part.end - part.first, -part.net_units)


def _extra(paper: OrderStory, part: LotRun) -> LotDifference:
    """Lots that the exchange filled and paper did not: they brought what they brought."""
    cause = _why_fewer(paper, part)
    return _difference(paper.at, cause, part.end - part.first, part.net_units)


def _why_fewer(story: OrderStory, part: LotRun) -> FillCause:
    """Why a story has not the lots of a part: the order was smaller, ended with a part of its size,
    or filled nothing.
    """
    if story.asked_lots is not None and part.first >= story.asked_lots:
        return FillCause.OTHER_ORDERS
    return FillCause.PARTIAL_FILL if story.entry_fills else why_unfilled(story, part.entered)


def _of_way_in(live: OrderStory, here: LotRun, there: LotRun) -> list[LotDifference]:
    """Two that rested at other limits were decided on other books; what took liquidity did so at
    another moment. At one limit only the pieces differ, each with a fee that is rounded.
    """
    lots = here.end - here.first
    units = (there.entered.price - here.entered.price) * live.side.sign * lots
    units -= here.entry_fee_units - there.entry_fee_units
    cause = FillCause.LATENCY
    if here.entered.maker and there.entered.maker:
        is_same = here.entered.price == there.entered.price
        cause = FillCause.PARTIAL_FILL if is_same else FillCause.OTHER_BOOK
    return [_difference(live.at, cause, lots, units)]


def _of_way_out(
    live: OrderStory, paper: OrderStory, here: LotRun, there: LotRun
) -> list[LotDifference]:
    lots = here.end - here.first
    units = (here.left.price - there.left.price) * live.side.sign * lots
    units -= here.exit_fee_units - there.exit_fee_units
    units -= here.interest_units - there.interest_units
    if not units:
        return []
    return [_difference(live.at, _why_left_otherwise(live, paper, here, there), lots, units)]


def why_unfilled(story: OrderStory, elsewhere: Fill) -> FillCause:
    """Why an order did not fill the lots that filled `elsewhere`, at that moment.

    It had begun to fill: there was no more to have. It rested, and others were served: the queue.
    It was not in the market: it came too late, was refused when it came, or had ended.

    >>> from shared.core.types import Side
    >>> from shared.results.parity.lots import Rested
    >>> filled = Fill(
    ...     sequence=1, order_id=1, purpose=Purpose.ENTRY, side=Side.LONG, at=20_000,
    ...     price=9_800_000, lots=12, maker=True, fee_jpy=ZERO,
    ... )
    >>> def rested(since_at: int) -> OrderStory:
    ...     entry = Rested(purpose=Purpose.ENTRY, lots=12, since_at=since_at)
    ...     return OrderStory(at=0, side=Side.LONG, fills=(), trades=(), rested=(entry,))
    >>> why_unfilled(rested(17_500), filled).value, why_unfilled(rested(21_500), filled).value
    ('queue', 'latency')
    """
    if any(fill.at <= elsewhere.at for fill in story.entry_fills):
        return FillCause.PARTIAL_FILL
    if story.live_lots(Purpose.ENTRY, elsewhere.at):
        return FillCause.QUEUE
    return FillCause.LATENCY


def _why_left_otherwise(
    live: OrderStory, paper: OrderStory, here: LotRun, there: LotRun
) -> FillCause:
    """What made the way out another one, by what was in the market when paper left."""
    late = _why_in_at_another_time(live, paper, here, there)
    if late is not None:
        return late
    is_lacking = there.left.purpose in PROTECTION and not _is_there(live, there.left, here)
    if is_lacking or here.trade.reason is Reason.EXIT_UNPROTECTED:
        return FillCause.PROTECTION_GAP
    return _why_out_although_protected(live, here.left, there.left)


def _why_in_at_another_time(
    live: OrderStory, paper: OrderStory, here: LotRun, there: LotRun
) -> FillCause | None:
    """One was out before the other was in, or left alike and paid interest for another time."""
    is_same = _is_alike(here.left, there.left)
    if there.left.at < here.entered.at or (is_same and here.entered.at > there.entered.at):
        return why_unfilled(live, there.entered)
    if here.left.at < there.entered.at:
        return why_unfilled(paper, here.entered)
    return FillCause.PARTIAL_FILL if is_same else None  # other pieces, each with a rounded fee


def _why_out_although_protected(live: OrderStory, out: Fill, there: Fill) -> FillCause:
    if there.purpose is Purpose.TARGET and out.at >= there.at:
        targets = [fill for fill in live.exit_fills if fill.purpose is Purpose.TARGET]
        begun = any(fill.at <= there.at for fill in targets)
        return FillCause.PARTIAL_FILL if begun else FillCause.QUEUE
    if (out.purpose, out.at) == (there.purpose, there.at):
        return FillCause.SLIPPAGE
    if there.purpose is Purpose.CLOSE and out.at >= there.at:
        return FillCause.LATENCY
    return FillCause.UNEXPLAINED


def _is_alike(one: Fill, other: Fill) -> bool:
    return (one.at, one.price, one.purpose) == (other.at, other.price, other.purpose)


def _is_there(live: OrderStory, left: Fill, part: LotRun) -> bool:
    """Whether the exchange held an order of the same purpose for these lots then."""
    gone = sum(fill.lots for fill in live.exit_fills if fill.at < left.at)
    return live.live_lots(left.purpose, left.at) >= part.end - gone


def _difference(at: int, cause: FillCause, lots: int, units: int) -> LotDifference:
    return LotDifference(at=at, cause=cause, lots=lots, amount_jpy=jpy_from_units(units))
