"""A Cloud Storage of our own for tests: objects with generations behind the JSON API, on a free
port of this machine.

    with running("bucket") as server:              # in this process, with faults
        server.plan("put", Fault("lost"))          # stores the next upload, and hangs up
        bucket = GoogleBucket("bucket", endpoint=server.url)

    with process() as url: ...                     # in a process of its own

What it does of the service: uploads (multipart, resumable), downloads, metadata, listing by pages,
removal, each with its generation preconditions (412); the checksum that came with an upload is
compared (400); 404 says whether the object or the bucket is missing. It counts what it applied.

The verbs that faults and counts speak of: `get` (bytes), `look` (metadata), `put`, `start` (of a
resumable upload), `delete`, `list`.
"""

import base64
import contextlib
import json
import re
import subprocess
import sys
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Literal
from urllib.parse import parse_qsl, quote, unquote, urlsplit

import google_crc32c

ROOT = Path(__file__).resolve().parents[2]
LONGEST_HANG_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with one request.

    `lost`: applied, then the connection ends without an answer. `late`: applied, and never
    answered. `hang`: never answered, and not applied. `held`: applied only after `seconds`, when
    nobody waits any more. `slow`: answered a byte at a time, `seconds` apart. `status`: answered so
    and not applied; `after`: answered so although it was applied. `spoiled`: a byte of an upload
    arrives, or one of a download leaves, as another.
    """

    kind: Literal["lost", "late", "hang", "held", "slow", "status", "after", "spoiled"]
    status: int = 503
    seconds: float = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredObject:
    """One object as it is stored."""

    name: str
    data: bytes
    generation: int
    metadata: Mapping[str, str] = field(default_factory=dict)

    @property
    def checksum(self) -> str:
        """CRC32C, base64 of its four bytes."""
        return base64.b64encode(google_crc32c.value(self.data).to_bytes(4, "big")).decode()

    def resource(self, bucket: str) -> dict[str, Any]:
        """As the API tells it."""
        return {
            "kind": "storage#object",
            "bucket": bucket,
            "name": self.name,
            "generation": str(self.generation),
            "metageneration": "1",
            "size": str(len(self.data)),
            "crc32c": self.checksum,
            "metadata": dict(self.metadata),
            "contentType": "application/octet-stream",
        }


@dataclass(slots=True, kw_only=True)
class _Session:
    """A resumable upload that has begun."""

    bucket: str
    resource: Mapping[str, Any]
    query: Mapping[str, str]
    data: bytearray = field(default_factory=bytearray)


class Refusal(Exception):
    """An answer that says no."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status, self.text = status, text


