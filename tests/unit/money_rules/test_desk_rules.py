"""What a desk sends, refuses and writes down, at the instants that decide."""

import time
from dataclasses import replace
from types import SimpleNamespace

import msgspec
import pytest

from shared.core.errors import LeaseLost
from shared.core.reasons import Reason
from shared.core.tick_times import arrival_ms
from shared.core.types import (
    Accepted,
    Counted,
    OrderRecord,
    PairRules,
    Rejected,
    Timeframe,
    Unknown,
)
from shared.exchanges.paper.exchange import PaperExchange
from shared.market.candles import empty_candles
from shared.orders import plan as planning
from shared.orders.carry_out import carry_out
from shared.orders.ports import Fence
from shared.stores.memory import MemoryDocuments
from shared.tick.desk import Desk
from shared.tick.documents import BotDocuments, PaperDocument
from tests.support.fixed_clock import FixedClock

T0 = 1_699_999_200_000
LEASE_MS = 170_000
OPENS_MS = 100_000
NO = Rejected(reason=Reason.REJECTED_BY_EXCHANGE, context={"why": "no"})
NOBODY_KNOWS = Unknown(context={"why": "it timed out"})


class Documents(MemoryDocuments):
    """A store of which every batch of an intent takes a while."""

    def __init__(self, clock):
        super().__init__()
        self.clock, self.takes_ms = clock, 0

    def commit(self, writes):
        done = super().commit(writes)
        self.clock.sleep_until(self.clock.now_ms() + self.takes_ms)
        return done


class Answering:
    """An exchange that answers each intent as it was told to, and takes every other; `asked` is
    what it was asked.
    """

    def __init__(self, **answers):
        self.answers, self.asked = answers, []

    def submit(self, intent, *, book, rules=None, now_ms, fence):
        self.asked.append((intent.id, book, rules, now_ms, fence))
        order = planning.Order(
            order_id=len(self.asked), intent=intent, placed_at=now_ms, remaining_lots=intent.lots
        )
        return self.answers.get(intent.id, Accepted(order=order))

    def cancel(self, order, *, now_ms, fence):
        self.asked.append((order.order_id, now_ms, fence))
        return self.answers.get(order.intent.id, Accepted(order=order))


class Opened:
    """A desk with its store, its clock and its exchange."""

    def __init__(self, settings, exchange=None, **more):
        self.clock = FixedClock(T0)
        self.documents = Documents(self.clock)
        self.bot = BotDocuments(self.documents, settings.id)
        store = PaperDocument(self.documents, settings.id)
        self.exchange = exchange or PaperExchange(
            store, lambda start, end: empty_candles(Timeframe.M1), settings
        )
        self.lease = self.bot.take_lease(now_ms=T0, lease_ms=LEASE_MS)
        self.desk = Desk(
            exchange=self.exchange,
            bot=self.bot,
            clock=self.clock,
            settings=settings,
            lease=self.lease,
            opens_until=T0 + OPENS_MS,
            **more,
        )
        self.fence = Fence(number=1, until=T0 + LEASE_MS, held=self.lease.document)

    def sends(self, *intents, **more):
        return carry_out([planning.Place(intent=intent) for intent in intents], self.desk, **more)

    @property
    def outcomes(self):
        return [(record.intent.id, record.outcome) for record in self.desk.records]

    def written(self):
        """The stored intents by their ids, in the order of the desk's own list; both
        say the same.
        """
        stored = {document.path: document.data for document in self.bot.open_intents()}
        assert {document.path: document.data for document in self.desk.intents} == stored
        return {document.data["intent"]["id"]: document.data for document in self.desk.intents}


@pytest.fixture
def opened(made):
    return lambda **answers: Opened(made.settings(), Answering(**answers))


# what is sent


