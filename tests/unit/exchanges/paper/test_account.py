"""The paper account: costs by hand to the yen, what it refuses, what a cancel means, and properties
over random paths.
"""

import random
from collections import Counter
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from shared.core.money import notional_jpy
from shared.core.reasons import Reason
from shared.core.types import Accepted, Counted, OrderKind, PairRules, Purpose, Rejected, Side
from shared.exchanges.paper import account as accounts
from shared.orders import booking
from tests.support.account_stories import Cuts, play

HOUR = 3_600_000


def settle(world, account, *rows, first=1):
    return accounts.settle_account(
        account, world.minutes(rows, first=first), world.t0 + (first + len(rows)) * world.minute
    )


# costs, worked out by hand


def test_a_stopped_margin_long_costs_what_the_hand_says(world):
    account = world.account(free=False, capital=1_000_000)
    intent = world.entry(5_000_000, 1000, stop_price=4_900_000, target_price=5_200_000)
    account = settle(
        world,
        world.resting(account, intent, 5_001_000),
        (5_001_000, 5_001_000, 4_999_000, 5_000_000),
    )
    assert account.cash_jpy == 1_000_000
    # 0.1 BTC at a mark of 4,950,000: -5,000; one started day of interest on 500,000: -200; the
    # maker's fee is 0
    assert accounts.equity(account, 4_950_000, world.t0 + HOUR) == Decimal("994800.0000")
    account = settle(world, account, (4_920_000, 4_920_000, 4_890_000, 4_900_000), first=2)
    (trade,) = account.trades
    # 4,900,000 - half a spread 245 - slippage 2,450 = 4,897,305
    assert trade.exit_price == 4_897_305
    assert trade.gross_jpy == Decimal("-10269.5000")
    assert trade.fees_jpy == Decimal("489.7305")
    assert trade.interest_jpy == Decimal("200.0000")
    assert trade.slippage_jpy == Decimal("269.5000")
    assert account.cash_jpy == Decimal("989040.7695") == 1_000_000 + trade.net_jpy
    assert account.is_idle


def test_a_short_that_takes_its_profit_after_25_hours_pays_two_days(world):
    account = world.account(free=False, capital=1_000_000)
    intent = world.entry(
        5_000_000, 1000, side=Side.SHORT, stop_price=5_100_000, target_price=4_900_000
    )
    account = settle(
        world,
        world.resting(account, intent, 4_999_000),
        (4_999_000, 5_001_000, 4_999_000, 5_000_000),
    )
    rows = [(5_000_000, 5_000_000, 5_000_000, 5_000_000)] * (25 * 60) + [
        (4_901_000, 4_901_000, 4_899_000, 4_900_000)
    ]
    account = settle(world, account, *rows, first=2)
    (trade,) = account.trades
    assert (trade.gross_jpy, trade.fees_jpy, trade.interest_jpy) == (
        Decimal(10_000),
        Decimal(0),
        Decimal(400),
    )
    assert account.cash_jpy == Decimal("1009600.0000")


def test_a_spot_round_trip_pays_coins_at_once_and_no_interest(world):
    rules = replace(
        PairRules(), maker_fee_rate=Decimal("-0.0002"), taker_fee_rate=Decimal("0.0012")
    )
    account = world.account("spot", free=False, capital=1_000_000, rules=rules)
    intent = world.entry(5_000_000, 1000, stop_price=4_900_000, target_price=5_200_000)
    account = world.resting(account, intent, 5_001_000, rules=rules)
    account = settle(world, account, (5_001_000, 5_001_000, 4_999_000, 5_000_000))
    assert account.cash_jpy == Decimal(500_100)  # the maker gets 100 yen back
    assert [order.intent.purpose for order in account.orders] == [Purpose.STOP]
    assert accounts.equity(account, 5_000_000, world.t0 + 48 * HOUR) == Decimal(1_000_100)
    sold, outcome = world.placed(
        account, world.close(1000), 5_000_000, world.t0 + HOUR, rules=rules
    )
    assert isinstance(outcome, Rejected)  # the stop locks the coins
    (stop,) = account.orders
    account, _ = accounts.cancel_order(account, stop, now_ms=world.t0 + HOUR)
    sold, outcome = world.placed(
        account, world.close(1000), 5_000_000, world.t0 + HOUR, rules=rules
    )
    # touch 4,999,999 x 0.9995 = 4,997,499.0005 -> 4,997,499; x 0.1 = 499,749.9; fee 0.12 % =
    # 599.6999 (rounded half even)
    assert isinstance(outcome, Accepted)
    assert outcome.fills[0].fee_jpy == Decimal("599.6999")
    assert sold.cash_jpy == Decimal(500100) + Decimal("499749.9") - Decimal("599.6999")
    assert sold.is_idle
    assert sold.trades[0].interest_jpy == 0


