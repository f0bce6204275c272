"""What nobody needs any longer goes: old results of backtests with their jobs, reports of ticks,
delivered alerts, closed intents.

Trades, fills, days, trials, audit, models and weeks of retraining stay for ever. So does whatever
is still referred to: a job that is not over, the newest job, a protected one, an open intent, an
alert that waits.

A round takes a batch of each kind away at most, and the next one goes on; so it does where a round
is killed.

A clock that is wrong would take away what is young. So nothing goes unless a tick of the store was
claimed between `WITNESS_MS` and `APART_MS` ago: a clock that has jumped ahead finds none, and
neither does a bot that has stood for long; that one waits for a day of ticks.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from shared.core.calendar import DAY_MS, HOUR_MS, utc_text
from shared.core.reasons import Reason
from shared.core.settings import KeepSettings
from shared.rounds.keeping import JOBS
from shared.rounds.old_jobs import remove_old_jobs
from shared.stores.ports import Bucket, Document, DocumentStore, Write

BATCH = 200
"""So many documents of a kind go in a round, and so many jobs are looked at."""
WITNESS_MS = 8 * DAY_MS
APART_MS = DAY_MS
_SETTLED = ("sent_at", "given_up_at", "dead_at")


@dataclass(frozen=True, slots=True, kw_only=True)
class CleaningPlace:
    """Where a round cleans up.

    `by_themselves`: collections from which the store takes what is old away by its own rule.

    >>> from shared.core.settings import load_settings
    >>> from shared.stores.memory import MemoryBucket, MemoryDocuments
    >>> place = CleaningPlace(
    ...     documents=MemoryDocuments(), bucket=MemoryBucket(), keep=load_settings({}).keep
    ... )
    >>> sorted(place.by_themselves)
    []
    """

    documents: DocumentStore
    bucket: Bucket
    keep: KeepSettings
    by_themselves: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class CleaningOutcome:
    """What a round has taken away, by collection; `refused` says why it did nothing.

    `is_more`: whether a batch was full, so that the next round will find more.

    >>> CleaningOutcome(removed={"ticks": 3}).refused
    ''
    """

    removed: Mapping[str, int] = field(default_factory=dict)
    is_more: bool = False
    refused: str = ""


def clean_up(place: CleaningPlace, *, now_ms: int, batch: int = BATCH) -> CleaningOutcome:
    """One round: at most `batch` of each kind.

    Raises `Unavailable` or `StoreBroken` where a store fails; the next round goes on.

    >>> from shared.core.settings import load_settings
    >>> from shared.stores.memory import MemoryBucket, MemoryDocuments
    >>> stores = MemoryDocuments(), MemoryBucket()
    >>> keep = load_settings({}).keep
    >>> place = CleaningPlace(documents=stores[0], bucket=stores[1], keep=keep)
    >>> clean_up(place, now_ms=1_767_225_600_000).removed
    {}
    """
    if doubt := _find_doubt(place.documents, now_ms):
        return CleaningOutcome(refused=doubt)
    ticks_before = now_ms - place.keep.ticks_days * DAY_MS
    removed = {
        JOBS: remove_old_jobs(
            place.documents,
            place.bucket,
            before=now_ms - place.keep.reports_days * DAY_MS,
            batch=batch,
        )
    }
    for collection, find in _FINDERS.items():
        if collection not in place.by_themselves:
            gone = find(place.documents, ticks_before, batch)[:batch]
            if gone:
                place.documents.commit([Write(kind="delete", path=item.path) for item in gone])
            removed[collection] = len(gone)
    is_more = any(count >= batch for count in removed.values())
    return CleaningOutcome(
        removed={name: count for name, count in removed.items() if count}, is_more=is_more
    )


def _find_doubt(documents: DocumentStore, now_ms: int) -> str:
    """Why the clock is not to be believed; empty where a tick of the store agrees with it."""
    newest = documents.query(
        "ticks", field="claimed_at", op="<", value=now_ms + HOUR_MS, descending=True, limit=1
    )
    if not newest:  # or all lie ahead of the clock: what is old by it is old
        return ""
    if any(
        isinstance(issue, Mapping) and issue.get("reason") == Reason.CLOCK_SKEW
        for issue in (newest[0].data.get("report") or {}).get("issues") or ()
    ):
        return "the last tick found the clock wrong: nothing is taken away until it is right"
    since, until = now_ms - WITNESS_MS, now_ms - APART_MS
    found = documents.query("ticks", field="claimed_at", op=">=", value=since, limit=1)
    if found and found[0].data["claimed_at"] <= until:
        return ""
    earlier = documents.query(
        "ticks", field="claimed_at", op="<", value=until, descending=True, limit=1
    )
    if not earlier:
        return ""  # no tick is a day old: there is nothing that could be too old
    last = utc_text(earlier[0].data["claimed_at"])[:16]
    return (
        f"the clock says {utc_text(now_ms)[:16]} UTC, and but for the last day's the newest tick"
        f" of the store is of {last} UTC: nothing is taken away until ticks have agreed with the"
        " clock for a day"
    )


def _old_ticks(documents: DocumentStore, before: int, most: int) -> list[Document]:
    found = documents.query("ticks", field="claimed_at", op="<", value=before, limit=most)
    last = _last_ticks(documents, found)
    return [item for item in found if item.path not in last]


def _closed_intents(documents: DocumentStore, before: int, most: int) -> list[Document]:
    found = documents.query("intents", field="at", op="<", value=before, limit=most)
    return [item for item in found if item.data.get("open_for") is None]


def _settled_alerts(documents: DocumentStore, before: int, most: int) -> list[Document]:
    """Never asked of a store that takes alerts away by itself, so that none needs these indexes."""
    ask = documents.query
    found = {
        item.path: item
        for name in _SETTLED
        for item in ask("alerts", field=name, op="<", value=before, limit=most)
        if item.data.get("waiting_for") is None
    }
    return list(found.values())


def _last_ticks(documents: DocumentStore, ticks: Sequence[Document]) -> set[str]:
    """Those of the ticks that are the last of their bot: it may be the only one that stands
    still.
    """
    last = {}
    for bot in {tick.data.get("bot") for tick in ticks}:
        stored = documents.get(f"bots/{bot}")
        state = None if stored is None else stored.data.get("state")
        last[bot] = state.get("last_scheduled_at") if isinstance(state, Mapping) else None
    return {
        tick.path
        for tick in ticks
        if (report := tick.data.get("report")) is not None
        and report.get("scheduled_at") == last[tick.data.get("bot")]
    }


_FINDERS: Mapping[str, Callable[[DocumentStore, int, int], list[Document]]] = {
    "ticks": _old_ticks,
    "alerts": _settled_alerts,
    "intents": _closed_intents,
}