@dataclass(slots=True, kw_only=True)
class Answer:
    """What goes back."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


def _json(told: Any, status: int = 200) -> Answer:
    headers = {"Content-Type": "application/json; charset=UTF-8"}
    return Answer(status=status, body=json.dumps(told).encode(), headers=headers)


class StorageServer:
    """The buckets and what happened to them."""

    def __init__(self, *buckets: str) -> None:
        self.url = ""
        self.requests: Counter[str] = Counter()
        self.written: list[StoredObject] = []
        self.removed: list[StoredObject] = []
        self.stopping = threading.Event()
        self._lock = threading.RLock()
        self._objects: dict[str, dict[str, StoredObject]] = {name: {} for name in buckets}
        self._sessions: dict[str, _Session] = {}
        self._faults: dict[str, deque[Fault]] = {}
        self._generation = 0

    def plan(self, verb: str, *faults: Fault) -> None:
        """The next requests of a verb go wrong, one by one, in this order."""
        with self._lock:
            self._faults.setdefault(verb, deque()).extend(faults)

    def objects(self, bucket: str) -> dict[str, StoredObject]:
        """What is stored now."""
        with self._lock:
            return dict(self._objects[bucket])

    def take_fault(self, verb: str) -> Fault | None:
        """What is wrong with this request, which is counted."""
        with self._lock:
            self.requests[verb] += 1
            waiting = self._faults.get(verb)
            return waiting.popleft() if waiting else None

    def answer(self, verb: str, request: "Asked") -> Answer:
        """Do what is asked."""
        with self._lock:
            if verb == "bucket":
                self._objects.setdefault(json.loads(request.body)["name"], {})
                return _json({"kind": "storage#bucket", "name": json.loads(request.body)["name"]})
            if request.bucket not in self._objects:
                raise Refusal(404, "The specified bucket does not exist.")
            answers: dict[str, Callable[[Asked], Answer]] = {
                "get": self._get,
                "look": self._look,
                "put": self._put,
                "start": self._start,
                "delete": self._delete,
                "list": self._list,
            }
            return answers[verb](request)

    def _find(self, request: "Asked") -> StoredObject:
        stored = self._objects[request.bucket].get(request.name)
        pinned = request.query.get("generation")
        if stored is None or (pinned and int(pinned) != stored.generation):
            raise Refusal(404, f"No such object: {request.bucket}/{request.name}")
        _check_precondition(stored, request.query)
        return stored

    def _get(self, request: "Asked") -> Answer:
        stored = self._find(request)
        headers = {
            "Content-Type": "application/octet-stream",
            "X-Goog-Generation": str(stored.generation),
            "X-Goog-Metageneration": "1",
            "X-Goog-Hash": f"crc32c={stored.checksum}",
            "X-Goog-Stored-Content-Length": str(len(stored.data)),
            "X-Goog-Stored-Content-Encoding": "identity",
        }
        return Answer(body=stored.data, headers=headers)

    def _look(self, request: "Asked") -> Answer:
        return _json(self._find(request).resource(request.bucket))

    def _delete(self, request: "Asked") -> Answer:
        stored = self._find(request)
        del self._objects[request.bucket][stored.name]
        self.removed.append(stored)
        return Answer(status=204)

    def _list(self, request: "Asked") -> Answer:
        names = sorted(
            (
                name
                for name in self._objects[request.bucket]
                if name.startswith(request.query.get("prefix", ""))
                and name > request.query.get("pageToken", "")
            ),
            key=str.encode,
        )
        most = min(int(request.query.get("maxResults", 1000)), 1000)
        told: dict[str, Any] = {"kind": "storage#objects"}
        told["items"] = [
            self._objects[request.bucket][name].resource(request.bucket) for name in names[:most]
        ]
        if len(names) > most:
            told["nextPageToken"] = names[most - 1]
        return _json(told)

    def _put(self, request: "Asked") -> Answer:
        upload = request.query.get("upload_id")
        if upload is not None:
            return self._continue(upload, request)
        resource, data = _parts(request)
        return self._store(request.bucket, resource, data, request.query)

    def _start(self, request: "Asked") -> Answer:
        resource = json.loads(request.body or b"{}")
        name = resource.get("name") or request.query["name"]
        _check_precondition(self._objects[request.bucket].get(name), request.query)
        upload = f"upload-{len(self._sessions)}"
        self._sessions[upload] = _Session(
            bucket=request.bucket, resource={**resource, "name": name}, query=request.query
        )
        path = f"/upload/storage/v1/b/{quote(request.bucket)}/o"
        place = f"{self.url}{path}?uploadType=resumable&upload_id={upload}"
        return Answer(headers={"Location": place})

    def _continue(self, upload: str, request: "Asked") -> Answer:
        session = self._sessions.get(upload)
        if session is None:
            raise Refusal(404, "the upload session was not found")
        span = re.fullmatch(r"bytes (?:(\d+)-\d+|\*)/(\d+|\*)", request.headers["content-range"])
        assert span is not None
        if span[1] is not None:
            session.data[int(span[1]) :] = request.body
        if span[2] != "*" and len(session.data) == int(span[2]):
            data, query = bytes(session.data), session.query
            return self._store(session.bucket, session.resource, data, query)
        last = len(session.data) - 1
        return Answer(status=308, headers={"Range": f"bytes=0-{last}"} if session.data else {})

    def _store(
        self, bucket: str, resource: Mapping[str, Any], data: bytes, query: Mapping[str, str]
    ) -> Answer:
        name = resource["name"]
        _check_precondition(self._objects[bucket].get(name), query)
        self._generation = max(time.time_ns() // 1000, self._generation + 1)
        stored = StoredObject(
            name=name,
            data=data,
            generation=self._generation,
            metadata=resource.get("metadata", {}),
        )
        sent = resource.get("crc32c", stored.checksum)
        if sent != stored.checksum:
            raise Refusal(
                400, f'Provided CRC32C "{sent}" doesn\'t match calculated "{stored.checksum}".'
            )
        self._objects[bucket][name] = stored
        self.written.append(stored)
        return _json(stored.resource(bucket))


def _check_precondition(stored: StoredObject | None, query: Mapping[str, str]) -> None:
    wanted = query.get("ifGenerationMatch")
    if wanted is not None and int(wanted) != (stored.generation if stored else 0):
        raise Refusal(412, "At least one of the pre-conditions you specified did not hold.")


def _parts(request: "Asked") -> tuple[Mapping[str, Any], bytes]:
    """The resource and the bytes of a multipart upload."""
    found = re.search(r"boundary=[\"']?([^\"';]+)", request.headers["content-type"])
    assert found is not None
    mark = b"--" + found[1].encode()
    first, second = request.body.split(b"\r\n" + mark)[0], request.body.split(mark, 2)[2]
    resource = json.loads(first.partition(b"\r\n\r\n")[2])
    data = second.partition(b"\r\n\r\n")[2]
    return resource, data[: data.rindex(b"\r\n" + mark + b"--")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One request."""

    bucket: str
    name: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes


_OBJECT = re.compile(r"/(?:download/)?storage/v1/b/([^/]+)/o/(.+)")
_OBJECTS = re.compile(r"/(?:upload/)?storage/v1/b/([^/]+)/o")


