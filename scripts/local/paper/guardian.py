"""The guardian: a small process that outlives a paper bot's supervisor, and tells a person where
that one was killed.

    python -m scripts.local.paper.guardian MARK LOCK PID STARTED_AT

Standard input is a pipe whose other end only the supervisor holds. The system closes it with the
supervisor, also after a `kill -9`; one that was asked to end has written `MEANT` before. Then the
guardian makes sure that the lock is free and tells one critical alert through the channels that the
settings name, or none. MARK is locked for as long as it lives, so that there is one of them a bot.

Until then it has imported nothing and does nothing but wait.
"""

import fcntl
import os
import select
import signal
import sys
import time
from pathlib import Path
from types import FrameType

MEANT = b"meant"
FREE_SECONDS = 10.0


class _Asked(BaseException):
    """Somebody asks the guardian itself to end."""


def main(mark: str, lock: str, pid: int, started_at: int) -> int:
    """Wait, and tell where it must be told; the exit code."""
    if not _hold(Path(mark)):
        return 1
    signal.signal(signal.SIGTERM, _end)
    signal.signal(signal.SIGINT, _end)
    heard = b""
    try:
        while part := os.read(sys.stdin.fileno(), 64):
            heard += part
    except _Asked:
        # A whole group may be ended together: the supervisor may be gone by now.
        if not _has_ended():
            return 0
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    if MEANT in heard or not _is_free(Path(lock), pid):
        return 0
    from scripts.local.paper.killed import tell_of_death

    tell_of_death(pid=pid, started_at=started_at)
    return 0


def _end(_number: int, _frame: FrameType | None) -> None:
    raise _Asked


def _has_ended() -> bool:
    """Whether the supervisor's end of the pipe is closed and it said nothing."""
    readable, _, _ = select.select([sys.stdin.fileno()], [], [], 0.2)
    return bool(readable) and not os.read(sys.stdin.fileno(), 64)


def _hold(mark: Path) -> bool:
    held = os.open(mark, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    os.ftruncate(held, 0)
    os.write(held, str(os.getpgrp()).encode())
    return True


def _is_free(lock: Path, pid: int) -> bool:
    """Whether that supervisor holds the lock no longer; another one may."""
    limit = time.monotonic() + FREE_SECONDS
    while time.monotonic() < limit:
        with lock.open("rb") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                if file.read().strip() != str(pid).encode():
                    return True
            else:
                return True
        time.sleep(0.05)
    return False


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])))
