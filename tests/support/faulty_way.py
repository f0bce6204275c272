"""The way to a gRPC server, on which things go wrong: a TCP proxy on loopback that knows when a
call begins.

    with FaultyWay("127.0.0.1:8085") as way:      # a client connects to way.address
        way.break_at(3, Fault.HANGING)            # from the third call on nothing comes back
        ...
        way.mend()
"""

import contextlib
import socket
import threading
import time
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Self

PREFACE_BYTES = 24
FRAME_HEADER_BYTES = 9
HEADERS_FRAME = 1
CHUNK = 65_536
LOOK_SECONDS = 0.02


class Fault(Enum):
    """What goes wrong on the way."""

    NONE = auto()
    STOPPED = auto()
    """Every connection is reset, also a new one."""
    HANGING = auto()
    """Connections are taken, and nothing is passed on in either direction."""
    STUCK = auto()
    """The connections that there are hang for ever; new ones are sound."""
    DEAF = auto()
    """The next call reaches the server, and its answer is cut off; then all is sound."""


@dataclass(slots=True)
class _Pair:
    """A connection, and what of its frames was seen."""

    client: socket.socket
    server: socket.socket
    hangs: bool = False
    cut: bool = False
    skip: int = PREFACE_BYTES
    head: bytes = b""

    def close(self) -> None:
        for end in (self.client, self.server):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def begun(self, data: bytes) -> int:
        """How many calls begin in the bytes that a client sent: HTTP/2 opens each by a frame."""
        calls = 0
        while data:
            if self.skip:
                passed = min(self.skip, len(data))
                self.skip, data = self.skip - passed, data[passed:]
                continue
            wanted = FRAME_HEADER_BYTES - len(self.head)
            self.head, data = self.head + data[:wanted], data[wanted:]
            if len(self.head) == FRAME_HEADER_BYTES:
                calls += self.head[3] == HEADERS_FRAME
                self.skip, self.head = int.from_bytes(self.head[:3], "big"), b""
        return calls


@dataclass
class FaultyWay:
    """Passes on what comes until a fault is set; `calls` and `connections` count."""

    server: str
    delay_seconds: float = 0.0
    fault: Fault = Fault.NONE
    calls: int = 0
    connections: int = 0
    address: str = ""
    _at: int | None = None
    _next: Fault = Fault.NONE
    _pairs: list[_Pair] = field(default_factory=list)
    _threads: list[threading.Thread] = field(default_factory=list)
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def __enter__(self) -> Self:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self._run(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for pair in list(self._pairs):
            pair.close()
        for thread in self._threads:
            thread.join(timeout=5)

    def break_at(self, call: int, fault: Fault) -> None:
        """Set a fault when the call of that number (from 1, counted from now) begins."""
        with self._lock:
            self.calls, self._at, self._next = 0, call, fault

    def set(self, fault: Fault) -> None:
        """Set a fault now."""
        with self._lock:
            self.fault, self._at = fault, None
            for pair in list(self._pairs):
                if fault is Fault.STOPPED:
                    pair.close()
                pair.hangs = pair.hangs or fault is Fault.STUCK
                pair.cut = pair.cut or fault is Fault.DEAF
            if fault in {Fault.STUCK, Fault.DEAF}:
                self.fault = Fault.NONE

    def mend(self) -> None:
        """All is sound again; connections that hung are reset, as a system does some day."""
        with self._lock:
            hung = self.fault is Fault.HANGING
            self.fault, self._at, self.delay_seconds = Fault.NONE, None, 0.0
            for pair in list(self._pairs):
                if hung or pair.hangs:
                    pair.close()

    def _run(self, work: object, *args: object) -> None:
        thread = threading.Thread(target=work, args=args, daemon=True)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            if self.fault is Fault.STOPPED:
                client.close()
                continue
            host, _, port = self.server.rpartition(":")
            try:
                server = socket.create_connection((host, int(port)))
            except OSError:
                client.close()
                continue
            pair = _Pair(client, server)
            self._pairs.append(pair)
            self._run(self._pass_on, pair, client, server)
            self._run(self._pass_on, pair, server, client)

    def _pass_on(self, pair: _Pair, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(CHUNK):
                if source is pair.client:
                    self._count(pair.begun(data))
                elif pair.cut:
                    break
                elif self.delay_seconds:
                    time.sleep(self.delay_seconds)
                while pair.hangs or self.fault is Fault.HANGING:
                    time.sleep(LOOK_SECONDS)
                    if source.fileno() < 0:
                        return
                target.sendall(data)
        pair.close()

    def _count(self, begun: int) -> None:
        with self._lock:
            self.calls += begun
            if self._at is not None and self.calls >= self._at:
                self.set(self._next)
