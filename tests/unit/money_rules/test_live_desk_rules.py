"""What a desk keeps of a real account: its orders by their numbers, what nobody answered, how long
a fill was bare, and what still goes out where no store can be written.
"""

import json
from dataclasses import replace
from decimal import Decimal

import msgspec
import pytest

from shared.core.errors import LeaseLost, StoreBroken, Unavailable
from shared.core.frozen import copy_with
from shared.core.reasons import Reason
from shared.core.types import (
    Accepted,
    Fate,
    Holdings,
    Issue,
    Ledger,
    OpenIntent,
    OrderKind,
    OrderRecord,
    Purpose,
    Rejected,
    Side,
    Traces,
    TrackedOrder,
    Unknown,
)
from shared.orders import plan as planning
from shared.orders.correcting import Corrected
from shared.stores.memory import MemoryDocuments
from shared.tick.desk import Desk
from shared.tick.documents import BotDocuments
from tests.support.fixed_clock import FixedClock

T0 = 1_699_999_200_000
LEASE_MS = 170_000
TAKES_MS = 3
"""How long a write takes."""
AFTER_MS = 20
"""How long after its request an order is placed by the exchange's own time."""
STOP, TARGET = 9_800_000, 10_300_000
NO = Rejected(reason=Reason.REJECTED_BY_EXCHANGE, context={"why": "no"})
HELD = Rejected(reason=Reason.QUANTITY_HELD)
NOBODY_KNOWS = Unknown(context={"why": "it timed out"})
YEN = Decimal(200_000)
TRACES = Traces(read_at=T0 - 5, newest_order_id=6, long_lots=3, jpy=Decimal("1.2500"))
BOOK = Ledger(capital_jpy=YEN, cash_jpy=YEN, opened_at=0, traces=TRACES)
GONE = [Unavailable("nobody answers"), StoreBroken("it is locked")]


class Documents(MemoryDocuments):
    """A store of which every write takes a while, and fails as `fails` says: one entry a batch,
    None for one that is written.
    """

    def __init__(self):
        super().__init__()
        self.clock, self.fails = None, []

    def commit(self, writes):
        if self.clock is not None:
            self.clock.sleep_until(self.clock.now_ms() + TAKES_MS)
        error = self.fails.pop(0) if self.fails else None
        if error is not None:
            raise error
        return super().commit(writes)


class Real:
    """A real exchange that answers each intent as it was told to and takes every other, at the
    instants `placed`; every reading shows the next of `shown`. `asked` is what a reading was told
    of, `sent` what reached it.
    """

    is_attended, requests = True, 0

    def __init__(self, *shown, **answers):
        self.shown, self.answers, self.placed = list(shown), answers, {}
        self.asked, self.sent = [], []

    def reconcile(self, now_ms, *, counted=None, ledger=None, intents=(), fence):
        return self.holdings(now_ms, ledger=ledger, intents=intents)

    def holdings(self, now_ms, *, ledger=None, intents=()):
        self.asked.append((ledger, list(intents)))
        return self.shown.pop(0) if self.shown else seen(ledger)

    def has_news(self):
        return False

    def submit(self, intent, *, book, rules=None, now_ms, fence):
        self.sent.append(intent.id)
        return self.answers.get(intent.id) or Accepted(
            order=planning.Order(
                order_id=len(self.sent),
                intent=intent,
                placed_at=self.placed.get(intent.id, now_ms + AFTER_MS),
                remaining_lots=intent.lots,
            )
        )

    def cancel(self, order, *, now_ms, fence):
        self.sent.append(order.intent.id)
        return self.answers.get(order.intent.id) or Accepted(order=order)


