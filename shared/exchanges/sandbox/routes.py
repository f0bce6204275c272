"""One request as an endpoint sees it, and what an endpoint is."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from shared.exchanges.sandbox.reply import Reply

if TYPE_CHECKING:
    from shared.exchanges.sandbox.server import Sandbox


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request as a route sees it. `named` holds the groups of the route's pattern.

    `now_ms` is the instant that the answer tells of; `clock_ms` the sandbox's present one.
    """

    now_ms: int
    clock_ms: int
    endpoint: str
    method: str
    target: str
    named: Mapping[str, str]
    query: str
    body: bytes
    headers: Mapping[str, str]


Handler: TypeAlias = "Callable[[Sandbox, Call], Reply]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """A method and a path pattern, the endpoint's name (for faults and counts) and what
    answers it.
    """

    method: str
    pattern: re.Pattern[str]
    endpoint: str
    handler: Handler
