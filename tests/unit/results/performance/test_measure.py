"""The whole: sums that reconcile, edges that have no number, the same numbers every time."""

import json
import math
import subprocess
import sys
import time
from dataclasses import replace
from decimal import Decimal

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.core.errors import BadData
from shared.core.money import UNITS_PER_JPY, ZERO
from shared.core.reasons import Reason
from shared.core.types import PairRules, Side
from shared.replay import replay
from shared.replay.types import Curve
from shared.results.performance import measure
from shared.results.performance.attribution import UNKNOWN, shares_of, split
from shared.results.performance.costs import mean_units
from shared.results.performance.positions import book_of
from shared.results.performance.series import equity_of
from tests.support import replay_worlds as worlds
from tests.support.made_replays import QUARTER, START, STRATEGIES, made_candles, made_replay

MIDNIGHT = START + 15 * 3_600_000


def with_equity(equity, *, start_at=START, **changes):
    """A replay without a trade whose equity goes this way, a value a candle."""
    units = np.array([round(value * UNITS_PER_JPY) for value in equity], dtype=np.int64)
    count = len(units)
    at = start_at + QUARTER * np.arange(count, dtype=np.int64)
    curve = Curve(
        at=at, equity_units=units, close=np.full(count, 1e7), lots=np.zeros(count, dtype=np.int64)
    )
    made = made_replay(days=1, trades=0, start_at=start_at)
    ends = {"start_equity_jpy": Decimal(equity[0]), "end_equity_jpy": Decimal(equity[-1])}
    return replace(made, curve=curve, start_at=start_at, end_at=int(at[-1]), **ends, **changes)


def numbers_in(told):
    if isinstance(told, dict):
        for value in told.values():
            yield from numbers_in(value)
    elif isinstance(told, list | tuple):
        for value in told:
            yield from numbers_in(value)
    elif isinstance(told, float):
        yield told


# sums


@settings(max_examples=12)
@given(
    seed=st.integers(0, 10_000),
    days=st.integers(2, 40),
    trades=st.integers(0, 60),
    held_at_end=st.booleans(),
    agreeing=st.booleans(),
)
def test_every_sum_reconciles_to_a_ten_thousandth_of_a_yen(
    seed, days, trades, held_at_end, agreeing
):
    replayed = made_replay(
        seed=seed, days=days, trades=trades, held_at_end=held_at_end, agreeing=agreeing
    )
    told = measure(replayed)
    costs = told.costs
    assert costs.net_jpy == costs.gross_jpy - costs.fees_jpy - costs.interest_jpy
    assert costs.net_jpy == sum((trade.net_jpy for trade in replayed.trades), ZERO)
    assert costs.gross_jpy == sum((trade.gross_jpy for trade in replayed.trades), ZERO)
    assert costs.slippage_jpy == sum((fill.slippage_jpy for fill in replayed.fills), ZERO)
    assert (
        costs.net_jpy + costs.unrealised_jpy == replayed.end_equity_jpy - replayed.start_equity_jpy
    )
    assert (costs.unrealised_jpy == 0) or told.positions.held_at_end
    for table in (told.by_side, told.by_reason, told.by_strategy):
        for name in ("gross_jpy", "fees_jpy", "interest_jpy", "net_jpy"):
            assert sum((getattr(row, name) for row in table), ZERO) == getattr(costs, name)
    for table in (told.by_side, told.by_reason):
        assert sum(row.positions for row in table) == told.positions.count
        assert sum(row.wins for row in table) == told.positions.wins
    assert sum(month.positions for month in told.months) == told.positions.count
    assert (
        sum((month.change_jpy for month in told.months), ZERO)
        == replayed.end_equity_jpy - replayed.start_equity_jpy
    )
    assert math.prod(1 + month.total for month in told.months) == pytest.approx(
        1 + told.returns.total
    )
    counted = told.positions
    assert counted.count == counted.wins + counted.losses + counted.even
    assert counted.parts == len(replayed.trades)


