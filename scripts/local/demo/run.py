"""The demo from beginning to end: sandbox, history, training, the tick's process, every schedule
time, the report.
"""

import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path

import click

from functions import wiring
from scripts.local.children import Child, ChildDied, await_death, free_port, tick_function
from scripts.local.demo.exchange import DemoExchange
from scripts.local.demo.learning import DemoTraining, collect_candles, train_demo
from scripts.local.demo.plan import DemoPlan
from scripts.local.demo.screen import screen_for
from scripts.local.scheduler import Scheduler
from scripts.output.report import ReportHeader, TrainingNote, first_line, render
from shared import risk
from shared.core.calendar import DAY_MS
from shared.core.errors import BotError
from shared.core.money import ZERO
from shared.core.settings import Settings
from shared.core.types import Candles, PairRules, TickReport, Timeframe
from shared.exchanges.sandbox.clock import SteppedClock

OWN = frozenset(
    {
        "BOT_HOME",
        "BOT_STATE",
        "BOT_BUCKET",
        "BOT_CLOCK",
        "BOT_MODE",
        "BOT_STAGE",
        "BOT_ID",
        "BOT_ALERTS",
        "BOT_PROFILE",
        "BOT_EXCHANGE__PUBLIC_URL",
        "BOT_EXCHANGE__PRIVATE_URL",
        "BOT_BUNDLE_PUBLIC_KEY",
        "BOT_BUNDLE_SIGNING_KEY",
    }
)
"""What the demo decides for itself. Any other setting in the environment holds for the demo too."""
SECRET = ("BITBANK_", "DISCORD_")


@dataclass(slots=True, kw_only=True)
class Ran:
    """What a demo did, also where it was stopped on the way. Times are real seconds."""

    plan: DemoPlan
    header: ReportHeader
    settings: Settings
    reports: list[TickReport] = field(default_factory=list)
    candles: Candles | None = None
    preparing_seconds: float = 0.0
    ticking_seconds: float = 0.0
    failure: BotError | None = None
    last_lines: tuple[str, ...] = ()
    interrupted: bool = False

    @property
    def ms_per_tick(self) -> float:
        """Real time from one tick to the next."""
        return 1000 * self.ticking_seconds / len(self.reports) if self.reports else 0.0

    def page(self) -> str:
        """The report of what was done."""
        return render(
            self.reports, header=self.header, candles=self.candles, settings=self.settings
        )


def environment_of(environ: Mapping[str, str], home: Path, profile: str | None) -> dict[str, str]:
    """The demo's environment: the caller's, without what would lead anywhere but to the demo's own
    folder.
    """
    kept = {
        name: value
        for name, value in environ.items()
        if name not in OWN and not name.startswith(SECRET)
    }
    kept |= {"BOT_HOME": str(home), "BOT_ALERTS": "log"}
    return kept | ({"BOT_PROFILE": profile} if profile else {})


def run(plan: DemoPlan, environ: dict[str, str], home: Path) -> Ran:
    """Do all of it.

    Ctrl-C and the death of a process end it early and are told in the result; children are ended.
    """
    settings = wiring.settings_from(environ)
    header = _header(plan, settings, TrainingNote(missing="it was not trained"))
    ran = Ran(plan=plan, header=header, settings=settings)
    began = time.monotonic()
    try:
        with ExitStack() as children:
            exchange, learned = _prepare_demo(plan, environ, home, children)
            ran.header = replace(ran.header, training=learned.note, model=learned.version)
            ran.preparing_seconds = time.monotonic() - began
            _send_ticks(
                ran,
                environ=environ | exchange.settings(),
                exchange=exchange,
                home=home,
                children=children,
            )
    except KeyboardInterrupt:
        ran.interrupted = True
    except ChildDied as error:
        ran.failure, ran.last_lines = error, error.last_lines
    except BotError as error:
        ran.failure = error
    _close(ran, settings)
    return ran


def _prepare_demo(
    plan: DemoPlan, environ: dict[str, str], home: Path, children: ExitStack
) -> tuple[DemoExchange, DemoTraining]:
    """Train on the plan's own period; the sandbox that is left stands at the first
    schedule time.
    """
    if plan.is_trained_on_future:
        later = DemoExchange(
            plan,
            clock_at=plan.training_end_at,
            environ=environ,
            log_path=home / "logs" / "sandbox-training.log",
        )
        try:
            learned = _collect_and_train(plan, environ | later.settings(), home)
        finally:
            later.child.stop()
    exchange = DemoExchange(
        plan, clock_at=plan.start_at, environ=environ, log_path=home / "logs" / "sandbox.log"
    )
    children.callback(exchange.child.stop)
    if not plan.is_trained_on_future:
        learned = _collect_and_train(plan, environ | exchange.settings(), home)
    return exchange, learned


