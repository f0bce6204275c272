"""A client of bitbank's private API that signs by itself: no ccxt, no product code."""

import hashlib
import hmac
import http.client
import itertools
import json
from collections.abc import Callable
from typing import Any, NamedTuple
from urllib.parse import urlencode

from tests.support.bitbank_api import table

KEY = "sandbox-key"
SECRET = "sandbox-secret-of-no-worth"
_nonces = itertools.count(1_700_000_000_000)


class Told(NamedTuple):
    status: int
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> int:
        told = self.json
        assert told["success"] == 0, told
        return int(told["data"]["code"])


def signature(secret: str, prefix: str, payload: bytes) -> str:
    return hmac.new(secret.encode(), prefix.encode() + payload, hashlib.sha256).hexdigest()


class SignedClient:
    """One key on one connection; every successful answer is held against the table, and counted."""

    def __init__(
        self,
        port: int,
        now_ms: Callable[[], int],
        *,
        key: str = KEY,
        secret: str = SECRET,
        mode: str = "window",
    ) -> None:
        self._port, self.now_ms = port, now_ms
        self.key, self.secret, self.mode = key, secret, mode
        self.judged = 0
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)

    def headers(self, payload: bytes, **other: str) -> dict[str, str]:
        if self.mode == "nonce":
            nonce = str(next(_nonces))
            sent = {"ACCESS-NONCE": nonce}
            prefix = nonce
        else:
            at = str(self.now_ms())
            sent = {"ACCESS-REQUEST-TIME": at, "ACCESS-TIME-WINDOW": "5000"}
            prefix = at + "5000"
        return {
            "ACCESS-KEY": self.key,
            "ACCESS-SIGNATURE": signature(self.secret, prefix, payload),
            **sent,
            **other,
        }

    def send(self, method: str, target: str, body: bytes, headers: dict[str, str]) -> Told:
        try:
            self._connection.request(method, target, body=body or None, headers=headers)
            answer = self._connection.getresponse()
            return Told(answer.status, answer.read())
        except (OSError, http.client.HTTPException):
            self._connection.close()
            raise

    def get(self, path: str, **query: Any) -> Told:
        target = f"/v1{path}" + (f"?{urlencode(query)}" if query else "")
        return self._judge(
            "GET", target, self.send("GET", target, b"", self.headers(target.encode()))
        )

    def post(self, path: str, body: Any) -> Told:
        payload = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = self.headers(payload, **{"Content-Type": "application/json"})
        return self._judge("POST", f"/v1{path}", self.send("POST", f"/v1{path}", payload, headers))

    def data(self, method: str, path: str, **fields: Any) -> Any:
        """The data of a success."""
        told = self.get(path, **fields) if method == "GET" else self.post(path, fields)
        assert told.json["success"] == 1, (path, fields, told.json)
        return told.json["data"]

    def order(self, side: str, kind: str, amount: str | None, **more: Any) -> Any:
        fields = {"pair": "btc_jpy", "side": side, "type": kind, **more}
        if amount is not None:
            fields["amount"] = amount
        return self.data("POST", "/user/spot/order", **fields)

    def order_code(self, side: str, kind: str, amount: str | None, **more: Any) -> int:
        fields = {"pair": "btc_jpy", "side": side, "type": kind, **more}
        if amount is not None:
            fields["amount"] = amount
        return self.post("/user/spot/order", fields).code

    def close(self) -> None:
        self._connection.close()

    def _judge(self, method: str, target: str, told: Told) -> Told:
        try:
            answer = told.json
        except ValueError:
            return told
        endpoint = table.endpoint_of(method, target.partition("?")[0])
        if endpoint is not None and isinstance(answer, dict) and answer.get("success") == 1:
            assert table.answer_problems(endpoint, answer) == [], answer
            self.judged += 1
        return told
