"""What two reports of a tick say differently, leaf by leaf. Pure."""

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import Any

import msgspec

from shared.core.reasons import UNASKED, Reason
from shared.core.types import OrderRecord, Purpose, TickReport
from shared.results.parity.comparison import Fact

_APART = frozenset(
    {
        "tick",
        "bot",
        "received_at",
        "finished_at",
        "mode",
        "stage",
        "profile",
        "detail",
        "alerts",
        "timings_ms",
        "counts",
        "book_opened_at",
    }
    | {"equity_jpy", "cash_jpy", "mark_price"}
)
_OF_THE_ACCOUNT = frozenset({"fills", "trades", "positions", "resting", "plan"})
_DECIDED = frozenset({Purpose.ENTRY, Purpose.CLOSE})
_NUMBERS = frozenset({"sequence", "order_id", "execution_id", "taken_at"})
_INTENT = re.compile(r"(?P<tick>.+)\.\d+(?P<rest>[a-z]\..+)")


def facts_of(bot: TickReport, replay: TickReport) -> list[Fact]:
    """Every value in which the two differ.

    Apart from what names a run (fencing counters in ids of intents, numbers of orders, fills and
    trades), what it took (times, counts), what it told (alerts) and what it said of its model
    without forbidding anything; equity and cash are compared as they move, see `compare`.
    """
    return list(_compare_views(bot, replay, _APART))


def decided_facts(bot: TickReport, replay: TickReport) -> list[Fact]:
    """Every value in which the two saw or decided something else, or sent another order of it.

    Left out is what comes about otherwise at a real exchange even where all is the same in the end:
    which orders protect a position and rest, and at which tick a fill is told.
    """
    apart = _APART | _OF_THE_ACCOUNT
    return list(_compare_views(_as_decided(bot), _as_decided(replay), apart))


def _as_decided(report: TickReport) -> TickReport:
    return replace(report, orders=tuple(filter(_is_decided, report.orders)))


def _is_decided(record: OrderRecord) -> bool:
    """Whether an order is what the tick decided, and none that protects."""
    meant = record.intent
    is_meant = meant.purpose in _DECIDED and meant.reason is not Reason.EXIT_UNPROTECTED
    return record.what == "place" and is_meant


def _compare_views(bot: TickReport, replay: TickReport, apart: frozenset[str]) -> Iterator[Fact]:
    if bot.decision is None or replay.decision is None:  # a tick that only protects asks no model
        apart |= {"model"}
    return _compare_values(_view(bot, apart), _view(replay, apart), "")


def _view(report: TickReport, apart: frozenset[str]) -> dict[str, Any]:
    """A report as JSON values, without what only names a run."""
    told: dict[str, Any] = msgspec.to_builtins(_drop_watch_doubts(report))
    view: dict[str, Any] = _plain(
        {name: value for name, value in told.items() if name not in apart}
    )
    return view


def _drop_watch_doubts(report: TickReport) -> TickReport:
    """The report without the doubts about its model: a replay does not run the watch
    (`shared.turn.watch`).
    """
    kept = tuple(
        issue for issue in report.issues if issue.forbids_entry or issue.reason not in UNASKED
    )
    decision = report.decision
    if decision is not None and "issues" in decision.context:
        forbidding = {issue.reason for issue in kept}
        names = decision.context["issues"].split(",")
        said = ",".join(name for name in names if name not in UNASKED or name in forbidding)
        decision = replace(decision, context={**decision.context, "issues": said})
    return replace(report, issues=kept, decision=decision)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            name: _id(item) if name in {"id", "entry_intent"} else _plain(item)
            for name, item in value.items()
            if name not in _NUMBERS
        }
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value


def _id(told: str) -> str:
    """An intent's id without the fencing counter of its lease, its tick as the schedule time in
    milliseconds.
    """
    found = _INTENT.fullmatch(told)
    if found is None:
        return told
    tick = found["tick"]
    with suppress(ValueError):
        tick = str(round(datetime.strptime(tick, "%Y%m%dT%H%M%S.%f%z").timestamp() * 1000))
    return f"{tick}.{found['rest']}"


def _compare_values(bot: Any, replay: Any, where: str) -> Iterator[Fact]:
    if isinstance(bot, dict) and isinstance(replay, dict):
        for name in (*bot, *(name for name in replay if name not in bot)):
            yield from _compare_values(
                bot.get(name), replay.get(name), f"{where}.{name}" if where else name
            )
    elif isinstance(bot, list) and isinstance(replay, list) and len(bot) == len(replay):
        for row, (mine, other) in enumerate(zip(bot, replay, strict=True)):
            yield from _compare_values(mine, other, f"{where}[{row}]")
    elif bot != replay:
        yield Fact(what=where, bot=_text(bot), replay=_text(replay))


def _text(value: Any) -> str:
    if isinstance(value, dict | list):
        return msgspec.json.encode(value).decode() if value else "none"
    return "none" if value is None or value == "" else str(value)
