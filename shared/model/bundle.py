"""Loading a bundle: signature, hashes, parse, structure, golden rows, and only then use.

Each failure is one sentence.
"""

import math
from collections.abc import Mapping, Sequence

import numpy as np

from shared.core.errors import BadBundle
from shared.core.types import FloatArray
from shared.model import forest as trees
from shared.model.manifest import (
    CLASSES,
    MANIFEST,
    META_INPUTS,
    MODEL,
    SIGNATURE,
    FileEntry,
    Manifest,
    decode_manifest,
)
from shared.model.predict import Bundle, predict_rows, volatility_rows, vote_rows
from shared.model.signing import verify

__all__ = ["Bundle", "Manifest", "load_bundle"]

GOLDEN_TOLERANCE = 1e-6
MAX_SLOPE = 10.0
MAX_NUMBER = 1e3


def load_bundle(
    files: Mapping[str, bytes],
    *,
    public_keys: Sequence[str],
    version: str,
    whole: bool = False,
) -> Bundle:
    """Check a bundle and make it usable.

    >>> from models.fit.train import train
    >>> from shared.core.settings import load_settings as settings_from
    >>> from shared.core.types import Timeframe
    >>> from shared.exchanges.sandbox.generate import generate
    >>> from shared.market.candles import aggregate
    >>> from shared.model.signing import make_keys
    >>> minutes = generate(start_ms=1_767_225_600_000, days=40, seed=7)
    >>> candles = {frame: aggregate(minutes, frame) for frame in (Timeframe.M15, Timeframe.H4)}
    >>> small = {"days": 30, "rounds": 2, "forest_trees": 2}
    >>> settings = settings_from({}, overrides={"learning": small})
    >>> private, public = make_keys()
    >>> end = int(minutes.closed_at[-1])
    >>> training = train(
    ...     candles, settings, as_of=end, seed=1, commit="0" * 40, signing_key=private
    ... )
    >>> bundle = load_bundle(training.files, public_keys=[public], version=training.version)
    >>> bundle.manifest.purpose, bundle.is_allowed_to_enter  # nobody asked the gate
    ('quick', False)

    Args:
        files: by name; `manifest.json`, `manifest.sig` and `model.npz` at least. Whatever is given
            is checked.
        public_keys: Ed25519 keys as hex, any of which may have signed.
        version: the name under which the bundle was asked for; the manifest must say the same.
        whole: ask for every file that the manifest lists, the ones kept for audit too.

    Raises:
        BadBundle: naming the check that failed: `files`, `signature`, `hashes`, `parse`,
            `features`, `structure` or `golden rows`.
    """
    for name in (MANIFEST, SIGNATURE, MODEL):
        if name not in files:
            raise BadBundle(f"files: {name} is missing from bundle {version}")
    _check_signature(files, public_keys, version)
    manifest = decode_manifest(files[MANIFEST])
    _check_hashes(files, manifest, whole=whole)
    _check_manifest(manifest, version)
    _check_heads(manifest)
    forest = trees.from_bytes(
        files[MODEL], feature_count=manifest.input_count, tree_count=manifest.spans[-1][1]
    )
    _check_inputs(manifest, forest)
    bundle = Bundle(version=version, manifest=manifest, forest=forest)
    _check_golden(bundle)
    return bundle


def _check_signature(files: Mapping[str, bytes], public_keys: Sequence[str], version: str) -> None:
    if not public_keys:
        raise BadBundle(
            f"signature: no public key is pinned, so bundle {version} cannot be trusted"
        )
    if not verify(files[MANIFEST], files[SIGNATURE], public_keys):
        raise BadBundle(
            f"signature: none of the {len(public_keys)} pinned keys signed the manifest of bundle"
            f" {version}"
        )


def _check_hashes(files: Mapping[str, bytes], manifest: Manifest, *, whole: bool) -> None:
    if MODEL not in manifest.files:
        raise BadBundle(f"hashes: the manifest does not list {MODEL}")
    for name in sorted(set(files) - {MANIFEST, SIGNATURE}):
        if name not in manifest.files:
            raise BadBundle(f"hashes: {name} is not listed in the manifest")
        if FileEntry.of(files[name]) != manifest.files[name]:
            raise BadBundle(
                f"hashes: {name} is not the file that was signed (its SHA-256 or size differs)"
            )
    missing = sorted(set(manifest.files) - set(files))
    if whole and missing:
        raise BadBundle(f"files: {', '.join(missing)} is missing from bundle {manifest.version}")


