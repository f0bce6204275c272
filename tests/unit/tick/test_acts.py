"""What a person did is told once, with who and why: whoever dies in between, and whoever comes."""

import threading
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from shared.alerts.log_sink import LogSink
from shared.alerts.office import Office
from shared.core.errors import BotError, Unavailable
from shared.core.settings import load_settings
from shared.model.pointer import (
    MOST_MOVES,
    MOVED_BY_ITSELF,
    Move,
    ServingPointer,
    promote_version,
)
from shared.stores.local.sqlite import SqliteDocuments
from shared.stores.memory import MemoryDocuments
from shared.stores.ports import Write
from shared.tick.acts import TOLD_FOR_MS, tell_moves, untold_moves
from shared.tick.documents import BotDocuments
from tests.support.dying_store import DyingStore
from tests.support.fixed_clock import FixedClock
from tests.unit.alerts.test_discord import Lines

AT = 1_893_456_000_000
SETTINGS = load_settings({})


def audit_alerts(documents: MemoryDocuments) -> list[Any]:
    found = documents.query("alerts", limit=1_000)
    return [one.data for one in found if one.data["alert"]["kind"] == "audit"]


def audits(documents: MemoryDocuments) -> list[Any]:
    return [one.data for one in documents.query("audit", limit=1_000)]


def test_a_halt_and_its_end_are_told_at_once_with_who_and_why() -> None:
    documents = MemoryDocuments()
    bot = BotDocuments(documents, SETTINGS.id)
    halt = bot.halt(who="ann", why="maintenance", now_ms=AT)
    bot.resume(halts=[halt.id], drawdown=0, who="bob", why="it is over", now_ms=AT + 60_000)
    told = sorted(audit_alerts(documents), key=lambda one: one["alert"]["at"])
    assert [one["alert"]["title"] for one in told] == [
        "ann halted this bot: nothing is entered.",
        "bob took back what halted this bot.",
    ]
    assert [one["alert"]["fields"]["why"] for one in told] == ["maintenance", "it is over"]
    assert all(one["waiting_for"] == SETTINGS.id for one in told), "at once, not in the digest"
    lines = Lines()
    Office(documents, SETTINGS, FixedClock(AT + 70_000), LogSink(lines)).deliver_due(seconds=5.0)
    assert len([line for line in lines if line["kind"] == "audit"]) == 2


def test_an_act_is_done_recorded_and_told_or_none_of_it_wherever_the_process_dies() -> None:
    died = 0
    for lives in range(40):
        documents = MemoryDocuments()
        finished = True
        try:
            bot = BotDocuments(DyingStore(documents, lives), SETTINGS.id)  # type: ignore[arg-type]
            bot.halt(who="ann", why="maintenance", now_ms=AT)
        except (Unavailable, BotError):
            finished = False
            died += 1
        halted = bool(BotDocuments(documents, SETTINGS.id).control().halts)
        assert halted == finished == (len(audits(documents)) == 1)
        assert len(audit_alerts(documents)) == finished
        if finished:
            break
    assert died >= 2


def pointer(*moves: Move) -> ServingPointer:
    return ServingPointer(
        version=moves[-1].version, previous="v0", generation=len(moves), history=moves
    )


def move(version: str, *, at: int = AT, what: str = "promote", by: str = "ann") -> Move:
    return Move(version=version, at=at, why="better", by=by, what=what)


def test_a_move_of_the_pointer_is_told_once_by_whoever_comes_first() -> None:
    documents = MemoryDocuments()
    stands = pointer(move("v1"), move("v2", at=AT + 1), move("v1", at=AT + 2, what="rollback"))
    titles = [
        alert.title
        for _ in range(4)
        for alert in tell_moves(documents, stands, bot="default", now_ms=AT + 5)
    ]
    assert Counter(titles) == {
        "ann let the model v1 serve.": 1,
        "ann let the model v2 serve.": 1,
        "ann went back to the model v1.": 1,
    }
    assert len(audits(documents)) == len(audit_alerts(documents)) == 3


def test_a_move_whose_teller_died_is_told_by_the_next() -> None:
    died = 0
    for lives in range(20):
        documents = MemoryDocuments()
        stands = pointer(move("v1"), move("v2", at=AT + 1))
        try:
            tell_moves(DyingStore(documents, lives), stands, bot="default", now_ms=AT + 5)  # type: ignore[arg-type]
        except Unavailable:
            died += 1
        tell_moves(documents, stands, bot="default", now_ms=AT + 6)
        assert len(audits(documents)) == len(audit_alerts(documents)) == 2
    assert died >= 3


@pytest.mark.parametrize("by", sorted(MOVED_BY_ITSELF))
def test_what_a_retraining_moved_is_no_act_of_a_person(by: str) -> None:
    stands = pointer(move("v1", by=by))
    assert untold_moves(stands, now_ms=AT, is_told=lambda _: False) == ()


def test_what_was_moved_long_ago_and_what_never_was_is_not_told() -> None:
    old = pointer(move("v1", at=AT - TOLD_FOR_MS - 1))
    assert untold_moves(old, now_ms=AT, is_told=lambda _: False) == ()
    assert untold_moves(None, now_ms=AT, is_told=lambda _: False) == ()


def test_what_was_told_and_taken_away_is_not_told_again() -> None:
    """The record of the act stays for ever; its alert goes when it is old."""
    documents = MemoryDocuments()
    stands = pointer(move("v1"))
    (told,) = tell_moves(documents, stands, bot="default", now_ms=AT + 5)
    documents.commit([Write(kind="delete", path=f"alerts/{told.key}")])
    assert tell_moves(documents, stands, bot="default", now_ms=AT + 6) == ()
    assert audit_alerts(documents) == []
    assert len(audits(documents)) == 1


def test_of_eight_that_look_at_one_file_at_once_each_move_is_told_by_one(tmp_path: Path) -> None:
    path = tmp_path / "state.sqlite"
    moves = [move(f"v{number}", at=AT + number) for number in range(12)]
    told: list[str] = []
    errors: list[BaseException] = []
    start = threading.Barrier(8)

    def look() -> None:
        documents = SqliteDocuments(path)
        try:
            start.wait(10.0)
            for count in range(1, 13):
                stands = pointer(*moves[:count])
                told.extend(
                    one.key for one in tell_moves(documents, stands, bot="a", now_ms=AT + 99)
                )
        except BaseException as error:  # noqa: BLE001 - told below
            errors.append(error)
        finally:
            documents.close()

    threads = [threading.Thread(target=look) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert len(told) == len(set(told)) == 12
    documents = SqliteDocuments(path)
    assert len(documents.query("audit")) == len(documents.query("alerts")) == 12
    documents.close()


def test_of_more_moves_than_the_pointer_remembers_each_is_told_once_while_somebody_looks() -> None:
    documents, stands, titles = MemoryDocuments(), None, []
    for number in range(3 * MOST_MOVES):
        stands = promote_version(stands, f"v{number}", at=AT + number, why="better", by="ann")
        if number % (MOST_MOVES // 2) == 0 or number == 3 * MOST_MOVES - 1:
            told = tell_moves(documents, stands, bot="default", now_ms=AT + number)
            titles += [alert.title for alert in told]
    assert stands is not None
    assert len(stands.history) == MOST_MOVES
    assert titles == [f"ann let the model v{number} serve." for number in range(3 * MOST_MOVES)]
    assert len(audits(documents)) == len(titles)