def test_every_step_is_sent_once_in_its_order_under_the_fence_and_at_the_present_instant(
    made, opened
):
    it, book, rules = opened(), made.book(), PairRules()
    order = made.order(7, made.stop(9_000_000, id="old"))
    steps = [
        planning.Place(intent=made.stop(9_000_000, id="s")),
        planning.Cancel(order=order, reason=Reason.ORPHAN_CANCELED),
        planning.Place(intent=made.entry(9_000_000, id="e")),
    ]
    it.clock.sleep_until(T0 + 5)
    assert carry_out(steps, it.desk, book=book, rules=rules) == "e"
    assert it.exchange.asked == [
        ("s", book, rules, T0 + 5, it.fence),
        (7, T0 + 5, it.fence),
        ("e", book, rules, T0 + 5, it.fence),
    ]
    assert it.desk.records == [
        OrderRecord(what="place", intent=steps[0].intent, outcome="accepted", order_id=1),
        OrderRecord(
            what="cancel",
            intent=order.intent,
            outcome="accepted",
            order_id=7,
            reason=Reason.ORPHAN_CANCELED,
        ),
        OrderRecord(what="place", intent=steps[2].intent, outcome="accepted", order_id=3),
    ]


@pytest.mark.parametrize(
    ("answers", "told"),
    [({}, "e"), ({"e": NOBODY_KNOWS}, "e"), ({"e": NO}, None)],
)
def test_an_entry_reached_the_exchange_unless_that_refused_it(made, opened, answers, told):
    it = opened(**answers)
    assert it.sends(made.entry(9_000_000, id="e"), made.stop(8_000_000, id="s")) == told
    assert [name for name, *_ in it.exchange.asked] == ["e", "s"]


def test_a_stop_is_no_entry_that_reached_the_exchange(made, opened):
    assert opened().sends(made.stop(9_000_000, id="s")) is None
    assert carry_out([], opened().desk) is None


@pytest.mark.parametrize(
    ("answers", "after", "sent"),
    [
        ({}, "b", True),
        ({"b": NO}, "b", False),
        ({"b": NOBODY_KNOWS}, "b", False),
        ({}, "never sent", False),
        ({"a": NO, "c": NO}, "b", True),
    ],
)
@pytest.mark.parametrize("kind", ["place", "cancel"])
def test_a_step_that_waits_for_an_order_is_sent_only_where_that_was_taken(
    made, opened, answers, after, sent, kind
):
    it = opened(**answers)
    it.sends(*(made.stop(9_000_000, id=name) for name in "abc"))
    waits = made.stop(9_000_000, id="waits")
    step = (
        planning.Place(intent=waits, after=after)
        if kind == "place"
        else planning.Cancel(order=made.order(9, waits), reason=Reason.ORPHAN_CANCELED, after=after)
    )
    carry_out([step, planning.Place(intent=made.stop(9_000_000, id="last"))], it.desk)
    assert [name for name, _ in it.outcomes] == [*"abc", *(["waits"] if sent else []), "last"]


def test_a_refused_cancel_is_recorded_with_its_order_and_why_it_was_asked_for(made, opened):
    order = made.order(7, made.stop(9_000_000, id="old"))
    it = opened(old=NO)
    carry_out([planning.Cancel(order=order, reason=Reason.ORPHAN_CANCELED)], it.desk)
    assert it.desk.records == [
        OrderRecord(
            what="cancel",
            intent=order.intent,
            outcome="rejected",
            order_id=7,
            reason=Reason.ORPHAN_CANCELED,
            context={"why": "no"},
        )
    ]
    assert it.desk.intents == []


def test_the_paper_exchange_has_what_the_desk_sent_and_lets_it_go_again(made):
    it = Opened(made.settings())
    assert it.sends(made.entry(9_000_000, id="e"), book=made.book(at=T0), rules=PairRules()) == "e"
    (order,) = it.exchange.holdings(T0).orders
    assert (order.intent.id, order.placed_at) == ("e", T0)
    it.clock.sleep_until(T0 + 20)
    carry_out([planning.Cancel(order=order, reason=Reason.ENTRY_EXPIRED)], it.desk)
    assert [record.outcome for record in it.desk.records] == ["accepted", "accepted"]
    (ended,) = it.exchange.holdings(T0 + 20).orders
    assert ended.intent.expires_at == T0 + 20


# what is held


def test_an_account_is_reconciled_under_the_fence_with_what_the_saved_state_has_counted(made):
    exchange, counted = Answering(), Counted(trades=3, fills=4)
    first, then = SimpleNamespace(ledger=None), SimpleNamespace(ledger=None)
    exchange.reconcile = lambda now_ms, **more: exchange.asked.append((now_ms, more)) or first
    exchange.holdings = lambda now_ms, **more: exchange.asked.append((now_ms, more)) or then
    nothing = {"ledger": None, "intents": []}
    for more in ({}, {"counted": counted}):
        it = Opened(made.settings(), exchange, **more)
        assert (it.desk.reconcile(T0 + 5), it.desk.holdings(T0 + 6)) == (first, then)
        assert exchange.asked == [
            (T0 + 5, {"counted": more.get("counted"), "fence": it.fence, **nothing}),
            (T0 + 6, nothing),
        ]
        exchange.asked.clear()