def _check_manifest(manifest: Manifest, version: str) -> None:
    if manifest.version != version:
        raise BadBundle(
            f"parse: the manifest is of version {manifest.version}, asked was {version}"
        )
    if manifest.classes != CLASSES or manifest.dtype != "float32":
        raise BadBundle(
            f"parse: classes {manifest.classes} of {manifest.dtype}, expected {CLASSES} of float32"
        )
    if not manifest.features or len(set(manifest.features)) != len(manifest.features):
        raise BadBundle("features: the manifest names no feature, or one twice")
    if not manifest.members or any(member.trees < 1 for member in manifest.members):
        raise BadBundle("structure: a member without trees")
    weights = [member.weight for member in manifest.members]
    if min(weights) < 0 or not math.isclose(sum(weights), 1.0, abs_tol=1e-9):
        raise BadBundle(f"structure: the members' weights are {weights}, expected shares of 1")
    for calibration in (manifest.calibration, *(member.calibration for member in manifest.members)):
        if not 0.0 <= calibration.slope <= MAX_SLOPE:
            raise BadBundle(
                f"structure: a calibration's slope is {calibration.slope}, expected"
                f" 0..{MAX_SLOPE:g}"
            )
    barriers = manifest.barriers
    reach = barriers.atr_multiple if barriers.kind == "barriers" else barriers.move_rate
    if not (math.isfinite(reach) and reach > 0 and barriers.horizon_candles > 0):
        raise BadBundle("structure: the label's barriers are not positive")


def _check_heads(manifest: Manifest) -> None:
    """Numbers of the heads that no training gives."""
    volatility, meta = manifest.volatility, manifest.meta
    if volatility is not None:
        if not all(
            math.isfinite(number) and abs(number) <= MAX_NUMBER
            for number in (volatility.base, *volatility.har)
        ):
            raise BadBundle(
                "structure: base or slopes of the volatility head are not numbers within"
                f" {MAX_NUMBER:g}"
            )
        if volatility.trees < 0 or (volatility.serves == "trees" and not volatility.trees):
            raise BadBundle(
                f"structure: the volatility head serves by {volatility.serves} and has"
                f" {volatility.trees} trees"
            )
    if meta is not None:
        if not all(
            math.isfinite(number) and abs(number) <= MAX_NUMBER
            for number in (meta.base, meta.offset)
        ):
            raise BadBundle(
                f"structure: base or offset of the meta head are not numbers within {MAX_NUMBER:g}"
            )
        if not 0.0 <= meta.slope <= MAX_SLOPE:
            raise BadBundle(
                f"structure: the meta head's slope is {meta.slope}, expected 0..{MAX_SLOPE:g}"
            )
        if meta.trees < 1:
            raise BadBundle("structure: the meta head has no trees")


def _check_inputs(manifest: Manifest, forest: trees.Forest) -> None:
    """Only the meta head's trees may ask for what stands after the features."""
    for what, (first, last) in zip(("members", "volatility head"), manifest.spans[:2], strict=True):
        part = forest.part(first, last)
        if (part.feature >= len(manifest.features)).any():
            raise BadBundle(
                f"structure: a tree of the {what} asks for {' or '.join(META_INPUTS)}, which only"
                " the meta head sees"
            )


def _check_golden(bundle: Bundle) -> None:
    golden = bundle.manifest.golden
    count, width = len(golden.rows), len(bundle.manifest.features)
    if (
        not count
        or count != len(golden.probabilities)
        or any(len(row) != width for row in golden.rows)
    ):
        raise BadBundle(
            f"golden rows: there are none, or not {width} values and 3 probabilities in each"
        )
    with np.errstate(over="ignore"):  # what does not fit is refused in the next line
        rows = np.array(golden.rows).astype(np.float32)
    if not np.isfinite(rows).all():
        raise BadBundle("golden rows: a value is not finite in float32")
    _check_promise("a probability", predict_rows(rows, bundle), np.array(golden.probabilities))
    if bundle.manifest.volatility is not None:
        if (
            not count == len(golden.realised) == len(golden.volatility)
            or not min(map(min, golden.realised)) >= 0.0
        ):
            raise BadBundle(
                "golden rows: there are none for the volatility head, or not three volatilities and"
                " two forecasts in each"
            )
        promised = np.array(golden.volatility)
        if not promised.min() > 0.0:
            raise BadBundle("golden rows: a forecast of volatility is not above zero")
        found = volatility_rows(rows, np.array(golden.realised), bundle)
        _check_promise("a forecast of volatility", found / promised, np.ones_like(promised))
    if bundle.manifest.meta is not None:
        if not count == len(golden.votes) == len(golden.p_vote):
            raise BadBundle(
                "golden rows: there are none for the meta head, or not side, strength and"
                " probability in each"
            )
        _check_promise(
            "a vote's probability",
            vote_rows(rows, np.array(golden.votes), bundle),
            np.array(golden.p_vote),
        )


def _check_promise(what: str, found: FloatArray, promised: FloatArray) -> None:
    difference = float(np.abs(found - promised).max())
    if not difference <= GOLDEN_TOLERANCE:
        raise BadBundle(
            f"golden rows: {what} differs by {difference:.1e} from what was promised, more than"
            " 1e-6"
        )
