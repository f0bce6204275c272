"""What a tick does with an account and a market, step by step, at the instants and numbers that decide."""

from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest

from shared.core.reasons import Reason
from shared.core.types import (
    Action,
    Candles,
    Counted,
    Decision,
    Goal,
    Issue,
    OrderKind,
    PairRules,
    Purpose,
    Side,
    TickReport,
    TickStatus,
    Timeframe,
)
from shared.market.candles import empty
from shared.orders import plan as planning
from shared.replay.hands import AccountInHand
from shared.turn.state import CandleProgress, State
from shared.turn.turn import Turn, newest, some, told, unread

T0, MINUTE, QUARTER = 1_699_999_200_000, 60_000, 900_000  # T0: 22:00 UTC
PRICE = 10_000_000
AT = T0 + 7 * MINUTE + 1_000
LONG, SHORT = Side.LONG, Side.SHORT


class Noting(AccountInHand):
    """The account of a replay; it notes what it was asked, and carrying something out takes `takes_ms`."""

    takes_ms = 0

    def __init__(self, account, **more):
        super().__init__(account, **more)
        self.sent, self.reconciled = [], []

    def reconcile(self, now_ms):
        self.reconciled.append(now_ms)
        return super().reconcile(now_ms)

    def carry_out(self, steps, *, book, rules, plan):
        self.sent.append((tuple(steps), book, rules, plan))
        opened = super().carry_out(steps, book=book, rules=rules, plan=plan)
        self.now += self.takes_ms
        return opened


class Begun:
    """A turn with its hands; `held` books what these hold."""

    def __init__(self, made, account, settings, **state):
        rules = PairRules()
        path = empty(Timeframe.M1)
        self.hands = Noting(account, path=path, settings=settings, rules=rules, traded=lambda account: None)
        self.hands.arrive(AT)
        state = State(**{"mode": "paper", "stage": "paper", **state})
        self.turn = Turn(state=state, hands=self.hands, settings=settings, prefix=lambda part: f"t.{part}")

    def held(self):
        self.turn.book(self.hands.holdings(self.hands.now))
        return self.turn

    @property
    def placed(self):
        return [step.intent for steps, *_ in self.hands.sent for step in steps if isinstance(step, planning.Place)]

    @property
    def canceled(self):
        return [step.order.order_id for steps, *_ in self.hands.sent for step in steps if isinstance(step, planning.Cancel)]


@pytest.fixture
def begun(made):
    def making(*orders, lots=0, side=LONG, settings=None, mark=PRICE, **state):
        held = (made.position(made.part(PRICE, lots), side=side),) if lots else ()
        account = made.account(
            positions=held,
            orders=orders,
            next_order_id=50,
            next_fill_sequence=9,
            last_price=mark,
            settled_until=T0 + 7 * MINUTE,
        )
        return Begun(made, account, settings or made.settings(), **state)

    return making


@pytest.fixture
def market(made):
    return lambda **more: made.market(**{"candles": {Timeframe.M15: quarters(12)}, **more})


def quarters(count, *, until=T0, price=PRICE):
    opened_at = until - QUARTER * np.arange(count, 0, -1, dtype=np.int64)
    flat = np.full(count, float(price))
    return Candles(timeframe=Timeframe.M15, opened_at=opened_at, open=flat, high=flat, low=flat, close=flat, volume=flat)


def done(as_of=T0, **more):
    return CandleProgress(**{"as_of": as_of, "closed": True, **more})


# what is held, and its protection


def test_a_turn_begins_with_nothing(begun):
    it = begun()
    turn = it.turn
    assert (turn.holdings, turn.decision, turn.issues, turn.lifts, turn.ordered, turn.gap_ms) == (
        None,
        None,
        (),
        0,
        False,
        None,
    )
    assert turn.state == State(mode="paper", stage="paper")
    assert turn.bare() is False


def test_what_is_held_is_booked_into_the_state_at_the_present_instant(begun, made):
    it = begun(lots=100, halted_at=5)
    assert it.held().holdings is it.hands.holdings(AT)
    expected = State(mode="paper", stage="paper", halted_at=5)
    assert it.turn.state == expected.after_account(it.turn.holdings, lifts=0, now_ms=AT, settings=made.settings())
    it.turn.lifts = 5
    assert it.held().state.halted_at == 0


def test_a_step_before_the_one_that_it_needs_is_refused():
    assert some(0) == 0
    with pytest.raises(AssertionError, match="a step ran before"):
        some(None)


