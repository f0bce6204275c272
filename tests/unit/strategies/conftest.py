"""Rows of features written down by hand, for the strategies' rules."""

from collections.abc import Callable

import numpy as np
import pytest

from shared.core.settings import Settings, load_settings
from shared.core.types import Features
from shared.features.catalogue import ALL


@pytest.fixture(scope="session")
def defaults() -> Settings:
    return load_settings({})


@pytest.fixture(scope="session")
def row_of() -> Callable[..., Features]:
    """`row_of(rsi_14=20, ...)`: one row, NaN in every column that is not named."""

    def make(**columns: float) -> Features:
        assert set(columns) <= set(ALL), set(columns) - set(ALL)
        values = np.array([[columns.get(name, np.nan) for name in ALL]], dtype=np.float64)
        return Features(as_of=np.array([900_000], dtype=np.int64), names=ALL, values=values)

    return make
