"""What a tick does with an account and a market, step by step, at the instants and numbers that
decide.
"""

from dataclasses import replace
from decimal import Decimal

import pytest

from shared.core.reasons import Reason
from shared.core.types import (
    Action,
    Counted,
    Decision,
    Goal,
    Issue,
    OrderKind,
    OrderRecord,
    PairRules,
    Purpose,
    Side,
    TickReport,
    TickStatus,
    Timeframe,
)
from shared.market.candles import empty_candles
from shared.risk.limits import Limits
from shared.turn.report import build_report
from shared.turn.state import CandleProgress, State
from shared.turn.turn import Ending, Occasion, Turn, newest, unread_issue
from tests.support.begun_turns import (
    AT,
    MINUTE,
    PRICE,
    QUARTER,
    T0,
    Asked,
    Begun,
    after,
    note_what_is_carried_out,
    quarters,
)

LONG, SHORT = Side.LONG, Side.SHORT


@pytest.fixture(autouse=True)
def noted(monkeypatch):
    note_what_is_carried_out(monkeypatch)


@pytest.fixture
def begun(made):
    def making(*orders, lots=0, side=LONG, settings=None, mark=PRICE, occasion=None, **state):
        held = (made.position(made.part(PRICE, lots), side=side),) if lots else ()
        account = made.account(
            positions=held,
            orders=orders,
            next_order_id=50,
            next_fill_sequence=9,
            last_price=mark,
            settled_until=T0 + 7 * MINUTE,
        )
        return Begun(made, account, settings or made.settings(), occasion=occasion or {}, **state)

    return making


@pytest.fixture
def market(made):
    return lambda **more: made.market(**{"candles": {Timeframe.M15: quarters(12)}, **more})


def done(as_of=T0, **more):
    return CandleProgress(**{"as_of": as_of, "closed": True, **more})


# what is held, and its protection


def test_a_turn_begins_with_nothing(begun):
    it = begun()
    turn = it.turn
    assert (turn.holdings, turn.market, turn.decision, turn.issues, turn.ordered, turn.gap_ms) == (
        *(None, None, None),
        (),
        False,
        None,
    )
    assert (turn.failed, turn.ending, turn.is_trusted) == ((), None, True)
    assert turn.state == State(mode="paper", stage="paper")
    assert turn.occasion == Occasion(name="t.", scheduled_at=AT)
    assert (turn.occasion.lifts, turn.occasion.halted, turn.occasion.readable) == (0, False, True)
    assert (turn.occasion.damage, turn.occasion.unsaved) == ((), ())


def test_what_is_held_is_booked_into_the_state_at_the_present_instant(begun, made):
    it = begun(lots=100, halted_at=5)
    assert it.held().holdings is it.hands.holdings(AT)
    expected = State(mode="paper", stage="paper", halted_at=5)
    assert it.turn.state == expected.after_account(
        it.turn.holdings, lifts=0, now_ms=AT, settings=made.settings()
    )
    other = begun(lots=100, halted_at=5, occasion={"lifts": 5})
    assert other.held().state.halted_at == 0


@pytest.mark.parametrize("halted_at", [5, 1, -1])
def test_on_an_account_that_could_not_be_read_at_first_no_halt_is_taken_back(begun, halted_at):
    it = begun(lots=100, halted_at=halted_at, occasion={"lifts": halted_at})
    it.turn = replace(it.turn, failed=("reconcile",))
    assert it.held().state.halted_at == halted_at


def test_an_account_is_read_and_booked_and_what_a_dead_tick_sent_is_known(begun, made):
    it = begun(lots=100, plan=made.plan(as_of=1), candle=done())
    turn = it.runs("reconcile")
    assert it.hands.reconciled == [AT]
    assert turn.state == State(
        mode="paper", stage="paper", plan=made.plan(as_of=1), candle=done()
    ).after_account(turn.holdings, lifts=0, now_ms=AT, settings=made.settings())
    plans = tuple(made.plan(as_of=T0, stop_price=9_500_000 + number) for number in range(4))
    it = begun(lots=100, plan=made.plan(as_of=1), candle=done(), occasion={"unsaved": plans})
    turn = it.runs("reconcile")
    assert (turn.state.plan, turn.state.candle.attempts_used) == (plans[3], 4)
    it = begun(lots=100, occasion={"unsaved": plans})
    assert next(it.steps.reconcile(it.turn)).state.plan == plans[3], (
        "it is known before the account is"
    )


