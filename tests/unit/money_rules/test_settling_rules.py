"""Where a walk begins and ends, which row is the next that matters, and who fills first at one
point of the path.
"""

from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest

from shared.core.types import Candles, Purpose, Side, Timeframe
from shared.exchanges.paper.fills import points, volume_lots
from shared.exchanges.paper.ledger import with_order
from shared.exchanges.paper.settling import next_due, settle_account, walk_points

T0 = 1_699_999_200_000
MINUTE = 60_000
LONG, SHORT = Side.LONG, Side.SHORT


def minutes(*rows, volume=100.0, first=0, timeframe=Timeframe.M1):
    """Rows of open, high, low, close and, where given, volume; row i opens `first + i` candles
    after T0.
    """
    table = np.array(
        [[*row[:4], row[4] if len(row) > 4 else volume] for row in rows], dtype=float
    ).reshape(len(rows), 5)
    return Candles(
        timeframe=timeframe,
        opened_at=np.array(
            [T0 + (first + row) * timeframe.ms for row in range(len(rows))], dtype=np.int64
        ),
        open=table[:, 0],
        high=table[:, 1],
        low=table[:, 2],
        close=table[:, 3],
        volume=table[:, 4],
    )


def flat(price, count, **more):
    return minutes(*[(price, price, price, price)] * count, **more)


def resting(made, *intents, at=T0 - MINUTE, **more):
    account = made.account(**more)
    for intent in intents:
        account, _ = with_order(account, intent, at)
    return account


def holding(made, *intents, lots=100, side=LONG, price=1000, **more):
    return replace(
        resting(made, *intents, **more),
        positions=(made.position(made.part(price, lots), side=side),),
    )


# where a walk begins and ends


def test_nothing_is_settled_twice_and_nothing_before_its_time(made):
    idle, waiting = made.account(), resting(made, made.entry(900))
    for until in (T0, T0 - MINUTE):
        assert settle_account(idle, flat(1000, 3), until) is idle
        assert settle_account(waiting, flat(800, 3), until) is waiting


def test_an_idle_account_only_moves_in_time(made):
    moved = settle_account(made.account(), flat(1000, 3), T0 + 5 * MINUTE)
    assert moved == replace(made.account(), settled_until=T0 + 5 * MINUTE)


@pytest.mark.parametrize(
    ("until", "settled_until", "last"), [(1, 1, 1001), (2, 2, 1002), (3, 3, 1003), (4, 3, 1003)]
)
def test_a_walk_ends_with_the_last_candle_that_has_closed_by_then(made, until, settled_until, last):
    path = minutes((1000, 1000, 1000, 1001), (1001, 1001, 1001, 1002), (1002, 1002, 1002, 1003))
    after = settle_account(resting(made, made.entry(900)), path, T0 + until * MINUTE)
    assert (after.settled_until, after.last_price) == (T0 + settled_until * MINUTE, last)


def test_a_candle_that_has_not_closed_fills_nothing(made):
    account = resting(made, made.entry(900))
    path = minutes((1000, 1000, 1000, 1000), (800, 800, 800, 800), (800, 800, 800, 800))
    assert settle_account(account, path, T0 + MINUTE).fills == ()
    assert settle_account(account, path, T0 + 2 * MINUTE - 1).fills == ()
    assert len(settle_account(account, path, T0 + 2 * MINUTE).fills) == 1


def test_candles_before_what_is_settled_are_passed_over(made):
    account = replace(resting(made, made.entry(900)), settled_until=T0 + 2 * MINUTE)
    path = minutes(
        (800, 800, 800, 800),
        (800, 800, 800, 800),
        (1000, 1000, 1000, 1000),
        (1000, 1000, 1000, 1000),
    )
    assert settle_account(account, path, T0 + 4 * MINUTE).fills == ()
    cheap = minutes(
        (1000, 1000, 1000, 1000),
        (1000, 1000, 1000, 1000),
        (800, 800, 800, 800),
        (1000, 1000, 1000, 1000),
    )
    assert [fill.at for fill in settle_account(account, cheap, T0 + 4 * MINUTE).fills] == [
        T0 + 2 * MINUTE
    ]


def test_the_mark_stays_where_the_account_became_idle(made):
    account = resting(made, made.entry(900, expires_at=T0 + MINUTE - 1))
    path = minutes((1000, 1000, 1000, 1001), (1002, 1002, 1002, 1002), (1003, 1003, 1003, 1003))
    after = settle_account(account, path, T0 + 3 * MINUTE)
    assert (after.is_idle, after.settled_until, after.last_price) == (True, T0 + 3 * MINUTE, 1001)


