from datetime import UTC, datetime

import pytest

from shared.core.types import Timeframe
from shared.market.candle_files import FIRST_FILE_AT, file_of, files_between


def ms(*parts: int) -> int:
    return int(datetime(*parts, tzinfo=UTC).timestamp() * 1000)


@pytest.mark.parametrize("timeframe", [Timeframe.M1, Timeframe.M15])
def test_below_4h_a_file_is_a_utc_day(timeframe):
    file = file_of(timeframe, ms(2026, 2, 1, 23, 59))
    assert (file.name, file.start, file.end) == ("20260201", ms(2026, 2, 1), ms(2026, 2, 2))
    assert file_of(timeframe, ms(2026, 2, 2)).name == "20260202"
    assert file.before.name == "20260131"


def test_from_4h_on_a_file_is_a_utc_year():
    file = file_of(Timeframe.H4, ms(2025, 12, 31, 23, 59))
    assert (file.name, file.start, file.end) == ("2025", ms(2025, 1, 1), ms(2026, 1, 1))
    assert file_of(Timeframe.H4, ms(2026, 1, 1)).name == "2026"
    assert file.before.name == "2024"


def test_files_touch_the_interval_and_its_end_is_excluded():
    names = [
        file.name for file in files_between(Timeframe.M15, ms(2024, 2, 28, 12), ms(2024, 3, 1))
    ]
    assert names == ["20240228", "20240229"]
    assert files_between(Timeframe.M15, ms(2026, 1, 1), ms(2026, 1, 1)) == ()


def test_nothing_from_before_the_first_day_of_data_is_asked_for():
    assert ms(2017, 2, 14) == FIRST_FILE_AT
    assert [
        file.name for file in files_between(Timeframe.M15, ms(2016, 1, 1), ms(2017, 2, 15))
    ] == ["20170214"]
    assert [file.name for file in files_between(Timeframe.H4, 0, ms(2018, 1, 1))] == ["2017"]
