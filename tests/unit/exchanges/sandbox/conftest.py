"""A small market and its server, made once."""

import http.client
import json
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest

from shared.exchanges.sandbox.generate import generate
from shared.exchanges.sandbox.market import SandboxMarket
from shared.exchanges.sandbox.server import Sandbox, serve
from shared.exchanges.sandbox.time_source import SteppedTime

DAY = 86_400_000
START = 1_767_052_800_000  # 2025-12-30 00:00 UTC: a New Year and a maintenance lie in the market
NOW = START + 9 * DAY + 10 * 3_600_000 + 7 * 60_000 + 31_234


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def data(self) -> Any:
        told = self.json
        assert told["success"] == 1
        return told["data"]


class Browser:
    """A plain HTTP client on one kept connection."""

    def __init__(self, port: int, timeout: float = 10.0) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)

    def ask(self, method: str, path: str, body: Any = None) -> Answer:
        try:
            payload = (
                None
                if body is None
                else body
                if isinstance(body, bytes)
                else json.dumps(body).encode()
            )
            self._connection.request(method, path, body=payload)
            response = self._connection.getresponse()
            return Answer(response.status, dict(response.getheaders()), response.read())
        except (OSError, http.client.HTTPException):
            self._connection.close()
            raise

    def get(self, path: str) -> Answer:
        return self.ask("GET", path)

    def close(self) -> None:
        self._connection.close()


class Running(NamedTuple):
    sandbox: Sandbox
    browser: Browser
    url: str
    port: int


@pytest.fixture(scope="session")
def market() -> SandboxMarket:
    return SandboxMarket.from_minutes(generate(start_ms=START, days=14, seed=11, edge_bp=5.0))


@pytest.fixture
def running(market: SandboxMarket) -> Iterator[Running]:
    sandbox = Sandbox(market, SteppedTime(NOW))
    with serve(sandbox) as server:
        browser = Browser(server.port)
        yield Running(sandbox, browser, server.url, server.port)
        browser.close()


@pytest.fixture
def asked(market: SandboxMarket) -> Callable[..., Answer]:
    """Ask a sandbox of its own without HTTP, at any instant."""

    def ask(path: str, *, now: int = NOW) -> Answer:
        reply = Sandbox(market, SteppedTime(now)).answer("GET", path)
        return Answer(reply.status, {}, reply.body)

    return ask
