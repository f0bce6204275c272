import dataclasses
import io
import math
import zipfile
from itertools import combinations

import numpy as np
import pytest

from models.fit.train import Training
from shared.core.errors import BadBundle
from shared.core.reasons import Reason
from shared.model import load_bundle
from shared.model.arrays import pack
from shared.model.forest import from_bytes
from shared.model.manifest import (
    MANIFEST,
    MODEL,
    SIGNATURE,
    FileEntry,
    Golden,
    decode_manifest,
    encode,
)
from shared.model.registry import BundleRegistry
from shared.model.signing import public_of, sign
from shared.stores.memory import MemoryBucket
from shared.turn.champion import Champions
from tests.support.made_trainings import (
    OTHER_KEY,
    SIGNING_KEY,
    headed_training,
    small_settings,
    small_training,
)

KEYS = (public_of(SIGNING_KEY),)


@pytest.fixture
def files() -> dict[str, bytes]:
    return dict(headed_training().files)


@pytest.fixture
def version() -> str:
    return headed_training().version


def signed(given: dict[str, bytes], **changes) -> dict[str, bytes]:
    """The files with a changed manifest that is signed by the right key: damage that only later
    checks can find.
    """
    manifest = dataclasses.replace(decode_manifest(given[MANIFEST]), **changes)
    told = encode(manifest)
    return {**given, MANIFEST: told, SIGNATURE: sign(told, SIGNING_KEY)}


def with_model(files: dict[str, bytes], model: bytes) -> dict[str, bytes]:
    manifest = decode_manifest(files[MANIFEST])
    return signed({**files, MODEL: model}, files={**manifest.files, MODEL: FileEntry.of(model)})


def arrays_of(files: dict[str, bytes]) -> dict[str, np.ndarray]:
    with np.load(io.BytesIO(files[MODEL]), allow_pickle=False) as archive:
        return {name: archive[name] for name in archive.files}


def refused(files: dict[str, bytes], version: str, says: str, *, keys=KEYS, **more) -> None:
    with pytest.raises(BadBundle, match=says):
        load_bundle(files, public_keys=keys, version=version, **more)


def test_a_bundle_that_was_just_made_loads_whole(files, version):
    bundle = load_bundle(files, public_keys=KEYS, version=version, whole=True)
    assert bundle.version == version
    assert bundle.barriers == bundle.manifest.barriers
    native = {"lightgbm.txt", "xgboost.ubj", "random_forest.npz", "volatility.txt", "meta.txt"}
    assert native | {"model.npz"} <= set(bundle.manifest.files)
    assert bundle.manifest.volatility is not None
    assert bundle.manifest.meta is not None


def test_a_tick_needs_three_of_its_files_only(files, version):
    few = {name: files[name] for name in (MANIFEST, SIGNATURE, MODEL)}
    assert load_bundle(few, public_keys=KEYS, version=version).version == version
    refused(few, version, "files: MODEL_CARD.md, .*lightgbm.txt", whole=True)


def test_either_key_is_accepted_while_keys_rotate(files, version):
    keys = (public_of(OTHER_KEY), public_of(SIGNING_KEY))
    assert load_bundle(files, public_keys=keys, version=version).version == version


@pytest.mark.parametrize("name", [MANIFEST, SIGNATURE, MODEL])
def test_a_missing_file_is_named(files, version, name):
    files.pop(name)
    refused(files, version, f"files: {name} is missing")


