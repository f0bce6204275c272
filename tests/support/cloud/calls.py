"""The type of what answers one call."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.support.cloud.routes import Call
from tests.support.cloud.state import State

Handler = Callable[[Call, State], Any]
"""Answers a call with the JSON of it, or with a Raw."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Raw:
    """An answer that is no JSON with 200."""

    status: int = 200
    body: bytes = b""
    type: str = "application/octet-stream"
    headers: Mapping[str, str] = field(default_factory=dict)
