"""The market that the sandbox serves: one-minute candles, and what of them is known at an instant.

Never more than that.

The forming bar is made of the path's points (`shared.market.path`) at or before now; a quarter of
a minute's volume trades at each.
"""

from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from shared.core.calendar import DAY_MS, MINUTE_MS
from shared.core.errors import UserError
from shared.core.money import LOTS_PER_BTC
from shared.core.types import Candles, Timeframe
from shared.exchanges.sandbox import bars
from shared.exchanges.sandbox.bars import KINDS, Bar, Bars
from shared.market.path import OFFSETS_MS, four_prices

_ROW = '["%d","%d","%d","%d","%d.%04d",%d]'
_LATEST_TRADES = 60
_RENDERED_FILES = 256
_RENDERED_DAYS = 32


class MarketTrade(NamedTuple):
    """One trade: its number, price in yen, size in lots, the taker's side (`buy` or `sell`), and
    when.
    """

    number: int
    price: int
    lots: int
    side: str
    executed_at: int


class SandboxMarket:
    """One-minute candles and every longer bar, made once; answers what bitbank would have known at
    an instant.
    """

    def __init__(self, minutes: Candles, *, source: str) -> None:
        """Prepare `minutes` (`Timeframe.M1`, not empty).

        `source`: what they are, in one sentence.
        """
        if minutes.timeframe is not Timeframe.M1 or not len(minutes):
            raise UserError("a sandbox needs one-minute candles", remedy="give it at least one")
        self.minutes = minutes
        self.source = source
        self._minutes = bars.minute_bars(minutes)
        self._bars = {kind: bars.bars_of(kind, self._minutes) for kind in KINDS}
        self._rows = lru_cache(maxsize=_RENDERED_FILES)(self._render_rows)
        self._finished_days = lru_cache(maxsize=_RENDERED_DAYS)(self._trade_rows)

    @classmethod
    def from_minutes(
        cls, minutes: Candles, *, source: str = "One-minute candles given by the program."
    ) -> "SandboxMarket":
        """A market from one-minute candles."""
        return cls(minutes, source=source)

    @classmethod
    def from_file(cls, path: Path, *, seed: int, timezone: str | None = None) -> "SandboxMarket":
        """A market from a file of candles; coarser ones are expanded into minutes once, from
        `seed`.

        `timezone` is that of times that name none.

        Raises:
            UserError: The file cannot be read or breaks the rules of candles.
        """
        from shared.market.expand import expand
        from shared.market.files import read

        given = read(path, timezone=timezone)
        candles, told = given.candles, f"Read as {given.understood}."
        if candles.timeframe is Timeframe.M1:
            return cls(candles, source=f"The one-minute candles of {path.name}. {told}")
        # Files of other exchanges state volumes more finely than bitbank trades.
        minutes = expand(
            replace(candles, volume=np.rint(candles.volume * LOTS_PER_BTC) / LOTS_PER_BTC),
            seed=seed,
        )
        source = (
            f"The {candles.timeframe} candles of {path.name}, expanded into minutes (seed {seed})."
            f" {told}"
        )
        return cls(minutes, source=source)

    @property
    def starts_at(self) -> int:
        """When the first minute opened."""
        return int(self._minutes.opened_at[0])

    @property
    def ends_at(self) -> int:
        """When the last minute closed; later the price stands still."""
        return int(self._minutes.closed_at[-1])

    def row_at(self, now_ms: int) -> int | None:
        """The row of the last minute that opened at or before `now_ms`; None before the market
        begins.
        """
        row = int(np.searchsorted(self._minutes.opened_at, now_ms, side="right")) - 1
        return None if row < 0 else row

    def bars(self, kind: str) -> Bars:
        """All bars of `kind`, closed ones and later ones: for tests and reports, never for an
        answer.
        """
        return self._bars[kind]

    def known_bars(self, kind: str, now_ms: int) -> tuple[int, Bar | None]:
        """How many bars of `kind` are closed at `now_ms`, and the one that is forming then, if
        there is one.
        """
        found = self._bars[kind]
        closed = int(np.searchsorted(found.closed_at, now_ms, side="right"))
        if closed == len(found) or int(found.opened_at[closed]) > now_ms:
            return closed, None
        last = self.row_at(now_ms)
        first = int(found.first_minute[closed])
        if last is None or last < first:
            return closed, None
        whole = bars.span(self._minutes, first, last, now_ms)
        return closed, Bar(
            opened_at=int(found.opened_at[closed]),
            open=whole.open,
            high=whole.high,
            low=whole.low,
            close=whole.close,
            lots=whole.lots,
        )

    def candle_file(self, kind: str, date: str, now_ms: int) -> bytes | None:
        """The body of `/candlestick/{kind}/{date}` at `now_ms`; None where bitbank has no such
        file.
        """
        bounds = bars.file_bounds(kind, date) if kind in KINDS else None
        if bounds is None:
            return None
        found = self._bars[kind]
        begin, end = (int(row) for row in np.searchsorted(found.opened_at, bounds))
        closed, forming = self.known_bars(kind, now_ms)
        last_closed = min(end, closed)
        parts = [self._rows(kind, begin, last_closed)] if last_closed > begin else []
        if forming is not None and bounds[0] <= forming.opened_at < bounds[1]:
            parts.append(_row(forming))
        if not parts:
            return None
        rows = ",".join(parts)
        stamp = min(now_ms, bounds[1] - 1)
        candlestick = f'[{{"type":"{kind}","ohlcv":[{rows}]}}]'
        text = f'{{"success":1,"data":{{"candlestick":{candlestick},"timestamp":{stamp}}}}}'
        return text.encode()

    def last_day(self, now_ms: int) -> Bar | None:
        """The 24 hours up to `now_ms` as one bar; None before the market begins."""
        last = self.row_at(now_ms)
        if last is None:
            return None
        first = min(
            last, int(np.searchsorted(self._minutes.opened_at, now_ms - DAY_MS, side="right"))
        )
        return bars.span(self._minutes, first, last, now_ms)

    def point_at(self, now_ms: int) -> tuple[int, int] | None:
        """The last point of the path at or before `now_ms`: its instant and its price.

        None before the market begins.
        """
        row = self.row_at(now_ms)
        if row is None:
            return None
        point = bars.points_seen(now_ms - int(self._minutes.opened_at[row])) - 1
        return int(self._minutes.opened_at[row]) + OFFSETS_MS[point], self._prices(row)[point]

    def trades(self, since_ms: int, until_ms: int) -> list[MarketTrade]:
        """The trades in [since_ms, until_ms], oldest first.

        The trades of a minute add up to its candle's volume: a quarter at each point of the path.
        """
        found = self._minutes
        begin, end = np.searchsorted(
            found.opened_at, (since_ms - MINUTE_MS, until_ms), side="right"
        ).tolist()
        columns = (found.opened_at, found.open, found.high, found.low, found.close, found.lots)
        before = int(found.close[begin - 1] if begin else found.open[0])
        trades: list[MarketTrade] = []
        for opened_at, open_, high, low, close, lots in zip(
            *(column[begin:end].tolist() for column in columns), strict=True
        ):
            sizes = [bars.lots_seen(lots, seen) for seen in range(len(OFFSETS_MS) + 1)]
            for point, price in enumerate(four_prices(open_, high, low, close)):
                size, at = sizes[point + 1] - sizes[point], opened_at + OFFSETS_MS[point]
                number = opened_at // MINUTE_MS * len(OFFSETS_MS) + point
                if size and since_ms <= at <= until_ms:
                    side = "buy" if price > before or (price == before and number % 3) else "sell"
                    trades.append(MarketTrade(number, price, size, side, at))
                before = price
        return trades

    def latest_trades(self, count: int, now_ms: int) -> list[MarketTrade]:
        """The last `count` trades up to `now_ms`, oldest first; fewer where the last days were
        silent.
        """
        trades: list[MarketTrade] = []
        reach = MINUTE_MS * count
        while len(trades) < count and reach < 2 * DAY_MS:
            trades = self.trades(now_ms - reach, now_ms)
            reach *= 4
        return trades[-count:]

    def trade_file(self, date: str | None, now_ms: int) -> bytes | None:
        """The body of `/transactions` (the latest 60) or `/transactions/{date}` at `now_ms`, newest
        first.

        None where bitbank has no such file.
        """
        if date is None:
            rows = _trade_text(self.latest_trades(_LATEST_TRADES, now_ms))
        else:
            bounds = bars.file_bounds("1min", date)
            if (
                bounds is None
                or bounds[0] > now_ms
                or bounds[1] <= self.starts_at
                or bounds[0] >= self.ends_at
            ):
                return None
            finished = bounds[1] <= now_ms
            rows = (
                self._finished_days(*bounds)
                if finished
                else self._trade_rows(bounds[0], now_ms + 1)
            )
        return f'{{"success":1,"data":{{"transactions":[{rows}]}}}}'.encode()

    def _trade_rows(self, since_ms: int, end_ms: int) -> str:
        return _trade_text(self.trades(since_ms, end_ms - 1))

    def _prices(self, row: int) -> tuple[int, int, int, int]:
        found = self._minutes
        return four_prices(
            int(found.open[row]), int(found.high[row]), int(found.low[row]), int(found.close[row])
        )

    def _render_rows(self, kind: str, begin: int, end: int) -> str:
        """The rows [begin, end) of `kind` as bitbank writes them, without the brackets around."""
        found = self._bars[kind]
        whole, rest = np.divmod(found.lots[begin:end], LOTS_PER_BTC)
        prices = [column[begin:end] for column in (found.open, found.high, found.low, found.close)]
        table = np.column_stack([*prices, whole, rest, found.opened_at[begin:end]])
        return ",".join(_ROW % tuple(row) for row in table.tolist())


def btc_text(lots: int) -> str:
    """A size as bitbank writes it: four places."""
    return f"{lots // LOTS_PER_BTC}.{lots % LOTS_PER_BTC:04d}"


def _row(bar: Bar) -> str:
    whole, rest = divmod(bar.lots, LOTS_PER_BTC)
    return _ROW % (bar.open, bar.high, bar.low, bar.close, whole, rest, bar.opened_at)


def _trade_text(trades: list[MarketTrade]) -> str:
    return ",".join(
        f'{{"transaction_id":{trade.number},"side":"{trade.side}","price":"{trade.price}",'
        f'"amount":"{btc_text(trade.lots)}","executed_at":{trade.executed_at}}}'
        for trade in reversed(trades)
    )
