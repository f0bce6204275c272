"""From event to event through history, with the rules of the tick.

A replay runs the steps of the tick (`shared.turn.sequence`) on an account in memory. Between two
turns that matter nothing is
asked: arrays say which tick is the next at which anything can happen, and these alone are worked
out:

    flat        the next candle that may lead to an entry (`risk.screen`), after a halt,
                a cool-down or a lost day has ended
    entering    every tick, until the entry is filled or given up
    holding     the tick that learns of the next fill; the time exit; the first opposite
                consensus, where that ends a position

The ticks in between would only have valued the account: their equity is computed in one go, and the
limits (peak, day, drawdown) are told those values that can change them. `Inputs.every_tick` asks at
every schedule time instead; both ways give the same.
"""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

import msgspec
import numpy as np

from shared import risk
from shared.core.costs import assumed_rules
from shared.core.errors import BadData
from shared.core.frozen import copy_with
from shared.core.money import ZERO, jpy_from_units, jpy_units, rate
from shared.core.tick_times import latest_start_ms
from shared.core.types import Candles, Goal, TickReport, Timeframe
from shared.exchanges.paper import account as accounts
from shared.exchanges.paper.account import PaperAccount
from shared.replay.ahead import Ahead
from shared.replay.bookings import bookings, telling_looks
from shared.replay.grid import Grid, grid, watched_grid
from shared.replay.hands import AccountInHand, Snapshot, snapshot
from shared.replay.past import Past
from shared.replay.result import gather_result
from shared.replay.rows import ReplayRows
from shared.replay.story import Story
from shared.replay.types import HaltPeriod, Inputs, Replayed
from shared.turn.report import build_report
from shared.turn.sequence import run, run_unguarded
from shared.turn.state import CandleProgress, State
from shared.turn.steps import Steps
from shared.turn.turn import Occasion, Turn


