"""Random replays under the target policy: targets that change every four hours, limits tight and
wide, and an audit.

Each story is played from beginning to end, in pieces, and asking the rules at every tick; all must
tell the same. What must hold is read from the reports of every tick, the fills and the path alone.
"""

import json
import random
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cache
from typing import Any

import numpy as np

from shared.core.reasons import Reason
from shared.core.types import (
    Action,
    Candles,
    Fill,
    PolicyName,
    Purpose,
    Side,
    Targets,
    TickReport,
    Timeframe,
)
from shared.market.candles import aggregate
from shared.replay import Inputs, Replay, Replayed, replay
from shared.turn.pipeline import Stages
from tests.support import replay_invariants
from tests.support.invariants import Violation, insist
from tests.support.replay_invariants import MINUTE, QUARTER, difference
from tests.support.replay_stories import (
    WARM,
    WAYS,
    has_holes,
    market,
    rules_of,
    schedule_of,
    settings_of,
)
from tests.support.replay_worlds import DAY, T0, stages

SLOT = Timeframe.H4.ms
LIVE_ORDERS = 6


class Rule(StrEnum):
    """What must hold, causes first."""

    AGAIN = "the same inputs give the same result"
    PIECES = "stopping, writing down and going on changes nothing"
    SKIPPED = "skipping the ticks at which nothing happens changes nothing"
    SIDE = "what is entered has the side of the weight, and the side is allowed"
    HALTED = "nothing grows while a halt, the data or the missing model forbid it"
    BAND = "a change smaller than the band is not wanted"
    GOAL = "what is held and what is asked for is never more than is wanted"
    ONCE = "what is wanted changes once a 4h candle, but for what ends early"
    LEVERAGE = "a position is never grown above the leverage"
    RISK = "a position is never grown beyond what its stop may lose"
    PASSIVE = "an entry rests first, and crosses only after that time"
    ALIVE = "an entry fills while it is in the market, and one is in the market at once"
    COVER = "after every tick stops cover all that is held, at the distance that is set"
    ORDERS = "no more orders rest than the exchange allows, and no entry outlives its tick"
    STOPPED = "where the path reaches the stop the position ends"
    AGAIN_SO_SOON = "a position that was stopped is not entered again before the next 4h close"
    CLOSED_FIRST = "a position that is not wanted any more goes before anything else"


@dataclass
class Story:
    """One random replay under the target policy, and all the ways in which it is played."""

    seed: int

    @property
    def inputs(self) -> Inputs:
        return inputs_of(self.seed)

    def told(self) -> Counter[str]:
        """Play it in all ways and audit it; what was exercised. Raises `InvariantBroken`."""
        done, counts = self.audited()
        other = difference(done, replay(self.inputs))
        insist(f"story {self.seed} again", [Violation(Rule.AGAIN, other)] if other else [])
        self.pieces(done)
        return counts

    def audited(self) -> tuple[Replayed, Counter[str]]:
        """At every tick, audited; then skipping, compared."""
        inputs = self.inputs
        every, part = Replay(replace(inputs, every_tick=True)), Replay(inputs)
        every.advance()
        slow = every.result()
        audit = Audit(inputs, slow)
        insist(f"story {self.seed}", audit.violations())
        counts = audit.counts
        part.advance()
        done = part.result()
        smooth = not (inputs.schedule.missed or inputs.schedule.received_at or has_holes(inputs))
        other = difference(done, slow, but=WAYS if smooth else WAYS | {"denials"})
        wanted, wants = (whole.checkpoint()["state"]["goal"] for whole in (every, part))
        if wanted != wants:
            other = f"{other} the goal at the end is {wants}, at every tick {wanted}"
        insist(
            f"story {self.seed} at every tick", [Violation(Rule.SKIPPED, other)] if other else []
        )
        counts["stories"] += 1
        counts[f"stories on {inputs.resolution}"] += 1
        counts["stories whose denials are compared"] += smooth
        counts["ticks skipped"] += slow.counts["visits"] - done.counts["visits"]
        return done, counts

    def pieces(self, done: Replayed) -> None:
        """In pieces: each end is written down and read by another replay, which goes on."""
        inputs, dice = self.inputs, random.Random(self.seed + 1)
        part = Replay(inputs)
        for until in sorted(
            dice.randrange(inputs.start_at, inputs.end_at) for _ in range(dice.randint(1, 4))
        ):
            part.advance(until)
            part = Replay(inputs, checkpoint=json.loads(json.dumps(part.checkpoint())))
        part.advance()
        other = difference(done, part.result())
        insist(f"story {self.seed} in pieces", [Violation(Rule.PIECES, other)] if other else [])


