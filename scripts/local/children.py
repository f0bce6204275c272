"""Processes that a command starts and must end: each with a log file, and with its last words when
it dies.
"""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from scripts.installation.checkout import ROOT
from scripts.local.lifeline import NO_MARK
from shared.core.errors import BotError

LAST_LINES = 15


class ChildDied(BotError):
    """A process that was needed has ended by itself. `last_lines` is the end of its log."""

    def __init__(self, found: str, *, last_lines: Sequence[str]) -> None:
        """Say what was `found`, and keep the log's end for the screen."""
        super().__init__(found)
        self.last_lines = tuple(last_lines)


class Child:
    """A running process group of ours.

    Ctrl-C at the terminal does not reach it: whoever started it ends it.

    It hangs on a lifeline (`scripts/local/lifeline.py`), so that it ends by itself where whoever
    started it was killed.
    """

    def __init__(
        self,
        name: str,
        module: str,
        words: Sequence[str],
        *,
        environ: Mapping[str, str],
        log_path: Path,
        on_line: Callable[[str], None] | None = None,
        mark: Path | None = None,
    ) -> None:
        """Run `module` with `words`.

        What it says goes to `log_path`: directly, or line by line through `on_line`, which writes
        there. `mark` is a file that is locked, and names the process group, for as long as any
        process of it lives.
        """
        self.name = name
        self.log_path = log_path
        log_path.parent.mkdir(parents=True, exist_ok=True)
        with log_path.open("ab") as log:
            self._process = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "scripts.local.lifeline",
                    str(mark or NO_MARK),
                    module,
                    *words,
                ],
                stdin=subprocess.PIPE,
                stdout=log if on_line is None else subprocess.PIPE,
                stderr=subprocess.STDOUT,
                cwd=ROOT,
                env={**environ, "PYTHONPATH": str(ROOT)},
                start_new_session=True,
            )
        self._reader = threading.Thread(target=self._read, args=(on_line,), daemon=True)
        self._reader.start()

    def _read(self, on_line: Callable[[str], None] | None) -> None:
        if on_line is not None and self._process.stdout is not None:
            with self._process.stdout as said:
                for line in said:
                    on_line(line.decode(errors="replace").rstrip())

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def code(self) -> int | None:
        """Its exit code once it has ended and everything it said was read, else None."""
        if self._process.poll() is None:
            return None
        self._reader.join(timeout=1.0)
        return self._process.returncode

    def check(self) -> None:
        """Raise `ChildDied` where it no longer runs."""
        code = self.code()
        if code is not None:
            how = f"was ended by signal {-code}" if code < 0 else f"ended with exit code {code}"
            raise ChildDied(f"the {self.name} process {how}", last_lines=self.last_lines())

    def last_lines(self, count: int = LAST_LINES) -> list[str]:
        """The end of its log."""
        return last_lines(self.log_path, count)

    def error_text(self) -> str:
        """What its log says last of an error, in one line."""
        for line in reversed(self.last_lines(40)):
            with suppress(ValueError):
                return line[line.index("error: ") + len("error: ") :]
        return "its log says why"

    def wait_until_listening(self, port: int, *, patience_seconds: float = 60.0) -> None:
        """Return when it accepts connections on loopback.

        Raises `ChildDied`, also where that takes too long.
        """
        limit = time.monotonic() + patience_seconds
        while time.monotonic() < limit:
            self.check()
            with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                return
            time.sleep(0.02)
        raise ChildDied(
            f"the {self.name} process did not listen on port {port} within"
            f" {patience_seconds:.0f} s",
            last_lines=self.last_lines(),
        )

    def stop(self, *, patience_seconds: float = 10.0) -> None:
        """Ask it to end, and insist after a while. Ended already is well."""
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(patience_seconds)
            except subprocess.TimeoutExpired:
                os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._reader.join(timeout=1.0)


def await_death(children: Iterable[Child], *, patience_seconds: float = 2.0) -> None:
    """Return as soon as one of them has ended, or after a while: for whoever lost a connection and
    wants to know why.
    """
    watched = tuple(children)
    limit = time.monotonic() + patience_seconds
    while time.monotonic() < limit and all(child.code() is None for child in watched):
        time.sleep(0.02)


def tick_function(
    port: int,
    *,
    environ: Mapping[str, str],
    log_path: Path,
    on_line: Callable[[str], None] | None = None,
    mark: Path | None = None,
) -> Child:
    """The tick under the real functions-framework on loopback, the same process that the cloud
    runs.
    """
    source = str(ROOT / "functions" / "tick" / "main.py")
    words = ["--source", source, "--target", "tick", "--host", "127.0.0.1", "--port", str(port)]
    return Child(
        "tick function",
        "functions_framework",
        words,
        environ=environ,
        log_path=log_path,
        on_line=on_line,
        mark=mark,
    )


def free_port() -> int:
    """A port of loopback that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def last_lines(path: Path, count: int = LAST_LINES) -> list[str]:
    """The last lines of a file that may not be there."""
    try:
        return path.read_text(encoding="utf-8", errors="replace").splitlines()[-count:]
    except OSError:
        return []
