"""The strategies' settings: every default is there, and nonsense is refused with the setting's
name.
"""

import pytest

from shared.core.errors import BadSettings
from shared.core.settings import load_settings


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("BOT_STRATEGIES__ATR_BASED__WEIGHT", "-0.1"),
        ("BOT_STRATEGIES__ATR_BASED__WEIGHT", "nan"),
        ("BOT_STRATEGIES__MOCHIPOY_ALERT__RCI_LOW", "-101"),
        ("BOT_STRATEGIES__ADX_TREND__MIN_CONFIDENCE", "1.5"),
        ("BOT_STRATEGIES__DONCHIAN_CHANNEL__WEAK_SPAN", "0"),
        ("BOT_STRATEGIES__FIBONACCI_RETRACEMENT__LEVELS", "0.5,1.5"),
        ("BOT_CONSENSUS__AGREEMENT", "two"),
    ],
)
def test_a_value_outside_its_bounds_is_refused_by_name(variable: str, value: str) -> None:
    with pytest.raises(BadSettings, match=variable.removeprefix("BOT_").lower().replace("__", ".")):
        load_settings({variable: value})


def test_a_word_that_is_none_of_the_choices_is_answered_with_the_choices() -> None:
    with pytest.raises(
        BadSettings, match=r"learning\.label was 'foo': choose one of barriers, next_candle"
    ):
        load_settings({"BOT_LEARNING__LABEL": "foo"})


def test_a_number_of_a_strategy_can_be_set_from_the_environment_and_changes_the_hash() -> None:
    changed = load_settings({"BOT_STRATEGIES__ADX_TREND__STRONG": "30"})
    assert changed.strategies.adx_trend.strong == 30.0
    assert changed.hash != load_settings({}).hash
