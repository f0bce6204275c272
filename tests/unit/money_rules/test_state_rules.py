"""What a bot remembers, at the instants and numbers that decide."""

from dataclasses import replace
from decimal import Decimal

import pytest

from shared.core.calendar import jst_day_begins
from shared.core.errors import BadData
from shared.core.reasons import Reason
from shared.core.types import Action, Counted, Decision, Goal, Issue, Purpose, Side
from shared.orders.own_book import open_ledger
from shared.risk.limits import Limits
from shared.turn import state as states
from shared.turn.state import (
    CandleProgress,
    State,
    capital_changed,
    impossible_time_issue,
    signed_lots,
    trouble,
)

T0 = 1_699_999_200_000  # 22:00 UTC
H4 = 4 * 3_600_000
LONG, SHORT = Side.LONG, Side.SHORT


@pytest.fixture
def state(made):
    def making(**more):
        return replace(State(mode="paper", stage="paper"), **more)

    return making


def decision(action=Action.ENTER, reason=Reason.OK, **more):
    return Decision(action=action, as_of=T0, reason=reason, **more)


# what is stored


def test_a_first_state_knows_nothing_and_retries_nothing(state):
    first = state()
    assert first.candle == CandleProgress(as_of=0, attempts_used=0, closed=True)
    assert (
        first.halted_at,
        first.last_fill_sequence,
        first.last_tick,
        first.last_scheduled_at,
        first.last_finished_at,
    ) == (
        0,
        0,
        "",
        0,
        0,
    )
    assert (first.holds, first.doubts, first.settings_hash, first.has_retry) == (
        False,
        (),
        "",
        False,
    )
    assert first.late_in_a_row == 0
    assert first.encode_state()["schema"] == 1


@pytest.mark.parametrize("data", [None, {}])
def test_nothing_stored_is_the_first_state(made, state, data):
    assert State.decode_state(data, made.settings()) == state()


@pytest.mark.parametrize("schema", [-1, 2, "1", 1.0, True, None])
def test_a_schema_that_cannot_be_is_refused(made, state, schema):
    with pytest.raises(BadData):
        State.decode_state({**state().encode_state(), "schema": schema}, made.settings())


@pytest.mark.parametrize("schema", [0, 1])
def test_both_schemas_that_there_are_can_be_read(made, state, schema):
    assert (
        State.decode_state({**state().encode_state(), "schema": schema}, made.settings()) == state()
    )


def test_a_version_reads_up_to_its_own_schema_and_writes_that(made, state, monkeypatch):
    monkeypatch.setattr(states, "SCHEMA", 2)
    assert state().encode_state()["schema"] == 2
    assert State.decode_state(state().encode_state(), made.settings()) == state()
    with pytest.raises(BadData, match="reads up to 2"):
        State.decode_state({**state().encode_state(), "schema": 3}, made.settings())


@pytest.mark.parametrize(
    "name",
    ["mode", "stage", "limits", "candle", "halted_at", "last_fill_sequence", "doubts", "plan"],
)
def test_a_state_without_one_of_its_fields_is_damaged(made, state, name):
    told = state().encode_state()
    del told[name]
    with pytest.raises(BadData, match=f"it has no {name}"):
        State.decode_state(told, made.settings())
    older = {key: value for key, value in told.items() if key != "schema"}
    if name in {"doubts", "plan"}:
        assert State.decode_state(older, made.settings()) == state()
    else:
        with pytest.raises(BadData, match=f"it has no {name}"):
            State.decode_state(older, made.settings())


@pytest.mark.parametrize(
    ("mode", "holds", "refused"),
    [("live", True, True), ("live", False, False), ("paper", True, False)],
)
def test_only_a_position_of_another_mode_keeps_a_state_from_being_read(
    made, state, mode, holds, refused
):
    told = state(mode=mode, stage="live", holds=holds).encode_state()
    if refused:
        with pytest.raises(BadData, match="holds a live position"):
            State.decode_state(told, made.settings())
    else:
        assert State.decode_state(told, made.settings()) == state(holds=holds)


