"""Schedule and beginning of a stretch are read from the reports alone."""

from dataclasses import replace
from decimal import Decimal

import pytest

from shared.core import settings as configuration
from shared.core.errors import UserError
from shared.core.reasons import Reason
from shared.core.types import Action, Decision, TickReport, TickStatus
from shared.replay import HaltPeriod, Schedule
from shared.results.parity import schedule_from, stretch_of
from tests.support import made_reports
from tests.support.made_reports import START, STEP

REPORTS = made_reports.reports()
SETTINGS = configuration.load_settings({})


def halted(report: TickReport, reason: Reason) -> TickReport:
    decision = Decision(action=Action.DENY, as_of=0, reason=reason)
    return replace(report, status=TickStatus.HALTED, reason=reason, decision=decision)


def plain(report: TickReport) -> TickReport:
    return replace(
        report, decision=Decision(action=Action.HOLD, as_of=0, reason=Reason.NOTHING_NEW)
    )


def test_no_reports_are_the_plain_schedule() -> None:
    assert schedule_from([], STEP) == Schedule()
    assert schedule_from(REPORTS, STEP) == Schedule()


def test_missed_and_late_ticks_are_those_that_the_reports_lack_or_tell() -> None:
    told = [report for index, report in enumerate(REPORTS[:40]) if index not in {3, 4, 17}]
    told[10] = replace(told[10], received_at=told[10].scheduled_at + 90_000)
    told.append(replace(REPORTS[5], tick="manual-x", scheduled_at=REPORTS[5].scheduled_at + 7_777))
    found = schedule_from(list(reversed(told)), STEP)
    assert found.missed == {START + 3 * STEP, START + 4 * STEP, START + 17 * STEP}
    assert found.received_at == {told[10].scheduled_at: told[10].scheduled_at + 90_000}


def test_a_halt_lasts_from_the_first_tick_that_saw_it_to_the_first_that_did_not() -> None:
    told = [plain(report) for report in REPORTS[:10]]
    told[3], told[5] = (
        halted(told[3], Reason.HALTED_BY_PERSON),
        halted(told[5], Reason.HALTED_BY_PERSON),
    )
    told[4] = replace(told[4], decision=None, status=TickStatus.LATE)  # it says nothing of a halt
    assert schedule_from(told, STEP).halts == (
        HaltPeriod(from_at=told[3].received_at, until_at=told[6].received_at),
    )
    assert schedule_from(told[:6], STEP).halts == (HaltPeriod(from_at=told[3].received_at),)


def test_a_drawdown_halt_that_a_person_took_back_is_a_halt_without_a_tick() -> None:
    told = [plain(report) for report in REPORTS[:10]]
    told[3], told[4] = (
        halted(told[3], Reason.LIMIT_DRAWDOWN),
        halted(told[4], Reason.LIMIT_DRAWDOWN),
    )
    resumed = told[5].received_at
    assert schedule_from(told, STEP).halts == (HaltPeriod(from_at=resumed - 1, until_at=resumed),)


def test_a_stretch_begins_with_the_bots_first_tick_where_that_is_asked_for() -> None:
    found = stretch_of(REPORTS, since_at=START, settings=SETTINGS)
    assert (found.start_at, found.end_at, found.opening) == (START, REPORTS[-1].scheduled_at, None)
    assert found.reports == tuple(REPORTS)


def test_a_later_stretch_begins_on_a_candle_before_which_nothing_was_held_with_the_cash_of_then():
    """Of the made reports ticks 100 to 179 hold a position; it won, and the next one was lost."""
    found = stretch_of(REPORTS, since_at=START + 101 * STEP, settings=SETTINGS)
    assert found.start_at == START + 185 * STEP, (
        "180 sold it: the tick before 185 was the first before a candle to hold nothing"
    )
    assert found.opening.cash_jpy == REPORTS[184].cash_jpy > Decimal(1_000_000)
    assert found.opening.limits.equity_peak_jpy == max(
        report.equity_jpy for report in REPORTS[:185]
    )
    assert found.opening.limits.losing_streak == 0
    later = stretch_of(REPORTS, since_at=START + 370 * STEP, settings=SETTINGS)
    assert later.opening.limits.losing_streak == 1
    assert (
        later.opening.limits.day == "20300102"
        or later.opening.limits.day >= found.opening.limits.day
    )


def test_a_stretch_never_begins_before_another_stage_for_a_replay_has_one() -> None:
    raised = [
        replace(report, stage="stage-50" if index >= 190 else "stage-10")
        for index, report in enumerate(REPORTS)
    ]
    found = stretch_of(raised, since_at=START, settings=SETTINGS)
    assert found.start_at == START + 195 * STEP, "190 saw it, and only then a candle closed"
    assert found.opening.cash_jpy == REPORTS[194].cash_jpy


def test_ticks_by_hand_stand_beside_a_stretch_in_the_order_in_which_they_ran() -> None:
    def by_hand(at: int) -> TickReport:
        return replace(REPORTS[7], tick=f"manual-{at}", scheduled_at=at, received_at=at)

    early, late = by_hand(START + 2 * STEP + 5), by_hand(START + 200 * STEP + 5)
    found = stretch_of([late, *REPORTS, early], since_at=START + 101 * STEP, settings=SETTINGS)
    assert found.start_at == START + 185 * STEP
    assert found.by_hand == (late,)
    assert found.reports == tuple(REPORTS[185:])
    assert found.all_reports == (*REPORTS[185:201], late, *REPORTS[201:])


def test_a_single_tick_is_told_in_words_that_it_cannot_be_compared_yet() -> None:
    with pytest.raises(UserError, match=r"only the tick of 20\d\d-\d\d-\d\d.* can be compared yet"):
        stretch_of(REPORTS[:1], since_at=START, settings=SETTINGS)


def test_where_something_was_held_all_the_time_there_is_no_beginning() -> None:
    with pytest.raises(UserError, match="no tick from which"):
        stretch_of(REPORTS[810:], since_at=START, settings=SETTINGS)
    with pytest.raises(UserError, match="no tick from which"):
        stretch_of([], since_at=START, settings=SETTINGS)
