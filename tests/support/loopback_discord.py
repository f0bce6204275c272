"""A Discord on loopback that takes every message, or none."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class LoopbackDiscord:
    """Answers with `status`; `requests` are the paths and bodies that it was sent."""

    def __init__(self, status: int = 204) -> None:
        self.status = status
        self.requests: list[tuple[str, dict]] = []
        discord = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                discord.requests.append((self.path, body))
                self.send_response(discord.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}/api/webhooks/123/token-of-a-test"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
