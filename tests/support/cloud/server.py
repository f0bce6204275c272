"""A Google Cloud of one project, on a free port of this machine, for the real gcloud.

    with running("demo-project") as cloud:
        cloud.url                        # "http://127.0.0.1:40123": one path a service below it
        cloud.faults                     # sentences: what Google's own documents do not allow
        cloud.recorded                   # every request
        cloud.state.resources            # what there is, by `service/resource`
        cloud.change("secretmanager/projects/demo-project/secrets/key", labels={"by": "hand"})
        cloud.fail(Fault(kind="status", status=429), nth=7)
        before = cloud.snapshot(); ...; cloud.restore(before)

Every request is matched to its method in Google's discovery documents. What is no method, what has
an unknown parameter or misses one, and a body that does not fit, is answered with 400 and recorded
as a fault; so is a method that Google has and this server does not speak. An API that was
not enabled refuses with 403 as Google does, but logging, monitoring and storage, which a new
project has.

What is spoken (all with the answers' fields that Google adds; 409, 404, etags, masks, policies):

    serviceusage          services: enable, batchEnable, disable, get, batchGet, list
    cloudresourcemanager  the project: get; its policy
    cloudbilling          the project's billing: get
    iam                   service accounts: create, get, list, patch, delete; their policies
    firestore             databases (with delete protection), fields (TTL, indexes), indexes
    storage               buckets with their policies; objects as `gcloud storage` uses them
    secretmanager         secrets; versions: add, access, get, list, enable, disable, destroy;
                          policies. Names answer with the project's *number*, as Google's do
    pubsub                topics (publish), subscriptions (push, dead letter); policies
    cloudscheduler        jobs: create, get, list, patch, delete, pause, resume, run
    logging               metrics; buckets (`_Default`, `_Required` are there)
    monitoring            alert policies, notification channels
    artifactregistry      repositories; policies
    billingbudgets        budgets
    cloudbuild            connections, repositories (v2)
    run                   services, revisions (v1, as `gcloud run` uses them); policies. A revision
                          whose secret is missing, or not its account's to read, is not ready

Long-running operations are running when they begin and done when they are read.
"""

import contextlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.support.cloud.certificate import HOST, certificate
from tests.support.cloud.cloud import Cloud

__all__ = ["Cloud", "running"]


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud
        super().__init__(("127.0.0.1", 0), _Handler)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    server: _Server
    secure_host = ""

    def log_message(self, *args: Any) -> None:
        """Nothing: all is recorded."""

    def _any(self) -> None:
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        kind = self.headers.get("Content-Type") or ""
        target = f"https://{self.secure_host}{self.path}" if self.secure_host else self.path
        answered = self.server.cloud.handle(self.command, target, kind, raw)
        if answered is None:
            self.close_connection = True
            return
        self.send_response(answered.status)
        for name, value in answered.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Type", answered.type)
        self.send_header("Content-Length", str(len(answered.body)))
        self.end_headers()
        self.wfile.write(answered.body)
        self.wfile.flush()

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _any  # noqa: N815

    def do_CONNECT(self) -> None:
        """A program wants the real Google: it meets this server where it cannot be told so, and
        nobody elsewhere.
        """
        host = self.path.rpartition(":")[0]
        if host != HOST:
            self.server.cloud.leave(self.path)
            self.send_error(403)
            return
        self.send_response(200)
        self.end_headers()
        self.wfile.flush()
        try:
            self.connection = certificate().context.wrap_socket(self.connection, server_side=True)
        except OSError:
            self.close_connection = True
            return
        self.rfile, self.wfile = (self.connection.makefile(mode) for mode in ("rb", "wb"))
        self.secure_host = host


@contextlib.contextmanager
def running(project: str = "demo-project") -> Iterator[Cloud]:
    """A new project, served until the block ends."""
    cloud = Cloud(project)
    server = _Server(cloud)
    cloud.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield cloud
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
