"""Nothing that no saved state has counted is let go of, and an account that never traded has lost
nothing.
"""

import random
from dataclasses import replace
from decimal import Decimal

import pytest

from shared.core.money import ZERO
from shared.core.types import AccountKind, Counted, PairRules
from shared.exchanges.paper import account as accounts
from shared.exchanges.paper.exchange import MOST_UNCOUNTED, PaperExchange, encode_account
from shared.stores.documents import MAX_DOCUMENT_BYTES, encode_document
from shared.turn.state import State, capital_changed
from tests.support.paper_world import Shelf
from tests.unit.exchanges.paper.test_paper import Minutes, entered, exchange

FILLED = (1_000_000, 1_000_005, 999_990, 1_000_000)
TARGET = 1_010_000


def thin(count):
    """So many minutes above the target, each with volume for one lot of ours."""
    return [(TARGET + 5, TARGET + 5, TARGET + 5, TARGET + 5, 0.0006)] * count


def closed_in_parts(world, shelf, parts, **paper):
    """An exchange whose position of `parts` lots is taken by its target, one lot a minute."""
    made, _ = exchange(world, shelf, [FILLED, *thin(parts + 5)], paper=paper)
    entered(world, made, stop=900_000, target=TARGET, lots=parts)
    return made


def after(state, held, settings, now):
    """The state that a tick would save."""
    booked = state.after_account(held, lifts=0, now_ms=now, settings=settings)
    return replace(
        booked,
        last_fill_sequence=max([state.last_fill_sequence, *(fill.sequence for fill in held.fills)]),
    )


@pytest.mark.parametrize("keep", [1, 50])
def test_a_target_that_was_filled_in_a_hundred_parts_while_no_tick_ran_is_counted_whole(
    world, shelf, keep
):
    paper = closed_in_parts(world, shelf, 100, keep_trades=keep)
    settings, first = world.settings(), State(mode="paper", stage="paper")
    now = world.t0 + 110 * world.minute
    held = paper.reconcile(now, counted=first.counted_account)
    assert (len(held.fills), len(held.trades), held.positions) == (101, 100, ())
    assert [trade.sequence for trade in held.trades] == list(range(1, 101))
    state = after(first, held, settings, now)
    net = sum((trade.net_jpy for trade in held.trades), ZERO)
    assert net > 0
    assert held.cash_jpy == settings.capital_jpy + net
    assert (state.limits.losing_streak, state.limits.position_net_jpy) == (0, 0)
    assert state.counted_account == Counted(trades=100, fills=101)
    kept = paper.reconcile(now + world.minute, counted=state.counted_account)
    assert len(kept.trades) == keep
    assert len(kept.fills) == 2 * keep
    assert after(state, kept, settings, now + world.minute).limits == state.limits


def test_ticks_at_any_times_some_of_which_die_unsaved_tell_each_part_exactly_once_and_end_the_same(
    world,
):
    rng, ends, died = random.Random(8), set(), 0
    settings = world.settings()
    for round_ in range(12):
        shelf = Shelf()
        paper = closed_in_parts(world, shelf, 100, keep_trades=rng.choice((1, 3, 50)))
        state, trades, fills = State(mode="paper", stage="paper"), [], []
        times = (
            [120]
            if round_ == 0
            else [*sorted(rng.sample(range(2, 120), k=rng.randint(1, 40))), 120]
        )
        for minute in times:
            now = world.t0 + minute * world.minute
            held = paper.reconcile(now, counted=state.counted_account)
            if minute != 120 and rng.random() < 0.3:
                died += 1
                continue
            saved = after(state, held, settings, now)
            trades += [
                item
                for item in held.trades
                if state.counted_account.trades < item.sequence <= saved.counted_account.trades
            ]
            fills += [item for item in held.fills if item.sequence > state.counted_account.fills]
            state = saved
        assert [item.sequence for item in trades] == list(range(1, 101))
        assert [item.sequence for item in fills] == list(range(1, 102))
        limits = replace(
            state.limits, equity_peak_jpy=ZERO, day_start_equity_jpy=ZERO
        )  # these two are of the looks
        ends.add((tuple(trades), tuple(fills), limits, held.cash_jpy))
    assert len(ends) == 1
    assert died >= 20


