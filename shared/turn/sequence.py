"""The steps of a tick in their order, for the tick and for the replay. Pure.

    reconcile -> protect -> fetch -> signal -> decide -> order -> attend -> cover
                                        attend again, where something is bare at the end <-┘

What it means that a step fails is an argument: a tick goes on without entries, a replay has a bug
and raises.
"""

from collections.abc import Callable
from typing import TypeAlias

from shared.core.frozen import copy_with
from shared.core.reasons import Reason
from shared.core.types import Issue, TickStatus
from shared.turn.attending import attend, is_left_bare
from shared.turn.steps import Found, Steps
from shared.turn.turn import Ending, Turn, unread_issue

Guard: TypeAlias = Callable[[str, Turn, Found], Turn]
"""Runs a step by its name from a turn on, and says what is known after it: where it broke, what it
yielded last."""

NO_SIGNAL = Issue(reason=Reason.STEP_FAILED, forbids_entry=True, context={"step": "signal"})
"""Where the signal broke nothing is entered; what is held can end."""


def run_unguarded(step: str, turn: Turn, found: Found) -> Turn:
    """Run a step that must not fail: what it raises is raised."""
    del step
    for known in found:
        turn = known
    return turn


def run(turn: Turn, steps: Steps, guard: Guard) -> Turn:
    """Run all steps that may run.

    Protection comes before everything that can fail, and needs nothing of it.

    >>> from decimal import Decimal
    >>> from types import SimpleNamespace
    >>> from shared.core.settings import load_settings
    >>> from shared.core.types import Holdings
    >>> from shared.turn.state import State
    >>> from shared.turn.turn import Ending, Occasion
    >>> money = Decimal(1_000_000)
    >>> held = Holdings(
    ...     as_of=0, cash_jpy=money, equity_jpy=money, available_jpy=money, mark_price=None
    ... )
    >>> late = Ending(status=TickStatus.LATE, reason=Reason.TICK_LATE)
    >>> steps = Steps(
    ...     clock=SimpleNamespace(now_ms=lambda: 160_000),
    ...     hands=SimpleNamespace(reconcile=lambda _now: held),
    ...     source=SimpleNamespace(refusal=lambda: late),
    ...     settings=load_settings({}),
    ... )
    >>> turn = Turn(
    ...     occasion=Occasion(name="t1", scheduled_at=0), state=State(mode="paper", stage="paper")
    ... )
    >>> ended = run(turn, steps, run_unguarded)
    >>> ended.ending.status.value, ended.holdings.cash_jpy, ended.market
    ('late', Decimal('1000000'), None)
    """
    return _stay(_run_steps(turn, steps, guard), steps, guard)


def _run_steps(turn: Turn, steps: Steps, guard: Guard) -> Turn:
    turn = guard("reconcile", turn, steps.reconcile(turn))
    for issue in turn.occasion.damage:
        turn = turn.end_with(
            Ending(status=TickStatus.DEGRADED, reason=issue.reason, detail=issue.context["found"])
        )
    turn = guard("protect", turn, steps.protect(turn, part="p"))
    refusal, holdings = steps.source.refusal(), turn.holdings
    turn = turn.end_with(refusal)
    if holdings is None:
        return turn
    if refusal is None and turn.is_trusted:
        turn = _protect_blindly(guard("fetch", turn, steps.fetch(turn, holdings)), steps, guard)
        turn = _decide(turn, steps, guard)
        return _end(_order(_flatten(turn, steps, guard), steps, guard))
    if steps.is_bare(holdings) or turn.is_flattening:
        turn = guard("fetch", turn, steps.fetch(turn, holdings))
        turn = _protect_blindly(turn, steps, guard)
    return _order(_flatten(turn, steps, guard), steps, guard)


def _protect_blindly(turn: Turn, steps: Steps, guard: Guard) -> Turn:
    """Where the market could not be read at all, what is bare at a real exchange is protected as
    well as can be.
    """
    held = turn.holdings
    if held is None or held.ledger is None or "fetch" not in turn.failed or not steps.is_bare(held):
        return turn
    return guard("protect", turn, steps.protect(turn, part="z", is_blind=True))


def _decide(turn: Turn, steps: Steps, guard: Guard) -> Turn:
    """Nothing is decided without a market, nor where reading it showed that the clock is wrong."""
    market, holdings = turn.market, turn.holdings
    if market is None or holdings is None:
        return turn
    refusal = steps.source.refusal()
    if refusal is not None:
        return turn.end_with(refusal)
    turn = guard("signal", turn, steps.read(turn, holdings, market))
    if "signal" in turn.failed:
        turn = turn.see_market(copy_with(market, issues=(*market.issues, NO_SIGNAL)))
    return guard("decide", turn, steps.decide(turn, holdings, turn.market or market))


def _flatten(turn: Turn, steps: Steps, guard: Guard) -> Turn:
    """What a person ordered to be closed is closed whatever was decided, or could not be: late,
    without a market, and without a signal.
    """
    return guard("decide", turn, steps.close_all(turn)) if turn.is_flattening else turn


def _order(turn: Turn, steps: Steps, guard: Guard) -> Turn:
    decision, holdings, market = turn.decision, turn.holdings, turn.market
    if decision is None or holdings is None or (market is None and not turn.is_flattening):
        return turn
    turn = guard("order", turn, steps.order(turn, decision, holdings, market))
    if turn.ordered and steps.hands.is_attended:
        turn = guard("attend", turn, attend(steps, turn, market))
    return guard("cover", turn, steps.cover(turn, market)) if turn.ordered else turn


def _stay(turn: Turn, steps: Steps, guard: Guard) -> Turn:
    """What is bare at the end at a real exchange is not left to the next tick while there is time.

    A stop is refused that is for more than is left, and what is left shows later than it is sold.
    """
    if not is_left_bare(steps, turn):
        return turn
    # an entry may have been attended before, and no id is written twice
    return guard("attend", turn, attend(steps, turn, turn.market, part="b"))


def _end(turn: Turn) -> Turn:
    """A tick that could not see the market is degraded, also where nothing was at stake."""
    missing = None if turn.market is None else unread_issue(turn.market)
    if missing is None:
        return turn
    return turn.end_with(Ending(status=TickStatus.DEGRADED, reason=missing.reason, issue=missing))
