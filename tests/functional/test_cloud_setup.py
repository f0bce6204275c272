"""A project is set up, looked at and mended by the real gcloud, on a server that holds each of its
requests against Google's documents.

The usual run makes every kind of resource once; the whole data, and a call that fails at ten
places, come with --full.
"""

import json
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from scripts.cloud.applying import StepFailure
from scripts.cloud.desired import RESOURCES
from scripts.cloud.gcloud import Gcloud
from scripts.cloud.kinds import KINDS
from scripts.cloud.project import CloudPlan, CloudProject
from shared.core.errors import BotError
from tests.support.cloud import gcloud as real
from tests.support.cloud.apis.projects import enable
from tests.support.cloud.faults import Fault
from tests.support.cloud.server import Cloud, running
from tests.support.cloud.state import State

PROJECT, REGION = "demo-project", "asia-northeast1"
SECRET = "a-value-that-no-log-may-hold"
FIELDS = """
[unindexed]
collection = "__default__"
field = "*"
[[indexed]]
collection = "ticks"
field = "data.claimed_at"
order = ["ascending", "descending"]
[[kept]]
collection = "ticks"
field = "expire_at"
days = 90
"""
BY_HAND = {
    "installationState": {"stage": "COMPLETE"},
}


@dataclass(frozen=True)
class Place:
    """A cloud and what sets it up."""

    cloud: Cloud
    gcloud: real.Gcloud
    project: CloudProject

    def set_up(self) -> tuple[CloudPlan, list[StepFailure]]:
        return self.project.apply_plan(
            self.project.plan(), value_of=lambda _: SECRET, tell=lambda _: None, pauses=(0.0,)
        )


def one_of_each_kind(folder: Path) -> Path:
    """The data with the first resource of each kind, all accounts, and three fields."""
    fields = folder / "fields.toml"
    fields.write_text(FIELDS, encoding="utf-8")
    data, seen = yaml.safe_load(RESOURCES.read_text(encoding="utf-8")), set()
    for part, entries in data.items():
        data[part] = []
        for entry in entries:
            kind = entry["kind"]
            if kind == "field":
                entry["from"] = str(fields)
            if kind == "account":
                entry.pop("rights", None)
            if "only" in entry:  # the exchange key: one of its two secrets will do
                entry["each"] = entry["each"][:1]
            if kind == "account" or kind not in seen:
                data[part].append(entry)
            seen.add(kind)
    # A subscription needs its topic for what is dead.
    data["topics"].insert(1, {**data["topics"][0], "name": "projects/${project}/topics/dead"})
    path = folder / "resources.yaml"
    path.write_text(yaml.safe_dump(data, sort_keys=False), encoding="utf-8")
    return path


@dataclass(frozen=True)
class Made:
    """A project in which every kind was made once, as it was then for each test."""

    place: Place
    plan: CloudPlan
    state: State

    def anew(self) -> Place:
        self.place.cloud.restore(self.state)
        return self.place


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Made]:
    folder = tmp_path_factory.mktemp("cloud")
    with running(PROJECT) as cloud:
        place = place_of(cloud, folder, one_of_each_kind(folder))
        deploy(cloud)
        plan, failures = place.set_up()
        assert failures == []
        yield Made(place, plan, cloud.snapshot())


def place_of(cloud: Cloud, folder: Path, data: Path, *parts: str) -> Place:
    gcloud = real.Gcloud.of(cloud, folder)
    project = CloudProject(
        gcloud=Gcloud(PROJECT, environ=gcloud.environ),
        region=REGION,
        stage="stage-10",
        parts=parts,
        email="owner@example.com",
        data=data,
    )
    return Place(cloud=cloud, gcloud=gcloud, project=project)


def deploy(cloud: Cloud) -> None:
    """The functions as a deployment leaves them, and a repository as a person connects it."""
    for name in ("tick", "backtest", "retrain", "alerts"):
        revision = f"{name}-00001-abc"
        cloud.state.resources[f"run/namespaces/{PROJECT}/services/{name}"] = {
            "apiVersion": "serving.knative.dev/v1",
            "kind": "Service",
            "metadata": {"name": name, "namespace": PROJECT},
            "spec": {},
            "status": {
                "url": f"https://{name}-abc-an.a.run.app",
                "latestReadyRevisionName": revision,
                "traffic": [{"revisionName": revision, "percent": 100}],
            },
        }
    connection = f"cloudbuild/projects/{PROJECT}/locations/{REGION}/connections/github"
    name = connection.partition("/")[2]
    cloud.state.resources[connection] = {"name": name, **BY_HAND}
    cloud.state.resources[f"{connection}/repositories/crypto-bot"] = {
        "name": f"{name}/repositories/crypto-bot",
        "remoteUri": "https://github.com/me/crypto-bot.git",
    }


