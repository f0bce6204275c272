"""A round of the watch: look, call the tick once where none finished, judge, remember, tell.

What is told is first written into the memory, as *waiting*, and taken out of it when it was told:
whoever dies in between leaves it to the next round. So nothing is lost, and a death repeats an
alert at most once, under the same key; not even that where the outbox has that key by then. Until
`held_until` the alerts belong to the round that wrote them; of two rounds at once the slower one
finds another generation, or such a hold, and tells nothing.

`tell` takes alerts and stores or delivers them, raising where it could not: then they wait for the
next round. It is not called for an alert whose key the outbox (`alerts/{key}`) knows: that is how a
condition that the living tick tells too (see `changes.SHARED`) is told once.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from shared.core.clock import BoundedClock, Clock
from shared.core.errors import Conflict, StoreBroken, Unavailable
from shared.core.logs import log
from shared.core.masking import mask_secrets_and_keys
from shared.core.settings import Settings
from shared.core.types import Alert
from shared.rounds.changes import WatchMemory, change
from shared.rounds.conditions import Condition, conditions_of
from shared.rounds.memory import MemoryBook, Remembered
from shared.rounds.rules import judge_silence
from shared.rounds.sight import Reader, Sight, look_again, read_sight
from shared.stores import lease as leases
from shared.stores.ports import Bucket, DocumentStore

Tell: TypeAlias = Callable[[Sequence[Alert]], None]
HOLDS_IN_A_ROUND = 3
"""So many times longer than a round may tell is the time from one round to the next."""
PATIENCE_MS, AGAIN_MS = 60_000, 5_000
"""So long a tick that is at work is waited for, and so often looked at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchPorts:
    """What a round touches.

    Attributes:
        clock: This machine's.
        open_documents: The document store; may raise as its calls may.
        bucket: Where the memory is.
        tell: Stores or delivers alerts; raises where it could not.
        call_tick: Runs a tick, and says whether it was answered; None: nobody can.
        skew_ms: This machine's clock less the exchange's, in ms; None where nobody knows.

    >>> from shared.core.clock import SystemClock
    >>> from shared.stores.memory import MemoryBucket, MemoryDocuments
    >>> documents = MemoryDocuments()
    >>> WatchPorts(clock=SystemClock(), open_documents=lambda: documents, bucket=MemoryBucket(),
    ...     tell=print).call_tick is None
    True
    """

    clock: Clock
    open_documents: Callable[[], DocumentStore]
    bucket: Bucket
    tell: Tell
    call_tick: Callable[[], bool] | None = None
    skew_ms: Callable[[], float | None] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """What came of a round.

    Attributes:
        at: When it was.
        conditions: Those that stand.
        unjudged: The names of those that could not be judged.
        alerts: What this round had to tell.
        is_told: Whether that was taken; else it waits for the next round.
        is_beaten: Whether another round is at work, which tells.

    >>> Round(at=0, is_beaten=True).conditions
    ()
    """

    at: int
    conditions: tuple[Condition, ...] = ()
    unjudged: frozenset[str] = frozenset()
    alerts: tuple[Alert, ...] = ()
    is_told: bool = True
    is_beaten: bool = False


def compared_clock(
    own: Clock, skew_ms: Callable[[], float | None] | None, settings: Settings
) -> BoundedClock:
    """This machine's clock, compared with the exchange's, where that can be asked."""
    clock = BoundedClock(own, allowed_ms=settings.market.max_clock_skew_ms)
    try:
        clock.compare(None if skew_ms is None else skew_ms())
    # Where the exchange says nothing, this machine is believed.
    except Exception as error:  # noqa: BLE001
        log("watch.clock_unknown", severity="WARNING", error=type(error).__name__)
    return clock


def look_around(ports: WatchPorts, settings: Settings) -> Round:
    """Do one round. Raises nothing that a store, the exchange, the tick or `tell` raises.

    >>> from shared.core.clock import SystemClock
    >>> from shared.core.settings import load_settings
    >>> from shared.stores.memory import MemoryBucket, MemoryDocuments
    >>> documents, told = MemoryDocuments(), []
    >>> ports = WatchPorts(clock=SystemClock(), open_documents=lambda: documents,
    ...     bucket=MemoryBucket(), tell=told.extend)
    >>> halt = documents.create("control/all", {"schema": 1, "lifted": None, "halt":
    ...     {"id": "1", "at": 0, "who": "a person", "why": "a storm"}})
    >>> settings = load_settings({})
    >>> rounds = [look_around(ports, settings), look_around(ports, settings)]
    >>> [[condition.name for condition in one.conditions] for one in rounds]
    [['halt'], ['halt']]
    >>> [alert.title for alert in told]
    ['A person has halted the bot.']
    """
    clock = compared_clock(ports.clock, ports.skew_ms, settings)
    reader, now = Reader(), clock.exchange_ms()
    book = MemoryBook(ports.bucket, ports.open_documents, settings.id)
    before = book.load(reader, now_ms=now)
    hold_ms = settings.rounds.every_seconds * 1000 // HOLDS_IN_A_ROUND
    if before.memory.waiting and leases.is_held(
        before.memory.held_until, now_ms=now, longest_ms=hold_ms
    ):
        return Round(at=now, is_beaten=True)
    sight = read_sight(
        reader,
        ports.open_documents,
        ports.bucket,
        settings,
        now_ms=now,
        off_ms=clock.off_ms if clock.known else None,
        watching_since=before.memory.first_at,
    )
    sight = replace(
        sight,
        is_comparable=ports.skew_ms is not None,
        standing=frozenset(before.memory.lasting),
    )
    sight = _call_if_silent(sight, before.memory, ports, settings, clock)
    judged = conditions_of(sight, settings)
    alerts, after = change(before.memory, judged, sight.now_ms, settings=settings)
    done = Round(
        at=sight.now_ms, conditions=judged.conditions, unjudged=judged.unjudged, alerts=alerts
    )
    after = replace(after, rescued=sight.rescued)
    return _finish(done, book, before, after, ports, hold_until=sight.now_ms + hold_ms)


