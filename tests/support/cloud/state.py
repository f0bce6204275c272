"""What a project holds: resources as REST shows them, policies, running operations, bytes."""

import base64
import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

Resource = dict[str, Any]

_BEGAN = datetime(2026, 11, 1, tzinfo=UTC)


class Refusal(Exception):
    """An answer that says no, as Google words it.

    `reason`: what the error's details name, `SERVICE_DISABLED`.
    """

    def __init__(self, status: int, text: str, *, reason: str = "") -> None:
        super().__init__(text)
        self.status, self.text, self.reason = status, text, reason


@dataclass(slots=True, kw_only=True)
class Operation:
    """A long-running one: done after `polls` more readings, and only then is it told as done."""

    told: Resource
    polls: int


@dataclass(slots=True, kw_only=True)
class State:
    """One project. Keys are `service/resource`: `secretmanager/projects/demo/secrets/key`.

    `broken`: why the next revision of a service of Cloud Run will not start.
    """

    project: str
    region: str = "asia-northeast1"
    number: str = "123456789012"
    resources: dict[str, Resource] = field(default_factory=dict)
    policies: dict[str, Resource] = field(default_factory=dict)
    operations: dict[str, Operation] = field(default_factory=dict)
    contents: dict[str, bytes] = field(default_factory=dict)
    broken: dict[str, str] = field(default_factory=dict)
    counter: int = 0

    def next(self) -> int:
        """A number that no other thing of this project has."""
        self.counter += 1
        return self.counter

    def now(self) -> str:
        """A time, later than every time told before."""
        at = _BEGAN + timedelta(seconds=self.next())
        return at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")

    def etag(self) -> str:
        """One that was never told before: base64, as Google's are."""
        return base64.b64encode(f"{self.next():09d}".encode()).decode()

    def read(self, key: str) -> Resource:
        """The resource; 404 where it is not there."""
        if key not in self.resources:
            raise Refusal(404, f"Resource not found: {key.partition('/')[2]}")
        return self.resources[key]

    def add(self, key: str, resource: Resource) -> Resource:
        """Store what is new; 409 where it is there."""
        if key in self.resources:
            raise Refusal(409, f"Resource already exists: {key.partition('/')[2]}")
        self.resources[key] = resource
        return resource

    def remove(self, key: str) -> None:
        """It, its policy, and everything below it; 404 where it is not there."""
        self.read(key)
        for held in (self.resources, self.policies, self.contents):
            for name in [name for name in held if name == key or name.startswith(f"{key}/")]:
                del held[name]

    def below(self, collection: str) -> Iterator[Resource]:
        """The resources of a collection, `secretmanager/projects/demo/secrets`, by their keys.

        A segment `-` stands for any.
        """
        wanted = collection.split("/")
        for key in sorted(self.resources):
            parts = key.split("/")
            if len(parts) == len(wanted) + 1 and all(
                want in {"-", part} for want, part in zip(wanted, parts, strict=False)
            ):
                yield self.resources[key]

    def copied(self) -> "State":
        """One that shares nothing with this one."""
        return copy.deepcopy(self)


def merged(old: Mapping[str, Any], new: Mapping[str, Any]) -> Resource:
    """A JSON merge patch: a null clears, objects are merged, all else is replaced."""
    whole: Resource = dict(old)
    for name, value in new.items():
        if value is None:
            whole.pop(name, None)
        elif isinstance(value, dict) and isinstance(whole.get(name), dict):
            whole[name] = merged(whole[name], value)
        else:
            whole[name] = value
    return whole


def masked(old: Mapping[str, Any], new: Mapping[str, Any], mask: list[str]) -> Resource:
    """`old` with the fields of a mask as `new` has them; what it has not is cleared."""
    whole: Resource = copy.deepcopy(dict(old))
    for path in mask:
        *above, last = path.split(".")
        source: Any = new
        target = whole
        for part in above:
            source = source.get(part) if isinstance(source, dict) else None
            if not isinstance(target.get(part), dict):
                target[part] = {}
            target = target[part]
        if isinstance(source, dict) and last in source:
            target[last] = copy.deepcopy(source[last])
        else:
            target.pop(last, None)
    return whole
