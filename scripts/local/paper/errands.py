"""What is done beside the ticks, each by a process of its own: the week's retraining, the watch,
the digest, the cleaning.

    retraining   `train`            first when the bot has lived for `retrain.every_days`, then in
                                    every ISO week (UTC) from its Monday on, where the setting is 7
    watch        `rounds watch`     every `rounds.every_seconds`
    digest       `rounds digest`    every day at `digest.at` JST
    cleaning     `rounds cleaning`  as often as the watch, half a period later

The first week is the first model's: it was trained an hour ago on all there is, and the gate asks
for hours of a machine that its person has just begun to use. A retraining that was begun and has
not ended (it was killed, or failed) is due at once.

Nothing here waits: a tick never does. What fails is tried again with growing pauses, a retraining
that lacks something after hours; what does not end is ended.
"""

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec

from scripts.local.children import Child
from scripts.local.paper.logs import local_log
from scripts.local.paper.place import SupervisorPaths
from shared.core.calendar import DAY_MS, HOUR_MS, MINUTE_MS, WEEK_MS, jst_day_begins
from shared.core.settings import Settings

RETRAINING, WATCH, DIGEST, CLEANING = "retraining", "watch", "digest", "cleaning"
FIRST_WAIT_SECONDS = 30.0
LONGEST_WAIT_SECONDS = 900.0
TOO_LITTLE_WAIT_SECONDS = 6 * 3600.0
SHORT_SECONDS = 300.0
LONG_SECONDS = 86_400.0
USERS_MISTAKE = 2
GOES_ON = "it is not done yet"
LOW_PRIORITY = 10


@dataclass(slots=True, kw_only=True)
class ErrandProgress:
    """What the status tells of one of them; instants are ms UTC.

    `last_at` is when it last ended well, `begun_at` when it was last begun.
    """

    last_at: int | None = None
    begun_at: int | None = None
    next_at: int | None = None
    doing: str = ""
    trouble: str = ""


class Errand:
    """One of them: begun when it is due, in a process of its own."""

    def __init__(
        self,
        name: str,
        words: list[str],
        *,
        next_time: Callable[[ErrandProgress], int],
        environ: Mapping[str, str],
        place: SupervisorPaths,
        say: Callable[[str], None],
        progress: ErrandProgress,
        longest_seconds: float = SHORT_SECONDS,
    ) -> None:
        """Run `words` of the command line when `next_time` (ms UTC) of its progress has come."""
        self.name = name
        self.progress = progress
        self._words, self._next_time = words, next_time
        self._environ, self._place, self._say = environ, place, say
        self._longest_seconds = longest_seconds
        self._line: Callable[[str], None] | None = None
        self._child: Child | None = None
        self._begun = 0.0
        self._wait_seconds = FIRST_WAIT_SECONDS
        self._again_at = 0.0
        progress.doing = ""
        progress.next_at = next_time(progress)

    def look_around(self, now_ms: int) -> None:
        """Begin what is due at `now_ms`, and take note of what has ended."""
        if self._child is not None:
            code = self._child.code()
            if code is None and time.monotonic() - self._begun > self._longest_seconds:
                self._child.stop(patience_seconds=1.0)
                self._note_failure(f"it did not end within {self._longest_seconds:.0f} s", code)
            elif code is None:
                return
            elif code == 0:
                self._note_success(now_ms)
            else:
                self._note_failure(self._child.error_text(), code)
            self._child = None
        due = self.progress.next_at
        if due is not None and now_ms >= due and time.monotonic() >= self._again_at:
            self._begin(now_ms)

    def forget_future(self, now_ms: int) -> None:
        """Nothing was done later than now: where the clock had been ahead, and was set back, what
        it noted would else put off the next time until then.
        """
        known = self.progress
        known.last_at, known.begun_at = (
            None if at is None else min(at, now_ms) for at in (known.last_at, known.begun_at)
        )
        known.next_at = self._next_time(known)

    def stop(self) -> None:
        """End what runs; it goes on from what was saved."""
        if self._child is not None:
            self._child.stop()
            self._child = None
            self.progress.doing = ""

    def _begin(self, now_ms: int) -> None:
        path = self._place.errand_log_path(self.name)
        self._line = self._line or local_log(path)
        self._child = Child(
            self.name,
            "scripts.cli",
            self._words,
            environ=self._environ,
            log_path=path,
            on_line=self._line,
            mark=self._place.mark(self.name),
        )
        if self._longest_seconds > SHORT_SECONDS:
            with suppress(OSError):
                os.setpriority(os.PRIO_PROCESS, self._child.pid, LOW_PRIORITY)
        self._begun = time.monotonic()
        self.progress.begun_at = now_ms
        self.progress.doing = "running"

    def _note_success(self, now_ms: int) -> None:
        self.progress.last_at = now_ms
        self.progress.next_at = self._next_time(self.progress)
        self.progress.doing = self.progress.trouble = ""
        self._wait_seconds = FIRST_WAIT_SECONDS

    def _note_failure(self, why: str, code: int | None) -> None:
        if why.startswith(GOES_ON):
            self.progress.doing = "goes on"
            return
        is_hopeless = code == USERS_MISTAKE and self._longest_seconds > SHORT_SECONDS
        wait = TOO_LITTLE_WAIT_SECONDS if is_hopeless else self._wait_seconds
        self._wait_seconds = min(2 * self._wait_seconds, LONGEST_WAIT_SECONDS)
        self._again_at = time.monotonic() + wait
        self.progress.doing = "waiting to try again"
        if why != self.progress.trouble:
            self._say(f"{self.name} failed: {why}; again in {wait:.0f} s")
        self.progress.trouble = why


