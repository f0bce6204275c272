"""Fields of collection groups, which are always there, and indexes, none of which is twice."""

from collections.abc import Mapping
from typing import Any

from tests.support.cloud.calls import Handler
from tests.support.cloud.kinds import KINDS
from tests.support.cloud.operations import in_operation
from tests.support.cloud.routes import Call, mask_of
from tests.support.cloud.state import Refusal, Resource, State, masked
from tests.support.cloud.usual import create

_INDEXES = "firestore.projects.databases.collectionGroups.indexes"


def _field(call: Call, state: State) -> Resource:
    state.read("firestore/" + "/".join(call.resource.split("/")[:4]))
    inherited = {"usesAncestorConfig": True, "ancestorField": _ancestor(call.resource)}
    return state.resources.get(
        call.key, {"name": call.resource, "indexConfig": {**inherited, "indexes": []}}
    )


def _get_field(call: Call, state: State) -> Any:
    return _field(call, state)


def _patch_field(call: Call, state: State) -> Any:
    mask = mask_of(call) or [name for name in call.body if name != "name"]
    new = masked(_field(call, state), call.body, mask)
    if "ttlConfig" in new:
        new["ttlConfig"] = {"state": "ACTIVE"}
    if "indexConfig" in mask and "indexConfig" in call.body:
        indexes = (
            [{"state": "READY", **index} for index in call.body["indexConfig"]["indexes"]]
            if (call.body["indexConfig"].get("indexes"))
            else []
        )
        new["indexConfig"] = {"indexes": indexes, "ancestorField": _ancestor(call.resource)}
    elif "indexConfig" not in new:
        new["indexConfig"] = {
            "usesAncestorConfig": True,
            "ancestorField": _ancestor(call.resource),
        }
    state.resources[call.key] = new
    return in_operation(call, state, call.resource, new)


def _list_fields(call: Call, state: State) -> Any:
    """Those that were changed: Google lists no others."""
    changed = [
        field
        for field in state.below(call.key)
        if "ttlConfig" in field or not field["indexConfig"].get("usesAncestorConfig")
    ]
    if call.query.get("filter", "").startswith("ttlConfig"):
        changed = [field for field in changed if "ttlConfig" in field]
    return {"fields": changed}


def _create_index(call: Call, state: State) -> Any:
    wanted = _shape(call.body)
    for index in state.below(call.key):
        if _shape(index) == wanted:
            raise Refusal(409, "index already exists")
    return create(call, state, KINDS[_INDEXES])


def _shape(index: Mapping[str, Any]) -> Any:
    """What two equal indexes share: Google adds `__name__` itself."""
    fields = [field for field in index.get("fields", []) if field["fieldPath"] != "__name__"]
    return index.get("queryScope", "COLLECTION"), fields


def _ancestor(field: str) -> str:
    return "/".join(field.split("/")[:4]) + "/collectionGroups/__default__/fields/*"


METHODS: Mapping[str, Handler] = {
    "firestore.projects.databases.collectionGroups.fields.get": _get_field,
    "firestore.projects.databases.collectionGroups.fields.patch": _patch_field,
    "firestore.projects.databases.collectionGroups.fields.list": _list_fields,
    f"{_INDEXES}.create": _create_index,
}
