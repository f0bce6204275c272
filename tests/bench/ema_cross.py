"""One strategy in four engines: EMA 12 crosses EMA 48, the stop 2 ATR(14) from the deciding close,
12 bp a side, 5 bp slippage.

Decided on a closed candle, traded at the next open. A cross the other way ends the trade, and with
both sides begins the other. All engines get the same candles and compute the same indicators inside
the time that is measured.
"""

import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from typing import Any, NamedTuple, TypeVar

import numpy as np

from shared.core.costs import Costs
from shared.core.types import Candles, PairRules, Timeframe
from shared.exchanges.sandbox.generate import generate
from shared.features import BLOCK_ROWS, REACH_ROWS
from shared.features.indicators import atr, turns
from shared.features.recursion import ema_lead
from shared.market.candles import aggregate
from shared.replay.brackets import Brackets, BracketTrades, walk

FEE_RATE, SLIPPAGE_RATE = 0.0012, 0.0005
FAST, SLOW, ATR_LENGTH, STOP_ATR = 12, 48, 14, 2.0
COSTS = Costs(
    spread_rate=Decimal(0), slippage_rate=Decimal(repr(SLIPPAGE_RATE)), volume_share=Decimal(1)
)
RULES = PairRules(
    taker_fee_rate=Decimal(repr(FEE_RATE)),
    long_interest_rate_day=Decimal(0),
    short_interest_rate_day=Decimal(0),
)
START = 1_577_836_800_000
Result = TypeVar("Result")


class Signals(NamedTuple):
    """Crosses (+1, -1, 0) and the stop that an entry on each candle would have, whole yen; shape
    (n,) each.
    """

    cross: np.ndarray
    stop: np.ndarray


@dataclass(frozen=True, slots=True)
class Traded:
    """Trades that ended: rows of the candles at whose open they began and in which they ended, and
    the prices paid.
    """

    side: np.ndarray
    entry_row: np.ndarray
    exit_row: np.ndarray
    entry_price: np.ndarray
    exit_price: np.ndarray

    def __len__(self) -> int:
        return len(self.side)


@cache
def candles_of(days: int) -> Candles:
    """15m candles of a minute-by-minute market whose volatility comes in clusters."""
    return aggregate(
        generate(start_ms=START, days=days, seed=20240101, maintenance=False), Timeframe.M15
    )


def signals(candles: Candles) -> Signals:
    """Computed in blocks that the cache holds, as `features.compute` does: no value depends on more
    than `REACH_ROWS`.
    """
    cross = np.empty(len(candles), dtype=np.int8)
    stop = np.empty(len(candles))
    for start in range(0, len(candles), BLOCK_ROWS):
        first = max(0, start - REACH_ROWS)
        block, own = candles.rows(first, start + BLOCK_ROWS), slice(start - first, None)
        side = turns(ema_lead(block.close, SLOW) - ema_lead(block.close, FAST))
        reach = STOP_ATR * atr(block.high, block.low, block.close, ATR_LENGTH)[own]
        cross[start : start + BLOCK_ROWS] = side[own]
        stop[start : start + BLOCK_ROWS] = np.rint(block.close[own] - side[own] * reach)
    return Signals(cross, stop)


def timed(run: Callable[[], Result], times: int) -> tuple[float, Result]:
    """The best of several runs in seconds, and what the last one gave."""
    best = float("inf")
    for _ in range(times):
        started = time.perf_counter()
        result = run()
        best = min(best, time.perf_counter() - started)
    return best, result