def test_a_flipped_bit_anywhere_in_any_file_is_refused(files, version):
    flips = 0
    for name in files:
        size = len(files[name])
        for position in {0, 1, size // 3, size // 2, size - 2, size - 1}:
            data = bytearray(files[name])
            data[position] ^= 0x20
            says = "signature" if name in {MANIFEST, SIGNATURE} else f"hashes: {name}"
            refused({**files, name: bytes(data)}, version, says)
            flips += 1
    assert flips >= 40


def test_a_truncated_file_is_refused(files, version):
    for name, data in files.items():
        says = "signature" if name in {MANIFEST, SIGNATURE} else f"hashes: {name}"
        refused({**files, name: data[:-1]}, version, says)
        refused({**files, name: b""}, version, says)


def test_any_two_swapped_files_are_refused(files, version):
    swaps = 0
    for one, other in combinations(sorted(files), 2):
        says = (
            "signature"
            if {one, other} & {MANIFEST, SIGNATURE}
            else f"hashes: {one} is not the file that was signed"
        )
        refused({**files, one: files[other], other: files[one]}, version, says)
        swaps += 1
    assert swaps >= 36


def test_files_of_another_bundle_with_a_right_signature_of_their_own_are_refused(files, version):
    other = small_training().files
    refused(
        {**files, MODEL: other[MODEL]}, version, "hashes: model.npz is not the file that was signed"
    )
    refused({**files, MANIFEST: other[MANIFEST]}, version, "signature")
    refused({**files, MANIFEST: other[MANIFEST], SIGNATURE: other[SIGNATURE]}, version, "hashes")


def test_a_file_that_nobody_signed_is_refused(files, version):
    refused({**files, "extra.txt": b"hello"}, version, "hashes: extra.txt is not listed")


def test_an_unknown_key_and_no_key_are_refused(files, version):
    refused(files, version, "signature: none of the 1 pinned keys", keys=(public_of(OTHER_KEY),))
    refused(files, version, "signature: no public key is pinned", keys=())


def test_the_signature_is_looked_at_before_anything_is_parsed(version, files):
    refused({**files, MANIFEST: b"not json", MODEL: b"not npz"}, version, "signature")


def test_a_bundle_under_another_name_is_refused(files):
    refused(files, "20200101T0000Z-other", "parse: the manifest is of version")


def test_an_old_schema_is_refused_before_its_fields_are_read(files, version):
    told = b'{"schema": 0, "something": "older"}'
    refused(
        {**files, MANIFEST: told, SIGNATURE: sign(told, SIGNING_KEY)},
        version,
        "parse: manifest.json has schema 0",
    )


@pytest.mark.parametrize("told", [b"{", b"[]", b'{"schema": 3}', b'{"schema": "2"}', b"\xff\xfe"])
def test_a_malformed_manifest_is_refused(files, version, told):
    refused(
        {**files, MANIFEST: told, SIGNATURE: sign(told, SIGNING_KEY)},
        version,
        "parse: manifest.json is malformed",
    )


def test_another_order_of_the_features_is_caught_by_the_golden_rows(files, version):
    features = decode_manifest(files[MANIFEST]).features
    golden = decode_manifest(files[MANIFEST]).golden
    order = [*range(1, len(features)), 0]
    rows = tuple(tuple(row[index] for index in order) for row in golden.rows)
    changed = signed(
        files,
        features=tuple(features[index] for index in order),
        golden=Golden(rows=rows, probabilities=golden.probabilities),
    )
    refused(changed, version, "golden rows: a probability differs")


def test_features_missing_doubled_or_of_other_code_are_refused(files, version):
    features = decode_manifest(files[MANIFEST]).features
    refused(
        signed(files, features=features[:-1]),
        version,
        "structure: a node asks for a feature|golden rows",
    )
    refused(
        signed(files, features=(*features[:-1], features[0])),
        version,
        "features: the manifest names no feature, or one twice",
    )
    refused(signed(files, features=()), version, "features: the manifest names no feature")


def test_golden_rows_that_are_absent_wrong_or_not_finite_are_refused(files, version):
    golden = decode_manifest(files[MANIFEST]).golden
    refused(
        signed(files, golden=Golden(rows=(), probabilities=())),
        version,
        "golden rows: there are none",
    )
    shifted = tuple((a + 2e-6, b - 2e-6, c) for a, b, c in golden.probabilities)
    refused(
        signed(files, golden=dataclasses.replace(golden, probabilities=shifted)),
        version,
        "golden rows: a probability",
    )
    huge = ((1e300, *golden.rows[0][1:]), *golden.rows[1:])
    refused(
        signed(files, golden=dataclasses.replace(golden, rows=huge)),
        version,
        "golden rows: a value is not finite",
    )


def test_weights_slopes_classes_and_barriers_that_make_no_sense_are_refused(files, version):
    manifest = decode_manifest(files[MANIFEST])
    first, *rest = manifest.members
    heavy = (dataclasses.replace(first, weight=0.9), *rest)
    refused(signed(files, members=heavy), version, "structure: the members' weights")
    steep = dataclasses.replace(manifest.calibration, slope=11.0)
    refused(signed(files, calibration=steep), version, "structure: a calibration's slope")
    refused(signed(files, classes=("upper", "neither", "lower")), version, "parse: classes")
    refused(signed(files, dtype="float64"), version, "parse: classes")
    flat = dataclasses.replace(manifest.barriers, atr_multiple=0.0)
    refused(signed(files, barriers=flat), version, "structure: the label's barriers")
    refused(signed(files, members=()), version, "structure: a member without trees")
    refused(signed(files, files={}), version, "hashes: the manifest does not list model.npz")
    fewer = (dataclasses.replace(first, trees=first.trees - 1), *rest)
    refused(signed(files, members=fewer), version, "structure: the arrays of")


def test_another_order_of_the_members_is_refused(files, version):
    first, second, third = decode_manifest(files[MANIFEST]).members
    refused(signed(files, members=(third, first, second)), version, "golden rows: a probability")
    renamed = (second, first, third)
    refused(signed(files, members=renamed), version, "golden rows: a probability")


def heads_of(files: dict[str, bytes], **changes):
    """The manifest's heads with some of their numbers replaced: `volatility_trees=3` sets
    `volatility.trees`.
    """
    manifest = decode_manifest(files[MANIFEST])
    heads = {"volatility": manifest.volatility, "meta": manifest.meta}
    for name, value in changes.items():
        head, _, what = name.partition("_")
        heads[head] = dataclasses.replace(heads[head], **{what: value})
    return signed(files, **heads)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"volatility_base": 1e6}, "structure: base or slopes of the volatility head"),
        (
            {"volatility_har": (0.0, 1e9, 0.0, 0.0)},
            "structure: base or slopes of the volatility head",
        ),
        ({"volatility_trees": -1}, "structure: the volatility head serves by"),
        (
            {"volatility_trees": 0, "volatility_serves": "trees"},
            "structure: the volatility head serves by trees and has 0 trees",
        ),
        ({"meta_base": -1e4}, "structure: base or offset of the meta head"),
        ({"meta_offset": 1e4}, "structure: base or offset of the meta head"),
        ({"meta_slope": -0.1}, "structure: the meta head's slope"),
        ({"meta_slope": 11.0}, "structure: the meta head's slope"),
        ({"meta_trees": 0}, "structure: the meta head has no trees"),
        ({"volatility_trees": 14, "meta_trees": 14}, "structure: the arrays of"),
        (
            {"volatility_trees": 16, "meta_trees": 14},
            "structure: a tree of the volatility head asks for side or strength|golden rows",
        ),
        ({"volatility_base": -4.0}, "golden rows: a forecast of volatility differs"),
        (
            {"volatility_har": (-2.0, 0.5, 0.2, 0.1)},
            "golden rows: a forecast of volatility differs",
        ),
        ({"meta_slope": 0.9}, "golden rows: a vote's probability differs"),
        ({"meta_offset": 0.3}, "golden rows: a vote's probability differs"),
    ],
)
def test_a_forged_head_is_refused_even_when_signed(files, version, changes, says):
    refused(heads_of(files, **changes), version, says)


