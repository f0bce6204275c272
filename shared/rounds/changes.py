"""What became of the conditions since the round before: those that began, those that last and are
told again, those that are over. No clock, no store.

A condition is told when it begins, then once an hour if it is critical and once a day if it is a
warning, and once more when it is over. One that nobody could judge neither begins nor ends.

Some are also seen by a living tick, which tells them itself. Those (`SHARED`) have the very key
that the tick gives its own alert: whoever comes second finds the key in the outbox and tells
nothing, and neither needs to know whether the other lives; the same holds for a budget, which
Cloud Billing's own message tells first. A key of the watch's own names the
instant at which its condition began, so that one that comes back within its window is told again.
That a drawdown halt is over is told by the tick that resumed (`ENDS_BY_TICK`).
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from shared.alerts.wording import alert_key, daily_key, lasting_key
from shared.core.calendar import DAY_MS, HOUR_MS, jst_day
from shared.core.reasons import Reason
from shared.core.sentences import say
from shared.core.sentences.figures import duration, jst_and_utc
from shared.core.settings import Settings
from shared.core.types import Alert, Level
from shared.rounds.conditions import Condition, Judged
from shared.rounds.rules import RULES

_REPEAT_MS = {Level.CRITICAL: HOUR_MS, Level.WARNING: DAY_MS, Level.INFO: DAY_MS}

SHARED: Mapping[str, Callable[[str, int, Settings], str]] = {
    "model_old": lambda bot, at, _: daily_key(bot, "model_old", at=at),
    "retrain_overdue": lambda bot, at, _: daily_key(bot, "retrain_overdue", at=at),
    "drawdown_halt": lambda bot, at, _: daily_key(bot, "drawdown_halt", at=at),
    "late": lambda bot, at, settings: lasting_key(bot, "late", "row", at=at, settings=settings),
    "clock": lambda bot, at, settings: lasting_key(
        bot, "clock", Reason.CLOCK_SKEW, at=at, settings=settings
    ),
}
"""The tick's key of what a tick tells too."""
_REPEAT_SHARED_MS = DAY_MS
ENDS_BY_TICK = frozenset({"drawdown_halt"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Lasting:
    """A condition that stood in the round before: when that began to be seen, since when it holds,
    and when it was last told.
    """

    begun_at: int
    since_at: int
    told_at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchMemory:
    """What the watch keeps from round to round.

    Attributes:
        first_at: When the first round was.
        lasting: The conditions that stand, by name.
        rescued: In so many rounds in a row a tick finished only because the watch called it.
        waiting: Alerts of a round that nobody knows to have been told.
        held_until: Until then the round that wrote `waiting` may be telling it.
        number: How often it was written.

    >>> WatchMemory(first_at=0).lasting
    {}
    """

    first_at: int
    lasting: Mapping[str, Lasting] = field(default_factory=dict)
    rescued: int = 0
    waiting: tuple[Alert, ...] = ()
    held_until: int = 0
    number: int = 0


def change(
    memory: WatchMemory, judged: Judged, now_ms: int, *, settings: Settings
) -> tuple[tuple[Alert, ...], WatchMemory]:
    """What is to be told now, the loudest first, and what to keep.

    >>> from shared.core.settings import load_settings
    >>> settings = load_settings({})
    >>> late = Condition(name="halt", level=Level.WARNING, since_at=0, found="halted", did="",
    ...     todo="", command="scripts/bot resume")
    >>> told, memory = change(
    ...     WatchMemory(first_at=0), Judged(conditions=(late,)), 60_000, settings=settings)
    >>> [alert.kind for alert in told], sorted(memory.lasting)
    (['halt'], ['halt'])
    >>> change(memory, Judged(conditions=(late,)), 960_000, settings=settings)[0]
    ()
    >>> [alert.kind for alert in change(memory, Judged(), 960_000, settings=settings)[0]]
    ['all_clear']
    """
    lasting = {name: kept for name, kept in memory.lasting.items() if name in RULES}
    alerts: list[Alert] = []
    for condition in judged.conditions:
        kept = lasting.get(condition.name)
        if kept is None:
            kept = Lasting(begun_at=now_ms, since_at=condition.since_at, told_at=now_ms)
        elif _is_due(condition, kept, now_ms):
            kept = replace(kept, told_at=now_ms)
        else:
            continue
        lasting[condition.name] = kept
        alerts.append(_begun_alert(condition, kept, now_ms, settings))
    over = lasting.keys() - {each.name for each in judged.conditions} - judged.unjudged
    for name in sorted(over):
        alerts += _over_alerts(name, lasting.pop(name), now_ms, settings)
    return tuple(alerts), replace(memory, lasting=lasting)


def _is_due(condition: Condition, kept: Lasting, now_ms: int) -> bool:
    """Whether it is told again; also where a clock that was wrong wrote when it was told."""
    every_ms = _REPEAT_SHARED_MS if condition.name in SHARED else _REPEAT_MS[condition.level]
    return not 0 <= now_ms - kept.told_at < every_ms


def _key_of(condition: Condition, kept: Lasting, now_ms: int, settings: Settings) -> str:
    shared = SHARED.get(condition.name)
    if shared is not None or condition.key:
        return shared(settings.id, now_ms, settings) if shared is not None else condition.key
    window = now_ms // HOUR_MS if condition.level is Level.CRITICAL else jst_day(now_ms)
    return alert_key(settings.id, condition.name, kept.begun_at, window)


def _begun_alert(condition: Condition, kept: Lasting, now_ms: int, settings: Settings) -> Alert:
    fields = {
        say("rounds.field.found"): condition.found,
        say("rounds.field.since"): jst_and_utc(kept.since_at),
        say("rounds.field.did"): condition.did,
        say("rounds.field.todo"): condition.todo,
        say("rounds.field.command"): condition.command,
        say("rounds.field.by"): say(f"rounds.by.{condition.level}"),
        **_last_fields(now_ms, settings),
    }
    return Alert(
        key=_key_of(condition, kept, now_ms, settings),
        level=condition.level,
        kind=condition.name,
        title=say(f"rounds.title.{condition.name}"),
        at=now_ms,
        fields={name: text for name, text in fields.items() if text},
    )


def _over_alerts(name: str, kept: Lasting, now_ms: int, settings: Settings) -> Iterator[Alert]:
    if name in ENDS_BY_TICK:
        return
    lasted = duration(max(0, now_ms - kept.since_at) / 1000)
    yield Alert(
        key=alert_key(settings.id, "all_clear", name, kept.begun_at),
        level=Level.INFO,
        kind="all_clear",
        title=say(f"rounds.over.{name}"),
        at=now_ms,
        fields={
            say("rounds.field.lasted"): lasted,
            say("rounds.field.todo"): say("rounds.todo_nothing"),
            **_last_fields(now_ms, settings),
        },
    )


def _last_fields(now_ms: int, settings: Settings) -> dict[str, str]:
    return {
        say("rounds.field.time"): jst_and_utc(now_ms),
        say("rounds.field.bot"): f"{settings.id} ({settings.mode})",
    }
