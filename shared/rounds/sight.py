"""What a round of the watch saw in the stores: read part by part, each on its own, so that one that
fails hides no other.

Every read is bounded: below forty documents a round, and `PART_SECONDS` for a part.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeVar

from shared.core.calendar import HOUR_MS
from shared.core.deadline import Deadline, bind_deadline
from shared.core.errors import StoreBroken, Unavailable, as_bot_error
from shared.core.logs import log
from shared.core.masking import mask_secrets_and_keys
from shared.core.settings import Settings
from shared.core.tick_times import latest_believed, longest_hold_ms
from shared.model.registry import BundleRegistry
from shared.rounds.budget import BudgetNotice, load_budget
from shared.stores import lease as leases
from shared.stores.ports import Bucket, Document, DocumentStore
from shared.tick.control import Ordered
from shared.tick.documents import BotDocuments
from shared.tick.intents import Written, decode_intents
from shared.turn.state import State

MOST_TICKS = 20
"""An hour of them; more where they come more often. Where several bots share a store it looks back
for less than that.
"""
MOST_INTENTS = 4
PART_SECONDS = 10.0
STORES: Mapping[str, tuple[str, ...]] = {
    "documents": ("aside", "state", "orders", "ticks", "intents"),
    "bucket": ("memory", "model", "budget"),
}
"""The parts that are read of each store."""

Read = TypeVar("Read")


@dataclass(frozen=True, slots=True, kw_only=True)
class TickSeen:
    """A claimed tick: how it ended (None: it left no report), and when."""

    claimed_at: int
    expires_at: int
    status: str | None = None
    finished_at: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """What was seen. A part that is not `known` could not be read, and its fields say nothing.

    Attributes:
        now_ms: The present instant, by the exchange's clock where that answered.
        watching_since: When the first round was.
        off_ms: This machine's clock less the exchange's, 0 where they agree; None: nobody knows.
        is_comparable: Whether the exchange's clock can be asked at all.
        standing: The conditions that stood in the round before.
        known: The parts that could be read.
        state: What the bot remembers; None where it never ticked.
        ordered: What people have ordered.
        ticks: Those claimed within the last hour.
        intents: Orders that no saved state knows of, by path.
        as_of: When the data of the model that serves ended.
        retrained_at: When a retraining last ended.
        budget: What Cloud Billing said last.
        down: For each store that does not answer, what it said.
        failures: For each other part that could not be read, why.
        call: Whether the watch called a tick, and got an answer.
        finished_by_call: Whether a tick finished then.
        is_ticking: Whether one was at work then.
        rescued: In so many rounds in a row a tick finished only because the watch called it.

    >>> Sight(now_ms=1_000, watching_since=0, known=frozenset({"state"})).state is None
    True
    """

    now_ms: int
    watching_since: int
    known: frozenset[str]
    off_ms: int | None = None
    is_comparable: bool = False
    standing: frozenset[str] = frozenset()
    state: State | None = None
    ordered: Ordered | None = None
    ticks: tuple[TickSeen, ...] = ()
    intents: Mapping[str, Written] = field(default_factory=dict)
    as_of: int | None = None
    retrained_at: int | None = None
    budget: BudgetNotice | None = None
    down: Mapping[str, str] = field(default_factory=dict)
    failures: Mapping[str, str] = field(default_factory=dict)
    call: Literal["none", "answered", "unanswered"] = "none"
    finished_by_call: bool = False
    is_ticking: bool = False
    rescued: int = 0

    @property
    def finishes(self) -> tuple[int, ...]:
        """When ticks finished, as it is stored; nothing where none is known."""
        known = self.state.last_finished_at if self.state is not None else 0
        return tuple(at for at in (known, *(tick.finished_at for tick in self.ticks)) if at)


class Reader:
    """Reads parts, and keeps what went wrong with which."""

    def __init__(self) -> None:
        """Nothing was read yet."""
        self.known: set[str] = set()
        self._unavailable: dict[str, str] = {}
        self._failed: dict[str, str] = {}

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Read a part in here: it is known where nothing is raised, and nothing leaves."""
        try:
            with bind_deadline(Deadline.after(PART_SECONDS)):
                yield
        except (Unavailable, StoreBroken) as error:
            self._unavailable[name] = mask_secrets_and_keys(str(error))
        # One part that cannot be read must not hide the others.
        except Exception as error:  # noqa: BLE001
            self._failed[name] = mask_secrets_and_keys(str(as_bot_error(error)))
        else:
            self.known.add(name)

    def read(self, name: str, read: Callable[[], Read], default: Read) -> Read:
        """What `read` gives, or the default where it cannot be read."""
        with self.part(name):
            return read()
        return default

    def store_faults(self) -> tuple[dict[str, str], dict[str, str]]:
        """Which stores answered no part at all, and what else could not be read."""
        down: dict[str, str] = {}
        failures = {**self._unavailable, **self._failed}
        for store, parts in STORES.items():
            said = [self._unavailable[part] for part in parts if part in self._unavailable]
            if said and not self.known.intersection(parts):
                down[store] = said[0]
                failures = {part: why for part, why in failures.items() if part not in parts}
        for part, why in {**down, **failures}.items():
            log("watch.unread", severity="ERROR", part=part, error=why)
        return down, failures


