"""One project and what was asked of it: each request is understood, checked, answered, recorded."""

import json
import threading
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import SplitResult, parse_qs, urlsplit

from tests.support.cloud import uploads
from tests.support.cloud.answering import NotSpoken, answer
from tests.support.cloud.apis import projects
from tests.support.cloud.calls import Raw
from tests.support.cloud.faults import Fault, Plan, Recorded
from tests.support.cloud.routes import Call, faults_of, find
from tests.support.cloud.state import Refusal, State

STATUS_NAMES = {
    400: "INVALID_ARGUMENT",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    409: "ALREADY_EXISTS",
    412: "FAILED_PRECONDITION",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
}


class Cloud:
    """One project, what was asked of it, and what is to go wrong."""

    def __init__(self, project: str) -> None:
        self.state = State(project=project)
        projects.fill(self.state)
        self.recorded: list[Recorded] = []
        self.url = ""
        self._plan = Plan()
        self._lock = threading.Lock()

    @property
    def faults(self) -> list[str]:
        """What was wrong with requests, with the method or the path of each."""
        return [
            f"{told.method or f'{told.http} {told.service}/{told.path}'}: {fault}"
            for told in self.recorded
            for fault in told.faults
        ]

    def fail(self, fault: Fault, *, nth: int = 1, times: int = 1) -> None:
        """Let the `nth` call from now on fail, and those after it: `times` calls in all."""
        with self._lock:
            self._plan.add(fault, nth=nth, times=times)

    def change(self, key: str, **fields: Any) -> None:
        """Somebody changes a resource by hand; a field None is taken away. KeyError: no such."""
        with self._lock:
            resource = self.state.resources[key]
            resource.update(fields)
            for name in [name for name, value in fields.items() if value is None]:
                del resource[name]

    def snapshot(self) -> State:
        """The project as it is now."""
        with self._lock:
            return self.state.copied()

    def restore(self, state: State) -> None:
        """The project as it was then; what was recorded stays."""
        with self._lock:
            self.state = state.copied()

    def handle(self, http: str, target: str, content_type: str, raw: bytes) -> Raw | None:
        """The answer to a request; None where the connection is to be closed instead."""
        url = urlsplit(target)
        service, path = _service_and_path(url)
        query = parse_qs(url.query, keep_blank_values=True)
        with self._lock:
            number, fault = self._plan.next()
            call, wrong = self._understood(service, http, path, query, content_type, raw)
            answered = self._answer(call, wrong, fault)
            self.recorded.append(
                Recorded(
                    number=number,
                    service=service,
                    http=http,
                    path=path,
                    method="" if call is None else call.method.id,
                    query=query,
                    body=None if call is None else call.body,
                    faults=tuple(wrong),
                    status=0 if answered is None else answered.status,
                )
            )
        return answered

    def _understood(
        self,
        service: str,
        http: str,
        path: str,
        query: Mapping[str, Sequence[str]],
        content_type: str,
        raw: bytes,
    ) -> tuple[Call | None, list[str]]:
        """The call, and what is wrong with it."""
        try:
            call = find(service, http, path, query, uploads.read(content_type, raw))
        except uploads.Unreadable as error:
            return None, [str(error)]
        return call, ["no such method"] if call is None else faults_of(call)

    def leave(self, address: str) -> None:
        """Record that a program asked for the real Google, or for anybody else."""
        with self._lock:
            number, _ = self._plan.next()
            wrong = (f"{address} is not on this machine",)
            told = Recorded(
                number=number,
                service="",
                http="CONNECT",
                path=address,
                method="",
                query={},
                body=None,
                faults=wrong,
                status=403,
            )
            self.recorded.append(told)

    def _answer(self, call: Call | None, wrong: list[str], fault: Fault | None) -> Raw | None:
        if fault is not None and fault.kind != "closed after":
            return _refused(fault.status, "as asked for") if fault.kind == "status" else None
        if call is None or wrong:
            return _refused(400, "; ".join(wrong))
        answered = self._applied(call, wrong)
        return None if fault is not None else answered

    def _applied(self, call: Call, wrong: list[str]) -> Raw:
        before = self.state.copied()
        try:
            told = answer(call, self.state)
        except Refusal as refusal:
            self.state = before
            return _refused(refusal.status, str(refusal), reason=refusal.reason)
        except NotSpoken as unknown:
            wrong.append(str(unknown))
            # gcloud would ask again for half a minute where a server says 501
            return _refused(400, str(unknown))
        return told if isinstance(told, Raw) else _json(200, told)


def _service_and_path(url: SplitResult) -> tuple[str, str]:
    """A proxy is told the host, which gcloud may put a region before; else the path begins with
    the service.
    """
    path = url.path.lstrip("/")
    if not url.netloc:
        service, _, path = path.partition("/")
        return service, path
    return url.netloc.partition(".")[0].rpartition("-")[2], path


def _json(status: int, told: Any) -> Raw:
    kind = "application/json; charset=UTF-8"
    return Raw(status=status, body=json.dumps(told).encode(), type=kind)


def _refused(status: int, text: str, *, reason: str = "") -> Raw:
    told: dict[str, Any] = {
        "code": status,
        "message": text,
        "status": STATUS_NAMES.get(status, "UNKNOWN"),
    }
    if reason:
        kind = "type.googleapis.com/google.rpc.ErrorInfo"
        told["details"] = [{"@type": kind, "reason": reason, "domain": "googleapis.com"}]
    return _json(status, {"error": told})