class Opened:
    """A desk with its store, its clock and its exchange."""

    def __init__(self, settings, exchange, *, ledger=BOOK, **more):
        self.clock, self.exchange = FixedClock(T0), exchange
        self.documents = Documents()
        self.bot = BotDocuments(self.documents, settings.id)
        self.lease = self.bot.take_lease(now_ms=T0, lease_ms=LEASE_MS)
        self.documents.clock = self.clock
        self.desk = Desk(
            exchange=exchange,
            bot=self.bot,
            clock=self.clock,
            settings=settings,
            lease=self.lease,
            opens_until=T0 + 100_000,
            ledger=ledger,
            **more,
        )

    def sends(self, *intents, **more):
        plain = {"book": None, "rules": None, "plan": None, **more}
        return [self.desk.send(planning.Place(intent=intent), **plain) for intent in intents]

    def cancels(self, order):
        step = planning.Cancel(order=order, reason=Reason.ORPHAN_CANCELED)
        return self.desk.send(step, book=None, rules=None, plan=None)

    def asks(self):
        """What the next reading is told: the book, and the intents that it is asked about."""
        self.desk.holdings(self.clock.now_ms())
        return self.exchange.asked[-1]

    @property
    def written(self):
        """The stored intents by the orders' ids; those of the desk's own list are among them."""
        stored = {document.path: document.data for document in self.bot.open_intents()}
        assert {document.path for document in self.desk.intents} == set(stored)
        return {data["intent"]["id"]: data for data in stored.values()}


def seen(ledger, **more):
    plain = {"as_of": T0, "cash_jpy": YEN, "equity_jpy": YEN, "available_jpy": YEN}
    return Holdings(**{**plain, "mark_price": None, "ledger": ledger, **more})


def lines(capsys):
    """The lines of the log without their times."""
    told = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    return [{key: one[key] for key in one if key not in {"at", "at_jst"}} for one in told]


@pytest.fixture
def opened(made):
    return lambda *shown, **answers: Opened(made.settings(), Real(*shown, **answers))


@pytest.fixture
def entry(made):
    return made.entry(10_000_000, id="e", stop_price=STOP, target_price=TARGET)


# what a reading says


def test_every_reading_is_told_the_book_of_the_one_before(made, opened):
    books = [replace(BOOK, read_at=number) for number in (1, 2)]
    it = opened(*(seen(book) for book in books), seen(None))
    assert it.desk.reconcile(T0).ledger is books[0]
    assert it.desk.holdings(T0).ledger is books[1]
    assert it.desk.holdings(T0).ledger is None
    assert it.asks() == (books[1], [])
    assert [ledger for ledger, _ in it.exchange.asked] == [BOOK, *books, books[1]]


def test_what_was_filled_in_a_tick_is_told_to_its_end_after_what_a_person_corrected(made):
    fills = [made.fill(number) for number in range(1, 4)]
    trades = [made.trade(number, 5) for number in range(1, 4)]
    shown = [seen(BOOK, fills=(fills[i],), trades=(trades[i],)) for i in (1, 2)]
    corrected = Corrected(ledger=BOOK, fills=(fills[0],), trades=(trades[0],))
    it = Opened(made.settings(), Real(*shown), corrected=corrected)
    for most in (2, 3, 3):
        holdings = it.desk.holdings(T0)
        assert holdings.fills == tuple(fills[:most])
        assert holdings.trades == tuple(trades[:most])


def test_nothing_was_filled_where_nobody_corrected_and_no_reading_shows_it(opened):
    holdings = opened().desk.reconcile(T0)
    assert (holdings.fills, holdings.trades) == ((), ())


def test_a_reading_without_a_book_is_passed_on_as_it_is(made):
    holdings = seen(None, fills=(made.fill(1),))
    it = Opened(made.settings(), Real(holdings), ledger=None)
    assert it.desk.reconcile(T0) is holdings
    assert it.desk.fates is None


def test_another_writers_orders_are_an_issue_unless_the_owner_has_named_them(made):
    found = Issue(reason=Reason.ANOTHER_WRITER, forbids_entry=True, context={"orders": "7, 9"})
    other = Issue(reason=Reason.BOOK_MISSING, forbids_entry=True)
    left = replace(found, context={"orders": "9"})
    for confirmed, issues in (((), (found, other)), ((7,), (left, other)), ((7, 9), (other,))):
        exchange = Real(seen(BOOK, issues=(found, other)))
        it = Opened(made.settings(), exchange, confirmed_orders=confirmed)
        assert it.desk.reconcile(T0).issues == issues


