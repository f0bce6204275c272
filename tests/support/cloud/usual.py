"""What REST's usual verbs do with a kind of resource: create, get, list, patch, delete."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from tests.support.cloud.discovery import list_field
from tests.support.cloud.kinds import Kind, name_of
from tests.support.cloud.operations import in_operation
from tests.support.cloud.routes import Call, mask_of
from tests.support.cloud.state import Refusal, Resource, State, masked

MAPS = frozenset({"annotations", "labels", "userLabels"})
"""An empty one is not told."""

UsualVerb = Callable[[Call, State, Kind], Any]


def create(call: Call, state: State, kind: Kind) -> Any:
    """A new resource with what the server adds; 409 where it is there, 404 without its parent."""
    told = dict(call.body or {})
    told = dict(told.get(kind.body, {})) if kind.body else told
    name = name_of(call, kind, state)
    _parent_is_there(call, state, name)
    key = f"{call.service}/{name}"
    if key in state.resources:
        raise Refusal(409, f"Resource already exists: {name}")
    kept = {} if kind.short else {"name": name}
    told = {name: _plain(value) for name, value in told.items() if name not in MAPS or value}
    resource = state.add(key, {**told, **kept, **kind.added(call, state, name)})
    return in_operation(call, state, name, resource)


def get(call: Call, state: State, kind: Kind) -> Any:
    """The resource."""
    return state.read(call.key)


def list_all(call: Call, state: State, kind: Kind) -> Any:
    """All of a collection, on one page."""
    field = list_field(call.method.api, call.method.response)
    found = list(state.below(call.key))
    return {field: found} if found else {}


def patch(call: Call, state: State, kind: Kind) -> Any:
    """The fields of the mask, or all of the body where there is none."""
    old = state.read(call.key)
    told = dict(call.body or {})
    mask = mask_of(call)
    for inner in ("topic", "subscription", "serviceAccount"):
        if call.method.request.startswith(("Update", "Patch")) and inner in told:
            told = told[inner]
    _etag_is_right(old, told)
    told = _plain(told)
    new = masked(old, told, mask) if mask else _replaced(old, told)
    if "etag" in old:
        new["etag"] = state.etag()
    if "updateTime" in old:
        new["updateTime"] = state.now()
    state.resources[call.key] = new
    return in_operation(call, state, call.resource, new)


def delete(call: Call, state: State, kind: Kind) -> Any:
    """Gone, with all below it."""
    gone = state.read(call.key)
    if gone.get("deleteProtectionState") == "DELETE_PROTECTION_ENABLED":
        raise Refusal(400, "Delete protection is enabled: disable it first")
    state.remove(call.key)
    return in_operation(call, state, call.resource, {})


VERBS: Mapping[str, UsualVerb] = {
    "create": create,
    "get": get,
    "list": list_all,
    "patch": patch,
    "update": patch,
    "delete": delete,
}


def _plain(told: Any) -> Any:
    """Durations as Google writes them: gcloud sends `86400.0s` and reads `86400s`."""
    if isinstance(told, dict):
        return {name: _plain(value) for name, value in told.items()}
    if isinstance(told, list):
        return [_plain(value) for value in told]
    if isinstance(told, str) and re.fullmatch(r"\d+\.\d{1,9}s", told):
        return told.removesuffix("s").rstrip("0").rstrip(".") + "s"
    return told


def _parent_is_there(call: Call, state: State, name: str) -> None:
    """What lies in a database or a connection needs it."""
    parts = name.split("/")
    if "databases" in parts[:-2] or "connections" in parts[:-2]:
        state.read(f"{call.service}/{'/'.join(parts[:4] if 'databases' in parts else parts[:-2])}")


def _replaced(old: Resource, told: Resource) -> Resource:
    """The whole body, and of what was there what only the server writes."""
    servers = {"name", "createTime", "creationRecord", "mutationRecord", "id", "resourceName"}
    return {**{name: old[name] for name in servers & set(old)}, **told}


def _etag_is_right(old: Resource, told: Resource) -> None:
    if told.get("etag") and told["etag"] != old.get("etag"):
        raise Refusal(409, "The etag is not that of the resource as it is")
