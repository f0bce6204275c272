"""Which column is what: by the names that exchanges and libraries give, or by what stands in
columns without names.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from shared.core.errors import UserError
from shared.market.candles import COLUMNS

PRICES = COLUMNS[1:5]
WANTED = (
    "the columns must be a time and open, high, low, close, volume, by these names and in any"
    " order; see `docs/candles.md`"
)
_TIMES = (
    *(
        "open_time",
        "opentime",
        "opened_at",
        "open_timestamp",
        "start_time",
        "starttime",
        "start_at",
        "timestamp_ms",
    ),
    *(
        "timestamp",
        "unix_timestamp",
        "unix_time",
        "unix",
        "epoch",
        "ts",
        "t",
        "time",
        "datetime",
        "date_time",
    ),
    *(
        "gmt_time",
        "local_time",
        "日時",
        "date",
        "日付",
        "start",
        "index",
        "index_level_0",
        "unnamed_0",
        "",
    ),
)
"""Names of an opening time, the best first: a file may have several."""
_CLOSING = ("close_time", "closetime", "closed_at", "close_timestamp", "end_time")
_VALUES = {
    "open": ("open", "o", "open_price", "openprice", "始値"),
    "high": ("high", "h", "high_price", "highprice", "高値"),
    "low": ("low", "l", "low_price", "lowprice", "安値"),
    "close": ("close", "c", "close_price", "closeprice", "終値"),
    "volume": (
        "volume",
        "volume_btc",
        "btc_volume",
        "vol_btc",
        "base_volume",
        "basevolume",
        "volumefrom",
        "v",
        "vol",
        "出来高",
    ),
}
_ZONED = re.compile(r"^(.*?)_?(utc|gmt|jst)$")
_BINANCE = {
    "quote_volume",
    "quote_asset_volume",
    "taker_buy_volume",
    "taker_buy_base_asset_volume",
    "taker_buy_quote_volume",
}
_TWO_AGREE = 1
_EARLIEST = 1.2e9


@dataclass(frozen=True, slots=True, kw_only=True)
class Roles:
    """Where each of the six stands.

    Attributes:
        of: Column of `timestamp`, `open`, `high`, `low`, `close`, `volume`.
        layout: What such a file is called.
        clock: Column with the time of day, where `timestamp` is only the day.
        closing: Whether the time is the candle's close by its column's name.
        zone: The zone that the column's name states; empty where it states none.
        ignored: Names of the other columns.
    """

    of: dict[str, int]
    layout: str
    clock: int | None = None
    closing: bool = False
    zone: str = ""
    ignored: tuple[str, ...] = ()


def plain(name: str) -> str:
    """A column's name without the ways in which names differ."""
    return re.sub(
        r"[^0-9a-z\u3040-\u30ff\u4e00-\u9fff]+", "_", name.strip().strip("\"'").lower()
    ).strip("_")


def count_recognised(names: Sequence[str]) -> int:
    """How many of the five values stand there by name."""
    known = {plain(name) for name in names}
    return sum(any(alias in known for alias in aliases) for aliases in _VALUES.values())


def by_name(where: str, names: Sequence[str], *, layout: str = "") -> Roles:
    """The roles of named columns. Raises `UserError` where one is missing or could be two."""
    plains = [plain(name) for name in names]
    told = ", ".join(name.strip() or "(no name)" for name in names)[:120]
    of: dict[str, int] = {}
    for role, aliases in _VALUES.items():
        found = _first(aliases, plains, names, where)
        if found is None:
            missing = (
                f"has no {role} column"
                if count_recognised(names) >= len(PRICES) - 1
                else f"the columns are {told!r}"
            )
            raise UserError(
                f"{where}: {missing}: {told!r}" if "has no" in missing else f"{where}: {missing}",
                remedy=WANTED,
            )
        of[role] = found
    zones = [_ZONED.match(name) for name in plains]
    bare = [match.group(1) if match else name for name, match in zip(plains, zones, strict=True)]
    taken = set(of.values())
    free = [name if column not in taken else "\0" for column, name in enumerate(bare)]
    at, closing = _first(_TIMES, free, names, where), False
    if at is None:
        at, closing = _first(_CLOSING, free, names, where), True
    if at is None:
        raise UserError(f"{where}: has no time column: {told!r}", remedy=WANTED)
    clock = None
    if "date" in bare and "time" in bare and bare[at] in {"date", "time"}:
        at, clock = bare.index("date"), bare.index("time")
    zone = zones[at]
    used = {*of.values(), at, clock}
    return Roles(
        of={"timestamp": at, **of},
        layout=layout or _layout_name(names, plains),
        clock=clock,
        closing=closing,
        zone="" if zone is None else zone.group(2).upper(),
        ignored=tuple(
            name.strip() for column, name in enumerate(names) if column not in used and name.strip()
        ),
    )


