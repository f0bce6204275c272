"""Which tick is the next at which anything can happen: arrays are asked, no rule is
decided here.
"""

import numpy as np

from shared import risk
from shared.core.calendar import DAY_MS, MINUTE_MS, jst_day, jst_day_begins
from shared.core.money import rate
from shared.core.reasons import Reason
from shared.core.types import Candles, Holdings, Purpose
from shared.orders import plan as planning
from shared.replay import valuation
from shared.replay.grid import Grid
from shared.replay.hands import AccountInHand
from shared.replay.rows import ReplayRows
from shared.replay.story import Story
from shared.replay.types import Inputs
from shared.turn.state import State


class Ahead:
    """Looks ahead from a tick that was worked out.

    `story` hears which candles a limit denied on the way.
    """

    def __init__(
        self,
        inputs: Inputs,
        *,
        grid: Grid,
        holding: Grid,
        known: ReplayRows,
        path: Candles,
        story: Story,
    ) -> None:
        """Look over one replay's ticks (`holding`: as they settle while a position is held),
        candles and path.
        """
        self._inputs, self._settings = inputs, inputs.settings
        self._policy = risk.policy_of(inputs.settings)
        self._grid, self._holding = grid, holding
        self._known, self._path, self._story = known, path, story
        self._settle_ms = int(inputs.settings.tick.settle_seconds * 1000)

    def next_index(self, index: int, state: State, hands: AccountInHand) -> int:
        """The index of the next tick to work out after the one at `index`; the number of ticks
        where there is none.
        """
        following = self._next_by_rules(index, state, hands)
        for halt in self._inputs.schedule.halts:
            if halt.flattens:
                first = self._grid.first_from(halt.from_at)
                is_over = halt.until_at is not None and hands.now_ms() >= halt.until_at
                if index < first:
                    following = min(following, first)
                elif not is_over and hands.account.positions:
                    following = index + 1
        return following

    def _next_by_rules(self, index: int, state: State, hands: AccountInHand) -> int:
        idle = hands.account.is_idle
        if self._policy.has_goal and not self._inputs.every_tick and not state.has_retry:
            return max(index + 1, min(self._next_of_goal(index, state, hands), len(self._grid)))
        if (
            self._inputs.every_tick
            or state.has_retry
            or not (idle or self._is_steady(state, hands))
        ):
            return index + 1
        following = (
            self._next_chance(index, state, hands)
            if idle
            else self._next_of_position(index, state, hands)
        )
        return max(index + 1, min(following, len(self._grid)))

    def _is_steady(self, state: State, hands: AccountInHand) -> bool:
        """Whether a tick without news would do nothing: one position, a stop for all of it, and a
        target where one can rest.
        """
        account = hands.account
        if len(account.positions) != 1 or state.plan is None or not state.candle.closed:
            return False
        if any(
            order.intent.is_opening or order.intent.expires_at is not None
            for order in account.orders
        ):
            return False
        held = hands.holdings(hands.now_ms())
        purposes = [order.intent.purpose for order in account.orders]
        bracketed = Purpose.STOP in purposes and (
            account.kind.has_locks or Purpose.TARGET in purposes
        )
        return bracketed and not planning.uncovered_positions(held, now_ms=hands.now_ms())

    def _next_of_goal(self, index: int, state: State, hands: AccountInHand) -> int:
        """With a target: while it is pursued the very next tick; then that of the next 4h close
        that may change it.

        A position is looked at after each 4h close; flat, after those on which at least the band is
        wanted. A tick that learns of a fill comes before.
        """
        held, now = hands.holdings(hands.now_ms()), hands.now_ms()
        goal = state.goal
        if (
            state.is_pursuing(held)
            or (goal is not None and goal.since)
            or (goal is None and held.positions)
        ):
            return index + 1
        idle = hands.account.is_idle
        if not idle and (len(held.positions) != 1 or not self._is_at_rest(state, hands, held, now)):
            return index + 1
        least = 0.0 if held.positions else self._settings.risk.exposure.band
        after = 0 if goal is None else goal.as_of
        row = self._known.next_target(int(self._grid.newest[index]) + 1, after=after, least=least)
        following = (
            len(self._grid) if row is None else self._grid.first_from(int(self._known.as_of[row]))
        )
        while following < len(self._grid) and self._grid.late[following]:
            following += 1
        due = len(self._path) if idle else hands.due_row()
        if due < len(self._path):
            closed_at = int(self._path.opened_at[due]) + self._path.timeframe.ms
            following = min(following, self._grid.first_settling(closed_at, index))
        return following

    def _is_at_rest(self, state: State, hands: AccountInHand, held: Holdings, now_ms: int) -> bool:
        """Whether no order of the account ends by itself, and protection has nothing to do."""
        if any(
            order.intent.is_opening or order.intent.expires_at is not None
            for order in hands.account.orders
        ):
            return False
        steps = planning.protection(
            held,
            plan=state.plan,
            signal=state.signal,
            tick="",
            now_ms=now_ms,
            settings=self._settings,
        )
        return not steps

    def _next_chance(self, index: int, state: State, hands: AccountInHand) -> int:
        """Flat: the tick of the next candle that may lead to an entry."""
        row = blocked = int(self._grid.newest[index]) + 1
        patience_ms = int(self._settings.tick.decision_valid_seconds * 1000)
        for until, reason in self._denied_until(index, state, hands):
            if until is None:
                self._story.note_block(blocked, len(self._known.as_of), reason)
                return len(self._grid)
            free_row = int(self._known.as_of.searchsorted(until, side="left"))
            self._story.note_block(blocked, free_row, reason)
            blocked = max(blocked, free_row)
            row = max(row, int(self._known.as_of.searchsorted(until - patience_ms, side="left")))
        chance = self._known.next_chance(row)
        if chance is None:
            return len(self._grid)
        following = self._grid.first_from(int(self._known.as_of[chance]))
        while following < len(self._grid) and self._grid.late[following]:
            following += 1
        return following

    def _denied_until(
        self, index: int, state: State, hands: AccountInHand
    ) -> list[tuple[int | None, Reason]]:
        """Until when each limit denies whatever comes (None: to the end) while nothing is held, in
        the order of the rules.
        """
        limits = state.limits
        if limits is None:
            return []
        if state.halted_at:
            ends = [
                halt.until_at
                for halt in self._inputs.schedule.halts
                if halt.until_at and halt.until_at > state.halted_at
            ]
            return [(min(ends, default=None), Reason.LIMIT_DRAWDOWN)]
        now, denied = int(self._grid.received_at[index]), list[tuple[int | None, Reason]]()
        lost = risk.fall(limits.day_start_equity_jpy, hands.account.cash_jpy)
        if limits.day == jst_day(now) and lost >= rate(self._settings.risk.daily_loss):
            denied.append((jst_day_begins(now) + DAY_MS, Reason.LIMIT_DAILY_LOSS))
        if limits.cooldown_until > now:  # a decision waits until its candle is final
            denied.append((limits.cooldown_until - self._settle_ms, Reason.LIMIT_COOLDOWN))
        return denied

    def _next_of_position(self, index: int, state: State, hands: AccountInHand) -> int:
        """Holding: the tick that learns of the next fill, or at which a rule ends the position."""
        account, plan, path = hands.account, state.plan, self._path
        if plan is None:
            return index + 1
        following = self._grid.first_from(plan.exit_by - self._settle_ms)
        due = hands.due_row()
        if due < len(path):
            closed_at = int(path.opened_at[due]) + path.timeframe.ms
            following = min(following, self._holding.first_settling(closed_at, index))
        if self._settings.risk.exit_on_opposite:
            opposite = self._known.next_consensus(
                int(self._grid.newest[index]) + 1, -account.positions[0].side.sign
            )
            if opposite is not None:
                following = min(following, self._grid.first_from(int(self._known.as_of[opposite])))
        if account.kind.has_locks:
            following = min(following, self._first_at_target(index, following, plan.target_price))
        return following

    def _first_at_target(self, index: int, stop: int, target_price: int) -> int:
        """Spot: the first tick in (index, stop) whose touch may have reached the target."""
        begin, size = index + 1, 64
        while begin < stop:
            end = min(begin + size, stop)
            now = self._grid.received_at[begin:end]
            now = np.where(
                self._holding.fresh[begin:end],
                np.maximum(now, now - now % MINUTE_MS + self._settle_ms),
                now,
            )
            hit = np.flatnonzero(valuation.prices_at(self._path, now) >= target_price)
            if len(hit):
                return begin + int(hit[0])
            begin, size = end, size * 4
        return stop
