"""What happens inside a candle: the six probes of the comparison with other engines, and every
other strict rule, by hand.

A long enters at 1,000,000 with a stop at 950,000 and a target at 1,100,000; a short is the same
market upside down. The book lies one yen on either side of the path, so what crosses pays one yen;
there are no other costs unless a test says so.
"""

from dataclasses import replace
from decimal import Decimal

import pytest

from shared.core.reasons import Reason
from shared.core.types import PairRules, Purpose, Side, Timeframe
from shared.replay import Replayed, replay
from tests.support.replay_worlds import (
    DAY,
    HOUR,
    MINUTE,
    START,
    WITHOUT_COSTS,
    Row,
    inputs,
    mirrored,
    settings,
)

ENTRY, STOP, TARGET = 1_000_000, 950_000, 1_100_000
ABOVE = ENTRY + 1  # where the path stands while the bid is at the entry's price
FILLS: Row = (ABOVE, ABOVE, ENTRY - 1, ABOVE)
"""Goes through the entry by a yen and comes back."""
CALM: Row = (ABOVE, ABOVE, ABOVE, ABOVE)
BOTH_SIDES = pytest.mark.parametrize("side", list(Side))
BOTH_PATHS = pytest.mark.parametrize("timeframe", [Timeframe.M1, Timeframe.M15])


def played(
    rows: list[Row], *, side: Side = Side.LONG, timeframe: Timeframe = Timeframe.M1, **more
) -> Replayed:
    return replay(
        inputs(
            rows if side is Side.LONG else mirrored(rows), timeframe=timeframe, sides=side, **more
        )
    )


def seen(price: int, side: Side) -> int:
    """A price as the long would have seen it."""
    return price if side is Side.LONG else 2 * ENTRY - price


def exits(done: Replayed, side: Side) -> list[tuple[Purpose, int]]:
    return [
        (fill.purpose, seen(fill.price, side))
        for fill in done.fills
        if fill.purpose is not Purpose.ENTRY
    ]


def stopped_at(price: int) -> list[tuple[Purpose, int]]:
    return [(Purpose.STOP, price - 1)]


# the six probes: where strict engines agree, and others flatter


@BOTH_PATHS
@BOTH_SIDES
@pytest.mark.parametrize(
    ("probe", "expected"),
    [
        pytest.param(
            [FILLS, (900_000, 970_000, 890_000, 960_000)],
            stopped_at(900_000),
            id="A open below the stop",
        ),
        pytest.param(
            [FILLS, (900_000, 940_000, 890_000, 910_000)],
            stopped_at(900_000),
            id="B whole candle below the stop",
        ),
        pytest.param(
            [FILLS, (960_000, 1_110_000, 940_000, 1_000_000)],
            stopped_at(STOP),
            id="C both, open nearer the stop",
        ),
        pytest.param(
            [FILLS, (1_090_000, 1_110_000, 940_000, 1_000_000)],
            stopped_at(STOP),
            id="C2 both, open nearer the target",
        ),
        pytest.param(
            [(ABOVE, ABOVE, 940_000, 960_000), CALM],
            stopped_at(STOP),
            id="D stop in the entry candle",
        ),
        pytest.param(
            [FILLS, (1_150_000, 1_160_000, 1_140_000, 1_150_000)],
            [(Purpose.TARGET, TARGET)],
            id="E open above target",
        ),
    ],
)
def test_the_six_probes_have_the_strict_answer(probe, expected, side, timeframe) -> None:
    done = played(probe, side=side, timeframe=timeframe)
    assert exits(done, side) == expected
    (entered,) = done.entries
    assert [
        seen(price, side) for price in (entered.price, entered.stop_price, entered.target_price)
    ] == [ENTRY, STOP, TARGET]
    assert entered.filled_lots == entered.lots > 0
    assert done.curve.lots[-1] == 0
    entry = done.fills[0]
    assert (seen(entry.price, side), entry.maker) == (
        (ENTRY, True) if timeframe is Timeframe.M1 else (ABOVE + 1, False)
    )


def test_spot_has_no_resting_target_and_a_jump_over_it_is_sold_once_the_path_confirms_the_book():
    configured = settings(WITHOUT_COSTS, {"account": "spot", "sides": "long"})
    done = played([FILLS, CALM, CALM, *[(1_150_000,) * 4] * 12], configured=configured)
    (sold,) = [fill for fill in done.fills if fill.purpose is Purpose.CLOSE]
    # The tick after the jump sees a book 15 % away from candle and path, and does not believe it;
    # the one after that does.
    assert (sold.price, sold.at) == (1_149_999, START + 6 * MINUTE + 10_000)
    assert done.trades[0].reason is Reason.EXIT_TARGET


