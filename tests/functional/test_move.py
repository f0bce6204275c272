"""A bot goes to another store whole, once, and wherever the move is killed it is run again; no two
stores ever tick it.
"""

import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from functions import wiring
from scripts.cli import main
from shared.core.errors import Conflict, Unavailable
from shared.core.reasons import Reason
from shared.core.types import Side, TickStatus
from shared.rounds.moving import COLLECTIONS, POINTER, BotMove, BotPlace
from shared.stores.memory import MemoryBucket, MemoryDocuments
from shared.stores.ports import DocumentStore, Write
from shared.tick.documents import BotDocuments
from tests.functional.test_tick_trouble import entered
from tests.support import crash_matrix as matrix
from tests.support.account_stories import T0, market
from tests.support.dying_store import DyingStore
from tests.support.emulators import fresh_project
from tests.support.live_world import live_world
from tests.support.tick_stories import Script
from tests.support.world import DAY, HISTORY_DAYS, INTERVAL, START, World, world

NOW = START + HISTORY_DAYS * DAY
AT = 1_772_409_600_000
ASKED: dict[str, Any] = {"who": "ann", "why": "another disk", "now_ms": lambda: AT}
Say = Callable[..., str]


@pytest.fixture
def scene(tmp_path) -> Iterator[World]:
    with world(tmp_path / "home") as made:
        yield made.with_model()


@pytest.fixture
def say(scene, monkeypatch, capsys) -> Say:
    def run(*words: str, expects: int = 0, **more: str) -> str:
        for name, value in {**scene.environ, **more}.items():
            monkeypatch.setenv(name, value)
        code = main([*words])
        printed = capsys.readouterr()
        assert code == expects, printed
        return printed.out + printed.err

    return run


def all_of(documents: DocumentStore) -> dict[str, Any]:
    found = {}
    for collection in (*COLLECTIONS, "trials"):
        found |= {one.path: one.data for one in documents.query(collection, limit=10_000)}
    return found


def go_through_a_move(scene: World, say: Say, to: str, bucket_to: str) -> None:
    """A bot that holds a position moves by the command, goes on there, and is gone here."""
    ports, before = entered(scene)
    told = say("move", "--to", to, "--bucket-to", bucket_to, "--why", "another disk")
    assert "Bot default has moved" in told
    there = {"BOT_STATE": to, "BOT_BUCKET": bucket_to}
    elsewhere = replace(scene, extra={**scene.extra, **there})
    other = elsewhere.ports()
    assert all_of(other.documents) == all_of(ports.documents)
    counted = [line for line in told.splitlines() if " arrived" in line]
    assert len(counted) >= 10
    numbers = [
        [int(word) for word in line.replace(",", "").split() if word.isdigit()] for line in counted
    ]
    assert all(source == target for source, target in numbers)
    assert {"ticks", "audit", "bundles/", "candles/"} <= {
        line.partition(":")[0] for line in counted
    }
    assert sum(source for source, _ in numbers) > 10
    gone = scene.tick(NOW + 2 * INTERVAL, ports)
    assert (gone.status, gone.reason) == (TickStatus.HALTED, Reason.BOT_MOVED)
    assert to in gone.detail
    assert not gone.orders
    assert ports.documents.get("bots/default").data["state"]["last_tick"] == before.tick
    on = elsewhere.tick(NOW + 3 * INTERVAL, other)
    assert on.positions == before.positions
    assert on.status is TickStatus.HALTED
    assert "MOVED" in say("status")
    assert "has moved" in say("resume", "--why", "x", expects=2)
    assert "has moved" in say("flatten", "--why", "x", expects=2)
    again = say("move", "--to", to, "--bucket-to", bucket_to, "--why", "again")
    assert "has moved" in again
    say("resume", "--why", "there", **there)
    assert not BotDocuments(other.documents, "default").control().halts
    other.documents.close()
    ports.documents.close()


def test_a_bot_with_a_position_goes_from_sqlite_to_sqlite_and_ticks_only_there(
    scene, say, tmp_path
) -> None:
    go_through_a_move(scene, say, f"sqlite://{tmp_path}/new/state", f"file://{tmp_path}/new/bucket")


def test_a_bot_with_a_position_goes_from_sqlite_to_firestore_and_ticks_only_there(
    scene, say, tmp_path, firestore_here
) -> None:
    go_through_a_move(
        scene, say, f"firestore://{fresh_project()}/(default)", f"file://{tmp_path}/new/bucket"
    )


