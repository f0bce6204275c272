"""Every difference is found, has a cause, and its price; the prices add up."""

from collections.abc import Callable
from dataclasses import fields, replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.core.reasons import OF_THE_WATCH, Reason
from shared.core.types import Action, Issue, Purpose, TickReport, TickStatus
from shared.results.parity import Cause, compare_reports
from tests.support import made_reports

REPORTS = made_reports.reports()
ENTRY, WAITING, HOLDING = 100, 45, 150
NOT_COMPARED = {
    "tick": "another",
    "bot": "another",
    "finished_at": 1,
    "mode": "live",
    "book_opened_at": 7,
    "stage": "live",
    "profile": "another",
    "detail": "another",
    "alerts": ("one",),
    "timings_ms": {"total": 1.0},
    "counts": {"reads": 1},
}
EVIDENCE = ("received_at", "mark_price")
"""They tell of a cause and are no difference by themselves."""

Change = Callable[[TickReport], TickReport]


def changed(index: int, change: Change) -> list[TickReport]:
    return [*REPORTS[:index], change(REPORTS[index]), *REPORTS[index + 1 :]]


def decided(**told: object) -> Change:
    return lambda report: replace(report, decision=replace(report.decision, **told))


def priced(price: int) -> Change:
    def change(report: TickReport) -> TickReport:
        (record,) = report.orders
        return replace(
            report, orders=(replace(record, intent=replace(record.intent, price=price)),)
        )

    return change


def filled(price: int) -> Change:
    return lambda report: replace(report, fills=(replace(report.fills[0], price=price),))


def test_reports_are_equal_to_themselves() -> None:
    found = compare_reports(REPORTS, REPORTS)
    assert found.is_equal
    assert (found.ticks, found.equal_decisions, found.missed, found.late) == (
        len(REPORTS),
        len(REPORTS),
        (),
        (),
    )
    assert (
        found.sentence
        == "960 ticks, 0 missed, 0 late: decisions equal in 960, and so is everything else, to"
        " 0.0001 yen."
    )


def test_what_only_names_a_run_is_not_compared() -> None:
    assert compare_reports(
        changed(ENTRY, lambda report: replace(report, **NOT_COMPARED)), REPORTS
    ).is_equal
    elsewhere = replace(
        REPORTS[ENTRY], received_at=REPORTS[ENTRY].scheduled_at + 1, mark_price=Decimal(1)
    )
    assert compare_reports(changed(ENTRY, lambda _: elsewhere), REPORTS).is_equal
    numbered = [
        replace(
            report,
            orders=tuple(
                replace(record, order_id=record.order_id + 70) for record in report.orders
            ),
            fills=tuple(
                replace(fill, sequence=fill.sequence + 9, order_id=fill.order_id + 70)
                for fill in report.fills
            ),
            trades=tuple(replace(trade, sequence=trade.sequence + 5) for trade in report.trades),
        )
        for report in REPORTS
    ]
    assert compare_reports(numbered, REPORTS).is_equal


def test_what_the_watch_says_of_the_model_is_no_difference_unless_it_forbids_an_entry() -> None:
    def doubting(reason: Reason, *, forbids: bool) -> Change:
        doubt = Issue(reason=reason, forbids_entry=forbids, context={"found": "x"})
        named = {**REPORTS[WAITING].decision.context, "issues": f"{reason},data_hole"}
        return lambda report: replace(
            report, issues=(*report.issues, doubt), decision=replace(report.decision, context=named)
        )

    without = changed(
        WAITING, decided(context={**REPORTS[WAITING].decision.context, "issues": "data_hole"})
    )
    assert len(OF_THE_WATCH) > 5
    for reason in OF_THE_WATCH:
        assert compare_reports(changed(WAITING, doubting(reason, forbids=False)), without).is_equal
        assert not compare_reports(
            changed(WAITING, doubting(reason, forbids=True)), without
        ).is_equal
    assert not compare_reports(
        changed(WAITING, doubting(Reason.DATA_STALE, forbids=False)), without
    ).is_equal

    def otherwise(report: TickReport) -> TickReport:
        return replace(
            doubting(Reason.MODEL_DRIFTED, forbids=False)(report), equity_jpy=report.equity_jpy + 7
        )

    difference, *_ = compare_reports(changed(WAITING, otherwise), without).differences
    assert difference.cause is Cause.UNKNOWN, "a doubt is no cause"


