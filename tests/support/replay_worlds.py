"""Replays on markets written by hand: a flat past, one signal or a few, and a future row by row, in
1m or in 15m candles.

The stages are made, not computed: a consensus where a test says so, one ATR for all rows,
probabilities that let an entry through.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import numpy as np

from shared.core import settings as configuration
from shared.core.settings import Settings
from shared.core.types import (
    Barriers,
    Candles,
    Features,
    PairRules,
    Prediction,
    Side,
    Timeframe,
    Votes,
)
from shared.market.candles import aggregate
from shared.replay.types import Inputs, Schedule
from shared.turn.pipeline import Stages

MINUTE = 60_000
QUARTER = 900_000
HOUR = 3_600_000
DAY = 86_400_000
T0 = 1_767_225_600_000  # 2026-01-01 00:00 UTC
BEFORE = 8 * HOUR
START = T0 + BEFORE
FREE = PairRules(
    taker_fee_rate=Decimal(0), long_interest_rate_day=Decimal(0), short_interest_rate_day=Decimal(0)
)
Row = Sequence[float]
"""open, high, low, close and, where it matters, volume in BTC (100 otherwise)."""

PLAIN: dict[str, Any] = {
    "sides": "both",
    "market": {"min_history_15m": 1, "min_history_4h": 1},
    "risk": {
        "stop_atr": 1.0,
        "target_atr": 2.0,
        "min_edge_rate": -1.0,
        "kelly_fraction": 0.0,
        "max_drawdown": 1.0,
        "daily_loss": 1.0,
        "price_z": 1000.0,
        "volume_z": 1000.0,
    },
}
"""Nothing but the bracket: no limit, no edge asked for."""

WITHOUT_COSTS: dict[str, Any] = {
    "paper": {"spread_rate": 0.0, "slippage_rate": 0.0, "volume_share": 1.0}
}
"""The book is still a yen on either side of the path."""


def settings(*overlays: Mapping[str, Any]) -> Settings:
    """The defaults, `PLAIN`, and what a test puts over them."""
    told: dict[str, Any] = {}
    for overlay in (PLAIN, *overlays):
        for name, value in overlay.items():
            told[name] = {**told.get(name, {}), **value} if isinstance(value, Mapping) else value
    return configuration.load_settings({}, overrides=told)


def candles(rows: Sequence[Row], timeframe: Timeframe, *, from_at: int) -> Candles:
    """Candles from rows, one after the other."""
    table = np.array(
        [[*row[:4], row[4] if len(row) > 4 else 100.0] for row in rows], dtype=np.float64
    ).reshape(-1, 5)
    return Candles(
        timeframe=timeframe,
        opened_at=from_at + timeframe.ms * np.arange(len(table), dtype=np.int64),
        open=table[:, 0],
        high=table[:, 1],
        low=table[:, 2],
        close=table[:, 3],
        volume=table[:, 4],
    )


def stages(
    quarters: Candles, *, sides: Mapping[int, Side], atr_jpy: float, p_with: float = 0.6
) -> Stages:
    """Stages whose consensus is `sides` by the close of a candle, and nothing elsewhere."""
    as_of, rows = quarters.closed_at, len(quarters)
    consensus = np.array(
        [sides[int(at)].sign if int(at) in sides else 0 for at in as_of], dtype=np.int8
    )
    up = np.where(consensus > 0, p_with, 0.8 - p_with)
    probabilities = np.stack([0.8 - up, np.full(rows, 0.2), up], axis=1)
    probabilities[consensus == 0] = np.nan
    return Stages(
        features=Features(
            as_of=as_of,
            names=("close", "atr_14", "price_z", "volume_z", "realised_16"),
            values=np.stack(
                [
                    quarters.close,
                    np.full(rows, float(atr_jpy)),
                    np.zeros(rows),
                    np.zeros(rows),
                    np.full(rows, np.nan),
                ],
                axis=1,
            ),
        ),
        votes=Votes(
            as_of=as_of,
            names=("hand",),
            sides=consensus[:, None],
            confidences=np.abs(consensus[:, None]).astype(np.float64),
            consensus=consensus,
            strength=np.abs(consensus).astype(np.float64),
        ),
        prediction=Prediction(
            as_of=as_of,
            probabilities=probabilities,
            model="hand",
            barriers=Barriers(atr_multiple=4.0, horizon_candles=48),
        ),
    )


def inputs(
    rows: Sequence[Row],
    *,
    timeframe: Timeframe = Timeframe.M1,
    sides: Mapping[int, Side] | Side = Side.LONG,
    atr_jpy: float = 50_000,
    configured: Settings | None = None,
    rules: PairRules = FREE,
    schedule: Schedule | None = None,
    **more: Any,
) -> Inputs:
    """A replay from `START` over `rows`, after eight flat hours at the first row's open; one signal
    at `START` if not told.

    What is missing to a full 15m candle at the end is filled with flat minutes at the last close.
    """
    flat = [(rows[0][0],) * 4] * (BEFORE // timeframe.ms)
    short = -len(rows) % (QUARTER // timeframe.ms)
    path = candles([*flat, *rows, *[(rows[-1][3],) * 4] * short], timeframe, from_at=T0)
    quarters = aggregate(path, Timeframe.M15)
    return Inputs(
        candles={Timeframe.M15: quarters, Timeframe.H4: aggregate(path, Timeframe.H4)},
        minutes=path if timeframe is Timeframe.M1 else None,
        stages=stages(
            quarters, sides={START: sides} if isinstance(sides, Side) else sides, atr_jpy=atr_jpy
        ),
        settings=configured or settings(WITHOUT_COSTS),
        rules=rules,
        start_at=START,
        end_at=int(path.closed_at[-1]),
        schedule=schedule or Schedule(),
        **more,
    )


def mirrored(rows: Sequence[Row], around: int = 1_000_000) -> list[Row]:
    """The same market upside down: what was a long's luck is a short's."""
    upside = [
        (
            2 * around - row[0],
            2 * around - row[2],
            2 * around - row[1],
            2 * around - row[3],
            *row[4:],
        )
        for row in rows
    ]
    return [tuple(row) for row in upside]
