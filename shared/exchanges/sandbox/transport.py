"""HTTP/1.1 on loopback for the sandbox: kept connections, no Nagle delay, one write an answer,
broken endings on purpose.
"""

import socket
import struct
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from email.utils import formatdate
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from types import TracebackType
from typing import Any, Protocol, Self

from shared.core.errors import UserError
from shared.exchanges.sandbox.reply import Reply, plain_reply

_MAX_BODY_BYTES = 1_000_000
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class _Clock(Protocol):
    def now_ms(self) -> int: ...


class Application(Protocol):
    """What is served."""

    @property
    def clock(self) -> _Clock:
        """Where the `Date` header comes from."""
        ...

    def answer(self, method: str, target: str, body: bytes, headers: Mapping[str, str]) -> Reply:
        """Answer one request."""
        ...


class RunningServer:
    """A server in a thread of its own. A context manager: it is closed at the end of the block."""

    def __init__(self, server: "_Server") -> None:
        """Start to serve."""
        self._server = server
        self._thread = threading.Thread(
            target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
        )
        self._thread.start()

    @property
    def port(self) -> int:
        """The port that was asked for, or the free one that was found."""
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        """Its address, without a slash at the end."""
        return f"http://{self._server.server_address[0]!s}:{self.port}"

    def close(self) -> None:
        """Stop, and close every connection. Answers that wait or stall are given up."""
        if self._server.closing.is_set():
            return
        self._server.closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._server.hang_up()
        self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def serve(application: Application, *, host: str = "127.0.0.1", port: int = 0) -> RunningServer:
    """Serve `application` on `host`; port 0 takes a free one.

    Raises:
        UserError: The port is taken, or the address is not this machine's.
    """
    try:
        server = _Server((host, port), application)
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UserError(
            f"cannot listen on {host}:{port} ({reason})",
            remedy="choose another port, or 0 for any free one",
        ) from error
    return RunningServer(server)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], application: Application) -> None:
        self.application = application
        self.closing = threading.Event()
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        super().__init__(address, _Handler)

    def server_bind(self) -> None:
        # HTTPServer's own would look up the host's full name, which takes seconds where there is no
        # name server.
        TCPServer.server_bind(self)

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._lock:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._lock:
            self._open.discard(request)
        super().shutdown_request(request)

    def hang_up(self) -> None:
        """End every kept connection, so that its thread ends too."""
        with self._lock:
            for connection in self._open:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing about clients that went away; anything else is a defect and is shown."""
        if not isinstance(
            sys.exception(),
            ConnectionError | ValueError if self.closing.is_set() else ConnectionError,
        ):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = 1 << 16

    def do_GET(self) -> None:
        """Answer a GET."""
        self._respond()

    def do_POST(self) -> None:
        """Answer a POST."""
        self._respond()

    def do_DELETE(self) -> None:
        """Answer a DELETE."""
        self._respond()

    # The name is the base class's.
    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Say nothing: the sandbox counts its requests instead."""

    def _respond(self) -> None:
        body = self._body()
        if body is None:
            self.close_connection = True
            self._send(
                plain_reply(
                    {"error": "the body's length is missing, malformed or above 1 MB"}, status=400
                )
            )
            return
        reply = self.server.application.answer(
            self.command, self.path, body, dict(self.headers.items())
        )
        if reply.delay_seconds and self.server.closing.wait(reply.delay_seconds):
            self.close_connection = True
            return
        self._send(reply)

    def _body(self) -> bytes | None:
        length = self.headers.get("Content-Length", "0")
        if not (length.isascii() and length.isdecimal()) or int(length) > _MAX_BODY_BYTES:
            return None
        return self.rfile.read(int(length))

    def _send(self, reply: Reply) -> None:
        if reply.ending != "whole":
            self.close_connection = True
        if reply.ending == "reset":
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
            self.connection.close()
            return
        self._send_head(reply)
        if reply.ending == "whole":
            self.wfile.write(reply.body)
            self.wfile.flush()
            return
        self.wfile.write(reply.body[: len(reply.body) // 2])
        self.wfile.flush()
        if reply.ending == "stall":
            self.server.closing.wait(reply.stall_seconds)

    def _send_head(self, reply: Reply) -> None:
        now_seconds = (self.server.application.clock.now_ms() + reply.date_offset_ms) / 1000
        self.send_response_only(reply.status, HTTPStatus(reply.status).phrase)
        self.send_header("Date", formatdate(now_seconds, usegmt=True))
        self.send_header("Content-Type", reply.content_type)
        self.send_header("Content-Length", str(len(reply.body)))
        for name, value in reply.headers.items():
            self.send_header(name, value)
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