def test_a_store_that_knows_the_bot_and_one_in_memory_are_refused(scene, say, tmp_path) -> None:
    entered(scene)[0].documents.close()
    to = f"sqlite://{tmp_path}/new/state"
    documents = wiring.documents_at(to, "--to")
    documents.create("trades/default~00000001", {"bot": "default"})
    documents.close()
    told = say("move", "--to", to, "--why", "x", expects=2)
    assert "not empty" in told
    assert "trades/default~00000001" in told
    assert "ends with this process" in say("move", "--to", "memory://", "--why", "x", expects=2)
    assert "begin it with one of" in say("move", "--to", "redis://x", "--why", "x", expects=2)


def bot_of(documents: DocumentStore) -> BotDocuments:
    return BotDocuments(documents, "a")


def lived(documents: MemoryDocuments, bucket: MemoryBucket) -> None:
    """A bot with something in every place that goes along, and a neighbour that stays."""
    writes = [
        Write(
            kind="create",
            path=f"bots/{bot}",
            data={
                "bot": bot,
                "state": {"ledger": {"tracked": []}},
                "lease": {"holder": None, "fence": 7, "expires_at": 0},
            },
        )
        for bot in "ab"
    ]
    for bot in "ab":
        writes += [
            Write(
                kind="create", path=f"{collection}/{bot}~{number}", data={"bot": bot, "n": number}
            )
            for collection in COLLECTIONS
            for number in range(3)
        ]
        writes.append(Write(kind="create", path=f"paper/{bot}", data={"orders": []}))
    writes += [Write(kind="create", path=f"trials/{n}", data={"id": str(n)}) for n in range(4)]
    documents.commit(writes)
    for key in ("candles/btc_jpy/1.npz", "bundles/v1/model.npz", POINTER, "watch/a.json"):
        bucket.put(key, key.encode())


class DyingBucket(MemoryBucket):
    """A bucket that dies with the documents beside it."""

    def __init__(self, store: DyingStore) -> None:
        super().__init__()
        self.store = store

    def put(self, key: str, data: bytes, *, if_generation: int | None = None) -> int:
        self.store.lives -= 1
        if self.store.lives < 0:
            raise Unavailable("the process ended here")
        return super().put(key, data, if_generation=if_generation)


def is_ticking(documents: DocumentStore) -> bool:
    """Whether a tick of this store would work."""
    return documents.get("bots/a") is not None and bot_of(documents).control().moved is None


def test_killed_at_any_call_it_is_run_again_and_no_two_stores_tick_at_any_time() -> None:
    kills, resumed = 0, 0
    for whose in ("source", "target"):
        lives = 0
        while True:
            old, new = MemoryDocuments(), MemoryDocuments()
            bucket = MemoryBucket()
            lived(old, bucket)
            dying = DyingStore(old if whose == "source" else new, lives)
            objects = DyingBucket(dying) if whose == "target" else MemoryBucket()
            here: Any = dying if whose == "source" else old
            there: Any = dying if whose == "target" else new
            source = BotPlace(documents=here, bucket=bucket, address="sqlite:///old")
            target = BotPlace(documents=there, bucket=objects, address="sqlite:///new")
            try:
                BotMove(source, target, "a", **ASKED).run()
                break
            except Unavailable:
                kills += 1
            assert not (is_ticking(old) and is_ticking(new)), (whose, lives)
            dying.lives = 10_000
            later = {**ASKED, "now_ms": lambda: AT + 200_000}
            if is_ticking(old):
                lease = bot_of(old).take_lease(now_ms=AT + 180_000, lease_ms=1_000)
                assert lease is not None, "ticks go on where it was"
                bot_of(old).release(lease)
                old.create(f"ticks/a~{AT}", {"bot": "a", "n": 9})
                resumed += 1
            counts = BotMove(source, target, "a", **later).run()
            assert all(one.source == one.target for one in counts), (whose, lives, counts)
            assert [one.source for one in counts[:4]] == [2, 0, 3, 3]
            assert not is_ticking(old)
            assert is_ticking(new)
            assert bot_of(new).control().halts
            assert objects.keys() == bucket.keys()
            assert not [path for path in new._stored if "/b" in path and "trials" not in path]
            lives += 1
    assert kills >= 60
    assert resumed >= 40


