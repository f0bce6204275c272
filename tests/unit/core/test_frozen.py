"""A changed value is what `dataclasses.replace` makes of it."""

from dataclasses import dataclass, fields, replace

import pytest

from shared.core.frozen import copy_with
from shared.core.types import PairRules
from shared.turn.state import CandleProgress, State


@dataclass(frozen=True, slots=True, kw_only=True)
class One:
    only: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Unlucky:
    """Fields that are called as the parts of the copying are."""

    new: int
    kind: int
    copy: int
    value: int


@pytest.mark.parametrize(
    "value",
    [One(only=1), Unlucky(new=1, kind=2, copy=3, value=4), PairRules(), CandleProgress(as_of=7)],
)
def test_a_changed_value_is_the_one_that_replace_makes_and_the_old_one_stays(value) -> None:
    before = replace(value)
    for field in fields(value):
        other = copy_with(value, **{field.name: "other"})
        assert other == replace(value, **{field.name: "other"})
        assert other != value
        assert type(other) is type(value)
    assert copy_with(value) == value == before
    assert copy_with(value) is not value


def test_a_field_that_is_not_there_is_refused_and_what_is_not_changed_is_shared() -> None:
    state = State(mode="paper", stage="paper", candle=CandleProgress(as_of=1))
    with pytest.raises(TypeError, match="State has no field candles"):
        copy_with(state, candles=1)
    assert copy_with(state, mode="live").candle is state.candle
