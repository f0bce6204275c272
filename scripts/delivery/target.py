"""The bot that is deployed: its documents, which say when it may be given other code, and its
channel, which tells how that came out.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import click

from functions import wiring
from scripts.delivery.quiet import wait_until_quiet
from scripts.delivery.specs import Release
from scripts.operation.bot import who_asks
from shared.alerts.acts import act_alert
from shared.core.clock import Clock
from shared.core.errors import BotError
from shared.core.masking import mask_secrets_and_keys
from shared.core.settings import Settings
from shared.core.tick_times import longest_hold_ms
from shared.stores.ports import DocumentStore
from shared.tick.documents import BotDocuments

_LEASES = 5
"""So many times the longest lease a deployment waits for a quiet moment."""
_TELL_SECONDS = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class DeployTarget:
    """The bot of a deployment, as its functions see it."""

    settings: Settings
    clock: Clock
    documents: DocumentStore
    environ: Mapping[str, str]

    def wait(self) -> None:
        """Wait until nothing stands against other code. Raises `Unavailable` after 15 minutes."""
        wait_until_quiet(
            BotDocuments(self.documents, self.settings.id),
            self.clock,
            most_ms=_LEASES * longest_hold_ms(self.settings),
            tell=lambda line: click.echo(f"waiting: {line}", err=True),
        )

    def tell_outcome(self, release: Release, do: Callable[[], dict[str, str]]) -> dict[str, str]:
        """Do it, and tell people by the bot's channel how it came out. What cannot be told is said
        on stderr: it changes nothing of what was done.
        """
        what = f"{release.commit[:12]} at {release.stage}"
        try:
            done = do()
        except BaseException as error:
            self._tell(f"nothing: {what} was given up, and what served before serves", str(error))
            raise
        self._tell(what, ", ".join(f"{name}: {one}" for name, one in sorted(done.items())))
        return done

    def _tell(self, what: str, why: str) -> None:
        now_ms = self.clock.now_ms()
        alert = act_alert(
            "deploy",
            what,
            whose=self.settings.id,
            name=now_ms,
            bot=self.settings.id,
            who=who_asks(),
            why=mask_secrets_and_keys(why) or "interrupted",
            at=now_ms,
        )
        try:
            outlet = wiring.outlet_for(self.settings, self.environ, self.documents, self.clock)
            told = outlet.tell_directly([alert], seconds=_TELL_SECONDS)
        except BotError as error:
            click.echo(f"it could not be told: {error}", err=True)
            return
        if alert.key not in told:
            click.echo("it could not be told: the bot's channel did not take it", err=True)


@contextmanager
def open_target(environ: Mapping[str, str]) -> Iterator[DeployTarget]:
    """The bot of these variables, with its documents open. Raises `BadSettings`."""
    settings = wiring.settings_from(environ)
    documents = wiring.documents_for(settings)
    try:
        yield DeployTarget(
            settings=settings,
            clock=wiring.clock_for(settings),
            documents=documents,
            environ=environ,
        )
    finally:
        documents.close()
