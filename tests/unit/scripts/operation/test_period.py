"""A period as it is read from a store, and what it comes to; numbers worked out by hand."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from scripts.operation.bot import Here
from scripts.operation.period import (
    StoredPeriod,
    judge_period,
    known_cost_jpy,
    measure_stay,
    read_period,
)
from shared.alerts.records import record_write
from shared.core.money import ZERO
from shared.core.reasons import Reason
from shared.core.settings import load_settings
from shared.core.types import Alert, Level, Side, TickReport, TickStatus, Trade
from shared.results.targets import Reached, TargetName
from shared.rounds.reading import PAGE_TICKS
from shared.stores.memory import MemoryDocuments
from shared.stores.ports import Write
from shared.tick.documents import BotDocuments
from tests.support.fixed_clock import FixedClock
from tests.support.made_ticks import DAY, HOUR, INTERVAL, T0, tick

SETTINGS = load_settings({})


def here(documents: MemoryDocuments, now_ms: int) -> Here:
    bot = BotDocuments(documents, SETTINGS.id)
    return Here(settings=SETTINGS, clock=FixedClock(now_ms), bot=bot, environ={})


def claimed(report: TickReport | None, at: int, **changes: Any) -> Write:
    """A tick's document, claimed at `at`."""
    data = {
        "bot": "default",
        "tick": str(at),
        "claimed_at": at,
        "expires_at": at + 170_000,
        "holder": "h",
        "report": None if report is None else msgspec.to_builtins(report),
    }
    path = f"ticks/{changes.pop('bot', 'default')}~{changes.pop('name', at)}"
    return Write(kind="put", path=path, data={**data, **changes})


def stored_ticks(documents: MemoryDocuments, reports: list[TickReport]) -> None:
    for report in reports:
        documents.commit([claimed(report, report.received_at)])


# reading


def test_every_tick_of_a_period_is_read_once_page_by_page() -> None:
    documents = MemoryDocuments()
    count = 2 * PAGE_TICKS + 30
    reports = [tick(number) for number in range(count)]
    border = reports[PAGE_TICKS - 1].received_at
    moved = [replace(reports[n], received_at=border) for n in (PAGE_TICKS, PAGE_TICKS + 1)]
    reports[PAGE_TICKS : PAGE_TICKS + 2] = moved
    for report in reports:
        write = claimed(report, report.received_at, name=report.tick)
        documents.commit([write])
    now = T0 + count * INTERVAL
    found = read_period(here(documents, now), span_ms=now - T0)
    assert len(found.reports) == count > 2_000
    assert {one.tick for one in found.reports} == {one.tick for one in reports}
    assert found.inside == found.reports
    assert not found.has_ticked_before


def test_another_bots_ticks_the_future_and_damage_are_left_out_and_damage_is_named() -> None:
    documents = MemoryDocuments()
    now = T0 + DAY
    stored_ticks(documents, [tick(number) for number in range(3)])
    other = claimed(tick(3), T0 + 4, name="x", bot="other")
    documents.commit([replace(other, data={**(other.data or {}), "bot": "other"})])
    documents.commit([claimed(tick(900), now + HOUR, name="y")])
    broken = claimed(None, T0 + 5, name="z")
    documents.commit([replace(broken, data={**(broken.data or {}), "report": {"status": 1}})])
    documents.commit([claimed(None, T0 + 6, name="died")])
    found = read_period(here(documents, now), span_ms=DAY)
    assert [one.scheduled_at for one in found.reports] == [T0, T0 + INTERVAL, T0 + 2 * INTERVAL]
    assert found.damaged == ("ticks/default~z",)
    assert [claim.claimed_at for claim in found.left] == [T0 + 6]


def test_a_bot_that_ran_long_before_is_no_young_one() -> None:
    documents = MemoryDocuments()
    stored_ticks(documents, [tick(-20 * 480), tick(200)])
    found = read_period(here(documents, T0 + DAY), span_ms=DAY)
    assert found.has_ticked_before
    assert len(found.reports) == 1
    uptime = judged(found)[TargetName.UPTIME]
    assert (uptime.parts["up"], uptime.samples) == (1, 480), "the gap counts"


def test_a_bot_that_was_down_all_the_time_was_up_never_and_one_that_never_ran_has_no_number() -> (
    None
):
    documents = MemoryDocuments()
    young = judged(read_period(here(documents, T0 + DAY), span_ms=DAY))
    assert {figure.reached for figure in young.values()} == {Reached.UNKNOWN}
    assert young[TargetName.UPTIME].value is None
    stored_ticks(documents, [tick(-20 * 480)])
    down = judged(read_period(here(documents, T0 + DAY), span_ms=DAY))[TargetName.UPTIME]
    assert (down.value, down.samples, down.reached) == (0.0, 480, Reached.MISSED)


def test_trades_of_another_book_are_not_the_periods_and_first_parts_are_read_with_it() -> None:
    documents = MemoryDocuments()
    part = Trade(
        sequence=1,
        side=Side.LONG,
        opened_at=T0 - 2 * DAY,
        closed_at=T0 - DAY,
        lots=1,
        entry_price=Decimal(1),
        exit_price=1,
        reason=Reason.EXIT_STOP,
        gross_jpy=Decimal(-50),
        fees_jpy=ZERO,
        interest_jpy=ZERO,
        ends_position=False,
    )
    last = replace(part, sequence=2, closed_at=T0, gross_jpy=Decimal(20), ends_position=True)
    real = replace(last, sequence=3, gross_jpy=Decimal(900))
    book = {"bot": "default", "mode": "paper", "book_opened_at": 0}
    for one, changes in ((part, {}), (last, {}), (real, {"mode": "live", "book_opened_at": 7})):
        data = {**book, **changes, **msgspec.to_builtins(one)}
        documents.commit([Write(kind="put", path=f"trades/default~{one.sequence}", data=data)])
    found = read_period(here(documents, T0 + DAY), span_ms=DAY)
    wins = judged(found)[TargetName.WINS]
    assert (wins.samples, wins.parts["losses"], wins.parts["net_jpy"]) == (1, 1, Decimal(-30))


