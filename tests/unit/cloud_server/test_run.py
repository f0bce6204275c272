"""Cloud Run's services: which revision is made, which one is ready, and where the traffic goes."""

from typing import Any

import requests

from tests.support.cloud.server import Cloud

PROJECT = "demo-project"
SERVICES = f"run/apis/serving.knative.dev/v1/namespaces/{PROJECT}/services"
REVISIONS = f"run/apis/serving.knative.dev/v1/namespaces/{PROJECT}/revisions"
SECRETS = f"secretmanager/v1/projects/{PROJECT}/secrets"
ACCOUNT = f"tick@{PROJECT}.iam.gserviceaccount.com"


def ask(cloud: Cloud, http: str, path: str, body: Any = None, **query: str) -> Any:
    url = f"{cloud.url}/{path}"
    answered = requests.request(http, url, params=query, json=body, timeout=10)
    return answered.json() if answered.ok else answered.status_code


def template(image: str = "a/b:1", **spec: Any) -> dict[str, Any]:
    return {"spec": {"containers": [{"image": image}], **spec}}


def create(cloud: Cloud, told: dict[str, Any]) -> Any:
    body = {"metadata": {"name": "tick"}, "spec": {"template": told}}
    return ask(cloud, "POST", SERVICES, body)


def replace(cloud: Cloud, **spec: Any) -> Any:
    service = ask(cloud, "GET", f"{SERVICES}/tick")
    service["spec"].update(spec)
    return ask(cloud, "PUT", f"{SERVICES}/tick", service)


def ready(service: Any) -> str:
    return str(service["status"]["conditions"][0]["status"])


def test_the_first_revision_gets_all_traffic_and_googles_defaults(cloud: Cloud) -> None:
    service = create(cloud, template())
    revision = service["status"]["latestReadyRevisionName"]
    assert service["spec"]["traffic"] == [{"percent": 100, "latestRevision": True}]
    assert [told["revisionName"] for told in service["status"]["traffic"]] == [revision]
    assert service["spec"]["template"]["spec"]["containerConcurrency"] == 80
    assert service["spec"]["template"]["spec"]["timeoutSeconds"] == 300
    assert service["status"]["observedGeneration"] == service["metadata"]["generation"] == 1
    assert create(cloud, template()) == 409
    assert cloud.faults == []


def test_a_changed_template_is_a_revision_and_traffic_alone_is_none(cloud: Cloud) -> None:
    first = create(cloud, template())["status"]["latestReadyRevisionName"]
    pinned = [{"revisionName": first, "percent": 100}]
    assert replace(cloud, traffic=pinned)["status"]["latestCreatedRevisionName"] == first
    second = replace(cloud, template=template("a/b:2"))
    latest = second["status"]["latestReadyRevisionName"]
    assert latest != first
    assert [told["revisionName"] for told in second["status"]["traffic"]] == [first]
    tagged = [*pinned, {"revisionName": latest, "tag": "candidate"}]
    served = replace(cloud, traffic=tagged)["status"]["traffic"]
    assert served[1]["url"] == "https://candidate---tick-abcdefghij-an.a.run.app"
    to_latest = [{"latestRevision": True, "percent": 100}]
    assert replace(cloud, traffic=to_latest)["status"]["traffic"][0]["revisionName"] == latest
    assert len(ask(cloud, "GET", REVISIONS)["items"]) == 2


def test_a_revision_that_cannot_start_leaves_the_traffic_where_it_was(cloud: Cloud) -> None:
    before = create(cloud, template())["status"]
    cloud.state.broken["tick"] = "The container failed to start."
    broken = replace(cloud, template=template("a/b:2"))
    assert ready(broken) == "False"
    assert "The container failed to start." in broken["status"]["conditions"][0]["message"]
    assert broken["status"]["traffic"] == before["traffic"]
    assert broken["status"]["latestReadyRevisionName"] == before["latestReadyRevisionName"]
    mended = replace(cloud, template=template("a/b:3"))
    assert ready(mended) == "True"
    assert mended["status"]["traffic"] != before["traffic"]


