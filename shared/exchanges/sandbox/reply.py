"""An answer of the sandbox before it is sent."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeAlias

JSON_TYPE = "application/json; charset=utf-8"

Ending: TypeAlias = Literal["whole", "reset", "stall", "short"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """Status, headers and body, and what the connection does with them.

    Attributes:
        status: The HTTP status.
        body: The bytes.
        content_type: The header of that name.
        headers: Further headers; `Date` replaces the sandbox's own.
        delay_seconds: Real seconds before the answer begins.
        ending: `whole`; `reset` closes with RST and sends nothing; `stall` sends half and is silent
            for `stall_seconds`; `short` promises more bytes than it sends.
        stall_seconds: How long a stall lasts before the connection closes.
        date_offset_ms: How far the `Date` header is off.
    """

    status: int = 200
    body: bytes = b""
    content_type: str = JSON_TYPE
    headers: Mapping[str, str] = field(default_factory=dict)
    delay_seconds: float = 0.0
    ending: Ending = "whole"
    stall_seconds: float = 0.0
    date_offset_ms: int = 0

    def json(self) -> Any:
        """The body, decoded; None where it is no JSON."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None

    def with_json(self, data: Any) -> "Reply":
        """The same with another body."""
        return replace(self, body=_encode_json(data))


def success_reply(data: Any) -> Reply:
    """`data` in bitbank's envelope."""
    return Reply(body=_encode_json({"success": 1, "data": data}))


def failure_reply(code: int, *, status: int) -> Reply:
    """An error as bitbank tells it: a number, nothing else."""
    return Reply(status=status, body=_encode_json({"success": 0, "data": {"code": code}}))


def plain_reply(data: Any, *, status: int = 200) -> Reply:
    """JSON of the sandbox's own endpoints, without bitbank's envelope."""
    return Reply(status=status, body=_encode_json(data))


def _encode_json(data: Any) -> bytes:
    return json.dumps(data, separators=(",", ":")).encode()
