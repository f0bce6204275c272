"""Cloud Run's services as `gcloud run` uses them: a changed template is a new revision, traffic
goes where `spec.traffic` says, and a revision that cannot start leaves it where it was.
"""

import copy
import json
from collections.abc import Mapping
from typing import Any

from tests.support.cloud.apis import revisions
from tests.support.cloud.calls import Handler
from tests.support.cloud.routes import Call
from tests.support.cloud.state import Refusal, Resource, State

_BY_CLIENT = ("run.googleapis.com/client-name", "run.googleapis.com/client-version")
"""Annotations that say who sent a template, and make no revision of it."""


def _create(call: Call, state: State) -> Any:
    name = call.body["metadata"]["name"]
    key = f"{call.key}/{name}"
    if key in state.resources:
        raise Refusal(409, f"Resource '{name}' already exists.")
    return _stored(key, call, state, born=state.now(), old=None)


def _replace(call: Call, state: State) -> Any:
    old = state.read(call.key)
    version = call.body["metadata"].get("resourceVersion")
    if version and version != old["metadata"]["resourceVersion"]:
        raise Refusal(409, f"Conflict for resource '{old['metadata']['name']}': read it again.")
    return _stored(call.key, call, state, born=old["metadata"]["creationTimestamp"], old=old)


def _stored(key: str, call: Call, state: State, *, born: str, old: Resource | None) -> Resource:
    told = copy.deepcopy(call.body)
    name = told["metadata"]["name"]
    spec = told["spec"]
    spec["template"] = revisions.with_defaults(spec["template"], state)
    spec.setdefault("traffic", [{"percent": 100, "latestRevision": True}])
    changed = old is None or _shape(spec["template"]) != _shape(old["spec"]["template"])
    generation = 1 if old is None else old["metadata"]["generation"] + 1
    service = {
        "apiVersion": "serving.knative.dev/v1",
        "kind": "Service",
        "metadata": _metadata(told["metadata"], state, born=born, generation=generation),
        "spec": spec,
        "status": {} if old is None else copy.deepcopy(old["status"]),
    }
    if changed:
        made = revisions.add(state, service=name, template=spec["template"], generation=generation)
        service["status"]["latestCreatedRevisionName"] = made["metadata"]["name"]
    _conclude(service, state)
    if "dryRun" not in call.query:
        state.resources[key] = service
    return service


def _metadata(told: Mapping[str, Any], state: State, *, born: str, generation: int) -> Resource:
    name = told["name"]
    urls = [f"https://{name}-{state.number}.{state.region}.run.app", service_url(name)]
    number = state.next()
    return {
        "name": name,
        "namespace": state.number,
        "selfLink": f"/apis/serving.knative.dev/v1/namespaces/{state.number}/services/{name}",
        "uid": f"11111111-0000-4000-8000-{number:012d}",
        "resourceVersion": state.etag(),
        "generation": generation,
        "creationTimestamp": born,
        "labels": {**told.get("labels", {}), "cloud.googleapis.com/location": state.region},
        "annotations": {
            "run.googleapis.com/ingress": "all",
            **told.get("annotations", {}),
            "run.googleapis.com/ingress-status": "all",
            "run.googleapis.com/urls": json.dumps(urls),
            "serving.knative.dev/creator": "owner@example.com",
            "serving.knative.dev/lastModifier": "owner@example.com",
        },
    }


def service_url(name: str, tag: str = "") -> str:
    """Where a service answers, or the revision of a tag: as Google makes it, with a hash."""
    return f"https://{f'{tag}---' if tag else ''}{name}-abcdefghij-an.a.run.app"


def _conclude(service: Resource, state: State) -> None:
    """Which revision is ready, where the traffic goes, and what the conditions say."""
    name, status = service["metadata"]["name"], service["status"]
    latest = status["latestCreatedRevisionName"]
    problem = revisions.problem(state, latest)
    if not problem:
        status["latestReadyRevisionName"] = latest
    traffic = _traffic(service, state)
    if not problem or all(target["revisionName"] != latest for target in traffic):
        status["traffic"] = traffic  # else all stays where it was, tags too
    condition: Resource = {"lastTransitionTime": state.now(), "status": "True"}
    if problem:
        why = {"reason": "HealthCheckContainerError", "message": problem}
        condition = {**condition, "status": "False", **why}
    kinds = ("Ready", "ConfigurationsReady", "RoutesReady")
    status.setdefault("traffic", [])
    status["conditions"] = [{"type": kind, **condition} for kind in kinds]
    status["observedGeneration"] = service["metadata"]["generation"]
    status["url"] = service_url(name)
    status["address"] = {"url": service_url(name)}


def _traffic(service: Resource, state: State) -> list[Resource]:
    name, ready = service["metadata"]["name"], service["status"].get("latestReadyRevisionName")
    told = service["spec"]["traffic"]
    if sum(target.get("percent", 0) for target in told) != 100:
        raise Refusal(400, "spec.traffic: the percents must be 100 in all")
    served = []
    for target in told:
        revision = target.get("revisionName") or ready
        if target.get("revisionName") and not revisions.exists(state, revision):
            raise Refusal(400, f"spec.traffic: Revision '{revision}' not found.")
        if revision is not None:
            tag = target.get("tag")
            url = {"url": service_url(name, tag)} if tag else {}
            served.append({**target, "revisionName": revision, **url})
    return served


def _shape(template: Mapping[str, Any]) -> Any:
    """What makes a revision another one."""
    metadata = copy.deepcopy(template.get("metadata", {}))
    for annotation in _BY_CLIENT:
        metadata.get("annotations", {}).pop(annotation, None)
    return metadata, template["spec"]


def _get(call: Call, state: State) -> Any:
    return state.read(call.key)


def _list(call: Call, state: State) -> Any:
    found = list(state.below(call.key))
    kind = {"apiVersion": "serving.knative.dev/v1", "kind": "ServiceList"}
    return {**kind, "metadata": {}, "items": found}


def _delete(call: Call, state: State) -> Any:
    name = state.read(call.key)["metadata"]["name"]
    state.remove(call.key)
    for revision in revisions.of_service(state, name):
        state.remove(revisions.key(state, revision["metadata"]["name"]))
    return {"status": "Success"}


def _locations(call: Call, state: State) -> Any:
    name = f"projects/{state.project}/locations/{state.region}"
    return {"locations": [{"locationId": state.region, "name": name}]}


METHODS: Mapping[str, Handler] = {
    "run.namespaces.services.create": _create,
    "run.namespaces.services.delete": _delete,
    "run.namespaces.services.get": _get,
    "run.namespaces.services.list": _list,
    "run.namespaces.services.replaceService": _replace,
    "run.projects.locations.list": _locations,
    "run.projects.locations.services.list": _list,
}
