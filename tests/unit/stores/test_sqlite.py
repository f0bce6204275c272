"""What is SQLite's own: several openers, forks, broken files, indexes."""

import multiprocessing
import os
import sqlite3
import tempfile
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest

from shared.core.errors import AlreadyExists, StoreBroken
from shared.stores.local.sqlite import SqliteDocuments
from shared.stores.ports import Write


@pytest.fixture
def path(tmp_path):
    return tmp_path / "data" / "state.sqlite"


@pytest.fixture
def store(path):
    with closing(SqliteDocuments(path)) as opened:
        yield opened


def _broken(store, match):
    """All four ways in refuse with one sentence and a remedy."""
    for use in (
        lambda: store.get("a/1"),
        lambda: store.create("a/new", {}),
        lambda: store.query("a"),
        lambda: store.query("a", field="n", value=1),
    ):
        with pytest.raises(StoreBroken, match=match) as caught:
            use()
        assert str(store.path) in str(caught.value)
        assert "\n" not in str(caught.value)
        assert caught.value.remedy


# opening


def test_nothing_is_opened_before_it_is_used_and_a_missing_folder_is_made(store, path):
    assert not path.parent.exists()
    assert store.get("a/1") is None
    assert path.is_file()


def test_commits_are_synced_to_the_disk_and_readers_are_not_held_up(store, path):
    store.create("a/1", {})
    with store._connection() as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
        assert connection.execute("PRAGMA synchronous").fetchone()[0] == 2  # FULL
        assert connection.execute("PRAGMA user_version").fetchone()[0] == 1
        connection.execute("BEGIN IMMEDIATE")
        with closing(SqliteDocuments(path)) as reader:
            assert reader.get("a/1") is not None
        connection.execute("ROLLBACK")


def test_many_first_openers_of_a_new_file_do_not_trip_over_each_other(tmp_path):
    rounds = 15
    for number in range(rounds):
        stores = [SqliteDocuments(tmp_path / str(number) / "state.sqlite") for _ in range(4)]
        barrier, told = threading.Barrier(4), []

        def run(store, barrier=barrier, told=told):
            barrier.wait()
            try:
                store.create("a/b", {})
                told.append("won")
            except AlreadyExists:
                told.append("exists")

        threads = [threading.Thread(target=run, args=(store,)) for store in stores]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for store in stores:
            store.close()
        assert sorted(told) == ["exists"] * 3 + ["won"]


def test_closing_leaves_one_file_and_a_later_call_opens_it_again(store, path):
    store.create("a/1", {"n": 1})
    store.close()
    assert [file.name for file in path.parent.iterdir()] == [path.name]
    assert store.get("a/1").data == {"n": 1}


def test_a_connection_in_use_while_the_store_is_closed_is_closed_when_its_call_ends(store):
    store.create("a/1", {})
    with store._connection() as connection:
        store.close()
        assert connection.execute("SELECT count(*) FROM documents").fetchone() == (1,)
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        connection.execute("SELECT 1")


def test_a_refused_write_keeps_its_connection_and_leaves_no_lock(store, path):
    store.create("a/1", {})
    with store._connection() as connection:
        pass
    with pytest.raises(AlreadyExists):
        store.create("a/1", {})
    with store._connection() as again:
        assert again is connection
        assert not again.in_transaction
    with closing(SqliteDocuments(path, busy_seconds=0.1)) as other:
        other.create("a/2", {})


# forks


def _in_child(store, parent_closed, results):
    results.put(store.create("a/child", {"pid": os.getpid()}).data["pid"])
    assert parent_closed.wait(20)
    store.create("a/child-later", {})
    results.put(store.get("a/parent") is not None)
    store.close()


FORKS = pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")


@FORKS
def test_a_forked_child_opens_its_own_connection_and_loses_nothing_when_its_parent_closes(
    store, path
):
    store.create("a/parent", {})
    context = multiprocessing.get_context("fork")
    parent_closed, results = context.Event(), context.Queue()
    child = context.Process(target=_in_child, args=(store, parent_closed, results))
    child.start()
    assert results.get(timeout=20) != os.getpid()
    store.create("a/after", {})
    # were the child without locks of its own, this would delete the log that it writes to
    store.close()
    assert (path.parent / "state.sqlite-wal").exists()
    parent_closed.set()
    assert results.get(timeout=20) is True
    child.join()
    assert child.exitcode == 0
    assert [document.path for document in store.query("a")] == [
        "a/after",
        "a/child",
        "a/child-later",
        "a/parent",
    ]


def _in_refused_child(store, results):
    try:
        store.get("a/1")
    except StoreBroken as error:
        results.put(str(error))
    store.close()


