"""A whole world for tests: a sandbox with a stepped clock, a trained bundle, stores, and ticks by
HTTP or in process.
"""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from typing import Any

import msgspec
import requests

from functions import wiring
from models.fit.train import Training, train
from models.jobs.keys import signing_key
from shared.core.settings import Settings
from shared.core.types import Candles, TickReport, Timeframe
from shared.exchanges.sandbox.generate import generate
from shared.exchanges.sandbox.market import SandboxMarket
from shared.exchanges.sandbox.server import RunningServer, Sandbox, serve
from shared.exchanges.sandbox.time_source import SteppedTime
from shared.market.candles import aggregate
from shared.model.registry import BundleRegistry
from shared.tick.cycle import Ports, run_tick
from shared.tick.request import TickRequest

ROOT = Path(__file__).resolve().parents[2]
START = 1_767_225_600_000  # 2026-01-01 00:00 UTC
DAY = 86_400_000
INTERVAL = 180_000
HISTORY_DAYS = 60
SIGNING_KEY = "11" * 32

QUICK = {
    "BOT_LEARNING__ROUNDS": "12",
    "BOT_LEARNING__FOREST_TREES": "12",
    "BOT_LEARNING__MAX_DEPTH": "3",
    "BOT_LEARNING__DAYS": "50",
    "BOT_MARKET__MIN_HISTORY_4H": "70",
}


@cache
def market(edge_bp: float = 8.0, seed: int = 5, days: int = HISTORY_DAYS + 8) -> Candles:
    return generate(start_ms=START, days=days, seed=seed, edge_bp=edge_bp, maintenance=False)


@cache
def training(edge_bp: float = 8.0, seed: int = 5) -> Training:
    """A small model of the days before the tests' own days; trained once a process."""
    minutes = market(edge_bp, seed)
    known = minutes.closed_by(START + HISTORY_DAYS * DAY)
    candles = {frame: aggregate(known, frame) for frame in (Timeframe.M15, Timeframe.H4)}
    settings = wiring.settings_from(QUICK)
    return train(
        candles,
        settings,
        as_of=START + HISTORY_DAYS * DAY,
        seed=1,
        commit="0" * 40,
        signing_key=SIGNING_KEY,
    )


@dataclass
class World:
    """One sandbox, one home, one clock."""

    home: Path
    server: RunningServer
    sandbox: Sandbox
    time: SteppedTime
    extra: Mapping[str, str] = field(default_factory=dict)

    @property
    def environ(self) -> dict[str, str]:
        return {
            **QUICK,
            "BOT_HOME": str(self.home),
            "BOT_CLOCK": self.server.url,
            "BOT_EXCHANGE__PUBLIC_URL": self.server.url,
            "BOT_EXCHANGE__PRIVATE_URL": f"{self.server.url}/v1",
            "BOT_EXCHANGE__RETRY_BASE_SECONDS": "0",
            **self.extra,
        }

    @property
    def settings(self) -> Settings:
        return wiring.settings_from(self.environ)

    def ports(self) -> Ports:
        return wiring.ports(self.settings, self.environ)

    def with_model(self, *, edge_bp: float = 8.0, seed: int = 5) -> "World":
        signing_key(self.settings, {"BOT_BUNDLE_SIGNING_KEY": SIGNING_KEY})
        made = training(edge_bp, seed)
        registry = BundleRegistry(wiring.bucket_for(self.settings))
        registry.publish(made.version, made.files)
        registry.promote(made.version, at=START, why="a test", by="test")
        return self

    def tick(self, at: int, ports: Ports | None = None) -> TickReport:
        """A tick in this process at the schedule time `at`."""
        self.time.advance_to(at)
        return run_tick(
            ports or self.ports(),
            self.settings,
            TickRequest(tick=name(at), scheduled_at=at, received_at=at),
        )


def name(at: int) -> str:
    return f"t{at}"


@contextmanager
def world(
    home: Path,
    *,
    now: int = START + HISTORY_DAYS * DAY,
    edge_bp: float = 8.0,
    seed: int = 5,
    extra: Mapping[str, str] | None = None,
    minutes: Candles | None = None,
) -> Iterator[World]:
    clock = SteppedTime(now)
    sandbox = Sandbox(
        SandboxMarket.from_minutes(minutes if minutes is not None else market(edge_bp, seed)), clock
    )
    with serve(sandbox) as server:
        yield World(home=home, server=server, sandbox=sandbox, time=clock, extra=extra or {})


@contextmanager
def function_process(
    name: str,
    environ: Mapping[str, str],
    *,
    log: Path,
    port: int | None = None,
    tree: Path | None = None,
    python: Path = Path(sys.executable),
) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """The real functions-framework process of one function, on a free port of its own unless one is
    named; its address. `tree`: a staged one to serve instead of this checkout, as the buildpack
    does it. `python`: that of the environment to serve it in.

    As a user's shell or an image starts it: with compiled code, without this machine's own
    settings. Server and workers are a process group, for they are one machine.
    """
    if port is None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
    command = [str(python.with_name("functions-framework"))]
    source = "main.py" if tree else f"functions/{name}/main.py"
    command += ["--source", source, "--target", name]
    command += ["--host", "127.0.0.1", "--port", str(port)]
    clean = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("BOT_", "COV", "PYTHONDONTWRITE"))
    }
    with log.open("ab") as output:
        process = subprocess.Popen(
            command,
            cwd=tree or ROOT,
            env={**clean, **environ},
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
        try:
            wait_until_up(port, process, log)
            yield f"http://127.0.0.1:{port}", process
        finally:
            send(process, signal.SIGKILL)
            process.wait()


def send(process: subprocess.Popen[bytes], number: int) -> None:
    """A signal to a server and its workers."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, number)


tick_process = partial(function_process, "tick")
backtest_process = partial(function_process, "backtest")
retrain_process = partial(function_process, "retrain")


def wait_until_up(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + 30
    while time.monotonic() < until:
        if process.poll() is not None:
            raise AssertionError(f"the function process ended: {log.read_text()[-2000:]}")
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise AssertionError("the function process did not listen within 30 s")


def rfc3339(at: int) -> str:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(at / 1000, tz=UTC).isoformat()


def post(url: str, at: int, session: Any = requests) -> tuple[int, dict[str, Any]]:
    answer = session.post(url, headers={"X-CloudScheduler-ScheduleTime": rfc3339(at)}, timeout=60)
    return answer.status_code, answer.json()


def report_of(told: Mapping[str, Any]) -> TickReport:
    return msgspec.convert(told, TickReport)
