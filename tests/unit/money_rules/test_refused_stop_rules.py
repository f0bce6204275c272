"""How large a stop may be, and when it may be sent, after stops were refused."""

from dataclasses import replace

import pytest

from shared.core.reasons import Reason
from shared.core.types import OrderRecord, Purpose, Side
from shared.turn.refusals import Refusals, lost_stop_lots, smaller_sizes

LONG, SHORT = Side.LONG, Side.SHORT


@pytest.fixture
def told(made):
    """The record of a stop."""

    def telling(lots, outcome="rejected", *, side=LONG, reason=Reason.QUANTITY_HELD):
        stop = replace(made.stop(9_000_000, lots), side=side)
        why = reason if outcome == "rejected" else None
        return OrderRecord(what="place", intent=stop, outcome=outcome, reason=why)

    return telling


class Asking:
    """Of one side: what is asked for while so much shows, each time refused or taken."""

    def __init__(self, told):
        self.told, self.refusals, self.now = told, Refusals(), 0
        self.records, self.orders = [], 0

    def most(self, shown, **more):
        asked = {"orders": self.orders, "now_ms": self.now, **more}
        return self.refusals.most_lots({LONG: shown}, self.records, **asked).get(LONG)

    def note(self, shown, lots, outcome="rejected", **more):
        self.refusals.note([self.told(lots, outcome, **more)], {LONG: shown}, now_ms=self.now)

    def asks(self, shown, *, room=0, times=1, seconds=2):
        """The sizes that are sent at so many looks; one no larger than `room` is taken."""
        sent = []
        for _ in range(times):
            most = self.most(shown)
            lots = shown if most is None else min(most, shown)
            if lots:
                self.note(shown, lots, "rejected" if lots > room else "accepted")
            sent.append(lots)
            self.now += seconds * 1_000
        return sent


@pytest.fixture
def asking(told):
    return Asking(told)


# the sizes


@pytest.mark.parametrize("lots", [*range(1, 70), 180, 1_000, 12_345])
@pytest.mark.parametrize("held", [(), (3,), (0, 5), (7, 7), (40, 2)])
def test_smaller_sizes_are_smaller_each_once_and_go_down_to_one_lot(lots, held):
    sizes = [*smaller_sizes(lots, held)]
    assert all(0 < size < lots for size in sizes)
    assert len({*sizes}) == len(sizes)
    assert lots == 1 or 1 in sizes
    assert [*smaller_sizes(lots)][-1:] == [1] * (lots > 1)
    assert len(sizes) <= 2 * lots.bit_length() + len(held)


@pytest.mark.parametrize("lots", [2, 3, 10, 64, 65, 180, 1_000])
def test_of_what_is_held_no_more_than_twice_as_much_stays_bare(lots):
    """Up to a half of the position; of what more is held less than a half of what is left."""
    for held in range(1, lots):
        taken = next(size for size in smaller_sizes(lots) if size <= lots - held)
        bare = lots - held - taken
        assert bare < held if held <= lots // 4 else 2 * taken >= lots - held - 1


def test_what_is_known_to_be_held_comes_first_and_once():
    assert [*smaller_sizes(180, (7, 0, 180, 200, 4))][:6] == [173, 176, 179, 178, 172, 164]
    assert [*smaller_sizes(8, (2, 2, 6))] == [6, 2, 7, 4, 1]
    assert [*smaller_sizes(5, (5, 1))] == [4, 3, 1]
    assert [*smaller_sizes(5, (4, 0))] == [1, 4, 3]


def test_only_stops_of_a_side_whose_answers_were_lost_are_held_by_nobody_knows_what(told, made):
    target = OrderRecord(what="place", intent=made.target(10_000_000, 9), outcome="unknown")
    cancel = replace(told(5, "unknown"), what="cancel")
    records = [
        *(told(40), told(40, "accepted"), told(7, "unknown"), told(2, "unknown")),
        *(told(90, "unknown", side=SHORT), target, cancel),
    ]
    assert lost_stop_lots(records, LONG) == 9
    assert lost_stop_lots(records, SHORT) == 90
    assert lost_stop_lots((), LONG) == 0


# one stop after another


def test_where_none_was_refused_nothing_is_bounded(asking):
    assert asking.most(40) is None
    asking.note(40, 40, "accepted")
    asking.note(40, 39, "accepted")
    asking.note(40, 39, "unknown")
    assert asking.most(40) is None


def test_three_times_whole_then_every_size_and_then_whole_after_each_pause(asking):
    assert asking.asks(10, times=20) == [
        *(10, 10, 10),
        *(9, 8, 6, 3, 1),
        *(0, 0, 0, 10),
        *((0, 0, 0, 10) * 2),
    ]


def test_after_a_part_that_was_taken_the_rest_is_asked_for_whole_once(asking):
    assert asking.asks(10, room=8, times=5) == [10, 10, 10, 9, 8]
    assert asking.asks(2, times=7) == [2, 1, 0, 0, 0, 2, 0]
    assert asking.asks(2, room=2, times=2) == [0, 0]
    assert asking.asks(2, room=2) == [2]
    assert asking.most(2) is None


def test_a_part_that_is_taken_of_less_than_shows_now_ends_nothing(asking):
    asking.asks(10, times=4)
    asking.note(10, 9, "unknown")
    assert asking.most(10) is None, "what became of it is not known, and it may be for all"


