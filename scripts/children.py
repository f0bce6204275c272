"""Processes that a command starts and must end: each with a log file, and with its last words when it dies."""

import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from shared.errors import BotError

ROOT = Path(__file__).resolve().parents[1]
LAST_LINES = 15


class ChildDied(BotError):
    """A process that was needed has ended by itself. `last_lines` is the end of its log."""

    def __init__(self, found: str, *, last_lines: Sequence[str]) -> None:
        """Say what was `found`, and keep the log's end for the screen."""
        super().__init__(found)
        self.last_lines = tuple(last_lines)


class Child:
    """A running process of ours. Ctrl-C at the terminal does not reach it: whoever started it ends it."""

    def __init__(self, name: str, command: Sequence[str], *, environ: Mapping[str, str], log_path: Path) -> None:
        """Start `command`; everything it says goes to `log_path`."""
        self.name = name
        self.log_path = log_path
        log_path.parent.mkdir(parents=True, exist_ok=True)
        with log_path.open("ab") as log:
            self._process = subprocess.Popen(
                list(command),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=ROOT,
                env=dict(environ),
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def check(self) -> None:
        """Raise `ChildDied` where it no longer runs."""
        code = self._process.poll()
        if code is not None:
            how = f"was ended by signal {-code}" if code < 0 else f"ended with exit code {code}"
            raise ChildDied(f"the {self.name} process {how}", last_lines=self.last_lines())

    def last_lines(self, count: int = LAST_LINES) -> list[str]:
        """The end of its log."""
        return last_lines(self.log_path, count)

    def wait_until_listening(self, port: int, *, patience_seconds: float = 60.0) -> None:
        """Return when it accepts connections on loopback. Raises `ChildDied`, also where that takes too long."""
        limit = time.monotonic() + patience_seconds
        while time.monotonic() < limit:
            self.check()
            with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                return
            time.sleep(0.02)
        raise ChildDied(
            f"the {self.name} process did not listen on port {port} within {patience_seconds:.0f} s",
            last_lines=self.last_lines(),
        )

    def stop(self, *, patience_seconds: float = 10.0) -> None:
        """Ask it to end, and insist after a while. Ended already is well."""
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(patience_seconds)
            except subprocess.TimeoutExpired:
                self._process.kill()
        self._process.wait()


def tick_function(port: int, *, environ: Mapping[str, str], log_path: Path) -> Child:
    """The tick under the real functions-framework on loopback, the same process that the cloud runs."""
    source = str(ROOT / "functions" / "tick" / "main.py")
    words = ["--source", source, "--target", "tick", "--host", "127.0.0.1", "--port", str(port)]
    return Child(
        "tick function",
        [sys.executable, "-m", "functions_framework", *words],
        environ={**environ, "PYTHONPATH": str(ROOT)},
        log_path=log_path,
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
