"""Uptime, answers and errors by ticks made by hand, on both sides of each limit."""

from collections.abc import Sequence

import pytest

from shared.core.types import Alert, Level, TickReport, TickStatus
from shared.results.targets import (
    Reached,
    TargetFigure,
    judge_answers,
    judge_error_rate,
    judge_uptime,
)
from shared.results.targets.uptime import DuePeriod, due_times
from shared.rounds.reading import DayAlert
from shared.rounds.sight import TickSeen
from tests.support.made_ticks import DAY, HOUR, INTERVAL, T0, tick, timed


def period(ticks: int, *, first: int = 0, older: bool = True) -> DuePeriod:
    """So many ticks from the one with the number `first` on."""
    begin_at = T0 + first * INTERVAL
    return DuePeriod(
        begin_at=begin_at,
        end_at=begin_at + ticks * INTERVAL,
        interval_ms=INTERVAL,
        has_ticked_before=older,
    )


def uptime(reports: Sequence[TickReport], left: Sequence[TickSeen] = (), ticks: int = 200):
    return judge_uptime(reports, left, period(ticks))


# uptime


def test_one_of_two_hundred_missed_is_met_and_two_are_not() -> None:
    one = uptime([tick(number) for number in range(200) if number != 7])
    assert (one.value, one.reached, one.samples) == (0.995, Reached.MET, 200)
    assert one.parts["never_came"] == 1
    two = uptime([tick(number) for number in range(200) if number not in {7, 8}])
    assert (two.value, two.reached) == (0.99, Reached.MISSED)


def test_below_two_hundred_due_ticks_the_share_is_told_and_not_judged() -> None:
    few = uptime([tick(number) for number in range(199)], ticks=199)
    assert (few.value, few.reached, few.samples, few.needed) == (1.0, Reached.UNKNOWN, 199, 200)


def test_late_and_lost_ticks_are_told_apart_and_are_not_up() -> None:
    status = {3: TickStatus.LATE, 4: TickStatus.FAILED, 5: TickStatus.DEGRADED}
    status |= {6: TickStatus.HALTED}
    reports = [
        tick(number, status=status.get(number, TickStatus.DONE))
        for number in range(400)
        if number not in {10, 11, 12, 13}
    ]
    left = [
        TickSeen(claimed_at=T0 + 10 * INTERVAL + 500, expires_at=0),
        TickSeen(claimed_at=T0 + 11 * INTERVAL, expires_at=T0 + 11 * INTERVAL + 170_000),
        TickSeen(claimed_at=T0 + 12 * INTERVAL, expires_at=T0 + 12 * INTERVAL + 170_000),
    ]
    found = uptime(reports, left, ticks=400)
    names = ("due", "up", "late", "failed", "given_back", "died", "never_came")
    assert [found.parts[name] for name in names] == [400, 394, 1, 1, 1, 2, 1]
    assert found.value == 394 / 400


def test_a_redelivery_and_a_tick_by_hand_count_once_and_not_at_all() -> None:
    reports = [tick(number) for number in range(200) if number != 5]
    by_hand = tick(5, tick="manual-20260131T151500.000Z")
    again = tick(9, status=TickStatus.DUPLICATE, tick="default~again", scheduled_at=T0 + 9)
    found = uptime([*reports, by_hand, again])
    assert (found.parts["up"], found.parts["never_came"]) == (199, 1)
    assert found.parts["duplicate"] == 1


def test_nothing_is_due_before_the_first_tick_of_a_young_bot() -> None:
    reports = [tick(number) for number in range(300, 600)]
    assert uptime(reports, ticks=600).value == 0.5, "an older bot was down"
    young = judge_uptime(reports, [], period(600, older=False))
    assert (young.value, young.samples) == (1.0, 300)


def test_the_tick_whose_interval_is_not_over_is_not_due_yet() -> None:
    reports = [tick(number) for number in range(3)]
    now = DuePeriod(
        begin_at=T0, end_at=T0 + 3 * INTERVAL - 1, interval_ms=INTERVAL, has_ticked_before=True
    )
    assert list(due_times(reports, now)) == [T0, T0 + INTERVAL]


@pytest.mark.parametrize("shift_ms", [0, 1, 60_000, INTERVAL - 1])
def test_the_schedule_is_that_of_the_ticks_wherever_the_period_begins(shift_ms: int) -> None:
    reports = [tick(number) for number in range(-5, 20)]
    shifted = DuePeriod(
        begin_at=T0 + shift_ms,
        end_at=T0 + 10 * INTERVAL + shift_ms,
        interval_ms=INTERVAL,
        has_ticked_before=True,
    )
    due = list(due_times(reports, shifted))
    assert all((at - T0) % INTERVAL == 0 for at in due)
    assert due[0] == T0 + (INTERVAL if shift_ms else 0)
    assert len(due) == (9 if shift_ms else 10)


def test_without_a_report_an_older_bot_was_down_and_of_a_new_one_nothing_is_due() -> None:
    down = uptime([])
    assert (down.value, down.samples, down.reached) == (0.0, 200, Reached.MISSED)
    new = judge_uptime([], [], period(200, older=False))
    assert (new.value, new.samples, new.reached) == (None, 0, Reached.UNKNOWN)


# answers


