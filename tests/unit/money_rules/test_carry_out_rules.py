"""The one loop over orders: what it sends, what it leaves out, and what it says reached the
exchange.
"""

import pytest

from shared.core.reasons import Reason
from shared.core.types import Accepted, OrderRecord, Rejected, Unknown
from shared.orders.carry_out import carry_out, record_of
from shared.orders.plan import Cancel, Place


class Sending:
    """A sender that answers each intent as it was told to, and takes every other; `asked` is what
    it was asked.
    """

    def __init__(self, **outcomes):
        self.outcomes, self.records, self.asked = outcomes, [], []

    def send(self, step, *, book, rules, plan):
        intent = step.order.intent if isinstance(step, Cancel) else step.intent
        self.asked.append((intent.id, book, rules, plan))
        outcome = self.outcomes.get(intent.id, "accepted")
        if isinstance(outcome, Exception):
            raise outcome
        what = "cancel" if isinstance(step, Cancel) else "place"
        self.records.append(OrderRecord(what=what, intent=intent, outcome=outcome))
        return self.records[-1]

    @property
    def names(self):
        return [name for name, *_ in self.asked]


def test_every_step_is_sent_in_its_order_with_what_the_tick_has_read(made):
    sender, book, plan = Sending(), made.book(), made.plan()
    rules = object()
    order = made.order(7, made.stop(9_000_000, id="old"))
    steps = [
        Place(intent=made.stop(9_000_000, id="s")),
        Cancel(order=order, reason=Reason.ORPHAN_CANCELED),
        Place(intent=made.entry(9_000_000, id="e")),
    ]
    assert carry_out(steps, sender, book=book, rules=rules, plan=plan) == "e"
    assert sender.asked == [(name, book, rules, plan) for name in ("s", "old", "e")]
    assert carry_out([], sender) is None
    assert carry_out(steps[:1], sender) is None
    assert sender.asked[3:] == [("s", None, None, None)]


@pytest.mark.parametrize(
    ("outcome", "reached"),
    [("accepted", "e"), ("unknown", "e"), ("rejected", None), ("denied", None)],
)
def test_an_entry_reached_the_exchange_unless_it_was_refused(made, outcome, reached):
    sender = Sending(e=outcome)
    assert (
        carry_out(
            [Place(intent=made.entry(9_000_000, id="e")), Place(intent=made.stop(8_000_000))],
            sender,
        )
        == reached
    )
    assert len(sender.asked) == 2


def test_of_two_entries_the_last_one_that_reached_the_exchange_is_named(made):
    entries = [Place(intent=made.entry(9_000_000, id=name)) for name in "abc"]
    assert carry_out(entries, Sending(c="rejected")) == "b"


def test_the_cancel_of_an_entry_is_no_entry(made):
    order = made.order(7, made.entry(9_000_000, id="old"))
    assert carry_out([Cancel(order=order, reason=Reason.ENTRY_EXPIRED)], Sending()) is None


@pytest.mark.parametrize(
    ("outcomes", "after", "sent"),
    [
        ({}, "b", True),
        ({"b": "rejected"}, "b", False),
        ({"b": "unknown"}, "b", False),
        ({"b": "denied"}, "b", False),
        ({}, "never sent", False),
        ({"a": "rejected", "c": "rejected"}, "b", True),
    ],
)
@pytest.mark.parametrize("kind", ["place", "cancel"])
@pytest.mark.parametrize("at_once", [True, False])
def test_a_step_that_waits_for_an_order_is_sent_only_where_that_was_taken(
    made, outcomes, after, sent, kind, at_once
):
    sender, waits = Sending(**outcomes), made.stop(9_000_000, id="waits")
    step = (
        Place(intent=waits, after=after)
        if kind == "place"
        else Cancel(order=made.order(9, waits), reason=Reason.ORPHAN_CANCELED, after=after)
    )
    first = [Place(intent=made.stop(9_000_000, id=name)) for name in "abc"]
    last = Place(intent=made.stop(9_000_000, id="last"))
    for steps in [[*first, step, last]] if at_once else [first, [step, last]]:
        carry_out(steps, sender)
    assert sender.names == [*"abc", *(["waits"] if sent else []), "last"]


def test_what_raises_ends_the_loop_and_what_was_sent_before_stays_known(made):
    sender = Sending(b=ZeroDivisionError("surprise"))
    with pytest.raises(ZeroDivisionError):
        carry_out([Place(intent=made.stop(9_000_000, id=name)) for name in "abc"], sender)
    assert (sender.names, [record.intent.id for record in sender.records]) == (["a", "b"], ["a"])


def test_a_record_says_how_a_step_came_out(made):
    intent = made.stop(9_000_000, id="s")
    order = made.order(7, intent)
    no, lost = Rejected(reason=Reason.DATA_MISSING, context={"a": "b"}), Unknown(context={"c": "d"})
    place, cancel = Place(intent=intent), Cancel(order=order, reason=Reason.ORPHAN_CANCELED)
    assert record_of(place, Accepted(order=made.order(8, intent))) == OrderRecord(
        what="place", intent=intent, outcome="accepted", order_id=8
    )
    assert record_of(place, no) == OrderRecord(
        what="place",
        intent=intent,
        outcome="rejected",
        reason=Reason.DATA_MISSING,
        context={"a": "b"},
    )
    told = {"what": "cancel", "intent": intent, "order_id": 7, "reason": Reason.ORPHAN_CANCELED}
    assert record_of(cancel, Accepted(order=order)) == OrderRecord(**told, outcome="accepted")
    assert record_of(cancel, no) == OrderRecord(**told, outcome="rejected", context={"a": "b"})
    assert record_of(cancel, lost) == OrderRecord(**told, outcome="unknown", context={"c": "d"})


@pytest.mark.parametrize(
    ("outcome", "sent"),
    [("accepted", "s"), ("unknown", "s"), ("denied", "s"), ("rejected", "sab")],
)
def test_what_stands_in_for_an_order_goes_out_only_where_that_one_was_refused(made, outcome, sent):
    sender = Sending(s=outcome, a="rejected", b="accepted")
    steps = [
        Place(intent=made.stop(9_000_000, id="s")),
        *(
            Place(intent=made.stop(9_000_000, id=name), instead_of=before)
            for before, name in ("sa", "ab", "bc", "cd")
        ),
        Place(intent=made.target(9_500_000, id="t")),
    ]
    carry_out(steps, sender)
    assert sender.names == [*sent, "t"]
