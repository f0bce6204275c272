"""What a tick of history knew of the market: the candles that were final, and the book around the
path's price.
"""

from collections.abc import Callable, Mapping

from shared.core.reasons import Reason
from shared.core.types import (
    Candles,
    Holdings,
    Issue,
    Market,
    PairRules,
    Signal,
    TickStatus,
    Timeframe,
)
from shared.market.candles import candles_between
from shared.market.quality import inspect_candles
from shared.market.spikes import possible_spike_rows
from shared.replay.hands import AccountInHand
from shared.replay.rows import ReplayRows
from shared.replay.types import Inputs
from shared.turn.turn import Ending

LATE = Ending(status=TickStatus.LATE, reason=Reason.TICK_LATE)


class Past:
    """The source of a replayed turn.

    `row` is that of the newest candle of the market that was read last.
    """

    def __init__(
        self, inputs: Inputs, *, rules: PairRules, known: ReplayRows, hands: AccountInHand
    ) -> None:
        """Read from `inputs` at the instants of `hands`."""
        self.row = -1
        self.model: str | None = None
        self._is_late = False
        self._quarter = -1  # no candle closes, and none becomes due, within one
        self._candles: Mapping[Timeframe, Candles] = {}
        self._issues: tuple[Issue, ...] = ()
        self._settings, self._minutes = inputs.settings, inputs.minutes
        self._rules, self._known, self._hands = rules, known, hands
        self._settle_ms = int(inputs.settings.tick.settle_seconds * 1000)
        self._quiet = not any(len(possible_spike_rows(part)) for part in inputs.candles.values())

    def arrive(self, *, is_late: bool) -> None:
        """A tick begins; one that is late only protects."""
        self._is_late, self.model = is_late, None

    def refusal(self) -> Ending | None:
        """A tick that came too late decides nothing."""
        return LATE if self._is_late else None

    def market(self, holdings: Holdings, *, may_enter: Callable[[], bool]) -> Market:
        """What a tick at this instant knows."""
        del holdings, may_enter
        now = self._hands.now
        quarter = (now - self._settle_ms) // Timeframe.M15.ms
        if quarter != self._quarter:
            self._quarter = quarter
            self._candles, self.row = self._known.window(now - self._settle_ms)
            self._issues = inspect_candles(
                self._candles, now, self._settings, minutes_of=self._minutes_of, quiet=self._quiet
            )
        return Market(
            as_of=now,
            candles=self._candles,
            book=self._hands.book(),
            rules=self._rules,
            issues=self._issues,
        )

    def permission(self, market: Market) -> tuple[Issue, ...]:
        """A replay asks what its model would have earned, not whether that may enter."""
        del market
        self.model = self._known.model
        return ()

    def signal(self, market: Market) -> Signal:
        """The signal of the newest candle."""
        del market
        return self._known.signal(self.row)

    def doubts(self, market: Market, signal: Signal) -> tuple[Issue, ...]:
        """Nothing watches a replay."""
        del market, signal
        return ()

    def _minutes_of(self, start_ms: int, end_ms: int) -> Candles | None:
        return None if self._minutes is None else candles_between(self._minutes, start_ms, end_ms)
