"""A Firestore of a few lines behind real gRPC: commits under preconditions and reads by name, and
what a test wants to go wrong.

    with ScriptedFirestore() as server:               # server.address
        server.faults = [Fail(StatusCode.ABORTED)]    # of the next calls; None: all is well

It knows what the adapter needs where no emulator is installed; what Firestore really does, the
emulator says.
"""

import threading
import time
from collections.abc import Iterator
from concurrent import futures
from dataclasses import dataclass, field
from typing import Any, Self

import grpc
from google.cloud.firestore_v1 import types
from google.protobuf.timestamp_pb2 import Timestamp

SERVICE = "google.firestore.v1.Firestore"


@dataclass(frozen=True, slots=True)
class Fail:
    """A call that fails; `applied`: after it did its work. `seconds`: how long it takes first."""

    code: grpc.StatusCode
    applied: bool = False
    seconds: float = 0.0


@dataclass
class ScriptedFirestore:
    """The database, and every call with its request and the seconds that it was given."""

    stored: dict[str, Any] = field(default_factory=dict)
    faults: list[Fail | None] = field(default_factory=list)
    calls: list[tuple[str, Any, float]] = field(default_factory=list)
    address: str = ""
    _time: int = 1_000
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __enter__(self) -> Self:
        self._server = grpc.server(futures.ThreadPoolExecutor(8))
        self._server.add_generic_rpc_handlers((self._handlers(),))
        self.address = f"127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"
        self._server.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.stop(0).wait()

    def requests(self, method: str) -> list[Any]:
        return [request for name, request, _ in self.calls if name == method]

    def _handlers(self) -> Any:
        def raw(kind: Any) -> dict[str, Any]:
            return {
                "request_deserializer": kind.deserialize,
                "response_serializer": lambda answer: type(answer).serialize(answer),
            }

        return grpc.method_handlers_generic_handler(
            SERVICE,
            {
                "Commit": grpc.unary_unary_rpc_method_handler(
                    self._commit, **raw(types.CommitRequest)
                ),
                "BatchGetDocuments": grpc.unary_stream_rpc_method_handler(
                    self._get, **raw(types.BatchGetDocumentsRequest)
                ),
            },
        )

    def _begin(self, method: str, request: Any, context: Any) -> Fail | None:
        with self._lock:
            self.calls.append((method, request, context.time_remaining()))
            fault = self.faults.pop(0) if self.faults else None
        if fault is not None:
            time.sleep(fault.seconds)
            if not fault.applied:
                context.abort(fault.code, "on purpose")
        return fault

    def _commit(self, request: Any, context: Any) -> Any:
        fault = self._begin("Commit", request, context)
        with self._lock:
            for write in request.writes:
                self._check(write, context)
            self._time += 1
            for write in request.writes:
                self._write(write)
        if fault is not None and fault.code is not grpc.StatusCode.OK:
            context.abort(fault.code, "on purpose, after it was applied")
        return types.CommitResponse(commit_time=Timestamp(seconds=self._time))

    def _check(self, write: Any, context: Any) -> None:
        name = write.delete or write.update.name
        stored, wanted = self.stored.get(name), write._pb.current_document
        asked = wanted.WhichOneof("condition_type")
        if asked == "exists" and wanted.exists != (stored is not None):
            code = grpc.StatusCode.NOT_FOUND if wanted.exists else grpc.StatusCode.ALREADY_EXISTS
            context.abort(code, name)
        if asked == "update_time" and (stored is None or stored.update_time != wanted.update_time):
            context.abort(grpc.StatusCode.FAILED_PRECONDITION, name)

    def _write(self, write: Any) -> None:
        if write.delete:
            self.stored.pop(write.delete, None)
            return
        made = types.Document.pb(types.Document())
        made.CopyFrom(write._pb.update)
        before = self.stored.get(made.name)
        if write._pb.HasField("update_mask") and before is not None:
            mask = list(write.update_mask.field_paths)
            changed = {path: made.fields[path] for path in mask if path in made.fields}
            if not changed:
                return  # nothing was changed: the time stays
            fields = {**{k: v for k, v in before.fields.items() if k not in mask}, **changed}
            made = types.Document.pb(types.Document(name=made.name))
            for path, value in fields.items():
                made.fields[path].CopyFrom(value)
        made.update_time.CopyFrom(Timestamp(seconds=self._time))
        made.create_time.CopyFrom(Timestamp(seconds=self._time))
        self.stored[made.name] = made

    def _get(self, request: Any, context: Any) -> Iterator[Any]:
        fault = self._begin("BatchGetDocuments", request, context)
        for name in request.documents:
            stored = self.stored.get(name)
            answer = types.BatchGetDocumentsResponse(read_time=Timestamp(seconds=self._time))
            if stored is None:
                answer.missing = name
            else:
                answer.found = types.Document.wrap(stored)
            yield answer
        if fault is not None and fault.code is not grpc.StatusCode.OK:
            context.abort(fault.code, "on purpose, after the answer")
