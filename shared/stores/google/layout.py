"""How a document lies in Firestore: the data in one map, and beside it what the store itself needs.

    data        the document, as it was given
    writer      the nonce of the batch that wrote it
    schema      of this layout
    expire_at   a timestamp, for the collections that Firestore is to clear (`indexes.toml`)

The data in one map, so that one rule keeps all of it out of the indexes, and a field beside it can
come with a later version: what an older one does not know stays, for it replaces its own fields and
no others. A version reads the layout after its own, so that a release can be taken back: a layout
is first written with what is new besides what was, and what was goes a release later.
"""

import math
import tomllib
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from shared.core.errors import BadData, StoreBroken
from shared.stores.documents import collection_of
from shared.stores.ports import Document, Json

SCHEMA = 1
READS = frozenset({SCHEMA, SCHEMA + 1})
INDEXES = Path(__file__).with_name("indexes.toml")
_TOLD_AS_DAMAGE = frozenset({"alerts", "intents", "trials"})
"""Collections whose readers go on beside a document that is no mapping, and tell it."""


class ForeignDocument(BadData, StoreBroken):
    """A stored document that no bot of a known version wrote: damage of this one document.

    Who reads on beside damage reads on; everybody else stops, with the remedy.
    """


@cache
def indexes() -> Mapping[str, Any]:
    """What the database needs besides being there."""
    return tomllib.loads(INDEXES.read_text(encoding="utf-8"))


@cache
def kept_days(collection: str) -> int | None:
    """For how many days after its last write a document of a collection is kept; None: for ever."""
    kept = {line["collection"]: int(line["days"]) for line in indexes()["kept"]}
    return kept.get(collection)


def stored_fields(
    path: str, data: Mapping[str, Json], *, writer: str, now: float
) -> dict[str, Any]:
    """The fields of a document, written at `now` (seconds since 1970)."""
    days = kept_days(collection_of(path))
    expiry = (
        {}
        if days is None
        else {"expire_at": datetime.fromtimestamp(now, tz=UTC) + timedelta(days=days)}
    )
    return {"data": data, "writer": writer, "schema": SCHEMA, **expiry}


def read_document(path: str, fields: Mapping[str, Any], *, version: str) -> Document:
    """The document that lies in the fields. Raises `ForeignDocument` where it is none of
    ours.
    """
    schema = fields.get("schema")
    if schema not in READS:
        raise ForeignDocument(
            f"the stored document {path} has the layout {schema!r}, and this version of the bot"
            f" knows {SCHEMA}",
            remedy="run the version of the bot that wrote it, or delete the document if no bot did",
        )
    data = fields.get("data")
    if not isinstance(data, Mapping):
        raise ForeignDocument(f"the stored document {path} has no map `data`", remedy=_MEND)
    return Document(path=path, data=_plain(data, path), version=version)


def read_found(path: str, fields: Mapping[str, Any], *, version: str) -> Document:
    """The document as one of those that a query found.

    One that is none of ours must not hide the others: what is wrong with it stands in the place of
    its data, which is then no mapping, where the readers of its collection tell that as damage;
    else raises `ForeignDocument`.
    """
    try:
        return read_document(path, fields, version=version)
    except ForeignDocument as error:
        if collection_of(path) not in _TOLD_AS_DAMAGE:
            raise
        told: Any = str(error)
        return Document(path=path, data=told, version=version)


_MEND = "restore the document from a backup, or delete it in the console"


def _plain(value: Any, where: str) -> Json:
    """JSON, the keys of each mapping in their order: Firestore keeps none."""
    if value is None or isinstance(value, bool | str | int):
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    if isinstance(value, Mapping):
        return {key: _plain(value[key], f"{where}.{key}") for key in sorted(value)}
    if isinstance(value, list):
        return [_plain(item, where) for item in value]
    raise ForeignDocument(
        f"the stored document {where} holds a {type(value).__name__}, which no bot wrote",
        remedy=_MEND,
    )
