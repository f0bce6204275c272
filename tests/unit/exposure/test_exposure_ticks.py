"""Real ticks under the target policy on stores in memory: killed at any request, refused,
unanswered, doubled, late, missing.

Only the target is scripted: a new one for every 15m candle, so that positions grow, shrink and turn
all the time.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from shared.core.errors import Unavailable
from shared.core.reasons import Reason
from shared.core.types import (
    Holdings,
    Market,
    OrderIntent,
    PolicyName,
    Rejected,
    Side,
    Signal,
    TickReport,
    TickStatus,
    Timeframe,
    Unknown,
)
from shared.orders.plan import uncovered_positions
from shared.tick.cycle import run_tick
from shared.tick.request import TickRequest
from tests.support.invariants import Violation, insist
from tests.support.signals import signal_of
from tests.support.tick_stories import (
    INTERVAL,
    T0,
    TICKS,
    Killed,
    ReportAudit,
    TickRule,
    TickStory,
    _some,
)

STORIES, FULL = 30, 1_500
STOP_RATE, CROSSES = 0.002, 400.0


class ScriptedTarget:
    """A target for every 15m candle, drawn from the seed."""

    def __init__(self, seed: int, story: TickStory) -> None:
        self.seed, self.story, self.asked = seed, story, Counter[int]()

    def __call__(self, market: Market, **_: Any) -> Signal | None:
        quarters = market.candles[Timeframe.M15]
        if not len(quarters):
            return None
        as_of = int(quarters.closed_at[-1])
        self.asked[as_of] += 1
        weights = [0.0, 0.1, 0.3, 0.5, 0.6, 0.8, 1.0, -0.3, -0.6, -1.0, None]
        weight = type(self.story.dice)(f"{self.seed} {as_of}").choice(weights)
        return signal_of(
            as_of=as_of,
            close=int(quarters.close[-1]),
            atr_jpy=250.0,
            side=None,
            strength=0.0,
            model="script",
            target_weight=weight,
            target_as_of=as_of,
            target_volatility=None if weight is None else 0.3,
        )


class Unreliable:
    """The exchange, that now and then refuses, does not answer (done or not), or is the last thing
    that the process sees.
    """

    def __init__(self, inner: Any, story: "TargetStory") -> None:
        self.inner, self.story, self.share, self.faults = inner, story, 0.0, 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def submit(self, intent: OrderIntent, **more: Any) -> Any:
        return self._done(lambda: self.inner.submit(intent, **more))

    def cancel(self, order: Any, **more: Any) -> Any:
        return self._done(lambda: self.inner.cancel(order, **more))

    def _done(self, work: Any) -> Any:
        dice = self.story.dice
        if dice.random() >= self.share:
            return work()
        self.faults += 1
        what = dice.choice(["refused", "lost", "unheard", "killed before", "killed after"])
        self.story.counts[what] += 1
        if what == "refused":
            return Rejected(reason=Reason.REJECTED_BY_EXCHANGE, context={"code": "60011"})
        if what == "killed before":
            raise Killed
        outcome = work() if what != "lost" else None
        if what == "killed after":
            raise Killed
        return Unknown(context={"why": what, "done": str(outcome is not None)})


class TargetStory(TickStory):
    """One bot under the target policy, its stores, its schedule and its accidents."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        settings = self.settings
        shape = replace(
            settings.risk.exposure, band=0.05, stop_rate=STOP_RATE, passive_seconds=CROSSES
        )
        self.settings = replace(
            settings, risk=replace(settings.risk, policy=PolicyName.TARGET, exposure=shape)
        )
        self.script = ScriptedTarget(seed, self)  # type: ignore[assignment]
        self.counts: Counter[str] = Counter()
        self.unreliable = Unreliable(self.exchange, self)
        self.ports = replace(self.ports, exchange=self.unreliable)  # type: ignore[arg-type]
        self.stopped: dict[Side, int] = {}
        self.died_at = 0

    def told(self) -> Counter[str]:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("shared.turn.pipeline.last_signal", self.script)
            for number in range(6, TICKS):
                if self.dice.random() < 0.08:
                    continue
                self._tick(T0 + number * INTERVAL)
        return self.counts + _some(self.audit).counts

    def _tick(self, at: int) -> None:
        self.clock.sleep_until(at + self.dice.choice([0, 500, 2_000, 15_000, 95_000, 130_000]))
        request = TickRequest(tick=f"t{at}", scheduled_at=at, received_at=self.clock.now_ms())
        self.unreliable.share = self.dice.choice([0.0, 0.0, 0.0, 0.3])
        self.unreliable.faults = 0
        broken = self.dice.random() < 0.1
        ports = replace(self.ports, feed=Silent(self.feed)) if broken else self.ports  # type: ignore[arg-type]
        before = self.exchange.holdings(self.clock.now_ms())
        guarded = self.settings.account == "margin" and not uncovered_positions(
            before, now_ms=before.as_of
        )
        try:
            report = run_tick(ports, self.settings, request)
        except Killed:
            self.counts["died"] += 1
            self.died_at = self.clock.now_ms()
            return
        finally:
            self._wants()
        if report.status is TickStatus.BUSY and self.clock.now_ms() < self.died_at + 170_000:
            self.counts["busy after a death"] += 1
            return
        self._audit().after_target(report, faults=self.unreliable.faults, guarded=guarded)  # type: ignore[attr-defined]
        insist(f"tick {report.tick}", self._checked(report, broken=broken))
        if self.dice.random() < 0.3:
            self.unreliable.share = 0.0
            self._delivered_again(request)
        if self.dice.random() < 0.1:
            self.unreliable.share = 0.0
            self._loses_its_stop()

    def _audit(self) -> ReportAudit:
        audit = super()._audit()
        audit.__class__ = TargetAudit
        return audit

    def _wants(self) -> None:
        """Whatever became of the tick: what rests now."""
        held: Holdings = self.exchange.holdings(self.clock.now_ms())
        now = self.clock.now_ms()
        live = [
            order
            for order in held.orders
            if order.intent.is_opening and (order.intent.expires_at or now + 1) > now
        ]
        found = (
            [Violation(TickRule.ENTRY_ENDS, "two entries are in the market")]
            if len(live) > 1
            else []
        )
        for order in live:
            scheduled_at = int(order.intent.id.split(".")[0].removeprefix("t"))
            if (order.intent.expires_at or now * 2) > scheduled_at + 100_000:
                found.append(
                    Violation(
                        TickRule.ENTRY_ENDS, f"{order.intent.id} ends at {order.intent.expires_at}"
                    )
                )
        insist("what rests", found)

    def _checked(self, report: TickReport, *, broken: bool) -> Iterator[Violation]:
        done = {TickStatus.DONE} if not broken else {TickStatus.DEGRADED}
        if report.status not in done:
            yield Violation(TickRule.ONE_WRITER, f"{report.status}: {report.detail}")
        for trade in report.trades:
            if trade.reason is not Reason.EXIT_EXPOSURE:
                self.stopped[trade.side] = trade.closed_at
                self.counts["stopped"] += 1
        decision = report.decision
        if decision is None or decision.goal is None:
            return
        self.counts[f"{decision.action} {decision.reason}"] += 1
        held, goal = int(decision.context.get("held_lots", 0)), decision.goal.lots
        self.counts["growths"] += decision.action == "enter" and held != 0
        self.counts["reversals"] += decision.action == "exit" and goal * held < 0
        if decision.action == "enter" and abs(held) + decision.lots > abs(goal):
            yield Violation(
                TickRule.LEVERAGE, f"{held} held, {decision.lots} asked for, {goal} wanted"
            )
        if decision.action == "enter" and decision.side is not None:
            last = self.stopped.get(decision.side, 0)
            if decision.goal.as_of < last - last % Timeframe.H4.ms:
                yield Violation(
                    TickRule.ONE_FILL,
                    f"stopped at {last}, entered for the goal of {decision.goal.as_of}",
                )
        most = float(report.equity_jpy or 0) * self.settings.risk.max_leverage * 1.03
        for position in report.positions:
            if position.lots * float(report.mark_price or 0) / 10_000 > most:
                yield Violation(TickRule.LEVERAGE, f"{position.lots} lots on {report.equity_jpy}")
        if len(report.positions) > 1:
            yield Violation(TickRule.LEVERAGE, "a long and a short are held")


