"""A bot that goes from paper to real money, back, and to real money again keeps the trades, days
and fills of each book apart and once, for good.
"""

import json
from collections.abc import Iterator

import pytest

from functions import wiring
from scripts.cli import main
from shared.core.types import BookName
from shared.results.parity import last_stay
from shared.rounds import day_digest
from shared.rounds.day import read_day
from shared.rounds.moving import BotMove, BotPlace
from shared.stores.local.sqlite import SqliteDocuments
from shared.stores.memory import MemoryBucket, MemoryDocuments
from shared.stores.ports import DocumentStore
from tests.support.account_stories import T0
from tests.support.emulators import fresh_project
from tests.support.mode_stories import BY, Life, check_life, life_on
from tests.support.world import DAY, HISTORY_DAYS, START, World, world

NOW = START + HISTORY_DAYS * DAY
KEPT = ("trades", "fills", "days")


@pytest.fixture(params=["memory", "sqlite", "firestore"])
def documents(request, tmp_path) -> Iterator[DocumentStore]:
    address = f"sqlite://{tmp_path}/state"
    if request.param == "firestore":
        request.getfixturevalue("firestore_here")
        address = f"firestore://{fresh_project()}/(default)"
    store: DocumentStore = (
        MemoryDocuments()
        if request.param == "memory"
        else wiring.documents_at(address, "BOT_STATE")
    )
    yield store
    store.close()


@pytest.fixture(scope="module")
def life() -> Iterator[Life]:
    with life_on(MemoryDocuments()) as lived:
        yield lived


def test_paper_real_money_paper_and_real_money_again_are_kept_apart_and_once(documents) -> None:
    with life_on(documents) as lived:
        counts = check_life(lived)
        assert counts["least trades"] >= 5, counts
        assert counts["live trades"] >= 20, counts
        assert counts["paper trades"] >= 8, counts
        assert counts["fills"] >= 30, counts
        assert counts["read three times"] >= 20, "the overlap shows an execution again and again"
        assert min(counts["live days"], counts["paper days"]) >= 5, counts
        assert set(lived.quiet_writes) == {4}, "a quiet tick writes what it wrote without fills"
        assert lived.quiet_writes[4] >= 20


@pytest.mark.parametrize("prefix", ["", "live~"])
def test_a_name_without_the_mode_or_without_the_book_is_noticed(
    monkeypatch: pytest.MonkeyPatch, prefix: str
) -> None:
    def planted(name: BookName) -> str:
        return "" if name.mode == "paper" else prefix

    monkeypatch.setattr(BookName, "prefix", property(planted))
    with life_on(MemoryDocuments()) as lived, pytest.raises(AssertionError):
        check_life(lived)


def test_the_digest_of_a_day_in_three_books_tells_the_present_one_and_names_the_others(
    life: Life,
) -> None:
    present, paper = life.reports[-1].book, BookName()
    window = {"begin_at": T0, "end_at": life.now_ms + 1}
    books = {book for book, _ in life.trades}
    earlier = next(book for book in books if book not in {present, paper})
    count = {book: sum(one == book for one, _ in life.trades) for book in books}
    day = read_day(life.world.bot, life.world.settings, **window)
    assert not day.damaged
    assert len(day.trades) == count[present] > 0
    assert {mode: len(trades) for mode, trades in day.elsewhere.items()} == {
        "live": count[earlier],
        "paper": count[paper],
    }
    told = {report.equity_jpy for report in life.reports if report.book == present}
    assert day.equity
    assert {yen for _, yen in day.equity} <= told
    on_paper = read_day(life.world.bot, life.paper_settings, **window)
    assert len(on_paper.trades) == count[paper] > 0
    assert {yen for _, yen in on_paper.equity} <= {
        report.equity_jpy for report in life.reports if report.book == paper
    }
    at = life.now_ms + 86_400_000
    fields = day_digest(life.world.bot, MemoryBucket(), life.world.settings, now_ms=at).alert.fields
    assert fields["in another book"].startswith(f"live: {count[earlier]} closed")
    assert f"paper: {count[paper]} closed" in fields["in another book"]


def test_only_the_last_stay_is_compared_with_a_replay(life: Life) -> None:
    stay = last_stay(life.reports, mode="live")
    assert {report.book for report in stay} == {life.reports[-1].book}
    assert len(stay) == sum(report.book == life.reports[-1].book for report in life.reports) >= 20
    assert last_stay(life.reports, mode="paper") == ()
    before = life.reports[: -len(stay)]
    on_paper = last_stay(before, mode="paper")
    assert 10 <= len(on_paper) < sum(report.mode == "paper" for report in life.reports)


def test_a_move_takes_trades_days_and_fills_of_every_book_along(life: Life, tmp_path) -> None:
    other = SqliteDocuments(tmp_path / "other.sqlite")
    here = BotPlace(documents=life.world.documents, bucket=None, address="memory://")
    there = BotPlace(documents=other, bucket=None, address="sqlite:///other")
    move = BotMove(here, there, life.world.settings.id, **BY, now_ms=lambda: life.now_ms)
    counts = {one.what: one for one in move.run()}
    for collection in KEPT:
        found, copied = (
            {one.path: one.data for one in store.query(collection, limit=10_000)}
            for store in (life.world.documents, other)
        )
        assert copied == found
        assert counts[collection].source == counts[collection].target == len(found) >= 3
    other.close()


def test_the_paper_account_goes_on_where_it_was_left_and_tells_nothing_twice(life: Life) -> None:
    modes = [report.mode for report in life.reports]
    back = modes.index("paper", modes.index("live"))
    first, *others = [report for report in life.reports[back:] if report.mode == "paper"]
    assert (first.fills, first.trades) == ((), ())
    assert sum(len(report.trades) for report in others) >= 1, "it trades there again"
    before = [
        fill for report in life.reports[:back] if report.mode == "paper" for fill in report.fills
    ]
    after = [fill for report in others for fill in report.fills]
    numbers = [fill.sequence for fill in (*before, *after)]
    assert numbers == list(range(1, len(numbers) + 1))
    assert {report.book_opened_at for report in (first, *others)} == {0}


@pytest.fixture
def scene(tmp_path) -> Iterator[World]:
    with world(tmp_path / "home") as made:
        yield made.with_model()


def test_status_says_that_the_last_tick_was_in_another_mode_and_shows_nothing_of_it(
    scene: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def status(*words: str, **more: str) -> tuple[int, str]:
        for name, value in {**scene.environ, **more}.items():
            monkeypatch.setenv(name, value)
        code = main(["status", *words])
        return code, capsys.readouterr().out

    scene.tick(NOW, scene.ports())
    code, told = status("--json")
    on_paper = json.loads(told)
    assert (code, on_paper["mode"], on_paper["left_mode"]) == (0, "paper", None)
    assert on_paper["last_report"]["mode"] == "paper"
    live = {"BOT_MODE": "live", "BOT_STAGE": "stage-10", "BOT_CAPITAL_JPY": "200000"}
    code, told = status("--json", **live)
    with_money = json.loads(told)
    assert (code, with_money["mode"], with_money["left_mode"]) == (1, "live", "paper")
    assert (with_money["last_report"], with_money["fresh"]) == (None, False)
    code, told = status(**live)
    assert code == 1
    assert "none yet in mode live; the last one was in paper" in told
    assert "yen" not in told
