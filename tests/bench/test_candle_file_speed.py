"""How much memory and time a long candle file takes, beside pandas' own reading of it.

Times are reported and never fail.

scripts/bot test --full tests/bench/test_candle_file_speed.py
"""

import gzip
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
BLOCK = 500_000
MINUTE = 60_000
FIRST_AT = 1_300_000_020_000 // MINUTE * MINUTE
BYTES_A_ROW, BASE_MB = 110, 260
"""Six columns and the lines, once more while they are put together; the interpreter with numpy,
pandas and pyarrow."""
OURS = "from shared.market.files import read; count = len(read({path!r}).candles)"
THEIRS = "import pandas; count = len(pandas.read_csv({path!r}))"
MEASURED = (
    "import time; from pathlib import Path; began = time.perf_counter()\n{program}\n"
    "took = time.perf_counter() - began\n"
    "peak = Path('/proc/self/status').read_text().split('VmHWM:')[1].split()[0]\n"
    "print(count, took, int(peak) / 1024)\n"
)
"""The highest resident memory since the program began; `getrusage` would count what its parent
held."""
pytestmark = pytest.mark.skipif(
    not Path("/proc/self/status").exists(), reason="procfs: reads memory from /proc"
)


def written(path: Path, count: int) -> Path:
    """One-minute candles, made piece by piece."""
    random, last = np.random.default_rng(1), 10_000_000
    with path.open("w") as out:
        out.write("timestamp,open,high,low,close,volume\n")
        for first in range(0, count, BLOCK):
            rows = min(BLOCK, count - first)
            close = last + np.cumsum(random.integers(-50, 51, rows))
            open_ = np.concatenate([[last], close[:-1]])
            last = int(close[-1])
            lots = random.integers(0, 90_000, rows)
            table = (
                FIRST_AT + (first + np.arange(rows)) * MINUTE,
                *(open_, np.maximum(open_, close) + 9, np.minimum(open_, close) - 9, close),
                *(lots // 10_000, lots % 10_000),
            )
            cells = zip(*(one.tolist() for one in table), strict=True)
            out.write(
                "".join(
                    f"{t},{o},{h},{low},{c},{whole}.{rest:04d}\n"
                    for t, o, h, low, c, whole, rest in cells
                )
            )
    return path


def measured(program: str) -> tuple[int, float, float]:
    """Rows, seconds and the highest resident memory in MB of a process of its own."""
    text = MEASURED.format(program=program)
    done = subprocess.run(
        [sys.executable, "-c", text], cwd=ROOT, capture_output=True, text=True, check=True
    )
    count, took, peak = done.stdout.split()
    return int(count), float(took), float(peak)


def test_memory_grows_with_the_numbers_and_not_with_the_text(tmp_path, full, capsys) -> None:
    count = 10_000_000 if full else 400_000
    path = str(written(tmp_path / "long.csv", count))
    rows, seconds, peak_mb = measured(OURS.format(path=path))
    their_rows, their_seconds, their_peak_mb = measured(THEIRS.format(path=path))
    assert rows == their_rows == count
    assert peak_mb < BASE_MB + BYTES_A_ROW * count / 1e6
    assert peak_mb < 1_500
    with capsys.disabled():
        print(
            f"\n{count:,} rows: {seconds:.1f} s and {peak_mb:.0f} MB; pandas.read_csv alone"
            f" {their_seconds:.1f} s and {their_peak_mb:.0f} MB; ratio of times"
            f" {seconds / their_seconds:.2f}"
        )


@pytest.mark.parametrize(
    "line",
    [b"0", b"\n", b"1735689600000,10,12,9,11,0.5\n"],
    ids=["a line", "no lines", "one candle"],
)
def test_a_small_file_that_unpacks_to_a_huge_one_is_refused_by_a_limit_that_is_told(
    tmp_path, full, line
) -> None:
    """Two gibibytes behind two megabytes: it is read in pieces, and the process stays small."""
    size = (2 << 30) + (1 << 22) if full else 1 << 23
    path = tmp_path / "bomb.csv.gz"
    with gzip.open(path, "wb", compresslevel=6) as out:
        out.write(b"timestamp,open,high,low,close,volume\n")
        piece = line * ((1 << 20) // len(line))
        for _ in range(size // len(piece)):
            out.write(piece)
    assert path.stat().st_size < size / 200
    program = (
        "from shared.core.errors import UserError\nfrom shared.market.files import read\n"
        f"try:\n    count = len(read({str(path)!r}).candles)\n"
        "except UserError as error:\n    count, told = 0, str(error)\n"
        "import sys; sys.stderr.write(told)"
    )
    text = MEASURED.format(program=program)
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", text], cwd=ROOT, capture_output=True, text=True, check=True
    )
    count, _, peak = done.stdout.split()
    assert int(count) == 0
    assert float(peak) < (1_500 if full else 400)
    assert "bomb.csv.gz" in done.stderr
    if full:
        assert any(word in done.stderr for word in ("GiB", "KiB", "MiB", "lines", "rows"))
    assert time.monotonic() - began < 300
