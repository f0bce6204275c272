"""What a bot remembers, and what must not survive."""

from dataclasses import replace
from decimal import Decimal

import pytest

from functions import wiring
from shared.core.errors import BadData
from shared.core.reasons import Reason
from shared.core.types import (
    Action,
    Decision,
    Entry,
    Fill,
    Holdings,
    Position,
    PositionPlan,
    Purpose,
    Side,
    Signal,
)
from shared.risk.limits import Limits
from shared.turn.state import State

AT = 1_772_409_600_000


@pytest.fixture
def settings():
    return wiring.settings_from({})


def signal(at: int = AT) -> Signal:
    return Signal(as_of=at, close=13_000_000, atr_jpy=40_000.0, side=Side.LONG, strength=0.5)


def plan() -> PositionPlan:
    return PositionPlan(
        side=Side.LONG,
        stop_price=12_800_000,
        target_price=13_200_000,
        exit_by=AT + 10,
        as_of=AT,
        entry_intent="a",
    )


def holdings(*, held: bool = False, fills: tuple[Fill, ...] = ()) -> Holdings:
    entry = Entry(at=AT + 20, price=13_000_000, lots=10, fee_jpy=Decimal("0.0000"))
    yen = Decimal("1000000.0000")
    return Holdings(
        as_of=AT,
        cash_jpy=yen,
        equity_jpy=yen,
        available_jpy=yen,
        mark_price=None,
        positions=(Position(side=Side.LONG, entries=(entry,)),) if held else (),
        fills=fills,
    )


def fill(at: int) -> Fill:
    return Fill(
        sequence=1,
        order_id=1,
        purpose=Purpose.ENTRY,
        side=Side.LONG,
        at=at,
        price=13_000_000,
        lots=10,
        maker=True,
        fee_jpy=Decimal("0.0000"),
    )


def test_a_state_survives_its_json_unchanged(settings) -> None:
    limits = Limits.first(equity_jpy=Decimal("1000000.0000"), now_ms=AT)
    state = replace(
        State(mode="paper", stage="paper", limits=limits, plan=plan()).after_candle(signal()),
        halted_at=3,
    )
    assert State.decode_state(state.encode_state(), settings) == state


def test_an_empty_state_is_the_first_one_and_a_damaged_one_is_named(settings) -> None:
    assert State.decode_state({}, settings) == State(mode="paper", stage="paper")
    with pytest.raises(BadData, match="the stored state of bot 'default' is damaged"):
        State.decode_state({"mode": 1}, settings)


def test_a_live_position_is_never_taken_over_by_paper(settings) -> None:
    live = replace(State(mode="live", stage="live"), holds=True)
    with pytest.raises(BadData, match="holds a live position"):
        State.decode_state(live.encode_state(), settings)
    assert State.decode_state(replace(live, holds=False).encode_state(), settings).mode == "paper"


@pytest.mark.parametrize(
    ("decision", "attempted", "retries"),
    [
        (Decision(action=Action.DENY, as_of=AT, reason=Reason.SPREAD_CRITICAL), False, True),
        (Decision(action=Action.DENY, as_of=AT, reason=Reason.EDGE_BELOW_COST), False, False),
        (Decision(action=Action.DENY, as_of=AT, reason=Reason.DATA_STALE), False, False),
        (Decision(action=Action.ENTER, as_of=AT, reason=Reason.OK, side=Side.LONG), True, True),
        (Decision(action=Action.HOLD, as_of=AT, reason=Reason.ENTRY_RESTING), False, True),
        (Decision(action=Action.HOLD, as_of=AT, reason=Reason.NOTHING_NEW), False, False),
    ],
)
def test_only_a_transient_denial_or_an_attempt_leaves_the_candle_open(
    decision, attempted, retries
) -> None:
    state = State(mode="paper", stage="paper").after_candle(signal())
    assert state.has_retry
    after = state.after_decision(decision, attempted=attempted, plan=plan() if attempted else None)
    assert after.has_retry is retries
    assert after.candle.attempts_used == int(attempted)
    assert (after.plan is not None) is attempted


def test_the_same_candle_is_never_opened_twice(settings) -> None:
    state = State(mode="paper", stage="paper").after_candle(signal())
    closed = state.after_decision(
        Decision(action=Action.DENY, as_of=AT, reason=Reason.NO_CONSENSUS),
        attempted=False,
        plan=None,
    )
    assert closed.after_candle(signal()) == closed
    assert closed.after_candle(signal(AT + 900_000)).has_retry


def test_a_fill_uses_the_candle_up_even_when_the_stop_came_before_the_next_tick() -> None:
    entered = State(mode="paper", stage="paper").after_candle(signal())
    decision = Decision(action=Action.ENTER, as_of=AT, reason=Reason.OK, side=Side.LONG)
    entered = entered.after_decision(decision, attempted=True, plan=plan())
    assert entered.has_retry
    assert not entered.after_holdings(holdings(fills=(fill(AT + 20),))).has_retry
    unfilled = entered.after_holdings(holdings(fills=(fill(AT - 20),)))
    assert unfilled.has_retry
    assert unfilled.plan is None


def test_a_plan_lives_as_long_as_its_position() -> None:
    state = replace(State(mode="paper", stage="paper"), plan=plan())
    assert state.after_holdings(holdings(held=True)).plan == plan()
    assert state.after_holdings(holdings(held=True)).holds
    assert state.after_holdings(holdings()).plan is None


def test_an_entry_that_could_not_be_sent_leaves_the_candle_open() -> None:
    state = State(mode="paper", stage="paper").after_candle(signal())
    entering = Decision(action=Action.ENTER, as_of=AT, reason=Reason.OK, side=Side.LONG)
    after = state.after_decision(entering, attempted=False, plan=plan())
    assert after.has_retry
    assert after.candle.attempts_used == 0
    assert after.plan is None
