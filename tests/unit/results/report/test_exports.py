"""What programs and spreadsheets read is exactly what happened."""

import csv
import io
import json
import re
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pyarrow.parquet as pq
import pytest

from shared.core import settings as configuration
from shared.core.money import LOT_BTC, jpy
from shared.core.types import Purpose
from shared.results.performance import measure
from shared.results.performance.hold import held_series
from shared.results.report import report_files
from shared.results.report.exports import TRADE_COLUMNS, equity_csv
from shared.results.report.parquet import equity_parquet
from tests.support.made_replays import made_candles, made_replay

DAYS = 40


@pytest.fixture(scope="module")
def replayed():
    return made_replay(days=DAYS, trades=45, held_at_end=True)


@pytest.fixture(scope="module")
def performance(replayed):
    return measure(replayed, trials=3)


@pytest.fixture(scope="module")
def made(replayed, performance):
    return report_files(replayed, performance, candles=made_candles(days=DAYS), title="a run")


def lines(content):
    return list(csv.DictReader(io.StringIO(content.decode("utf-8"), newline="")))


def when(text):
    return datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)


def test_there_are_six_files_and_four_without_parquet(replayed, performance, made):
    names = ["report.html", "result.json", "trades.csv", "equity.csv"]
    assert list(made) == [*names, "trades.parquet", "equity.parquet"]
    assert all(isinstance(content, bytes) and content for content in made.values())
    without = report_files(
        replayed, performance, candles=made_candles(days=DAYS), title="a run", parquet=False
    )
    assert without == {name: made[name] for name in names}


def test_the_same_result_gives_the_same_bytes(replayed, performance, made):
    assert (
        report_files(replayed, performance, candles=made_candles(days=DAYS), title="a run") == made
    )


def test_the_json_holds_exact_decimals_as_strings(replayed, performance, made):
    told = json.loads(made["result.json"], parse_constant=pytest.fail)
    assert told["title"] == "a run"
    assert told["end_equity_jpy"] == str(replayed.end_equity_jpy)
    assert [Decimal(trade["gross_jpy"]) for trade in told["trades"]] == [
        trade.gross_jpy for trade in replayed.trades
    ]
    assert {type(trade["fees_jpy"]) for trade in told["trades"]} == {str}
    assert told["performance"]["costs"]["net_jpy"] == str(performance.costs.net_jpy)
    assert told["performance"]["returns"]["sharpe"] == performance.returns.sharpe
    assert told["performance"]["significance"]["trials"] == 3
    assert len(told["entries"]) == len(replayed.entries)
    assert told["denials"] == {reason.value: count for reason, count in replayed.denials.items()}
    assert told["notes"] == list(replayed.notes)
    assert "curve" not in told


def test_the_trades_of_the_csv_are_those_of_the_replay(replayed, made):
    rows = lines(made["trades.csv"])
    assert len(rows) == len(replayed.trades) >= 40
    for row, trade in zip(rows, replayed.trades, strict=True):
        assert int(row["sequence"]) == trade.sequence
        assert row["side"] == trade.side.value
        assert (int(row["opened_at_ms"]), int(row["closed_at_ms"])) == (
            trade.opened_at,
            trade.closed_at,
        )
        assert Decimal(row["size_btc"]) == trade.lots * LOT_BTC
        assert Decimal(row["entry_price"]) == jpy(trade.entry_price)
        assert int(row["exit_price"]) == trade.exit_price
        amounts = [
            Decimal(row[f"{name}_jpy"]) for name in ("gross", "fees", "interest", "slippage", "net")
        ]
        told = [trade.gross_jpy, trade.fees_jpy, trade.interest_jpy, amounts[3], trade.net_jpy]
        assert amounts == told
        assert amounts[3] >= trade.slippage_jpy, "with what the fills that opened it lost"
        assert row["ends_position"] == str(trade.ends_position).lower()
        assert row["agreeing"].split() == sorted(row["agreeing"].split())


def test_the_slippage_of_all_trades_is_the_one_that_was_measured():
    whole = made_replay(days=DAYS, trades=45, held_at_end=False)
    # as from 15m candles alone, where every entry pays for crossing
    crossing = [
        replace(fill, slippage_jpy=jpy(fill.lots)) if fill.purpose is Purpose.ENTRY else fill
        for fill in whole.fills
    ]
    whole = replace(whole, fills=tuple(crossing))
    performance = measure(whole)
    made = report_files(
        whole, performance, candles=made_candles(days=DAYS), title="a run", parquet=False
    )
    rows = list(csv.DictReader(io.StringIO(made["trades.csv"].decode(), newline="")))
    assert len(rows) >= 40
    assert sum(Decimal(row["slippage_jpy"]) for row in rows) == performance.costs.slippage_jpy
    assert performance.costs.slippage_jpy > sum(trade.slippage_jpy for trade in whole.trades)


