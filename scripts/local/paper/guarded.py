"""The supervisor's side of the guardian: started, kept alive, told of an end that was meant."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress

from scripts.installation.checkout import ROOT
from scripts.local.paper.guardian import MEANT
from scripts.local.paper.place import GUARDIAN, SupervisorPaths

AGAIN_SECONDS = 5.0
END_SECONDS = 5.0


class Guarded:
    """One guardian for one supervisor."""

    def __init__(
        self,
        place: SupervisorPaths,
        environ: Mapping[str, str],
        *,
        pid: int,
        started_at: int,
        say: Callable[[str], None],
    ) -> None:
        """Nothing runs until `look_around`."""
        self._place, self._say = place, say
        self._environ = {**environ, "PYTHONPATH": str(ROOT)}
        self._words = [str(place.mark(GUARDIAN)), str(place.lock_path), str(pid), str(started_at)]
        self._process: subprocess.Popen[bytes] | None = None
        self._again_at = 0.0

    def look_around(self) -> None:
        """Start it where it does not run: one of before may still be telling."""
        if self._process is not None and self._process.poll() is None:
            return
        if time.monotonic() < self._again_at:
            return
        if self._process is not None:
            self._say(
                f"the guardian ended with exit code {self._process.returncode}; starting it again"
            )
            self._close()
        self._again_at = time.monotonic() + AGAIN_SECONDS
        path = self._place.errand_log_path(GUARDIAN)
        with path.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "scripts.local.paper.guardian", *self._words],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=ROOT,
                env=self._environ,
                start_new_session=True,
            )

    def say_meant(self) -> None:
        """Tell it that the end to come is meant; safe in a signal handler."""
        if self._process is not None and self._process.stdin is not None:
            with suppress(OSError, ValueError):
                os.write(self._process.stdin.fileno(), MEANT)

    def end(self, *, meant: bool) -> None:
        """Let it go: where the end is meant, wait until it has gone too; else it tells of it."""
        if self._process is None:
            return
        if meant:
            self.say_meant()
        self._close()
        if not meant:
            return
        try:
            self._process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _close(self) -> None:
        if self._process is not None and self._process.stdin is not None:
            with suppress(OSError):
                self._process.stdin.close()
