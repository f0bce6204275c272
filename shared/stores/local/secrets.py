"""Secrets in a folder of one machine: a folder each, a file each version, for this user alone.

    BITBANK_API_KEY/1.disabled
    BITBANK_API_KEY/2

A file appears whole under its number or not at all, so that of two who add at once each gets a
number of its own. One that others could read is not used: whoever saw it may have kept it.
"""

import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from shared.core.errors import StoreBroken
from shared.core.files import create_file, sync
from shared.stores.secrets import (
    Secret,
    SecretVersion,
    check_name,
    check_value,
    disabled_error,
    missing_error,
    read_value,
)

_FILE = re.compile(r"([1-9][0-9]{0,8})(\.disabled)?")
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


class FolderSecrets:
    """Secrets below `path`.

    All methods raise `StoreBroken`, with the remedy, where the folder cannot be used.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """Keep secrets below `path`, which is made when first written to."""
        self.path = Path(path).expanduser().absolute()

    @classmethod
    def open(cls, address: str) -> Self:
        """The store at a path."""
        return cls(address)

    def read_newest(self, name: str) -> Secret:
        """The newest version."""
        return self.read(name, self.all_versions(name)[0].number)

    def read(self, name: str, version: int) -> Secret:
        """One version."""
        path = self._path(name, version)
        with self._translate_errors():
            if path.with_name(f"{version}.disabled").exists():
                raise disabled_error(name, version)
            try:
                with path.open("rb") as file:
                    self._check_mode(path, os.fstat(file.fileno()))
                    return read_value(name, version, file.read())
            except FileNotFoundError:
                raise missing_error(name, version) from None

    def add(self, name: str, value: str) -> int:
        """Make it the newest version; its number."""
        stored = check_value(check_name(name), value)
        while True:
            known = self._versions(name)
            newest = known[0] if known else SecretVersion(number=0, is_enabled=False)
            if newest.is_enabled and self.read(name, newest.number).value.encode() == stored:
                return newest.number
            with self._translate_errors():
                try:
                    create_file(self._path(name, newest.number + 1), value, mode=0o600)
                except FileExistsError:
                    continue  # another process was first
                sync(self.path / name)
                return newest.number + 1

    def disable(self, name: str, version: int) -> None:
        """Let nobody read a version any more."""
        path = self._path(name, version)
        gone = path.with_name(f"{version}.disabled")
        with self._translate_errors():
            try:
                path.rename(gone)
            except FileNotFoundError:
                if not gone.exists():
                    raise missing_error(name, version) from None
            sync(path.parent)

    def all_versions(self, name: str) -> list[SecretVersion]:
        """All versions, the newest first."""
        found = self._versions(name)
        if not found:
            raise missing_error(name)
        return found

    def _versions(self, name: str) -> list[SecretVersion]:
        folder = self.path / check_name(name)
        with self._translate_errors():
            files = list(folder.iterdir()) if folder.is_dir() else []
        named = [match for file in files if (match := _FILE.fullmatch(file.name)) is not None]
        states = {int(match[1]): match[2] is None for match in named}
        return [
            SecretVersion(number=number, is_enabled=states[number])
            for number in sorted(states, reverse=True)
        ]

    def _path(self, name: str, version: int) -> Path:
        return self.path / check_name(name) / str(version)

    def _check_mode(self, path: Path, status: os.stat_result) -> None:
        if stat.S_IMODE(status.st_mode) & _OTHERS:
            raise StoreBroken(
                f"the secret in {path} may be read by other users of this machine",
                remedy=f"run: chmod 600 {path}, and change the key where others were there",
            )

    @contextmanager
    def _translate_errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise StoreBroken(
                f"the secrets in {self.path} cannot be used ({error.strerror or error})",
                remedy="let this user write the folder",
            ) from error
