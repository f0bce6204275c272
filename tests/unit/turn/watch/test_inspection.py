"""Whether a model is still the one that was judged: each alarm is seen to ring, and to be silent
before.
"""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from functions import wiring
from shared import features, model
from shared.core.reasons import Reason
from shared.core.settings import Settings
from shared.core.types import Candles, Features, Prediction, Timeframe
from shared.market.candles import aggregate
from shared.model.bundle import Bundle
from shared.model.manifest import Promise
from shared.model.outcomes import LOWER, NEITHER, UPPER, label
from shared.model.pointer import ServingPointer
from shared.model.signing import public_of
from shared.turn import pipeline
from shared.turn.watch.candle import watch_candle
from shared.turn.watch.inspection import EVERY, inspect_model, sampled_rows
from tests.support import world

DAY = 86_400_000
AT = world.START + world.HISTORY_DAYS * DAY
SETTINGS = wiring.settings_from({})


@cache
def bundle() -> Bundle:
    made = world.training()
    return model.load_bundle(
        made.files, public_keys=(public_of(world.SIGNING_KEY),), version=made.version
    )


@cache
def window(days: int = 7) -> tuple[dict[Timeframe, Candles], Features]:
    """The window of a tick so many days after the training, which ended at `AT`."""
    known = world.market().closed_by(AT + days * DAY)
    candles = {
        frame: aggregate(known, frame).tail(1_000) for frame in (Timeframe.M15, Timeframe.H4)
    }
    return candles, features.compute(candles)


def heard(computed: Features, model: Bundle | None = None) -> Prediction:
    rows = sampled_rows(computed.as_of, step_ms=Timeframe.M15.ms)
    return pipeline.predict_chosen_rows(computed, bundle=model or bundle(), rows=rows)


def like_the_window(model: Bundle, computed: Features, prediction: Prediction) -> Bundle:
    """The bundle as if it had been judged on this very window, so that nothing has drifted."""
    told = []
    for reference in model.manifest.references:
        name = reference.name
        column = (
            prediction.probabilities[:, {"score:lower": LOWER, "score:upper": UPPER}[name]]
            if name.startswith("score:")
            else computed.column(name).astype(np.float32).astype(np.float64)
        )
        column = column[np.isfinite(column)]
        edges = np.unique(np.quantile(column, np.linspace(0.1, 0.9, 9)))
        shares = np.bincount(
            np.searchsorted(edges, column, side="right"), minlength=len(edges) + 1
        ) / len(column)
        told.append(
            replace(
                reference, edges=tuple(edges), shares=tuple(shares), psi_alarm=0.1, ks_alarm=0.1
            )
        )
    return replace(model, manifest=replace(model.manifest, references=tuple(told)))


def asked(
    model: Bundle,
    *,
    settings: Settings = SETTINGS,
    pointer: ServingPointer | None = None,
    now_ms: int = AT + 7 * DAY,
    **more,
):
    candles, computed = window()
    prediction = more.get("prediction") or heard(computed)
    return inspect_model(
        model,
        more.get("computed") or computed,
        prediction,
        candles[Timeframe.M15],
        pointer,
        now_ms,
        settings,
    )


def calm() -> Bundle:
    """Judged on this very window, with a promise that it keeps."""
    _, computed = window()
    model = like_the_window(bundle(), computed, heard(computed))
    promise = Promise(hit_rate=0.5, calibration_error=0.2, log_loss=1.0, spread=0.1)
    return replace(model, manifest=replace(model.manifest, promise=promise))


def with_watch(**limits) -> Settings:
    return replace(SETTINGS, watch=replace(SETTINGS.watch, **limits))


def test_a_fresh_model_on_its_own_market_has_nothing_against_it():
    assert len(bundle().manifest.references) > 20, "the bundle says nothing that could drift"
    assert asked(calm()) == ()


def test_an_old_model_and_an_overdue_retraining_are_told_from_their_day_on():
    as_of = calm().manifest.as_of
    pointer = ServingPointer(version="a", previous=None, generation=1, retrained_at=as_of)
    day = 86_400_000
    for days, expected in (
        (10, set()),
        (10.1, {Reason.RETRAIN_OVERDUE}),
        (21.1, {Reason.RETRAIN_OVERDUE, Reason.MODEL_OLD}),
    ):
        now_ms = int(as_of + days * day)
        assert {issue.reason for issue in asked(calm(), pointer=pointer, now_ms=now_ms)} == expected
    assert asked(calm(), pointer=replace(pointer, retrained_at=None), now_ms=as_of + 20 * day) == ()


def test_a_model_that_says_the_same_of_every_candle_stands_still():
    _, computed = window()
    said = heard(computed)
    flat = np.where(np.isfinite(said.probabilities), np.array([0.3, 0.4, 0.3]), np.nan)
    reasons = [
        issue.reason for issue in asked(calm(), prediction=replace(said, probabilities=flat))
    ]
    assert Reason.MODEL_STILL in reasons


def moved(computed: Features, names: tuple[str, ...]) -> Features:
    values = computed.values.copy()
    for name in names:
        column = values[:, computed.names.index(name)]
        column += 3 * np.nanstd(column)
    return replace(computed, values=values)


def test_one_feature_that_drifts_is_chance_and_a_fifth_of_them_is_an_alarm():
    _, computed = window()
    names = bundle().manifest.features
    enough = int(np.ceil(0.2 * len(names)))
    assert asked(calm(), computed=moved(computed, names[: enough - 1])) == ()
    (issue,) = asked(calm(), computed=moved(computed, names[:enough]))
    assert issue.reason is Reason.MODEL_DRIFTED
    assert issue.context["features"] == f"{enough} of {len(names)} beyond their alarm level"
    assert "PSI" in issue.context["worst"]


