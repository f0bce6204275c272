"""What Cloud Billing says of a budget: each threshold is told once a month."""

import pytest

from shared.core.calendar import DAY_MS
from shared.core.errors import BadData
from shared.core.types import Level
from shared.rounds.budget import (
    BudgetNotice,
    budget_alert,
    budget_notice,
    load_budget,
    remember_budget,
)
from shared.stores.memory import MemoryBucket
from tests.support.watch_world import ROUND, WatchWorld

ATTRIBUTES = {"billingAccountId": "01D4EE", "budgetId": "de72f49d", "schemaVersion": "1.0"}
DATA = {
    "budgetDisplayName": "crypto-bot",
    "alertThresholdExceeded": 0.9,
    "costAmount": 140.321,
    "costIntervalStart": "2026-11-01T07:00:00Z",
    "budgetAmount": 152.557,
    "budgetAmountType": "SPECIFIED_AMOUNT",
    "currencyCode": "JPY",
}
BEGAN = 1_793_516_400_000


def notice(**changes: object) -> BudgetNotice:
    made = budget_notice(ATTRIBUTES, {**DATA, **changes})
    assert made is not None
    return made


def test_a_threshold_is_one_key_a_month_whatever_the_costs_are_by_then() -> None:
    alerts = [
        budget_alert(ATTRIBUTES, {**DATA, "costAmount": cost}, now_ms=at)
        for at, cost in enumerate((140.0, 141.5, 152.0))
    ]
    assert {alert.key for alert in alerts} == {"budget:de72f49d:2026-11:0.9"}
    other = [
        notice(alertThresholdExceeded=1.0).key,
        notice(costIntervalStart="2026-12-01T08:00:00Z").key,
        budget_notice({**ATTRIBUTES, "budgetId": "another"}, DATA).key,
    ]
    assert len({alerts[0].key, *other}) == 4


def test_a_budget_that_is_used_up_is_critical_and_one_below_any_threshold_is_nothing() -> None:
    levels = {
        share: budget_alert(ATTRIBUTES, {**DATA, "alertThresholdExceeded": share}, now_ms=0).level
        for share in (0.5, 0.99, 1.0, 1.2)
    }
    assert levels == {
        0.5: Level.WARNING,
        0.99: Level.WARNING,
        1.0: Level.CRITICAL,
        1.2: Level.CRITICAL,
    }
    below = {name: value for name, value in DATA.items() if name != "alertThresholdExceeded"}
    assert budget_alert(ATTRIBUTES, below, now_ms=0) is None


@pytest.mark.parametrize("gone", ["budgetDisplayName", "costAmount", "costIntervalStart"])
def test_what_is_no_notification_is_named_as_such(gone) -> None:
    data = {name: value for name, value in DATA.items() if name != gone}
    with pytest.raises(BadData, match=gone):
        budget_alert(ATTRIBUTES, data, now_ms=0)
    with pytest.raises(BadData, match="budgetId"):
        budget_alert({}, DATA, now_ms=0)


def test_the_latest_month_and_its_highest_threshold_are_remembered_in_whatever_order() -> None:
    december = "2026-12-01T08:00:00Z"
    notices = [
        notice(),
        notice(costIntervalStart=december, alertThresholdExceeded=0.5),
        notice(costIntervalStart=december, alertThresholdExceeded=1.0),
    ]
    for order in (notices, notices[::-1], [notices[1], notices[2], notices[0]]):
        bucket = MemoryBucket()
        for one in order:
            remember_budget(bucket, one)
        assert load_budget(bucket) == notices[2]


def test_a_damaged_notice_is_named_and_the_next_one_takes_its_place() -> None:
    bucket = MemoryBucket()
    bucket.put("watch/budgets/last.json", b"{")
    with pytest.raises(BadData, match="delete it"):
        load_budget(bucket)
    remember_budget(bucket, notice())
    assert load_budget(bucket) == notice()


def test_a_budget_is_told_once_by_message_and_watch_and_is_over_with_its_month() -> None:
    world = WatchWorld()
    world.clock.true_ms = BEGAN + 10 * DAY_MS
    world.tick()
    alert = budget_alert(ATTRIBUTES, DATA, now_ms=world.clock.true_ms)
    remember_budget(world.bucket.inner, notice())
    world.tell([alert])
    for _ in range(25 * 24):
        world.clock.true_ms += 4 * ROUND
        world.tick()
        world.look()
    assert world.kinds() == ["budget", "-budget"]
    assert world.told[1].at - BEGAN > 31 * DAY_MS