@pytest.mark.parametrize(
    ("hours", "days"), [(0, 1), (1, 1), (23.999, 1), (24, 2), (25, 2), (48, 3), (71.9, 3)]
)
def test_each_started_day_counts(hours, days):
    assert booking.days_started(1000, 1000 + int(hours * HOUR)) == days


def test_fees_of_an_opening_occur_at_once_and_are_collected_at_the_close(world):
    rules = replace(PairRules(), maker_fee_rate=Decimal("0.001"), taker_fee_rate=Decimal(0))
    account = world.account(rules=rules, capital=1_000_000)
    intent = world.entry(5_000_000, 999, stop_price=4_900_000, target_price=5_200_000)
    account = world.resting(account, intent, 5_001_000, rules=rules)
    account = settle(world, account, (5_001_000, 5_001_000, 4_999_000, 5_000_000))
    assert account.cash_jpy == 1_000_000
    assert accounts.equity(account, 5_000_000, world.t0) == 1_000_000 - Decimal("499.5") - Decimal(
        "199.8"
    )
    orders = account.orders
    for order in orders:
        account, _ = accounts.cancel_order(account, order, now_ms=world.t0 + HOUR)
    account, _ = world.placed(account, world.close(333), 5_000_000, world.t0 + HOUR, rules=rules)
    account, _ = world.placed(
        account, world.close(666, id="t.close.2"), 5_000_000, world.t0 + HOUR, rules=rules
    )
    assert sum(trade.fees_jpy for trade in account.trades) == Decimal("499.5")
    assert [trade.ends_position for trade in account.trades] == [False, True]
    assert account.cash_jpy == 1_000_000 + sum(trade.net_jpy for trade in account.trades)


def test_equity_without_a_mark_takes_the_entry_price(world):
    account = world.held(entry=1_000_000, stop=950_000, target=None)
    assert accounts.equity(account, None, world.t0) == accounts.equity(account, 1_000_000, world.t0)


# refusals


def refusal(outcome):
    assert isinstance(outcome, Rejected), outcome
    return outcome.reason, outcome.context.get("code")


def test_what_bitbank_refuses_is_refused(world):
    account = world.account(capital=1_000_000)
    no = {
        "price missing": (world.entry(None), {}, "30012"),
        "a stop that opens": (world.stop(900_000, purpose=Purpose.ENTRY), {}, "40200"),
        "post-only market": (world.close(post_only=True), {}, "40114"),
        "too large": (world.entry(990_000, 10_000_001), {}, "60003"),
        "nothing": (world.entry(990_000, 0), {}, "60004"),
        "below the minimum": (world.entry(990_000, 9), {"rules": PairRules(min_lots=10)}, "60004"),
        "pair disabled": (world.entry(990_000), {"rules": PairRules(enabled=False)}, "70017"),
        "circuit break": (
            world.close(),
            {"rules": PairRules(circuit_break_mode="CIRCUIT_BREAK")},
            "70020",
        ),
        "market suspended": (world.close(), {"rules": PairRules(market_orders=False)}, "70009"),
        "stops suspended": (world.stop(900_000), {"rules": PairRules(stop_orders=False)}, "70023"),
        "opening suspended": (
            world.entry(990_000),
            {"rules": PairRules(long_opens=False)},
            "70024",
        ),
        "nothing to close": (world.close(), {}, "50062"),
    }
    for name, (intent, more, code) in no.items():
        after, outcome = world.placed(account, intent, 1_000_000, **more)
        assert refusal(outcome) == (Reason.REJECTED_BY_EXCHANGE, code), name
        assert after is account
    spot = world.account("spot")
    assert (
        refusal(world.placed(spot, world.entry(1_100_000, side=Side.SHORT), 1_000_000)[1])[1]
        == "40164"
    )
    assert refusal(world.placed(spot, world.close(), 1_000_000)[1])[1] == "60001"


