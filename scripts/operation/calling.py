"""Calling a tick at once, after a person has ordered something: the function where the settings
name it, this process otherwise.
"""

from dataclasses import dataclass

from functions import wiring
from scripts.operation.bot import Here
from shared.core.errors import BotError
from shared.core.sentences import say
from shared.core.tick_times import longest_hold_ms
from shared.core.types import TickReport, TickStatus
from shared.tick.cycle import run_tick
from shared.tick.request import TickRequest

PAUSE_MS = 3_000
"""So long until a tick is called again that found another one at work."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CalledTick:
    """What came of a call: the report of a tick, or why there is none. `trouble` beside a report:
    the function did not answer, and the tick ran in this process.
    """

    report: TickReport | None
    trouble: str = ""


def call_tick(here: Here) -> CalledTick:
    """Run a tick now: the function's, and where that does not answer one in this process. Where one
    is at work it is waited for, as long as its lease can last.

    Never raises what the bot knows: what was ordered stands, and the next tick carries it out.
    """
    caller, trouble = wiring.tick_caller(here.settings), ""
    try:
        if caller is not None:
            if caller():
                stored = here.bot.last_report()
                return CalledTick(report=None if stored is None else TickReport.read(stored))
            trouble = say("acts.tick_refused", url=here.settings.rounds.tick_url)
        return CalledTick(report=_run(here), trouble=trouble)
    except BotError as error:
        told = f"{trouble}; {error}" if trouble else str(error)
        return CalledTick(report=None, trouble=told)


def _run(here: Here) -> TickReport:
    ports = wiring.ports(here.settings, here.environ)
    until = here.clock.now_ms() + longest_hold_ms(here.settings)
    try:
        while True:
            now_ms = here.clock.now_ms()
            report = run_tick(ports, here.settings, TickRequest.by_hand(now_ms))
            if report.status is not TickStatus.BUSY or here.clock.now_ms() >= until:
                return report
            here.clock.sleep_until(here.clock.now_ms() + PAUSE_MS)
    finally:
        ports.documents.close()
