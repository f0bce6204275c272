"""One deadline: it binds what is below it, in its own thread, and the earlier one holds."""

import threading
import time

import pytest

from shared.core.deadline import Deadline, bind_deadline, bound_at, seconds_left
from shared.core.errors import Unavailable


def test_what_waits_gets_no_more_than_it_asks_for_and_no_more_than_is_left() -> None:
    assert seconds_left(7.0, "x") == 7.0
    with bind_deadline(Deadline.after(60.0)):
        assert seconds_left(7.0, "x") == 7.0
        assert 59.0 < seconds_left(600.0, "x") <= 60.0
    assert seconds_left(600.0, "x") == 600.0


def test_the_earlier_of_two_holds_whichever_is_inside() -> None:
    early, late = Deadline.after(5.0), Deadline.after(50.0)
    for outer, inner in ((early, late), (late, early)):
        with bind_deadline(outer):
            with bind_deadline(inner):
                assert bound_at() == early.at
            assert bound_at() == outer.at
    assert bound_at() is None


def test_an_own_deadline_and_the_bound_one_are_compared() -> None:
    bound = Deadline.after(50.0)
    assert bound_at(3.0) == 3.0
    with bind_deadline(bound):
        assert bound_at(bound.at - 1.0) == bound.at - 1.0
        assert bound_at(bound.at + 1.0) == bound.at
        assert bound_at() == bound.at


def test_where_nothing_is_left_it_is_said_for_what() -> None:
    with bind_deadline(Deadline.after(0.0)):
        time.sleep(0.001)
        with pytest.raises(Unavailable, match="no time was left for the document bots/one"):
            seconds_left(5.0, "the document bots/one")


def test_it_ends_with_its_block_also_where_that_fails() -> None:
    with pytest.raises(KeyError), bind_deadline(Deadline.after(1.0)):
        raise KeyError
    assert bound_at() is None


def test_another_thread_has_its_own() -> None:
    seen: list[float | None] = []
    with bind_deadline(Deadline.after(1.0)):
        thread = threading.Thread(target=lambda: seen.append(bound_at()))
        thread.start()
        thread.join()
        assert bound_at() is not None
    assert seen == [None]