@pytest.mark.parametrize("outcome", ["accepted", "unknown"])
@pytest.mark.parametrize(("shown", "lots"), [(10, 10), (10, 11), (0, 5)])
def test_what_was_taken_whole_or_for_what_does_not_show_ends_it(asking, outcome, shown, lots):
    asking.asks(10, times=4)
    asking.note(shown, lots, outcome)
    assert asking.most(10) is None


def test_what_is_filled_beside_what_is_held_gets_its_stop_at_the_next_look(asking):
    asking.asks(7, times=8)
    assert asking.most(7) == 0
    assert asking.asks(40, room=33) == [33]
    assert [asking.asks(7)[0] for _ in range(9)] == [7, 0, 0, 0, 7, 0, 0, 0, 7]
    assert asking.asks(30, room=0, times=3) == [23, 29, 28]
    assert asking.asks(5, times=4) == [0, 0, 0, 5]


@pytest.mark.parametrize(("before", "lots"), [(8, 0), (5, 0), (1, 0)])
def test_what_is_filled_after_less_showed_than_was_held_gets_its_stop_too(asking, before, lots):
    asking.asks(8, times=9)
    assert asking.asks(before) == [lots]
    asking.note(before, before)
    assert asking.asks(40, room=32) == [32]


@pytest.mark.parametrize(("taken", "lots"), [(33, 23), (32, 30), (20, 30), (13, 30)])
def test_what_is_filled_after_a_part_was_taken_is_tried_whole_unless_all_else_was_held(
    asking, taken, lots
):
    asking.asks(7, times=8)
    asking.note(40, taken, "accepted")
    assert asking.asks(30) == [lots]


def test_less_than_what_was_held_is_asked_for_whole_after_each_pause(asking):
    asking.asks(8, times=8)
    assert asking.asks(7, times=10) == [0, 0, 0, 7, 0, 0, 0, 7, 0, 0]


def test_a_single_lot_that_is_refused_is_held(asking):
    assert asking.asks(1, times=11) == [1, 1, 0, 1, 0, 0, 0, 1, 0, 0, 0]
    assert asking.asks(4, times=3) == [3, 2, 1]


def test_where_less_shows_than_was_tried_it_is_sent_whole_after_a_pause(asking):
    assert asking.asks(10, times=7) == [10, 10, 10, 9, 8, 6, 3]
    assert asking.asks(3, times=5) == [0, 0, 0, 3, 0]


def test_a_lost_answer_names_what_may_be_held(asking):
    asking.records = [asking.told(4, "unknown")]
    assert asking.asks(10, times=7) == [10, 10, 10, 6, 9, 8, 3]


def test_what_is_not_refused_for_its_size_keeps_it(asking):
    for _ in range(4):
        asking.note(10, 10, reason=Reason.REJECTED_BY_EXCHANGE)
    assert asking.most(10) == 0
    asking.now = 8_000
    assert asking.most(10) == 10


@pytest.mark.parametrize(("orders", "lots"), [(0, 9), (3, 9), (4, 0), (7, 0)])
def test_beside_more_than_three_orders_no_part_is_sent(asking, orders, lots):
    asking.asks(10, times=3, seconds=0)
    assert asking.most(10, orders=orders) == lots


def test_what_does_not_show_waits_two_four_and_then_eight_seconds_to_the_millisecond(asking):
    asked_at = []
    for ms in (2_000, 4_000, 8_000, 8_000):
        asking.note(0, 40)
        asked_at.append(asking.now)
        assert asking.most(0, now_ms=asking.now + ms - 1) == 0
        asking.now += ms
        assert asking.most(0) == 40
        assert asking.most(-3) == 40
    assert asked_at == [0, 2_000, 6_000, 14_000]
    asking.note(0, 15)
    assert (asking.most(0, now_ms=asking.now + 8_000), asking.most(1)) == (15, 1)


def test_what_shows_for_the_first_time_was_never_refused(asking):
    for _ in range(5):
        asking.note(0, 40)
    assert asking.asks(40, times=4) == [40, 40, 40, 39]
    asking.note(0, 39)
    assert asking.asks(40, times=4) == [40, 40, 40, 39]
    asking.note(-2, 39)
    assert asking.asks(40) == [40]


def test_each_side_and_only_stops_that_were_placed_are_counted(told, made):
    refusals = Refusals()
    target = OrderRecord(what="place", intent=made.target(10_000_000, 9), outcome="rejected")
    refusals.note([target, replace(told(5), what="cancel")], {LONG: 9}, now_ms=0)
    assert refusals.most_lots({LONG: 9}, (), orders=0, now_ms=0) == {}
    both = [told(5, side=SHORT), told(9)]
    for _ in range(3):
        refusals.note(both, {LONG: 9}, now_ms=0)
    assert refusals.most_lots({LONG: 9, SHORT: 5}, (), orders=0, now_ms=0) == {LONG: 8}
    refusals.note(both, {LONG: 9, SHORT: 0}, now_ms=0)
    lost = [told(3, "unknown"), told(4, "unknown", side=SHORT)]
    shown = {LONG: 9, SHORT: 0}
    assert refusals.most_lots(shown, lost, orders=0, now_ms=0) == {LONG: 8, SHORT: 0}
    assert refusals.most_lots(shown, lost, orders=0, now_ms=2_000) == {LONG: 8, SHORT: 5}
    assert refusals.most_lots({SHORT: 0}, lost, orders=0, now_ms=2_000) == {SHORT: 5}
    refusals.note([told(9, "accepted")], {LONG: 9}, now_ms=0)
    assert refusals.most_lots(shown, (), orders=0, now_ms=0) == {SHORT: 0}
    assert told(9).intent.purpose is Purpose.STOP
