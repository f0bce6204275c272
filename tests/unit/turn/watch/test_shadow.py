"""The shadow record: written candle by candle, read by days, and scored as labels mature."""

import json

import numpy as np
import pytest

from shared.core.errors import BadData
from shared.core.types import Barriers, Candles, Timeframe
from shared.model.outcomes import UPPER, label
from shared.turn.watch import shadow

T0, STEP = 1_767_225_600_000, 900_000
BARRIERS = Barriers(atr_multiple=2.0, horizon_candles=4)


def market(count: int = 300, seed: int = 1) -> tuple[Candles, np.ndarray]:
    random = np.random.default_rng(seed)
    close = 1_000_000 + np.cumsum(random.integers(-2_000, 2_001, count)).astype(np.float64)
    opened = np.concatenate([[1_000_000.0], close[:-1]])
    candles = Candles(
        timeframe=Timeframe.M15,
        opened_at=T0 + np.arange(count) * STEP,
        open=opened,
        high=np.maximum(opened, close) + 500,
        low=np.minimum(opened, close) - 500,
        close=close,
        volume=np.ones(count),
    )
    return candles, np.full(count, 1_500.0)


def documents(candles: Candles, said) -> list[dict]:
    """Two days as they are stored, through JSON: the later one first."""
    days: list[dict] = [{"date": "2026-01-02", "bot": "b"}, {"date": "2026-01-01", "bot": "b"}]
    for row, at in enumerate(candles.closed_at.tolist()):
        day = days[row < len(candles) // 2]
        for name, facts in shadow.shadow_entry(said(row), as_of=at, side=row % 3 - 1).items():
            day[name] = {**day.get(name, {}), **facts}
    return json.loads(json.dumps(days))


def knowing(candles: Candles, atr_jpy: np.ndarray):
    """A champion that always says one third, and a challenger that knows what comes, from row 50
    on.
    """
    happened = label(candles, atr_jpy, BARRIERS).value

    def said(row: int) -> dict[str, np.ndarray]:
        sure = np.full(3, 0.05)
        sure[happened[row]] = 0.9
        flat = {"champion": np.full(3, 1 / 3).round(6)}
        return flat | ({"challenger": sure} if row >= 50 else {"challenger": np.full(3, np.nan)})

    return said


def test_what_was_written_is_read_back_in_the_order_of_time():
    candles, atr_jpy = market()
    record = shadow.decode_shadow(documents(candles, knowing(candles, atr_jpy)))
    assert record.as_of.tolist() == candles.closed_at.tolist()
    assert record.sides.tolist() == [row % 3 - 1 for row in range(300)]
    assert sorted(record.said) == ["challenger", "champion"]
    assert record.both("champion", "challenger").sum() == 250
    assert record.both("champion").all()
    assert not record.both("champion", "nobody").any()


def test_both_are_scored_on_the_same_matured_candles_and_the_better_one_is_seen():
    candles, atr_jpy = market()
    record = shadow.decode_shadow(documents(candles, knowing(candles, atr_jpy)))
    told = shadow.score_versions(
        record, candles, atr_jpy, BARRIERS, versions=("champion", "challenger")
    )
    known = shadow.matured_candles(
        record, candles, atr_jpy, BARRIERS, versions=("champion", "challenger")
    )
    assert told["champion"].rows == told["challenger"].rows == len(known.as_of) == 250 - 4
    assert told["challenger"].hit_rate == 1.0
    assert told["challenger"].log_loss < 0.11
    assert told["champion"].log_loss > 1.0
    assert 40 < told["champion"].effective_rows < 246
    assert (known.end_at > known.as_of).all()
    assert known.end_at.max() <= candles.closed_at[-1]


def test_a_candle_whose_horizon_has_not_passed_is_not_scored_even_if_it_touched():
    candles, atr_jpy = market()
    record = shadow.decode_shadow(documents(candles, knowing(candles, atr_jpy)))
    for seen in (60, 100, 200):
        part = candles.rows(0, seen)
        known = shadow.matured_candles(
            record, part, atr_jpy[:seen], BARRIERS, versions=("champion", "challenger")
        )
        assert len(known.as_of) == seen - 50 - 4
        assert (known.as_of + 4 * STEP <= part.closed_at[-1]).all()
    assert (label(candles, atr_jpy, BARRIERS).value == UPPER).sum() > 20


def test_candles_that_are_gone_or_were_never_recorded_are_left_out():
    candles, atr_jpy = market()
    record = shadow.decode_shadow(documents(candles, knowing(candles, atr_jpy)))
    late = shadow.matured_candles(
        record, candles.rows(200, None), atr_jpy[200:], BARRIERS, versions=("champion",)
    )
    assert late.as_of[0] == candles.closed_at[200]
    assert (
        shadow.score_versions(
            record, candles.rows(0, 0), atr_jpy[:0], BARRIERS, versions=("champion",)
        )
        == {}
    )
    assert (
        shadow.score_versions(
            shadow.decode_shadow([]), candles, atr_jpy, BARRIERS, versions=("champion",)
        )
        == {}
    )
    assert (
        shadow.score_versions(record, candles, atr_jpy, BARRIERS, versions=("champion", "nobody"))
        == {}
    )


def test_a_candle_on_which_nobody_spoke_leaves_no_entry():
    assert shadow.shadow_entry({"a": np.full(3, np.nan)}, as_of=1, side=1) == {}
    assert shadow.shadow_entry({}, as_of=1, side=1) == {}


@pytest.mark.parametrize(
    "bad",
    [
        {"said": {"x": {}}},
        {"said": {"1": {"a": [0.5, 0.5]}}},
        {"said": {"1": {"a": [0.5, 0.9, 0.1]}}},
        {"said": {"1": {"a": [-0.5, 0.9, 0.6]}}},
        {"said": {"1": {"a": "abc"}}},
        {"said": []},
        {"sides": {"1": "up"}},
    ],
)
def test_a_damaged_record_is_refused(bad):
    with pytest.raises(BadData, match="shadow record"):
        shadow.decode_shadow([{"date": "2026-01-01", **bad}])


def test_a_day_without_a_record_is_a_day_without_candles():
    assert len(shadow.decode_shadow([{"date": "2026-01-01", "equity": {}}]).as_of) == 0
