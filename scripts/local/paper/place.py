"""Where a paper bot lives in the data folder: its locks, one status file, its logs."""

import errno
import fcntl
import json
import os
import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from shared.core.errors import BotError, UserError
from shared.core.files import write_file
from shared.core.settings import Settings

LEAST_ROOM_BYTES = 100_000
GUARDIAN = "guardian"
LOOKING_SECONDS = 1.0
TELLING_SECONDS = 30.0
"""So long a guardian may tell of a supervisor that was killed, before it is ended as well."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SupervisorPaths:
    """The paths of one bot's supervisor.

    The lock, not the number in the file, says whether it runs.
    """

    folder: Path
    logs: Path

    @classmethod
    def of(cls, settings: Settings) -> "SupervisorPaths":
        """The place of the bot that the settings name."""
        home = settings.home_path
        return cls(folder=home / "paper" / settings.id, logs=home / "logs")

    @property
    def lock_path(self) -> Path:
        """Held for as long as the supervisor lives; names its process id."""
        return self.folder / "supervisor.pid"

    @property
    def status_path(self) -> Path:
        """What the supervisor last said of itself."""
        return self.folder / "status.json"

    @property
    def log_path(self) -> Path:
        """What the supervisor says, rotated."""
        return self.logs / "paper.log"

    @property
    def tick_log_path(self) -> Path:
        """What the tick's process says, rotated."""
        return self.logs / "paper-tick.log"

    @property
    def learning_log_path(self) -> Path:
        """What collecting and training say, rotated."""
        return self.logs / "paper-learning.log"

    def errand_log_path(self, name: str) -> Path:
        """What an errand beside the ticks says, rotated."""
        return self.logs / f"paper-{name}.log"

    @property
    def crash_path(self) -> Path:
        """What a background supervisor writes outside of its log: tracebacks."""
        return self.logs / "paper-start.log"

    def require_room(self) -> None:
        """Refuse a folder that cannot be written to, or on whose disk no log would find room.

        Raises `UserError`.
        """
        try:
            for folder in (self.folder, self.logs):
                folder.mkdir(parents=True, exist_ok=True)
            probe = self.logs / f"room.{os.getpid()}"
            try:
                probe.write_bytes(b"\0" * LEAST_ROOM_BYTES)
            finally:
                probe.unlink(missing_ok=True)
        except OSError as error:
            full = error.errno in {errno.ENOSPC, errno.EDQUOT}
            remedy = (
                "free some space, or set BOT_HOME to another disk"
                if full
                else "make it writable, or set BOT_HOME"
            )
            raise UserError(
                f"the folder {self.logs} cannot be written ({error.strerror})", remedy=remedy
            ) from error

    def mark(self, process: str) -> Path:
        """The file that is locked while a process group of the supervisor's lives; see
        `scripts/local/lifeline.py`.
        """
        return self.folder / f"{process}.group"

    def pid(self) -> int | None:
        """The process id of the running supervisor, or None."""
        return _holder(self.lock_path)

    def groups(self) -> dict[str, int]:
        """The process groups that run for a supervisor, by name: also those that one who was killed
        has left.
        """
        held = {path.stem: _holder(path) for path in sorted(self.folder.glob("*.group"))}
        return {name: group for name, group in held.items() if group}

    def end_left(self, *, patience_seconds: float = 10.0) -> dict[str, int]:
        """End what a supervisor that was killed has left, and say what that was.

        Raises `BotError` where it does not end.
        """
        left = self.groups()
        self._let_guardian_tell()
        limit = time.monotonic() + patience_seconds
        for number, until in (
            (signal.SIGTERM, limit - patience_seconds / 2),
            (signal.SIGKILL, limit),
        ):
            for group in self.groups().values():
                with suppress(ProcessLookupError):
                    os.killpg(group, number)
            while self.groups() and time.monotonic() < until:
                time.sleep(0.05)
        if still := self.groups():
            raise BotError(
                f"process group {next(iter(still.values()))} does not end; see {self.log_path}"
            )
        return left

    def _let_guardian_tell(self) -> None:
        """Wait until it has told that a supervisor was killed, which nobody else will."""
        limit = time.monotonic() + TELLING_SECONDS
        while _holder(self.mark(GUARDIAN)) is not None and time.monotonic() < limit:
            time.sleep(0.05)

    @contextmanager
    def hold_lock(self) -> Iterator[None]:
        """Be the one supervisor here. Raises `UserError` where another one is."""
        self.require_room()
        with self.lock_path.open("ab+") as lock:
            _lock(lock, self)
            lock.truncate(0)
            lock.write(str(os.getpid()).encode())
            lock.flush()
            yield
            lock.truncate(0)

    def write_status(self, status: Mapping[str, Any]) -> None:
        """Replace the status; readers see the old one or the new one, never a part."""
        write_file(self.status_path, json.dumps(status))

    def read_status(self) -> dict[str, Any]:
        """The last status; empty where there is none."""
        with suppress(OSError, ValueError):
            told = json.loads(self.status_path.read_text(encoding="utf-8"))
            if isinstance(told, dict):
                return told
        return {}


def _holder(path: Path) -> int | None:
    """The number in a file that somebody holds locked (0 before it was written), or None."""
    try:
        with path.open("rb") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                text = file.read().strip()
                return int(text) if text.isdigit() else 0
    except FileNotFoundError:
        return None
    return None


def _lock(lock: IO[bytes], place: SupervisorPaths) -> None:
    """Lock it. Whoever only looks whether somebody holds it holds it for a moment, too."""
    limit = time.monotonic() + LOOKING_SECONDS
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError as error:
            pid = place.pid()
            if pid is not None or time.monotonic() > limit:
                raise UserError(
                    f"paper trading runs already{f' (process {pid})' if pid else ''}",
                    remedy=(
                        "look at it with `scripts/bot paper status`, or end it with `scripts/bot"
                        " paper stop`"
                    ),
                ) from error
        time.sleep(0.01)
