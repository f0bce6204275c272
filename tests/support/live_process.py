"""A live bot as the cloud runs it: the real functions-framework process on a store and a bucket on
disk, against a sandbox that can stand still at any request, so that it can be killed there.

Where a tick stands is asked of the process itself: a module that Python loads when it starts
(`sitecustomize`) tells the stack of the thread that runs a tick. Nothing of the product is
replaced.
"""

import signal
import socket
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

import requests

from functions import wiring
from models.jobs.keys import signing_key
from shared.core.settings import Settings
from shared.exchanges.sandbox.market import SandboxMarket
from shared.exchanges.sandbox.private.settings import (
    FAKE_KEY,
    FAKE_SECRET,
    PrivateSettings,
    Readings,
)
from shared.exchanges.sandbox.reply import Reply
from shared.exchanges.sandbox.server import RunningServer, Sandbox, serve
from shared.exchanges.sandbox.time_source import SteppedTime
from shared.model.registry import BundleRegistry
from shared.stores.ports import DocumentStore
from shared.tick.documents import BotDocuments
from shared.tick.live.documents import LiveDocuments
from shared.tick.live.records import key_fingerprint
from tests.support import world as worlds
from tests.support.live_world import open_book, start_record
from tests.support.world import DAY, HISTORY_DAYS, INTERVAL, QUICK, SIGNING_KEY, START

NOW = START + HISTORY_DAYS * DAY
CAPITAL = 1_000_000
TAKEN_UP_MS = 500
WINDOW = """
import os, socket, sys, threading

def frames(frame):
    while frame is not None:
        yield frame
        frame = frame.f_back

def tell():
    door = socket.create_server(("127.0.0.1", 0))
    with open(os.environ["STACK_WINDOW"] + ".new", "w") as told:
        told.write(f"{os.getpid()} {door.getsockname()[1]}")
    os.replace(os.environ["STACK_WINDOW"] + ".new", os.environ["STACK_WINDOW"])
    while True:
        caller, _ = door.accept()
        with caller:
            while caller.recv(1):
                stacks = [
                    [(f.f_code.co_filename, f.f_code.co_name) for f in frames(top)][::-1]
                    for top in list(sys._current_frames().values())
                ]
                ticks = [s for s in stacks if any(f.endswith("tick/main.py") for f, _ in s)]
                named = [f"{f.rsplit('/', 1)[1]}:{name}" for f, name in (ticks or [[]])[0]]
                caller.sendall(";".join(named).encode() + b"\\n")

os.register_at_fork(after_in_child=lambda: threading.Thread(target=tell, daemon=True).start())
"""
NAMES = {"read": "signal", "close_all": "decide"}
"""Steps whose function is called otherwise."""
STEPS = (
    *("begin", "claim", "load", "reconcile", "protect", "fetch", "signal", "decide"),
    *("order", "attend", "cover", "save", "tell"),
)
"""A tick from its first request to its last."""
BEFORE_THE_STEPS = {"_tell": "tell", "_save": "save", "_work": "load", "_run": "claim"}


def step_of(stack: list[str]) -> str:
    """The step of a tick that a stack, the outermost frame first, stands in.

    >>> step_of(["main.py:tick", "cycle.py:_run", "cycle.py:_work", "cycle.py:_save"])
    'save'
    >>> step_of(["cycle.py:_work", "guard.py:__call__", "steps.py:read", "present.py:doubts"])
    'signal'
    """
    if "guard.py:__call__" in stack:
        inner = stack[stack.index("guard.py:__call__") + 1 :]
        found = next((one for one in inner if one.startswith(("steps.py:", "attending.py:"))), "")
        name = found.partition(":")[2]
        return NAMES.get(name, name)
    for name, step in BEFORE_THE_STEPS.items():
        if f"cycle.py:{name}" in stack:
            return step
    return "begin"


@dataclass(frozen=True, kw_only=True)
class Place:
    """A request of a tick: the so-many-th of a step; it is lost on its way, or its answer is."""

    step: str
    number: int
    loses: Literal["request", "answer", "nothing"] = "answer"


