"""Wins, confidence, profit and signals by what is made by hand, on both sides of each limit."""

from decimal import Decimal
from typing import Any

import pytest

from shared.core.reasons import Reason
from shared.core.types import Action, Decision, Side, TickReport, Trade, Vote
from shared.results.targets import (
    Reached,
    TargetFigure,
    judge_confidence,
    judge_profit,
    judge_wins,
    signal_rows,
)
from tests.support.made_ticks import DAY, HOUR, T0, tick
from tests.support.signals import signal_of

CANDLE = 900_000


def trade(number: int, net: str, **changes: Any) -> Trade:
    """A position that earned `net` after a fee of 10 and an interest of 2."""
    given: dict[str, Any] = {
        "sequence": number,
        "side": Side.LONG,
        "opened_at": T0 + number * HOUR,
        "closed_at": T0 + number * HOUR + 1,
        "lots": 10,
        "entry_price": Decimal(9_800_000),
        "exit_price": 9_850_000,
        "reason": Reason.EXIT_TARGET,
        "gross_jpy": Decimal(net) + 12,
        "fees_jpy": Decimal(10),
        "interest_jpy": Decimal(2),
    }
    return Trade(**{**given, **changes})


def wins(trades: list[Trade], *, days: int = 30) -> TargetFigure:
    return judge_wins(trades, begin_at=T0, end_at=T0 + days * DAY)


# wins


@pytest.mark.parametrize(
    ("won", "of", "reached"),
    [(22, 40, Reached.MET), (21, 40, Reached.MISSED), (30, 30, Reached.MET)],
)
def test_fifty_five_per_cent_are_met_and_one_position_less_is_not(won, of, reached) -> None:
    found = wins([trade(n, "5" if n < won else "-5") for n in range(of)])
    assert (found.value, found.reached, found.samples) == (won / of, reached, of)
    assert found.parts["net_jpy"] == 5 * won - 5 * (of - won)


def test_a_profit_that_the_costs_eat_is_no_win_and_neither_is_nothing() -> None:
    found = wins([trade(0, "-1"), trade(1, "0"), trade(2, "0.0001")])
    assert trade(0, "-1").gross_jpy > 0
    assert (found.parts["wins"], found.parts["losses"], found.samples) == (1, 1, 3)


def test_three_trades_are_too_few_to_judge() -> None:
    found = wins([trade(n, "5") for n in range(3)])
    assert (found.value, found.reached, found.samples) == (1.0, Reached.UNKNOWN, 3)
    assert wins([trade(n, "5") for n in range(29)]).reached is Reached.UNKNOWN


def test_a_position_that_was_closed_in_parts_is_one_by_their_sum() -> None:
    parts = [
        trade(1, "-30", ends_position=False),
        trade(2, "50", side=Side.SHORT),
        trade(3, "20"),
    ]
    found = wins(parts)
    assert (found.samples, found.parts["wins"], found.parts["losses"]) == (2, 1, 1)
    assert found.parts["net_jpy"] == 40


def test_a_position_counts_when_its_last_part_is_closed() -> None:
    first = trade(0, "-30", closed_at=T0 - 1, ends_position=False)
    last = trade(1, "20", closed_at=T0)
    before = trade(2, "5", closed_at=T0 - 1)
    after = trade(4, "5", closed_at=T0 + DAY)
    still_open = trade(5, "5", ends_position=False)
    found = wins([before, first, last, after, still_open], days=1)
    assert (found.samples, found.parts["losses"]) == (1, 1)


# confidence


def decided(candle: int, p_upper: float, **changes: Any) -> TickReport:
    """A tick that denied a long of this candle, whose upper barrier has this probability."""
    as_of = T0 + candle * CANDLE
    signal = signal_of(
        as_of=as_of,
        close=9_800_000,
        atr_jpy=24_500.0,
        side=changes.pop("consensus", Side.LONG),
        strength=0.7,
        p_lower=round(0.9 - p_upper, 6),
        p_neither=0.1,
        p_upper=p_upper,
    )
    given: dict[str, Any] = {"action": Action.DENY, "reason": Reason.EDGE_BELOW_COST}
    decision = Decision(**{**given, "as_of": as_of, **changes})
    return tick(candle * 5, signal=signal, decision=decision)


def confidence(reports: list[TickReport], *, days: int = 1) -> TargetFigure:
    return judge_confidence(reports, begin_at=T0, end_at=T0 + days * DAY)


def test_thirty_five_hundredths_are_met_and_a_thousandth_less_is_not() -> None:
    met = confidence([decided(n, 0.3 if n % 2 else 0.4) for n in range(20)])
    assert met.value == pytest.approx(0.35)
    assert met.reached is Reached.MET
    missed = confidence([decided(n, 0.3 if n % 2 else 0.398) for n in range(20)])
    assert missed.value == pytest.approx(0.349)
    assert missed.reached is Reached.MISSED


def test_the_side_is_that_of_the_decision_and_else_of_the_consensus() -> None:
    short = decided(0, 0.2, consensus=Side.SHORT)
    assert confidence([short]).value == pytest.approx(0.7)
    other = decided(1, 0.2, consensus=Side.SHORT, side=Side.LONG)
    assert confidence([other]).value == pytest.approx(0.2)