def test_what_forbids_nothing_is_told_to_the_end_and_other_issues_while_they_are_so(made):
    moved = Issue(reason=Reason.MONEY_MOVED, forbids_entry=False, context={"jpy": "7"})
    closed = Issue(reason=Reason.CLOSE_BEYOND, forbids_entry=False, context={"lots": "7"})
    late = Issue(reason=Reason.FILLS_LATE, forbids_entry=True)
    shown = [seen(BOOK, issues=told) for told in ((late, moved), (closed,), (late,), ())]
    it = Opened(made.settings(), Real(*shown))
    assert it.desk.reconcile(T0).issues == (late, moved)
    assert it.desk.holdings(T0).issues == (closed, moved)
    assert it.desk.holdings(T0).issues == (late, moved, closed)
    assert it.desk.holdings(T0).issues == (moved, closed)


# what becomes of an intent


def test_what_is_known_of_intents_is_kept_over_readings_that_say_nothing_of_them(made):
    shown = [
        seen(BOOK),
        seen(BOOK, fates={"a": Fate.OPEN, "b": Fate.ABSENT}),
        seen(BOOK),
        seen(BOOK, fates={"a": Fate.FOUND}),
    ]
    known = [
        {},
        {"a": Fate.OPEN, "b": Fate.ABSENT},
        {"a": Fate.OPEN, "b": Fate.ABSENT},
        {"a": Fate.FOUND, "b": Fate.ABSENT},
    ]
    for ledger, before in ((BOOK, {}), (None, None)):
        it = Opened(made.settings(), Real(*shown), ledger=ledger)
        assert it.desk.fates == before
        for fates in known:
            it.desk.holdings(T0)
            assert it.desk.fates == fates


def test_an_intent_of_a_tick_before_is_asked_about_until_it_is_found(made):
    a, b, c = (
        OpenIntent(intent=made.stop(STOP, id=name), at=T0 - 9, until=T0 - 1) for name in "abc"
    )
    shown = [
        seen(BOOK, fates={"a": Fate.OPEN, "b": Fate.ABSENT}),
        seen(BOOK, fates={"a": Fate.FOUND}),
        seen(BOOK),
    ]
    it = Opened(made.settings(), Real(*shown), open_intents=(a, b, c))
    it.desk.reconcile(T0)
    for _ in range(3):
        it.desk.holdings(T0)
    assert [intents for _, intents in it.exchange.asked] == [[a, b, c], [a, b, c], [b, c], [b, c]]


def test_an_order_that_nobody_answered_is_asked_about_by_its_form_until_it_is_found(made, entry):
    before = OpenIntent(intent=made.stop(STOP, id="b"), at=T0 - 9, until=T0 - 1)
    shown = [
        seen(BOOK, fates={"e": Fate.ABSENT}),
        seen(BOOK, fates={"e": Fate.FOUND}),
        seen(BOOK, fates={"s": Fate.FOUND}),
    ]
    exchange = Real(*shown, e=NOBODY_KNOWS, s=NOBODY_KNOWS)
    it = Opened(made.settings(), exchange, open_intents=(before,))
    stop = made.stop(STOP, id="s")
    assert [record.outcome for record in it.sends(entry, stop)] == ["unknown", "unknown"]
    until = T0 + LEASE_MS
    e = OpenIntent(intent=entry, at=T0, until=until, before=TRACES)
    s = OpenIntent(intent=stop, at=T0 + 2 * TAKES_MS, until=until, before=TRACES)
    said = [(it.asks(), it.desk.has_unfound_entry) for _ in range(4)]
    assert said == [
        ((BOOK, [before, e, s]), True),
        ((BOOK, [before, e, s]), False),
        ((BOOK, [before, s]), False),
        ((BOOK, [before]), False),
    ]


@pytest.mark.parametrize(
    ("answers", "unfound"),
    [
        ({}, False),
        ({"e": NO}, False),
        ({"s": NOBODY_KNOWS}, False),
        ({"e": NOBODY_KNOWS}, True),
        ({"e": NOBODY_KNOWS, "s": NOBODY_KNOWS}, True),
    ],
)
def test_an_entry_may_be_in_the_market_only_where_nobody_answered_it(
    made, opened, entry, answers, unfound
):
    it = opened(**answers)
    assert it.desk.has_unfound_entry is False
    it.sends(entry, made.stop(STOP, id="s"))
    assert it.desk.has_unfound_entry is unfound


