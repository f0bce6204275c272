"""What a tick's report tells a person, how loudly, and how often."""

import re
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.alerts import KnownBefore, compose
from shared.alerts.compose import failure_alert
from shared.alerts.wording import alert_key, context_facts
from shared.core import settings as configuration
from shared.core.money import jpy
from shared.core.reasons import Reason
from shared.core.sentences import reason_now
from shared.core.sentences.figures import btc, jst_and_utc, yen_words
from shared.core.types import (
    Action,
    Decision,
    Entry,
    Fill,
    Issue,
    Level,
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
from shared.stores.documents import check_path

SETTINGS = configuration.load_settings({})
AT = 1_893_456_000_000  # 2030-01-01 09:00:00 JST
HOUR = 3_600_000

REPORT = TickReport(
    tick="20300101T000000.000Z",
    bot="default",
    status=TickStatus.DONE,
    scheduled_at=AT,
    received_at=AT + 300,
    finished_at=AT,
    mode="paper",
    stage="paper",
    settings_hash="0123456789ab",
    equity_jpy=jpy(1_000_000),
    model="2029-12-31-abc1234",
)
POSITION = Position(
    side=Side.LONG, entries=(Entry(at=AT - HOUR, price=10_000_000, lots=123, fee_jpy=jpy(0)),)
)
PLAN = PositionPlan(
    side=Side.LONG,
    stop_price=9_800_000,
    target_price=10_300_000,
    exit_by=AT + HOUR,
    as_of=AT - HOUR,
    entry_intent="e1",
)


def intent(purpose=Purpose.ENTRY, *, lots=123, id_="t1.e", side=Side.LONG):
    kind = OrderKind.STOP if purpose is Purpose.STOP else OrderKind.LIMIT
    return OrderIntent(id=id_, purpose=purpose, side=side, kind=kind, lots=lots, price=10_000_000)


def resting_stop(lots=123, side=Side.LONG):
    return Order(
        order_id=7,
        intent=intent(Purpose.STOP, lots=lots, side=side),
        placed_at=AT,
        remaining_lots=lots,
    )


def record(
    outcome,
    purpose=Purpose.ENTRY,
    *,
    what="place",
    reason=Reason.REJECTED_BY_EXCHANGE,
    id_="t1.e",
    **context,
):
    return OrderRecord(
        what=what, intent=intent(purpose, id_=id_), outcome=outcome, reason=reason, context=context
    )


def fill(
    sequence, *, order_id=9, lots=100, price=10_000_000, at=AT, purpose=Purpose.ENTRY, maker=True
):
    return Fill(
        sequence=sequence,
        order_id=order_id,
        purpose=purpose,
        side=Side.LONG,
        at=at,
        price=price,
        lots=lots,
        maker=maker,
        fee_jpy=jpy("1.5"),
    )


def trade(sequence=1, *, gross="1500", reason=Reason.EXIT_TARGET, ends=True, closed_at=AT):
    return Trade(
        sequence=sequence,
        side=Side.LONG,
        opened_at=closed_at - 125 * 60_000,
        closed_at=closed_at,
        lots=123,
        entry_price=Decimal(10_000_000),
        exit_price=10_300_000,
        reason=reason,
        gross_jpy=jpy(gross),
        fees_jpy=jpy("100.5"),
        interest_jpy=jpy("49.2"),
        ends_position=ends,
    )


def told(report, **more):
    return compose(report, settings=SETTINGS, **more)


def one(report, **more):
    alerts = told(report, **more)
    assert len(alerts) == 1, [alert.title for alert in alerts]
    return alerts[0]


def test_a_quiet_tick_has_nothing_to_tell():
    assert told(REPORT) == ()
    assert told(replace(REPORT, positions=(POSITION,), resting=(resting_stop(),), plan=PLAN)) == ()
    assert told(replace(REPORT, orders=(record("accepted"), record("denied")))) == ()


@pytest.mark.parametrize("status", [TickStatus.DUPLICATE, TickStatus.BUSY])
def test_a_tick_that_did_nothing_tells_nothing_again(status):
    assert told(replace(REPORT, status=status, positions=(POSITION,), trades=(trade(),))) == ()


# critical


def test_a_position_without_a_stop_is_critical():
    alert = one(replace(REPORT, positions=(POSITION,)))
    assert alert.level is Level.CRITICAL
    assert alert.kind == "unprotected"
    assert alert.title == "The long position of 0.0123 BTC has no stop at the exchange."
    assert alert.fields["average price"] == "10,000,000 yen"
    assert alert.fields["time"] == "2030-01-01 09:00:00 JST (00:00:00 UTC)"
    assert alert.fields["bot"] == "default (paper)"


@pytest.mark.parametrize(
    ("resting", "title"),
    [
        ((resting_stop(100),), "has a stop for only 0.0100 BTC"),
        ((resting_stop(100), resting_stop(22)), "has a stop for only 0.0122 BTC"),
        ((resting_stop(123, Side.SHORT),), "has no stop"),
        ((replace(resting_stop(), intent=intent(Purpose.TARGET)),), "has no stop"),
    ],
)
def test_a_stop_for_a_part_or_for_the_other_side_does_not_protect(resting, title):
    assert title in one(replace(REPORT, positions=(POSITION,), resting=resting)).title


def test_several_stops_protect_together():
    assert (
        told(replace(REPORT, positions=(POSITION,), resting=(resting_stop(100), resting_stop(23))))
        == ()
    )


def test_an_account_that_cannot_be_read_is_critical_only_while_a_position_may_be_open():
    broken = replace(
        REPORT,
        status=TickStatus.DEGRADED,
        reason=Reason.STEP_FAILED,
        detail="reconcile: no answer",
        equity_jpy=None,
    )
    assert [alert.kind for alert in told(broken)] == ["degraded"]
    alerts = told(replace(broken, plan=PLAN))
    assert [alert.kind for alert in alerts] == ["account_unknown", "degraded"]
    assert alerts[0].level is Level.CRITICAL
    assert "long position may be open" in alerts[0].title


@pytest.mark.parametrize(
    ("what", "title"),
    [("place", "our stop order of 0.0123 BTC"), ("cancel", "our cancel of the stop order")],
)
def test_an_order_whose_outcome_is_unknown_is_critical_and_told_once_an_order(what, title):
    report = replace(REPORT, orders=(record("unknown", Purpose.STOP, what=what, code="70001"),))
    alert = one(report)
    assert alert.level is Level.CRITICAL
    assert title in alert.title
    assert alert.fields["code"] == "70001"
    assert one(replace(report, finished_at=AT + 5 * HOUR)).key == alert.key
    assert one(replace(report, orders=(record("unknown", id_="t2.e"),))).key != alert.key


def test_a_rejected_stop_is_critical_and_a_rejected_cancel_is_nothing():
    alert = one(replace(REPORT, orders=(record("rejected", Purpose.STOP),)))
    assert (alert.level, alert.kind) == (Level.CRITICAL, "stop_rejected")
    assert "rejected the stop of the long position" in alert.title
    assert told(replace(REPORT, orders=(record("rejected", Purpose.STOP, what="cancel"),))) == ()


def test_a_stop_that_is_refused_again_and_again_is_one_alert_an_hour():
    again = tuple(record("rejected", Purpose.STOP, id_=f"t1.a{look}x.stop.1") for look in range(40))
    alert = one(replace(REPORT, orders=again))
    assert alert.fields["order"] == "t1.a39x.stop.1"
    keys = {
        one(
            replace(
                REPORT,
                finished_at=AT - AT % HOUR + minutes * 60_000,
                orders=(record("rejected", Purpose.STOP, id_=f"t{minutes}.p.stop.1"),),
            )
        ).key
        for minutes in range(0, 60, 3)
    }
    assert len(keys) == 1


def test_a_drawdown_halt_is_critical_once_a_day_until_it_ends():
    decision = Decision(
        action=Action.DENY, as_of=AT, reason=Reason.LIMIT_DRAWDOWN, context={"drawdown": "0.2100"}
    )
    report = replace(
        REPORT, status=TickStatus.HALTED, reason=Reason.LIMIT_DRAWDOWN, decision=decision
    )
    alert = one(report)
    assert (alert.level, alert.kind) == (Level.CRITICAL, "drawdown_halt")
    assert alert.fields["drawdown"] == "0.2100"
    assert alert.fields["equity"] == "1,000,000 yen"
    keys = {
        one(replace(report, finished_at=AT + minutes * 60_000)).key
        for minutes in range(0, 48 * 60, 3)
    }
    assert len(keys) == 3  # two days, begun in the middle


def test_a_halt_that_begins_in_a_tick_that_decides_nothing_is_told_by_the_change_of_state():
    alert = one(REPORT, before=KnownBefore(), after=KnownBefore(halted_at=AT))
    assert (alert.level, alert.kind) == (Level.CRITICAL, "drawdown_halt")
    assert told(REPORT, before=KnownBefore(halted_at=AT), after=KnownBefore(halted_at=AT)) == ()


def test_a_halt_by_a_person_is_no_news_to_that_person():
    decision = Decision(action=Action.DENY, as_of=AT, reason=Reason.HALTED_BY_PERSON)
    assert (
        told(
            replace(
                REPORT, status=TickStatus.HALTED, reason=Reason.HALTED_BY_PERSON, decision=decision
            )
        )
        == ()
    )


def test_a_failed_tick_and_a_failed_store_are_critical():
    alert = one(replace(REPORT, status=TickStatus.FAILED, reason=Reason.STEP_FAILED, detail="boom"))
    assert (alert.level, alert.kind, alert.fields["why"]) == (Level.CRITICAL, "tick_failed", "boom")
    alert = failure_alert(
        bot="default",
        at=AT,
        found="the database is locked",
        remedy="stop the other",
        settings=SETTINGS,
    )
    assert (alert.level, alert.fields["what"], alert.fields["what to do"]) == (
        Level.CRITICAL,
        "the database is locked",
        "stop the other",
    )
    unnamed = failure_alert(bot="default", at=AT, found="x", settings=SETTINGS)
    assert unnamed.fields["what to do"].startswith("See what the doctor says of store")
    later = failure_alert(bot="default", at=AT + HOUR - 1, found="another text", settings=SETTINGS)
    assert (
        later.key
        == alert.key
        != failure_alert(bot="default", at=AT + HOUR, found="x", settings=SETTINGS).key
    )


def test_a_close_because_the_stop_could_not_be_placed_is_critical():
    alert = one(replace(REPORT, trades=(trade(reason=Reason.EXIT_UNPROTECTED, gross="-500"),)))
    assert alert.level is Level.CRITICAL
    assert (
        alert.title
        == "Closed long 0.0123 BTC with a loss of 650 yen: its stop could not be placed."
    )


# the model


@pytest.mark.parametrize(
    ("reason", "holds", "level"),
    [
        (Reason.MODEL_INVALID, True, Level.CRITICAL),
        (Reason.MODEL_MISMATCH, True, Level.CRITICAL),
        (Reason.MODEL_MISSING, True, Level.WARNING),
        (Reason.MODEL_INVALID, False, Level.WARNING),
        (Reason.MODEL_MISSING, False, Level.WARNING),
    ],
)
def test_a_model_that_cannot_serve_is_louder_while_a_position_is_open(reason, holds, level):
    issue = Issue(reason=reason, forbids_entry=True, context={"check": "signature"})
    report = replace(REPORT, issues=(issue,), model=None)
    if holds:
        report = replace(report, positions=(POSITION,), resting=(resting_stop(),))
    alert = one(report)
    assert alert.level is level
    assert "nothing is entered" in alert.title
    assert ("open position" in alert.title) is holds
    assert alert.fields["check"] == "signature"


def test_a_champion_before_it_that_serves_is_named():
    issue = Issue(reason=Reason.MODEL_INVALID, forbids_entry=False)
    assert (
        "champion before it serves (2029-12-31-abc1234)"
        in one(replace(REPORT, issues=(issue,))).title
    )


# warnings


@pytest.mark.parametrize(
    ("reason", "kind"),
    [
        (Reason.DATA_STALE, "data"),
        (Reason.DATA_HOLE, "data"),
        (Reason.EXCHANGE_HALTED, "exchange"),
        (Reason.CIRCUIT_BREAK, "exchange"),
        (Reason.CLOCK_SKEW, "clock"),
        (Reason.SPREAD_CRITICAL, "anomaly"),
        (Reason.BOOK_CROSSED, "anomaly"),
    ],
)
def test_what_forbids_entries_is_a_warning_with_its_facts(reason, kind):
    issue = Issue(reason=reason, forbids_entry=True, context={"age_seconds": "1200"})
    alert = one(replace(REPORT, issues=(issue, issue)))
    assert (alert.level, alert.kind, alert.fields["age seconds"]) == (Level.WARNING, kind, "1200")
    assert alert.title.startswith("No entries: ")
    assert told(replace(REPORT, issues=(replace(issue, forbids_entry=False),))) == ()


def test_warming_up_and_a_wide_but_tradable_spread_are_in_the_report_not_in_an_alert():
    issues = (
        Issue(reason=Reason.WARMING_UP, forbids_entry=True),
        Issue(reason=Reason.SPREAD_WARNING, forbids_entry=False),
    )
    assert told(replace(REPORT, issues=issues)) == ()


def test_a_degraded_tick_is_a_warning_unless_an_issue_tells_it_already():
    degraded = replace(REPORT, status=TickStatus.DEGRADED, reason=Reason.DATA_STALE, detail="x")
    assert one(degraded).kind == "degraded"
    assert (
        one(replace(degraded, issues=(Issue(reason=Reason.DATA_STALE, forbids_entry=True),))).kind
        == "data"
    )
    fetch = one(replace(degraded, reason=Reason.STEP_FAILED, detail="fetch: no answer"))
    decide = one(replace(degraded, reason=Reason.STEP_FAILED, detail="decide: boom"))
    assert fetch.key != decide.key  # another step is another trouble, also in the same hour


def test_rejected_orders_are_one_warning_a_reason_and_a_refused_touch_is_daily_life():
    orders = (
        record("rejected", id_="t1.a", code="60001"),
        record("rejected", Purpose.TARGET, id_="t1.b", code="50062"),
        record("rejected", id_="t1.c", reason=Reason.MARGIN_INSUFFICIENT),
        record("rejected", id_="t1.d", reason=Reason.POST_ONLY_WOULD_CROSS),
    )
    alerts = told(replace(REPORT, orders=orders))
    assert [(alert.level, alert.title) for alert in alerts] == [
        (Level.WARNING, "The exchange rejected an order: the margin does not suffice."),
        (Level.WARNING, "The exchange rejected 2 orders: the exchange said no."),
    ]
    assert alerts[1].fields["code"] == "50062"


@pytest.mark.parametrize(
    ("reason", "kind"),
    [(Reason.LIMIT_DAILY_LOSS, "daily_loss"), (Reason.LIMIT_COOLDOWN, "cooldown")],
)
def test_the_limits_of_a_day_are_told_once_a_day(reason, kind):
    report = replace(
        REPORT,
        decision=Decision(action=Action.DENY, as_of=AT, reason=reason, context={"loss": "5.1 %"}),
        equity_jpy=None,
    )
    alert = one(report)
    assert (alert.level, alert.kind, alert.fields["loss"]) == (Level.WARNING, kind, "5.1 %")
    assert one(replace(report, finished_at=AT + 14 * HOUR)).key == alert.key
    assert one(replace(report, finished_at=AT + 15 * HOUR)).key != alert.key  # midnight in Japan


# news


def test_the_fills_of_an_entry_are_one_message_with_price_fee_stop_and_target():
    fills = (
        fill(1, lots=100, price=10_000_000),
        fill(2, lots=100, price=10_000_100, at=AT + 1),
        fill(3, purpose=Purpose.STOP),
    )
    alert = one(replace(REPORT, fills=fills, plan=PLAN))
    assert (alert.level, alert.kind, alert.at) == (Level.INFO, "entry_filled", AT + 1)
    assert alert.title == "Entered long: 0.0200 BTC at 10,000,050 yen."
    assert (alert.fields["fee"], alert.fields["as"]) == ("3 yen", "maker")
    assert (alert.fields["stop"], alert.fields["target"]) == ("9,800,000 yen", "10,300,000 yen")
    alert = one(replace(REPORT, fills=(fill(1, maker=False),)))
    assert alert.fields["as"] == "taker"
    assert "stop" not in alert.fields


def test_a_closed_trade_tells_profit_and_every_cost():
    alert = one(replace(REPORT, trades=(trade(),)))
    assert alert.level is Level.INFO
    assert (
        alert.title == "Closed long 0.0123 BTC with a profit of 1,350 yen: the target was reached."
    )
    assert alert.fields["net"] == "1,350 yen"
    assert (alert.fields["before costs"], alert.fields["fees"], alert.fields["interest"]) == (
        "1,500 yen",
        "100 yen",
        "49.20 yen",
    )
    assert alert.fields["held"] == "2 h 5 min"
    assert "Closed a part of the long" in one(replace(REPORT, trades=(trade(ends=False),))).title


def test_a_day_without_ticks_settled_at_once_is_told_in_few_messages():
    trades = tuple(
        trade(
            number,
            closed_at=AT + number,
            reason=Reason.EXIT_STOP if number % 3 else Reason.EXIT_TIME,
        )
        for number in range(1, 31)
    )
    fills = tuple(fill(number, order_id=number) for number in range(1, 31))
    alerts = told(replace(REPORT, trades=trades, fills=fills))
    assert len(alerts) == 2
    assert [alert.title for alert in alerts] == [
        "30 entries were filled, 0.3000 BTC in all.",
        "30 trades were closed.",
    ]
    assert alerts[1].fields["net"] == "40,509 yen"
    assert alerts[1].fields["why"] == "10 × its time was over, 20 × the stop was reached"
    assert len(told(replace(REPORT, trades=trades[:3], fills=fills[:3]))) == 6


def test_a_resumed_bot_and_another_model_are_news():
    before, after = KnownBefore(model="a", halted_at=AT - HOUR), KnownBefore(model="b")
    alerts = told(REPORT, before=before, after=after)
    assert [(alert.level, alert.kind) for alert in alerts] == [
        (Level.INFO, "resumed"),
        (Level.INFO, "model_changed"),
    ]
    assert alerts[0].fields["halted since"].startswith("2030-01-01 08:00:00 JST")
    assert (alerts[1].fields["before"], alerts[1].fields["now"]) == ("a", "b")
    assert told(REPORT, before=KnownBefore(), after=KnownBefore(model="b")) == ()
    assert told(REPORT, before=KnownBefore(model="b"), after=KnownBefore(model=None)) == ()
    assert told(REPORT, before=before) == ()


# keys, order, words


def test_lasting_trouble_has_one_key_a_window_and_events_one_for_ever():
    lasting = replace(
        REPORT, positions=(POSITION,), issues=(Issue(reason=Reason.DATA_STALE, forbids_entry=True),)
    )
    event = replace(REPORT, trades=(trade(),), fills=(fill(1),), orders=(record("unknown"),))
    ticks = range(AT, AT + 500 * 180_000, 180_000)
    keys = [alert.key for at in ticks for alert in told(replace(lasting, finished_at=at))]
    assert len(keys) == 1000
    assert len(set(keys)) == 2 * 25  # 500 ticks are 25 hours
    keys = [alert.key for at in ticks for alert in told(replace(event, finished_at=at))]
    assert len(keys) == 1500
    assert len(set(keys)) == 3


def test_the_loudest_come_first():
    report = replace(
        REPORT,
        positions=(POSITION,),
        trades=(trade(),),
        issues=(Issue(reason=Reason.DATA_STALE, forbids_entry=True),),
        orders=(record("rejected"), record("unknown")),
    )
    levels = [alert.level for alert in told(report)]
    assert levels == [Level.CRITICAL, Level.CRITICAL, Level.WARNING, Level.WARNING, Level.INFO]


@given(
    bot=st.text(min_size=1, max_size=30),
    id_=st.text(min_size=1, max_size=60),
    context=st.dictionaries(st.text(), st.text(), max_size=9),
)
def test_every_key_is_safe_as_a_documents_name_and_fields_stay_short(bot, id_, context):
    report = replace(
        REPORT,
        bot=bot,
        positions=(POSITION,),
        orders=(record("unknown", id_=id_), record("rejected", Purpose.STOP, id_=id_)),
        issues=(Issue(reason=Reason.DATA_STALE, forbids_entry=True, context=context),),
    )
    alerts = told(report)
    assert len(alerts) == 4
    for alert in alerts:
        check_path(f"alerts/{alert.key}")
        assert re.fullmatch(r"[A-Za-z0-9_.+:-]+", alert.key)
        assert len(alert.fields) <= 14
        assert all(len(value) <= 200 for value in alert.fields.values())


def test_numbers_and_times_are_told_as_people_write_them():
    assert [yen_words(Decimal(value)) for value in ("1234567.8", "99.5", "-0.125", "0", "12")] == [
        "1,234,568 yen",
        "99.50 yen",
        "-0.12 yen",
        "0 yen",
        "12 yen",
    ]
    assert yen_words(-12_345) == "-12,345 yen"
    assert btc(1) == "0.0001 BTC"
    assert jst_and_utc(AT + 15 * HOUR) == "2030-01-02 00:00:00 JST (15:00:00 UTC)"
    assert alert_key("a/b", "", 3) == "a-b:-:3"
    assert context_facts({"long_fact": "x" * 500})["long fact"] == "x" * 199 + "…"
    assert all(reason_now(reason) for reason in Reason)