def test_post_only_that_would_trade_is_not_a_fill(world):
    account = world.account()
    for side, price in ((Side.LONG, 1_000_001), (Side.SHORT, 999_999)):
        after, outcome = world.placed(account, world.entry(price, side=side), 1_000_000)
        assert refusal(outcome)[0] is Reason.POST_ONLY_WOULD_CROSS
        assert after is account
        world.resting(account, world.entry(price - side.sign, side=side), 1_000_000)


def test_a_stop_whose_trigger_is_passed_is_refused_so_that_the_caller_closes(world):
    held = world.held(entry=1_000_000, stop=None, target=None)
    assert refusal(world.placed(held, world.stop(950_000), 950_000)[1])[1] == "60018"
    assert isinstance(world.placed(held, world.stop(950_000), 950_001)[1], Accepted)


def test_margin_reserves_what_rests_and_what_is_held(world):
    account = world.account(capital=1_000_000)
    # a ratio of 0.5 lets 1,000,000 yen open 2,000,000
    assert accounts.available_jpy(account, 1_000_000, world.t0) == 2_000_000
    assert (
        refusal(world.placed(account, world.entry(1_000_000, 20_001), 1_000_010)[1])[0]
        is Reason.MARGIN_INSUFFICIENT
    )
    account = world.resting(account, world.entry(1_000_000, 15_000), 1_000_010)
    assert accounts.available_jpy(account, 1_000_000, world.t0) == 500_000
    second = world.entry(1_000_000, 5_001, id="t.entry.2")
    assert refusal(world.placed(account, second, 1_000_010)[1]) == (
        Reason.MARGIN_INSUFFICIENT,
        "50061",
    )
    spot = world.resting(
        world.account("spot", capital=1_000_000), world.entry(1_000_000, 9_000), 1_000_010
    )
    second = world.entry(1_000_000, 1_001, id="t.entry.2")
    assert refusal(world.placed(spot, second, 1_000_010)[1]) == (
        Reason.MARGIN_INSUFFICIENT,
        "60001",
    )


@pytest.mark.parametrize("kind", ["margin", "spot"])
def test_an_order_that_crosses_must_afford_what_it_costs_and_not_only_the_touch(world, kind):
    account = world.account(kind, free=False, capital=1_000_000)
    book = world.book(1_000_000)
    rules = replace(PairRules(), margin_ratio=Decimal(1), taker_fee_rate=Decimal(0))
    market = world.entry(
        None, 10_000, kind=OrderKind.MARKET, post_only=False
    )  # at the touch 1,000,001 yen
    for lots, fits in ((9_994, True), (9_995, False)):  # at 1,000,502 yen with slippage
        after, outcome = accounts.place_order(
            account, replace(market, lots=lots), book=book, now_ms=world.t0, rules=rules
        )
        assert isinstance(outcome, Accepted) is fits, outcome
        assert after.cash_jpy >= 0
    if kind == "margin":  # a short that crosses sells above its limit: the larger amount counts
        short = world.entry(900_000, 10_001, side=Side.SHORT, post_only=False)
        fees = replace(
            account,
            terms=replace(
                account.terms, costs=replace(account.terms.costs, slippage_rate=Decimal(0))
            ),
        )
        assert (
            refusal(accounts.place_order(fees, short, book=book, now_ms=world.t0, rules=rules)[1])[
                1
            ]
            == "50061"
        )