def test_every_candle_that_may_trade_is_shown_and_no_other(made):
    shown = []
    account = holding(made, made.stop(900), made.target(1100))
    path = minutes(
        (1000,) * 4,
        (1000,) * 4,
        (950, 1050, 950, 1000),
        (1000,) * 4,
        (1000, 1100, 1000, 1000),
        (1000,) * 4,
    )
    settle_account(
        account, path, T0 + 6 * MINUTE, walked=lambda account: shown.append(account.settled_until)
    )
    assert shown == []  # touched, not traded through, and the stop is far
    path = minutes(
        (1000,) * 4,
        (1000, 1101, 1000, 1000, 0.005),
        (1000,) * 4,
        (1000, 1101, 1000, 1000),
        (1000,) * 4,
    )
    after = settle_account(
        account, path, T0 + 5 * MINUTE, walked=lambda account: shown.append(account.settled_until)
    )
    assert shown == [T0 + 2 * MINUTE, T0 + 4 * MINUTE]
    assert [fill.lots for fill in after.fills] == [50, 50]


# the next row that matters


@pytest.mark.parametrize(
    ("make", "side", "low", "high", "due"),
    [
        ("entry", LONG, 899, 1000, True),
        ("entry", LONG, 900, 1000, False),
        ("entry", SHORT, 800, 901, True),
        ("entry", SHORT, 800, 900, False),
        ("target", LONG, 800, 901, True),
        ("target", LONG, 800, 900, False),
        ("target", SHORT, 899, 1000, True),
        ("target", SHORT, 900, 1000, False),
        ("stop", LONG, 900, 1000, True),
        ("stop", LONG, 901, 1000, False),
        ("stop", SHORT, 800, 900, True),
        ("stop", SHORT, 800, 899, False),
    ],
)
def test_a_row_is_due_where_its_range_lets_an_order_trade(made, make, side, low, high, due):
    account = resting(made, getattr(made, make)(900, side=side))
    path = minutes(*[(low, high, low, high)] * 3)
    assert next_due(account, path, 1, 3) == (1 if due else 3)


@pytest.mark.parametrize("side", [LONG, SHORT])
@pytest.mark.parametrize("make", ["entry", "target", "stop"])
def test_of_several_orders_the_nearest_counts(made, make, side):
    prices = (
        (800, 900, 850)
        if getattr(made, make)(1, side=side).is_buy is (make == "stop")
        else (900, 800, 850)
    )
    account = resting(
        made, *(getattr(made, make)(price, side=side, id=f"{price}") for price in prices)
    )
    near = prices[0]
    beyond = (
        near if make == "stop" else near + (-1 if getattr(made, make)(1, side=side).is_buy else 1)
    )
    path = minutes(
        (near, near, near, near) if make != "stop" else (850, 850, 850, 850),
        (beyond, beyond, beyond, beyond),
    )
    if make == "stop":
        path = minutes((beyond, beyond, beyond, beyond))
        assert next_due(account, path, 0, 1) == 0
    else:
        assert next_due(account, path, 0, 2) == 1


def test_without_orders_nothing_is_due(made):
    for price in (0, 1, 1000):
        assert next_due(made.account(), flat(price, 5), 2, 5) == 5


@pytest.mark.parametrize(
    ("ends_after", "due"),
    [
        (-1, 1),
        (0, 1),
        (MINUTE, 1),
        (2 * MINUTE - 1, 1),
        (2 * MINUTE, 2),
        (3 * MINUTE - 1, 2),
        (3 * MINUTE, 3),
    ],
)
def test_the_row_in_which_an_order_ends_is_due(made, ends_after, due):
    account = resting(made, made.entry(900, expires_at=T0 + ends_after), made.target(2000))
    assert next_due(account, flat(1000, 4), 1, 4) == due


def test_of_two_ends_the_earlier_counts(made):
    ends = [T0 + 3 * MINUTE, T0 + MINUTE, T0 + 2 * MINUTE]
    account = resting(made, *(made.entry(900, id=f"{at}", expires_at=at) for at in ends))
    assert next_due(account, flat(1000, 5), 0, 5) == 1


@pytest.mark.parametrize("hit", [0, 1, 62, 63, 64, 65, 318, 319, 320, 321, 399])
def test_a_row_is_found_however_far_away_it_is(made, hit):
    path = flat(1000, 400)
    path.low[hit] = 800.0
    account = resting(made, made.entry(900))
    assert next_due(account, path, 0, 400) == hit
    assert next_due(account, path, 0, hit) == hit
    assert next_due(account, path, 0, max(0, hit - 1)) == max(0, hit - 1)
    assert next_due(account, path, min(hit + 1, 399), 400) == 400 if hit < 399 else True


