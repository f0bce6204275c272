"""The command that deploys: what it rehearses is the staged tick under the real
functions-framework, and its real documents say when it may; gcloud is a stand-in that keeps what it
was told.
"""

import json
import os
import subprocess
import sys
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from scripts.delivery.quiet import obstacles_to, wait_until_quiet
from scripts.installation.checkout import ROOT
from shared.core.errors import Unavailable
from shared.core.types import TickReport
from shared.tick.documents import BotDocuments
from tests.support import gcloud_stand_in
from tests.support.fixed_clock import FixedClock
from tests.support.staged import only_pinned, unpack
from tests.support.world import DAY, HISTORY_DAYS, INTERVAL, START, World, function_process, world

NOW = START + HISTORY_DAYS * DAY
SECRETS = {"DISCORD_WEBHOOK_URL": 3, "BOT_BUNDLE_SIGNING_KEY": 1}
JOBS = {"tick": "ENABLED", "retrain": "ENABLED", "watch": "ENABLED"}
ORDER = ("tick", "alerts", "retrain", "backtest")


def test_an_entry_that_rests_is_an_obstacle_and_a_position_with_its_stop_is_none(tmp_path) -> None:
    resting, held = 0, 0
    with world(tmp_path / "home") as scene:
        ports = scene.with_model().ports()
        bot = BotDocuments(ports.documents, scene.settings.id)
        assert obstacles_to(bot, now_ms=NOW) == ()
        for index in range(160):
            report = scene.tick(NOW + index * INTERVAL, ports)
            found = obstacles_to(bot, now_ms=report.finished_at)
            entries = [order for order in report.resting if order.intent.is_opening]
            assert len(found) == len(entries), found
            resting += bool(entries)
            held += bool(report.positions) and not entries
            if entries:
                later = report.finished_at + 10 * 60_000
                assert obstacles_to(bot, now_ms=later) == (), "its time is over"
    assert (resting >= 2, held >= 20) == (True, True), (resting, held)


def test_a_lease_an_open_order_and_patience(tmp_path) -> None:
    with world(tmp_path / "home") as scene:
        bot = BotDocuments(scene.ports().documents, scene.settings.id)
        lease = bot.take_lease(now_ms=NOW, lease_ms=170_000)
        bot.write_intent("t1~e1", {"outcome": "unknown"}, lease=lease)
        found = obstacles_to(bot, now_ms=NOW + 1)
        assert ["a tick is at work" in found[0], "the order t1~e1 is open" in found[1]] == [
            True
        ] * 2
        assert len(obstacles_to(bot, now_ms=NOW + 170_000)) == 1, "the order stays"
        told: list[str] = []
        with pytest.raises(Unavailable, match=r"nothing was deployed: .*t1~e1"):
            wait_until_quiet(bot, FixedClock(NOW), most_ms=0, tell=told.append)


@dataclass
class Scene:
    """A served staged tick, its world, and the command."""

    world: World
    folder: Path
    environ: dict[str, str]

    def deploy(self, *words: str, stage: str = "paper", code: int = 0) -> dict:
        told = [sys.executable, "-m", "scripts.cli", "deploy", "--project=demo-project", "--json"]
        told += [f"--stage={stage}", f"--documents=sqlite://{self.folder}/home/state.sqlite"]
        ran = subprocess.run(
            [*told, *words],
            cwd=ROOT,
            env=self.environ,
            capture_output=True,
            text=True,
            check=False,
            timeout=600,
        )
        assert ran.returncode == code, ran.stderr
        self.said = ran.stderr
        return json.loads(ran.stdout) if ran.stdout else {}

    @property
    def first(self) -> tuple[str, ...]:
        """What its owner says with the first deployment."""
        kept = ("BOT_CLOCK", "BOT_EXCHANGE__PUBLIC_URL", "BOT_EXCHANGE__PRIVATE_URL")
        chosen = [f"{name}={self.world.environ[name]}" for name in kept]
        return tuple(f"--set={one}" for one in (*chosen, f"BOT_BUNDLE_PUBLIC_KEY={'ab' * 32}"))

    def cloud(self) -> dict:
        return json.loads((self.folder / "gcloud.json").read_text())

    def break_at(self, text: str) -> None:
        state = {**self.cloud(), "fail": text}
        (self.folder / "gcloud.json").write_text(json.dumps(state))

    def serving(self) -> dict[str, str]:
        return {
            name: next(
                one["revisionName"] for one in told["status"]["traffic"] if one.get("percent")
            )
            for name, told in self.cloud()["services"].items()
        }


@pytest.fixture
def scene(tmp_path):
    with ExitStack() as stack:
        here = stack.enter_context(world(tmp_path / "home"))
        tree = unpack("tick", tmp_path / "tree")
        environ = {**here.with_model().environ, **only_pinned(tree)}
        url, _ = stack.enter_context(
            function_process("tick", environ, log=tmp_path / "log", tree=tree)
        )
        found = gcloud_stand_in.install(tmp_path, tick_url=url, jobs=JOBS, secrets=SECRETS)
        nobody = {"PUBSUB_EMULATOR_HOST": "127.0.0.1:9", "BOT_HOME": str(tmp_path / "nowhere")}
        yield Scene(
            world=here,
            folder=tmp_path,
            environ={**os.environ, **found, **nobody, "PYTHONPATH": str(ROOT)},
        )


def test_a_first_deployment_a_second_with_a_position_open_and_one_that_fails(scene) -> None:
    told = scene.deploy(*scene.first)
    assert told["revisions"] == {name: f"{name}-00001" for name in ORDER} == scene.serving()
    assert scene.cloud()["jobs"] == JOBS, "the schedule runs again by itself"
    paused = [words for words in scene.cloud()["log"] if "pause" in words]
    assert len(paused) == 3
    documents = BotDocuments(scene.world.ports().documents, "default")
    assert documents.last_report()["status"] == "done", "a protecting tick ran"

    ports = scene.world.ports()
    for index in range(1, 400):
        report = scene.world.tick(NOW + index * INTERVAL, ports)
        if report.positions and not report.resting[0].intent.is_opening:
            break
    assert report.positions, "a position with its stop"
    told = scene.deploy()
    assert told["revisions"] == {name: f"{name}-00002" for name in ORDER} == scene.serving()
    assert len([words for words in scene.cloud()["log"] if "pause" in words]) == 3
    environ = scene.cloud()["services"]["tick"]["spec"]["template"]["spec"]["containers"][0]["env"]
    assert {"name": "BOT_BUNDLE_PUBLIC_KEY", "value": "ab" * 32} in environ, "it was kept"
    kept = TickReport.read(documents.last_report())
    assert [one.lots for one in kept.positions] == [one.lots for one in report.positions]

    scene.break_at("update-traffic retrain")
    scene.deploy(code=1)
    assert scene.serving() == {name: f"{name}-00002" for name in ORDER}
    assert "update-traffic" in scene.said
    scene.break_at("")
    told = scene.deploy()
    assert set(told["revisions"].values()) == {f"{name}-00004" for name in ORDER}


def test_a_plan_says_every_step_and_does_none(scene) -> None:
    told = scene.deploy(*scene.first, "--plan")
    assert len(told["steps"]) == 13
    assert scene.cloud()["services"] == {}
    scene.deploy(*scene.first, "--plan", stage="stage-10", code=2)
    assert "stage-10 cannot follow nothing" in scene.said
    scene.deploy("--plan", code=2)
    assert "BOT_BUNDLE_PUBLIC_KEY is not set" in scene.said
