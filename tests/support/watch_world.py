"""A bot's stores as its ticks and people leave them, and watches that go round in them: every call
of a store and of the teller can fail, let another watch in, or be the last.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from shared.core.calendar import MINUTE_MS
from shared.core.errors import AlreadyExists, Unavailable
from shared.core.settings import Settings, load_settings
from shared.core.types import Alert, OrderIntent, OrderKind, Purpose, Side
from shared.rounds.watch import Round, WatchPorts, look_around
from shared.stores.memory import MemoryBucket, MemoryDocuments
from shared.stores.ports import Write
from shared.tick.documents import BotDocuments
from shared.turn.state import State

T0 = 1_790_000_000_000 - 1_790_000_000_000 % (60 * MINUTE_MS)
ROUND = 15 * MINUTE_MS


class Killed(BaseException):
    """The process ends here: nothing of ours catches it."""


class SettableClock:
    """A clock that a test sets, and that can be wrong by `off_ms`; `at`: what happens next, and
    when, while somebody sleeps.
    """

    def __init__(self) -> None:
        self.true_ms, self.off_ms = T0, 0
        self.at: tuple[int, Callable[[], None]] | None = None

    def now_ms(self) -> int:
        return self.true_ms + self.off_ms

    def sleep_until(self, at_ms: int) -> None:
        self.true_ms = max(self.true_ms, at_ms - self.off_ms)
        if self.at is not None and self.at[0] <= self.true_ms:
            (_, happen), self.at = self.at, None
            happen()


class Shaky:
    """Passes every call on, tells a hook before and after it, and answers nothing while it is
    stopped.
    """

    def __init__(self, inner: Any, name: str, hook: Callable[[str, str], None]) -> None:
        self.inner, self.name, self.hook, self.stopped, self.calls = inner, name, hook, False, 0

    def __getattr__(self, method: str) -> Any:
        found = getattr(self.inner, method)
        if not callable(found):
            return found

        def call(*args: Any, **kwargs: Any) -> Any:
            self.calls += 1
            if self.stopped:
                raise Unavailable(f"{self.name} is stopped")
            self.hook("before", f"{self.name}.{method}")
            answer = found(*args, **kwargs)
            self.hook("after", f"{self.name}.{method}")
            return answer

        return call


class WatchWorld:
    """One bot. `told` is what reached people, in order; `knows_keys`: whether the teller refuses a
    key that it has stored, as the outbox does; `unstored`: the keys that it could not store.
    """

    def __init__(self, *, knows_keys: bool = True, documents: Any = None, **environ: str) -> None:
        self.settings: Settings = load_settings(environ)
        self.clock = SettableClock()
        self.hook: Callable[[str, str], None] = lambda _when, _what: None
        self.store = MemoryDocuments() if documents is None else documents
        self.documents = Shaky(self.store, "documents", self._step)
        self.bucket = Shaky(MemoryBucket(), "bucket", self._step)
        self.bot = BotDocuments(self.store, self.settings.id)
        self.told: list[Alert] = []
        self.unstored: set[str] = set()
        self.knows_keys, self.deaf = knows_keys, False
        self.call_tick: Callable[[], bool] | None = None
        self.skew_ms: Callable[[], float | None] | None = None
        self._ticks = 0

    def _step(self, when: str, what: str) -> None:
        self.hook(when, what)

    # what ticks and people do

    def tick(self, status: str = "done", *, at: int | None = None, **changes: Any) -> None:
        """A tick that saved its state and its report; `status` lost: it died of it."""
        now = self.clock.true_ms if at is None else at
        self._ticks += 1
        name = f"t{self._ticks:06d}"
        claim = self.bot.claim(name, now_ms=now, lease_ms=1_000)
        if status == "lost":
            return
        stored = self.bot.peek()
        before = State.decode_state(
            None if stored is None else stored.data.get("state"), self.settings
        )
        lease = self.bot.take_lease(now_ms=now, lease_ms=1_000, longest_ms=1_000)
        state = replace(
            before, last_tick=name, last_scheduled_at=now, last_finished_at=now, **changes
        )
        report = {"status": status, "finished_at": now, "scheduled_at": now}
        assert lease is not None
        assert claim.document is not None
        self.bot.save(lease, state=state.encode_state(), claim=claim.document, report=report)

    def write_order(self, *, at: int) -> str:
        """An order that was written down; nobody knows what came of it."""
        self._ticks += 1
        intent = OrderIntent(
            id=f"i{self._ticks}",
            purpose=Purpose.ENTRY,
            side=Side.LONG,
            kind=OrderKind.LIMIT,
            lots=12,
            price=9_800_000,
        )
        import msgspec

        data = {"bot": self.bot.bot, "open_for": self.bot.bot, "at": at}
        path = f"intents/{self.bot.bot}~i{self._ticks}"
        self.store.create(path, {**data, "intent": msgspec.to_builtins(intent)})
        return path

    def settle_order(self, path: str) -> None:
        stored = self.store.get(path)
        self.store.commit([Write(kind="put", path=path, data={**stored.data, "open_for": None})])

    # the watch

    def tell(self, alerts: Any) -> None:
        self._step("before", "tell")
        if self.deaf:
            raise Unavailable("nobody takes alerts")
        for alert in alerts:
            if self.knows_keys and not self.documents.stopped:
                try:
                    self.store.create(f"alerts/{alert.key}", {"waiting_for": None})
                except AlreadyExists:
                    continue
            else:
                self.unstored.add(alert.key)
            self.told.append(alert)
        self._step("after", "tell")

    def ports(self) -> WatchPorts:
        return WatchPorts(
            clock=self.clock,
            open_documents=lambda: self.documents,
            bucket=self.bucket,
            tell=self.tell,
            call_tick=self.call_tick,
            skew_ms=self.skew_ms,
        )

    def look(self, *, after_ms: int = 0) -> Round:
        """One round, so much later."""
        self.clock.true_ms += after_ms
        return look_around(self.ports(), self.settings)

    def kinds(self) -> list[str]:
        """What was told, in order; an all-clear says of what."""
        return [alert_name(alert) for alert in self.told]


def alert_name(alert: Alert) -> str:
    return f"-{alert.key.split(':')[2]}" if alert.kind == "all_clear" else alert.kind
