"""Reports that a person protects from the cleaning.

kept/{id}     name, at, who, why
"""

from collections.abc import Mapping
from typing import Any

from shared.core.errors import NotThere
from shared.stores.ports import DocumentStore, Write

KEPT, JOBS = "kept", "jobs"
_MOST_KEPT = 10_000


def protect_report(documents: DocumentStore, name: str, *, who: str, why: str, now_ms: int) -> None:
    """Keep one report for ever. Raises `NotThere` where there is none of that name.

    >>> from shared.stores.memory import MemoryDocuments
    >>> documents = MemoryDocuments()
    >>> documents.create("jobs/spring", {"status": "done"}).path
    'jobs/spring'
    >>> protect_report(documents, "spring", who="me", why="the first", now_ms=0)
    >>> [report["name"] for report in protected_reports(documents)]
    ['spring']
    """
    _require_report(documents, name)
    data = {"name": name, "at": now_ms, "who": who, "why": why}
    documents.commit([Write(kind="put", path=f"{KEPT}/{name}", data=data)])
    try:
        _require_report(documents, name)  # a round may have been taking it away meanwhile
    except NotThere:
        documents.commit([Write(kind="delete", path=f"{KEPT}/{name}")])
        raise


def release_report(documents: DocumentStore, name: str) -> None:
    """Let a protected report go when it is old. Raises `NotThere` where it is not protected.

    >>> from shared.stores.memory import MemoryDocuments
    >>> documents = MemoryDocuments()
    >>> release_report(documents, "spring")
    Traceback (most recent call last):
      ...
    shared.core.errors.NotThere: no report called spring is protected
    """
    if documents.get(f"{KEPT}/{name}") is None:
        raise NotThere(f"no report called {name} is protected")
    documents.commit([Write(kind="delete", path=f"{KEPT}/{name}")])


def protected_reports(documents: DocumentStore) -> list[Mapping[str, Any]]:
    """The protected reports: `name`, `at` (ms UTC), `who` and `why`, by their names.

    >>> from shared.stores.memory import MemoryDocuments
    >>> documents = MemoryDocuments()
    >>> protected_reports(documents)
    []
    """
    return [found.data for found in documents.query(KEPT, limit=_MOST_KEPT)]


def _require_report(documents: DocumentStore, name: str) -> None:
    stored = documents.get(f"{JOBS}/{name}")
    if stored is None or "removed_at" in stored.data:
        raise NotThere(f"there is no report called {name}")