def test_stops_of_which_no_answer_told_may_hold_their_lots_until_they_are_found(made, entry):
    before = OpenIntent(intent=made.stop(STOP, 5, id="b"), at=T0 - 9, until=T0 - 1)
    other = OpenIntent(intent=made.close(9, id="c"), at=T0 - 9, until=T0 - 1)
    found = [{}, {"b": Fate.FOUND}, {"s": Fate.FOUND}, {}]
    exchange = Real(*(seen(BOOK, fates=one) for one in found), e=NOBODY_KNOWS, s=NOBODY_KNOWS)
    it = Opened(made.settings(), exchange, open_intents=(before, other))
    assert it.desk.lost_stop_lots == {Side.LONG: 5}
    short = made.stop(STOP, 3, id="t", side=Side.SHORT)
    it.sends(entry, made.stop(STOP, 2, id="s"), short)
    said = []
    for _ in found:
        said.append(it.desk.lost_stop_lots)
        it.asks()
    assert said == [{Side.LONG: 7}, {Side.LONG: 7}, {Side.LONG: 2}, {}]


def test_an_order_that_was_taken_is_followed_by_its_number(made, opened, entry):
    it = opened(x=NO, u=NOBODY_KNOWS)
    first = TrackedOrder(order=made.order(7, made.stop(STOP, id="old")))
    it.exchange.shown.append(seen(replace(BOOK, tracked=(first,))))
    it.desk.reconcile(T0)
    stops = [made.stop(STOP, id=name) for name in "xsu"]
    it.sends(entry, *stops)
    orders = [
        made.order(1, entry, at=T0 + TAKES_MS + AFTER_MS),
        made.order(3, stops[1], at=T0 + 5 * TAKES_MS + AFTER_MS),
    ]
    followed = tuple(TrackedOrder(order=order) for order in orders)
    ledger, intents = it.asks()
    assert ledger == replace(BOOK, tracked=(first, *followed))
    assert [one.intent.id for one in intents] == ["u"]


def test_the_record_of_an_order_has_its_time_at_the_exchange(made, opened, entry):
    it = opened(s=NO)
    it.cancels(made.order(7, made.stop(STOP, id="old")))
    it.sends(entry, made.stop(STOP, id="s"))
    assert [(record.what, record.taken_at) for record in it.desk.records] == [
        ("cancel", T0),
        ("place", T0 + TAKES_MS + AFTER_MS),
        ("place", None),
    ]
    paper = Opened(made.settings(), Real(), ledger=None)
    paper.cancels(made.order(7, made.stop(STOP, id="old")))
    paper.sends(entry)
    assert [record.taken_at for record in paper.desk.records] == [None, None]


# how long a fill was bare


@pytest.mark.parametrize(
    ("fills", "orders", "longest"),
    [
        ([], [], None),
        ([], [("stop", 50)], None),
        ([("target", 0), ("stop", 10), ("close", 20)], [("stop", 500)], None),
        ([("entry", 100)], [], 800),
        ([("entry", 100)], [("stop", 99)], 800),
        ([("entry", 100)], [("stop", 100)], 0),
        ([("entry", 100)], [("stop", 101)], 1),
        ([("entry", 100)], [("target", 150), ("stop", 400)], 300),
        ([("entry", 100)], [("stop", 99), ("stop", 500), ("stop", 300)], 200),
        ([("entry", 100), ("entry", 400)], [("stop", 150), ("stop", 700)], 300),
        ([("entry", 100), ("entry", 400)], [("stop", 350), ("stop", 410)], 250),
        ([("target", 0), ("entry", 100)], [("stop", 110)], 10),
    ],
)
def test_a_fill_is_bare_until_the_next_stop_and_the_longest_counts(
    made, opened, fills, orders, longest
):
    it = opened()
    for number, (purpose, ms) in enumerate(orders):
        make = made.stop if purpose == "stop" else made.target
        it.exchange.placed[f"{number}"] = ms
        it.sends(make(STOP, id=f"{number}"))
    told = tuple(
        made.fill(number, at=ms, purpose=Purpose(purpose))
        for number, (purpose, ms) in enumerate(fills)
    )
    it.exchange.shown.append(seen(BOOK, fills=told))
    it.desk.holdings(900)
    assert it.desk.bare_ms(900) == longest


def test_a_stop_that_was_not_taken_ends_no_bare_time(made, opened):
    it = opened(x=NO, u=NOBODY_KNOWS)
    it.sends(made.stop(STOP, id="x"), made.stop(STOP, id="u"))
    it.exchange.shown.append(seen(BOOK, fills=(made.fill(1, at=T0),)))
    it.desk.holdings(T0 + 900)
    assert it.desk.bare_ms(T0 + 900) == 900


