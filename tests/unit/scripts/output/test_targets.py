"""How targets, performance and signals are told: every part in words, within eighty columns."""

from decimal import Decimal

import pytest

from scripts.output.targets import WIDTH, signal_lines, target_lines
from shared.core.types import TickStatus
from shared.results.targets import (
    Reached,
    SignalRow,
    TargetFigure,
    TargetName,
    judge_answers,
    judge_error_rate,
    judge_profit,
    judge_uptime,
    judge_wins,
)
from shared.results.targets.uptime import DuePeriod
from shared.rounds.sight import TickSeen
from tests.support.made_ticks import DAY, HOUR, INTERVAL, T0, tick, timed


def told(figure: TargetFigure) -> str:
    """The lines as one, each within its columns."""
    lines = target_lines([figure])
    assert max(map(len, lines)) <= WIDTH, lines
    return " ".join(" ".join(lines).split())


def test_uptime_names_what_was_not_up() -> None:
    status = {1: TickStatus.LATE}
    reports = [
        tick(n, status=status.get(n, TickStatus.DONE)) for n in range(400) if n not in {2, 3}
    ]
    left = [TickSeen(claimed_at=T0 + 2 * INTERVAL, expires_at=0)]
    period = DuePeriod(
        begin_at=T0, end_at=T0 + 400 * INTERVAL, interval_ms=INTERVAL, has_ticked_before=True
    )
    assert told(judge_uptime(reports, left, period)) == (
        "uptime missed 99.25 % >= 99.5 % 397 of 400 ticks that were due, 1 late, 1 busy or not"
        " saved, 1 never came"
    )


def test_answers_tell_the_wait_and_who_stayed_apart() -> None:
    reports = [
        *(timed(number, {"total": 2_000.0, "wait": 0.0}) for number in range(20)),
        timed(20, {"total": 12_000.0, "wait": 10_000.0}),
        timed(21, {"total": 90_000.0, "attend": 80_000.0, "wait": 0.0}),
        timed(22, {"total": 2_000.0}),
    ]
    assert told(judge_answers(reports)) == (
        "answers met 2.00 s <= 3 s mean of 22 ticks, slowest 2.00 s; 1 waited 10.00 s each for a"
        " candle, with that 2.45 s; 1 stayed with an entry, 90.00 s each; 1 of a version that did"
        " not measure the wait"
    )


def test_errors_name_their_kinds() -> None:
    reports = [tick(n, status=TickStatus.DEGRADED) for n in range(6)]
    left = [TickSeen(claimed_at=T0 + 7 * HOUR, expires_at=0)]
    figure = judge_error_rate(reports, left, [], begin_at=T0, end_at=T0 + DAY)
    assert told(figure) == (
        "errors missed 6 <= 5 in the worst hour, 0.29 an hour on average, 6 degraded or failed, 1"
        " without a report"
    )


def test_profit_says_its_costs_or_that_nobody_knows_them() -> None:
    known = judge_profit(Decimal(12_345_678), length_ms=30 * DAY, monthly_cost_jpy=Decimal("120.4"))
    assert told(known) == (
        "profit met ¥12,345,558 >= ¥2,000 ¥12,345,678 in 30.0 days, ¥12,345,678 a month, less ¥120"
    )
    unknown = judge_profit(Decimal(-9_000), length_ms=30 * DAY, monthly_cost_jpy=None)
    assert told(unknown).startswith("profit missed -¥9,000 >= ¥2,000 -¥9,000 in 30.0 days")
    assert told(unknown).endswith("the cloud's costs are not known: give --monthly-cost-jpy")
    open_end = judge_profit(Decimal(9_000), length_ms=30 * DAY, monthly_cost_jpy=None)
    assert told(open_end).startswith("profit unknown ¥9,000")


def test_what_is_too_few_says_from_how_many_on_it_is_judged() -> None:
    none = judge_wins([], begin_at=T0, end_at=T0 + DAY)
    assert told(none) == "wins too few – >= 55 % nothing to count; judged from 30 on"


@pytest.mark.parametrize("value", [0.35, 1.0])
def test_confidence_is_a_plain_number(value: float) -> None:
    figure = TargetFigure(
        name=TargetName.CONFIDENCE,
        reached=Reached.MET,
        value=value,
        limit=0.35,
        is_least=True,
        samples=96,
        needed=20,
        parts={"entered": 3, "entered_mean": 0.5},
    )
    assert told(figure) == (
        f"confidence met {value:.2f} >= 0.35 mean of 96 candles with a side; 3 were entered, at"
        " 0.50"
    )


def test_signals_are_summed_over_the_period_and_strength_is_weighted_by_what_was_said() -> None:
    def row(hour: int, **said: object) -> SignalRow:
        return SignalRow(day="2026-02-01", hour=hour, strategy="trend", **said)

    lines = signal_lines(
        [
            row(0, buy=3, sell=0, hold=1, strength=0.4),
            row(1, buy=0, sell=1, hold=3, strength=0.8),
            row(2, buy=0, sell=0, hold=4, strength=None),
        ]
    )
    assert lines[1].split() == ["trend", "3", "1", "8", "0.50"]
    assert max(map(len, lines)) <= WIDTH
    assert len(lines[0]) == len(lines[1])
    assert signal_lines([]) == ["signals     no candle of the period was read"]
