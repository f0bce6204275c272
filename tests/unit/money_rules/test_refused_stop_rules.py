"""What is sent after stops were refused: how large, which parts, and when."""

from dataclasses import replace

import pytest

from shared.core.reasons import Reason
from shared.core.types import OrderRecord, Purpose, Side
from shared.turn.refusals import Refusals, smaller_sizes

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
    """Of one side: what is sent at a look at which so much shows, refused above some `room`."""

    def __init__(self, told):
        self.told, self.refusals, self.now = told, Refusals(), 0
        self.lost, self.orders, self.least = {}, 0, 1

    def parts(self, shown, **more):
        asked = {"lost": self.lost, "orders": self.orders, "least": self.least, **more}
        return self.refusals.parts_to_try({LONG: shown}, **asked).get(LONG, ())

    def unshown(self, *, now=None):
        return self.refusals.unshown_lots(self.now if now is None else now).get(LONG)

    def note(self, shown, lots, outcome="rejected", **more):
        records = [self.told(lots, outcome, **more)]
        self.refusals.note(records, {LONG: shown}, least=self.least, now_ms=self.now)

    def looks(self, shown, *, room=0, times=1):
        """What is sent at so many looks: the whole, and parts while they are refused."""
        sent = []
        for _ in range(times):
            sizes = [shown, *self.parts(shown)]
            taken = next((size for size in sizes if size <= room), None)
            sizes = sizes if taken is None else sizes[: sizes.index(taken) + 1]
            records = [self.told(one, "rejected" if one > room else "accepted") for one in sizes]
            self.refusals.note(records, {LONG: shown}, least=self.least, now_ms=self.now)
            sent.append(sizes)
            self.now += 2_000
        return sent


@pytest.fixture
def asking(told):
    return Asking(told)


# the sizes


@pytest.mark.parametrize("lots", [*range(1, 70), 180, 1_000, 12_345])
@pytest.mark.parametrize("held", [(), (3,), (0, 5), (7, 7), (40, 2)])
def test_smaller_sizes_are_smaller_each_once_and_go_down_to_one_lot(lots, held):
    sizes = [*smaller_sizes(lots, held, least=1)]
    assert all(0 < size < lots for size in sizes)
    assert len({*sizes}) == len(sizes)
    assert lots == 1 or 1 in sizes
    assert [*smaller_sizes(lots, (), least=1)][-1:] == [1] * (lots > 1)
    assert len(sizes) <= 2 * lots.bit_length() + len(held)


@pytest.mark.parametrize("lots", [2, 3, 10, 64, 65, 180, 1_000])
def test_of_what_is_held_no_more_than_twice_as_much_stays_bare(lots):
    """Up to a quarter of the position; of what more is held less than a half of what is left."""
    for held in range(1, lots):
        taken = next(size for size in smaller_sizes(lots, (), least=1) if size <= lots - held)
        bare = lots - held - taken
        assert bare < held if held <= lots // 4 else 2 * taken >= lots - held - 1


def test_what_is_known_to_be_held_comes_first_and_once():
    sizes = smaller_sizes(180, (7, 0, 180, 200, 4), least=1)
    assert [*sizes][:6] == [173, 176, 179, 178, 172, 164]
    assert [*smaller_sizes(8, (2, 2, 6), least=1)] == [6, 2, 7, 4, 1]
    assert [*smaller_sizes(8, (1, 6), least=1)] == [7, 2, 6, 4, 1]
    assert [*smaller_sizes(8, (6, 1), least=1)] == [2, 7, 6, 4, 1]
    assert [*smaller_sizes(5, (5, 1), least=1)] == [4, 3, 1]
    assert [*smaller_sizes(5, (4, 0), least=1)] == [1, 4, 3]


@pytest.mark.parametrize("least", [1, 2, 10, 60])
def test_nothing_is_tried_that_the_exchange_does_not_take(least):
    sizes = [*smaller_sizes(60, (7, 55), least=least)]
    assert sizes == [size for size in smaller_sizes(60, (7, 55), least=1) if size >= least]
    assert bool(sizes) is (least < 60)


# one stop after another


def test_where_none_was_refused_no_part_is_tried_and_nothing_waits(asking):
    assert (asking.parts(40), asking.unshown()) == ((), None)
    asking.note(40, 40, "accepted")
    asking.note(40, 39, "accepted")
    asking.note(40, 39, "unknown")
    assert (asking.parts(40), asking.unshown()) == ((), None)


