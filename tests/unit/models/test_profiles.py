"""The profiles of the original's two releases say what the reference says, setting by setting, with
the section it is from.
"""

import operator
from decimal import Decimal
from functools import reduce

import msgspec
import pytest

from shared.core.costs import assumed_rules
from shared.core.settings import load_settings
from shared.model.question import features_of
from shared.strategies import names

NEVER = 0.0
TABLE = [
    # section, setting, phase19, phase22
    ("A2", "learning.features", "phase19", "phase22"),
    ("A3", "strategies.atr_based.weight", 0.3, 0.25),
    ("A3", "strategies.mochipoy_alert.weight", 0.3, 0.25),
    ("A3", "strategies.multi_timeframe.weight", 0.25, 0.2),
    ("A3", "strategies.fibonacci_retracement.weight", 0.15, NEVER),
    ("A3", "strategies.donchian_channel.weight", NEVER, 0.15),
    ("A3", "strategies.adx_trend.weight", NEVER, 0.15),
    ("A3", "consensus.agreement", 0.6, 0.4),
    ("A3", "consensus.min_confidence", 0.4, 0.3),
    ("A3", "consensus.conflict_margin", 0.1, 0.1),
    ("A3", "strategies.atr_based.bb_low", 0.2, 0.3),
    ("A3", "strategies.atr_based.bb_high", 0.8, 0.7),
    ("A3", "strategies.atr_based.rsi_low", 30, 35),
    ("A3", "strategies.atr_based.rsi_high", 70, 65),
    ("A3", "strategies.atr_based.min_confidence", 0.4, 0.3),
    ("A3", "strategies.atr_based.bb_base", 0.3, 0.3),
    ("A3", "strategies.atr_based.bb_gain", 0.4, 0.4),
    ("A3", "strategies.atr_based.bb_span", 0.2, 0.2),
    ("A3", "strategies.atr_based.rsi_base", 0.2, 0.2),
    ("A3", "strategies.atr_based.rsi_gain", 0.3, 0.3),
    ("A3", "strategies.atr_based.single_factor", 0.7, 0.7),
    ("A3", "strategies.atr_based.conflict_factor", NEVER, 0.8),
    ("A3", "strategies.atr_based.low_volatility_factor", NEVER, 0.8),
    ("A3", "strategies.atr_based.high_volatility_factor", 1.2, 1.2),
    ("A3", "strategies.atr_based.volatility_low", 0.5, 0.5),
    ("A3", "strategies.atr_based.volatility_high", 1.5, 1.5),
    ("A3", "strategies.atr_based.weak_base", NEVER, 0.25),
    ("A3", "strategies.atr_based.weak_gain", NEVER, 0.3),
    ("A3", "strategies.mochipoy_alert.rci_low", -80, -80),
    ("A3", "strategies.mochipoy_alert.rci_high", 80, 80),
    ("A3", "strategies.mochipoy_alert.single_vote_confidence", NEVER, 0.35),
    ("A3", "strategies.mochipoy_alert.two_votes_confidence", 0.6, 0.65),
    ("A3", "strategies.mochipoy_alert.three_votes_confidence", 0.8, 0.8),
    ("A3", "strategies.mochipoy_alert.min_confidence", 0.4, 0.4),
    ("A3", "strategies.multi_timeframe.min_confidence", 0.5, 0.4),
    ("A3", "strategies.multi_timeframe.trend_weight", 0.6 * 0.7, 0.6),
    ("A3", "strategies.multi_timeframe.entry_weight", 0.4 * 0.7, 0.4),
    ("A3", "strategies.multi_timeframe.trend_change", 0.002, 0.002),
    ("A3", "strategies.multi_timeframe.min_atr_rate", 0.005, 0.005),
    ("A3", "strategies.multi_timeframe.pullback", 0.005, 0.005),
    ("A4", "learning.label", "next_candle", "next_candle"),
    ("A4", "learning.move_rate", 0.003, 0.003),
    ("A4", "learning.days", 180, 180),
    ("A4", "learning.rounds", 200, 200),
    ("A4", "learning.forest_trees", 200, 200),
    ("A4", "learning.max_depth", 8, 8),
    ("A4", "learning.learning_rate", 0.1, 0.1),
    ("A4", "learning.seed", 42, 42),
    ("A4", "learning.weights.lightgbm", 0.4, 0.4),
    ("A4", "learning.weights.xgboost", 0.4, 0.4),
    ("A4", "learning.weights.random_forest", 0.2, 0.2),
    ("A4", "learning.weights_from", "settings", "settings"),
    ("A4", "learning.volatility_head", False, False),
    ("A4", "learning.meta_head", False, False),
    ("A4", "risk.entry", "threshold", "threshold"),
    ("A4", "risk.min_probability", 0.65, 0.35),
    ("A5", "risk.policy", "barrier", "barrier"),
    ("A5", "risk.kelly_cap", 0.03, 0.05),
    ("A5", "risk.kelly_fraction", 0.5, 0.7),
    ("A5", "risk.risk_per_trade", 0.01, 0.01),
    ("A5", "risk.stop_atr", 1.2, 1.2),
    ("A5", "risk.target_atr", 2.4, 2.4),
    ("A5", "risk.volatility_reach", 1.0, 1.0),
    ("A5", "risk.max_drawdown", 0.2, 0.2),
    ("A5", "risk.max_losses", 5, 5),
    ("A5", "risk.cooldown_seconds", 86_400, 86_400),
    ("A5", "risk.daily_loss", 0.05, 0.05),
    ("A5", "risk.max_leverage", 1.0, 1.0),
    ("A5", "risk.spread_warning", 0.003, 0.003),
    ("A5", "risk.spread_critical", 0.005, 0.005),
    ("A5", "risk.max_latency_ms", 3000, 3000),
    ("A5", "paper.slippage_rate", 0.0005, 0.0005),
    ("A5", "replay.maker_fee_rate", 0.0012, 0.0012),
    ("A5", "replay.taker_fee_rate", 0.0012, 0.0012),
]


