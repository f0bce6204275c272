"""Why a bot trades or does not: halts, limits, the model that serves, and what was decided on the
last candle.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

import msgspec

from scripts.operation.bot import Here
from scripts.operation.open_orders import OpenOrder, open_order_line, open_orders, settle_line
from scripts.operation.registry import registry_of
from shared.core.calendar import jst_day, jst_text
from shared.core.errors import BadData, BotError
from shared.core.money import rate
from shared.core.reasons import Reason
from shared.core.sentences import reason_then, say
from shared.core.sentences.figures import btc, percent, yen
from shared.core.settings import Settings
from shared.core.types import Action, Decision, TickReport
from shared.risk import fall
from shared.tick.control import ALL, OLDER, Ordered
from shared.turn.state import State

SILENT = frozenset({Reason.NOTHING_NEW, Reason.ON_TARGET, Reason.TARGET_UNKNOWN})
"""What a tick says that had nothing to decide: the tick that read the candle said why."""

TOLD = frozenset({"why", "found", "limit", "drawdown", "loss", "p_vote"})

RECENT_TICKS = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class BotStanding:
    """What people look for first. `state` None: it cannot be read.

    `report` is the last one since the bot is in its mode, `decided` the one that decided on the
    last candle. `left` is the last report at all, where the bot was in another mode then.
    """

    control: Ordered
    state: State | None
    state_trouble: str
    report: TickReport | None
    decided: TickReport | None
    model: str
    now_ms: int
    open_orders: Sequence[OpenOrder] = ()
    left: TickReport | None = None


def load_standing(here: Here) -> BotStanding:
    """Read it. Nothing that is damaged keeps the rest from being told."""
    stored = here.bot.peek()
    state, trouble = None, ""
    try:
        state = State.decode_state(
            stored.data.get("state") if stored is not None else None, here.settings
        )
    except (BadData, AttributeError) as error:
        trouble = str(error)
    read = _readable(here.bot.latest(RECENT_TICKS))
    reports = list(takewhile(lambda one: one.mode == here.settings.mode, read))
    report = reports[0] if reports else None
    decided = next(
        (one for one in reports if one.decision is not None and one.decision.reason not in SILENT),
        None,
    )
    return BotStanding(
        control=here.bot.control(),
        state=state,
        state_trouble=trouble,
        report=report,
        decided=decided,
        model=_serving(here, report),
        open_orders=open_orders(here),
        now_ms=here.clock.now_ms(),
        left=read[0] if read and report is None else None,
    )


def _readable(stored: Sequence[Any]) -> list[TickReport]:
    reports = []
    for data in stored:
        try:
            reports.append(TickReport.read(data))
        except msgspec.ValidationError:  # of another version
            continue
    return reports


def _serving(here: Here, report: TickReport | None) -> str:
    """Which model serves now, beside what the last tick said."""
    try:
        pointer = registry_of(here).current()
    except BotError as error:
        return say("status.model_unknown", error=str(error))
    last = report.model if report is not None else None
    if pointer is None:
        return say("status.model_never")
    if last == pointer.version or report is None:
        return pointer.version
    decided = say("status.decided_with", model=last) if last else say("status.decided_without")
    if not pointer.champion_since:
        return say("status.model_serves", model=pointer.version, decided=decided)
    since = jst_text(pointer.champion_since)
    return say("status.model_since", model=pointer.version, since=since, decided=decided)


def standing_lines(found: BotStanding, settings: Settings) -> list[str]:
    """One line a fact: what halts, what limits, the model, and the last candle's decision."""
    told = [*halt_lines(found.control, found.state), *_limits(found, settings)]
    told += [
        say("status.open_order", order=open_order_line(one), command=settle_line(one))
        for one in found.open_orders
    ]
    if found.state_trouble:
        told.append(say("status.damaged_state", found=found.state_trouble))
    return [*told, say("status.model", model=found.model), *_decision(found), *_issues(found)]


