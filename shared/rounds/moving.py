"""Handing a bot from one store to another: each step may be done again, and nothing is taken away
where it came from.

    source                                   target
    halted                                   "arriving": its ticks do nothing
    copied while ticks still protect   ───►  documents, objects
    leased: no tick works              ───►  what changed since, the state, the pointer; counted
    "moved": its ticks do nothing
                                             arrived, and still halted

Killed before the source says that the bot has moved, it goes on ticking where it was; killed after,
it ticks nowhere until the move is run again, and what is held keeps the stops that rest.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from shared.core.errors import Conflict, LeaseLost
from shared.core.sentences import say
from shared.core.types.ledger import MAY_REST
from shared.stores.lease import Lease, is_held, unheld
from shared.stores.ports import Bucket, Document, DocumentStore, Write
from shared.tick import control
from shared.tick.acts import act_writes
from shared.tick.control import Moved
from shared.tick.documents import BotDocuments

COLLECTIONS = ("intents", "trades", "fills", "days", "ticks", "audit")
"""Of these the bot's own documents go along; of `SHARED` all."""
STANDING = ("live", "probes", "readings", "parity")
"""What people have written down of its real money: one document each."""
SHARED = "trials"
OBJECTS = ("candles/", "archive/bundles/", "apart/bundles/", "bundles/")
POINTER = "bundles/current.json"
ALL = 1_000_000
AT_ONCE = 100
WAITS_MS = 170_000
"""So long the source's lease is held for the last of it, as a tick holds it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BotPlace:
    """Where a bot lives: its documents, its objects, and how a person names both. `bucket` is None
    where the objects stay where they are.
    """

    documents: DocumentStore
    bucket: Bucket | None
    address: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MovedCount:
    """How many of one kind each side holds."""

    what: str
    source: int
    target: int


class BotMove:
    """One move of one bot.

    >>> from shared.stores.memory import MemoryDocuments
    >>> old = BotPlace(documents=MemoryDocuments(), bucket=None, address="sqlite:///old")
    >>> new = BotPlace(documents=MemoryDocuments(), bucket=None, address="sqlite:///new")
    >>> _ = BotDocuments(old.documents, "a").resume(
    ...     halts=[], drawdown=0, who="ann", why="begun", now_ms=1
    ... )
    >>> move = BotMove(old, new, "a", who="ann", why="another disk", now_ms=lambda: 7)
    >>> [count.source == count.target for count in move.run()]
    [True, True, True, True, True, True, True, True, True]
    >>> BotDocuments(old.documents, "a").control().moved.store
    'sqlite:///new'
    >>> [halt.why for halt in BotDocuments(new.documents, "a").control().halts.values()]
    ['another disk']
    """

    def __init__(
        self,
        source: BotPlace,
        target: BotPlace,
        bot: str,
        *,
        who: str,
        why: str,
        now_ms: Callable[[], int],
    ) -> None:
        """Move `bot` from `source` to `target`; nothing happens yet."""
        self._source, self._target, self._bot = source, target, bot
        self._who, self._why, self._now_ms = who, why, now_ms
        self._here = BotDocuments(source.documents, bot)
        self._there = BotDocuments(target.documents, bot)

    def run(self) -> tuple[MovedCount, ...]:
        """Do what is left of it; what each side holds.

        Raises `Conflict` where the source cannot be left now, or the target is not empty, and
        `LeaseLost` where a tick took the source meanwhile: then it is run again.
        """
        gone = self._here.control().moved
        if gone is not None and (gone.is_arriving or gone.store != self._target.address):
            raise Conflict(
                say("move.arriving" if gone.is_arriving else "move.gone", store=gone.store)
            )
        if gone is None:
            self._halt()
            self._check_source()
            self._prepare_target()
            self._copy_objects()
            self._copy_documents()
            self._leave()
        self._arrive()
        return self._counts()

    # the source

    def _halt(self) -> None:
        if control.path_of(self._bot) not in self._here.control().halts:
            self._here.halt(who=self._who, why=self._why, now_ms=self._now_ms())

    def _check_source(self) -> None:
        stored = self._here.peek()
        if stored is not None and is_held(
            stored.data["lease"]["expires_at"], now_ms=self._now_ms()
        ):
            raise Conflict(say("move.leased"))
        self._check_orders()

    def _check_orders(self) -> None:
        open_ones = self._here.open_intents()
        if open_ones:
            name = open_ones[0].path.removeprefix(f"intents/{self._bot}~")
            raise Conflict(say("move.open_intent", intent=name))
        paper, stored = self._source.documents.get(f"paper/{self._bot}"), self._here.peek()
        orders = [] if paper is None else list(paper.data.get("orders", ()))
        state = None if stored is None else stored.data.get("state")
        book = None if state is None else state.get("ledger")
        followed = [] if book is None else book.get("tracked", ())
        orders += [one["order"] for one in followed if one["status"] in MAY_REST]
        if any(order["intent"]["purpose"] == "entry" for order in orders):
            raise Conflict(say("move.entry_rests"))

    def _leave(self) -> None:
        """Under the source's lease: what changed since, and then nobody ticks there any more."""
        lease = self._here.take_lease(now_ms=self._now_ms(), lease_ms=WAITS_MS)
        if lease is None:
            raise Conflict(say("move.leased"))
        try:
            self._check_orders()
            self._copy_documents()
            self._copy_state(lease)
            self._copy_pointer()
            self._compare()
        except Exception:
            self._here.release(lease)
            raise
        self._mark(lease)

    def _compare(self) -> None:
        unequal = [one for one in self._counts() if one.source != one.target]
        if unequal:
            raise Conflict(say("move.unequal", what=", ".join(one.what for one in unequal)))

    def _mark(self, lease: Lease) -> None:
        at = self._now_ms()
        stored = self._source.documents.get(control.path_of(self._bot))
        if stored is None:
            raise Conflict(say("move.unhalted"))
        gone = self._mark_of(self._target.address, is_arriving=False)
        what = {"move": self._target.address}
        record = {"at": at, "who": self._who, "why": self._why, "bot": self._bot, "what": what}
        told = say("move.told", bot=self._bot, store=self._target.address)
        try:
            self._source.documents.commit(
                [
                    lease.release_write({}),
                    Write(
                        kind="replace",
                        path=stored.path,
                        data={**stored.data, "moved": gone},
                        version=stored.version,
                    ),
                    *act_writes("move", told, record=record, bot=self._bot),
                ]
            )
        except Conflict as error:
            raise LeaseLost(say("move.overtaken")) from error

    # the target

    def _prepare_target(self) -> None:
        """Mark it, so that no tick of the target's works on what is copied. It may hold nothing of
        the bot but what this move brought.
        """
        path = control.path_of(self._bot)
        stored = self._target.documents.get(path)
        if stored is not None:
            moved = control.decode_control(stored.data, path).moved
            if moved is None or not moved.is_arriving or moved.store != self._source.address:
                raise Conflict(say("move.not_empty", store=self._target.address, what=path))
            return
        for one in self._of_bot(self._target):
            raise Conflict(say("move.not_empty", store=self._target.address, what=one.path))
        arriving = self._mark_of(self._source.address, is_arriving=True)
        first = {"schema": control.SCHEMA, "halt": None, "lifted": None, "moved": arriving}
        self._target.documents.create(path, first)

    def _arrive(self) -> None:
        """The source's control document without its mark: the bot is there, and halted."""
        path = control.path_of(self._bot)
        here, there = self._source.documents.get(path), self._target.documents.get(path)
        if here is None or there is None:
            raise Conflict(say("move.unhalted"))
        if control.decode_control(there.data, path).moved is None:
            return
        self._copy_collection("audit")
        data = {**here.data, "moved": None}
        self._target.documents.commit(
            [Write(kind="replace", path=path, data=data, version=there.version)]
        )

    def _mark_of(self, store: str, *, is_arriving: bool) -> dict[str, Any]:
        at = self._now_ms()
        return asdict(
            Moved(
                id=f"{at}",
                store=store,
                at=at,
                who=self._who,
                why=self._why,
                is_arriving=is_arriving,
            )
        )

    # what is copied

    def _copy_documents(self) -> None:
        for collection in (*COLLECTIONS, SHARED):
            self._copy_collection(collection)
        for name in ("paper", "watch", *STANDING):
            self._copy_one(f"{name}/{self._bot}")
        started = self._source.documents.get(f"live/{self._bot}")
        if started is not None:
            self._copy_one(f"rights/{started.data.get('key', '')}")
        self._copy_claims()

    def _copy_one(self, path: str) -> None:
        stored = self._source.documents.get(path)
        if stored is not None:
            self._target.documents.commit([Write(kind="put", path=path, data=stored.data)])

    def _copy_claims(self) -> None:
        """The sides of accounts that are the bot's. Raises `Conflict` where the target's are
        another bot's.
        """
        for stored in self._source.documents.query("claims", limit=ALL):
            ours = {side: bot for side, bot in stored.data["sides"].items() if bot == self._bot}
            there = self._target.documents.get(stored.path)
            sides = {} if there is None else there.data["sides"]
            for side in ours:
                if sides.get(side, self._bot) != self._bot:
                    raise Conflict(say("move.claimed", side=side, bot=sides[side]))
            if ours:
                data = {**stored.data, "sides": {**sides, **ours}}
                self._target.documents.commit([Write(kind="put", path=stored.path, data=data)])

    def _copy_collection(self, collection: str) -> None:
        """What is missing there or differs; of the bot's own also what is there alone."""
        here, there = (
            {one.path: one.data for one in self._list(place, collection)}
            for place in (self._source, self._target)
        )
        writes = [
            Write(kind="put", path=path, data=data)
            for path, data in here.items()
            if there.get(path) != data
        ]
        if collection != SHARED:
            writes += [Write(kind="delete", path=path) for path in there if path not in here]
        for begin in range(0, len(writes), AT_ONCE):
            self._target.documents.commit(writes[begin : begin + AT_ONCE])

    def _copy_state(self, lease: Lease) -> None:
        data = {**lease.data, "lease": unheld(fence=lease.fence)}
        self._target.documents.commit([Write(kind="put", path=f"bots/{self._bot}", data=data)])

    def _copy_objects(self) -> None:
        """Objects that are missing there; they never change, but for caches and the pointer."""
        here, there = self._source.bucket, self._target.bucket
        if here is None or there is None:
            return
        for prefix in OBJECTS:
            known = set(there.keys(prefix))
            for key in here.keys(prefix):
                blob = here.get(key) if key not in known and key != POINTER else None
                if blob is not None:
                    there.put(key, blob.data)

    def _copy_pointer(self) -> None:
        """What points at a model, and the memory of the bot's watch."""
        here, there = self._source.bucket, self._target.bucket
        if here is None or there is None:
            return
        self._copy_objects()
        for key in (f"watch/{self._bot}.json", f"tuning/{self._bot}.json"):
            own = here.get(key)
            if own is not None:
                there.put(key, own.data)
        mine, theirs = here.get(POINTER), there.get(POINTER)
        if mine is None or (theirs is not None and theirs.data == mine.data):
            return
        if theirs is not None:
            raise Conflict(say("move.other_pointer", key=POINTER))
        there.put(POINTER, mine.data, if_generation=0)

    def _list(self, place: BotPlace, collection: str) -> Iterator[Document]:
        """The bot's documents of a collection, and those of nobody: what all bots share."""
        for one in place.documents.query(collection, limit=ALL):
            whose = one.data.get("bot", self._bot if collection in {SHARED, "audit"} else None)
            if collection == SHARED or whose == self._bot:
                yield one

    def _of_bot(self, place: BotPlace) -> Iterator[Document]:
        for name in ("bots", "paper", "watch", *STANDING):
            stored = place.documents.get(f"{name}/{self._bot}")
            if stored is not None:
                yield stored
        for collection in COLLECTIONS:
            yield from (
                one for one in self._list(place, collection) if one.data.get("bot") == self._bot
            )

    # what each side holds

    def _counts(self) -> tuple[MovedCount, ...]:
        """How many each side holds; of what several bots share, how many of the source's."""
        counts = [self._count_of_state(), self._count_of_standing()]
        for collection in (*COLLECTIONS, SHARED):
            here, there = (
                {one.path: one.data for one in self._list(place, collection)}
                for place in (self._source, self._target)
            )
            same = sum(there.get(path) == data for path, data in here.items())
            counts.append(MovedCount(what=collection, source=len(here), target=same))
        here_, there_ = self._source.bucket, self._target.bucket
        if here_ is not None and there_ is not None:
            for prefix in OBJECTS:
                keys = set(here_.keys(prefix))
                both = len(keys & set(there_.keys(prefix)))
                counts.append(MovedCount(what=prefix, source=len(keys), target=both))
        return tuple(counts)

    def _count_of_state(self) -> MovedCount:
        paths = [f"{name}/{self._bot}" for name in ("bots", "paper", "watch")]
        here, there = (
            {path: _without_lease(place.documents.get(path)) for path in paths}
            for place in (self._source, self._target)
        )
        held = [path for path in paths if here[path] is not None]
        same = sum(here[path] == there[path] for path in held)
        return MovedCount(what="state", source=len(held), target=same)

    def _count_of_standing(self) -> MovedCount:
        """What people have written down of its real money, and the sides that are its own."""
        here, there = (self._standing_of(place) for place in (self._source, self._target))
        same = sum(there.get(name) == told for name, told in here.items())
        return MovedCount(what="live", source=len(here), target=same)

    def _standing_of(self, place: BotPlace) -> dict[str, Any]:
        stored = [place.documents.get(f"{name}/{self._bot}") for name in STANDING]
        found: dict[str, Any] = {one.path: one.data for one in stored if one is not None}
        started = found.get(f"live/{self._bot}")
        rights = started and place.documents.get(f"rights/{started.get('key', '')}")
        if rights:
            found[rights.path] = rights.data
        for one in place.documents.query("claims", limit=ALL):
            ours = {side for side, bot in one.data["sides"].items() if bot == self._bot}
            found |= {f"{one.path} {side}": self._bot for side in ours}
        return found


def _without_lease(stored: Document | None) -> Mapping[str, Any] | None:
    if stored is None:
        return None
    return {name: value for name, value in stored.data.items() if name != "lease"}
