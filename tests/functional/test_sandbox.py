"""`scripts/bot sandbox` as a process, read by ccxt's own bitbank class and by the bot's
own feed.
"""

import json
import os
import select
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from shared.core import settings as bot_settings
from shared.core.types import Timeframe
from shared.exchanges.bitbank.feed import BitbankFeed
from shared.exchanges.sandbox.clock import SteppedClock
from shared.market.archive import CandleWindows
from shared.stores.memory import MemoryBucket

ROOT = Path(__file__).resolve().parents[2]
START = "2026-01-15T00:20:30Z"
START_MS = 1_768_436_430_000
DAY = 86_400_000


class Process:
    """A running `bot sandbox`."""

    def __init__(self, *arguments: str) -> None:
        self.popen = subprocess.Popen(
            [sys.executable, "-m", "scripts.cli", "sandbox", *arguments],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def first_line(self) -> str:
        assert self.popen.stdout is not None
        assert select.select([self.popen.stdout], [], [], 60)[0], "it said nothing for a minute"
        return self.popen.stdout.readline()

    def end(self, number: signal.Signals = signal.SIGINT) -> tuple[int, str, str]:
        self.popen.send_signal(number)
        assert self.popen.stdout is not None
        assert self.popen.stderr is not None
        with self.popen.stdout as out, self.popen.stderr as err:
            return self.popen.wait(timeout=20), out.read(), err.read()


@pytest.fixture(scope="module")
def sandbox() -> Iterator[dict[str, Any]]:
    process = Process(
        "--json",
        "--port",
        "0",
        "--clock",
        "stepped",
        "--from",
        START,
        "--days",
        "45",
        "--ahead",
        "3",
        "--edge",
        "6",
    )
    try:
        yield json.loads(process.first_line())
    finally:
        process.end()


def test_the_ready_line_tells_address_and_time(sandbox: dict[str, Any]) -> None:
    assert sandbox["url"].startswith("http://127.0.0.1:")
    assert sandbox["now_ms"] == START_MS
    assert "6 basis points" in sandbox["market"]


def test_ccxt_s_own_bitbank_reads_it(sandbox: dict[str, Any]) -> None:
    import ccxt

    url = sandbox["url"]
    exchange = ccxt.bitbank(
        {
            "enableRateLimit": False,
            "timeout": 8000,
            "urls": {"api": {"public": url, "private": url, "markets": url}},
        }
    )
    market = exchange.load_markets()["BTC/JPY"]
    assert (market["maker"], market["taker"], market["limits"]["amount"]["min"]) == (
        0.0,
        0.001,
        0.0001,
    )
    ticker = exchange.fetch_ticker("BTC/JPY")
    book = exchange.fetch_order_book("BTC/JPY")
    assert ticker["bid"] == book["bids"][0][0] < book["asks"][0][0] == ticker["ask"]
    assert ticker["timestamp"] == START_MS
    assert len(exchange.fetch_trades("BTC/JPY")) == 60
    day = exchange.fetch_ohlcv(
        "BTC/JPY", "15m", since=START_MS // DAY * DAY - DAY, params={"yyyymmdd": "20260114"}
    )
    assert 86 <= len(day) <= 96  # a Wednesday: the exchange closes for a while
    year = exchange.fetch_ohlcv("BTC/JPY", "4h", since=1, params={"yyyymmdd": "2026"})
    assert len(year) == 14 * 6 + 1
    assert year[-1][0] == START_MS // DAY * DAY
    with pytest.raises(ccxt.ExchangeError, match="10000"):
        exchange.fetch_ohlcv("BTC/JPY", "4h", since=1)
    key = ccxt.bitbank({"apiKey": "k", "secret": "s", "urls": exchange.urls})
    with pytest.raises(ccxt.AuthenticationError):
        key.fetch_balance()


def test_the_bot_s_own_feed_reads_a_whole_market_from_it(sandbox: dict[str, Any]) -> None:
    url = sandbox["url"]
    clock = SteppedClock(url)
    told = {
        "BOT_EXCHANGE__PUBLIC_URL": url,
        "BOT_EXCHANGE__PRIVATE_URL": f"{url}/v1",
        "BOT_CLOCK": url,
    }
    feed = BitbankFeed(bot_settings.load_settings(told), clock, CandleWindows(MemoryBucket()))
    try:
        now = clock.now_ms()
        market = feed.fetch(now)
        assert len(market.candles[Timeframe.M15]) >= 1_000
        assert len(market.candles[Timeframe.H4]) >= 45 * 6 - 4
        assert int(market.candles[Timeframe.M15].closed_at[-1]) == now // 900_000 * 900_000
        assert market.book is not None
        assert not market.book.is_crossed
        assert not [issue for issue in market.issues if issue.forbids_entry], market.issues
        minutes = feed.minutes(now - 3_600_000, now)
        last = minutes.closed_by(now // 900_000 * 900_000)
        assert last.close[-1] == market.candles[Timeframe.M15].close[-1]
    finally:
        feed.close()
        clock.close()


def test_a_person_reads_what_is_served_and_ctrl_c_ends_it_cleanly() -> None:
    process = Process(
        "--port", "0", "--days", "2", "--ahead", "1", "--fault", "http-502", "--from", "2026-02-01"
    )
    first = process.first_line()
    code, out, err = process.end()
    assert (code, err) == (0, "")
    assert first.startswith("A generated market without any planted pattern")
    assert "Faults: http-502." in out
    assert out.count("  curl http://127.0.0.1:") == 2
    assert out.count("  export BOT_") == 3
    assert "The sandbox ended after 0 requests." in out


def test_the_curl_lines_work_and_sigterm_ends_it_too() -> None:
    process = Process("--port", "0", "--days", "2", "--ahead", "1", "--speed", "60")
    try:
        lines = [process.first_line()]
        assert process.popen.stdout is not None
        while "Ctrl-C" not in lines[-1]:
            lines.append(process.popen.stdout.readline())
        for line in lines:
            if "curl" in line:
                with urllib.request.urlopen(line.split()[1], timeout=10) as answer:
                    assert json.load(answer)["success"] == 1
    finally:
        code, out, _ = process.end(signal.SIGTERM)
    assert code == 0
    assert "after 2 requests" in out


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--fault", "nope"], "there is no fault 'nope'"),
        (["--fault", "{broken"], "is no JSON object"),
        (["--from", "soon"], "--from was 'soon'"),
        (["--candles", "nowhere.csv"], "nowhere.csv does not exist"),
        (["--edge", "1e9"], "an edge of"),
        (["--clock", "sundial"], "--clock"),
    ],
)
def test_a_mistake_is_one_sentence_and_exit_code_2(arguments: list[str], sentence: str) -> None:
    process = Process("--port", "0", "--days", "1", *arguments)
    out, err = process.popen.communicate(timeout=60)
    assert (process.popen.returncode, out) == (2, "")
    assert sentence in err
    assert "Traceback" not in err


