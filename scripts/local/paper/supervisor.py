"""The scheduler of a paper bot: POST every schedule time, never two at once, skip the late ones and
say so.
"""

import signal
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import FrameType
from typing import Any

import msgspec

from functions import wiring
from scripts.local.children import Child, ChildDied, free_port, tick_function
from scripts.local.paper.errands import ErrandProgress, Errands
from scripts.local.paper.guarded import Guarded
from scripts.local.paper.learning import Learning
from scripts.local.paper.place import SupervisorPaths
from scripts.local.scheduler import Scheduler
from scripts.output.events import event_lines, report_line
from shared.core.calendar import jst_text
from shared.core.clock import Clock
from shared.core.errors import BotError
from shared.core.sentences.figures import utc_second
from shared.core.settings import Settings
from shared.core.types import TickReport, TickStatus
from shared.model.registry import BundleRegistry

LOOK_SECONDS = 0.5
FIRST_RESTART_SECONDS = 1.0
LONGEST_RESTART_SECONDS = 60.0


@dataclass(slots=True, kw_only=True)
class SupervisorStatus:
    """What the status tells.

    Instants are ms UTC; `trouble` is one sentence, empty where all is well.

    Ticks are counted since `counted_since`, over every restart.
    """

    pid: int
    started_at: int
    counted_since: int
    interval_seconds: int
    doing: str = "starting"
    next_at: int | None = None
    ticks: int = 0
    skipped: int = 0
    failed_in_a_row: int = 0
    trouble: str = ""
    learning: str = ""
    last_report: dict[str, Any] | None = None
    errands: dict[str, ErrandProgress] = field(default_factory=dict)


def _begin_status(
    before: Mapping[str, Any], *, pid: int, now_ms: int, settings: Settings
) -> SupervisorStatus:
    """A new supervisor's progress: it counts on from where the one before it stopped."""
    return SupervisorStatus(
        pid=pid,
        started_at=now_ms,
        counted_since=min(before.get("counted_since", before.get("started_at", now_ms)), now_ms),
        interval_seconds=settings.tick.interval_seconds,
        ticks=before.get("ticks", 0),
        skipped=before.get("skipped", 0),
        last_report=before.get("last_report"),
    )


def next_time(now_ms: int, interval_ms: int) -> int:
    """The first schedule time after `now_ms`."""
    return now_ms - now_ms % interval_ms + interval_ms


def believed_time(at: int, now_ms: int, interval_ms: int) -> int:
    """The schedule time that is waited for: `at`, or, where the clock was set back meanwhile, the
    first one after `now_ms`.
    """
    return at if at - now_ms <= interval_ms else next_time(now_ms, interval_ms)