def test_a_document_never_outgrows_its_store_however_many_parts_wait(world, shelf):
    paper = closed_in_parts(world, shelf, 1_500, keep_trades=50)
    state, settings, seen = State(mode="paper", stage="paper"), world.settings(), 0
    for tick in range(6):
        now = world.t0 + (1_510 + tick) * world.minute
        held = paper.reconcile(now, counted=state.counted_account)
        assert (
            len([item for item in held.fills if item.sequence > state.counted_account.fills])
            <= MOST_UNCOUNTED + 4
        )
        assert len(encode_document(shelf.data, "paper/x")[0].encode()) < MAX_DOCUMENT_BYTES / 2
        state = after(state, held, settings, now)
        seen = max(seen, len(held.fills))
    assert (state.counted_account.trades, held.positions) == (1_500, ())
    assert seen >= MOST_UNCOUNTED
    assert held.cash_jpy > settings.capital_jpy
    largest = world.settings(paper={"keep_trades": 1_000})
    paper = PaperExchange(shelf, lambda *_: world.minutes([]), largest)
    whole = paper._load(world.t0)[0]
    count = 2 * 1_000 + MOST_UNCOUNTED
    most = replace(
        whole,
        fills=(held.fills * count)[:count],
        trades=(held.trades * count)[: 1_000 + MOST_UNCOUNTED],
    )
    assert len(encode_document(encode_account(most), "paper/x")[0].encode()) < MAX_DOCUMENT_BYTES


def test_what_is_counted_is_let_go_of_and_nothing_else(world):
    terms = replace(world.account().terms, keep_trades=2)
    account = replace(world.account(), terms=terms)
    account = world.held(account=account, entry=1_000_000, stop=900_000, target=TARGET)
    account = accounts.settle_account(
        account, world.minutes([FILLED, *thin(20)]), world.t0 + 20 * world.minute
    )
    for trades in range(25):
        for fills in (0, 3, 30):
            left = accounts.trim_account(account, Counted(trades=trades, fills=fills))
            assert [item.sequence for item in left.trades if item.sequence > trades] == [
                item.sequence for item in account.trades if item.sequence > trades
            ]
            assert len(left.trades) == max(
                min(2, len(account.trades)), len(account.trades) - trades
            )
            assert len(left.fills) == max(min(4, len(account.fills)), len(account.fills) - fills)
            assert replace(left, trades=account.trades, fills=account.fills) == account


def test_an_account_that_never_traded_has_the_capital_that_is_set_and_no_drawdown(world, shelf):
    state, counts = State(mode="paper", stage="paper"), 0
    for number, capital in enumerate((1_000_000, 500_000, 3_000_000, 1_000, 2_000_000)):
        settings = world.settings(capital_jpy=capital)
        paper = PaperExchange(
            shelf,
            Minutes(world.minutes([(1_000_000, 1_000_000, 1_000_000, 1_000_000)] * 60)),
            settings,
        )
        now = world.t0 + number * 300_000
        held = paper.reconcile(now, counted=state.counted_account)
        assert (held.cash_jpy, held.equity_jpy, held.opened_with_jpy, held.untouched) == (
            capital,
            capital,
            capital,
            True,
        )
        state = after(state, held, settings, now)
        assert state.halted_at == 0
        assert state.limits.equity_peak_jpy == state.limits.day_start_equity_jpy == capital
        assert capital_changed(held, settings) is None
        order = entered(
            world, paper, at=number * 300_000, lots=1, price=900_000
        )  # rests and expires unfilled
        assert paper.cancel(order, now_ms=now + 1).order.order_id == order.order_id
        paper.reconcile(now + 200_000)
        counts += shelf.saves > 0
    assert counts == 5


def test_an_account_that_has_traded_keeps_its_own_money_and_says_so(world, shelf):
    paper, _ = exchange(world, shelf, [FILLED, (1_000_000, TARGET + 9, 1_000_000, TARGET + 5)])
    entered(world, paper, stop=900_000, target=TARGET)
    now = world.t0 + 200_000
    before = paper.reconcile(now)
    assert before.trades
    state = after(State(mode="paper", stage="paper"), before, world.settings(), now)
    for capital in (500_000, 2_000_000, 1):
        settings = world.settings(capital_jpy=capital)
        changed = PaperExchange(shelf, lambda *_: world.minutes([]), settings)
        held = changed.reconcile(now, counted=state.counted_account)
        assert (held.cash_jpy, held.equity_jpy, held.opened_with_jpy) == (
            before.cash_jpy,
            before.equity_jpy,
            1_000_000,
        )
        booked = after(state, held, settings, now)
        assert (booked.limits, booked.halted_at) == (state.limits, 0)
        assert "1,000,000" in capital_changed(held, settings)
        assert f"{capital:,}" in capital_changed(held, settings)
    assert before.cash_jpy == 1_000_000 + sum((trade.net_jpy for trade in before.trades), ZERO)