def test_the_fencing_counter_and_the_spelling_of_a_tick_in_an_intents_id_do_not_count() -> None:
    def named(tick: str) -> Change:
        def change(report: TickReport) -> TickReport:
            (record,) = report.orders
            return replace(
                report,
                orders=(replace(record, intent=replace(record.intent, id=f"{tick}d.entry.1")),),
            )

        return change

    bot = changed(ENTRY, named("20300101T050000.000Z.417"))
    assert compare_reports(bot, changed(ENTRY, named("1893474000000.0"))).is_equal
    assert not compare_reports(bot, changed(ENTRY, named("1893474180000.0"))).is_equal, (
        "the tick itself counts"
    )


@pytest.mark.parametrize(
    "field", sorted({field.name for field in fields(TickReport)} - {*NOT_COMPARED, *EVIDENCE})
)
def test_a_change_of_any_other_field_is_found(field: str) -> None:
    report = REPORTS[ENTRY]
    others: dict[str, object] = {
        "status": TickStatus.DEGRADED,
        "scheduled_at": report.scheduled_at + 1,
        "settings_hash": "another",
        "reason": Reason.STEP_FAILED,
        "decision": None,
        "signal": None,
        "issues": (Issue(reason=Reason.DATA_HOLE, forbids_entry=True),),
        "orders": (),
        "fills": (),
        "trades": REPORTS[180].trades,
        "positions": (),
        "resting": (made_order(),),
        "plan": made_plan(),
        "equity_jpy": report.equity_jpy + 1,
        "cash_jpy": report.cash_jpy + 1,
        "model": "another",
    }
    found = compare_reports(
        changed(ENTRY, lambda told: replace(told, **{field: others[field]})), REPORTS
    )
    assert found.differences
    assert found.differences[0].at in {report.scheduled_at, report.scheduled_at + 1}


def made_order():
    from shared.core.types import Order

    return Order(order_id=1, intent=REPORTS[ENTRY].orders[0].intent, placed_at=0, remaining_lots=1)


def made_plan():
    from shared.core.types import PositionPlan, Side

    return PositionPlan(
        side=Side.LONG, stop_price=1, target_price=2, exit_by=3, as_of=4, entry_intent=""
    )


@pytest.mark.parametrize(
    ("index", "change", "cause"),
    [
        (ENTRY, priced(1), Cause.SPREAD),
        (ENTRY, decided(stop_price=1), Cause.UNKNOWN),
        (WAITING, decided(action=Action.DENY, reason=Reason.SPREAD_CRITICAL), Cause.SPREAD),
        (WAITING, decided(action=Action.DENY, reason=Reason.LATENCY_HIGH), Cause.LATENCY),
        (WAITING, decided(action=Action.DENY, reason=Reason.DATA_STALE), Cause.DATA),
        (WAITING, decided(action=Action.DENY, reason=Reason.EXCHANGE_BUSY), Cause.EXCHANGE),
        (WAITING, decided(action=Action.DENY, reason=Reason.MODEL_MISSING), Cause.MODEL),
        (WAITING, decided(context={"cost": "0.2"}), Cause.SPREAD),
        (WAITING, decided(action=Action.DENY, reason=Reason.WARMING_UP), Cause.UNKNOWN),
        (
            ENTRY,
            lambda report: replace(report, signal=replace(report.signal, atr_jpy=1.0)),
            Cause.DATA,
        ),
        (ENTRY, filled(1), Cause.DATA),
        (ENTRY, lambda report: replace(report, settings_hash="another"), Cause.SETTINGS),
        (ENTRY, lambda report: replace(report, model="another"), Cause.MODEL),
        (
            ENTRY,
            lambda report: replace(
                report, received_at=report.scheduled_at + 120_000, decision=None, signal=None
            ),
            Cause.LATE_TICK,
        ),
        (
            HOLDING,
            lambda report: replace(report, mark_price=Decimal(1), equity_jpy=Decimal(7)),
            Cause.DATA,
        ),
        (HOLDING, lambda report: replace(report, equity_jpy=Decimal(7)), Cause.UNKNOWN),
    ],
)
def test_a_difference_has_the_cause_that_the_tick_tells(
    index: int, change: Change, cause: Cause
) -> None:
    found = compare_reports(changed(index, change), REPORTS)
    assert {
        (one.at, one.cause) for one in found.differences if one.at == REPORTS[index].scheduled_at
    } == {(REPORTS[index].scheduled_at, cause)}