def test_numbers_of_a_head_that_are_no_numbers_cannot_even_be_written(files):
    with pytest.raises(ValueError, match="not JSON compliant"):
        heads_of(files, volatility_base=math.nan)


def test_a_head_that_is_hidden_added_or_taken_from_its_golden_rows_is_refused(files, version):
    manifest = decode_manifest(files[MANIFEST])
    refused(signed(files, meta=None), version, "structure: the arrays of")
    refused(signed(files, volatility=None), version, "structure: the arrays of")
    golden = manifest.golden
    for changes, head in (
        ({"volatility": ()}, "volatility"),
        ({"realised": golden.realised[:-1]}, "volatility"),
        ({"realised": ((-0.01, 0.02, 0.03), *golden.realised[1:])}, "volatility"),
        ({"p_vote": ()}, "meta"),
        ({"votes": golden.votes[1:]}, "meta"),
    ):
        refused(
            signed(files, golden=dataclasses.replace(golden, **changes)),
            version,
            f"golden rows: there are none for the {head}",
        )
    zero = ((0.0, 0.01), *golden.volatility[1:])
    refused(
        signed(files, golden=dataclasses.replace(golden, volatility=zero)),
        version,
        "golden rows: a forecast .* above zero",
    )
    more = tuple((one * (1 + 3e-6), other) for one, other in golden.volatility)
    refused(
        signed(files, golden=dataclasses.replace(golden, volatility=more)),
        version,
        "golden rows: a forecast of volatility differs",
    )


