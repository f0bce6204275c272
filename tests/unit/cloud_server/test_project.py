"""How the project behaves between requests: what is there, what was there, what goes wrong."""

from typing import Any

import pytest
import requests

from tests.support.cloud.faults import Fault
from tests.support.cloud.server import Cloud, running

PROJECT = "demo-project"
SECRETS = f"secretmanager/v1/projects/{PROJECT}/secrets"
KEY = f"secretmanager/projects/{PROJECT}/secrets/key"
ACCOUNTS = f"iam/v1/projects/{PROJECT}/serviceAccounts"
TICK = f"serviceAccount:tick@{PROJECT}.iam.gserviceaccount.com"


def ask(cloud: Cloud, http: str, path: str, body: Any = None, **query: str) -> requests.Response:
    return requests.request(http, f"{cloud.url}/{path}", params=query, json=body, timeout=10)


def make_secret(cloud: Cloud) -> requests.Response:
    return ask(cloud, "POST", SECRETS, {"replication": {"automatic": {}}}, secretId="key")


def make_account(cloud: Cloud) -> requests.Response:
    return ask(cloud, "POST", ACCOUNTS, {"accountId": "tick", "serviceAccount": {}})


def set_policy(cloud: Cloud, *members: str, etag: str = "") -> requests.Response:
    binding = {"role": "roles/secretmanager.secretAccessor", "members": list(members)}
    policy = {"bindings": [binding], **({"etag": etag} if etag else {})}
    return ask(cloud, "POST", f"{SECRETS}/key:setIamPolicy", {"policy": policy})


def test_what_is_there_is_not_made_twice_and_what_is_not_is_not_found(cloud: Cloud) -> None:
    assert ask(cloud, "GET", f"{SECRETS}/key").status_code == 404
    assert ask(cloud, "DELETE", f"{SECRETS}/key").status_code == 404
    assert make_secret(cloud).status_code == 200
    assert make_secret(cloud).status_code == 409
    assert ask(cloud, "DELETE", f"{SECRETS}/key").status_code == 200
    assert ask(cloud, "GET", f"{SECRETS}/key").status_code == 404
    assert cloud.faults == []


def test_an_api_that_is_not_enabled_refuses_as_google_does() -> None:
    with running() as cloud:
        refused = make_secret(cloud)
        assert refused.status_code == 403
        assert refused.json()["error"]["details"][0]["reason"] == "SERVICE_DISABLED"
        services = f"serviceusage/v1/projects/{PROJECT}/services"
        begun = ask(cloud, "POST", f"{services}/secretmanager.googleapis.com:enable", {}).json()
        assert "done" not in begun
        assert ask(cloud, "GET", f"serviceusage/v1/{begun['name']}").json()["done"] is True
        assert make_secret(cloud).status_code == 200
        assert cloud.faults == []


def test_names_of_secrets_answer_with_the_projects_number_and_take_both(cloud: Cloud) -> None:
    name = make_secret(cloud).json()["name"]
    assert name == f"projects/{cloud.state.number}/secrets/key"
    assert ask(cloud, "GET", f"secretmanager/v1/{name}").status_code == 200
    assert ask(cloud, "GET", f"{SECRETS}/key").json()["name"] == name


def test_a_policy_is_changed_only_by_who_read_it_last(cloud: Cloud) -> None:
    make_secret(cloud)
    make_account(cloud)
    etag = ask(cloud, "GET", f"{SECRETS}/key:getIamPolicy").json()["etag"]
    assert set_policy(cloud, TICK, etag=etag).status_code == 200
    assert set_policy(cloud, TICK, etag=etag).status_code == 409
    later = ask(cloud, "GET", f"{SECRETS}/key:getIamPolicy").json()
    assert later["bindings"][0]["members"] == [TICK]
    assert set_policy(cloud, TICK, etag=later["etag"]).status_code == 200


@pytest.mark.parametrize("member", [TICK, "somebody", "users:a@example.com", "user:"])
def test_a_role_goes_to_nobody_who_is_not_there(cloud: Cloud, member: str) -> None:
    make_secret(cloud)
    assert set_policy(cloud, member).status_code == 400
    assert "bindings" not in ask(cloud, "GET", f"{SECRETS}/key:getIamPolicy").json()


def test_a_mask_says_what_changes_and_what_it_names_without_value_is_cleared(cloud: Cloud) -> None:
    make_secret(cloud)
    body = {"labels": {"a": "1"}, "annotations": {"b": "2"}}
    assert ask(cloud, "PATCH", f"{SECRETS}/key", body, updateMask="labels").status_code == 200
    assert cloud.state.resources[KEY]["labels"] == {"a": "1"}
    assert "annotations" not in cloud.state.resources[KEY]
    assert ask(cloud, "PATCH", f"{SECRETS}/key", {}, updateMask="labels").status_code == 200
    assert "labels" not in cloud.state.resources[KEY]