# whether orders that close share a quantity


def resting(made, *, lots=12):
    order = made.order(7, made.stop(STOP, lots, id="old"))
    return replace(BOOK, tracked=(TrackedOrder(order=order),)), order


@pytest.mark.parametrize(
    ("account", "there", "answer", "learned"),
    [
        ("margin", {Side.LONG: 12}, HELD, True),
        ("margin", {Side.LONG: 12}, None, False),
        ("margin", {Side.LONG: 12}, NO, None),
        ("margin", {Side.LONG: 11}, HELD, None),
        ("margin", {Side.LONG: 24}, HELD, None),
        ("margin", {Side.SHORT: 12}, HELD, None),
        ("margin", {}, HELD, None),
        ("margin", None, HELD, None),
        ("spot", {Side.LONG: 12}, HELD, None),
        ("spot", {Side.LONG: 12}, None, None),
    ],
)
def test_the_answer_to_a_second_close_tells_whether_both_share_what_is_there(
    made, account, there, answer, learned
):
    settings = made.settings(account=account, risk={"max_leverage": 1.0})
    ledger, _ = resting(made)
    it = Opened(settings, Real(seen(ledger, there_lots=there), s=answer))
    it.desk.reconcile(T0)
    it.sends(made.stop(STOP, 12, id="s"))
    assert it.asks()[0].has_shared_closes is learned


def test_before_any_reading_an_answer_tells_nothing_of_what_is_there(made):
    ledger, _ = resting(made)
    it = Opened(made.settings(), Real(s=HELD), ledger=ledger)
    it.sends(made.stop(STOP, 12, id="s"))
    assert it.asks()[0] == ledger


def test_what_one_reading_showed_is_not_there_where_the_next_says_nothing_of_it(made):
    ledger, _ = resting(made)
    exchange = Real(seen(ledger, there_lots={Side.LONG: 12}), seen(ledger), s=HELD)
    it = Opened(made.settings(), exchange)
    it.desk.reconcile(T0)
    it.desk.holdings(T0)
    it.sends(made.stop(STOP, 12, id="s"))
    assert it.asks()[0].has_shared_closes is None


def test_what_was_learned_stays_where_an_answer_says_nothing(made):
    ledger, _ = resting(made)
    for known in (True, False):
        held = replace(ledger, has_shared_closes=known)
        it = Opened(made.settings(), Real(seen(held, there_lots={Side.LONG: 12}), s=NO))
        it.desk.reconcile(T0)
        it.sends(made.stop(STOP, 12, id="s"))
        assert it.asks()[0].has_shared_closes is known


@pytest.mark.parametrize(
    ("canceled", "is_read_again", "learned"),
    [(None, False, None), (NO, False, True), (NOBODY_KNOWS, False, True), (None, True, True)],
)
def test_an_order_that_was_cancelled_shares_nothing_unless_a_reading_since_shows_it(
    made, canceled, is_read_again, learned
):
    ledger, order = resting(made)
    there = seen(ledger, there_lots={Side.LONG: 12})
    it = Opened(made.settings(), Real(there, there, old=canceled, s=HELD))
    it.desk.reconcile(T0)
    it.cancels(order)
    if is_read_again:
        it.desk.holdings(T0)
    it.sends(made.stop(STOP, 12, id="s"))
    it.exchange.shown.clear()
    assert it.asks()[0].has_shared_closes is learned


@pytest.mark.parametrize(("answer", "is_shown"), [(None, False), (NO, True), (NOBODY_KNOWS, True)])
def test_a_close_that_a_cancel_ended_protects_nothing_though_a_view_behind_shows_it(
    made, answer, is_shown
):
    ledger, order = resting(made)
    other = replace(order, order_id=order.order_id + 1)
    there = seen(ledger, orders=(order, other))
    it = Opened(made.settings(), Real(there, there, there, old=answer))
    assert it.desk.reconcile(T0).orders == (order, other)
    it.cancels(order)
    for _ in range(2):
        assert it.desk.holdings(T0).orders == ((order, other) if is_shown else (other,))