class Books(replay_invariants.Audit):
    """The part of the barrier policy's audit that knows no policy: fills, fees, trades and the
    curve.
    """

    def violations(self) -> Iterator[Violation]:
        yield from self._books()

    def _known_at(self, fill: Fill) -> int:
        return (
            fill.at if not fill.maker and fill.purpose is Purpose.ENTRY else super()._known_at(fill)
        )


class Audit:
    """The reports of every tick against the inputs. `counts` tells what there was to check."""

    def __init__(self, inputs: Inputs, done: Replayed) -> None:
        self.inputs, self.done, self.settings = inputs, done, inputs.settings
        self.risk, self.exposure = inputs.settings.risk, inputs.settings.risk.exposure
        self.counts: Counter[str] = Counter()
        self.path: Candles = (
            inputs.candles[Timeframe.M15] if inputs.minutes is None else inputs.minutes
        )

    def violations(self) -> Iterator[Violation]:
        """All that is broken, causes first."""
        books = Books(self.inputs, self.done)
        wrong = list(books.violations())
        self.counts.update(books.counts)
        found = [violation for report in self._reports() for violation in report]
        order = list(Rule)
        yield from sorted(found, key=lambda violation: order.index(violation.rule))
        yield from wrong

    def _reports(self) -> Iterator[Iterable[Violation]]:
        before: TickReport | None = None
        known: TickReport | None = None
        lost = False
        for report in self.done.ticks:
            lost = lost or any(trade.reason is not Reason.EXIT_EXPOSURE for trade in report.trades)
            yield self._standing(report)
            if report.decision is not None:
                yield self._decided(report, before)
                yield list(self._once(report, known, lost=lost))
                if report.decision.goal is not None:
                    known, lost = (
                        report,
                        any(trade.reason is not Reason.EXIT_EXPOSURE for trade in report.trades),
                    )
            if before is not None:
                yield self._walked(before, report)
            before = report
        yield self._alive()

    # what was decided

    def _decided(self, report: TickReport, before: TickReport | None) -> Iterator[Violation]:
        decision, signal = report.decision, report.signal
        if decision is None or signal is None or decision.goal is None:
            return
        held, goal = int(decision.context.get("held_lots", 0)), decision.goal.lots
        self.counts[f"{decision.action} {decision.reason}"] += 1
        if decision.action in {Action.EXIT, Action.REDUCE}:
            yield from self._shrunk(report, held, goal)
            return
        least = max(
            1, self.inputs.rules.min_lots
        )  # what the exchange takes of a position that goes on
        if held and (goal == 0 or goal * held < 0 or abs(goal) <= abs(held) - least):
            yield Violation(
                Rule.CLOSED_FIRST, f"{decision.action} with {held} lots held and {goal} wanted"
            )
        if decision.action is not Action.ENTER:
            return
        self.counts["growths"] += held != 0
        weight = 0.0 if signal.exposure is None else signal.exposure.weight
        shorts = self.settings.has_shorts
        if decision.side is None or goal * decision.side.sign <= 0 or (goal < 0 and not shorts):
            yield Violation(
                Rule.SIDE, f"{decision.side} for {goal} lots, sides {self.settings.sides}"
            )
        told_at = None if signal.exposure is None else signal.exposure.as_of
        if told_at == decision.goal.as_of and weight * goal <= 0:
            yield Violation(Rule.SIDE, f"{goal} lots for a weight of {weight}")
        if abs(held) + decision.lots > abs(goal):
            yield Violation(Rule.GOAL, f"{held} held and {decision.lots} asked for; {goal} wanted")
        yield from self._allowed(report, held)
        yield from self._passive(report)
        if before is not None and any(
            trade.reason is Reason.EXIT_STOP for trade in (*before.trades, *report.trades)
        ):
            last = max(
                t.closed_at
                for t in (*before.trades, *report.trades)
                if t.reason is Reason.EXIT_STOP
            )
            if (
                decision.goal.as_of < last
                and told_at == decision.goal.as_of
                and self._same_side(before, report)
            ):
                yield Violation(
                    Rule.AGAIN_SO_SOON,
                    f"stopped at {last}, entered for the goal of {decision.goal.as_of}",
                )

    @staticmethod
    def _same_side(before: TickReport, report: TickReport) -> bool:
        sides = {
            trade.side
            for trade in (*before.trades, *report.trades)
            if trade.reason is Reason.EXIT_STOP
        }
        return report.decision is not None and report.decision.side in sides

    def _shrunk(self, report: TickReport, held: int, goal: int) -> Iterator[Violation]:
        decision = report.decision
        assert decision is not None
        self.counts["reversals"] += goal * held < 0
        left = abs(held) - decision.lots
        if decision.action is Action.EXIT and left:
            yield Violation(Rule.CLOSED_FIRST, f"an exit leaves {left} lots")
        if decision.action is Action.REDUCE and left != abs(goal):
            yield Violation(Rule.GOAL, f"a reduction leaves {left} lots, {goal} are wanted")
        closes = [
            r
            for r in report.orders
            if r.outcome == "accepted" and r.intent.purpose is Purpose.CLOSE
        ]
        sold = bool(closes) and all(r.intent.reason is Reason.EXIT_EXPOSURE for r in closes)
        after = sum(position.lots for position in report.positions)
        if decision.action is Action.REDUCE and sold and after != abs(goal):
            yield Violation(Rule.GOAL, f"{after} lots are left of {held}, {goal} are wanted")

    def _allowed(self, report: TickReport, held: int) -> Iterator[Violation]:
        """What an entry may be: not while halted or where an issue forbids it, within leverage and
        the stop's loss.
        """
        decision, at = report.decision, report.received_at
        assert decision is not None
        halts = self.inputs.schedule.halts
        if any(
            halt.from_at <= at and (halt.until_at is None or at < halt.until_at) for halt in halts
        ):
            yield Violation(Rule.HALTED, f"entered at {at}, halted by a person")
        forbids = [issue.reason for issue in report.issues if issue.forbids_entry]
        if (
            forbids
            or self.done.model is None
            or (report.signal is not None and not report.signal.warm)
        ):
            yield Violation(Rule.HALTED, f"entered with {forbids}, model {self.done.model}")
        placed = [r for r in report.orders if r.what == "place" and r.intent.is_opening]
        if not placed or report.equity_jpy is None:
            return
        price = placed[0].intent.price or 0
        worth = (
            min(self.settings.capital_jpy, float(report.equity_jpy))
            * self.settings.stages[self.settings.stage]
        )
        value = (abs(held) + decision.lots) * price / 10_000
        most = (
            self.risk.max_leverage
            if self.settings.account == "margin"
            else min(1.0, self.risk.max_leverage)
        )
        room = 1.0 + 0.02 + (self.settings.execution.crossing_rate if decision.crosses else 0.0)
        if value > worth * most * room:
            yield Violation(Rule.LEVERAGE, f"{value} yen with {worth} in use")
        if value * self.exposure.stop_rate > worth * self.risk.max_drawdown * room:
            yield Violation(
                Rule.RISK, f"{value} yen stopped at {self.exposure.stop_rate}, of {worth} in use"
            )
        self.counts["risk is the limit"] += decision.context.get("bound_by") == "max_drawdown"

    def _passive(self, report: TickReport) -> Iterator[Violation]:
        decision = report.decision
        assert decision is not None
        assert decision.goal is not None
        for record in report.orders:
            if record.what != "place" or not record.intent.is_opening or decision.goal.since == 0:
                continue
            waited = report.finished_at - decision.goal.since
            crosses = not record.intent.post_only
            self.counts["crossing entries" if crosses else "resting entries"] += 1
            if crosses != (waited >= self.exposure.passive_seconds * 1000):
                yield Violation(
                    Rule.PASSIVE, f"{'crossed' if crosses else 'rested'} after {waited} ms"
                )

    def _once(
        self, report: TickReport, before: TickReport | None, *, lost: bool
    ) -> Iterator[Violation]:
        """A goal of another size comes with another 4h close, or ends a growth at what is held; and
        it is worth the band.

        `before` is the last report with a goal; `lost`: a position ended since, and not because
        less of it was wanted.
        """
        decision, signal = report.decision, report.signal
        if decision is None or decision.goal is None or signal is None or report.equity_jpy is None:
            return
        goal, held = decision.goal, int(decision.context.get("held_lots", 0))
        old = before.decision.goal if before is not None and before.decision is not None else None
        if old is not None and old.as_of == goal.as_of and goal.lots != old.lots:
            denied = decision.action is Action.DENY
            self.counts["growths that ended early"] += denied
            self.counts["growths that a stop ended"] += lost
            if not denied and not lost:
                yield Violation(
                    Rule.ONCE, f"{old.lots} became {goal.lots} on the candle of {goal.as_of}"
                )
        if (old is None or old.as_of < goal.as_of) and decision.action in {
            Action.ENTER,
            Action.REDUCE,
        }:
            self.counts["evaluations that trade"] += 1
            worth = (
                min(self.settings.capital_jpy, float(report.equity_jpy))
                * self.settings.stages[self.settings.stage]
            )
            asked = abs(goal.lots - held) * signal.close / 10_000
            if asked < worth * self.exposure.band * 0.97:
                yield Violation(
                    Rule.BAND, f"{asked} yen of {worth}, the band is {self.exposure.band}"
                )

    # what stands after each tick

    def _standing(self, report: TickReport) -> Iterator[Violation]:
        least = max(1, self.inputs.rules.min_lots)
        live = [
            order
            for order in report.resting
            if (order.intent.expires_at or report.finished_at + 1) > report.finished_at
        ]
        if len(live) > LIVE_ORDERS:
            yield Violation(Rule.ORDERS, f"{len(live)} orders rest")
        if sum(order.intent.is_opening for order in live) > 1:
            yield Violation(Rule.ORDERS, "two entries rest")
        for order in live:
            scheduled_at = int(order.intent.id.split(".")[0])
            lives_ms = int(self.settings.tick.no_new_order_after_seconds * 1000)
            if order.intent.is_opening and (
                order.intent.expires_at is None or order.intent.expires_at > scheduled_at + lives_ms
            ):
                yield Violation(Rule.ORDERS, f"{order.intent.id} ends at {order.intent.expires_at}")
        if len(report.positions) > 1:
            yield Violation(Rule.CLOSED_FIRST, "a long and a short are held")
        for held in report.positions:
            self.counts[f"{self.settings.account} {held.side} ticks held"] += 1
            stops = [
                o for o in live if o.intent.purpose is Purpose.STOP and o.intent.side is held.side
            ]
            bare = held.lots - sum(order.remaining_lots for order in stops)
            if bare >= least:
                yield Violation(
                    Rule.COVER, f"{bare} of {held.lots} lots have no stop at {report.scheduled_at}"
                )
            self.counts["several stops"] += len(stops) > 1
            worst = sum((order.intent.trigger_price or 0) * order.remaining_lots for order in stops)
            lots = sum(order.remaining_lots for order in stops)
            if lots:
                away = 1 - held.side.sign * (worst / lots / float(held.average_price) - 1) - 1
                if (
                    not 0.5 * self.exposure.stop_rate
                    < away
                    < self.exposure.stop_rate + self._moved(held.entries)
                ):
                    yield Violation(
                        Rule.COVER, f"the stop is {away} away, {self.exposure.stop_rate} is set"
                    )

    @staticmethod
    def _moved(entries: Any) -> float:
        """How far the entries of a position lie apart: a stop that was placed at another average
        may lie so much further.
        """
        prices = [entry.price for entry in entries]
        return 0.01 + 2 * (max(prices) / min(prices) - 1)

    def _walked(self, before: TickReport, report: TickReport) -> Iterator[Violation]:
        """Between two ticks the path ends a position whose one stop it reaches."""
        if len(before.positions) != 1 or len(before.resting) != 1 or report.cash_jpy is None:
            return
        (held,), (order,) = before.positions, before.resting
        if order.intent.purpose is not Purpose.STOP or order.remaining_lots != held.lots:
            return
        trigger = order.intent.trigger_price or 0
        first = int(np.searchsorted(self.path.opened_at, before.finished_at, side="left"))
        stop = int(
            np.searchsorted(
                self.path.opened_at,
                report.received_at - 2 * MINUTE - self.path.timeframe.ms,
                side="right",
            )
        )
        reached = (
            (self.path.low[first:stop] <= trigger)
            if held.side is Side.LONG
            else (self.path.high[first:stop] >= trigger)
        )
        if reached.any():
            self.counts["stops reached"] += 1
            if not any(fill.purpose is Purpose.STOP for fill in report.fills):
                yield Violation(
                    Rule.STOPPED, f"{held.lots} lots were left where the path reached {trigger}"
                )

    def _alive(self) -> Iterator[Violation]:
        lots: Counter[int] = Counter()
        placed = [entered for entered in self.done.entries if entered.filled_lots]
        for fill in self.done.fills:
            if fill.purpose is Purpose.ENTRY:
                lots[fill.order_id] += fill.lots
                self.counts["maker entries" if fill.maker else "taker entries"] += 1
                born = [e for e in self.done.entries if e.placed_at <= fill.at]
                lives_ms = int(self.settings.tick.no_new_order_after_seconds * 1000)
                if (
                    not born
                    or fill.at
                    > max(int(e.intent.split(".")[0]) for e in born) + lives_ms + self._late_ms
                ):
                    yield Violation(Rule.ALIVE, f"filled at {fill.at}")
        if sorted(lots.values()) != sorted(entered.filled_lots for entered in placed):
            yield Violation(Rule.ALIVE, "the entries tell other fills")
        for entered in self.done.entries:
            if entered.filled_lots > entered.lots:
                yield Violation(
                    Rule.ALIVE, f"{entered.filled_lots} of {entered.lots} lots were filled"
                )
        self.counts["partial entries"] += self.done.counts["partial_entries"]
        self.counts["partial closes"] += self.done.counts["partial_closes"]

    @property
    def _late_ms(self) -> int:
        return 0 if self.inputs.minutes is not None else QUARTER


