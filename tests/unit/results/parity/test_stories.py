"""What came of every order that opens, as reports tell it."""

from decimal import Decimal
from typing import Any

from shared.core.types import (
    Fill,
    OrderIntent,
    OrderKind,
    OrderRecord,
    Purpose,
    Side,
    TickReport,
    TickStatus,
    Trade,
)
from shared.results.parity.lots import Rested
from shared.results.parity.stories import pairs_of, stories_of

ENTRY, STOP, CLOSE = Purpose.ENTRY, Purpose.STOP, Purpose.CLOSE
KINDS = {ENTRY: OrderKind.LIMIT, STOP: OrderKind.STOP, CLOSE: OrderKind.MARKET}


def record(number: int | None, purpose: Purpose, lots: int, **more: Any) -> OrderRecord:
    kind = KINDS[purpose]
    intent = OrderIntent(
        id=f"t.{purpose}.{number}",
        purpose=purpose,
        side=more.pop("side", Side.LONG),
        kind=kind,
        lots=lots,
        price=100 if kind is OrderKind.LIMIT else None,
        trigger_price=90 if kind is OrderKind.STOP else None,
    )
    told = {"what": "place", "outcome": "accepted", **more}
    return OrderRecord(intent=intent, order_id=number, **told)


def fill(order_id: int, purpose: Purpose, lots: int, at: int, side: Side = Side.LONG) -> Fill:
    return Fill(
        sequence=at,
        order_id=order_id,
        purpose=purpose,
        side=side,
        at=at,
        price=100,
        lots=lots,
        maker=True,
        fee_jpy=Decimal(0),
    )


def trade(lots: int, at: int) -> Trade:
    none = Decimal(0)
    return Trade(
        sequence=at,
        side=Side.LONG,
        opened_at=at - 1,
        closed_at=at,
        lots=lots,
        entry_price=Decimal(100),
        exit_price=100,
        reason=None,  # type: ignore[arg-type]
        gross_jpy=none,
        fees_jpy=none,
        interest_jpy=none,
    )


def report(
    at: int,
    *orders: OrderRecord,
    fills: tuple[Fill, ...] = (),
    trades: tuple[Trade, ...] = (),
) -> TickReport:
    return TickReport(
        tick=f"t{at}",
        bot="default",
        status=TickStatus.DONE,
        scheduled_at=at,
        received_at=at,
        finished_at=at,
        mode="live",
        stage="live",
        settings_hash="0" * 16,
        orders=orders,
        fills=fills,
        trades=trades,
    )


def test_a_position_is_told_from_its_first_fill_to_the_one_that_leaves_nothing() -> None:
    bought, sold = fill(1, ENTRY, 10, 105), fill(2, STOP, 10, 300)
    ended = trade(10, 300)
    told = stories_of(
        [
            report(100, record(1, ENTRY, 10, taken_at=101), record(2, STOP, 10, taken_at=106)),
            report(280, fills=(bought, sold), trades=(ended,)),
        ]
    )
    (story,) = told.closed
    assert told.still_open == 0
    assert (story.at, story.side) == (100, Side.LONG)
    assert story.fills == (bought, sold)
    assert story.trades == (ended,)
    assert story.rested == (
        Rested(purpose=ENTRY, lots=10, since_at=101, until_at=105),
        Rested(purpose=STOP, lots=10, since_at=106, until_at=300),
    )


def test_an_order_without_a_fill_is_a_story_and_one_that_is_held_is_none_yet() -> None:
    cancel = record(1, ENTRY, 10, what="cancel", taken_at=190)
    told = stories_of(
        [
            report(100, record(1, ENTRY, 10), cancel),
            report(280, record(3, ENTRY, 10), fills=(fill(3, ENTRY, 10, 290),)),
        ]
    )
    (story,) = told.closed
    assert (story.at, story.fills, story.trades) == (100, (), ())
    assert story.rested == (Rested(purpose=ENTRY, lots=10, since_at=100, until_at=190),)
    assert told.still_open == 1


def test_what_no_report_tells_a_trade_of_is_still_open() -> None:
    fills = (fill(1, ENTRY, 10, 105), fill(2, CLOSE, 10, 110))
    told = stories_of([report(100, record(1, ENTRY, 10), fills=fills)])
    assert (told.closed, told.still_open) == ((), 1)


def test_a_growth_belongs_to_the_order_that_began_and_each_side_stands_alone() -> None:
    fills = (
        fill(1, ENTRY, 5, 105),
        fill(9, ENTRY, 7, 106, Side.SHORT),
        fill(3, ENTRY, 5, 285),
        fill(4, CLOSE, 10, 300),
    )
    told = stories_of(
        [
            report(100, record(1, ENTRY, 5), record(9, ENTRY, 7, side=Side.SHORT)),
            report(280, record(3, ENTRY, 5), fills=fills, trades=(trade(10, 300),)),
        ]
    )
    (story,) = told.closed
    assert [one.order_id for one in story.fills] == [1, 3, 4]
    assert told.still_open == 1


def test_orders_that_were_not_taken_were_never_in_the_market() -> None:
    refused = record(None, ENTRY, 10, outcome="rejected")
    (story,) = stories_of([report(100, refused)]).closed
    assert story.rested == ()


def test_stories_of_one_tick_and_side_stand_beside_each_other() -> None:
    live = stories_of([report(100, record(1, ENTRY, 5)), report(280, record(2, ENTRY, 5))]).closed
    paper = stories_of([report(280, record(7, ENTRY, 5)), report(460, record(8, ENTRY, 5))]).closed
    pairs = pairs_of(live, paper)
    assert [(one and one.at, other and other.at) for one, other in pairs] == [
        (100, None),
        (280, 280),
        (None, 460),
    ]