def test_spot_sells_at_no_target_before_it_knows_that_the_stop_was_not_touched_on_the_way() -> None:
    configured = settings(WITHOUT_COSTS, {"account": "spot", "sides": "long"})
    wild = (
        ABOVE,
        TARGET,
        940_000,
        TARGET,
    )  # the minute before the tick: down through the stop, up to the target
    done = played([FILLS, CALM, wild, *[(1_150_000,) * 4] * 12], configured=configured)
    assert exits(done, Side.LONG) == stopped_at(STOP)


# the stop


@BOTH_SIDES
def test_a_stop_that_the_path_runs_through_fills_at_its_trigger(side) -> None:
    done = played([FILLS, (ABOVE, ABOVE, STOP, 960_000)], side=side)
    assert exits(done, side) == stopped_at(STOP)


@BOTH_SIDES
def test_a_stop_one_yen_away_is_not_reached(side) -> None:
    done = played([FILLS, (ABOVE, ABOVE, STOP + 1, 960_000)], side=side)
    assert exits(done, side) == []
    assert done.curve.lots[-1] == side.sign * done.entries[0].lots


@BOTH_PATHS
@BOTH_SIDES
def test_where_the_stop_is_reached_after_the_target_in_one_candle_the_stop_still_wins(
    side, timeframe
) -> None:
    done = played([FILLS, (1_099_000, 1_105_000, STOP, 1_099_000)], side=side, timeframe=timeframe)
    assert exits(done, side) == stopped_at(STOP)


@BOTH_SIDES
def test_a_target_candle_before_the_stop_candle_takes_the_profit(side) -> None:
    done = played([FILLS, (ABOVE, TARGET + 1, ABOVE, ABOVE), (900_000,) * 4], side=side)
    assert exits(done, side) == [(Purpose.TARGET, TARGET)]


# limits


@BOTH_PATHS
@BOTH_SIDES
def test_an_entry_is_not_filled_by_a_touch(side, timeframe) -> None:
    done = played([(ABOVE, ABOVE, ENTRY, ABOVE), *[CALM] * 4], side=side, timeframe=timeframe)
    assert done.fills == ()
    assert done.entries
    assert all(entered.filled_lots == 0 for entered in done.entries)


@BOTH_SIDES
def test_a_target_is_not_filled_by_a_touch(side) -> None:
    done = played([FILLS, (ABOVE, TARGET, ABOVE, ABOVE)], side=side)
    assert exits(done, side) == []


@BOTH_SIDES
def test_an_entry_fills_at_its_price_however_deep_the_path_went(side) -> None:
    done = played([(ABOVE, ABOVE, 960_000, 960_000), (960_000,) * 4], side=side)
    assert seen(done.fills[0].price, side) == ENTRY
    assert done.fills[0].maker


@BOTH_PATHS
@BOTH_SIDES
def test_the_candle_that_decided_fills_nothing(side, timeframe) -> None:
    """The signal's own candle went deep through what will be the limit; none after it does."""
    deep = (ABOVE, ABOVE, 960_000, ABOVE)
    quarters = 15 if timeframe is Timeframe.M1 else 1
    rows = [*[deep] * quarters, *[CALM] * (2 * quarters)]
    decided_at = START + 15 * MINUTE
    done = replay(
        inputs(
            rows if side is Side.LONG else mirrored(rows),
            timeframe=timeframe,
            sides={decided_at: side},
        )
    )
    assert done.fills == ()
    assert {entered.as_of for entered in done.entries} == {decided_at}
    assert all(entered.placed_at > decided_at for entered in done.entries)


@BOTH_SIDES
def test_the_same_depth_one_candle_later_fills(side) -> None:
    deep = (ABOVE, ABOVE, 960_000, ABOVE)
    rows = [*[CALM] * 15, *[deep] * 15]
    decided_at = START + 15 * MINUTE
    done = replay(inputs(rows if side is Side.LONG else mirrored(rows), sides={decided_at: side}))
    assert [fill.at for fill in done.fills] == [decided_at + 40_000]


@BOTH_SIDES
def test_nothing_fills_after_the_entry_has_left_the_market(side) -> None:
    """Placed 10 s after the close, in the market until 100 s after it; a second time three minutes
    later, and no third.
    """
    through = (ABOVE, ABOVE, ENTRY - 1, ABOVE)
    late = played([CALM, CALM, through, CALM, CALM, through, *[through] * 6], side=side)
    assert late.fills == ()
    assert [(entered.attempt, entered.placed_at) for entered in late.entries] == [
        (1, START + 10_000),
        (2, START + 3 * MINUTE + 10_000),
    ]
    second = played([CALM, CALM, CALM, through], side=side)
    assert [fill.at for fill in second.fills] == [START + 3 * MINUTE + 40_000]


