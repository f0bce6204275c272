"""Arrays in a file: numpy's npz without anything that changes between two runs (no dates, no
compression).
"""

import io
import zipfile
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from shared.core.errors import BadBundle

_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest date that a zip entry can carry


def pack(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """Write arrays as npz. Equal arrays in equal order give equal bytes, on any day and machine."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:
        for name, array in arrays.items():
            entry = zipfile.ZipInfo(f"{name}.npy", _EPOCH)
            entry.create_system = 3
            entry.external_attr = 0o644 << 16
            body = io.BytesIO()
            npy.write_array(body, np.ascontiguousarray(array), version=(1, 0), allow_pickle=False)
            archive.writestr(entry, body.getvalue())
    return stream.getvalue()


def unpack(data: bytes, names: Sequence[str], *, what: str) -> dict[str, NDArray[Any]]:
    """Read exactly the arrays `names` from npz bytes. Nothing is ever unpickled.

    Raises:
        BadBundle: when `what` is not npz, holds Python objects, or holds other arrays.
    """
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as archive:
            found = {str(name): archive[name] for name in archive.files}
    except (
        Exception
    ) as error:  # a damaged zip can raise nearly anything; all of it means the same here
        raise BadBundle(f"parse: {what} is not readable as plain arrays ({error})") from error
    if set(found) != set(names):
        raise BadBundle(f"parse: {what} holds the arrays {sorted(found)}, expected {sorted(names)}")
    return found