def test_three_times_whole_and_then_five_parts_at_each_look_besides(asking):
    assert asking.looks(60, times=8) == [
        *([[60]] * 3),
        [60, 59, 58, 56, 52, 44],
        [60, 22, 11, 5, 2, 1],
        *([[60]] * 3),
    ]


def test_the_parts_of_many_lots_are_tried_at_many_looks(asking):
    assert asking.looks(180, times=7)[3:] == [
        [180, 179, 178, 176, 172, 164],
        [180, 148, 116, 58, 29, 14],
        [180, 7, 3, 1],
        [180],
    ]


def test_a_part_before_any_whole_one_counts_as_whole(asking):
    asking.note(10, 5)
    assert (asking.unshown(now=2_000), asking.parts(10)) == (5, ())


def test_after_a_part_that_was_taken_the_rest_is_tried_at_the_next_look(asking):
    assert asking.looks(60, room=55, times=4)[-1] == [60, 59, 58, 56, 52]
    assert asking.looks(8, room=3) == [[8, 7, 6, 4, 2]]
    assert asking.looks(6, room=1) == [[6, 5, 4, 2, 1]]
    assert asking.refusals.stuck == {LONG}


def test_a_part_whose_answer_was_lost_begins_anew(asking):
    asking.looks(10, times=3)
    asking.note(10, 9, "unknown")
    assert (asking.parts(10), asking.refusals.stuck) == ((), frozenset())


@pytest.mark.parametrize("outcome", ["accepted", "unknown"])
@pytest.mark.parametrize(("shown", "lots"), [(10, 10), (10, 11), (0, 5)])
def test_what_was_taken_whole_or_for_what_does_not_show_ends_it(asking, outcome, shown, lots):
    asking.looks(10, times=4)
    asking.note(shown, lots, outcome)
    assert (asking.parts(10), asking.unshown()) == ((), None)


def test_what_is_filled_beside_what_is_held_gets_its_stop_at_the_next_look(asking):
    asking.looks(7, times=4)
    assert asking.parts(7) == asking.parts(5) == ()
    assert asking.looks(40, room=33) == [[40, 33]]
    assert asking.looks(7, times=2) == [[7], [7]]
    assert asking.looks(30) == [[30, 23, 29, 28, 26, 22]]
    assert asking.looks(31) == [[31, 11, 5, 2, 1]]
    assert asking.looks(31) == [[31]], "all of it is held by now"
    assert asking.looks(62)[0][:2] == [62, 31]


def test_what_is_filled_after_a_part_was_taken_goes_on_where_the_parts_are(asking):
    asking.looks(10, times=4)
    asking.note(40, 35, "accepted")
    assert asking.parts(30)[:2] == (20, 29), "five were left, no more than were held"
    asking.note(40, 20, "accepted")
    assert asking.parts(30)[:2] == (20, 29), "and here nothing was refused of the rest"


def test_more_than_was_tried_goes_on_with_the_parts_and_round_again(asking):
    asking.looks(60, times=4)
    assert asking.parts(80) == (48, 24, 12, 6, 3)
    assert asking.parts(7) == (6, 5, 2, 1), "there are no more than five sizes of so few"
    assert asking.parts(10) == (9, 8, 6, 3, 1)


def test_what_is_filled_after_less_showed_than_was_held_begins_with_what_is_free(asking):
    asking.looks(8, times=5)
    asking.looks(5)
    assert asking.parts(40)[:2] == (32, 39)


def test_held_lots_do_not_shrink(asking):
    asking.looks(8, times=5)
    asking.looks(4, times=2)
    asking.note(4, 1)
    assert asking.parts(8) == ()
    assert asking.parts(9) == (5, 1, 8, 7, 2)


def test_a_single_lot_has_no_parts(asking):
    assert asking.looks(1, times=5) == [[1]] * 5
    assert asking.parts(4) == (3, 2, 1)


def test_the_last_part_that_the_exchange_takes_says_that_all_is_held(asking):
    asking.least = 10
    assert asking.looks(60, times=5)[3:] == [[60, 59, 58, 56, 52, 44], [60, 22, 11]]
    assert asking.parts(60) == ()
    asking = Asking(asking.told)
    asking.least = 10
    assert asking.looks(15, times=5)[3:] == [[15, 14, 13, 11], [15]]
    asking = Asking(asking.told)
    asking.least, asking.lost = 10, {LONG: 50}
    assert asking.looks(60, times=5)[3:] == [[60, 10, 59, 58, 56, 52], [60, 44, 22, 11]]


