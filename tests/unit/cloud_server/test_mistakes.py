"""A mistake in a request is refused and written down; the same request without it is served."""

import copy
from dataclasses import dataclass, field
from typing import Any

import pytest
import requests

from tests.support.cloud.server import Cloud

PROJECT = "demo-project"
PLACE = f"projects/{PROJECT}/locations/asia-northeast1"
GROUPS = f"projects/{PROJECT}/databases/(default)/collectionGroups"


@dataclass(frozen=True, kw_only=True)
class Sent:
    """A request that is served. `query` and `body` are its own."""

    http: str
    path: str
    query: dict[str, str] = field(default_factory=dict)
    body: Any = None

    def to(self, cloud: Cloud) -> requests.Response:
        return requests.request(
            self.http, f"{cloud.url}/{self.path}", params=self.query, json=self.body, timeout=10
        )

    def but(self, path: str, value: Any) -> "Sent":
        """With one value changed: `body.a.0.b`, `query.a`, `path`, `http`; None takes it away."""
        told = copy.deepcopy(self.__dict__)
        *above, last = path.split(".")
        place: Any = told
        for part in above:
            place = place[int(part)] if isinstance(place, list) else place[part]
        if value is None:
            del place[last]
        else:
            place[last] = value
        return Sent(**told)


JOB = Sent(
    http="POST",
    path=f"cloudscheduler/v1/{PLACE}/jobs",
    body={
        "name": f"{PLACE}/jobs/tick",
        "schedule": "*/3 * * * *",
        "attemptDeadline": "60s",
        "httpTarget": {"uri": "https://tick.example", "httpMethod": "POST"},
    },
)
SECRET = Sent(
    http="POST",
    path=f"secretmanager/v1/projects/{PROJECT}/secrets",
    query={"secretId": "key"},
    body={"replication": {"automatic": {}}, "expireTime": "2027-01-01T00:00:00Z"},
)
FIELD = Sent(
    http="PATCH",
    path=f"firestore/v1/{GROUPS}/notices/fields/at",
    query={"updateMask": "ttlConfig"},
    body={"ttlConfig": {}},
)
BUCKET = Sent(
    http="POST",
    path="storage/storage/v1/b",
    query={"project": PROJECT, "projection": "full", "enableObjectRetention": "false"},
    body={"name": "bot", "softDeletePolicy": {"retentionDurationSeconds": "604800"}},
)
SERVICE = Sent(
    http="POST",
    path=f"run/apis/serving.knative.dev/v1/namespaces/{PROJECT}/services",
    body={
        "metadata": {"name": "tick"},
        "spec": {
            "template": {
                "spec": {
                    "containerConcurrency": 1,
                    "containers": [{"image": "a/b:1", "env": [{"name": "A", "value": "1"}]}],
                }
            }
        },
    },
)
POLICY = Sent(
    http="POST",
    path=f"cloudresourcemanager/v1/projects/{PROJECT}:setIamPolicy",
    body={"policy": {"bindings": [{"role": "roles/viewer", "members": ["user:a@example.com"]}]}},
)
BUDGET = Sent(
    http="POST",
    path="billingbudgets/v1/billingAccounts/000000-AAAAAA-111111/budgets",
    body={"amount": {"specifiedAmount": {"currencyCode": "JPY", "units": "2000"}}},
)
DELETED = Sent(http="DELETE", path=f"firestore/v1/projects/{PROJECT}/databases/(default)")