def _call_if_silent(
    sight: Sight, memory: WatchMemory, ports: WatchPorts, settings: Settings, clock: BoundedClock
) -> Sight:
    """Where no tick has finished, call one, and look again."""
    silence = judge_silence(sight, settings)
    if silence is None or silence is ...:
        return replace(sight, rescued=memory.rescued if silence is ... else 0)
    if ports.call_tick is None:
        return sight
    try:
        answered = ports.call_tick()
    # Why it did not answer is for the log; that it did not, for the alert.
    except Exception as error:  # noqa: BLE001
        log("watch.call_failed", severity="ERROR", error=mask_secrets_and_keys(str(error)))
        answered = False
    again = _look_again(sight, ports, settings, clock)
    return replace(
        again,
        call="answered" if answered else "unanswered",
        rescued=memory.rescued + 1 if again.finished_by_call else 0,
    )


def _look_again(sight: Sight, ports: WatchPorts, settings: Settings, clock: BoundedClock) -> Sight:
    """Whether a tick has finished since; one that is at work is waited for, for a while: that of a
    machine that has just woken up may have been faster than our call.
    """
    until = clock.exchange_ms() + PATIENCE_MS
    while True:
        again = look_again(sight, ports.open_documents, settings, now_ms=clock.exchange_ms())
        if again.finished_by_call or not again.is_ticking or again.now_ms >= until:
            return again
        ports.clock.sleep_until(ports.clock.now_ms() + AGAIN_MS)


def _finish(
    done: Round,
    book: MemoryBook,
    before: Remembered,
    after: WatchMemory,
    ports: WatchPorts,
    *,
    hold_until: int,
) -> Round:
    waiting = (*before.memory.waiting, *done.alerts)
    claimed = replace(after, waiting=waiting, held_until=hold_until if waiting else 0)
    if claimed == before.memory and before.is_whole:
        return done
    try:
        kept: Remembered | None = book.save(before, claimed)
    except Conflict:
        return replace(done, alerts=(), is_beaten=True)
    # What cannot be remembered is told all the same.
    except Exception as error:  # noqa: BLE001
        log("watch.not_remembered", severity="ERROR", error=mask_secrets_and_keys(str(error)))
        kept = None
    if not waiting:
        return done
    if _tell_fresh(ports, waiting):
        return replace(done, is_told=False)
    if kept is not None:
        _settle(book, kept)
    return done


def _tell_fresh(ports: WatchPorts, waiting: Sequence[Alert]) -> Sequence[Alert]:
    """Tell what the outbox does not know; what remains untold."""
    fresh = [alert for alert in waiting if not _is_known(ports, alert)]
    try:
        if fresh:
            ports.tell(fresh)
    # They wait in the memory; what is wrong with telling must not end the watch.
    except Exception as error:  # noqa: BLE001
        log("watch.untold", severity="CRITICAL", alerts=len(fresh), error=type(error).__name__)
        return fresh
    return ()


def _is_known(ports: WatchPorts, alert: Alert) -> bool:
    """Whether the outbox has it; where the store does not answer, nobody knows, and it is told."""
    try:
        return ports.open_documents().get(f"alerts/{alert.key}") is not None
    except (Unavailable, StoreBroken):
        return False
    except Exception as error:  # noqa: BLE001  # it lies there damaged
        log("watch.outbox_damaged", severity="ERROR", key=alert.key, error=type(error).__name__)
        return False


def _settle(book: MemoryBook, kept: Remembered) -> None:
    """Nothing waits any more. Where that cannot be written, the next round finds it waiting."""
    try:
        book.save(kept, replace(kept.memory, waiting=(), held_until=0))
    except Exception as error:  # noqa: BLE001
        log("watch.not_settled", severity="WARNING", error=type(error).__name__)