def test_the_wait_for_a_candle_is_no_slowness() -> None:
    quick = [timed(number, {"total": 2_000.0, "wait": 0.0}) for number in range(16)]
    waiting = [timed(16 + number, {"total": 17_000.0, "wait": 10_000.0}) for number in range(4)]
    found = judge_answers([*quick, *waiting])
    assert found.value == pytest.approx((16 * 2 + 4 * 7) / 20) == 3.0
    assert found.reached is Reached.MET
    assert found.parts["waited"] == 4
    assert found.parts["wait_seconds"] == 10.0
    assert found.parts["with_wait_seconds"] == pytest.approx((16 * 2 + 4 * 17) / 20)
    assert found.parts["slowest_seconds"] == 7.0


def test_a_millisecond_more_than_three_seconds_is_missed() -> None:
    for total, reached in ((3_000.0, Reached.MET), (3_001.0, Reached.MISSED)):
        found = judge_answers([timed(n, {"total": total, "wait": 0.0}) for n in range(20)])
        assert (found.value, found.reached) == (total / 1000, reached)


def test_ticks_that_stayed_with_an_entry_are_told_apart() -> None:
    quick = [timed(number, {"total": 1_000.0, "wait": 0.0}) for number in range(20)]
    stayed = [timed(20, {"total": 101_000.0, "wait": 9_000.0, "attend": 90_000.0})]
    found = judge_answers([*quick, *stayed])
    assert (found.value, found.samples) == (1.0, 20)
    assert (found.parts["attended"], found.parts["attended_seconds"]) == (1, 101.0)


def test_reports_that_did_not_measure_the_wait_count_whole_and_are_said() -> None:
    found = judge_answers([timed(number, {"total": 12_000.0}) for number in range(20)])
    assert (found.value, found.parts["unmeasured"]) == (12.0, 20)
    assert found.reached is Reached.MISSED


def test_nineteen_answers_are_too_few_and_ticks_by_hand_are_none() -> None:
    some = [timed(number, {"total": 9_000.0, "wait": 0.0}) for number in range(19)]
    by_hand = tick(19, tick="manual-20260131T160000.000Z", timings_ms={"total": 1.0})
    silent = tick(20)
    found = judge_answers([*some, by_hand, silent])
    assert (found.value, found.samples, found.reached) == (9.0, 19, Reached.UNKNOWN)


# errors


def errors(
    reports: Sequence[TickReport] = (),
    left: Sequence[TickSeen] = (),
    alerts: Sequence[DayAlert] = (),
    hours: float = 24,
) -> TargetFigure:
    return judge_error_rate(reports, left, alerts, begin_at=T0, end_at=T0 + int(hours * HOUR))


def failing(count: int, *, hour: int = 0) -> list[TickReport]:
    """So many degraded ticks in one hour."""
    return [tick(hour * 20 + number, status=TickStatus.DEGRADED) for number in range(count)]


def alert(at: int, *, key: str = "k", level: Level = Level.CRITICAL, kind: str = "silent"):
    return Alert(key=key, level=level, kind=kind, title="It is.", at=at)


def record(told: Alert, *, dead_at: int | None = None) -> DayAlert:
    return DayAlert(path=f"alerts/{told.key}", alert=told, dead_at=dead_at)


def test_five_errors_in_the_worst_hour_are_met_and_six_are_not() -> None:
    spread = [*failing(5), *failing(5, hour=1), *failing(5, hour=2)]
    five = errors(spread)
    assert (five.value, five.reached) == (5, Reached.MET)
    assert five.parts["mean"] == pytest.approx(15 / 24)
    six = errors([*spread, *failing(6, hour=5)])
    assert (six.value, six.reached, six.parts["ticks"]) == (6, Reached.MISSED, 21)


def test_failed_ticks_claims_without_a_report_and_alerts_are_errors_of_their_hour() -> None:
    found = errors(
        [tick(1, status=TickStatus.FAILED), tick(2, status=TickStatus.LATE), tick(3)],
        [TickSeen(claimed_at=T0 + 5, expires_at=0)],
        [
            record(alert(T0 + 6)),
            record(alert(T0 + 7, key="l", level=Level.WARNING), dead_at=T0 + 8),
        ],
    )
    kinds = ("ticks", "claims", "alerts", "undelivered")
    assert [found.parts[kind] for kind in kinds] == [1, 1, 1, 1]
    assert found.value == 4


def test_what_a_degraded_tick_told_is_not_counted_twice() -> None:
    degraded = tick(0, status=TickStatus.DEGRADED, alerts=("told",))
    halted = tick(1, status=TickStatus.HALTED, alerts=("halt",))
    told = [record(alert(T0 + 1, key="told")), record(alert(T0 + 2, key="halt"))]
    found = errors([degraded, halted], [], told)
    assert (found.parts["ticks"], found.parts["alerts"], found.value) == (1, 1, 2)


def test_a_tried_channel_a_warning_and_what_lies_outside_are_no_errors() -> None:
    alerts = [
        record(alert(T0, key="a", kind="test")),
        record(alert(T0, key="b", level=Level.WARNING)),
        record(alert(T0 - 1, key="c")),
        record(alert(T0 + DAY, key="d"), dead_at=T0 + DAY),
    ]
    at_work = TickSeen(claimed_at=T0 + DAY - 9_000, expires_at=T0 + DAY + 161_000)
    assert errors([], [at_work], alerts).value == 0


def test_below_an_hour_only_too_many_errors_are_judged() -> None:
    assert errors(failing(5), hours=0.9).reached is Reached.UNKNOWN
    assert errors(failing(6), hours=0.9).reached is Reached.MISSED
    assert errors([], hours=1).reached is Reached.MET
    assert errors(hours=0).value is None
