"""The 15m candles of a replay as rows: what each tells the rules, and where the next one is that
matters.
"""

from functools import cached_property

import numpy as np

from shared.core.reasons import Reason
from shared.core.types import BoolArray, Candles, IntArray, PairRules, Signal, Timeframe
from shared.market.quality import holes_before
from shared.replay.types import Inputs
from shared.risk import policy_of
from shared.risk.screen import ROOM, ScreenRows, exposure_shares, screen
from shared.turn import pipeline


class ReplayRows:
    """Rows of the array stages, read as scalars only where they are asked for."""

    def __init__(self, inputs: Inputs, rules: PairRules) -> None:
        """Look at the stages of `inputs` under the pair's `rules`."""
        self._stages = inputs.stages
        self._settings = inputs.settings
        self._rules = rules
        self._fast, self._slow = inputs.candles[Timeframe.M15], inputs.candles[Timeframe.H4]
        self._slow_closed_at = self._slow.closed_at
        self.as_of: IntArray = inputs.stages.features.as_of
        self._wanted: dict[float, IntArray] = {}

    @property
    def model(self) -> str | None:
        """The model that predicted, if one did."""
        return self._stages.prediction.model if self._stages.prediction is not None else None

    def signal(self, row: int) -> Signal:
        """The signal of one candle."""
        slow = int(self._slow_closed_at.searchsorted(self.as_of[row], side="right"))
        counts = {Timeframe.M15: row + 1, Timeframe.H4: slow}
        slow_until = int(self._slow_closed_at[slow - 1]) if slow else 0
        return pipeline.signal_at(
            self._stages, row, candles_before=counts, slow_until=slow_until, settings=self._settings
        )

    def window(self, final_at: int) -> tuple[dict[Timeframe, Candles], int]:
        """The last candles that had closed by `final_at`, as a tick sees them, and the row of the
        newest 15m one (-1: none).
        """
        most = self._settings.market.window_candles
        fast = int(self.as_of.searchsorted(final_at, side="right"))
        slow = int(self._slow_closed_at.searchsorted(final_at, side="right"))
        candles = {
            Timeframe.M15: self._fast.rows(max(0, fast - most), fast),
            Timeframe.H4: self._slow.rows(max(0, slow - most), slow),
        }
        return candles, fast - 1

    def next_chance(self, row: int) -> int | None:
        """The first row from `row` on that may lead to an entry."""
        return _next(self._chances, row)

    def next_consensus(self, row: int, sign: int) -> int | None:
        """The first row from `row` on whose consensus has this sign."""
        return _next(self._longs if sign > 0 else self._shorts, row)

    def next_target(self, row: int, *, after: int, least: float) -> int | None:
        """The first row from `row` on, with a 4h close later than `after`, that may want at least
        `least` of the capital.
        """
        found = _next(self._rows_wanting(least), row)
        while found is not None and self.slots[found] <= after:
            found = _next(
                self._rows_wanting(least), int(self.slots.searchsorted(after, side="right"))
            )
        return found

    def target_slot(self, rows: IntArray) -> int:
        """The last 4h close whose target is known at one of these rows (ascending); 0 where there
        is none.
        """
        told = rows[rows >= 0]
        told = told[self._has_target[told]]
        return int(self.slots[told[-1]]) if len(told) else 0

    @cached_property
    def slots(self) -> IntArray:
        """The last 4h close by each row."""
        slots: IntArray = self.as_of - self.as_of % Timeframe.H4.ms
        return slots

    @cached_property
    def _has_target(self) -> BoolArray:
        """Whether a row has a target, told by the 4h candle that is due."""
        targets = self._stages.targets
        if targets is None or not len(self._slow):
            return np.zeros(len(self.as_of), dtype=np.bool_)
        return np.isin(self.slots, self._slow_closed_at) & np.isfinite(targets.weight)

    def _rows_wanting(self, least: float) -> IntArray:
        """Rows with a target of at least `least`, with room for the last place of a float."""
        if least not in self._wanted:
            targets, known = self._stages.targets, np.flatnonzero(self._has_target)
            shares = (
                np.zeros(0)
                if targets is None
                else exposure_shares(targets, settings=self._settings)[known]
            )
            self._wanted[least] = known[shares >= least - ROOM]
        return self._wanted[least]

    @property
    def denied_rows(self) -> list[tuple[Reason, BoolArray]]:
        """For each row that cannot lead to an entry the first rule that says so."""
        return self._screened_rows[1]

    @cached_property
    def _screened_rows(self) -> tuple[BoolArray, list[tuple[Reason, BoolArray]]]:
        if policy_of(self._settings).has_goal:
            return self._by_target()
        column = self._stages.features.column
        fast, slow = self._settings.market.min_history_15m, self._settings.market.min_history_4h
        atr = column("atr_14")
        count = np.arange(1, len(self.as_of) + 1)
        warm = np.isfinite(atr) & (count >= fast)
        if len(self._slow) >= slow > 0:
            warm &= self.as_of >= self._slow_closed_at[slow - 1]
        elif slow > 0:
            warm[:] = False
        slow_row = np.searchsorted(self._slow_closed_at, self.as_of, side="right") - 1
        most = self._settings.market.max_hole_candles
        holes = holes_before(self._fast, self._settings) > most
        if len(self._slow):
            holes |= (slow_row >= 0) & (
                holes_before(self._slow, self._settings)[np.maximum(slow_row, 0)] > most
            )
        prediction = self._stages.prediction
        rows = ScreenRows(
            close=column("close"),
            atr_jpy=atr,
            consensus=self._stages.votes.consensus,
            probabilities=None if prediction is None else prediction.probabilities,
            barriers=None if prediction is None else prediction.barriers,
            warm=warm,
            holes=holes,
            price_z=np.nan_to_num(column("price_z"), posinf=0.0, neginf=0.0),
            volume_z=np.nan_to_num(column("volume_z"), posinf=0.0, neginf=0.0),
            volatility=None if prediction is None else prediction.volatility,
            volatility_past=column("realised_16"),
            p_vote=None if prediction is None else prediction.p_vote,
        )
        return screen(rows, rules=self._rules, settings=self._settings)

    def _by_target(self) -> tuple[BoolArray, list[tuple[Reason, BoolArray]]]:
        """Every row with a target may lead to an order; where none came of it, what is held was
        what is wanted.
        """
        targets = self._stages.targets
        told = (
            np.zeros(len(self.as_of), dtype=np.bool_)
            if targets is None
            else np.isfinite(targets.weight)
        )
        return told, [(Reason.TARGET_UNKNOWN, ~told), (Reason.ON_TARGET, told)]

    @cached_property
    def _chances(self) -> IntArray:
        return np.flatnonzero(self._screened_rows[0])

    @cached_property
    def _longs(self) -> IntArray:
        return np.flatnonzero(self._stages.votes.consensus > 0)

    @cached_property
    def _shorts(self) -> IntArray:
        return np.flatnonzero(self._stages.votes.consensus < 0)


def _next(rows: IntArray, row: int) -> int | None:
    place = int(rows.searchsorted(row, side="left"))
    return int(rows[place]) if place < len(rows) else None
