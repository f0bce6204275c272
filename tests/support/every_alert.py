"""Every alert that our code composes, with the longest facts that can come."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from decimal import Decimal
from itertools import product
from typing import Any, get_args

from models.retrain.telling import KEPT_WEEKS, alert_of, failure_of
from shared.alerts import KnownBefore, compose
from shared.alerts.acts import Act, act_alert
from shared.alerts.compose import failure_alert
from shared.core.reasons import Reason
from shared.core.settings import load_settings
from shared.core.types import (
    Alert,
    Decision,
    Entry,
    Fill,
    Issue,
    Order,
    OrderIntent,
    OrderKind,
    OrderRecord,
    Position,
    PositionPlan,
    Purpose,
    Side,
    TickReport,
    TickStatus,
    Trade,
)
from shared.core.types.signal import Action

SETTINGS = load_settings({"BOT_HOME": "/nowhere"})
AT = 1_893_456_000_000
HOUR = 3_600_000
LONG = "x" * 600
FACTS: Mapping[str, str] = {f"fact_{number}": LONG for number in range(8)}
NAME = "b" * 40
MODEL = "2029-12-31-" + "a" * 80

REPORT = TickReport(
    tick="20300101T000000.000Z",
    bot=NAME,
    status=TickStatus.DONE,
    scheduled_at=AT,
    received_at=AT,
    finished_at=AT,
    mode="paper",
    stage="paper",
    settings_hash="0123456789ab",
    detail=LONG,
    equity_jpy=Decimal("123456789012.3456"),
    model=MODEL,
)
POSITION = Position(
    side=Side.SHORT,
    entries=(Entry(at=AT - HOUR, price=99_999_999, lots=1_234_567, fee_jpy=Decimal(0)),),
)
PLAN = PositionPlan(
    side=Side.SHORT,
    stop_price=98_000_000,
    target_price=10_300_000,
    exit_by=AT + HOUR,
    as_of=AT - HOUR,
    entry_intent="e1",
)


def intent(purpose: Purpose, *, lots: int = 1_234_567, name: str = "t" * 60) -> OrderIntent:
    kind = OrderKind.STOP if purpose is Purpose.STOP else OrderKind.LIMIT
    return OrderIntent(
        id=name, purpose=purpose, side=Side.SHORT, kind=kind, lots=lots, price=99_999_999
    )


def trade(sequence: int, reason: Reason, *, ends: bool = True) -> Trade:
    return Trade(
        sequence=sequence,
        side=Side.SHORT,
        opened_at=AT - 125 * 60_000,
        closed_at=AT - sequence,
        lots=1_234_567,
        entry_price=Decimal(99_999_999),
        exit_price=103_000_000,
        reason=reason,
        gross_jpy=Decimal("-123456789.1234"),
        fees_jpy=Decimal("1234567.8912"),
        interest_jpy=Decimal("1234567.8912"),
        ends_position=ends,
    )


def fill(order_id: int, sequence: int) -> Fill:
    return Fill(
        sequence=sequence,
        order_id=order_id,
        purpose=Purpose.ENTRY,
        side=Side.SHORT,
        at=AT,
        price=99_999_999,
        lots=1_234_567,
        maker=True,
        fee_jpy=Decimal("123456.7891"),
    )


def reports() -> Iterator[TickReport]:
    """One for everything that a tick can tell."""
    held = replace(REPORT, positions=(POSITION,), plan=PLAN)
    yield held
    part = Order(
        order_id=7,
        intent=intent(Purpose.STOP, lots=5),
        placed_at=AT,
        remaining_lots=5,
    )
    yield replace(held, resting=(part,))
    yield replace(held, equity_jpy=None)
    for what, purpose, outcome in product(
        ("place", "cancel"), (Purpose.ENTRY, Purpose.STOP), ("unknown", "rejected")
    ):
        record = OrderRecord(
            what=what,
            intent=intent(purpose),
            outcome=outcome,
            reason=Reason.REJECTED_BY_EXCHANGE,
            context=FACTS,
        )
        yield replace(REPORT, orders=(record,))
        yield replace(REPORT, orders=(record, record, record))
    for status, reason in product((TickStatus.FAILED, TickStatus.DEGRADED), Reason):
        yield replace(REPORT, status=status, reason=reason)
    for reason, forbids, with_model, open_now in product(
        Reason, (True, False), (True, False), (True, False)
    ):
        context = {"step": "watch", **FACTS}
        if reason is Reason.TIME_IMPOSSIBLE:
            context = {"what": "last_scheduled_at", "at": str(AT)}
        issue = Issue(reason=reason, forbids_entry=forbids, context=context)
        report = replace(REPORT, issues=(issue,), model=MODEL if with_model else None)
        yield replace(report, positions=(POSITION,)) if open_now else report
    for what, at in (("scheduled_at", str(AT)), ("day", "20300101")):
        issue = Issue(
            reason=Reason.TIME_IMPOSSIBLE, forbids_entry=False, context={"what": what, "at": at}
        )
        yield replace(REPORT, issues=(issue,))
    for reason in (Reason.LIMIT_DAILY_LOSS, Reason.LIMIT_COOLDOWN, Reason.LIMIT_DRAWDOWN):
        decision = Decision(action=Action.DENY, reason=reason, as_of=AT, context=FACTS)
        yield replace(REPORT, decision=decision)
    for count in (1, 5):
        yield replace(held, positions=(), fills=tuple(fill(order, order) for order in range(count)))
    for reason in Reason:
        yield replace(REPORT, trades=(trade(1, reason), trade(2, reason, ends=False)))
    yield replace(REPORT, trades=tuple(trade(n, Reason.EXIT_STOP) for n in range(20)))


def retraining(outcome: str) -> dict[str, Any]:
    return {
        "version": MODEL,
        "outcome": outcome,
        "why": LONG,
        "serves": MODEL,
        "verdict": {
            "may_serve": True,
            "may_enter": False,
            "takes_over": False,
            "checks": [
                {
                    "name": f"a_check_{number}",
                    "passed": False,
                    "value": 1.2345,
                    "threshold": 1.0,
                    "meaning": LONG,
                    "lower": 0.1,
                    "upper": 0.2,
                    "group": "enter",
                }
                for number in range(9)
            ],
        },
        "in_words": LONG,
        "training": {"from_at": 0, "to_at": AT, "rows": 123_456},
        "as_of": AT,
    }


def every_alert() -> Iterator[Alert]:
    """All of them, some more than once."""
    for report in reports():
        yield from compose(report, settings=SETTINGS)
    before = KnownBefore(model=MODEL, halted_at=1)
    after = KnownBefore(model="other", late_in_a_row=100)
    yield from compose(REPORT, settings=SETTINGS, before=before, after=after)
    halted = KnownBefore(halted_at=AT)
    yield from compose(REPORT, settings=SETTINGS, before=KnownBefore(), after=halted)
    for remedy in ("", LONG):
        yield failure_alert(bot=NAME, at=AT, found=LONG, remedy=remedy, settings=SETTINGS)
        yield failure_of(NAME, "2030-W01", LONG, remedy, at=AT)
    for act in get_args(Act):
        yield act_alert(act, MODEL, whose=NAME, name=MODEL, bot=NAME, who=LONG, why=LONG, at=AT)
    for outcome, unchanged in (("kept", 0), ("refused", 0), ("kept", KEPT_WEEKS)):
        yield alert_of(NAME, "2030-W01", retraining(outcome), at=AT, unchanged=unchanged)