def test_a_close_at_the_market_at_another_price_is_the_spread() -> None:
    closing = replace(
        REPORTS[ENTRY], fills=(replace(REPORTS[ENTRY].fills[0], purpose=Purpose.CLOSE),)
    )
    found = compare_reports(
        changed(ENTRY, lambda _: filled(1)(closing)), changed(ENTRY, lambda _: closing)
    )
    assert found.totals.keys() == {Cause.SPREAD}


def test_what_follows_from_a_difference_is_counted_under_its_cause() -> None:
    """An entry 100 yen higher: the position differs until its end, and the money for ever."""
    bot = list(REPORTS)
    bot[ENTRY] = priced(REPORTS[ENTRY].orders[0].intent.price + 100)(REPORTS[ENTRY])
    for index in range(ENTRY, 180):
        (held,) = bot[index].positions
        worse = replace(
            held, entries=(replace(held.entries[0], price=held.entries[0].price + 100),)
        )
        bot[index] = replace(bot[index], positions=(worse,), equity_jpy=bot[index].equity_jpy - 2)
    for index in range(180, len(bot)):
        bot[index] = replace(
            bot[index], equity_jpy=bot[index].equity_jpy - 2, cash_jpy=bot[index].cash_jpy - 2
        )
    found = compare_reports(bot, REPORTS)
    (episode,) = found.episodes
    assert (episode.cause, episode.began_at, episode.ticks) == (
        Cause.SPREAD,
        REPORTS[ENTRY].scheduled_at,
        81,
    )
    assert episode.until_at == REPORTS[180].scheduled_at, "a gap that stays is told once"
    assert found.gap_jpy == episode.price_jpy == found.totals[Cause.SPREAD].price_jpy == Decimal(-2)
    assert found.sentence.endswith(
        "everything equal in 879; at the end the bot has -2.00 yen (spread -2.00)."
    )


def test_a_missed_tick_is_named_and_what_it_cost_shows_afterwards() -> None:
    poorer = [
        replace(report, equity_jpy=report.equity_jpy - 5) for report in REPORTS[HOLDING + 1 :]
    ]
    found = compare_reports([*REPORTS[:HOLDING], *poorer], REPORTS)
    assert found.missed == (REPORTS[HOLDING].scheduled_at,)
    assert found.ticks == len(REPORTS) - 1
    (episode,) = found.episodes
    assert (episode.cause, episode.price_jpy, episode.facts[0].bot) == (
        Cause.MISSED_TICK,
        Decimal(-5),
        "none",
    )


def test_a_tick_by_hand_stands_beside_the_schedule() -> None:
    by_hand = replace(REPORTS[HOLDING], tick="manual-20300101T073000.000Z")
    found = compare_reports([*REPORTS, by_hand], REPORTS)
    assert [one.cause for one in found.differences] == [Cause.TICK_BY_HAND]
    assert found.missed == ()


@given(st.lists(st.tuples(st.integers(0, 49), st.integers(-10_000, 10_000)), max_size=8))
def test_the_prices_of_all_differences_add_up_to_the_gap_at_the_end(
    moves: list[tuple[int, int]],
) -> None:
    few = REPORTS[:50]
    gaps = [sum(yen for at, yen in moves if at <= index) for index in range(len(few))]
    bot = [
        replace(report, equity_jpy=report.equity_jpy + gap)
        for report, gap in zip(few, gaps, strict=True)
    ]
    found = compare_reports(bot, few)
    assert found.gap_jpy == gaps[-1]
    assert sum((one.price_jpy for one in found.differences), Decimal(0)) == gaps[-1]
    assert sum((total.price_jpy for total in found.totals.values()), Decimal(0)) == gaps[-1]
    assert len(found.differences) == len(
        {at for at, _ in moves if sum(yen for where, yen in moves if where == at)}
    )
