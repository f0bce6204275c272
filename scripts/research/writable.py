"""Whether something can be written where it will be, looked at before the work and not after it."""

import fcntl
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from shared.core.errors import BotError, UserError
from shared.core.files import write_files
from shared.core.settings import Settings

PROBE_BYTES = 8_192
"""Enough that a full disk cannot take it."""


def require_folder(folder: Path, option: str) -> None:
    """Refuse a place where no folder can be, or nothing in it.

    A probe is written beside where it will be, and taken away.
    """
    if wrong := _wrong_with(folder.absolute()):
        raise _refuse_place(folder, option, wrong)


def write_results(folder: Path, files: Mapping[str, bytes], *, option: str) -> None:
    """Write all files of a result. Raises `UserError` naming the `option` that chose the folder."""
    try:
        write_files(folder, files)
    except OSError as error:
        raise UserError(
            f"{folder} cannot be written ({error.strerror})",
            remedy=f"choose another folder with {option}",
        ) from error


def require_file(path: Path, option: str) -> None:
    """Refuse a place where no file can be written; one that is there stays as it is."""
    if wrong := _wrong_with(path.absolute(), file=True):
        raise _refuse_place(path, option, wrong)


def _wrong_with(place: Path, *, file: bool = False) -> str:
    """Why nothing can be written there; empty where it can."""
    try:
        if "\0" in str(place):
            return "it is no path"
        if file and place.is_dir():
            return "it is a folder"
        first = next(
            path for path in (place.parent if file else place, *place.parents) if path.exists()
        )
        if not first.is_dir():
            return f"{first} is not a folder"
        with tempfile.NamedTemporaryFile(dir=first, prefix=".probe-") as probe:
            probe.write(bytes(PROBE_BYTES))
        if max(len(os.fsencode(part)) for part in place.parts) > os.pathconf(first, "PC_NAME_MAX"):
            return "a name in it is too long"
        if file and place.exists():
            with place.open("ab"):
                pass
    except OSError as error:
        return f"it cannot be written to ({error.strerror})"
    return ""


def require_stores(settings: Settings) -> None:
    """Refuse a data folder where neither state nor bucket could be written at the end."""
    for name, url in (("BOT_STATE", settings.state), ("BOT_BUCKET", settings.bucket)):
        parts = urlsplit(url)
        if parts.scheme in {"sqlite", "file"}:
            place = Path(
                f"/{parts.path.lstrip('/')}"
                if parts.path.startswith("/")
                else f"{parts.netloc}{parts.path}"
            )
            require_folder(place.parent if parts.scheme == "sqlite" else place, name)


@contextmanager
def the_only_training(settings: Settings) -> Iterator[None]:
    """Be the one training of this data folder. Raises `BotError` at once where another one is."""
    path = settings.home_path / "training.lock"
    require_folder(path.parent, "BOT_HOME")
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+b") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            lock.seek(0)
            held_by = lock.read(20).decode(errors="replace").strip()
            who = f" (process {held_by})" if held_by.isdigit() else ""
            raise BotError(
                f"a training runs already in {path.parent}{who}; wait for its end, or end it"
            ) from error
        lock.truncate(0)
        lock.write(str(os.getpid()).encode())
        lock.flush()
        yield
        lock.truncate(0)


def _refuse_place(place: Path, option: str, why: str) -> UserError:
    return UserError(
        f"{option} was {str(place)!r}: {why}", remedy=f"choose another place with {option}"
    )
