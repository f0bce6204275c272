"""Versions of secrets: numbered by the server, never changed, only disabled or destroyed."""

import base64
from collections.abc import Mapping
from typing import Any

from tests.support.cloud.calls import Handler
from tests.support.cloud.routes import Call
from tests.support.cloud.state import Refusal, Resource, State

_VERSIONS = "secretmanager.projects.secrets.versions"


def _versions(state: State, secret: str) -> list[Resource]:
    found = list(state.below(f"{secret}/versions"))
    return sorted(found, key=lambda version: -int(version["name"].rpartition("/")[2]))


def _add(call: Call, state: State) -> Any:
    secret = state.read(call.key)
    number = len(_versions(state, call.key)) + 1
    name = f"{call.resource}/versions/{number}"
    state.contents[f"secretmanager/{name}"] = base64.b64decode(call.body["payload"]["data"])
    told = {
        "name": f"{secret['name']}/versions/{number}",
        "createTime": state.now(),
        "state": "ENABLED",
        "etag": state.etag(),
        "replicationStatus": {"automatic": {}},
        **(
            {"clientSpecifiedPayloadChecksum": True} if "dataCrc32c" in call.body["payload"] else {}
        ),
    }
    return state.add(f"secretmanager/{name}", told)


def _key(call: Call, state: State) -> str:
    secret, _, version = call.key.rpartition("/versions/")
    if version != "latest":
        return call.key
    found = _versions(state, secret)
    if not found:
        raise Refusal(404, f"Secret Version [{call.resource}] not found.")
    return f"{secret}/versions/{len(found)}"


def _get(call: Call, state: State) -> Any:
    return state.read(_key(call, state))


def _list(call: Call, state: State) -> Any:
    state.read(call.key.removesuffix("/versions"))
    found = _versions(state, call.key.removesuffix("/versions"))
    wanted = call.query.get("filter", "")
    if wanted:
        found = [version for version in found if version["state"].lower() in wanted.lower()]
    return {"versions": found, "totalSize": len(found)} if found else {}


def _access(call: Call, state: State) -> Any:
    key = _key(call, state)
    version = state.read(key)
    if version["state"] != "ENABLED":
        raise Refusal(400, f"{call.resource} is in {version['state']} state.")
    data = base64.b64encode(state.contents[key]).decode()
    return {"name": version["name"], "payload": {"data": data}}


def _turned(wanted: str) -> Handler:
    def turn(call: Call, state: State) -> Any:
        version = state.read(_key(call, state))
        if version["state"] == "DESTROYED":
            raise Refusal(400, f"{call.resource} is already destroyed.")
        version.update(state=wanted, etag=state.etag())
        if wanted == "DESTROYED":
            version["destroyTime"] = state.now()
            state.contents.pop(_key(call, state), None)
        return version

    return turn


METHODS: Mapping[str, Handler] = {
    "secretmanager.projects.secrets.addVersion": _add,
    f"{_VERSIONS}.get": _get,
    f"{_VERSIONS}.list": _list,
    f"{_VERSIONS}.access": _access,
    f"{_VERSIONS}.enable": _turned("ENABLED"),
    f"{_VERSIONS}.disable": _turned("DISABLED"),
    f"{_VERSIONS}.destroy": _turned("DESTROYED"),
}