@pytest.mark.parametrize(
    ("mode", "kept"), [("paper", True), ("live", False), ("what", True), (None, True)]
)
def test_what_protects_is_saved_from_a_damaged_state_of_the_same_mode(made, state, mode, kept):
    told = {
        **state(plan=made.plan(), signal=made.signal()).encode_state(),
        "mode": mode,
        "limits": 5,
    }
    found = State.salvage_state(told, made.settings())
    assert found == (state(plan=made.plan(), signal=made.signal()) if kept else state())
    assert State.salvage_state([1], made.settings()) == state()
    assert State.salvage_state({**told, "plan": 5}, made.settings()).plan is None


def test_what_was_counted_on_paper_waits_there_while_the_bot_trades_with_real_money(made, state):
    limits = replace(Limits.first(equity_jpy=Decimal(5), now_ms=T0), last_trade_sequence=7)
    paper = state(limits=limits, last_fill_sequence=12)
    live = State.decode_state(paper.encode_state(), made.settings(mode="live"))
    assert (live.mode, live.limits, live.counted_account) == ("live", None, Counted())
    live = live.after_account(made.holdings(), lifts=0, now_ms=T0, settings=made.settings())
    assert live.counted_account == Counted()
    book = open_ledger(5, T0)
    traded = replace(
        live,
        ledger=book,
        last_fill_sequence=3,
        limits=replace(live.limits, last_trade_sequence=2),
    )
    stored = traded.encode_state(paper.encode_state())
    assert State.decode_state(stored, made.settings(mode="live")).counted_account == Counted(
        trades=2, fills=3
    )
    back = State.decode_state(stored, made.settings())
    assert (back.ledger, back.limits) == (None, None)
    assert back.counted_account == Counted(trades=7, fills=12)
    again = State.decode_state(back.encode_state(stored), made.settings())
    assert again == back, "the book of real money does not come back with a stored state"
    told = again.after_account(
        made.holdings(trades=(made.trade(7, -1), made.trade(8, -1))),
        lifts=0,
        now_ms=T0,
        settings=made.settings(),
    )
    assert (told.limits.last_trade_sequence, told.limits.losing_streak) == (8, 1)
    assert told.counted_account == Counted(trades=8, fills=12)
    anew = State.decode_state(told.encode_state(), made.settings(mode="live"))
    assert anew.counted_account == Counted()
    assert anew.paper_counted == Counted(trades=8, fills=12)


def test_a_bot_that_began_with_real_money_counts_paper_from_its_beginning(made, state):
    live = state(mode="live", stage="live", last_fill_sequence=9)
    back = State.decode_state(live.encode_state(), made.settings())
    assert (back.counted_account, back.paper_counted) == (Counted(), None)


def test_unknown_fields_survive_where_their_part_is_the_same(made, state):
    before = state(
        plan=made.plan(),
        candle=CandleProgress(as_of=T0),
        limits=Limits.first(equity_jpy=Decimal(1), now_ms=T0),
    )
    stored = before.encode_state()
    stored = {
        **stored,
        "new": 1,
        "plan": {**stored["plan"], "new": 2},
        "candle": {**stored["candle"], "new": 3},
    }
    same = before.encode_state(stored)
    assert (same["new"], same["plan"]["new"], same["candle"]["new"]) == (1, 2, 3)
    other = replace(
        before, plan=made.plan(stop_price=7), candle=CandleProgress(as_of=T0 + 1)
    ).encode_state(stored)
    assert "new" not in other["plan"]
    assert (other["new"], other["candle"]["new"], other["candle"]["as_of"]) == (1, 3, T0 + 1)
    assert "new" not in before.encode_state(None)


# candles and decisions


