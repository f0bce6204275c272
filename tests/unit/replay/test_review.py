"""What a review of the replay found: each of these was wrong once."""

import time
from dataclasses import replace

import numpy as np

from shared.core.types import Purpose, Timeframe
from shared.replay import Schedule, replay
from shared.replay.engine import Replay
from shared.replay.grid import grid
from shared.replay.types import HaltPeriod, is_warning
from tests.support.replay_worlds import MINUTE, QUARTER, START, WITHOUT_COSTS, Row, inputs, settings

ENTRY, STOP = 1_000_000, 950_000
ABOVE = ENTRY + 1
CALM: Row = (ABOVE, ABOVE, ABOVE, ABOVE)


def test_on_15m_candles_the_stop_is_live_in_the_entry_candle_however_late_in_it_the_tick_came():
    falls = (ABOVE, ABOVE + 1, 940_000, 960_000)  # the low is in the second half of the candle
    for late_ms in (0, 30_000, 61_000, 85_000):
        done = replay(
            inputs(
                [falls, CALM, CALM],
                timeframe=Timeframe.M15,
                schedule=Schedule(received_at={START: START + late_ms}),
            )
        )
        stopped = [fill for fill in done.fills if fill.purpose is Purpose.STOP]
        assert len(stopped) == 1, late_ms
        assert START < stopped[0].at < START + QUARTER


def test_on_15m_candles_a_long_wait_for_final_candles_takes_no_stop_out_of_the_entry_candle():
    falls = (ABOVE, ABOVE + 1, 940_000, 960_000)
    patient = settings(WITHOUT_COSTS, {"tick": {"settle_seconds": 19.0}})
    given = inputs([falls, CALM, CALM], timeframe=Timeframe.M15, configured=patient)
    done, slow = replay(given), replay(replace(given, every_tick=True))
    assert [fill.purpose for fill in done.fills] == [Purpose.ENTRY, Purpose.STOP]
    assert done.fills == slow.fills
    assert done.events == slow.events


def test_a_halt_that_nobody_takes_back_is_said_loudly_and_one_that_somebody_did_is_not() -> None:
    falls = (ABOVE, ABOVE + 1, 940_000, 960_000)
    shy = settings(WITHOUT_COSTS, {"risk": {"max_drawdown": 0.0001}})
    rows = [falls, *[CALM] * 7]

    def said(configured, *halts: HaltPeriod) -> list[str]:
        given = inputs(
            rows, timeframe=Timeframe.M15, configured=configured, schedule=Schedule(halts=halts)
        )
        return [note for note in replay(given).notes if is_warning(note)]

    (note,) = said(shy)
    assert note.startswith("HALTED: the drawdown limit of 0.01 % stopped it on 2026-01-01")
    assert said(shy, HaltPeriod(from_at=START + 4 * QUARTER, until_at=START + 5 * QUARTER)) == []
    assert said(settings(WITHOUT_COSTS)) == []


def test_a_result_tells_every_fill_and_trade_however_few_the_account_keeps() -> None:
    fills = (ABOVE, ABOVE, ENTRY - 1, ABOVE, 100.0)
    thin = [
        (1_100_001, 1_100_001, 1_100_001, 1_100_001, 0.002)
    ] * 40  # the target is taken a little a minute, unseen by a tick
    kept, limits = {}, []
    for keep in (1, 200):
        configured = settings(WITHOUT_COSTS, {"paper": {"keep_trades": keep}})
        missed = frozenset(range(START + 180_000, START + 40 * MINUTE, 180_000))
        given = inputs(
            [fills, *thin, *[CALM] * 4], configured=configured, schedule=Schedule(missed=missed)
        )
        kept[keep] = replay(given)
        whole = Replay(given)
        whole.advance()
        limits.append(whole.checkpoint()["state"]["limits"])
    assert len(kept[1].trades) >= 20
    assert limits[0] == limits[1]
    assert limits[0]["last_trade_sequence"] == len(kept[1].trades)
    assert kept[1].fills == kept[200].fills
    assert kept[1].trades == kept[200].trades
    assert kept[1].curve.equity_units.tolist() == kept[200].curve.equity_units.tolist()


def test_a_year_of_ticks_that_each_came_a_little_late_is_laid_out_in_a_moment() -> None:
    end_at = START + 365 * 86_400_000
    came = {at: at + 437 for at in range(START, end_at, 180_000)}
    began = time.perf_counter()
    ticks = grid(
        np.arange(START, end_at, QUARTER),
        start_at=START,
        end_at=end_at,
        interval_ms=180_000,
        settle_ms=10_000,
        schedule=Schedule(received_at={**came, START - 1: START, end_at + 1: end_at + 2}),
    )
    assert time.perf_counter() - began < 5.0
    assert (ticks.received_at - ticks.scheduled_at).tolist() == [437] * len(came) + [0]
    assert len(ticks) > 170_000
    assert not ticks.late.any()


def test_the_price_at_the_start_is_the_last_one_that_was_known_and_not_that_of_the_first_minute():
    given = inputs([(1_100_000, 1_200_000, 1_100_000, 1_150_000), *[CALM] * 29])
    assert given.minutes is not None
    later = given.minutes.rows(int(np.searchsorted(given.minutes.opened_at, START)), None)
    whole, cut = replay(given), replay(replace(given, minutes=later))
    assert whole.curve.close[0] == 1_100_000  # the flat hours before
    assert cut.curve.close.tolist() == whole.curve.close.tolist()
    assert cut.curve.equity_units.tolist() == whole.curve.equity_units.tolist()


def test_a_late_tick_on_spot_leaves_a_watched_target_where_its_minute_may_have_touched_the_stop():
    configured = settings(WITHOUT_COSTS, {"account": "spot", "sides": "long"})
    wild = (
        960_000,
        1_120_000,
        940_000,
        1_120_000,
    )  # 20 s into the minute below the stop, 40 s above the target
    rows = [(ABOVE, ABOVE, ENTRY - 1, ABOVE), CALM, CALM, wild, *[(1_150_000,) * 4] * 12]
    for seconds in (0, 25, 45, 59):
        late = Schedule(received_at={START + 3 * MINUTE: START + 3 * MINUTE + seconds * 1000})
        given = inputs(rows, configured=configured, schedule=late)
        done = replay(given)
        assert [(fill.purpose, fill.price) for fill in done.fills][1:] == [
            (Purpose.STOP, 949_999)
        ], seconds
        assert done.fills == replay(replace(given, every_tick=True)).fills


def test_no_15m_entry_is_told_by_a_candle_that_ends_after_the_period() -> None:
    falls = (ABOVE, ABOVE + 1, 940_000, 960_000)
    whole = inputs([falls, CALM], timeframe=Timeframe.M15)
    assert [fill.purpose for fill in replay(whole).fills] == [Purpose.ENTRY, Purpose.STOP]
    cut = replay(replace(whole, end_at=START + QUARTER - 1))
    assert len(cut.entries) == 1
    assert cut.fills == ()


def test_leverage_is_said_to_be_unlike_the_exchange_s() -> None:
    levered = settings(WITHOUT_COSTS, {"risk": {"max_leverage": 2.0}})
    assert any(
        "forced" in note or "force" in note
        for note in replay(inputs([CALM] * 4, configured=levered)).notes
    )
    assert not replay(inputs([CALM] * 4)).notes