def test_a_score_that_drifts_is_an_alarm_by_itself():
    _, computed = window()
    said = heard(computed)
    swapped = replace(said, probabilities=np.clip(said.probabilities[:, ::-1] ** 3, 0.0, 1.0))
    reasons = [
        issue for issue in asked(calm(), prediction=swapped) if issue.reason is Reason.MODEL_DRIFTED
    ]
    assert len(reasons) == 1
    assert reasons[0].context["scores"].startswith("score:")


def forecast(right: float) -> Prediction:
    """Sure of the side that came, or of the other one, in this share of the rows; of nothing where
    nothing was touched.
    """
    candles, computed = window()
    came = label(candles[Timeframe.M15], computed.column("atr_14"), bundle().barriers)
    random = np.random.default_rng(8)
    told = np.full((len(computed.as_of), 3), np.nan)
    for row in np.flatnonzero(sampled_rows(computed.as_of, step_ms=900_000)):
        happened = int(came.value[row])
        sure = (
            happened if happened == NEITHER or random.random() < right else UPPER + LOWER - happened
        )
        told[row] = 0.1
        told[row, sure] = 0.8
    return replace(heard(computed), probabilities=told)


def promising(hit_rate: float, calibration_error: float = 0.5) -> Bundle:
    model = calm()
    told = Promise(hit_rate=hit_rate, calibration_error=calibration_error, log_loss=1.0, spread=0.1)
    return replace(model, manifest=replace(model.manifest, references=(), promise=told))


def test_a_model_wrong_far_more_often_than_it_promised_is_told_and_one_with_bad_luck_is_not():
    assert asked(promising(0.7), prediction=forecast(1.0)) == ()
    assert asked(promising(0.7), prediction=forecast(0.45)) == (), (
        "so few independent labels prove nothing"
    )
    (issue,) = asked(promising(0.7), prediction=forecast(0.0))
    assert issue.reason is Reason.MODEL_WORSE
    assert "promised 0.700" in issue.context["hit rate"]
    labels = float(issue.context["independent labels"].split()[0])
    assert 3 < labels < 60


def test_a_model_that_is_far_less_calibrated_than_promised_is_told():
    (issue,) = asked(promising(0.0, calibration_error=0.0), prediction=forecast(0.0))
    assert issue.reason is Reason.MODEL_WORSE
    assert asked(promising(0.0, calibration_error=0.6), prediction=forecast(0.0)) == ()


def test_only_candles_after_the_models_data_count_as_live():
    model = promising(0.7)
    later = replace(model, manifest=replace(model.manifest, as_of=AT + 6 * DAY))
    assert asked(later, prediction=forecast(0.0)) == (), "one day is too little to judge"


def test_too_short_a_window_says_nothing():
    settings = with_watch(least_rows=2_000)
    _, computed = window()
    assert asked(promising(0.7), prediction=forecast(0.0), settings=settings) == ()
    assert (
        asked(calm(), computed=moved(computed, bundle().manifest.features), settings=settings) == ()
    )


@pytest.mark.parametrize("forbid", [False, True])
def test_a_suspect_model_may_enter_unless_the_settings_forbid_it(forbid):
    issues = asked(calm(), settings=with_watch(forbid_entries=forbid), now_ms=AT + 30 * DAY)
    assert [issue.forbids_entry for issue in issues] == [forbid]
    assert all(issue.context["model"] == bundle().version for issue in issues)


def test_the_same_rows_are_asked_in_every_tick():
    _, computed = window()
    before, after = (
        sampled_rows(computed.as_of[:-1], step_ms=900_000),
        sampled_rows(computed.as_of[1:], step_ms=900_000),
    )
    assert (before[1:] == after[:-1]).all()
    assert before.sum() in {len(before) // EVERY, len(before) // EVERY + 1}


def test_both_models_are_heard_without_consensus_and_the_champion_says_what_it_says_with_one():
    candles, computed = window()
    challenger = replace(bundle(), version="other")
    told = {
        side: (
            watch_candle(
                bundle(),
                challenger,
                candles=candles,
                computed=computed,
                side=side,
                pointer=None,
                now_ms=AT,
                settings=SETTINGS,
            ).said
        )
        for side in (0, 1)
    }
    at = str(int(computed.as_of[-1]))
    assert told[0]["said"] == told[1]["said"]
    assert told[0]["said"][at][bundle().version] == told[0]["said"][at]["other"]
    assert (told[0]["sides"][at], told[1]["sides"][at]) == (0, 1)
    assert sum(told[0]["said"][at]["other"]) == pytest.approx(1.0, abs=3e-6)


def test_a_challenger_that_cannot_be_asked_disturbs_nobody():
    candles, computed = window()
    strange = replace(
        bundle(),
        version="strange",
        manifest=replace(bundle().manifest, features=("no_such_feature",)),
    )
    found = watch_candle(
        calm(),
        strange,
        candles=candles,
        computed=computed,
        side=0,
        pointer=None,
        now_ms=AT + 7 * DAY,
        settings=with_watch(forbid_entries=True),
    )
    assert [(issue.reason, issue.forbids_entry) for issue in found.doubts] == [
        (Reason.CHALLENGER_INVALID, False)
    ]
    assert "no_such_feature" in found.doubts[0].context["found"]
    assert list(found.said["said"][str(int(computed.as_of[-1]))]) == [bundle().version]