def test_a_document_that_does_not_say_its_capital_is_reckoned_back(world, shelf):
    paper, _ = exchange(world, shelf, [FILLED, (1_000_000, TARGET + 9, 1_000_000, TARGET + 5)])
    entered(world, paper, stop=900_000, target=TARGET)
    paper.reconcile(world.t0 + 200_000)
    shelf.data = {name: value for name, value in shelf.data.items() if name != "capital_jpy"}
    other = PaperExchange(shelf, lambda *_: world.minutes([]), world.settings(capital_jpy=500_000))
    assert other.holdings(world.t0 + 200_000).opened_with_jpy == 1_000_000


def test_exactly_at_the_limit_of_the_drawdown_is_a_halt(world):
    rng, at, below = random.Random(2), 0, 0
    for _ in range(400):
        share = Decimal(rng.randint(1, 99)) / 100
        settings = world.settings(risk={"max_drawdown": float(share)})
        peak = Decimal(rng.randint(1, 10**6) * 100).quantize(Decimal("0.0001"))
        account = accounts.open_account(
            peak,
            world.t0,
            kind=AccountKind.MARGIN,
            terms=accounts.account_terms(settings, PairRules()),
        )
        held = accounts.holdings(account, None, world.t0)
        state = State(mode="paper", stage="paper").after_account(
            held, lifts=0, now_ms=world.t0, settings=settings
        )
        fallen = replace(held, equity_jpy=peak - peak * share)
        halted = state.after_account(fallen, lifts=0, now_ms=world.t0 + 1, settings=settings)
        assert halted.halted_at == world.t0 + 1, (share, peak)
        nearly = replace(held, equity_jpy=fallen.equity_jpy + Decimal("0.0001"))
        assert (
            state.after_account(nearly, lifts=0, now_ms=world.t0 + 1, settings=settings).halted_at
            == 0
        )
        at, below = at + 1, below + 1
    assert at == below == 400


def test_only_the_drawdown_halt_that_is_named_is_lifted_and_only_the_peak_moves(world):
    settings = world.settings(risk={"max_drawdown": 0.2})
    account = accounts.open_account(
        1_000,
        world.t0,
        kind=AccountKind.MARGIN,
        terms=accounts.account_terms(settings, PairRules()),
    )
    held = accounts.holdings(account, None, world.t0)
    state = State(mode="paper", stage="paper").after_account(
        held, lifts=0, now_ms=world.t0, settings=settings
    )
    state = replace(
        state, limits=replace(state.limits, losing_streak=3, cooldown_until=world.t0 + 10**9)
    )
    fallen = replace(held, equity_jpy=Decimal(700))
    halted = state.after_account(fallen, lifts=0, now_ms=world.t0 + 5, settings=settings)
    for lifts in (0, 1, world.t0 + 4, world.t0 + 6, world.t0 + 86_400_000, 2**62):
        assert (
            halted.after_account(
                fallen, lifts=lifts, now_ms=world.t0 + 7, settings=settings
            ).halted_at
            == world.t0 + 5
        )
    lifted = halted.after_account(
        fallen, lifts=world.t0 + 5, now_ms=world.t0 + 7, settings=settings
    )
    assert (lifted.halted_at, lifted.limits) == (
        0,
        replace(halted.limits, equity_peak_jpy=Decimal(700)),
    )
    again = replace(held, equity_jpy=Decimal(500))
    later = lifted.after_account(again, lifts=world.t0 + 5, now_ms=world.t0 + 5, settings=settings)
    assert later.halted_at == world.t0 + 6, "not even by the same instant"
    assert (
        later.after_account(
            again, lifts=world.t0 + 5, now_ms=world.t0 + 9, settings=settings
        ).halted_at
        == world.t0 + 6
    )