MISTAKES: dict[str, tuple[Sent, str, Any, str]] = {
    "a field with a typo": (JOB, "body.attemptDeadlin", "60s", "'attemptDeadlin' was unexpected"),
    "seconds without their s": (JOB, "body.attemptDeadline", "60", "'60' is no google-duration"),
    "minutes": (JOB, "body.attemptDeadline", "2m", "'2m' is no google-duration"),
    "a verb in small letters": (JOB, "body.httpTarget.httpMethod", "post", "'post' is not one of"),
    "what only the server writes": (
        JOB,
        "body.lastAttemptTime",
        "2026-01-01T00:00:00Z",
        "lastAttemptTime: only the server writes it",
    ),
    "an object where text belongs": (JOB, "body.schedule", {}, "schedule: {} is not of type"),
    "a day that is no time": (SECRET, "body.expireTime", "2027-01-01", "no google-datetime"),
    "an unknown parameter": (SECRET, "query.secretID", "key", "query secretID: no such parameter"),
    "an unknown collection": (
        SECRET,
        "path",
        f"secretmanager/v1/projects/{PROJECT}/secret",
        "no such method",
    ),
    "an unknown service": (SECRET, "path", "vault/v1/secrets", "no such method"),
    "a method by another verb": (SECRET, "http", "PUT", "no such method"),
    "an int for the state of a TTL": (FIELD, "body.ttlConfig.state", 1, "only the server writes"),
    "an int for a TTL": (FIELD, "body.ttlConfig", 1, "ttlConfig: 1 is not of type 'object'"),
    "a mask of no field": (FIELD, "query.updateMask", "ttl_confg", "has no field ttlConfg"),
    "a mask of what the server writes": (
        FIELD,
        "query.updateMask",
        "ttlConfig.state",
        "has no field ttlConfig.state that a caller may write",
    ),
    "a parameter that is missing": (BUCKET, "query.project", None, "project: required"),
    "an enum in a parameter": (BUCKET, "query.projection", "all", "'all' is none of full, noAcl"),
    "a boolean in a parameter": (BUCKET, "query.enableObjectRetention", "no", "'no' is no boolean"),
    "a broken int64": (
        BUCKET,
        "body.softDeletePolicy.retentionDurationSeconds",
        "7d",
        "'7d' is no int64",
    ),
    "a typo deep in a list": (
        SERVICE,
        "body.spec.template.spec.containers.0.env.0.valu",
        "2",
        "'valu' was unexpected",
    ),
    "text for a number": (
        SERVICE,
        "body.spec.template.spec.containerConcurrency",
        "1",
        "containerConcurrency: '1' is not of type 'integer'",
    ),
    "text for a list": (POLICY, "body.policy.bindings.0.members", "user:a", "not of type 'array'"),
    "half a yen": (BUDGET, "body.amount.specifiedAmount.units", "2000.5", "no int64"),
    "a body where none is taken": (DELETED, "body", {"force": True}, "the method takes none"),
}


def with_database(cloud: Cloud) -> None:
    made = requests.post(
        f"{cloud.url}/firestore/v1/projects/{PROJECT}/databases",
        params={"databaseId": "(default)"},
        json={"locationId": "asia-northeast1", "type": "FIRESTORE_NATIVE"},
        timeout=10,
    )
    assert made.status_code == 200


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_refused_and_written_down(cloud: Cloud, mistake: str) -> None:
    with_database(cloud)
    right, path, value, sentence = MISTAKES[mistake]
    before = cloud.snapshot()
    refused = right.but(path, value).to(cloud)
    assert refused.status_code == 400
    assert sentence in refused.json()["error"]["message"]
    assert len(cloud.faults) == 1
    assert sentence in cloud.faults[0]
    assert cloud.state.resources == before.resources
    served = right.to(cloud)
    assert served.status_code == 200, served.text
    assert len(cloud.faults) == 1


def test_two_dozen_mistakes_are_known() -> None:
    assert len(MISTAKES) >= 24


def test_a_body_that_is_no_json_is_a_fault(cloud: Cloud) -> None:
    kind = {"Content-Type": "application/json"}
    url = f"{cloud.url}/{SECRET.path}?secretId=key"
    assert requests.post(url, data=b"{", headers=kind, timeout=10).status_code == 400
    (fault,) = cloud.faults
    assert "the body is no JSON" in fault


def test_a_method_of_googles_that_is_not_spoken_is_a_fault(cloud: Cloud) -> None:
    url = f"{cloud.url}/pubsub/v1/projects/{PROJECT}/snapshots"
    assert requests.get(url, timeout=10).status_code == 400
    (fault,) = cloud.faults
    assert "does not speak pubsub.projects.snapshots.list" in fault
    assert cloud.recorded[0].method == "pubsub.projects.snapshots.list"


def test_whoever_leaves_the_machine_is_stopped_and_written_down(cloud: Cloud) -> None:
    proxies = {"https": cloud.url}
    with pytest.raises(requests.exceptions.ProxyError):
        requests.get("https://storage.googleapis.com/", proxies=proxies, timeout=10)
    assert any("storage.googleapis.com:443 is not on this machine" in f for f in cloud.faults)