@pytest.mark.parametrize(
    ("plans", "fills", "used", "closed"),
    [
        ((), (), 0, False),
        ((0,), (), 1, False),
        ((0, 0, 5), (), 2, False),
        ((0,), ((1, Purpose.ENTRY),), 1, True),
        ((0,), ((0, Purpose.ENTRY),), 1, False),
        ((0,), ((1, Purpose.STOP),), 1, False),
        ((5,), ((1, Purpose.ENTRY),), 0, False),
    ],
)
def test_a_new_candle_counts_what_was_sent_and_never_saved(made, state, plans, fills, used, closed):
    signal = made.signal(as_of=T0)
    unsaved = [made.plan(as_of=T0 + at) for at in plans]
    filled = [made.fill(1, at=T0 + at, purpose=purpose) for at, purpose in fills]
    after = state().after_candle(signal, unsaved=unsaved, fills=filled)
    assert (after.signal, after.candle) == (
        signal,
        CandleProgress(as_of=T0, attempts_used=used, closed=closed),
    )
    assert after.after_candle(made.signal(as_of=T0, close=7)) is after


def test_entries_that_ticks_died_of_count_on_their_own_candle(made, state):
    before = state(candle=CandleProgress(as_of=T0, attempts_used=1, closed=False))
    after = before.after_unsaved(
        [made.plan(as_of=T0), made.plan(as_of=T0 - 1), made.plan(as_of=T0)]
    )
    assert after.candle == CandleProgress(as_of=T0, attempts_used=3, closed=False)


@pytest.mark.parametrize(
    ("made_decision", "attempted", "closed"),
    [
        (decision(Action.ENTER), True, False),
        (decision(Action.ENTER), False, False),
        (decision(Action.DENY, Reason.SPREAD_CRITICAL), False, False),
        (decision(Action.DENY, Reason.EDGE_BELOW_COST), False, True),
        (decision(Action.HOLD, Reason.ENTRY_RESTING), False, False),
        (decision(Action.HOLD, Reason.SPREAD_CRITICAL), False, True),
        (decision(Action.HOLD, Reason.NOTHING_NEW), False, True),
    ],
)
def test_what_may_be_tried_again_leaves_the_candle_open(
    made, state, made_decision, attempted, closed
):
    old, new = made.plan(), made.plan(stop_price=7)
    open_ = state(candle=CandleProgress(as_of=T0, attempts_used=1, closed=False), plan=old)
    after = open_.after_decision(made_decision, attempted=attempted, plan=new)
    assert after.candle == CandleProgress(as_of=T0, attempts_used=1 + attempted, closed=closed)
    assert after.plan == (new if attempted else old)
    assert (after is open_) is (not attempted and not closed)
    shut = replace(open_, candle=CandleProgress(as_of=T0, attempts_used=1, closed=True))
    assert shut.after_decision(made_decision, attempted=attempted, plan=new).candle.closed


@pytest.mark.parametrize("attempted", [True, False])
def test_a_goal_is_kept_and_closes_the_candle(made, state, attempted):
    open_ = state(candle=CandleProgress(as_of=T0, attempts_used=1, closed=False))
    after = open_.after_decision(decision(goal=made.goal(5)), attempted=attempted, plan=None)
    assert (after.goal, after.candle) == (
        made.goal(5),
        CandleProgress(as_of=T0, attempts_used=1 + attempted, closed=True),
    )


# what is held


