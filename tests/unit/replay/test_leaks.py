"""Every known way to look ahead is caught, and the honest configuration raises no alarm.

The eight probes of the comparison with other checkers, each built as it is found in the wild, and
some of their relatives. Only a model that was trained on the period and loaded from disk is
invisible to a replay without its future: its manifest tells.
"""

from functools import cache

import numpy as np
import pytest

from shared.core.types import Timeframe
from shared.model.bundle import Bundle, load_bundle
from shared.model.registry import BundleRegistry
from shared.model.signing import public_of
from shared.replay.check import Checked, check_look_ahead
from shared.replay.types import Inputs
from shared.stores.local.folder import FolderBucket
from shared.turn import pipeline
from tests.support import leaks, made_trainings

DAY, QUARTER = 86_400_000, 900_000
PERIOD = {"start_at": leaks.FIRST_AT, "end_at": leaks.FIRST_AT + 2 * DAY}


@cache
def checked(compute: leaks.Compute, *, fine: bool = False) -> Checked:
    return check_look_ahead(
        leaks.inputs(compute, fine=fine, **PERIOD), None, compute=compute, cuts=6, most_rows=0
    )


def found(result: Checked) -> set[str]:
    return {f"{difference.kind} {difference.name}" for difference in result.differences}


# 1. no false alarm


@pytest.mark.parametrize("fine", [False, True], ids=["15m", "1m"])
def test_an_honest_configuration_raises_no_alarm(fine, full) -> None:
    cuts = 40 if full else 8
    told = leaks.inputs(leaks.honest, fine=fine, **({} if full else PERIOD))
    result = check_look_ahead(
        told, None, compute=leaks.honest, cuts=cuts, most_rows=10**9 if full else 0
    )
    assert result.has_passed, result.lines()
    assert len(result.cuts) == cuts
    compared = result.compared
    assert compared["features"] > 1_200_000
    assert compared["votes"] > 200_000
    assert compared["predictions"] > 40_000
    assert min(compared["entries"], compared["fills"], compared["trades"]) > 200
    assert compared["points"] > 1_000


def test_the_real_pipeline_with_a_real_model_raises_no_alarm_after_its_training() -> None:
    bundle, told = from_disk_of(trained(until_days=66)), later_days()
    result = check_look_ahead(told(bundle), bundle, cuts=5)
    assert result.has_passed, result.lines()
    assert result.notes == ()
    assert result.compared["predictions"] > 1_000


# 2 to 6. features, strategies and models that read what comes after a row


@pytest.mark.parametrize(
    ("leak", "told"),
    [
        pytest.param(leaks.next_return, "feature returns_4", id="2 a future shift"),
        pytest.param(leaks.full_sample_zscore, "feature zscore", id="3 a full-sample z-score"),
        pytest.param(leaks.unshifted_4h, "feature rsi_14_4h", id="4 an unshifted higher timeframe"),
        pytest.param(leaks.centred_rolling, "feature close_to_ema_20", id="5 centred rolling"),
        pytest.param(
            leaks.fitted_on_everything,
            "prediction p_upper",
            id="6 a model fitted on the whole frame",
        ),
        pytest.param(
            leaks.seeing_head, "prediction volatility", id="a forecast that is the future"
        ),
        pytest.param(
            leaks.seeing_veto, "prediction p_vote", id="a veto that knows the next candle"
        ),
        pytest.param(leaks.back_filled, "feature volume_ratio", id="back-filled values"),
        pytest.param(
            leaks.voter_who_waits, "vote atr_based side", id="a strategy that takes its vote back"
        ),
        pytest.param(
            leaks.best_confidence, "consensus strength", id="confidence scaled to the best ever"
        ),
    ],
)
def test_a_leaking_stage_is_caught_by_its_name(leak, told) -> None:
    result = checked(leak)
    assert not result.has_passed
    assert told in found(result), result.lines()
    ways = {
        difference.way
        for difference in result.differences
        if f"{difference.kind} {difference.name}" == told
    }
    assert "perturbed" in ways
    assert not result.refused


def test_what_is_not_touched_by_the_leak_is_not_accused() -> None:
    accused = found(checked(leaks.centred_rolling))
    assert {name for name in accused if name.startswith("feature")} == {"feature close_to_ema_20"}
    assert not {
        name
        for name in found(checked(leaks.fitted_on_everything))
        if name.startswith(("feature", "vote"))
    }


def test_the_unclosed_4h_candle_accuses_the_4h_columns_only() -> None:
    accused = {name for name in found(checked(leaks.unshifted_4h)) if name.startswith("feature")}
    assert len(accused) >= 15
    assert all(name.endswith("_4h") for name in accused)


# 7. callbacks