class Errands:
    """All of them, for one supervisor."""

    def __init__(
        self,
        settings: Settings,
        environ: Mapping[str, str],
        place: SupervisorPaths,
        *,
        before: Mapping[str, Any],
        life_began_at: int,
        now_ms: int,
        say: Callable[[str], None],
    ) -> None:
        """Go on from the progress of a supervisor `before`; nothing runs until `look_around`."""
        every_ms = settings.rounds.every_seconds * 1000
        self._life_began_at, self._began_at, self._seen_ms = life_began_at, now_ms, now_ms

        def make(name: str, words: list[str], **more: Any) -> Errand:
            known = msgspec.convert(before.get(name) or {}, ErrandProgress)
            return Errand(
                name, words, environ=environ, place=place, say=say, progress=known, **more
            )

        def rounds_at(offset_ms: int) -> Callable[[ErrandProgress], int]:
            return lambda known: next_on_grid(known.last_at or self._began_at, every_ms, offset_ms)

        self._all = (
            make(
                RETRAINING,
                ["train"],
                next_time=lambda known: next_retraining(
                    known, life_began_at=self._life_began_at, every_days=settings.retrain.every_days
                ),
                longest_seconds=LONG_SECONDS,
            ),
            make(WATCH, ["rounds", WATCH], next_time=rounds_at(0)),
            make(
                DIGEST,
                ["rounds", DIGEST],
                next_time=lambda known: next_time_of_day(
                    known.last_at or self._life_began_at, settings.digest.at
                ),
            ),
            make(CLEANING, ["rounds", CLEANING], next_time=rounds_at(every_ms // 2)),
        )
        self._forget_future(now_ms)

    def look_around(self, now_ms: int, *, has_model: bool) -> None:
        """Begin what is due; a retraining waits for the first model."""
        if now_ms < self._seen_ms:
            self._forget_future(now_ms)
        self._seen_ms = now_ms
        for errand in self._all:
            if has_model or errand.name != RETRAINING:
                errand.look_around(now_ms)

    def _forget_future(self, now_ms: int) -> None:
        self._life_began_at = min(self._life_began_at, now_ms)
        self._began_at = min(self._began_at, now_ms)
        for errand in self._all:
            errand.forget_future(now_ms)

    def stop(self) -> None:
        """End what runs."""
        for errand in self._all:
            errand.stop()

    def statuses(self) -> Iterator[tuple[str, ErrandProgress]]:
        """How each stands."""
        return ((errand.name, errand.progress) for errand in self._all)


def next_on_grid(at: int, every_ms: int, offset_ms: int = 0) -> int:
    """The first instant after `at` on a grid that begins at `offset_ms`."""
    return at + every_ms - (at - offset_ms) % every_ms


def next_time_of_day(at: int, time_of_day: str) -> int:
    """The first instant after `at` when it is that time (like 18:00) in Japan."""
    hours, _, minutes = time_of_day.partition(":")
    today = jst_day_begins(at) + int(hours) * HOUR_MS + int(minutes) * MINUTE_MS
    return today if today > at else today + DAY_MS


def next_retraining(known: ErrandProgress, *, life_began_at: int, every_days: int) -> int:
    """When the next retraining is due, ms UTC: in the week after the one that it was begun in, and
    claimed, also where it ended in the next.
    """
    begun, ended = known.begun_at, known.last_at
    if begun is not None and (ended is None or begun > ended):
        return begun
    if ended is None:
        return life_began_at + every_days * DAY_MS
    return week_begins(ended if begun is None else begun) + max(WEEK_MS, every_days * DAY_MS)


def week_begins(at: int) -> int:
    """The Monday, 0:00 UTC, of the ISO week of an instant."""
    weekday = datetime.fromtimestamp(at / 1000, UTC).weekday()
    return at - at % DAY_MS - weekday * DAY_MS