def test_a_resting_order_must_afford_the_dearer_of_both_fees(world):
    account = world.account("spot", capital=100_000)
    rules = replace(PairRules(), taker_fee_rate=Decimal(0), maker_fee_rate=Decimal("0.001"))
    limit = world.entry(1_000_000, 1_000, post_only=False)
    assert (
        refusal(
            accounts.place_order(
                account, limit, book=world.book(1_000_100), now_ms=world.t0, rules=rules
            )[1]
        )[1]
        == "60001"
    )


def test_at_most_thirty_orders_live(world):
    account = world.account()
    for number in range(30):
        account = world.resting(
            account, world.entry(900_000 + number, 1, id=f"t.{number}"), 1_000_000
        )
    assert refusal(world.placed(account, world.entry(900_000, 1), 1_000_000)[1])[1] == "60011"


def test_closes_may_not_exceed_the_position_but_a_second_full_stop_may_stand(world):
    held = world.held(entry=1_000_000, stop=950_000, target=1_100_000)
    at = world.t0 + 61_000
    assert (
        refusal(world.placed(held, world.close(100), 1_000_000, at)[1])[1] == "50062"
    )  # stop and target hold it
    assert refusal(world.placed(held, world.stop(940_000, 101), 1_000_000, at)[1])[1] == "50062"
    assert refusal(world.placed(held, world.target(1_200_000), 1_000_000, at)[1])[1] == "50062"
    twice = world.resting(held, world.stop(940_000), 1_000_000, at)
    assert len(twice.orders) == 3
    fallen = settle(world, twice, (945_000, 945_000, 930_000, 935_000))
    assert [trade.lots for trade in fallen.trades] == [100]
    assert fallen.is_idle


def test_a_market_order_needs_a_price_from_somewhere(world):
    held = replace(world.held(entry=1_000_000, stop=None, target=None), last_price=None)
    after, outcome = accounts.place_order(
        held, world.close(), book=None, now_ms=world.t0 + 61_000, rules=world.rules
    )
    assert refusal(outcome)[0] is Reason.BOOK_MISSING
    assert after is held
    priced = replace(held, last_price=1_000_000)
    _, outcome = accounts.place_order(
        priced, world.close(), book=None, now_ms=world.t0 + 61_000, rules=world.rules
    )
    assert isinstance(outcome, Accepted)
    assert outcome.fills[0].price == 999_999
    blind = world.account()
    assert isinstance(
        accounts.place_order(
            blind, world.entry(990_000), book=None, now_ms=world.t0, rules=world.rules
        )[1],
        Accepted,
    )
    market = world.entry(None, kind=OrderKind.MARKET, post_only=False)
    assert (
        refusal(
            accounts.place_order(blind, market, book=None, now_ms=world.t0, rules=world.rules)[1]
        )[0]
        is Reason.BOOK_MISSING
    )


def test_a_market_entry_fills_at_once_and_carries_its_bracket(world):
    intent = world.entry(
        None, kind=OrderKind.MARKET, post_only=False, stop_price=950_000, target_price=1_100_000
    )
    after, outcome = world.placed(world.account(), intent, 1_000_000)
    assert isinstance(outcome, Accepted)
    assert [(fill.price, fill.maker) for fill in outcome.fills] == [(1_000_001, False)]
    assert [order.intent.purpose for order in after.orders] == ["stop", "target"]


