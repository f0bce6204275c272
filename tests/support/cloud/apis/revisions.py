"""Revisions of Cloud Run: made of a service's template, never changed, ready or not."""

import copy
from collections.abc import Mapping
from typing import Any

from tests.support.cloud.calls import Handler
from tests.support.cloud.routes import Call
from tests.support.cloud.state import Refusal, Resource, State

_OF_SERVICE = "serving.knative.dev/service"
_ACCESSOR = "roles/secretmanager.secretAccessor"


def key(state: State, name: str) -> str:
    """Where the store has a revision."""
    return f"run/namespaces/{state.project}/revisions/{name}"


def exists(state: State, name: str) -> bool:
    """Whether there is such a revision."""
    return key(state, name) in state.resources


def of_service(state: State, service: str) -> list[Resource]:
    """The revisions of a service, the last one first."""
    every = state.below(f"run/namespaces/{state.project}/revisions")
    found = [told for told in every if told["metadata"]["labels"][_OF_SERVICE] == service]
    return sorted(found, key=lambda told: told["metadata"]["creationTimestamp"], reverse=True)


def with_defaults(template: Mapping[str, Any], state: State) -> Resource:
    """A template as Google stores it."""
    whole = copy.deepcopy(dict(template))
    whole.setdefault("metadata", {}).setdefault("labels", {})
    whole["metadata"].pop("creationTimestamp", None)
    spec = whole["spec"]
    spec.setdefault("containerConcurrency", 80)
    spec.setdefault("timeoutSeconds", 300)
    spec.setdefault("serviceAccountName", default_account(state))
    annotations = whole["metadata"].setdefault("annotations", {})
    annotations.setdefault("autoscaling.knative.dev/maxScale", "100")
    for container in spec["containers"]:
        container.setdefault("ports", [{"name": "http1", "containerPort": 8080}])
        limits = container.setdefault("resources", {}).setdefault("limits", {})
        limits.setdefault("cpu", "1000m")
        limits.setdefault("memory", "512Mi")
        container.setdefault(
            "startupProbe",
            {
                "failureThreshold": 1,
                "periodSeconds": 240,
                "timeoutSeconds": 240,
                "tcpSocket": {"port": 8080},
            },
        )
    return whole


def default_account(state: State) -> str:
    """The account of what names none."""
    return f"{state.number}-compute@developer.gserviceaccount.com"


def add(state: State, *, service: str, template: Mapping[str, Any], generation: int) -> Resource:
    """A revision of this template; 403 without its account, 409 where its name is taken."""
    account = template["spec"]["serviceAccountName"]
    known = f"iam/projects/{state.project}/serviceAccounts/{account}"
    if account != default_account(state) and known not in state.resources:
        raise Refusal(403, f"Permission 'iam.serviceaccounts.actAs' denied on {account}")
    number = state.next()
    name = template["metadata"].get("name") or f"{service}-{generation:05d}-r{number:02d}"
    if exists(state, name):
        raise Refusal(409, f"Revision named '{name}' with different configuration already exists.")
    why = state.broken.pop(service, "") or _missing_secret(state, template["spec"], account)
    ready: Resource = {"lastTransitionTime": state.now(), "status": "False" if why else "True"}
    if why:
        ready["message"] = f"Revision '{name}' is not ready and cannot serve traffic. {why}"
    metadata = copy.deepcopy(template["metadata"])
    metadata["labels"] = {
        **metadata.get("labels", {}),
        _OF_SERVICE: service,
        "serving.knative.dev/configuration": service,
        "serving.knative.dev/configurationGeneration": str(generation),
    }
    revision = {
        "apiVersion": "serving.knative.dev/v1",
        "kind": "Revision",
        "metadata": {
            **metadata,
            "name": name,
            "namespace": state.number,
            "generation": 1,
            "resourceVersion": state.etag(),
            "creationTimestamp": state.now(),
        },
        "spec": copy.deepcopy(template["spec"]),
        "status": {
            "observedGeneration": 1,
            "conditions": [
                {"type": kind, **ready}
                for kind in ("Ready", "Active", "ContainerHealthy", "ResourcesAvailable")
            ],
            "imageDigest": template["spec"]["containers"][0].get("image", ""),
        },
    }
    state.resources[key(state, name)] = revision
    return revision


def problem(state: State, name: str) -> str:
    """Why a revision cannot serve; empty where it can."""
    conditions = state.read(key(state, name))["status"]["conditions"]
    return str(conditions[0].get("message", ""))


def _missing_secret(state: State, spec: Mapping[str, Any], account: str) -> str:
    """A version that a revision mounts must be there, and its account must be let read it."""
    for secret, version in _mounted(spec):
        place = f"secretmanager/projects/{state.project}/secrets/{secret}"
        wanted = f"projects/{state.number}/secrets/{secret}/versions/{version}"
        found = [
            told
            for told in state.below(f"{place}/versions")
            if version == "latest" or told["name"].endswith(f"/versions/{version}")
        ]
        if not found or found[-1]["state"] != "ENABLED":
            return f"Secret {wanted} was not found"
        bindings = state.policies.get(place, {}).get("bindings", [])
        readers = [m for told in bindings if told["role"] == _ACCESSOR for m in told["members"]]
        if f"serviceAccount:{account}" not in readers:
            return f"Permission denied on secret: {wanted} for Revision service account {account}."
    return ""


def _mounted(spec: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Secret and version of each variable and each file."""
    found = []
    for container in spec["containers"]:
        for variable in container.get("env", []):
            told = variable.get("valueFrom", {}).get("secretKeyRef")
            if told:
                found.append((told["name"], told["key"]))
    for volume in spec.get("volumes", []):
        told = volume.get("secret")
        if told:
            found += [(told["secretName"], item["key"]) for item in told.get("items", [])]
    return found


def _get(call: Call, state: State) -> Any:
    return state.read(call.key)


def _list(call: Call, state: State) -> Any:
    _, _, wanted = call.query.get("labelSelector", "").partition("=")
    every = list(state.below(call.key))
    found = of_service(state, wanted.strip()) if wanted else every
    kind = {"apiVersion": "serving.knative.dev/v1", "kind": "RevisionList"}
    return {**kind, "metadata": {}, "items": found}


def _delete(call: Call, state: State) -> Any:
    """400 where traffic goes to it, a tag names it, or it is the last one."""
    name = state.read(call.key)["metadata"]["name"]
    for service in state.below(f"run/namespaces/{state.project}/services"):
        served = [target["revisionName"] for target in service["status"]["traffic"]]
        if name in {*served, service["status"]["latestCreatedRevisionName"]}:
            raise Refusal(400, f"Revision '{name}' is in use by its service")
    state.remove(call.key)
    return {"status": "Success"}


METHODS: Mapping[str, Handler] = {
    "run.namespaces.revisions.delete": _delete,
    "run.namespaces.revisions.get": _get,
    "run.namespaces.revisions.list": _list,
}
