"""A Discord of our own: webhooks with its limits, its requests for patience, its bans, its refusals
and its outages, over real HTTP. It keeps every message, and what it was changed to.
"""

import json
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.parser import BytesParser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

MOST_IN_A_WINDOW = 5
WINDOW_SECONDS = 2.0
CLOSED = {"banned": 403, "limited": 429}
TOKEN = "s3cr3t-token-of-the-webhook"


@dataclass(slots=True, kw_only=True)
class Message:
    """A message of a channel: what it said first, and later."""

    id: str
    bodies: list[dict[str, Any]]
    pictures: list[bytes] = field(default_factory=list)

    @property
    def embeds(self) -> list[dict[str, Any]]:
        """Those that are shown now."""
        return list(self.bodies[-1]["embeds"])


class LoopbackDiscord:
    """What a test may set: `mode` is `up`, `down` (no answer), `banned` (403), `limited` (429
    without a word), and `refuses` gives a reason to refuse a body.
    """

    def __init__(self, *, limits: bool = True) -> None:
        self.mode = "up"
        self.messages: dict[str, Message] = {}
        self.requests: list[tuple[str, str]] = []
        self.refuses = lambda _body: ""
        self._limits, self._lock = limits, threading.Lock()
        self._times: list[float] = []
        self._server = self._serve()
        self.url = f"http://127.0.0.1:{self._server.server_port}/api/webhooks/123/{TOKEN}"

    @property
    def posted(self) -> list[Message]:
        """In the order in which they came."""
        return list(self.messages.values())

    @property
    def keys(self) -> list[str]:
        """Of the alerts that are shown, in order."""
        return [embed["footer"]["text"] for message in self.posted for embed in message.embeds]

    def answer(self, method: str, path: str, content_type: str, data: bytes) -> tuple[int, Any]:
        """Status and body of an answer."""
        with self._lock:
            self.requests.append((method, path))
            if self.mode in CLOSED:
                return CLOSED[self.mode], {}
            if self._limits and (wait := self._wait_seconds()):
                return 429, {"retry_after": round(wait, 3), "global": False}
            body, pictures = _read(content_type, data)
            if problem := _wrong(body) or self.refuses(body):
                return 400, {"message": problem}
            if method == "PATCH":
                return self._change(path.rpartition("/")[2], body)
            id_ = str(1_000_000_000_000_000_000 + len(self.requests))
            self.messages[id_] = Message(id=id_, bodies=[body], pictures=pictures)
            return 200, {"id": id_, **body}

    def _wait_seconds(self) -> float:
        now = time.monotonic()
        self._times = [at for at in self._times if now - at < WINDOW_SECONDS]
        if len(self._times) >= MOST_IN_A_WINDOW:
            return WINDOW_SECONDS - (now - self._times[0])
        self._times.append(now)
        return 0.0

    def _change(self, id_: str, body: dict[str, Any]) -> tuple[int, Any]:
        changed = self.messages.get(id_)
        if changed is None:
            return 404, {"message": "Unknown Message"}
        changed.bodies.append(body)
        return 200, {"id": id_}

    def close(self) -> None:
        """End it."""
        self._server.shutdown()
        self._server.server_close()

    def _serve(self) -> ThreadingHTTPServer:
        discord = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                data = self.rfile.read(int(self.headers["Content-Length"]))
                if discord.mode == "down":
                    self.close_connection = True
                    return
                path = self.path.partition("?")[0]
                status, told = discord.answer(
                    self.command, path, self.headers["Content-Type"], data
                )
                text = json.dumps(told).encode()
                self.send_response(status)
                if status == 429 and "retry_after" in told:
                    self.send_header("Retry-After", str(told["retry_after"]))
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def do_PATCH(self) -> None:
                self.do_POST()

            def log_message(self, *_: Any) -> None:
                pass

        class Server(ThreadingHTTPServer):
            def handle_error(self, request: Any, client_address: Any) -> None:
                pass  # a client that went away

        server = Server(("127.0.0.1", 0), Handler)
        threading.Thread(
            target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True
        ).start()
        return server


@contextmanager
def loopback_discord(*, limits: bool = True) -> Iterator[LoopbackDiscord]:
    discord = LoopbackDiscord(limits=limits)
    try:
        yield discord
    finally:
        discord.close()


def _read(content_type: str, data: bytes) -> tuple[dict[str, Any], list[bytes]]:
    if content_type.startswith("application/json"):
        return json.loads(data), []
    head = f"Content-Type: {content_type}\r\n\r\n".encode()
    parts = BytesParser().parsebytes(head + data).get_payload()
    named: dict[str, bytes] = {}
    for part in parts:  # type: ignore[union-attr]
        found = re.search(r'name="([^"]+)"', part["Content-Disposition"])  # type: ignore[index]
        assert found is not None
        named[found[1]] = part.get_payload(decode=True)  # type: ignore[union-attr,assignment]
    return json.loads(named.pop("payload_json")), list(named.values())


def _wrong(body: dict[str, Any]) -> str:
    """What Discord's documentation says that it refuses."""
    embeds = body.get("embeds", [])
    if len(embeds) > 10 or len(body.get("content", "")) > 2_000:
        return "too much"
    total = 0
    for embed in embeds:
        fields = embed.get("fields", [])
        texts = [embed["title"], embed["footer"]["text"]]
        texts += [text for one in fields for text in (one["name"], one["value"])]
        total += sum(map(len, texts))
        if not embed["title"] or len(embed["title"]) > 256 or len(fields) > 25:
            return "a title or the fields"
        if any(not one["name"] or not one["value"] for one in fields):
            return "an empty field"
        if any(len(one["name"]) > 256 or len(one["value"]) > 1_024 for one in fields):
            return "a field that is too long"
    return "more than 6,000 characters" if total > 6_000 else ""