def test_a_crossing_limit_trades_at_once_but_never_beyond_its_price(world):
    held = world.held(entry=1_000_000, stop=None, target=None)
    held = replace(held, terms=world.account(free=False).terms)
    at = world.t0 + 61_000
    limit = world.close(kind=OrderKind.LIMIT, price=990_000)
    _, outcome = world.placed(held, limit, 1_000_000, at)
    assert outcome.fills[0].price == 999_499  # 999,999 less 0.05 %
    tight = world.close(kind=OrderKind.LIMIT, price=999_900)
    _, outcome = world.placed(held, tight, 1_000_000, at)
    assert outcome.fills[0].price == 999_900
    resting, outcome = world.placed(
        held, world.close(kind=OrderKind.LIMIT, price=1_010_000), 1_000_000, at
    )
    assert outcome.fills == ()
    closed = settle(world, resting, (1_009_000, 1_009_000, 1_009_000, 1_009_000), (1_020_000,) * 4)
    assert closed.trades[0].exit_price == 1_010_000


def test_a_known_id_is_answered_as_the_first_time(world):
    account, first = world.placed(world.account(), world.entry(990_000), 1_000_000)
    again, second = world.placed(account, world.entry(990_000), 980_000)
    assert again is account
    assert first == second
    held = world.held(entry=1_000_000, stop=None, target=None)
    closed, first = world.placed(held, world.close(), 1_000_000, world.t0 + 61_000)
    again, second = world.placed(closed, world.close(), 900_000, world.t0 + 99_000)
    assert again is closed
    assert first == second
    assert len(second.fills) == 1


# cancels


def test_a_cancel_ends_a_life_now_and_the_path_before_still_counts(world):
    account = world.resting(world.account(), world.entry(1_000_000, stop_price=900_000), 1_010_000)
    (order,) = account.orders
    fills = world.minutes([(1_010_000, 1_010_000, 990_000, 1_005_000)])  # the low at second 40
    for canceled_at, lots in ((39_999, 0), (40_000, 100), (50_000, 100)):
        after, outcome = accounts.cancel_order(account, order, now_ms=world.t0 + canceled_at)
        assert isinstance(outcome, Accepted)
        after = accounts.settle_account(after, fills, world.t0 + world.minute)
        assert after.lots(Side.LONG) == lots
        assert not any(order.intent.is_opening for order in after.orders)


def test_canceling_twice_or_after_the_end_tells_the_order_as_it_ended(world):
    account = world.resting(world.account(), world.entry(1_000_000), 1_010_000)
    (order,) = account.orders
    once, outcome = accounts.cancel_order(account, order, now_ms=world.t0 + 5)
    twice, again = accounts.cancel_order(once, order, now_ms=world.t0 + 9)
    assert twice is once
    assert outcome == again
    settled = settle(world, once, (1_010_000,) * 4, first=0)
    assert accounts.cancel_order(settled, order, now_ms=world.t0 + HOUR)[1] == again
    assert refusal(accounts.cancel_order(world.account(), order, now_ms=world.t0)[1])[1] == "50009"


def test_an_ended_entry_shows_until_the_path_to_its_end_is_known_and_an_ended_close_does_not(world):
    account = world.resting(
        world.account(), world.entry(1_000_000, expires_at=world.t0 + 30_000), 1_010_000
    )
    assert len(accounts.holdings(account, None, world.t0 + 50_000).orders) == 1
    held = world.held(entry=1_000_000, stop=950_000, target=None)
    (stop,) = held.orders
    held, _ = accounts.cancel_order(held, stop, now_ms=world.t0 + 61_000)
    assert accounts.holdings(held, None, world.t0 + 61_000).orders == ()


def test_a_fill_before_the_cancel_of_its_stop_brings_a_stop_that_outlives_the_cancel(world):
    """The path up to a cancel is walked later: what it fills must not be covered by an order that
    is about to end.
    """
    account = world.resting(
        world.account(free=False), world.entry(1_000_000, stop_price=900_000), 1_010_000
    )
    account = settle(world, account, (1_001_000, 1_001_000, 999_000, 1_001_000, 0.002), first=0)
    assert account.lots(Side.LONG) == 4
    (stop,) = (order for order in account.orders if order.intent.kind is OrderKind.STOP)
    account, _ = accounts.cancel_order(account, stop, now_ms=world.t0 + 115_000)
    account = settle(world, account, (1_001_000, 1_001_000, 999_000, 1_001_000, 0.001))
    assert account.lots(Side.LONG) == 6
    assert [(order.intent.purpose, order.remaining_lots) for order in account.orders[1:]] == [
        ("stop", 2)
    ]


