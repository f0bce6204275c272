"""A Secret Manager of our own for tests, behind its gRPC API, with the service's refusals.

with running() as manager:
    manager.plan("AddSecretVersion", "lost")       # applied, and answered as unavailable
    secrets = GoogleSecrets("my-project", endpoint=manager.address)
"""

import contextlib
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from typing import Any, Literal

import google_crc32c
import grpc
from google.cloud.secretmanager_v1.types import (
    AccessSecretVersionRequest,
    AccessSecretVersionResponse,
    AddSecretVersionRequest,
    CreateSecretRequest,
    DisableSecretVersionRequest,
    ListSecretVersionsRequest,
    ListSecretVersionsResponse,
    Secret,
    SecretVersion,
)

from tests.support import grpc_server
from tests.support.grpc_server import Method

Fault = Literal["lost", "unavailable", "hang", "denied", "damaged"]
"""`lost`: applied, then answered as unavailable. `hang`: applied, then not answered for a while.
`damaged`: a byte of the payload arrives as another."""


class SecretManager:
    """The secrets and their versions, and what was asked."""

    def __init__(self) -> None:
        self.address = ""
        self.requests: Counter[str] = Counter()
        self.hang_seconds = 1.0
        self.values: dict[str, list[bytes]] = {}
        self.disabled: set[str] = set()
        self._lock = threading.Lock()
        self._faults: dict[str, deque[Fault]] = {}

    def plan(self, call: str, *faults: Fault) -> None:
        """The next requests of a call go wrong, one by one."""
        self._faults.setdefault(call, deque()).extend(faults)

    def methods(self) -> dict[str, Method]:
        """What answers each call."""
        version, listed = SecretVersion, ListSecretVersionsResponse
        rows: dict[str, tuple[Any, Any, Any]] = {
            "CreateSecret": (self._create, CreateSecretRequest, Secret),
            "AddSecretVersion": (self._add, AddSecretVersionRequest, version),
            "ListSecretVersions": (self._list, ListSecretVersionsRequest, listed),
            "DisableSecretVersion": (self._disable, DisableSecretVersionRequest, version),
            "AccessSecretVersion": (
                self._access,
                AccessSecretVersionRequest,
                AccessSecretVersionResponse,
            ),
        }
        return {
            name: Method(answer=self._under_faults(name, answer), asks=asks, gives=gives)
            for name, (answer, asks, gives) in rows.items()
        }

    def _under_faults(self, name: str, answer: Callable[[Any, Any], Any]) -> Callable[..., Any]:
        def serve(request: Any, context: grpc.ServicerContext) -> Any:
            with self._lock:
                self.requests[name] += 1
                waiting = self._faults.get(name)
                fault = waiting.popleft() if waiting else None
                if fault == "unavailable":
                    context.abort(grpc.StatusCode.UNAVAILABLE, "planned")
                if fault == "denied":
                    context.abort(grpc.StatusCode.PERMISSION_DENIED, f"planned: {request}")
                answered = answer(request, context)
                if fault == "lost":
                    context.abort(grpc.StatusCode.UNAVAILABLE, "planned")
                if fault == "damaged":
                    data = answered.payload.data
                    answered.payload.data = bytes([data[0] ^ 1]) + data[1:]
            if fault == "hang":
                time.sleep(self.hang_seconds)
            return answered

        return serve

    def _create(self, request: CreateSecretRequest, context: grpc.ServicerContext) -> Secret:
        name = f"{request.parent}/secrets/{request.secret_id}"
        if name in self.values:
            context.abort(grpc.StatusCode.ALREADY_EXISTS, f"Secret [{name}] already exists.")
        self.values[name] = []
        return Secret(name=name)

    def _add(self, request: AddSecretVersionRequest, context: grpc.ServicerContext) -> Any:
        values = self._known(request.parent, context)
        if request.payload.data_crc32c != google_crc32c.value(request.payload.data):
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "the checksum does not match")
        values.append(request.payload.data)
        return self._version(request.parent, len(values))

    def _list(self, request: ListSecretVersionsRequest, context: grpc.ServicerContext) -> Any:
        values = self._known(request.parent, context)
        numbers = range(len(values), 0, -1)
        start = int(request.page_token or 0)
        page = [self._version(request.parent, number) for number in numbers[start : start + 2]]
        more = str(start + 2) if start + 2 < len(values) else ""
        return ListSecretVersionsResponse(versions=page, next_page_token=more)

    def _disable(self, request: DisableSecretVersionRequest, context: grpc.ServicerContext) -> Any:
        secret, number = self._found(request.name, context)
        self.disabled.add(f"{secret}/versions/{number}")
        return self._version(secret, number)

    def _access(self, request: AccessSecretVersionRequest, context: grpc.ServicerContext) -> Any:
        secret, number = self._found(request.name, context)
        version = self._version(secret, number)
        if version.state is not SecretVersion.State.ENABLED:
            found = f"Secret Version [{version.name}] is in DISABLED state."
            context.abort(grpc.StatusCode.FAILED_PRECONDITION, found)
        data = self.values[secret][number - 1]
        payload = {"data": data, "data_crc32c": google_crc32c.value(data)}
        return AccessSecretVersionResponse(name=version.name, payload=payload)

    def _known(self, secret: str, context: grpc.ServicerContext) -> list[bytes]:
        if secret not in self.values:
            context.abort(grpc.StatusCode.NOT_FOUND, f"Secret [{secret}] not found.")
        return self.values[secret]

    def _found(self, name: str, context: grpc.ServicerContext) -> tuple[str, int]:
        secret, _, number = name.partition("/versions/")
        values = self._known(secret, context)
        found = len(values) if number == "latest" else int(number)
        if not 1 <= found <= len(values):
            context.abort(grpc.StatusCode.NOT_FOUND, f"Secret Version [{name}] not found.")
        return secret, found

    def _version(self, secret: str, number: int) -> SecretVersion:
        name, state = f"{secret}/versions/{number}", SecretVersion.State
        is_disabled = name in self.disabled
        return SecretVersion(name=name, state=state.DISABLED if is_disabled else state.ENABLED)


@contextlib.contextmanager
def running() -> Iterator[SecretManager]:
    """A service without any secret."""
    manager = SecretManager()
    service = "google.cloud.secretmanager.v1.SecretManagerService"
    with grpc_server.running(service, manager.methods()) as address:
        manager.address = address
        yield manager