def _first(
    aliases: Sequence[str], plains: Sequence[str], names: Sequence[str], where: str
) -> int | None:
    """The column of the best name; of two that differ in letters' size only, the small single
    letter (Binance's t and T).
    """
    for alias in aliases:
        found = [column for column, name in enumerate(plains) if name == alias]
        exact = [column for column in found if names[column].strip() == alias]
        if len(found) > _TWO_AGREE and not (len(alias) == 1 and len(exact) == 1) and alias:
            raise UserError(
                f"{where}: {names[found[1]].strip()!r} stands there twice",
                remedy="take out the one that is not meant",
            )
        if found:
            return exact[0] if exact else found[0]
    return None


def _layout_name(names: Sequence[str], plains: Sequence[str]) -> str:
    if _BINANCE & set(plains):
        return "Binance klines with a header"
    if tuple(names) == COLUMNS:
        return "plain candles"
    if names[0] == "time" and "Volume" in names:
        return "TradingView export"
    if plains[0] in {"", "date", "datetime", "unnamed_0"}:
        return "table with dates"
    return "table with a header"


def by_position(where: str, rows: Sequence[Sequence[float | None]], *, layout: str = "") -> Roles:
    """The roles of columns without names, from the first rows as numbers (None where a cell is
    none, as a date is).

    Known are: time, open, high, low, close, volume and more after them (ccxt, freqtrade, Kraken's
    files); Binance's twelve; Kraken's answers, with a mean price before the volume; Coinbase's,
    with low and high first; bitbank's, with the time last.
    """
    width = min(map(len, rows), default=0)
    if width < len(COLUMNS):
        found = f"{width} columns without names" if width else "no columns"
        raise UserError(
            f"{where}: {found}, wanted are at least a time, four prices and a volume", remedy=WANTED
        )
    six = dict(zip(COLUMNS, range(6), strict=True))
    if _is_timelike(rows, 5) and not _is_timelike(rows, 0):
        return Roles(
            of={"timestamp": 5, "open": 0, "high": 1, "low": 2, "close": 3, "volume": 4},
            layout="bitbank candlesticks",
        )
    if not _is_timelike(rows, 0) and any(row[0] is not None for row in rows):
        raise UserError(
            f"{where}: the first column is no time, and no column has a name", remedy=WANTED
        )
    if not _is_bracketed(rows, six) and _is_bracketed(
        rows, coinbase := dict(zip(COLUMNS, (0, 3, 2, 1, 4, 5), strict=True))
    ):
        return Roles(of=coinbase, layout="Coinbase candles (low and high before open)")
    if width >= 8 and _is_between(rows, 5):  # noqa: PLR2004 - Kraken's eight
        return Roles(of={**six, "volume": 6}, layout="Kraken candles")
    if _is_between(rows, 5):
        raise UserError(f"{where}: the sixth column holds prices, no volume", remedy=WANTED)
    # Binance's twelve, the last of them unused.
    if width >= 11 and _is_timelike(rows, 6):  # noqa: PLR2004
        return Roles(of=six, layout="Binance klines")
    return Roles(of=six, layout=layout or "rows without a header")


def _is_timelike(rows: Sequence[Sequence[float | None]], column: int) -> bool:
    """Whether it could be seconds or a finer unit since 1970; a price of bitcoin in yen is far
    below.
    """
    return all(row[column] is not None and row[column] >= _EARLIEST for row in rows)  # type: ignore[operator]


def _is_bracketed(rows: Sequence[Sequence[float | None]], of: dict[str, int]) -> bool:
    """Whether high and low enclose open and close in every row that has numbers."""
    for row in rows:
        open_, high, low, close = (row[of[name]] for name in PRICES)
        if None in {open_, high, low, close}:
            continue
        if not (low <= min(open_, close) and high >= max(open_, close)):  # type: ignore[operator,type-var]
            return False
    return True


def _is_between(rows: Sequence[Sequence[float | None]], column: int) -> bool:
    """Whether a column's number lies within each row's high and low, as only a price does."""
    cells = [
        (row[3], row[column], row[2]) for row in rows if None not in {row[2], row[3], row[column]}
    ]
    return bool(cells) and all(low <= value <= high for low, value, high in cells if low)  # type: ignore[operator]
