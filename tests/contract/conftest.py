"""The adapters under the contract suites. A new adapter joins by one more entry here.

A case opens its store again and again: `open()` gives another view of the same data where the
adapter can be shared (`LASTING`), and `open(lossy=n)` one that loses the answer of its next n
batches after they were applied.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from shared.stores.documents import AnswerLost
from shared.stores.local.folder import FolderBucket
from shared.stores.local.sqlite import SqliteDocuments
from shared.stores.memory import MemoryBucket, MemoryDocuments


@dataclass
class Case:
    open: Callable[..., Any]
    address: str = ""  # what another process opens


class _Lossy:
    losses = 0

    def _answer(self):
        if self.losses:
            self.losses -= 1
            raise AnswerLost("the answer was lost on purpose")


class LossyMemory(_Lossy, MemoryDocuments):
    pass


class LossySqlite(_Lossy, SqliteDocuments):
    pass


def _memory(path: Path, opened: list) -> Case:
    store = LossyMemory()

    def open_(*, lossy: int = 0):
        store.losses = lossy
        return store

    return Case(open=open_)


def _sqlite(path: Path, opened: list) -> Case:
    file = path / "deep" / "state.sqlite"

    def open_(*, lossy: int = 0):
        store = LossySqlite(file)
        store.losses = lossy
        opened.append(store)
        return store

    return Case(open=open_, address=str(file))


DOCUMENTS = {"memory": _memory, "sqlite": _sqlite}
LASTING_DOCUMENTS = sorted(DOCUMENTS.keys() - {"memory"})


def _documents_case(name, path):
    opened: list[Any] = []
    yield DOCUMENTS[name](path, opened)
    for store in opened:
        store.close()


@pytest.fixture(params=sorted(DOCUMENTS))
def documents_case(request, tmp_path):
    yield from _documents_case(request.param, tmp_path)


@pytest.fixture(params=LASTING_DOCUMENTS)
def lasting_documents_case(request, tmp_path):
    yield from _documents_case(request.param, tmp_path)


@pytest.fixture
def documents(documents_case):
    return documents_case.open()


def _memory_bucket(path: Path) -> Case:
    bucket = MemoryBucket()
    return Case(open=lambda: bucket)


def _folder_bucket(path: Path) -> Case:
    return Case(
        open=lambda: FolderBucket(path / "deep" / "bucket"), address=str(path / "deep" / "bucket")
    )


BUCKETS = {"memory": _memory_bucket, "folder": _folder_bucket}


LASTING_BUCKETS = sorted(BUCKETS.keys() - {"memory"})


@pytest.fixture(params=sorted(BUCKETS))
def bucket(request, tmp_path):
    return BUCKETS[request.param](tmp_path).open()


@pytest.fixture(params=LASTING_BUCKETS)
def lasting_bucket_case(request, tmp_path):
    return BUCKETS[request.param](tmp_path)
