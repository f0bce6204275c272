"""How fast a replay is, beside other engines on the same work. Reports; a timing never fails.

scripts/bot test --full tests/bench/test_replay_speed.py
"""

from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest

from shared.core.types import Candles
from shared.replay.brackets import Exit
from tests.bench import ema_cross
from tests.bench.ema_cross import Traded, candles_of, quiet, timed

ROUNDING_YEN = 3.0
FOUR_YEARS = 1460


def same_trades(
    ours: Traded, theirs: Traded, *, slippage_rate: float = ema_cross.SLIPPAGE_RATE
) -> int:
    """All trades are the same: side, candles, and prices up to what whole yen and our least spread
    (a yen) make of them.
    """
    for name in ("side", "entry_row", "exit_row"):
        assert getattr(ours, name).tolist() == getattr(theirs, name).tolist()
    sign = ours.side
    for name, worse in (
        ("entry_price", 1 + sign * slippage_rate),
        ("exit_price", 1 - sign * slippage_rate),
    ):
        slipped = 1.0 if slippage_rate == 0.0 else worse
        ours_before, theirs_before = (
            getattr(ours, name) / _worse(name, sign),
            getattr(theirs, name) / slipped,
        )
        assert np.abs(ours_before - theirs_before).max() <= ROUNDING_YEN
    return len(ours)


def _worse(name: str, sign: np.ndarray) -> np.ndarray:
    return 1 + (1 if name == "entry_price" else -1) * sign * ema_cross.SLIPPAGE_RATE


def differences(ours: Traded, ends: np.ndarray, theirs: Traded) -> Counter[str]:
    """Compare trade by trade with vectorbt, which takes one order a candle and asks a stop before
    what trades at the open.

    Every difference must be one of these, or a consequence that ends with the next trade both make:
      * our stop in the entry's own candle, which vectorbt does not look at (and may lose an entry
        later, being still in);
      * our exit at an open in a candle that later reaches the stop: vectorbt says stop, and loses
        the entry at that open.
    """
    counts: Counter[str] = Counter()
    found = {int(row): at for at, row in enumerate(theirs.entry_row)}
    lost_at = -1
    for at, row in enumerate(ours.entry_row.tolist()):
        other = found.pop(row, None)
        if other is None:
            assert row == lost_at, row
            counts["an entry lost to a stop in its candle"] += 1
        elif theirs.exit_row[other] == ours.exit_row[at] and _near(ours, at, theirs, other):
            counts["the same"] += 1
        elif ours.exit_row[at] == row and ends[at] == Exit.STOP:
            counts["no stop in the entry's own candle"] += 1
            lost_at = int(theirs.exit_row[other])
        else:
            assert ends[at] == Exit.SIGNAL, row
            assert theirs.exit_row[other] == ours.exit_row[at], row
            counts["a stop before the exit at the open"] += 1
            lost_at = int(ours.exit_row[at])
    assert len(found) <= 1, "vectorbt made a trade that we did not"
    return counts


def _near(ours: Traded, at: int, theirs: Traded, other: int) -> bool:
    pairs = (
        (ours.entry_price[at], theirs.entry_price[other]),
        (ours.exit_price[at], theirs.exit_price[other]),
    )
    return all(abs(one - two) <= ROUNDING_YEN for one, two in pairs)


@pytest.mark.parametrize("both", [False, True])
def test_a_strategy_makes_the_same_trades_here_and_in_backtesting(both: bool) -> None:
    pytest.importorskip("backtesting", reason="backtesting is not installed")
    candles = candles_of(60)
    ours = ema_cross.traded_by_ours(
        ema_cross.in_ours(candles, ema_cross.signals(candles), both=both)
    )
    with quiet():
        theirs = ema_cross.traded_by_backtesting(ema_cross.in_backtesting(candles, both=both))
    assert same_trades(ours, theirs, slippage_rate=0.0) > 50


@pytest.mark.full
def test_report_a_cross_with_a_stop_beside_backtesting_vectorbt_and_a_compiled_loop(capsys) -> None:
    reason = "numba has no wheel for this Python or machine"
    with quiet():
        pytest.importorskip("backtesting", reason="backtesting is not installed")
        pytest.importorskip("numba", reason=reason)
        pytest.importorskip("vectorbt", reason=reason)
    candles = candles_of(FOUR_YEARS)
    with quiet():
        lines = [report(candles, both=both) for both in (False, True)]
    with capsys.disabled():
        print(
            f"\n{len(candles):,} candles of 15m; EMA 12/48 cross, stop 2 ATR; best of several,"
            " indicators included"
        )
        print("\n".join(lines))


def report(candles: Candles, *, both: bool) -> str:
    """Every engine gets from candles to a list of its trades; for vectorbt also what its users ask
    for next.
    """
    indicators, given = timed(lambda: ema_cross.signals(candles), 25)
    walking, trades = timed(lambda: ema_cross.in_ours(candles, given, both=both), 25)
    ours = ema_cross.traded_by_ours(trades)
    loop = ema_cross.compiled_loop()
    arguments = (
        candles.open,
        candles.high,
        candles.low,
        candles.close,
        both,
        ema_cross.FEE_RATE,
        ema_cross.SLIPPAGE_RATE,
    )
    vectorbt = partial(ema_cross.in_vectorbt, candles, both=both)
    theirs: dict[str, tuple[Callable[[], Any], int]] = {
        "compiled loop": (lambda: loop(*arguments), 25),
        "vectorbt, trades as records": (lambda: ema_cross.traded_by_vectorbt(vectorbt()), 15),
        "vectorbt, stats()": (lambda: vectorbt().stats(), 5),
        "vectorbt, table with times": (lambda: vectorbt(series=True).trades.records_readable, 5),
        "backtesting, as it comes": (lambda: ema_cross.in_backtesting(candles, both=both), 3),
    }
    whole = indicators + walking
    lines = [
        (
            f"{'long and short' if both else 'long only'}: {len(ours)} trades,"
            f" {np.mean(trades.ends == Exit.STOP):.0%} stopped"
        ),
        _line(
            "ours",
            whole,
            len(candles),
            whole,
            f"indicators {indicators * 1e3:.1f} ms, walk {walking * 1e3:.1f} ms",
        ),
    ]
    for name, (run, times) in theirs.items():
        first, _ = timed(run, 1)
        warm, result = timed(run, times)
        same = agreement(name, ours, trades.ends[trades.is_closed], result)
        lines.append(_line(name, warm, len(candles), whole, f"first call {first:.2f} s; {same}"))
    return "\n".join(lines)


def agreement(name: str, ours: Traded, ends: np.ndarray, result: Any) -> str:
    """Hold the trades of an engine against ours, and say how many are the same."""
    if name.endswith("records"):
        counts = differences(ours, ends, result)
        assert counts["the same"] > 0.8 * len(ours)
        return ", ".join(f"{count} {what}" for what, count in counts.items())
    if name.startswith("backtesting"):
        return (
            f"{same_trades(ours, ema_cross.traded_by_backtesting(result), slippage_rate=0.0)} the"
            " same"
        )
    if name == "compiled loop":
        return f"{same_trades(ours, ema_cross.traded_by_loop(result))} the same"
    return "trades as above"


def _line(name: str, seconds: float, candles: int, ours: float, more: str) -> str:
    speed = f"{seconds * 1e3:>9.2f} ms {candles / seconds:>14,.0f} candles/s"
    return f"  {name:<28} {speed}   ours is {seconds / ours:>6.2f} x as fast   {more}"
