"""The bucket on a machine of Google's, whose metadata server gives the credentials."""

import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import google.auth
import pytest
from google.auth import compute_engine
from google.auth.compute_engine import _metadata

from shared.stores.google.storage import GoogleBucket

TOKEN = b'{"access_token":"x","expires_in":3600,"token_type":"Bearer"}'
ACCOUNT = b'{"email":"a@b.iam.gserviceaccount.com","scopes":[]}'


@contextmanager
def metadata() -> Iterator[tuple[str, list[str]]]:
    """A metadata server that answers all but in which universe it is; its address, and what it was
    asked.
    """
    asked: list[str] = []
    over = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            if "universe" in self.path:
                over.wait(5.0)
                return
            body = TOKEN if "/token" in self.path else ACCOUNT
            kind = "text/plain" if "project-id" in self.path else "application/json"
            self.send_response(200)
            self.send_header("Metadata-Flavor", "Google")
            self.send_header("Content-Type", kind)
            self.end_headers()
            self.wfile.write(b"a-project" if "project-id" in self.path else body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"127.0.0.1:{server.server_port}", asked
        finally:
            over.set()
            server.shutdown()
            thread.join()


def test_nobody_waits_for_the_universe_of_a_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("GOOGLE_APPLICATION_CREDENTIALS", "STORAGE_EMULATOR_HOST", "NO_GCE_CHECK"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))
    with metadata() as (address, asked):
        monkeypatch.setattr(_metadata, "_GCE_METADATA_HOST", address)
        monkeypatch.setattr(_metadata, "_NO_GCE_CHECK", False)
        monkeypatch.setenv("GCE_METADATA_IP", address)
        found, _ = google.auth.default(scopes=("https://www.googleapis.com/auth/cloud-platform",))
        assert isinstance(found, compute_engine.Credentials)
        asked.clear()
        with closing(GoogleBucket("bucket", timeout_seconds=2.0)) as bucket:
            began = time.monotonic()
            with bucket._call(), bucket._connection.client() as client:
                assert client.universe_domain == "googleapis.com"
            assert time.monotonic() - began < 2.0
        assert asked  # the credentials are the machine's
        assert not [path for path in asked if "universe" in path]
