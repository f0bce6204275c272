"""What a person orders of one bot beside a halt: close all of it, settle an order by name, correct
its book.

A flatten and a correction of the book lie in the bot's control document, which only people write: a
tick carries them out, and its own state says that it did. So each is done once, whichever tick
dies: what a tick did and that it did it are saved as one.
"""

import secrets
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from shared.core.errors import Conflict, NotThere
from shared.core.sentences import say
from shared.core.types import Adoption, Correction
from shared.stores.conflicts import repeat_on_conflict
from shared.stores.lease import is_held
from shared.stores.ports import Write
from shared.tick import control
from shared.tick.acts import act_writes
from shared.tick.control import Halt
from shared.tick.documents import BotDocuments

ATTEMPTS = 5


def order_flatten(bot: BotDocuments, *, who: str, why: str, now_ms: int) -> Halt:
    """Order that all that the bot holds is closed, and halt it. One that stands already stays.

    >>> from shared.stores.memory import MemoryDocuments
    >>> bot = BotDocuments(MemoryDocuments(), "default")
    >>> ordered = order_flatten(bot, who="ann", why="a holiday", now_ms=7)
    >>> bot.control().flatten == ordered, list(bot.control().halts)
    (True, ['control/default'])
    >>> order_flatten(bot, who="bob", why="the same", now_ms=9) == ordered
    True
    """

    def order() -> Halt:
        ordered = bot.control()
        standing = ordered.flatten
        if standing is not None and control.path_of(bot.bot) in ordered.halts:
            return standing
        halt = Halt(id=f"{now_ms}-{secrets.token_hex(4)}", at=now_ms, who=who, why=why)
        bot.change_control(
            {"halt": asdict(halt), "flatten": asdict(halt)},
            act="flatten",
            what=say("alerts.value.this_bot"),
            record=_record(bot, at=now_ms, who=who, why=why, what={"flatten": halt.id}),
        )
        return halt

    return repeat_on_conflict(order, attempts=ATTEMPTS)


def order_correction(bot: BotDocuments, asked: Adoption, *, corrected_by: str) -> None:
    """Order that the bot's book is corrected; `corrected_by` is the order by which it last was.

    Raises `Conflict` where another order waits for its tick, or the document is damaged.
    """
    path = control.path_of(bot.bot)
    ordered = bot.control()
    if path in ordered.damaged:
        raise Conflict(f"{ordered.damaged[path]}; `scripts/bot resume` writes it anew")
    waiting = ordered.adoption
    if waiting is not None and waiting.id != corrected_by:
        raise Conflict(f"{waiting.who} ordered {waiting.what} at {waiting.at}: no tick has yet")
    told = {**asdict(asked), "what": str(asked.what), "side": str(asked.side)}
    what = {str(asked.what): {name: told[name] for name in ("side", "lots", "price", "id")}}
    bot.change_control(
        {"adoption": told},
        act="adopt" if asked.what is Correction.ADOPT else "forget",
        what=say("alerts.value.this_bot"),
        record=_record(bot, at=asked.at, who=asked.who, why=asked.why, what=what),
    )


def settle_by_name(
    bot: BotDocuments, name: str, *, order_id: int | None, who: str, why: str, now_ms: int
) -> None:
    """Settle an order that stays open: by the number that it has at the exchange, or as one that
    never came there (None).

    A found one is followed by the next tick, which books and closes it; an absent one is closed.

    Raises `NotThere` where no such intent is open, and `Conflict` where a tick works on the
    account.
    """
    path = f"intents/{bot.bot}~{name}"
    stored = bot.documents.get(path)
    if stored is None or stored.data.get("open_for") != bot.bot:
        raise NotThere(f"no order {name!r} of bot {bot.bot!r} is open")
    account = bot.peek()
    if account is not None and is_held(account.data["lease"]["expires_at"], now_ms=now_ms):
        raise Conflict("a tick works on the account now; ask again when it has ended")
    said = {"settled_by": who, "settled_at": now_ms}
    outcome = {"outcome": "not_sent", **said}
    if order_id is not None:
        outcome = {"outcome": "accepted", "order_id": order_id, **said}
    data = {**stored.data, "outcome": outcome}
    if order_id is None:
        data["open_for"] = None
    what = {"settle": name, "order_id": order_id}
    record = _record(bot, at=now_ms, who=who, why=why, what=what)
    record["held"] = repr(stored.data)[:10_000]
    writes = [
        Write(kind="replace", path=path, data=data, version=stored.version),
        *act_writes("settle", name, record=record, bot=bot.bot),
    ]
    if account is not None:
        writes.append(Write(kind="verify", path=account.path, version=account.version))
    bot.documents.commit(writes)


def _record(
    bot: BotDocuments, *, at: int, who: str, why: str, what: Mapping[str, Any]
) -> dict[str, Any]:
    return {"at": at, "who": who, "why": why, "bot": bot.bot, "what": dict(what)}