class Replay:
    """A replay that can stop anywhere and go on later, also in another process.

    >>> from shared.core.settings import load_settings
    >>> from shared.exchanges.sandbox.generate import generate
    >>> from shared.market.candles import aggregate
    >>> from shared.turn.pipeline import stages
    >>> start, day = 1_767_225_600_000, 86_400_000
    >>> minutes = generate(start_ms=start, days=8, seed=7)
    >>> candles = {frame: aggregate(minutes, frame) for frame in (Timeframe.M15, Timeframe.H4)}
    >>> inputs = Inputs(
    ...     candles=candles,
    ...     stages=stages(candles, bundle=None, settings=load_settings({})),
    ...     settings=load_settings({}),
    ...     start_at=start + 7 * day,
    ...     end_at=start + 8 * day,
    ... )
    >>> whole = Replay(inputs)
    >>> whole.advance()
    >>> whole.result().counts["entries"]  # without a model nothing is entered
    0
    """

    def __init__(self, inputs: Inputs, *, checkpoint: Mapping[str, Any] | None = None) -> None:
        """Begin, or go on from what `checkpoint()` told of a replay with equal inputs.

        Raises:
            BadData: inputs that do not belong together.
        """
        _check(inputs)
        self._inputs = inputs
        self._settings = inputs.settings
        self._settings_hash = inputs.settings.hash if inputs.every_tick else ""
        self._rules = assumed_rules(inputs.settings, inputs.rules)
        self._path = _path_of(inputs)
        self._known = ReplayRows(inputs, self._rules)
        self._settle_ms = int(self._settings.tick.settle_seconds * 1000)
        coarse = inputs.minutes is None
        self._grid: Grid = grid(
            self._known.as_of,
            start_at=(
                inputs.start_at + -inputs.start_at % Timeframe.M15.ms if coarse else inputs.start_at
            ),
            end_at=inputs.end_at,
            interval_ms=Timeframe.M15.ms if coarse else self._settings.tick.interval_seconds * 1000,
            settle_ms=self._settle_ms,
            schedule=inputs.schedule,
            latest_start_ms=latest_start_ms(self._settings),
        )
        self._policy = risk.policy_of(self._settings)
        watches = self._settings.account.has_locks and not self._policy.has_goal
        holding = watched_grid(self._grid) if watches else self._grid
        self._bookings = bookings(holding, self._path, settle_ms=self._settle_ms)
        self._next = 0
        past, capital_jpy = inputs.opening, Decimal(self._settings.capital_jpy)
        limits = (
            None
            if past is None
            else replace(past.limits, last_trade_sequence=0, position_net_jpy=ZERO)
        )
        self._state = State(mode=self._settings.mode, stage=self._settings.stage, limits=limits)
        terms = accounts.account_terms(self._settings, self._rules)
        cash_jpy = capital_jpy if past is None else past.cash_jpy
        account = accounts.open_account(
            cash_jpy, inputs.start_at, kind=self._settings.account, terms=terms
        )
        self._story = Story()
        if checkpoint is not None:
            self._next = int(checkpoint["next"])
            self._state = msgspec.convert(checkpoint["state"], State)
            account = msgspec.convert(checkpoint["account"], PaperAccount)
            self._story = Story.from_values(checkpoint["story"])
        self._hands = AccountInHand(
            account,
            path=self._path,
            settings=self._settings,
            rules=self._rules,
            traded=self._story.gather,
        )
        if checkpoint is not None:
            self._hands.snapshots = msgspec.convert(checkpoint["snapshots"], list[Snapshot])
        else:
            self._hands.snapshots = [snapshot(account, 0)]
        self._past = Past(inputs, rules=self._rules, known=self._known, hands=self._hands)
        self._steps = Steps(
            clock=self._hands, hands=self._hands, source=self._past, settings=self._settings
        )
        self._ahead = Ahead(
            inputs,
            grid=self._grid,
            holding=holding,
            known=self._known,
            path=self._path,
            story=self._story,
        )

    @property
    def at(self) -> int:
        """How far it has come, ms UTC."""
        if self.is_finished:
            return self._inputs.end_at
        return max(
            self._inputs.start_at, int(self._grid.received_at[self._next - 1]) if self._next else 0
        )

    @property
    def is_finished(self) -> bool:
        """Whether the end is reached."""
        return self._next >= len(self._grid)

    def advance(self, until_at: int | None = None) -> None:
        """Go on to `until_at`, or to the end."""
        limit = self._inputs.end_at if until_at is None else until_at
        while not self.is_finished and self._grid.received_at[self._next] <= limit:
            index = self._next
            self._visit(index)
            self._next = self._ahead.next_index(index, self._state, self._hands)
            if not self._hands.account.is_idle and self._next > index + 1:
                self._book_between(index, self._next)
                self._catch_up(self._next)
            if self._next > index + 1:
                self._keep_goal(index, self._next)
        if self.is_finished:
            self._hands.settle(accounts.full_minute(self._inputs.end_at))
            self._story.gather(self._hands.account)

    def checkpoint(self) -> dict[str, Any]:
        """Everything that has happened so far, as JSON values."""
        return {
            "next": self._next,
            "state": self._state.encode_state(),
            "account": msgspec.to_builtins(self._hands.account),
            "story": self._story.as_values(),
            "snapshots": msgspec.to_builtins(self._hands.snapshots),
        }

    def result(self) -> Replayed:
        """What has happened by `at`."""
        return gather_result(
            self._inputs,
            rules=self._rules,
            path=self._path,
            known=self._known,
            story=self._story,
            snapshots=self._hands.snapshots,
            terms=self._hands.account.terms,
            until_at=self.at,
            halted=self._halted_rows(),
        )

    def _halted_rows(self) -> list[tuple[int, int]]:
        """The rows [from, to) whose first tick came while a person had halted the bot."""
        newest, found = self._grid.newest, []
        for halt in self._inputs.schedule.halts:
            if halt.flattens and self._is_halted_besides(halt):
                continue
            first = self._grid.first_from(halt.from_at)
            stop = (
                len(self._grid) if halt.until_at is None else self._grid.first_from(halt.until_at)
            )
            if stop > first:
                seen = first > 0 and newest[first - 1] == newest[first]
                found.append((int(newest[first]) + seen, int(newest[stop - 1]) + 1))
        return found

    def _is_halted_besides(self, flatten: HaltPeriod) -> bool:
        """Whether another halt tells the same rows."""
        return any(
            halt.from_at <= flatten.from_at and halt.until_at == flatten.until_at
            for halt in self._inputs.schedule.halts
            if not halt.flattens
        )

    # one tick

    def _visit(self, index: int) -> None:
        """Work one tick out, by the steps of the tick."""
        scheduled_at, received_at = (
            int(self._grid.scheduled_at[index]),
            int(self._grid.received_at[index]),
        )
        before = self._state
        self._hands.arrive(received_at, counted=before.counted_account)
        self._past.arrive(is_late=bool(self._grid.late[index]))
        occasion = Occasion(
            name=f"{scheduled_at}.0",
            scheduled_at=scheduled_at,
            lifts=self._lifts(before.halted_at, received_at),
            halted=self._is_halted(received_at),
            flattens=self._is_halted(received_at, flattens=True),
        )
        turn = run(Turn(occasion=occasion, state=before), self._steps, run_unguarded)
        self._story.note_decision(
            self._past.row, turn.decision, turn.state, self._hands.records, now_ms=self._hands.now
        )
        self._story.note_visit(before, turn.state, self._hands, self._settings)
        if self._inputs.every_tick:
            self._story.ticks.append(self._report(turn, received_at, before))
        self._state = copy_with(
            turn.state, last_fill_sequence=self._hands.account.next_fill_sequence - 1
        )

    def _is_halted(self, at: int, *, flattens: bool = False) -> bool:
        return any(
            halt.from_at <= at and (halt.until_at is None or at < halt.until_at)
            for halt in self._inputs.schedule.halts
            if halt.flattens or not flattens
        )

    def _lifts(self, halted_at: int, at: int) -> int:
        """The drawdown halt of `halted_at`, where a person resumed after it began; 0 where nobody
        has by `at`.
        """
        if not halted_at:
            return 0
        ends = [
            halt.until_at
            for halt in self._inputs.schedule.halts
            if halt.until_at and halt.until_at <= at
        ]
        return halted_at if max(ends, default=0) > halted_at else 0

    def _report(self, turn: Turn, received_at: int, before: State) -> TickReport:
        return build_report(
            turn,
            tick=str(turn.occasion.scheduled_at),
            received_at=received_at,
            finished_at=self._hands.now,
            settings=self._settings,
            settings_hash=self._settings_hash,
            before=before.counted_account,
            model=self._past.model,
            orders=self._hands.records,
            issues=turn.issues,
        )

    # what the ticks in between would have booked

    def _book_between(self, index: int, following: int) -> None:
        """Tell the limits the equities between two worked-out ticks that can change them: peaks,
        days, a drawdown, a resume.
        """
        account, looks = self._hands.account, self._bookings
        start, stop = int(looks.first[index + 1]), int(looks.first[following])
        held = snapshot(account, account.settled_until)
        equity = looks.equities(start, stop, held, kind=account.kind, terms=account.terms)
        received = int(self._grid.received_at[index])
        holdings = self._hands.holdings(self._hands.now)
        if self._state.limits is None:
            raise AssertionError("the limits are there once an account was booked")
        keys = telling_looks(
            looks,
            equity,
            start,
            since=received,
            peak=jpy_units(self._state.limits.equity_peak_jpy),
            max_drawdown=rate(self._settings.risk.max_drawdown),
            halts=self._inputs.schedule.halts,
        )
        for key in keys:
            before, now = self._state, int(looks.as_of[start + key])
            self._state = before.after_account(
                copy_with(holdings, as_of=now, equity_jpy=jpy_from_units(int(equity[key]))),
                lifts=self._lifts(before.halted_at, now),
                now_ms=now,
                settings=self._settings,
            )
            self._story.note_limits(before, self._state, self._settings)

    def _catch_up(self, index: int) -> None:
        """Before the tick at `index`, which reads no new candle: take over the newest, of which
        nothing came while holding.
        """
        if index >= len(self._grid) or self._grid.newest[index] != self._grid.newest[index - 1]:
            return
        row = int(self._grid.newest[index])
        if row >= 0 and self._known.as_of[row] > self._state.candle.as_of:
            candle = CandleProgress(as_of=int(self._known.as_of[row]), attempts_used=0, closed=True)
            self._state = copy_with(self._state, signal=self._known.signal(row), candle=candle)

    def _keep_goal(self, index: int, following: int) -> None:
        """The ticks left out between the two found at each 4h close that what is held is what is
        wanted.
        """
        if not self._policy.has_goal:
            return
        goal = self._state.goal or Goal(lots=0, as_of=0)
        left_out = slice(index + 1, following)
        slot = self._known.target_slot(self._grid.newest[left_out][~self._grid.late[left_out]])
        if slot > goal.as_of:
            self._state = copy_with(self._state, goal=copy_with(goal, as_of=slot))


