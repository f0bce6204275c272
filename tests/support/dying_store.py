"""A document store whose process dies at its n-th call."""

from typing import Any

from shared.core.errors import Unavailable
from shared.stores.memory import MemoryDocuments

CALLS = frozenset({"get", "create", "replace", "commit", "query"})


class DyingStore:
    """The store behind it, for so many calls; every later one raises."""

    def __init__(self, documents: MemoryDocuments, lives: int) -> None:
        self._documents, self.lives = documents, lives

    def __getattr__(self, name: str) -> Any:
        real = getattr(self._documents, name)
        if name not in CALLS:
            return real

        def call(*args: Any, **more: Any) -> Any:
            self.lives -= 1
            if self.lives < 0:
                raise Unavailable("the process ended here")
            return real(*args, **more)

        return call
