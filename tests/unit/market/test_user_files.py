"""Candle files as people have them: every layout gives the same candles, every broken file one
sentence with its place.
"""

import bz2
import gzip
import io
import json
import lzma
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from shared.core.errors import UserError
from shared.core.types import Candles
from shared.market.candles import COLUMNS
from shared.market.files import read

T0, STEP = 1_735_300_800_000, 900_000  # 2024-12-27 12:00 UTC, so that the rows cross the new year
JST = timezone(timedelta(hours=9))
COUNT = 700


def made(count: int = COUNT, *, step: int = STEP) -> pd.DataFrame:
    """Candles as a frame of integers and floats, oldest first."""
    random = np.random.default_rng(5)
    close = 10_000_000 + np.cumsum(random.integers(-900, 901, count))
    open_ = np.concatenate([[10_000_000], close[:-1]])
    high, low = (
        np.maximum(open_, close) + random.integers(0, 500, count),
        np.minimum(open_, close) - random.integers(0, 500, count),
    )
    return pd.DataFrame(
        {
            "timestamp": T0 + np.arange(count) * step,
            "open": open_,
            "high": high,
            "low": low,
            "close": close,
            "volume": np.round(random.uniform(0.0, 9.0, count), 8),
        }
    )


FRAME = made()


def plain(path: Path) -> Path:
    FRAME.to_csv(path, index=False)
    return path


@pytest.fixture(scope="module")
def wanted(tmp_path_factory) -> Candles:
    found = read(plain(tmp_path_factory.mktemp("plain") / "plain.csv")).candles
    assert np.array_equal(found.opened_at, FRAME["timestamp"])
    for name in COLUMNS[1:]:
        assert np.array_equal(getattr(found, name), FRAME[name].to_numpy(dtype=np.float64)), name
    return found


def same(one: Candles, other: Candles) -> bool:
    return one.timeframe is other.timeframe and all(
        np.array_equal(getattr(one, name), getattr(other, name))
        for name in ("opened_at", *COLUMNS[1:])
    )


# layouts


def csv(frame: pd.DataFrame = FRAME, **how) -> bytes:
    return frame.to_csv(**{"index": False, **how}).encode()


def rows(frame: pd.DataFrame = FRAME) -> list[list[float]]:
    return [[int(row[0]), *row[1:]] for row in frame.to_numpy().tolist()]


def dated(zone: timezone | None = UTC, *, name: str = "date") -> pd.DataFrame:
    at = pd.to_datetime(FRAME["timestamp"], unit="ms", utc=True)
    at = at.dt.tz_convert(zone) if zone else at.dt.tz_convert(JST).dt.tz_localize(None)
    return FRAME.drop(columns="timestamp").set_index(pd.Index(at, name=name))


def binance(factor: int = 1, *, header: bool = False) -> bytes:
    at = FRAME["timestamp"] * factor
    table = FRAME.assign(
        timestamp=at,
        close_time=(FRAME["timestamp"] + STEP) * factor - 1,
        quote_volume=FRAME["volume"] * 1e7,
        count=7,
        taker_buy_volume=0.1,
        taker_buy_quote_volume=5.5,
        ignore=0,
    ).rename(columns={"timestamp": "open_time"})
    return csv(table, header=header)


def zipped(data: bytes, name: str = "BTCJPY-15m-2025-01.csv") -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, data)
    return out.getvalue()


def binance_joined() -> bytes:
    """Monthly files one after another: milliseconds until the end of 2024, microseconds from 2025
    on.
    """
    old = int((FRAME["timestamp"] < 1_735_689_600_000).sum())
    assert 100 < old < COUNT - 100
    lines = binance().splitlines(), binance(1000).splitlines()
    return b"\n".join([*lines[0][:old], *lines[1][old:], b""])


def tradingview(*, iso: bool = False) -> bytes:
    times = FRAME["timestamp"] // 1000
    if iso:
        times = [datetime.fromtimestamp(at, JST).isoformat() for at in times]
    table = FRAME.assign(timestamp=times, rsi=51.5, ma=np.nan)
    return csv(
        table.set_axis(
            ["time", "open", "high", "low", "close", "Volume", "RSI", "Volume MA"], axis=1
        )
    )


def bitbank() -> bytes:
    ohlcv = [
        [str(o), str(h), str(low), str(c), f"{v:.8f}", t]
        for t, o, h, low, c, v in FRAME.itertuples(index=False)
    ]
    data = {"candlestick": [{"type": "15min", "ohlcv": ohlcv}], "timestamp": 1}
    return json.dumps({"success": 1, "data": data}).encode()


def german() -> bytes:
    return csv(FRAME.assign(open=FRAME["open"] + 0.0), sep=";", decimal=",")


def parquet(frame: pd.DataFrame, **how) -> bytes:
    out = io.BytesIO()
    frame.to_parquet(out, **how)
    return out.getvalue()


