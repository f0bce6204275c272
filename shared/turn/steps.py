"""What a tick does with an account and a market, step by step.

`shared.turn.sequence` puts the steps in their order; `shared.turn.attending` stays with an entry.
Pure.

A step takes what it needs and yields the turn whenever more is known than before. So where it fails
half-way, what it found and did until then stands: a stop that was placed, an order that may be in
the market.
"""

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from shared.core.calendar import MINUTE_MS
from shared.core.frozen import copy_with
from shared.core.reasons import Reason
from shared.core.settings import Settings
from shared.core.types import (
    Action,
    Book,
    Decision,
    Holdings,
    Issue,
    Market,
    PairRules,
    PositionPlan,
    Side,
    TickStatus,
    Timeframe,
)
from shared.market.path import OFFSETS_MS
from shared.market.quality import believe_book
from shared.orders import plan as planning
from shared.orders.carry_out import carry_out
from shared.orders.own_book import value_holdings
from shared.risk import policy_of
from shared.turn import pipeline
from shared.turn.ports import Hands, Source, TurnClock
from shared.turn.state import State
from shared.turn.turn import Ending, Turn, newest

BARE = Issue(reason=Reason.POSITION_BARE, forbids_entry=True)
"""What a real exchange does not let be protected does not grow."""

Found: TypeAlias = Generator[Turn, None, Turn]
"""A step at work: it yields what is known so far, and returns the last of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Steps:
    """The steps, for whoever has a clock, an account and a market.

    >>> from shared.core.reasons import Reason
    >>> from shared.core.types import TickStatus
    >>> from shared.turn.sequence import run_unguarded
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
    >>> run_unguarded("reconcile", turn, steps.reconcile(turn)).state.limits.equity_peak_jpy
    Decimal('1000000')
    """

    clock: TurnClock
    hands: Hands
    source: Source
    settings: Settings

    # what is held, and its protection

    def reconcile(self, turn: Turn) -> Found:
        """Read the account and book it.

        A tick that died after it sent an entry left its intent open: its plan is newer than the
        saved one.
        """
        unsaved = turn.occasion.unsaved
        if unsaved:
            turn = copy_with(turn, state=copy_with(turn.state, plan=unsaved[-1]))
            yield turn
        turn = yield from self.book(turn, self.hands.reconcile(self.clock.now_ms()))
        if unsaved:
            turn = copy_with(turn, state=turn.state.after_unsaved(unsaved))
            yield turn
        return turn

    def book(self, turn: Turn, holdings: Holdings) -> Found:
        """Book closed trades and equity into the limits, what is held into the state.

        Doing it twice changes nothing.

        A halt is taken back only on an account that could be read at first.
        """
        lifts = 0 if "reconcile" in turn.failed else turn.occasion.lifts
        try:
            state = turn.state.after_account(
                holdings, lifts=lifts, now_ms=self.clock.now_ms(), settings=self.settings
            )
        except Exception:
            yield copy_with(
                turn, holdings=holdings
            )  # what is held is known, though it cannot be booked
            raise
        turn = copy_with(turn, holdings=holdings, state=state)
        news = tuple(issue for issue in holdings.issues if issue not in turn.issues)
        if news:
            turn = copy_with(turn, issues=(*turn.issues, *news))
        yield turn
        return turn

    def protect(
        self,
        turn: Turn,
        market: Market | None = None,
        *,
        part: str,
        is_blind: bool = False,
        unshown_lots: Mapping[Side, int] | None = None,
        parts: Mapping[Side, Sequence[int]] | None = None,
    ) -> Found:
        """What is held gets its stop, orphans go.

        Needs neither the path nor candles nor model; `part` begins the ids. Where nothing shows
        that a stop could be for it is for no more than `unshown_lots`; where one of all that shows
        is refused, `parts` of it are tried.
        """
        holdings = turn.holdings
        if holdings is None:
            holdings = self.hands.holdings(self.clock.now_ms())
        if not holdings.positions and not holdings.orders:
            return turn
        book = market.book if market is not None else None
        rules = market.rules if market is not None else None
        steps = planning.protection(
            holdings,
            plan=turn.state.plan,
            signal=turn.state.signal,
            tick=turn.occasion.name + part,
            now_ms=self.clock.now_ms(),
            settings=self.settings,
            book=book,
            rules=rules,
            turn=turn.occasion.name,
            is_blind=is_blind,
            unshown_lots=unshown_lots,
            parts=parts,
            held=planning.held_sides(self.hands.records),
        )
        if not steps:
            return turn
        before = len(self.hands.records)
        carry_out(steps, self.hands, book=book, rules=rules)
        holdings = self.hands.holdings(self.clock.now_ms())
        turn = yield from self.book(turn, holdings)
        refused = planning.refused_stops(self.hands.records[before:])
        if not refused:
            return turn
        steps = planning.after_refused_stops(
            holdings,
            refused,
            tick=turn.occasion.name + part + "u",
            now_ms=self.clock.now_ms(),
            settings=self.settings,
            book=book,
            rules=rules,
            is_blind=is_blind,
            held=planning.held_sides(self.hands.records),
        )
        if not steps:
            return turn
        carry_out(steps, self.hands, book=book, rules=rules)
        return (yield from self.book(turn, self.hands.holdings(self.clock.now_ms())))

    def is_bare(self, holdings: Holdings) -> bool:
        """Whether something that is held has no stop of its size."""
        return bool(planning.uncovered_positions(holdings, now_ms=self.clock.now_ms()))

    def _has_surplus_stop(self, holdings: Holdings) -> bool:
        """Whether a part of what the first look saw has been sold since, and its stop stands."""
        return planning.has_surplus_stop(holdings, now_ms=self.clock.now_ms())

    # the market and the decision

    def fetch(self, turn: Turn, holdings: Holdings) -> Found:
        """Wait until a candle that has just closed is final, bring the account up to the same
        instant, read the market.
        """
        turn = yield from self.settle(turn, holdings)
        holdings = turn.holdings or holdings
        state = turn.state
        market = self.source.market(
            holdings, may_enter=lambda: self.is_due(state, holdings, self.clock.now_ms())
        )
        return (yield from self.look_at(turn, holdings, market))

    def settle(self, turn: Turn, holdings: Holdings) -> Found:
        """A tick that may order something knows the path up to its own minute."""
        now = self.clock.now_ms()
        if not (turn.is_flattening or self.is_due(turn.state, holdings, now)):
            return turn
        minute = now - now % MINUTE_MS
        self.clock.sleep_until(minute + int(self.settings.tick.settle_seconds * 1000))
        if (holdings.settled_until or minute) < minute:
            turn = yield from self.book(turn, self.hands.reconcile(self.clock.now_ms()))
        return turn

    def is_due(self, state: State, holdings: Holdings, now_ms: int) -> bool:
        """Whether this tick may order something, so that it must know the path up to its own
        minute.

        A candle has closed, an entry may be tried again, a time exit is due or nobody knows when it
        is, another position is wanted than is held, or a target is watched: whoever sells at a
        target must know that the stop was not touched before.
        """
        closed_at = now_ms - now_ms % Timeframe.M15.ms
        if closed_at > state.candle.as_of or state.has_retry:
            return True
        due = policy_of(self.settings).is_due(
            holds=bool(holdings.positions),
            pursues=state.is_pursuing(holdings),
            plan=state.plan,
            now_ms=now_ms,
        )
        return due or planning.is_target_watched(holdings, plan=state.plan, now_ms=now_ms)

    def look_at(self, turn: Turn, holdings: Holdings, market: Market) -> Found:
        """The market as far as it is believed.

        Where a stop was refused without a book, what is held is closed if need be.

        With a book it is known whether the trigger of such a stop is passed. A book that lies far
        from everything else is none.
        """
        if holdings.issues:
            market = copy_with(market, issues=(*market.issues, *holdings.issues))
        turn = turn.see_market(market)
        yield turn
        market = believe_book(market, mark=holdings.mark_price, settings=self.settings)
        if market is not turn.market:
            turn = turn.see_market(market)
            yield turn
        if market.book is not None:
            valued = value_holdings(
                holdings, market.book.mid, self.clock.now_ms(), kind=self.settings.account
            )
            if valued is not holdings:
                turn = yield from self.book(turn, valued)
        if self.is_bare(holdings) or self._has_surplus_stop(holdings):
            turn = yield from self.protect(turn, market, part="q")
        held = turn.holdings or holdings
        if held.ledger is not None and self.is_bare(held):
            market = copy_with(market, issues=(*market.issues, BARE))
            turn = copy_with(turn, market=market, issues=(*turn.issues, BARE))
            yield turn
        return turn

    def read(self, turn: Turn, holdings: Holdings, market: Market) -> Found:
        """Ask for the model, and keep the signal of a new candle, once."""
        issues = self.source.permission(market)
        signal = self.source.signal(market) if newest(market) > turn.state.candle.as_of else None
        if signal is not None:
            state = turn.state.after_candle(
                signal, unsaved=turn.occasion.unsaved, fills=holdings.fills
            )
            turn = copy_with(turn, state=state)
            yield turn
            found = self.source.doubts(market, signal)
            if found != state.doubts:
                turn = copy_with(turn, state=copy_with(state, doubts=found))
                yield turn
        kept = turn.state.doubts
        if issues or kept:
            model = self.source.model
            doubts = (issue for issue in kept if issue.context.get("model", model) == model)
            turn = turn.see_market(copy_with(market, issues=(*market.issues, *issues, *doubts)))
            yield turn
        return turn

    def decide(self, turn: Turn, holdings: Holdings, market: Market) -> Found:
        """The scalar rules, once a candle; ticks after it only where it may be tried again."""
        state, halted = turn.state, turn.occasion.halted
        if state.signal is None:
            decision = Decision(
                action=Action.DENY, as_of=newest(market), reason=Reason.DATA_MISSING
            )
            turn = copy_with(turn, decision=decision, issues=market.issues)
            yield turn
            return turn
        decision, issues = pipeline.decide(
            state.signal,
            market=market,
            account=state.account(holdings, halted=halted, capital_jpy=self.settings.capital_jpy),
            now_ms=self.clock.now_ms(),
            settings=self.settings,
        )
        again = decision.goal is not None  # a goal is pursued by every tick, not once a candle
        if decision.action in {Action.ENTER, Action.DENY} and state.candle.closed and not again:
            decision = Decision(action=Action.HOLD, as_of=decision.as_of, reason=Reason.NOTHING_NEW)
        turn = copy_with(turn, decision=decision, issues=issues)
        if halted or state.halted_at:
            reason = Reason.HALTED_BY_PERSON if halted else Reason.LIMIT_DRAWDOWN
            turn = turn.end_with(Ending(status=TickStatus.HALTED, reason=reason))
        yield turn
        return turn

    def close_all(self, turn: Turn) -> Found:
        """All that is held ends: a person ordered it, and it takes the place of what was decided.

        It needs no market and no signal, and is decided again as long as something is held.
        """
        held = () if turn.holdings is None else turn.holdings.positions
        sides = {position.side for position in held}
        as_of = turn.state.candle.as_of if turn.market is None else newest(turn.market)
        decision = Decision(
            action=Action.EXIT,
            as_of=as_of,
            reason=Reason.EXIT_FLATTEN,
            side=sides.pop() if len(sides) == 1 else None,
            lots=sum(position.lots for position in held),
        )
        turn = copy_with(turn, decision=decision).end_with(
            Ending(status=TickStatus.HALTED, reason=Reason.HALTED_BY_PERSON)
        )
        yield turn
        return turn

    # orders

    def order(
        self, turn: Turn, decision: Decision, holdings: Holdings, market: Market | None
    ) -> Found:
        """Plan what the decision asks for and send it; an entry lives `no_new_order_after_seconds`
        from the schedule time. Only what a person ordered to be closed is known without a market.
        """
        now = self.clock.now_ms()
        book = None if market is None else market.book
        rules = None if market is None else market.rules
        steps = self._plan_orders(turn, decision, holdings, book=book, rules=rules, now_ms=now)
        plan = _plan_of(decision)
        if steps:
            turn = copy_with(turn, ordered=True)
            yield turn
        opened = carry_out(steps, self.hands, book=book, rules=rules, plan=plan)
        if decision.action is Action.REDUCE and steps:
            turn = copy_with(turn, gap_ms=self.clock.now_ms() - now)
            yield turn
        if opened is not None:
            plan = plan and copy_with(plan, entry_intent=opened)
        state = turn.state.after_decision(decision, attempted=opened is not None, plan=plan)
        if state is not turn.state:
            turn = copy_with(turn, state=state)
            yield turn
        return turn

    def _plan_orders(
        self,
        turn: Turn,
        decision: Decision,
        holdings: Holdings,
        *,
        book: Book | None,
        rules: PairRules | None,
        now_ms: int,
    ) -> tuple[planning.Step, ...]:
        if decision.action in {Action.ENTER, Action.REDUCE, Action.EXIT}:
            return planning.orders(
                decision,
                holdings,
                book=book,
                rules=rules,
                tick=turn.occasion.name + "d",
                now_ms=now_ms,
                deadline_at=turn.occasion.scheduled_at
                + int(self.settings.tick.no_new_order_after_seconds * 1000),
                settings=self.settings,
                held=planning.held_sides(self.hands.records),
            )
        if not _is_path_known(holdings, now_ms):
            return ()
        return planning.watched_target(
            holdings,
            plan=turn.state.plan,
            book=book,
            rules=rules,
            tick=turn.occasion.name + "d",
            now_ms=now_ms,
            settings=self.settings,
            held=planning.held_sides(self.hands.records),
        )

    def cover(self, turn: Turn, market: Market | None) -> Found:
        """See what the orders did.

        Where a close did not happen, what it had to make room for comes back at once.
        """
        holdings = self.hands.holdings(self.clock.now_ms())
        turn = yield from self.book(turn, holdings)
        is_bare = planning.has_bare_position(holdings, now_ms=self.clock.now_ms())
        if is_bare or self._has_surplus_stop(holdings):
            turn = yield from self.protect(turn, market, part="r")
        return turn


def _is_path_known(holdings: Holdings, now_ms: int) -> bool:
    """Whether no point of the path lies between what is settled and now: one there may have touched
    the stop already.

    So a tick that comes late in its minute leaves a watched target to the next one. A real exchange
    has no such gap.
    """
    return holdings.settled_until is None or now_ms - holdings.settled_until < OFFSETS_MS[1]


def _plan_of(decision: Decision) -> PositionPlan | None:
    if decision.action is not Action.ENTER or decision.side is None or decision.exit_by is None:
        return None
    return PositionPlan(
        side=decision.side,
        stop_price=decision.stop_price,
        target_price=decision.target_price,
        exit_by=decision.exit_by,
        as_of=decision.as_of,
        entry_intent="",
    )