def test_what_is_held_is_known_though_it_cannot_be_booked(begun):
    it = begun(lots=100)
    holdings = replace(it.hands.holdings(AT), equity_jpy=None)
    found = it.steps.book(it.turn, holdings)
    assert next(found) == replace(it.turn, holdings=holdings)
    with pytest.raises(TypeError):
        next(found)


def test_what_is_held_gets_the_stop_of_its_plan_and_is_looked_at_again(begun, made):
    it = begun(lots=100, plan=made.plan(stop_price=9_700_000))
    it.held()
    assert it.is_bare is True
    turn = it.runs("protect", part="p")
    ((_, book, rules, plan),) = it.hands.sent
    assert (book, rules, plan) == (None, None, None)
    assert [(intent.id, intent.trigger_price or intent.price) for intent in it.placed] == [
        ("t.p.stop.1", 9_700_000),
        ("t.p.target.2", 10_300_000),
    ]
    assert [order.intent for order in turn.holdings.orders] == it.placed
    assert it.is_bare is False
    assert it.runs("protect", part="p") is turn
    assert len(it.hands.sent) == 1


def test_a_lost_plan_is_made_up_for_by_the_signal(begun, made):
    it = begun(lots=100, signal=made.signal(atr_jpy=50_000.0))
    it.held()
    it.runs("protect", part="p")
    assert [intent.trigger_price for intent in it.placed] == [PRICE - 4 * 50_000]


def test_orphans_go_where_nothing_is_held(begun, made):
    it = begun(made.order(7, made.stop(9_000_000)))
    it.held()
    turn = it.runs("protect", part="p")
    assert (it.canceled, turn.holdings.orders) == ([7], ())


def test_where_nothing_is_held_and_nothing_rests_nothing_is_done(begun):
    it = begun()
    it.held()
    it.runs("protect", part="p")
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
def test_with_a_market_a_stop_that_cannot_be_is_a_close(
    begun, made, market, bid, rules, kind, step
):
    book, rules = made.book(bid, bid + 1_000, at=AT), PairRules(**rules)
    seen = market(book=book, rules=rules, candles={Timeframe.M15: empty_candles(Timeframe.M15)})
    it = begun(lots=100, plan=made.plan(stop_price=9_700_000, target_price=20_000_000))
    turn = it.held()
    if step == "look_at":
        it.looks_at(seen)
    else:
        it.runs(step, seen, **({"part": "x"} if step == "protect" else {}))
    assert it.turn.holdings is not turn.holdings, "what the orders did is looked at"
    part = {"look_at": "q", "cover": "r", "protect": "x"}[step]
    assert [told[1:] for told in it.hands.sent] == [(book, rules, None)]
    assert (it.placed[0].id.split(".")[1], it.placed[0].kind) == (part, kind)


@pytest.mark.parametrize("stops", [(100, 100), (100,)])
def test_a_look_at_the_market_leaves_what_is_covered_as_it_is(begun, made, market, stops):
    orders = [
        made.order(number, made.stop(9_000_000, lots)) for number, lots in enumerate(stops, 1)
    ]
    it = begun(*orders, lots=100, plan=made.plan())
    it.held()
    it.looks_at(market())
    it.runs("cover", market())
    assert it.hands.sent == []


def test_a_book_far_from_everything_is_none_and_one_near_the_mark_is_believed(begun, made, market):
    issue = Issue(reason=Reason.LATENCY_HIGH, forbids_entry=True)
    far = market(book=made.book(11_000_000, 11_001_000), issues=(issue,))
    for mark, believed in ((PRICE, None), (11_000_000, far.book)):
        it = begun(lots=100, mark=mark, plan=made.plan())
        it.held()
        turn = it.looks_at(far)
        assert turn.market.book == believed
        assert turn.issues == turn.market.issues
        assert [each.reason for each in turn.issues] == [Reason.LATENCY_HIGH, Reason.BOOK_FAR]
    it = begun(lots=100, plan=made.plan())
    it.held()
    assert next(it.steps.look_at(it.turn, it.turn.holdings, far)).market is far, (
        "a market is known before it is judged"
    )
    it, plain = begun(), market()
    it.held()
    assert it.looks_at(plain).issues == ()
    assert it.turn.market is plain


