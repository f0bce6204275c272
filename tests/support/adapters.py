"""The adapters that `functions/wiring.py` names, opened for the contract suites: whoever has a line
there is under its suite.
"""

from pkgutil import resolve_name
from typing import Any

from functions import wiring
from shared.core.errors import AlreadyExists, Conflict

BUSY_SECONDS = 30.0
"""How long a writer waits for others, where a store waits: these machines are busy."""


def documents_at(address: str) -> Any:
    """A document store at an address with its scheme."""
    return _patient(_kind(address, wiring.DOCUMENTS).open(_rest(address)))


def lossy_documents_at(address: str) -> Any:
    """One that loses the answer of its next `losses` batches after they were applied."""
    kind = _kind(address, wiring.DOCUMENTS)
    return type(f"Lossy{kind.__name__}", (_Lossy, kind), {}).open(_rest(address))


def bucket_at(address: str) -> Any:
    """A bucket at an address with its scheme."""
    return _patient(_kind(address, wiring.BUCKETS).open(_rest(address)))


class _Lossy:
    losses = 0

    def _answer(self) -> None:
        from shared.stores.documents import AnswerLost

        if self.losses:
            self.losses -= 1
            raise AnswerLost("the answer was lost on purpose")


def _kind(address: str, known: Any) -> Any:
    return resolve_name(known[address.partition("://")[0]])


def _rest(address: str) -> str:
    return address.partition("://")[2]


def _patient(store: Any) -> Any:
    store._busy_seconds = BUSY_SECONDS
    return store


def increment(store: Any, times: int) -> int:
    """Add one to a counter so many times by compare-and-set; how often another was faster."""
    conflicts = 0
    for _ in range(times):
        while True:
            document = store.get("counter/one")
            try:
                store.replace(document, {"n": document.data["n"] + 1})
                break
            except Conflict:
                conflicts += 1
    return conflicts


def increment_in_a_process(address: str, times: int, start: Any, results: Any) -> None:
    store = documents_at(address)
    start.wait()
    results.put(increment(store, times))
    store.close()


def create_in_a_process(address: str, races: int, start: Any, results: Any) -> None:
    store = documents_at(address)
    start.wait()
    won = []
    for race in range(races):
        try:
            store.create(f"race/{race}", {})
            won.append(race)
        except AlreadyExists:
            continue
    results.put(won)
    store.close()
