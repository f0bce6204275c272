"""Service usage, the project itself, its billing."""

from collections.abc import Mapping
from typing import Any

from tests.support.cloud.calls import Handler
from tests.support.cloud.operations import begun
from tests.support.cloud.routes import Call
from tests.support.cloud.state import Resource, State

BORN_ENABLED = ("logging", "monitoring", "storage", "serviceusage", "servicemanagement")
"""What Google enables in a new project, of what this server knows."""

BILLING_ACCOUNT = "000000-AAAAAA-111111"


def fill(state: State) -> None:
    """A new project as Google makes it: with a bill, few services, two log buckets."""
    project = f"projects/{state.project}"
    state.resources[f"cloudresourcemanager/{project}"] = {
        "projectId": state.project,
        "projectNumber": state.number,
        "name": state.project,
        "lifecycleState": "ACTIVE",
        "createTime": state.now(),
    }
    state.resources[f"cloudbilling/{project}/billingInfo"] = {
        "name": f"{project}/billingInfo",
        "projectId": state.project,
        "billingAccountName": f"billingAccounts/{BILLING_ACCOUNT}",
        "billingEnabled": True,
    }
    for service in BORN_ENABLED:
        enable(state, f"{service}.googleapis.com")
    for bucket, days in (("_Default", 30), ("_Required", 400)):
        name = f"{project}/locations/global/buckets/{bucket}"
        state.resources[f"logging/{name}"] = {
            "name": name,
            "retentionDays": days,
            "lifecycleState": "ACTIVE",
            **({"locked": True} if bucket == "_Required" else {}),
        }


def is_enabled(state: State, service: str) -> bool:
    """Whether `secretmanager.googleapis.com` is enabled."""
    return f"serviceusage/projects/{state.project}/services/{service}" in state.resources


def enable(state: State, service: str) -> Resource:
    """Enable `secretmanager.googleapis.com`."""
    told = {
        "name": f"projects/{state.number}/services/{service}",
        "parent": f"projects/{state.number}",
        "config": {"name": service},
        "state": "ENABLED",
    }
    state.resources[f"serviceusage/projects/{state.project}/services/{service}"] = told
    return told


def _service(state: State, resource: str) -> Resource:
    service = resource.rpartition("/")[2]
    found = state.resources.get(f"serviceusage/projects/{state.project}/services/{service}")
    name = f"projects/{state.number}/services/{service}"
    return found or {"name": name, "config": {"name": service}, "state": "DISABLED"}


def _get_service(call: Call, state: State) -> Any:
    return _service(state, call.resource)


def _list_services(call: Call, state: State) -> Any:
    return {"services": list(state.below(call.key))}


def _batch_get(call: Call, state: State) -> Any:
    return {"services": [_service(state, name) for name in call.repeated["names"]]}


def _enable_one(call: Call, state: State) -> Any:
    told = enable(state, call.resource.rpartition("/")[2])
    return begun(call, state, f"operations/acat.{state.next()}", {"service": told})


def _enable_batch(call: Call, state: State) -> Any:
    told = [enable(state, service) for service in call.body.get("serviceIds", [])]
    return begun(call, state, f"operations/acat.{state.next()}", {"services": told})


def _disable(call: Call, state: State) -> Any:
    state.resources.pop(call.key, None)
    told = _service(state, call.resource)
    return begun(call, state, f"operations/acat.{state.next()}", {"service": told})


def _read(call: Call, state: State) -> Any:
    return state.read(call.key)


def _get_project(call: Call, state: State) -> Any:
    told = state.read(call.key)
    if call.method.api == "cloudresourcemanager.v1":
        return told
    return {
        "name": f"projects/{state.number}",
        "projectId": told["projectId"],
        "displayName": told["name"],
        "state": told["lifecycleState"],
        "createTime": told["createTime"],
    }


METHODS: Mapping[str, Handler] = {
    "cloudbilling.projects.getBillingInfo": _read,
    "cloudresourcemanager.projects.get": _get_project,
    "serviceusage.services.batchEnable": _enable_batch,
    "serviceusage.services.batchGet": _batch_get,
    "serviceusage.services.disable": _disable,
    "serviceusage.services.enable": _enable_one,
    "serviceusage.services.get": _get_service,
    "serviceusage.services.list": _list_services,
}