def test_a_resource_is_changed_by_hand_and_the_project_goes_back(cloud: Cloud) -> None:
    make_secret(cloud)
    before = cloud.snapshot()
    cloud.change(KEY, labels={"by": "hand"}, etag=None)
    changed = ask(cloud, "GET", f"{SECRETS}/key").json()
    assert changed["labels"] == {"by": "hand"}
    assert "etag" not in changed
    ask(cloud, "DELETE", f"{SECRETS}/key")
    for _ in range(2):
        cloud.restore(before)
        restored = ask(cloud, "GET", f"{SECRETS}/key").json()
        assert "labels" not in restored
        assert restored["etag"]
        ask(cloud, "DELETE", f"{SECRETS}/key")


@pytest.mark.parametrize("status", [403, 429, 503])
def test_the_nth_call_fails_and_leaves_nothing(cloud: Cloud, status: int) -> None:
    cloud.fail(Fault(kind="status", status=status), nth=2)
    assert ask(cloud, "GET", SECRETS).status_code == 200
    assert make_secret(cloud).status_code == status
    assert KEY not in cloud.state.resources
    assert make_secret(cloud).status_code == 200
    assert cloud.faults == []


@pytest.mark.parametrize(("kind", "is_there"), [("closed before", False), ("closed after", True)])
def test_a_connection_ends_before_or_after_the_effect(
    cloud: Cloud, kind: Any, is_there: bool
) -> None:
    cloud.fail(Fault(kind=kind), times=2)
    for _ in range(2):
        with pytest.raises(requests.ConnectionError):
            make_secret(cloud)
    assert (KEY in cloud.state.resources) == is_there
    assert make_secret(cloud).status_code == (409 if is_there else 200)
    assert [told.status for told in cloud.recorded[:2]] == [0, 0]


def test_a_version_of_a_secret_is_destroyed_for_good(cloud: Cloud) -> None:
    make_secret(cloud)
    for data in ("b25l", "dHdv"):
        ask(cloud, "POST", f"{SECRETS}/key:addVersion", {"payload": {"data": data}})
    latest = f"{SECRETS}/key/versions/latest"
    assert ask(cloud, "GET", f"{latest}:access").json()["payload"]["data"] == "dHdv"
    assert ask(cloud, "POST", f"{SECRETS}/key/versions/2:disable", {}).status_code == 200
    assert ask(cloud, "GET", f"{latest}:access").status_code == 400
    assert ask(cloud, "POST", f"{SECRETS}/key/versions/2:destroy", {}).status_code == 200
    assert ask(cloud, "POST", f"{SECRETS}/key/versions/2:enable", {}).status_code == 400
    assert ask(cloud, "GET", f"{SECRETS}/key/versions/1:access").status_code == 200
    assert b"two" not in cloud.state.contents.values()


def test_a_protected_database_and_a_full_bucket_stay(cloud: Cloud) -> None:
    databases = f"firestore/v1/projects/{PROJECT}/databases"
    body = {
        "locationId": "asia-northeast1",
        "type": "FIRESTORE_NATIVE",
        "deleteProtectionState": "DELETE_PROTECTION_ENABLED",
    }
    ask(cloud, "POST", databases, body, databaseId="(default)")
    assert ask(cloud, "DELETE", f"{databases}/(default)").status_code == 400
    ask(cloud, "POST", "storage/storage/v1/b", {"name": "bot"}, project=PROJECT)
    upload = f"{cloud.url}/storage/upload/storage/v1/b/bot/o"
    query = {"uploadType": "media", "name": "a/b.txt"}
    assert requests.post(upload, params=query, data=b"bytes", timeout=10).status_code == 200
    assert ask(cloud, "DELETE", "storage/storage/v1/b/bot").status_code == 409
    assert ask(cloud, "DELETE", "storage/storage/v1/b/bot/o/a%2Fb.txt").status_code == 204
    assert ask(cloud, "DELETE", "storage/storage/v1/b/bot").status_code == 204
    assert cloud.faults == []


def test_every_request_is_recorded_with_its_method_and_body(cloud: Cloud) -> None:
    make_secret(cloud)
    (told,) = cloud.recorded
    assert told.method == "secretmanager.projects.secrets.create"
    assert told.query == {"secretId": ["key"]}
    assert told.body == {"replication": {"automatic": {}}}
    assert (told.number, told.status, told.faults) == (1, 200, ())
