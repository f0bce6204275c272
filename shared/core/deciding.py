"""Which code decides, as a hash of its syntax trees: a proof is of the code that made it, and not
of how it is laid out.

What only stores, tells or draws is left out. Reads this package's own sources, nothing else.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from shared.core import fingerprint

PACKAGE = Path(__file__).resolve().parents[1]
DECIDING = (
    *(
        "features",
        "strategies",
        "risk",
        "orders/carry_out.py",
        "orders/plan.py",
        "exchanges/paper/fills.py",
    ),
    "replay",
    *(
        "model/forest.py",
        "model/heads.py",
        "model/many.py",
        "model/outcomes.py",
        "model/predict.py",
    ),
    *(
        "exchanges/paper/account.py",
        "exchanges/paper/ledger.py",
        "exchanges/paper/placing.py",
        "exchanges/paper/settling.py",
    ),
    *(
        "market/candles.py",
        "market/expand.py",
        "market/first_touch.py",
        "market/path.py",
        "market/quality.py",
    ),
    *(
        "market/spikes.py",
        "exchanges/bitbank/window.py",
        "core/costs.py",
        "core/money.py",
        "core/pair.py",
        "core/types",
        "core/variants.py",
    ),
    *("turn/pipeline.py", "turn/sequence.py", "turn/state.py", "turn/steps.py", "turn/turn.py"),
)
"""Rooms and files between candles and orders, as places under this package."""
_ABOUT_IT = frozenset(
    {"replay/ahead.py", "replay/check.py", "replay/differences.py", "replay/story.py"}
)
"""What looks at a replay, and decides nothing in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """Two hashes of the same sources, 16 hex digits each: `files` of their bytes, cheap; `trees` of
    what they mean.
    """

    files: str = ""
    trees: str = ""

    @property
    def is_here(self) -> bool:
        """Whether this very code runs here: the bytes are the same, or, where they are not, all
        that they mean.
        """
        return bool(self.files and self.trees) and (
            self.files == files_hash() or self.trees == trees_hash()
        )


def present() -> Code:
    """That of the code that runs here."""
    return Code(files=files_hash(), trees=trees_hash())


@cache
def files_hash() -> str:
    """Of the bytes of every deciding file. A few milliseconds, once a process."""
    return fingerprint.bytes_of(sources())[:16]


@cache
def trees_hash() -> str:
    """Of the syntax trees.

    Some tenths of a second, once a process: asked where the bytes differ.
    """
    return fingerprint.trees_of(sources())


def sources() -> Mapping[str, bytes]:
    """The deciding files by their place.

    Raises `NotThere` where one is gone: then nobody can say what decides.
    """
    found = fingerprint.sources(DECIDING, below=PACKAGE)
    return {place: text for place, text in found.items() if place not in _ABOUT_IT}
