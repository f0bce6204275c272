"""The checker itself: where it cuts, how wild its futures are, what it compares, and
what it tells.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from shared.core.types import Candles, Timeframe
from shared.exchanges.sandbox.generate import generate
from shared.market.candles import aggregate
from shared.market.candles import check_candle_rules as checked_candles
from shared.replay import check as checking
from shared.replay import replay
from shared.replay.check import Checked, check_look_ahead
from shared.replay.falsified import slope_candles, wild
from shared.replay.types import Inputs, Replayed
from shared.turn import pipeline
from tests.support import leaks

DAY, QUARTER = 86_400_000, 900_000
PERIOD = {"start_at": leaks.FIRST_AT, "end_at": leaks.FIRST_AT + DAY}


def told(*, fine: bool = False) -> Inputs:
    return leaks.inputs(leaks.honest, fine=fine, **PERIOD)


def run(
    replayed: Callable[[Inputs], Replayed] = replay, *, cuts: int = 4, fine: bool = False, **more
) -> Checked:
    return check_look_ahead(
        told(fine=fine),
        None,
        compute=leaks.honest,
        replay=replayed,
        cuts=cuts,
        **{"most_rows": 0, **more},
    )


def test_the_cuts_are_seeded_closes_of_the_period_and_half_of_them_led_to_entries() -> None:
    first, second, other = run(cuts=6), run(cuts=6), run(cuts=6, seed=8)
    assert first == second
    assert first.cuts != other.cuts
    assert len(set(first.cuts)) == 6
    assert list(first.cuts) == sorted(first.cuts)
    assert all(
        PERIOD["start_at"] < cut < PERIOD["end_at"] and cut % QUARTER == 0 for cut in first.cuts
    )
    decided = {entered.as_of for entered in replay(told()).entries}
    assert len(decided & set(first.cuts)) >= 3


def test_more_cuts_than_candles_are_all_candles() -> None:
    short = leaks.inputs(leaks.honest, start_at=leaks.FIRST_AT, end_at=leaks.FIRST_AT + 5 * QUARTER)
    assert len(check_look_ahead(short, None, compute=leaks.honest, cuts=50).cuts) == 4


def test_progress_is_told_from_nothing_to_all() -> None:
    shares: list[float] = []
    run(on_progress=shares.append, most_rows=100_000)
    assert shares[:5] == [0.0, 0.125, 0.25, 0.375, 0.5]
    assert shares == sorted(shares)
    assert shares[-1] == 1.0


def test_the_verdict_counts_what_was_compared() -> None:
    result = run(most_rows=10**9)
    assert result.has_passed
    line, rows = result.lines()
    assert "nothing looks ahead" in line
    assert "features" in line
    assert "at 4 cuts" in line
    assert (
        rows == "falsified the next candle after all 97 rows, and computed features and votes again"
    )


# wild futures


@pytest.mark.parametrize("timeframe", [Timeframe.M15, Timeframe.H4])
@pytest.mark.parametrize("seed", range(5))
def test_a_wild_future_keeps_the_past_every_rule_of_candles_and_the_open_at_the_cut(
    timeframe, seed
) -> None:
    candles = leaks.candles()[timeframe]
    cut = leaks.FIRST_AT + 7 * QUARTER * seed
    changed = checked_candles(wild(candles, cut, np.random.default_rng(seed)))
    known = len(candles.closed_by(cut))
    for name in ("open", "high", "low", "close", "volume"):
        assert np.array_equal(getattr(changed, name)[:known], getattr(candles, name)[:known])
    assert np.array_equal(changed.opened_at, candles.opened_at)
    kept = int(changed.open[known] == candles.open[known])
    assert kept == int(candles.opened_at[known] == cut)
    assert (changed.close[known:] != candles.close[known:]).all()
    assert (changed.high[known:] > 1.1 * candles.open[known]).all()
    assert (changed.low[known:] < 0.9 * candles.open[known]).all()
    real, other = (np.sign(part.close[known] - candles.open[known]) for part in (candles, changed))
    assert real != other


def test_where_nothing_comes_after_the_cut_nothing_changes() -> None:
    candles = leaks.candles()[Timeframe.M15]
    assert wild(candles, int(candles.closed_at[-1]), np.random.default_rng(1)) is candles


# differences, each planted where a replay could hide one


def altered(
    change: Callable[[Replayed, Inputs], Replayed], *, only_truncated: bool = False
) -> Callable[[Inputs], Replayed]:
    """A replay that tells something else as soon as its future is not the real one."""
    real = told().candles[Timeframe.M15].close

    def replayed(asked: Inputs) -> Replayed:
        done, close = replay(asked), asked.candles[Timeframe.M15].close
        truncated = asked.end_at < PERIOD["end_at"]
        perturbed = not np.array_equal(close, real[: len(close)])
        return change(done, asked) if truncated or (perturbed and not only_truncated) else done

    return replayed


def lost_first_entry(done: Replayed, asked: Inputs) -> Replayed:
    return replace(done, entries=done.entries[1:])


def another_stop(done: Replayed, asked: Inputs) -> Replayed:
    first = replace(done.entries[0], stop_price=done.entries[0].stop_price - 1)
    return replace(done, entries=(first, *done.entries[1:]))


def another_fill(done: Replayed, asked: Inputs) -> Replayed:
    return replace(
        done, fills=(replace(done.fills[0], price=done.fills[0].price + 1), *done.fills[1:])
    )


def another_trade(done: Replayed, asked: Inputs) -> Replayed:
    return replace(
        done,
        trades=(
            replace(done.trades[0], exit_price=done.trades[0].exit_price + 1),
            *done.trades[1:],
        ),
    )


def a_unit_of_equity(done: Replayed, asked: Inputs) -> Replayed:
    units = done.curve.equity_units.copy()
    units[3] += 1
    return replace(done, curve=replace(done.curve, equity_units=units))


def one_point_less(done: Replayed, asked: Inputs) -> Replayed:
    curve = done.curve
    shorter = {name: getattr(curve, name)[1:] for name in ("at", "equity_units", "close", "lots")}
    return replace(done, curve=type(curve)(**shorter))


@pytest.mark.parametrize(
    ("change", "kind", "name"),
    [
        (lost_first_entry, "entry", "intent"),
        (another_stop, "entry", "stop_price"),
        (another_fill, "fill", "price"),
        (another_trade, "trade", "exit_price"),
        (a_unit_of_equity, "equity", "equity_units"),
        (one_point_less, "equity", "points"),
    ],
)
def test_the_smallest_difference_in_what_had_happened_is_told(change, kind, name) -> None:
    result = run(altered(change))
    assert not result.has_passed
    first = next(difference for difference in result.differences if difference.kind == kind)
    assert name in first.name
    assert first.at <= first.cut_at
    assert {difference.way for difference in result.differences if difference.kind == kind} == {
        "truncated",
        "perturbed",
    }
    assert str(first) in result.lines()


def test_a_difference_that_shows_only_in_a_shorter_history_is_told_as_such() -> None:
    result = run(altered(another_fill, only_truncated=True))
    assert {difference.way for difference in result.differences} == {"truncated"}


def test_what_is_missing_or_extra_at_the_end_is_named_so() -> None:
    def one_more(done: Replayed, asked: Inputs) -> Replayed:
        last = replace(done.fills[-1], sequence=done.fills[-1].sequence + 1, at=leaks.FIRST_AT)
        return replace(
            done,
            fills=(
                tuple(sorted((*done.fills, last), key=lambda fill: fill.at)) if done.fills else ()
            ),
        )

    assert not run(altered(one_more)).has_passed

    def none(done: Replayed, asked: Inputs) -> Replayed:
        return replace(done, trades=())

    names = {
        difference.name
        for difference in run(altered(none)).differences
        if difference.kind == "trade"
    }
    assert names == {"missing"}


def test_only_the_first_differences_are_kept_and_each_says_how_many_there_are() -> None:
    result = check_look_ahead(
        leaks.inputs(leaks.unshifted_4h, **PERIOD), None, compute=leaks.unshifted_4h, cuts=12
    )
    assert len(result.differences) == 50
    assert all(difference.count >= 1 for difference in result.differences)
    first = result.differences[0]
    assert "truncated" in str(first)
    assert first.name in str(first)
    assert len(result.lines()) == 52


def test_other_columns_than_before_are_a_difference() -> None:
    def unpredicted(known, *, bundle, settings):
        return replace(leaks.honest(known, bundle=bundle, settings=settings), prediction=None)

    result = check_look_ahead(told(), None, compute=unpredicted, cuts=3)
    first = next(difference for difference in result.differences if difference.kind == "prediction")
    assert (first.name, first.without) == ("columns", "none")


def test_rows_that_the_model_was_not_asked_for_are_not_compared() -> None:
    """Stages may be computed for the rows that can lead to an entry; the whole and the cut ones
    need not agree on which.
    """
    whole = told()
    prediction = whole.stages.prediction
    assert prediction is not None
    unasked = np.isfinite(prediction.probabilities[:, 0]) & (
        prediction.as_of <= whole.start_at - DAY
    )
    shares = np.where(unasked[:, None], np.nan, prediction.probabilities)
    partly = replace(
        whole,
        stages=replace(
            whole.stages, prediction=replace(prediction, probabilities=shares, unasked=unasked)
        ),
    )
    fewer, all_rows = (
        check_look_ahead(inputs, None, compute=leaks.honest, cuts=3) for inputs in (partly, whole)
    )
    assert fewer.has_passed, fewer.lines()
    assert 0 < fewer.compared["predictions"] < all_rows.compared["predictions"]


def test_the_checker_changes_nothing_that_it_was_given() -> None:
    inputs = told(fine=True)
    before = {name: part.close.copy() for name, part in inputs.candles.items()}
    check_look_ahead(inputs, None, compute=leaks.honest, cuts=3)
    for name, close in before.items():
        assert np.array_equal(inputs.candles[name].close, close)
    assert isinstance(inputs.minutes, Candles)


def test_a_slow_column_of_few_answers_that_has_just_warmed_up_is_accused_of_nothing() -> None:
    """Thirty-some warm 4h rows of a breakout say the same by chance in one falsified market, never
    in three.
    """
    minutes = generate(start_ms=leaks.START, days=61, seed=3, edge_bp=0.0, maintenance=False)
    candles = {frame: aggregate(minutes, frame) for frame in (Timeframe.M15, Timeframe.H4)}
    stages = pipeline.stages(candles, bundle=None, settings=leaks.SETTINGS)
    slow = stages.features.column("breakout_330_4h")
    assert 0 < np.isfinite(slow[::16]).sum() < 60
    end_at = int(candles[Timeframe.M15].closed_at[-1])
    told = Inputs(
        candles=candles,
        stages=stages,
        settings=leaks.SETTINGS,
        start_at=end_at - DAY,
        end_at=end_at,
    )
    for seed in range(6):
        assert (
            checking._replaced_differences(told, None, pipeline.stages, np.random.default_rng(seed))
            == []
        )


def test_a_market_that_only_rises_or_falls_keeps_every_rule_of_candles() -> None:
    for candles in leaks.candles().values():
        up, down = (checked_candles(slope_candles(candles, rising=way)) for way in (True, False))
        assert (np.diff(up.close) > 0).all()
        assert (np.diff(down.close) < 0).all()