# one candle


def test_an_order_gets_no_more_than_the_candles_volume_and_the_next_gets_the_rest(made):
    account = resting(made, made.entry(900, 60, id="one"), made.entry(900, 60, id="two"))
    after = settle_account(account, minutes((1000, 1000, 899, 1000, 0.01)), T0 + MINUTE)
    assert [fill.lots for fill in after.fills] == [60, 40]
    assert [order.remaining_lots for order in after.orders] == [20]


def test_entries_and_targets_share_one_candles_volume(made):
    account = holding(made, made.target(1100, 100), made.entry(900, 80, id="more"))
    after = settle_account(account, minutes((1000, 1101, 890, 1000, 0.01)), T0 + MINUTE)
    assert [(fill.purpose, fill.lots) for fill in after.fills] == [(Purpose.TARGET, 100)]
    after = settle_account(account, minutes((1000, 1300, 899, 1000, 0.01)), T0 + MINUTE)
    assert [(fill.purpose, fill.lots) for fill in after.fills] == [
        (Purpose.ENTRY, 80),
        (Purpose.TARGET, 20),
    ]


def test_two_targets_share_what_is_held_and_what_the_candle_gives(made):
    account = holding(made, made.target(1100, 100, id="one"), made.target(1100, 100, id="two"))
    after = settle_account(account, minutes((1000, 1101, 1000, 1000, 0.015)), T0 + MINUTE)
    assert [fill.lots for fill in after.fills] == [100]
    account = holding(
        made, made.target(1100, 60, id="one"), made.target(1100, 60, id="two"), lots=120
    )
    after = settle_account(account, minutes((1000, 1101, 1000, 1000, 0.01)), T0 + MINUTE)
    assert [fill.lots for fill in after.fills] == [60, 40]


def test_a_flat_candle_without_volume_fills_no_limit_but_fires_a_stop(made):
    account = holding(made, made.target(1100), made.stop(900), made.entry(950, id="more"))
    after = settle_account(account, minutes((800, 800, 800, 800, 0.0)), T0 + MINUTE)
    assert [fill.purpose for fill in after.fills] == [Purpose.STOP]


@pytest.mark.parametrize(("placed_after", "fills"), [(-1, 1), (0, 0), (1, 0)])
def test_an_order_trades_only_at_points_after_its_placing(made, placed_after, fills):
    path = minutes((800, 1000, 800, 1000))
    entry = resting(made, made.entry(900), at=T0 + placed_after)
    assert [fill.at for fill in settle_account(entry, path, T0 + MINUTE).fills] == [
        T0 if fills else T0 + 20_000
    ]
    stop = holding(made, made.stop(900), at=T0 + placed_after)
    assert [fill.at for fill in settle_account(stop, path, T0 + MINUTE).fills] == [
        T0 if fills else T0 + 20_000
    ]
    target = holding(made, made.target(700), at=T0 + placed_after)
    assert [fill.at for fill in settle_account(target, path, T0 + MINUTE).fills] == [
        T0 if fills else T0 + 20_000
    ]


@pytest.mark.parametrize(
    ("side", "row"), [(LONG, (1000, 1200, 800, 1000)), (SHORT, (1000, 1250, 800, 1000))]
)
def test_where_stop_and_target_lie_in_one_candle_the_stop_wins(made, side, row):
    account = holding(
        made,
        made.stop(1000 - 100 * side.sign, side=side),
        made.target(1000 + 100 * side.sign, side=side),
        side=side,
    )
    assert [fill.purpose for fill in settle_account(account, minutes(row), T0 + MINUTE).fills] == [
        Purpose.STOP
    ]


def test_a_stop_of_the_other_side_and_one_that_comes_later_do_not_keep_a_target_from_filling(made):
    path = minutes((1000, 1150, 850, 1000))  # first up, then down
    other = holding(made, made.target(1100), made.stop(1160, side=SHORT, id="other"))
    assert [fill.purpose for fill in settle_account(other, path, T0 + MINUTE).fills] == [
        Purpose.TARGET
    ]
    both = holding(made, made.target(1100), made.stop(1140, side=SHORT, id="other"))
    assert [fill.purpose for fill in settle_account(both, path, T0 + MINUTE).fills] == [
        Purpose.TARGET
    ]
    account = holding(made, made.target(1100))
    late, _ = with_order(account, made.stop(900, id="late"), T0 + 45_000)
    assert [fill.purpose for fill in settle_account(late, path, T0 + MINUTE).fills] == [
        Purpose.TARGET
    ]


