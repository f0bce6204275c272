"""The arrays that the array stages speak: a row for each 15m candle."""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

FloatArray: TypeAlias = NDArray[np.float64]

Int8Array: TypeAlias = NDArray[np.int8]

IntArray: TypeAlias = NDArray[np.int64]

BoolArray: TypeAlias = NDArray[np.bool_]
