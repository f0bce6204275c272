"""The program that runs gcloud: what it hands over, what it says of a failure, and that nothing is
repeated blindly. In gcloud's place stands a program that writes down how it was called.
"""

import json
import os
import stat
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from scripts.cloud.applying import apply_steps
from scripts.cloud.gcloud import Gcloud, NotAllowed, WrongCommand
from scripts.cloud.planning import plan_steps
from scripts.cloud.resource import DOCUMENT, GcloudCall, Resource
from shared.core.errors import AlreadyExists, BotError, Conflict, NotThere, Unavailable, UserError

PROGRAM = """#!{python}
import json, os, pathlib, sys
folder = pathlib.Path({folder!r})
number = len(list(folder.glob("call-*")))
arguments = sys.argv[1:]
files = {{a: open(a.partition("=")[2]).read() for a in arguments if a.endswith("document.json")}}
given = sys.stdin.read()
told = {{"arguments": arguments, "files": files, "given": given}}
(folder / f"call-{{number:03d}}.json").write_text(json.dumps(told))
line = " ".join(arguments)
{body}
"""
TOPIC = Resource(
    part="topics",
    kind="topic",
    name="projects/my-bot/topics/alerts",
    body={"messageStoragePolicy": {"allowedPersistenceRegions": ["asia-northeast1"]}},
)
STORED = json.dumps([{"name": TOPIC.name, **TOPIC.body}])


@pytest.fixture
def program(tmp_path: Path) -> Callable[..., Gcloud]:
    def make(body: str, *, seconds: float = 20.0) -> Gcloud:
        path = tmp_path / "gcloud"
        python = sys.executable
        text = PROGRAM.format(python=python, folder=str(tmp_path), body=body)
        path.write_text(text, encoding="utf-8")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        environ = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
        return Gcloud("my-bot", environ=environ, seconds=seconds)

    return make


def calls(folder: Path) -> list[dict[str, object]]:
    return [json.loads(path.read_text()) for path in sorted(folder.glob("call-*.json"))]


def test_a_value_goes_to_standard_input_and_nowhere_else(
    program: Callable[..., Gcloud], tmp_path: Path
) -> None:
    gcloud = program("print(json.dumps({'name': 'it'}))")
    add = GcloudCall(arguments=("secrets", "versions", "add", "K", "--data-file=-"), secret="K")
    assert gcloud.run(add, value="hush-hush-hush") == {"name": "it"}
    [call] = calls(tmp_path)
    assert call["given"] == "hush-hush-hush"
    assert "hush" not in json.dumps(call["arguments"])
    assert call["arguments"][:4] == ["secrets", "versions", "add", "K"]
    assert {"--project=my-bot", "--format=json"} <= set(call["arguments"])


def test_a_value_is_masked_in_what_gcloud_says_of_its_failure(
    program: Callable[..., Gcloud],
) -> None:
    gcloud = program("sys.exit('ERROR: bad value ' + given)")
    with pytest.raises(WrongCommand) as failed:
        gcloud.run(GcloudCall(arguments=("secrets",), secret="K"), value="hush-hush-hush")
    assert "hush" not in str(failed.value)
    assert "bad value" in str(failed.value)


