"""The watch's memory: two watches at once tell once, a damaged one begins anew, and what is told is
told whole, in its order.
"""

import json
import sqlite3

import pytest

from shared.core.calendar import DAY_MS
from shared.stores.local.sqlite import SqliteDocuments
from shared.stores.ports import Write
from tests.support.watch_world import ROUND, T0, Killed, WatchWorld

KEY = "watch/default.json"


def halted() -> WatchWorld:
    world = WatchWorld(knows_keys=False)
    world.tick()
    world.look()
    world.bot.halt(who="Aiko", why="a storm", now_ms=T0 - DAY_MS)
    world.clock.true_ms += ROUND
    world.tick()
    return world


@pytest.mark.parametrize(
    "damage", [b"", b"{", b"[]", b"null", b'{"lasting": 3}', b"\xff\x00", b"7"]
)
def test_a_damaged_memory_is_begun_anew_and_what_stands_is_told_once_more(damage, capsys) -> None:
    world = halted()
    world.look()
    world.bucket.inner.put(KEY, damage)
    world.look()
    assert world.kinds() == ["halt"], "the copy is whole"
    world.bucket.inner.put(KEY, damage)
    world.store.commit([Write(kind="put", path="watch/default", data={"memory": 7})])
    world.look()
    world.look()
    assert world.kinds() == ["halt", "halt"]
    assert "watch.memory_damaged" in capsys.readouterr().err


@pytest.mark.parametrize("data", ["[]", "7", "null"])
def test_a_copy_that_is_no_mapping_ends_no_round(tmp_path, data) -> None:
    store = SqliteDocuments(tmp_path / "state.sqlite")
    world = WatchWorld(documents=store)
    world.tick()
    world.look()
    with sqlite3.connect(tmp_path / "state.sqlite") as file:
        found = file.execute("UPDATE documents SET data = ? WHERE path = 'watch/default'", (data,))
    file.close()
    assert found.rowcount == 1
    world.look(after_ms=ROUND)
    assert world.kinds() == ["silent"]
    assert store.get("watch/default").data["memory"], "the copy is whole again"
    store.close()


def test_a_memory_of_another_version_forgets_conditions_that_nobody_knows() -> None:
    world = halted()
    world.look()
    stored = json.loads(world.bucket.inner.get(KEY).data)
    stored["lasting"]["unheard_of"] = stored["lasting"]["halt"]
    world.bucket.inner.put(KEY, json.dumps({**stored, "more": 1}).encode())
    world.look()
    assert world.kinds() == ["halt"]


def test_where_nobody_takes_alerts_they_wait_and_are_told_in_their_order() -> None:
    world = halted()
    world.deaf = True
    round_ = world.look()
    assert not round_.is_told
    world.deaf = False
    world.clock.true_ms += ROUND
    world.tick()
    world.look()
    (alert,) = world.told
    assert list(alert.fields)[:3] == ["what was found", "since", "what the bot did"]
    assert alert == round_.alerts[0]


def test_while_one_watch_tells_another_tells_nothing() -> None:
    world, seen = halted(), []

    def let_in(when: str, what: str) -> None:
        if what == "tell" and len(seen) < 2:
            seen.append(None)
            assert world.look().is_beaten

    world.hook = let_in
    world.look()
    assert (world.kinds(), len(seen)) == (["halt"], 2)


def test_a_hold_that_a_wrong_clock_wrote_holds_nobody_up() -> None:
    world = halted()

    def die(when: str, what: str) -> None:
        if what == "tell":
            raise Killed

    world.hook = die
    world.clock.off_ms = 10 * 3_600_000
    with pytest.raises(Killed):
        world.look()
    world.hook = lambda _when, _what: None
    world.clock.off_ms = 0
    world.look()
    assert "halt" in world.kinds()


def test_without_any_store_what_was_found_is_told_all_the_same() -> None:
    world = halted()
    world.documents.stopped = world.bucket.stopped = True
    world.look()
    assert sorted(world.kinds()) == ["bucket_down", "documents_down"]


def test_a_bucket_that_can_be_read_but_not_written_keeps_the_memory_aside() -> None:
    world = halted()

    def full(when: str, what: str) -> None:
        if (when, what) == ("before", "bucket.put"):
            from shared.core.errors import StoreBroken

            raise StoreBroken("the disk is full", remedy="free some")

    world.hook = full
    for _ in range(5):
        world.look()
    assert world.kinds() == ["halt"]
    world.hook = lambda _when, _what: None
    world.look()
    assert world.kinds() == ["halt"]


def test_the_loser_of_two_writers_aside_tells_nothing() -> None:
    world, let_in = halted(), []
    world.bucket.stopped = True

    def race(when: str, what: str) -> None:
        if (when, what) == ("before", "documents.replace") and not let_in:
            let_in.append(None)
            world.look()

    world.hook = race
    assert world.look().is_beaten
    assert sorted(world.kinds()) == ["bucket_down", "halt"]


def test_what_the_outbox_knows_is_not_handed_to_the_teller() -> None:
    world = WatchWorld(knows_keys=False)
    world.tick(late_in_a_row=3)
    window = world.clock.true_ms // 3_600_000
    world.store.create(f"alerts/default:late:row:{window}", {"waiting_for": "default"})
    round_ = world.look()
    assert [alert.kind for alert in round_.alerts] == ["late"]
    assert world.told == []
    world.tick(late_in_a_row=0)
    world.look()
    assert world.kinds() == ["-late"], "the tick told that it began"
