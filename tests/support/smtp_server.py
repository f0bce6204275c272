"""A mail server on loopback that keeps what it takes, and may refuse, hang or trickle."""

import socketserver
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any


class MailServer:
    """`mode`: `up`, `refuses` (550 for every address), `refuses one` (550 for that of nobody),
    `hangs` (says nothing), `breaks` (hangs up after the message), `rude` (another answer to the
    farewell than the protocol's), `trickles` (a greeting without end, a byte now and then),
    `chatters` (an answer of lines without end).
    """

    def __init__(self) -> None:
        self.mode = "up"
        self.mails: list[EmailMessage] = []
        mails = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                if mails.mode == "hangs":
                    time.sleep(5.0)
                    return
                while mails.mode == "trickles":
                    self.wfile.write(b"2")
                    time.sleep(0.05)
                self.say("220 loopback")
                while line := self.rfile.readline():
                    word = line[:4].upper()
                    while mails.mode == "chatters":
                        self.say("250-and more")
                        time.sleep(0.05)
                    if word == b"QUIT":
                        self.say("421 not yet" if mails.mode == "rude" else "221 bye")
                        return
                    if word == b"DATA":
                        self.say("354 go on")
                        data = bytearray()
                        while (line := self.rfile.readline()) not in {b".\r\n", b""}:
                            data += line.removeprefix(b".") if line.startswith(b"..") else line
                        if mails.mode == "breaks":
                            return
                        mails.mails.append(
                            message_from_bytes(bytes(data), policy=policy.default)  # type: ignore[arg-type]
                        )
                    refused = word == b"RCPT" and (
                        mails.mode == "refuses"
                        or (mails.mode == "refuses one" and b"nobody" in line)
                    )
                    self.say("550 nobody of that name" if refused else "250 well")

            def say(self, text: str) -> None:
                self.wfile.write(f"{text}\r\n".encode())

        class Server(socketserver.ThreadingTCPServer):
            allow_reuse_address = True
            daemon_threads = True

            def handle_error(self, request: Any, client_address: Any) -> None:
                pass  # a client that went away

        self._server = Server(("127.0.0.1", 0), Handler)
        threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True
        ).start()
        self.port = int(self._server.server_address[1])

    def close(self) -> None:
        """End it."""
        self._server.shutdown()
        self._server.server_close()


@contextmanager
def mail_server() -> Iterator[MailServer]:
    server = MailServer()
    try:
        yield server
    finally:
        server.close()
