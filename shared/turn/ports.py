"""What the steps of a turn ask for: the time, an account, a market with its signal.

A tick and a replay each have their own.
"""

from collections.abc import Callable, Mapping
from typing import Protocol

from shared.core.types import Holdings, Issue, Market, Side, Signal
from shared.orders.carry_out import Sender
from shared.turn.turn import Ending


class TurnClock(Protocol):
    """The time of a tick, or of a replay."""

    def now_ms(self) -> int:
        """The present instant."""
        ...

    def sleep_until(self, at_ms: int) -> None:
        """Let time pass; none, where `at_ms` is over."""
        ...


class Hands(Sender, Protocol):
    """An account: what it holds, and the sender of its orders."""

    def reconcile(self, now_ms: int) -> Holdings:
        """Bring the account up to `now_ms` and say what is held."""
        ...

    def holdings(self, now_ms: int) -> Holdings:
        """What is held as far as is known."""
        ...

    @property
    def is_attended(self) -> bool:
        """Whether a tick stays with its entry until it has ended: at a real exchange, where fills
        come at any moment and bring no stop.
        """
        ...

    def has_news(self) -> bool:
        """Whether something may have changed since the account was last read."""
        ...

    @property
    def has_unfound_entry(self) -> bool:
        """Whether an entry of this tick may be in the market though no answer said so."""
        ...

    @property
    def lost_stop_lots(self) -> Mapping[Side, int]:
        """For how many lots of a side stops may be in the market of which no answer told."""
        ...

    @property
    def is_shutting_down(self) -> bool:
        """Whether this process was asked to end, and will be killed within seconds."""
        ...


class Source(Protocol):
    """Where the market, the model and its signal come from, and what speaks against a decision."""

    @property
    def model(self) -> str | None:
        """The version of the model that was asked in this tick, None where none was."""
        ...

    def refusal(self) -> Ending | None:
        """Why nothing may be decided at this instant, whatever the market says; None
        where it may.
        """
        ...

    def market(self, holdings: Holdings, *, may_enter: Callable[[], bool]) -> Market:
        """The market of this instant, while this is held.

        A tick that `may_enter` asks for more of it.
        """
        ...

    def permission(self, market: Market) -> tuple[Issue, ...]:
        """Ask for the model that serves: what is wrong with it, and whether it may enter."""
        ...

    def signal(self, market: Market) -> Signal | None:
        """What strategies and model say of the newest candle; None where there is none."""
        ...

    def doubts(self, market: Market, signal: Signal) -> tuple[Issue, ...]:
        """What the watch finds against the model on that candle."""
        ...