@pytest.mark.parametrize(
    ("held", "resting", "filled_at", "closed", "plan"),
    [
        (False, False, None, False, False),
        (True, False, None, True, True),
        (False, True, None, False, True),
        (False, False, T0, False, False),
        (False, False, T0 + 1, True, False),
        (False, True, T0 + 1, True, True),
    ],
)
def test_a_fill_uses_the_candle_up_and_a_plan_lasts_while_it_may_be_needed(
    made, state, held, resting, filled_at, closed, plan
):
    before = state(candle=CandleProgress(as_of=T0, closed=False), plan=made.plan(as_of=T0))
    positions = (made.position(made.part(1, 1)),) if held else ()
    orders = (made.order(1, made.entry(1)),) if resting else (made.order(2, made.stop(1)),)
    fills = (
        ()
        if filled_at is None
        else (made.fill(1, at=filled_at), *(made.fill(n, at=T0 - 1) for n in range(2, 30)))
    )
    after = before.after_holdings(made.holdings(*positions, orders=orders, fills=fills))
    assert (after.holds, after.candle.closed, after.plan is not None) == (held, closed, plan)
    assert after.after_holdings(made.holdings(*positions, orders=orders, fills=fills)) is after


def test_a_fill_without_a_plan_uses_nothing_up(made, state):
    before = state(candle=CandleProgress(as_of=T0, closed=False))
    assert before.after_holdings(made.holdings(fills=(made.fill(1, at=T0 + 9),))) is before


@pytest.mark.parametrize("policy", ["barrier", "target"])
def test_only_what_the_policy_knows_is_kept(made, state, policy):
    before = state(plan=made.plan(), goal=made.goal(5))
    after = before.under_policy(made.holdings(), made.settings(risk={"policy": policy}))
    assert (after.plan is None, after.goal is None) == (policy == "target", policy == "barrier")
    assert after.under_policy(made.holdings(), made.settings(risk={"policy": policy})) is after


SLOT = T0 - T0 % H4


@pytest.mark.parametrize(
    ("goal", "trade", "kept"),
    [
        (500, {"closed_at": T0 + 1}, False),
        (500, {"closed_at": T0}, True),
        (500, {"closed_at": T0 - 1}, True),
        (500, {"closed_at": T0 + 1, "side": SHORT}, True),
        (-500, {"closed_at": T0 + 1, "side": SHORT}, False),
        (-500, {"closed_at": T0 + 1}, True),
        (1, {"closed_at": T0 + 1, "side": SHORT}, True),
        (500, {"closed_at": T0 + 1, "reason": Reason.EXIT_EXPOSURE}, True),
    ],
)
def test_what_was_stopped_on_the_goals_side_is_not_wanted_again_before_the_next_4h_close(
    made, state, goal, trade, kept
):
    before = state(goal=Goal(lots=goal, as_of=T0, since=3))
    held = made.holdings(made.position(made.part(1, 7)), trades=(made.trade(1, 5, **trade),))
    after = before.under_policy(held, made.target_settings())
    assert after.goal == (before.goal if kept else Goal(lots=7, as_of=max(T0, SLOT)))


@pytest.mark.parametrize(
    ("closed_at", "as_of"),
    [(SLOT + H4, SLOT + H4), (SLOT + H4 - 1, SLOT), (SLOT + 2 * H4 + 1, SLOT + 2 * H4)],
)
def test_what_ended_while_nothing_was_known_to_be_wanted_is_not_wanted_from_its_4h_close_on(
    made, state, closed_at, as_of
):
    trades = made.trade(1, 5, at=SLOT + 1), made.trade(2, 5, at=closed_at)
    after = state().under_policy(made.holdings(trades=trades), made.target_settings())
    assert after.goal == Goal(lots=0, as_of=as_of)
    assert after.under_policy(made.holdings(trades=trades), made.target_settings()) is after
    assert state().under_policy(made.holdings(), made.target_settings()).goal is None


def test_another_position_is_pursued_than_is_held(made, state):
    long, short = made.position(made.part(1, 7)), made.position(made.part(1, 3), side=SHORT)
    assert signed_lots(made.holdings(long, short)) == 4
    assert not state(goal=made.goal(4)).is_pursuing(made.holdings(long, short))
    assert state(goal=made.goal(5)).is_pursuing(made.holdings(long, short))
    assert state(goal=made.goal(3)).is_pursuing(made.holdings(long, short))
    assert not state().is_pursuing(made.holdings(long))