def test_an_entry_that_a_cancel_ended_is_shown_until_its_end_shows(made, entry):
    order = made.order(7, entry)
    there = seen(BOOK, orders=(order,))
    it = Opened(made.settings(), Real(there, there))
    it.desk.reconcile(T0)
    it.cancels(order)
    assert it.desk.holdings(T0).orders == (order,)


# what is written down


def test_an_intent_is_written_down_with_what_would_show_it(made, opened, entry):
    it, plan = opened(), made.plan(entry_intent="")
    (record,) = it.sends(entry, plan=plan)
    assert it.written == {
        "e": {
            "bot": it.bot.bot,
            "open_for": it.bot.bot,
            "fence": 1,
            "intent": msgspec.to_builtins(entry),
            "plan": msgspec.to_builtins(replace(plan, entry_intent="e")),
            "at": T0,
            "until": T0 + LEASE_MS,
            "before": {**msgspec.to_builtins(TRACES), "strangers": []},
            "outcome": msgspec.to_builtins(record),
        }
    }
    assert record.taken_at == T0 + TAKES_MS + AFTER_MS


def test_before_the_first_reading_an_intent_has_no_traces(made):
    it = Opened(made.settings(), Real(), ledger=replace(BOOK, traces=None))
    it.sends(made.stop(STOP, id="s"))
    assert it.written["s"]["before"] is None


@pytest.mark.parametrize("error", GONE, ids=lambda error: type(error).__name__)
def test_an_order_whose_answer_cannot_be_recorded_is_followed_and_the_tick_goes_on(
    made, opened, entry, error, capsys
):
    it = opened()
    it.documents.fails = [None, error]
    it.sends(entry)
    assert lines(capsys) == [
        {"severity": "ERROR", "message": "desk.unrecorded", "error": type(error).__name__}
    ]
    assert [(record.outcome, record.order_id) for record in it.desk.records] == [("accepted", 1)]
    assert "outcome" not in it.written["e"]
    it.sends(made.stop(STOP, id="s"))
    assert it.written["s"]["outcome"]["outcome"] == "accepted"
    assert [one.order.intent.id for one in it.asks()[0].tracked] == ["e", "s"]


@pytest.mark.parametrize("error", GONE, ids=lambda error: type(error).__name__)
def test_an_answer_that_cannot_be_recorded_ends_a_tick_on_paper(made, entry, error, capsys):
    it = Opened(made.settings(), Real(), ledger=None)
    it.documents.fails = [None, error]
    with pytest.raises(type(error)):
        it.sends(entry)
    assert (it.exchange.sent, [one.outcome for one in it.desk.records]) == (["e"], ["accepted"])
    assert lines(capsys) == []


def test_an_answer_that_another_tick_has_settled_ends_the_tick_at_a_real_exchange_too(
    made, opened, entry
):
    it = opened()
    submit = it.exchange.submit

    def settled(intent, **more):
        (document,) = it.bot.open_intents()
        it.documents.replace(document, {**document.data, "open_for": None})
        return submit(intent, **more)

    it.exchange.submit = settled
    with pytest.raises(LeaseLost, match="another tick has settled"):
        it.sends(entry)
    assert [one.outcome for one in it.desk.records] == ["accepted"]


# what goes out where no store can be written


def protecting(made, name):
    return {
        "its stop": made.stop(STOP, 100, id="p"),
        "a smaller stop": made.stop(STOP, 1, id="p"),
        "a larger stop": made.stop(STOP, 101, id="p"),
        "a stop below": made.stop(STOP - 1, 100, id="p"),
        "a stop above": made.stop(STOP + 1, 100, id="p"),
        "a stop at the target": made.stop(TARGET, 100, id="p"),
        "a short's stop": made.stop(STOP, 100, id="p", side=Side.SHORT),
        "its target": made.target(TARGET, 100, id="p"),
        "a smaller target": made.target(TARGET, 99, id="p"),
        "a larger target": made.target(TARGET, 101, id="p"),
        "a target below": made.target(TARGET - 1, 100, id="p"),
        "a target above": made.target(TARGET + 1, 100, id="p"),
        "a target at the stop": made.target(STOP, 100, id="p"),
        "a short's target": made.target(TARGET, 100, id="p", side=Side.SHORT),
        "its close": made.close(100, id="p"),
        "a smaller close": made.close(99, id="p"),
        "a larger close": made.close(101, id="p"),
        "a short's close": made.close(100, id="p", side=Side.SHORT),
        "an entry": made.entry(TARGET, 100, id="p"),
        "an entry at market": made.intent(Purpose.ENTRY, OrderKind.MARKET, 100, id="p"),
    }[name]