def test_what_was_reconciled_holds_every_kind_of_trade():
    replayed = made_replay()
    told = measure(replayed)
    assert {row.name for row in told.by_side} == {"long", "short"}
    assert {row.name for row in told.by_reason} == {"exit_stop", "exit_target", "exit_time"}
    assert {row.name for row in told.by_strategy} == set(STRATEGIES)
    assert told.positions.count == 60
    assert told.positions.parts > 60
    assert told.positions.with_r == 60
    assert len(told.months) == 5


# positions


def test_parts_of_one_position_count_as_one_by_their_sum():
    replayed = made_replay()
    parts = [one for one in book_of(replayed).closed if len(one.parts) > 1]
    assert len(parts) >= 5
    whole = sum(
        (
            trade.net_jpy
            for trade in replayed.trades
            if parts[0].opened_at <= trade.closed_at <= parts[0].closed_at
        ),
        ZERO,
    )
    assert whole == Decimal(parts[0].net_units) / UNITS_PER_JPY


def test_position_numbers_are_those_of_a_plain_count():
    replayed = made_replay(seed=5)
    told = measure(replayed).positions
    nets, running = [], ZERO
    for trade in replayed.trades:
        running += trade.net_jpy
        if trade.ends_position:
            nets.append(running)
            running = ZERO
    wins, losses = [net for net in nets if net > 0], [net for net in nets if net < 0]
    assert (told.count, told.wins, told.losses) == (len(nets), len(wins), len(losses))
    assert told.win_rate == pytest.approx(len(wins) / len(nets))
    assert told.profit_factor == pytest.approx(float(sum(wins) / -sum(losses)))
    assert told.expectancy_jpy == pytest.approx(sum(nets) / len(nets), abs=Decimal("0.0001"))
    assert told.average_loss_jpy == pytest.approx(sum(losses) / len(losses), abs=Decimal("0.0001"))
    assert (told.best_jpy, told.worst_jpy) == (max(nets), min(nets))
    text = "".join("L" if net < 0 else "w" for net in nets)
    assert told.longest_losing_streak == max(len(run) for run in text.split("w"))
    assert told.longest_winning_streak == max(len(run) for run in text.split("L"))


def test_r_is_the_result_as_a_multiple_of_what_was_risked():
    replayed = made_replay(seed=5)
    book = book_of(replayed)
    stopped = [one for one in book.closed if one.reason is Reason.EXIT_STOP and len(one.parts) == 1]
    assert len(stopped) >= 10
    for one in stopped:
        distance = (
            abs(float(one.parts[0].entry_price) - one.entered.stop_price) / one.parts[0].entry_price
        )
        assert distance == pytest.approx(0.008, rel=1e-3)
        assert -1.6 < one.r < -1.0, (
            "a stop costs its distance and a bit: spread, slippage, fees, interest"
        )
    assert measure(replayed).positions.expectancy_r == pytest.approx(
        sum(one.r for one in book.closed) / len(book.closed)
    )


def test_a_position_belongs_to_the_entry_that_was_filled_not_to_the_attempt_before():
    replayed = made_replay()
    second = [one for one in book_of(replayed).closed if one.entered.attempt == 2]
    assert len(second) >= 5
    assert all(one.entered.filled_lots > 0 and one.entered.side is one.side for one in second)


def test_without_entries_nothing_is_known_of_risk_and_strategies():
    replayed = made_replay(entries=())
    told = measure(replayed)
    assert told.positions.expectancy_r is None
    assert told.positions.with_r == 0
    assert [row.name for row in told.by_strategy] == [UNKNOWN]
    assert told.by_strategy[0].net_jpy == told.costs.net_jpy


@given(
    units=st.integers(-(10**12), 10**12),
    agreeing=st.dictionaries(st.sampled_from(STRATEGIES), st.floats(0, 1), min_size=1),
)
def test_a_result_is_shared_without_rest(units, agreeing):
    entered = replace(made_replay(days=1, trades=2).entries[0], agreeing=agreeing)
    shares = shares_of(entered)
    assert sum(shares.values()) == pytest.approx(1)
    assert sum(split(units, shares)) == units


