"""Files that are whole or not there: written beside their place, then put into it in one step.

Whoever reads meanwhile, or after a crash, finds the old file or the new one, never a part.
"""

import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path


def write_file(path: Path, data: bytes | str) -> None:
    """Put `data` (text as UTF-8) in the place of whatever is at `path`; its folder is there.

    A link stays one, and what it leads to is replaced; permissions stay as they were. Something
    that is no plain file (a terminal, a pipe) is written to. Raises `OSError`.
    """
    content = data.encode() if isinstance(data, str) else data
    target = path.resolve()
    if target.exists() and not target.is_file():
        target.write_bytes(content)
        return
    with drafting(target) as draft:
        draft.write_bytes(content)
        if target.exists():
            draft.chmod(target.stat().st_mode & 0o7777)


def write_files(folder: Path, files: Mapping[str, bytes]) -> None:
    """Each file by its name, in a folder that is made where it is missing. Raises `OSError`."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        write_file(folder / name, data)


def create_file(path: Path, text: str, *, mode: int) -> None:
    """Make a file with these permissions that must not exist yet; its folder is made where it is
    missing, for this user alone.

    Raises `FileExistsError`, also where another process is faster, and `OSError`.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     create_file(Path(folder, "key"), "secret", mode=0o600)
    ...     oct(Path(folder, "key").stat().st_mode & 0o777)
    '0o600'
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = draft_beside(path)
    try:
        write_draft(draft, text.encode(), mode=mode)
        os.link(draft, path)
    finally:
        draft.unlink(missing_ok=True)


@contextmanager
def drafting(path: Path) -> Iterator[Path]:
    """A place beside `path` for the block to write a file to, which replaces `path` when the block
    has ended; where it fails nothing of it stays.
    """
    draft = draft_beside(path)
    try:
        yield draft
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def draft_beside(path: Path) -> Path:
    """A hidden name in the same folder that nobody else uses."""
    return path.with_name(f".{secrets.token_hex(8)}.new")


def write_draft(draft: Path, data: bytes, *, mode: int = 0o666) -> None:
    """Write a new file; on the disk when this returns, gone where it fails. Raises `OSError`."""
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        draft.unlink(missing_ok=True)
        raise


def sync(path: Path) -> None:
    """Return when a file's times, or the names in a folder, are on the disk."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
