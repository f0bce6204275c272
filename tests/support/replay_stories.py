"""Random replays: a market, signals, settings and a schedule from one seed, played in several ways
and audited.

Each story is played from beginning to end, once more in random pieces with every checkpoint written
down as JSON and read, and once asking the rules at every tick. All must tell the same, and what
they tell must hold (`tests.support.replay_invariants`).
"""

import json
import random
from collections import Counter
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cache
from typing import Any

import numpy as np

from shared.core.settings import Settings
from shared.core.types import Candles, PairRules, Prediction, Side, Timeframe
from shared.market.candles import aggregate
from shared.replay import HaltPeriod, Inputs, Replay, Replayed, Schedule, replay
from shared.turn.pipeline import Stages
from tests.support.invariants import Violation, insist
from tests.support.replay_invariants import Audit, Rule, difference
from tests.support.replay_worlds import QUARTER, T0, settings, stages

HOUR, DAY = 3_600_000, 86_400_000
MINUTE = 60_000
WARM = 12 * HOUR
WAYS = frozenset({"ticks", "visits"})


def market(dice: random.Random, *, minutes: int, calm: bool) -> Candles:
    """1m candles: calm and wild hours, gaps, wicks, thin and empty minutes, and holes of a minute
    up to an hour.
    """
    rng = np.random.default_rng(dice.randrange(2**32))
    wild = np.repeat(rng.choice([0.0003, 0.0006, 0.0015], minutes // 60 + 1), 60)[:minutes]
    wild *= 0.05 if calm else 1.0
    quiet = rng.random(minutes) < dice.choice([0.0, 0.0, 0.3])
    moves = np.where(quiet, 0.0, wild * rng.standard_normal(minutes))
    gaps = np.where(rng.random(minutes) < 0.01, 4.0 * wild * rng.standard_normal(minutes), 0.0)
    start = dice.choice([300_000, 1_000_000, 5_000_000])
    level = np.cumsum(moves + gaps)
    level -= 0.0005 * np.cumsum(level)  # pulled back, so that no story leaves believable prices
    close = np.maximum(1_000.0, np.rint(start * np.exp(np.clip(level, -0.5, 0.5))))
    open_ = np.maximum(1_000.0, np.rint(np.concatenate(([close[0]], close[:-1])) * (1.0 + gaps)))
    reach = np.where(quiet, 0.0, close * wild)
    volume = np.where(
        rng.random(minutes) < 0.15,
        0.0,
        rng.choice([0.002, 0.05, 1.0, 20.0], minutes) * rng.random(minutes),
    )
    whole = dice.random() < 0.6
    kept = (rng.random(minutes) > 0.01) | whole
    for at in rng.integers(0, minutes, 0 if whole else dice.choice([0, 1, 3])):
        kept[at : at + int(rng.choice([5, 20, 70]))] = False
    kept[: WARM // MINUTE] = True
    return Candles(
        timeframe=Timeframe.M1,
        opened_at=(T0 + MINUTE * np.arange(minutes, dtype=np.int64))[kept],
        open=open_[kept],
        high=(np.maximum(open_, close) + np.rint(rng.random(minutes) * reach))[kept],
        low=np.maximum(1.0, np.minimum(open_, close) - np.rint(rng.random(minutes) * reach))[kept],
        close=close[kept],
        volume=np.round(volume, 4)[kept],
    )


def settings_of(dice: random.Random, *, calm: bool) -> Settings:
    """Settings from careful to mad: every limit is tight in some story and out of the way in
    others.
    """
    spot = dice.random() < 0.25
    risk = {
        "stop_atr": dice.choice([0.5, 1.0, 2.0, 4.0]),
        "target_atr": dice.choice([0.5, 1.0, 2.0, 4.0]),
        "max_hold_candles": dice.choice([1, 4, 16, 48, 200]),
        "min_edge_rate": dice.choice([-1.0, -1.0, -1.0, 0.0]),
        "kelly_fraction": dice.choice([0.0, 0.0, 0.0, 0.5]),
        "risk_per_trade": dice.choice([0.002, 0.01, 0.05, 0.5]),
        "max_leverage": dice.choice([0.1, 0.7, 1.0] if spot else [0.1, 1.0, 2.0]),
        "max_drawdown": dice.choice([0.01, 0.03, 1.0, 1.0]),
        "max_losses": dice.choice([1, 2, 3, 100, 100]),
        "cooldown_seconds": dice.choice([600, 3_600, 20_000]),
        "daily_loss": dice.choice([0.003, 0.01, 1.0, 1.0, 1.0]),
        "exit_on_opposite": dice.random() < 0.3,
        "price_z": 6.0,
        "volume_z": 8.0,
    }
    if calm:
        risk |= {
            "stop_atr": 4.0,
            "target_atr": 4.0,
            "max_hold_candles": 250,
            "exit_on_opposite": False,
        }
    paper = {
        "spread_rate": dice.choice([0.0, 0.0001, 0.0004]),
        "slippage_rate": dice.choice([0.0, 0.0005, 0.002]),
        "volume_share": dice.choice([0.05, 0.2, 1.0]),
    }
    fees = {
        "maker_fee_rate": dice.choice([None, None, 0.0012]),
        "taker_fee_rate": dice.choice([None, None, 0.0012]),
    }
    return settings(
        {
            "account": "spot" if spot else "margin",
            "sides": "long" if spot else dice.choice(["long", "both", "both"]),
            "stage": dice.choice(["paper", "paper", "stage-50"]),
            "capital_jpy": dice.choice([20_000, 300_000, 1_000_000, 10_000_000]),
            "risk": risk,
            "paper": paper,
            "replay": fees,
            "execution": {"entry_attempts": dice.choice([1, 2, 3])},
            "tick": {"decision_valid_seconds": dice.choice([60, 600, 850])},
            "market": {
                "min_history_15m": dice.choice([1, 50]),
                "min_history_4h": dice.choice([1, 3]),
            },
        }
    )


def rules_of(dice: random.Random) -> PairRules:
    """The exchange's side: rebates to dear fees, interest, minimum sizes, a small order limit, one
    side closed.
    """
    return PairRules(
        min_lots=dice.choice([1, 1, 10, 100]),
        max_limit_lots=dice.choice([10_000_000, 500]),
        maker_fee_rate=Decimal(dice.choice([0, -2, 5])) / 10_000,
        taker_fee_rate=Decimal(dice.choice([0, 10, 12])) / 10_000,
        long_interest_rate_day=Decimal(dice.choice([0, 40, 90])) / 100_000,
        short_interest_rate_day=Decimal(dice.choice([0, 40, 90])) / 100_000,
        margin_ratio=Decimal(dice.choice(["0.5", "0.3", "1"])),
    )


def stages_of(dice: random.Random, quarters: Candles) -> Stages:
    """A consensus on some rows, an ATR that changes, probabilities from good to bad, and now and
    then an anomaly.
    """
    rng = np.random.default_rng(dice.randrange(2**32))
    rows, often = len(quarters), dice.choice([0.3, 0.8, 0.95])
    sides = {
        int(at): Side.LONG if up else Side.SHORT
        for at, says, up in zip(
            quarters.closed_at, rng.random(rows) < often, rng.random(rows) < 0.55, strict=True
        )
        if says
    }
    made = stages(quarters, sides=sides, atr_jpy=1.0)
    atr = np.maximum(
        2.0, quarters.close * rng.choice([0.001, 0.003, 0.008], rows) * (0.5 + rng.random(rows))
    )
    odd = rng.random((rows, 2)) < 0.01
    unknown = np.full(rows, np.nan)
    values = np.stack(
        [
            quarters.close,
            atr,
            np.where(odd[:, 0], 9.0, 0.0),
            np.where(odd[:, 1], 9.0, 0.0),
            unknown,
        ],
        axis=1,
    )
    assert made.prediction is not None
    share = np.round(0.05 + 0.7 * rng.random(rows), 6)
    probabilities = np.stack([np.round(0.8 - share, 6), np.full(rows, 0.2), share], axis=1)
    probabilities[made.votes.consensus == 0] = np.nan
    prediction: Prediction = replace(made.prediction, probabilities=probabilities)
    return replace(made, features=replace(made.features, values=values), prediction=prediction)


def headed(dice: random.Random, made: Stages, given: Settings) -> tuple[Stages, Settings]:
    """What two heads say, or nothing, with settings that listen to them; sometimes the label of the
    next candle.
    """
    rng = np.random.default_rng(dice.randrange(2**32))
    rows = len(made.features.as_of)
    assert made.prediction is not None
    values = made.features.values.copy()
    values[:, made.features.names.index("realised_16")] = np.where(
        rng.random(rows) < 0.05, np.nan, 0.02 * rng.random(rows)
    )
    told = np.round(0.001 + 0.02 * rng.random(rows), 8)
    said = np.where(made.votes.consensus == 0, np.nan, np.round(rng.random(rows), 6))
    prediction = replace(
        made.prediction,
        volatility=np.where(rng.random(rows) < 0.1, np.nan, told),
        p_vote=np.where(rng.random(rows) < 0.02, np.nan, said),
        barriers=replace(
            made.prediction.barriers,
            kind=dice.choice(["barriers", "barriers", "next_candle"]),
            move_rate=0.003,
        ),
    )
    risk = replace(
        given.risk,
        entry=dice.choice(["value", "threshold"]),
        min_probability=dice.choice([0.0, 0.3, 0.5]),
        volatility_reach=dice.choice([1.0, 1.5, 3.0]),
        volatility_target=dice.choice([None, 0.3, 1.0]),
        veto_below=dice.choice([0.0, 0.0, 0.3]),
        shrink_by_vote=dice.random() < 0.3,
    )
    return replace(
        made, features=replace(made.features, values=values), prediction=prediction
    ), replace(given, risk=risk)


def schedule_of(dice: random.Random, *, start_at: int, end_at: int, interval_ms: int) -> Schedule:
    """Missed ticks, ticks that came late (some after the next one), and halts by a person."""
    every = range(start_at, end_at + 1, interval_ms)
    if dice.random() < 0.5:
        return Schedule()
    missed = frozenset(at for at in every if dice.random() < 0.02)
    came = {
        at: at + dice.choice([5_000, 40_000, 250_000])
        for at in every
        if at not in missed and dice.random() < 0.02
    }
    halts = []
    for _ in range(dice.choice([0, 0, 1, 2])):
        from_at = dice.randrange(start_at, end_at)
        halts.append(
            HaltPeriod(
                from_at=from_at,
                until_at=None if dice.random() < 0.1 else from_at + dice.randrange(HOUR, 4 * HOUR),
            )
        )
    return Schedule(missed=missed, received_at=came, halts=tuple(halts))


@dataclass
class Story:
    """One random replay and all the ways in which it is played."""

    seed: int
    heads: bool = False

    @property
    def inputs(self) -> Inputs:
        return inputs_of(self.seed, heads=self.heads)

    def told(self, *, every_tick: bool = True) -> Counter[str]:
        """Play it in all ways and audit it; what was exercised. Raises `InvariantBroken`."""
        done, counts = self.audited()
        self.again(done)
        counts += self.pieces(done)
        if every_tick:
            counts += self.every_tick(done)
        counts["missed ticks"] += len(self.inputs.schedule.missed)
        counts["late ticks"] += len(self.inputs.schedule.received_at)
        return counts

    def audited(self) -> tuple[Replayed, Counter[str]]:
        """From beginning to end."""
        done = replay(self.inputs)
        audit = Audit(self.inputs, done)
        insist(f"story {self.seed}", audit.violations())
        audit.counts["stories"] += 1
        audit.counts[f"stories on {self.inputs.resolution}"] += 1
        return done, audit.counts

    def again(self, done: Replayed) -> None:
        """Once more, the same."""
        other = difference(done, replay(self.inputs))
        insist(f"story {self.seed} again", [Violation(Rule.AGAIN, other)] if other else [])

    def every_tick(self, done: Replayed) -> Counter[str]:
        """The rules are asked at every tick.

        Denials are compared where the screen can know them all.
        """
        inputs, counts = self.inputs, Counter[str]()
        slow = replay(replace(inputs, every_tick=True))
        smooth = not (inputs.schedule.missed or inputs.schedule.received_at or has_holes(inputs))
        other = difference(done, slow, but=WAYS if smooth else WAYS | {"denials"})
        insist(
            f"story {self.seed} at every tick", [Violation(Rule.SKIPPED, other)] if other else []
        )
        counts["stories whose denials are compared"] += smooth
        counts["ticks"] += len(slow.ticks)
        counts["ticks skipped"] += slow.counts["visits"] - done.counts["visits"]
        return counts

    def pieces(self, done: Replayed) -> Counter[str]:
        """In pieces: at each end the account is audited, written down, and read by another replay,
        which goes on.
        """
        inputs, dice, counts = self.inputs, random.Random(self.seed + 1), Counter[str]()
        part = Replay(inputs)
        for until in sorted(
            dice.randrange(inputs.start_at, inputs.end_at) for _ in range(dice.randint(1, 4))
        ):
            part.advance(until)
            so_far = part.result()
            insist(
                f"story {self.seed} by {until}",
                Audit(inputs, so_far, whole=part.is_finished).violations(),
            )
            counts["pieces"] += 1
            counts["pieces with a position"] += bool(so_far.curve.lots[-1])
            part = Replay(inputs, checkpoint=json.loads(json.dumps(part.checkpoint())))
        part.advance()
        other = difference(done, part.result())
        insist(f"story {self.seed} in pieces", [Violation(Rule.PIECES, other)] if other else [])
        return counts


def has_holes(inputs: Inputs) -> bool:
    """Whether any 15m or 4h candle is missing."""
    return any(
        (np.diff(candles.opened_at) != candles.timeframe.ms).any()
        for candles in inputs.candles.values()
    )


@cache
def inputs_of(seed: int, *, heads: bool = False) -> Inputs:
    """The inputs of a story, with or without a model's two heads; kept, because several tests play
    the same ones.
    """
    dice = random.Random(seed)
    fine, calm = dice.random() < 0.7, dice.random() < 0.15
    days = dice.choice([0.2, 0.4, 0.8]) if fine else dice.choice([1.0, 3.0])
    length = int((2.8 if calm else days) * DAY) // QUARTER * QUARTER + dice.choice(
        [0, 0, 7 * MINUTE]
    )
    path = market(dice, minutes=(WARM + length) // MINUTE, calm=calm)
    start_at = T0 + WARM + dice.choice([0, 0, 3 * MINUTE])
    end_at = T0 + WARM + length
    quarters = aggregate(path, Timeframe.M15)
    configured, interval_ms = settings_of(dice, calm=calm), 180_000
    told: dict[str, Any] = {
        "candles": {Timeframe.M15: quarters, Timeframe.H4: aggregate(path, Timeframe.H4)},
        "minutes": path if fine else None,
        "stages": stages_of(dice, quarters),
        "settings": configured,
        "rules": rules_of(dice),
        "start_at": start_at,
        "end_at": end_at,
        "schedule": schedule_of(
            dice, start_at=start_at, end_at=end_at, interval_ms=interval_ms if fine else QUARTER
        ),
    }
    if heads:
        told["stages"], told["settings"] = headed(
            random.Random(f"heads of {seed}"), told["stages"], configured
        )
    return Inputs(**told)