def test_a_close_that_rests_is_not_undone_by_another_stop(begun, made, market):
    it = begun(made.order(1, made.close(100)), lots=100, plan=made.plan())
    it.held()
    it.runs("cover", market())
    assert it.hands.sent == []
    assert it.is_bare is True


def test_what_the_orders_did_is_seen_after_them(begun, made, market):
    it = begun(lots=100, plan=made.plan())
    it.held()
    it.hands.account = replace(it.hands.account, positions=())
    turn = it.runs("cover", market())
    assert turn.holdings.positions == ()
    assert it.hands.sent == []


# when it has to know the path


def due(begun, made, **more):
    """A turn for which nothing is due, but for what is said."""
    orders = more.pop("orders", ())
    it = begun(*orders, **{"candle": done(), **more})
    it.held()
    return it


@pytest.mark.parametrize(
    ("as_of", "due_now"), [(T0 - QUARTER, True), (T0, False), (T0 + QUARTER, False)]
)
def test_a_candle_that_has_closed_is_due(begun, made, as_of, due_now):
    assert due(begun, made, candle=done(as_of)).is_due(AT) is due_now
    assert due(begun, made, candle=done(as_of)).is_due(T0) is due_now
    if as_of == T0:
        assert due(begun, made).is_due(T0 + QUARTER - 1) is False
        assert due(begun, made).is_due(T0 + QUARTER) is True


@pytest.mark.parametrize(
    ("signal", "closed", "due_now"),
    [(True, False, True), (True, True, False), (False, False, False)],
)
def test_an_entry_that_may_be_tried_again_is_due(begun, made, signal, closed, due_now):
    it = due(begun, made, candle=done(closed=closed), signal=made.signal() if signal else None)
    assert it.is_due() is due_now


@pytest.mark.parametrize(("after_ms", "due_now"), [(-1, False), (0, True), (1, True)])
def test_a_time_exit_is_due_from_its_instant_on(begun, made, after_ms, due_now):
    entry = made.order(3, made.entry(9_000_000))
    it = due(begun, made, orders=(entry,), plan=made.plan(exit_by=AT - after_ms))
    assert it.turn.state.plan is not None
    assert it.is_due() is due_now


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
def test_a_position_of_which_nobody_knows_when_it_ends_is_due(
    begun, made, policy, lots, plan, due_now
):
    settings = made.settings() if policy == "barrier" else made.target_settings()
    orders = (
        (made.order(1, made.stop(9_000_000)), made.order(2, made.target(20_000_000)))
        if lots
        else ()
    )
    it = due(
        begun,
        made,
        orders=orders,
        lots=lots,
        settings=settings,
        plan=made.plan(exit_by=AT + 1) if plan else None,
    )
    assert it.is_due() is due_now


@pytest.mark.parametrize(("lots", "due_now"), [(100, False), (99, True), (0, True)])
def test_another_position_than_is_held_is_due_while_it_is_wanted(begun, made, lots, due_now):
    it = due(begun, made, lots=100, settings=made.target_settings(), goal=made.goal(lots, as_of=T0))
    assert it.is_due() is due_now


@pytest.mark.parametrize(
    ("rests", "side", "due_now"), [(True, LONG, False), (False, LONG, True), (False, SHORT, False)]
)
def test_a_target_that_does_not_rest_is_watched(begun, made, rests, side, due_now):
    orders = (made.order(2, made.target(20_000_000)),) if rests else ()
    it = due(begun, made, orders=orders, lots=100, plan=made.plan(side=side, exit_by=AT + 1))
    assert it.is_due() is due_now


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
    it.held()
    turn = it.runs("settle", it.turn.holdings)
    assert it.hands.now == minute + now_ms
    assert it.hands.reconciled == ([minute + now_ms] if reconciles else [])
    assert turn.holdings.settled_until == (minute if reconciles else T0 + until)