def sends_unwritten(it, intent, error):
    """The order goes out though nothing can be written."""
    it.documents.fails = [error, error]
    before = list(it.exchange.sent)
    it.sends(intent)
    assert it.exchange.sent == [*before, intent.id]


def stays_unwritten(it, intent, error):
    """The order does not go out where nothing can be written, and leaves no trace."""
    it.documents.fails = [error, error]
    before, records = list(it.exchange.sent), list(it.desk.records)
    with pytest.raises(type(error), match=str(error)):
        it.sends(intent)
    assert (it.exchange.sent, it.desk.records) == (before, records)


@pytest.mark.parametrize(
    "name",
    [
        "its stop",
        "a smaller stop",
        "its target",
        "a smaller target",
        "its close",
        "a smaller close",
    ],
)
@pytest.mark.parametrize("answer", [None, NOBODY_KNOWS], ids=["taken", "unknown"])
@pytest.mark.parametrize("error", GONE, ids=lambda error: type(error).__name__)
def test_what_protects_the_entry_of_this_tick_goes_out_unwritten(
    made, opened, entry, name, answer, error, capsys
):
    it, intent = opened(e=answer), protecting(made, name)
    it.sends(entry)
    sends_unwritten(it, intent, error)
    assert lines(capsys) == [
        {
            "severity": "ERROR",
            "message": "desk.unwritten",
            "intent": "p",
            "purpose": intent.purpose.value,
            "error": type(error).__name__,
        }
    ]
    last = it.desk.records[-1]
    assert last == OrderRecord(
        what="place", intent=intent, outcome="accepted", order_id=2, taken_at=last.taken_at
    )
    assert it.documents.fails == [error], "there is no outcome to write where there is no intent"
    assert list(it.written) == ["e"]
    assert it.written["e"]["outcome"]["outcome"] == ("unknown" if answer else "accepted")
    it.documents.fails = []
    assert it.asks()[0].tracked[-1].order.intent == intent


@pytest.mark.parametrize(
    "name",
    [
        "a larger stop",
        "a stop below",
        "a stop above",
        "a stop at the target",
        "a short's stop",
        "a larger target",
        "a target below",
        "a target above",
        "a target at the stop",
        "a short's target",
        "a larger close",
        "a short's close",
        "an entry",
        "an entry at market",
    ],
)
def test_nothing_else_goes_out_unwritten(made, opened, entry, name, capsys):
    it = opened()
    it.sends(entry)
    stays_unwritten(it, protecting(made, name), GONE[0])
    assert lines(capsys) == []
    assert list(it.written) == ["e"]


@pytest.mark.parametrize("name", ["its stop", "its target", "its close"])
def test_nothing_goes_out_unwritten_without_an_entry_of_this_tick(made, entry, name):
    intent, settings = protecting(made, name), made.settings()
    never = Opened(settings, Real())
    refused = Opened(settings, Real(e=NO))
    refused.sends(entry)
    denied = Opened(settings, Real(), blocked_by_unknown=True)
    denied.sends(entry)
    assert denied.exchange.sent == []
    protected = Opened(settings, Real())
    protected.sends(made.stop(STOP, id="s", stop_price=STOP, target_price=TARGET))
    paper = Opened(settings, Real(), ledger=None)
    paper.sends(entry)
    for it in (never, refused, denied, protected, paper):
        stays_unwritten(it, intent, GONE[0])


def test_an_entry_permits_what_protects_it_after_its_first_stop_too(made, opened, entry):
    it = opened()
    it.sends(entry, made.stop(STOP, 40, id="s"))
    sends_unwritten(it, made.stop(STOP, 60, id="p"), GONE[0])
    sends_unwritten(it, made.target(TARGET, 100, id="q"), GONE[1])


def test_an_entry_that_was_refused_takes_no_permission_away(made, opened, entry):
    it = opened(x=NO)
    it.sends(entry, copy_with(entry, id="x", lots=10, stop_price=STOP - 5))
    sends_unwritten(it, made.stop(STOP, 100, id="p"), GONE[0])
