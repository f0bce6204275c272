"""The bot's documents: claims of ticks, the lease, people's control, intents, the outbox, and the
one atomic save.

    ticks/{bot}~{time}    claim -> report
    bots/{bot}            lease and state in one
    intents/{bot}~{id}    an order before it is sent, its outcome; `open_for`
    alerts/{key}          the outbox, see `shared.alerts.records`
    control/{bot}, /all   written by people only
    days/{bot}~{date}     equity once a candle, what models said; a book's own: `shared.tick.books`
    paper/{bot}           the paper account
    trades/{bot}~{n}      closed trades, of each book
    fills/{bot}~{n}       executions of real books
    audit/{time}~{n}      who did what
    live/{bot}            a live start, and what belongs to it: see `shared.tick.live.records`

Lease and state share a document (`shared.stores.lease`), so that saving the state *is* the fencing
check: whoever lost the lease meanwhile finds another version and gets `LeaseLost`.
"""

import secrets
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from typing import Any

from shared.alerts.acts import Act
from shared.core.errors import AlreadyExists, BadData, Conflict, LeaseLost
from shared.core.sentences import say
from shared.stores import lease as leases
from shared.stores.lease import Lease
from shared.stores.ports import Document, DocumentStore, Write
from shared.tick import control as orders
from shared.tick.acts import act_writes
from shared.tick.control import Control, Halt, Lifted, Ordered


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """Who may work on a tick: `document` for the one winner, `report` of a finished one, neither
    while it is worked on.
    """

    document: Document | None = None
    report: Mapping[str, Any] | None = None


