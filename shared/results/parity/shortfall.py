"""Why an order brought another amount at the exchange than on paper, in yen by cause. Pure.

    lots that only paper filled       partial fill, queue or latency:  - what they brought on paper
    lots that only the exchange filled                      the same:  + what they brought there
    lots that both filled   way in, at another price         latency:  (paper - live) x side x lots
                            way out, another one    the cause by what rested when paper left
    an order that only one of the two sent              other orders:  what it brought, whole

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
from shared.results.parity.lots import OrderStory, Part, boundaries_of, parts_of

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
    mine, other = parts_of(live, bounds), parts_of(paper, bounds)
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
    units = sign * sum(part.net_units for part in parts_of(story))
    return [_difference(story.at, FillCause.OTHER_ORDERS, story.lots, units)]


def _missing(live: OrderStory, part: Part) -> LotDifference:
    """Lots that paper filled and the exchange did not: what they brought on paper is lacking."""
    cause = FillCause.PARTIAL_FILL if live.entries else why_unfilled(live, part.entered)
    return _difference(live.at, cause, part.end - part.first, -part.net_units)


def _extra(paper: OrderStory, part: Part) -> LotDifference:
    """Lots that the exchange filled and paper did not: they brought what they brought."""
    cause = FillCause.PARTIAL_FILL if paper.entries else why_unfilled(paper, part.entered)
    return _difference(paper.at, cause, part.end - part.first, part.net_units)


def _of_way_in(live: OrderStory, here: Part, there: Part) -> list[LotDifference]:
    """One order has one limit: another price is that of another moment. At one price only the
    pieces differ, each with a fee that is rounded.
    """
    lots = here.end - here.first
    units = (there.entered.price - here.entered.price) * live.side.sign * lots
    units -= here.entry_fee_units - there.entry_fee_units
    is_same = (here.entered.price, here.entered.maker) == (there.entered.price, there.entered.maker)
    cause = FillCause.PARTIAL_FILL if is_same else FillCause.LATENCY
    return [_difference(live.at, cause, lots, units)]


def _of_way_out(
    live: OrderStory, paper: OrderStory, here: Part, there: Part
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
    if any(fill.at <= elsewhere.at for fill in story.entries):
        return FillCause.PARTIAL_FILL
    if story.live_lots(Purpose.ENTRY, elsewhere.at):
        return FillCause.QUEUE
    return FillCause.LATENCY


def _why_left_otherwise(live: OrderStory, paper: OrderStory, here: Part, there: Part) -> FillCause:
    """What made the way out another one, by what was in the market when paper left."""
    out, there_out = here.left, there.left
    is_same = (out.at, out.price, out.purpose) == (there_out.at, there_out.price, there_out.purpose)
    if there_out.at < here.entered.at or (is_same and here.entered.at > there.entered.at):
        return why_unfilled(live, there.entered)
    if out.at < there.entered.at:
        return why_unfilled(paper, here.entered)
    if is_same:
        return FillCause.PARTIAL_FILL
    if here.trade.reason is Reason.EXIT_UNPROTECTED:
        return FillCause.PROTECTION_GAP
    if there_out.purpose in PROTECTION and not _was_there(live, there_out, here):
        return FillCause.PROTECTION_GAP
    if there_out.purpose is Purpose.TARGET and out.at >= there_out.at:
        begun = any(
            fill.purpose is Purpose.TARGET and fill.at <= there_out.at for fill in live.exits
        )
        return FillCause.PARTIAL_FILL if begun else FillCause.QUEUE
    if (out.purpose, out.at) == (there_out.purpose, there_out.at):
        return FillCause.SLIPPAGE
    if there_out.purpose is Purpose.CLOSE and out.at >= there_out.at:
        return FillCause.LATENCY
    return FillCause.UNEXPLAINED


def _was_there(live: OrderStory, left: Fill, part: Part) -> bool:
    """Whether the exchange held an order of the same purpose for these lots then."""
    gone = sum(fill.lots for fill in live.exits if fill.at < left.at)
    return live.live_lots(left.purpose, left.at) >= part.end - gone


def _difference(at: int, cause: FillCause, lots: int, units: int) -> LotDifference:
    return LotDifference(at=at, cause=cause, lots=lots, amount_jpy=jpy_from_units(units))
