"""The registry of model bundles in a bucket, and the pointer to the one that serves.

`bundles/<version>/<file>` is immutable; manifest.sig is written last, so without it a bundle does not exist.
`bundles/current.json` holds {"version", "previous"} and is moved by compare-and-set on its generation.
"""

import hashlib
import importlib.util
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from shared.errors import AlreadyExists, BadBundle, Conflict, NotThere
from shared.stores.ports import Bucket

SERVING = ("manifest.json", "manifest.sig", "model.npz")
_SEAL = "manifest.sig"
_ROOT = "bundles/"
_CURRENT = "bundles/current.json"
_VERSION = re.compile(r"[0-9A-Za-z][0-9A-Za-z._-]{0,99}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pointer:
    """Which bundle serves, which one served before, and the generation that a warm instance compares."""

    version: str
    previous: str | None
    generation: int


class BundleRegistry:
    """Bundles by version, over any bucket."""

    def __init__(self, bucket: Bucket) -> None:
        """Use `bucket`; nothing is read or written yet."""
        self._bucket = bucket

    def publish(self, version: str, files: Mapping[str, bytes]) -> None:
        """Store a bundle, sealing it last. Publishing the same bytes again changes nothing, so a killed run can be repeated.

        Raises:
            BadBundle: when the name is unusable or a file for serving is missing.
            AlreadyExists: when other bytes are stored under this version.
        """
        missing = [name for name in SERVING if name not in files]
        if missing:
            raise BadBundle(f"files: {', '.join(missing)} is missing from bundle {version}")
        for name in [*sorted(set(files) - {_SEAL}), _SEAL]:
            self._put_once(_key(version, name), files[name])

    def versions(self) -> list[str]:
        """The versions that are complete, in the order of their names (which begin with the end of their data)."""
        seals = [key.removeprefix(_ROOT) for key in self._bucket.keys(_ROOT) if key.endswith("/" + _SEAL)]
        return sorted(seal.removesuffix("/" + _SEAL) for seal in seals)

    def files(self, version: str, *, audit: bool = False) -> dict[str, bytes]:
        """The files that serving needs, or with `audit` all of them. Raises `BadBundle` for an unknown version."""
        prefix = _key(version, "")
        names = [key.removeprefix(prefix) for key in self._bucket.keys(prefix)] if audit else list(SERVING)
        found = {name: blob.data for name in names if (blob := self._bucket.get(prefix + name)) is not None}
        if _SEAL not in found:
            raise BadBundle(f"files: there is no complete bundle {version}")
        return found

    def current(self) -> Pointer | None:
        """The pointer, or None before the first promotion. Raises `BadBundle` when it is damaged."""
        blob = self._bucket.get(_CURRENT)
        if blob is None:
            return None
        try:
            told = json.loads(blob.data)
            version, previous = told["version"], told["previous"]
            usable = isinstance(version, str) and isinstance(previous, str | None)
        except (ValueError, KeyError, TypeError):
            usable = False
        if not usable:
            raise BadBundle(f"pointer: {_CURRENT} is damaged")
        return Pointer(version=version, previous=previous, generation=blob.generation)

    def promote(self, version: str) -> Pointer:
        """Let `version` serve. One of many concurrent promotions wins.

        Raises:
            BadBundle: when there is no such bundle, or it is not complete.
            Conflict: when somebody moved the pointer in between.
        """
        self._check_complete(version)
        now = self.current()
        if now is not None and now.version == version:
            return now
        previous = None if now is None else now.version
        body = json.dumps({"version": version, "previous": previous}, sort_keys=True).encode()
        generation = self._bucket.put(_CURRENT, body, if_generation=0 if now is None else now.generation)
        return Pointer(version=version, previous=previous, generation=generation)

    def _check_complete(self, version: str) -> None:
        found = self.files(version, audit=True)
        try:
            listed = json.loads(found["manifest.json"])["files"]
            hashes = {str(name): str(entry["sha256"]) for name, entry in listed.items()}
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise BadBundle(f"parse: manifest.json of bundle {version} is malformed") from error
        for name, expected in sorted(hashes.items()):
            if name not in found:
                raise BadBundle(f"files: {name} is missing from bundle {version}")
            if hashlib.sha256(found[name]).hexdigest() != expected:
                raise BadBundle(f"hashes: {name} of bundle {version} is not the file that was signed")

    def _put_once(self, key: str, data: bytes) -> None:
        try:
            self._bucket.put(key, data, if_generation=0)
        except Conflict as error:
            stored = self._bucket.get(key)
            if stored is None or stored.data != data:
                raise AlreadyExists(f"{key} is stored already, with other content") from error


def _key(version: str, name: str) -> str:
    if not _VERSION.fullmatch(version) or ".." in version:
        raise BadBundle(f"files: {version!r} is not a usable version name")
    return f"{_ROOT}{version}/{name}"


def code_hash(package: str) -> str:
    """SHA-256 of a package's Python sources (names and contents), found without importing it."""
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise NotThere(f"there is no package {package}")
    digest = hashlib.sha256()
    for path in sorted(Path(spec.submodule_search_locations[0]).glob("*.py")):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()