# the drawdown halt


@pytest.mark.parametrize(("equity", "halts"), [(801, False), (800, True), (799, True)])
def test_the_halt_begins_at_its_drawdown(made, state, equity, halts):
    before = state(limits=Limits.first(equity_jpy=Decimal(1000), now_ms=T0))
    after = before.after_account(
        made.holdings(equity=equity),
        lifts=0,
        now_ms=T0 + 5,
        settings=made.settings(risk={"max_drawdown": 0.2}),
    )
    assert after.halted_at == (T0 + 5 if halts else 0)


@pytest.mark.parametrize(
    ("lifts", "halted_at", "peak"),
    [(T0 - 1, T0, 1000), (T0, 0, 700), (T0 + 1, T0, 1000), (0, T0, 1000)],
)
def test_a_halt_is_lifted_by_its_own_name_alone(made, state, lifts, halted_at, peak):
    before = state(limits=Limits.first(equity_jpy=Decimal(1000), now_ms=T0), halted_at=T0)
    settings = made.settings(risk={"max_drawdown": 0.2})
    after = before.after_account(
        made.holdings(equity=700), lifts=lifts, now_ms=T0 + 5, settings=settings
    )
    assert (after.halted_at, after.limits.equity_peak_jpy) == (halted_at, peak)
    assert (
        after.after_account(
            made.holdings(equity=700), lifts=lifts, now_ms=T0 + 6, settings=settings
        )
        is after
    )


def test_a_new_halt_never_has_the_name_of_the_one_that_was_lifted(made, state):
    before = state(limits=Limits.first(equity_jpy=Decimal(1000), now_ms=T0))
    settings = made.settings(risk={"max_drawdown": 0.2})
    for now, name in ((T0 - 1, T0 - 1), (T0, T0 + 1), (T0 + 1, T0 + 1)):
        assert (
            before.after_account(
                made.holdings(equity=700), lifts=T0, now_ms=now, settings=settings
            ).halted_at
            == name
        )


def test_an_account_that_never_traded_has_lost_nothing(made, state):
    before = state(limits=Limits.first(equity_jpy=Decimal(1000), now_ms=T0))
    holdings = made.holdings(equity=500, opened_with_jpy=Decimal(500), untouched=True)
    after = before.after_account(
        holdings, lifts=0, now_ms=T0, settings=made.settings(risk={"max_drawdown": 0.2})
    )
    assert (after.halted_at, after.limits.equity_peak_jpy) == (0, 500)


# what others are told


def test_the_rules_are_told_what_is_held_and_remembered(made, state):
    limits = Limits(
        equity_peak_jpy=Decimal(5),
        day="x",
        day_start_equity_jpy=Decimal(4),
        losing_streak=3,
        cooldown_until=2,
        last_trade_sequence=9,
    )
    position = made.position(made.part(1, 1))
    held = made.holdings(position, orders=(made.order(1, made.entry(1)),), equity=7)
    remembered = state(
        limits=limits, plan=made.plan(), goal=made.goal(1), halted_at=T0, last_fill_sequence=8
    )
    remembered = replace(remembered, candle=CandleProgress(as_of=T0, attempts_used=2))
    told = remembered.account(held, halted=True, capital_jpy=11)
    assert (
        told.equity_jpy,
        told.capital_jpy,
        told.available_jpy,
        told.equity_peak_jpy,
        told.day_start_equity_jpy,
    ) == (
        7,
        11,
        7,
        5,
        4,
    )
    assert (told.losing_streak, told.cooldown_until, told.halted, told.drawdown_halted) == (
        3,
        2,
        True,
        True,
    )
    assert (told.position, told.plan, told.goal, told.entry_resting, told.attempts_used) == (
        position,
        made.plan(),
        made.goal(1),
        True,
        2,
    )
    bare = state(limits=limits).account(
        made.holdings(orders=(made.order(1, made.stop(1)),)), halted=False, capital_jpy=11
    )
    assert (bare.position, bare.entry_resting, bare.halted, bare.drawdown_halted) == (
        None,
        False,
        False,
        False,
    )
    assert remembered.counted_account == Counted(trades=9, fills=8)
    assert state(last_fill_sequence=8).counted_account == Counted(trades=0, fills=8)


