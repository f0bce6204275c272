"""Who asks: keys, signatures in both modes, and bitbank's codes for what is wrong with them.

Source: bitbankinc/bitbank-api-docs, `rest-api.md`, Authorization.
"""

import hashlib
import hmac
from collections.abc import Mapping

KEY_UNKNOWN = 20002
KEY_MISSING = 20003
NONCE_MISSING = 20004
SIGNATURE_INVALID = 20005
SIGNATURE_WRONG = 20001
TIME_MISSING = 20033
TIME_AHEAD = 20034
TIME_BEHIND = 20035
NEITHER = 20036
TIME_INVALID = 20037
WINDOW_INVALID = 20038
NONCE_INVALID = 20039

USUAL_WINDOW_MS = 5_000
MOST_WINDOW_MS = 60_000
AHEAD_MS = 1_000
_DIGEST_LENGTH = 64


class Signatures:
    """Keys with their secrets, and the last nonce of each. One thread at a time."""

    def __init__(self, keys: Mapping[str, str]) -> None:
        """Know `keys`: secret by key."""
        self._secrets = dict(keys)
        self._nonces: dict[str, int] = {}

    def find_refusal(
        self, method: str, target: str, body: bytes, headers: Mapping[str, str], *, now_ms: int
    ) -> int | None:
        """The code that the request is refused with, or None where it is signed rightly.

        `target` is path and query as they were sent. A nonce counts once its signature is right.
        """
        sent = {name.lower(): value for name, value in headers.items()}
        key = sent.get("access-key", "")
        secret = self._secrets.get(key)
        if secret is None:
            return KEY_UNKNOWN if key else KEY_MISSING
        prefixes = _prefixes(sent, now_ms)
        if isinstance(prefixes, int):
            return prefixes
        signature = sent.get("access-signature", "")
        if len(signature) != _DIGEST_LENGTH:
            return SIGNATURE_INVALID
        payload = body if method == "POST" else target.encode()
        if not any(
            hmac.compare_digest(signature.lower(), sign(secret, prefix, payload))
            for prefix in prefixes
        ):
            return SIGNATURE_WRONG
        if "access-request-time" in sent:
            return None
        return self._take_nonce(key, int(sent["access-nonce"]))

    def is_known(self, headers: Mapping[str, str]) -> bool:
        """Whether the request names a key of ours."""
        return any(
            name.lower() == "access-key" and value in self._secrets
            for name, value in headers.items()
        )

    def _take_nonce(self, key: str, nonce: int) -> int | None:
        if nonce <= self._nonces.get(key, 0):
            return SIGNATURE_WRONG
        self._nonces[key] = nonce
        return None


def sign(secret: str, prefix: str, payload: bytes) -> str:
    """The signature: hex HMAC-SHA256 of prefix and payload."""
    return hmac.new(secret.encode(), prefix.encode() + payload, hashlib.sha256).hexdigest()


def _prefixes(sent: Mapping[str, str], now_ms: int) -> tuple[str, ...] | int:
    """What stands before the payload, in each form that is taken, or a code.

    The time window wins where both modes are sent.
    """
    if "access-request-time" in sent:
        return _window_prefixes(sent["access-request-time"], sent.get("access-time-window"), now_ms)
    if "access-nonce" in sent:
        nonce = sent["access-nonce"]
        if not nonce:
            return NONCE_MISSING
        return (nonce,) if _is_whole(nonce) else NONCE_INVALID
    return TIME_MISSING if "access-time-window" in sent else NEITHER


def _window_prefixes(time: str, window: str | None, now_ms: int) -> tuple[str, ...] | int:
    if not _is_whole(time):
        return TIME_INVALID
    if window is not None and not (_is_whole(window) and 0 < int(window) <= MOST_WINDOW_MS):
        return WINDOW_INVALID
    if int(time) >= now_ms + AHEAD_MS:
        return TIME_AHEAD
    if now_ms - int(time) > (USUAL_WINDOW_MS if window is None else int(window)):
        return TIME_BEHIND
    # What a client signs that sends no window is not documented: both are taken.
    return (time, f"{time}{USUAL_WINDOW_MS}") if window is None else (f"{time}{window}",)


def _is_whole(text: str) -> bool:
    return text.isascii() and text.isdecimal()
