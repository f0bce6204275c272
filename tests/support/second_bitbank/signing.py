"""Who asks: key, signature, and the time or the number of a request."""

import hashlib
import hmac
from dataclasses import dataclass
from typing import Any

from tests.support.second_bitbank.figures import Code

KEY, SECRET = "second-key", "second-secret-of-no-worth"
LONGEST_WINDOW = 60_000


@dataclass
class Gate:
    """Lets a request in, or says why not. Numbers grow for ever."""

    last_nonce: int = -1

    def check(self, headers: Any, payload: bytes, *, now: int) -> None:
        if not headers.get("ACCESS-KEY"):
            raise Code(20003)
        if headers["ACCESS-KEY"] != KEY:
            raise Code(20002)
        at, window = headers.get("ACCESS-REQUEST-TIME"), headers.get("ACCESS-TIME-WINDOW")
        nonce = headers.get("ACCESS-NONCE")
        if at is None and window is not None and nonce is None:
            raise Code(20033)
        if at is None and nonce is None:
            raise Code(20036)
        if at is None:
            self._check_nonce(headers, nonce, payload)
            return
        if not _is_number(at):
            raise Code(20037)
        if window is not None and not (_is_number(window) and int(window) <= LONGEST_WINDOW):
            raise Code(20038)
        if not _is_signed(headers, at + (window or ""), payload):
            raise Code(20005)
        if not int(at) < now + 1_000:
            raise Code(20034)
        if not now - int(at) <= int(window or 5_000):
            raise Code(20035)

    def _check_nonce(self, headers: Any, nonce: str, payload: bytes) -> None:
        if not _is_number(nonce):
            raise Code(20039)
        if not _is_signed(headers, nonce, payload):
            raise Code(20005)
        if int(nonce) <= self.last_nonce:
            raise Code(20001)
        self.last_nonce = int(nonce)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit()


def _is_signed(headers: Any, prefix: str, payload: bytes) -> bool:
    meant = hmac.new(SECRET.encode(), prefix.encode() + payload, hashlib.sha256).hexdigest()
    return hmac.compare_digest(meant, headers.get("ACCESS-SIGNATURE", ""))
