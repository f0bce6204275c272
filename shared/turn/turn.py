"""What is known at one moment of a tick, and what it began with.

Frozen values: a step makes another one. Pure.
"""

from dataclasses import dataclass

from shared.core.frozen import copy_with
from shared.core.reasons import UNREAD, Reason
from shared.core.types import Decision, Holdings, Issue, Market, PositionPlan, TickStatus, Timeframe
from shared.turn.state import State


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How a tick ends that is not simply done, and why: in words, or by what is wrong with the
    market.

    >>> Ending(status=TickStatus.LATE, reason=Reason.OK, detail="two minutes late").detail
    'two minutes late'
    """

    status: TickStatus
    reason: Reason
    detail: str = ""
    issue: Issue | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Occasion:
    """What a tick begins with, besides the state.

    >>> Occasion(name="default~0", scheduled_at=0).readable
    True

    Attributes:
        name: What the ids of its intents begin with; no two ticks have the same.
        scheduled_at: Its schedule time, ms UTC.
        lifts: The drawdown halt that a person took back, by the instant at which it began.
        halted: Whether a person has halted the bot.
        flattens: Whether a person has ordered that all it holds is closed.
        damage: What lies damaged in the store.
        unsaved: Plans of entries that no saved state knows of, the newest last: their ticks died.
        readable: Whether the state could be read whole; else nothing is decided.
    """

    name: str
    scheduled_at: int
    lifts: int = 0
    halted: bool = False
    flattens: bool = False
    damage: tuple[Issue, ...] = ()
    unsaved: tuple[PositionPlan, ...] = ()
    readable: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """What is known at one moment of a tick; each step leaves another one.

    `issues` are those of the market until the decision adds its own. `gap_ms`: how long it took to
    shrink a position, in which a part of it may have had no stop. `failed` names the steps that
    broke, `ending` is the first thing that went wrong.

    >>> from shared.turn.state import State
    >>> turn = Turn(
    ...     occasion=Occasion(name="t1", scheduled_at=0), state=State(mode="paper", stage="paper")
    ... )
    >>> late = Ending(status=TickStatus.LATE, reason=Reason.OK)
    >>> turn.end_with(late).ending.status.value, turn.note_broken_step("reconcile", late).is_trusted
    ('late', False)
    """

    occasion: Occasion
    state: State
    holdings: Holdings | None = None
    market: Market | None = None
    issues: tuple[Issue, ...] = ()
    decision: Decision | None = None
    ordered: bool = False
    gap_ms: int | None = None
    failed: tuple[str, ...] = ()
    ending: Ending | None = None

    @property
    def is_trusted(self) -> bool:
        """Whether account and state were read and booked whole; on anything less nothing is
        decided.
        """
        return self.occasion.readable and "reconcile" not in self.failed

    @property
    def is_flattening(self) -> bool:
        """Whether a person has ordered that all is closed, and something is held."""
        held = self.holdings
        return self.occasion.flattens and held is not None and bool(held.positions)

    def end_with(self, ending: Ending | None) -> "Turn":
        """With an ending, where there was none before."""
        return self if ending is None or self.ending is not None else copy_with(self, ending=ending)

    def note_broken_step(self, step: str, ending: Ending) -> "Turn":
        """After a step that broke."""
        return copy_with(self, failed=(*self.failed, step), ending=self.ending or ending)

    def see_market(self, market: Market) -> "Turn":
        """With this market, and with what is wrong with it."""
        return copy_with(self, market=market, issues=market.issues)


def unread_issue(market: Market) -> Issue | None:
    """The first part of the market that could not be read, or not in time, and so keeps the bot
    from entering: degraded.
    """
    parts = (
        issue
        for issue in market.issues
        if issue.forbids_entry and (issue.reason in UNREAD or _is_refused(issue))
    )
    return next(parts, None)


def newest(market: Market) -> int:
    """When the newest 15m candle closed; 0 where there is none."""
    candles = market.candles[Timeframe.M15]
    return int(candles.opened_at[-1]) + Timeframe.M15.ms if len(candles) else 0


def _is_refused(issue: Issue) -> bool:
    return (
        issue.reason in {Reason.EXCHANGE_BUSY, Reason.EXCHANGE_HALTED} and "what" in issue.context
    )
