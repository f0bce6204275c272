"""What a tick's lines say: a trouble once, in words."""

from dataclasses import replace

from scripts.output.events import event_lines
from shared.alerts import sentence
from shared.core.reasons import Reason
from shared.core.types import TickReport, TickStatus

AT = 1_767_807_900_000
QUIET = TickReport(
    tick="t",
    bot="main",
    status=TickStatus.DONE,
    scheduled_at=AT,
    received_at=AT,
    finished_at=AT,
    mode="paper",
    stage="paper",
    settings_hash="x",
    reason=Reason.OK,
    detail="",
    profile=None,
    decision=None,
    signal=None,
    issues=(),
    orders=(),
    plan=None,
    model=None,
    timings_ms={},
    counts={},
)


def test_a_trouble_that_lasts_is_told_once_and_again_when_it_is_another() -> None:
    stale = replace(
        QUIET, status=TickStatus.DEGRADED, reason=Reason.DATA_STALE, detail="3 candles are missing"
    )
    more = replace(stale, detail="4 candles are missing")
    busy = replace(
        QUIET,
        status=TickStatus.BUSY,
        reason=Reason.LEASE_HELD,
        detail="another tick holds the account",
    )
    assert event_lines(QUIET, before=None) == []
    assert event_lines(stale, before=QUIET) == ["degraded: 3 candles are missing"]
    assert event_lines(more, before=stale) == []
    assert event_lines(busy, before=more) == ["busy: another tick holds the account"]
    assert event_lines(stale, before=busy) == ["degraded: 3 candles are missing"]


def test_a_reason_is_told_with_instants_that_people_read() -> None:
    told = sentence(Reason.DATA_STALE, {"timeframe": "15m", "last_at": str(AT), "missing": "3"})
    assert (
        told
        == "the newest candle is too old (timeframe 15m, last at 2026-01-08 02:45:00 JST (17:45:00"
        " UTC), missing 3)"
    )
    assert sentence(Reason.DATA_STALE, {}) == "the newest candle is too old"
