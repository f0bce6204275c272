"""What the server writes into a new resource beside what it was told: times, etags, defaults."""

from collections.abc import Mapping
from typing import Any

from tests.support.cloud.routes import Call
from tests.support.cloud.state import Refusal, Resource, State


def created(call: Call, state: State, name: str) -> Resource:
    return {"createTime": (now := state.now()), "updateTime": now}


def _specified(told: Mapping[str, Any], field: str, default: str) -> str:
    """gcloud sends `..._UNSPECIFIED` where it was told nothing."""
    value = str(told.get(field, "_UNSPECIFIED"))
    return default if value.endswith("_UNSPECIFIED") else value


def job(call: Call, state: State, name: str) -> Resource:
    told = call.body
    return {
        "state": "ENABLED",
        "userUpdateTime": state.now(),
        "scheduleTime": "2026-11-02T00:00:00Z",
        "timeZone": told.get("timeZone", "UTC"),
        "attemptDeadline": told.get("attemptDeadline", "180s"),
        "retryConfig": {
            "maxRetryDuration": "0s",
            "minBackoffDuration": "5s",
            "maxBackoffDuration": "3600s",
            "maxDoublings": 5,
            **told.get("retryConfig", {}),
        },
    }


def secret(call: Call, state: State, name: str) -> Resource:
    number = name.replace(f"projects/{state.project}/", f"projects/{state.number}/", 1)
    return {"name": number, "createTime": state.now(), "etag": state.etag()}


def account(call: Call, state: State, name: str) -> Resource:
    mail = name.rpartition("/")[2]
    unique = f"1{state.next():020d}"
    return {
        "email": mail,
        "projectId": state.project,
        "uniqueId": unique,
        "oauth2ClientId": unique,
        "etag": state.etag(),
    }


def database(call: Call, state: State, name: str) -> Resource:
    told = call.body
    return {
        **created(call, state, name),
        "uid": f"00000000-0000-4000-8000-{state.next():012d}",
        "etag": state.etag(),
        "concurrencyMode": told.get("concurrencyMode", "PESSIMISTIC"),
        "appEngineIntegrationMode": "DISABLED",
        "deleteProtectionState": told.get("deleteProtectionState", "DELETE_PROTECTION_DISABLED"),
        "pointInTimeRecoveryEnablement": _specified(
            told, "pointInTimeRecoveryEnablement", "POINT_IN_TIME_RECOVERY_DISABLED"
        ),
        "databaseEdition": told.get("databaseEdition", "STANDARD"),
        "keyPrefix": "s",
        "versionRetentionPeriod": "3600s",
        "freeTier": True,
    }


def index(call: Call, state: State, name: str) -> Resource:
    fields = list(call.body.get("fields", []))
    if fields and fields[-1].get("fieldPath") != "__name__":
        order = fields[-1].get("order", "ASCENDING")
        fields.append({"fieldPath": "__name__", "order": order})
    return {"state": "READY", "fields": fields, "density": "SPARSE_ALL"}


def subscription(call: Call, state: State, name: str) -> Resource:
    told = call.body
    topics = [told["topic"]]
    if "deadLetterPolicy" in told:
        topics.append(told["deadLetterPolicy"]["deadLetterTopic"])
    for topic in topics:
        if f"pubsub/{topic}" not in state.resources:
            raise Refusal(404, f"Resource not found (resource={topic.rpartition('/')[2]}).")
    policy = {"maxDeliveryAttempts": 5, **told["deadLetterPolicy"]} if len(topics) > 1 else None
    return {
        "state": "ACTIVE",
        "pushConfig": told.get("pushConfig", {}),
        "ackDeadlineSeconds": told.get("ackDeadlineSeconds") or 10,
        "messageRetentionDuration": told.get("messageRetentionDuration", "604800s"),
        "expirationPolicy": told.get("expirationPolicy", {"ttl": "2678400s"}),
        **({"deadLetterPolicy": policy} if policy else {}),
    }