class TargetAudit(ReportAudit):
    """One fault leaves nothing bare at the end of its tick; what several leave bare the next
    undisturbed tick covers.

    On margin not even where nobody knows the market, if all was covered before (`guarded`); on spot
    stops are merged with a gap.
    """

    def after_target(self, report: TickReport, *, faults: int, guarded: bool) -> None:
        checks = [*self._orders(report), *self._told(report)]
        if faults <= 1 and (report.status is TickStatus.DONE or guarded):
            checks += self._covered(report)
            self.counts["covered after a fault"] += faults
        insist(f"tick {report.tick}", checks)


class Silent:
    """A public host that does not answer: nothing is decided, what is held is protected."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def fetch(
        self, now_ms: int, *, deadline: float | None = None, may_enter: bool = True
    ) -> Market:
        raise Unavailable("the public host is silent")


def test_whatever_befalls_the_ticks_every_promise_of_the_target_policy_holds(full) -> None:
    counts: Counter[str] = Counter()
    for seed in range(FULL if full else STORIES):
        counts += TargetStory(seed).told()
    times = FULL // STORIES if full else 1
    floors = {
        "died": 16,
        "refused": 9,
        "lost": 8,
        "unheard": 8,
        "killed before": 6,
        "killed after": 5,
        "covered after a fault": 20,
        "enter ok": 150,
        "growths": 20,
        "reduce exit_exposure": 10,
        "reversals": 10,
        "stopped": 20,
        "covered": 250,
    }
    assert {
        name: counts[name] for name, floor in floors.items() if counts[name] < floor * times
    } == {}, counts