def feather() -> bytes:
    out = io.BytesIO()
    dated().reset_index().to_feather(out)
    return out.getvalue()


def strftime(pattern: str, zone: timezone = JST) -> list[str]:
    return [datetime.fromtimestamp(at / 1000, zone).strftime(pattern) for at in FRAME["timestamp"]]


def with_times(times: list[str], name: str = "time", **how) -> bytes:
    return csv(FRAME.assign(timestamp=times).rename(columns={"timestamp": name}), **how)


def named(names: list[str], frame: pd.DataFrame = FRAME, **how) -> bytes:
    return csv(frame.set_axis(names, axis=1), **how)


def zstd(data: bytes) -> bytes:
    return pa.compress(data, codec="zstd", asbytes=True)


def archive_file() -> bytes:
    out = io.BytesIO()
    pq.write_table(
        pa.Table.from_pandas(
            FRAME.rename(columns={"timestamp": "opened_at"}), preserve_index=False
        ),
        out,
    )
    return out.getvalue()


SERIALS = [repr((at / 1000 + 9 * 3600) / 86_400 + 25_569) for at in FRAME["timestamp"]]
KRAKEN = [
    [t // 1000, str(o), str(h), str(lo), str(c), str((h + lo) / 2), str(v), 5]
    for t, o, h, lo, c, v in rows()
]

LAYOUTS: dict[str, tuple[str, Callable[[], bytes], str, str | None]] = {
    "gzip": ("a.csv.gz", lambda: gzip.compress(csv()), "plain candles", None),
    "bz2": ("a.csv.bz2", lambda: bz2.compress(csv()), "plain candles", None),
    "xz": ("a.csv.xz", lambda: lzma.compress(csv()), "plain candles", None),
    "zstd": ("a.csv.zst", lambda: zstd(csv()), "plain candles", None),
    "zip": ("a.zip", lambda: zipped(csv()), "plain candles", None),
    "zip in gzip": ("a.bin", lambda: gzip.compress(zipped(csv())), "plain candles", None),
    "gzip named csv": ("a.csv", lambda: gzip.compress(csv()), "plain candles", None),
    "a byte order mark": ("a.csv", lambda: b"\xef\xbb\xbf" + csv(), "plain candles", None),
    "CRLF": ("a.csv", lambda: csv(lineterminator="\r\n"), "plain candles", None),
    "CR": ("a.csv", lambda: csv(lineterminator="\r"), "plain candles", None),
    "quoted": ("a.csv", lambda: csv(quoting=1), "plain candles", None),
    "spaces after commas": (
        "a.csv",
        lambda: csv().replace(b",", b", "),
        "table with a header",
        None,
    ),
    "tabs": ("a.tsv", lambda: csv(sep="\t"), "tabs", None),
    "semicolons": ("a.csv", lambda: csv(sep=";"), "semicolons", None),
    "semicolons and decimal comma": ("a.csv", german, "decimal comma", None),
    "Excel's unicode text": (
        "a.txt",
        lambda: csv(sep="\t").decode().encode("utf-16"),
        "utf-16",
        None,
    ),
    "capital names": (
        "a.csv",
        lambda: named(["Timestamp", "Open", "HIGH", "Low", "Close", "Volume"]),
        "a header",
        None,
    ),
    "Japanese names": (
        "a.csv",
        lambda: named(["日時", "始値", "高値", "安値", "終値", "出来高"]),
        "a header",
        None,
    ),
    "Japanese names in Shift JIS": (
        "a.csv",
        lambda: named(["日時", "始値", "高値", "安値", "終値", "出来高"]).decode().encode("cp932"),
        "cp932",
        None,
    ),
    "one letter names": ("a.csv", lambda: named(["t", "o", "h", "l", "c", "v"]), "a header", None),
    "extra columns": (
        "a.csv",
        lambda: csv(FRAME.assign(trades=3, note="x, y", vwap=1.5)),
        "not used: trades, note, vwap",
        None,
    ),
    "seconds": (
        "a.csv",
        lambda: csv(FRAME.assign(timestamp=FRAME["timestamp"] // 1000)),
        "seconds",
        None,
    ),
    "seconds with a point": (
        "a.csv",
        lambda: csv(FRAME.assign(timestamp=FRAME["timestamp"] / 1000)),
        "seconds",
        None,
    ),
    "microseconds": (
        "a.csv",
        lambda: csv(FRAME.assign(timestamp=FRAME["timestamp"] * 1000)),
        "microseconds",
        None,
    ),
    "nanoseconds": (
        "a.csv",
        lambda: csv(FRAME.assign(timestamp=FRAME["timestamp"] * 1_000_000)),
        "nanoseconds",
        None,
    ),
    "newest first": ("a.csv", lambda: csv(FRAME[::-1]), "newest first", None),
    "equal rows twice": (
        "a.csv",
        lambda: csv(FRAME.loc[FRAME.index.repeat(2)]),
        "700 equal rows dropped",
        None,
    ),
    "files joined with their headers": (
        "a.csv",
        lambda: csv(FRAME[:300]) + csv(FRAME[300:]),
        "plain candles",
        None,
    ),
    "a site's line before the header": (
        "a.csv",
        lambda: b"https://www.site.example/\n" + csv(),
        "plain candles",
        None,
    ),
    "commented lines before the header": (
        "a.csv",
        lambda: b"# BTC/JPY\n# made, by hand\n\n" + csv(),
        "plain candles",
        None,
    ),
    "no header": ("a.csv", lambda: csv(header=False), "rows without a header", None),
    "ccxt": ("a.json", lambda: json.dumps(rows()).encode(), "JSON rows (ccxt, freqtrade)", None),
    "ccxt, indented": (
        "a.json",
        lambda: json.dumps(rows(), indent=2).encode(),
        "JSON rows (ccxt, freqtrade)",
        None,
    ),
    "freqtrade JSON": (
        "BTC_JPY-15m.json.gz",
        lambda: gzip.compress(json.dumps(rows()).encode()),
        "freqtrade",
        None,
    ),
    "freqtrade feather": ("BTC_JPY-15m.feather", feather, "feather", None),
    "to_csv with a UTC index": (
        "a.csv",
        lambda: csv(dated(), index=True),
        "table with dates",
        None,
    ),
    "to_csv with a JST index": (
        "a.csv",
        lambda: csv(dated(JST), index=True),
        "dates with an offset",
        None,
    ),
    "to_csv with a naive index": (
        "a.csv",
        lambda: csv(dated(None), index=True),
        "dates read as Asia/Tokyo",
        "Asia/Tokyo",
    ),
    "to_csv with a nameless index": (
        "a.csv",
        lambda: csv(dated(name=""), index=True),
        "table with dates",
        None,
    ),
    "to_csv with a counting index": (
        "a.csv",
        lambda: csv(dated().reset_index(), index=True),
        "table with dates",
        None,
    ),
    "to_csv of a day beside a time": (
        "a.csv",
        lambda: csv(
            FRAME.assign(timestamp=strftime("%Y-%m-%d"), time=strftime("%H:%M")).rename(
                columns={"timestamp": "date"}
            )
        ),
        "dates read as JST",
        "JST",
    ),
    "to_json": ("a.json", lambda: FRAME.to_json().encode(), "JSON with named values", None),
    "to_json records": (
        "a.json",
        lambda: FRAME.to_json(orient="records").encode(),
        "JSON with named values",
        None,
    ),
    "to_json lines": (
        "a.jsonl",
        lambda: FRAME.to_json(orient="records", lines=True).encode(),
        "JSON with named",
        None,
    ),
    "to_json split": (
        "a.json",
        lambda: dated().to_json(orient="split", date_format="iso").encode(),
        "JSON with named",
        None,
    ),
    "to_json index": (
        "a.json",
        lambda: dated().to_json(orient="index", date_format="iso").encode(),
        "JSON with named",
        None,
    ),
    "to_json columns of dates": (
        "a.json",
        lambda: dated().to_json(date_format="iso").encode(),
        "JSON with named",
        None,
    ),
    "to_json values": (
        "a.json",
        lambda: FRAME.to_json(orient="values").encode(),
        "JSON rows",
        None,
    ),
    "to_json table": (
        "a.json",
        lambda: dated().to_json(orient="table").encode(),
        "JSON with named",
        None,
    ),
    "Binance": ("a.csv", binance, "Binance klines", None),
    "Binance zip": ("a.zip", lambda: zipped(binance()), "Binance klines", None),
    "Binance since 2025": ("a.zip", lambda: zipped(binance(1000)), "microseconds", None),
    "Binance months joined": (
        "a.csv.gz",
        lambda: gzip.compress(binance_joined()),
        "units of time are mixed",
        None,
    ),
    "Binance futures": (
        "a.zip",
        lambda: zipped(binance(header=True)),
        "Binance klines with a header",
        None,
    ),
    "Binance's answer": (
        "a.json",
        lambda: json.dumps([[*row, 0, "1", 1, "1", "1", "0"] for row in rows()]).encode(),
        "JSON",
        None,
    ),
    "TradingView": ("BITBANK_BTCJPY, 15.csv", tradingview, "TradingView export", None),
    "TradingView with ISO times": (
        "a.csv",
        lambda: tradingview(iso=True),
        "TradingView export",
        None,
    ),
    "bitbank": ("20250101.json", bitbank, "bitbank candlesticks", None),
    "the archive's own file": ("20250101.parquet", archive_file, "Parquet", None),
    "Kraken": (
        "a.json",
        lambda: json.dumps({"error": [], "result": {"XXBTZJPY": KRAKEN, "last": 1}}).encode(),
        "Kraken",
        None,
    ),
    "Coinbase": (
        "a.json",
        lambda: json.dumps(
            [[t // 1000, lo, h, o, c, v] for t, o, h, lo, c, v in rows()][::-1]
        ).encode(),
        "Coinbase",
        None,
    ),
    "GMO": (
        "a.json",
        lambda: json.dumps(
            {
                "status": 0,
                "data": [
                    dict(zip(("openTime", *COLUMNS[1:]), map(str, row), strict=True))
                    for row in rows()
                ],
            }
        ).encode(),
        "JSON with named",
        None,
    ),
    "a chart's columns": (
        "a.json",
        lambda: json.dumps(
            {"s": "ok", **dict(zip("tohlcv", map(list, zip(*rows(), strict=True)), strict=True))}
        ).encode(),
        "JSON with named",
        None,
    ),
    "Parquet of dates": ("a.parquet", lambda: parquet(dated().reset_index()), "Parquet", None),
    "Parquet with a date index": (
        "a.parquet",
        lambda: parquet(dated(JST)),
        "dates with a zone",
        None,
    ),
    "Parquet with naive dates": (
        "a.parquet",
        lambda: parquet(dated(None)),
        "dates read as +09:00",
        "+09:00",
    ),
    "Parquet with a nameless index": (
        "a.parquet",
        lambda: parquet(dated(name=None)),
        "Parquet",
        None,
    ),
    "Parquet of text": ("a.parquet", lambda: parquet(FRAME.astype(str)), "Parquet", None),
    "Excel's dates": (
        "a.csv",
        lambda: with_times(strftime("%Y/%-m/%-d %-H:%M")),
        "dates read as Asia/Tokyo",
        "Asia/Tokyo",
    ),
    "American dates": (
        "a.csv",
        lambda: with_times(strftime("%m/%d/%Y %H:%M")),
        "dates read as JST",
        "JST",
    ),
    "American dates of twelve hours": (
        "a.csv",
        lambda: with_times(strftime("%m/%d/%Y %I:%M %p")),
        "as JST",
        "JST",
    ),
    "European dates": (
        "a.csv",
        lambda: with_times(strftime("%d.%m.%Y %H:%M:%S")),
        "dates read as JST",
        "JST",
    ),
    "Dukascopy": (
        "a.csv",
        lambda: with_times(strftime("%d.%m.%Y %H:%M:%S.000 GMT+0900"), "Gmt time"),
        "an offset",
        None,
    ),
    "dates that say UTC": (
        "a.csv",
        lambda: with_times(strftime("%Y-%m-%d %H:%M:%S UTC", UTC)),
        "an offset",
        None,
    ),
    "a name that says UTC": (
        "a.csv",
        lambda: with_times(strftime("%Y-%m-%d %H:%M", UTC), "Date (UTC)"),
        "as UTC",
        None,
    ),
    "digits": ("a.csv", lambda: with_times(strftime("%Y%m%d%H%M%S")), "dates read as JST", "JST"),
    "Excel's days": ("a.csv", lambda: with_times(SERIALS), "Excel's days read as JST", "JST"),
    "closing times": (
        "a.csv",
        lambda: named(
            ["close_time", *COLUMNS[1:]], FRAME.assign(timestamp=FRAME["timestamp"] + STEP)
        ),
        "closes",
        None,
    ),
    "closing times of Binance": (
        "a.csv",
        lambda: csv(FRAME.assign(timestamp=FRAME["timestamp"] + STEP - 1)),
        "closes",
        None,
    ),
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_layout_gives_the_same_candles_as_the_plain_one_and_says_what_it_is(
    tmp_path, wanted, name
) -> None:
    file, made_of, told, zone = LAYOUTS[name]
    (tmp_path / file).write_bytes(made_of())
    found = read(tmp_path / file, timezone=zone)
    assert same(found.candles, wanted), found.understood
    assert told in str(found.understood)
    assert "700 candles of 15m" in str(found.understood)


def test_at_least_sixteen_layouts_are_tried() -> None:
    assert len(LAYOUTS) >= 70


# what is told of them


def test_what_is_told_names_layout_number_unit_order_and_what_was_left_out(tmp_path) -> None:
    (tmp_path / "a.csv").write_bytes(tradingview())
    told = str(read(tmp_path / "a.csv").understood)
    assert (
        told
        == "TradingView export, 700 candles of 15m, times in seconds, oldest first; not used: RSI,"
        " Volume MA"
    )


def test_a_time_zone_that_is_not_needed_is_said_to_be_so(tmp_path, wanted) -> None:
    found = read(plain(tmp_path / "a.csv"), timezone="Asia/Tokyo")
    assert same(found.candles, wanted)
    assert "was not needed" in str(found.understood)


@pytest.mark.parametrize("zone", ["Mars", "", "+99", "../etc/passwd"])
def test_a_zone_that_is_none_is_refused(tmp_path, zone) -> None:
    with pytest.raises(UserError, match="--timezone was"):
        read(plain(tmp_path / "a.csv"), timezone=zone)


@pytest.mark.parametrize(
    ("step", "told"), [(60_000, "1m"), (300_000, "5m"), (3_600_000, "1h"), (14_400_000, "4h")]
)
def test_the_files_own_timeframe_is_told_also_where_candles_are_put_together(
    tmp_path, step, told
) -> None:
    (tmp_path / "a.csv").write_bytes(csv(made(step=step)))
    found = read(tmp_path / "a.csv")
    assert f"700 candles of {told}" in str(found.understood)
    assert found.candles.timeframe.ms % step == 0


def test_a_file_of_many_chunks_is_read_as_one_of_one(tmp_path, wanted, monkeypatch) -> None:
    from shared.market.files import text

    path = tmp_path / "a.csv"
    path.write_bytes(csv(FRAME[:300]) + b"\n\n" + csv(FRAME[300:]))
    for rows_at_once in (1, 7, 299, 300, 301, 10_000):
        monkeypatch.setattr(text, "CHUNK_ROWS", rows_at_once)
        assert same(read(path).candles, wanted)


# broken files


def with_row(row: int, **cells) -> pd.DataFrame:
    frame = FRAME.astype(object)
    for name, cell in cells.items():
        frame.loc[row, name] = cell
    return frame


def bomb(line: bytes, size: int) -> bytes:
    """A gzip of `size` bytes of one line, again and again: a thousandth of that on disk."""
    packed, piece = io.BytesIO(), line * (1 << 14)
    with gzip.GzipFile(fileobj=packed, mode="wb", compresslevel=9) as out:
        for _ in range(size // len(piece)):
            out.write(piece)
    return packed.getvalue()


def shuffled() -> pd.DataFrame:
    return FRAME.sample(frac=1.0, random_state=3)


def mixed_timeframes() -> pd.DataFrame:
    later = made(50, step=3_600_000)
    return pd.concat([FRAME, later.assign(timestamp=later["timestamp"] - T0 + T0 + 2_000 * STEP)])


def flipped(data: bytes) -> bytes:
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 0xFF]) + data[middle + 1 :]


def excel() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("[Content_Types].xml", "<x/>")
        archive.writestr("xl/workbook.xml", "<x/>")
    return out.getvalue()


def two_files() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("a.csv", csv())
        archive.writestr("b.csv", csv())
    return out.getvalue()


def json_rows(row: int, cells: list) -> bytes:
    table = rows()
    table[row] = cells
    return json.dumps(table).encode()


def line_cut(line: int, by: int = 1) -> bytes:
    lines = csv().splitlines()
    lines[line - 1] = lines[line - 1].rsplit(b",", by)[0]
    return b"\n".join(lines) + b"\n"


def rows_more(cells: bytes) -> bytes:
    header, *lines = csv().splitlines()
    return b"\n".join([header, *(line + cells for line in lines)]) + b"\n"


def line_more(line: int) -> bytes:
    lines = csv().splitlines()
    lines[line - 1] += b",1"
    return b"\n".join(lines) + b"\n"


BROKEN: dict[str, tuple[str, Callable[[], bytes], str]] = {
    "a price of zero": (
        "a.csv",
        lambda: csv(with_row(7, low=0)),
        "line 9 (2024-12-27 13:45 UTC): prices must be positive",
    ),
    "a price below zero": (
        "a.csv",
        lambda: csv(with_row(7, low=-5)),
        "line 9 (2024-12-27 13:45 UTC): prices must be positive",
    ),
    "prices of 1e20": (
        "a.csv",
        lambda: csv(FRAME.assign(high=1e20)),
        "line 2 (2024-12-27 12:00 UTC): prices must be at most",
    ),
    "one high of 1e300": (
        "a.csv",
        lambda: csv(with_row(300, high=1e300)),
        "line 302 (2024-12-30 15:00 UTC): prices must be at",
    ),
    "an infinite price": (
        "a.csv",
        lambda: csv(with_row(9, high="inf")),
        "line 11 (2024-12-27 14:15 UTC): prices must be finite",
    ),
    "NaN": ("a.csv", lambda: csv(with_row(9, open="NaN")), "line 11: open is missing"),
    "NaN in JSON": (
        "a.json",
        lambda: json_rows(4, [T0 + 4 * STEP, None, 2, 1, 1, 1]),
        "entry 5: open is missing",
    ),
    "a price with a fraction": (
        "a.csv",
        lambda: csv(with_row(2, open=10_000_000.5)),
        "line 4 (2024-12-27 12:30 UTC): prices must be whole",
    ),
    "high below low": (
        "a.csv",
        lambda: csv(with_row(2, high=5_000)),
        "line 4 (2024-12-27 12:30 UTC): high must be the highest",
    ),
    "low above the others": (
        "a.csv",
        lambda: csv(with_row(2, low=20_000_000)),
        "line 4 (2024-12-27 12:30 UTC): high must be",
    ),
    "low above the open": (
        "a.csv",
        lambda: csv(
            with_row(2, low=10_000_400, open=10_000_300, high=10_009_000, close=10_000_500)
        ),
        "line 4 (2024-12-27 12:30 UTC): low must be the lowest",
    ),
    "volume below zero": (
        "a.csv",
        lambda: csv(with_row(2, volume=-1)),
        "line 4 (2024-12-27 12:30 UTC): volume must be",
    ),
    "volume beyond all bitcoins": (
        "a.csv",
        lambda: csv(with_row(2, volume=1e9)),
        "line 4 (2024-12-27 12:30 UTC): volume must be at most",
    ),
    "no volume in a row": (
        "a.csv",
        lambda: csv(with_row(2, volume="")),
        "line 4: volume is missing",
    ),
    "a year of 2286": (
        "a.csv",
        lambda: csv(with_row(2, timestamp=9_999_999_999_999)),
        "line 4: '9999999999999' is no time",
    ),
    "a time of zero": ("a.csv", lambda: csv(with_row(2, timestamp=0)), "line 4: '0' is no time"),
    "a time before bitcoin": (
        "a.csv",
        lambda: csv(with_row(2, timestamp=946_684_800)),
        "line 4: '946684800' is no time",
    ),
    "a date of 2286": (
        "a.csv",
        lambda: with_times(["2286-01-01T00:00:00Z", *strftime("%Y-%m-%dT%H:%M:%S+09:00")[1:]]),
        "line 2: the year is 2286",
    ),
    "a date of 1999": (
        "a.csv",
        lambda: with_times(["1999-01-01T00:00:00Z", *strftime("%Y-%m-%dT%H:%M:%S+09:00")[1:]]),
        "line 2: the year is 1999",
    ),
    "a month of thirteen": (
        "a.csv",
        lambda: with_times(["2024-13-01T00:00:00Z", *strftime("%Y-%m-%dT%H:%M:%S+09:00")[1:]]),
        "line 2: the time '2024-13-01T00:00:00Z' cannot be read",
    ),
    "no time in a row": (
        "a.csv",
        lambda: csv(with_row(2, timestamp="")),
        "line 4: the time is missing",
    ),
    "a word for a time": (
        "a.csv",
        lambda: csv(with_row(2, timestamp="soon")),
        "line 4: the time 'soon' is no number",
    ),
    "a word for a price": (
        "a.csv",
        lambda: csv(with_row(2, open="abc")),
        "line 4: open 'abc' is no number",
    ),
    "a word for a price in JSON": (
        "a.json",
        lambda: json_rows(4, [T0 + 4 * STEP, 1, "x", 1, 1, 1]),
        "entry 5: high 'x' is no number",
    ),
    "a short row in JSON": (
        "a.json",
        lambda: json_rows(4, [T0, 1]),
        "entry 5: 2 values instead of 6",
    ),
    "no row in JSON": ("a.json", lambda: json_rows(4, {}), "entry 5: {} is no candle"),
    "separated thousands": (
        "a.csv",
        lambda: csv(with_row(2, open="10,000,000")),
        "line 4: open '10,000,000' is no number: thousands are",
    ),
    "a row cut short": ("a.csv", lambda: line_cut(5), "line 5: volume is missing"),
    "a row with more cells": ("a.csv", lambda: line_more(5), "line 5: 7 columns instead of 6"),
    "a header that names fewer": (
        "a.csv",
        lambda: rows_more(b",1"),
        "line 2: 7 columns instead of 6",
    ),
    "shuffled rows": ("a.csv", lambda: csv(shuffled()), "the file is disordered"),
    "one row out of order": (
        "a.csv",
        lambda: csv(pd.concat([FRAME[:50], FRAME[60:61], FRAME[50:60], FRAME[61:]])),
        "line 53: 2024-12-28 00:30 UTC comes after 2024-12-28 03:00 UTC, but most rows ascend",
    ),
    "one row out of order, newest first": (
        "a.csv",
        lambda: csv(pd.concat([FRAME[:50], FRAME[60:61], FRAME[50:60], FRAME[61:]])[::-1]),
        "but most rows descend",
    ),
    "two rows of one time": (
        "a.csv",
        lambda: csv(with_row(9, timestamp=T0 + 8 * STEP)),
        "line 11 (2024-12-27 14:00 UTC): the time stands there twice, with other values in line 10",
    ),
    "two rows of one time, newest first": (
        "a.csv",
        lambda: csv(with_row(9, timestamp=T0 + 8 * STEP)[::-1]),
        "stands there twice, with other values in line 692",
    ),
    "a time off the grid": (
        "a.csv",
        lambda: csv(with_row(9, timestamp=T0 + 9 * STEP + 60_000)),
        "line 11 (2024-12-27 14:16 UTC): a 15m candle must open on the grid",
    ),
    "two timeframes": (
        "a.csv",
        lambda: csv(mixed_timeframes()),
        (
            "line 702 (2025-01-17 08:00 UTC): timeframes are mixed: from here the candles are 1h"
            " apart, most others 15m"
        ),
    ),
    "days": (
        "a.csv",
        lambda: csv(made(step=86_400_000)),
        "holds 1d candles, which the bot cannot use",
    ),
    "seven minutes": ("a.csv", lambda: csv(made(step=420_000)), "holds 7m candles"),
    "seconds apart": ("a.csv", lambda: csv(made(step=1_000)), "holds 1s candles"),
    "flat": (
        "a.csv",
        lambda: csv(FRAME.assign(open=7, high=7, low=7, close=7)),
        "is flat: all prices of its 700 candles are 7",
    ),
    "one candle": ("a.csv", lambda: csv(FRAME[:1]), "too few candles"),
    "a header alone": ("a.csv", lambda: csv(FRAME[:0]), "holds no candles"),
    "nothing": ("a.csv", lambda: b"", "is empty"),
    "blank lines": ("a.csv", lambda: b"\n\r\n\n", "is empty"),
    "empty JSON": ("a.json", lambda: b"[]", "holds no candles: its JSON is []"),
    "a refusal of the exchange": (
        "a.json",
        lambda: b'{"success":0,"data":{"code":10000}}',
        "holds no candles: its JSON is {'success': 0",
    ),
    "JSON cut off": ("a.json", lambda: json.dumps(rows()).encode()[:-300], "is no whole JSON"),
    "deep JSON": ("a.json", lambda: b"[" * 200_000, "nested too deeply"),
    "deep JSON that ends": ("a.json", lambda: b"[" * 100_000 + b"]" * 100_000, "nested too deeply"),
    "a web page": (
        "a.csv",
        lambda: b"\n<!DOCTYPE html><html><body>timestamp,open</body></html>",
        "is a web page",
    ),
    "binary junk": ("a.csv", lambda: np.random.default_rng(1).bytes(5_000), "is not text"),
    "bytes without zeros": ("a.csv", lambda: bytes(range(128, 256)), "is not text"),
    "text": (
        "a.txt",
        lambda: b"Dear customer,\nhere are your candles.\n",
        "line 1: the columns are 'Dear customer",
    ),
    "no volume column": (
        "a.csv",
        lambda: csv(FRAME.drop(columns="volume")),
        "line 1: has no volume column",
    ),
    "no time column": (
        "a.csv",
        lambda: csv(FRAME.drop(columns="timestamp")),
        "line 1: has no time column",
    ),
    "no volume and no header": (
        "a.csv",
        lambda: csv(FRAME.drop(columns="volume"), header=False),
        "line 1: 5 columns without names",
    ),
    "a mean price in place of the volume": (
        "a.csv",
        lambda: csv(FRAME.assign(volume=FRAME["close"]), header=False),
        "the sixth column holds prices",
    ),
    "two columns of one name": (
        "a.csv",
        lambda: named([*COLUMNS, "Close"], FRAME.assign(more=1)),
        "line 1: 'Close' stands there twice",
    ),
    "gzip cut off": ("a.csv.gz", lambda: gzip.compress(csv())[:-20], "no whole gzip"),
    "gzip damaged": ("a.csv.gz", lambda: flipped(gzip.compress(csv())), "no whole gzip"),
    "bz2 cut off": ("a.csv.bz2", lambda: bz2.compress(csv())[:-20], "no whole bz2"),
    "xz cut off": ("a.csv.xz", lambda: lzma.compress(csv())[:-20], "no whole xz"),
    "zstd cut off": ("a.csv.zst", lambda: zstd(csv())[:-20], "no whole zstd"),
    "zip cut off": ("a.zip", lambda: zipped(csv())[:-20], "no whole zip"),
    "a zip of two": ("a.zip", two_files, "a zip archive of 2 files"),
    "an Excel workbook": ("a.xlsx", excel, "is an Excel workbook"),
    "a pickle": ("a.pkl", lambda: b"\x80\x04\x95\x00", "is a pickle"),
    "gzip in gzip in gzip in gzip": (
        "a.gz",
        lambda: gzip.compress(gzip.compress(gzip.compress(gzip.compress(b"x")))),
        "packed more than",
    ),
    "a line without an end": (
        "a.csv.gz",
        lambda: bomb(b"0" * 64, 1 << 26),
        "line 1: has more than 128 KiB",
    ),
    "Parquet cut off": ("a.parquet", lambda: parquet(FRAME)[:-20], "no whole Parquet"),
    "Parquet without a volume": (
        "a.parquet",
        lambda: parquet(FRAME.drop(columns="volume")),
        "has no volume column",
    ),
    "a Parquet row": (
        "a.parquet",
        lambda: parquet(with_row(4, high=5).astype(float)),
        "row 5 (2024-12-27 13:00 UTC): high must be",
    ),
    "a Parquet row without a close": (
        "a.parquet",
        lambda: parquet(with_row(4, close=None).astype(float)),
        "row 5: close is missing",
    ),
    "feather cut off": ("a.feather", lambda: feather()[:-20], "no whole feather"),
    "naive dates": (
        "a.csv",
        lambda: csv(dated(None), index=True),
        "line 2: the times name no zone",
    ),
    "naive dates in Parquet": (
        "a.parquet",
        lambda: parquet(dated(None)),
        "row 1: the times name no zone",
    ),
    "Excel's days": ("a.csv", lambda: with_times(SERIALS), "line 2: the times name no zone"),
    "one naive date": (
        "a.csv",
        lambda: with_times([*strftime("%Y-%m-%dT%H:%M:%SZ")[:-1], "2030-01-01T00:00:00"]),
        "line 701: the time '2030-01-01T00:00:00' has no offset",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_file_is_refused_by_one_sentence_with_its_place_and_a_remedy(
    tmp_path, name
) -> None:
    file, made_of, told = BROKEN[name]
    (tmp_path / file).write_bytes(made_of())
    with pytest.raises(UserError) as caught:
        read(tmp_path / file)
    assert str(caught.value).startswith(str(tmp_path / file))
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 450
    assert caught.value.remedy


def test_at_least_forty_broken_files_are_tried() -> None:
    assert len(BROKEN) >= 70


def test_days_and_months_that_could_be_either_are_not_guessed(tmp_path) -> None:
    days = ["01/02/2025 00:00", "01/02/2025 00:15", "01/02/2025 00:30"]
    (tmp_path / "a.csv").write_bytes(csv(FRAME[:3].assign(timestamp=days)))
    with pytest.raises(
        UserError, match="line 2: in '01/02/2025 00:00' day and month could be either"
    ):
        read(tmp_path / "a.csv", timezone="UTC")


def test_an_hour_that_a_zone_has_twice_is_refused(tmp_path) -> None:
    hours = ["2024-11-03 01:00", "2024-11-03 01:15", "2024-11-03 01:30"]
    (tmp_path / "a.csv").write_bytes(csv(FRAME[:3].assign(timestamp=hours)))
    with pytest.raises(
        UserError, match="line 2: this time is twice or never on the clocks of America/New_York"
    ):
        read(tmp_path / "a.csv", timezone="America/New_York")


@pytest.mark.parametrize("kind", ["missing", "a folder"])
def test_a_path_without_a_file_is_refused(tmp_path, kind) -> None:
    path = tmp_path if kind == "a folder" else tmp_path / "a.csv"
    with pytest.raises(
        UserError, match="is not a file" if kind == "a folder" else "does not exist"
    ):
        read(path)


def spoilt(data: bytes, random: np.random.Generator) -> bytes:
    """The bytes with one to fifty of them changed, put in, taken out, said twice or cut off."""
    text = bytearray(data)
    for _ in range(int(random.choice([1, 2, 5, 50]))):
        at = int(random.integers(len(text)))
        way = int(random.integers(5))
        if way == 0:
            text[at] = int(random.integers(256))
        elif way == 1:
            more = [b"\n", b",", b'"', b"\0", b"nan", b"1e300", b"\r\n\r\n", b"[", b"}", b";"]
            text[at:at] = more[int(random.integers(len(more)))]
        elif way == 2:
            del text[at : at + int(random.choice([1, 10, 1000]))]
        elif way == 3:
            text[at:at] = text[: int(random.integers(200))]
        else:
            del text[at:]
        if not text:
            break
    return bytes(text)


def test_whatever_becomes_of_a_file_it_is_read_or_refused_by_a_sentence(tmp_path, full) -> None:
    random, refused, tried = np.random.default_rng(3), [], 4_000 if full else 120
    names = list(LAYOUTS)
    for number in range(tried):
        file, made_of, _, zone = LAYOUTS[names[int(random.integers(len(names)))]]
        path = tmp_path / f"{number}-{file}"
        path.write_bytes(spoilt(made_of(), random))
        try:
            read(path, timezone=zone)
        except UserError as error:
            refused.append((path, error))
    assert len(refused) > tried / 2
    for path, error in refused:
        assert str(error).startswith(str(path))
        assert "\n" not in str(error)
        assert error.remedy


def test_a_damaged_zip_in_a_gzip_is_refused(tmp_path) -> None:
    whole = gzip.compress(zipped(csv()))
    (tmp_path / "a.gz").write_bytes(whole[:-1_000])
    with pytest.raises(UserError, match="no whole"):
        read(tmp_path / "a.gz")