# what is written down


def test_the_intent_is_there_before_the_request_and_its_outcome_after_it(made, opened):
    it, plan = opened(b=NO, c=NOBODY_KNOWS), made.plan(entry_intent="")
    intents = [
        made.stop(9_000_000, id="a"),
        made.entry(9_000_000, id="b"),
        made.entry(9_000_000, id="c"),
    ]
    seen = []
    submit = it.exchange.submit

    def looking(intent, **more):
        seen.append(
            [document.data for document in it.bot.open_intents() if "outcome" not in document.data]
        )
        return submit(intent, **more)

    it.exchange.submit = looking
    it.clock.sleep_until(T0 + 5)
    assert it.sends(*intents, plan=plan) == "c"
    for intent, before in zip(intents, seen, strict=True):
        kept = replace(plan, entry_intent=intent.id) if intent.is_opening else None
        told = {
            "intent": msgspec.to_builtins(intent),
            "plan": kept and msgspec.to_builtins(kept),
            "at": T0 + 5,
        }
        assert before == [{"bot": it.bot.bot, "open_for": it.bot.bot, "fence": 1, **told}]
    assert {name: data["outcome"] for name, data in it.written().items()} == {
        record.intent.id: msgspec.to_builtins(record) for record in it.desk.records
    }
    assert it.outcomes == [("a", "accepted"), ("b", "rejected"), ("c", "unknown")]


def test_an_entry_without_a_plan_is_written_down_without_one(made, opened):
    it = opened()
    it.sends(made.entry(9_000_000, id="e"))
    assert it.written()["e"]["plan"] is None


def test_where_another_tick_has_the_account_nothing_is_written_and_nothing_is_sent(made, opened):
    it = opened()
    assert it.bot.take_lease(now_ms=T0 + LEASE_MS, lease_ms=LEASE_MS) is not None
    with pytest.raises(LeaseLost, match="before e was written"):
        it.sends(made.entry(9_000_000, id="e"))
    assert (it.exchange.asked, it.desk.records, it.bot.open_intents()) == ([], [], [])


# what is refused


def denied(intent, reason):
    return OrderRecord(what="place", intent=intent, outcome="denied", reason=reason)


@pytest.mark.parametrize(
    ("after_ms", "reason"),
    [(OPENS_MS - 1, None), (OPENS_MS, None), (OPENS_MS + 1, Reason.DEADLINE_NEAR)],
)
def test_nothing_opens_after_its_time_and_a_stop_still_goes_out(made, opened, after_ms, reason):
    it, entry = opened(), made.entry(9_000_000, id="e")
    it.clock.sleep_until(T0 + after_ms)
    assert it.sends(entry, made.stop(9_000_000, id="s")) == (None if reason else "e")
    assert [name for name, *_ in it.exchange.asked] == (["s"] if reason else ["e", "s"])
    if reason:
        assert it.desk.records[0] == denied(entry, reason)
        assert list(it.written()) == ["s"]


@pytest.mark.parametrize(
    ("answers", "before", "blocked", "refused"),
    [
        ({}, (), False, False),
        ({}, ("a", "b"), False, False),
        ({"a": NO}, ("a",), False, False),
        ({"a": NOBODY_KNOWS}, ("a", "b"), False, True),
        ({}, (), True, True),
        ({}, ("a",), True, True),
    ],
)
def test_nothing_opens_while_an_order_may_be_there_or_not(
    made, opened, answers, before, blocked, refused
):
    it, entry = opened(**answers), made.entry(9_000_000, id="e")
    assert it.desk.blocked_by_unknown is False
    it.sends(*(made.stop(9_000_000, id=name) for name in before))
    it.desk.blocked_by_unknown = blocked
    assert it.sends(entry, made.stop(9_000_000, id="s")) == (None if refused else "e")
    assert ("e" in it.written(), "s" in it.written()) == (not refused, True)
    assert it.desk.records[-1].outcome == "accepted"
    if refused:
        assert it.desk.records[-2] == denied(entry, Reason.OUTCOME_UNKNOWN)