def _collect_and_train(plan: DemoPlan, environ: dict[str, str], home: Path) -> DemoTraining:
    if plan.untrained:
        return DemoTraining(version=None, note=TrainingNote(missing=plan.untrained))
    settings = wiring.settings_from(environ)
    candles = collect_candles(
        settings, home / "learning", plan.training_start_at, plan.training_end_at
    )
    return train_demo(settings, plan, candles)


def _send_ticks(
    ran: Ran, *, environ: dict[str, str], exchange: DemoExchange, home: Path, children: ExitStack
) -> None:
    """Start the function and send it every schedule time of the period; nothing is skipped."""
    settings = wiring.settings_from(environ)
    plan, port = ran.plan, free_port()
    function = tick_function(port, environ=environ, log_path=home / "logs" / "tick.log")
    children.callback(function.stop)
    function.wait_until_listening(port)
    clock, scheduler = SteppedClock(exchange.url), Scheduler(port)
    children.callback(clock.close)
    children.callback(scheduler.close)
    times = range(plan.start_at, plan.end_at + 1, settings.tick.interval_seconds * 1000)
    began = time.monotonic()
    try:
        with (
            screen_for(first_line(ran.header), len(times)) as screen,
            _ctrl_c_between_ticks() as look,
        ):
            for scheduled_at in times:
                look()
                ran.reports.append(_one(clock, scheduler, scheduled_at, (exchange.child, function)))
                ran.ticking_seconds = time.monotonic() - began
                screen.show(ran.reports[-1])
    finally:
        ran.candles = _shown_candles(settings, home, plan, ran.reports)


@contextmanager
def _ctrl_c_between_ticks() -> Iterator[Callable[[], None]]:
    """Ctrl-C and SIGTERM wait for the tick to end: raised inside a callback or a destructor, Python
    would lose them.
    """
    asked = threading.Event()

    def look() -> None:
        if asked.is_set():
            raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield look
        return
    before = {
        number: signal.signal(number, lambda *_: asked.set())
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield look
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _one(
    clock: SteppedClock, scheduler: Scheduler, scheduled_at: int, children: tuple[Child, ...]
) -> TickReport:
    def alive() -> None:
        for child in children:
            child.check()

    try:
        clock.advance_to(scheduled_at)
        return scheduler.tick(scheduled_at, alive=alive)
    except BotError as error:
        # A killed process closes its connections a moment before the system says that it has ended.
        await_death(children)
        alive()
        raise ChildDied(str(error), last_lines=children[-1].last_lines()) from error


def _shown_candles(
    settings: Settings, home: Path, plan: DemoPlan, reports: list[TickReport]
) -> Candles | None:
    """The 15m candles of what was ticked, for the chart; none where the sandbox has gone."""
    if not reports:
        return None
    try:
        return collect_candles(settings, home / "shown", plan.start_at, reports[-1].scheduled_at)[
            Timeframe.M15
        ]
    except BotError:
        return None


def _header(plan: DemoPlan, settings: Settings, training: TrainingNote) -> ReportHeader:
    return ReportHeader(
        overruled=settings.risk.overrule_model,
        market=plan.market,
        training=training,
        start_at=plan.start_at,
        end_at=plan.end_at,
        start_equity_jpy=Decimal(settings.capital_jpy) + ZERO,
        account=settings.account,
        profile=settings.profile,
        settings_hash=settings.hash,
    )


def _close(ran: Ran, settings: Settings) -> None:
    """Say in the header how far it came, and what the market's size would have asked for."""
    early = ""
    if ran.interrupted:
        early = "Stopped by hand"
    elif ran.failure is not None:
        early = f"Ended by a failure ({ran.failure})"
    if early:
        reached = ran.reports[-1].scheduled_at if ran.reports else ran.plan.start_at
        share = (reached - ran.plan.start_at) / DAY_MS
        ran.header = replace(
            ran.header,
            end_at=max(reached, ran.plan.start_at + 1),
            stopped_early=f"{early} after {share:.2f} simulated days.",
        )
    newest = next(
        (report.signal for report in reversed(ran.reports) if report.signal and report.signal.warm),
        None,
    )
    if newest is not None:
        smallest = risk.smallest_capital(
            price=newest.close, atr_jpy=newest.atr_jpy, rules=PairRules(), settings=settings
        )
        ran.header = replace(ran.header, smallest_capital_jpy=smallest)
    if ran.failure is not None:
        for told in ran.last_lines:
            click.echo(f"  | {told}", err=True)
