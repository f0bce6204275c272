"""From a path to a stream of plain bytes: what packs a file is undone on the way, in pieces, up to
a limit that is told.

What a file is follows from its first bytes; its name is only a name. Nothing is ever unpickled.
"""

import bz2
import gzip
import io
import lzma
import zipfile
import zlib
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any

from shared.core.errors import UserError

MOST_UNPACKED_BYTES = 2 << 30
MOST_ROWS = 20_000_000
LONGEST_LINE_BYTES = 1 << 20
TAKEN = (
    "give candles as CSV, JSON, Parquet or feather (also gzip, zip, bz2, xz, zstd), see"
    " `docs/candles.md`"
)
HEAD_BYTES = 1 << 17
_PACKED = {
    b"\x1f\x8b": "gzip",
    b"PK\x03\x04": "zip",
    b"BZh": "bz2",
    b"\xfd7zXZ\x00": "xz",
    b"\x28\xb5\x2f\xfd": "zstd",
}
_FOREIGN = {
    b"SQLite format 3": "an SQLite database",
    b"\x89HDF": "an HDF5 file",
    b"\xd0\xcf\x11\xe0": "an Excel workbook",
    b"%PDF": "a PDF",
    b"\x89PNG": "a picture",
    b"\x80\x02": "a pickle, which could run code when it is opened",
    b"\x80\x03": "a pickle, which could run code when it is opened",
    b"\x80\x04": "a pickle, which could run code when it is opened",
    b"\x80\x05": "a pickle, which could run code when it is opened",
    b"7z\xbc\xaf": "a 7z archive",
    b"Rar!": "a RAR archive",
    b"PK\x05\x06": "an empty zip archive",
}
_BROKEN = (EOFError, zlib.error, gzip.BadGzipFile, lzma.LZMAError, zipfile.BadZipFile, OSError)
_DEEPEST = 3
_MOST_ZSTD_BYTES = 512 << 20


class Limited(io.RawIOBase):
    """A readable stream that ends with a sentence where it unpacks to too much, where one line
    never ends, or where it is cut.

    pandas replaces some errors of the streams that it reads: `failed` keeps the one that was meant.
    """

    def __init__(self, source: IO[bytes], path: Path, *, packed: str) -> None:
        """Read `source`; `packed` is what it is unpacked from, empty for a plain file."""
        self._source, self._path, self._packed = source, path, packed
        self._seen = self._line = 0
        self._waiting = b""
        self.failed: UserError | None = None

    def readable(self) -> bool:
        """Yes."""
        return True

    def readinto(self, buffer: Any) -> int:
        """The next bytes; zero at the end."""
        if self._waiting:
            data, self._waiting = self._waiting[: len(buffer)], self._waiting[len(buffer) :]
        else:
            data = self._fresh(min(len(buffer), 1 << 18))
        buffer[: len(data)] = data
        return len(data)

    def head(self) -> bytes:
        """The first bytes, which stay to be read."""
        parts: list[bytes] = []
        missing = HEAD_BYTES
        while missing > 0 and (data := self._fresh(missing)):
            parts.append(data)
            missing -= len(data)
        self._waiting = b"".join(parts) + self._waiting
        return self._waiting[:HEAD_BYTES]

    def whole(self, most: int, what: str) -> bytes:
        """Everything, where it has at most `most` bytes."""
        data = io.BufferedReader(self).read(most + 1)
        if len(data) > most:
            raise UserError(
                f"{self._path} holds more than {most >> 20} MiB of {what}",
                remedy="give it in parts, or as CSV or Parquet",
            )
        return data

    def _fresh(self, count: int) -> bytes:
        try:
            data = self._source.read(count)
        except _BROKEN as error:
            found = f"{self._path} is no whole {self._packed} file (damaged or cut off)"
            self.failed = UserError(
                found if self._packed else f"{self._path} cannot be read: {error}",
                remedy="fetch it again",
            )
            raise self.failed from error
        self._seen += len(data)
        last = data.rfind(b"\n")
        self._line = self._line + len(data) if last < 0 else len(data) - 1 - last
        if self._seen > MOST_UNPACKED_BYTES:
            unpacked = "unpacks to" if self._packed else "is"
            self.failed = UserError(
                f"{self._path} {unpacked} more than {MOST_UNPACKED_BYTES >> 30} GiB",
                remedy="give it in parts",
            )
            raise self.failed
        return data

    @property
    def is_endless(self) -> bool:
        """Whether what was read last goes on without an end of a line for too long."""
        return self._line > LONGEST_LINE_BYTES