def test_an_exchange_without_a_path_is_not_settled(begun):
    it = begun()
    turn = it.held()
    it.runs("settle", replace(turn.holdings, settled_until=None))
    assert it.hands.now == T0 + 7 * MINUTE + 10_000
    assert it.hands.reconciled == []


# the signal and the decision


def reads(it, market, **answers):
    it.steps = replace(it.steps, source=Asked(**answers))
    return it.runs("read", it.turn.holdings, market)


def test_a_new_signal_knows_what_was_sent_and_never_saved(begun, made, market):
    it = begun(occasion={"unsaved": (made.plan(as_of=T0),)})
    turn = it.held()
    it.turn = replace(turn, holdings=replace(turn.holdings, fills=(made.fill(1, at=T0 + 1),)))
    signal = made.signal(as_of=T0)
    turn = reads(it, market(), signal=signal)
    assert (turn.state.signal, turn.state.candle) == (
        signal,
        CandleProgress(as_of=T0, attempts_used=1, closed=True),
    )
    assert it.steps.source.asked == ["permission", "signal", "doubts"]
    later = market(candles={Timeframe.M15: quarters(12, until=T0 + QUARTER)})
    turn = reads(it, later, signal=made.signal(as_of=T0 + QUARTER))
    assert turn.state.candle == CandleProgress(as_of=T0 + QUARTER, attempts_used=0, closed=False)


@pytest.mark.parametrize(
    ("as_of", "asks"), [(T0 - QUARTER, True), (T0, False), (T0 + QUARTER, False)]
)
def test_a_signal_is_asked_for_once_a_candle(begun, made, market, as_of, asks):
    it = begun(candle=done(as_of))
    before = it.held()
    turn = reads(it, market(), signal=made.signal(as_of=T0))
    assert it.steps.source.asked == ["permission", *(["signal", "doubts"] if asks else [])]
    assert (turn.state.signal is not None) is asks
    assert turn.market is before.market is None, "a market of which nothing is wrong stays as it is"


def test_doubts_end_with_the_candle_that_gave_rise_to_them(begun, made, market):
    doubt = Issue(reason=Reason.MODEL_OVERRULED, forbids_entry=True, context={"model": "m"})
    it = begun(doubts=(doubt,))
    it.held()
    turn = reads(it, market(), signal=made.signal(as_of=T0), doubts=())
    assert (turn.state.doubts, turn.issues) == ((), ())


@pytest.mark.parametrize(("as_of", "is_due"), [(T0 - QUARTER, True), (T0, False)])
def test_a_market_is_fetched_at_the_instant_to_which_the_account_is_settled(
    begun, made, market, as_of, is_due
):
    seen = market(book=made.book(at=AT))
    orders = (made.order(1, made.stop(9_000_000)), made.order(2, made.target(20_000_000)))
    it = begun(*orders, lots=100, plan=made.plan(exit_by=10**14), candle=done(as_of))
    it.hands.account = replace(it.hands.account, settled_until=T0 + 6 * MINUTE)
    before = it.held()
    it.steps = replace(it.steps, source=Asked(market=seen))
    turn = it.runs("fetch", before.holdings)
    assert it.hands.reconciled == ([T0 + 7 * MINUTE + 10_000] if is_due else [])
    assert it.steps.source.asked == [("market", turn.holdings, is_due)]
    assert turn.holdings.as_of == (T0 + 7 * MINUTE + 10_000 if is_due else AT)
    assert turn.market is seen
    unbooked = replace(before, holdings=None)
    assert after(unbooked, it.steps.fetch(unbooked, before.holdings)).market is seen
    assert it.steps.source.asked[1][1].positions == before.holdings.positions


def test_where_there_is_no_signal_nobody_watches(begun, market):
    it = begun()
    before = it.held()
    assert reads(it, market(), signal=None) is before
    assert it.steps.source.asked == ["permission", "signal"]


