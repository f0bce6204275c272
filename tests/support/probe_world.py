"""A probe of a live bot on the sandbox, and what may befall it at each of its calls."""

from collections.abc import Callable
from typing import Any

from scripts.commands.probe import end_left_over, look_around, run_probe
from scripts.operation.bot import Here
from shared.exchanges.bitbank.probe.run import Probe
from shared.exchanges.sandbox.private.settings import FAKE_KEY, FAKE_SECRET
from shared.orders.probing import ProbeOutcome
from shared.tick.documents import BotDocuments
from tests.support.live_world import LiveWorld
from tests.support.raw_exchange import unlimited
from tests.support.tick_stories import Killed

WHO, WHY = "ann", "to know"


class ProbeProcess:
    """One process of `scripts/bot probe`; it dies at call number `dies_at`, before or after it."""

    def __init__(
        self,
        world: Any,
        *,
        dies_at: int | None = None,
        after: bool = False,
        key: str = FAKE_KEY,
        secret: str = FAKE_SECRET,
    ) -> None:
        self.world, self.calls = world, list[str]()
        self.named: int | None = None
        self._dies_at, self._after = dies_at, after
        self.probe = Probe.open(
            world.settings,
            world.clock,
            key=key,
            secret=secret,
            read_market=lambda: world.feed.fetch(world.clock.now_ms()),
            limits=unlimited(),
        )
        self.probe._rest.carry = self._struck(  # type: ignore[method-assign]
            self.probe._rest.carry, lambda request, **_: request.path
        )
        documents = Struck(world.documents, self._struck)
        bot = BotDocuments(documents, world.settings.id)  # type: ignore[arg-type]
        self.here = Here(settings=world.settings, clock=world.clock, bot=bot, environ={})

    def recover(self) -> str:
        return end_left_over(self.here, self.probe, who=WHO, why=WHY)

    def look(self) -> int:
        return look_around(self.here, self.probe)

    def run(self, named: int | None = None) -> ProbeOutcome:
        self.named = self.look() if named is None else named
        return run_probe(self.here, self.probe, self.named, who=WHO, why=WHY)

    def _struck(self, run: Callable[..., Any], name: Callable[..., str]) -> Callable[..., Any]:
        def call(*told: Any, **more: Any) -> Any:
            number = len(self.calls)
            if self._dies_at is not None and number > self._dies_at:
                raise Killed
            self.calls.append(name(*told, **more))
            if number == self._dies_at and not self._after:
                raise Killed
            done = run(*told, **more)
            if number == self._dies_at:
                raise Killed
            return done

        return call


class Struck:
    """A store whose writes are counted and may be the last."""

    def __init__(self, documents: Any, wrap: Callable[..., Any]) -> None:
        self._documents = documents
        for verb in ("create", "replace", "commit"):
            setattr(self, verb, wrap(getattr(documents, verb), lambda *_, verb=verb, **__: verb))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._documents, name)


def leftovers(world: LiveWorld, *, owners_lots: int = 0) -> list[str]:
    """What of the pair rests or is held at the exchange beside the owner's coins."""
    truth = world.truth()
    live = {"INACTIVE", "UNFILLED", "PARTIALLY_FILLED"}
    found = [f"{one['type']} {one['status']}" for one in truth["orders"] if one["status"] in live]
    found += [f"position {held}" for held in truth["positions"]]
    beside = truth["btc_lots"] - owners_lots
    return found + ([f"position of {beside} lots"] if beside else [])