def replay(inputs: Inputs) -> Replayed:
    """Run from beginning to end.

    >>> from shared.core.settings import load_settings
    >>> from shared.exchanges.sandbox.generate import generate
    >>> from shared.market.candles import aggregate
    >>> from shared.turn.pipeline import stages
    >>> start, day = 1_767_225_600_000, 86_400_000
    >>> minutes = generate(start_ms=start, days=8, seed=7)
    >>> candles = {frame: aggregate(minutes, frame) for frame in (Timeframe.M15, Timeframe.H4)}
    >>> inputs = Inputs(
    ...     candles=candles,
    ...     stages=stages(candles, bundle=None, settings=load_settings({})),
    ...     settings=load_settings({}),
    ...     start_at=start + 7 * day,
    ...     end_at=start + 8 * day,
    ... )
    >>> replayed = replay(inputs)
    >>> replayed.counts["candles"], replayed.trades, replayed.end_equity_jpy
    (96, (), Decimal('1000000.0000'))
    """
    whole = Replay(inputs)
    whole.advance()
    return whole.result()


def _check(inputs: Inputs) -> None:
    candles = inputs.candles.get(Timeframe.M15)
    if candles is None or Timeframe.H4 not in inputs.candles:
        raise BadData("a replay needs 15m and 4h candles")
    if not np.array_equal(inputs.stages.features.as_of, candles.closed_at):
        raise BadData("the stages are not of these candles: compute them with pipeline.stages")
    if inputs.start_at >= inputs.end_at:
        raise BadData(f"a replay from {inputs.start_at} to {inputs.end_at} has no length")
    if inputs.minutes is not None and inputs.minutes.timeframe is not Timeframe.M1:
        raise BadData(f"minutes were {inputs.minutes.timeframe} candles")


def _path_of(inputs: Inputs) -> Candles:
    """The candles that orders trade on.

    A 15m candle that ends after the period would tell an entry what comes after it.
    """
    return (
        inputs.candles[Timeframe.M15].closed_by(inputs.end_at)
        if inputs.minutes is None
        else inputs.minutes
    )