def test_a_port_in_use_is_one_sentence_and_exit_code_2(sandbox: dict[str, Any]) -> None:
    port = sandbox["url"].rpartition(":")[2]
    process = Process("--port", port, "--days", "1")
    out, err = process.popen.communicate(timeout=60)
    assert (process.popen.returncode, out) == (2, "")
    assert f"cannot listen on 127.0.0.1:{port} (Address already in use)" in err


def test_a_file_of_candles_is_served_from_the_instant_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "candles.csv"
    day = START_MS // DAY * DAY
    rows = "".join(
        f"{day + n * 900_000},{n + 9_000_000},{n + 9_000_100},{n + 8_999_900},{n + 9_000_050},1.5\n"
        for n in range(192)
    )
    path.write_text("timestamp,open,high,low,close,volume\n" + rows)
    process = Process(
        "--json",
        "--port",
        "0",
        "--candles",
        str(path),
        "--from",
        "2026-01-16",
        "--clock",
        "stepped",
    )
    try:
        told = json.loads(process.first_line())
        assert told["now_ms"] == day + DAY
        with urllib.request.urlopen(
            f"{told['url']}/btc_jpy/candlestick/15min/20260115", timeout=10
        ) as answer:
            served = json.load(answer)["data"]["candlestick"][0]["ohlcv"]
        assert [",".join(map(str, [row[5], *row[:4]])) for row in served] == [
            line.rpartition(",")[0] for line in rows.splitlines()[:96]
        ]
    finally:
        process.end()
    outside = Process("--port", "0", "--candles", str(path), "--from", "2020-01-01")
    _, err = outside.popen.communicate(timeout=60)
    assert outside.popen.returncode == 2
    assert "outside its candles" in err


def test_a_stepped_tick_s_requests_are_quick(sandbox: dict[str, Any]) -> None:
    clock = SteppedClock(sandbox["url"])
    clock.now_ms()
    began = time.perf_counter()
    for _ in range(100):
        clock.now_ms()
    # Really below 1 ms each; 40 ms is what Nagle and a delayed acknowledgement would cost.
    assert (time.perf_counter() - began) / 100 < 0.02
    clock.close()


def test_a_real_clock_shows_this_machine_s_time_however_long_its_market_took_to_make() -> None:
    process = Process("--json", "--port", "0", "--days", "60", "--ahead", "2")
    try:
        url = json.loads(process.first_line())["url"]
        for _ in range(5):
            before = time.time_ns() // 1_000_000
            with urllib.request.urlopen(f"{url}/btc_jpy/ticker", timeout=20) as answer:
                shown = json.load(answer)["data"]["timestamp"]
            with urllib.request.urlopen(f"{url}/_sandbox/clock", timeout=20) as answer:
                now = json.load(answer)["now_ms"]
            after = time.time_ns() // 1_000_000
            assert before - 20 <= now <= after + 20
            assert shown <= after + 20
    finally:
        process.end()
