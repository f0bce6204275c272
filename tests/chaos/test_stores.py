"""Writers that are killed at any moment, again and again: what is stored is always whole."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from shared.core.errors import Conflict
from shared.stores.local.folder import FolderBucket
from shared.stores.local.sqlite import SqliteDocuments
from shared.stores.ports import Write

ROOT = Path(__file__).parents[2]
NAMES = ("state", "report", "equity")

SQLITE_WRITER = """
import sys
from shared.stores.ports import Write
from shared.stores.local.sqlite import SqliteDocuments
store = SqliteDocuments(sys.argv[1], busy_seconds=30)
store.get("batch/state")
print("ready", flush=True)
while True:
    stored = store.get("batch/state")
    number = stored.data["n"] + 1
    store.commit([
        Write(kind="replace", path="batch/state", data={"n": number}, version=stored.version),
        Write(
            kind="put",
            path="batch/report",
            data={"n": number, "text": "x" * (number % 7) * 9000},
        ),
        Write(kind="put", path="batch/equity", data={"n": number}),
        Write(kind="create", path=f"log/{number:06d}", data={"n": number}),
    ])
    print(number, flush=True)
"""

FOLDER_WRITER = """
import sys
from shared.stores.local.folder import FolderBucket
bucket = FolderBucket(sys.argv[1], busy_seconds=30)
print("ready", flush=True)
while True:
    blob = bucket.get("deep/object")
    number = int(blob.data[:8]) + 1
    data = f"{number:08d}".encode() * (1 + number % 5 * 40_000)
    bucket.put("deep/object", data, if_generation=blob.generation)
    print(number, flush=True)
"""


def _kill_after_a_while(script: str, path: Path, seconds: float) -> int:
    """Run a writer, kill -9 it `seconds` after it began to write, and give the last number that it
    had answered for.
    """
    writer = subprocess.Popen(
        [sys.executable, "-c", script, str(path)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert writer.stdout is not None
    assert writer.stdout.readline() == "ready\n"
    time.sleep(seconds)
    os.kill(writer.pid, signal.SIGKILL)
    lines = writer.stdout.read().splitlines()
    writer.stdout.close()
    assert writer.wait() == -signal.SIGKILL
    return int(lines[-1]) if lines else 0


@pytest.mark.parametrize("size", ["quick", pytest.param("full", marks=pytest.mark.full)])
def test_a_killed_sqlite_writer_never_leaves_half_a_batch_or_loses_an_answered_one(tmp_path, size):
    path, chance, kills = (
        tmp_path / "state.sqlite",
        random.Random(7),
        12 if size == "quick" else 100,
    )
    store = SqliteDocuments(path)
    store.commit([Write(kind="put", path=f"batch/{name}", data={"n": 0}) for name in NAMES])
    newest = 0
    for kill in range(kills):
        answered = _kill_after_a_while(SQLITE_WRITER, path, chance.uniform(0.0, 0.15))
        if (
            kill % 2
        ):  # the next one to look is a fresh process's store, or one that was open all the time
            store.close()
            store = SqliteDocuments(path)
        told = {name: store.get(f"batch/{name}").data["n"] for name in NAMES}
        assert len(set(told.values())) == 1, told
        newest = told["state"]
        assert newest >= answered
        logged = store.query("log", limit=10**6)
        assert [document.data["n"] for document in logged] == list(range(1, newest + 1))
    with store._connection() as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    store.close()
    assert newest >= kills // 2  # it did write in between, also on a slow disk


@pytest.mark.parametrize("size", ["quick", pytest.param("full", marks=pytest.mark.full)])
def test_a_killed_folder_writer_leaves_whole_objects_and_a_free_lock(tmp_path, size):
    path, chance, kills = tmp_path / "bucket", random.Random(7), 12 if size == "quick" else 100
    bucket = FolderBucket(path)
    generations = [bucket.put("deep/object", b"00000000")]
    newest = 0
    for _ in range(kills):
        answered = _kill_after_a_while(FOLDER_WRITER, path, chance.uniform(0.0, 0.15))
        blob = bucket.get("deep/object")
        newest = int(blob.data[:8])
        assert newest >= answered
        assert blob.data == f"{newest:08d}".encode() * (1 + newest % 5 * 40_000)
        assert bucket.keys() == ["deep/object"]
        with pytest.raises(Conflict):
            bucket.put("deep/object", b"", if_generation=generations[-1] - 1)
        generations.append(blob.generation)
    assert generations == sorted(generations)
    assert newest >= kills // 2
