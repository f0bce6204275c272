"""Which reports belong together: those of one book, since the bot was last in the mode."""

from dataclasses import replace

from shared.core.types import TickReport, TickStatus
from shared.results.parity import last_stay


def report(number: int, mode: str = "live", book: int = 0) -> TickReport:
    return TickReport(
        tick=f"t{number}",
        bot="default",
        status=TickStatus.DONE,
        scheduled_at=number,
        received_at=number,
        finished_at=number,
        mode=mode,
        stage=mode,
        settings_hash="0" * 16,
        book_opened_at=book,
    )


def numbers(reports: list[TickReport], mode: str) -> list[int]:
    return [one.scheduled_at for one in last_stay(reports, mode=mode)]


def test_the_last_stay_ends_where_another_mode_or_another_book_begins() -> None:
    paper = [report(1, "paper"), report(2, "paper")]
    first, unknown, second = report(3, book=3), report(4), report(5, book=4)
    assert numbers([*paper, first], "live") == [3]
    assert numbers([*paper, first], "paper") == []
    assert numbers([first, second], "live") == [5], "the book of before is another account"
    assert numbers([first, unknown, second], "live") == [4, 5], "it knew no book yet"
    assert numbers([second, first, *paper], "live") == [5], "by when they came"
    assert numbers([first, replace(paper[0], scheduled_at=9, received_at=9)], "paper") == [9]
    assert last_stay([], mode="paper") == ()
