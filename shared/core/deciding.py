"""Which code decides, as a hash of its syntax trees: a proof is of the code that made it, and not
of how it is laid out.

Which files these are stands in `guards.toml`; what only stores, tells or draws is left out.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from shared.core import fingerprint, guards


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


def present_code() -> Code:
    """That of the code that runs here."""
    return Code(files=files_hash(), trees=trees_hash())


@cache
def files_hash() -> str:
    """Of the bytes of every deciding file. A few milliseconds, once a process."""
    return fingerprint.digest_of(sources())[:16]


@cache
def trees_hash() -> str:
    """Of the syntax trees.

    Some tenths of a second, once a process: asked where the bytes differ.
    """
    return fingerprint.canonical_trees(sources())


def sources() -> Mapping[str, bytes]:
    """The deciding files by their path from the root.

    Raises `NotThere` where one is gone: then nobody can say what decides.
    """
    return guards.sources("decides")