@FORKS
def test_a_child_forked_in_the_middle_of_a_call_is_refused_and_the_parent_goes_on(store):
    store.create("a/1", {})
    context = multiprocessing.get_context("fork")
    results = context.Queue()
    with store._connection() as connection:
        connection.execute("BEGIN IMMEDIATE")
        child = context.Process(target=_in_refused_child, args=(store, results))
        child.start()
        assert "was forked while the database" in results.get(timeout=20)
        child.join()
        connection.execute("ROLLBACK")
    assert child.exitcode == 0
    store.create("a/2", {})


# broken files


def test_a_database_locked_for_too_long_is_told_with_its_remedy_and_nothing_is_lost(store, path):
    store.create("a/1", {"n": 1})
    impatient = SqliteDocuments(path, busy_seconds=0.2)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        began = time.monotonic()
        with pytest.raises(
            StoreBroken, match=r"locked by another process for more than 0\.2 s"
        ) as caught:
            impatient.create("a/2", {})
        assert time.monotonic() - began >= 0.15
        assert "stop it" in caught.value.remedy
        assert impatient.get("a/1").data == {"n": 1}  # reading goes on
        other.execute("ROLLBACK")
    impatient.create("a/2", {})
    impatient.close()
    assert len(store.query("a")) == 2


def test_a_new_file_that_another_process_holds_exclusively_is_waited_for(path):
    path.parent.mkdir()
    with closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as other:
        other.execute("BEGIN EXCLUSIVE")
        impatient = SqliteDocuments(path, busy_seconds=0.2)
        with pytest.raises(StoreBroken, match="locked"):
            impatient.get("a/1")
        release = threading.Timer(0.3, other.execute, ["ROLLBACK"])
        release.start()
        with closing(SqliteDocuments(path, busy_seconds=10)) as patient:
            patient.create("a/1", {})
        release.join()


def test_a_file_that_is_no_database_is_refused_and_not_touched(store, path):
    path.parent.mkdir()
    path.write_bytes(b"these are my notes\n" * 100)
    _broken(store, "is not a database")
    assert path.read_bytes() == b"these are my notes\n" * 100


def test_another_programs_database_is_refused_and_not_touched(store, path):
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE documents (mine)")
        other.commit()
    before = path.read_bytes()
    _broken(store, "belongs to another program")
    assert path.read_bytes() == before


@pytest.mark.parametrize("schema", [0, 2])
def test_a_database_of_another_schema_is_refused(store, path, schema):
    store.create("a/1", {})
    store.close()
    with closing(sqlite3.connect(path)) as other:
        other.execute(f"PRAGMA user_version = {schema}")
    _broken(store, f"has schema {schema}, and this version of the bot knows 1")


def test_a_damaged_database_is_told_and_not_repaired(store, path):
    store.commit(
        [Write(kind="put", path=f"a/{n}", data={"n": n, "text": "x" * 900}) for n in range(200)]
    )
    store.close()
    whole = path.read_bytes()
    path.write_bytes(whole[:4096] + b"\xaa" * (len(whole) - 4096))
    damaged = path.read_bytes()
    _broken(store, "is damaged")
    store.close()
    assert path.read_bytes() == damaged


def test_a_truncated_database_is_told(store, path):
    store.commit([Write(kind="put", path=f"a/{n}", data={"text": "x" * 900}) for n in range(200)])
    store.close()
    path.write_bytes(path.read_bytes()[:20_000])
    _broken(store, "is damaged")


def test_a_folder_that_cannot_be_made_and_a_folder_in_the_files_place_are_told(tmp_path):
    (tmp_path / "file").write_text("x")
    _broken(SqliteDocuments(tmp_path / "file" / "deep" / "state.sqlite"), "cannot be made")
    (tmp_path / "folder").mkdir()
    _broken(SqliteDocuments(tmp_path / "folder"), "cannot be opened")


def _as_nobody(path, results):
    if os.geteuid() == 0:
        os.setuid(65534)
    told = []
    for name in ("locked/state.sqlite", "locked/new.sqlite"):
        try:
            SqliteDocuments(path / name).create("a/2", {})
            told.append("written")
        except StoreBroken as error:
            told.append(f"{error}; {error.remedy}")
    results.put(told)


@FORKS
def test_a_folder_that_may_not_be_written_is_told(tmp_path):
    folder = tmp_path / "locked"
    with closing(SqliteDocuments(folder / "state.sqlite")) as store:
        store.create("a/1", {})
    for parent in (tmp_path, *tmp_path.parents):
        if parent == Path(tempfile.gettempdir()):
            break
        parent.chmod(0o755)
    (folder / "state.sqlite").chmod(0o444)
    folder.chmod(0o555)
    context = multiprocessing.get_context("fork")
    results = context.Queue()
    child = context.Process(target=_as_nobody, args=(tmp_path, results))
    child.start()
    old, new = results.get(timeout=20)
    child.join()
    folder.chmod(0o755)
    assert "state.sqlite cannot be" in old
    assert "new.sqlite cannot be opened" in new
    assert "set BOT_STATE to another file" in old
    assert "set BOT_STATE to another file" in new


