"""Loading a bundle: signature, hashes, parse, structure, golden rows, and only then use. Each failure is one sentence."""

import math
from collections.abc import Mapping, Sequence

import numpy as np

from shared.ensemble import forest as trees
from shared.ensemble.manifest import CLASSES, MANIFEST, MODEL, SIGNATURE, FileEntry, Manifest, decode
from shared.ensemble.predict import Bundle, predict_rows
from shared.ensemble.signing import verify
from shared.errors import BadBundle

__all__ = ["Bundle", "Manifest", "load"]

GOLDEN_TOLERANCE = 1e-6
MAX_SLOPE = 10.0


def load(
    files: Mapping[str, bytes],
    *,
    public_keys: Sequence[str],
    version: str,
    feature_code: str | None = None,
    whole: bool = False,
) -> Bundle:
    """Check a bundle and make it usable.

    Args:
        files: by name; `manifest.json`, `manifest.sig` and `model.npz` at least. Whatever is given is checked.
        public_keys: Ed25519 keys as hex, any of which may have signed.
        version: the name under which the bundle was asked for; the manifest must say the same.
        feature_code: hash of the feature code that will feed it; None skips this check.
        whole: ask for every file that the manifest lists, the ones kept for audit too.

    Raises:
        BadBundle: naming the check that failed: `files`, `signature`, `hashes`, `parse`, `features`, `structure`
            or `golden rows`.
    """
    for name in (MANIFEST, SIGNATURE, MODEL):
        if name not in files:
            raise BadBundle(f"files: {name} is missing from bundle {version}")
    _check_signature(files, public_keys, version)
    manifest = decode(files[MANIFEST])
    _check_hashes(files, manifest, whole=whole)
    _check_manifest(manifest, version, feature_code)
    tree_count = sum(member.trees for member in manifest.members)
    forest = trees.from_bytes(files[MODEL], feature_count=len(manifest.features), tree_count=tree_count)
    bundle = Bundle(version=version, manifest=manifest, forest=forest)
    _check_golden(bundle)
    return bundle


def _check_signature(files: Mapping[str, bytes], public_keys: Sequence[str], version: str) -> None:
    if not public_keys:
        raise BadBundle(f"signature: no public key is pinned, so bundle {version} cannot be trusted")
    if not verify(files[MANIFEST], files[SIGNATURE], public_keys):
        raise BadBundle(f"signature: none of the {len(public_keys)} pinned keys signed the manifest of bundle {version}")


def _check_hashes(files: Mapping[str, bytes], manifest: Manifest, *, whole: bool) -> None:
    if MODEL not in manifest.files:
        raise BadBundle(f"hashes: the manifest does not list {MODEL}")
    for name in sorted(set(files) - {MANIFEST, SIGNATURE}):
        if name not in manifest.files:
            raise BadBundle(f"hashes: {name} is not listed in the manifest")
        if FileEntry.of(files[name]) != manifest.files[name]:
            raise BadBundle(f"hashes: {name} is not the file that was signed (its SHA-256 or size differs)")
    missing = sorted(set(manifest.files) - set(files))
    if whole and missing:
        raise BadBundle(f"files: {', '.join(missing)} is missing from bundle {manifest.version}")


def _check_manifest(manifest: Manifest, version: str, feature_code: str | None) -> None:
    if manifest.version != version:
        raise BadBundle(f"parse: the manifest is of version {manifest.version}, asked was {version}")
    if manifest.classes != CLASSES or manifest.dtype != "float32":
        raise BadBundle(f"parse: classes {manifest.classes} of {manifest.dtype}, expected {CLASSES} of float32")
    if not manifest.features or len(set(manifest.features)) != len(manifest.features):
        raise BadBundle("features: the manifest names no feature, or one twice")
    if feature_code is not None and manifest.feature_code != feature_code:
        raise BadBundle("features: the bundle was trained with other feature code than this")
    if not manifest.members or any(member.trees < 1 for member in manifest.members):
        raise BadBundle("structure: a member without trees")
    weights = [member.weight for member in manifest.members]
    if min(weights) < 0 or not math.isclose(sum(weights), 1.0, abs_tol=1e-9):
        raise BadBundle(f"structure: the members' weights are {weights}, expected shares of 1")
    for calibration in (manifest.calibration, *(member.calibration for member in manifest.members)):
        if not 0.0 <= calibration.slope <= MAX_SLOPE:
            raise BadBundle(f"structure: a calibration's slope is {calibration.slope}, expected 0..{MAX_SLOPE:g}")
    barriers = manifest.barriers
    if not (barriers.atr_multiple > 0 and barriers.horizon_candles > 0):
        raise BadBundle("structure: the label's barriers are not positive")


def _check_golden(bundle: Bundle) -> None:
    golden = bundle.manifest.golden
    width = len(bundle.manifest.features)
    if not golden.rows or len(golden.rows) != len(golden.probabilities) or any(len(row) != width for row in golden.rows):
        raise BadBundle(f"golden rows: there are none, or not {width} values and 3 probabilities in each")
    with np.errstate(over="ignore"):  # what does not fit is refused in the next line
        rows = np.array(golden.rows).astype(np.float32)
    if not np.isfinite(rows).all():
        raise BadBundle("golden rows: a value is not finite in float32")
    difference = float(np.abs(predict_rows(rows, bundle) - np.array(golden.probabilities)).max())
    if not difference <= GOLDEN_TOLERANCE:
        raise BadBundle(f"golden rows: a probability differs by {difference:.1e} from what was promised, more than 1e-6")