def test_what_may_be_held_of_which_no_answer_told_is_left_out_first(asking):
    asking.lost = {LONG: 4, SHORT: 2}
    assert asking.looks(10, times=4)[-1] == [10, 6, 9, 8, 3, 1]


def test_what_is_refused_for_another_reason_has_no_parts(asking):
    for _ in range(5):
        asking.note(10, 10, reason=Reason.REJECTED_BY_EXCHANGE)
    assert (asking.parts(10), asking.refusals.stuck) == ((), frozenset())
    asking.looks(10, times=3)
    assert asking.parts(10) != ()
    asking.note(10, 10, reason=Reason.REJECTED_BY_EXCHANGE)
    assert asking.parts(10) == ()


def test_whole_stops_do_not_count_as_parts(asking):
    asking.orders = 5
    assert asking.looks(60, times=30) == [[60]] * 30
    asking.orders = 4
    assert asking.parts(60) == (59, 58, 56, 52, 44)


@pytest.mark.parametrize(("orders", "is_tried"), [(0, True), (4, True), (5, False), (7, False)])
def test_beside_more_than_four_orders_no_part_is_tried(asking, orders, is_tried):
    asking.looks(10, times=3)
    assert bool(asking.parts(10, orders=orders)) is is_tried


def test_what_does_not_show_waits_two_four_and_then_eight_seconds_to_the_millisecond(asking):
    asked_at = []
    for ms in (2_000, 4_000, 8_000, 8_000):
        asking.note(0, 40)
        asked_at.append(asking.now)
        assert asking.unshown(now=asking.now + ms - 1) == 0
        asking.now += ms
        assert asking.unshown() == 40
    assert asked_at == [0, 2_000, 6_000, 14_000]
    asking.note(0, 15)
    assert (asking.unshown(now=asking.now + 8_000), asking.parts(60)) == (15, ())


def test_parts_neither_lengthen_the_pause_nor_shrink_what_is_asked_for_once_nothing_shows(asking):
    asking.looks(60, times=4)
    assert asking.now == 8_000
    assert asking.unshown(now=13_999) == 0, "the last whole one was refused at six seconds"
    assert asking.unshown(now=14_000) == 60


@pytest.mark.parametrize("shown", [0, -2])
def test_what_shows_for_the_first_time_was_never_refused(asking, shown):
    for _ in range(5):
        asking.note(shown, 40)
    assert asking.looks(40, times=4)[2:] == [[40], [40, 39, 38, 36, 32, 24]]
    asking.note(shown, 40)
    assert asking.looks(40, times=3) == [[40]] * 3


def test_each_side_and_only_stops_that_were_placed_are_counted(told, made):
    refusals = Refusals()
    target = OrderRecord(what="place", intent=made.target(10_000_000, 9), outcome="rejected")
    no_stops = [target, replace(told(5), what="cancel")]
    refusals.note(no_stops, {LONG: 9}, least=1, now_ms=0)
    assert (refusals.unshown_lots(9_000), refusals.stuck) == ({}, frozenset())
    both = [told(5, side=SHORT), told(9)]
    for _ in range(3):
        refusals.note(both, {LONG: 9}, least=1, now_ms=0)
    shown, asked = {LONG: 9, SHORT: 5}, {"least": 1, "orders": 0}
    assert refusals.stuck == {LONG}
    assert refusals.parts_to_try(shown, lost={SHORT: 1}, **asked) == {LONG: (8, 7, 5, 2, 1)}
    for _ in range(3):
        refusals.note(both, shown, least=1, now_ms=0)
    assert refusals.stuck == {LONG, SHORT}
    parts = refusals.parts_to_try(shown, lost={SHORT: 2}, **asked)
    assert parts == {LONG: (8, 7, 5, 2, 1), SHORT: (3, 4, 1)}
    assert refusals.parts_to_try({SHORT: 5}, lost={}, **asked) == {SHORT: (4, 3, 1)}
    refusals.note([told(9, "accepted")], shown, least=1, now_ms=0)
    assert refusals.stuck == {SHORT}
    assert told(9).intent.purpose is Purpose.STOP