def test_wins_alone_have_no_profit_factor_and_no_average_loss():
    replayed = made_replay()
    won = tuple(trade for trade in replayed.trades if trade.net_jpy > 0 and trade.ends_position)
    told = measure(replace(replayed, trades=won)).positions
    assert told.count == len(won) > 10
    assert told.profit_factor is None
    assert told.payoff is None
    assert told.average_loss_jpy is None
    assert told.longest_losing_streak == 0


# costs, exposure, buy and hold


def test_exposure_is_the_time_from_fill_to_fill():
    replayed = made_replay()
    told = measure(replayed).exposure
    closed = book_of(replayed).closed
    length = replayed.end_at - replayed.start_at
    assert told.held_share == pytest.approx(
        sum(one.closed_at - one.opened_at for one in closed) / length
    )
    assert told.held_share == pytest.approx(told.long_share + told.short_share)
    assert told.maker_share == pytest.approx(
        sum(fill.price * fill.lots for fill in replayed.fills if fill.maker)
        / float(told.turnover_jpy)
        / UNITS_PER_JPY
    )
    assert told.turnover == pytest.approx(
        float(told.turnover_jpy) / mean_units(equity_of(replayed)) * UNITS_PER_JPY
    )
    assert 0.5 < told.mean_leverage < told.max_leverage < 1.0


def test_a_position_that_is_still_open_is_valued_and_counted_as_held():
    replayed = made_replay(held_at_end=True)
    told = measure(replayed)
    assert told.positions.held_at_end
    assert told.positions.count == 59
    assert told.costs.unrealised_jpy != 0
    assert told.exposure.held_share > measure(made_replay()).exposure.held_share


def test_buy_and_hold_buys_whole_lots_at_the_first_close_pays_one_fee_and_stays():
    replayed = made_replay()
    told = measure(replayed).hold
    closes = made_candles().close
    assert (told.price, told.lots) == (10_000_000, 999)
    assert told.fee_jpy == Decimal("999.0000")
    expected = 1_000_000 - 999_000 - 999 + closes[-1] * 999 / UNITS_PER_JPY
    assert float(told.end_equity_jpy) == pytest.approx(expected, abs=1e-3)
    assert told.returns.total == pytest.approx(expected / 1_000_000 - 1)
    assert told.excess == pytest.approx(measure(replayed).returns.total - told.returns.total)
    peak = np.maximum.accumulate(np.concatenate(([1_000_000], 1 + closes * 999 / UNITS_PER_JPY)))
    assert told.drawdown.max_share == pytest.approx(
        float((1 - (1 + closes * 999 / UNITS_PER_JPY) / peak[1:]).max()), rel=1e-9
    )


def test_buy_and_hold_waits_for_the_first_price():
    replayed = with_equity([1e6] * 6)
    closes = np.array([0.0, 0.0, 5e6, 5e6, 6e6, 4e6])
    told = measure(replace(replayed, curve=replace(replayed.curve, close=closes))).hold
    assert (told.price, told.lots) == (5_000_000, 1998)
    assert told.fee_jpy == Decimal("999.0000")
    assert told.end_equity_jpy == 1_000_000 - 999 - 1_000_000 * 1998 // 10_000
    never = measure(replace(replayed, curve=replace(replayed.curve, close=closes * 0))).hold
    assert (never.price, never.lots, never.returns.total) == (None, 0, 0.0)
    gone = replace(replayed, curve=replace(replayed.curve, close=closes[::-1].copy()))
    with pytest.raises(BadData, match="close"):
        measure(gone)


def test_capital_below_one_lot_holds_money():
    told = measure(with_equity([900, 900, 910])).hold
    assert told.lots == 0
    assert told.returns.total == 0
    assert told.correlation is None


# a real replay


