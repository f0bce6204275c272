"""Columns come back from their short text exactly, and the text is short."""

import base64

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from shared.results.report.packing import pack_column, whole_numbers

LIMIT = 2**52


def unpacked(text, order):
    """What page/unpack.js does, in Python."""
    data, values, at = base64.b64decode(text), [], 0

    def following():
        nonlocal at
        value = place = 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 0x7F) << place
            place += 7
            if not byte & 0x80:
                return value

    while at < len(data):
        folded = following()
        values.extend(
            [0] * following()
            if folded == 0
            else [-((folded + 1) // 2) if folded % 2 else folded // 2]
        )
    for _ in range(order):
        values = np.cumsum(np.array(values, dtype=np.int64)).tolist()
    return values


@given(
    st.lists(st.one_of(st.just(0), st.integers(-5, 5), st.integers(-LIMIT, LIMIT)), max_size=60),
    st.integers(0, 2),
)
def test_every_value_comes_back(values, order):
    assert unpacked(pack_column(np.array(values, dtype=np.int64), order=order), order) == values


def test_candle_times_and_an_idle_account_take_next_to_nothing():
    at = 1_893_456_000_000 + 900_000 * np.arange(140_000, dtype=np.int64)
    assert len(pack_column(at, order=2)) < 40
    assert len(pack_column(np.full(140_000, 1_000_000, dtype=np.int64))) < 20


def test_a_hole_in_the_candles_costs_a_few_bytes():
    at = 900_000 * np.delete(np.arange(10_000, dtype=np.int64), slice(4_000, 4_017))
    assert unpacked(pack_column(at, order=2), 2) == at.tolist()
    assert len(pack_column(at, order=2)) < 40


def test_pictures_round_to_whole_yen():
    assert whole_numbers(np.array([0.5, 1.5, -2.7, 1e7 + 0.4])).tolist() == [0, 2, -3, 10_000_000]
