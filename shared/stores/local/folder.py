"""Objects as plain files in a folder, safe among several processes.

An object's generation is its file's modification time in nanoseconds, which is set by us before the
file gets its name. Content and generation are one inode and appear in one rename, so a crash cannot
part them as it could part a file and its sidecar; asking costs one `stat`; and a file that a person
replaces by hand has a new generation as well, which warm processes notice. Writers take turns under
a lock file, so preconditions hold; readers need no lock.
"""

import errno
import fcntl
import os
import secrets
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from shared.core.errors import BadData, Conflict, StoreBroken
from shared.core.files import sync, write_draft
from shared.core.retry import backoff_seconds, retry
from shared.stores.keys import check_generation, check_key, check_prefix, precondition_text
from shared.stores.ports import Blob

_LEFTOVER_SECONDS = 3600
_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.0005, 0.02
_STEPS_NS = (
    1,
    1_000,
    1_000_000,
    1_000_000_000,
    2_000_000_000,
)  # as coarse as file systems keep times


class FolderBucket:
    """Objects under `path`, by keys that are their relative file names; the folder is made when
    first written to.

    Two keys cannot be object and folder at once (`a` and `a/b`); the second is refused with
    `BadData`. All methods raise `StoreBroken`, with the remedy, where the folder cannot be used.
    """

    def __init__(self, path: str | os.PathLike[str], *, busy_seconds: float = 5.0) -> None:
        """Keep objects under `path`; wait at most `busy_seconds` for other writers."""
        self.path = Path(path).expanduser().absolute()
        self._busy_seconds = busy_seconds
        self._temporary = self.path / ".tmp"

    @classmethod
    def open(cls, address: str) -> Self:
        """The store at a path."""
        return cls(address)

    def get(self, key: str) -> Blob | None:
        """The object, or None."""
        with (
            self._translate_errors(),
            _missing_is_none(),
            (self.path / check_key(key)).open("rb") as file,
        ):
            return Blob(key=key, data=file.read(), generation=_number(os.fstat(file.fileno())))
        return None

    def generation(self, key: str) -> int | None:
        """Only its generation, or None. One `stat`."""
        with self._translate_errors():
            return _generation(self.path / check_key(key))

    def put(self, key: str, data: bytes, *, if_generation: int | None = None) -> int:
        """Write it and return its new generation; on the disk when it returns.

        Raises `Conflict` where the precondition fails; of several writers with the same one,
        exactly one succeeds.
        """
        target = self.path / check_key(key)
        check_generation(if_generation)
        with self._translate_errors():
            temporary = self._write_temporary(data)
            try:
                with self._lock_writers():
                    stored = _generation(target)
                    if if_generation is not None and if_generation != (stored or 0):
                        raise Conflict(precondition_text(key, if_generation, stored))
                    self._make_room(target, key)
                    generation = _stamp(temporary, after=stored)
                    temporary.replace(target)
                    sync(target.parent)
                    return generation
            finally:
                temporary.unlink(missing_ok=True)

    def delete(self, key: str) -> None:
        """Take it away, if it is there, and the folders that it leaves empty."""
        target = self.path / check_key(key)
        with self._translate_errors():
            if _generation(target) is None:
                return
            with self._lock_writers():
                target.unlink(missing_ok=True)
                for parent in target.relative_to(self.path).parents[:-1]:
                    if any((self.path / parent).iterdir()):
                        break
                    (self.path / parent).rmdir()

    def keys(self, prefix: str = "") -> list[str]:
        """All keys with a prefix, sorted."""
        start = self.path / check_prefix(prefix).rpartition("/")[0]
        with self._translate_errors():
            return sorted(key for key in self._walk(start) if key.startswith(prefix))

    def _walk(self, start: Path) -> Iterator[str]:
        for folder, folders, files in os.walk(start, onerror=_unless_missing):
            folders[:] = [name for name in folders if not name.startswith(".")]
            for name in files:
                if not name.startswith("."):
                    yield (Path(folder) / name).relative_to(self.path).as_posix()

    def _write_temporary(self, data: bytes) -> Path:
        if not self._temporary.is_dir():
            self._temporary.mkdir(parents=True, exist_ok=True)
        self._sweep()
        temporary = self._temporary / secrets.token_hex(16)
        write_draft(temporary, data)
        return temporary

    def _sweep(self) -> None:
        """Remove what writers that were killed left behind, an hour later."""
        oldest = time.time() - _LEFTOVER_SECONDS
        for leftover in self._temporary.iterdir():
            with _missing_is_none():
                if leftover.stat().st_mtime < oldest:
                    leftover.unlink()

    def _make_room(self, target: Path, key: str) -> None:
        taken = target.is_dir() or any(
            parent.is_file() for parent in target.parents if parent.is_relative_to(self.path)
        )
        if taken:
            raise BadData(
                f"the object key {key!r} cannot be stored: part of it is an object, or it is a"
                " folder of objects"
            )
        missing = [parent for parent in target.parents if not parent.exists()]
        target.parent.mkdir(parents=True, exist_ok=True)
        for folder in missing:
            sync(folder.parent)

    @contextmanager
    def _lock_writers(self) -> Iterator[None]:
        """One writer at a time. The kernel frees the lock of a process that dies."""
        descriptor = os.open(self.path / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            self._wait(descriptor)
            try:
                yield
            finally:
                # a child forked meanwhile shares the descriptor: closing ours alone would not free
                # the lock
                fcntl.flock(descriptor, fcntl.LOCK_UN)
        finally:
            os.close(descriptor)

    def _wait(self, descriptor: int) -> None:
        try:
            retry(
                lambda: fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB),
                on=BlockingIOError,
                pause_seconds=lambda _, number: min(
                    backoff_seconds(_FIRST_PAUSE_SECONDS, number), _LONGEST_PAUSE_SECONDS
                ),
                deadline=time.monotonic() + self._busy_seconds,
            )
        except BlockingIOError as error:
            raise StoreBroken(
                f"the bucket {self.path} has been locked by another process for more than"
                f" {self._busy_seconds:g} s",
                remedy="wait for the other process, or stop it, then try again",
            ) from error

    @contextmanager
    def _translate_errors(self) -> Iterator[None]:
        """The system's errors as one sentence with its remedy."""
        try:
            yield
        except OSError as error:
            full = error.errno in {errno.ENOSPC, errno.EDQUOT}
            raise StoreBroken(
                f"the bucket {self.path} cannot be used ({error.strerror or error})",
                remedy=(
                    "free some space; everything written before is safe"
                    if full
                    else "let this user write the folder, or set BOT_BUCKET to another one"
                ),
            ) from error


@contextmanager
def _missing_is_none() -> Iterator[None]:
    """Leave the block quietly where no object is: nothing, a folder, or an object where a folder
    was meant.
    """
    try:
        yield
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
        return


def _unless_missing(error: OSError) -> None:
    """What `os.walk` would swallow: a folder that cannot be read is no empty one."""
    if not isinstance(error, FileNotFoundError | NotADirectoryError):
        raise error


def _generation(path: Path) -> int | None:
    with _missing_is_none():
        status = path.stat()
        return _number(status) if stat.S_ISREG(status.st_mode) else None
    return None


def _number(status: os.stat_result) -> int:
    return max(
        1, status.st_mtime_ns
    )  # 0 means "no object", and some archives unpack their files with the time 0


def _stamp(path: Path, *, after: int | None) -> int:
    """Give a file its generation: the time, and later than the one `after` which it comes.

    On the disk when it returns.
    """
    at = max(time.time_ns(), (after or 0) + 1)
    for step in (0, *_STEPS_NS):
        os.utime(path, ns=(at + step, at + step))
        kept = _number(path.stat())  # what the file system kept of it
        if kept > (after or 0):
            break
    sync(path)
    return kept