@pytest.mark.parametrize(
    ("name", "column"),
    [("trades.csv", "opened_at"), ("trades.csv", "closed_at"), ("equity.csv", "at")],
)
def test_a_spreadsheet_finds_dates_in_utc_and_in_jst(made, name, column):
    rows = lines(made[name])
    for row in rows:
        universal, japanese = when(row[f"{column}_utc"]), when(row[f"{column}_jst"])
        assert japanese - universal == timedelta(hours=9)
        assert int(universal.timestamp()) == int(row[f"{column}_ms"]) // 1000
    assert len(rows) >= 40


def test_a_csv_is_plain_enough_for_any_spreadsheet(made):
    for name in ("trades.csv", "equity.csv"):
        text = made[name].decode("ascii")
        assert text.endswith("\r\n")
        assert len({line.count(",") for line in text.splitlines()}) == 1
        assert not re.search(r"(^|,)[=+@]", text, re.MULTILINE)


def test_the_curve_of_the_csv_is_exact(replayed, performance, made):
    rows = lines(made["equity.csv"])
    curve = replayed.curve
    assert [int(row["at_ms"]) for row in rows] == curve.at.tolist()
    assert [int(Decimal(row["equity_jpy"]) * 10_000) for row in rows] == curve.equity_units.tolist()
    assert [float(row["close"]) for row in rows] == curve.close.tolist()
    assert [int(Decimal(row["position_btc"]) / LOT_BTC) for row in rows] == curve.lots.tolist()
    assert max(float(row["drawdown"]) for row in rows) == pytest.approx(
        performance.drawdown.max_share, abs=1e-6
    )
    held, *_ = held_series(replayed)
    assert [int(Decimal(row["buy_and_hold_jpy"]) * 10_000) for row in rows] == held.units.tolist()
    assert Decimal(rows[-1]["buy_and_hold_jpy"]) == performance.hold.end_equity_jpy


def test_parquet_and_csv_tell_the_same_trades(replayed, made):
    table = pq.read_table(io.BytesIO(made["trades.parquet"]))
    rows, texts = table.to_pylist(), lines(made["trades.csv"])
    assert table.column_names == list(TRADE_COLUMNS)
    assert len(rows) == len(texts) == len(replayed.trades)
    for row, text in zip(rows, texts, strict=True):
        for name, kind in TRADE_COLUMNS.items():
            if kind == "instant":
                assert int(row[name].timestamp() * 1000) == int(text[f"{name}_ms"])
            elif kind == "decimal":
                assert row[name] == Decimal(text[name])
            elif kind == "bool":
                assert str(row[name]).lower() == text[name]
            else:
                assert str(row[name]) == text[name]


def test_parquet_holds_the_curve_exactly(replayed, made):
    table = pq.read_table(io.BytesIO(made["equity.parquet"])).to_pydict()
    assert [
        int(amount * 10_000) for amount in table["equity_jpy"]
    ] == replayed.curve.equity_units.tolist()
    assert table["position_lots"] == replayed.curve.lots.tolist()
    assert table["close"] == replayed.curve.close.tolist()
    assert [int(at.timestamp() * 1000) for at in table["at"]] == replayed.curve.at.tolist()
    held, *_ = held_series(replayed)
    assert [int(amount * 10_000) for amount in table["buy_and_hold_jpy"]] == held.units.tolist()


def test_amounts_below_zero_stay_exact():
    lost = made_replay(days=3, trades=2)
    lost.curve.equity_units[5:] = -12_345_678
    hold = measure(made_replay(days=3, trades=2)).hold
    assert lines(equity_csv(lost.curve, hold))[-1]["equity_jpy"] == "-1234.5678"
    told = pq.read_table(io.BytesIO(equity_parquet(lost.curve, hold))).to_pydict()
    assert told["equity_jpy"][-1] == Decimal("-1234.5678")


def test_a_replay_without_trades_has_headers_and_types_all_the_same():
    empty = made_replay(days=2, trades=0)
    made = report_files(
        empty,
        measure(empty),
        candles=made_candles(days=2),
        settings=configuration.load_settings({}),
    )
    assert lines(made["trades.csv"]) == []
    assert made["trades.csv"].count(b"\r\n") == 1
    assert pq.read_table(io.BytesIO(made["trades.parquet"])).num_rows == 0
    assert len(lines(made["equity.csv"])) == 2 * 96 + 1


def test_nothing_heavy_is_imported_before_parquet_is_asked_for():
    heavy = ("pyarrow", "pandas", "matplotlib", "scipy", "scripts")
    asked = (
        f"import sys, shared.results.report; print([name for name in {heavy} if name in"
        " sys.modules])"
    )
    ran = subprocess.run([sys.executable, "-c", asked], check=True, capture_output=True, text=True)
    assert ran.stdout.strip() == "[]"