class Supervisor:
    """Lives as long as paper trading does; SIGTERM lets the tick in flight finish."""

    def __init__(
        self,
        settings: Settings,
        environ: Mapping[str, str],
        place: SupervisorPaths,
        *,
        pid: int,
        say: Callable[[str], None],
    ) -> None:
        """Work for the bot of `settings` in `place`; `environ` is what its processes get."""
        self._settings = settings
        self._environ = dict(environ)
        self._place = place
        self._say = say
        self._stopping = threading.Event()
        self._clock: Clock = wiring.clock_for(settings)
        self._interval_ms = settings.tick.interval_seconds * 1000
        self._function: Child | None = None
        self._scheduler: Scheduler | None = None
        self._restart_seconds = FIRST_RESTART_SECONDS
        self._learning: Learning | None = None
        before, now_ms = place.read_status(), self._clock.now_ms()
        self.progress = _begin_status(before, pid=pid, now_ms=now_ms, settings=settings)
        self._errands = Errands(
            settings,
            self._environ,
            place,
            before=before.get("errands") or {},
            life_began_at=self.progress.counted_since,
            now_ms=now_ms,
            say=say,
        )
        self._guarded = Guarded(place, environ, pid=pid, started_at=now_ms, say=say)

    def run(
        self, *, once: bool, tick_line: Callable[[str], None], learning_line: Callable[[str], None]
    ) -> TickReport | None:
        """Tick until told to stop, or once. The last report, where there was one."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        self._tick_line = tick_line
        self._say(
            f"paper trading starts: every {self._settings.tick.interval_seconds} s, settings"
            f" {self._settings.hash}"
        )
        report = None
        try:
            if BundleRegistry(wiring.bucket_for(self._settings)).current() is None:
                self._learning = Learning(
                    self._settings, self._environ, self._place, on_line=learning_line
                )
            if once:
                self._learn_first()
            else:
                self._guarded.look_around()
            while not self._stopping.is_set():
                at = self._wait_for_schedule(once=once)
                if at is None:
                    break
                report = self._send_tick(at) or report
                if once:
                    break
        finally:
            self._end()
        return report

    def _stop(self, _number: int, _frame: FrameType | None) -> None:
        self._stopping.set()
        self._guarded.say_meant()

    def _learn_first(self) -> None:
        """A single tick waits for its model, but not for a second attempt at one."""
        learning = self._learning
        while (
            learning is not None
            and not learning.is_finished
            and not learning.trouble
            and not self._stopping.is_set()
        ):
            learning.look_around()
            self._write_status(learning.doing)
            self._stopping.wait(LOOK_SECONDS)

    def _wait_for_schedule(self, *, once: bool) -> int | None:
        """Wait for the next schedule time, keeping the other processes alive meanwhile; None when
        told to stop.
        """
        now = self._clock.now_ms()
        at = now - now % self._interval_ms if once else next_time(now, self._interval_ms)
        due = self.progress.next_at
        if due is not None and not once:
            missed = (at - due) // self._interval_ms
            if missed > 0:
                self.progress.skipped += missed
                self._say(
                    f"skipped {missed} late schedule time{'s' if missed > 1 else ''} before"
                    f" {utc_second(at)} ({jst_text(at)})"
                )
        self.progress.next_at = at
        while not self._stopping.is_set():
            self._look_after(once=once)
            now = self._clock.now_ms()
            at = self.progress.next_at = believed_time(at, now, self._interval_ms)
            left = at - now
            if left <= 0:
                self.progress.next_at = at + self._interval_ms
                return at
            self._stopping.wait(min(LOOK_SECONDS, left / 1000))
        return None

    def _look_after(self, *, once: bool) -> None:
        if self._learning is not None:
            before = self._learning.doing, self._learning.trouble
            self._learning.look_around()
            if self._learning.is_finished:
                self._say(
                    "a model was trained quickly and serves from now on; the gate was not asked"
                    " about it"
                )
                self._learning = None
            elif before != (self._learning.doing, self._learning.trouble):
                self._say(self._learning.doing)
        try:
            self._alive()
        except BotError as error:
            self._trouble(str(error))
        if not once:
            self._guarded.look_around()
            has_model = self._learning is None
            self._errands.look_around(self._clock.now_ms(), has_model=has_model)
        self._write_status("waiting for the next schedule time")

    def _alive(self) -> Scheduler:
        """The scheduler of a running function; it is started where it is not, or not any more."""
        if self._function is not None and self._scheduler is not None:
            try:
                self._function.check()
                return self._scheduler
            except ChildDied as error:
                self._say(f"{error}; starting it again in {self._restart_seconds:.0f} s")
                self._function = None
                self._scheduler.close()
                self._stopping.wait(self._restart_seconds)
                self._restart_seconds = min(2 * self._restart_seconds, LONGEST_RESTART_SECONDS)
        port = free_port()
        # Where the watch calls a tick once itself.
        self._environ["BOT_ROUNDS__TICK_URL"] = f"http://127.0.0.1:{port}"
        self._function = tick_function(
            port,
            environ=self._environ,
            log_path=self._place.tick_log_path,
            on_line=self._tick_line,
            mark=self._place.mark("tick"),
        )
        self._scheduler = Scheduler(port, attempts=2)
        self._function.wait_until_listening(port)
        return self._scheduler

    def _send_tick(self, at: int) -> TickReport | None:
        self._write_status(f"ticking {utc_second(at)}")
        try:
            report = self._alive().tick(
                at, alive=self._function.check if self._function else lambda: None
            )
        except BotError as error:
            self.progress.failed_in_a_row += 1
            self._trouble(f"the tick of {utc_second(at)} failed: {error}")
            return None
        self._restart_seconds = FIRST_RESTART_SECONDS
        self.progress.ticks += 1
        before = self.progress.last_report
        self.progress.last_report = msgspec.to_builtins(report)
        if report.status is TickStatus.DEGRADED:
            self.progress.failed_in_a_row += 1
            self._trouble(f"the last tick was degraded: {report.detail}")
        else:
            self.progress.failed_in_a_row = 0
            self.progress.trouble = ""
        for told in event_lines(report, before=None if before is None else TickReport.read(before)):
            self._say(told)
        self._say(report_line(report))
        return report

    def _trouble(self, sentence: str) -> None:
        if sentence != self.progress.trouble:
            self._say(sentence)
        self.progress.trouble = sentence

    def _write_status(self, doing: str) -> None:
        self.progress.doing = doing
        learning = self._learning
        self.progress.learning = (
            "" if learning is None else "; ".join(filter(None, (learning.doing, learning.trouble)))
        )
        self.progress.errands = dict(self._errands.statuses())
        self._place.write_status(msgspec.to_builtins(self.progress))

    def _end(self) -> None:
        if self._learning is not None:
            self._learning.stop()
        self._errands.stop()
        if self._scheduler is not None:
            self._scheduler.close()
        if self._function is not None:
            self._function.stop(patience_seconds=self._settings.tick.answer_by_seconds)
        self._say("paper trading has ended")
        self._write_status("ended")
        self._guarded.end(meant=self._stopping.is_set())
