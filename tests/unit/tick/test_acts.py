"""What a person did is told once, with who and why: whoever dies in between, and whoever comes."""

from collections import Counter
from typing import Any

import pytest

from shared.alerts.discord import LogSink
from shared.alerts.office import Office
from shared.core.errors import BotError, Unavailable
from shared.core.settings import load_settings
from shared.model.pointer import MOVED_BY_ITSELF, Move, ServingPointer
from shared.stores.memory import MemoryDocuments
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
