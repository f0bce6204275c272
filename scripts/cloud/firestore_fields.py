"""The fields of Firestore that are indexed, exempt or expire, as its API has them. Pure."""

import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from scripts.cloud.resource import Body


def field_bodies(path: Path) -> Iterator[tuple[str, Body]]:
    """Each field of `indexes.toml`: `collectionGroups/C/fields/F`, and its body."""
    told = tomllib.loads(path.read_text(encoding="utf-8"))
    yield _name(told["unindexed"]), {"indexConfig": {"indexes": []}}
    for line in told["indexed"]:
        yield (
            _name(line),
            {"indexConfig": {"indexes": [_index(line, way) for way in line["order"]]}},
        )
    for line in told["kept"]:
        yield _name(line), {"ttlConfig": {}}


def _name(line: Mapping[str, Any]) -> str:
    return f"collectionGroups/{line['collection']}/fields/{line['field']}"


def _index(line: Mapping[str, Any], way: str) -> Body:
    field = {"fieldPath": line["field"], "order": way.upper()}
    return {"queryScope": "COLLECTION", "fields": [field]}
