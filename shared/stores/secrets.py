"""The port of secrets, for setting a bot up, for changing its keys, and for the doctor.

No tick imports it: a function finds its secrets in its environment, where the platform puts them
when an instance starts.
"""

import re
import threading
from dataclasses import dataclass, field
from typing import Protocol, Self

from shared.core.errors import BadData, NotThere
from shared.core.masking import register_secrets

MOST_BYTES = 65_536
"""Of a value: what Secret Manager takes."""

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,99}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Secret:
    """A value that was read, with its version; its repr leaves the value out.

    >>> Secret(name="BITBANK_API_KEY", version=2, value="never shown")
    Secret(name='BITBANK_API_KEY', version=2)
    """

    name: str
    version: int
    value: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretVersion:
    """A version without its value: 1 for the first, and whether it may be read."""

    number: int
    is_enabled: bool


class SecretStore(Protocol):
    """Secrets by name, each with numbered versions.

    Names are letters, digits, `-` and `_`, and begin with a letter; a value is text of 64 KiB at
    most and not empty: else `BadData`, which never tells a value. What is not there, or is
    disabled, is `NotThere`. Every value that is read or written is masked from then on.

    >>> secrets = MemorySecrets()
    >>> secrets.add("BITBANK_API_KEY", "the first key"), secrets.add("BITBANK_API_KEY", "another")
    (1, 2)
    >>> secrets.disable("BITBANK_API_KEY", 1)
    >>> secrets.read_newest("BITBANK_API_KEY").value
    'another'
    >>> [version.is_enabled for version in secrets.all_versions("BITBANK_API_KEY")]
    [True, False]
    """

    def read_newest(self, name: str) -> Secret:
        """The newest version, which is the one that a function gets; also where an older one could
        still be read, a disabled one is not passed over.
        """
        ...

    def read(self, name: str, version: int) -> Secret:
        """One version."""
        ...

    def add(self, name: str, value: str) -> int:
        """Make it the newest version, and the secret where it is new; the version's number.

        Where the newest one holds this very value it stays: so it may be asked again.
        """
        ...

    def disable(self, name: str, version: int) -> None:
        """Let nobody read a version any more; it may be disabled already."""
        ...

    def all_versions(self, name: str) -> list[SecretVersion]:
        """All versions, the newest first."""
        ...


def check_name(name: str) -> str:
    """The name of a secret, where it can be one. Raises `BadData`."""
    if not _NAME.fullmatch(name):
        raise BadData(
            "a secret's name must be letters, digits, - and _, begin with a letter, and have 100"
            " characters at most"
        )
    return name


def check_value(name: str, value: str) -> bytes:
    """The value as it is stored, masked from now on.

    Raises `BadData`, which does not tell it.
    """
    try:
        stored = value.encode()
    except UnicodeEncodeError:  # half a character; the error holds the value
        stored = b""
    else:
        register_secrets(value)
    if not 0 < len(stored) <= MOST_BYTES:
        raise BadData(f"the value for the secret {name} must be text of 1 to {MOST_BYTES} bytes")
    return stored


def read_value(name: str, version: int, stored: bytes) -> Secret:
    """What was stored as a secret, masked from now on. Raises `BadData` where it is no text."""
    try:
        value = stored.decode()
    except UnicodeDecodeError:
        raise BadData(f"version {version} of the secret {name} is no text") from None
    register_secrets(value)
    return Secret(name=name, version=version, value=value)


def missing_error(name: str, version: int | None = None) -> NotThere:
    """The error for what is not there."""
    what = f"the secret {name}" if version is None else f"version {version} of the secret {name}"
    return NotThere(f"{what} does not exist")


def disabled_error(name: str, version: int) -> NotThere:
    """The error for what nobody may read any more."""
    return NotThere(f"version {version} of the secret {name} is disabled")


class MemorySecrets:
    """Secrets in this process's memory, for tests."""

    def __init__(self) -> None:
        """Start empty."""
        self._lock = threading.Lock()
        self._values: dict[str, list[bytes]] = {}
        self._disabled: set[tuple[str, int]] = set()

    @classmethod
    def open(cls, address: str) -> Self:
        """One of its own, whatever the address."""
        del address
        return cls()

    def read_newest(self, name: str) -> Secret:
        """The newest version."""
        with self._lock:
            return self._read(name, len(self._values_of(name)))

    def read(self, name: str, version: int) -> Secret:
        """One version."""
        with self._lock:
            return self._read(name, version)

    def add(self, name: str, value: str) -> int:
        """Make it the newest version; its number."""
        stored = check_value(check_name(name), value)
        with self._lock:
            values = self._values.setdefault(name, [])
            if not values or values[-1] != stored or (name, len(values)) in self._disabled:
                values.append(stored)
            return len(values)

    def disable(self, name: str, version: int) -> None:
        """Let nobody read a version any more."""
        with self._lock:
            if not 1 <= version <= len(self._values_of(name)):
                raise missing_error(name, version)
            self._disabled.add((name, version))

    def all_versions(self, name: str) -> list[SecretVersion]:
        """All versions, the newest first."""
        with self._lock:
            return [
                SecretVersion(number=number, is_enabled=(name, number) not in self._disabled)
                for number in range(len(self._values_of(name)), 0, -1)
            ]

    def _values_of(self, name: str) -> list[bytes]:
        if check_name(name) not in self._values:
            raise missing_error(name)
        return self._values[name]

    def _read(self, name: str, version: int) -> Secret:
        values = self._values_of(name)
        if not 1 <= version <= len(values):
            raise missing_error(name, version)
        if (name, version) in self._disabled:
            raise disabled_error(name, version)
        return read_value(name, version, values[version - 1])