def test_a_stop_that_was_passed_before_its_placing_fires_at_the_worst_of_the_two_points(made):
    path = minutes((850, 900, 800, 880))
    account = holding(made, made.stop(890), at=T0 + 10_000)
    assert [(fill.at, fill.price) for fill in settle_account(account, path, T0 + MINUTE).fills] == [
        (T0 + 20_000, 799)
    ]


def test_a_stop_that_the_path_came_back_over_fires_at_its_trigger(made):
    """The point before counts, and not the open, which was beyond the trigger too."""
    path = minutes((850, 900, 700, 880))
    account = holding(made, made.stop(890), at=T0 + 10_000)
    assert [(fill.at, fill.price) for fill in settle_account(account, path, T0 + MINUTE).fills] == [
        (T0 + 40_000, 889)
    ]


def test_a_stop_that_is_born_at_a_point_is_live_at_it(made):
    """The price that carried the path through the entry has carried it beyond the stop, too."""
    account = resting(made, made.entry(900, stop_price=880))
    after = settle_account(account, minutes((1000, 1000, 870, 1000)), T0 + MINUTE)
    assert [(fill.purpose, fill.at) for fill in after.fills] == [
        (Purpose.ENTRY, T0 + 40_000),
        (Purpose.STOP, T0 + 40_000),
    ]


def test_a_stop_takes_only_what_is_held(made):
    account = holding(made, made.stop(900, 100), lots=60)
    after = settle_account(account, minutes((800, 800, 800, 800)), T0 + MINUTE)
    assert [fill.lots for fill in after.fills] == [60]
    assert after.is_idle
    smaller = holding(made, made.stop(900, 40), lots=60)
    assert [
        fill.lots
        for fill in settle_account(smaller, minutes((800, 800, 800, 800)), T0 + MINUTE).fills
    ] == [40]


def test_of_two_stops_each_closes_its_part_and_none_closes_what_is_not_held(made):
    account = holding(
        made,
        made.stop(900, 60, id="one"),
        made.stop(905, 60, id="two"),
        made.stop(910, 60, id="three"),
    )
    after = settle_account(account, minutes((800, 800, 800, 800)), T0 + MINUTE)
    assert [fill.lots for fill in after.fills] == [60, 40]


def test_a_stop_without_a_position_waits(made):
    account = resting(made, made.stop(900))
    assert settle_account(account, minutes((800, 800, 800, 800)), T0 + MINUTE).fills == ()


def test_a_stop_pays_for_its_crossing_and_says_how_much(made):
    costs = {"spread_rate": 0.002, "slippage_rate": 0.01, "volume_share": 1.0, "keep_trades": 10}
    account = holding(made, made.stop(900), costs=costs)
    done = settle_account(account, minutes((1000, 1000, 800, 1000)), T0 + MINUTE).fills[0]
    assert (done.price, done.maker, done.slippage_jpy) == (890, False, Decimal("0.10"))


@pytest.mark.parametrize(
    ("ends_after", "rests"), [(MINUTE - 1, 0), (MINUTE, 1), (59_000, 0), (-1, 0)]
)
def test_an_order_whose_end_has_passed_rests_no_longer(made, ends_after, rests):
    account = resting(made, made.entry(900, expires_at=T0 + ends_after), made.stop(1, id="other"))
    after = settle_account(account, flat(1000, 1), T0 + MINUTE)
    assert len(after.orders) == 1 + rests
    assert [order.intent.id for order in after.ended] == ["t.entry.1"] * (1 - rests)


@pytest.mark.parametrize(("ends_after", "fills"), [(19_999, 0), (20_000, 1), (20_001, 1)])
def test_an_order_fills_up_to_and_with_its_end(made, ends_after, fills):
    account = resting(made, made.entry(900, expires_at=T0 + ends_after))
    low_first = minutes((1000, 1300, 899, 1000))
    assert len(settle_account(account, low_first, T0 + MINUTE).fills) == fills


def test_two_entries_at_one_point_bring_two_stops_and_both_are_live_at_it(made):
    account = resting(
        made, made.entry(900, stop_price=880, id="one"), made.entry(900, stop_price=890, id="two")
    )
    after = settle_account(account, minutes((1000, 1000, 870, 1000)), T0 + MINUTE)
    assert [fill.purpose for fill in after.fills] == [Purpose.ENTRY] * 2 + [Purpose.STOP] * 2
    assert {fill.at for fill in after.fills} == {T0 + 40_000}