# volume


@BOTH_SIDES
def test_a_minute_fills_no_more_than_its_share_of_the_volume_and_each_part_is_protected(
    side,
) -> None:
    thin = (ABOVE, ABOVE, ENTRY - 1, ABOVE, 0.0555)  # a fifth of 555 lots: 111
    configured = settings(WITHOUT_COSTS, {"paper": {"volume_share": 0.2}})
    done = played([thin, thin, (ABOVE, ABOVE, 940_000, 960_000)], side=side, configured=configured)
    (entered,) = done.entries
    assert [fill.lots for fill in done.fills] == [111, 111, 222]
    assert [fill.at for fill in done.fills[:2]] == [START + 40_000, START + 100_000]
    assert entered.lots > entered.filled_lots == 222
    assert exits(done, side) == stopped_at(STOP)
    assert done.counts["partial_entries"] == 1


@BOTH_SIDES
def test_a_target_is_filled_in_parts_where_little_is_traded(side) -> None:
    thin = (ABOVE, TARGET + 1, ABOVE, ABOVE, 0.5)  # 1,000 lots a minute
    configured = settings(WITHOUT_COSTS, {"paper": {"volume_share": 0.2}})
    done = played([FILLS, thin, thin, thin], side=side, configured=configured)
    lots = done.entries[0].lots
    assert [trade.lots for trade in done.trades] == [1_000, lots - 1_000]
    assert [trade.ends_position for trade in done.trades] == [False, True]


def test_a_minute_without_volume_fills_nothing() -> None:
    done = played([(ABOVE, ABOVE, ENTRY - 1, ABOVE, 0.0), *[CALM] * 14])
    assert done.fills == ()


# costs to 0.0001 yen, worked out by hand

DEAR = settings({"risk": {"stop_atr": 2.0, "target_atr": 4.0}})
DEFAULTS = PairRules()
ABOUT_5M: Row = (5_000_250, 5_000_250, 4_999_000, 5_000_250)
"""Half a spread of 0.01 % is 250 yen, so that the bid is 5,000,000."""


def test_a_stopped_long_costs_what_the_hand_says() -> None:
    done = replay(
        inputs(
            [ABOUT_5M, (4_920_000, 4_920_000, 4_890_000, 4_900_000)],
            configured=DEAR,
            rules=DEFAULTS,
        )
    )
    (trade,), (entered,) = done.trades, done.entries
    assert (entered.price, entered.stop_price, entered.target_price) == (
        5_000_000,
        4_900_000,
        5_200_000,
    )
    # a lot loses 10 + 0.7595 (fee, half spread and slippage of the stop) + 0.2 (interest) = 10.9595
    # yen: 10,000 / that
    assert trade.lots == 912
    # 4,900,000 - 245 (half a spread) - 2,450 (slippage)
    assert trade.exit_price == 4_897_305
    assert trade.gross_jpy == Decimal("-9365.7840")  # 102,695 x 0.0912
    assert trade.fees_jpy == Decimal("446.6342")  # nothing as maker; 0.1 % of 446,634.216
    assert trade.interest_jpy == Decimal("182.4000")  # 0.04 % of 456,000 for the day that has begun
    assert trade.slippage_jpy == Decimal("245.7840")  # 2,695 x 0.0912
    assert done.end_equity_jpy == Decimal("990005.1818")
    assert done.curve.equity_units[-1] == 9_900_051_818


def test_a_short_that_takes_its_profit_pays_maker_fees_and_two_days_of_interest() -> None:
    rules = replace(
        DEFAULTS, maker_fee_rate=Decimal("0.0002"), short_interest_rate_day=Decimal("0.0005")
    )
    about: Row = (4_999_750, 5_001_000, 4_999_750, 4_999_750)
    calm: Row = (4_999_750,) * 4
    rows = [about, *[calm] * (25 * 60), (4_900_000, 4_900_000, 4_799_000, 4_800_000)]
    configured = settings({"risk": {"stop_atr": 2.0, "target_atr": 4.0, "max_hold_candles": 120}})
    done = replay(inputs(rows, sides=Side.SHORT, configured=configured, rules=rules))
    (trade,), (entered,) = done.trades, done.entries
    assert (entered.price, entered.stop_price, entered.target_price) == (
        5_000_000,
        5_100_000,
        4_800_000,
    )
    # a lot loses 10 + 0.7905 (leaving) + 0.1 (maker's fee) + 0.5 (two days of interest) = 11.3905
    # yen
    assert trade.lots == 877
    assert trade.exit_price == 4_800_000
    assert trade.gross_jpy == Decimal("17540.0000")  # 200,000 x 0.0877
    assert trade.fees_jpy == Decimal("171.8920")  # 0.02 % of 438,500 and of 420,960
    assert trade.interest_jpy == Decimal("438.5000")  # 0.05 % of 438,500, twice
    assert done.end_equity_jpy == Decimal("1016929.6080")


