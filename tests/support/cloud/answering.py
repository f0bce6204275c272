"""One call answered out of the project's state."""

from dataclasses import replace
from typing import Any

from tests.support.cloud import policies
from tests.support.cloud.apis import (
    builds,
    firestore,
    knative,
    projects,
    pubsub,
    revisions,
    scheduler,
    secrets,
    storage,
)
from tests.support.cloud.calls import Handler
from tests.support.cloud.kinds import kind_of
from tests.support.cloud.operations import polled
from tests.support.cloud.routes import Call
from tests.support.cloud.state import Refusal, State
from tests.support.cloud.usual import VERBS

_SPECIAL: dict[str, Handler] = {
    **builds.METHODS,
    **projects.METHODS,
    **firestore.METHODS,
    **knative.METHODS,
    **secrets.METHODS,
    **pubsub.METHODS,
    **revisions.METHODS,
    **scheduler.METHODS,
    **storage.METHODS,
}
_POLICIES: dict[str, Handler] = {
    "getIamPolicy": policies.get_policy,
    "setIamPolicy": policies.set_policy,
    "testIamPermissions": policies.test_permissions,
}
_ALWAYS_ENABLED = frozenset({"serviceusage", "cloudresourcemanager", "cloudbilling"})


class NotSpoken(Exception):
    """A method of Google's that this server does not speak."""


def answer(call: Call, state: State) -> Any:
    """What Google would answer; Refusal where it would refuse, NotSpoken where nobody knows."""
    _is_enabled(call, state)
    call = replace(call, resource=_of_this_project(call.service, call.resource, state))
    verb = call.method.verb
    if call.method.id in _SPECIAL:
        return _SPECIAL[call.method.id](call, state)
    if verb in _POLICIES:
        return _POLICIES[verb](call, state)
    if call.method.id.endswith(".operations.get"):
        return polled(call, state)
    kind = kind_of(call)
    if kind is None or verb not in VERBS:
        raise NotSpoken(f"this server does not speak {call.method.id}")
    return VERBS[verb](call, state, kind)


def _of_this_project(service: str, resource: str, state: State) -> str:
    """A project may be named by its number too, or by `-` where a name is unique without it."""
    parts = resource.split("/")
    if "-" in parts[2:] and f"{service}/{resource}" not in state.resources:
        parts = _meant(service, parts, state)
    owners = {"projects", "namespaces"}
    if parts[0] in owners and len(parts) > 1 and parts[1] in {state.number, "-"}:
        parts[1] = state.project
    if service == "run" and parts[2:3] == ["locations"] and parts[4:5] == ["services"]:
        parts = ["namespaces", parts[1], *parts[4:]]  # one service under two names
    return "/".join(parts)


def _meant(service: str, parts: list[str], state: State) -> list[str]:
    """A `-` stands for any collection, where the name below it is of one resource only."""
    for key in state.resources:
        found = key.split("/")[1:]
        if (
            key.startswith(f"{service}/")
            and len(found) == len(parts)
            and all(want in {"-", have} for want, have in zip(parts, found, strict=True))
        ):
            return found
    return parts


def _is_enabled(call: Call, state: State) -> None:
    service = f"{call.service}.googleapis.com"
    if call.service not in _ALWAYS_ENABLED and not projects.is_enabled(state, service):
        raise Refusal(
            403,
            f"{service} has not been used in project {state.number} before or it is disabled.",
            reason="SERVICE_DISABLED",
        )
