"""Where a tick gets market, model and signal from, and when it may not decide: feed, champion, the
watch over it.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from shared import features
from shared.core.clock import BoundedClock
from shared.core.reasons import Reason
from shared.core.settings import Settings
from shared.core.tick_times import latest_start_ms
from shared.core.types import Features, Holdings, Issue, Market, Signal, TickStatus
from shared.market.ports import MarketFeed
from shared.tick.guard import sentence_of
from shared.tick.loaded import Loaded
from shared.tick.meter import Meter
from shared.tick.request import TickRequest
from shared.turn import pipeline
from shared.turn.champion import Champion, Champions, permission
from shared.turn.state import capital_changed
from shared.turn.turn import Ending
from shared.turn.watch.candle import watch_candle

NOBODY = Champion(bundle=None)


class Present:
    """The source of a tick's turn.

    `said` is what both models say of a new candle, for the day's document.
    """

    def __init__(
        self,
        *,
        feed: MarketFeed,
        champions: Champions,
        clock: BoundedClock,
        meter: Meter,
        settings: Settings,
        request: TickRequest,
        loaded: Loaded,
    ) -> None:
        """Read for the tick of `request`, which found `loaded` in the store."""
        self._feed, self._champions, self._clock, self._meter = feed, champions, clock, meter
        self._settings, self._request, self._loaded = settings, request, loaded
        self._champion = NOBODY
        self._computed: Features | None = None
        self.said: Mapping[str, Mapping[str, Any]] = {}

    @property
    def model(self) -> str | None:
        """The version of the champion, as soon as it was asked for."""
        return None if self._champion.bundle is None else self._champion.bundle.version

    def refusal(self) -> Ending | None:
        """This machine's clock is wrong, a newer tick has finished, or no time is left for this
        one.
        """
        return _off(self._clock.off_ms) if self._clock.off_ms else self._refuse_late()

    def _refuse_late(self) -> Ending | None:
        newest, scheduled_at = self._loaded.before.last_scheduled_at, self._request.scheduled_at
        late_ms = self._request.received_at - scheduled_at
        if scheduled_at < newest:
            found = f"a tick scheduled at {newest} has finished before this one"
        elif late_ms > latest_start_ms(self._settings):
            found = (
                f"it was taken up {late_ms / 1000:.0f} s after its schedule time, too late for its"
                " work"
            )
        else:
            return None
        return Ending(status=TickStatus.LATE, reason=Reason.TICK_LATE, detail=found)

    def market(self, holdings: Holdings, *, may_enter: Callable[[], bool]) -> Market:
        """Ask the exchange, and compare the clocks once more."""
        deadline = self._meter.began + self._settings.tick.no_new_order_after_seconds
        market = self._feed.fetch(self._clock.own_ms(), deadline=deadline, may_enter=may_enter())
        self._clock.compare(market.clock_skew_ms)
        return replace(
            market,
            issues=(
                *self._loaded.damage,
                *self._loaded.closed,
                *self._capital(holdings),
                *market.issues,
            ),
        )

    def _capital(self, holdings: Holdings) -> Iterator[Issue]:
        """A capital that is not the account's. What is held can still end, and more be entered."""
        found = capital_changed(holdings, self._settings)
        if found is not None:
            yield Issue(
                reason=Reason.CAPITAL_CHANGED, forbids_entry=False, context={"found": found}
            )

    def permission(self, market: Market) -> tuple[Issue, ...]:
        """Ask for the champion: what is wrong with it, and whether it may enter."""
        self._champion = champion = self._champions.load_champion()
        otherwise = champion.answers_otherwise
        allowed = permission(
            champion.bundle, self._settings, rules=market.rules, answers_otherwise=otherwise
        )
        return (*champion.issues, *allowed)

    def signal(self, market: Market) -> Signal | None:
        """What strategies and champion say of the newest candle."""
        bundle, settings = self._champion.bundle, self._settings
        self._computed = (
            None if bundle is None else features.compute(pipeline.window(market, settings))
        )
        return pipeline.last_signal(
            market, bundle=bundle, settings=settings, computed=self._computed
        )

    def doubts(self, market: Market, signal: Signal) -> tuple[Issue, ...]:
        """What speaks against the champion. A failure here disturbs no decision.

        Except where a person wants no entries with a suspect model: one that cannot be watched is
        suspect.
        """
        with self._meter.time_step("watch"):
            try:
                return self._watch_newest(
                    market, side=0 if signal.side is None else signal.side.sign
                )
            # Whatever it is, the tick goes on, and says so.
            except Exception as error:  # noqa: BLE001
                context = {"step": "watch", "found": sentence_of(error)}
                forbids = self._settings.watch.forbid_entries
                return (Issue(reason=Reason.STEP_FAILED, forbids_entry=forbids, context=context),)

    def _watch_newest(self, market: Market, *, side: int) -> tuple[Issue, ...]:
        champion, computed = self._champion, self._computed
        if champion.bundle is None or computed is None:
            return ()
        found = watch_candle(
            champion.bundle,
            champion.challenger,
            candles=pipeline.window(market, self._settings),
            computed=computed,
            side=side,
            pointer=champion.pointer,
            now_ms=self._clock.now_ms(),
            settings=self._settings,
        )
        self.said = found.said
        return found.doubts


def _off(off_ms: int) -> Ending:
    """Nothing is decided by a wrong clock, for all of it rests on time."""
    where = "ahead of" if off_ms > 0 else "behind"
    found = f"this machine's clock is {abs(off_ms) / 1000:.0f} s {where} the exchange's"
    detail = f"{found}; what is held is protected, nothing is decided"
    return Ending(status=TickStatus.DEGRADED, reason=Reason.CLOCK_SKEW, detail=detail)
