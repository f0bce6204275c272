"""What a probe keeps in the bot's store: its intents like a tick's, what it has learned, and that
it is not over yet.

    probes/{bot}                  the probe that runs, or ran last, and which orders were taken
    intents/{bot}~probe…~{n}      its orders
    readings/{bot}                what was seen
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from scripts.operation.bot import Here
from shared.core.errors import BadData, Conflict, LeaseLost, UserError
from shared.core.tick_times import longest_hold_ms
from shared.core.types import Ledger
from shared.orders.own_book import staged_capital_jpy
from shared.orders.probing import ProbeOutcome
from shared.stores import lease as leases
from shared.stores.lease import Lease
from shared.stores.ports import Document, Write
from shared.tick.acts import act_writes
from shared.turn.state import State

LEASE_MS = 170_000
RENEW_BELOW_MS = 120_000


class StoredJournal:
    """The journal of one probe under the bot's lease."""

    def __init__(self, here: Here, lease: Lease, name: str) -> None:
        """Write intents whose names begin with `name`."""
        self._here, self.lease, self._name = here, lease, name
        self._written: dict[int, Document] = {}

    def keep_lease(self) -> int:
        """Keep the lease; until when it is ours."""
        now = self._here.clock.now_ms()
        if self.lease.expires_at - now < RENEW_BELOW_MS:
            self.lease = leases.renew(
                self._here.bot.documents, self.lease, {}, expires_at=now + LEASE_MS
            )
        return self.lease.expires_at

    def write_order(self, number: int, said: Mapping[str, Any]) -> None:
        """Write an order down before it is sent."""
        name = f"{self._name}~{number}"
        self._written[number] = self._here.bot.write_intent(name, said, lease=self.lease)

    def record_answer(self, number: int, outcome: Mapping[str, Any]) -> None:
        """Write down what was answered."""
        self._written[number] = self._here.bot.record_outcome(self._written[number], outcome)

    def load(self) -> list[Mapping[str, Any]]:
        """The orders that an earlier process of this probe has written down."""
        documents, found = self._here.bot.documents, list[Mapping[str, Any]]()
        while True:
            number = len(found) + 1
            stored = documents.get(f"intents/{self._here.bot.bot}~{self._name}~{number}")
            if stored is None:
                return found
            self._written[number] = stored
            found.append(stored.data)

    def taken_purposes(self) -> set[str]:
        """What the orders that the exchange took were for."""
        return {
            str(one.data["intent"]["purpose"])
            for one in self._written.values()
            if (one.data.get("outcome") or {}).get("outcome") == "accepted"
        }

    def closing_writes(self) -> list[Write]:
        """Close every intent."""
        return [
            Write(kind="put", path=one.path, data={**one.data, "open_for": None})
            for one in self._written.values()
        ]


def probe_path(bot: str) -> str:
    """Where the probe of a bot is.

    >>> probe_path("default")
    'probes/default'
    """
    return f"probes/{bot}"


def readings_path(bot: str) -> str:
    """Where what was seen is.

    >>> readings_path("default")
    'readings/default'
    """
    return f"readings/{bot}"


def unfinished_probe(here: Here) -> Document | None:
    """The probe that was killed before its end."""
    stored = here.bot.documents.get(probe_path(here.bot.bot))
    return None if stored is None or stored.data.get("is_over") else stored


def take_lease_of(here: Here) -> Lease:
    """The bot's lease. Raises `UserError` while a tick, or a probe that was killed, has it."""
    now = here.clock.now_ms()
    lease = here.bot.take_lease(
        now_ms=now, lease_ms=LEASE_MS, longest_ms=longest_hold_ms(here.settings)
    )
    if lease is None:
        stored = here.bot.peek()
        until = 0 if stored is None else int(stored.data["lease"]["expires_at"])
        raise UserError(
            f"another holds the account for {max(0, until - now) // 1000} s",
            remedy="run it again when that time is over",
        )
    return lease


def ledger_of(here: Here) -> Ledger | None:
    """The bot's own book. Raises `UserError` where it cannot be read."""
    stored = here.bot.peek()
    data = (stored.data.get("state") if stored is not None else None) or {}
    try:
        return State.decode_state(data, here.settings).ledger
    except BadData as error:
        raise UserError(str(error), remedy="scripts/bot doctor names what mends it") from error


def book_cash_jpy(here: Here, ledger: Ledger | None) -> Decimal:
    """The yen of the bot's own book."""
    return staged_capital_jpy(here.settings) if ledger is None else ledger.cash_jpy


def begin_probe(here: Here, lease: Lease, *, who: str, why: str, named_jpy: int) -> str:
    """Write down that a probe runs; its name."""
    now = here.clock.now_ms()
    path, name = probe_path(here.bot.bot), f"probe{now}"
    stored = here.bot.documents.get(path)
    data = {
        "bot": here.bot.bot,
        "name": name,
        "at": now,
        "who": who,
        "why": why,
        "named_jpy": named_jpy,
        "is_over": False,
        "purposes": [] if stored is None else list(stored.data.get("purposes", [])),
    }
    write = Write(kind="create", path=path, data=data)
    if stored is not None:
        write = Write(kind="replace", path=path, data=data, version=stored.version)
    here.bot.documents.commit([write, lease.condition])
    return name


def end_probe(
    here: Here,
    journal: StoredJournal,
    running: Mapping[str, Any],
    *,
    who: str,
    why: str,
    outcome: ProbeOutcome | None = None,
    note: str = "",
) -> None:
    """Close the intents, keep what was seen, tell it, and give the lease back: one batch.

    Raises `LeaseLost`; the next start then does it.
    """
    bot, now = here.bot.bot, here.clock.now_ms()
    told: dict[str, Any] = {"at": now, "who": who, "why": why, "bot": bot, "note": note}
    purposes = sorted({*running.get("purposes", []), *journal.taken_purposes()})
    over = {**running, "is_over": True, "over_at": now, "purposes": purposes}
    writes = [
        *journal.closing_writes(),
        Write(kind="put", path=probe_path(bot), data=over),
        journal.lease.release_write(_learned_state(here, outcome)),
    ]
    if outcome is not None:
        seen = {**told, **_readings(here, outcome)}
        writes.append(Write(kind="put", path=readings_path(bot), data=seen))
    record = {**told, "what": {"probe": running.get("name", "")}}
    writes += act_writes("probe", here.settings.pair, record=record, bot=bot)
    try:
        here.bot.documents.commit(writes)
    except Conflict as error:
        raise LeaseLost("another took the account before the probe was written down") from error


def _learned_state(here: Here, outcome: ProbeOutcome | None) -> dict[str, Any]:
    """The state with what was seen of closes that share a position; nothing where the bot has no
    book yet, or nothing was seen: its own orders teach it the same.
    """
    known = {"apart": False, "together": True}
    seen = [one.choice for one in outcome.findings if one.question == "closes"] if outcome else []
    stored = here.bot.peek()
    data = None if stored is None else stored.data.get("state")
    if not (seen and seen[0] in known and data and data.get("ledger")):
        return {}
    ledger = {**data["ledger"], "has_shared_closes": known[seen[0]]}
    return {"state": {**data, "ledger": ledger}}


def _readings(here: Here, outcome: ProbeOutcome) -> dict[str, Any]:
    return {
        "account": str(here.settings.account),
        "pair": here.settings.pair,
        "cost_jpy": f"{outcome.cost_jpy:f}",
        "trouble": outcome.trouble,
        "readings": {
            one.question: {"choice": one.choice, "seen": dict(one.seen)} for one in outcome.findings
        },
    }
