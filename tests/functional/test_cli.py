"""The command line as a person uses it: real processes, real files, a sandbox instead
of bitbank.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from shared.core.clock import SystemClock
from shared.exchanges.sandbox.generate import generate
from shared.exchanges.sandbox.market import SandboxMarket
from shared.exchanges.sandbox.server import Sandbox, serve
from shared.exchanges.sandbox.time_source import MachineTime

ROOT = Path(__file__).resolve().parents[2]
DAY_MS = 86_400_000
NOWHERE = "http://127.0.0.1:9"


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """A home of its own, and no way to the real exchange."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("BOT_", "BITBANK_", "DISCORD_"))
    }
    home = {"BOT_HOME": str(tmp_path / "home"), "BOT_EXCHANGE__RETRY_BASE_SECONDS": "0"}
    urls = {"BOT_EXCHANGE__PUBLIC_URL": NOWHERE, "BOT_EXCHANGE__PRIVATE_URL": f"{NOWHERE}/v1"}
    return {**kept, **home, **urls, "PYTHONPATH": str(ROOT)}


def bot(
    environ: Mapping[str, str], *words: str, cwd: Path | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-P", "-m", "scripts.cli", *words],
        cwd=cwd or Path(environ["BOT_HOME"]).parent,
        env=dict(environ),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@pytest.fixture(scope="module")
def sandbox_url() -> Iterator[str]:
    """A bitbank with 15 days behind it, whose clock is this machine's."""
    now = SystemClock().now_ms()
    minutes = generate(start_ms=now - 15 * DAY_MS, days=16, seed=7, edge_bp=0.0)
    with serve(
        Sandbox(SandboxMarket.from_minutes(minutes, source="a test"), MachineTime())
    ) as running:
        yield running.url


@pytest.fixture
def online(environ: dict[str, str], sandbox_url: str) -> dict[str, str]:
    return {
        **environ,
        "BOT_EXCHANGE__PUBLIC_URL": sandbox_url,
        "BOT_EXCHANGE__PRIVATE_URL": f"{sandbox_url}/v1",
    }


def one_error(ran: subprocess.CompletedProcess[str], code: int) -> str:
    """The sentence of a failed command; nothing else may have been said."""
    assert ran.returncode == code, ran.stderr
    assert ran.stdout == ""
    lines = ran.stderr.splitlines()
    assert lines[0].startswith("error: ")
    assert len(lines) <= 2
    assert all(line.startswith("remedy: ") for line in lines[1:])
    return ran.stderr


REAL = {
    "BOT_MODE": "live",
    "BOT_EXCHANGE__PUBLIC_URL": "https://public.bitbank.cc",
    "BOT_EXCHANGE__PRIVATE_URL": "https://api.bitbank.cc/v1",
}


def test_real_money_needs_a_key_before_anything_is_sent(environ: dict[str, str]) -> None:
    real = {**environ, **REAL}
    assert "none was ever run" in bot(real, "status").stdout
    assert "BITBANK_API_KEY" in one_error(bot(real, "tick"), 2)


def test_paper_never_starts_with_real_money(environ: dict[str, str]) -> None:
    said = one_error(bot({**environ, **REAL}, "paper", "start"), 2)
    assert "BOT_MODE was live, and paper trades on paper only" in said


def test_a_sandbox_s_prices_never_lead_to_orders_at_bitbank(environ: dict[str, str]) -> None:
    for name in ("PUBLIC_URL", "PRIVATE_URL"):
        mixed = {**environ, **REAL, f"BOT_EXCHANGE__{name}": environ[f"BOT_EXCHANGE__{name}"]}
        assert "the prices of one exchange" in one_error(bot(mixed, "status"), 2)


def test_status_of_a_bot_that_never_ticked(environ: dict[str, str]) -> None:
    ran = bot(environ, "status")
    assert ran.returncode == 1
    assert "none was ever run" in ran.stdout
    told = json.loads(bot({**environ, "BOT_VENV": "elsewhere"}, "status", "--json").stdout)
    assert told["fresh"] is False
    assert told["last_report"] is None


def test_a_halt_is_seen_by_status_and_taken_back_by_resume_and_both_leave_a_record(
    environ: dict[str, str],
) -> None:
    assert bot(environ, "halt", "--reason", "maintenance", "--by", "alice").returncode == 0
    told = bot(environ, "status").stdout
    assert "HALTED    by alice at " in told
    assert "maintenance" in told
    resumed = json.loads(bot(environ, "resume", "--reason", "over", "--by", "bob", "--json").stdout)
    assert (resumed["halt"], resumed["who"], resumed["why"], resumed["was_halted"]) == (
        False,
        "bob",
        "over",
        True,
    )
    assert "HALTED" not in bot(environ, "status").stdout
    assert "Nothing was halted" in bot(environ, "resume", "--why", "again").stdout

    from shared.stores.local.sqlite import SqliteDocuments

    documents = SqliteDocuments(Path(environ["BOT_HOME"]) / "state.sqlite")
    records = sorted(
        (document.data for document in documents.query("audit")), key=lambda data: data["at"]
    )
    documents.close()
    assert [(record["who"], record["why"]) for record in records][:2] == [
        ("alice", "maintenance"),
        ("bob", "over"),
    ]
    assert len(records) == 2, "where nothing was halted nothing is written"


def test_a_tick_by_hand_runs_against_a_sandbox_and_status_tells_of_it(
    online: dict[str, str],
) -> None:
    ran = bot(online, "tick", "--json")
    report = json.loads(ran.stdout)
    assert ran.returncode == 0, report["detail"]
    assert report["status"] == "done"
    assert report["tick"].startswith("manual-")
    status = bot(online, "status")
    assert status.returncode == 0
    assert report["tick"] in status.stdout
    assert "position  none" in status.stdout
    assert "JST" in status.stdout


def test_a_dry_run_leaves_nothing_behind(online: dict[str, str]) -> None:
    ran = bot(online, "tick", "--dry-run")
    assert ran.returncode == 0, ran.stderr
    assert " done (dry run), " in ran.stdout
    assert "decision  " in ran.stdout
    assert json.loads(bot(online, "status", "--json").stdout)["last_report"] is None
    bucket = Path(online["BOT_HOME"]) / "bucket"
    assert [path for path in bucket.rglob("*") if path.is_file()] == []


def test_the_same_scheduled_tick_of_a_halted_bot_is_done_once(online: dict[str, str]) -> None:
    bot(online, "halt", "--reason", "x")
    at = time.strftime("%Y-%m-%dT%H:%M:00Z", time.gmtime())
    first, second = (json.loads(bot(online, "tick", "--at", at, "--json").stdout) for _ in range(2))
    assert first["status"] == "halted"
    assert second["status"] == "duplicate"
    assert second["tick"] == first["tick"]
    assert not first["tick"].startswith("manual")


@pytest.mark.parametrize("at", ["noon", "2026-02-01T00:03:00", "2999-01-01T00:00:00Z"])
def test_a_time_that_names_no_tick_is_refused(environ: dict[str, str], at: str) -> None:
    said = one_error(bot(environ, "tick", "--at", at), 2)
    assert repr(at) in said
    assert "--at" in said


def test_a_tick_without_a_network_is_degraded_and_says_why(environ: dict[str, str]) -> None:
    ran = bot(environ, "tick")
    assert ran.returncode == 1
    assert "degraded" in ran.stdout
    assert "refused the connection" in ran.stdout
    assert "Traceback" not in ran.stderr


def test_doctor_names_the_smallest_capital_of_every_stage_and_what_is_missing(
    online: dict[str, str],
) -> None:
    ran = bot(online, "doctor", "--json")
    told = json.loads(ran.stdout)
    checks = {check["name"]: check for check in told["checks"]}
    assert ran.returncode == 1
    assert checks["model"]["verdict"] == "bad"
    assert all(
        checks[name]["verdict"] != "bad"
        for name in ("settings", "state", "bucket", "exchange", "clock", "candles")
    )
    needed = checks["capital"]["data"]
    assert set(needed) == {"paper", "stage-10", "stage-50", "live"}
    assert needed["stage-10"] > needed["stage-50"] > needed["live"] > 0
    assert [path for path in Path(online["BOT_HOME"]).rglob("*probe*") if path.is_file()] == []


def test_doctor_does_not_blame_the_network_for_a_store_that_is_broken(
    environ: dict[str, str],
) -> None:
    Path(environ["BOT_HOME"]).mkdir(parents=True, exist_ok=True)
    (Path(environ["BOT_HOME"]) / "state.sqlite").write_bytes(bytes(range(256)) * 20)
    ran = bot(environ, "doctor")
    assert ran.returncode == 1
    assert ran.stdout.count("remedy: set BOT_STATE to another file, or move this one away") == 3, (
        ran.stdout
    )
    assert "check the network" not in ran.stdout


def test_doctor_without_a_network_says_so(environ: dict[str, str]) -> None:
    ran = bot(environ, "doctor")
    assert ran.returncode == 1
    assert "bad   exchange" in ran.stdout
    assert ran.stdout.splitlines()[-1].startswith("not ready: ")


@pytest.mark.parametrize(
    ("name", "value", "hint"),
    [
        ("BOT_RISK__MAX_DRAWDWN", "0.2", "did you mean BOT_RISK__MAX_DRAWDOWN?"),
        ("BOT_RISK__MAX_LEVERAGE", "3", "BOT_RISK__MAX_LEVERAGE"),
        ("BOT_MODE", "lived", "choose one of paper, live"),
        ("BOT_STATE", "postgres://x", "sqlite://"),
        ("BOT_STATE", "memory://", "set BOT_STATE"),
        ("BOT_STATE", "firestore:///(default)", "set it to firestore://PROJECT/DATABASE"),
        ("BOT_PROFILE", "looser", "loose"),
    ],
)
def test_a_wrong_setting_is_one_sentence_and_a_remedy(
    environ: dict[str, str], name: str, value: str, hint: str
) -> None:
    assert hint in one_error(bot({**environ, name: value}, "status"), 2)


def test_a_corrupt_state_is_named_and_left_alone(environ: dict[str, str]) -> None:
    state = Path(environ["BOT_HOME"]) / "state.sqlite"
    state.parent.mkdir()
    state.write_bytes(b"this is no database" * 100)
    assert "state.sqlite" in one_error(bot(environ, "status"), 2)
    assert state.read_bytes() == b"this is no database" * 100


def test_an_env_file_of_the_current_folder_counts(environ: dict[str, str], tmp_path: Path) -> None:
    folder = tmp_path / "here"
    folder.mkdir()
    (folder / ".env").write_text("BOT_ID=from-the-file\n")
    assert json.loads(bot(environ, "status", "--json", cwd=folder).stdout)["bot"] == "from-the-file"
    assert (
        json.loads(bot({**environ, "BOT_ID": "told"}, "status", "--json", cwd=folder).stdout)["bot"]
        == "told"
    )
    (folder / ".env").write_text("BOT_ID\n")
    assert "line 1 of" in one_error(bot(environ, "status", cwd=folder), 2)


def test_names_in_the_current_folder_cannot_stand_in_for_ours(
    environ: dict[str, str], tmp_path: Path
) -> None:
    folder = tmp_path / "here"
    folder.mkdir()
    for name in ("click.py", "yaml.py", "shared.py", "scripts.py"):
        (folder / name).write_text("raise SystemExit('the wrong module')\n")
    assert bot(environ, "--version", cwd=folder).stdout.startswith("crypto-bot ")


def test_a_port_in_use_is_one_sentence(environ: dict[str, str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert f"127.0.0.1:{port}" in one_error(bot(environ, "serve", "--port", str(port)), 2)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_serve_is_the_real_framework_and_ends_with_ctrl_c(
    online: dict[str, str], tmp_path: Path
) -> None:
    port = free_port()
    words = [sys.executable, "-P", "-m", "scripts.cli", "serve", "--port", str(port), "--json"]
    process = subprocess.Popen(
        words, cwd=tmp_path, env=online, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        answer = wait_for(f"http://127.0.0.1:{port}/")
        assert answer == (503, None)
        request = urllib.request.Request(f"http://127.0.0.1:{port}/", method="POST", data=b"{}")
        with urllib.request.urlopen(request, timeout=60) as response:
            assert json.load(response)["status"] == "done"
        assert wait_for(f"http://127.0.0.1:{port}/")[0] == 200
    finally:
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=30)
    told = json.loads(out)
    assert (told["function"], told["url"], told["pid"]) == (
        "tick",
        f"http://127.0.0.1:{port}",
        process.pid,
    )


def wait_for(url: str) -> tuple[int, str | None]:
    """The status that an address answers with, as soon as it answers, and the last tick that it
    tells of.
    """
    until = time.monotonic() + 60
    while True:
        try:
            with urllib.request.urlopen(url, timeout=10) as response:
                return response.status, json.load(response)["last_tick"]
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)["last_tick"]
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.05)


def test_a_reader_that_goes_away_is_no_error(environ: dict[str, str], tmp_path: Path) -> None:
    command = f"'{sys.executable}' -P -m scripts.cli --help | true"
    ran = subprocess.run(
        ["sh", "-c", command],
        env=environ,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ran.returncode, ran.stderr) == (0, "")