@pytest.mark.parametrize("why", ["lease", "entry on paper", "entry", "intent"])
def test_it_is_refused_while_something_is_under_way_and_the_source_is_halted(why) -> None:
    old, new = MemoryDocuments(), MemoryDocuments()
    lived(old, MemoryBucket())
    entry = {"intent": {"purpose": "entry"}}

    def write(path: str, **data: Any) -> None:
        stored = old.get(path)
        if stored is None:
            old.create(path, data)
        else:
            old.replace(stored, {**stored.data, **data})

    if why == "lease":
        write("bots/a", lease={"holder": "x", "fence": 8, "expires_at": AT + 1})
    elif why == "entry on paper":
        write("paper/a", orders=[entry])
    elif why == "entry":
        write("bots/a", state={"ledger": {"tracked": [{"order": entry, "status": "UNFILLED"}]}})
    else:
        write("intents/a~t1", bot="a", open_for="a")
    source, target = (
        BotPlace(documents=store, bucket=None, address=name)
        for store, name in ((old, "sqlite:///old"), (new, "sqlite:///new"))
    )
    with pytest.raises(Conflict):
        BotMove(source, target, "a", **ASKED).run()
    assert bot_of(old).control().halts
    assert bot_of(old).control().moved is None
    assert not new._stored
    write("bots/a", lease={"holder": None, "fence": 8, "expires_at": 0}, state={})
    write("paper/a", orders=[])
    if why == "intent":
        write("intents/a~t1", open_for=None)
    assert BotMove(source, target, "a", **ASKED).run()


def test_a_bucket_from_which_another_model_serves_is_refused_and_left_alone() -> None:
    old, new, mine, theirs = MemoryDocuments(), MemoryDocuments(), MemoryBucket(), MemoryBucket()
    lived(old, mine)
    theirs.put(POINTER, b"another")
    source = BotPlace(documents=old, bucket=mine, address="sqlite:///old")
    target = BotPlace(documents=new, bucket=theirs, address="sqlite:///new")
    with pytest.raises(Conflict, match="another model serves"):
        BotMove(source, target, "a", **ASKED).run()
    assert theirs.get(POINTER).data == b"another"
    assert is_ticking(old)
    assert not is_ticking(new)


def test_a_live_bot_keeps_its_start_its_sides_and_its_book_and_enters_without_another() -> None:
    minutes = market(random.Random(3), 400, day_off=0.0)
    with live_world(minutes, script=Script(3)) as here:
        number = 6
        while not here.tick(T0 + number * INTERVAL).positions:
            number += 1
        bot = here.settings.id
        here.documents.create(f"rights/{here.key}", {"at": 1, "who": "ann", "key": here.key})
        old = BotPlace(documents=here.documents, bucket=None, address="sqlite:///old")
        new = BotPlace(documents=MemoryDocuments(), bucket=None, address="sqlite:///new")
        counts = BotMove(old, new, bot, **{**ASKED, "now_ms": here.clock.now_ms}).run()
        live = next(count for count in counts if count.what == "live")
        assert live.source == live.target == 4  # the start, its key's rights, two sides
        assert not here.tick(T0 + (number + 1) * INTERVAL).orders
        here.documents = new.documents
        held = here.tick(T0 + (number + 2) * INTERVAL)
        assert held.status is TickStatus.HALTED
        lots = {side: matrix._held_lots(here, here.truth(), side) for side in Side}
        assert {one.side: one.lots for one in held.positions} == {
            side: count for side, count in lots.items() if count
        }
        assert not [one for one in held.issues if one.reason is Reason.LIVE_NOT_STARTED]
        halts = [halt.id for halt in here.bot.control().halts.values()]
        later = here.clock.now_ms()
        here.bot.resume(halts=halts, drawdown=0, who="ann", why="there", now_ms=later)
        reports = [here.tick(T0 + (number + more) * INTERVAL) for more in range(3, 40)]
        entries = [one for report in reports for one in report.orders if one.intent.is_opening]
        assert entries


def test_a_side_that_is_another_bots_in_the_other_store_is_refused() -> None:
    minutes = market(random.Random(3), 60, day_off=0.0)
    with live_world(minutes, script=Script(3)) as here:
        here.tick(T0 + 6 * INTERVAL)
        old = BotPlace(documents=here.documents, bucket=None, address="sqlite:///old")
        new = BotPlace(documents=MemoryDocuments(), bucket=None, address="sqlite:///new")
        path = here.documents.query("claims", limit=10)[0].path
        new.documents.create(path, {"sides": {"short": "other"}})
        with pytest.raises(Conflict, match="short side of that account is other's"):
            BotMove(old, new, here.settings.id, **{**ASKED, "now_ms": here.clock.now_ms}).run()
        assert here.bot.control().moved is None