def test_the_end_of_a_position_ends_every_order_on_its_side(world):
    held = world.held(entry=1_000_000, stop=950_000, target=1_100_000)
    for order in held.orders:
        held, _ = accounts.cancel_order(held, order, now_ms=world.t0 + 61_000)
    closed, outcome = world.placed(
        held, world.close(reason=Reason.EXIT_TIME), 1_000_000, world.t0 + 61_000
    )
    assert isinstance(outcome, Accepted)
    assert closed.is_idle
    assert closed.trades[0].reason is Reason.EXIT_TIME


# the path in pieces


def test_holes_wait_for_the_path_and_an_idle_account_does_not(world):
    held = world.held(entry=1_000_000, stop=950_000, target=None)
    rows = [(990_000,) * 4] * 10
    waiting = accounts.settle_account(
        held, world.minutes(rows, first=1, holes=range(4, 10)), world.t0 + 11 * world.minute
    )
    assert waiting.settled_until == world.t0 + 5 * world.minute
    assert waiting.last_price == 990_000
    nothing = world.minutes([])
    assert accounts.settle_account(held, nothing, world.t0 + 11 * world.minute) == held
    idle = accounts.settle_account(world.account(), nothing, world.t0 + 11 * world.minute)
    assert idle.settled_until == world.t0 + 11 * world.minute
    assert accounts.settle_account(idle, nothing, world.t0) is idle


def test_an_order_on_a_long_idle_account_does_not_ask_for_the_idle_time(world):
    later = world.t0 + 30 * 24 * HOUR + 12_345
    account = world.resting(world.account(), world.entry(1_000_000), 1_010_000, later)
    assert account.settled_until == later - 12_345


WAYS: tuple[Cuts, ...] = ("minutes", "pieces", "whole")
STORIES = 400
FLOORS = {  # what 1,000 stories must have exercised
    "events": 40_000,
    "covered": 3_000,
    "protected": 500,
    "refusals": 1_500,
    "told again": 100,
    "cancels": 700,
    "partial fills": 300,
    "parts": 60,
    "brackets": 250,
    "interest days": 2,
    "open at the end": 120,
    "placed stop": 25,
    "stopped where it entered": 20,
    **{f"{held} entry fills": 150 for held in ("margin long", "margin short", "spot long")},
    **{f"{held} exit_stop": 50 for held in ("margin long", "margin short", "spot long")},
    **{f"{held} exit_time": 3 for held in ("margin long", "margin short", "spot long")},
    **{f"margin {side} exit_target": 30 for side in Side},
}


def exercised(counts, stories):
    """Whether the stories did enough of everything to be worth their green."""
    return {
        name: (counts[name], floor)
        for name, floor in FLOORS.items()
        if counts[name] < floor * stories / 1_000
    }


def test_every_event_of_every_story_keeps_every_invariant_however_it_is_cut():
    counts = Counter()
    for seed in range(STORIES):
        ends = {cuts: play(seed, cuts) for cuts in WAYS}
        assert ends["minutes"][0] == ends["pieces"][0] == ends["whole"][0], seed
        counts += ends["minutes"][1]
    assert exercised(counts, STORIES) == {}


@pytest.mark.full
def test_a_thousand_settings_with_ten_random_markets_each_keep_every_invariant():
    counts, settings = Counter(), set()
    for number in range(10_000):
        setting = 1_000_000 + number // 10
        ends = [play(number, cuts, setting=setting) for cuts in ("minutes", "whole")]
        assert ends[0][0] == ends[1][0], number
        settings.add(setting)
        counts += ends[0][1]
    assert len(settings) == 1_000
    assert exercised(counts, 10_000) == {}


