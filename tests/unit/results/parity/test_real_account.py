"""A bot with real money beside its replay: decisions tick by tick, money by when it was earned, and
a cause for each difference.
"""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from shared.core.reasons import OF_A_REAL_ACCOUNT, Reason
from shared.core.types import (
    Action,
    Issue,
    Order,
    OrderIntent,
    OrderKind,
    OrderRecord,
    PositionPlan,
    Purpose,
    Side,
    TickReport,
)
from shared.results.parity import Cause, Comparison, compare_reports
from tests.support import made_reports

REPORTS = [
    replace(report, orders=tuple(replace(one, what="place") for one in report.orders))
    for report in made_reports.reports()
]
ENTRY, HELD, WAITING, CLOSED, LAST = 100, 150, 45, 180, len(REPORTS) - 1
NEXT_CLOSED = 360
STEP = made_reports.STEP

PLAN = PositionPlan(
    side=Side.LONG, stop_price=1, target_price=2, exit_by=3, as_of=0, entry_intent="t.e"
)

Change = Callable[[TickReport], TickReport]


def changed(*changes: tuple[int, Change]) -> list[TickReport]:
    reports = list(REPORTS)
    for index, change in changes:
        reports[index] = change(reports[index])
    return reports


def compared(reports: list[TickReport], replayed: list[TickReport] = REPORTS) -> Comparison:
    return compare_reports(reports, replayed, is_real=True)


