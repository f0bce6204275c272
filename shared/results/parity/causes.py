"""Why two ticks of the same schedule time differ, as far as they tell. Pure."""

import re
from collections.abc import Mapping, Sequence

from shared.core.reasons import OF_A_REAL_ACCOUNT, UNASKED, Reason
from shared.core.types import Action, Purpose, TickReport
from shared.results.parity.comparison import Cause, Fact

LATE_MS = 10_000
"""From here on a tick is late: up to then the deciding tick waits for its candle to be final anyway
(`settle_seconds`)."""

TROUBLES: Mapping[Reason, Cause] = {
    Reason.SPREAD_WARNING: Cause.SPREAD,
    Reason.SPREAD_CRITICAL: Cause.SPREAD,
    Reason.BOOK_CROSSED: Cause.SPREAD,
    Reason.POST_ONLY_WOULD_CROSS: Cause.SPREAD,
    Reason.LATENCY_HIGH: Cause.LATENCY,
    Reason.DEADLINE_NEAR: Cause.LATENCY,
    Reason.CLOCK_SKEW: Cause.LATENCY,
    Reason.TICK_LATE: Cause.LATE_TICK,
    Reason.DATA_STALE: Cause.DATA,
    Reason.DATA_MISSING: Cause.DATA,
    Reason.DATA_BROKEN: Cause.DATA,
    Reason.DATA_HOLE: Cause.DATA,
    Reason.DATA_SPIKE: Cause.DATA,
    Reason.BOOK_MISSING: Cause.DATA,
    Reason.BOOK_STALE: Cause.DATA,
    Reason.BOOK_FAR: Cause.SPREAD,
    Reason.RULES_UNKNOWN: Cause.DATA,
    Reason.STATUS_UNKNOWN: Cause.DATA,
    Reason.MODE_UNKNOWN: Cause.DATA,
    Reason.SIDE_SUSPENDED: Cause.EXCHANGE,
    Reason.PRICE_JUMP: Cause.DATA,
    Reason.VOLUME_SPIKE: Cause.DATA,
    Reason.MODEL_MISSING: Cause.MODEL,
    Reason.MODEL_INVALID: Cause.MODEL,
    Reason.MODEL_MISMATCH: Cause.MODEL,
    Reason.MODEL_NOT_PROVEN: Cause.MODEL,
    Reason.MODEL_OVERRULED: Cause.MODEL,
    Reason.MODEL_DRIFTED: Cause.MODEL,
    Reason.MODEL_WORSE: Cause.MODEL,
    Reason.MODEL_STILL: Cause.MODEL,
    Reason.MODEL_OLD: Cause.MODEL,
    Reason.RETRAIN_OVERDUE: Cause.MODEL,
    Reason.CHALLENGER_INVALID: Cause.MODEL,
    Reason.CIRCUIT_BREAK: Cause.EXCHANGE,
    Reason.EXCHANGE_BUSY: Cause.EXCHANGE,
    Reason.EXCHANGE_HALTED: Cause.EXCHANGE,
    Reason.REJECTED_BY_EXCHANGE: Cause.EXCHANGE,
    Reason.OUTCOME_UNKNOWN: Cause.EXCHANGE,
    Reason.STEP_FAILED: Cause.EXCHANGE,
    **dict.fromkeys(OF_A_REAL_ACCOUNT, Cause.ACCOUNT),
}
"""What a reason that only one of the two gives says about the cause."""


def fresh_cause(bot: TickReport, replay: TickReport, facts: Sequence[Fact]) -> Cause | None:
    """What this tick itself tells, whatever was before; None where it tells nothing."""
    if any(fact.what == "settings_hash" for fact in facts):
        return Cause.SETTINGS
    if any(fact.what == "model" for fact in facts):
        return Cause.MODEL
    if abs(bot.received_at - replay.received_at) >= LATE_MS:
        return Cause.LATE_TICK
    troubles = [
        TROUBLES[reason]
        for reason in sorted(_reasons(bot) ^ _reasons(replay))
        if reason in TROUBLES
    ]
    if troubles:
        return troubles[0]
    if _is_same_candle(bot, replay) and any(fact.what.startswith("signal.") for fact in facts):
        return Cause.DATA
    both_enter = _is_entering(bot) and _is_entering(replay)
    return (
        Cause.SPREAD
        if both_enter and any(_ENTRY_PRICE.fullmatch(fact.what) for fact in facts)
        else None
    )


def _is_same_candle(bot: TickReport, replay: TickReport) -> bool:
    return (
        bot.signal is not None
        and replay.signal is not None
        and bot.signal.as_of == replay.signal.as_of
    )


def _is_entering(report: TickReport) -> bool:
    return report.decision is not None and report.decision.action is Action.ENTER


def quiet_cause(bot: TickReport, replay: TickReport, facts: Sequence[Fact]) -> Cause:
    """What is left where two equal accounts saw an equal signal: another book, or another path
    since the tick before.
    """
    told = {re.split(r"[.\[]", fact.what)[0] for fact in facts}
    if told & {"fills", "trades"}:
        at_market = any(fill.purpose is Purpose.CLOSE for fill in (*bot.fills, *replay.fills))
        return Cause.SPREAD if at_market else Cause.DATA
    if (
        bot.mark_price != replay.mark_price
    ):  # the path's where something is held, else the middle of the book
        return Cause.DATA if bot.positions else Cause.SPREAD
    return Cause.SPREAD if any(fact.what in _OF_THE_BOOK for fact in facts) else Cause.UNKNOWN


def decided_cause(facts: Sequence[Fact]) -> Cause:
    """What is left where two accounts that held and had earned the same decided otherwise.

    What each is marked at says nothing there: a real account is looked at some seconds later.
    """
    return Cause.SPREAD if any(fact.what in _OF_THE_BOOK for fact in facts) else Cause.UNKNOWN


_ENTRY_PRICE = re.compile(r"orders\[\d+\]\.intent\.(price|stop_price|target_price)")
_OF_THE_BOOK = frozenset(
    {"decision.cost_rate", "decision.edge_rate", "decision.context.cost", "decision.context.edge"}
)


def _reasons(report: TickReport) -> frozenset[Reason]:
    """Everything that the tick complained of; doubts about its model count only where they forbid
    something.
    """
    issues = (
        issue.reason
        for issue in report.issues
        if issue.forbids_entry or issue.reason not in UNASKED
    )
    told = {report.reason, *issues, *(record.reason for record in report.orders)}
    if report.decision is not None:
        told.add(report.decision.reason)
    return frozenset(told)
