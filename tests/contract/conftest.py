"""The adapters under the contract suites. A new adapter joins by one more entry here.

A case opens its store again and again: `open()` gives another view of the same data where the adapter can be shared
(`persists`), and `open(lossy=n)` one that loses the answer of its next n batches after they were applied.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from shared.stores.documents import AnswerLost
from shared.stores.folder import FolderBucket
from shared.stores.memory import MemoryBucket, MemoryDocuments
from shared.stores.sqlite import SqliteDocuments


@dataclass
class Case:
    open: Callable[..., Any]
    persists: bool
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

    return Case(open=open_, persists=False)


def _sqlite(path: Path, opened: list) -> Case:
    file = path / "deep" / "state.sqlite"

    def open_(*, lossy: int = 0):
        store = LossySqlite(file)
        store.losses = lossy
        opened.append(store)
        return store

    return Case(open=open_, persists=True, address=str(file))


DOCUMENTS = {"memory": _memory, "sqlite": _sqlite}


@pytest.fixture(params=sorted(DOCUMENTS))
def documents_case(request, tmp_path):
    opened: list[Any] = []
    yield DOCUMENTS[request.param](tmp_path, opened)
    for store in opened:
        store.close()


@pytest.fixture
def documents(documents_case):
    return documents_case.open()


def _memory_bucket(path: Path) -> Case:
    bucket = MemoryBucket()
    return Case(open=lambda: bucket, persists=False)


def _folder_bucket(path: Path) -> Case:
    return Case(open=lambda: FolderBucket(path / "deep" / "bucket"), persists=True, address=str(path / "deep" / "bucket"))


BUCKETS = {"memory": _memory_bucket, "folder": _folder_bucket}


@pytest.fixture(params=sorted(BUCKETS))
def bucket_case(request, tmp_path):
    return BUCKETS[request.param](tmp_path)


@pytest.fixture
def bucket(bucket_case):
    return bucket_case.open()
