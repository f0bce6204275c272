"""How long `backtest` of a year of 15m candles takes as a whole process, and its memory.

Reports; a timing never fails.

scripts/bot test --full tests/bench/test_backtest_speed.py
"""

import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import pytest

from functions import wiring
from shared.core.types import Timeframe
from shared.market.candles import aggregate
from tests.support.backtest_world import archive, home_at
from tests.support.world import HISTORY_DAYS, ROOT, market

YEAR = ["--from", "2026-03-03", "--to", "2027-03-03", "--profile", "loose"]
PROGRAM = (
    "import sys; from pathlib import Path; from scripts.cli import main\n"
    "code = main(['backtest', *sys.argv[1:]])\n"
    "print('peak', Path('/proc/self/status').read_text().split('VmHWM:')[1].split()[0])\n"
    "sys.exit(code)"
)


class Ran(NamedTuple):
    """A process of its own: seconds from start to end, those of CPU, its highest resident memory,
    and what it said.
    """

    seconds: float
    cpu_seconds: float
    peak_mb: float
    said: list[str]


def ran(environ: Mapping[str, str]) -> Ran:
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    began, before = time.perf_counter(), os.times()
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *YEAR],
        cwd=ROOT,
        env={**kept, **environ},
        capture_output=True,
        text=True,
        check=False,
    )
    took, after = time.perf_counter() - began, os.times()
    assert done.returncode == 0, done.stderr
    *said, peak = done.stdout.splitlines()
    computed = (
        after.children_user + after.children_system - before.children_user - before.children_system
    )
    return Ran(took, computed, int(peak.split()[1]) * 1024 / 1e6, said)


@pytest.mark.full
@pytest.mark.skipif(
    not Path("/proc/self/status").exists(), reason="procfs: reads memory from /proc"
)
def test_report_a_year_of_quarters_cold_and_with_its_stages_cached(tmp_path, capsys) -> None:
    environ = home_at(tmp_path / "bot")
    minutes = market(days=HISTORY_DAYS + 8 + 365)
    for frame in (Timeframe.M15, Timeframe.H4):
        archive(wiring.bucket_for(wiring.settings_from(environ)), aggregate(minutes, frame))
    cold = ran(environ)
    cached = min((ran(environ) for _ in range(3)), key=lambda one: one.seconds)
    trades = next(line.split()[1] for line in cached.said if line.startswith("trades"))
    with capsys.disabled():
        print(
            f"\na year of 15m candles, {trades} trades: {cold.seconds:.1f} s the first time,"
            f" {cold.cpu_seconds:.1f} s of CPU"
        )
        told = (
            f"{cached.seconds:.1f} s, {cached.cpu_seconds:.1f} s of CPU, {cached.peak_mb:.0f} MB at"
            " most"
        )
        print(f"stages cached, as a whole process: {told}")
    assert int(trades.replace(",", "")) > 0
