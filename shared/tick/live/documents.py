"""The documents of going live, read and written: each act with its record and its alert in one
batch.
"""

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any, TypeVar

import msgspec

from shared.alerts.acts import Act
from shared.core.errors import AlreadyExists, BadData, Conflict, UserError
from shared.core.settings import Settings
from shared.stores.conflicts import repeat_on_conflict
from shared.stores.ports import Document, DocumentStore, Write
from shared.tick import control
from shared.tick.acts import act_writes
from shared.tick.control import Control, StageCap
from shared.tick.live.records import (
    AlertsTest,
    KeyRights,
    LiveRecord,
    ParityResult,
    ParityResults,
    SeenKinds,
    SideClaims,
    claims_path,
    decode_record,
)
from shared.tick.live.stages import is_above
from shared.tick.live.standing import LiveStanding

ATTEMPTS = 5
Stored = TypeVar("Stored")


class LiveDocuments:
    """What people have written down of one live bot.

    >>> from shared.stores.memory import MemoryDocuments
    >>> live = LiveDocuments(MemoryDocuments(), "default")
    >>> live.note_alerts_test(("discord",), now_ms=7)
    >>> live.alerts_test()
    AlertsTest(at=7, channels=('discord',))
    """

    def __init__(self, documents: DocumentStore, bot: str) -> None:
        """Work on the documents of `bot`."""
        self._documents, self._bot = documents, bot

    def standing(self, settings: Settings, *, key: str, cap: StageCap | None) -> LiveStanding:
        """What a tick looks at. Damage is told, not raised."""
        record, claims, damage = None, SideClaims(), ""
        try:
            record = self.record()
            claims = self.claims(key, settings)
        except BadData as error:
            damage = str(error)
        return LiveStanding(record=record, claims=claims, cap=cap, damage=damage)

    def record(self) -> LiveRecord | None:
        """The start of this bot. Raises `BadData`."""
        return self._read(f"live/{self._bot}", LiveRecord)[1]

    def claims(self, key: str, settings: Settings) -> SideClaims:
        """Who has which side of the key's account. Raises `BadData`."""
        return self._read(claims_path(key, settings), SideClaims)[1] or SideClaims()

    def key_rights(self, key: str) -> KeyRights | None:
        """What the owner has said of a key. Raises `BadData`."""
        return self._read(f"rights/{key}", KeyRights)[1]

    def alerts_test(self) -> AlertsTest | None:
        """When channels were tried last. Raises `BadData`."""
        return self._read(f"alert_tests/{self._bot}", AlertsTest)[1]

    def probe(self) -> SeenKinds | None:
        """What was seen with real money outside of ticks. Raises `BadData`."""
        return self._read(f"probes/{self._bot}", SeenKinds)[1]

    def parity_results(self) -> ParityResults:
        """What comparisons with a replay left unexplained. Raises `BadData`."""
        return self._read(f"parity/{self._bot}", ParityResults)[1] or ParityResults()

    def stage_cap(self) -> StageCap | None:
        """The highest stage that people allow. Raises `BadData`."""
        return self._control()[1].stage_at_most

    def note_alerts_test(self, channels: tuple[str, ...], *, now_ms: int) -> None:
        """Keep which channels brought their code."""
        self._put(f"alert_tests/{self._bot}", AlertsTest(at=now_ms, channels=channels))

    def note_parity(self, result: ParityResult) -> None:
        """Keep what a comparison came to."""
        self._put(f"parity/{self._bot}", self.parity_results().add(result))

    def confirm_rights(self, rights: KeyRights) -> None:
        """Keep the owner's word on a key."""
        writes = [self._write(f"rights/{rights.key}", rights)]
        self._documents.commit([*writes, *self._act("rights", rights.key, rights)])

    def write_start(self, record: LiveRecord, settings: Settings) -> None:
        """Write the start down, claim the sides, and let the stage be that of the start.

        Raises `UserError` where another bot has a side by now, and `Conflict`.
        """
        repeat_on_conflict(lambda: self._start(record, settings), attempts=ATTEMPTS)

    def has_taken_back(self, *, who: str, why: str, now_ms: int) -> bool:
        """Take the start back and give the sides free; whether there was one."""
        stored, record = self._read(f"live/{self._bot}", LiveRecord)
        if record is None or record.stopped_at:
            return False
        stopped = replace(record, stopped_at=now_ms)
        writes = [
            _over(f"live/{self._bot}", stored, stopped),
            *self._release_writes(record, but=""),
        ]
        told = replace(record, at=now_ms, who=who, why=why)
        self._documents.commit([*writes, *self._act("stop", record.stage, told)])
        return True

    def allow_at_most(self, cap: StageCap) -> None:
        """Allow no higher stage than this. Raises `UserError` where less is allowed already, and
        `BadData` where the control document is damaged.
        """
        repeat_on_conflict(lambda: self._allow_at_most(cap), attempts=ATTEMPTS)

    def _allow_at_most(self, cap: StageCap) -> None:
        stored, known = self._control()
        before = known.stage_at_most
        if before is not None and not is_above(before.stage, cap.stage):
            raise UserError(
                f"{before.who} allows {before.stage} at most, which is no more than {cap.stage}",
                remedy="going up is `scripts/bot live start` with BOT_STAGE set to it",
            )
        write = self._control_write(stored, known, cap)
        self._commit([write, *self._act("lower", cap.stage, cap)])

    def _start(self, record: LiveRecord, settings: Settings) -> None:
        path = claims_path(record.key, settings)
        claimed, claims = self._read(path, SideClaims)
        claims = claims or SideClaims()
        for side, bot in claims.others(settings).items():
            raise UserError(
                f"the {side} side of this account is claimed by bot {bot!r}",
                remedy=f"`BOT_ID={bot} scripts/bot live stop` gives it free, once it holds nothing",
            )
        stored, before = self._read(f"live/{self._bot}", LiveRecord)
        control_stored, known = self._control()
        writes = [
            _over(f"live/{self._bot}", stored, record),
            _over(path, claimed, claims.claim(settings)),
            *([] if before is None else self._release_writes(before, but=path)),
        ]
        if known.stage_at_most is not None:
            writes.append(self._control_write(control_stored, known, None))
        self._commit([*writes, *self._act("start", record.stage, record)])

    def _release_writes(self, record: LiveRecord, *, but: str) -> list[Write]:
        """The sides that a start had, given free; those at `but` are written by whoever asks."""
        path = f"claims/{record.key}~{record.account}~{record.pair}"
        stored, claims = self._read(path, SideClaims)
        if claims is None or path == but:
            return []
        return [_over(path, stored, claims.release(self._bot))]

    def _control(self) -> tuple[Document | None, Control]:
        path = control.path_of(self._bot)
        stored = self._documents.get(path)
        return stored, Control() if stored is None else control.decode_control(stored.data, path)

    def _control_write(
        self, stored: Document | None, known: Control, cap: StageCap | None
    ) -> Write:
        """The control document with another highest stage; fields that this version does not know
        stay.
        """
        kept = dict(stored.data) if stored is not None and "schema" in stored.data else {}
        data = {**kept, **asdict(known), "stage_at_most": None if cap is None else asdict(cap)}
        return _over_data(control.path_of(self._bot), stored, data)

    def _commit(self, writes: list[Write]) -> None:
        try:
            self._documents.commit(writes)
        except AlreadyExists as error:
            raise Conflict(str(error)) from error

    def _act(self, act: Act, what: str, told: Any) -> list[Write]:
        record = {
            "at": told.at,
            "who": told.who,
            "why": told.why,
            "bot": self._bot,
            "what": {act: msgspec.to_builtins(told)},
        }
        return act_writes(act, what, record=record, bot=self._bot)

    def _read(self, path: str, kind: type[Stored]) -> tuple[Document | None, Stored | None]:
        stored = self._documents.get(path)
        return stored, None if stored is None else decode_record(stored.data, kind, path)

    def _put(self, path: str, value: Any) -> None:
        self._documents.commit([self._write(path, value)])

    def _write(self, path: str, value: Any) -> Write:
        return Write(kind="put", path=path, data=msgspec.to_builtins(value))


def _over(path: str, stored: Document | None, value: Any) -> Write:
    return _over_data(path, stored, msgspec.to_builtins(value))


def _over_data(path: str, stored: Document | None, data: Mapping[str, Any]) -> Write:
    """The write that puts `data` in the place of what was read."""
    if stored is None:
        return Write(kind="create", path=path, data=data)
    return Write(kind="replace", path=path, data=data, version=stored.version)