def test_alerts_of_the_outbox_become_errors_of_their_hour() -> None:
    documents = MemoryDocuments()
    for number in range(6):
        alert = Alert(
            key=f"default:silent:{number}",
            level=Level.CRITICAL,
            kind="silent",
            title="No tick has finished.",
            at=T0 + number * 60_000,
        )
        documents.commit([record_write(alert, bot="default")])
    stored_ticks(documents, [tick(-1), tick(0)])
    found = judged(read_period(here(documents, T0 + DAY), span_ms=DAY))[TargetName.ERRORS]
    assert (found.value, found.parts["alerts"], found.reached) == (6, 6, Reached.MISSED)


# what it comes to


def judged(stored: StoredPeriod) -> dict[TargetName, Any]:
    performance = measure_stay(stored.reports, SETTINGS, begin_at=stored.begin_at)
    figures = judge_period(stored, SETTINGS, performance, monthly_cost_jpy=ZERO)
    assert [figure.name for figure in figures] == list(TargetName)
    return {figure.name: figure for figure in figures}


def worth(number: int, equity: int, **changes: Any) -> TickReport:
    """A tick with this equity, of an account that trades: its money does not rest."""
    held = {"equity_jpy": Decimal(equity), "cash_jpy": Decimal(1_000_000)}
    return tick(number, **{**held, **changes})


def test_the_change_runs_from_the_last_tick_before_the_period_to_its_last() -> None:
    reports = [worth(-3, 900_000), worth(-1, 1_000_000), worth(0, 1_000_500), worth(479, 1_001_000)]
    found = measure_stay(reports, SETTINGS, begin_at=T0)
    assert found.change_jpy == Decimal(1_000)
    assert found.length_ms == 479 * INTERVAL
    assert found.found is not None
    assert found.found.returns.total == pytest.approx(0.001)


def test_the_deepest_fall_and_buy_and_hold_are_those_of_the_period() -> None:
    reports = [
        worth(0, 1_000_000, mark_price=Decimal(10_000_000)),
        worth(1, 950_000, mark_price=Decimal(9_000_000)),
        worth(2, 1_010_000, mark_price=Decimal(11_000_000)),
    ]
    found = measure_stay(reports, SETTINGS, begin_at=T0).found
    assert found is not None
    assert found.drawdown.max_share == pytest.approx(0.05)
    lots = found.hold.lots
    assert lots == int(1_000_000 / (10_000_000 * 1.001) * 10_000) == 999
    assert found.hold.end_equity_jpy == 1_000_000 + 999 * 100 - Decimal("999.0000")


def test_another_capital_is_no_profit_and_the_period_begins_after_it() -> None:
    rested = {"cash_jpy": Decimal(200_000)}
    reports = [
        worth(0, 1_000_000),
        worth(10, 200_000, **rested),
        worth(20, 200_300, **rested),
    ]
    found = measure_stay(reports, SETTINGS, begin_at=T0)
    assert found.change_jpy == Decimal(300)
    assert found.since_at == T0 + 10 * INTERVAL + 1


def test_another_stage_begins_anew_and_another_mode_is_another_account() -> None:
    lowered = [worth(0, 1_000_000), worth(10, 500_000, stage="s"), worth(20, 500_100, stage="s")]
    assert measure_stay(lowered, SETTINGS, begin_at=T0).change_jpy == Decimal(100)
    came_back = [worth(0, 5, mode="live"), worth(10, 1_000_000), worth(20, 1_000_200)]
    assert measure_stay(came_back, SETTINGS, begin_at=T0).change_jpy == Decimal(200)


def test_one_tick_and_a_worthless_account_say_why_there_is_no_performance() -> None:
    one = measure_stay([worth(0, 1)], SETTINGS, begin_at=T0)
    assert (one.found, one.change_jpy, one.length_ms) == (None, None, 0)
    assert one.why.startswith("fewer than two ticks")
    lost = measure_stay([worth(0, 0), worth(1, 0)], SETTINGS, begin_at=T0)
    assert lost.found is None
    assert lost.why.startswith("what is stored contradicts itself")


def test_the_hours_of_a_young_bot_begin_with_its_first_tick() -> None:
    documents = MemoryDocuments()
    reports = [tick(number, status=TickStatus.DEGRADED) for number in range(240, 242)]
    stored_ticks(documents, [*reports, *(tick(number) for number in range(242, 480))])
    errors = judged(read_period(here(documents, T0 + DAY), span_ms=DAY))[TargetName.ERRORS]
    assert errors.samples == 12
    assert errors.parts["mean"] == pytest.approx(2 / 12)


def test_stores_of_this_machine_cost_nothing_and_others_what_a_person_says() -> None:
    cloud = replace(SETTINGS, state="firestore://project/(default)")
    assert known_cost_jpy(SETTINGS, None) == ZERO
    assert known_cost_jpy(cloud, None) is None
    assert known_cost_jpy(cloud, 120.5) == Decimal("120.5")
