"""A checker that never goes red proves nothing: each invariant gets a bug planted in our own rules,
and must name it.

A bug replaces one rule of ours while random stories run; the first invariant that a story then
breaks must be the bug's own. The same stories without a bug are green.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal
from enum import StrEnum
from functools import cache
from typing import Any

import pytest

from shared.core.money import ZERO
from shared.core.types import Order, OrderIntent, OrderKind
from shared.exchanges.paper import fills, ledger, placing, settling
from shared.orders import booking, closing
from shared.orders import plan as planning
from shared.risk import sizing
from shared.stores import documents
from shared.stores.ports import Write
from shared.tick.desk import Desk
from shared.tick.documents import BotDocuments, Claim
from shared.turn import state
from tests.support import tick_stories
from tests.support.account_stories import play
from tests.support.invariants import InvariantBroken, Rule
from tests.support.tick_stories import TickRule, TickStory

MINUTE = 60_000
ACCOUNT_STORIES, TICK_STORIES, RACES = 400, 20, 5


def account_story(seed: int) -> Counter[str]:
    return play(seed)[1]


def tick_story(seed: int) -> Counter[str]:
    return TickStory(seed).told()


STORIES: dict[Callable[[int], Counter[str]], int] = {
    account_story: ACCOUNT_STORIES,
    tick_story: TICK_STORIES,
    tick_stories.race: RACES,
}


# the bugs, each one rule of ours replaced


def a_limit_fills_on_a_touch(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(
        OrderIntent,
        "is_passed",
        lambda i, price: price <= i.price if i.is_buy else price >= i.price,
    )


def a_limit_fills_at_the_market_that_went_through_it(patch: pytest.MonkeyPatch) -> None:
    real = settling.book_limit_fill

    def better(account: Any, order: Any, point: Any, lots: int) -> Any:
        return real(
            account, replace(order, intent=replace(order.intent, price=point.price)), point, lots
        )

    patch.setattr(settling, "book_limit_fill", better)


def the_volume_share_is_ignored(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(settling, "volume_lots", lambda volume, share: 10**9)


def the_volume_is_given_to_every_order(patch: pytest.MonkeyPatch) -> None:
    real = settling._fill_entries
    patch.setattr(
        settling,
        "_fill_entries",
        lambda account, point, budget: (real(account, point, budget)[0], budget),
    )


def expiry_is_ignored(patch: pytest.MonkeyPatch) -> None:
    real = Order.has_ended
    patch.setattr(
        Order, "has_ended", lambda order, at: not order.intent.is_opening and real(order, at)
    )


def an_order_fills_before_it_was_placed(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Order, "is_live", lambda order, at: not order.has_ended(at - 1))


def the_stop_is_ignored_in_the_candle_of_the_entry(patch: pytest.MonkeyPatch) -> None:
    real = settling._fire_stops

    def late(account: Any, point: Any, before: Any, *, newborn_from: int) -> Any:
        minute = point.at - point.at % MINUTE
        old = [
            order
            for order in account.orders
            if order.intent.kind is not OrderKind.STOP or order.placed_at < minute
        ]
        after = real(replace(account, orders=tuple(old)), point, before, newborn_from=10**9)
        young = [order for order in account.orders if order not in old]
        return (
            replace(after, orders=(*after.orders, *young))
            if after.positions or not account.positions
            else after
        )

    patch.setattr(settling, "_fire_stops", late)


def a_stop_fills_at_its_trigger_on_a_gap(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(settling, "stop_base", lambda intent, point, before: intent.trigger_price)


def a_stop_pays_no_spread_and_no_slippage(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(settling, "crossing_at", lambda base, **_: fills.Crossing(base, ZERO))


def the_target_comes_before_the_stop(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(settling, "_is_stop_first", lambda account, order, rest: False)


def a_partial_fill_does_not_grow_the_stop(patch: pytest.MonkeyPatch) -> None:
    real = ledger._grow_resting_order

    def once(account: Any, more: Any, at: int) -> Any:
        return (
            account
            if any(order.intent.id == more.id for order in account.orders)
            else real(account, more, at)
        )

    patch.setattr(ledger, "_grow_resting_order", once)


def an_entry_brings_no_stop(patch: pytest.MonkeyPatch) -> None:
    real = ledger._grow_bracket
    patch.setattr(
        ledger,
        "_grow_bracket",
        lambda account, entry, fill: real(account, replace(entry, stop_price=None), fill),
    )


def a_close_leaves_the_other_orders_as_large_as_before(patch: pytest.MonkeyPatch) -> None:
    real = ledger._free_side
    patch.setattr(
        ledger,
        "_free_side",
        lambda account, side: account if account.lots(side) else real(account, side),
    )


def the_fee_is_forgotten(patch: pytest.MonkeyPatch) -> None:
    real = ledger._fill
    patch.setattr(
        ledger,
        "_fill",
        lambda account, order, done: replace(real(account, order, done), fee_jpy=ZERO),
    )


def the_opening_fee_is_never_collected(patch: pytest.MonkeyPatch) -> None:
    real = ledger.closing_trade

    def cheap(held: Any, left: Any, fill: Any, **more: Any) -> Any:
        return replace(real(held, left, fill, **more), fees_jpy=fill.fee_jpy)

    patch.setattr(ledger, "closing_trade", cheap)


def the_last_lots_in_are_the_first_out(patch: pytest.MonkeyPatch) -> None:
    real = closing._last_in
    patch.setattr(closing, "_last_in", lambda entries, left: real(entries[::-1], left)[::-1])


def margin_is_closed_first_in_first_out(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(closing, "_by_share", closing._last_in)


def whole_lots_go_to_the_wrong_entries(patch: pytest.MonkeyPatch) -> None:
    real = closing._by_share

    def other(entries: Any, left: int) -> Any:
        kept = real(entries, left)
        sizes = sorted(entry.lots for entry in kept)
        return tuple(replace(entry, lots=lots) for entry, lots in zip(kept, sizes, strict=True))

    patch.setattr(closing, "_by_share", other)


def a_started_day_of_interest_is_rounded_down(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(
        booking, "days_started", lambda opened_at, at: max(0, at - opened_at) // booking.DAY_MS
    )


def a_close_pays_out_twice(patch: pytest.MonkeyPatch) -> None:
    real = settling.book_closing

    def twice(account: Any, order: Any, done: Any) -> Any:
        after = real(account, order, done)
        return replace(after, cash_jpy=after.cash_jpy + after.trades[-1].net_jpy)

    patch.setattr(settling, "book_closing", twice)


def cash_moves_without_a_fill(patch: pytest.MonkeyPatch) -> None:
    real = settling._walk_candle
    patch.setattr(
        settling,
        "_walk_candle",
        lambda account, *rest: replace(
            after := real(account, *rest), cash_jpy=after.cash_jpy - Decimal("0.0001")
        ),
    )


def the_mark_is_forgotten(patch: pytest.MonkeyPatch) -> None:
    from shared.exchanges.paper import account as accounts

    real = accounts.equity
    patch.setattr(accounts, "equity", lambda account, mark, as_of: real(account, None, as_of))


def what_a_close_leaves_is_kept_at_another_price(patch: pytest.MonkeyPatch) -> None:
    real = ledger.position_left

    def other(position: Any, lots: int, **more: Any) -> Any:
        left = real(position, lots, **more)
        dearer = tuple(replace(entry, price=entry.price + 1) for entry in left.entries)
        return replace(left, entries=dearer)

    patch.setattr(ledger, "position_left", other)


def a_spot_account_goes_short(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(
        placing,
        "_CHECKS",
        tuple(check for check in placing._CHECKS if check is not placing._refuse_malformed),
    )


def a_known_intent_is_placed_again(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(placing, "_earlier_answer", lambda account, intent: None)


def money_is_not_asked_for(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(
        placing,
        "_CHECKS",
        tuple(check for check in placing._CHECKS if check is not placing._refuse_unaffordable),
    )


def the_minimum_size_is_not_asked_for(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(
        placing,
        "_CHECKS",
        tuple(check for check in placing._CHECKS if check is not placing._refuse_size),
    )


def an_order_fills_all_its_lots_again_and_again(patch: pytest.MonkeyPatch) -> None:
    real = ledger.update_order

    def whole(account: Any, order: Any) -> Any:
        left = (
            order.intent.lots
            if order.intent.is_opening and order.remaining_lots
            else order.remaining_lots
        )
        return real(account, replace(order, remaining_lots=left))

    patch.setattr(ledger, "update_order", whole)


def a_minute_is_walked_twice(patch: pytest.MonkeyPatch) -> None:
    from shared.exchanges.paper import account as accounts

    real = accounts.settle_account

    def again(account: Any, minutes: Any, until: int) -> Any:
        rewound = (
            account
            if account.is_idle
            else replace(account, settled_until=account.settled_until - MINUTE)
        )
        return real(rewound, minutes, until)

    patch.setattr(accounts, "settle_account", again)


def an_ended_order_is_forgotten(patch: pytest.MonkeyPatch) -> None:
    def gone(account: Any, orders: Any) -> Any:
        numbers = {order.order_id for order in orders}
        return replace(
            account,
            orders=tuple(order for order in account.orders if order.order_id not in numbers),
        )

    patch.setattr(ledger, "end_orders", gone)
    patch.setattr(settling, "end_orders", gone)


def compare_and_set_always_succeeds(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(documents.CheckedWrite, "check", lambda self, version: None)


def the_claim_always_wins(patch: pytest.MonkeyPatch) -> None:
    real = BotDocuments.claim

    def wins(self: BotDocuments, tick: str, **times: int) -> Claim:
        stored = self.documents.get(self.tick_path(tick))
        return real(self, tick, **times) if stored is None else Claim(document=stored)

    patch.setattr(BotDocuments, "claim", wins)


def the_lease_is_never_checked(patch: pytest.MonkeyPatch) -> None:
    real, far = BotDocuments.take_lease, 10**12

    def unchecked(self: BotDocuments, *, now_ms: int, lease_ms: int, **_: Any) -> Any:
        return real(self, now_ms=now_ms + far, lease_ms=lease_ms - far)

    patch.setattr(BotDocuments, "take_lease", unchecked)


def attempts_are_not_counted(patch: pytest.MonkeyPatch) -> None:
    real = state.State.after_decision

    def uncounted(self: state.State, *args: Any, **more: Any) -> state.State:
        after = real(self, *args, **more)
        return replace(after, candle=replace(after.candle, attempts_used=self.candle.attempts_used))

    patch.setattr(state.State, "after_decision", uncounted)


def what_a_dead_tick_sent_is_forgotten(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(BotDocuments, "open_intents", lambda self: [])


def a_fill_does_not_close_its_candle(patch: pytest.MonkeyPatch) -> None:
    real = state.State.after_holdings
    patch.setattr(
        state.State,
        "after_holdings",
        lambda self, *args, **more: replace(real(self, *args, **more), candle=self.candle),
    )


def the_newest_candle_is_forgotten(patch: pytest.MonkeyPatch) -> None:
    real = state.State.after_candle

    def forgets(self: state.State, *args: Any, **more: Any) -> state.State:
        after = real(self, *args, **more)
        return replace(after, candle=replace(after.candle, as_of=0))

    patch.setattr(state.State, "after_candle", forgets)


def nothing_is_protected(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(planning, "protection", lambda *args, **more: ())


def an_entry_outlives_its_tick(patch: pytest.MonkeyPatch) -> None:
    real = planning.orders

    def endless(*args: Any, **more: Any) -> Any:
        return real(*args, **{**more, "deadline_at": more["deadline_at"] + 3_600_000})

    patch.setattr(planning, "orders", endless)


def the_leverage_is_not_limited(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(sizing, "leverage", lambda settings: Decimal(5))


def the_desk_sends_everything_twice(patch: pytest.MonkeyPatch) -> None:
    place = Desk._place

    def written(self: BotDocuments, name: str, data: Any, *, lease: Any) -> Any:
        path = f"intents/{self.bot}~{name}"
        return self.documents.commit(
            [Write(kind="put", path=path, data={"bot": self.bot, "open_for": self.bot, **data})]
        )[path]

    def twice(self: Desk, step: Any, **more: Any) -> Any:
        sent = place(self, step, **more)
        if sent.outcome not in {"denied", "rejected"}:
            sent = place(self, step, **more)
        del self.intents[1:]
        return sent

    patch.setattr(BotDocuments, "write_intent", written)
    patch.setattr(Desk, "_place", twice)


def fills_are_told_at_every_tick(patch: pytest.MonkeyPatch) -> None:
    real = tick_stories.run_tick

    def forgetful(ports: Any, settings: Any, request: Any) -> Any:
        stored = ports.documents.get(f"bots/{settings.id}")
        if stored is not None and stored.data["state"]:
            ports.documents.replace(
                stored, {**stored.data, "state": {**stored.data["state"], "last_fill_sequence": 0}}
            )
        return real(ports, settings, request)

    patch.setattr(tick_stories, "run_tick", forgetful)


@dataclass(frozen=True)
class Bug:
    plant: Callable[[pytest.MonkeyPatch], None]
    breaks: StrEnum
    story: Callable[[int], Counter[str]] = account_story
    also: StrEnum | None = None


BUGS = [
    Bug(a_limit_fills_on_a_touch, Rule.THROUGH),
    Bug(a_limit_fills_at_the_market_that_went_through_it, Rule.THROUGH),
    Bug(the_volume_share_is_ignored, Rule.VOLUME),
    Bug(the_volume_is_given_to_every_order, Rule.VOLUME),
    Bug(expiry_is_ignored, Rule.ALIVE),
    Bug(an_order_fills_before_it_was_placed, Rule.ALIVE),
    Bug(the_stop_is_ignored_in_the_candle_of_the_entry, Rule.STOP_FIRED),
    Bug(a_stop_fills_at_its_trigger_on_a_gap, Rule.STOP_PRICE),
    Bug(a_stop_pays_no_spread_and_no_slippage, Rule.STOP_PRICE),
    Bug(the_target_comes_before_the_stop, Rule.STOP_FIRST),
    Bug(a_partial_fill_does_not_grow_the_stop, Rule.COVER),
    Bug(an_entry_brings_no_stop, Rule.COVER),
    Bug(a_close_leaves_the_other_orders_as_large_as_before, Rule.CLOSE_SIZE),
    Bug(the_fee_is_forgotten, Rule.FEE),
    Bug(the_opening_fee_is_never_collected, Rule.TRADE),
    Bug(the_last_lots_in_are_the_first_out, Rule.POSITION),
    Bug(margin_is_closed_first_in_first_out, Rule.TRADE),
    Bug(whole_lots_go_to_the_wrong_entries, Rule.POSITION),
    Bug(a_started_day_of_interest_is_rounded_down, Rule.TRADE, also=Rule.EQUITY_JUMP),
    Bug(a_close_pays_out_twice, Rule.CASH),
    Bug(cash_moves_without_a_fill, Rule.CASH),
    Bug(the_mark_is_forgotten, Rule.EQUITY, also=Rule.EQUITY_JUMP),
    Bug(what_a_close_leaves_is_kept_at_another_price, Rule.POSITION),
    Bug(a_spot_account_goes_short, Rule.SIZE),
    Bug(a_known_intent_is_placed_again, Rule.PLACED_ONCE),
    Bug(money_is_not_asked_for, Rule.LIMITS),
    Bug(the_minimum_size_is_not_asked_for, Rule.LIMITS),
    Bug(an_order_fills_all_its_lots_again_and_again, Rule.FILLED_ONCE),
    Bug(a_minute_is_walked_twice, Rule.SETTLED_ONCE),
    Bug(an_ended_order_is_forgotten, Rule.LOST),
    Bug(compare_and_set_always_succeeds, Rule.LOST, tick_stories.race),
    Bug(the_claim_always_wins, TickRule.TICK_ONCE, tick_story),
    Bug(the_lease_is_never_checked, TickRule.ONE_WRITER, tick_story),
    Bug(attempts_are_not_counted, TickRule.ATTEMPTS, tick_story),
    Bug(what_a_dead_tick_sent_is_forgotten, TickRule.ATTEMPTS, tick_story),
    Bug(a_fill_does_not_close_its_candle, TickRule.ONE_FILL, tick_story),
    Bug(the_newest_candle_is_forgotten, TickRule.ONE_SIGNAL, tick_story),
    Bug(nothing_is_protected, TickRule.COVERED, tick_story),
    Bug(an_entry_outlives_its_tick, TickRule.ENTRY_ENDS, tick_story),
    Bug(the_leverage_is_not_limited, TickRule.LEVERAGE, tick_story),
    Bug(the_desk_sends_everything_twice, TickRule.INTENT_ONCE, tick_story),
    Bug(fills_are_told_at_every_tick, TickRule.TOLD_ONCE, tick_story),
    Bug(the_fee_is_forgotten, TickRule.BOOKS, tick_story),
]
NAMES = [f"{bug.plant.__name__}: {bug.breaks.name}" for bug in BUGS]


@cache
def broken_by(number: int) -> tuple[StrEnum, ...]:
    """Run the bug's stories until one goes red: what it broke, the first first; nothing where all
    stayed green.
    """
    bug = BUGS[number]
    for seed in range(STORIES[bug.story]):
        with pytest.MonkeyPatch.context() as patch:
            bug.plant(patch)
            try:
                bug.story(seed)
            except InvariantBroken as broken:
                return tuple(violation.rule for violation in broken.violations)
    return ()


def is_caught(number: int) -> bool:
    bug, broken = BUGS[number], broken_by(number)
    return broken[:1] == (bug.breaks,) and (bug.also is None or bug.also in broken)


@pytest.mark.parametrize("number", range(len(BUGS)), ids=NAMES)
def test_a_planted_bug_breaks_the_very_invariant_that_stands_against_it(number: int) -> None:
    assert is_caught(number), broken_by(number)


def test_every_planted_bug_is_caught_and_every_invariant_has_one() -> None:
    caught = [number for number in range(len(BUGS)) if is_caught(number)]
    assert len(caught) == len(BUGS) >= 35
    assert {bug.breaks for bug in BUGS} | {bug.also for bug in BUGS} >= {*Rule, *TickRule}


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.__name__)
def test_the_same_stories_without_a_bug_are_green(story: Callable[[int], Counter[str]]) -> None:
    counts: Counter[str] = Counter()
    for seed in range(STORIES[story]):
        counts += story(seed)
    floors = FLOORS[story.__name__]
    assert all(counts[name] >= floor for name, floor in floors.items()), counts


FLOORS = {
    "account_story": {
        "events": 12_000,
        "brackets": 90,
        "margin long exit_stop": 20,
        "margin short exit_stop": 20,
        "spot long exit_stop": 30,
        "partial fills": 120,
        "told again": 40,
    },
    "tick_story": {
        "reports": 700,
        "entries": 150,
        "second attempts": 25,
        "duplicates": 150,
        "held leases": 50,
        "died": 60,
        "covered": 60,
    },
    "race": {"races": 30, "accepted": 60},
}