def read_sight(
    reader: Reader,
    open_documents: Callable[[], DocumentStore],
    bucket: Bucket,
    settings: Settings,
    *,
    now_ms: int,
    off_ms: int | None,
    watching_since: int,
) -> Sight:
    """Look at everything. Raises nothing."""

    def bot() -> BotDocuments:
        return BotDocuments(open_documents(), settings.id)

    def intents() -> Mapping[str, Written]:
        found = bot().open_intents(limit=MOST_INTENTS)
        return decode_intents((item.path, item.data) for item in found)[0]

    def model() -> tuple[int | None, int | None]:
        registry = BundleRegistry(bucket)
        pointer = registry.current()
        if pointer is None:
            return None, None
        return registry.data_end(pointer.version), pointer.retrained_at

    unknown: tuple[int | None, int | None] = (None, None)
    as_of, retrained_at = reader.read("model", model, unknown)
    sight = Sight(
        now_ms=now_ms,
        watching_since=watching_since,
        known=frozenset(),
        off_ms=off_ms,
        state=reader.read("state", lambda: _decode_state(bot().peek(), settings), None),
        ordered=reader.read("orders", lambda: bot().control(), None),
        ticks=reader.read("ticks", lambda: _ticks(bot(), settings, now_ms=now_ms), ()),
        intents=reader.read("intents", intents, {}),
        as_of=as_of,
        retrained_at=retrained_at,
        budget=reader.read("budget", lambda: load_budget(bucket), None),
    )
    down, failures = reader.store_faults()
    return replace(sight, known=frozenset(reader.known), down=down, failures=failures)


def look_again(
    sight: Sight, open_documents: Callable[[], DocumentStore], settings: Settings, *, now_ms: int
) -> Sight:
    """Only whether a tick has finished since, or is at work."""
    reader = Reader()
    stored = reader.read("bot", lambda: BotDocuments(open_documents(), settings.id).peek(), None)
    state = reader.read("state", lambda: _decode_state(stored, settings), None) or sight.state
    is_ticking = reader.read("lease", lambda: _is_ticking(stored, settings, now_ms), False)
    if "state" in sight.known:
        before = sight.state.last_tick if sight.state is not None else ""
        finished = state is not None and state.last_tick not in {"", before}
    else:  # nobody knows which one was the last before
        finished = state is not None and state.last_finished_at >= sight.now_ms
    return replace(
        sight, now_ms=now_ms, state=state, finished_by_call=finished, is_ticking=is_ticking
    )


def _is_ticking(stored: Document | None, settings: Settings, now_ms: int) -> bool:
    if stored is None:
        return False
    expires_at = stored.data["lease"]["expires_at"]
    return leases.is_held(expires_at, now_ms=now_ms, longest_ms=longest_hold_ms(settings))


def _decode_state(stored: Document | None, settings: Settings) -> State | None:
    found = None if stored is None else stored.data.get("state")
    return State.decode_state(found, settings) if found else None


def _ticks(bot: BotDocuments, settings: Settings, *, now_ms: int) -> tuple[TickSeen, ...]:
    """Those of the last hour: one that a wrong clock has put into the future hides none of them,
    however long it lies there.
    """
    found = bot.documents.query(
        "ticks",
        field="claimed_at",
        op="<",
        value=latest_believed(now_ms, settings) + 1,
        descending=True,
        limit=max(MOST_TICKS, HOUR_MS // (settings.tick.interval_seconds * 1000)),
    )
    return tuple(
        _tick(item)
        for item in found
        if item.data.get("bot") == bot.bot and item.data["claimed_at"] >= now_ms - HOUR_MS
    )


def _tick(item: Document) -> TickSeen:
    report: Mapping[str, Any] | None = item.data.get("report")
    return TickSeen(
        claimed_at=item.data["claimed_at"],
        expires_at=item.data["expires_at"],
        status=None if report is None else report["status"],
        finished_at=0 if report is None else report["finished_at"],
    )
