"""How large a stop may be, and how soon it is sent again, after it was refused. Pure.

A stop is refused for three things that look alike: the exchange does not know the position yet,
something of which nobody can know holds a part of it, or nothing is wrong and an order of ours has
gone a moment too late. So what does not show is asked for at growing distances, and what shows as
often as it may be taken, then in smaller and smaller sizes: a part that is protected is better than
none.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from shared.core.frozen import copy_with
from shared.core.reasons import Reason
from shared.core.types import OrderRecord, Purpose, Side

FIRST_PAUSE_MS = 2_000
"""How long a stop that was refused is held back while nothing shows that it could be for: until the
next look. With every further refusal twice as long."""
LONGEST_PAUSE_MS = 8_000
"""The longest of these pauses: where what shows is not true, so that a stop would be taken, a
position is bare for so much longer at the most."""
WHOLE_TRIES = 3
"""So often a stop of all that shows is sent at consecutive looks: what was cancelled to make room
for it may need them to be gone."""
MOST_ORDERS_BESIDE = 3
"""Beside more orders of ours no stop of a part is sent: it, a target and an order that nobody can
see are six with these."""


def smaller_sizes(lots: int, held_lots: Collection[int] = ()) -> Iterator[int]:
    """The sizes in which a stop of so many lots is tried after it was refused, each once, down to
    a single lot.

    Something that nobody sees may hold one of `held_lots` of the position, so that what that would
    leave comes first. Then ever more is left out, so that little stays bare where little is held;
    from a half on, halves.

    >>> list(smaller_sizes(180, [7]))
    [173, 179, 178, 176, 172, 164, 148, 116, 58, 29, 14, 7, 3, 1]
    >>> list(smaller_sizes(2)), list(smaller_sizes(1)), list(smaller_sizes(7, [7, 5]))
    ([1], [], [2, 6, 5, 1])
    """
    return iter(dict.fromkeys(_sizes(lots, held_lots)))


def _sizes(lots: int, held_lots: Collection[int]) -> Iterator[int]:
    yield from (lots - held for held in held_lots if lots - held in range(1, lots))
    size, less = lots, 1
    while 2 * less <= lots:
        size = lots - less
        yield size
        less *= 2
    while size := size // 2:
        yield size


def lost_stop_lots(records: Sequence[OrderRecord], side: Side) -> int:
    """For how many lots stops of a side were sent of which no answer told."""
    return sum(
        record.intent.lots
        for record in records
        if _is_stop(record) and record.intent.side is side and record.outcome == "unknown"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedStops:
    """What was refused of a side, one stop after another: how often, the last one's size and
    reason, and until when it is held back where that matters.

    `shown_lots` showed and had no stop when it was, and of as many not a single one was taken as
    are `held_lots`.

    >>> refused = RefusedStops(
    ...     tries=1,
    ...     lots=12,
    ...     reason=Reason.QUANTITY_HELD,
    ...     shown_lots=0,
    ...     pause_ms=2_000,
    ...     until=14_000,
    ...     held_lots=0,
    ... )
    >>> refused.most_lots(shown_lots=0, lost_lots=0, may_be_part=True, now_ms=13_999)
    0
    >>> refused.most_lots(shown_lots=12, lost_lots=0, may_be_part=True, now_ms=13_999)
    12
    """

    tries: int
    lots: int
    reason: Reason | None
    shown_lots: int
    pause_ms: int
    until: int
    held_lots: int

    def most_lots(self, *, shown_lots: int, lost_lots: int, may_be_part: bool, now_ms: int) -> int:
        """How large the next stop may be: 0, none now.

        For nothing that shows it is as large as the one before: of what was filled since nobody may
        know yet.
        """
        if shown_lots <= 0:
            return self._after_pause(self.lots, now_ms)
        if shown_lots <= self.held_lots:
            return self._after_pause(shown_lots, now_ms)
        tries = self.tries_of_more
        if tries < WHOLE_TRIES:
            return shown_lots
        if self.reason is Reason.QUANTITY_HELD and may_be_part:
            sizes = smaller_sizes(shown_lots, (lost_lots, self.held_lots))
            part = next(islice(sizes, tries - WHOLE_TRIES, None), 0)
            if part:
                return part
        return self._after_pause(shown_lots, now_ms)

    @property
    def tries_of_more(self) -> int:
        """How often more than was held was refused so far: never, where nothing showed of it, and
        whole, where all of it was held: what was filled since may be free.
        """
        if self.shown_lots <= 0:
            return 0
        return WHOLE_TRIES if self.shown_lots <= self.held_lots else self.tries

    def _after_pause(self, lots: int, now_ms: int) -> int:
        return 0 if now_ms < self.until else lots


class Refusals:
    """What was refused of each side since a tick began to attend.

    >>> refusals = Refusals()
    >>> refusals.most_lots({Side.LONG: 12}, (), orders=0, now_ms=0)
    {}
    """

    __slots__ = ("_by_side",)

    def __init__(self) -> None:
        self._by_side: dict[Side, RefusedStops] = {}

    def most_lots(
        self,
        shown: Mapping[Side, int],
        records: Sequence[OrderRecord],
        *,
        orders: int,
        now_ms: int,
    ) -> dict[Side, int]:
        """How large a stop of each side may be whose last was refused.

        `shown` are the lots of each position that show and have no stop, `records` what the tick
        has sent, `orders` how many orders of ours rest.
        """
        return {
            side: refused.most_lots(
                shown_lots=shown[side],
                lost_lots=lost_stop_lots(records, side),
                may_be_part=orders <= MOST_ORDERS_BESIDE,
                now_ms=now_ms,
            )
            for side, refused in self._by_side.items()
            if side in shown
        }

    def note(
        self, records: Sequence[OrderRecord], shown: Mapping[Side, int], *, now_ms: int
    ) -> None:
        """Count each stop that was refused while so much was `shown`.

        One that was not refused ends that, unless it was for a part: then the rest is tried whole
        once, and in smaller sizes.
        """
        for record in records:
            side = record.intent.side
            if _is_stop(record) and side in shown:
                after = _after(self._by_side.pop(side, None), record, shown[side], now_ms)
                if after is not None:
                    self._by_side[side] = after


def _is_stop(record: OrderRecord) -> bool:
    return record.what == "place" and record.intent.purpose is Purpose.STOP


def _after(
    before: RefusedStops | None, record: OrderRecord, shown: int, now_ms: int
) -> RefusedStops | None:
    lots = record.intent.lots
    if record.outcome == "rejected":
        ms = FIRST_PAUSE_MS if before is None else min(2 * before.pause_ms, LONGEST_PAUSE_MS)
        held = 0 if before is None else before.held_lots
        return RefusedStops(
            tries=1 if before is None else before.tries_of_more + 1,
            lots=lots,
            reason=record.reason,
            shown_lots=shown,
            pause_ms=ms,
            until=now_ms + ms,
            held_lots=max(held, shown) if lots == 1 else held,
        )
    if before is None or record.outcome != "accepted" or lots >= shown:
        return None
    return copy_with(before, tries=WHOLE_TRIES - 1, shown_lots=shown - lots, until=now_ms)
