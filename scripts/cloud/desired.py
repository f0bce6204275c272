"""The desired state: `infra/resources.yaml`, filled with what is known of a project.

An entry of the data:

    kind      a key of `scripts.cloud.kinds.KINDS`
    name      as the API has it
    body      as the API has it
    rights    who may do what with it: bindings, which become a resource of the kind `rights`
    each      words; one resource for each, `${each}` in its place
    only      stages that need it; without it all do
    from      a file that the body begins with; one that ends with `.toml` holds the indexes of
              Firestore, a resource each
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from scripts.cloud.facts import AWAITED, CloudFacts
from scripts.cloud.firestore_fields import field_bodies
from scripts.cloud.kinds import KINDS
from scripts.cloud.kinds.rights import wanted_bindings
from scripts.cloud.placeholders import Filling, unknown_name
from scripts.cloud.resource import Resource
from scripts.installation.checkout import ROOT
from shared.core.errors import UserError

INFRA = ROOT / "infra"
RESOURCES, STAGES = INFRA / "resources.yaml", INFRA / "stages.yaml"
_KEYS = frozenset({"kind", "name", "body", "rights", "each", "only", "from"})


@dataclass(frozen=True, slots=True, kw_only=True)
class DesiredState:
    """All resources of a stage, in the order in which they are made."""

    resources: tuple[Resource, ...]
    parts: tuple[str, ...]

    def of_parts(self, parts: Sequence[str]) -> tuple[Resource, ...]:
        """Those of some parts, of all where none is named. Raises `UserError`."""
        for part in parts:
            if part not in self.parts:
                raise unknown_name(f"the part {part!r}", part, self.parts)
        return tuple(one for one in self.resources if not parts or one.part in parts)


def load_desired(
    facts: CloudFacts, stage: str, *, resources: Path = RESOURCES, stages: Path = STAGES
) -> DesiredState:
    """The desired state of a project at a stage. Raises `UserError` where the data is wrong.

    `stage` may be `every`: all that any stage needs, with the values of the last one.
    """
    data, values = _read(resources), _read(stages)
    chosen = list(values)[-1] if stage == "every" else stage
    if chosen not in values:
        raise unknown_name(f"the stage {chosen!r}", chosen, values)
    known = {
        **facts.known,
        **{f"account:{name}": mail for name, mail in _accounts(data, facts.project).items()},
        **{f"stage:{name}": value for name, value in values[chosen].items()},
        "stage": chosen,
    }
    found = tuple(
        resource
        for part, entries in data.items()
        for entry in entries
        if stage == "every" or stage in entry.get("only", values)
        for resource in _resources(part, entry, known)
    )
    _refuse_twice(found)
    parts = tuple(data)
    # In each part rights last: they name what is made before.
    ordered = sorted(found, key=lambda one: (parts.index(one.part), one.kind == "rights"))
    return DesiredState(resources=tuple(ordered), parts=parts)


def _read(path: Path) -> Any:
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise UserError(f"{path} could not be read: {error}", remedy="mend it") from error


def _accounts(data: Any, project: str) -> dict[str, str]:
    """The addresses of the accounts that the data names, by their word without `bot-`."""
    return {
        word.removeprefix("bot-"): f"{word}@{project}.iam.gserviceaccount.com"
        for entries in data.values()
        for entry in entries
        if entry["kind"] == "account"
        for one in entry.get("each", [""])
        for word in [entry["name"].rpartition("/")[2].partition("@")[0].replace("${each}", one)]
    }


def _resources(part: str, entry: Mapping[str, Any], known: Mapping[str, Any]) -> Iterator[Resource]:
    if surplus := sorted(entry.keys() - _KEYS):
        raise unknown_name(f"the key {surplus[0]!r} of {entry.get('name')}", surplus[0], _KEYS)
    if entry["kind"] not in KINDS:
        raise unknown_name(f"the kind {entry['kind']!r}", entry["kind"], KINDS)
    for word in entry.get("each", [None]):
        names = known if word is None else {**known, "each": word}
        yield from _entry_resources(part, entry, names)


def _entry_resources(
    part: str, entry: Mapping[str, Any], known: Mapping[str, Any]
) -> Iterator[Resource]:
    source = entry.get("from", "")
    if source.endswith(".toml"):
        for field, body in field_bodies(ROOT / source):
            yield _resource(part, entry["kind"], f"{entry['name']}/{field}", body, known)
        return
    # What a file holds is nothing to fill: its ${...} are Google's own.
    base = json.loads((ROOT / source).read_text(encoding="utf-8")) if source else {}
    resource = _resource(part, entry["kind"], entry["name"], entry.get("body", {}), known, base)
    yield resource
    if "rights" in entry:
        bindings = {"bindings": entry["rights"]}
        rights = _resource(part, "rights", entry["name"], bindings, known)
        yield replace(rights, waits=tuple(dict.fromkeys((*resource.waits, *rights.waits))))


def _resource(
    part: str,
    kind: str,
    name: str,
    body: Any,
    known: Mapping[str, Any],
    base: Mapping[str, Any] | None = None,
) -> Resource:
    filling = Filling(known=known, awaited=AWAITED)
    filled = {**(base or {}), **filling.fill_in(body)}
    if kind == "rights":
        filled["bindings"] = wanted_bindings(filled["bindings"])
    return Resource(
        part=part,
        kind=kind,
        name=filling.fill_in(name),
        body=filled,
        waits=tuple(filling.waits),
    )


def _refuse_twice(resources: Sequence[Resource]) -> None:
    seen = set()
    for one in resources:
        if (one.kind, one.name) in seen:
            raise UserError(
                f"{one.kind} {one.name} stands twice in the data", remedy="name it once"
            )
        seen.add((one.kind, one.name))
