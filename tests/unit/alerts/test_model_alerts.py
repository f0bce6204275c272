"""What a person is told of a suspect, unproven or overruled model: once a day, with numbers."""

from dataclasses import replace

import pytest

from shared.alerts import compose
from shared.core.reasons import Reason
from shared.core.settings import load_settings
from shared.core.types import Alert, Issue, Level, TickReport, TickStatus

SETTINGS = load_settings({"BOT_HOME": "/nowhere"})
AT = 1_767_225_600_000
ABOUT = (
    Reason.MODEL_NOT_PROVEN,
    Reason.MODEL_OVERRULED,
    Reason.MODEL_DRIFTED,
    Reason.MODEL_WORSE,
    Reason.MODEL_STILL,
    Reason.MODEL_OLD,
    Reason.RETRAIN_OVERDUE,
    Reason.CHALLENGER_INVALID,
)


def report(*issues: Issue, at: int = AT) -> TickReport:
    return TickReport(
        tick="t",
        bot="default",
        status=TickStatus.DONE,
        scheduled_at=at,
        received_at=at,
        finished_at=at,
        mode="paper",
        stage="paper",
        settings_hash="x",
        issues=issues,
        model="v1",
    )


def warnings(of: TickReport) -> list[Alert]:
    return [alert for alert in compose(of, settings=SETTINGS) if alert.level is Level.WARNING]


@pytest.mark.parametrize("reason", ABOUT)
@pytest.mark.parametrize("forbids", [False, True])
def test_each_is_a_warning_with_its_facts_and_says_whether_entries_are_stopped(reason, forbids):
    issue = Issue(reason=reason, forbids_entry=forbids, context={"age": "22.0 days"})
    alert, *acts = compose(report(issue), settings=SETTINGS)
    assert [act.kind for act in acts] == ["audit"] * (reason is Reason.MODEL_OVERRULED)
    assert alert.level is Level.WARNING
    assert alert.fields["age"] == "22.0 days"
    assert ("nothing is entered" in alert.title) is forbids
    assert "model_" not in alert.title
    assert "{" not in alert.title


def test_a_day_of_ticks_says_each_once():
    issues = tuple(
        Issue(reason=reason, forbids_entry=reason is Reason.MODEL_NOT_PROVEN) for reason in ABOUT
    )
    told = [
        warnings(report(*issues, at=AT + 15 * 3_600_000 + tick * 180_000)) for tick in range(480)
    ]
    keys = {alert.key for alerts in told for alert in alerts}
    assert sum(len(alerts) for alerts in told) == 480 * len(ABOUT)
    assert len(keys) == len(ABOUT)
    tomorrow = warnings(report(*issues, at=AT + 39 * 3_600_000))
    assert not keys & {alert.key for alert in tomorrow}


def test_a_proof_that_is_void_on_paper_is_told_once_for_each_model_whatever_the_day():
    void = Issue(reason=Reason.MODEL_NOT_PROVEN, forbids_entry=False, context={"found": "why"})
    keys = {
        alert.key
        for tick in range(0, 480 * 30, 60)
        for alert in compose(report(void, at=AT + tick * 180_000), settings=SETTINGS)
    }
    assert len(keys) == 1
    (other,) = compose(replace(report(void), model="v2"), settings=SETTINGS)
    assert other.key not in keys


def test_a_watch_that_broke_is_told_and_other_failed_steps_as_before():
    broken = Issue(
        reason=Reason.STEP_FAILED,
        forbids_entry=False,
        context={"step": "watch", "found": "it broke"},
    )
    (alert,) = compose(report(broken), settings=SETTINGS)
    assert (alert.kind, alert.level, alert.fields["found"]) == (
        "model_unwatched",
        Level.WARNING,
        "it broke",
    )
    assert compose(report(replace(broken, context={"step": "signal"})), settings=SETTINGS) == ()


def test_an_overrule_is_told_as_an_act_once_for_each_model_however_many_ticks_it_acts() -> None:
    why = Issue(
        reason=Reason.MODEL_OVERRULED, forbids_entry=False, context={"found": "lets v1 enter"}
    )
    told = [
        alert
        for tick in range(0, 480 * 30, 60)
        for alert in compose(report(why, at=AT + tick * 180_000), settings=SETTINGS)
        if alert.kind == "audit"
    ]
    assert len(told) == 240
    assert len({alert.key for alert in told}) == 1
    assert (told[0].level, told[0].fields["why"]) == (Level.INFO, "lets v1 enter")
    assert "v1" in told[0].title
