"""Cold start, warm tick and memory of the real function process with local stores.

Reports; a timing never fails.

scripts/bot test --full tests/bench/test_tick_start.py
"""

import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

import pytest
import requests

from tests.support.world import DAY, HISTORY_DAYS, INTERVAL, ROOT, START, post, tick_process, world

NOW = START + HISTORY_DAYS * DAY
ROUNDS = 5


def tree_rss_mb(pid: int) -> float:
    """Resident memory of a process and its children, MB."""
    children = subprocess.run(
        ["pgrep", "-P", str(pid)], capture_output=True, text=True, check=False
    ).stdout.split()
    total = 0
    for each in (pid, *map(int, children)):
        pages = Path(f"/proc/{each}/statm").read_text().split()[1]
        total += int(pages) * 4096
    return total / 1e6


def import_seconds(module: str) -> float:
    program = (
        f"import time; began = time.perf_counter(); import {module}; print(time.perf_counter() -"
        " began)"
    )
    times = []
    for _ in range(3):
        environ = {
            name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"
        }
        done = subprocess.run(
            [sys.executable, "-c", program],
            cwd=ROOT,
            env=environ,
            capture_output=True,
            text=True,
            check=True,
        )
        times.append(float(done.stdout))
    return min(times)


@pytest.mark.full
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="procfs: reads memory from /proc")
def test_report_cold_start_warm_tick_and_memory(tmp_path, capsys) -> None:
    health, first, warm, exchange, rss = [], [], [], [], []
    for number in range(ROUNDS):
        with world(tmp_path / str(number)) as scene:
            environ = scene.with_model().environ
            scene.tick(
                NOW
            )  # the window objects are there, as they are for every start but the very first
            began = time.perf_counter()
            with tick_process(environ, log=tmp_path / f"{number}.log") as (url, process):
                requests.get(url, timeout=30)
                health.append(time.perf_counter() - began)
                at = NOW + INTERVAL
                scene.time.advance_to(at)
                assert post(url, at)[0] == 200
                first.append(time.perf_counter() - began)
                for index in range(2, 42):
                    scene.time.advance_to(NOW + index * INTERVAL)
                    sent = time.perf_counter()
                    _, body = post(url, NOW + index * INTERVAL)
                    took = time.perf_counter() - sent
                    outside = (body["timings_ms"]["fetch"] + body["timings_ms"]["reconcile"]) / 1000
                    warm.append(took)
                    exchange.append(outside)
                rss.append(tree_rss_mb(process.pid))
    imports = {
        name: import_seconds(name)
        for name in (
            "ccxt",
            "functions.tick.main",
            "functions_framework",
            "google.cloud.firestore",
            "numpy",
            "cryptography",
            "yaml",
        )
    }
    inside = [took - outside for took, outside in zip(warm, exchange, strict=True)]
    with capsys.disabled():
        print(
            f"\ncold start to the first answer (health): {min(health):.2f} s best,"
            f" {statistics.median(health):.2f} s median"
        )
        print(
            f"cold start to the first tick's answer:   {min(first):.2f} s best,"
            f" {statistics.median(first):.2f} s median"
        )
        print(f"  of which importing ccxt:               {imports['ccxt']:.2f} s")
        whole, worst = statistics.median(warm) * 1000, max(warm) * 1000
        print(
            f"warm tick, whole:                        {whole:.0f} ms median, {worst:.0f} ms worst"
        )
        print(
            f"warm tick beside the exchange's time:    {statistics.median(inside) * 1000:.0f} ms"
            " median"
        )
        print(f"memory (server and worker):              {statistics.median(rss):.0f} MB")
        print(
            "imports: "
            + ", ".join(f"{name} {seconds * 1000:.0f} ms" for name, seconds in imports.items())
        )
    assert len(warm) == ROUNDS * 40