@cache
def inputs_of(seed: int) -> Inputs:
    """The inputs of a story; kept, because several tests play the same ones."""
    dice = random.Random(f"exposure {seed}")
    fine = dice.random() < 0.7
    days = dice.choice([0.5, 1.0, 1.5]) if fine else dice.choice([2.0, 5.0])
    length = int(days * DAY) // QUARTER * QUARTER + dice.choice([0, 0, 7 * MINUTE])
    path = market(dice, minutes=(WARM + length) // MINUTE, calm=False)
    start_at = T0 + WARM + dice.choice([0, 0, 3 * MINUTE])
    end_at = T0 + WARM + length
    quarters = aggregate(path, Timeframe.M15)
    base = settings_of(dice, calm=False)
    exposure = replace(
        base.risk.exposure,
        band=dice.choice([0.0, 0.05, 0.2, 0.4]),
        stop_rate=dice.choice([0.004, 0.01, 0.03, 0.18]),
        passive_seconds=dice.choice([0, 600, 3_600, 7_200]),
        volatility_target=dice.choice([0.3, 0.6]),
    )
    risk = replace(
        base.risk,
        policy=PolicyName.TARGET,
        exposure=exposure,
        max_drawdown=dice.choice([0.004, 0.03, 0.2, 1.0, 1.0]),
        max_leverage=(
            dice.choice([0.7, 1.0, 1.0]) if base.account == "spot" else dice.choice([0.5, 1.0, 2.0])
        ),
    )
    interval_ms = 180_000
    told: dict[str, Any] = {
        "candles": {Timeframe.M15: quarters, Timeframe.H4: aggregate(path, Timeframe.H4)},
        "minutes": path if fine else None,
        "stages": stages_of(dice, quarters),
        "settings": replace(base, risk=risk),
        "rules": rules_of(dice),
        "start_at": start_at,
        "end_at": end_at,
        "schedule": schedule_of(
            dice, start_at=start_at, end_at=end_at, interval_ms=interval_ms if fine else QUARTER
        ),
    }
    return Inputs(**told)


def stages_of(dice: random.Random, quarters: Candles) -> Stages:
    """A target that is drawn anew every four hours, or stays; unknown for the first hours of some
    stories.
    """
    rng = np.random.default_rng(dice.randrange(2**32))
    slots = quarters.closed_at // SLOT
    known, row = np.unique(slots, return_inverse=True)
    drawn = np.round(np.clip(rng.normal(0.3, 0.6, len(known)), -1.0, 1.0) * 11) / 11
    drawn[rng.random(len(known)) < 0.15] = 0.0
    for at in range(1, len(known)):
        if rng.random() < 0.3:
            drawn[at] = drawn[at - 1]
    volatility = rng.choice([0.15, 0.3, 0.8, 1.5], len(known))
    drawn[: dice.choice([0, 0, 2, 4])] = np.nan
    made = stages(quarters, sides={}, atr_jpy=50_000.0)
    odd = rng.random((len(quarters), 2)) < 0.01
    values = made.features.values.copy()
    for column, name in enumerate(("price_z", "volume_z")):
        values[:, made.features.names.index(name)] = np.where(odd[:, column], 9.0, 0.0)
    prediction = made.prediction if dice.random() < 0.9 else None
    return replace(
        made,
        features=replace(made.features, values=values),
        prediction=prediction,
        targets=Targets(
            as_of=made.features.as_of,
            weight=drawn[row],
            volatility=np.where(np.isnan(drawn[row]), np.nan, volatility[row]),
        ),
    )