def test_what_is_held_gets_the_stop_of_its_plan_and_is_looked_at_again(begun, made):
    it = begun(lots=100, plan=made.plan(stop_price=9_700_000))
    turn = it.held()
    assert turn.bare() is True
    turn.protect(turn.holdings, part="p")
    ((_, book, rules, plan),) = it.hands.sent
    assert (book, rules, plan) == (None, None, None)
    assert [(intent.id, intent.trigger_price or intent.price) for intent in it.placed] == [
        ("t.p.stop.1", 9_700_000),
        ("t.p.target.2", 10_300_000),
    ]
    assert [order.intent for order in turn.holdings.orders] == it.placed
    assert turn.bare() is False
    turn.protect(turn.holdings, part="p")
    assert len(it.hands.sent) == 1


def test_a_lost_plan_is_made_up_for_by_the_signal(begun, made):
    it = begun(lots=100, signal=made.signal(atr_jpy=50_000.0))
    turn = it.held()
    turn.protect(turn.holdings, part="p")
    assert [intent.trigger_price for intent in it.placed] == [PRICE - 4 * 50_000]


def test_orphans_go_where_nothing_is_held(begun, made):
    it = begun(made.order(7, made.stop(9_000_000)))
    turn = it.held()
    turn.protect(turn.holdings, part="p")
    assert (it.canceled, turn.holdings.orders) == ([7], ())


def test_where_nothing_is_held_and_nothing_rests_nothing_is_done(begun):
    it = begun()
    turn = it.held()
    turn.protect(turn.holdings, part="p")
    assert it.hands.sent == []


@pytest.mark.parametrize(
    ("bid", "rules", "kind"),
    [
        (9_999_500, {}, OrderKind.STOP),
        (9_600_000, {}, OrderKind.MARKET),
        (9_999_500, {"stop_orders": False}, OrderKind.MARKET),
        (9_600_000, {"market_orders": False}, OrderKind.LIMIT),
    ],
)
@pytest.mark.parametrize("step", ["look_at", "cover", "protect"])
def test_with_a_market_a_stop_that_cannot_be_is_a_close(begun, made, market, bid, rules, kind, step):
    book, rules = made.book(bid, bid + 1_000, at=AT), PairRules(**rules)
    seen = market(book=book, rules=rules, candles={Timeframe.M15: empty(Timeframe.M15)})
    it = begun(lots=100, plan=made.plan(stop_price=9_700_000, target_price=20_000_000))
    turn = it.held()
    if step == "protect":
        turn.protect(turn.holdings, seen, part="x")
    else:
        getattr(turn, step)(seen)
    part = {"look_at": "q", "cover": "r", "protect": "x"}[step]
    assert [told[1:] for told in it.hands.sent] == [(book, rules, None)]
    assert (it.placed[0].id.split(".")[1], it.placed[0].kind) == (part, kind)


@pytest.mark.parametrize("stops", [(100, 100), (100,)])
def test_a_look_at_the_market_leaves_what_is_covered_as_it_is(begun, made, market, stops):
    orders = [made.order(number, made.stop(9_000_000, lots)) for number, lots in enumerate(stops, 1)]
    it = begun(*orders, lots=100, plan=made.plan())
    turn = it.held()
    turn.look_at(market())
    turn.cover(market())
    assert it.hands.sent == []


def test_a_book_far_from_everything_is_none_and_one_near_the_mark_is_believed(begun, made, market):
    issue = Issue(reason=Reason.LATENCY_HIGH, forbids_entry=True)
    far = market(book=made.book(11_000_000, 11_001_000), issues=(issue,))
    for mark, believed in ((PRICE, None), (11_000_000, far.book)):
        it = begun(lots=100, mark=mark, plan=made.plan())
        turn = it.held()
        seen = turn.look_at(far)
        assert seen.book == believed
        assert turn.issues == seen.issues
        assert [each.reason for each in turn.issues] == [Reason.LATENCY_HIGH, Reason.BOOK_FAR]
    assert begun().held().look_at(market()).issues == ()


def test_a_close_that_rests_is_not_undone_by_another_stop(begun, made, market):
    it = begun(made.order(1, made.close(100)), lots=100, plan=made.plan())
    turn = it.held()
    turn.cover(market())
    assert it.hands.sent == []
    assert turn.bare() is True