def metric(call: Call, state: State, name: str) -> Resource:
    told = call.body.get("metricDescriptor", {})
    short = call.body["name"]
    descriptors = f"projects/{state.project}/metricDescriptors"
    return {
        **created(call, state, name),
        "resourceName": name,
        "metricDescriptor": {
            "metricKind": "DELTA",
            "valueType": "INT64",
            **told,
            "name": f"{descriptors}/logging.googleapis.com/user/{short}",
            "type": f"logging.googleapis.com/user/{short}",
            "unit": told.get("unit", "1"),
        },
    }


def log_bucket(call: Call, state: State, name: str) -> Resource:
    return {
        **created(call, state, name),
        "lifecycleState": "ACTIVE",
        "retentionDays": call.body.get("retentionDays", 30),
    }


def alert_policy(call: Call, state: State, name: str) -> Resource:
    mutated = {"mutateTime": state.now(), "mutatedBy": "owner@example.com"}
    conditions = [
        {**condition, "name": f"{name}/conditions/{state.next()}"}
        for condition in call.body.get("conditions", [])
    ]
    return {
        "enabled": call.body.get("enabled", True),
        "creationRecord": mutated,
        "mutationRecord": mutated,
        "conditions": conditions,
    }


def channel(call: Call, state: State, name: str) -> Resource:
    mutated = {"mutateTime": state.now(), "mutatedBy": "owner@example.com"}
    return {
        "enabled": call.body.get("enabled", True),
        "creationRecord": mutated,
        "mutationRecords": [mutated],
    }


def repository(call: Call, state: State, name: str) -> Resource:
    location = name.split("/")[3]
    place = f"{location}-docker.pkg.dev/{state.project}/{name.rpartition('/')[2]}"
    return {
        **created(call, state, name),
        "mode": _specified(call.body, "mode", "STANDARD_REPOSITORY"),
        "registryUri": place,
        "satisfiesPzi": True,
        "vulnerabilityScanningConfig": {"enablementState": "SCANNING_DISABLED"},
    }


def budget(call: Call, state: State, name: str) -> Resource:
    told = call.body
    by_id, by_number = f"projects/{state.project}", f"projects/{state.number}"
    watched = told.get("budgetFilter", {}).get("projects", [])
    projects = [by_number if project == by_id else project for project in watched]
    return {
        "etag": state.etag(),
        "ownershipScope": told.get("ownershipScope", "OWNERSHIP_SCOPE_UNSPECIFIED"),
        "budgetFilter": {
            "calendarPeriod": "MONTH",
            "creditTypesTreatment": "INCLUDE_ALL_CREDITS",
            **told.get("budgetFilter", {}),
            **({"projects": projects} if projects else {}),
        },
        "notificationsRule": told.get("notificationsRule", {}),
    }


def connection(call: Call, state: State, name: str) -> Resource:
    """One click in the browser is missing still: a test sets `installationState` by hand."""
    return {
        **created(call, state, name),
        "etag": state.etag(),
        "installationState": call.body.get("installationState")
        or {
            "stage": "PENDING_USER_OAUTH",
            "message": "Authorize with GitHub",
            "actionUri": "https://accounts.google.com/AccountChooser?continue=github",
        },
    }


def source_repository(call: Call, state: State, name: str) -> Resource:
    parent = name.rpartition("/repositories/")[0]
    stage = state.read(f"cloudbuild/{parent}").get("installationState", {}).get("stage")
    if stage != "COMPLETE":
        raise Refusal(400, "Connection installation state must be COMPLETE")
    return {**created(call, state, name), "etag": state.etag()}


EVENTS = frozenset(
    {"github", "repositoryEventConfig", "triggerTemplate", "pubsubConfig", "webhookConfig"}
)
"""What starts a trigger: one of these."""


def trigger(call: Call, state: State, name: str) -> Resource:
    return {"createTime": state.now(), "id": name.rpartition("/")[2], "resourceName": name}