def test_a_secret_must_be_there_and_be_the_accounts_to_read(cloud: Cloud) -> None:
    accounts = f"iam/v1/projects/{PROJECT}/serviceAccounts"
    mounts = template(
        serviceAccountName=ACCOUNT,
        volumes=[{"name": "k", "secret": {"secretName": "key", "items": [{"key": "1"}]}}],
    )
    assert create(cloud, mounts) == 403  # no such account
    ask(cloud, "POST", accounts, {"accountId": "tick", "serviceAccount": {}})
    missing = create(cloud, mounts)
    assert "secrets/key/versions/1 was not found" in missing["status"]["conditions"][0]["message"]
    assert missing["status"]["traffic"] == []
    ask(cloud, "POST", SECRETS, {"replication": {"automatic": {}}}, secretId="key")
    ask(cloud, "POST", f"{SECRETS}/key:addVersion", {"payload": {"data": "b25l"}})
    denied = replace(cloud, template={**mounts, "metadata": {"labels": {"try": "2"}}})
    assert "Permission denied on secret" in denied["status"]["conditions"][0]["message"]
    binding = {
        "role": "roles/secretmanager.secretAccessor",
        "members": [f"serviceAccount:{ACCOUNT}"],
    }
    ask(cloud, "POST", f"{SECRETS}/key:setIamPolicy", {"policy": {"bindings": [binding]}})
    served = replace(cloud, template={**mounts, "metadata": {"labels": {"try": "3"}}})
    assert ready(served) == "True"
    assert cloud.faults == []


def test_traffic_is_a_hundred_percent_of_revisions_that_are_there(cloud: Cloud) -> None:
    first = create(cloud, template())["status"]["latestReadyRevisionName"]
    assert replace(cloud, traffic=[{"revisionName": first, "percent": 90}]) == 400
    assert replace(cloud, traffic=[{"revisionName": "tick-other", "percent": 100}]) == 400
    assert ask(cloud, "GET", f"{SERVICES}/tick")["metadata"]["generation"] == 1


def test_who_read_a_service_before_it_changed_does_not_replace_it(cloud: Cloud) -> None:
    old = create(cloud, template())
    replace(cloud, template=template("a/b:2"))
    assert ask(cloud, "PUT", f"{SERVICES}/tick", old) == 409


def test_a_revision_in_use_is_not_deleted_and_goes_with_its_service(cloud: Cloud) -> None:
    first = create(cloud, template())["status"]["latestReadyRevisionName"]
    assert ask(cloud, "DELETE", f"{REVISIONS}/{first}") == 400
    replace(cloud, template=template("a/b:2"))
    assert ask(cloud, "DELETE", f"{REVISIONS}/{first}")["status"] == "Success"
    assert len(ask(cloud, "GET", REVISIONS)["items"]) == 1
    ask(cloud, "DELETE", f"{SERVICES}/tick")
    assert ask(cloud, "GET", REVISIONS)["items"] == []
    assert ask(cloud, "GET", f"{SERVICES}/tick") == 404


def test_a_build_that_fails_says_why_and_one_that_waits_is_approved(cloud: Cloud) -> None:
    place = f"projects/{PROJECT}/locations/asia-northeast1"
    steps = {"steps": [{"name": "python:3.12-slim"}]}
    cloud.state.broken["builds"] = "step 0 exited with 1"
    operation = ask(cloud, "POST", f"cloudbuild/v1/{place}/builds", steps)
    failed = ask(cloud, "GET", f"cloudbuild/v1/{operation['name']}")
    assert (failed["done"], failed["error"]["message"]) == (True, "step 0 exited with 1")
    trigger = {"name": "main", "approvalConfig": {"approvalRequired": True}, "build": steps}
    ask(cloud, "POST", f"cloudbuild/v1/{place}/triggers", trigger)
    waiting = ask(cloud, "POST", f"cloudbuild/v1/{place}/triggers/main:run", {})
    build = f"cloudbuild/v1/{waiting['metadata']['build']['name']}"
    assert ask(cloud, "GET", build)["status"] == "PENDING"
    ask(cloud, "POST", f"{build}:approve", {"approvalResult": {"decision": "APPROVED"}})
    assert ask(cloud, "GET", build)["status"] == "SUCCESS"
    assert cloud.faults == []