def test_what_the_orders_did_is_seen_after_them(begun, made, market):
    it = begun(lots=100, plan=made.plan())
    turn = it.held()
    it.hands.account = replace(it.hands.account, positions=())
    turn.cover(market())
    assert turn.holdings.positions == ()
    assert it.hands.sent == []


# when it has to know the path


def due(begun, made, **more):
    """A turn for which nothing is due, but for what is said."""
    orders = more.pop("orders", ())
    return begun(*orders, **{"candle": done(), **more}).held()


@pytest.mark.parametrize(("as_of", "due_now"), [(T0 - QUARTER, True), (T0, False), (T0 + QUARTER, False)])
def test_a_candle_that_has_closed_is_due(begun, made, as_of, due_now):
    assert due(begun, made, candle=done(as_of)).due(AT) is due_now
    assert due(begun, made, candle=done(as_of)).due(T0) is due_now
    if as_of == T0:
        assert due(begun, made).due(T0 + QUARTER - 1) is False
        assert due(begun, made).due(T0 + QUARTER) is True


@pytest.mark.parametrize(("signal", "closed", "due_now"), [(True, False, True), (True, True, False), (False, False, False)])
def test_an_entry_that_may_be_tried_again_is_due(begun, made, signal, closed, due_now):
    turn = due(begun, made, candle=done(closed=closed), signal=made.signal() if signal else None)
    assert turn.due(AT) is due_now


@pytest.mark.parametrize(("after_ms", "due_now"), [(-1, False), (0, True), (1, True)])
def test_a_time_exit_is_due_from_its_instant_on(begun, made, after_ms, due_now):
    entry = made.order(3, made.entry(9_000_000))
    turn = due(begun, made, orders=(entry,), plan=made.plan(exit_by=AT - after_ms))
    assert turn.state.plan is not None
    assert turn.due(AT) is due_now


@pytest.mark.parametrize(
    ("policy", "lots", "plan", "due_now"),
    [
        ("barrier", 100, False, True),
        ("barrier", 100, True, False),
        ("barrier", 0, False, False),
        ("target", 100, False, False),
        ("target", 0, False, False),
    ],
)
def test_a_position_of_which_nobody_knows_when_it_ends_is_due(begun, made, policy, lots, plan, due_now):
    settings = made.settings() if policy == "barrier" else made.target_settings()
    orders = (made.order(1, made.stop(9_000_000)), made.order(2, made.target(20_000_000))) if lots else ()
    turn = due(begun, made, orders=orders, lots=lots, settings=settings, plan=made.plan(exit_by=AT + 1) if plan else None)
    assert turn.due(AT) is due_now


@pytest.mark.parametrize(("lots", "due_now"), [(100, False), (99, True), (0, True)])
def test_another_position_than_is_held_is_due_while_it_is_wanted(begun, made, lots, due_now):
    turn = due(begun, made, lots=100, settings=made.target_settings(), goal=made.goal(lots, as_of=T0))
    assert turn.due(AT) is due_now


@pytest.mark.parametrize(("rests", "side", "due_now"), [(True, LONG, False), (False, LONG, True), (False, SHORT, False)])
def test_a_target_that_does_not_rest_is_watched(begun, made, rests, side, due_now):
    orders = (made.order(2, made.target(20_000_000)),) if rests else ()
    turn = due(begun, made, orders=orders, lots=100, plan=made.plan(side=side, exit_by=AT + 1))
    assert turn.due(AT) is due_now


@pytest.mark.parametrize(
    ("second_ms", "is_due", "until", "now_ms", "reconciles"),
    [
        (1_000, True, 6 * MINUTE, 10_000, True),
        (1_000, True, 7 * MINUTE, 10_000, False),
        (1_000, True, 8 * MINUTE, 10_000, False),
        (1_000, False, 6 * MINUTE, 1_000, False),
        (10_000, True, 6 * MINUTE, 10_000, True),
        (10_001, True, 6 * MINUTE, 10_001, True),
        (59_999, True, 6 * MINUTE, 59_999, True),
        (59_999, True, 7 * MINUTE, 59_999, False),
    ],
)
def test_a_tick_that_is_due_waits_for_its_candle_and_knows_the_path_up_to_it(
    begun, second_ms, is_due, until, now_ms, reconciles
):
    minute = T0 + 7 * MINUTE
    it = begun(candle=done(T0 - QUARTER if is_due else T0))
    it.hands.arrive(minute + second_ms)
    it.hands.account = replace(it.hands.account, settled_until=T0 + until)
    turn = it.held()
    turn.settle()
    assert it.hands.now == minute + now_ms
    assert it.hands.reconciled == ([minute + now_ms] if reconciles else [])
    assert turn.holdings.settled_until == (minute if reconciles else T0 + until)