@pytest.mark.parametrize("ahead_ms", [QUARTER, DAY], ids=["one candle", "a day"])
@pytest.mark.parametrize("fine", [False, True], ids=["15m", "1m"])
@pytest.mark.parametrize("callback", [leaks.peeking_stop, leaks.peeking_entry])
def test_a_callback_that_peeks_is_caught(callback, fine, ahead_ms) -> None:
    told = leaks.inputs(leaks.honest, fine=fine, **PERIOD)
    result = check_look_ahead(
        told,
        None,
        compute=leaks.honest,
        replay=leaks.with_callback(callback, ahead_ms),
        cuts=6,
        most_rows=0,
    )
    assert not result.has_passed
    kinds = {difference.kind for difference in result.differences}
    assert "entry" in kinds, result.lines()
    assert not kinds & {"feature", "vote", "consensus", "prediction"}


def test_an_exit_that_peeks_is_caught_where_it_happens_and_in_what_each_tick_decided() -> None:
    told = leaks.inputs(
        leaks.honest, every_tick=True, start_at=leaks.FIRST_AT, end_at=leaks.FIRST_AT + DAY
    )
    result = check_look_ahead(
        told,
        None,
        compute=leaks.honest,
        replay=leaks.with_callback(leaks.peeking_exit, QUARTER),
        cuts=8,
        most_rows=0,
    )
    assert not result.has_passed
    kinds = {difference.kind for difference in result.differences}
    assert {"tick", "fill"} <= kinds, result.lines()
    honest = check_look_ahead(told, None, compute=leaks.honest, cuts=4)
    assert honest.has_passed, honest.lines()
    assert honest.compared["ticks"] > 250


# 8. the model from disk


@cache
def trained(*, until_days: int):
    candles = made_trainings.market(75, seed=3, edge_bp=8.0)
    return made_trainings.train(
        candles,
        made_trainings.small_settings(45),
        as_of=made_trainings.START_AT + until_days * DAY,
        seed=7,
        commit=made_trainings.COMMIT,
        signing_key=made_trainings.SIGNING_KEY,
    )


def from_disk_of(training) -> Bundle:
    return load_bundle(
        training.files,
        public_keys=(public_of(made_trainings.SIGNING_KEY),),
        version=training.version,
    )


def later_days():
    candles = made_trainings.market(75, seed=3, edge_bp=8.0)

    def told(bundle: Bundle) -> Inputs:
        return Inputs(
            candles=candles,
            stages=pipeline.stages(candles, bundle=bundle, settings=leaks.SETTINGS),
            settings=leaks.SETTINGS,
            start_at=made_trainings.START_AT + 70 * DAY,
            end_at=made_trainings.START_AT + 73 * DAY,
        )

    return told


def test_a_model_that_was_trained_on_the_whole_period_and_loaded_from_disk_is_refused(
    tmp_path,
) -> None:
    training = trained(until_days=75)
    BundleRegistry(FolderBucket(tmp_path)).publish(training.version, training.files)
    files = BundleRegistry(FolderBucket(tmp_path)).files(training.version)
    bundle = load_bundle(
        files, public_keys=(public_of(made_trainings.SIGNING_KEY),), version=training.version
    )
    told = later_days()(bundle)
    result = check_look_ahead(told, bundle, cuts=3)
    assert not result.has_passed
    assert "knows 288 of the 288 candles" in result.refused
    assert "begin at 2025-03-17" in result.remedy
    assert (
        result.differences == ()
    )  # nothing in a replay can tell: the model says the same with and without its future
    allowed = check_look_ahead(told, bundle, cuts=3, inside_training=True)
    assert allowed.has_passed
    assert allowed.notes[0].startswith("INSIDE TRAINING")
    assert allowed.notes[0] in allowed.lines()


# what no other checker looks for: stages that do not read what they are given


def test_stages_that_were_kept_from_the_whole_history_are_caught() -> None:
    whole = leaks.honest(leaks.candles(), bundle=None, settings=leaks.SETTINGS)

    def kept(known, *, bundle, settings):
        del known, bundle, settings
        return whole

    result = checked(kept)
    assert not result.has_passed
    assert "feature as_of" in found(result)


def test_a_column_from_a_copy_of_its_own_is_caught_although_its_past_never_changes() -> None:
    whole = leaks.honest(leaks.candles(), bundle=None, settings=leaks.SETTINGS)

    def copied(known, *, bundle, settings):
        done = leaks.honest(known, bundle=bundle, settings=settings)
        rows = len(known[Timeframe.M15])
        return leaks.staged(
            leaks.with_column(
                done.features, "returns_96", whole.features.column("returns_96")[:rows]
            ),
            settings,
        )

    result = checked(copied)
    assert found(result) == {"feature returns_96"}
    assert {difference.way for difference in result.differences} == {"replaced"}


def test_a_slow_column_that_says_nothing_of_the_last_days_is_no_false_alarm() -> None:
    def slow(known, *, bundle, settings):
        done = leaks.honest(known, bundle=bundle, settings=settings)
        lows = known[Timeframe.M15].low
        column = np.full(len(lows), np.nan)
        column[600:] = np.lib.stride_tricks.sliding_window_view(lows, 300).min(axis=1)[
            : len(lows) - 600
        ]  # ends 300 rows ago
        return leaks.staged(leaks.with_column(done.features, "returns_96", column), settings)

    result = checked(slow)
    assert result.has_passed, result.lines()