@pytest.mark.parametrize(
    ("section", "setting", "phase19", "phase22"), TABLE, ids=[row[1] for row in TABLE]
)
def test_the_profiles_say_what_the_reference_says(section, setting, phase19, phase22):
    for profile, expected in (("phase19", phase19), ("phase22", phase22)):
        told = msgspec.to_builtins(load_settings({}, profile=profile))
        found = reduce(operator.getitem, setting.split("."), told)
        wanted = pytest.approx(expected) if isinstance(expected, float) else expected
        assert found == wanted, f"{section}: {profile} has {setting} = {found}"


def test_the_features_are_the_original_sets_in_their_order():
    twelve, fifteen = (
        features_of(load_settings({}, profile=profile).learning)
        for profile in ("phase19", "phase22")
    )
    assert twelve == (
        *("close", "volume", "returns_1", "rsi_14", "macd", "macd_signal"),
        *("atr_14", "bb_position", "ema_20", "ema_50", "volume_ratio", "zscore"),
    )
    assert len(fifteen) == 15
    assert set(fifteen) - set(twelve) == {
        *("donchian_high_20", "donchian_low_20", "channel_position"),
        *("adx_14", "plus_di_14", "minus_di_14"),
    }
    assert set(twelve) - set(fifteen) == {"returns_1", "macd_signal", "zscore"}


@pytest.mark.parametrize("profile", ["phase19", "phase22", "loose", "seeds", "trend"])
def test_every_profile_loads_and_is_told_by_its_hash(profile):
    settings = load_settings({}, profile=profile)
    assert settings.profile == profile
    told = {
        load_settings({}, profile=name).hash for name in ("phase19", "phase22", "loose", "trend")
    }
    assert len(told | {load_settings({}).hash}) == 5
    assert profile == "seeds" or settings.hash in told


@pytest.mark.parametrize(("profile", "voting"), [("phase19", 4), ("phase22", 5)])
def test_the_weights_of_those_that_vote_add_up_to_one(profile, voting):
    weights = [
        getattr(load_settings({}, profile=profile).strategies, name).weight
        for name in names(load_settings({}).strategies)
    ]
    assert sum(weights) == pytest.approx(1.0)
    assert sum(weight > 0 for weight in weights) == voting


@pytest.mark.parametrize("profile", ["phase19", "phase22"])
def test_both_sides_of_a_trade_pay_the_fee_of_the_first_documents(profile):
    rules = assumed_rules(load_settings({}, profile=profile))
    assert rules.maker_fee_rate == rules.taker_fee_rate == Decimal("0.0012")


def test_a_profile_is_changed_by_the_environment_like_the_defaults():
    settings = load_settings({"BOT_SIDES": "long", "BOT_ACCOUNT": "spot", "BOT_PROFILE": "phase19"})
    assert (settings.sides, settings.risk.min_probability) == ("long", 0.65)


def test_the_page_about_the_profiles_names_their_numbers():
    from pathlib import Path

    path = Path(__file__).resolve().parents[3] / "docs" / "profiles.md"
    page = " ".join(path.read_text(encoding="utf-8").split())
    nineteen, twenty_two = (
        load_settings({}, profile=profile) for profile in ("phase19", "phase22")
    )
    for settings in (nineteen, twenty_two):
        for name, weight in (
            (name, getattr(settings.strategies, name).weight)
            for name in names(load_settings({}).strategies)
        ):
            assert weight == 0 or f"{name} {weight:g}" in page
        assert f"{settings.risk.min_probability:g}" in page
        assert (
            f"Kelly x {settings.risk.kelly_fraction:g}, at most {100 * settings.risk.kelly_cap:g} %"
            in page
        )