def test_an_exchange_without_a_path_is_not_settled(begun):
    it = begun()
    turn = it.held()
    turn.holdings = replace(turn.holdings, settled_until=None)
    turn.settle()
    assert it.hands.reconciled == []


# the signal and the decision


def test_a_new_signal_knows_what_was_sent_and_never_saved(begun, made):
    it = begun()
    turn = it.held()
    turn.holdings = replace(turn.holdings, fills=(made.fill(1, at=T0 + 1),))
    signal = made.signal(as_of=T0)
    turn.read(signal, unsaved=(made.plan(as_of=T0),))
    assert (turn.state.signal, turn.state.candle) == (signal, CandleProgress(as_of=T0, attempts_used=1, closed=True))
    turn.read(made.signal(as_of=T0 + QUARTER))
    assert turn.state.candle == CandleProgress(as_of=T0 + QUARTER, attempts_used=0, closed=False)


def test_without_a_signal_nothing_can_be_decided(begun, market):
    turn = begun().held()
    seen = market(issues=(Issue(reason=Reason.LATENCY_HIGH, forbids_entry=True),))
    turn.decide(seen, halted=False)
    assert turn.decision == Decision(action=Action.DENY, as_of=T0, reason=Reason.DATA_MISSING)
    assert turn.issues == seen.issues


@pytest.mark.parametrize(
    ("lots", "closed", "halted", "told"),
    [
        (0, False, False, (Action.DENY, Reason.NO_CONSENSUS)),
        (0, False, True, (Action.DENY, Reason.HALTED_BY_PERSON)),
        (0, True, False, (Action.HOLD, Reason.NOTHING_NEW)),
        (0, True, True, (Action.HOLD, Reason.NOTHING_NEW)),
        (100, True, False, (Action.HOLD, Reason.POSITION_OPEN)),
        (100, False, False, (Action.HOLD, Reason.POSITION_OPEN)),
    ],
)
def test_a_candle_is_decided_once_and_what_is_held_every_tick(begun, made, market, lots, closed, halted, told):
    it = begun(lots=lots, signal=made.signal(as_of=T0, side=None), candle=done(closed=closed))
    turn = it.held()
    turn.state = replace(turn.state, candle=done(closed=closed))
    turn.decide(market(book=made.book(at=AT)), halted=halted)
    assert (turn.decision.action, turn.decision.reason, turn.decision.as_of) == (*told, T0)


@pytest.mark.parametrize("halted", [False, True])
def test_a_goal_is_pursued_by_every_tick(begun, made, market, halted):
    signal = made.signal(as_of=T0, side=None, target_weight=1.0, target_as_of=T0, target_volatility=0.3)
    it = begun(settings=made.target_settings(), signal=signal, candle=done())
    turn = it.held()
    turn.decide(market(book=made.book(at=AT)), halted=halted)
    assert turn.decision.action is (Action.DENY if halted else Action.ENTER)
    assert turn.decision.goal is not None


def test_the_decision_tells_what_is_wrong_with_the_market(begun, made, market):
    turn = begun(signal=made.signal(as_of=T0), candle=done(closed=False)).held()
    turn.decide(market(book=None, issues=(Issue(reason=Reason.LATENCY_HIGH, forbids_entry=True),)), halted=False)
    assert [issue.reason for issue in turn.issues] == [Reason.LATENCY_HIGH, Reason.BOOK_MISSING]


# orders


def enter(**more):
    plain = {"action": Action.ENTER, "as_of": T0, "reason": Reason.OK, "side": LONG, "lots": 10, "stop_price": 9_800_000}
    return Decision(**{**plain, "target_price": 10_300_000, "exit_by": T0 + QUARTER, **more})


def ordered(it, made, market, decision, *, scheduled_at=AT, **more):
    turn = it.held()
    turn.decision = decision
    seen = market(**{"book": made.book(at=AT), "rules": PairRules(), **more})
    turn.order(seen, scheduled_at=scheduled_at)
    (sent,) = it.hands.sent
    assert sent[1:3] == (seen.book, seen.rules)
    return turn, sent[3]