@pytest.mark.parametrize(
    ("closed", "signalled", "retries"),
    [(False, True, True), (True, True, False), (False, False, False)],
)
def test_a_signal_may_be_tried_again_while_its_candle_is_open(
    made, state, closed, signalled, retries
):
    candle = CandleProgress(as_of=T0, closed=closed)
    assert state(candle=candle, signal=made.signal() if signalled else None).has_retry is retries


@pytest.mark.parametrize(
    ("began", "traded", "told"),
    [(None, True, False), (1_000_000, True, False), (999_999, True, True), (999_999, False, False)],
)
def test_a_capital_that_changed_after_a_trade_is_told(made, began, traded, told):
    held = made.holdings(
        opened_with_jpy=None if began is None else Decimal(began), untouched=not traded
    )
    said = capital_changed(held, made.settings(capital_jpy=1_000_000))
    assert (said is not None) is told


def test_a_first_account_begins_the_limits_and_its_trades_count_at_once(made, state):
    settings = made.settings()
    after = state().after_account(
        made.holdings(equity=7, trades=(made.trade(1, -5, at=T0),)),
        lifts=0,
        now_ms=T0,
        settings=settings,
    )
    assert after.limits == replace(
        Limits.first(equity_jpy=Decimal(7), now_ms=T0), last_trade_sequence=1, losing_streak=1
    )
    later = after.after_account(made.holdings(equity=9), lifts=0, now_ms=T0, settings=settings)
    assert later.limits.equity_peak_jpy == 9


def test_a_damaged_field_is_named_and_never_guessed(made, state):
    with pytest.raises(BadData, match="is damaged"):
        State.decode_state({**state().encode_state(), "halted_at": "x"}, made.settings())


def test_a_paper_position_is_not_taken_over_by_live(made, state):
    live = replace(made.settings(), mode="live")
    with pytest.raises(BadData, match="holds a paper position"):
        State.decode_state(state(holds=True).encode_state(), live)


@pytest.mark.parametrize("at", [T0 - 1, T0 + 1])
def test_any_other_candle_is_a_new_one_and_only_its_own_attempts_and_later_fills_count(
    made, state, at
):
    before = state(candle=CandleProgress(as_of=T0))
    unsaved = [made.plan(as_of=at), made.plan(as_of=at - 5), made.plan(as_of=at + 5)]
    after = before.after_candle(
        made.signal(as_of=at), unsaved=unsaved, fills=[made.fill(1, at=at - 1)]
    )
    assert after.candle == CandleProgress(as_of=at, attempts_used=1, closed=False)
    again = state(candle=CandleProgress(as_of=T0, closed=False)).after_unsaved(unsaved)
    assert again.candle.attempts_used == 0


def test_an_attempt_on_a_closed_candle_counts(state):
    shut = state(candle=CandleProgress(as_of=T0, attempts_used=1, closed=True))
    assert shut.after_decision(decision(), attempted=True, plan=None).candle.attempts_used == 2


def test_an_end_and_a_beginning_of_what_is_held_are_both_seen(made, state):
    held = made.holdings(made.position(made.part(1, 1)))
    assert state().after_holdings(held).holds
    assert not state(holds=True).after_holdings(made.holdings()).holds


def test_of_two_positions_and_two_orders_the_first_counts_and_one_that_opens_is_enough(made, state):
    long, short = made.position(made.part(1, 7)), made.position(made.part(1, 3), side=SHORT)
    limits = Limits.first(equity_jpy=Decimal(1), now_ms=T0)
    orders = made.order(1, made.stop(1)), made.order(2, made.entry(1))
    told = state(limits=limits).account(
        made.holdings(long, short, orders=orders), halted=False, capital_jpy=1
    )
    assert (told.position, told.entry_resting) == (long, True)


