"""What makes a condition: a rule each, from what was seen to what was found. No clock, no store."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import EllipsisType
from typing import TypeAlias

from shared.core.calendar import DAY_MS, HOUR_MS
from shared.core.reasons import Reason
from shared.core.sentences import say
from shared.core.sentences.figures import duration, jst_and_utc
from shared.core.settings import Settings
from shared.core.tick_times import LATE_IN_A_ROW, latest_believed
from shared.core.types import Level, TickStatus
from shared.rounds.sight import Sight, TickSeen
from shared.turn.watch.inspection import age_findings

RESCUED_IN_A_ROW = 2
"""So many rounds that had to call the tick themselves are no accident of a delivery."""
HALT_FORGOTTEN_MS = DAY_MS
"""So long a person who has halted the bot knows it."""
_ERRORS = frozenset({TickStatus.FAILED.value, TickStatus.DEGRADED.value})


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What speaks for a condition: since when, in words; what the bot did, where that differs from
    one time to another; how loud it is, where that is not the rule's own; and the key under which
    somebody else tells it.
    """

    since_at: int
    text: str
    did: str | None = None
    level: Level | None = None
    key: str = ""


Judgement: TypeAlias = Found | EllipsisType | None
"""A condition, none, or (...) nobody can tell."""


def last_finish(sight: Sight, settings: Settings) -> int:
    """When a tick last finished, of the times that are believed; 0: never."""
    latest = latest_believed(sight.now_ms, settings)
    return max((at for at in sight.finishes if at <= latest), default=0)


def impossible_times(sight: Sight, settings: Settings) -> list[int]:
    """Stored times that no clock which agrees with ours can have written."""
    latest = latest_believed(sight.now_ms, settings)
    told = sight.finishes + ((sight.state.last_scheduled_at,) if sight.state is not None else ())
    return sorted(at for at in told if at > latest)


def _silent_ms(settings: Settings) -> int:
    """No bot is silent between two of its ticks."""
    seconds = max(settings.rounds.silent_after_seconds, 2.0 * settings.tick.interval_seconds)
    return int(seconds * 1000)


def judge_silence(sight: Sight, settings: Settings) -> Judgement:
    """No tick has finished for too long; where none ever did, since the watch began.

    A clock that lies behind the ticks' own cannot tell, unless the exchange says the same.
    """
    strange = impossible_times(sight, settings)
    if not {"state", "ticks"} & sight.known or (strange and sight.off_ms is None):
        return ...
    last = last_finish(sight, settings)
    since = last or sight.watching_since
    silent_ms = sight.now_ms - since
    if silent_ms <= _silent_ms(settings) or sight.finished_by_call:
        return None
    told = duration(silent_ms / 1000)
    if last:
        text = say("rounds.found.silent", at=jst_and_utc(last), silent=told)
    elif strange or "state" not in sight.known:
        since = max(since, sight.now_ms - HOUR_MS)
        text = say("rounds.found.silent_unknown", silent=duration((sight.now_ms - since) / 1000))
    else:
        text = say("rounds.found.never_ticked", silent=told)
    return Found(since_at=since, text=text, did=say(f"rounds.called.{sight.call}"))


def judge_schedule(sight: Sight, _settings: Settings) -> Judgement:
    """Ticks finish, but only those that the watch calls."""
    if not {"state", "ticks"} & sight.known:
        return ...
    if sight.rescued < RESCUED_IN_A_ROW:
        return None
    text = say("rounds.found.unscheduled", rounds=sight.rescued)
    return Found(since_at=sight.now_ms, text=text)


def judge_clock(sight: Sight, settings: Settings) -> Judgement:
    """This machine's clock against the exchange's, or else against the times that ticks stored."""
    wrong = impossible_times(sight, settings)
    if sight.off_ms:
        text = say(
            "rounds.found.clock_ahead" if sight.off_ms > 0 else "rounds.found.clock_behind",
            off=duration(abs(sight.off_ms) / 1000),
        )
        return Found(since_at=sight.now_ms, text=text)
    if wrong:
        ahead = duration((wrong[-1] - sight.now_ms) / 1000)
        return Found(since_at=sight.now_ms, text=say("rounds.found.clock_future", ahead=ahead))
    age_ms = sight.now_ms - last_finish(sight, settings)
    if sight.finished_by_call and age_ms > _silent_ms(settings):
        text = say("rounds.found.clock_past", age=duration(age_ms / 1000))
        return Found(since_at=sight.now_ms, text=text)
    if sight.off_ms == 0:
        return None
    # One that is wrong is not right because the exchange does not answer for a moment.
    return ... if sight.is_comparable or age_ms > _silent_ms(settings) else None