def test_an_entry_lives_until_the_tick_orders_nothing_more_and_its_plan_is_kept(begun, made, market):
    it = begun(candle=done(closed=False))
    turn, plan = ordered(it, made, market, enter())
    (intent,) = it.placed
    assert (intent.id, intent.expires_at, intent.price, intent.lots) == ("t.d.entry.1", AT + 100_000, 9_999_500, 10)
    kept = made.plan(stop_price=9_800_000, target_price=10_300_000, exit_by=T0 + QUARTER, as_of=T0, entry_intent="")
    assert plan == kept
    assert turn.state.plan == replace(kept, entry_intent="t.d.entry.1")
    assert turn.state.candle == CandleProgress(as_of=T0, attempts_used=1, closed=False)
    assert (turn.ordered, turn.gap_ms) == (True, None)


@pytest.mark.parametrize("scheduled_at", [AT - 100_000, AT - 99_999])
def test_an_entry_that_comes_too_late_is_no_attempt(begun, made, market, scheduled_at):
    it = begun(candle=done(closed=False))
    turn, _ = ordered(it, made, market, enter(), scheduled_at=scheduled_at)
    sent = scheduled_at > AT - 100_000
    assert (len(it.placed), turn.ordered) == (sent, sent)
    assert (turn.state.candle.attempts_used, turn.state.plan is not None) == (sent, sent)
    assert turn.state.candle.closed is False


def test_an_entry_that_is_refused_leaves_no_plan(begun, made, market):
    it = begun(candle=done(closed=False))
    turn, plan = ordered(it, made, market, enter(), rules=PairRules(long_opens=False))
    assert [record.outcome for record in it.hands.records] == ["rejected"]
    assert plan is not None
    assert (turn.ordered, turn.state.plan, turn.state.candle.attempts_used) == (True, None, 0)


def test_an_entry_toward_a_goal_has_no_plan(begun, made, market):
    goal = Goal(lots=10, as_of=T0)
    it = begun(settings=made.target_settings(), candle=done())
    turn, plan = ordered(it, made, market, enter(exit_by=None, goal=goal))
    assert len(it.placed) == 1
    assert (plan, turn.state.plan, turn.state.goal, turn.state.candle.attempts_used) == (None, None, goal, 1)


@pytest.mark.parametrize(
    "decision",
    [enter(side=None), enter(exit_by=None), enter(action=Action.HOLD), enter(action=Action.EXIT), enter(action=Action.DENY)],
)
def test_only_an_entry_with_a_side_and_an_end_has_a_plan(begun, made, market, decision):
    assert ordered(begun(), made, market, decision)[1] is None


def test_an_exit_closes_what_is_held_and_no_part_of_it_is_called_a_gap(begun, made, market):
    it = begun(made.order(4, made.stop(9_000_000)), lots=100, plan=made.plan())
    turn, plan = ordered(it, made, market, enter(action=Action.EXIT, reason=Reason.EXIT_TIME))
    assert ([intent.purpose for intent in it.placed], it.canceled, plan) == ([Purpose.CLOSE], [4], None)
    assert (turn.ordered, turn.gap_ms) == (True, None)


@pytest.mark.parametrize(("takes_ms", "rules", "gap_ms"), [(7, {}, 7), (-3, {}, -3), (7, {"stop_orders": False}, None)])
def test_the_gap_is_what_a_reduction_took_where_there_was_one(begun, made, market, takes_ms, rules, gap_ms):
    it = begun(made.order(4, made.stop(9_000_000)), lots=100, settings=made.target_settings())
    it.hands.takes_ms = takes_ms
    less = enter(action=Action.REDUCE, lots=40, goal=Goal(lots=60, as_of=T0), exit_by=None)
    turn, _ = ordered(it, made, market, less, rules=PairRules(**rules))
    assert (turn.gap_ms, turn.ordered) == (gap_ms, gap_ms is not None)
    assert turn.state.goal == less.goal


