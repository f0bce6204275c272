"""What a tick tells too has the key that the tick gives it, or it would be told twice."""

from shared.alerts import KnownBefore, compose
from shared.core.reasons import Reason
from shared.core.settings import load_settings
from shared.core.types import Issue, TickReport, TickStatus
from shared.rounds.changes import SHARED
from tests.support.watch_world import T0

SETTINGS = load_settings({})


def tick_keys(at: int) -> dict[str, str]:
    """The keys of a tick that sees all of it, by kind."""
    reasons = (Reason.CLOCK_SKEW, Reason.MODEL_OLD, Reason.RETRAIN_OVERDUE)
    report = TickReport(
        tick="t",
        bot=SETTINGS.id,
        status=TickStatus.LATE,
        scheduled_at=at,
        received_at=at,
        finished_at=at,
        mode="paper",
        stage="paper",
        settings_hash="0" * 12,
        issues=tuple(
            Issue(reason=reason, forbids_entry=reason is Reason.CLOCK_SKEW) for reason in reasons
        ),
    )
    told = compose(
        report,
        settings=SETTINGS,
        before=KnownBefore(),
        after=KnownBefore(halted_at=at, late_in_a_row=3),
    )
    return {alert.kind: alert.key for alert in told}


def test_every_shared_key_is_the_ticks_own_at_every_hour_of_two_days() -> None:
    seen = 0
    for at in range(T0, T0 + 48 * 3_600_000, 1_799_999):
        keys = tick_keys(at)
        assert {name: make(SETTINGS.id, at, SETTINGS) for name, make in SHARED.items()} == keys
        seen += len(keys)
    assert seen > 400
