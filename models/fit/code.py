"""Which code makes a model, as a hash of its syntax trees: a comment or a move makes no other
recipe. Which files these are stands in `shared/core/guards.toml`.
"""

from functools import cache

from shared.core import fingerprint, guards


@cache
def model_code_hash() -> str:
    """The hash of all code that a model depends on.

    Raises `NotThere` where a file of it is gone.
    """
    return fingerprint.canonical_trees(guards.sources("fits"))
