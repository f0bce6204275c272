"""What goes to a webhook: a message's payload, with a picture or without, and its address."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """A request to a webhook: its body, and the message that it takes the place of."""

    body: bytes
    content_type: str = "application/json"
    edits: str = ""


def write_letter(
    body: Mapping[str, Any], *, edits: str = "", picture: bytes | None = None
) -> Letter:
    """The request that tells a body, with a PNG in its first embed where there is one."""
    if picture is None:
        return Letter(body=_json(body), edits=edits)
    data, content_type = _with_picture(body, picture)
    return Letter(body=data, content_type=content_type, edits=edits)


def _json(body: Mapping[str, Any]) -> bytes:
    return json.dumps(body, ensure_ascii=True, allow_nan=False).encode()


def _with_picture(body: Mapping[str, Any], picture: bytes) -> tuple[bytes, str]:
    """The body of a message with a PNG in its first embed, and its content type."""
    from urllib3 import encode_multipart_formdata

    first, *rest = body["embeds"]
    shown = {**first, "image": {"url": "attachment://picture.png"}}
    told = {
        **body,
        "embeds": [shown, *rest],
        "attachments": [{"id": 0, "filename": "picture.png"}],
    }
    return encode_multipart_formdata(
        {
            "payload_json": _json(told),
            "files[0]": ("picture.png", picture, "image/png"),
        }
    )


def confirming_url(url: str, *, message: str = "") -> str:
    """The address with `wait=true`: without it Discord answers before it has stored the message.
    That of a message of before has no such word.
    """
    parts = urlsplit(url)
    query = [pair for pair in parse_qsl(parts.query) if pair[0] != "wait"]
    if message:
        path = f"{parts.path.rstrip('/')}/messages/{quote(message, safe='')}"
        return urlunsplit(parts._replace(path=path, query=urlencode(query)))
    return urlunsplit(parts._replace(query=urlencode([*query, ("wait", "true")])))