def test_a_capital_that_was_lowered_is_told_too(made):
    held = made.holdings(opened_with_jpy=Decimal(1_000_001))
    assert capital_changed(held, made.settings(capital_jpy=1_000_000))


def test_a_part_that_is_new_or_gone_takes_nothing_over(made, state):
    stored = {**state().encode_state(), "plan": {"new": 2}, "last_tick": {"new": 1}}
    assert state().encode_state(stored)["plan"] is None
    assert state().encode_state(stored)["last_tick"] == ""
    assert (
        state(plan=made.plan()).encode_state({**stored, "plan": 5})["plan"]["stop_price"]
        == made.plan().stop_price
    )


@pytest.mark.parametrize("side", [LONG, SHORT])
def test_without_a_goal_an_end_on_either_side_is_not_wanted_again(made, state, side):
    trades = (made.trade(1, 5, at=1, side=side),)
    assert state().under_policy(made.holdings(trades=trades), made.target_settings()).goal == Goal(
        lots=0, as_of=0
    )
    trades = (made.trade(1, 5, at=0, side=side),)
    assert state().under_policy(made.holdings(trades=trades), made.target_settings()).goal is None


def test_a_halt_that_is_lifted_is_remembered_as_lifted(made, state):
    limits = Limits.first(equity_jpy=Decimal(1000), now_ms=T0)
    before = state(limits=limits, halted_at=T0)
    after = before.after_account(
        made.holdings(equity=1000), lifts=T0, now_ms=T0 + 1, settings=made.settings()
    )
    assert after.halted_at == 0


# times that cannot be

LATEST = T0 + 30_000  # what is believed at the most, where it is now T0


def told_of(**wrong):
    return tuple(impossible_time_issue(name, at) for name, at in wrong.items())


@pytest.mark.parametrize("name", ["last_scheduled_at", "last_finished_at"])
@pytest.mark.parametrize(
    ("at", "believed"), [(0, True), (T0, True), (LATEST, True), (LATEST + 1, False)]
)
def test_a_tick_in_the_future_is_forgotten(made, state, name, at, believed):
    before = state(late_in_a_row=2, **{name: at})
    after, wrong = before.believe_times(T0, latest_ms=LATEST, settings=made.settings())
    assert (after is before) is believed
    assert after == (before if believed else state(late_in_a_row=2))
    assert wrong == (() if believed else told_of(**{name: at}))


@pytest.mark.parametrize(
    ("beyond", "believed"), [(-100_000, True), (0, True), (1, False), (10**12, False)]
)
def test_a_cool_down_is_no_longer_than_one_that_begins_now(made, state, beyond, believed):
    settings = made.settings(risk={"cooldown_seconds": 90.5})
    until = LATEST + 90_500 + beyond
    limits = Limits(**PLAIN_LIMITS, cooldown_until=until)
    before = state(limits=limits, last_scheduled_at=T0, last_finished_at=5)
    after, wrong = before.believe_times(T0, latest_ms=LATEST, settings=settings)
    assert (after is before) is believed
    assert after == (
        before if believed else replace(before, limits=replace(limits, cooldown_until=T0 + 90_500))
    )
    assert wrong == (() if believed else told_of(cooldown_until=until))


PLAIN_LIMITS = {
    "equity_peak_jpy": Decimal(9),
    "day_start_equity_jpy": Decimal(8),
    "day": "2023-11-14",
    "losing_streak": 1,
}
MIDNIGHT = jst_day_begins(T0)  # of the 15th


