"""What the sandbox serves adds up, and never knows the future."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.core.errors import UserError
from shared.core.types import Candles, Timeframe
from shared.exchanges.sandbox.bars import DAY_FILES, KINDS, YEAR_FILES, file_bounds
from shared.exchanges.sandbox.generate import generate
from shared.exchanges.sandbox.market import SandboxMarket
from shared.market.path import OFFSETS_MS, four_prices, price_at

DAY = 86_400_000
START = 1_767_052_800_000
MARKET = SandboxMarket.from_minutes(generate(start_ms=START, days=14, seed=11, edge_bp=5.0))
LENGTHS = DAY_FILES | YEAR_FILES


def date_of(kind: str, at: int) -> str:
    return datetime.fromtimestamp(at / 1000, UTC).strftime("%Y%m%d" if kind in DAY_FILES else "%Y")


def rows_of(market: SandboxMarket, kind: str, date: str, now: int) -> list[Any] | None:
    body = market.candle_file(kind, date, now)
    return None if body is None else json.loads(body)["data"]["candlestick"][0]["ohlcv"]


def changed_after(now: int) -> SandboxMarket:
    """The same market up to the last path point at `now`, and quite another one afterwards."""
    found = MARKET.minutes
    late = found.opened_at + 60_000 > now
    columns = {
        name: getattr(found, name).copy() for name in ("open", "high", "low", "close", "volume")
    }
    for row in np.flatnonzero(late):
        prices = list(
            four_prices(*(float(columns[name][row]) for name in ("open", "high", "low", "close")))
        )
        seen = sum(int(found.opened_at[row]) + offset <= now for offset in OFFSETS_MS)
        if seen == 0:
            for name in ("open", "high", "low", "close"):
                columns[name][row] *= 3
            columns["volume"][row] += 5
        elif seen < 4:
            # Of this minute only the close is still open to change without changing the path so
            # far.
            columns["close"][row] = prices[2]
    return SandboxMarket.from_minutes(
        Candles(timeframe=Timeframe.M1, opened_at=found.opened_at, **columns)
    )


@settings(max_examples=60, deadline=None)
@given(now=st.integers(START + DAY, MARKET.ends_at - DAY))
def test_no_answer_knows_the_future(now: int) -> None:
    other = changed_after(now)
    assert other.point_at(now + DAY) != MARKET.point_at(now + DAY)
    for kind in KINDS:
        for back in (0, 1):
            date = date_of(kind, now - back * DAY)
            assert other.candle_file(kind, date, now) == MARKET.candle_file(kind, date, now)
    assert other.trade_file(None, now) == MARKET.trade_file(None, now)
    assert other.last_day(now) == MARKET.last_day(now)
    assert other.point_at(now) == MARKET.point_at(now)


@settings(max_examples=200, deadline=None)
@given(now=st.integers(START, MARKET.ends_at - 1))
def test_the_forming_bar_holds_exactly_the_path_up_to_now(now: int) -> None:
    found = MARKET.minutes
    for kind, minutes in LENGTHS.items():
        begins = now - now % (minutes * 60_000)
        first, last = np.searchsorted(found.opened_at, (begins, now), side="left")
        last += bool(last < len(found) and found.opened_at[last] == now)
        points = [
            price
            for row in range(int(first), int(last))
            for offset, price in zip(
                OFFSETS_MS,
                four_prices(found.open[row], found.high[row], found.low[row], found.close[row]),
                strict=True,
            )
            if int(found.opened_at[row]) + offset <= now
        ]
        _, forming = MARKET.known_bars(kind, now)
        if not points:
            assert forming is None
            continue
        assert forming is not None
        assert (forming.open, forming.high, forming.low, forming.close) == (
            points[0],
            max(points),
            min(points),
            points[-1],
        )
        assert forming.close == price_at(found, now)


def test_every_timeframe_adds_up_to_the_minutes() -> None:
    counted = 0
    found = MARKET.minutes
    for kind, minutes in LENGTHS.items():
        bars = MARKET.bars(kind)
        begins = found.opened_at - found.opened_at % (minutes * 60_000)
        assert np.array_equal(bars.opened_at, np.unique(begins))
        for row, at in enumerate(bars.opened_at):
            inside = begins == at
            assert bars.open[row] == found.open[inside][0]
            assert bars.high[row] == found.high[inside].max()
            assert bars.low[row] == found.low[inside].min()
            assert bars.close[row] == found.close[inside][-1]
            assert bars.lots[row] == np.rint(found.volume[inside] * 10_000).sum()
            counted += 1 if minutes > 1 else 0
            if minutes == 1 and row > 2_000:
                break
    assert counted > 5_000
    for kind in ("1week", "1month"):
        assert MARKET.bars(kind).lots.sum() == MARKET.bars("1min").lots.sum()


def test_weeks_begin_on_mondays_and_months_on_their_first() -> None:
    weeks = [
        datetime.fromtimestamp(at / 1000, UTC) for at in MARKET.bars("1week").opened_at.tolist()
    ]
    months = [
        datetime.fromtimestamp(at / 1000, UTC) for at in MARKET.bars("1month").opened_at.tolist()
    ]
    assert [at.weekday() for at in weeks] == [0] * len(weeks)
    assert len(weeks) == 3
    assert [(at.month, at.day, at.hour) for at in months] == [(12, 1, 0), (1, 1, 0)]


def test_a_finished_day_has_96_candles_of_15m_and_a_day_with_maintenance_fewer() -> None:
    counts = {}
    for day in range(13):
        at = START + day * DAY
        rows = rows_of(MARKET, "15min", date_of("15min", at), MARKET.ends_at)
        assert rows is not None
        counts[datetime.fromtimestamp(at / 1000, UTC).weekday(), day] = len(rows)
        assert [row[5] for row in rows] == sorted({row[5] for row in rows})
        assert all(at <= row[5] < at + DAY for row in rows)
    assert [count for (weekday, _), count in counts.items() if weekday != 2] == [96] * 11
    assert all(86 <= count < 96 for (weekday, _), count in counts.items() if weekday == 2)


def test_files_roll_at_midnight_and_at_new_year() -> None:
    new_year = START + 2 * DAY
    assert rows_of(MARKET, "15min", "20260101", new_year - 1) is None
    assert rows_of(MARKET, "4hour", "2026", new_year - 1) is None
    first = rows_of(MARKET, "15min", "20260101", new_year)
    assert first is not None
    assert len(first) == 1
    price = str(price_at(MARKET.minutes, new_year))
    assert first[0][:4] == [price] * 4
    assert len(rows_of(MARKET, "4hour", "2026", new_year) or []) == 1
    assert len(rows_of(MARKET, "4hour", "2025", new_year) or []) == 12


@pytest.mark.parametrize(
    ("kind", "date"),
    [
        ("15min", "2026"),
        ("4hour", "20260105"),
        ("15min", "20260132"),
        ("15min", "20270101"),
        ("4hour", "2027"),
        ("4hour", "9999"),
        ("15min", "20251229"),
        ("15min", "２０２６０１０５"),
        ("2min", "20260105"),
        ("15min", ""),
        ("4hour", "0000"),
    ],
)
def test_there_is_no_file_for_a_wrong_form_a_future_day_or_a_time_before_the_data(
    kind: str, date: str
) -> None:
    assert MARKET.candle_file(kind, date, START + 9 * DAY) is None
    assert (
        kind not in KINDS
        or file_bounds(kind, date) is None
        or date in {"20270101", "2027", "20251229", "9999"}
    )


def test_the_trades_of_a_day_add_up_to_its_minutes() -> None:
    body = MARKET.trade_file("20260105", MARKET.ends_at)
    assert body is not None
    trades = json.loads(body)["data"]["transactions"]
    rows = rows_of(MARKET, "1min", "20260105", MARKET.ends_at)
    assert rows is not None
    minutes: dict[int, list[Any]] = {}
    for trade in reversed(trades):
        minutes.setdefault(trade["executed_at"] // 60_000 * 60_000, []).append(trade)
    traded = [row for row in rows if row[4] != "0.0000"]
    assert len(traded) > 1_000
    assert sorted(minutes) == [row[5] for row in traded]
    for open_, high, low, close, volume, at in traded:
        prices = [int(trade["price"]) for trade in minutes[at]]
        assert (prices[0], max(prices), min(prices), prices[-1]) == (
            int(open_),
            int(high),
            int(low),
            int(close),
        )
        assert sum(round(float(trade["amount"]) * 10_000) for trade in minutes[at]) == round(
            float(volume) * 10_000
        )
    numbers = [trade["transaction_id"] for trade in trades]
    assert numbers == sorted(set(numbers), reverse=True)


def test_after_its_last_candle_the_market_stands_still() -> None:
    later = MARKET.ends_at + 3 * DAY
    assert MARKET.point_at(later)[1] == MARKET.minutes.close[-1]  # type: ignore[index]
    assert MARKET.known_bars("15min", later) == (len(MARKET.bars("15min")), None)
    assert MARKET.candle_file("15min", date_of("15min", later), later) is None


def test_before_its_first_candle_there_is_nothing() -> None:
    assert MARKET.point_at(START - 1) is None
    assert MARKET.last_day(START - 1) is None
    assert MARKET.candle_file("15min", "20251230", START - 1) is None
    assert MARKET.known_bars("1min", START - 1) == (0, None)


def write_csv(path: Path, candles: Candles) -> None:
    lines = ["timestamp,open,high,low,close,volume"]
    lines += [
        f"{at},{open_:.0f},{high:.0f},{low:.0f},{close:.0f},{volume:.4f}"
        for at, open_, high, low, close, volume in zip(
            candles.opened_at,
            candles.open,
            candles.high,
            candles.low,
            candles.close,
            candles.volume,
            strict=True,
        )
    ]
    path.write_text("\n".join(lines) + "\n")


def coarse(kind: str, timeframe: Timeframe) -> Candles:
    bars = MARKET.bars(kind)
    return Candles(
        timeframe=timeframe,
        opened_at=bars.opened_at,
        open=bars.open.astype(float),
        high=bars.high.astype(float),
        low=bars.low.astype(float),
        close=bars.close.astype(float),
        volume=bars.lots / 10_000,
    )


@pytest.mark.parametrize(
    ("kind", "timeframe"),
    [("1min", Timeframe.M1), ("15min", Timeframe.M15), ("4hour", Timeframe.H4)],
)
def test_a_file_is_served_in_its_own_timeframe_as_it_was_written(
    tmp_path: Path, kind: str, timeframe: Timeframe
) -> None:
    path = tmp_path / "candles.csv"
    write_csv(path, coarse(kind, timeframe))
    served = SandboxMarket.from_file(path, seed=3).bars(kind)
    for name in ("opened_at", "open", "high", "low", "close", "lots"):
        assert np.array_equal(getattr(served, name), getattr(MARKET.bars(kind), name)), name


def test_a_broken_file_is_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "candles.csv"
    path.write_text(
        "timestamp,open,high,low,close,volume\n1767052800000,NaN,1,1,1,1\n1767052860000,1,1,1,1,1\n"
    )
    with pytest.raises(UserError):
        SandboxMarket.from_file(path, seed=1)
    with pytest.raises(UserError):
        SandboxMarket.from_file(tmp_path / "none.csv", seed=1)


def test_only_minutes_make_a_market() -> None:
    with pytest.raises(UserError, match="one-minute"):
        SandboxMarket.from_minutes(coarse("15min", Timeframe.M15))
    with pytest.raises(UserError, match="one-minute"):
        SandboxMarket.from_minutes(MARKET.minutes.rows(0, 0))
