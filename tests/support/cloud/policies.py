"""IAM policies: one a resource, changed only by who read it last."""

import re
from typing import Any

from tests.support.cloud.routes import Call
from tests.support.cloud.state import Refusal, Resource, State


def get_policy(call: Call, state: State) -> Resource:
    """The policy of a resource that is there."""
    key = _key(call)
    state.read(key)
    return state.policies.setdefault(key, {"version": 1, "etag": state.etag()})


def set_policy(call: Call, state: State) -> Resource:
    """The policy as told; 409 where its etag is an old one, 400 for members that are nobody."""
    key = _key(call)
    told: Resource = dict(call.body if call.service == "storage" else call.body["policy"])
    old = get_policy(call, state)
    if told.get("etag") and told["etag"] != old["etag"]:
        raise Refusal(409, "There were concurrent policy changes. Please retry.")
    for binding in told.get("bindings", []):
        for member in binding.get("members", []):
            _member_is_there(member, state)
    bindings = [binding for binding in told.get("bindings", []) if binding.get("members")]
    state.policies[key] = {
        "version": told.get("version", 1),
        "etag": state.etag(),
        **({"bindings": bindings} if bindings else {}),
    }
    return state.policies[key]


def test_permissions(call: Call, state: State) -> Any:
    """The caller may all."""
    state.read(_key(call))
    return {"permissions": (call.body or {}).get("permissions", [])}


def _key(call: Call) -> str:
    """Storage has its policies below `iam`."""
    return call.key.removesuffix("/iam") if call.service == "storage" else call.key


def _member_is_there(member: str, state: State) -> None:
    if member in {"allUsers", "allAuthenticatedUsers"}:
        return
    kind, _, who = member.partition(":")
    known = {"user", "group", "domain", "serviceAccount", "projectOwner", "projectEditor"}
    if kind not in {*known, "projectViewer", "deleted", "principalSet", "principal"} or not who:
        raise Refusal(400, f"Invalid value at 'policy.bindings.members': {member}")
    ours = re.fullmatch(rf"[\w-]+@{re.escape(state.project)}\.iam\.gserviceaccount\.com", who)
    if kind == "serviceAccount" and ours:
        name = f"iam/projects/{state.project}/serviceAccounts/{who}"
        if name not in state.resources:
            raise Refusal(400, f"Service account {who} does not exist.")