class BotDocuments:
    """What one bot keeps in a document store.

    >>> from shared.stores.memory import MemoryDocuments
    >>> bot = BotDocuments(MemoryDocuments(), "default")
    >>> lease = bot.take_lease(now_ms=0, lease_ms=170_000)
    >>> bot.take_lease(now_ms=60_000, lease_ms=170_000) is None  # a live tick holds the account
    True
    >>> bot.take_lease(now_ms=180_000, lease_ms=170_000) is None
    False
    """

    def __init__(self, documents: DocumentStore, bot: str) -> None:
        """Work on the documents of `bot`."""
        self.documents = documents
        self.bot = bot

    def tick_path(self, tick: str) -> str:
        """Where a tick's claim and report are."""
        return f"ticks/{self.bot}~{tick}"

    def claim(
        self,
        tick: str,
        *,
        now_ms: int,
        lease_ms: int,
        longest_ms: int | None = None,
        holder: str | None = None,
    ) -> Claim:
        """Claim a tick.

        One caller wins; a claim without a report whose time ran out may be taken over.

        So may one that ends more than `longest_ms` from now: a wrong clock wrote it. `holder` is
        our name in the claim, of nobody else (None: one is drawn).
        """
        path = self.tick_path(tick)
        claimed = {
            "bot": self.bot,
            "tick": tick,
            "claimed_at": now_ms,
            "expires_at": now_ms + lease_ms,
            "holder": leases.draw_holder() if holder is None else holder,
            "report": None,
        }
        try:
            return Claim(document=self.documents.create(path, claimed))
        except AlreadyExists:
            stored = self.documents.get(path)
        if stored is None:  # deleted in between, by its age or by a person
            return Claim()
        if stored.data["report"] is not None and self._is_finished(stored.data["report"]):
            return Claim(report=stored.data["report"])
        if stored.data["report"] is None and leases.is_held(
            stored.data["expires_at"], now_ms=now_ms, longest_ms=longest_ms
        ):
            return Claim()
        try:
            return Claim(document=self.documents.replace(stored, claimed))
        except Conflict:
            return Claim()

    def _is_finished(self, report: Mapping[str, Any]) -> bool:
        """Whether the state knows of the tick that left `report`.

        They were saved together, so it does, unless the tick ran under a clock that was far ahead
        and the ticks since then took its time back. Its name is free then: this tick's own time has
        only just come.
        """
        stored = self.peek()
        state = stored.data.get("state") if stored is not None else None
        known = state.get("last_scheduled_at") if isinstance(state, Mapping) else None
        done = report.get("scheduled_at") if isinstance(report, Mapping) else None
        return not isinstance(known, int) or not isinstance(done, int) or known >= done

    def give_up_claim(self, claim: Document) -> None:
        """Let a claim of which nothing was saved run out now, so that a redelivery may have it.

        Whoever took it over meanwhile, or saved a report after all, keeps it.
        """
        with suppress(Conflict):
            self.documents.replace(claim, {**claim.data, "expires_at": 0})

    def give_up_open_claim(self, tick: str, holder: str) -> None:
        """Give back the claim that `holder` may have: its writing got no answer. Whoever else has
        it keeps it.
        """
        claim = self.documents.get(self.tick_path(tick))
        if (
            claim is not None
            and claim.data.get("holder") == holder
            and claim.data.get("report") is None
        ):
            self.give_up_claim(claim)

    def release_open_lease(self, holder: str) -> None:
        """Give back the lease that `holder` may have, in the same way."""
        if (lease := leases.find_held(self.peek(), holder)) is not None:
            self.release(lease)

    def take_lease(
        self,
        *,
        now_ms: int,
        lease_ms: int,
        longest_ms: int | None = None,
        seen_at: int | None = None,
        holder: str | None = None,
    ) -> Lease | None:
        """Take the account's lease, or None while a live tick holds it.

        `seen_at` is the time by which another's lease is judged, where ours is known to be slow
        (None: `now_ms`). No lease lives longer than `longest_ms`: one that says so was written by a
        wrong clock, and holds nobody up. Should its tick live all the same, it has lost the fence
        and can send and save nothing. `holder` is our name in it, of nobody else (None: one is
        drawn).
        """
        path = f"bots/{self.bot}"
        stored = self.documents.get(path)
        return leases.take(
            self.documents,
            path,
            stored,
            changes={"bot": self.bot, "state": None} if stored is None else {},
            now_ms=now_ms,
            lease_ms=lease_ms,
            judged_at=seen_at,
            longest_ms=longest_ms,
            holder=holder,
        )

    def peek(self) -> Document | None:
        """Lease and state as they are stored, for people who look."""
        return self.documents.get(f"bots/{self.bot}")

    def control(self) -> Ordered:
        """What people have ordered of this bot, in its own document and in those for all.

        Damage is told, not raised.
        """
        found: dict[str, object] = {}
        unread: dict[str, str] = {}
        for path in orders.paths(self.bot):
            try:
                stored = self.documents.get(path)
            except BadData as error:
                unread[path] = str(error)
                continue
            if stored is not None:
                found[path] = stored.data
        ordered = orders.combine_controls(found, self.bot)
        return replace(ordered, damaged={**ordered.damaged, **unread})

    def halt(self, *, who: str, why: str, now_ms: int, everyone: bool = False) -> Halt:
        """Halt this bot, or every bot of the store, with an audit record and its alert, all or
        nothing.
        """
        halt = Halt(id=f"{now_ms}-{secrets.token_hex(4)}", at=now_ms, who=who, why=why)
        path = orders.ALL if everyone else orders.path_of(self.bot)
        self._write_control(
            path, halt=halt, lifted=self._read_lifted(path), what={"halt": halt.id}, asked=halt
        )
        return halt

    def resume(
        self,
        *,
        halts: Sequence[str],
        drawdown: int,
        who: str,
        why: str,
        now_ms: int,
        everyone: bool = False,
    ) -> Lifted:
        """Take back people's `halts`, by their ids, and the drawdown halt that began at `drawdown`
        (0: none), no other.

        A damaged document is written anew; what it held goes into the audit. Raises `Conflict`
        where another halt stands.
        """
        path = orders.ALL if everyone else orders.path_of(self.bot)
        before = None if everyone else self._read_lifted(path)
        kept = drawdown or (before.drawdown if before is not None else 0)
        lifted = Lifted(halts=tuple(halts), drawdown=kept, at=now_ms, who=who, why=why)
        what = {"resume": list(halts), "drawdown": drawdown}
        self._write_control(path, halt=None, lifted=lifted, what=what, asked=lifted)
        return lifted

    def change_control(
        self, changes: Mapping[str, Any], *, act: Act, what: str, record: Mapping[str, Any]
    ) -> None:
        """Change fields of this bot's control document, with the act's record and alert, all or
        nothing. The others stay, those of other versions too; a damaged document is written anew.

        `record` is as `act_writes` wants it. Raises `Conflict` where another wrote meanwhile.
        """
        path = orders.path_of(self.bot)
        stored, standing = self._read_control(path)
        kept: Mapping[str, Any] = {}
        if standing is None:
            held = repr(None if stored is None else stored.data)[:10_000]
            record = {**record, "damaged": {path: held}}
        elif stored is not None and "schema" in stored.data:
            kept = stored.data
        data = {"schema": orders.SCHEMA, "halt": None, "lifted": None, **kept, **changes}
        write = _over(path, stored, data, exists=standing is None)
        self.documents.commit([write, *act_writes(act, what, record=record, bot=self.bot)])

    def _read_lifted(self, path: str) -> Lifted | None:
        try:
            stored = self.documents.get(path)
            return None if stored is None else orders.decode_control(stored.data, path).lifted
        except BadData:
            return None

    def _write_control(
        self,
        path: str,
        *,
        halt: Halt | None,
        lifted: Lifted | None,
        what: Mapping[str, Any],
        asked: Halt | Lifted,
    ) -> None:
        """Write one control document whole, and the audit record.

        Fields of it that this version does not know stay.
        """
        record: dict[str, Any] = {
            "at": asked.at,
            "who": asked.who,
            "why": asked.why,
            "bot": self.bot,
            "what": dict(what),
        }
        changes = {"schema": orders.SCHEMA, "halt": _plain(halt), "lifted": _plain(lifted)}
        writes = []
        for place in (path, orders.OLDER) if path == orders.ALL else (path,):
            stored, standing = self._read_control(place)
            if standing is None:
                record["damaged"] = {
                    **record.get("damaged", {}),
                    place: repr(None if stored is None else stored.data)[:10_000],
                }
            elif (
                halt is None
                and standing.halt is not None
                and standing.halt.id not in what["resume"]
            ):
                raise Conflict(
                    f"{standing.halt.who} halted meanwhile ({place} holds the halt"
                    f" {standing.halt.id})"
                )
            if place == path:
                more = (
                    stored.data
                    if stored is not None and standing is not None and "schema" in stored.data
                    else _cap_to_keep(stored)
                )
                ended = {"flatten": None} if halt is None and "flatten" in more else {}
                told = {**more, **changes, **ended}
                writes.append(_over(place, stored, told, exists=standing is None))
            elif stored is not None or standing is None:
                writes.append(Write(kind="delete", path=place))
        act: Act = "resume" if halt is None else "halt"
        whose = say("alerts.value.every_bot" if path == orders.ALL else "alerts.value.this_bot")
        self.documents.commit([*writes, *act_writes(act, whose, record=record, bot=self.bot)])

    def _read_control(self, path: str) -> tuple[Document | None, Control | None]:
        """A stored control document and what it says: an empty one where nothing is stored, None
        where it is damaged.
        """
        stored: Document | None = None
        try:
            stored = self.documents.get(path)
            return stored, Control() if stored is None else orders.decode_control(stored.data, path)
        except BadData:
            return stored, None

    def days(self, *, since: str, until: str) -> list[Mapping[str, Any]]:
        """The documents of the JST days from `since` to `until` (both included, like 2026-01-31),
        oldest first, of every book: what models said of a candle is of no mode.
        """
        found = self.documents.query("days", field="date", op=">=", value=since, limit=10_000)
        return [
            item.data
            for item in found
            if item.data["bot"] == self.bot and item.data["date"] <= until
        ]

    def write_intent(self, name: str, data: Mapping[str, Any], *, lease: Lease) -> Document:
        """Write an order down before it is sent, on condition that the lease is still ours: one
        batch.

        Raises `LeaseLost` where another tick has taken it, and `AlreadyExists` where the intent was
        written before.
        """
        path = f"intents/{self.bot}~{name}"
        written = {"bot": self.bot, "open_for": self.bot, "fence": lease.fence, **data}
        try:
            return self.documents.commit(
                [Write(kind="create", path=path, data=written), lease.condition]
            )[path]
        except Conflict as error:
            raise LeaseLost(
                f"another tick took the account before {name} was written; it was not sent"
            ) from error

    def record_outcome(self, intent: Document, outcome: Mapping[str, Any]) -> Document:
        """Record what the exchange answered.

        The intent stays open until the state that knows of it is saved.

        Raises `LeaseLost` where another tick has settled the intent meanwhile.
        """
        try:
            return self.documents.replace(intent, {**intent.data, "outcome": dict(outcome)})
        except Conflict as error:
            raise LeaseLost(f"another tick has settled {intent.path} meanwhile") from error

    def open_intents(self, *, limit: int = 100) -> list[Document]:
        """Intents of orders that no saved state knows of: a tick died between writing them and
        saving.
        """
        return self.documents.query("intents", field="open_for", value=self.bot, limit=limit)

    def mend_intent(self, path: str, *, who: str, why: str, now_ms: int) -> None:
        """Close an intent that cannot be read: it blocks nothing any more, and what it held goes
        into the audit.
        """
        stored = self.documents.get(path)
        if stored is None:
            return
        record = {
            "at": now_ms,
            "who": who,
            "why": why,
            "bot": self.bot,
            "what": {"mend": path},
            "held": repr(stored.data)[:10_000],
        }
        kept = stored.data if isinstance(stored.data, dict) else {"bot": self.bot}
        self.documents.commit(
            [
                Write(
                    kind="replace",
                    path=path,
                    data={**kept, "open_for": None, "mended_at": now_ms},
                    version=stored.version,
                ),
                *act_writes("mend", path, record=record, bot=self.bot),
            ]
        )

    def has_waiting_alerts(self) -> bool:
        """Whether anything in the outbox was not told yet."""
        return bool(self.documents.query("alerts", field="waiting_for", value=self.bot, limit=1))

    def save(
        self,
        lease: Lease,
        *,
        state: Any,
        claim: Document,
        report: Mapping[str, Any],
        more: Sequence[Write] = (),
    ) -> None:
        """Save state, report and everything else in one atomic batch, and release the lease.

        Raises `LeaseLost`.
        """
        writes = [
            lease.release_write({"state": state}),
            Write(
                kind="replace",
                path=claim.path,
                data={**claim.data, "report": dict(report)},
                version=claim.version,
            ),
            *more,
        ]
        try:
            self.documents.commit(writes)
        except (Conflict, AlreadyExists) as error:
            raise LeaseLost(
                f"another tick wrote meanwhile ({error}); nothing of this tick was saved"
            ) from error

    def release(self, lease: Lease) -> None:
        """Give the lease back without saving anything, where it is still ours."""
        with suppress(LeaseLost):
            leases.release(self.documents, lease, {})

    def reports(self, *, since_ms: int, limit: int = 10_000) -> list[Mapping[str, Any]]:
        """Finished ticks' reports claimed since, oldest first."""
        found = self.documents.query(
            "ticks", field="claimed_at", op=">=", value=since_ms, limit=limit
        )
        return [
            item.data["report"]
            for item in found
            if item.data["bot"] == self.bot and item.data["report"] is not None
        ]

    def report(self, tick: str) -> Mapping[str, Any]:
        """The report of one tick; empty where there is none (any longer)."""
        stored = self.documents.get(self.tick_path(tick))
        told: Mapping[str, Any] = (stored.data["report"] if stored is not None else None) or {}
        return told

    def latest(self, most: int) -> list[Any]:
        """The newest finished ticks' reports, the newest first, among the last `most` ticks of the
        store.
        """
        found = self.documents.query(
            "ticks", field="claimed_at", op=">=", value=0, descending=True, limit=most
        )
        return [
            item.data["report"]
            for item in found
            if item.data.get("bot") == self.bot and item.data.get("report") is not None
        ]

    def last_report(self) -> Mapping[str, Any] | None:
        """The newest finished tick's report."""
        found = self.documents.query(
            "ticks", field="claimed_at", op=">=", value=0, descending=True, limit=20
        )
        for item in found:
            if item.data["bot"] == self.bot and item.data["report"] is not None:
                report: Mapping[str, Any] = item.data["report"]
                return report
        return None


