"""Builds and what starts them: sent by gcloud, by Cloud Run out of a source, by a trigger.

Nothing is built: a build is queued when it is made and done when it is read.
"""

import copy
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from tests.support.cloud.calls import Handler
from tests.support.cloud.defaults import EVENTS
from tests.support.cloud.kinds import KINDS
from tests.support.cloud.operations import polled
from tests.support.cloud.routes import Call
from tests.support.cloud.state import Refusal, Resource, State
from tests.support.cloud.usual import VERBS

_DIGEST = "sha256:" + "ab" * 32
_BUILD = "type.googleapis.com/google.devtools.cloudbuild.v1.Build"
_METADATA = "type.googleapis.com/google.devtools.cloudbuild.v1.BuildOperationMetadata"


def _submit(call: Call, state: State) -> Any:
    """Cloud Run's: from a source that was uploaded to an image, by the language's buildpack."""
    told = call.body
    source = told["storageSource"]
    if f"storage/b/{source['bucket']}/o/{source['object']}" not in state.resources:
        raise Refusal(400, f"The source {source['bucket']}/{source['object']} is not there")
    _account_is_there(told.get("serviceAccount", ""), state)
    build = _made(
        state,
        call.resource.removesuffix("/builds"),
        {
            "source": {"storageSource": source},
            "images": [told["imageUri"]],
            "tags": told.get("tags", []),
            **({"serviceAccount": told["serviceAccount"]} if "serviceAccount" in told else {}),
        },
    )
    packed = told.get("buildpackBuild", {})
    base = packed.get("baseImage", "")
    image = f"{state.region}-docker.pkg.dev/serverless-runtimes/google-22/runtimes/{base}"
    return {"buildOperation": _operation(state, build), **({"baseImageUri": image} if base else {})}


def _create(call: Call, state: State) -> Any:
    told = call.body
    source = told.get("source", {}).get("storageSource")
    if source and f"storage/b/{source['bucket']}/o/{source['object']}" not in state.resources:
        raise Refusal(400, f"The source {source['bucket']}/{source['object']} is not there")
    _account_is_there(told.get("serviceAccount", ""), state)
    place = call.resource.removesuffix("/builds")
    return _operation(state, _made(state, place, copy.deepcopy(told)))


def _made(state: State, place: str, told: Resource) -> Resource:
    if "/locations/" not in place:
        place = f"{place}/locations/global"
    number = state.next()
    identity = f"22222222-0000-4000-8000-{number:012d}"
    why = state.broken.pop("builds", "")
    name = f"{place}/builds/{identity}"
    approval = told.get("approval", {})
    build = {
        "timeout": "600s",
        **told,
        "id": identity,
        "name": name,
        "projectId": state.project,
        "status": "PENDING" if approval else "QUEUED",
        "createTime": state.now(),
        "logUrl": f"https://console.cloud.google.com/cloud-build/builds/{identity}",
        "logsBucket": f"gs://{state.number}.cloudbuild-logs.googleusercontent.com",
        "artifacts": {"images": told.get("images", [])},
        **({"failureInfo": {"type": "USER_BUILD_STEP", "detail": why}} if why else {}),
    }
    return state.add(f"cloudbuild/{name}", build)


def _operation(state: State, build: Resource) -> Resource:
    place, _, identity = build["name"].rpartition("/builds/")
    name = f"{place}/operations/{identity}"
    return {"name": name, "metadata": {"@type": _METADATA, "build": build}}


def _poll(call: Call, state: State) -> Any:
    """A build's operation is done when its build is; others go their usual way."""
    key = call.key.replace("/operations/", "/builds/")
    if key not in state.resources:
        return polled(call, state)
    build = _ended(state, key)
    told: Resource = {"name": call.resource, "metadata": {"@type": _METADATA, "build": build}}
    if build["status"] == "PENDING":
        return told
    told["done"] = True
    if build["status"] == "SUCCESS":
        return {**told, "response": {"@type": _BUILD, **build}}
    detail = build.get("failureInfo", {}).get("detail", build["status"])
    return {**told, "error": {"code": 2, "message": detail}}


def _ended(state: State, key: str) -> Resource:
    """The build, which has run by now if nobody must approve it first."""
    build = state.read(key)
    if build["status"] == "QUEUED":
        now = state.now()
        build.update(startTime=now, finishTime=now)
        build["status"] = "FAILURE" if "failureInfo" in build else "SUCCESS"
        if build["status"] == "SUCCESS":
            images = [{"name": image, "digest": _DIGEST} for image in build.get("images", [])]
            build["results"] = {"images": images}
    return build


def _get(call: Call, state: State) -> Any:
    return _ended(state, f"cloudbuild/{_located(call.resource)}")


def _list(call: Call, state: State) -> Any:
    found = list(state.below(f"cloudbuild/{_located(call.resource)}"))
    return {"builds": found[::-1]} if found else {}