def left(plan: CloudPlan) -> list[tuple[str, str, str, Any]]:
    return [
        (step.action, step.resource.kind, step.resource.name, step.differences)
        for step in plan.steps
        if step.action != "nothing"
    ]


def of_kind(plan: CloudPlan, kind: str) -> str:
    return next(step.resource.name for step in plan.steps if step.resource.kind == kind)


def test_from_empty_everything_is_made_and_the_second_plan_is_empty(made: Made) -> None:
    assert left(made.plan) == []
    assert made.plan.is_empty
    assert {step.resource.kind for step in made.plan.steps} == set(KINDS)


def test_nothing_that_gcloud_sent_is_other_than_google_says_and_no_secret_was_told(
    made: Made,
) -> None:
    place = made.anew()
    assert place.cloud.faults == []
    assert len(place.cloud.recorded) >= 60
    # Where a person would read it; that gcloud sends it is what it is for.
    told = [one for one in place.cloud.recorded if SECRET in json.dumps([one.path, one.query])]
    assert told == []
    policies = json.dumps(place.cloud.state.policies)
    assert "allUsers" not in policies
    assert "bot-tick@" in policies


DRIFTS: Mapping[str, tuple[str, dict[str, Any]]] = {
    "account": ("iam/{name}", {"description": "by hand"}),
    "database": ("firestore/{name}", {"deleteProtectionState": "DELETE_PROTECTION_DISABLED"}),
    "bucket": ("storage/{name}", {"versioning": {"enabled": False}}),
    "topic": ("pubsub/{name}", {"messageStoragePolicy": None}),
    "subscription": ("pubsub/{name}", {"ackDeadlineSeconds": 11}),
    "schedule": ("cloudscheduler/{name}", {"attemptDeadline": "180s"}),
    "metric": ("logging/{name}", {"filter": "severity=ERROR"}),
    "logs": ("logging/{name}", {"retentionDays": 7}),
    "images": ("artifactregistry/{name}", {"cleanupPolicies": None}),
}
"""Where the server has what somebody changes, and how."""
BY_NUMBER: Mapping[str, tuple[str, dict[str, Any]]] = {
    "channel": ("monitoring/", {"labels": {"email_address": "other@example.com"}}),
    "policy": ("monitoring/", {"combiner": "AND"}),
    "budget": ("billingbudgets/", {"thresholdRules": [{"thresholdPercent": 0.1}]}),
    "trigger": ("cloudbuild/", {"filename": "other.yaml"}),
}
"""The same, of what Google names."""
SHOWN = {"channel": "notificationChannels", "policy": "alertPolicies", "budget": "budgets"}


def change_by_hand(place: Place, plan: CloudPlan) -> set[str]:
    for kind, (where, fields) in DRIFTS.items():
        place.cloud.change(where.format(name=of_kind(plan, kind)), **fields)
    for kind, (service, fields) in BY_NUMBER.items():
        collection = SHOWN.get(kind, "triggers")
        key = next(
            key
            for key in place.cloud.state.resources
            if key.startswith(service) and f"/{collection}/" in key
        )
        place.cloud.change(key, **fields)
    return {*DRIFTS, *BY_NUMBER}


@pytest.mark.full
def test_what_was_changed_by_hand_is_found_and_mended(made: Made) -> None:
    place = made.anew()
    drifted = change_by_hand(place, made.plan)
    assert len(drifted) >= 12
    found = place.project.plan()
    assert {step.resource.kind for step in found.steps_of("change")} == drifted
    assert {step.action for step in found.steps} == {"change", "nothing"}
    plan, failures = place.set_up()
    assert (failures, left(plan)) == ([], [])
    assert place.cloud.faults == []


def test_two_drifts_and_a_thing_that_is_gone_are_found_and_mended(made: Made) -> None:
    place = made.anew()
    part = replace(place, project=replace(place.project, parts=("topics", "schedules")))
    place.cloud.change(f"pubsub/{of_kind(made.plan, 'topic')}", messageStoragePolicy=None)
    job = f"cloudscheduler/{of_kind(made.plan, 'schedule')}"
    place.cloud.change(job, state="PAUSED", attemptDeadline="180s")
    place.cloud.state.remove(f"pubsub/projects/{PROJECT}/subscriptions/alerts")
    found = part.project.plan()
    told = {step.resource.kind: step.action for step in found.steps if step.action != "nothing"}
    assert told["topic"] == told["schedule"] == "change"
    assert told["subscription"] == "create"
    assert {one.path for step in found.steps_of("change") for one in step.differences} >= {
        "messageStoragePolicy.allowedPersistenceRegions",
        "state",
        "attemptDeadline",
    }
    plan, failures = part.set_up()
    assert (failures, left(plan)) == ([], [])
    assert place.cloud.state.resources[job]["state"] == "ENABLED"
    assert place.cloud.faults == []


