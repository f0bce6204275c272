"""Folds that were worked already, in a bucket: a weekly retraining adds one, and reads the others.

`folds/<key>.npz` holds plain arrays, and so does `shuffles/<key>.npz` of a refit on shuffled
labels. What is damaged, or not what it should be, is worked again and written over.
"""

from dataclasses import asdict

import numpy as np

from models.walk_forward.fold import FoldResult
from shared.core.errors import BadBundle
from shared.core.types import FloatArray, IntArray
from shared.model.arrays import pack, unpack
from shared.model.manifest import Interval
from shared.stores.ports import Bucket

ROOT = "folds/"
SHUFFLES = "shuffles/"
_ARRAYS = ("probabilities", "volatility_only", "volatility", "p_vote")
_NAMES = (*_ARRAYS, "training", "calibrating", "numbers")
_SUMS_TO_ONE = 1e-5
_UNUSABLE = (BadBundle, ValueError, TypeError, OverflowError)


def find_fold(cache: Bucket | None, key: str, *, rows: int) -> FoldResult | None:
    """The stored fold of so many rows, or None where there is none that can be used."""
    blob = None if cache is None else cache.get(_path(key))
    if blob is None:
        return None
    try:
        found = unpack(blob.data, _NAMES, what=_path(key))
        return _decode_fold(found, rows)
    except _UNUSABLE:
        return None


def store_fold(cache: Bucket | None, key: str, done: FoldResult) -> None:
    """Store a fold under its key."""
    if cache is None:
        return
    numbers = np.array([float(done.trees), float(done.known_at), done.seconds])
    arrays = {name: getattr(done, name).astype("<f8") for name in _ARRAYS}
    intervals = {
        name: _encode_interval(getattr(done, name)) for name in ("training", "calibrating")
    }
    cache.put(_path(key), pack({**arrays, **intervals, "numbers": numbers.astype("<f8")}))


def find_shuffle(cache: Bucket | None, key: str) -> tuple[IntArray, FloatArray] | None:
    """The stored instants (m,) and probabilities (m, 3) of a refit on shuffled labels, or None
    where none can be used.
    """
    blob = None if cache is None else cache.get(f"{SHUFFLES}{key}.npz")
    if blob is None:
        return None
    try:
        found = unpack(blob.data, ("as_of", "probabilities"), what=key)
        as_of, told = found["as_of"], found["probabilities"]
        if (
            as_of.dtype != np.dtype("<i8")
            or told.dtype != np.dtype("<f8")
            or told.shape != (len(as_of), 3)
        ):
            return None
        _refuse_others(told)
    except _UNUSABLE:
        return None
    return as_of, told


def store_shuffle(cache: Bucket | None, key: str, made: tuple[IntArray, FloatArray]) -> None:
    """Store what a refit on shuffled labels said under its key."""
    if cache is not None:
        cache.put(
            f"{SHUFFLES}{key}.npz",
            pack({"as_of": made[0].astype("<i8"), "probabilities": made[1].astype("<f8")}),
        )


def _refuse_others(told: FloatArray) -> None:
    """Raises `ValueError` where the rows (m, 3) are no probabilities."""
    if len(told) and not (
        told.min() >= 0.0 and np.abs(told.sum(axis=1) - 1.0).max() <= _SUMS_TO_ONE
    ):
        raise ValueError("no probabilities")


def _path(key: str) -> str:
    return f"{ROOT}{key}.npz"


def _encode_interval(part: Interval) -> FloatArray:
    return np.array(list(asdict(part).values()), dtype="<f8")


def _decode_fold(found: dict[str, FloatArray], rows: int) -> FoldResult:
    """Raises `ValueError` where an array has another shape, or probabilities are none."""
    shapes = {
        "probabilities": (rows, 3),
        "volatility_only": (rows, 3),
        "volatility": (rows,),
        "p_vote": (rows,),
    }
    shapes |= {"training": (5,), "calibrating": (5,), "numbers": (3,)}
    for name, shape in shapes.items():
        if found[name].shape != shape or found[name].dtype != np.dtype("<f8"):
            raise ValueError(f"{name} is {found[name].dtype} of {found[name].shape}")
    for name in ("probabilities", "volatility_only"):
        _refuse_others(found[name][~np.isnan(found[name]).any(axis=1)])
    trees, known_at, seconds = found["numbers"].tolist()
    return FoldResult(
        probabilities=found["probabilities"],
        volatility_only=found["volatility_only"],
        volatility=found["volatility"],
        p_vote=found["p_vote"],
        training=_decode_interval(found["training"]),
        calibrating=_decode_interval(found["calibrating"]),
        trees=int(trees),
        known_at=int(known_at),
        seconds=seconds,
    )


def _decode_interval(numbers: FloatArray) -> Interval:
    from_at, to_at, label_end_at, rows, effective = numbers.tolist()
    return Interval(
        from_at=int(from_at),
        to_at=int(to_at),
        label_end_at=int(label_end_at),
        rows=int(rows),
        effective_rows=effective,
    )
