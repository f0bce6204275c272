"""Streaks, cool-downs, peaks and days: updates that may be repeated, split and delayed without a
difference.
"""

import random
from dataclasses import replace
from decimal import Decimal

from shared.core.calendar import jst_day
from shared.core.reasons import Reason
from shared.core.types import Side, Trade
from shared.risk import Limits

NOW = 1_700_000_000_000
LATER = NOW + 10**9
DAY_START = 1_699_974_000_000  # 00:00 in Japan


def trade(sequence, net, *, at=NOW, ends=True):
    return Trade(
        sequence=sequence,
        side=Side.LONG,
        opened_at=at - 1,
        closed_at=at,
        lots=1,
        entry_price=Decimal(1),
        exit_price=1,
        reason=Reason.EXIT_STOP,
        gross_jpy=Decimal(net) + 3,
        fees_jpy=Decimal(1),
        interest_jpy=Decimal(2),
        ends_position=ends,
    )


def first():
    return Limits.first(equity_jpy=Decimal(1000), now_ms=NOW)


def test_the_accounting_day_is_japans():
    assert jst_day(DAY_START) == "2023-11-15"
    assert jst_day(DAY_START - 1) == "2023-11-14"
    assert jst_day(0) == "1970-01-01"


def test_losses_in_a_row_begin_a_cooldown_and_a_win_ends_the_row(desk):
    settings = desk.settings()
    limits = first().after_trades([trade(n, -5) for n in range(1, 5)], LATER, settings)
    assert (limits.losing_streak, limits.cooldown_until) == (4, 0)
    won = limits.after_trades([trade(5, 1)], LATER, settings)
    assert (won.losing_streak, won.cooldown_until) == (0, 0)
    even = limits.after_trades([trade(5, 0)], LATER, settings)
    assert even.losing_streak == 0
    lost = limits.after_trades([trade(5, -1, at=NOW + 7)], LATER, settings)
    assert (lost.losing_streak, lost.cooldown_until) == (0, NOW + 7 + 86_400_000)


def test_trades_count_once_in_any_pieces_and_any_order(desk):
    settings, rng, cooled = desk.settings(risk={"max_losses": 3}), random.Random(1), 0
    for _ in range(300):
        trades = [
            trade(n, rng.choice([-5, -1, 4]), at=NOW + n * 1000, ends=rng.random() < 0.7)
            for n in range(1, rng.randint(2, 20))
        ]
        whole = first().after_trades(trades, LATER, settings)
        pieces = first()
        for cut in [*sorted(rng.choices(range(len(trades) + 1), k=4)), len(trades)]:
            seen = trades[:cut]
            rng.shuffle(seen)
            pieces = pieces.after_trades(seen, LATER, settings)
        assert pieces == whole
        assert whole.after_trades(trades, LATER, settings) == whole
        cooled += whole.cooldown_until > 0
    assert cooled > 100


def test_a_position_closed_in_parts_wins_or_loses_as_a_whole(desk):
    parts = [
        trade(1, -5, ends=False),
        trade(2, 9, ends=True),
        trade(3, 2, ends=False),
        trade(4, -3, ends=True),
    ]
    limits = first().after_trades(parts[:2], LATER, desk.settings())
    assert (limits.losing_streak, limits.position_net_jpy) == (0, 0)
    limits = limits.after_trades(parts[:3], LATER, desk.settings())
    assert (limits.losing_streak, limits.position_net_jpy) == (0, 2)
    assert limits.after_trades(parts, LATER, desk.settings()).losing_streak == 1


def test_a_trade_of_the_future_waits(desk):
    assert first().after_trades([trade(1, -5, at=NOW + 1)], NOW, desk.settings()) == first()


def test_equity_raises_the_peak_and_begins_the_day():
    limits = first().after_equity(Decimal(1200), NOW)
    assert (limits.equity_peak_jpy, limits.day_start_equity_jpy) == (1200, 1000)
    assert limits.after_equity(Decimal(900), NOW) is limits
    tomorrow = limits.after_equity(Decimal(900), DAY_START + 86_400_000)
    assert (tomorrow.equity_peak_jpy, tomorrow.day_start_equity_jpy, tomorrow.day) == (
        1200,
        900,
        "2023-11-16",
    )
    assert (
        tomorrow.after_equity(Decimal(800), DAY_START) == tomorrow
    )  # a late look does not turn the day back


def test_the_drawdown_is_a_share_of_the_peak():
    limits = first().after_equity(Decimal(1250), NOW)
    assert limits.drawdown(Decimal(1000)) == Decimal("0.2")
    assert limits.drawdown(Decimal(2000)) == 0
    assert Limits.first(equity_jpy=Decimal(0), now_ms=NOW).drawdown(Decimal(0)) == 1


def test_a_person_who_takes_the_drawdown_halt_back_moves_the_peak_alone_and_no_trade_counts_twice(
    desk,
):
    limits = first().after_trades([trade(n, -5) for n in range(1, 8)], LATER, desk.settings())
    assert (limits.losing_streak, limits.cooldown_until) == (2, NOW + 86_400_000)
    again = limits.restart_peak(Decimal(700))
    assert again == replace(limits, equity_peak_jpy=Decimal(700))
    assert again.after_trades([trade(n, -5) for n in range(1, 6)], LATER, desk.settings()) == again
