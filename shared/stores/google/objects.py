"""One request about the objects of a bucket each, as Google's client sends it: bounded, never
repeated by the client, writes under a generation.

Raises what the client raises, and besides `Overtaken`, `Damaged` and `BadData`.
"""

from base64 import b64encode
from typing import Any, NamedTuple, TypeAlias

import google_crc32c
from google.api_core import exceptions as answers

from shared.core.errors import BadData, Unavailable
from shared.core.sessions import wait_seconds
from shared.stores.ports import Blob

GoogleObjects: TypeAlias = Any
"""A `google.cloud.storage.Bucket`."""

WRITER = "writer"
"""The name of the nonce in an object's metadata."""

_NO_OBJECT = "No such object"


class StoredObject(NamedTuple):
    """What is known of an object without its bytes."""

    generation: int
    writer: str
    checksum: str


class Upload(NamedTuple):
    """What is to be stored, and by which call."""

    data: bytes
    checksum: str
    writer: str


class Overtaken(Exception):
    """The object is not at the generation that was asked for."""


class Damaged(BadData):
    """The bytes that arrived are not those that were sent; the next answer may be whole."""


def look_up(bucket: GoogleObjects, name: str) -> StoredObject | None:
    """What is known of an object without its bytes, or None."""
    blob = bucket.blob(name)
    try:
        blob.reload(timeout=wait_seconds(), retry=None)
    except answers.NotFound as error:
        _check_is_object(error)
        return None
    writer = (blob.metadata or {}).get(WRITER, "")
    return StoredObject(generation=_generation(blob), writer=writer, checksum=blob.crc32c or "")


def download(bucket: GoogleObjects, name: str, key: str) -> Blob | None:
    """The bytes of one generation as they were stored, or None where there is no object."""
    blob = bucket.blob(name)
    try:
        data = blob.download_as_bytes(
            raw_download=True, checksum=None, timeout=wait_seconds(), retry=None
        )
    except answers.NotFound as error:
        _check_is_object(error)
        return None
    generation = _generation(blob)
    if blob.crc32c != checksum_of(data):
        raise Damaged(f"the object {key} arrived with another checksum than it was stored with")
    return Blob(key=key, data=data, generation=generation)


def upload(bucket: GoogleObjects, name: str, mine: Upload, at: int) -> int:
    """Store it where the object is at generation `at`, 0 where there is none; its own generation.

    The checksum goes with the bytes, and the service refuses what does not fit. (The client's own
    check of a large upload would remove what it finds damaged, whoever wrote it by then.)
    """
    blob = bucket.blob(name)
    blob.metadata = {WRITER: mine.writer}
    blob.crc32c = mine.checksum
    try:
        blob.upload_from_string(
            mine.data,
            content_type="application/octet-stream",
            if_generation_match=at,
            checksum=None,
            timeout=wait_seconds(),
            retry=None,
        )
    except answers.PreconditionFailed:
        raise Overtaken from None
    stored = StoredObject(generation=int(blob.generation), writer=mine.writer, checksum=blob.crc32c)
    return whole_generation(stored, mine, name)


def remove(bucket: GoogleObjects, name: str, at: int) -> None:
    """Take the object away where it is at generation `at`, or is gone already."""
    try:
        bucket.blob(name).delete(if_generation_match=at, timeout=wait_seconds(), retry=None)
    except answers.NotFound as error:
        _check_is_object(error)
    except answers.PreconditionFailed:
        raise Overtaken from None


def names_below(bucket: GoogleObjects, below: str) -> list[str]:
    """The names of all objects that begin so, page by page."""
    fields = "items(name),nextPageToken"
    found = bucket.client.list_blobs(
        bucket, prefix=below, fields=fields, timeout=wait_seconds(), retry=None
    )
    return [blob.name for blob in found]


def _generation(blob: Any) -> int:
    """Of the answer that the blob was made of."""
    if blob.generation is None:
        raise Unavailable(f"Cloud Storage told of {blob.name} without its generation")
    return int(blob.generation)


def _check_is_object(error: answers.NotFound) -> None:
    """Raise the error again unless it is the object that is not there: a bucket that does not exist
    is no empty one.
    """
    if _NO_OBJECT not in str(error):
        raise error


def whole_generation(stored: StoredObject, mine: Upload, key: str) -> int:
    """The generation of our own object. Raises `BadData` where it holds other bytes than ours."""
    if stored.checksum != mine.checksum:
        raise BadData(
            f"the object {key} was stored with another checksum than it was sent with; write it"
            " again"
        )
    return stored.generation


def checksum_of(data: bytes) -> str:
    """CRC32C as Cloud Storage writes it."""
    return b64encode(google_crc32c.value(data).to_bytes(4, "big")).decode()