def test_a_candle_counts_once_as_it_was_decided_first() -> None:
    first, again = decided(0, 0.5), decided(0, 0.8, action=Action.ENTER, reason=Reason.OK)
    found = confidence([first, again])
    assert (found.samples, found.value) == (1, 0.5)
    assert (found.parts["entered"], found.parts["entered_mean"]) == (1, 0.8)


def test_what_chose_no_side_asked_no_model_or_decided_nothing_does_not_count() -> None:
    no_side = decided(0, 0.9, consensus=None)
    held = decided(1, 0.9, action=Action.HOLD, reason=Reason.NOTHING_NEW)
    ended = decided(2, 0.9, action=Action.EXIT, reason=Reason.EXIT_TIME, side=Side.LONG)
    before, after = decided(-1, 0.9), decided(96, 0.9)
    unasked = tick(15, decision=decided(3, 0.9).decision, signal=None)
    found = confidence([no_side, held, ended, before, after, unasked, tick(20)])
    assert (found.samples, found.value, found.reached) == (0, None, Reached.UNKNOWN)


def test_nineteen_candles_are_too_few() -> None:
    found = confidence([decided(n, 0.5) for n in range(19)])
    assert (found.value, found.reached, found.needed) == (0.5, Reached.UNKNOWN, 20)


# profit


def profit(change: str | None, *, days: float = 15, cost: str | None = "0") -> TargetFigure:
    return judge_profit(
        None if change is None else Decimal(change),
        length_ms=int(days * DAY),
        monthly_cost_jpy=None if cost is None else Decimal(cost),
    )


def test_two_thousand_yen_a_month_above_cost_are_met_and_a_yen_less_is_not() -> None:
    met = profit("1150", cost="300")
    assert (met.value, met.reached) == (Decimal(2_000), Reached.MET)
    assert met.parts["month_jpy"] == Decimal(2_300)
    missed = profit("1150", cost="301")
    assert (missed.value, missed.reached) == (Decimal(1_999), Reached.MISSED)
    assert profit("-10").value == Decimal(-20)


def test_a_day_is_scaled_and_not_judged() -> None:
    day = profit("500", days=1)
    assert (day.value, day.reached, day.samples) == (Decimal(15_000), Reached.UNKNOWN, 1)
    assert profit("500", days=6.99).reached is Reached.UNKNOWN
    assert profit("500", days=7).reached is Reached.MET


def test_where_the_costs_are_not_known_only_what_is_too_little_already_is_judged() -> None:
    assert profit("5000", cost=None).reached is Reached.UNKNOWN
    assert profit("5000", cost=None).value == Decimal(10_000)
    assert profit("100", cost=None).reached is Reached.MISSED


def test_where_no_equity_is_known_there_is_no_number() -> None:
    assert profit(None).value is None
    assert profit("10", days=0).value is None
    assert profit(None).reached is Reached.UNKNOWN


# signals


def said(candle: int, sides: dict[str, tuple[int, float]], side: Side | None) -> TickReport:
    as_of = T0 + candle * CANDLE
    votes = tuple(
        Vote(strategy=name, side=vote, confidence=sure) for name, (vote, sure) in sides.items()
    )
    signal = signal_of(
        as_of=as_of, close=1, atr_jpy=1.0, side=side, strength=0.8 if side else 0.0, votes=votes
    )
    return tick(candle * 5, signal=signal)


def test_buys_sells_and_holds_are_counted_by_strategy_day_and_hour_of_japan() -> None:
    reports = [
        said(-1, {"trend": (1, 0.4)}, Side.LONG),
        said(0, {"trend": (1, 0.6)}, Side.LONG),
        said(0, {"trend": (-1, 0.9)}, Side.SHORT),
        said(1, {"trend": (-1, 0.2)}, Side.SHORT),
        said(2, {"trend": (0, 0.7)}, None),
        said(4, {"trend": (0, 0.7)}, None),
        tick(30),
    ]
    rows = signal_rows(reports, begin_at=T0 - HOUR, end_at=T0 + DAY)
    trend = {(row.day, row.hour): row for row in rows if row.strategy == "trend"}
    assert list(trend) == [("2026-01-31", 23), ("2026-02-01", 0), ("2026-02-01", 1)]
    midnight = trend["2026-02-01", 0]
    assert (midnight.buy, midnight.sell, midnight.hold) == (1, 1, 1), "a candle counts once"
    assert midnight.strength == pytest.approx(0.4), "what held has none"
    quiet = trend["2026-02-01", 1]
    assert (quiet.buy, quiet.sell, quiet.hold, quiet.strength) == (0, 0, 1, None)
    together = [row for row in rows if row.strategy == "consensus" and row.hour == 0]
    assert [(row.buy, row.sell, row.hold) for row in together] == [(1, 1, 1)]
    assert together[0].strength == pytest.approx(0.8)


def test_signals_of_before_and_after_the_period_are_left_out() -> None:
    reports = [said(number, {"trend": (1, 0.6)}, Side.LONG) for number in (-1, 0, 95, 96)]
    rows = signal_rows(reports, begin_at=T0, end_at=T0 + DAY)
    assert sum(row.buy for row in rows if row.strategy == "trend") == 2
