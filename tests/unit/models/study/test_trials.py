"""The arithmetic on trials."""

import dataclasses
import math
import statistics

import numpy as np
import pytest

from shared.core.settings import load_settings
from shared.core.trials import (
    NOT_TRIED,
    YEAR_MS,
    History,
    Trial,
    data_hash,
    distinct,
    settings_hash,
    sharpes,
)
from shared.core.types import PairRules
from tests.support.made_replays import made_candles

BASE = load_settings({})


def trial(number=0, *, years=1.0, **changes):
    told = {
        "kind": "study",
        "settings_hash": str(number),
        "data_hash": "d",
        "model": None,
        "recorded_at": number,
    }
    return Trial(
        **{
            **told,
            "start_at": 0,
            "end_at": round(years * YEAR_MS),
            "sharpe": float(number),
            **changes,
        }
    )


def test_one_thing_tried_in_several_kinds_of_work_counts_once():
    trials = [trial(1), trial(1, kind="backtest"), trial(2), trial(1, recorded_at=9)]
    assert distinct(trials) == (trials[0], trials[2])
    assert History(trials=tuple(trials)).count == 2
    assert History(trials=tuple(trials), damaged=("trials/x",)).count == 3


def test_a_recipe_that_is_retrained_every_week_counts_once_and_another_recipe_again():
    weekly = [
        trial(1, model="walk-forward-abc", data_hash=f"d{week}", start_at=week, recorded_at=week)
        for week in range(52)
    ]
    assert len({one.id for one in weekly}) == 52
    assert distinct(weekly) == (weekly[0],)
    others = [
        trial(1, model="walk-forward-abd"),
        trial(2, model="walk-forward-abc"),
        trial(1, model="20260101-abc"),
    ]
    assert History(trials=(*weekly, *others)).count == 4
    backtests = [trial(1, model="20260101-abc", start_at=start) for start in range(3)]
    assert History(trials=tuple(backtests)).count == 3


def test_sharpes_are_of_different_trials_that_have_one():
    assert sharpes([trial(1), trial(2, sharpe=None), trial(3), trial(1, kind="search")]) == (
        1.0,
        3.0,
    )
    assert sharpes([trial(4, sharpe=0.0)]) == (0.0,)


def test_sharpes_of_much_shorter_or_longer_periods_are_left_out_where_a_length_is_asked_for():
    trials = [
        trial(1, years=0.25),
        trial(2, years=0.81),
        trial(3, years=1),
        trial(4, years=1.24),
        trial(5, years=4),
    ]
    assert sharpes(trials, years=1.0) == (2.0, 3.0, 4.0)
    assert sharpes(trials) == (1.0, 2.0, 3.0, 4.0, 5.0)


def test_tries_on_months_do_not_raise_what_luck_shows_in_a_year():
    """Worthless tries on months and on years: all together their Sharpes scatter far wider than a
    year's do.
    """
    rng = np.random.default_rng(3)
    trials = []
    for number in range(2_000):
        days = int(rng.choice([30, 365]))
        returns = rng.standard_normal(days) * 0.01
        ratio = float(returns.mean() / returns.std(ddof=1) * math.sqrt(365))
        trials.append(trial(number, years=days / 365, sharpe=ratio))
    told = sharpes(trials, years=1.0)
    assert 900 < len(told) < 1_100
    assert statistics.variance(told) == pytest.approx(1.0, rel=0.15)
    assert statistics.variance(sharpes(trials)) > 5


@pytest.mark.parametrize(
    "environ",
    [
        {"BOT_RISK__STOP_ATR": "3"},
        {"BOT_CONSENSUS__AGREEMENT": "0.5"},
        {"BOT_STRATEGIES__ADX_TREND__WEIGHT": "0"},
        {"BOT_PAPER__SLIPPAGE_RATE": "0.001"},
        {"BOT_REPLAY__MAKER_FEE_RATE": "0.0012"},
        {"BOT_CAPITAL_JPY": "2000000"},
        {"BOT_SIDES": "both"},
        {"BOT_TICK__INTERVAL_SECONDS": "300"},
    ],
    ids=str,
)
def test_everything_that_a_replay_depends_on_changes_the_hash(environ):
    assert settings_hash(load_settings(environ)) != settings_hash(BASE)


@pytest.mark.parametrize(
    "environ",
    [
        {"BOT_HOME": "/elsewhere"},
        {"BOT_STATE": "memory://"},
        {"BOT_ID": "second"},
        {"BOT_STUDY__JOBS": "7"},
        {"BOT_LEARNING__DAYS": "90"},
        {"BOT_DISCORD__ATTEMPTS": "9"},
        {"BOT_EXCHANGE__TIMEOUT_SECONDS": "9"},
    ],
    ids=str,
)
def test_what_no_replay_depends_on_does_not_change_the_hash(environ):
    assert settings_hash(load_settings(environ)) == settings_hash(BASE)


def test_the_same_settings_under_a_profiles_name_are_the_same():
    told = {"BOT_REPLAY__MAKER_FEE_RATE": "0.0012", "BOT_REPLAY__TAKER_FEE_RATE": "0.0012"}
    assert settings_hash(load_settings({}, profile="seeds")) == settings_hash(load_settings(told))


def test_fees_of_the_pair_change_the_hash():
    assert settings_hash(BASE, PairRules()) != settings_hash(
        BASE, dataclasses.replace(PairRules(), min_lots=2)
    )


def test_what_is_named_as_not_tried_are_settings():
    assert {field.name for field in dataclasses.fields(BASE)} >= NOT_TRIED


def test_where_studies_are_worked_on_does_not_change_the_settings_hash_of_a_bot():
    assert (
        load_settings(
            {
                "BOT_STUDY__JOBS": "7",
                "BOT_STUDY__BACKEND": "dask",
                "BOT_STUDY__ADDRESS": "tcp://a:1",
            }
        ).hash
        == BASE.hash
    )


def test_any_change_of_a_candle_changes_the_data_hash():
    candles = made_candles(days=2)
    base = data_hash([candles])
    assert data_hash([made_candles(days=2)]) == base
    changed = [
        data_hash([candles.rows(0, -1)]),
        data_hash([candles.rows(1, None)]),
        data_hash([candles, candles]),
    ]
    for name in ("opened_at", "open", "high", "low", "close", "volume"):
        column = getattr(candles, name).copy()
        column[7] += 1
        changed.append(data_hash([dataclasses.replace(candles, **{name: column})]))
    assert len({base, *changed}) == 10
