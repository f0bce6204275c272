"""Every usual kind of resource is made, read, listed and deleted, without gcloud too."""

from typing import Any

import pytest
import requests

from tests.support.cloud.kinds import KINDS
from tests.support.cloud.server import Cloud

PROJECT = "projects/demo-project"
PLACE = f"{PROJECT}/locations/asia-northeast1"
DATABASE = f"firestore/v1/{PROJECT}/databases"
INDEX = {"queryScope": "COLLECTION", "fields": [{"fieldPath": "at", "order": "ASCENDING"}]}
POLICY = {"displayName": "no tick", "combiner": "OR", "conditions": [{"displayName": "none"}]}

MADE: dict[str, tuple[str, str, dict[str, Any]]] = {
    "artifactregistry.projects.locations.repositories": (
        f"artifactregistry/v1/{PLACE}/repositories",
        "repositoryId",
        {"format": "DOCKER"},
    ),
    "billingbudgets.billingAccounts.budgets": (
        "billingbudgets/v1/billingAccounts/1/budgets",
        "",
        {"budgetFilter": {"projects": [PROJECT]}},
    ),
    "cloudbuild.projects.locations.connections": (
        f"cloudbuild/v2/{PLACE}/connections",
        "connectionId",
        {"githubConfig": {}},
    ),
    "cloudbuild.projects.locations.connections.repositories": (
        f"cloudbuild/v2/{PLACE}/connections/github/repositories",
        "repositoryId",
        {"remoteUri": "https://github.com/owner/bot.git"},
    ),
    "cloudbuild.projects.locations.triggers": (
        f"cloudbuild/v1/{PLACE}/triggers",
        "",
        {"name": "main", "filename": "cloudbuild.yaml"},
    ),
    "cloudscheduler.projects.locations.jobs": (
        f"cloudscheduler/v1/{PLACE}/jobs",
        "",
        {"name": f"{PLACE}/jobs/one", "schedule": "* * * * *"},
    ),
    "firestore.projects.databases": (DATABASE, "databaseId", {"type": "FIRESTORE_NATIVE"}),
    "firestore.projects.databases.collectionGroups.indexes": (
        f"{DATABASE}/(default)/collectionGroups/orders/indexes",
        "",
        INDEX,
    ),
    "iam.projects.serviceAccounts": (f"iam/v1/{PROJECT}/serviceAccounts", "", {"accountId": "a"}),
    "logging.projects.locations.buckets": (
        f"logging/v2/{PROJECT}/locations/global/buckets",
        "bucketId",
        {"retentionDays": 60},
    ),
    "logging.projects.metrics": (
        f"logging/v2/{PROJECT}/metrics",
        "",
        {"name": "one", "filter": "severity=ERROR"},
    ),
    "monitoring.projects.alertPolicies": (f"monitoring/v3/{PROJECT}/alertPolicies", "", POLICY),
    "monitoring.projects.notificationChannels": (
        f"monitoring/v3/{PROJECT}/notificationChannels",
        "",
        {"type": "email", "labels": {"email_address": "owner@example.com"}},
    ),
    "pubsub.projects.subscriptions": (
        f"pubsub/v1/{PROJECT}/subscriptions",
        "path",
        {"topic": f"{PROJECT}/topics/alerts", "expirationPolicy": {}},
    ),
    "pubsub.projects.topics": (f"pubsub/v1/{PROJECT}/topics", "path", {}),
    "secretmanager.projects.secrets": (
        f"secretmanager/v1/{PROJECT}/secrets",
        "secretId",
        {"replication": {"automatic": {}}},
    ),
}


def prepare(cloud: Cloud) -> None:
    """A database, a topic, and a connection that somebody has clicked."""
    resources = cloud.state.resources
    resources[f"firestore/{PROJECT}/databases/(default)"] = {"name": "(default)"}
    resources[f"pubsub/{PROJECT}/topics/alerts"] = {"name": f"{PROJECT}/topics/alerts"}
    connection = {"installationState": {"stage": "COMPLETE"}}
    resources[f"cloudbuild/{PLACE}/connections/github"] = connection


@pytest.mark.parametrize("kind", MADE)
def test_a_kind_is_made_once_read_listed_and_deleted(cloud: Cloud, kind: str) -> None:
    prepare(cloud)
    path, named, body = MADE[kind]
    before = set(cloud.state.resources)
    http, url, query = "POST", f"{cloud.url}/{path}", {named: "one"} if named else {}
    if named == "path":
        http, url, query = "PUT", f"{url}/one", {}
    made = requests.request(http, url, params=query, json=body, timeout=10)
    assert made.status_code == 200, made.text
    (key,) = set(cloud.state.resources) - before
    collection, _, identity = key.partition("/")[2].rpartition("/")
    assert path.endswith(collection)
    one = f"{cloud.url}/{path}/{identity}"
    told = requests.get(one, timeout=10).json()
    assert told == cloud.state.resources[key]
    assert set(body) - {"accountId"} <= set(told)
    listed = requests.get(f"{cloud.url}/{path}", timeout=10).json()
    assert told in next(items for items in listed.values() if isinstance(items, list))
    if not kind.startswith(("billing", "monitoring", "cloudbuild.projects.locations.trig")):
        again = requests.request(http, url, params=query, json=body, timeout=10)
        assert again.status_code == 409
    assert requests.delete(one, timeout=10).status_code == 200
    assert requests.get(one, timeout=10).status_code == 404
    assert cloud.faults == []


def test_every_kind_is_made() -> None:
    assert set(MADE) == set(KINDS)
    assert len(MADE) >= 16