def causes(found: Comparison) -> list[tuple[int, Cause]]:
    first = REPORTS[0].scheduled_at
    return [((one.at - first) // STEP, one.cause) for one in found.differences]


def decided(**told: Any) -> Change:
    def change(report: TickReport) -> TickReport:
        assert report.decision is not None
        return replace(report, decision=replace(report.decision, **told))

    return change


def sent(purpose: Purpose, *, what: str = "place", reason: Reason = Reason.OK) -> Change:
    """With one order more."""
    kind = {Purpose.STOP: OrderKind.STOP, Purpose.CLOSE: OrderKind.MARKET}.get(
        purpose, OrderKind.LIMIT
    )
    intent = OrderIntent(
        id=f"t.{purpose}.9",
        purpose=purpose,
        side=Side.LONG,
        kind=kind,
        lots=12,
        price=9_900_000 if kind is OrderKind.LIMIT else None,
        trigger_price=9_700_000 if kind is OrderKind.STOP else None,
        reason=reason,
    )
    record = OrderRecord(what=what, intent=intent, outcome="accepted", order_id=9)  # type: ignore[arg-type]
    return lambda report: replace(report, orders=(*report.orders, record))


def test_reports_are_equal_to_themselves() -> None:
    found = compared(REPORTS)
    assert (found.is_equal, found.gap_jpy, found.equal_decisions) == (True, 0, len(REPORTS))


@pytest.mark.parametrize(
    "change",
    [
        sent(Purpose.STOP),
        sent(Purpose.TARGET),
        sent(Purpose.ENTRY, what="cancel"),
        sent(Purpose.CLOSE, reason=Reason.EXIT_UNPROTECTED),
        lambda report: replace(report, equity_jpy=Decimal(7), mark_price=Decimal(1)),
        lambda report: replace(report, plan=PLAN),
        lambda report: replace(
            report,
            resting=(
                Order(
                    order_id=9,
                    intent=sent(Purpose.STOP)(report).orders[-1].intent,
                    placed_at=0,
                    remaining_lots=12,
                ),
            ),
        ),
    ],
)
def test_how_a_position_is_protected_and_marked_is_no_difference(change: Change) -> None:
    reports = changed((HELD, change))
    assert not compare_reports(reports, REPORTS).is_equal, "on paper it would be"
    assert compared(reports).is_equal


@pytest.mark.parametrize("purpose", [Purpose.ENTRY, Purpose.CLOSE])
def test_another_order_of_the_decision_is_a_difference(purpose: Purpose) -> None:
    assert causes(compared(changed((WAITING, sent(purpose))))) == [(WAITING, Cause.UNKNOWN)]


def later(index: int) -> list[TickReport]:
    """What a tick tells of fills, trades and positions is told by the next one."""
    one, following = REPORTS[index], REPORTS[index + 1]
    before = REPORTS[index - 1]
    moved = {"fills": one.fills, "trades": one.trades}
    return changed(
        (index, lambda _: replace(one, fills=(), trades=(), positions=before.positions)),
        (index + 1, lambda _: replace(following, **moved)),
    )


def test_a_fill_that_is_told_at_another_tick_is_the_same_fill() -> None:
    assert REPORTS[ENTRY].fills
    assert compared(later(ENTRY)).is_equal
    found = compared(later(CLOSED))
    assert (found.is_equal, found.gap_jpy) == (True, 0)


def test_another_decision_is_unknown_only_where_both_hold_the_same() -> None:
    other = decided(reason=Reason.WARMING_UP)
    assert causes(compared(changed((WAITING, other)))) == [(WAITING, Cause.UNKNOWN)]

    def smaller(report: TickReport) -> TickReport:
        held = tuple(
            replace(one, entries=tuple(replace(entry, lots=9) for entry in one.entries))
            for one in report.positions
        )
        fills = tuple(
            replace(one, lots=9) if one.purpose is Purpose.ENTRY else one for one in report.fills
        )
        return replace(report, positions=held, fills=fills)

    holds_less = [(index, smaller) for index in range(ENTRY, CLOSED)]
    reports = changed(*holds_less, (WAITING, other), (CLOSED + 5, other))
    for index in (HELD, HELD + 5):
        reports[index] = other(reports[index])
    found = compared(reports)
    assert causes(found) == [
        (WAITING, Cause.UNKNOWN),
        (HELD, Cause.FILLS),
        (HELD + 5, Cause.FILLS),
        (CLOSED + 5, Cause.UNKNOWN),
    ]
    assert [one.ticks for one in found.episodes] == [1, 2, 1], "what holds on is one episode"


def test_what_was_filled_before_a_tick_is_held_by_it_though_it_is_told_only_then() -> None:
    told = REPORTS[ENTRY].fills
    unaware = [
        (index, lambda report: replace(report, fills=(), positions=()))
        for index in range(ENTRY, ENTRY + 5)
    ]

    def aware(report: TickReport) -> TickReport:
        return replace(decided(lots=9)(report), fills=told)

    found = compared(changed(*unaware, (ENTRY + 5, aware)))
    assert causes(found) == [(ENTRY + 5, Cause.UNKNOWN)], "both held it"
    early = [(ENTRY + 4, lambda report: replace(report, fills=told)), *unaware[:4]]
    found = compared(changed(*early, (ENTRY + 5, decided(lots=9))))
    assert causes(found) == [(ENTRY + 5, Cause.UNKNOWN)]


def test_a_tick_that_could_not_read_the_account_holds_what_was_held() -> None:
    def blind(report: TickReport) -> TickReport:
        return replace(report, positions=(), equity_jpy=None, cash_jpy=None)

    found = compared(changed((HELD - 1, blind), (HELD, decided(lots=9))))
    assert causes(found) == [(HELD, Cause.UNKNOWN)]


def poorer(report: TickReport) -> TickReport:
    (trade,) = report.trades
    return replace(report, trades=(replace(trade, gross_jpy=trade.gross_jpy - 70),))


def test_what_was_earned_otherwise_is_of_the_fills_and_so_is_what_is_decided_by_it() -> None:
    found = compared(changed((CLOSED, poorer), (CLOSED + 5, decided(lots=9))))
    assert causes(found) == [(CLOSED, Cause.FILLS), (CLOSED + 5, Cause.FILLS)]
    assert [one.price_jpy for one in found.differences] == [-70, 0]
    assert [fact.what for fact in found.differences[0].facts] == ["earned_jpy"]
    assert found.gap_jpy == -70
    assert [one.began_at for one in found.episodes] == [
        REPORTS[CLOSED].scheduled_at,
        REPORTS[CLOSED + 5].scheduled_at,
    ]


def test_a_loss_that_another_trade_makes_up_for_is_of_the_fills_too() -> None:
    def richer(report: TickReport) -> TickReport:
        (trade,) = report.trades
        return replace(report, trades=(replace(trade, gross_jpy=trade.gross_jpy + 70),))

    found = compared(changed((CLOSED, poorer), (NEXT_CLOSED, richer)))
    assert causes(found) == [(CLOSED, Cause.FILLS), (NEXT_CLOSED, Cause.FILLS)]
    assert [one.price_jpy for one in found.differences] == [-70, 70]
    assert found.gap_jpy == 0


def test_what_the_last_tick_closes_after_it_began_is_earned_too() -> None:
    (trade,) = REPORTS[CLOSED].trades
    late = replace(trade, closed_at=REPORTS[LAST].received_at + 70_000)
    found = compared(changed((LAST, lambda report: replace(report, trades=(late,)))))
    assert found.gap_jpy == late.net_jpy
    assert causes(found) == [(LAST, Cause.FILLS)]
    at = REPORTS[LAST].received_at + 90_000
    by_hand = replace(
        REPORTS[LAST], tick="manual-1", scheduled_at=at, received_at=at, trades=(late,)
    )
    assert compared([*REPORTS, by_hand]).gap_jpy == late.net_jpy, "also where a person saw it"


@pytest.mark.parametrize("reason", sorted(OF_A_REAL_ACCOUNT))
def test_what_forbids_an_entry_at_a_real_account_alone_is_a_cause(reason: Reason) -> None:
    def forbidden(report: TickReport) -> TickReport:
        issue = Issue(reason=reason, forbids_entry=True)
        denied = decided(action=Action.DENY, reason=reason)(report)
        return replace(denied, issues=(*report.issues, issue))

    assert causes(compared(changed((WAITING, forbidden)))) == [(WAITING, Cause.ACCOUNT)]


def test_what_the_book_costs_is_the_spread_and_a_mark_alone_explains_nothing() -> None:
    assert causes(compared(changed((WAITING, decided(cost_rate=0.5))))) == [(WAITING, Cause.SPREAD)]

    def marked(report: TickReport) -> TickReport:
        return replace(decided(lots=9)(report), mark_price=Decimal(1))

    assert causes(compared(changed((WAITING, marked)))) == [(WAITING, Cause.UNKNOWN)]


def test_what_follows_from_something_unknown_is_unknown_until_both_hold_the_same_again() -> None:
    def bare(report: TickReport) -> TickReport:
        return replace(report, positions=(), fills=())

    holds_none = [(index, bare) for index in range(ENTRY, CLOSED)]
    other = decided(lots=9)
    found = compared(changed((ENTRY - 5, other), *holds_none, (HELD, lambda it: bare(other(it)))))
    assert causes(found) == [(ENTRY - 5, Cause.UNKNOWN), (HELD, Cause.FILLS)]
    at_once = changed(
        (ENTRY, lambda report: bare(other(report))),
        *holds_none[1:],
        (CLOSED + 5, other),
    )
    at_once[HELD] = other(at_once[HELD])
    found = compared(at_once)
    assert causes(found) == [(index, Cause.UNKNOWN) for index in (ENTRY, HELD, CLOSED + 5)]
    assert [one.ticks for one in found.episodes] == [2, 1]


def test_a_tick_by_hand_is_named_and_its_fills_and_trades_count() -> None:
    at = REPORTS[CLOSED - 1].scheduled_at + 120_000
    by_hand = replace(
        REPORTS[CLOSED],
        tick="manual-1",
        scheduled_at=at,
        received_at=at,
        decision=None,
        signal=None,
    )
    silent = changed((CLOSED, lambda report: replace(report, fills=(), trades=())))
    found = compared([*silent, by_hand])
    assert causes(found) == [(CLOSED - 1, Cause.TICK_BY_HAND)]
    assert found.gap_jpy == 0
    assert [one.price_jpy for one in found.differences] == [0]
