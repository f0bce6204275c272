"""A deployment by the real gcloud, against a server that holds every request against Google's own
documents: the first, the second, and one whose candidate cannot start.
"""

from dataclasses import replace
from typing import Any

import pytest
import requests

pytest.importorskip("googleapiclient")

from scripts.delivery.carrying import DeployHands, carry_out_plan
from scripts.delivery.cloud_run import gcloud_of, newest_versions, read_present
from scripts.delivery.deployment import ORDER, plan_deployment
from scripts.delivery.specs import load_specs
from scripts.delivery.staged import write_tree
from shared.core.errors import BotError
from tests.support.cloud.apis import projects
from tests.support.cloud.gcloud import Gcloud
from tests.support.cloud.routes import APIS
from tests.support.cloud.server import Cloud, running
from tests.support.deployments import RELEASE
from tests.support.staged import staged

PROJECT, REGION = RELEASE.project, RELEASE.region
READERS = {
    "DISCORD_WEBHOOK_URL": ("tick", "alerts", "retrain"),
    "BOT_BUNDLE_SIGNING_KEY": ("retrain",),
}


def ask(cloud: Cloud, path: str, body: Any, **query: str) -> None:
    answer = requests.post(f"{cloud.url}/{path}", params=query, json=body, timeout=10)
    assert answer.ok, answer.text


def prepare(cloud: Cloud) -> None:
    """The accounts and secrets of a project that was set up, and its schedule."""
    for service in APIS:
        projects.enable(cloud.state, f"{service}.googleapis.com")
    for name in (*ORDER, "build"):
        account = {"accountId": f"bot-{name}", "serviceAccount": {}}
        ask(cloud, f"iam/v1/projects/{PROJECT}/serviceAccounts", account)
    secrets = f"secretmanager/v1/projects/{PROJECT}/secrets"
    for name, readers in READERS.items():
        ask(cloud, secrets, {"replication": {"automatic": {}}}, secretId=name)
        ask(cloud, f"{secrets}/{name}:addVersion", {"payload": {"data": "b25l"}})
        members = [
            f"serviceAccount:bot-{reader}@{PROJECT}.iam.gserviceaccount.com" for reader in readers
        ]
        binding = {"role": "roles/secretmanager.secretAccessor", "members": members}
        ask(cloud, f"{secrets}/{name}:setIamPolicy", {"policy": {"bindings": [binding]}})
    place = f"projects/{PROJECT}/locations/{REGION}"
    job = {"name": f"{place}/jobs/tick", "schedule": "*/3 * * * *", "timeZone": "Etc/UTC"}
    target = {"uri": "https://tick.example.com/", "httpMethod": "POST"}
    ask(cloud, f"cloudscheduler/v1/{place}/jobs", {**job, "httpTarget": target})


@pytest.mark.slow
def test_a_first_a_second_and_a_third_deployment_that_cannot_start(tmp_path) -> None:
    with running(PROJECT) as cloud:
        prepare(cloud)
        answer = gcloud_of(PROJECT, Gcloud.of(cloud, tmp_path).environ)
        asked: list[tuple[str, str, dict[str, Any]]] = []
        for name in ORDER:
            write_tree(staged(name), tmp_path / "trees" / name)

        def ask_tick(url: str, *, audience: str, body: dict[str, Any]) -> dict[str, Any]:
            asked.append((url, audience, body))
            return {"status": "done"}

        def deploy(number: int) -> dict[str, str]:
            present = read_present(answer, REGION)
            release = replace(
                RELEASE,
                commit=f"{number}" * 40,
                versions=newest_versions(answer, [*READERS, "BITBANK_API_KEY"]),
            )
            assert release.versions == dict.fromkeys(READERS, "1")
            steps = plan_deployment(load_specs(), release, present, trees=tmp_path / "trees")
            hands = DeployHands(
                gcloud=answer, ask_tick=ask_tick, wait_until_quiet=lambda: None, tell=print
            )
            return carry_out_plan(steps, present, REGION, hands)

        first = deploy(1)
        present = read_present(answer, REGION)
        assert {name: present.services[name].revision for name in ORDER} == first
        assert (present.jobs, present.paused) == (["tick"], []), "the schedule runs again"
        assert set(present.services["tick"].tags) == set()
        second = deploy(2)
        present = read_present(answer, REGION)
        assert {name: present.services[name].revision for name in ORDER} == second
        assert not set(first.values()) & set(second.values())
        tick = present.services["tick"]
        assert (tick.labels["stage"], tick.labels["code"]) == ("paper", RELEASE.code)
        dry = [(url, audience) for url, audience, body in asked if body == {"dry_run": True}]
        assert dry == [(tick.url, tick.url), (tick.tags["candidate"], tick.url)]
        _look_at_services(cloud)

        cloud.state.broken["tick"] = "The container failed to start."
        with pytest.raises(BotError, match="failed to start"):
            deploy(3)
        present = read_present(answer, REGION)
        assert {name: present.services[name].revision for name in ORDER} == second
        assert cloud.faults == []


def _look_at_services(cloud: Cloud) -> None:
    """What gcloud made of the words, as Cloud Run has it."""
    services = [
        told
        for key, told in cloud.state.resources.items()
        if key.startswith("run/") and told.get("kind") == "Service"
    ]
    assert sorted(told["metadata"]["name"] for told in services) == sorted(ORDER)
    for told in services:
        name, template = told["metadata"]["name"], told["spec"]["template"]
        spec, notes = template["spec"], template["metadata"]["annotations"]
        assert spec["serviceAccountName"] == f"bot-{name}@{PROJECT}.iam.gserviceaccount.com"
        assert spec["containerConcurrency"] == 1
        assert spec["timeoutSeconds"] == load_specs().function_spec(name).timeout_seconds
        most = "1" if name in {"tick", "retrain"} else "3"
        assert notes["autoscaling.knative.dev/maxScale"] == most
        boosted = notes.get("run.googleapis.com/startup-cpu-boost", "").lower() == "true"
        assert boosted == (name == "tick")
        made = told["metadata"]["annotations"]
        built = {key.rpartition("/build-")[2]: value for key, value in made.items()}
        assert built["function-target"] == name
        assert built["enable-automatic-updates"] == "false"
        assert built["base-image"].endswith("/python312")
        assert "bot-build@" in built["service-account"]
        assert built["environment-variables"] == '{"SOURCE_DATE_EPOCH": "1780000000"}'
        limits = spec["containers"][0]["resources"]["limits"]
        assert limits["memory"] == load_specs().function_spec(name).memory
        assert not [key for key in cloud.state.resources if "allUsers" in key]
