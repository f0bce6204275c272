"""`bot collect` against a sandbox: what a person types and reads."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner

from scripts.commands.collect import command, fetch_interval
from shared.core.errors import Unavailable, UserError
from shared.core.types import Timeframe
from shared.exchanges.sandbox.faults import Fault
from shared.exchanges.sandbox.generate import generate
from shared.exchanges.sandbox.market import SandboxMarket
from shared.exchanges.sandbox.server import Sandbox, serve
from shared.exchanges.sandbox.time_source import SteppedTime
from shared.market.archive import CandleArchive
from shared.stores.local.folder import FolderBucket

DAY = 86_400_000


def ms(*parts: int) -> int:
    return int(datetime(*parts, tzinfo=UTC).timestamp() * 1000)


NOW = ms(2026, 2, 6, 12, 5)


@pytest.fixture
def sandbox(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    minutes = generate(start_ms=ms(2026, 1, 28), days=12, seed=5, maintenance=False)
    made = Sandbox(SandboxMarket.from_minutes(minutes), SteppedTime(NOW))
    with serve(made) as server:
        monkeypatch.setenv("BOT_EXCHANGE__PUBLIC_URL", server.url)
        monkeypatch.setenv("BOT_EXCHANGE__PRIVATE_URL", f"{server.url}/v1")
        monkeypatch.setenv("BOT_EXCHANGE__RETRY_BASE_SECONDS", "0")
        monkeypatch.setenv("BOT_CLOCK", server.url)
        yield made


def run(*words: str):
    return CliRunner().invoke(command, list(words), catch_exceptions=True)


def archive(tmp_path: Path) -> CandleArchive:
    return CandleArchive(FolderBucket(tmp_path / "home" / "bucket"))


def test_candles_are_collected_once_and_told_in_words_and_json(sandbox, tmp_path):
    first = run("--days", "5")
    assert first.exit_code == 0, first.output
    assert "6 files read, 0 were there" in first.stdout
    assert "15m: 528 candles" in first.stdout
    stored = archive(tmp_path).read(Timeframe.M15, 0, NOW)
    assert len(stored) == 528
    assert stored.closed_at[-1] == ms(2026, 2, 6, 12)
    sandbox.forget_requests()
    again = run("--days", "5", "--json")
    assert again.exit_code == 0
    told = json.loads(again.stdout)
    assert (
        told["requests"] == sum(sandbox.requests().values()) == 2
    )  # today's 15m file and this year's 4h file
    assert [part["files_kept"] for part in told["collected"]] == [5, 0]
    assert [part["candles"] for part in told["collected"]] == [528, 33]
    assert (told["start"], told["end"]) == ("2026-02-01T00:00:00Z", "2026-02-06T12:05:00Z")


def test_an_interval_of_days_is_collected_with_its_last_day(sandbox, tmp_path):
    done = run("--from", "2026-02-01", "--to", "2026-02-03", "--timeframe", "1m")
    assert done.exit_code == 0, done.output
    assert len(archive(tmp_path).read(Timeframe.M1, 0, NOW)) == 3 * 1_440
    assert archive(tmp_path).complete(Timeframe.M1) == {"20260201", "20260202", "20260203"}


def test_what_the_exchange_does_not_have_is_named(sandbox):
    done = run("--from", "2026-01-20", "--timeframe", "15m")
    assert done.exit_code == 0
    assert (
        "not at the exchange: 20260120, 20260121, 20260122, 20260123, 20260124 and 3 more"
        in done.stdout
    )


def test_an_interrupted_collection_goes_on(sandbox, tmp_path):
    number = sandbox.faults.add(Fault(name="html", path="/btc_jpy/candlestick/15min/20260204"))
    failed = run("--days", "5")
    assert isinstance(failed.exception, Unavailable)
    assert archive(tmp_path).complete(Timeframe.M15) == {"20260201", "20260202", "20260203"}
    sandbox.faults.clear(number)
    done = json.loads(run("--days", "5", "--json").stdout)
    assert (done["collected"][0]["files_read"], done["collected"][0]["files_kept"]) == (3, 3)


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (("--days", "3", "--from", "2026-02-01"), "were both given"),
        (("--to", "2026-02-01"), "without --from"),
        (("--from", "2026-02-03", "--to", "2026-02-01"), "nothing between"),
        (("--from", "2027-01-01"), "nothing between"),
        (("--from", "2010-01-01", "--to", "2010-02-01"), "begin on 2017-02-14"),
    ],
)
def test_a_senseless_interval_is_the_users_mistake(sandbox, words, found):
    failed = run(*words)
    assert isinstance(failed.exception, UserError)
    assert found in str(failed.exception)
    assert failed.exception.remedy or "begin on" in found


@pytest.mark.parametrize(
    "words", [("--days", "0"), ("--days", "x"), ("--from", "yesterday"), ("--timeframe", "5m")]
)
def test_a_malformed_option_is_refused_before_anything_is_asked(words):
    assert run(*words).exit_code == 2


def test_days_are_whole_utc_days_and_never_begin_before_the_exchange():
    def days(count: int) -> tuple[int, int]:
        return fetch_interval(NOW, days=count, first=None, last=None, default_days=9)

    assert days(1) == (ms(2026, 2, 5), NOW)
    assert days(100_000) == (ms(2017, 2, 14), NOW)
    assert fetch_interval(NOW, days=None, first=None, last=None, default_days=9)[0] == ms(
        2026, 1, 28
    )