class StillSandbox(Sandbox):
    """A sandbox that stands still at a place of a tick, until it is told to go on. It keeps the
    signatures that it was sent; where it `echoes` it answers a signed request with a page that
    repeats it, as the proxies of others do.
    """

    def __init__(self, *told: Any, window: Path, **more: Any) -> None:
        super().__init__(*told, **more)
        self._window, self._place, self._line = window, None, None
        self.echoes = False
        self.signatures: set[str] = set()
        self.reached: Counter[str] = Counter()
        self.stands, self._go_on = threading.Event(), threading.Event()

    def stand_still_at(self, place: Place) -> None:
        self._hang_up()
        self.reached.clear()
        self.stands.clear()
        self._go_on.clear()
        self._place = place

    def go_on(self) -> None:
        self._place = None
        self._go_on.set()

    def answer(
        self, method: str, target: str, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> Reply:
        sent = {name.lower(): value for name, value in (headers or {}).items()}
        if "access-signature" in sent:
            self.signatures.add(sent["access-signature"])
            if self.echoes:
                names = ("access-signature", "access-key")
                page = f"<b>{' '.join(sent[name] for name in names)}</b> {target} {body.decode()}"
                return Reply(body=page.encode(), content_type="text/html")
        place = self._place
        if place is None or not self._is_here(place):
            return super().answer(method, target, body, headers)
        if place.loses == "request":
            self._stand()
            return Reply(ending="reset")
        reply = super().answer(method, target, body, headers)
        self._stand()
        return reply

    def _is_here(self, place: Place) -> bool:
        step = self._step()
        self.reached[step] += 1
        return (step, self.reached[step]) == (place.step, place.number)

    def _stand(self) -> None:
        self.stands.set()
        self._go_on.wait(120)

    def _step(self) -> str:
        if self._line is None:
            port = int(self._window.read_text().split()[1])
            connection = socket.create_connection(("127.0.0.1", port), timeout=10)
            self._line = connection, connection.makefile("rb")
        connection, told = self._line
        connection.sendall(b"?")
        return step_of(told.readline().decode().strip().split(";"))

    def _hang_up(self) -> None:
        if self._line is not None:
            for one in reversed(self._line):
                one.close()
            self._line = None


@dataclass
class LiveProcess:
    """One bot, its store and bucket, its exchange, and the process that runs its ticks."""

    environ: dict[str, str]
    home: Path
    sandbox: StillSandbox
    source: SteppedTime
    server: RunningServer
    settings: Settings
    documents: DocumentStore
    owners_lots: int = 0
    url: str = ""
    process: subprocess.Popen[bytes] | None = None
    _running: ExitStack = field(default_factory=ExitStack)

    def start(self, **other: str) -> None:
        """Start the process, with `other` variables than the bot's."""
        (self.home / "window").unlink(missing_ok=True)
        self._running = ExitStack()
        made = worlds.tick_process({**self.environ, **other}, log=self.home / "log")
        self.url, self.process = self._running.enter_context(made)
        until = time.monotonic() + 30
        while not (self.home / "window").exists():
            assert time.monotonic() < until, "the worker did not start"
            time.sleep(0.005)

    def kill(self) -> None:
        """Server and worker, by SIGKILL."""
        self._running.close()
        self.process = None

    def terminate(self) -> None:
        """What Cloud Run sends first."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)

    def post(self, at: int) -> dict[str, Any] | None:
        """The report of a tick; None where the process died before it answered."""
        self.source.advance_to(at + TAKEN_UP_MS)
        try:
            code, told = worlds.post(self.url, at)
        except requests.RequestException:
            return None
        assert code == 200, told
        return told

    def truth(self) -> dict[str, Any]:
        """What the exchange really holds."""
        return truth_of(self.sandbox)

    @property
    def bot(self) -> BotDocuments:
        return BotDocuments(self.documents, self.settings.id)


def truth_of(sandbox: Sandbox) -> dict[str, Any]:
    """The account of this instant, walked up to it."""
    reply = Sandbox.answer(sandbox, "GET", "/_sandbox/account")
    told: dict[str, Any] = reply.json()
    return told


def environ_of(
    home: Path, url: str, *, account: str, model: str, key: tuple[str, str], **more: str
) -> dict[str, str]:
    return {
        **QUICK,
        "BOT_HOME": str(home),
        "BOT_CLOCK": url,
        "BOT_EXCHANGE__PUBLIC_URL": url,
        "BOT_EXCHANGE__PRIVATE_URL": f"{url}/v1",
        "BOT_EXCHANGE__RETRY_BASE_SECONDS": "0",
        "BOT_MODE": "live",
        "BOT_STAGE": "live",
        "BOT_PROFILE": "loose",
        "BOT_ACCOUNT": account,
        "BOT_SIDES": "both" if account == "margin" else "long",
        "BOT_CAPITAL_JPY": str(CAPITAL),
        "BOT_RISK__MAX_HOLD_CANDLES": "1",
        "BOT_RISK__OVERRULE_MODEL": model,
        "BOT_TICK__NO_NEW_ORDER_AFTER_SECONDS": "45",
        **dict(zip(wiring.EXCHANGE_KEY, key, strict=True)),
        "STACK_WINDOW": str(home / "window"),
        "PYTHONPATH": str(home / "site"),
        **more,
    }


@contextmanager
def live_process(
    home: Path,
    *,
    account: str = "margin",
    now: int = NOW,
    readings: Mapping[str, str] | None = None,
    volume_share: str = "0.2",
    btc_lots: int = 0,
    key: tuple[str, str] = (FAKE_KEY, FAKE_SECRET),
    **more: str,
) -> Iterator[LiveProcess]:
    """A bot that a person has started, with a model of its own; its process is not started yet."""
    made = worlds.training()
    source = SteppedTime(now)
    sandbox = StillSandbox(
        SandboxMarket.from_minutes(worlds.market()),
        source,
        window=home / "window",
        spread_rate=0.00002,
        private=PrivateSettings(
            keys=dict([key]),
            yen=Decimal(2 * CAPITAL),
            btc_lots=btc_lots,
            is_limited=False,
            volume_share=Decimal(volume_share),
            readings=Readings(**(readings or {})),
        ),
    )
    (home / "site").mkdir(parents=True)
    (home / "site" / "sitecustomize.py").write_text(WINDOW)
    with serve(sandbox) as server:
        environ = environ_of(home, server.url, account=account, model=made.version, key=key, **more)
        settings = wiring.settings_from(environ)
        signing_key(settings, {"BOT_BUNDLE_SIGNING_KEY": SIGNING_KEY})
        registry = BundleRegistry(wiring.bucket_for(settings))
        registry.publish(made.version, made.files)
        registry.promote(made.version, at=START, why="a test", by="test")
        documents = wiring.documents_for(settings)
        open_book(documents, settings, now_ms=now)
        record = start_record(settings, book_opened_at=now, now_ms=now, key=key_fingerprint(key[0]))
        LiveDocuments(documents, settings.id).write_start(record, settings)
        bot = LiveProcess(
            environ=environ,
            home=home,
            sandbox=sandbox,
            source=source,
            server=server,
            settings=settings,
            documents=documents,
            owners_lots=btc_lots,
        )
        try:
            yield bot
        finally:
            sandbox.go_on()
            bot.kill()
            documents.close()


__all__ = ["INTERVAL", "NOW", "STEPS", "LiveProcess", "Place", "live_process", "step_of"]
