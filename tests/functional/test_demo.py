"""The demo as a person runs it: one command, real processes, a report at the end."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
REAL = ROOT.parent / "shared" / "data" / "bitbank_btcjpy_15m_2018.csv.gz"
QUICK = {
    "BOT_LEARNING__ROUNDS": "10",
    "BOT_LEARNING__FOREST_TREES": "10",
    "BOT_LEARNING__MAX_DEPTH": "3",
}


def environment(tmp_path):
    return {
        **os.environ,
        **QUICK,
        "BOT_HOME": str(tmp_path / "home"),
        "PYTHONPATH": str(ROOT),
        "TMPDIR": str(tmp_path),
    }


def demo(tmp_path, *words, timeout=600):
    ran = subprocess.run(
        [
            sys.executable,
            "-m",
            "scripts.cli",
            "demo",
            "--json",
            "--out",
            str(tmp_path / "report.html"),
            *words,
        ],
        cwd=ROOT,
        env=environment(tmp_path),
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr[-3000:]
    return (
        json.loads(ran.stdout),
        ran.stderr,
        (tmp_path / "report.html").read_text(encoding="utf-8"),
    )


def left_behind(tmp_path):
    told = []
    for entry in Path("/proc").glob("[0-9]*/environ"):
        try:
            if str(tmp_path).encode() in entry.read_bytes():
                told.append(entry.parent.name)
        except OSError:
            continue
    return [pid for pid in told if int(pid) != os.getpid()]


def test_six_simulated_hours_from_nothing_to_a_report(tmp_path):
    told, said, page = demo(
        tmp_path,
        "--days",
        "0.25",
        "--history",
        "60",
        "--seed",
        "5",
        "--edge",
        "8",
        "--profile",
        "loose",
    )
    assert told["ticks"] == {"done": 121}
    assert told["first_line"].startswith(
        "This market is generated (seed 5) with a planted, learnable pattern: 8 bp of drift"
    )
    assert told["training"]["end_at"] <= told["start_at"]
    assert told["model"]
    assert said.startswith(told["first_line"][:60])
    body = re.sub("<[^>]+>", "", page.split("<body>")[1]).strip()
    assert body.startswith("This market is generated (seed 5)")
    assert told["model"] in page
    assert float(told["end_equity_jpy"]) > 900_000
    assert not list(tmp_path.glob("crypto-bot-demo-*")), (
        "the demo's folder is removed unless --keep"
    )
    assert left_behind(tmp_path) == []


def test_without_an_edge_it_says_so_and_why_nothing_was_entered(tmp_path):
    told, said, page = demo(tmp_path, "--days", "0.1", "--history", "60", "--edge", "0")
    assert "without any planted pattern" in said.splitlines()[0]
    assert "without any planted pattern" in told["first_line"]
    assert told["round_trips"] == told["entries_decided"] == 0
    assert sum(reason["candles"] for reason in told["reasons"].values()) >= 9
    assert "<h2>Why nothing was entered</h2>" in page


def test_ctrl_c_ends_the_children_and_still_writes_the_report(tmp_path):
    words = [
        "demo",
        "--days",
        "2",
        "--history",
        "60",
        "--out",
        str(tmp_path / "report.html"),
        "--keep",
        "--json",
    ]
    process = subprocess.Popen(
        [sys.executable, "-m", "scripts.cli", *words],
        cwd=ROOT,
        env=environment(tmp_path),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    said = []
    for line in process.stderr:
        said.append(line)
        if "[1/961]" in line:
            break
    time.sleep(1.0)
    process.send_signal(signal.SIGINT)
    out, rest = process.communicate(timeout=60)
    assert process.returncode == 130, "".join(said) + rest
    told = json.loads(out)
    assert told["interrupted"] is True
    assert 1 <= sum(told["ticks"].values()) < 961
    assert "Stopped by hand after" in (tmp_path / "report.html").read_text(encoding="utf-8")
    assert left_behind(tmp_path) == []


def test_a_child_that_dies_is_shown_with_its_last_words_and_the_report_is_written(tmp_path):
    words = [
        "demo",
        "--days",
        "2",
        "--history",
        "60",
        "--out",
        str(tmp_path / "report.html"),
        "--keep",
    ]
    process = subprocess.Popen(
        [sys.executable, "-m", "scripts.cli", *words],
        cwd=ROOT,
        env=environment(tmp_path),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    for line in process.stderr:
        if "[1/961]" in line:
            break
    sandbox = [
        pid
        for pid in left_behind(tmp_path)
        if "sandbox" in Path(f"/proc/{pid}/cmdline").read_text()
    ]
    assert len(sandbox) == 1
    os.kill(int(sandbox[0]), signal.SIGKILL)
    out, rest = process.communicate(timeout=120)
    assert process.returncode == 1
    assert "the sandbox process was ended by signal 9" in rest
    assert "Ended by a failure" in out
    assert "Ended by a failure" in (tmp_path / "report.html").read_text(encoding="utf-8")
    assert left_behind(tmp_path) == []


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--candles", "nowhere.csv"], "nowhere.csv does not exist"),
        (["--candles", "x.csv", "--edge", "3"], "--candles and --edge were both given"),
        (["--from", "yesterday"], "--from was 'yesterday'"),
        (["--profile", "brave"], "BOT_PROFILE was 'brave'"),
        (
            ["--out", "/proc/nothing/report.html"],
            "the report cannot be written to /proc/nothing/report.html",
        ),
    ],
)
def test_a_mistake_is_one_sentence_before_any_work(tmp_path, words, sentence):
    ran = subprocess.run(
        [sys.executable, "-m", "scripts.cli", "demo", *words],
        cwd=ROOT,
        env=environment(tmp_path),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode == 2
    assert sentence in ran.stderr
    assert "remedy: " in ran.stderr


@pytest.mark.full
@pytest.mark.slow
@pytest.mark.skipif(
    not REAL.exists(), reason="data: the real candles of 2018 are not beside the project"
)
def test_the_crash_of_january_2018_is_traded_through_with_a_sane_account(tmp_path):
    told, _, page = demo(tmp_path, "--candles", str(REAL), "--profile", "loose", timeout=1_500)
    crash_from, crash_to = 1_516_060_800_000, 1_516_233_600_000  # 2018-01-16 and 17, UTC
    assert told["start_at"] < crash_to
    assert told["end_at"] > crash_from
    assert told["training"]["start_at"] > told["end_at"], "the model learned from another period"
    assert "on a LATER period" in told["first_line"]
    assert set(told["ticks"]) == {"done"}
    assert told["round_trips"] >= 20
    assert told["stops"] >= 3
    assert 300_000 < float(told["end_equity_jpy"]) < 2_000_000
    assert "bitbank_btcjpy_15m_2018.csv.gz" in page
