"""Tick and replay see the same numbers: truncation, windows of 1,000 candles, and processors."""

import os
import pickle
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from numpy._core._multiarray_umath import __cpu_dispatch__, __cpu_features__

from shared import features, strategies
from shared.core.settings import load_settings
from shared.core.types import Candles, Features, Timeframe, Votes
from shared.features.catalogue import ALL, CATALOGUE

WINDOW = 1000
SETTINGS = load_settings({}, overrides={"strategies": {"trend": {"weight": 0.15}}})


def known_at(candles: Mapping[Timeframe, Candles], rows: int) -> Mapping[Timeframe, Candles]:
    """What was known when 15m candle `rows - 1` closed."""
    fast = candles[Timeframe.M15].rows(0, rows)
    instant = int(fast.closed_at[-1]) if rows else 0
    return {Timeframe.M15: fast, Timeframe.H4: candles[Timeframe.H4].closed_by(instant)}


def both(candles: Mapping[Timeframe, Candles]) -> tuple[Features, Votes]:
    computed = features.compute(candles)
    return computed, strategies.vote(computed, SETTINGS.strategies, SETTINGS.consensus)


def differing(one: np.ndarray, other: np.ndarray) -> list[str]:
    same = (one == other) | (np.isnan(one) & np.isnan(other))
    return [ALL[column] for column in np.flatnonzero(~same.reshape(-1, len(ALL)).all(axis=0))]


def same_votes(one: Votes, rows: slice, other: Votes, other_rows: slice) -> bool:
    return all(
        np.array_equal(getattr(one, name)[rows], getattr(other, name)[other_rows])
        for name in ("sides", "confidences", "consensus", "strength")
    )


def test_every_feature_and_vote_on_a_prefix_is_the_same_row_of_the_whole(
    market_of, full: bool
) -> None:
    rows = 2600
    candles = market_of(rows, 11)
    size = len(candles[Timeframe.M15])
    whole, whole_votes = both(candles)
    enough = {frame: len(part) for frame, part in candles.items()}
    soon = [feature.needs <= enough[feature.timeframe] for feature in CATALOGUE]
    assert np.isfinite(whole.values).any(axis=0)[soon].all(), (
        "every feature of these candles must be warm somewhere"
    )
    assert sum(soon) >= len(ALL) - 8
    spoke = np.abs(whole_votes.sides).sum(axis=0)
    assert (spoke[:-1] >= 20).all(), "every strategy but the slow trend must have spoken"
    random = np.random.default_rng(3)
    lengths = sorted(
        {
            *range(120),
            999,
            1000,
            1001,
            size,
            *random.integers(120, size, 1200 if full else 120).tolist(),
        }
    )
    compared = spoken = 0
    for length in lengths:
        part, votes = both(known_at(candles, length))
        assert differing(part.values, whole.values[:length]) == [], f"{length} rows"
        assert same_votes(votes, slice(None), whole_votes, slice(0, length)), f"{length} rows"
        assert np.array_equal(part.as_of, whole.as_of[:length])
        compared += length
        spoken += int(np.abs(votes.sides).sum())
    assert compared >= 100_000
    assert spoken >= 100_000


def _windows(market_of, *, count: int, rows: int, seed: int) -> dict[str, int]:
    """Compare the last row of `count` random windows with the same row of the full history, in both
    timeframes.
    """
    candles = market_of(rows, seed)
    fast, slow = candles[Timeframe.M15], candles[Timeframe.H4]
    whole, whole_votes = both(candles)
    seen = {"windows": 0, "values": 0, "consensus": 0} | dict.fromkeys(
        strategies.names(SETTINGS.strategies), 0
    )
    first = max(WINDOW, int(np.searchsorted(fast.closed_at, slow.closed_at[WINDOW + 50])))
    for end in np.random.default_rng(seed).integers(first, len(fast), count):
        row = int(end)
        instant = int(fast.closed_at[row])
        window = {
            Timeframe.M15: fast.rows(row + 1 - WINDOW, row + 1),
            Timeframe.H4: slow.closed_by(instant).tail(WINDOW),
        }
        assert len(window[Timeframe.M15]) == len(window[Timeframe.H4]) == WINDOW
        assert window[Timeframe.H4].opened_at[0] > slow.opened_at[0]
        part, votes = both(window)
        assert differing(part.values[-1], whole.values[row]) == [], f"row {row}"
        assert same_votes(votes, slice(-1, None), whole_votes, slice(row, row + 1)), f"row {row}"
        seen["windows"] += 1
        seen["values"] += int(np.isfinite(part.values[-1]).sum())
        seen["consensus"] += int(votes.consensus[-1] != 0)
        for column, name in enumerate(votes.names):
            seen[name] += int(votes.sides[-1, column] != 0)
    return seen