class Lines(Limited):
    """The same for text: a line that never ends would fill the memory of whoever waits
    for its end.
    """

    def _fresh(self, count: int) -> bytes:
        data = super()._fresh(count)
        if self.is_endless:
            found = (
                f"{self._path} has a line of more than {LONGEST_LINE_BYTES >> 20} MiB: it is no"
                " table of candles"
            )
            self.failed = UserError(found, remedy=TAKEN)
            raise self.failed
        return data


def open_unpacked(path: Path, closing: ExitStack) -> tuple[IO[bytes], str]:
    """The file's own bytes unpacked, and what they were packed in (`gzip`; empty for a plain file).

    Raises `UserError`.

    `closing` closes every stream on the way.
    """
    if not path.exists():
        raise UserError(f"{path} does not exist", remedy="check the path")
    if not path.is_file():
        raise UserError(f"{path} is not a file", remedy=TAKEN)
    try:
        source: IO[bytes] = closing.enter_context(path.open("rb"))
    except OSError as error:
        raise UserError(
            f"{path} cannot be read: {error.strerror}", remedy="check its permissions"
        ) from error
    packed = ""
    for _ in range(_DEEPEST):
        start = _start(source, path, packed)
        kind = next((kind for magic, kind in _PACKED.items() if start.startswith(magic)), None)
        if kind is None:
            return source, packed
        packed, source = kind, closing.enter_context(_unpack_stream(source, path, kind))
    raise UserError(
        f"{path} is packed more than {_DEEPEST} times", remedy="unpack it, and give what was in it"
    )


def _start(source: IO[bytes], path: Path, packed: str) -> bytes:
    try:
        start = source.read(512)
        source.seek(0)
    except _BROKEN as error:
        raise UserError(
            f"{path} is no whole {packed} file (damaged or cut off)", remedy="fetch it again"
        ) from error
    foreign = next((what for magic, what in _FOREIGN.items() if start.startswith(magic)), None)
    if start[257:262] == b"ustar":
        foreign = "a tar archive"
    if foreign:
        raise UserError(
            f"{path} is {foreign}", remedy=f"save the candles in it as CSV or Parquet; {TAKEN}"
        )
    return start


def _unpack_stream(source: IO[bytes], path: Path, kind: str) -> IO[bytes]:
    if kind == "gzip":
        return gzip.GzipFile(fileobj=source, mode="rb")  # type: ignore[return-value]
    if kind == "bz2":
        return bz2.BZ2File(source)
    if kind == "xz":
        return lzma.LZMAFile(source)
    if kind == "zip":
        return _member(source, path)
    return _zstd(source, path)


def _zstd(source: IO[bytes], path: Path) -> IO[bytes]:
    packed = Limited(source, path, packed="").whole(_MOST_ZSTD_BYTES, "packed bytes")
    return Zstd(packed)  # type: ignore[return-value]


class Zstd(io.RawIOBase):
    """Arrow's stream with a way back to its beginning, which is all that is asked for."""

    def __init__(self, packed: bytes) -> None:
        """Unpack `packed` bit by bit."""
        self._packed = packed
        self.seek(0)

    def seek(self, position: int, _whence: int = 0) -> int:
        """Begin again."""
        import pyarrow as pa

        self._stream = pa.CompressedInputStream(pa.BufferReader(self._packed), "zstd")
        return position

    def readable(self) -> bool:
        """Yes."""
        return True

    def readinto(self, buffer: Any) -> int:
        """The next bytes; zero at the end."""
        data = self._stream.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)


def _member(source: IO[bytes], path: Path) -> IO[bytes]:
    """The only file in a zip archive."""
    try:
        archive = zipfile.ZipFile(source)
        names = [
            one
            for one in archive.infolist()
            if not one.is_dir() and not one.filename.startswith("__MACOSX")
        ]
        if any(one.filename == "[Content_Types].xml" for one in names):
            raise UserError(f"{path} is an Excel workbook", remedy="save the sheet as CSV")
        if len(names) != 1:
            raise UserError(
                f"{path} is a zip archive of {len(names)} files",
                remedy="give an archive of one file, or the file",
            )
        return archive.open(names[0])
    except RuntimeError as error:
        raise UserError(f"{path} is locked with a password", remedy="unpack it first") from error
    except (*_BROKEN, NotImplementedError) as error:
        raise UserError(
            f"{path} is no whole zip file (damaged or cut off)", remedy="fetch it again"
        ) from error
