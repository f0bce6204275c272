"""The adapters of `functions/wiring.py` under the contract suites: one joins by its line there.

A case opens its store again and again: `open()` gives another view of the same data where the
adapter can be shared (`LASTING`), and `open(lossy=n)` one that loses the answer of its next n
batches after they were applied. A store of Google's is its emulator, in a project of the test's
own.
"""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests

from functions.wiring import BUCKETS, DOCUMENTS
from tests.support import storage_server
from tests.support.adapters import bucket_at, lossy_documents_at
from tests.support.emulators import fresh_project

IN_A_PROCESS = {"memory"}
"""What is gone with the process that opened it."""


@dataclass
class Case:
    open: Callable[..., Any]
    address: str = ""  # what another process opens
    most_bytes: int = 9 * 1024 * 1024  # of a batch that the store can be given here
    may_fork: bool = True  # whether a child may be forked while this process has it open


def _documents(scheme: str, path: Path, opened: list) -> Case:
    is_google = scheme == "firestore"
    place = f"{fresh_project()}/(default)" if is_google else path / "deep" / "state"
    address = f"{scheme}://{place}"
    held = lossy_documents_at(address) if scheme in IN_A_PROCESS else None

    def open_(*, lossy: int = 0):
        store = held or lossy_documents_at(address)
        store.losses = lossy
        opened.append(store)
        return store

    if not is_google:
        return Case(open=open_, address=address)
    # The emulator takes messages of 4 MiB, Firestore itself 10 MiB.
    return Case(open=open_, address=address, most_bytes=4_000_000, may_fork=False)


LASTING_DOCUMENTS = sorted(DOCUMENTS.keys() - IN_A_PROCESS)


def _documents_case(request, path):
    name = request.param
    if name == "firestore":
        request.getfixturevalue("firestore_here")
    opened: list[Any] = []
    yield _documents(name, path, opened)
    for store in opened:
        store.close()


@pytest.fixture(params=sorted(DOCUMENTS))
def documents_case(request, tmp_path):
    yield from _documents_case(request, tmp_path)


@pytest.fixture(params=LASTING_DOCUMENTS)
def lasting_documents_case(request, tmp_path):
    yield from _documents_case(request, tmp_path)


@pytest.fixture
def documents(documents_case):
    return documents_case.open()


@pytest.fixture(scope="session")
def storage_url() -> Iterator[str]:
    with storage_server.process() as url:
        yield url


_buckets = itertools.count()


def _gs_address(request: pytest.FixtureRequest) -> str:
    """A bucket of its own, where Google's client looks for the service."""
    url = request.getfixturevalue("storage_url")
    request.getfixturevalue("monkeypatch").setenv("STORAGE_EMULATOR_HOST", url)
    name = f"bucket-{next(_buckets)}"
    requests.post(f"{url}/storage/v1/b", json={"name": name}, timeout=30).raise_for_status()
    return f"gs://{name}/deep/bucket"


def _bucket(scheme: str, path: Path, request: pytest.FixtureRequest) -> Iterator[Case]:
    address = f"{scheme}://{path / 'deep' / 'bucket'}"
    if scheme == "gs":
        address = _gs_address(request)
    held = bucket_at(address) if scheme in IN_A_PROCESS else None
    opened: list[Any] = []

    def open_():
        bucket = held or bucket_at(address)
        opened.append(bucket)
        return bucket

    yield Case(open=open_, address=address)
    for bucket in opened:
        if hasattr(bucket, "close"):
            bucket.close()


LASTING_BUCKETS = sorted(BUCKETS.keys() - IN_A_PROCESS)


@pytest.fixture(params=sorted(BUCKETS))
def bucket_case(request, tmp_path):
    yield from _bucket(request.param, tmp_path, request)


@pytest.fixture
def bucket(bucket_case):
    return bucket_case.open()


@pytest.fixture(params=LASTING_BUCKETS)
def lasting_bucket_case(request, tmp_path):
    yield from _bucket(request.param, tmp_path, request)
