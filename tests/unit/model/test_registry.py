import json

import pytest

from shared.core.errors import AlreadyExists, BadBundle
from shared.model import load_bundle
from shared.model.registry import SERVING, BundleRegistry
from shared.model.signing import public_of
from shared.stores.local.folder import FolderBucket
from shared.stores.memory import MemoryBucket
from tests.support.made_trainings import SIGNING_KEY, small_training


@pytest.fixture(params=["memory", "folder"])
def bucket(request, tmp_path):
    return MemoryBucket() if request.param == "memory" else FolderBucket(tmp_path)


@pytest.fixture
def registry(bucket) -> BundleRegistry:
    return BundleRegistry(bucket)


AT = {"at": 1, "why": "a test", "by": "test"}


def made(name: str) -> dict[str, bytes]:
    """Files that are complete as far as the registry looks; whether they are a model is the
    loader's question.
    """
    import hashlib

    model = f"model of {name}".encode()
    listed = {"model.npz": {"sha256": hashlib.sha256(model).hexdigest(), "size": len(model)}}
    return {
        "manifest.json": json.dumps({"files": listed}).encode(),
        "manifest.sig": name.encode(),
        "model.npz": model,
    }


def test_a_bundle_goes_in_and_comes_out_and_loads(registry):
    training = small_training()
    registry.publish(training.version, training.files)
    registry.promote(training.version, **AT)
    pointer = registry.current()
    files = registry.files(pointer.version)
    assert set(files) == {*SERVING, "golden.npz"}
    assert (
        load_bundle(files, public_keys=(public_of(SIGNING_KEY),), version=pointer.version).version
        == training.version
    )
    assert registry.files(pointer.version, audit=True) == training.files


def test_before_the_first_promotion_nothing_serves(registry):
    assert registry.current() is None
    assert registry.versions() == []


def test_promotion_remembers_the_one_before_and_moves_the_generation(registry):
    for name in ("a", "b"):
        registry.publish(name, made(name))
    first = registry.promote("a", **AT)
    second = registry.promote("b", **AT)
    assert (first.version, first.previous) == ("a", None)
    assert (second.version, second.previous) == ("b", "a")
    assert second.generation != first.generation
    assert registry.current() == second


def test_promoting_what_serves_already_changes_nothing(registry):
    registry.publish("a", made("a"))
    assert registry.promote("a", **AT) == registry.promote("a", **AT)


def test_publishing_again_is_allowed_only_with_the_same_bytes(registry):
    registry.publish("a", made("a"))
    registry.publish("a", made("a"))
    with pytest.raises(AlreadyExists, match="with other content"):
        registry.publish("a", made("other"))
    assert registry.files("a")["model.npz"] == b"model of a"


def test_a_half_written_bundle_does_not_exist_and_cannot_be_promoted(bucket, registry):
    files = made("a")
    for name in ("manifest.json", "model.npz"):
        bucket.put(f"bundles/a/{name}", files[name])
    assert registry.versions() == []
    for attempt in (lambda name: registry.promote(name, **AT), registry.files):
        with pytest.raises(BadBundle, match="no complete bundle a"):
            attempt("a")
    registry.publish("a", files)
    assert registry.versions() == ["a"]


def test_a_bundle_killed_after_any_file_can_be_published_again(registry, bucket):
    files = small_training().files
    for count in range(len(files)):
        version = f"v{count}"
        for name in sorted(set(files) - {"manifest.sig"})[:count]:
            bucket.put(f"bundles/{version}/{name}", files[name])
        assert version not in registry.versions()
        registry.publish(version, files)
        assert registry.files(version, audit=True) == files


def test_a_listed_file_that_is_missing_or_changed_stops_the_promotion(bucket, registry):
    registry.publish("a", made("a"))
    bucket.put("bundles/a/model.npz", b"something else")
    with pytest.raises(BadBundle, match=r"hashes: model\.npz of bundle a"):
        registry.promote("a", **AT)
    bucket.delete("bundles/a/model.npz")
    with pytest.raises(BadBundle, match=r"files: model\.npz is missing"):
        registry.promote("a", **AT)
    bucket.put("bundles/a/manifest.json", b"{}")
    with pytest.raises(BadBundle, match="malformed"):
        registry.promote("a", **AT)
    assert registry.current() is None


def test_a_bundle_without_its_serving_files_is_not_published(registry):
    with pytest.raises(BadBundle, match=r"files: manifest\.sig is missing"):
        registry.publish("a", {"manifest.json": b"{}", "model.npz": b""})
    assert registry.versions() == []


@pytest.mark.parametrize("name", ["", "../a", "a/b", ".hidden", "a..b", "x" * 101, "ä"])
def test_a_version_that_is_no_plain_name_is_refused(registry, name):
    with pytest.raises(BadBundle, match="not a usable version name"):
        registry.publish(name, made("a"))


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"version": 1, "previous": null}', b"\xff"])
def test_a_damaged_pointer_is_named(bucket, registry, body):
    bucket.put("bundles/current.json", body)
    with pytest.raises(BadBundle, match="pointer"):
        registry.current()


def test_a_person_writes_a_damaged_pointer_anew_and_a_retraining_does_not(bucket, registry):
    registry.publish("a", made("a"))
    bucket.put("bundles/current.json", b"{")
    with pytest.raises(BadBundle, match=r"pointer.*promote VERSION"):
        registry.promote("a", at=1, why="x", by="retrain", expect=None)
    assert registry.promote("a", at=1, why="x", by="me").version == "a"
    assert registry.current().version == "a"