def test_what_is_wrong_with_the_model_is_wrong_with_the_market(begun, made, market):
    late, unproven, mine, anothers = (
        Issue(reason=Reason.LATENCY_HIGH, forbids_entry=True),
        Issue(reason=Reason.MODEL_NOT_PROVEN, forbids_entry=True),
        Issue(reason=Reason.MODEL_OVERRULED, forbids_entry=False, context={"model": "m"}),
        Issue(reason=Reason.MODEL_OVERRULED, forbids_entry=False, context={"model": "another"}),
    )
    seen, unnamed = market(issues=(late,)), Issue(reason=Reason.STEP_FAILED, forbids_entry=True)
    it = begun()
    it.held()
    turn = reads(
        it, seen, signal=made.signal(as_of=T0), issues=(unproven,), doubts=(mine, anothers, unnamed)
    )
    assert turn.issues == turn.market.issues == (late, unproven, mine, unnamed)
    assert turn.state.doubts == (mine, anothers, unnamed)
    turn = reads(it, seen)
    assert turn.issues == turn.market.issues == (late, mine, unnamed), (
        "every tick on the candle knows its doubts"
    )
    turn = reads(it, seen, model="another")
    assert turn.issues == (late, anothers, unnamed)
    it = begun()
    it.held()
    assert reads(it, seen, issues=(unproven,)).issues == (late, unproven)


def test_without_a_signal_nothing_can_be_decided(begun, market):
    it = begun(halted_at=1)
    it.held()
    seen = market(issues=(Issue(reason=Reason.LATENCY_HIGH, forbids_entry=True),))
    turn = it.decides(seen)
    assert turn.decision == Decision(action=Action.DENY, as_of=T0, reason=Reason.DATA_MISSING)
    assert turn.issues == seen.issues
    assert turn.ending is None


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
def test_a_candle_is_decided_once_and_what_is_held_every_tick(
    begun, made, market, lots, closed, halted, told
):
    signal = made.signal(as_of=T0, side=None)
    it = begun(lots=lots, signal=signal, candle=done(closed=closed), occasion={"halted": halted})
    turn = it.held()
    it.turn = replace(turn, state=replace(turn.state, candle=done(closed=closed)))
    turn = it.decides(market(book=made.book(at=AT)))
    assert (turn.decision.action, turn.decision.reason, turn.decision.as_of) == (*told, T0)


@pytest.mark.parametrize("halted", [False, True])
def test_a_goal_is_pursued_by_every_tick(begun, made, market, halted):
    signal = made.signal(
        as_of=T0, side=None, target_weight=1.0, target_as_of=T0, target_volatility=0.3
    )
    it = begun(
        settings=made.target_settings(), signal=signal, candle=done(), occasion={"halted": halted}
    )
    it.held()
    turn = it.decides(market(book=made.book(at=AT)))
    assert turn.decision.action is (Action.DENY if halted else Action.ENTER)
    assert turn.decision.goal is not None


def test_the_decision_tells_what_is_wrong_with_the_market(begun, made, market):
    it = begun(signal=made.signal(as_of=T0), candle=done(closed=False))
    it.held()
    turn = it.decides(
        market(book=None, issues=(Issue(reason=Reason.LATENCY_HIGH, forbids_entry=True),))
    )
    assert [issue.reason for issue in turn.issues] == [Reason.LATENCY_HIGH, Reason.BOOK_MISSING]


@pytest.mark.parametrize(
    ("halted", "halted_at", "reason"),
    [
        (False, 0, None),
        (True, 0, Reason.HALTED_BY_PERSON),
        (False, 5, Reason.LIMIT_DRAWDOWN),
        (True, 5, Reason.HALTED_BY_PERSON),
    ],
)
def test_a_halt_is_how_the_tick_ends_unless_something_went_wrong_before(
    begun, made, market, halted, halted_at, reason
):
    for before in (None, Ending(status=TickStatus.DEGRADED, reason=Reason.DATA_HOLE)):
        it = begun(signal=made.signal(as_of=T0), halted_at=halted_at, occasion={"halted": halted})
        it.turn = it.turn.end_with(before)
        it.held()
        ending = None if reason is None else Ending(status=TickStatus.HALTED, reason=reason)
        assert it.decides(market(book=made.book(at=AT))).ending == (before or ending)


# orders


