"""`setup`, `verify` and `teardown` as a person types them, over the real gcloud and a server that
holds its requests against Google's documents.
"""

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from functions import wiring
from scripts.cli import main
from shared.tick.documents import BotDocuments
from tests.support.cloud import gcloud as real
from tests.support.cloud.apis.projects import enable
from tests.support.cloud.server import Cloud, running
from tests.support.emulators import fresh_project

PROJECT = "demo-project"
Run = Callable[..., tuple[int, Any]]


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    with running(PROJECT) as cloud:
        yield cloud


@pytest.fixture
def run(
    cloud: Cloud,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Run:
    """Runs a command with --json; its exit code, and what it answered or said."""
    for name in [name for name in os.environ if name.startswith("CLOUDSDK_")]:
        monkeypatch.delenv(name)
    for name, value in real.Gcloud.of(cloud, tmp_path).environ.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("BOT_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)

    def type_in(*arguments: str) -> tuple[int, Any]:
        capsys.readouterr()
        code = main([*arguments, f"--project={PROJECT}", "--json"])
        told = capsys.readouterr()
        return code, json.loads(told.out) if told.out.strip() else told.err

    return type_in


def add_accounts(cloud: Cloud) -> None:
    """The accounts that the part before makes: nobody else can be given a right."""
    for word in ("tick", "backtest", "retrain", "alerts", "schedule", "push", "build", "deploy"):
        mail = f"bot-{word}@{PROJECT}.iam.gserviceaccount.com"
        name = f"projects/{PROJECT}/serviceAccounts/{mail}"
        cloud.state.resources[f"iam/{name}"] = {"name": name, "email": mail}


def test_a_part_is_set_up_looked_at_and_taken_away(cloud: Cloud, run: Run) -> None:
    for service in ("pubsub", "iam", "cloudresourcemanager"):
        enable(cloud.state, f"{service}.googleapis.com")
    add_accounts(cloud)
    code, told = run("verify", "topics")
    assert (code, told["empty"]) == (3, False)
    assert {step["action"] for step in told["steps"]} == {"create", "waits"}
    code, told = run("setup", "topics")
    assert code == 2
    assert "--yes" in told
    assert not any("topics" in key for key in cloud.state.resources)
    code, told = run("setup", "topics", "--yes")
    assert (code, told["failed"]) == (0, [])
    assert {tuple(step["waits"]) for step in told["steps"]} == {("url:alerts",), ("url:backtest",)}
    code, told = run("teardown", "topics", "--yes")
    assert (code, told["failed"], told["exported"]) == (0, [], {})
    assert {name.rpartition("/")[2] for name in told["deleted"]} == {"alerts", "jobs", "dead"}
    assert not any("topics" in key for key in cloud.state.resources)
    assert cloud.faults == []


def test_a_value_that_nobody_can_be_asked_for_is_named_with_its_command_and_the_rest_is_made(
    cloud: Cloud, run: Run
) -> None:
    for service in ("secretmanager", "iam"):
        enable(cloud.state, f"{service}.googleapis.com")
    add_accounts(cloud)
    code, told = run("setup", "secrets", "--yes")
    assert code == 1
    assert {one["kind"] for one in told["failed"]} == {"value"}
    assert len(told["failed"]) == 2
    for one in told["failed"]:
        secret = one["name"].split("/")[3]
        assert f"gcloud secrets versions add {secret} --data-file=- --project=demo" in one["remedy"]
        assert f"secretmanager/projects/{PROJECT}/secrets/{secret}" in cloud.state.resources
    assert {step["kind"] for step in told["steps"]} == {"value"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("verify", "topic"), "did you mean 'topics'?"),
        (("setup", "--stage=stage-20"), "stage-20"),
        (("teardown", "topics", "--with=everything"), "names neither"),
    ],
)
def test_a_word_that_nobody_knows_is_refused(
    cloud: Cloud, run: Run, arguments: tuple[str, ...], said: str
) -> None:
    code, told = run(*arguments)
    assert code == 2
    assert said in told
    assert [one for one in cloud.recorded if one.http != "GET"] == []


def test_a_teardown_is_refused_while_an_order_is_open_and_exports_before_it_takes_away(
    cloud: Cloud, run: Run, tmp_path: Path, firestore_here: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    del firestore_here
    state = f"firestore://{PROJECT}/{fresh_project()}"
    documents = wiring.documents_at(state, "here")
    bot = BotDocuments(documents, "default")
    lease = bot.take_lease(now_ms=1, lease_ms=1)
    assert lease is not None
    intent = {"bot": "default", "open_for": "default", "at": 1}
    bot.write_intent("t1~e1", intent, lease=lease)
    documents.create("trades/default~00000001", {"bot": "default", "closed_at": 1})
    documents.close()
    monkeypatch.setenv("BOT_STATE", state)
    for service in ("firestore", "cloudscheduler"):
        enable(cloud.state, f"{service}.googleapis.com")
    database = f"projects/{PROJECT}/databases/(default)"
    cloud.state.resources[f"firestore/{database}"] = {"name": database}
    job = f"projects/{PROJECT}/locations/asia-northeast1/jobs/tick"
    cloud.state.resources[f"cloudscheduler/{job}"] = {"name": job, "state": "ENABLED"}
    code, told = run("teardown", "schedules", "stores", "--yes")
    assert code == 2
    assert "intent:t1~e1" in told
    assert cloud.state.resources[f"cloudscheduler/{job}"]["state"] == "ENABLED"
    code, told = run("teardown", "schedules", "stores", "--yes", "--despite=intent:t1~e1")
    assert (code, told["deleted"]) == (0, [job])
    assert told["exported"] == {"trades": 1, "fills": 0, "days": 0, "audit": 0}
    assert len((tmp_path / "books" / "trades.jsonl").read_text().splitlines()) == 1
    assert set(cloud.state.resources) >= {f"firestore/{database}"}
    assert f"cloudscheduler/{job}" not in cloud.state.resources
    assert cloud.faults == []