@contextmanager
def quiet() -> Iterator[None]:
    """Without the warnings that other people's packages give about themselves."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


# ours


def in_ours(candles: Candles, given: Signals, *, both: bool) -> BracketTrades:
    up, down = given.cross > 0, given.cross < 0
    orders = Brackets(
        sides=given.cross if both else up.astype(np.int8),
        stop_price=given.stop,
        end_longs=down,
        end_shorts=up,
        lots=100,
    )
    return walk(candles, orders, rules=RULES, costs=COSTS)


def traded_by_ours(trades: BracketTrades) -> Traded:
    ended = trades.take_rows(trades.is_closed)
    return Traded(ended.side, ended.entry_row, ended.exit_row, ended.entry_price, ended.exit_price)


# backtesting


def in_backtesting(candles: Candles, *, both: bool) -> Any:
    """Statistics and trades of `backtesting`; it has a fee, and no slippage on exits, so none is
    given.
    """
    import backtesting.backtesting as inside
    import pandas as pd
    from backtesting import Backtest, Strategy

    class Cross(Strategy):
        def init(self) -> None:
            given = signals(candles)
            self.cross = self.I(lambda: given.cross, plot=False)
            self.stop = self.I(lambda: given.stop, plot=False)

        def next(self) -> None:
            side = self.cross[-1]
            if not side:
                return
            if self.position:
                self.position.close()
            if side > 0:
                self.buy(size=1, sl=self.stop[-1])
            elif both:
                self.sell(size=1, sl=self.stop[-1])

    frame = pd.DataFrame(
        {
            "Open": candles.open,
            "High": candles.high,
            "Low": candles.low,
            "Close": candles.close,
            "Volume": candles.volume,
        },
        index=pd.to_datetime(candles.opened_at, unit="ms"),
    )
    inside._tqdm = lambda rows, **_: rows  # no progress bar: it costs time
    return Backtest(frame, Cross, cash=1e12, commission=FEE_RATE).run()


def traded_by_backtesting(stats: Any) -> Traded:
    table = stats["_trades"].sort_values("EntryBar")
    prices = (table["EntryPrice"].to_numpy(), table["ExitPrice"].to_numpy())
    return Traded(
        np.sign(table["Size"].to_numpy()),
        table["EntryBar"].to_numpy(),
        table["ExitBar"].to_numpy(),
        *prices,
    )


# vectorbt


def in_vectorbt(candles: Candles, *, both: bool, series: bool = False) -> Any:
    """Its portfolio, from bare arrays or from a `series` with times, as its documentation has them.

    Its stop is a share of the entry price, so it gets the share that makes our stop: a thousandth
    of a yen closer, lest a price that just touches the stop be lost in a quotient.
    """
    import pandas as pd
    import vectorbt as vbt

    index = pd.to_datetime(candles.opened_at, unit="ms")
    given = signals(candles)
    cross = np.concatenate(([0], given.cross[:-1]))
    stop = np.concatenate(([np.nan], given.stop[:-1])) + 0.001 * cross
    shorts = (
        {"short_entries": cross < 0, "upon_opposite_entry": "reverse"}
        if both
        else {"exits": cross < 0}
    )
    close = pd.Series(candles.close, index=index) if series else candles.close
    return vbt.Portfolio.from_signals(
        close,
        entries=cross > 0,
        **shorts,
        open=candles.open,
        high=candles.high,
        low=candles.low,
        price=candles.open,
        size=1.0,
        fees=FEE_RATE,
        slippage=SLIPPAGE_RATE,
        sl_stop=np.where(cross != 0, cross * (1.0 - stop / candles.open), np.nan),
        stop_entry_price="price",
        stop_exit_price="stopmarket",
        init_cash=1e12,
        freq="15min",
    )


def traded_by_vectorbt(portfolio: Any) -> Traded:
    records = portfolio.exit_trades.values  # noqa: PD011 - records, no frame
    ended = records[records["status"] == 1]
    ended = ended[np.argsort(ended["entry_idx"], kind="stable")]
    side = np.where(ended["direction"] == 0, 1, -1)
    return Traded(
        side, ended["entry_idx"], ended["exit_idx"], ended["entry_price"], ended["exit_price"]
    )


# a plain loop, compiled


def compiled_loop() -> Callable[..., tuple[np.ndarray, ...]]:
    """The whole strategy, indicators and all, as one loop that numba compiles: the limit of what
    this machine can do.
    """
    import numba

    @numba.njit
    def loop(opened, high, low, close, both, fee_rate, slippage_rate):
        size = len(close)
        rows = np.empty((size, 3), dtype=np.int64)
        prices = np.empty((size, 2))
        count, net = 0, 0.0
        fast = slow = ranges = 0.0
        lead_before = np.nan
        side, entry_row, stop, paid, wanted, next_stop = 0, 0, 0.0, 0.0, 0, 0.0
        for row in range(size):
            if wanted:
                if side and side != wanted:
                    got = opened[row] * (1.0 - side * slippage_rate)
                    rows[count], prices[count] = (side, entry_row, row), (paid, got)
                    net += side * (got - paid) - fee_rate * (got + paid)
                    count, side = count + 1, 0
                if not side and (wanted > 0 or both):
                    side, entry_row, stop = wanted, row, next_stop
                    paid = opened[row] * (1.0 + side * slippage_rate)
            if side and (low[row] <= stop if side > 0 else high[row] >= stop):
                base = min(opened[row], stop) if side > 0 else max(opened[row], stop)
                got = base * (1.0 - side * slippage_rate)
                rows[count], prices[count] = (side, entry_row, row), (paid, got)
                net += side * (got - paid) - fee_rate * (got + paid)
                count, side = count + 1, 0
            if row < FAST:
                fast += close[row] / FAST
            else:
                fast += (close[row] - fast) * 2.0 / (FAST + 1.0)
            if row < SLOW:
                slow += close[row] / SLOW
            else:
                slow += (close[row] - slow) * 2.0 / (SLOW + 1.0)
            if row:
                true_range = max(high[row], close[row - 1]) - min(low[row], close[row - 1])
                ranges = (
                    ranges * (1.0 - 1.0 / ATR_LENGTH) + true_range
                    if row > ATR_LENGTH
                    else ranges + true_range
                )
            wanted = 0
            if row >= SLOW - 1:
                lead = fast - slow
                if lead_before <= 0.0 < lead:
                    wanted = 1
                elif lead_before >= 0.0 > lead:
                    wanted = -1
                lead_before = lead
                next_stop = np.round(close[row] - wanted * STOP_ATR * ranges / ATR_LENGTH)
        return rows[:count], prices[:count], net

    return loop


def traded_by_loop(result: tuple[np.ndarray, ...]) -> Traded:
    rows, prices = result[:2]
    return Traded(rows[:, 0], rows[:, 1], rows[:, 2], prices[:, 0], prices[:, 1])
