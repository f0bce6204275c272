"""One table of codes: complete, and nowhere more certain than the documentation."""

from shared.core.errors import RateLimited, Unavailable
from shared.exchanges.bitbank.codes import MEANINGS, CancelFate, meaning_of
from shared.exchanges.bitbank.errors import error_of, is_worth_retry
from tests.support.bitbank_api import table


def test_every_documented_code_is_in_the_table_and_no_other() -> None:
    assert len(MEANINGS) == len(table.read_codes()) == 181
    assert set(MEANINGS) == set(table.read_codes())
    assert all(meaning.text for meaning in MEANINGS.values())


def test_what_refuses_an_order_for_certain_is_what_the_documentation_says() -> None:
    for code in (*table.read_codes(), 50_088, 20_000, 65_000, 70_027, 99_999, 0, -1):
        assert meaning_of(code).is_refusal is table.is_refused_for_certain(code), code


def test_a_code_that_nobody_listed_is_safe_on_every_path() -> None:
    for code in (50_088, 99_999, 0, -60_001):
        meaning = meaning_of(code)
        assert not meaning.is_refusal
        assert not meaning.again
        assert meaning.cancel is CancelFate.UNKNOWN
        error = error_of("user/assets", code=code, http_status=200, retry_after_seconds=1.0)
        assert isinstance(error, Unavailable)
        assert not isinstance(error, RateLimited)
        assert not is_worth_retry(error)


def test_a_cancel_is_refused_only_where_the_order_lives_on() -> None:
    by_fate = {
        fate: {code for code in MEANINGS if meaning_of(code).cancel is fate} for fate in CancelFate
    }
    assert by_fate[CancelFate.WAS_CANCELED] == {50_026}
    assert by_fate[CancelFate.WAS_FILLED] == {50_027}
    assert by_fate[CancelFate.ASKED] == {70_019}
    assert by_fate[CancelFate.LOOK] == {50_009, 50_010}
    assert by_fate[CancelFate.CANCELED] == set()
    assert {70_004, 70_013, 70_018, 20_001} <= by_fate[CancelFate.REFUSED]
    assert {10_001, 10_005, 10_008, 10_009, 70_003, 70_011} <= by_fate[CancelFate.UNKNOWN]


def test_reading_again_helps_where_the_exchange_is_busy_or_broken_and_nowhere_else() -> None:
    again = {code for code, meaning in MEANINGS.items() if meaning.again}
    assert again == {
        *(10_001, 10_003, 10_005, 10_008, 10_009),
        *(70_001, 70_002, 70_003, 70_011, 70_012),
    }