def test_a_real_replay_is_measured_and_reconciles():
    rows = [
        (price, price + 4_000, price - 4_000, price)
        for price in (1_000_000 + 1_500 * (minute % 97) for minute in range(3000))
    ]
    signals = {
        worlds.START + hour * worlds.HOUR: Side.LONG if hour % 3 else Side.SHORT
        for hour in range(0, 48, 2)
    }
    configured = worlds.settings({"capital_jpy": 1_000_000})
    inputs = worlds.inputs(
        rows, sides=signals, atr_jpy=30_000, configured=configured, rules=PairRules()
    )
    replayed = replay(inputs)
    told = measure(replayed)
    assert told.positions.count >= 10
    assert (
        told.costs.net_jpy + told.costs.unrealised_jpy
        == replayed.end_equity_jpy - replayed.start_equity_jpy
    )
    assert sum((row.net_jpy for row in told.by_strategy), ZERO) == told.costs.net_jpy
    assert {row.name for row in told.by_strategy} == {"hand"}
    assert told.positions.with_r == told.positions.count
    assert 0 < told.exposure.held_share < 1
    assert told.hold.lots > 0


# significance


def test_more_trials_deflate_and_their_variance_is_told_as_assumed_until_it_is_known():
    replayed = made_replay(seed=3)
    alone, tried, known = (
        measure(replayed).significance,
        measure(replayed, trials=50).significance,
        measure(replayed, trials=50, trial_sharpes=[0.1, 0.4, -0.3, 0.2]).significance,
    )
    assert alone.expected_maximum_sharpe == 0
    assert (
        alone.deflated
        == alone.above_zero
        == min(alone.estimated.above_zero, alone.hypothesised.above_zero)
    )
    assert tried.deflated < alone.deflated
    assert tried.trials_variance_assumed
    assert tried.trials_variance == pytest.approx(365 / (tried.days - 1))
    assert not known.trials_variance_assumed
    assert known.trials_variance == pytest.approx(np.var([0.1, 0.4, -0.3, 0.2], ddof=1))
    assert tried.deflated < known.deflated < alone.deflated


def test_sharpes_of_more_trials_than_were_counted_count_themselves():
    assert (
        measure(
            made_replay(days=9, trades=5), trials=1, trial_sharpes=[0.1, 0.2, 0.3]
        ).significance.trials
        == 3
    )


@pytest.mark.parametrize("spoiled", [{"trials": 0}, {"trial_sharpes": [0.1, math.nan]}])
def test_trials_that_cannot_be_are_refused(spoiled):
    with pytest.raises(BadData):
        measure(made_replay(days=9, trades=5), **spoiled)


# edges