def equal_words(seen: Mapping[str, int]) -> str:
    spoke = sum(seen[name] for name in strategies.names(SETTINGS.strategies))
    return (
        f"{seen['windows']:,} windows of {WINDOW:,} candles: {seen['values']:,} features and"
        f" {spoke:,} votes equal"
    )


def test_three_hundred_windows_of_a_thousand_candles_tell_the_same_float64_as_the_full_history(
    market_of,
) -> None:
    seen = _windows(market_of, count=300, rows=36_000, seed=5)
    print(equal_words(seen))
    assert seen["windows"] == 300
    assert seen["values"] == 300 * len(ALL)
    assert min(seen[name] for name in (*strategies.names(SETTINGS.strategies), "consensus")) >= 5, (
        seen
    )


@pytest.mark.full
def test_ten_thousand_windows_of_a_thousand_candles_tell_the_same_float64_as_the_full_history(
    market_of,
) -> None:
    """Both timeframes cut to 1,000.

    No exception is known: every feature ends where its weights fall below 2**-51.
    """
    total: dict[str, int] = {}
    for seed in range(10):
        for name, count in _windows(market_of, count=1000, rows=36_000, seed=100 + seed).items():
            total[name] = total.get(name, 0) + count
    print(equal_words(total))
    assert total["windows"] == 10_000
    assert total["values"] == 10_000 * len(ALL)
    assert (
        min(total[name] for name in (*strategies.names(SETTINGS.strategies), "consensus")) >= 200
    ), total


def test_the_longest_memory_of_all_features_fits_the_window_with_room(market_of) -> None:
    candles = market_of(20_000, 8)
    fast, slow = candles[Timeframe.M15], candles[Timeframe.H4]
    whole = features.compute(candles).values[-1]
    for length, equal in ((1000, True), (999, False), (500, False)):
        part = features.compute(
            {Timeframe.M15: fast.tail(length), Timeframe.H4: slow.tail(length)}
        ).values[-1]
        assert (differing(part, whole) == []) is equal


_DIGEST = """
import hashlib, pickle, sys
import numpy as np
from shared import features, strategies
from shared.core.settings import load_settings
candles = pickle.loads(sys.stdin.buffer.read())
computed = features.compute(candles)
votes = strategies.vote(computed, load_settings({}).strategies, load_settings({}).consensus)
# The sign of a NaN is nobody's value.
values = np.where(np.isnan(computed.values), np.nan, computed.values)
voted = votes.confidences.tobytes() + votes.strength.tobytes()
print(hashlib.sha256(values.tobytes() + voted).hexdigest())
"""


def _digest(candles: Mapping[Timeframe, Candles], **environ: str) -> str:
    ran = subprocess.run(
        [sys.executable, "-c", _DIGEST],
        input=pickle.dumps(candles),
        env={**os.environ, **environ, "PYTHONWARNINGS": "ignore"},
        cwd=Path(strategies.__file__).parents[2],
        capture_output=True,
        check=True,
        timeout=60,
    )
    return ran.stdout.decode().strip()


def test_the_same_bits_come_out_whatever_vector_instructions_the_processor_has(market_of) -> None:
    switchable = [name for name in __cpu_dispatch__ if __cpu_features__.get(name)]
    if not switchable:
        pytest.skip("numpy uses no optional instructions on this processor")
    candles = market_of(6000, 21)
    assert _digest(candles) == _digest(candles, NPY_DISABLE_CPU_FEATURES=" ".join(switchable))


@pytest.mark.parametrize("block", [1, 97, 1000, 1999])
def test_blocks_of_any_size_give_the_same_float64_as_one_block(
    market_of, monkeypatch, block: int
) -> None:
    candles = (
        market_of(2_600, 17)
        if block > 1
        else {frame: part.tail(60) for frame, part in market_of(2_600, 17).items()}
    )
    whole, whole_votes = both(candles)
    assert len(whole.as_of) < features.BLOCK_ROWS
    assert features.REACH_ROWS == WINDOW
    monkeypatch.setattr(features, "BLOCK_ROWS", block)
    monkeypatch.setattr(strategies, "BLOCK_ROWS", block)
    part, votes = both(candles)
    assert differing(part.values, whole.values) == []
    assert same_votes(votes, slice(None), whole_votes, slice(None))
    assert np.isfinite(part.values).sum() > 1_000
