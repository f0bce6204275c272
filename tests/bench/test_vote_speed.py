"""How fast the bot's own pipeline goes through years: features, votes, inference and rules apart,
and how that grows.

Reports; a timing never fails by itself. What must not happen is that the work a candle or a trade
costs grows with their
number: visits are counted for that, and times compared with each other, never with a clock.

scripts/bot test --full tests/bench/test_vote_speed.py
"""

import cProfile
import io
import math
import pstats
import sys
from collections import Counter
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from types import FrameType
from typing import NamedTuple

import pytest

from shared import model
from shared.core.types import Candles, Timeframe
from shared.model.signing import public_of
from shared.replay import Inputs, Replay, Replayed, replay
from shared.turn.pipeline import Stages
from tests.bench import vote_replay
from tests.bench.ema_cross import timed
from tests.support.world import SIGNING_KEY, training

YEARS_4 = 140_160
ROOT = Path(__file__).resolve().parents[2]
QUADRATIC = 2.0


class Measured(NamedTuple):
    """Seconds of each part, and what came out."""

    candles: int
    features: float
    votes: float
    rules: float
    replayed: Replayed

    @property
    def trades(self) -> int:
        return len(self.replayed.trades)

    @property
    def traded(self) -> int:
        """The candles that a decision was asked of; those before only warm up."""
        return self.replayed.counts["candles"]

    @property
    def visits(self) -> int:
        return self.replayed.counts["visits"]


def measured(
    known: dict[Timeframe, Candles], *, sure_share: float, limits: bool, times: int = 3
) -> Measured:
    features_s, done = timed(lambda: vote_replay.computed(known), times)
    votes_s, votes = timed(lambda: vote_replay.voted(done), times)
    stages = Stages(
        features=done, votes=votes, prediction=vote_replay.prediction(votes, sure_share=sure_share)
    )
    asked = vote_replay.inputs(known, stages, limits=limits)
    rules_s, replayed = timed(lambda: replay(asked), times)
    return Measured(len(known[Timeframe.M15]), features_s, votes_s, rules_s, replayed)


def line(name: str, seconds: float, candles: int, more: str = "") -> str:
    return f"  {name:<34} {seconds * 1e3:>9.1f} ms {candles / seconds:>14,.0f} candles/s  {more}"


def exponent(small: float, large: float, times: float) -> float:
    """How a cost grows with what it is spent on: 1 is linear, 2 quadratic."""
    return math.log(large / small) / math.log(times)


def test_four_times_the_candles_and_ten_times_the_trades_cost_no_more_visits_each() -> None:
    few = measured(vote_replay.candles(9_000, days=60), sure_share=1.0, limits=False, times=1)
    many = measured(vote_replay.candles(24_000, days=60), sure_share=1.0, limits=False, times=1)
    assert few.trades > 50
    assert many.visits <= 6 * many.replayed.counts["entries"] + many.candles / 100
    assert exponent(few.visits, many.visits, many.traded / few.traded) < 1.3
    rare = measured(vote_replay.candles(24_000, days=60), sure_share=0.02, limits=False, times=1)
    assert many.trades > 4 * rare.trades
    assert exponent(rare.visits, many.visits, many.trades / rare.trades) < 1.3


@pytest.mark.parametrize(("every_tick", "most"), [(False, 700.0), (True, 400.0)])
def test_a_tick_that_is_worked_out_costs_few_calls(every_tick: bool, most: float) -> None:
    known = vote_replay.candles(6_000, days=63)
    done = vote_replay.computed(known)
    votes = vote_replay.voted(done)
    stages = Stages(
        features=done, votes=votes, prediction=vote_replay.prediction(votes, sure_share=0.1)
    )
    asked = replace(vote_replay.inputs(known, stages, limits=False), every_tick=every_tick)
    assert calls_a_visit(asked) < most


def calls_a_visit(asked: Inputs) -> float:
    """Python calls of a replay's ticks: a cost that does not depend on the machine."""
    whole, count = Replay(asked), 0

    def count_call(frame: FrameType, event: str, value: object) -> None:
        nonlocal count
        del frame, value
        count += event == "call"

    before = sys.getprofile()
    sys.setprofile(count_call)
    try:
        whole.advance()
    finally:
        sys.setprofile(before)
    return count / whole.result().counts["visits"]