@pytest.mark.parametrize(
    ("is_real", "is_down", "refused"),
    [(True, True, True), (True, False, False), (False, True, False), (True, None, False)],
)
def test_nothing_opens_at_a_real_exchange_once_the_process_was_asked_to_end(
    made, is_real, is_down, refused
):
    exchange, entry = Answering(), made.entry(9_000_000, id="e")
    exchange.is_attended = is_real
    shutdown = None if is_down is None else lambda: is_down
    it = Opened(made.settings(), exchange, shutdown=shutdown)
    assert it.desk.is_shutting_down is refused
    assert it.sends(entry, made.stop(9_000_000, id="s")) == (None if refused else "e")
    assert [name for name, *_ in exchange.asked] == (["s"] if refused else ["e", "s"])
    if refused:
        assert it.desk.records[0] == denied(entry, Reason.DEADLINE_NEAR)
        assert list(it.written()) == ["s"]


def test_an_entry_whose_time_passes_while_it_is_written_down_is_not_sent(made, opened):
    it = opened()
    entries = [made.entry(9_000_000, id=name) for name in "xe"]
    it.sends(made.stop(9_000_000, id="a"), made.stop(9_000_000, id="b"))
    it.clock.sleep_until(T0 + OPENS_MS)
    it.documents.takes_ms = 1
    assert it.sends(entries[0]) is None
    assert [name for name, *_ in it.exchange.asked] == ["a", "b"]
    assert it.desk.records[2:] == [denied(entries[0], Reason.DEADLINE_NEAR)]
    assert [data["outcome"]["outcome"] for data in it.written().values()] == [
        "accepted",
        "accepted",
        "not_sent",
    ]
    assert it.written()["x"]["outcome"] == {
        "outcome": "not_sent",
        "reason": Reason.DEADLINE_NEAR.value,
    }
    assert it.sends(entries[1]) is None
    assert list(it.written()) == ["a", "b", "x"]


@pytest.mark.parametrize(("early_ms", "sent"), [(1, True), (0, True), (-1, False)])
@pytest.mark.parametrize("kind", ["place", "cancel"])
def test_nothing_is_sent_that_could_arrive_when_the_lease_is_over(
    made, opened, early_ms, sent, kind
):
    it, stop = opened(), made.stop(9_000_000, id="s")
    it.clock.sleep_until(T0 + LEASE_MS - arrival_ms(made.settings()) - early_ms)
    step = (
        planning.Place(intent=stop)
        if kind == "place"
        else planning.Cancel(order=made.order(7, stop), reason=Reason.ORPHAN_CANCELED)
    )
    if sent:
        carry_out([step], it.desk)
    else:
        with pytest.raises(LeaseLost, match="too soon for another request"):
            carry_out([step], it.desk)
    assert len(it.exchange.asked) == sent
    assert len(it.bot.open_intents()) == (sent and kind == "place")


def test_a_stop_whose_lease_runs_out_while_it_is_written_down_is_not_sent(made, opened):
    it = opened()
    it.clock.sleep_until(T0 + LEASE_MS - arrival_ms(made.settings()))
    it.documents.takes_ms = 1
    with pytest.raises(LeaseLost, match="too soon for another request"):
        it.sends(made.stop(9_000_000, id="s"))
    assert it.exchange.asked == []
    assert list(it.written()) == ["s"]


# how late it is


@pytest.mark.parametrize(
    ("wall_ms", "running_s", "late"),
    [
        (0, 100.0, False),
        (0, 100.001, True),
        (-5_000, 100.001, True),
        (OPENS_MS, 3.25, False),
        (OPENS_MS + 1, 3.25, True),
        (OPENS_MS + 1, 0.0, True),
    ],
)
def test_it_is_as_late_as_the_later_of_two_clocks_says(made, monkeypatch, wall_ms, running_s, late):
    monkeypatch.setattr(time, "monotonic", lambda: 2.0)
    it = Opened(made.settings(), Answering())
    monkeypatch.setattr(time, "monotonic", lambda: 2.0 + running_s)
    monkeypatch.setattr(it.clock, "_now_ms", T0 + wall_ms)
    it.sends(made.entry(9_000_000, id="e"))
    assert it.outcomes == [("e", "denied" if late else "accepted")]
    if not late:
        assert it.exchange.asked[0][3] == T0 + wall_ms
