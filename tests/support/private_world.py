"""A sandbox with a hand-made path, an account, and a signed client on real HTTP."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import numpy as np

from shared.core.types import Candles, Timeframe
from shared.exchanges.sandbox.faults import Faults
from shared.exchanges.sandbox.market import SandboxMarket
from shared.exchanges.sandbox.private.settings import PrivateSettings, Readings
from shared.exchanges.sandbox.server import Sandbox, serve
from shared.exchanges.sandbox.time_source import SteppedTime
from tests.support.signed_client import SignedClient

T0 = 1_721_121_720_000  # 2024-07-16 09:22 UTC: the minute of the documented signatures
MINUTE = 60_000
PRICE = 10_000_000

Row = tuple[int, int, int, int, float]
"""Open, high, low, close in yen beside `PRICE`, and the volume in BTC."""

FLAT: Row = (0, 0, 0, 0, 0.0)


def minutes_of(rows: Sequence[Row], *, start: int = T0) -> Candles:
    """Candles of consecutive minutes."""
    table = np.array(rows, dtype=np.float64)
    count = len(rows)
    return Candles(
        timeframe=Timeframe.M1,
        opened_at=start + MINUTE * np.arange(count, dtype=np.int64),
        open=table[:, 0] + PRICE,
        high=table[:, 1] + PRICE,
        low=table[:, 2] + PRICE,
        close=table[:, 3] + PRICE,
        volume=table[:, 4],
    )


class PrivateWorld:
    """The sandbox, its clock, and whoever asks it."""

    def __init__(self, sandbox: Sandbox, clock: SteppedTime, client: SignedClient) -> None:
        self.sandbox, self.clock, self.client = sandbox, clock, client

    def go(self, minute: int, milliseconds: int = 0) -> None:
        self.clock.advance_to(T0 + minute * MINUTE + milliseconds)

    def order(self, side: str, kind: str, amount: str | None, **more: Any) -> Any:
        return self.client.order(side, kind, amount, **more)

    def info(self, order_id: int) -> Any:
        return self.client.data("GET", "/user/spot/order", pair="btc_jpy", order_id=order_id)

    def active(self, **more: Any) -> list[Any]:
        found: list[Any] = self.client.data("GET", "/user/spot/active_orders", **more)["orders"]
        return found

    def trades(self, **more: Any) -> list[Any]:
        found: list[Any] = self.client.data("GET", "/user/spot/trade_history", **more)["trades"]
        return found

    def position(self, side: str) -> Any:
        rows = self.client.data("GET", "/user/margin/positions")["positions"]
        return next(
            row for row in rows if row["pair"] == "btc_jpy" and row["position_side"] == side
        )

    def margin(self) -> Any:
        return self.client.data("GET", "/user/margin/status")

    def asset(self, name: str) -> Any:
        rows = self.client.data("GET", "/user/assets")["assets"]
        return next(row for row in rows if row["asset"] == name)

    def truth(self) -> Any:
        return self.sandbox.answer("GET", "/_sandbox/account").json()

    def fault(self, name: str, **more: Any) -> None:
        import json

        body = json.dumps({"name": name, **more}).encode()
        assert self.sandbox.answer("POST", "/_sandbox/faults", body).status == 200

    def fired(self, name: str) -> int:
        return self.sandbox.faults.fire_count(name)


@contextmanager
def private_world(
    rows: Sequence[Row] = (FLAT,) * 30,
    *,
    faults: Faults | None = None,
    readings: dict[str, str] | None = None,
    spread_rate: float = 0.0,
    limited: bool = False,
    at: int = T0 + 1,
    yen: int = 10_000_000,
    **settings: Any,
) -> Iterator[PrivateWorld]:
    """A world whose path is `rows` and whose spread and slippage are none unless said."""
    clock = SteppedTime(at)
    private = PrivateSettings(
        **{
            "yen": Decimal(yen),
            "slippage_rate": Decimal(0),
            "volume_share": Decimal(1),
            "is_limited": limited,
            "readings": Readings(**(readings or {})),
            **settings,
        }
    )
    sandbox = Sandbox(
        SandboxMarket.from_minutes(minutes_of(rows)),
        clock,
        faults=faults,
        spread_rate=spread_rate,
        private=private,
    )
    with serve(sandbox) as running:
        client = SignedClient(running.port, clock.now_ms)
        try:
            yield PrivateWorld(sandbox, clock, client)
        finally:
            client.close()
