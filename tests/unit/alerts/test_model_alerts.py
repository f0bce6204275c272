"""What a person is told of a suspect, unproven or overruled model: once a day, with numbers."""

from dataclasses import replace

import pytest

from shared.alerts import compose
from shared.core.reasons import Reason
from shared.core.settings import load_settings
from shared.core.types import Issue, Level, TickReport, TickStatus

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


@pytest.mark.parametrize("reason", ABOUT)
@pytest.mark.parametrize("forbids", [False, True])
def test_each_is_a_warning_with_its_facts_and_says_whether_entries_are_stopped(reason, forbids):
    (alert,) = compose(
        report(Issue(reason=reason, forbids_entry=forbids, context={"age": "22.0 days"})),
        settings=SETTINGS,
    )
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
        compose(report(*issues, at=AT + 15 * 3_600_000 + tick * 180_000), settings=SETTINGS)
        for tick in range(480)
    ]
    keys = {alert.key for alerts in told for alert in alerts}
    assert sum(len(alerts) for alerts in told) == 480 * len(ABOUT)
    assert len(keys) == len(ABOUT)
    tomorrow = compose(report(*issues, at=AT + 39 * 3_600_000), settings=SETTINGS)
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
