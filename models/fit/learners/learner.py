"""What a learner hands in, and what the learners share.

One thread each: OpenMP threads that spin waiting make the boosters up to ten times slower on shared
cores, and never quicker at this size. Heavy packages are imported when a learner is used.
"""

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from models.data.dataset import Dataset
from models.fit.export import Tree
from shared.core.errors import UserError
from shared.core.types import FloatArray

CLASS_COUNT = 3
MAX_BINS = 63
"""Of a feature, for the boosters: its quantiles. Finer ones cost time, and held-out skill is the
same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Learner:
    """A fitted learner: its native probabilities, its file for audit (`write` makes it), and its
    trees.

    Scores are `base` + the sum of the trees (link `softmax`), or the logarithm of their mean
    probability (link `mean`).

    >>> import numpy as np
    >>> learner = Learner(
    ...     name="nothing",
    ...     native=lambda rows: np.full((len(rows), 3), 1 / 3),
    ...     file="nothing.txt",
    ...     write=lambda: b"no tree",
    ...     trees=[],
    ...     link="softmax",
    ... )
    >>> learner.audit, learner.base
    (b'no tree', (0.0, 0.0, 0.0))
    """

    name: str
    native: Callable[[NDArray[np.float32]], FloatArray]
    file: str
    write: Callable[[], bytes]
    trees: list[Tree]
    link: Literal["softmax", "mean"]
    base: tuple[float, float, float] = (0.0, 0.0, 0.0)

    @property
    def audit(self) -> bytes:
        """The learner's own file."""
        return self.write()


def import_package(name: str) -> ModuleType:
    """Import a learner's package, or say which package of the system is missing."""
    try:
        return importlib.import_module(name)
    except Exception as error:
        package = name.partition(".")[0]
        if isinstance(error, ModuleNotFoundError):
            raise UserError(
                f"training needs the Python package {package}",
                remedy="run scripts/bot once, which installs it",
            ) from error
        if "gomp" in str(error) or "libomp" in str(error):
            raise UserError(
                f"{package} needs the OpenMP library, which this system lacks",
                remedy=(
                    "install it: apt-get install libgomp1 (Debian, Ubuntu) or brew install libomp"
                    " (macOS)"
                ),
            ) from error
        raise


def leaf_rows(part: Dataset) -> int:
    """Rows that a leaf must hold: one in 150, for labels overlap and a small leaf learns a single
    swing of the price.
    """
    return max(20, len(part) // 150)


def row_weights(part: Dataset) -> NDArray[np.float64]:
    """Uniqueness scaled to a mean of 1, so that the learners' own limits keep their meaning."""
    weights: NDArray[np.float64] = part.weight / part.weight.mean()
    return weights