def halt_lines(control: Ordered, state: State | None) -> Iterator[str]:
    """Who or what halts the bot, since when, and why; a document that cannot be read
    halts it too.
    """
    if control.moved is not None:
        gone = control.moved
        where = say("move.arriving" if gone.is_arriving else "move.gone", store=gone.store)
        yield say("status.moved", where=where)
    if control.flatten is not None:
        asked = control.flatten
        yield say("status.flattening", who=asked.who, at=jst_text(asked.at), why=asked.why)
    for path, halt in control.halts.items():
        yield say(
            "status.halted_all" if path in {ALL, OLDER} else "status.halted",
            who=halt.who,
            at=jst_text(halt.at),
            why=halt.why,
            command=_resume(path),
        )
    for path, found in control.damaged.items():
        yield say("status.damaged_control", found=found, command=_resume(path))
    drawdown, lifted = 0 if state is None else state.halted_at, control.lifted
    if drawdown and drawdown == control.lifts_drawdown:
        yield say("status.drawdown_resumed", at=jst_text(drawdown))
    elif drawdown:
        yield say("status.drawdown_halted", at=jst_text(drawdown))
    elif lifted is not None and not control.halts:
        yield say("status.resumed", who=lifted.who, at=jst_text(lifted.at), why=lifted.why)


def _resume(path: str) -> str:
    return "scripts/bot resume --all" if path in {ALL, OLDER} else "scripts/bot resume"


def _limits(found: BotStanding, settings: Settings) -> Iterator[str]:
    limits = None if found.state is None else found.state.limits
    if limits is None:
        return
    if limits.cooldown_until > found.now_ms:
        yield say("status.cooling", until=jst_text(limits.cooldown_until))
    equity = None if found.report is None else found.report.equity_jpy
    if equity is None or limits.day != jst_day(found.now_ms):
        return
    lost = fall(limits.day_start_equity_jpy, equity)
    if lost >= rate(settings.risk.daily_loss):
        yield say(
            "status.day_lost", lost=percent(float(lost)), equity=yen(limits.day_start_equity_jpy)
        )


def _decision(found: BotStanding) -> Iterator[str]:
    """Why nothing was entered on the last candle, or what was."""
    report = found.decided
    if report is None or report.decision is None:
        if found.report is not None:
            why = found.report.detail or reason_then(found.report.reason)
            yield say("status.undecided", why=why)
        return
    told = report.decision
    at, why = jst_text(told.as_of), reason_then(told.reason)
    edge = (
        say("status.edge", edge=percent(told.edge_rate, sign=True))
        if told.edge_rate is not None
        else ""
    )
    if told.action is Action.ENTER:
        sent = [
            record
            for record in report.orders
            if record.intent.is_opening and record.what == "place"
        ]
        came = "; ".join(f"{record.outcome}: {reason_then(record.reason)}" for record in sent)
        yield say(
            "status.enters",
            side=told.side or "",
            size=btc(told.lots),
            at=at,
            edge=edge,
            came=came or say("status.no_order"),
        )
    elif told.action in {Action.EXIT, Action.REDUCE}:
        yield say("status.exits", action=told.action, at=at, why=why)
    else:
        yield say("status.denies", at=at, why=why, edge=edge, facts=_facts(told))


def _facts(decision: Decision) -> str:
    """Facts of a denial that say something by themselves; what was found of the model then is told
    of now elsewhere.
    """
    told = TOLD - {"found"} if decision.reason is Reason.MODEL_MISSING else TOLD
    shown = [f"{name} {text}" for name, text in decision.context.items() if name in told]
    until = decision.context.get("until", "")
    if until.isdigit():
        shown.append(say("status.until", until=jst_text(int(until))))
    return f" ({', '.join(shown)})" if shown else ""


def _issues(found: BotStanding) -> Iterator[str]:
    """What the last tick found wrong: in capitals what forbids entries."""
    if found.report is None:
        return
    for issue in found.report.issues:
        missing = issue.reason is Reason.MODEL_MISSING  # whether one serves is told of now
        if (
            missing
            or issue.reason is Reason.CONTROL_DAMAGED
            or not (issue.context or issue.forbids_entry)
        ):
            continue
        facts = "; ".join(
            text if name == "found" else f"{name} {text}"
            for name, text in issue.context.items()
            if name not in {"model", "remedy"}
        )
        line = f"{issue.reason}: {facts}" if facts else str(issue.reason)
        if issue.reason.startswith(("model_", "retrain_", "challenger_")):
            yield say(
                "status.issue_model_closed" if issue.forbids_entry else "status.issue_model",
                issue=line,
            )
        else:
            yield say("status.issue_closed" if issue.forbids_entry else "status.issue", issue=line)
