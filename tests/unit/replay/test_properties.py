"""Random settings on random markets: whatever happens in a replay, its books close and its promises
hold.

Each story is audited from its fills and the path alone (`tests.support.replay_invariants`). A
checker that never goes red proves
nothing: below, each invariant gets a bug planted in the engine or in a rule that it runs, and must
name it.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cache
from typing import Any

import numpy as np
import pytest

from shared.core.money import ZERO
from shared.core.types import Action, Order, OrderIntent
from shared.exchanges.paper import fills, ledger, placing, settling
from shared.orders import booking
from shared.orders import plan as planning
from shared.replay import ahead, engine, hands, replay, rows, valuation
from shared.replay import result as results
from shared.risk import halts, sizing
from shared.risk import limits as risk_limits
from shared.risk import screen as screening
from shared.risk.policies import barrier as risk_rules
from shared.turn.steps import Steps
from tests.support.invariants import InvariantBroken
from tests.support.replay_invariants import Rule
from tests.support.replay_stories import Story

STORIES, FULL = 80, 1_000
FLOORS = {
    "stories on 1m": 40,
    "stories on 15m": 10,
    "margin long entries": 100,
    "margin short entries": 40,
    "spot long entries": 40,
    "partial fills": 80,
    "second attempts": 10,
    "exits exit_stop": 80,
    "exits exit_target": 60,
    "exits exit_time": 40,
    "exits exit_opposite": 15,
    "margin long stop fills": 30,
    "margin short stop fills": 15,
    "spot long stop fills": 10,
    "margin short target fills": 15,
    "gaps through a stop": 2,
    "parts": 6,
    "cool-downs": 30,
    "entries after a cool-down": 50,
    "event limit_drawdown": 1,
    "denied limit_daily_loss": 20,
    "denied halted_by_person": 50,
    "entries of a day that began flat": 80,
    "interest of several days": 3,
    "points with interest of several days": 400,
    "points with a stop": 50_000,
    "quiet points": 4_000,
    "pieces": 100,
    "pieces with a position": 20,
    "missed ticks": 100,
    "late ticks": 100,
    "stories whose denials are compared": 15,
    "ticks skipped": 10_000,
}


def test_whatever_the_settings_and_the_market_every_promise_holds_in_every_way_of_playing(
    full,
) -> None:
    counts: Counter[str] = Counter()
    stories = FULL if full else STORIES
    for seed in range(stories):
        counts += Story(seed).told()
    entries = sum(
        counts[f"{kind} entries"] for kind in ("margin long", "margin short", "spot long")
    )
    print(
        f"{stories:,} random settings on random candles: cash and position reconcile after every"
        " event;"
        f" {entries:,}"
        f" entries, {counts['points with a stop']:,} points with a stop,"
        f" {counts['ticks skipped']:,} ticks skipped"
    )
    times = FULL // STORIES if full else 1
    assert {
        name: counts[name] for name, floor in FLOORS.items() if counts[name] < floor * times
    } == {}, counts


def test_with_a_forecast_and_a_word_on_the_vote_the_promises_hold_as_well(full) -> None:
    counts: Counter[str] = Counter()
    entered = moved = 0
    for seed in range(200 if full else 24):
        story = Story(seed, heads=True)
        counts += story.told()
        for entry in replay(story.inputs).entries:
            entered += 1
            moved += entry.stop_price != replayed_stop(story, entry)
    assert min(entered, counts["margin long entries"], counts["pieces"]) >= 20, counts
    assert moved >= 20, "the forecast moved stops"
    assert counts["ticks skipped"] > 1_000


def replayed_stop(story: Story, entry: Any) -> int:
    """Where the stop would lie without a forecast."""
    features = story.inputs.stages.features
    atr = float(features.column("atr_14")[int(np.searchsorted(features.as_of, entry.as_of))])
    return sizing.prices(
        side=entry.side, entry=entry.price, atr_jpy=atr, settings=story.inputs.settings
    ).stop


# the bugs, each one rule of ours replaced


def a_limit_fills_when_the_price_comes_near(patch: pytest.MonkeyPatch) -> None:
    def near(intent: Any, price: int) -> bool:
        return price * 0.9995 <= intent.price if intent.is_buy else price * 1.0005 >= intent.price

    patch.setattr(OrderIntent, "is_passed", near)


def a_limit_fills_at_a_better_price(patch: pytest.MonkeyPatch) -> None:
    real = settling.book_limit_fill

    def better(account: Any, order: Any, point: Any, lots: int) -> Any:
        return real(
            account, replace(order, intent=replace(order.intent, price=point.price)), point, lots
        )

    patch.setattr(settling, "book_limit_fill", better)


def a_15m_entry_pays_no_slippage(patch: pytest.MonkeyPatch) -> None:
    real = placing._at_once

    def cheap(account: Any, intent: Any, book: Any) -> Any:
        crossing = real(account, intent, book)
        return (
            crossing._replace(price=book.ask if intent.is_buy else book.bid)
            if intent.is_opening
            else crossing
        )

    patch.setattr(placing, "_at_once", cheap)


def a_close_pays_no_slippage(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(
        placing,
        "crossing_book",
        lambda book, *, buys, lots, costs: fills.Crossing(int(book.mid), ZERO),
    )


def the_volume_share_is_ignored(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(settling, "volume_lots", lambda volume, share: 10**9)


def a_15m_entry_takes_all_volume(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(hands, "volume_lots", lambda volume, share: 10**9)


def a_stop_fills_at_its_trigger_on_a_gap(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(settling, "stop_base", lambda intent, point, before: intent.trigger_price)


def a_stop_pays_no_spread_and_no_slippage(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(settling, "crossing_at", lambda base, **_: fills.Crossing(base, ZERO))


def an_entry_brings_no_stop_and_nothing_is_protected(patch: pytest.MonkeyPatch) -> None:
    real = ledger._grow_bracket
    patch.setattr(
        ledger,
        "_grow_bracket",
        lambda account, entry, fill: real(account, replace(entry, stop_price=None), fill),
    )
    patch.setattr(planning, "protection", lambda *args, **more: ())


def the_stop_is_not_live_in_the_entry_candle(patch: pytest.MonkeyPatch) -> None:
    real = settling._fire_stops

    def late(account: Any, point: Any, before: Any, *, newborn_from: int) -> Any:
        minute = point.at - point.at % 60_000
        young = {order.order_id for order in account.orders if order.placed_at >= minute}
        old = tuple(order for order in account.orders if order.order_id not in young)
        after = real(replace(account, orders=old), point, before, newborn_from=10**9)
        rest = tuple(
            order
            for order in account.orders
            if order.order_id in young and after.lots(order.intent.side)
        )
        return replace(after, orders=(*after.orders, *rest))

    patch.setattr(settling, "_fire_stops", late)


def the_target_comes_before_the_stop(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(settling, "_is_stop_first", lambda account, order, rest: False)


def the_fee_is_forgotten(patch: pytest.MonkeyPatch) -> None:
    real = ledger._fill
    patch.setattr(
        ledger,
        "_fill",
        lambda account, order, done: replace(real(account, order, done), fee_jpy=ZERO),
    )


def a_started_day_of_interest_is_rounded_down(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(
        booking, "days_started", lambda opened_at, at: max(0, at - opened_at) // booking.DAY_MS
    )


def the_curve_forgets_the_interest(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(
        valuation,
        "_interest",
        lambda entry, side, as_of, terms: np.zeros(len(as_of), dtype=np.int64),
    )


def the_curve_looks_at_the_next_close(patch: pytest.MonkeyPatch) -> None:
    real = valuation.marks_at
    patch.setattr(
        valuation,
        "marks_at",
        lambda path, instants, snapshot: real(path, instants + path.timeframe.ms, snapshot),
    )


def a_yen_appears_from_nowhere(patch: pytest.MonkeyPatch) -> None:
    real = hands.snapshot

    def richer(account: Any, from_at: int) -> Any:
        told = real(account, from_at)
        return replace(told, cash_units=told.cash_units + 10_000)

    patch.setattr(hands, "snapshot", richer)


def equity_drifts(patch: pytest.MonkeyPatch) -> None:
    real = valuation.curve

    def drifting(*args: Any, **more: Any) -> Any:
        equity, close, lots = real(*args, **more)
        return equity - np.arange(len(equity)), close, lots

    patch.setattr(valuation, "curve", drifting)


def a_close_pays_out_twice(patch: pytest.MonkeyPatch) -> None:
    real = settling.book_closing

    def twice(account: Any, order: Any, done: Any) -> Any:
        after = real(account, order, done)
        return replace(after, cash_jpy=after.cash_jpy + after.trades[-1].net_jpy)

    patch.setattr(settling, "book_closing", twice)


def the_opening_fee_is_never_collected(patch: pytest.MonkeyPatch) -> None:
    real = ledger.closing_trade

    def cheap(held: Any, left: Any, fill: Any, **more: Any) -> Any:
        return replace(real(held, left, fill, **more), fees_jpy=fill.fee_jpy)

    patch.setattr(ledger, "closing_trade", cheap)


def the_leverage_is_not_limited(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(sizing, "leverage", lambda settings: Decimal(5))


def the_risk_forgets_the_costs(patch: pytest.MonkeyPatch) -> None:
    def bare(*, side: Any, where: Any, **_: Any) -> Decimal:
        return Decimal(abs(where.entry - where.stop)) * sizing.LOT_BTC

    patch.setattr(sizing, "loss_per_lot", bare)


def the_minimum_size_is_not_asked_for(patch: pytest.MonkeyPatch) -> None:
    real = sizing.size
    patch.setattr(
        sizing, "size", lambda *, rules, **more: real(rules=replace(rules, min_lots=1), **more)
    )
    patch.setattr(
        placing,
        "_CHECKS",
        tuple(check for check in placing._CHECKS if check is not placing._refuse_size),
    )


def a_candle_is_decided_before_it_closes(patch: pytest.MonkeyPatch) -> None:
    real = rows.ReplayRows.window

    def early(self: rows.ReplayRows, final_at: int) -> Any:
        candles, row = real(self, final_at)
        return candles, min(row + 1, len(self.as_of) - 1)

    patch.setattr(rows.ReplayRows, "window", early)


def shorts_are_allowed_everywhere(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(
        risk_rules,
        "RULES",
        tuple(rule for rule in risk_rules.RULES if rule is not risk_rules._side),
    )
    patch.setattr(screening, "_allowed_rows", lambda consensus, settings: consensus != 0)


def attempts_are_not_counted(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(
        risk_rules,
        "RULES",
        tuple(rule for rule in risk_rules.RULES if rule is not risk_rules._attempts),
    )


def a_halt_is_not_heard(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(engine.Replay, "_is_halted", lambda self, at, **_: False)


def without(patch: pytest.MonkeyPatch, rule: Any) -> None:
    patch.setattr(risk_rules, "RULES", tuple(kept for kept in risk_rules.RULES if kept is not rule))
    patch.setattr(ahead.Ahead, "_denied_until", lambda self, index, state, hands: [])


def the_drawdown_is_not_asked_for(patch: pytest.MonkeyPatch) -> None:
    without(patch, halts.deny_drawdown)


def the_days_loss_is_not_asked_for(patch: pytest.MonkeyPatch) -> None:
    without(patch, halts.deny_daily_loss)


def a_cool_down_ends_at_once(patch: pytest.MonkeyPatch) -> None:
    real = risk_limits.Limits._after
    patch.setattr(
        risk_limits.Limits,
        "_after",
        lambda self, trade, settings: replace(real(self, trade, settings), cooldown_until=0),
    )


def a_second_entry_is_made_while_one_is_held(patch: pytest.MonkeyPatch) -> None:
    kept = tuple(
        rule
        for rule in risk_rules.RULES
        if rule not in {risk_rules._position, halts.wait_for_entry}
    )
    real, real_decide = planning.orders, Steps.decide

    def blind(decision: Any, holdings: Any, **more: Any) -> Any:
        bare = (
            replace(holdings, positions=(), orders=())
            if decision.action is Action.ENTER
            else holdings
        )
        return real(decision, bare, **more)

    def open_candle(self: Steps, turn: Any, *what: Any) -> Any:
        state = replace(turn.state, candle=replace(turn.state.candle, closed=False))
        return real_decide(self, replace(turn, state=state), *what)

    patch.setattr(risk_rules, "RULES", kept)
    patch.setattr(planning, "orders", blind)
    patch.setattr(Steps, "decide", open_candle)


def an_entry_outlives_its_tick(patch: pytest.MonkeyPatch) -> None:
    real = Order.has_ended
    patch.setattr(
        Order, "has_ended", lambda order, at: not order.intent.is_opening and real(order, at)
    )


def the_time_exit_is_forgotten(patch: pytest.MonkeyPatch) -> None:
    real = risk_rules._position

    def holds(case: Any) -> Any:
        decision = real(case)
        return (
            replace(decision, action=Action.HOLD)
            if decision is not None and decision.action is Action.EXIT
            else decision
        )

    patch.setattr(risk_rules, "RULES", (holds, *risk_rules.RULES[1:]))


def a_partial_fill_is_counted_whole(patch: pytest.MonkeyPatch) -> None:
    real = results._counts
    patch.setattr(
        results,
        "_counts",
        lambda story, candles: {**real(story, candles), "positions": len(story.trades)},
    )


def a_coin_is_tossed_for_the_book(patch: pytest.MonkeyPatch) -> None:
    real, coin = hands.AccountInHand.book, np.random.default_rng(1)

    def moved(self: Any) -> Any:
        book = real(self)
        shift = int(coin.integers(0, 2))
        return None if book is None else replace(book, bid=book.bid - shift, ask=book.ask + shift)

    patch.setattr(hands.AccountInHand, "book", moved)


def a_checkpoint_forgets_the_resting_orders(patch: pytest.MonkeyPatch) -> None:
    real = engine.Replay.checkpoint

    def forgetful(self: Any) -> Any:
        told = real(self)
        return {**told, "account": {**told["account"], "orders": []}}

    patch.setattr(engine.Replay, "checkpoint", forgetful)


def a_checkpoint_forgets_the_losing_streak(patch: pytest.MonkeyPatch) -> None:
    real = engine.Replay.checkpoint

    def forgetful(self: Any) -> Any:
        told = real(self)
        known = told["state"]["limits"]
        return {
            **told,
            "state": {
                **told["state"],
                "limits": known and {**known, "losing_streak": 0, "cooldown_until": 0},
            },
        }

    patch.setattr(engine.Replay, "checkpoint", forgetful)


def a_quarter_too_many_is_skipped_while_flat(patch: pytest.MonkeyPatch) -> None:
    real = ahead.Ahead._next_chance
    patch.setattr(ahead.Ahead, "_next_chance", lambda self, *what: real(self, *what) + 5)


def the_skipped_ticks_tell_no_peak(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(engine.Replay, "_book_between", lambda self, index, following: None)


@dataclass(frozen=True)
class Bug:
    plant: Callable[[pytest.MonkeyPatch], None]
    breaks: Rule
    play: str = "audited"
    stories: int = 80
    also: Rule | None = None


BUGS = [
    Bug(a_limit_fills_when_the_price_comes_near, Rule.THROUGH),
    Bug(a_limit_fills_at_a_better_price, Rule.THROUGH),
    Bug(a_15m_entry_pays_no_slippage, Rule.CROSSED),
    Bug(a_close_pays_no_slippage, Rule.CROSSED),
    Bug(the_volume_share_is_ignored, Rule.VOLUME),
    Bug(a_15m_entry_takes_all_volume, Rule.VOLUME),
    Bug(a_stop_fills_at_its_trigger_on_a_gap, Rule.STOP_PRICE),
    Bug(a_stop_pays_no_spread_and_no_slippage, Rule.STOP_PRICE),
    Bug(an_entry_brings_no_stop_and_nothing_is_protected, Rule.STOPPED),
    Bug(the_stop_is_not_live_in_the_entry_candle, Rule.STOPPED),
    Bug(the_target_comes_before_the_stop, Rule.STOP_FIRST),
    Bug(the_fee_is_forgotten, Rule.FEE),
    Bug(a_started_day_of_interest_is_rounded_down, Rule.TRADE),
    Bug(the_curve_forgets_the_interest, Rule.EQUITY),
    Bug(the_curve_looks_at_the_next_close, Rule.EQUITY, also=Rule.JUMP),
    Bug(a_yen_appears_from_nowhere, Rule.EQUITY),
    Bug(equity_drifts, Rule.EQUITY, also=Rule.JUMP),
    Bug(a_close_pays_out_twice, Rule.EQUITY),
    Bug(the_opening_fee_is_never_collected, Rule.TRADE),
    Bug(the_leverage_is_not_limited, Rule.LEVERAGE),
    Bug(the_risk_forgets_the_costs, Rule.RISK),
    Bug(the_minimum_size_is_not_asked_for, Rule.MINIMUM),
    Bug(a_candle_is_decided_before_it_closes, Rule.DECIDED),
    Bug(shorts_are_allowed_everywhere, Rule.SIGNAL),
    Bug(attempts_are_not_counted, Rule.ATTEMPTS),
    Bug(a_halt_is_not_heard, Rule.HALTED),
    Bug(the_drawdown_is_not_asked_for, Rule.DRAWDOWN),
    Bug(the_days_loss_is_not_asked_for, Rule.DAILY),
    Bug(a_cool_down_ends_at_once, Rule.COOLDOWN),
    Bug(a_second_entry_is_made_while_one_is_held, Rule.ONE),
    Bug(an_entry_outlives_its_tick, Rule.ALIVE),
    Bug(the_time_exit_is_forgotten, Rule.TIME),
    Bug(a_partial_fill_is_counted_whole, Rule.COUNTS),
    Bug(a_coin_is_tossed_for_the_book, Rule.AGAIN, play="again"),
    Bug(a_checkpoint_forgets_the_resting_orders, Rule.PIECES, play="pieces"),
    Bug(a_checkpoint_forgets_the_losing_streak, Rule.PIECES, play="pieces"),
    Bug(a_quarter_too_many_is_skipped_while_flat, Rule.SKIPPED, play="every_tick"),
    Bug(the_skipped_ticks_tell_no_peak, Rule.SKIPPED, play="every_tick"),
]
NAMES = [f"{bug.plant.__name__}: {bug.breaks.name}" for bug in BUGS]


def played(bug: Bug, seed: int) -> None:
    story = Story(seed)
    if bug.play == "audited":
        story.audited()
        return
    getattr(story, bug.play)(replay(story.inputs))


@cache
def broken_by(number: int) -> tuple[Rule, ...]:
    """Play stories with the bug until one goes red: what it broke, the cause first; nothing where
    all stayed green.
    """
    bug = BUGS[number]
    for seed in range(bug.stories):
        Story(seed).inputs  # noqa: B018 - made before the bug is planted
        with pytest.MonkeyPatch.context() as patch:
            bug.plant(patch)
            try:
                played(bug, seed)
            except InvariantBroken as broken:
                return tuple(violation.rule for violation in broken.violations)
    return ()


@pytest.mark.parametrize("number", range(len(BUGS)), ids=NAMES)
def test_a_planted_bug_breaks_the_very_invariant_that_stands_against_it(number: int) -> None:
    bug, broken = BUGS[number], broken_by(number)
    assert broken[:1] == (bug.breaks,), broken
    assert bug.also is None or bug.also in broken, broken
    print(f"planted bug caught: {bug.plant.__name__}, by {bug.breaks.name}")


def test_every_invariant_has_a_planted_bug() -> None:
    assert {bug.breaks for bug in BUGS} | {bug.also for bug in BUGS if bug.also} == set(Rule)
    assert len(BUGS) >= 35