def test_stops_that_are_born_beyond_their_entries_trade_no_better_than_these(made):
    account = resting(
        made, made.entry(900, stop_price=960, id="one"), made.entry(910, stop_price=970, id="two")
    )
    after = settle_account(account, minutes((1000, 1000, 870, 1000)), T0 + MINUTE)
    assert [(fill.purpose, fill.price) for fill in after.fills[2:]] == [
        (Purpose.STOP, 899),
        (Purpose.STOP, 909),
    ]
    short = resting(made, made.entry(1100, side=SHORT, stop_price=1040, id="one"))
    after = settle_account(short, minutes((1000, 1130, 1000, 1000)), T0 + MINUTE)
    assert [fill.price for fill in after.fills] == [1100, 1101]


def test_a_stop_or_a_target_that_cannot_trade_yet_does_not_keep_the_next_from_it(made):
    account = holding(made, lots=100)
    account, _ = with_order(account, made.stop(900, 100, id="late"), T0 + 50_000)
    account, _ = with_order(account, made.stop(900, 60, id="live"), T0 - 1)
    assert [
        fill.lots
        for fill in settle_account(account, minutes((800, 1000, 800, 1000)), T0 + MINUTE).fills
    ] == [60]
    account = holding(made, lots=100)
    account, _ = with_order(account, made.target(1100, 100, id="late"), T0 + 50_000)
    account, _ = with_order(account, made.target(1100, 60, id="live"), T0 - 1)
    assert [
        fill.lots
        for fill in settle_account(account, minutes((1000, 1101, 1000, 1000)), T0 + MINUTE).fills
    ] == [60]


def test_each_order_is_filled_as_it_is_in_whatever_order_they_stand(made):
    account = holding(made, made.target(1100, 30, id="one"), made.target(1100, 50, id="two"))
    account = replace(account, orders=account.orders[::-1])
    after = settle_account(account, minutes((1000, 1101, 1000, 1000)), T0 + MINUTE)
    assert [(fill.order_id, fill.lots) for fill in after.fills] == [(2, 50), (1, 30)]


@pytest.mark.parametrize(("last", "filled"), [(None, 3), (0, 1), (1, 1), (2, 2), (3, 3), (4, 3)])
def test_a_walk_may_stop_after_the_candle_of_a_fill(made, last, filled):
    account = holding(
        made,
        made.target(1100, 30, id="a"),
        made.target(1200, 30, id="b"),
        made.target(1300, 30, id="c"),
    )
    path = minutes(
        (1000, 1101, 1000, 1000), (1000, 1201, 1000, 1000), (1000, 1301, 1000, 1000), (1000,) * 4
    )
    after = settle_account(account, path, T0 + 4 * MINUTE, last_fill=last)
    assert len(after.fills) == filled
    assert after.settled_until == T0 + (4 if filled == 3 and last in {None, 4} else filled) * MINUTE


def test_an_order_that_stands_behind_a_later_one_is_still_itself(made):
    account = holding(made, made.target(1100, 40), made.stop(500, 100))
    account = replace(account, orders=account.orders[::-1])
    assert [
        fill.price
        for fill in settle_account(account, minutes((1000, 1101, 1000, 1000)), T0 + MINUTE).fills
    ] == [1100]


# one candle in pieces


@pytest.mark.parametrize("cuts", [(4,), (1, 4), (2, 4), (1, 2, 3, 4), (0, 3, 3, 4)])
def test_a_candle_that_is_walked_in_pieces_ends_as_one_that_is_walked_whole(made, cuts):
    candle = minutes((1000, 1060, 940, 1000, 0.006))
    account = holding(
        made, made.entry(995, 30), made.stop(950), made.target(1050, 40), made.entry(970, 50)
    )
    path = points(candle, 0)
    budget = volume_lots(0.006, account.terms.costs.volume_share)
    whole, left = walk_points(account, path, 0, 4, budget=budget)
    assert whole.fills
    first = 0
    for end in cuts:
        account, budget = walk_points(account, path, first, end, budget=budget)
        first = end
    assert (account, budget) == (whole, left)


def test_a_target_waits_for_a_stop_that_comes_later_in_a_candle_that_is_known_whole(made):
    path = points(minutes((1000, 1060, 900, 1000)), 0)
    account = holding(made, made.stop(950), made.target(1050))
    assert [point.price for point in path] == [1000, 1060, 900, 1000]
    half, _ = walk_points(account, path, 0, 2, budget=1_000)
    assert half.fills == ()
    blind, _ = walk_points(account, path[:2], 0, 2, budget=1_000)
    assert len(blind.fills) == 1
