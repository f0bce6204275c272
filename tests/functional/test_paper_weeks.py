"""Three weeks of a paper bot on a stepped clock, with its real processes: it retrains by itself, a
challenger comes and serves, old reports go and a protected one stays.
"""

import json
import os
import subprocess
import sys
import time
from dataclasses import replace

import pytest

from functions import wiring
from scripts.installation.checkout import ROOT
from shared.model.manifest import MANIFEST, SIGNATURE, decode_manifest, encode
from shared.model.registry import BundleRegistry
from shared.model.signing import sign
from shared.stores.local.sqlite import SqliteDocuments
from shared.tick.documents import BotDocuments
from shared.turn.watch import shadow
from tests.support.retrain_world import NOW, home_at, minutes
from tests.support.world import SIGNING_KEY, world

DAY = 86_400_000
WEEKS = 3
PATIENCE_SECONDS = 180
SETTINGS = {
    "BOT_ROUNDS__EVERY_SECONDS": "86400",
    "BOT_KEEP__REPORTS_DAYS": "8",
    "BOT_KEEP__TICKS_DAYS": "8",
    "BOT_RETRAIN__SHADOW_DAYS": "6",
    "BOT_GATE__MIN_EFFECTIVE_ROWS": "5",
    "BOT_GATE__CHAMPION_CALIBRATION_SLACK": "1.0",
    "BOT_ALERTS": "log",
}


def bot(environ, *words):
    return subprocess.run(
        [sys.executable, "-m", "scripts.cli", *words],
        cwd=ROOT,
        env=environ,
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )


class PaperLife:
    """A paper bot and the clock that it lives by."""

    def __init__(self, scene, environ):
        self.scene, self.environ = scene, environ
        settings = wiring.settings_from(environ)
        self.settings = settings
        self.status_path = settings.home_path / "paper" / settings.id / "status.json"
        self.steps = 0

    def status(self):
        return json.loads(self.status_path.read_text(encoding="utf-8"))

    def until(self, wanted):
        limit = time.monotonic() + PATIENCE_SECONDS
        while not wanted(told := self.status()):
            assert time.monotonic() < limit, told
            time.sleep(0.05)
        return told

    def step(self):
        """To the next schedule time, and until its tick and everything that was due have ended."""
        at = self.status()["next_at"]
        self.scene.time.advance_to(at)
        self.steps += 1
        self.until(lambda told: told["next_at"] > at and told["doing"].startswith("waiting"))
        now = self.scene.time.now_ms()
        return self.until(
            lambda told: all(
                not known["doing"] and known["next_at"] > now for known in told["errands"].values()
            )
        )

    def documents(self):
        return SqliteDocuments(self.settings.home_path / "state.sqlite")

    def registry(self):
        return BundleRegistry(wiring.bucket_for(self.settings))


def add_report(life, name, at):
    key = f"backtests/{name}/1/report.html"
    wiring.bucket_for(life.settings).put(key, b"<html>")
    data = {"kind": "backtest", "status": "done", "created_at": at, "updated_at": at}
    documents = wiring.documents_for(life.settings)
    more = {"result": {"files": {"report.html": key}}, "error": None, "job_hash": "h"}
    documents.create(f"jobs/{name}", {**data, **more})
    documents.close()


def let_challenge(life, version):
    """A copy of what the week gave, of which the gate said that it is no worse: by the numbers of
    this small market it is; the rest is about what follows.
    """
    registry, name = life.registry(), f"{version}-better"
    files = registry.files(version, audit=True)
    manifest = decode_manifest(files[MANIFEST])
    body = encode(
        replace(manifest, version=name, verdict=replace(manifest.verdict, takes_over=True))
    )
    registry.publish(name, {**files, MANIFEST: body, SIGNATURE: sign(body, SIGNING_KEY)})
    registry.challenge(name, at=life.scene.time.now_ms(), why="a test", by="test")
    return name


@pytest.fixture
def life(tmp_path):
    home = tmp_path / "home"
    with world(home, now=NOW, minutes=minutes(92 + 7 * WEEKS + 2)) as scene:
        sandbox = {
            name: text
            for name, text in scene.environ.items()
            if name.startswith(("BOT_E", "BOT_CLOCK"))
        }
        interval = {"BOT_TICK__INTERVAL_SECONDS": "86400"}
        known = {name: text for name, text in os.environ.items() if not name.startswith("BOT_")}
        environ = {**known, "PYTHONPATH": str(ROOT), **home_at(home, **sandbox, **SETTINGS)}
        environ |= interval
        bucket = wiring.bucket_for(wiring.settings_from(environ))
        for key in bucket.keys("candles/"):
            bucket.delete(key)  # of a market of another length, which is another market
        life = PaperLife(scene, environ)
        started = bot(environ, "paper", "start", "--json")
        assert started.returncode == 0, started.stderr
        try:
            yield life
        finally:
            assert bot(environ, "paper", "stop").returncode == 0


@pytest.mark.full
def test_three_weeks_of_paper(life):
    life.until(lambda told: told["ticks"] or told["doing"].startswith("waiting"))
    for name, age in (("old", 2), ("protected", 2), ("newest", 0)):
        add_report(life, name, NOW - age * DAY)
    kept = bot(life.environ, "keep", "protected", "--why", "the first one")
    assert kept.returncode == 0, kept.stderr
    life.until(lambda told: not told["learning"])
    first = life.registry().current().version
    served, weeks, challenger = [first], [], None
    while life.scene.time.now_ms() < NOW + 7 * WEEKS * DAY:
        told = life.step()
        last = told["errands"]["retraining"]["last_at"]
        if last is not None and last not in weeks:
            weeks.append(last)
            if len(weeks) == 2:
                documents = life.documents()
                done = documents.query("retrains", field="created_at", descending=True, limit=1)
                documents.close()
                challenger = let_challenge(life, done[0].data["result"]["version"])
        if (now := life.registry().current().version) != served[-1]:
            served.append(now)

    documents = life.documents()
    claims = documents.query("retrains", limit=100)
    record = shadow.decode_shadow(
        BotDocuments(documents, "default").days(since="2000-01-01", until="2100-01-01")
    )
    jobs = {job.path for job in documents.query("jobs", limit=100)}
    ticks = documents.query("ticks", field="claimed_at", limit=10_000)
    documents.close()
    assert [claim.data["status"] for claim in claims] == ["done"] * 3
    assert len({claim.data["job"]["week"] for claim in claims}) == len(weeks) == 3
    assert (weeks[0] - NOW) // DAY == 7
    assert len(served) == 3
    assert served[0] == first
    assert served[-1] == challenger
    together = record.both(served[1], challenger).sum()
    assert together >= life.steps // WEEKS // 2
    assert jobs == {"jobs/protected", "jobs/newest"}
    assert wiring.bucket_for(life.settings).keys("backtests/old/") == []
    assert len(wiring.bucket_for(life.settings).keys("backtests/protected/")) == 1
    now = life.scene.time.now_ms()
    assert 0 < len(ticks) < life.steps
    assert now - ticks[0].data["claimed_at"] <= 10 * DAY

    shown = bot(life.environ, "paper", "status").stdout
    times = json.loads(bot(life.environ, "paper", "status", "--json").stdout)["times"]
    assert list(times) == ["tick", "retraining", "watch", "digest", "cleaning"]
    for name, known in times.items():
        assert known["last_at"] <= now < known["next_at"], name
        assert name == "tick" or f"{name:<9} last " in shown
    print(f"{life.steps} ticks, {together} candles of both models, {len(served)} models served")