def _cancel(call: Call, state: State) -> Any:
    build = state.read(f"cloudbuild/{_located(call.resource)}")
    build["status"] = "CANCELLED"
    return build


def _approve(call: Call, state: State) -> Any:
    build = state.read(f"cloudbuild/{_located(call.resource)}")
    if build["status"] != "PENDING":
        raise Refusal(400, "The build does not wait for an approval")
    approved = call.body["approvalResult"]["decision"] == "APPROVED"
    build["status"] = "QUEUED" if approved else "CANCELLED"
    return _operation(state, build)


def _by_id(call: Call, state: State) -> Call:
    """A call of a trigger by its id: Google takes its name as well."""
    resource = _located(call.resource)
    place, _, wanted = resource.rpartition("/")
    for trigger in state.below(f"cloudbuild/{place}"):
        if wanted in {trigger["id"], trigger["name"]}:
            return replace(call, resource=f"{place}/{trigger['id']}")
    return replace(call, resource=resource)


def _usual(verb: str) -> Handler:
    def handle(call: Call, state: State) -> Any:
        return VERBS[verb](_by_id(call, state), state, KINDS[_TRIGGERS])

    return handle


def _patch_trigger(call: Call, state: State) -> Any:
    told = VERBS["patch"](_by_id(call, state), state, KINDS[_TRIGGERS])
    events = sorted(EVENTS & set(told))
    if len(events) > 1:
        raise Refusal(400, f"a trigger has one event, not {' and '.join(events)}")
    return told


def _create_trigger(call: Call, state: State) -> Any:
    call = replace(call, resource=_located(call.resource))
    if any(told["name"] == call.body.get("name") for told in state.below(call.key)):
        raise Refusal(409, f"trigger {call.body['name']} already exists")
    _account_is_there(call.body.get("serviceAccount", ""), state)
    repository = call.body.get("repositoryEventConfig", {}).get("repository")
    if repository:
        state.read(f"cloudbuild/{repository}")
    return VERBS["create"](call, state, KINDS[_TRIGGERS])


def _run_trigger(call: Call, state: State) -> Any:
    call = _by_id(call, state)
    trigger = state.read(call.key)
    place, _, identity = call.resource.rpartition("/triggers/")
    told: Resource = {"buildTriggerId": identity}
    for name in ("serviceAccount", "substitutions"):
        if name in trigger:
            told[name] = trigger[name]
    if trigger.get("approvalConfig", {}).get("approvalRequired"):
        told["approval"] = {"config": {"approvalRequired": True}, "state": "PENDING"}
    return _operation(state, _made(state, place, told))


def _located(resource: str) -> str:
    """Builds of no region are those of `global`."""
    parts = resource.split("/")
    return (
        resource
        if parts[2] == "locations"
        else "/".join([*parts[:2], "locations", "global", *parts[2:]])
    )


def _account_is_there(account: str, state: State) -> None:
    mail = account.rpartition("/")[2]
    known = f"iam/projects/{state.project}/serviceAccounts/{mail}"
    if mail.endswith(f"@{state.project}.iam.gserviceaccount.com") and known not in state.resources:
        raise Refusal(403, f"The caller may not act as {mail}, or it does not exist")


def _default_account(call: Call, state: State) -> Any:
    account = f"projects/{state.project}/serviceAccounts/{state.number}-compute"
    name = f"{call.resource.rpartition('/')[0]}/defaultServiceAccount"
    return {"name": name, "serviceAccountEmail": f"{account}@developer.gserviceaccount.com"}


_TRIGGERS = "cloudbuild.projects.locations.triggers"
_EITHER = (_TRIGGERS, "cloudbuild.projects.triggers")
_BUILDS = ("cloudbuild.projects.builds", "cloudbuild.projects.locations.builds")
METHODS: Mapping[str, Handler] = {
    **{f"{builds}.create": _create for builds in _BUILDS},
    **{f"{builds}.get": _get for builds in _BUILDS},
    **{f"{builds}.list": _list for builds in _BUILDS},
    **{f"{builds}.cancel": _cancel for builds in _BUILDS},
    **{f"{builds}.approve": _approve for builds in _BUILDS},
    "cloudbuild.projects.locations.getDefaultServiceAccount": _default_account,
    "cloudbuild.projects.locations.operations.get": _poll,
    **{f"{triggers}.create": _create_trigger for triggers in _EITHER},
    **{f"{triggers}.run": _run_trigger for triggers in _EITHER},
    **{
        f"{triggers}.{verb}": _usual(verb)
        for triggers in _EITHER
        for verb in ("get", "list", "delete")
    },
    **{f"{triggers}.patch": _patch_trigger for triggers in _EITHER},
    "run.projects.locations.builds.submit": _submit,
}
