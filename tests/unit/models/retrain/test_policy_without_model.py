"""A policy that asks no model is judged on every candle that is stored, and no model beside it
costs a fold.
"""

from dataclasses import replace

import pytest

from models.backtest.sources import FileSource
from models.fit.train import WARM_UP_DAYS
from models.retrain.gathering import gather_inputs
from models.retrain.place import FileHistory
from models.retrain.proving import first_target
from shared.core.settings import load_settings
from shared.core.types import Timeframe
from tests.support.made_trainings import last_close, market

DAY_MS = 86_400_000


@pytest.mark.parametrize(("profile", "whole"), [("trend", True), (None, False)])
def test_it_reads_all_there_is_and_a_model_as_much_as_the_gate_asks(profile, whole):
    candles = market(75, seed=3, edge_bp=8.0)
    settings = load_settings(
        {"BOT_GATE__HISTORY_DAYS": "1", "BOT_LEARNING__DAYS": "1"}, profile=profile
    )
    at = last_close(candles) + (WARM_UP_DAYS - 30) * DAY_MS
    history = FileHistory(source=FileSource(name="a file", candles=candles[Timeframe.M15]))
    found = gather_inputs(history, settings, as_of=at, tell=lambda _text, _share: None)
    first = int(candles[Timeframe.M15].opened_at[0])
    assert (int(found.candles[Timeframe.M15].opened_at[0]) == first) is whole
    assert len(found.candles[Timeframe.M15]) > 1_000


def test_it_decides_once_its_signals_are_warm_at_the_begin_of_a_day():
    candles = market(75, seed=3, edge_bp=8.0)
    first = int(candles[Timeframe.M15].opened_at[0])
    assert first_target(candles) % DAY_MS == 0
    assert (
        first + WARM_UP_DAYS * DAY_MS <= first_target(candles) < first + (WARM_UP_DAYS + 1) * DAY_MS
    )
    later = {frame: replace(part, opened_at=part.opened_at + 1) for frame, part in candles.items()}
    assert first_target(later) == first_target(candles) + DAY_MS
