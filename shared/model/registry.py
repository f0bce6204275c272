"""The registry of model bundles in a bucket, and the pointer to the one that serves.

    bundles/<version>/<file>           immutable; manifest.sig, the seal, is written last:
                                       without it a bundle does not exist
    bundles/current.json               champion, challenger, history (see `pointer`), moved by
                                       compare-and-set
    archive/bundles/<version>/<file>   bundles that nothing points to any more; nothing in it
                                       is ever taken away
    apart/bundles/<version>/<file>     bundles that were made for one backtest: a replay may
                                       name them, nothing else

A bundle moves by copies: first all of it is in the archive, then its seal goes, then the rest.
Whoever asks for a bundle finds it whole at every moment, in one place or the other, and a process
that dies in between leaves what the next one finishes.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from types import EllipsisType

from shared.core.errors import AlreadyExists, BadBundle, Conflict
from shared.model import pointer as pointers
from shared.model.pointer import Move, ServingPointer
from shared.stores.conflicts import repeat_on_conflict
from shared.stores.ports import Bucket

__all__ = ["SERVING", "BundleRegistry", "Move", "ServingPointer"]

SERVING = ("manifest.json", "manifest.sig", "model.npz")
"""Without these a bundle is none."""
_READ = (*SERVING, "golden.npz")
"""What is read to serve; a bundle without golden candles serves, and is told of (see
`shared.turn.golden`)."""
_SEAL, _MANIFEST = "manifest.sig", "manifest.json"
_LOOKED_AT = 8
"""So many of the archive's newest bundles are asked what they remember: each of them remembers for
those before it."""
_ROOT = "bundles/"
_ARCHIVE = "archive/bundles/"
_APART = "apart/bundles/"
_NEVER_SERVES = "backtest"
"""The purpose of a bundle that lies apart."""
_CURRENT = "bundles/current.json"
_ATTEMPTS = 50
_VERSION = re.compile(r"[0-9A-Za-z][0-9A-Za-z._-]{0,99}")


class BundleRegistry:
    """Bundles by version, over any bucket."""

    def __init__(self, bucket: Bucket) -> None:
        """Use `bucket`; nothing is read or written yet."""
        self._bucket = bucket

    # bundles

    def publish(self, version: str, files: Mapping[str, bytes]) -> None:
        """Store a bundle, sealing it last.

        Publishing the same bytes again changes nothing, so a killed run can be repeated.

        Raises:
            BadBundle: when the name is unusable or a file for serving is missing.
            AlreadyExists: when other bytes are stored under this version, here or in the archive.
        """
        root = _APART if _purpose(files.get("manifest.json", b"")) == _NEVER_SERVES else _ROOT
        missing = [name for name in SERVING if name not in files]
        if missing:
            raise BadBundle(f"files: {', '.join(missing)} is missing from bundle {version}")
        sealed = self._bucket.get(_key(version, _SEAL, root=_ARCHIVE))
        if sealed is not None and sealed.data != files[_SEAL]:
            raise AlreadyExists(f"{version} is in the archive already, with other content")
        for name in _sealed_last(files):
            self._put_once(_key(version, name, root=root), files[name])

    def versions(self) -> list[str]:
        """The versions that are complete, in the order of their names (which begin with the end of
        their data).
        """
        return self._sealed_versions(_ROOT)

    def archived_versions(self) -> list[str]:
        """The versions that lie in the archive, whole."""
        return self._sealed_versions(_ARCHIVE)

    def apart_versions(self) -> list[str]:
        """The versions that were made for one backtest, whole: none of them ever serves."""
        return self._sealed_versions(_APART)

    def files(self, version: str, *, audit: bool = False) -> dict[str, bytes]:
        """The files that serving reads, or with `audit` all of them; from archive or apart where
        they are there alone.

        Raises:
            BadBundle: There is no such bundle.
        """
        found = self._files(version, _ROOT, audit=audit)
        if any(
            name not in found for name in SERVING
        ):  # not there, or on its way to the archive at this very moment
            for root in (_ARCHIVE, _APART):
                elsewhere = self._files(version, root, audit=audit)
                found = elsewhere if _SEAL in elsewhere else found
        if _SEAL not in found:
            raise BadBundle(f"files: there is no complete bundle {version}")
        return found

    def manifest(self, version: str) -> bytes | None:
        """The manifest of a bundle as it is stored, unchecked; None where there is none."""
        for root in (_ROOT, _ARCHIVE):
            if (blob := self._bucket.get(_key(version, _MANIFEST, root=root))) is not None:
                return blob.data
        return None

    def data_end(self, version: str) -> int | None:
        """When the data of a bundle ended, by its manifest alone; None where that cannot be read.

        For whoever looks from outside: no seal is checked.
        """
        manifest = self.manifest(version)
        try:
            return None if manifest is None else int(json.loads(manifest)["as_of"])
        except (ValueError, KeyError, TypeError):
            return None

    def most_logged(self) -> int:
        """The most tries that any bundle here knows a trial log to have held; a manifest that
        cannot be read knows nothing.
        """
        manifests = [self._bucket.get(_key(version, _MANIFEST)) for version in self.versions()]
        manifests += [
            self._bucket.get(_key(version, _MANIFEST, root=_ARCHIVE))
            for version in self.archived_versions()[-_LOOKED_AT:]
        ]
        return max((_logged_trials(blob.data) for blob in manifests if blob is not None), default=0)

    # the pointer

    def current(self) -> ServingPointer | None:
        """The pointer, or None before the first promotion.

        Raises `BadBundle` when it is damaged.
        """
        blob = self._bucket.get(_CURRENT)
        return None if blob is None else pointers.decode_pointer(blob.data, blob.generation)

    def promote(
        self, version: str, *, at: int, why: str, by: str, expect: str | EllipsisType | None = ...
    ) -> ServingPointer:
        """Let `version` serve, restored from the archive where it lies there.

        One of many concurrent promotions wins.

        `expect` is the champion that the decision was made against (None: that there was none); not
        given, any is replaced. What serves already is left as it is. A pointer that is damaged is
        written anew, where nothing is expected of it.

        Raises:
            BadBundle: when there is no such bundle, it is not complete, or the pointer against
                which it was judged is damaged.
            Conflict: when somebody moved the pointer in between, or another champion than `expect`
                serves.
        """
        self._make_ready(version)
        try:
            now = self.current()
        except BadBundle:
            if expect is not ...:
                raise
            return self._replace_damaged_pointer(
                pointers.promote_version(None, version, at=at, why=why, by=by)
            )
        if now is not None and now.version == version:
            return now
        serves = None if now is None else now.version
        if expect is not ... and expect != serves:
            raise Conflict(
                f"{serves or 'no bundle'} serves now, and not {expect or 'none'}, against which"
                f" {version} was judged"
            )
        return self._store_pointer(
            now, pointers.promote_version(now, version, at=at, why=why, by=by)
        )

    def rollback(self, *, at: int, why: str, by: str) -> ServingPointer:
        """Let what served before serve again; called twice it goes back twice.

        Raises:
            NotThere: Nothing served before.
            BadBundle: What served before is not complete any more; the pointer stays.
            Conflict: Somebody moved the pointer in between.
        """
        now = self.current()
        after = pointers.roll_back_version(now, at=at, why=why, by=by)
        self._make_ready(after.version)
        return self._store_pointer(now, after)

    def challenge(self, version: str, *, at: int, why: str, by: str) -> ServingPointer:
        """Let `version` run beside the champion. What challenges already is left as it is.

        Raises:
            NotThere: There is no champion, or this is it.
            BadBundle: There is no such bundle, or it is not complete.
            Conflict: Somebody moved the pointer in between.
        """
        self._make_ready(version)
        now = self.current()
        if now is not None and now.challenger == version:
            return now
        return self._store_pointer(
            now, pointers.challenge_champion(now, version, at=at, why=why, by=by)
        )

    def withdraw(self, *, at: int, why: str, by: str) -> ServingPointer | None:
        """Drop the challenger, if there is one. Raises `Conflict`."""
        now = self.current()
        return (
            None
            if now is None
            else self._store_pointer(now, pointers.withdraw_challenger(now, at=at, why=why, by=by))
        )

    def note_retraining(self, *, at: int) -> ServingPointer | None:
        """Note that a retraining ended, whatever it found; without a champion there is nothing that
        could age.

        It depends on nothing that others move, so it is tried again where they do. Raises
        `Conflict` where that never ends.
        """

        def note() -> ServingPointer | None:
            now = self.current()
            if now is None:
                return None
            return self._store_pointer(
                now, replace(now, retrained_at=max(at, now.retrained_at or 0))
            )

        try:
            return repeat_on_conflict(note, attempts=_ATTEMPTS)
        except Conflict as error:
            raise Conflict(
                "the pointer was moved again and again while the end of a retraining was to be"
                " noted"
            ) from error

    # the archive

    def archive(self, *, before_at: int, keep: int) -> list[str]:
        """Move bundles whose data ended before `before_at` to the archive, and say which.

        The newest `keep` stay, and what is champion, previous or challenger. What an earlier run
        left half moved is finished. A bundle whose manifest cannot be read stays too: nobody knows
        how old it is.
        """
        stay = {*self.versions()[-keep:]} if keep else set()
        moved = []
        for version in self.versions():
            as_of = None if version in stay | self._pointed_versions() else self._as_of(version)
            if as_of is not None and as_of < before_at and self._put_away(version):
                moved.append(version)
        for version in set(self._begun_versions()) - {*self.versions()}:
            if version in self.archived_versions():
                self._take_away(version)
        return moved

    def _pointed_versions(self) -> set[str]:
        now = self.current()
        return (
            set()
            if now is None
            else {name for name in (now.version, now.previous, now.challenger) if name is not None}
        )

    def _as_of(self, version: str) -> int | None:
        try:
            return int(json.loads(self.files(version)["manifest.json"])["as_of"])
        except (BadBundle, ValueError, KeyError, TypeError):
            return None

    def _put_away(self, version: str) -> bool:
        """Copy it, and take it away unless somebody points to it by now."""
        files = self.files(version, audit=True)
        for name in _sealed_last(files):
            self._put_once(_key(version, name, root=_ARCHIVE), files[name])
        if version in self._pointed_versions():
            return False
        self._take_away(version)
        return True

    def _take_away(self, version: str) -> None:
        """The seal first: without it the rest is no bundle."""
        self._bucket.delete(_key(version, _SEAL))
        for key in self._bucket.keys(_key(version, "")):
            self._bucket.delete(key)

    def _make_ready(self, version: str) -> None:
        """Check that a bundle is whole, and bring it back where only the archive has it."""
        here = self._files(version, _ROOT, audit=True)
        found = here if _SEAL in here else self.files(version, audit=True)
        _check_complete(version, found)
        if _purpose(found["manifest.json"]) == _NEVER_SERVES:
            raise BadBundle(f"purpose: {version} was made for a backtest, and serves nobody")
        if _SEAL not in here:
            for name in _sealed_last(found):
                self._put_once(_key(version, name), found[name])

    # the bucket

    def _store_pointer(self, now: ServingPointer | None, after: ServingPointer) -> ServingPointer:
        if after == now:
            return now
        generation = self._bucket.put(
            _CURRENT, pointers.encode(after), if_generation=0 if now is None else now.generation
        )
        return replace(after, generation=generation)

    def _replace_damaged_pointer(self, after: ServingPointer) -> ServingPointer:
        """In the place of a damaged pointer, whose history is lost."""
        damaged = self._bucket.get(_CURRENT)
        generation = 0 if damaged is None else damaged.generation
        return replace(
            after,
            generation=self._bucket.put(_CURRENT, pointers.encode(after), if_generation=generation),
        )

    def _sealed_versions(self, root: str) -> list[str]:
        seals = [
            key.removeprefix(root) for key in self._bucket.keys(root) if key.endswith("/" + _SEAL)
        ]
        return sorted(seal.removesuffix("/" + _SEAL) for seal in seals)

    def _begun_versions(self) -> list[str]:
        """Every version of which anything is stored."""
        return sorted(
            {
                key.removeprefix(_ROOT).partition("/")[0]
                for key in self._bucket.keys(_ROOT)
                if key != _CURRENT
            }
        )

    def _files(self, version: str, root: str, *, audit: bool) -> dict[str, bytes]:
        """What is there.

        The seal is read last and taken away first: with it, nothing of the rest was missed.
        """
        prefix = _key(version, "", root=root)
        names = [key.removeprefix(prefix) for key in self._bucket.keys(prefix)] if audit else _READ
        told = {name: self._bucket.get(prefix + name) for name in _sealed_last(names)}
        return {name: blob.data for name, blob in told.items() if blob is not None}

    def _put_once(self, key: str, data: bytes) -> None:
        try:
            self._bucket.put(key, data, if_generation=0)
        except Conflict as error:
            stored = self._bucket.get(key)
            if stored is None or stored.data != data:
                raise AlreadyExists(f"{key} is stored already, with other content") from error


def _sealed_last(files: Iterable[str]) -> list[str]:
    return [*sorted(set(files) - {_SEAL}), _SEAL]


def _logged_trials(manifest: bytes) -> int:
    try:
        trials = json.loads(manifest)["trials"]
        return max(int(trials.get("logged", 0)), int(trials.get("most_logged", 0)))
    except (ValueError, KeyError, TypeError, AttributeError):
        return 0


def _purpose(manifest: bytes) -> str | None:
    """What the manifest says that the bundle is for; None where it says nothing, or nothing that
    can be read.
    """
    try:
        found = json.loads(manifest)
    except ValueError:
        return None
    purpose = found.get("purpose") if isinstance(found, dict) else None
    return purpose if isinstance(purpose, str) else None


def _check_complete(version: str, found: Mapping[str, bytes]) -> None:
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


def _key(version: str, name: str, *, root: str = _ROOT) -> str:
    if not _VERSION.fullmatch(version) or ".." in version:
        raise BadBundle(f"files: {version!r} is not a usable version name")
    return f"{root}{version}/{name}"
