"""A command of the user's."""

import os
import shlex
import signal
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress

from shared.alerts.ports import LogWriter
from shared.alerts.second.bounded import BoundedChannel
from shared.alerts.second.text import body_text, headline
from shared.core.errors import BadSettings
from shared.core.logs import log
from shared.core.types import Alert

_LAST_SECONDS = 0.5


class OwnCommand(BoundedChannel):
    """A command of the user's: it gets the headline as its last word, the text as its input, and
    has told everything where it ends with 0.
    """

    name = "command"

    def __init__(self, command: str, *, write: LogWriter = log) -> None:
        """Run nothing yet. Raises `BadSettings` for a line that no shell could read."""
        super().__init__(write)
        try:
            self._words = shlex.split(command)
        except ValueError as error:
            raise BadSettings(
                f"BOT_SECOND_CHANNEL is a command that cannot be read ({error})",
                remedy="write it as in a shell, with its quotes closed",
            ) from error
        if not self._words:
            raise BadSettings("BOT_SECOND_CHANNEL is an empty command", remedy="name a program")

    def __repr__(self) -> str:
        return f"OwnCommand({self._words[0]})"

    def _tell_until(self, alerts: Sequence[Alert], until: float) -> bool:
        """Run it; whether it ended well in time. What it started ends with it."""
        try:
            # It is the owner's own line, split without a shell.
            process = subprocess.Popen(  # noqa: S603
                [*self._words, headline(alerts)],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            self._log_failure(type(error).__name__)
            return False
        try:
            process.communicate(body_text(alerts).encode(), timeout=until - time.monotonic())
        except subprocess.TimeoutExpired:
            self._log_failure("it did not end in time")
            return False
        except OSError as error:
            self._log_failure(type(error).__name__)
            return False
        finally:
            # It may belong to somebody else by now (`sudo`), and then nothing of ours ends it.
            with suppress(OSError):
                os.killpg(process.pid, signal.SIGKILL)
            with suppress(subprocess.TimeoutExpired):
                process.wait(_LAST_SECONDS)
        if process.returncode != 0:
            self._log_failure(f"it ended with {process.returncode}")
        return process.returncode == 0