@pytest.mark.parametrize(
    ("bid", "late_ms", "sold"),
    [
        (10_299_999, 0, False),
        (10_300_000, 19_999, True),
        (10_300_000, 20_000, False),
        (10_300_000, 20_001, False),
        (10_300_000, -1, True),
    ],
)
@pytest.mark.parametrize("action", [Action.HOLD, Action.DENY])
def test_a_watched_target_is_sold_at_where_the_path_is_known(begun, made, market, bid, late_ms, sold, action):
    it = begun(made.order(4, made.stop(9_000_000)), lots=100, plan=made.plan())
    it.hands.arrive(T0 + 7 * MINUTE + late_ms)
    hold = Decision(action=action, as_of=T0, reason=Reason.POSITION_OPEN)
    turn, plan = ordered(it, made, market, hold, book=made.book(bid, bid + 1_000))
    assert [(intent.id, intent.kind) for intent in it.placed] == ([("t.d.close.1", OrderKind.MARKET)] if sold else [])
    assert (turn.ordered, it.canceled, plan) == (sold, [4] if sold else [], None)


def test_a_watched_target_is_sold_at_a_limit_where_market_orders_are_forbidden(begun, made, market):
    it = begun(made.order(4, made.stop(9_000_000)), lots=100, plan=made.plan())
    hold = Decision(action=Action.HOLD, as_of=T0, reason=Reason.POSITION_OPEN)
    ordered(it, made, market, hold, book=made.book(10_300_000, 10_301_000), rules=PairRules(market_orders=False))
    assert [intent.kind for intent in it.placed] == [OrderKind.LIMIT]


def test_an_exchange_that_walks_no_path_has_no_gap_in_it(begun, made, market):
    it = begun(made.order(4, made.stop(9_000_000)), lots=100, plan=made.plan())
    turn = it.held()
    turn.holdings, turn.decision = (
        replace(turn.holdings, settled_until=None),
        Decision(action=Action.HOLD, as_of=T0, reason=Reason.POSITION_OPEN),
    )
    turn.order(market(book=made.book(10_300_000, 10_301_000)), scheduled_at=AT)
    assert [intent.purpose for intent in it.placed] == [Purpose.CLOSE]


# what is told


@pytest.mark.parametrize(
    ("reason", "forbids", "context", "found"),
    [
        (Reason.DATA_STALE, True, {}, True),
        (Reason.DATA_STALE, False, {}, False),
        (Reason.LATENCY_HIGH, True, {}, False),
        (Reason.LATENCY_HIGH, True, {"what": "status"}, False),
        (Reason.EXCHANGE_BUSY, True, {"what": "status"}, True),
        (Reason.EXCHANGE_HALTED, True, {"what": "status"}, True),
        (Reason.EXCHANGE_BUSY, True, {"status": "BUSY"}, False),
        (Reason.EXCHANGE_BUSY, False, {"what": "status"}, False),
    ],
)
def test_what_could_not_be_read_and_forbids_entries_is_unread(market, reason, forbids, context, found):
    other = Issue(reason=Reason.PRICE_JUMP, forbids_entry=True)
    issue = Issue(reason=reason, forbids_entry=forbids, context=context)
    assert unread(market(issues=(other, issue))) == (issue if found else None)
    assert unread(market()) is None


def test_the_newest_candle_is_the_last_one_of_a_quarter(market):
    assert newest(market()) == T0
    assert newest(market(candles={Timeframe.M15: empty(Timeframe.M15)})) == 0


def test_a_report_tells_what_is_held_and_what_no_state_had_counted(made):
    draft = TickReport(
        tick="t",
        bot="b",
        status=next(iter(TickStatus)),
        scheduled_at=T0,
        received_at=T0,
        finished_at=T0,
        mode="paper",
        stage="paper",
        settings_hash="",
    )
    counted = {"before": Counted(trades=2, fills=2), "after": Counted(trades=4, fills=9)}
    fills = tuple(made.fill(number) for number in range(1, 5))
    trades = tuple(made.trade(number, 1) for number in range(1, 6))
    mark, mid = Decimal(5), Decimal(6)
    position, order = made.position(made.part(PRICE, 1)), made.order(1, made.stop(1))
    held = made.holdings(position, orders=(order,), fills=fills, trades=trades, mark_price=mark, equity=7, cash_jpy=Decimal(8))
    assert told(draft, holdings=None, mid=mid, **counted) is draft
    assert told(draft, holdings=held, mid=mid, **counted) == replace(
        draft,
        fills=fills[2:],
        trades=trades[2:4],
        positions=(position,),
        resting=(order,),
        equity_jpy=Decimal(7),
        cash_jpy=Decimal(8),
        mark_price=mark,
    )
    assert told(draft, holdings=replace(held, positions=()), mid=mid, **counted).mark_price == mid