def enter(**more):
    plain = {
        "action": Action.ENTER,
        "as_of": T0,
        "reason": Reason.OK,
        "side": LONG,
        "lots": 10,
        "stop_price": 9_800_000,
    }
    return Decision(**{**plain, "target_price": 10_300_000, "exit_by": T0 + QUARTER, **more})


def ordered(it, made, market, decision, *, scheduled_at=AT, **more):
    turn = it.held()
    it.turn = replace(turn, occasion=replace(turn.occasion, scheduled_at=scheduled_at))
    seen = market(**{"book": made.book(at=AT), "rules": PairRules(), **more})
    turn = it.runs("order", decision, turn.holdings, seen)
    (sent,) = it.hands.sent
    assert sent[1:3] == (seen.book, seen.rules)
    return turn, sent[3]


def test_an_entry_lives_until_the_tick_orders_nothing_more_and_its_plan_is_kept(
    begun, made, market
):
    it = begun(candle=done(closed=False))
    turn, plan = ordered(it, made, market, enter())
    (intent,) = it.placed
    assert (intent.id, intent.expires_at, intent.price, intent.lots) == (
        "t.d.entry.1",
        AT + 100_000,
        9_999_500,
        10,
    )
    kept = made.plan(
        stop_price=9_800_000,
        target_price=10_300_000,
        exit_by=T0 + QUARTER,
        as_of=T0,
        entry_intent="",
    )
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
    assert (plan, turn.state.plan, turn.state.goal, turn.state.candle.attempts_used) == (
        None,
        None,
        goal,
        1,
    )


@pytest.mark.parametrize(
    "decision",
    [
        enter(side=None),
        enter(exit_by=None),
        enter(action=Action.HOLD),
        enter(action=Action.EXIT),
        enter(action=Action.DENY),
    ],
)
def test_only_an_entry_with_a_side_and_an_end_has_a_plan(begun, made, market, decision):
    assert ordered(begun(), made, market, decision)[1] is None


def test_an_exit_closes_what_is_held_and_no_part_of_it_is_called_a_gap(begun, made, market):
    it = begun(made.order(4, made.stop(9_000_000)), lots=100, plan=made.plan())
    turn, plan = ordered(it, made, market, enter(action=Action.EXIT, reason=Reason.EXIT_TIME))
    assert ([intent.purpose for intent in it.placed], it.canceled, plan) == (
        [Purpose.CLOSE],
        [4],
        None,
    )
    assert (turn.ordered, turn.gap_ms) == (True, None)


@pytest.mark.parametrize(
    ("takes_ms", "rules", "gap_ms"), [(7, {}, 7), (-3, {}, -3), (7, {"stop_orders": False}, None)]
)
def test_the_gap_is_what_a_reduction_took_where_there_was_one(
    begun, made, market, takes_ms, rules, gap_ms
):
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
def test_a_watched_target_is_sold_at_where_the_path_is_known(
    begun, made, market, bid, late_ms, sold, action
):
    it = begun(made.order(4, made.stop(9_000_000)), lots=100, plan=made.plan())
    it.hands.arrive(T0 + 7 * MINUTE + late_ms)
    hold = Decision(action=action, as_of=T0, reason=Reason.POSITION_OPEN)
    turn, plan = ordered(it, made, market, hold, book=made.book(bid, bid + 1_000))
    assert [(intent.id, intent.kind) for intent in it.placed] == (
        [("t.d.close.1", OrderKind.MARKET)] if sold else []
    )
    assert (turn.ordered, it.canceled, plan) == (sold, [4] if sold else [], None)


def test_a_watched_target_is_sold_at_a_limit_where_market_orders_are_forbidden(begun, made, market):
    it = begun(made.order(4, made.stop(9_000_000)), lots=100, plan=made.plan())
    hold = Decision(action=Action.HOLD, as_of=T0, reason=Reason.POSITION_OPEN)
    ordered(
        it,
        made,
        market,
        hold,
        book=made.book(10_300_000, 10_301_000),
        rules=PairRules(market_orders=False),
    )
    assert [intent.kind for intent in it.placed] == [OrderKind.LIMIT]