def judge_errors(sight: Sight, settings: Settings) -> Judgement:
    """Too many ticks of the last hour failed, ran degraded, or left no report.

    It is over when they are half as many: else it would begin and end with each that comes and
    goes.
    """
    if "ticks" not in sight.known:
        return ...
    latest = latest_believed(sight.now_ms, settings)
    wrong = [
        tick
        for tick in sight.ticks
        if tick.claimed_at <= latest and _has_failed(tick, sight.now_ms)
    ]
    most = settings.rounds.errors_an_hour
    if len(wrong) <= (most // 2 if "errors" in sight.standing else most):
        return None
    counts = Counter(tick.status for tick in wrong)
    text = say(
        "rounds.found.errors",
        ticks=len(wrong),
        failed=counts[TickStatus.FAILED],
        degraded=counts[TickStatus.DEGRADED],
        lost=counts[None],
    )
    return Found(since_at=min(tick.claimed_at for tick in wrong), text=text)


def _has_failed(tick: TickSeen, now_ms: int) -> bool:
    return tick.status in _ERRORS or (tick.status is None and tick.expires_at <= now_ms)


def judge_intents(sight: Sight, settings: Settings) -> Judgement:
    """An order was written down for too long ago without a saved state that knows of it."""
    if "intents" not in sight.known:
        return ...
    before = sight.now_ms - int(settings.rounds.unsettled_after_seconds * 1000)
    old = {path: intent.at for path, intent in sight.intents.items() if intent.at < before}
    if not old:
        return None
    first = min(old, key=lambda path: old[path])
    text = say("rounds.found.unsettled", orders=len(old), first=first, at=jst_and_utc(old[first]))
    return Found(since_at=old[first], text=text)


def judge_halts(sight: Sight, _settings: Settings) -> Judgement:
    """A person's halt has stood for a day: that somebody halted the bot was told as an act."""
    if sight.ordered is None or "orders" not in sight.known:
        return ...
    halts = sorted(sight.ordered.halts.values(), key=lambda halt: halt.at)
    if not halts:
        return None
    first = halts[0]
    if 0 <= sight.now_ms - first.at < HALT_FORGOTTEN_MS:
        return ...  # an earlier one that was told is not over, where this one took its place
    text = say("rounds.found.halt", who=first.who, at=jst_and_utc(first.at), why=first.why)
    return Found(since_at=first.at, text=text)


def judge_drawdown(sight: Sight, _settings: Settings) -> Judgement:
    """The drawdown limit halts, and nobody has taken that back."""
    if sight.ordered is None or not {"state", "orders"} <= sight.known:
        return ...
    halted_at = 0 if sight.state is None else sight.state.halted_at
    if not halted_at or halted_at == sight.ordered.lifts_drawdown:
        return None
    return Found(since_at=halted_at, text=say("rounds.found.drawdown", at=jst_and_utc(halted_at)))


def judge_lateness(sight: Sight, _settings: Settings) -> Judgement:
    """Ticks come, all of them too late."""
    if "state" not in sight.known:
        return ...
    late = 0 if sight.state is None else sight.state.late_in_a_row
    if sight.state is None or late < LATE_IN_A_ROW:
        return None
    return Found(since_at=sight.state.last_finished_at, text=say("rounds.found.late", ticks=late))


def _age_rule(reason: Reason) -> Callable[[Sight, Settings], Judgement]:
    def judge_age(sight: Sight, settings: Settings) -> Judgement:
        if "model" not in sight.known:
            return ...
        found = dict(
            age_findings(sight.as_of, sight.retrained_at, now_ms=sight.now_ms, settings=settings)
        )
        if reason not in found:
            return None
        since = sight.as_of if reason is Reason.MODEL_OLD else sight.retrained_at
        facts = ", ".join(f"{name} {text}" for name, text in found[reason].items())
        return Found(since_at=since or 0, text=facts)

    return judge_age


def _store_rule(store: str) -> Callable[[Sight, Settings], Judgement]:
    def judge_store(sight: Sight, _settings: Settings) -> Judgement:
        said = sight.down.get(store)
        return None if said is None else Found(since_at=sight.now_ms, text=said)

    return judge_store


def judge_reading(sight: Sight, _settings: Settings) -> Judgement:
    """Something that is no store's outage keeps the watch from seeing a part."""
    if not sight.failures:
        return ... if sight.down else None
    text = "; ".join(f"{part}: {why}" for part, why in sorted(sight.failures.items()))
    return Found(since_at=sight.now_ms, text=text)


def judge_budget(sight: Sight, _settings: Settings) -> Judgement:
    """The costs of this month are above a threshold of the budget."""
    if "budget" not in sight.known:
        return ...
    notice = sight.budget
    if notice is None or notice.is_over(sight.now_ms):
        return None
    return Found(
        since_at=notice.began_at, text=notice.sentence, level=notice.loudness, key=notice.key
    )


RULES: Mapping[str, tuple[Level, Callable[[Sight, Settings], Judgement]]] = {
    "documents_down": (Level.CRITICAL, _store_rule("documents")),
    "silent": (Level.CRITICAL, judge_silence),
    "unsettled": (Level.CRITICAL, judge_intents),
    "drawdown_halt": (Level.CRITICAL, judge_drawdown),
    "bucket_down": (Level.WARNING, _store_rule("bucket")),
    "blind": (Level.WARNING, judge_reading),
    "errors": (Level.WARNING, judge_errors),
    "late": (Level.WARNING, judge_lateness),
    "unscheduled": (Level.WARNING, judge_schedule),
    "clock": (Level.WARNING, judge_clock),
    "halt": (Level.WARNING, judge_halts),
    "model_old": (Level.WARNING, _age_rule(Reason.MODEL_OLD)),
    "retrain_overdue": (Level.WARNING, _age_rule(Reason.RETRAIN_OVERDUE)),
    "budget": (Level.WARNING, judge_budget),
}
"""Every condition by its name: how loud it is, and its rule. The loudest stand first."""
