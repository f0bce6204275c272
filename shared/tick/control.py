"""What people have ordered, and what a tick makes of it. Pure.

    control/{bot}     of one bot     {schema, halt: {id, at, who, why},
                                      lifted: {halts, drawdown, at, who, why},
                                      flatten: like halt, adoption: Adoption, moved: Moved,
                                      stage_at_most: {stage, at, who, why}}, or nulls; the last
                                     four may be missing
    control/all       of every bot   the same
    control/current   an older version's, for every bot
                                     {halt: true or false, halted_at, resumed_at, who, why, at}

Every tick honours all three. A halt has an id, and whoever takes it back names it: a person's by
that id, the drawdown limit's by the instant at which it began. So nothing lifts a halt that came
later, and no two clocks are compared.

A *flatten* is a halt that also closes what is held; it stands as long as the halt does, and is
taken back with it. An *adoption* corrects the bot's own book of a real account once: the book
remembers by its id that it did. A bot that was *moved* does nothing here any more.

A document that makes no sense is *damaged*: it forbids entries, is told, and is never guessed at.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import msgspec

from shared.core.errors import BadData
from shared.core.types import Adoption

SCHEMA = 1
ALL = "control/all"
OLDER = "control/current"


@dataclass(frozen=True, slots=True, kw_only=True)
class Halt:
    """A person's halt: `id` names it for whoever takes it back."""

    id: str
    at: int
    who: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Lifted:
    """What was taken back last: people's halts by their ids, a drawdown halt by the instant at
    which it began (0: none).
    """

    halts: tuple[str, ...]
    drawdown: int
    at: int
    who: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """A bot on its way to another store. Here it does nothing: it went to `store`, or, where it
    `is_arriving`, is still being copied from there. `id` names the move.

    >>> Moved(id="1-a", store="sqlite:///a", at=0, who="ann", why="a disk").is_arriving
    False
    """

    id: str
    store: str
    at: int
    who: str
    why: str
    is_arriving: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class StageCap:
    """The highest stage that people allow a live bot. It may only lower: going up is a start."""

    stage: Literal["stage-10", "stage-50", "live"]
    at: int
    who: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """One control document: the halt that stands, what was taken back last, whether what is held is
    to be closed, the book to be corrected, or the bot has gone, and the highest stage that is
    allowed.
    """

    schema: int = SCHEMA
    halt: Halt | None = None
    lifted: Lifted | None = None
    flatten: Halt | None = None
    adoption: Adoption | None = None
    moved: Moved | None = None
    stage_at_most: StageCap | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ordered:
    """All that people have ordered of one bot.

    `halts` and `damaged` are keyed by the document's path. The rest is of this bot alone.
    """

    bot: str
    halts: Mapping[str, Halt]
    damaged: Mapping[str, str]
    lifted: Lifted | None = None
    flatten: Halt | None = None
    adoption: Adoption | None = None
    moved: Moved | None = None
    stage_at_most: StageCap | None = None

    @property
    def lifts_drawdown(self) -> int:
        """The drawdown halt that was taken back, by the instant at which it began; 0 where none
        was.
        """
        return 0 if self.lifted is None else self.lifted.drawdown


def path_of(bot: str) -> str:
    """The control document of one bot."""
    return f"control/{bot}"


def paths(bot: str) -> tuple[str, str, str]:
    """The control documents that a tick of `bot` honours."""
    return (path_of(bot), ALL, OLDER)


def decode_control(data: object, path: str) -> Control:
    """One stored control document.

    Raises `BadData`, naming document and field, where it makes no sense.
    """
    if not isinstance(data, Mapping):
        raise BadData(f"{path} is damaged: it was a {type(data).__name__}, not a mapping")
    try:
        if "schema" not in data:
            return _older(data)
        if isinstance(data["schema"], int) and data["schema"] > SCHEMA:
            raise BadData(f"{path} has schema {data['schema']}; this version reads up to {SCHEMA}")
        missing = [name for name in ("halt", "lifted") if name not in data]
        if missing:
            raise BadData(f"{path} is damaged: it has no {missing[0]}")
        control = msgspec.convert(data, Control)
    except msgspec.ValidationError as error:
        raise BadData(f"{path} is damaged: {error}") from error
    if control.schema != SCHEMA or (control.halt is not None and not control.halt.id):
        raise BadData(
            f"{path} is damaged:"
            f" {'its halt has no id' if control.schema == SCHEMA else 'its schema cannot be'}"
        )
    return control


@dataclass(frozen=True, slots=True, kw_only=True)
class _Older:
    halt: bool = False
    halted_at: int = 0
    resumed_at: int = 0
    who: str = ""
    why: str = ""
    at: int = 0


def _older(data: Mapping[str, Any]) -> Control:
    """A document without a schema.

    Its `resumed_at` names no halt, so it lifts none; its halt counts.
    """
    older = msgspec.convert(data, _Older)
    if not older.halt:
        return Control()
    at = older.halted_at or older.at
    return Control(halt=Halt(id=f"older-{at}", at=at, who=older.who, why=older.why))


def combine_controls(found: Mapping[str, object], bot: str) -> Ordered:
    """What the documents say together; `found` maps the paths of those that exist to what is stored
    there.
    """
    halts: dict[str, Halt] = {}
    damaged: dict[str, str] = {}
    mine = Control()
    for path, data in found.items():
        try:
            control = decode_control(data, path)
        except BadData as error:
            damaged[path] = str(error)
            continue
        if control.halt is not None:
            halts[path] = control.halt
        if path == path_of(bot):
            mine = control
    return Ordered(
        bot=bot,
        halts=halts,
        damaged=damaged,
        lifted=mine.lifted,
        flatten=mine.flatten,
        adoption=mine.adoption,
        moved=mine.moved,
        stage_at_most=mine.stage_at_most,
    )


def salvage_cap(data: object) -> StageCap | None:
    """The highest stage that a damaged document allows, where that can be read.

    >>> salvage_cap({"halt": 3, "stage_at_most": None}) is None
    True
    """
    try:
        told = data.get("stage_at_most") if isinstance(data, Mapping) else None
        return msgspec.convert(told, StageCap | None)
    except msgspec.ValidationError:
        return None