EDGES = {
    "no trades": lambda: made_replay(days=30, trades=0),
    "one trade": lambda: made_replay(days=30, trades=1),
    "one day": lambda: made_replay(days=1, trades=3),
    "one day of Japan": lambda: with_equity([1e6 + step for step in range(90)], start_at=MIDNIGHT),
    "one point": lambda: with_equity([1e6]),
    "constant": lambda: with_equity([1e6] * 3000),
    "to nothing": lambda: with_equity([*np.linspace(1e6, 0, 2000).round(), *[0.0] * 500]),
    "below nothing": lambda: with_equity(np.linspace(1e6, -3e5, 2000).round()),
    "never recovered": lambda: with_equity([1e6, *np.linspace(2e6, 1e6, 2000).round()]),
    "constant growth": lambda: with_equity(
        [1e6 * 1.01 ** (max(0, (row - 60)) // 96) for row in range(960)]
    ),
    "no curve": lambda: replace(
        made_replay(days=1, trades=0),
        curve=Curve(
            **{name: np.empty(0, np.int64) for name in ("at", "equity_units", "lots")},
            close=np.empty(0),
        ),
    ),
}


@pytest.mark.parametrize("edge", EDGES)
def test_at_every_edge_numbers_are_finite_or_none_and_become_json(edge):
    told = msgspec.to_builtins(measure(EDGES[edge](), trials=5))
    seen = list(numbers_in(told))
    assert len(seen) > 3
    assert all(math.isfinite(number) for number in seen)
    assert (
        json.loads(json.dumps(told, allow_nan=False))["returns"]["total"]
        == told["returns"]["total"]
    )


def test_without_a_trade_there_is_nothing_to_average():
    told = measure(EDGES["no trades"]())
    assert told.returns.total == 0
    assert told.returns.sharpe is None
    assert told.returns.sortino is None
    assert told.drawdown.calmar is None
    assert told.positions.win_rate is None
    assert told.positions.expectancy_jpy is None
    assert told.exposure.held_share == 0
    assert told.exposure.maker_share is None
    assert told.exposure.mean_leverage is None
    assert told.significance.deflated is None
    assert told.significance.bootstrap.sharpe is None
    assert told.by_side == told.by_reason == told.by_strategy == ()


def test_a_ruined_account_has_a_total_and_a_drawdown_but_no_growth():
    ruined, indebted = measure(EDGES["to nothing"]()), measure(EDGES["below nothing"]())
    assert (ruined.returns.total, indebted.returns.total) == (-1.0, -1.3)
    for told in (ruined, indebted):
        assert told.returns.annual is None
        assert told.returns.sharpe is None
        assert told.drawdown.calmar is None
        assert told.drawdown.deepest.recovered_at is None
    assert ruined.drawdown.max_share == 1.0
    assert indebted.drawdown.max_share == pytest.approx(1.3)


def test_a_drawdown_that_never_recovered_lasts_to_the_end():
    replayed = EDGES["never recovered"]()
    told = measure(replayed).drawdown.deepest
    assert told.recovered_at is None
    assert told.peak_at + told.length_ms == replayed.end_at


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"start_equity_jpy": Decimal(999_999)}, "start equity"),
        ({"end_equity_jpy": Decimal(1)}, "end equity"),
    ],
)
def test_a_curve_that_contradicts_the_account_is_refused(changes, said):
    with pytest.raises(BadData, match=said):
        measure(made_replay(days=2, trades=1, **changes))


def test_a_curve_out_of_order_or_without_a_close_is_refused():
    replayed = made_replay(days=2, trades=0)
    with pytest.raises(BadData, match="ascending"):
        measure(replace(replayed, curve=replace(replayed.curve, at=replayed.curve.at[::-1])))
    with pytest.raises(BadData, match="close"):
        measure(
            replace(replayed, curve=replace(replayed.curve, close=replayed.curve.close * math.nan))
        )


def test_a_value_after_the_last_candle_is_the_last_of_the_series():
    replayed = with_equity([1e6, 1.1e6, 1.2e6])
    told = measure(
        replace(replayed, end_at=replayed.end_at + 60_000, end_equity_jpy=Decimal(1_250_000))
    )
    assert told.returns.total == pytest.approx(0.25)


# the same, fast, light


def test_the_same_replay_gives_the_same_numbers_in_another_process():
    told = msgspec.json.encode(measure(made_replay(days=20, trades=10), trials=3)).decode()
    code = (
        "import msgspec; from tests.support.made_replays import made_replay; from"
        " shared.results.performance import"
        " measure;print(msgspec.json.encode(measure(made_replay(days=20, trades=10),"
        " trials=3)).decode())"
    )
    again = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert again.stdout.strip() == told


def test_importing_it_loads_no_heavy_library():
    heavy = {
        "pandas",
        "scipy",
        "matplotlib",
        "plotly",
        "sklearn",
        "pyarrow",
        "lightgbm",
        "xgboost",
        "ccxt",
    }
    code = f"import sys, shared.results.performance; print(sorted({heavy!r} & set(sys.modules)))"
    told = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert told.stdout.strip() == "[]"


def test_a_year_with_a_thousand_positions_takes_a_moment():
    replayed = made_replay(days=365, trades=1000)
    assert len(replayed.curve.at) == 35_041
    begun = time.process_time()
    told = measure(replayed)
    assert told.positions.count == 1000
    assert (
        time.process_time() - begun < 10.0
    )  # a tenth of a second where nothing is quadratic; no machine is that slow