@pytest.mark.parametrize(
    ("day", "latest_at", "believed"),
    [
        ("", MIDNIGHT, True),
        ("2023-11-14", MIDNIGHT, True),
        ("2023-11-15", MIDNIGHT, True),
        ("2023-11-15", MIDNIGHT - 1, False),
        ("2023-11-16", MIDNIGHT, False),
        ("2031-01-02", MIDNIGHT, False),
    ],
)
def test_a_day_that_has_not_come_begins_anew(made, state, day, latest_at, believed):
    limits = Limits(**{**PLAIN_LIMITS, "day": day})
    before = state(limits=limits)
    after, wrong = before.believe_times(
        latest_at - 30_000, latest_ms=latest_at, settings=made.settings()
    )
    assert (after is before) is believed
    assert after == (before if believed else replace(before, limits=replace(limits, day="")))
    assert wrong == (() if believed else told_of(day=int(day.replace("-", ""))))


def test_all_that_is_wrong_is_forgotten_and_told_at_once_and_the_rest_stays(made, state):
    limits = Limits(**{**PLAIN_LIMITS, "day": "2031-01-02"}, cooldown_until=10**15)
    wrong = {"last_scheduled_at": LATEST + 1, "last_finished_at": LATEST + 2}
    before = state(limits=limits, plan=made.plan(), halted_at=7, last_fill_sequence=8, **wrong)
    settings = made.settings(risk={"cooldown_seconds": 90.5})
    after, told = before.believe_times(T0, latest_ms=LATEST, settings=settings)
    kept = replace(limits, day="", cooldown_until=T0 + 90_500)
    assert after == state(limits=kept, plan=made.plan(), halted_at=7, last_fill_sequence=8)
    assert told == told_of(**wrong, cooldown_until=10**15, day=20310102)
    assert after.believe_times(T0, latest_ms=LATEST, settings=settings) == (after, ())


def test_what_is_not_believed_is_told_and_keeps_nobody_from_entering():
    assert impossible_time_issue("x", 5) == Issue(
        reason=Reason.TIME_IMPOSSIBLE, forbids_entry=False, context={"what": "x", "at": "5"}
    )


# what a person is told of a bot that ticked


@pytest.mark.parametrize(
    ("remembered", "said"),
    [
        ({}, []),
        ({"last_finished_at": T0 - 540_000}, []),
        (
            {"last_finished_at": T0 - 540_001},
            ["the last tick finished 540 s ago; one was due every 180 s"],
        ),
        (
            {"last_finished_at": 1},
            ["the last tick finished 1699999200 s ago; one was due every 180 s"],
        ),
        ({"last_finished_at": LATEST, "last_scheduled_at": LATEST}, []),
        (
            {"last_finished_at": LATEST + 1},
            ["the last tick finished 30 s in the future: a clock is or was wrong"],
        ),
        (
            {"last_scheduled_at": T0 + 45_000},
            ["the last tick was scheduled 45 s in the future: a clock is or was wrong"],
        ),
        ({"last_scheduled_at": 1, "late_in_a_row": 2}, []),
        (
            {"late_in_a_row": 3},
            ["3 ticks in a row came too late: they protect, and decide nothing"],
        ),
        (
            {"late_in_a_row": 4},
            ["4 ticks in a row came too late: they protect, and decide nothing"],
        ),
        (
            {"last_finished_at": LATEST + 1, "last_scheduled_at": T0 + 45_000, "late_in_a_row": 3},
            [
                "the last tick finished 30 s in the future: a clock is or was wrong",
                "the last tick was scheduled 45 s in the future: a clock is or was wrong",
                "3 ticks in a row came too late: they protect, and decide nothing",
            ],
        ),
    ],
)
def test_a_bot_is_in_trouble_once_its_ticks_are_overdue_ahead_of_their_time_or_late(
    made, state, remembered, said
):
    settings = made.settings(
        tick={"interval_seconds": 180, "manual_ahead_seconds": 30},
        market={"max_clock_skew_ms": 2000},
    )
    assert trouble(state(**remembered), now_ms=T0, settings=settings) == tuple(said)