def test_a_full_disk_is_told_and_what_was_written_stays(store):
    store.create("a/1", {"n": 1})
    with store._connection() as connection:
        connection.execute("PRAGMA max_page_count = 8")  # SQLite answers as on a full disk
    with pytest.raises(StoreBroken, match="no room left") as caught:
        store.commit(
            [Write(kind="put", path=f"a/{n}", data={"text": "x" * 3000}) for n in range(20)]
        )
    assert "free some space" in caught.value.remedy
    assert [document.path for document in store.query("a")] == ["a/1"]
    store.create("a/2", {})


def test_a_database_that_is_removed_or_replaced_under_a_running_bot_is_told(store, path, tmp_path):
    store.create("a/1", {})
    path.unlink()
    _broken(store, "removed or replaced")
    with closing(SqliteDocuments(tmp_path / "other.sqlite")) as other:
        other.create("a/2", {})
    (tmp_path / "other.sqlite").replace(path)
    _broken(store, "removed or replaced")
    store.close()
    for leftover in path.parent.glob("*-*"):
        leftover.unlink()
    assert store.get("a/2") is not None


class _FailingDisk(SqliteDocuments):
    """The disk reports an error for the next commits, before or after they were applied."""

    failing: list[str]

    def _commit(self, connection):
        when = self.failing.pop() if self.failing else None
        if when == "after":
            connection.execute("COMMIT")
        if when is None:
            super()._commit(connection)
        else:
            super()._commit(_Refusing())


class _Refusing:
    def execute(self, _):
        error = sqlite3.OperationalError("disk I/O error")
        error.sqlite_errorcode = sqlite3.SQLITE_IOERR | (4 << 8)  # SQLITE_IOERR_FSYNC
        raise error


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_commit_that_the_disk_did_not_confirm_is_asked_about_once_more(path, when):
    with closing(_FailingDisk(path)) as store:
        store.failing = [when]
        created = store.create("a/1", {"n": 1})
        assert store.get("a/1") == created
        store.failing = [when, when]
        with pytest.raises(StoreBroken, match="disk did not confirm") as caught:
            store.replace(created, {"n": 2})
        assert "check the disk" in caught.value.remedy


# speed


def test_a_query_by_a_field_uses_an_index_in_order(store):
    store.commit([Write(kind="put", path=f"ticks/{n}", data={"claimed_at": n}) for n in range(50)])
    assert [
        item.path
        for item in store.query(
            "ticks", field="claimed_at", op=">=", value=0, descending=True, limit=2
        )
    ] == [
        "ticks/49",
        "ticks/48",
    ]
    from shared.stores.documents import check_query
    from shared.stores.local.sqlite import _select

    for asked in ({"op": ">=", "value": 5}, {"op": "==", "value": 5}, {"op": "==", "value": None}):
        query = check_query("ticks", field="claimed_at", descending=True, limit=2, **asked)
        text, values = _select(query)
        with store._connection() as connection:
            plan = " ".join(
                row[-1] for row in connection.execute(f"EXPLAIN QUERY PLAN {text}", values)
            )
        assert "documents_by_field_claimed_at" in plan
        assert "TEMP B-TREE" not in plan


def test_the_newest_of_many_documents_is_found_without_reading_them_all(store):
    for batch in range(6):
        store.commit(
            [
                Write(
                    kind="put",
                    path=f"ticks/{batch}-{n}",
                    data={"at": batch * 500 + n, "report": "x" * 2000},
                )
                for n in range(500)
            ]
        )
    store.query("ticks", field="at", op=">=", value=0, limit=1)
    began = time.perf_counter()
    for _ in range(20):
        assert (
            store.query("ticks", field="at", op=">=", value=0, descending=True, limit=1)[0].data[
                "at"
            ]
            == 2999
        )
    assert (time.perf_counter() - began) / 20 < 0.01


def test_a_document_that_is_no_json_any_more_is_named_with_what_to_do(store, path):
    store.create("trials/one", {"a": 1})
    with closing(sqlite3.connect(path)) as other:
        other.execute("UPDATE documents SET data = '{\"a\":' WHERE path = 'trials/one'")
        other.commit()
    for ask in (lambda: store.get("trials/one"), lambda: store.query("trials")):
        with pytest.raises(StoreBroken, match="trials/one is not JSON any more") as caught:
            ask()
        assert "restore a copy" in caught.value.remedy