@hypothesis_settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**63), setting=st.integers(0, 2**63))
def test_any_seed_settles_alike_in_pieces(seed, setting):
    ends = [play(seed, cuts, setting=setting)[0] for cuts in WAYS]
    assert ends[0] == ends[1] == ends[2]


def test_minute_by_minute_the_skipping_walk_equals_the_plain_one(world):
    """`settled` jumps over candles where nothing can happen; candle by candle it has nothing to
    jump over.
    """
    walked = 0
    for seed in range(100):
        rng = random.Random(seed)
        minutes = world.minutes(world.walk(rng, 300, step=60))
        entry = 1_000_000 - rng.randint(1, 200)
        intent = world.entry(entry, 100, stop_price=entry - 900, target_price=entry + 900)
        account = world.resting(world.account(free=False), intent, 1_000_000)
        whole = accounts.settle_account(account, minutes, world.t0 + 300 * world.minute)
        single = account
        audit = world.audit(account)
        for minute in range(301):
            before, single = (
                single,
                accounts.settle_account(single, minutes, world.t0 + minute * world.minute),
            )
            if seed % 3 == 0:
                audit.settled(before, single, minutes)
        assert whole == single
        walked += len(whole.trades)
    assert walked > 50


def test_equity_moves_only_with_a_price_a_fill_or_a_cost(world):
    """Between two minutes without a fill the change is the position times the price, less a started
    day of interest.
    """
    quiet = fills = 0
    for seed in range(75):
        rng = random.Random(seed)
        rows = world.walk(rng, 60)
        minutes = world.minutes(rows)
        entry = 1_000_000 - rng.randint(1, 200)
        side = rng.choice(list(Side))
        entry = 2_000_000 - entry if side is Side.SHORT else entry
        intent = world.entry(
            entry,
            100,
            side=side,
            stop_price=entry - side.sign * 900,
            target_price=entry + side.sign * 900,
        )
        account = world.resting(world.account(free=False), intent, 1_000_000)
        for minute in range(60):
            mark, at = int(minutes.close[minute]), world.t0 + (minute + 1) * world.minute
            before_mark = account.last_price or mark
            after = accounts.settle_account(account, minutes, at)
            change = accounts.equity(after, mark, at) - accounts.equity(account, before_mark, at)
            new = after.fills[len(account.fills) :]
            if not new:
                moved = sum(
                    notional_jpy((mark - before_mark) * held.side.sign, held.lots)
                    for held in account.positions
                )
                assert change == moved
                quiet += 1
            else:
                # what a fill can do: the distance between its price and the marks, fees, one day of
                # interest, slippage
                bound = sum(
                    notional_jpy(abs(fill.price - mark), fill.lots) + fill.fee_jpy for fill in new
                )
                bound += sum(
                    notional_jpy(abs(mark - before_mark), held.lots) for held in account.positions
                )
                bound += (
                    sum(notional_jpy(fill.price, fill.lots) for fill in new) * Decimal("0.0004") + 1
                )
                assert abs(change) <= bound
                fills += 1
            account = after
    assert quiet > 2_500
    assert fills > 75


def test_lists_stay_bounded(world):
    terms = replace(world.account().terms, keep_trades=5)
    account = replace(world.account(), terms=terms)
    for number in range(40):
        intent = world.entry(None, 10, kind=OrderKind.MARKET, post_only=False, id=f"{number}.entry")
        account, _ = world.placed(account, intent, 1_000_000, world.t0 + number)
        account, _ = world.placed(
            account, world.close(10, id=f"{number}.close"), 1_000_000, world.t0 + number
        )
        account = accounts.trim_account(account, Counted(trades=number + 1, fills=2 * number + 2))
    assert (len(account.trades), len(account.fills), len(account.ended)) == (5, 10, 20)
    assert account.trades[-1].sequence == 40
    assert account.fills[-1].sequence == 80
