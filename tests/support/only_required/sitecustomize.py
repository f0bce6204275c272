"""Loaded by a Python that has this folder on its path: of what is installed only that may be
imported which a requirements file pins, as if nothing else were there.
"""

import os
import sys


class _Refusing:
    """Finds nothing, and refuses what is not pinned."""

    names = frozenset(os.environ.get("REFUSED_PACKAGES", "").split())

    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in self.names:
            raise ModuleNotFoundError(f"No module named {name!r}: it is not pinned", name=name)


sys.meta_path.insert(0, _Refusing())