def test_a_time_exit_crosses_the_book_and_pays_the_taker() -> None:
    configured = settings({"risk": {"stop_atr": 2.0, "target_atr": 4.0, "max_hold_candles": 2}})
    done = replay(
        inputs([ABOUT_5M, *[(5_000_250,) * 4] * 59], configured=configured, rules=DEFAULTS)
    )
    (trade,) = done.trades
    assert trade.reason is Reason.EXIT_TIME
    assert trade.closed_at == START + 30 * MINUTE + 10_000
    # the bid 5,000,000 x 0.9995, in whole yen to the worse side
    assert trade.exit_price == 4_997_500
    assert trade.gross_jpy == Decimal("-228.0000")  # 2,500 x 0.0912
    assert trade.fees_jpy == Decimal("455.7720")  # 0.1 % of 455,772
    assert trade.slippage_jpy == Decimal("250.8000")  # 2,750 below the middle x 0.0912
    assert done.end_equity_jpy == Decimal("999133.8280")


def test_spot_pays_coins_at_once_and_no_interest() -> None:
    configured = settings(
        {
            "account": "spot",
            "sides": "long",
            "risk": {"stop_atr": 2.0, "target_atr": 4.0},
            "replay": {"maker_fee_rate": 0.0012},
        }
    )
    flat = [(5_000_250,) * 4] * 14
    rows = [ABOUT_5M, *flat, *[(5_000_250,) * 4] * 15, (4_920_000, 4_920_000, 4_890_000, 4_900_000)]
    done = replay(inputs(rows, configured=configured, rules=DEFAULTS))
    (trade,) = done.trades
    # a lot loses 10 + 0.7595 + 0.6 (the maker's fee that the settings assume) = 11.3595 yen
    assert trade.lots == 880
    assert trade.fees_jpy == Decimal("958.9628")  # 0.12 % of 440,000 and 0.1 % of 430,962.84
    assert trade.interest_jpy == 0
    # 559,472 in cash (1,000,000 - 440,000 - 528), and 0.088 BTC at the path's 5,000,250
    assert done.curve.equity_units[done.curve.at == START + 15 * MINUTE].tolist() == [9_994_940_000]
    assert done.end_equity_jpy == Decimal("990003.8772")


def test_from_15m_candles_alone_an_entry_pays_for_crossing() -> None:
    done = replay(
        inputs(
            [ABOUT_5M, (4_920_000, 4_920_000, 4_890_000, 4_900_000)],
            timeframe=Timeframe.M15,
            configured=DEAR,
            rules=DEFAULTS,
        )
    )
    entry, trade = done.fills[0], done.trades[0]
    # the ask 5,000,500 x 1.0005 = 5,003,000.25, in whole yen to the worse side
    assert (entry.price, entry.maker, entry.fee_jpy) == (5_003_001, False, Decimal("456.2737"))
    assert trade.exit_price == 4_897_305
    assert "15m" in " ".join(done.notes)
    assert done.end_equity_jpy < Decimal("990005.1818")


def test_a_position_held_for_days_pays_each_started_day_and_the_curve_shows_it_when_it_starts():
    configured = settings(
        {"risk": {"stop_atr": 2.0, "target_atr": 4.0, "max_hold_candles": 96 * 4}}
    )
    done = replay(
        inputs(
            [ABOUT_5M, *[(5_000_250,) * 4] * (3 * 24 * 60)], configured=configured, rules=DEFAULTS
        )
    )
    lots = done.entries[0].lots
    day = 5_000_000 * lots * 4 // 10_000
    filled_at = done.fills[0].at
    held = done.curve.lots != 0
    for at, units in zip(
        done.curve.at[held].tolist(), done.curve.equity_units[held].tolist(), strict=True
    ):
        started = (at - filled_at) // DAY + 1
        assert units == 10_000_000_000 + 250 * lots - day * started, (at - START) / HOUR
    assert held.sum() > 280
