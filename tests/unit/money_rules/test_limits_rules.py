"""Peak, day, streak and cool-down at their boundaries."""

from dataclasses import replace
from decimal import Decimal

import pytest

from shared.risk.limits import Limits, fall

NOW = 1_699_999_200_000


def first(equity: int = 1000) -> Limits:
    return Limits.first(equity_jpy=Decimal(equity), now_ms=NOW)


def test_an_account_begins_with_nothing_counted():
    begun = first()
    assert (
        begun.last_trade_sequence,
        begun.position_net_jpy,
        begun.losing_streak,
        begun.cooldown_until,
    ) == (0, 0, 0, 0)


@pytest.mark.parametrize(
    ("net", "streak"), [("-1", 1), ("-0.0001", 1), ("0", 0), ("0.0001", 0), ("0.5", 0), ("1", 0)]
)
def test_a_position_is_lost_below_zero_and_not_at_it(made, net, streak):
    assert (
        first().after_trades([made.trade(1, net, at=NOW)], NOW, made.settings()).losing_streak
        == streak
    )


def test_a_trade_that_was_counted_is_not_counted_again_even_beside_a_new_one(made):
    settings = made.settings()
    counted = first().after_trades(
        [made.trade(1, -5, at=NOW), made.trade(2, -5, at=NOW)], NOW, settings
    )
    again = counted.after_trades(
        [made.trade(1, -5, at=NOW), made.trade(2, -5, at=NOW), made.trade(3, -5, at=NOW)],
        NOW,
        settings,
    )
    assert (counted.losing_streak, again.losing_streak, again.last_trade_sequence) == (2, 3, 3)


def test_the_same_trade_twice_in_one_list_counts_once(made):
    twice = [made.trade(1, -5, at=NOW), made.trade(1, -5, at=NOW)]
    assert first().after_trades(twice, NOW, made.settings()).losing_streak == 1


@pytest.mark.parametrize(("late_ms", "counted"), [(-1, 1), (0, 1), (1, 0)])
def test_a_trade_counts_from_the_instant_of_its_close(made, late_ms, counted):
    limits = first().after_trades([made.trade(1, -5, at=NOW + late_ms)], NOW, made.settings())
    assert limits.last_trade_sequence == counted


def test_a_streak_that_is_longer_than_a_lowered_limit_begins_a_cool_down(made):
    four = first().after_trades(
        [made.trade(n, -5, at=NOW) for n in range(1, 5)], NOW, made.settings(risk={"max_losses": 5})
    )
    lowered = four.after_trades(
        [made.trade(5, -5, at=NOW)], NOW, made.settings(risk={"max_losses": 3})
    )
    assert (lowered.losing_streak, lowered.cooldown_until) == (0, NOW + 86_400_000)


def test_a_later_cool_down_is_not_shortened_by_an_earlier_one(made):
    settings = made.settings(risk={"max_losses": 1, "cooldown_seconds": 10.0})
    late_first = [made.trade(1, -5, at=NOW), made.trade(2, -5, at=NOW - 5_000)]
    assert first().after_trades(late_first, NOW, settings).cooldown_until == NOW + 10_000


def test_a_new_day_takes_the_peak_with_it():
    tomorrow = first(1000).after_equity(Decimal(1500), NOW + 86_400_000)
    assert (tomorrow.equity_peak_jpy, tomorrow.day_start_equity_jpy) == (1500, 1500)


def test_within_a_day_a_higher_equity_raises_the_peak_alone():
    raised = first(1000).after_equity(Decimal(1001), NOW + 1)
    assert (raised.equity_peak_jpy, raised.day_start_equity_jpy) == (1001, 1000)
    begun = first(1000)
    assert begun.after_equity(Decimal(1000), NOW + 1) is begun


def test_who_resumes_keeps_what_a_half_closed_position_has_won_or_lost(made):
    half = first().after_trades(
        [made.trade(1, -5, at=NOW, ends_position=False)], NOW, made.settings()
    )
    again = half.restart_peak(Decimal(700))
    assert (again.position_net_jpy, again.last_trade_sequence) == (-5, 1)


@pytest.mark.parametrize(
    ("start", "now", "share"),
    [
        ("-1", "5", "1"),
        ("0", "5", "1"),
        ("0.5", "0.4", "0.2"),
        ("1", "0.75", "0.25"),
        ("1000", "900", "0.1"),
        ("1000", "1000", "0"),
        ("1000", "1100", "0"),
        ("1000", "-500", "1.5"),
    ],
)
def test_a_fall_is_a_share_of_where_it_began_and_all_of_it_where_that_was_nothing(
    start, now, share
):
    assert fall(Decimal(start), Decimal(now)) == Decimal(share)


@pytest.mark.parametrize(
    ("peak", "day", "equity", "after"),
    [
        (1000, 1000, 500, 500),
        (1000, 1000, 1500, 1500),
        (1000, 1000, 1000, None),
        (1200, 1000, 500, None),
        (1200, 1000, 1200, None),
        (900, 1000, 500, None),
    ],
)
def test_an_account_that_never_traded_begins_with_the_capital_that_is_set(peak, day, equity, after):
    begun = replace(first(), equity_peak_jpy=Decimal(peak), day_start_equity_jpy=Decimal(day))
    opened = begun.restart_untraded(Decimal(equity))
    if after is None:
        assert opened is begun
    else:
        assert (opened.equity_peak_jpy, opened.day_start_equity_jpy) == (after, after)


@pytest.mark.parametrize(
    ("before", "after", "equity", "peak", "start"),
    [
        (100, 100, 90, 200, 160),
        (100, 500, 490, 600, 560),
        (500, 100, 80, "33.3333", "26.6667"),
        (100, 40, 40, 80, 64),
        (100, 40, 0, 140, 100),
        (100, 40, -60, 140, 100),
        (100, 40, -61, 140, 100),
        (100, 40, "0.5", "1.6529", "1.3223"),
        (100, 40, "-0.5", 140, 100),
        (100, 99, 99, 198, "158.4"),
        ("100", "100.5", 90, "200.5", "160.5"),
    ],
)
def test_another_stage_keeps_falls_in_yen_going_up_and_as_shares_going_down(
    before, after, equity, peak, start
):
    limits = replace(
        Limits.first(equity_jpy=Decimal(160), now_ms=1_767_225_600_000),
        equity_peak_jpy=Decimal(200),
    )
    moved = limits.restage(
        before_jpy=Decimal(before), after_jpy=Decimal(after), equity_jpy=Decimal(equity)
    )
    assert (moved.equity_peak_jpy, moved.day_start_equity_jpy) == (Decimal(peak), Decimal(start))