def test_a_document_is_a_file_that_is_gone_afterwards(
    program: Callable[..., Gcloud], tmp_path: Path
) -> None:
    gcloud = program("")
    call = GcloudCall(arguments=("x", f"--source={DOCUMENT}"), document={"name": "it"})
    assert gcloud.run(call) is None
    [told] = calls(tmp_path)
    [(argument, text)] = told["files"].items()
    assert json.loads(text) == {"name": "it"}
    assert not Path(argument.partition("=")[2]).exists()


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ("(gcloud.pubsub.topics.describe) NOT_FOUND: Resource not found (resource=a).", NotThere),
        ("(gcloud.storage.buckets.describe) gs://b not found: 404.", NotThere),
        ("(gcloud.run.services.describe) Cannot find service [tick]", NotThere),
        ("(gcloud.secrets.create) ALREADY_EXISTS: Secret [K] already exists.", AlreadyExists),
        ("(gcloud.storage.buckets.create) HTTPError 409: You already own it.", AlreadyExists),
        ("(gcloud.projects.set-iam-policy) ABORTED: concurrent policy changes.", Conflict),
        ("(gcloud.storage.buckets.set-iam-policy) HTTPError 412: Precondition Failed.", Conflict),
        ("(gcloud.iam) PERMISSION_DENIED: Permission 'iam.x' denied.", NotAllowed),
        ("You do not currently have an active account selected.", NotAllowed),
        ("There was a problem refreshing your current auth tokens", NotAllowed),
        ("(gcloud.x) UNAVAILABLE: The service is currently unavailable.", Unavailable),
        ("(gcloud.x) RESOURCE_EXHAUSTED: Quota exceeded", Unavailable),
        ("gcloud crashed (ConnectionError): Connection aborted.", Unavailable),
        ("(gcloud.storage.buckets.create) HTTPError 503: Backend Error", Unavailable),
        ("PERMISSION_DENIED: X has not been used in project 1 before", Unavailable),
        ("INVALID_ARGUMENT: Service account bot-tick@p does not exist.", Unavailable),
        ("INVALID_ARGUMENT: Cannot find metric that matches type", Unavailable),
        ("(gcloud.x) INVALID_ARGUMENT: it is no region", WrongCommand),
        ("(gcloud.x) unrecognized arguments: --regoin", WrongCommand),
    ],
)
def test_a_failure_is_told_by_what_the_caller_must_do(
    program: Callable[..., Gcloud], said: str, kind: type[BotError]
) -> None:
    gcloud = program(f"sys.exit({('ERROR: ' + said)!r})")
    with pytest.raises(kind) as failed:
        gcloud.run(GcloudCall(arguments=("pubsub", "topics", "list")))
    assert type(failed.value) is kind
    assert "gcloud pubsub topics list" in str(failed.value)


def test_a_call_that_does_not_end_is_ended_with_what_it_has_started(
    program: Callable[..., Gcloud],
) -> None:
    gcloud = program("import subprocess; subprocess.run(['sleep', '60'])", seconds=1.0)
    begun = time.monotonic()
    with pytest.raises(Unavailable, match="not ended after 1 s"):
        gcloud.run(GcloudCall(arguments=("pubsub",)))
    assert time.monotonic() - begun < 20


def test_without_gcloud_a_person_is_told_what_to_install(tmp_path: Path) -> None:
    with pytest.raises(UserError) as missing:
        Gcloud("my-bot", environ={"PATH": str(tmp_path)})
    assert "cloud.google.com/sdk" in missing.value.remedy


LOST = """
made = folder / "made"
if "list" in line and "services" in line:
    print(json.dumps([{"name": "projects/1/services/pubsub.googleapis.com"}]))
elif "list" in line:
    print(STORED if made.exists() else "[]")
else:
    APPLIED
    sys.exit("ERROR: gcloud crashed (ConnectionError): Connection aborted.")
"""


@pytest.mark.parametrize(
    ("applied", "creations", "fails"),
    [("made.touch()", 1, False), ("pass", 3, True)],
    ids=["it was done", "it was not done"],
)
def test_after_an_answer_that_was_lost_it_is_looked_at_before_anything_is_done_again(
    program: Callable[..., Gcloud], tmp_path: Path, applied: str, creations: int, *, fails: bool
) -> None:
    gcloud = program(LOST.replace("APPLIED", applied).replace("STORED", repr(STORED)))
    steps = plan_steps([TOPIC], {})
    failures = apply_steps(
        gcloud, steps, value_of=lambda _: "", tell=lambda _: None, pauses=(0.0, 0.0)
    )
    told = [" ".join(call["arguments"][:3]) for call in calls(tmp_path)]
    assert told.count("pubsub topics create") == creations
    assert [type(one.error) for one in failures] == ([Unavailable] if fails else [])
    for at, line in enumerate(told[1:], start=1):
        if line == "pubsub topics create":
            assert told[at - 1] == "pubsub topics list"


def test_whoever_may_not_is_told_at_once(program: Callable[..., Gcloud], tmp_path: Path) -> None:
    gcloud = program("sys.exit('ERROR: PERMISSION_DENIED: no')")
    steps = plan_steps([TOPIC, TOPIC], {})
    with pytest.raises(NotAllowed):
        apply_steps(gcloud, steps, value_of=lambda _: "", tell=lambda _: None)
    assert 1 <= len(calls(tmp_path)) <= 2
