"""What was refused of the stops that a tick sends while it attends, and what is sent next. Pure.

A stop is refused for three things that look alike: the exchange does not know the position yet,
something that nobody sees holds a part of it, or an order of ours has gone a moment too late. So
what does not show is asked for at growing distances; what shows is asked for at every look, and
once that was refused thrice smaller parts of it besides: a part that is protected is better than
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
"""So often a stop of all that shows is refused at consecutive looks before parts of it are tried:
what was cancelled to make room for it may need them to be gone."""
PARTS_A_LOOK = 5
"""So many parts are tried at one look, each where the one before was refused."""
MOST_ORDERS_BESIDE = 4
"""Beside more orders of ours no part is tried: with it and one that nobody sees they are six."""


def smaller_sizes(lots: int, held_lots: Collection[int], *, least: int) -> Iterator[int]:
    """The sizes in which a stop of so many lots is tried after it was refused, each once, down to
    the `least` that the exchange takes.

    Something that nobody sees may hold one of `held_lots` of the position, so that what that would
    leave comes first. Then ever more is left out, so that little stays bare where little is held;
    from a half on, halves.

    >>> list(smaller_sizes(180, [7], least=1))
    [173, 179, 178, 176, 172, 164, 148, 116, 58, 29, 14, 7, 3, 1]
    >>> list(smaller_sizes(7, [7, 5], least=1)), list(smaller_sizes(60, [], least=10))
    ([2, 6, 5, 1], [59, 58, 56, 52, 44, 22, 11])
    """
    return (size for size in dict.fromkeys(_sizes(lots, held_lots)) if size >= least)


def _sizes(lots: int, held_lots: Collection[int]) -> Iterator[int]:
    yield from (lots - held for held in held_lots if held in range(1, lots))
    size, less = lots, 1
    while 2 * less <= lots:
        size = lots - less
        yield size
        less *= 2
    while size := size // 2:
        yield size


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedStops:
    """What was refused of a side, one stop after another: the size of the last whole one, and until
    when it is held back where nothing shows.

    Of what shows `tries` were refused whole because something holds the quantity, and since then so
    many `parts`; the last time `shown_lots` showed. Of as many as each of `held_lots` not even the
    smallest part was taken.

    >>> refused = RefusedStops(
    ...     lots=12, pause_ms=2_000, until=14_000, tries=3, parts=1, shown_lots=12, held_lots=()
    ... )
    >>> refused.unshown_lots(13_999), refused.unshown_lots(14_000)
    (0, 12)
    >>> refused.next_parts(12, lost_lots=(), least=1)
    (10, 8, 4, 2, 1)
    """

    lots: int
    pause_ms: int
    until: int
    tries: int
    parts: int
    shown_lots: int
    held_lots: tuple[int, ...]

    def unshown_lots(self, now_ms: int) -> int:
        """How large a stop may be that is for nothing that shows: none in a pause, and then as
        large as the one before. Of what was filled since nobody may know yet.
        """
        return 0 if now_ms < self.until else self.lots

    def next_parts(
        self, shown_lots: int, *, lost_lots: Collection[int], least: int
    ) -> tuple[int, ...]:
        """The parts that are tried at the next look where so much shows."""
        if self.tries < WHOLE_TRIES or self._is_all_held(shown_lots):
            return ()
        sizes = [*smaller_sizes(shown_lots, (*lost_lots, *self.held_lots), least=least)]
        # what was filled since all was held may be free
        parts = 0 if self._is_all_held(self.shown_lots) else self.parts
        return tuple(islice(sizes, parts if parts < len(sizes) else 0, None))[:PARTS_A_LOOK]

    def _is_all_held(self, shown_lots: int) -> bool:
        return any(shown_lots <= held for held in self.held_lots)


class Refusals:
    """What was refused of each side since a tick began to attend.

    >>> refusals = Refusals()
    >>> refusals.unshown_lots(0), refusals.parts_to_try({Side.LONG: 12}, lost={}, least=1, orders=0)
    ({}, {})
    """

    __slots__ = ("_by_side",)

    def __init__(self) -> None:
        self._by_side: dict[Side, RefusedStops] = {}

    def unshown_lots(self, now_ms: int) -> dict[Side, int]:
        """How large a stop of each side may be whose last was refused, where nothing shows."""
        return {side: refused.unshown_lots(now_ms) for side, refused in self._by_side.items()}

    def parts_to_try(
        self, shown: Mapping[Side, int], *, lost: Mapping[Side, int], least: int, orders: int
    ) -> dict[Side, tuple[int, ...]]:
        """The parts of each position that are tried where all that shows is refused.

        `shown` are the lots of each position that show and have no stop, `lost` those that stops
        may hold of which no answer told, `orders` how many orders of ours rest.
        """
        if orders > MOST_ORDERS_BESIDE:
            return {}
        return {
            side: refused.next_parts(
                shown[side],
                lost_lots=[lots for of, lots in lost.items() if of is side],
                least=least,
            )
            for side, refused in self._by_side.items()
            if side in shown
        }

    @property
    def stuck(self) -> frozenset[Side]:
        """The sides of which something holds a part, as far as can be said."""
        return frozenset(
            side for side, refused in self._by_side.items() if refused.tries >= WHOLE_TRIES
        )

    def note(
        self,
        records: Sequence[OrderRecord],
        shown: Mapping[Side, int],
        *,
        least: int,
        now_ms: int,
    ) -> None:
        """Count each stop that was refused while so much was `shown`.

        One that was not refused ends that, unless it was for a part: then the rest is tried.
        """
        for record in records:
            side = record.intent.side
            is_stop = record.what == "place" and record.intent.purpose is Purpose.STOP
            if is_stop and side in shown:
                before = self._by_side.pop(side, None)
                after = _after(before, record, shown[side], least=least, now_ms=now_ms)
                if after is not None:
                    self._by_side[side] = after


def _after(
    before: RefusedStops | None, record: OrderRecord, shown: int, *, least: int, now_ms: int
) -> RefusedStops | None:
    if before is not None and record.intent.lots < shown:
        return _after_part(before, record, shown, least=least)
    if record.outcome != "rejected":
        return None
    return _after_whole(before, record, shown, now_ms)


def _after_part(
    before: RefusedStops, record: OrderRecord, shown: int, *, least: int
) -> RefusedStops | None:
    if record.outcome == "accepted":
        return copy_with(before, parts=0)
    if record.outcome != "rejected":
        return None
    held = before.held_lots
    if record.intent.lots == min(smaller_sizes(shown, (), least=least)):
        held = (shown, *held)
    return copy_with(before, parts=before.parts + 1, held_lots=held)


def _after_whole(
    before: RefusedStops | None, record: OrderRecord, shown: int, now_ms: int
) -> RefusedStops:
    ms = FIRST_PAUSE_MS if before is None else min(2 * before.pause_ms, LONGEST_PAUSE_MS)
    refused = RefusedStops(
        lots=record.intent.lots,
        pause_ms=ms,
        until=now_ms + ms,
        tries=0,
        parts=0,
        shown_lots=shown,
        held_lots=(),
    )
    if shown <= 0 or record.reason is not Reason.QUANTITY_HELD:
        return refused
    if before is None:
        return copy_with(refused, tries=1)
    return copy_with(
        refused, tries=before.tries + 1, parts=before.parts, held_lots=before.held_lots
    )