def test_only_the_meta_heads_trees_may_see_the_vote(files, version):
    manifest = decode_manifest(files[MANIFEST])
    width = len(manifest.features)
    assert manifest.input_count == width + 2
    for what, tree in (("members", 0), ("volatility head", manifest.spans[1][0])):
        arrays = {name: array.copy() for name, array in arrays_of(files).items()}
        arrays["feature"][int(arrays["roots"][tree])] = width + 1
        refused(
            with_model(files, pack(arrays)),
            version,
            f"structure: a tree of the {what} asks for side or strength",
        )


def test_the_champion_before_it_keeps_serving_whatever_happened_to_the_bundle(files, version):
    good = small_training()
    spoiled = {
        "hashes: model.npz": {**files, MODEL: files[MODEL][:-1]},
        "signature: none": {**files, SIGNATURE: bytes(64)},
        "structure: the meta head's slope": heads_of(files, meta_slope=-1.0),
        "golden rows: a vote's": heads_of(files, meta_slope=0.9),
        "parse: manifest.json has schema 1": {**files, **resigned(b'{"schema": 1}')},
    }
    for says, damaged in spoiled.items():
        served = Champions(
            registry_with(good, version, files, damaged), KEYS, small_settings()
        ).load_champion()
        assert served.bundle is not None
        assert served.bundle.version == good.version
        assert [(issue.reason, issue.forbids_entry) for issue in served.issues] == [
            (Reason.MODEL_INVALID, False)
        ]
        assert says in served.issues[0].context["found"]


def resigned(told: bytes) -> dict[str, bytes]:
    return {MANIFEST: told, SIGNATURE: sign(told, SIGNING_KEY)}


def registry_with(
    good: Training, version: str, files: dict[str, bytes], damaged: dict[str, bytes]
) -> BundleRegistry:
    """Two champions one after the other; then the bucket holds other bytes for the present one."""
    bucket = MemoryBucket()
    registry = BundleRegistry(bucket)
    for at, (name, given) in enumerate(((good.version, good.files), (version, files))):
        registry.publish(name, given)
        registry.promote(name, at=at, why="a test", by="test")
    for name, data in damaged.items():
        bucket.put(f"bundles/{version}/{name}", data)
    return registry


def test_a_pickle_inside_the_arrays_is_never_opened(files, version):
    opened = []

    class Trap:
        def __reduce__(self):
            return opened.append, ("opened",)

    body = io.BytesIO()
    np.lib.format.write_array(body, np.array([Trap()], dtype=object), allow_pickle=True)
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("feature.npy", body.getvalue())
    refused(
        with_model(files, stream.getvalue()),
        version,
        "parse: model.npz is not readable as plain arrays",
    )
    refused(
        with_model(files, body.getvalue()),
        version,
        "parse: model.npz is not readable as plain arrays",
    )
    assert opened == []


@pytest.mark.parametrize("model", [b"", b"PK\x03\x04 and then nothing", b"\x93NUMPY"])
def test_bytes_that_are_no_arrays_are_refused(files, version, model):
    refused(with_model(files, model), version, "parse: model.npz is not readable")


def test_a_child_out_of_range_a_circle_and_a_nan_are_refused_even_when_signed(files, version):
    arrays = arrays_of(files)
    inner = int(np.flatnonzero(arrays["left"] != np.arange(len(arrays["left"])))[-1])
    for name, index, value, says in (
        ("left", inner, len(arrays["left"]) + 5, "outside the arrays"),
        ("left", inner, 0, "before its parent"),
        ("left", inner, -7, "before its parent"),
        ("value", -1, np.nan, "not a finite number"),
        ("value", -1, np.inf, "not a finite number"),
        ("threshold", inner, np.nan, "not a finite number"),
        ("feature", inner, 10_000, "feature outside"),
    ):
        changed = {key: array.copy() for key, array in arrays.items()}
        changed[name][index] = value
        refused(with_model(files, pack(changed)), version, f"structure: .*{says}")


def test_one_changed_leaf_is_caught_by_the_golden_rows(files, version):
    arrays = {name: array.copy() for name, array in arrays_of(files).items()}
    arrays["value"] *= 1.01
    refused(with_model(files, pack(arrays)), version, "golden rows: a probability differs")


def test_the_arrays_in_the_file_are_small_and_plain(files):
    manifest = decode_manifest(files[MANIFEST])
    forest = from_bytes(
        files[MODEL], feature_count=manifest.input_count, tree_count=manifest.spans[-1][1]
    )
    assert forest.depth == 4
    with zipfile.ZipFile(io.BytesIO(files[MODEL])) as archive:
        assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