@pytest.mark.full
def test_report_the_vote_of_six_strategies_with_all_rules(capsys) -> None:
    known = vote_replay.candles(YEARS_4)
    lines = [
        (
            f"\n{YEARS_4:,} candles of 15m with their 4h: six strategies, all rules, no exchange"
            " but the 15m path"
        )
    ]
    for sure_share, limits, what in (
        (0.001, True, "a model that is rarely sure"),
        (0.2, True, "all limits, until the drawdown halts"),
        (0.2, False, "no limit ever stops it"),
    ):
        found = measured(known, sure_share=sure_share, limits=limits)
        cached, cold = found.votes + found.rules, found.features + found.votes + found.rules
        each = (
            f"{found.rules / max(1, found.trades) * 1e3:.2f} ms a trade,"
            f" {found.rules / found.visits * 1e3:.2f} ms a visit"
        )
        lines += [
            f"{what}: {found.trades} trades, {found.visits} ticks worked out",
            line("features", found.features, found.candles),
            line("votes", found.votes, found.candles),
            line("rules", found.rules, found.candles, each),
            line("votes and rules (features cached)", cached, found.candles),
            line("everything cold, inference apart", cold, found.candles),
        ]
    with capsys.disabled():
        print("\n".join(lines))
        print(inference(known))


def inference(known: dict[Timeframe, Candles]) -> str:
    made = training()
    bundle = model.load_bundle(
        made.files, public_keys=(public_of(SIGNING_KEY),), version=made.version
    )
    done = vote_replay.computed(known)
    votes = vote_replay.voted(done)
    seconds, _ = timed(lambda: model.predict(done, votes, bundle), 3)
    asked = int((votes.consensus != 0).sum())
    return line(
        "inference, a small model",
        seconds,
        YEARS_4,
        f"{asked:,} rows with a consensus asked; cached by bundle and data",
    )


@pytest.mark.full
def test_report_where_the_time_of_the_rules_goes(capsys) -> None:
    known = vote_replay.candles(YEARS_4)
    done = vote_replay.computed(known)
    votes = vote_replay.voted(done)
    stages = Stages(
        features=done, votes=votes, prediction=vote_replay.prediction(votes, sure_share=0.1)
    )
    asked = vote_replay.inputs(known, stages, limits=False)
    profile = cProfile.Profile()
    profile.runcall(replay, asked)
    shares, total = profile_shares(profile)
    told = io.StringIO()
    pstats.Stats(profile, stream=told).sort_stats("tottime").print_stats(15)
    with capsys.disabled():
        print(f"\nthe rules' own time by module, of {total:.1f} s under the profiler")
        for module, seconds in shares.most_common(14):
            print(f"  {seconds / total:>6.1%} {module}")
        print(told.getvalue()[told.getvalue().index("   ncalls") :].replace(f"{ROOT}/", ""))


def profile_shares(profile: cProfile.Profile) -> tuple[Counter[str], float]:
    """Seconds by our module; numpy's and Python's own functions count for themselves."""
    shares: Counter[str] = Counter()
    stats = pstats.Stats(profile)
    for (file, _, _), (_, _, own, *_) in stats.stats.items():  # type: ignore[attr-defined]
        ours = Path(file).is_relative_to(ROOT) and ".venv" not in file
        shares[str(Path(file).relative_to(ROOT)) if ours else "numpy and Python"] += own
    return shares, sum(shares.values())


@pytest.mark.full
def test_report_how_it_grows_with_candles_and_trades(capsys) -> None:
    sizes = (35_040, YEARS_4, 4 * YEARS_4)
    by_candles = [
        measured(vote_replay.candles(size), sure_share=0.005, limits=False, times=2)
        for size in sizes
    ]
    rare, often = (
        by_candles[1],
        measured(vote_replay.candles(YEARS_4), sure_share=1.0, limits=False, times=1),
    )
    lines = ["\nfour times the candles, with as many trades to the candle:"]
    for found in by_candles:
        took = (
            f"features {found.features * 1e3:8.1f} ms, votes {found.votes * 1e3:7.1f} ms, rules"
            f" {found.rules * 1e3:8.1f} ms"
        )
        lines.append(
            f"  {found.candles:>8,} candles, {found.trades:>5} trades: {took}, {found.visits}"
            " visits"
        )
    parts = ("features", "votes", "rules", "visits")
    for one, other in pairwise(by_candles):
        times = {
            "features": 4.0,
            "votes": 4.0,
            "rules": other.traded / one.traded,
            "visits": other.traded / one.traded,
        }
        grown = {
            name: exponent(getattr(one, name), getattr(other, name), times[name]) for name in parts
        }
        lines.append(
            "  exponents " + ", ".join(f"{name} {value:.2f}" for name, value in grown.items())
        )
        assert max(grown.values()) < QUADRATIC
    times = often.trades / rare.trades
    grown_rules, grown_visits = (
        exponent(rare.rules, often.rules, times),
        exponent(rare.visits, often.visits, times),
    )
    lines.append(
        f"{times:.1f} times the trades on {YEARS_4:,} candles: exponents rules {grown_rules:.2f},"
        f" visits {grown_visits:.2f}"
    )
    with capsys.disabled():
        print("\n".join(lines))
    assert max(grown_rules, grown_visits) < QUADRATIC
