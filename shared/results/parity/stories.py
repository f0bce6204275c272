"""What came of every order that opens, as the reports of ticks tell it. Pure.

A position is followed from its first fill to the one after which nothing is held: so it needs no
more than the orders, fills and trades of the reports in between. Under the target policy a position
grows by orders of many ticks, and is told as the story of the first of them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from shared.core.types import Fill, OrderRecord, Purpose, Side, TickReport, Trade
from shared.results.parity.lots import OrderStory, Rested


@dataclass(frozen=True, slots=True, kw_only=True)
class Stories:
    """The stories of a stretch, and how many orders led to something that is still held, or whose
    trades no report tells.

    >>> Stories(closed=(), still_open=1).still_open
    1
    """

    closed: tuple[OrderStory, ...]
    still_open: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Booking:
    """A fill and, where it closed something, the trade; None too where no report tells it."""

    fill: Fill
    trade: Trade | None

    @property
    def is_lacking(self) -> bool:
        return self.trade is None and self.fill.purpose is not Purpose.ENTRY


def stories_of(reports: Sequence[TickReport]) -> Stories:
    """The stories of all orders that open, in the order in which they were sent; those without a
    fill too.

    >>> stories_of([])
    Stories(closed=(), still_open=0)

    Args:
        reports: In the order of their ticks, from one on before which nothing was held.
    """
    closed: list[OrderStory] = []
    still_open = 0
    positions = list(_positions(_bookings(reports)))
    sent = [
        (report.scheduled_at, record)
        for report in reports
        for record in report.orders
        if record.what == "place" and record.intent.is_opening
    ]
    for at, record in sent:
        mine = next((one for one in positions if _is_begun_by(one, record)), [])
        if not mine and _is_growth(positions, record):
            continue
        if _lots_left(mine) or any(one.is_lacking for one in mine):
            still_open += 1
            continue
        closed.append(_story(at, record.intent.side, mine, tuple(_market_times(reports, at, mine))))
    return Stories(closed=tuple(closed), still_open=still_open)


def pairs_of(
    live: Sequence[OrderStory], paper: Sequence[OrderStory]
) -> list[tuple[OrderStory | None, OrderStory | None]]:
    """The stories of the same tick and side beside each other; None where only one of the two sent
    an order there.

    >>> story = OrderStory(at=0, side=Side.LONG, fills=(), trades=(), rested=())
    >>> pairs_of([story], []) == [(story, None)]
    True
    """
    mine = {(story.at, story.side): story for story in live}
    other = {(story.at, story.side): story for story in paper}
    return [(mine.get(key), other.get(key)) for key in sorted({*mine, *other})]


def _bookings(reports: Sequence[TickReport]) -> list[_Booking]:
    """Every closing fill is one trade, in the same order."""
    trades = iter([trade for report in reports for trade in report.trades])
    return [
        _Booking(fill=fill, trade=None if fill.purpose is Purpose.ENTRY else next(trades, None))
        for report in reports
        for fill in report.fills
    ]


def _positions(booked: Sequence[_Booking]) -> Iterator[list[_Booking]]:
    """The fills of each side, cut where nothing is held."""
    for side in Side:
        mine: list[_Booking] = []
        for one in booked:
            if one.fill.side is not side:
                continue
            mine.append(one)
            if not _lots_left(mine):
                yield mine
                mine = []
        if mine:
            yield mine


def _lots_left(booked: Sequence[_Booking]) -> int:
    return sum(one.fill.lots * (1 if one.fill.purpose is Purpose.ENTRY else -1) for one in booked)


def _is_begun_by(position: Sequence[_Booking], record: OrderRecord) -> bool:
    return record.order_id is not None and position[0].fill.order_id == record.order_id


def _is_growth(positions: Sequence[Sequence[_Booking]], record: OrderRecord) -> bool:
    return record.order_id is not None and any(
        one.fill.order_id == record.order_id for position in positions for one in position
    )


def _story(
    at: int, side: Side, booked: Sequence[_Booking], rested: tuple[Rested, ...]
) -> OrderStory:
    return OrderStory(
        at=at,
        side=side,
        fills=tuple(one.fill for one in booked),
        trades=tuple(one.trade for one in booked if one.trade is not None),
        rested=rested,
    )


def _market_times(
    reports: Sequence[TickReport], at: int, booked: Sequence[_Booking]
) -> Iterator[Rested]:
    """The orders of the tick at `at` and of those after it until nothing was held."""
    until = max((one.fill.at for one in booked), default=at)
    mine = [one for one in reports if at <= one.scheduled_at <= max(at, until)]
    records = [(report.scheduled_at, record) for report in mine for record in report.orders]
    canceled = {
        record.order_id: record.taken_at for _, record in records if record.what == "cancel"
    }
    for scheduled_at, record in records:
        if record.what != "place" or record.outcome != "accepted":
            continue
        fills = [one.fill for one in booked if one.fill.order_id == record.order_id]
        is_whole = sum(fill.lots for fill in fills) >= record.intent.lots
        yield Rested(
            purpose=record.intent.purpose,
            lots=record.intent.lots,
            since_at=scheduled_at if record.taken_at is None else record.taken_at,
            until_at=fills[-1].at if is_whole else canceled.get(record.order_id),
        )
