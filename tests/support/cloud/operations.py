"""Long-running operations: begun by a change, done after some readings."""

from typing import Any

from tests.support.cloud.routes import Call
from tests.support.cloud.state import Operation, Refusal, Resource, State

METADATA = {
    "artifactregistry": "google.devtools.artifactregistry.v1.OperationMetadata",
    "cloudbuild": "google.devtools.cloudbuild.v2.OperationMetadata",
    "firestore": "google.firestore.admin.v1.FieldOperationMetadata",
    "run": "google.cloud.run.v2.Service",
    "serviceusage": "google.api.serviceusage.v1.OperationMetadata",
}
POLLS = 1
"""An operation is told as running when it begins, and as done when it is read this often."""


def in_operation(call: Call, state: State, name: str, resource: Resource) -> Any:
    """The resource itself, or the operation that made it where the method answers with one."""
    if not call.method.response.endswith("Operation"):
        return resource
    return begun(call, state, _operation_name(call, state, name), resource)


def begun(call: Call, state: State, operation: str, response: Resource) -> Resource:
    """An operation of this name that will be done with this response."""
    kind = "type.googleapis.com/"
    told: Resource = {
        "name": operation,
        "metadata": {"@type": kind + METADATA[call.service]},
        "response": {"@type": f"{kind}google.protobuf.Struct", **response},
    }
    state.operations[f"{call.service}/{operation}"] = Operation(told=told, polls=POLLS)
    return _as_told(state.operations[f"{call.service}/{operation}"])


def polled(call: Call, state: State) -> Resource:
    """An operation as it stands at this reading."""
    operation = state.operations.get(call.key)
    if operation is None:
        raise Refusal(404, f"Operation not found: {call.resource}")
    operation.polls -= 1
    return _as_told(operation)


def _as_told(operation: Operation) -> Resource:
    if operation.polls > 0:
        return {name: told for name, told in operation.told.items() if name != "response"}
    return {**operation.told, "done": True}


def _operation_name(call: Call, state: State, name: str) -> str:
    if call.service == "serviceusage":
        return f"operations/acat.{state.next()}"
    place = "/".join(name.split("/")[:4])
    return f"{place}/operations/{state.next():08d}"
