"""What a tick does with an account and a market, without its I/O: one sequence for the tick and for a replay.

    book -> protect -> settle -> read -> decide -> order -> cover

Whoever calls these steps says what a failure in one of them means; `Hands` says who carries the orders out.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Protocol, TypeVar

from shared.core.calendar import MINUTE_MS
from shared.core.reasons import UNREAD, Reason
from shared.core.settings import Settings
from shared.core.types import (
    Action,
    Book,
    Counted,
    Decision,
    Holdings,
    Issue,
    Market,
    PairRules,
    PositionPlan,
    Signal,
    TickReport,
    Timeframe,
)
from shared.market.path import OFFSETS_MS
from shared.market.quality import believed
from shared.orders import plan as planning
from shared.turn import pipeline
from shared.turn.state import State

T = TypeVar("T")


class Hands(Protocol):
    """A clock, and an account that carries out what was planned."""

    def now_ms(self) -> int:
        """The present instant."""
        ...

    def sleep_until(self, at_ms: int) -> None:
        """Let time pass; none, where `at_ms` is over."""
        ...

    def reconcile(self, now_ms: int) -> Holdings:
        """Bring the account up to `now_ms` and say what is held."""
        ...

    def holdings(self, now_ms: int) -> Holdings:
        """What is held as far as is known."""
        ...

    def carry_out(
        self, steps: Sequence[planning.Step], *, book: Book | None, rules: PairRules | None, plan: PositionPlan | None
    ) -> str | None:
        """Send the steps in order; the id of the opening intent that reached the exchange, if any did."""
        ...


class Turn:
    """The working memory of one tick's trading. `prefix` makes the ids of a part's intents; no part is used twice.

    `lifts`: the drawdown halt that a person took back, by the instant at which it began. `gap_ms`: how long it took to shrink a
    position, in which a part of it may have had no stop.
    """

    def __init__(self, *, state: State, hands: Hands, settings: Settings, prefix: Callable[[str], str]) -> None:
        """Begin from the state that the tick before left."""
        self.state = state
        self.settings = settings
        self.holdings: Holdings | None = None
        self.decision: Decision | None = None
        self.issues: tuple[Issue, ...] = ()
        self.lifts = 0
        self.ordered = False
        self.gap_ms: int | None = None
        self._hands = hands
        self._prefix = prefix

    # what is held, and its protection

    def book(self, holdings: Holdings) -> None:
        """Book closed trades and equity into the limits, what is held into the state. Doing it twice changes nothing."""
        self.holdings = holdings
        now = self._hands.now_ms()
        self.state = self.state.after_account(holdings, lifts=self.lifts, now_ms=now, settings=self.settings)

    def look_again(self) -> None:
        """After orders: what is held now, and what that means for limits and plan."""
        self.book(self._hands.holdings(self._hands.now_ms()))

    def protect(self, holdings: Holdings, market: Market | None = None, *, part: str) -> None:
        """What is held gets its stop, orphans go. Needs neither the path nor candles nor model."""
        if not holdings.positions and not holdings.orders:
            return
        book = market.book if market is not None else None
        rules = market.rules if market is not None else None
        steps = planning.protection(
            holdings,
            plan=self.state.plan,
            signal=self.state.signal,
            tick=self._prefix(part),
            now_ms=self._hands.now_ms(),
            settings=self.settings,
            book=book,
            rules=rules,
        )
        if steps:
            self._hands.carry_out(steps, book=book, rules=rules, plan=None)
            self.look_again()

    def look_at(self, market: Market) -> Market:
        """The market as far as it is believed. Where a stop was refused without a book, what is held is closed if need be.

        With a book it is known whether the trigger of such a stop is passed. A book that lies far from everything else is none.
        """
        market = believed(market, mark=some(self.holdings).mark_price, settings=self.settings)
        self.issues = market.issues
        if planning.uncovered(some(self.holdings), now_ms=self._hands.now_ms()):
            self.protect(some(self.holdings), market, part="q")
        return market

    def bare(self) -> bool:
        """Whether something that is held has no stop of its size, after *protect*."""
        return self.holdings is not None and bool(planning.uncovered(self.holdings, now_ms=self._hands.now_ms()))

    # the market and the decision

    def settle(self) -> None:
        """Wait until a candle that has just closed is final, and bring the account up to the same instant."""
        now = self._hands.now_ms()
        if not self.due(now):
            return
        minute = now - now % MINUTE_MS
        final_at = minute + int(self.settings.tick.settle_seconds * 1000)
        self._hands.sleep_until(final_at)
        if (some(self.holdings).settled_until or minute) < minute:
            self.book(self._hands.reconcile(self._hands.now_ms()))

    def due(self, now_ms: int) -> bool:
        """Whether this tick may order something, so that it must know the path up to its own minute.

        A candle has closed, an entry may be tried again, a time exit is due or nobody knows when it is, another position is
        wanted than is held, or a target is watched: whoever sells at a target must know that the stop was not touched before.
        """
        closed_at = now_ms - now_ms % Timeframe.M15.ms
        plan = self.state.plan
        if closed_at > self.state.candle.as_of or self.state.retries or (plan is not None and now_ms >= plan.exit_by):
            return True
        if plan is None and some(self.holdings).positions and self.settings.risk.policy == "barrier":
            return True
        if self.state.pursues(some(self.holdings)):
            return True
        return planning.watches(some(self.holdings), plan=plan, now_ms=now_ms)

    def read(self, signal: Signal, *, unsaved: Sequence[PositionPlan] = ()) -> None:
        """Keep the signal of a new candle. `unsaved`: see `State.after_candle`."""
        self.state = self.state.after_candle(signal, unsaved=unsaved, fills=some(self.holdings).fills)

    def decide(self, market: Market, *, halted: bool) -> None:
        """The scalar rules, once a candle; ticks after it only where it may be tried again. `halted`: by a person."""
        self.issues = market.issues
        if self.state.signal is None:
            self.decision = Decision(action=Action.DENY, as_of=newest(market), reason=Reason.DATA_MISSING)
            return
        decision, self.issues = pipeline.decide(
            self.state.signal,
            market=market,
            account=self.state.account(some(self.holdings), halted=halted, capital_jpy=self.settings.capital_jpy),
            now_ms=self._hands.now_ms(),
            settings=self.settings,
        )
        again = decision.goal is not None  # a goal is pursued by every tick, not once a candle
        if decision.action in {Action.ENTER, Action.DENY} and self.state.candle.closed and not again:
            decision = Decision(action=Action.HOLD, as_of=decision.as_of, reason=Reason.NOTHING_NEW)
        self.decision = decision

    # orders

    def order(self, market: Market, *, scheduled_at: int) -> None:
        """Plan what the decision asks for and send it; an entry lives `no_new_order_after_seconds` from the schedule time."""
        decision, holdings = some(self.decision), some(self.holdings)
        now = self._hands.now_ms()
        steps: tuple[planning.Step, ...] = ()
        if decision.action in {Action.ENTER, Action.REDUCE, Action.EXIT}:
            steps = planning.orders(
                decision,
                holdings,
                book=market.book,
                rules=market.rules,
                tick=self._prefix("d"),
                now_ms=now,
                deadline_at=scheduled_at + int(self.settings.tick.no_new_order_after_seconds * 1000),
                settings=self.settings,
            )
        elif self._knows_the_path(now):
            steps = planning.watched_target(
                holdings,
                plan=self.state.plan,
                book=market.book,
                rules=market.rules,
                tick=self._prefix("d"),
                now_ms=now,
                settings=self.settings,
            )
        plan = _plan_of(decision)
        self.ordered = bool(steps)
        opened = self._hands.carry_out(steps, book=market.book, rules=market.rules, plan=plan)
        if decision.action is Action.REDUCE and steps:
            self.gap_ms = self._hands.now_ms() - now
        if opened is not None:
            plan = plan and replace(plan, entry_intent=opened)
        self.state = self.state.after_decision(decision, attempted=opened is not None, plan=plan)

    def _knows_the_path(self, now_ms: int) -> bool:
        """Whether no point of the path lies between what is settled and now: one there may have touched the stop already.

        So a tick that comes late in its minute leaves a watched target to the next one. A real exchange has no such gap.
        """
        settled_until = some(self.holdings).settled_until
        return settled_until is None or now_ms - settled_until < OFFSETS_MS[1]

    def cover(self, market: Market) -> None:
        """See what the orders did. Where a close did not happen, what it had to make room for comes back at once."""
        self.look_again()
        if planning.bare(some(self.holdings), now_ms=self._hands.now_ms()):
            self.protect(some(self.holdings), market, part="r")


def unread(market: Market) -> Issue | None:
    """The first part of the market that could not be read, or not in time, and so keeps the bot from entering: degraded."""
    parts = (issue for issue in market.issues if issue.forbids_entry and (issue.reason in UNREAD or _refused(issue)))
    return next(parts, None)


def _refused(issue: Issue) -> bool:
    return issue.reason in {Reason.EXCHANGE_BUSY, Reason.EXCHANGE_HALTED} and "what" in issue.context


def newest(market: Market) -> int:
    """When the newest 15m candle closed; 0 where there is none."""
    candles = market.candles[Timeframe.M15]
    return int(candles.closed_at[-1]) if len(candles) else 0


def told(draft: TickReport, *, holdings: Holdings | None, mid: Decimal | None, before: Counted, after: Counted) -> TickReport:
    """The report with what is held, and with the fills and the trades that no saved state had counted `before` it.

    The mark is the one at which the equity was computed; where nothing is held, the middle of the book, where one was read.
    """
    if holdings is None:
        return draft
    return replace(
        draft,
        fills=tuple(fill for fill in holdings.fills if fill.sequence > before.fills),
        trades=tuple(trade for trade in holdings.trades if before.trades < trade.sequence <= after.trades),
        positions=holdings.positions,
        resting=holdings.orders,
        equity_jpy=holdings.equity_jpy,
        cash_jpy=holdings.cash_jpy,
        mark_price=holdings.mark_price if holdings.positions else mid,
    )


def some(value: T | None) -> T:
    """The value of a step that ran before."""
    if value is None:
        raise AssertionError("a step ran before the one that it needs")
    return value


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
