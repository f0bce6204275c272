"""What an upload of Cloud Storage brings: metadata and bytes, in one request or in several."""

import json
import re
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """A request's body: its JSON, and the bytes of an upload."""

    json: Any = None
    media: bytes | None = None


class Unreadable(Exception):
    """A body that is not what its type says."""


def read(content_type: str, raw: bytes) -> Sent:
    """A body by its type; Unreadable where it is no JSON though it says so."""
    if not raw:
        return Sent()
    if content_type.startswith("multipart/related"):
        return _parts(content_type, raw)
    if "json" in content_type:
        return Sent(json=_json(raw))
    return Sent(media=raw)


def _json(raw: bytes) -> Any:
    try:
        return json.loads(raw)
    except ValueError as error:
        raise Unreadable(f"the body is no JSON: {error}") from error


def _parts(content_type: str, raw: bytes) -> Sent:
    """Metadata, then bytes. gcloud quotes the boundary with single quotes."""
    found = re.search(r"boundary=([\"']?)(.+?)\1(?:;|$)", content_type)
    if found is None:
        raise Unreadable("a multipart body without boundary")
    _, *parts, _ = raw.split(b"--" + found[2].encode())
    bodies = [_after_headers(part) for part in parts]
    if len(bodies) != 2:
        raise Unreadable(f"{len(bodies)} parts, not metadata and bytes")
    return Sent(json=_json(bodies[0]), media=bodies[1])


def _after_headers(part: bytes) -> bytes:
    separator = b"\r\n\r\n" if b"\r\n\r\n" in part else b"\n\n"
    _, _, body = part.partition(separator)
    return body.removesuffix(b"\n").removesuffix(b"\r")
