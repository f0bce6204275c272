"""Run a module as a process that outlives nobody: when whoever started it is gone, it ends, however
that one died.

    python -m scripts.local.lifeline MARK MODULE [WORDS...]

Standard input is the lifeline: a pipe whose other end only the starter holds. The system closes it
with the starter, also after a `kill -9`, and then the whole process group is told to end, and made
to a few seconds later. MARK (`-` for none) is a file that stays locked for as long as any process
of the group lives, and names the group: a number alone may be anybody's.
"""

import fcntl
import os
import runpy
import signal
import sys
import threading
import time
from pathlib import Path

PATIENCE_SECONDS = 5.0
NO_MARK = "-"


def main(mark: str, module: str, words: list[str]) -> None:
    """Hold the mark, watch the lifeline, and become the module."""
    if mark != NO_MARK:
        _hold(Path(mark))
    threading.Thread(target=_watch, args=(sys.stdin.fileno(),), daemon=True).start()
    sys.argv = [module, *words]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


def _hold(mark: Path) -> None:
    """Lock the mark until the last process of this group ends: forked ones inherit the lock with
    the file.
    """
    held = os.open(mark, os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(held, fcntl.LOCK_EX)
    os.ftruncate(held, 0)
    os.write(held, str(os.getpgrp()).encode())


def _watch(lifeline: int) -> None:
    while os.read(lifeline, 4096):
        pass
    group = os.getpgrp()
    # What ends in good order ends now; this thread lives on in the one that does not.
    os.killpg(group, signal.SIGTERM)
    time.sleep(PATIENCE_SECONDS)
    os.killpg(group, signal.SIGKILL)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3:])
