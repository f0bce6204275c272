"""A model for a bot that has none: history is collected and a model trained by processes beside the
ticks.
"""

import math
import time
from collections.abc import Callable, Mapping

from models.fit.train import history_days
from scripts.local.children import Child
from scripts.local.paper.place import SupervisorPaths
from shared.core.settings import Settings

FIRST_WAIT_SECONDS = 30.0
LONGEST_WAIT_SECONDS = 900.0
TOO_LITTLE_WAIT_SECONDS = 6 * 3600.0
USERS_MISTAKE = 2


class Learning:
    """Runs `bot collect`, then `bot train --quick`; tries again with growing pauses.

    Never blocks a tick.

    A bot on paper needs a model that may serve, not a proof; the weekly retraining asks the gate.
    """

    def __init__(
        self,
        settings: Settings,
        environ: Mapping[str, str],
        place: SupervisorPaths,
        *,
        on_line: Callable[[str], None],
    ) -> None:
        """Nothing runs until `look` is called."""
        days = str(math.ceil(history_days(settings.learning)))
        self._steps = (
            ("collecting history", ["collect", "--days", days]),
            ("training", ["train", "--quick"]),
        )
        self._environ = environ
        self._place = place
        self._on_line = on_line
        self._step = 0
        self._child: Child | None = None
        self._wait_seconds = FIRST_WAIT_SECONDS
        self._again_at = 0.0
        self.trouble = ""

    @property
    def is_finished(self) -> bool:
        """Whether both steps have succeeded."""
        return self._step >= len(self._steps)

    @property
    def doing(self) -> str:
        """What is being done, for the status."""
        if self.is_finished:
            return ""
        name = self._steps[self._step][0]
        return name if self._child is not None else f"waiting to try {name} again"

    def look_around(self) -> None:
        """Start what is due, and take note of what has ended."""
        if self._child is not None:
            code = self._child.code()
            if code is None:
                return
            self._note_end(code, self._child)
            self._child = None
        if not self.is_finished and time.monotonic() >= self._again_at:
            name, words = self._steps[self._step]
            self._child = Child(
                name,
                "scripts.cli",
                words,
                environ=self._environ,
                log_path=self._place.learning_log_path,
                on_line=self._on_line,
                mark=self._place.mark("learning"),
            )

    def stop(self) -> None:
        """End what runs; collecting goes on where it stopped, and an unfinished training leaves
        nothing behind.
        """
        if self._child is not None:
            self._child.stop()

    def _note_end(self, code: int, child: Child) -> None:
        if code == 0:
            self._step += 1
            self.trouble = ""
            self._wait_seconds = FIRST_WAIT_SECONDS
            return
        self.trouble = f"{child.name} failed: {child.error_text()}"
        wait = TOO_LITTLE_WAIT_SECONDS if code == USERS_MISTAKE else self._wait_seconds
        self._wait_seconds = min(2 * self._wait_seconds, LONGEST_WAIT_SECONDS)
        self._again_at = time.monotonic() + wait
        self._step = 0
        self._on_line(f"{self.trouble}; again in {wait:.0f} s")
