"""What is remembered of a real account: book, stage, and what is left of it in another mode."""

from dataclasses import replace
from decimal import Decimal

import pytest

from shared.orders.own_book import open_ledger
from shared.risk.limits import Limits
from shared.turn.state import CandleProgress, State

T0 = 1_699_999_200_000


def real_state(capital: int = 200_000, **more) -> State:
    told = {
        "mode": "live",
        "stage": "live",
        "limits": Limits.first(equity_jpy=Decimal(capital), now_ms=T0),
        "ledger": open_ledger(capital, T0),
        **more,
    }
    return State(**told)


def held_of(made, *positions, capital: int = 200_000, equity: int | None = None, **more):
    return made.holdings(
        *positions,
        equity=capital if equity is None else equity,
        ledger=open_ledger(capital, T0),
        **more,
    )


def test_the_book_that_was_read_is_remembered(made):
    read = replace(open_ledger(200_000, T0), read_at=T0 + 7)
    holdings = replace(held_of(made), ledger=read)
    known = real_state().after_account(holdings, lifts=0, now_ms=T0 + 8, settings=made.settings())
    assert known.ledger == read
    paper = State(mode="paper", stage="paper").after_account(
        made.holdings(equity=200_000), lifts=0, now_ms=T0, settings=made.settings()
    )
    assert paper.ledger is None


@pytest.mark.parametrize(("capital", "peak"), [(100_000, 110_000), (500_000, 520_000)])
def test_limits_follow_the_stage_of_the_book(made, capital, peak):
    fallen = replace(
        Limits.first(equity_jpy=Decimal(220_000), now_ms=T0), day_start_equity_jpy=Decimal(200_000)
    )
    known = real_state(limits=fallen).after_account(
        held_of(made, capital=capital), lifts=0, now_ms=T0, settings=made.settings()
    )
    assert known.limits.equity_peak_jpy == peak
    assert not known.halted_at


@pytest.mark.parametrize("is_first", [True, False])
def test_without_two_books_no_stage_has_changed(made, is_first):
    limits = Limits.first(equity_jpy=Decimal(220_000), now_ms=T0)
    state = real_state(limits=limits, **({"ledger": None} if is_first else {}))
    holdings = held_of(made, capital=100_000, equity=210_000)
    if not is_first:
        holdings = replace(holdings, ledger=None)
    known = state.after_account(holdings, lifts=0, now_ms=T0, settings=made.settings())
    assert known.limits.equity_peak_jpy == 220_000


def test_a_real_account_s_capital_is_its_stage_s_share_already(made):
    real = real_state().account(held_of(made), halted=False, capital_jpy=7)
    assert (real.is_staged, real.capital_jpy) == (True, 200_000)
    paper = real_state(ledger=None).account(made.holdings(), halted=False, capital_jpy=7)
    assert (paper.is_staged, paper.capital_jpy) == (False, 7)


@pytest.mark.parametrize("mode", ["paper", "live"])
def test_another_mode_begins_without_limits_halt_plan_and_goal(made, mode):
    before = real_state(
        mode=mode,
        plan=made.plan(),
        goal=made.goal(5),
        halted_at=T0,
        candle=CandleProgress(as_of=T0, closed=False),
    )
    after = before.in_another_mode()
    assert (after.limits, after.plan, after.goal, after.halted_at) == (None, None, None, 0)
    assert after.ledger is None
    assert after.candle == CandleProgress(as_of=T0, closed=True)


def test_the_book_is_saved_from_a_damaged_state(made):
    data = {**real_state().encode_state(), "limits": "damaged"}
    settings = made.settings(mode="live", stage="live")
    assert State.salvage_state(data, settings).ledger == open_ledger(200_000, T0)
    assert State.salvage_state({**data, "ledger": 7}, settings).ledger is None


def test_of_what_is_not_there_no_word_is_written(made):
    del made
    paper = State(mode="paper", stage="paper").encode_state()
    assert not {"ledger", "paper_counted"} & set(paper)
    assert "ledger" in real_state().encode_state()
    over = {"ledger": {"old": 1}, "later": 3}
    again = State(mode="paper", stage="paper").encode_state(over=over)
    assert "ledger" not in again
    assert again["later"] == 3
