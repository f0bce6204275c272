"""A wire to a server that can be cut: TCP on loopback, passed on both ways, or only there.

with Wire("127.0.0.1:8085") as wire:     # a client connects to wire.address
    wire.answers = False                 # requests arrive, answers do not
"""

import contextlib
import socket
import threading
from typing import Self


class Wire:
    """Passes bytes on, both ways while `answers`; with no server it takes a connection and is
    silent.
    """

    def __init__(self, server: str | None) -> None:
        self.answers = True
        self.connections = 0
        self._server = server
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = [self._listener]
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self._threads = [threading.Thread(target=self._accept, daemon=True)]

    def __enter__(self) -> Self:
        self._threads[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        for wire in self._open:
            with contextlib.suppress(OSError):
                wire.shutdown(socket.SHUT_RDWR)
            wire.close()
        for thread in self._threads:
            thread.join(timeout=10)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self._open.append(client)
            if self._server is None:
                continue
            host, _, port = self._server.rpartition(":")
            server = socket.create_connection((host, int(port)))
            self._open.append(server)
            for source, target, back in ((client, server, False), (server, client, True)):
                thread = threading.Thread(
                    target=self._pass_on, args=(source, target, back), daemon=True
                )
                self._threads.append(thread)
                thread.start()

    def _pass_on(self, source: socket.socket, target: socket.socket, back: bool) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 16):
                if self.answers or not back:
                    target.sendall(data)
            target.shutdown(socket.SHUT_WR)
