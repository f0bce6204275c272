"""Which method of Google's a request is, and what is wrong with it."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import unquote

from tests.support.cloud.discovery import Method, OutputOnly, errors_of, has_field, methods
from tests.support.cloud.uploads import Sent

APIS: Mapping[str, tuple[str, ...]] = {
    "artifactregistry": ("artifactregistry.v1",),
    "billingbudgets": ("billingbudgets.v1",),
    "cloudbilling": ("cloudbilling.v1",),
    "cloudbuild": ("cloudbuild.v1", "cloudbuild.v2"),
    "cloudresourcemanager": ("cloudresourcemanager.v1", "cloudresourcemanager.v3"),
    "cloudscheduler": ("cloudscheduler.v1",),
    "firestore": ("firestore.v1",),
    "iam": ("iam.v1",),
    "logging": ("logging.v2",),
    "monitoring": ("monitoring.v3",),
    "pubsub": ("pubsub.v1",),
    "run": ("run.v1", "run.v2"),
    "secretmanager": ("secretmanager.v1",),
    "serviceusage": ("serviceusage.v1",),
    "storage": ("storage.v1",),
}
"""The services by their name in gcloud's endpoint overrides, and the documents of each."""

ECHOES = frozenset(
    {
        "run.namespaces.services.create",
        "run.namespaces.services.replaceService",
        "artifactregistry.projects.locations.repositories.patch",
        "logging.projects.metrics.update",
        "monitoring.projects.alertPolicies.patch",
        "monitoring.projects.notificationChannels.patch",
    }
)
"""Methods whose callers send back what they read, the server's own fields too; Google ignores
these."""

_VERSION = re.compile(r"^(v\d\w*|apis/[\w.]+/v\d\w*|(resumable/)?(upload/|download/)?storage/v1)/")


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A request that is a method of Google's.

    `resource`: the name in its path without version and verb, `projects/p/secrets/s`; for a list
    or a create the collection. `query`: the last value of each parameter.
    """

    service: str
    method: Method
    resource: str
    arguments: Mapping[str, str]
    query: Mapping[str, str]
    repeated: Mapping[str, Sequence[str]]
    body: Any
    media: bytes | None = None

    @property
    def key(self) -> str:
        """Where the store has the resource."""
        return f"{self.service}/{self.resource}"


@cache
def table(service: str) -> tuple[Method, ...]:
    """All methods of a service; empty where there is no such service."""
    return tuple(method for api in APIS.get(service, ()) for method in methods(api))


def find(
    service: str, http: str, path: str, query: Mapping[str, Sequence[str]], sent: Sent
) -> Call | None:
    """The call that a request is; None where Google has no such method. `path` as it was sent."""
    plain = "%2F".join(unquote(part) for part in re.split("%2F", path, flags=re.IGNORECASE))
    for method in table(service):
        found = method.pattern.match(plain) if method.http == http else None
        if found is not None:
            return Call(
                service=service,
                method=method,
                resource=_resource(method, plain),
                arguments={k: v.replace("%2F", "/") for k, v in found.groupdict().items()},
                query={name: values[-1] for name, values in query.items()},
                repeated=query,
                body=sent.json,
                media=sent.media,
            )
    return None


def faults_of(call: Call) -> list[str]:
    """What Google would refuse a call for: parameters, body, update mask."""
    told = call.method.parameters
    faults = [f"query {name}: no such parameter" for name in call.query if name not in told]
    faults += [
        f"{name}: required and missing"
        for name, parameter in told.items()
        if parameter.get("required") and name not in {**call.arguments, **call.query}
    ]
    faults += [
        fault
        for name, value in call.query.items()
        if name in told
        for fault in _value_faults(name, value, told[name])
    ]
    return faults + _body_faults(call) + _mask_faults(call)


def mask_of(call: Call) -> list[str]:
    """The fields of the update mask in the names of JSON, from the query or the body."""
    told = call.query.get("updateMask", "")
    if not told and isinstance(call.body, dict) and isinstance(call.body.get("updateMask"), str):
        told = call.body["updateMask"]
    return [_camel(path.strip()) for path in told.split(",") if path.strip()]


def updated_schema(method: Method) -> str:
    """The schema that an update mask speaks of: inside `UpdateTopicRequest` that is `Topic`, and
    inside `SetIamPolicyRequest` the `Policy`.
    """
    if method.request.endswith("SetIamPolicyRequest"):
        return method.request.replace("SetIamPolicyRequest", "Policy")
    found = re.fullmatch(r"(?:Update|Patch)(\w+)Request", method.request)
    return found[1] if found else method.request


def _resource(method: Method, path: str) -> str:
    name = _VERSION.sub("", path)
    verb = re.search(r":\w+$", method.path)
    return (name.removesuffix(verb[0]) if verb else name).replace("%2F", "/")


def _body_faults(call: Call) -> list[str]:
    if not call.method.request:
        return [] if call.body in (None, {}) else ["body: the method takes none"]
    echo: OutputOnly = "allowed" if call.method.id in ECHOES else "refused"
    body = {} if call.body is None else call.body
    return errors_of(call.method.api, call.method.request, _without_nulls(body), output_only=echo)


def _without_nulls(body: Any) -> Any:
    """A null is a field that is to be cleared."""
    if not isinstance(body, dict):
        return body
    return {name: _without_nulls(value) for name, value in body.items() if value is not None}


def _mask_faults(call: Call) -> list[str]:
    schema = updated_schema(call.method)
    if not schema:
        return []
    api = call.method.api
    return [
        f"updateMask: {schema} has no field {path} that a caller may write"
        for path in mask_of(call)
        if not has_field(api, schema, path)
    ]


def _value_faults(name: str, value: str, told: Mapping[str, Any]) -> list[str]:
    if told.get("type") == "boolean" and value.lower() not in {"true", "false"}:
        return [f"query {name}: {value!r} is no boolean"]
    if told.get("type") == "integer" and not re.fullmatch(r"-?\d+", value):
        return [f"query {name}: {value!r} is no integer"]
    if "enum" in told and value not in told["enum"]:
        return [f"query {name}: {value!r} is none of {', '.join(told['enum'])}"]
    return []


def _camel(path: str) -> str:
    return re.sub(r"_([a-z0-9])", lambda found: found[1].upper(), path)
