"""The writes of a batch as Google's client sends them, and the times that tell versions apart."""

import json
from typing import TYPE_CHECKING, Any

from shared.stores.documents import CheckedWrite
from shared.stores.google.answers import Declined
from shared.stores.google.layout import stored_fields

if TYPE_CHECKING:
    from google.cloud.firestore import Client, WriteBatch


def add_write(
    client: "Client", writes: "WriteBatch", item: CheckedWrite, *, writer: str, now: float
) -> None:
    """Add one write to those that `client` will send, made at `now` (seconds since 1970).

    Raises `Declined` where its version is none of this store's.
    """
    from google.cloud.firestore import DELETE_FIELD

    place = client.document(item.path)
    fields = (
        {}
        if item.text is None
        else stored_fields(item.path, json.loads(item.text), writer=writer, now=now)
    )
    if item.kind == "create":
        writes.create(place, fields)
    elif item.kind == "put":
        writes.set(place, fields)
    elif item.kind == "delete":
        writes.delete(place)
    else:
        # A field that is not there is taken away: this changes nothing, not even the time.
        changes = {"verify": DELETE_FIELD} if item.kind == "verify" else fields
        read_at = client.write_option(last_update_time=_update_time(item.version or ""))
        writes.update(place, changes, option=read_at)


def _update_time(version: str) -> Any:
    from google.api_core.datetime_helpers import DatetimeWithNanoseconds

    try:
        return DatetimeWithNanoseconds.from_rfc3339(version)  # type: ignore[no-untyped-call]
    except ValueError as error:
        raise Declined(f"{version!r} is no time") from error


def version_of(written_at: Any) -> str:
    """When a document was last written, to the nanosecond."""
    return str(written_at.rfc3339())