def _verb(method: str, path: str, query: Mapping[str, str]) -> tuple[str, str, str]:
    """What is asked, of which bucket and object."""
    if method == "POST" and path == "/storage/v1/b":
        return "bucket", "", ""
    if (one := _OBJECT.fullmatch(path)) is not None:
        media = query.get("alt") == "media"
        verb = {"GET": "get" if media else "look", "DELETE": "delete"}.get(method)
        if verb is not None:
            return verb, unquote(one[1]), unquote(one[2])
    if (many := _OBJECTS.fullmatch(path)) is not None:
        bucket = unquote(many[1])
        if not path.startswith("/upload/") and method == "GET":
            return "list", bucket, ""
        if method in {"POST", "PUT"}:
            begins = query.get("uploadType") == "resumable" and "upload_id" not in query
            return "start" if begins else "put", bucket, ""
    raise Refusal(501, f"not served here: {method} {path}")


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = 1 << 16
    storage: StorageServer

    def log_message(self, *_: object) -> None: ...

    def _serve(self) -> None:
        parts = urlsplit(self.path)
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        try:
            verb, bucket, name = _verb(self.command, parts.path, query)
        except Refusal as refusal:
            self._write(_refused(refusal))
            return
        fault = self.storage.take_fault(verb)
        headers = {key.lower(): value for key, value in self.headers.items()}
        asked = Asked(bucket=bucket, name=name, query=query, headers=headers, body=body)
        self._answer(verb, asked, fault)

    do_GET = do_POST = do_PUT = do_DELETE = _serve  # noqa: N815

    def _answer(self, verb: str, asked: Asked, fault: Fault | None) -> None:
        kind = None if fault is None else fault.kind
        if fault is not None and kind == "hang":
            self._hang()
            return
        if fault is not None and kind == "held":
            self.storage.stopping.wait(fault.seconds)
        if fault is not None and kind == "status":
            self._write(_refused(Refusal(fault.status, "go away")))
            return
        if kind == "spoiled" and asked.body:
            asked = Asked(**{**_fields(asked), "body": _spoiled(asked.body)})
        try:
            answer = self.storage.answer(verb, asked)
        except Refusal as refusal:
            answer = _refused(refusal, plain=verb == "get")
        if fault is not None and kind == "after":
            answer = _refused(Refusal(fault.status, "go away"))
        if kind == "spoiled" and not asked.body:
            answer.body = _spoiled(answer.body)
        if kind in {"lost", "held"}:
            self.close_connection = True
        elif kind == "late":
            self._hang()
        else:
            self._write(answer, pause=fault.seconds if fault and kind == "slow" else 0.0)

    def _hang(self) -> None:
        self.storage.stopping.wait(LONGEST_HANG_SECONDS)
        self.close_connection = True

    def _write(self, answer: Answer, *, pause: float = 0.0) -> None:
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        if not pause:
            self.wfile.write(answer.body)
            return
        self.close_connection = True
        with contextlib.suppress(OSError):
            for byte in answer.body:
                self.wfile.write(bytes([byte]))
                self.wfile.flush()
                if self.storage.stopping.wait(pause):
                    return


def _fields(asked: Asked) -> dict[str, Any]:
    return {name: getattr(asked, name) for name in Asked.__slots__}


def _spoiled(body: bytes) -> bytes:
    """Another byte in the middle of what is no header of a part."""
    at = body.rfind(b"\r\n--") - 1 if b"\r\n--" in body else len(body) // 2
    return body[:at] + bytes([body[at] ^ 1]) + body[at + 1 :]


def _refused(refusal: Refusal, *, plain: bool = False) -> Answer:
    """As the service says no: bytes are asked for in plain text."""
    if plain:
        body = refusal.text.encode()
        return Answer(status=refusal.status, body=body, headers={"Content-Type": "text/html"})
    told = {"message": refusal.text, "errors": [{"message": refusal.text, "domain": "global"}]}
    return _json({"error": {"code": refusal.status, **told}}, refusal.status)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, *_: object) -> None:
        """A client that hangs up is no failure here."""


@contextlib.contextmanager
def running(*buckets: str) -> Iterator[StorageServer]:
    """A server in this process, with these buckets."""
    storage = StorageServer(*buckets)
    handler = type("_BoundHandler", (_Handler,), {"storage": storage})
    server = _Server(("127.0.0.1", 0), handler)
    storage.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield storage
    finally:
        storage.stopping.set()
        server.shutdown()
        server.server_close()
        thread.join()


@contextlib.contextmanager
def process(*buckets: str) -> Iterator[str]:
    """The address of a server in a process of its own, with these buckets."""
    server = subprocess.Popen(
        [sys.executable, "-m", "tests.support.storage_server", *buckets],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert server.stdin is not None
    assert server.stdout is not None
    try:
        yield server.stdout.readline().strip()
    finally:
        server.stdin.close()  # it ends with its parent, however that one ends
        server.wait(timeout=30)
        server.stdout.close()


if __name__ == "__main__":
    with running(*sys.argv[1:]) as serving:
        print(serving.url, flush=True)
        sys.stdin.read()
