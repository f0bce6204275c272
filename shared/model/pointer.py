"""The pointer of the registry: which bundle serves, which one is its challenger, and how it came to
that. Pure.

It is one small document, so that a move and the record of it are written by one compare-and-set:
neither can be lost alone.
"""

import json
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

import msgspec

from shared.core.errors import BadBundle, NotThere

MOST_MOVES = 50

MOVED_BY_ITSELF = frozenset({"retrain", "train"})
"""Who moves the pointer and is no person."""

What: TypeAlias = Literal["promote", "rollback", "challenge", "withdraw"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """One move: what was done with which version, when, why and by whom."""

    version: str
    at: int
    why: str
    by: str
    what: What = "promote"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServingPointer:
    """Which bundle serves, and the generation that a warm instance compares.

    Attributes:
        version: The champion.
        previous: What served before it, and serves where it does not load; what a rollback returns
            to.
        challenger: What predicts beside the champion and decides nothing; since when.
        retrained_at: When a retraining last ended, whatever it found; None where none was told.
        history: The last `MOST_MOVES` moves, oldest first.
    """

    version: str
    previous: str | None
    generation: int
    challenger: str | None = None
    challenger_since: int | None = None
    retrained_at: int | None = None
    history: tuple[Move, ...] = ()

    @property
    def champion_since(self) -> int | None:
        """When the champion's service began; None where the history does not reach so far."""
        moves = [move.at for move in self.history if move.what in {"promote", "rollback"}]
        return moves[-1] if moves else None


def encode(pointer: ServingPointer) -> bytes:
    """As it is stored; the generation is the object's own."""
    told = msgspec.to_builtins(pointer)
    del told["generation"]
    return json.dumps(told, sort_keys=True, indent=1).encode()


def decode_pointer(data: bytes, generation: int) -> ServingPointer:
    """Read it; an older one has only `version` and `previous`.

    Raises `BadBundle` where it is damaged.
    """
    try:
        return msgspec.convert({**json.loads(data), "generation": generation}, ServingPointer)
    except (ValueError, TypeError, msgspec.ValidationError) as error:
        raise BadBundle(
            "pointer: bundles/current.json is damaged; `scripts/bot promote VERSION` writes it anew"
        ) from error


def promote_version(
    now: ServingPointer | None, version: str, *, at: int, why: str, by: str
) -> ServingPointer:
    """`version` serves.

    A challenger that took its place is no challenger any more; another one goes on.
    """
    move = Move(version=version, at=at, why=why, by=by)
    if now is None:
        return ServingPointer(version=version, previous=None, generation=0, history=(move,))
    after = replace(now, version=version, previous=now.version, history=_with(now, move))
    return (
        replace(after, challenger=None, challenger_since=None)
        if now.challenger == version
        else after
    )


def roll_back_version(now: ServingPointer | None, *, at: int, why: str, by: str) -> ServingPointer:
    """What served before serves again, and behind it what had served before that: a second rollback
    goes further back.

    What was rolled back is not `previous`, so that it never steps in by itself; `promote` brings it
    back by name. Raises `NotThere` where nothing served before.
    """
    if now is None or now.previous is None:
        raise NotThere("no bundle served before the present one, so there is nothing to go back to")
    version = now.previous
    history = _with(now, Move(version=version, at=at, why=why, by=by, what="rollback"))
    line = _line(history)
    previous = line[-2] if len(line) > 1 and line[-1] == version else None
    after = replace(now, version=version, previous=previous, history=history)
    return (
        replace(after, challenger=None, challenger_since=None)
        if now.challenger == version
        else after
    )


def challenge_champion(
    now: ServingPointer | None, version: str, *, at: int, why: str, by: str
) -> ServingPointer:
    """`version` runs beside the champion.

    Raises `NotThere` where there is no champion, or it is the champion itself.
    """
    if now is None:
        raise NotThere("no bundle serves beside which a challenger could run: promote it")
    if now.version == version:
        raise NotThere(f"{version} serves already; it cannot challenge itself")
    history = _with(now, Move(version=version, at=at, why=why, by=by, what="challenge"))
    return replace(now, challenger=version, challenger_since=at, history=history)


def withdraw_challenger(now: ServingPointer, *, at: int, why: str, by: str) -> ServingPointer:
    """There is no challenger any more."""
    if now.challenger is None:
        return now
    history = _with(now, Move(version=now.challenger, at=at, why=why, by=by, what="withdraw"))
    return replace(now, challenger=None, challenger_since=None, history=history)


def _with(now: ServingPointer, move: Move) -> tuple[Move, ...]:
    return (*now.history, move)[-MOST_MOVES:]


def _line(history: tuple[Move, ...]) -> list[str]:
    """The champions that a rollback walks back along, the present one last, as far as the history
    tells.
    """
    line: list[str] = []
    for move in history:
        if move.what == "promote":
            line.append(move.version)
        elif move.what == "rollback":
            line = line[:-1] if len(line) > 1 and line[-2] == move.version else [move.version]
    return line