def test_an_exchange_that_walks_no_path_has_no_gap_in_it(begun, made, market):
    it = begun(made.order(4, made.stop(9_000_000)), lots=100, plan=made.plan())
    holdings = replace(it.held().holdings, settled_until=None)
    hold = Decision(action=Action.HOLD, as_of=T0, reason=Reason.POSITION_OPEN)
    it.runs("order", hold, holdings, market(book=made.book(10_300_000, 10_301_000)))
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
def test_what_could_not_be_read_and_forbids_entries_is_unread(
    market, reason, forbids, context, found
):
    other = Issue(reason=Reason.PRICE_JUMP, forbids_entry=True)
    issue = Issue(reason=reason, forbids_entry=forbids, context=context)
    assert unread_issue(market(issues=(other, issue))) == (issue if found else None)
    assert unread_issue(market()) is None


def test_the_newest_candle_is_the_last_one_of_a_quarter(market):
    assert newest(market()) == T0
    assert newest(market(candles={Timeframe.M15: empty_candles(Timeframe.M15)})) == 0


def test_a_report_tells_what_is_held_and_what_no_state_had_counted(made, market):
    limits = replace(Limits.first(equity_jpy=Decimal(7), now_ms=T0), last_trade_sequence=4)
    state = State(
        mode="paper", stage="paper", limits=limits, signal=made.signal(), plan=made.plan()
    )
    turn = Turn(occasion=Occasion(name="t.", scheduled_at=T0), state=state)
    fills = tuple(made.fill(number) for number in range(1, 5))
    trades = tuple(made.trade(number, 1) for number in range(1, 6))
    mark, book = Decimal(5), made.book()
    position, order = made.position(made.part(PRICE, 1)), made.order(1, made.stop(1))
    held = made.holdings(
        position,
        orders=(order,),
        fills=fills,
        trades=trades,
        mark_price=mark,
        equity=7,
        cash_jpy=Decimal(8),
    )
    issue = Issue(reason=Reason.LATENCY_HIGH, forbids_entry=True)
    record = OrderRecord(what="cancel", intent=order.intent, outcome="accepted")
    settings = made.settings()
    said = {
        "tick": "t",
        "received_at": T0 + 1,
        "finished_at": T0 + 2,
        "settings": settings,
        "settings_hash": settings.hash,
        "before": Counted(trades=2, fills=2),
        "model": "m",
        "orders": [record],
        "issues": (issue,),
        "detail": "why",
        "timings_ms": {"load": 1.0},
        "counts": {"reads": 1},
    }
    draft = TickReport(
        tick="t",
        bot=settings.id,
        status=TickStatus.DONE,
        scheduled_at=T0,
        received_at=T0 + 1,
        finished_at=T0 + 2,
        mode=settings.mode,
        stage=settings.stage,
        settings_hash=settings.hash,
        profile=settings.profile,
        reason=Reason.OK,
        detail="why",
        issues=(issue,),
        orders=(record,),
        plan=state.plan,
        model="m",
        timings_ms={"load": 1.0},
        counts={"reads": 1},
    )
    assert build_report(turn, **said) == draft
    late = turn.end_with(Ending(status=TickStatus.LATE, reason=Reason.TICK_LATE))
    assert build_report(late, **said) == replace(
        draft, status=TickStatus.LATE, reason=Reason.TICK_LATE
    )
    decided = replace(turn, decision=enter())
    assert build_report(decided, **said) == replace(draft, decision=enter(), signal=state.signal)
    whole = replace(
        draft,
        fills=fills[2:],
        trades=trades[2:4],
        positions=(position,),
        resting=(order,),
        equity_jpy=Decimal(7),
        cash_jpy=Decimal(8),
        mark_price=mark,
    )
    assert build_report(replace(turn, holdings=held), **said) == whole
    unreadable = replace(turn, holdings=held, occasion=replace(turn.occasion, readable=False))
    assert build_report(unreadable, **said) == replace(whole, trades=()), (
        "a state that is not saved counts nothing"
    )
    flat = replace(turn, holdings=replace(held, positions=()))
    for seen, middle in ((None, None), (market(book=None), None), (market(book=book), book.mid)):
        assert build_report(replace(flat, market=seen), **said).mark_price == middle