class PaperDocument:
    """The paper account as one document under compare-and-set."""

    def __init__(self, documents: DocumentStore, bot: str) -> None:
        """Keep the account of `bot`."""
        self._documents = documents
        self._path = f"paper/{bot}"

    def load(self) -> tuple[Mapping[str, Any], object] | None:
        """The stored account and the token that `save` wants, or None before it was opened."""
        stored = self._documents.get(self._path)
        return None if stored is None else (stored.data, stored)

    def save(
        self, data: Mapping[str, Any], token: object | None, *, held: object | None = None
    ) -> object:
        """Write the account; where a lease is `held`, only in one batch with the condition that it
        is still that one.

        `token` is what `load` or the last `save` gave. Raises `Conflict` and `LeaseLost`.
        """
        if token is not None and not isinstance(token, Document):
            raise TypeError(f"the token was {type(token).__name__}, not what load gave")
        if held is not None and not isinstance(held, Document):
            raise TypeError(f"the lease was a {type(held).__name__}, not its stored document")
        if token is None:
            write = Write(kind="create", path=self._path, data=data)
        else:
            write = Write(kind="replace", path=self._path, data=data, version=token.version)
        condition = (
            [] if held is None else [Write(kind="verify", path=held.path, version=held.version)]
        )
        try:
            return replace(self._documents.commit([write, *condition])[self._path], data=data)
        except (Conflict, AlreadyExists) as error:
            if held is not None and self._is_lease_taken(held):
                raise LeaseLost(
                    "another tick took the account; this one's order was not placed"
                ) from error
            raise Conflict(str(error)) from error

    def _is_lease_taken(self, held: Document) -> bool:
        stored = self._documents.get(held.path)
        return stored is None or stored.version != held.version


def _plain(value: Halt | Lifted | None) -> dict[str, Any] | None:
    return None if value is None else asdict(value)


def _cap_to_keep(stored: Document | None) -> dict[str, Any]:
    """What of a damaged control document must not be lost where it is written anew: a lower
    stage.
    """
    cap = None if stored is None else orders.salvage_cap(stored.data)
    return {} if cap is None else {"stage_at_most": asdict(cap)}


def _over(path: str, stored: Document | None, data: Mapping[str, Any], *, exists: bool) -> Write:
    """The write that puts `data` in the place of what was read; without a version where it could
    not be read at all.
    """
    if stored is not None:
        return Write(kind="replace", path=path, data=data, version=stored.version)
    return Write(kind="put" if exists else "create", path=path, data=data)
