"""What Google's APIs take, from the discovery documents that google-api-python-client ships.

    >>> errors_of("cloudscheduler.v1", "Job", {"attemptDeadline": "60"})
    ["attemptDeadline: '60' is no google-duration"]
    >>> errors_of("cloudscheduler.v1", "Job", {"attemptDeadline": "60s"})
    []

The schemas are strict: no field that Google does not name, enums, formats as Google writes them,
and, unless asked otherwise, no field that only the server writes.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

import googleapiclient
import jsonschema

DOCUMENTS = Path(googleapiclient.__file__).parent / "discovery_cache" / "documents"

OutputOnly = Literal["refused", "allowed"]

_FORMATS: Mapping[str, Mapping[str, Any]] = {
    "int64": {"type": ["string", "integer"], "pattern": r"^-?\d{1,19}$"},
    "uint64": {"type": ["string", "integer"], "pattern": r"^\d{1,20}$"},
    "google-duration": {"type": "string", "pattern": r"^-?\d{1,12}(\.\d{1,9})?s$"},
    "google-datetime": {
        "type": "string",
        "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)$",
    },
    "byte": {"type": "string", "pattern": r"^[A-Za-z0-9+/_-]*={0,2}$"},
}
_PLAIN = frozenset({"string", "integer", "number", "boolean"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """One method of one API.

    `parameters`: by name as the document has them, those of every method (`alt`, `key`) too.
    `collection`: the last literal of its path, `secrets` in `v1/{+parent}/secrets`. `request` and
    `response` name schemas, or are empty.
    """

    api: str
    id: str
    http: str
    path: str
    pattern: re.Pattern[str]
    parameters: Mapping[str, Mapping[str, Any]]
    request: str
    response: str

    @property
    def verb(self) -> str:
        """What it does, `create` in `secretmanager.projects.secrets.create`."""
        return self.id.rpartition(".")[2]


@cache
def document(api: str) -> Mapping[str, Any]:
    """The discovery document of `cloudscheduler.v1`; FileNotFoundError where there is none."""
    found: Mapping[str, Any] = json.loads((DOCUMENTS / f"{api}.json").read_text(encoding="utf-8"))
    return found


@cache
def methods(api: str) -> tuple[Method, ...]:
    """All methods of an API, those whose path leaves the least open first."""
    whole = document(api)
    found = [
        _method(api, told, whole.get("parameters", {}), path)
        for told in _told_methods(whole)
        for path in _paths(whole, told)
    ]
    return tuple(sorted(found, key=lambda method: -_literal_length(method.pattern.pattern)))


def _literal_length(pattern: str) -> int:
    return len(re.sub(r"\(\?P<\w+>|\)|\[\^/\]\+|\.\+", "", pattern))


def errors_of(
    api: str, schema: str, body: Any, *, output_only: OutputOnly = "refused"
) -> list[str]:
    """What is wrong with a body, a sentence `field: what` each, in the order of the fields."""
    found = _validator(api, schema, output_only).iter_errors(body)
    return sorted(f"{_place(error)}: {_sentence(error)}" for error in found)


def has_field(api: str, schema: str, path: str) -> bool:
    """Whether `a.b` is a field of a schema that a caller may write; below a map every key is."""
    told: Mapping[str, Any] = {"$ref": schema}
    for part in path.split("."):
        if "$ref" in told:
            told = document(api)["schemas"][told["$ref"]]
        if "additionalProperties" in told or part == "*":
            return True
        if part not in told.get("properties", {}):
            return False
        told = told["properties"][part]
        if _is_output_only(told):
            return False
    return True


def list_field(api: str, schema: str) -> str:
    """The field of a list's answer that holds what is listed: `secrets`."""
    fields = document(api)["schemas"][schema]["properties"]
    return next(
        str(name)
        for name, told in fields.items()
        if told.get("type") == "array" and "$ref" in told["items"] and name != "unreachable"
    )


def _told_methods(resource: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield from resource.get("methods", {}).values()
    for below in resource.get("resources", {}).values():
        yield from _told_methods(below)


def _paths(whole: Mapping[str, Any], told: Mapping[str, Any]) -> Iterator[str]:
    """The path of a method, and those by which bytes come and go."""
    yield whole["servicePath"] + told["path"]
    if told.get("useMediaDownloadService"):
        yield f"download/{whole['servicePath']}{told['path']}"
    for protocol in told.get("mediaUpload", {}).get("protocols", {}).values():
        yield protocol["path"].removeprefix("/")


def _method(api: str, told: Mapping[str, Any], common: Mapping[str, Any], path: str) -> Method:
    parameters = {**common, **told.get("parameters", {})}
    return Method(
        api=api,
        id=told["id"],
        http=told["httpMethod"],
        path=path,
        pattern=re.compile(_path_pattern(path, parameters)),
        parameters=parameters,
        request=told.get("request", {}).get("$ref", ""),
        response=told.get("response", {}).get("$ref", ""),
    )


def _path_pattern(path: str, parameters: Mapping[str, Mapping[str, Any]]) -> str:
    def piece(found: re.Match[str]) -> str:
        name = found[2]
        whole = parameters.get(name, {}).get("pattern", ".+" if found[1] else "[^/]+")
        return f"(?P<{name}>{whole.removeprefix('^').removesuffix('$')})"

    literal = re.split(r"(\{\+?\w+\})", path)
    return (
        "^"
        + "".join(
            re.sub(r"\{(\+?)(\w+)\}", piece, part) if part.startswith("{") else re.escape(part)
            for part in literal
        )
        + "$"
    )


@cache
def _validator(api: str, schema: str, output_only: OutputOnly) -> Any:
    schemas = document(api)["schemas"]
    definitions = {name: _strict(told, output_only) for name, told in schemas.items()}
    return jsonschema.Draft7Validator(
        {"$ref": f"#/definitions/{schema}", "definitions": definitions}
    )


def _strict(told: Mapping[str, Any], output_only: OutputOnly) -> dict[str, Any]:
    if "$ref" in told:
        return {"$ref": f"#/definitions/{told['$ref']}"}
    kind = told.get("type", "any")
    if told.get("format") in _FORMATS:
        return {**_FORMATS[told["format"]], "title": told["format"]}
    if kind == "array":
        return {"type": "array", "items": _strict(told["items"], output_only)}
    if kind == "object":
        return _strict_object(told, output_only)
    if kind not in _PLAIN:
        return {}
    kept = {name: told[name] for name in ("enum", "pattern") if name in told}
    return {"type": kind, **kept}


def _strict_object(told: Mapping[str, Any], output_only: OutputOnly) -> dict[str, Any]:
    strict: dict[str, Any] = {"type": "object"}
    if "properties" in told:
        strict["properties"] = {
            name: {"not": {}}
            if output_only == "refused" and _is_output_only(field)
            else _strict(field, output_only)
            for name, field in told["properties"].items()
        }
        strict["additionalProperties"] = False
    if "additionalProperties" in told:
        strict["additionalProperties"] = _strict(told["additionalProperties"], output_only)
    return strict


def _is_output_only(field: Mapping[str, Any]) -> bool:
    said = field.get("description", "").lower()
    return bool(field.get("readOnly")) or said.startswith(("output only", "[output only]"))


def _place(error: Any) -> str:
    return ".".join(str(part) for part in error.absolute_path) or "body"


def _sentence(error: Any) -> str:
    if error.validator == "not":
        return "only the server writes it"
    if error.validator in {"pattern", "type"} and "title" in error.schema:
        return f"{error.instance!r} is no {error.schema['title']}"
    return str(error.message)[:200]