@pytest.mark.full
def test_a_right_too_much_is_found_and_taken_away_and_a_persons_own_stays(made: Made) -> None:
    place = made.anew()
    topic = f"pubsub/projects/{PROJECT}/topics/alerts"
    policy = place.cloud.state.policies[topic]
    person = {"role": "roles/viewer", "members": ["user:other@example.com"]}
    public = {"role": "roles/pubsub.publisher", "members": ["allUsers"]}
    policy["bindings"] = [person, public]
    part = replace(place, project=replace(place.project, parts=("topics",)))
    [step] = part.project.plan().steps_of("change")
    assert (step.resource.kind, step.resource.id) == ("rights", "alerts")
    plan, failures = part.set_up()
    assert (failures, left(plan)) == ([], [])
    bindings = {
        one["role"]: one["members"] for one in place.cloud.state.policies[topic]["bindings"]
    }
    assert bindings["roles/viewer"] == person["members"]
    assert "allUsers" not in bindings["roles/pubsub.publisher"]


def same(state: State) -> Any:
    """What there is, without the times, etags and numbers that the server counts."""
    plain = json.dumps([sorted(state.resources), _without_counted(state.policies)], sort_keys=True)
    return json.loads(plain)


def _without_counted(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            key: _without_counted(inner)
            for key, inner in value.items()
            if key not in {"etag", "createTime", "updateTime"}
        }
    return [_without_counted(one) for one in value] if isinstance(value, list) else value


def fails_then_ends_in_the_same_state(place: Place, empty: State, whole: State, nth: int) -> None:
    for kind in ("status", "closed before", "closed after"):
        place.cloud.restore(empty)
        place.cloud.fail(Fault(kind=kind, status=503), nth=nth, times=2)
        for _ in range(3):
            try:
                plan, failures = place.set_up()
            except BotError:
                continue
            if not failures:
                break
        assert plan.steps_of("create", "change", "stuck") == ()
        assert same(place.cloud.state) == same(whole)


def add_accounts(cloud: Cloud) -> None:
    """The accounts that the part before makes: nobody else can be given a right."""
    for word in ("tick", "backtest", "retrain", "alerts", "schedule", "push", "build", "deploy"):
        mail = f"bot-{word}@{PROJECT}.iam.gserviceaccount.com"
        name = f"projects/{PROJECT}/serviceAccounts/{mail}"
        cloud.state.resources[f"iam/{name}"] = {"name": name, "email": mail}


@pytest.fixture
def topics(tmp_path: Path) -> Iterator[tuple[Place, State]]:
    """The topics' part alone, before anything is made."""
    with running(PROJECT) as cloud:
        for service in ("pubsub", "cloudresourcemanager", "iam"):
            enable(cloud.state, f"{service}.googleapis.com")
        add_accounts(cloud)
        yield place_of(cloud, tmp_path, one_of_each_kind(tmp_path), "topics"), cloud.snapshot()


@pytest.mark.full
def test_a_call_that_fails_and_then_a_second_setup_end_in_the_same_state(
    topics: tuple[Place, State],
) -> None:
    place, empty = topics
    place.set_up()
    whole, calls = place.cloud.snapshot(), len(place.cloud.recorded)
    assert calls >= 8
    place.cloud.restore(empty)
    place.cloud.fail(Fault(kind="closed after"), nth=calls // 3, times=2)
    _, failures = place.set_up()
    if failures:
        _, failures = place.set_up()
    assert failures == []
    assert same(place.cloud.state) == same(whole)


@pytest.mark.full
def test_wherever_a_call_fails_a_second_setup_ends_in_the_same_state(
    topics: tuple[Place, State],
) -> None:
    place, empty = topics
    place.set_up()
    whole, calls = place.cloud.snapshot(), len(place.cloud.recorded)
    for nth in random.Random(12).sample(range(1, calls + 1), k=min(10, calls)):
        fails_then_ends_in_the_same_state(place, empty, whole, nth)


@pytest.mark.full
def test_the_whole_data_is_made_from_empty_and_from_half_done(tmp_path: Path) -> None:
    with running(PROJECT) as cloud:
        half = place_of(cloud, tmp_path, RESOURCES, "apis", "accounts", "topics")
        plan, failures = half.set_up()
        assert failures == []
        assert {step.action for step in plan.steps} == {"waits", "nothing"}
        deploy(cloud)
        whole = place_of(cloud, tmp_path, RESOURCES)
        plan, failures = whole.set_up()
        assert (failures, left(plan)) == ([], [])
        assert len(plan.steps) >= 80
        assert cloud.faults == []
