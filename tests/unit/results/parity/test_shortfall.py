"""Why an order brought something else: each cause by its condition, and always the whole of it."""

from collections.abc import Sequence
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.core.reasons import Reason
from shared.core.types import Fill, Purpose, Side, Trade
from shared.results.parity.lots import LotRun, OrderStory, Rested, lot_runs
from shared.results.parity.shortfall import (
    FillCause,
    LotDifference,
    amounts_by_cause,
    differences_of,
)

ENTRY, STOP, TARGET, CLOSE = Purpose.ENTRY, Purpose.STOP, Purpose.TARGET, Purpose.CLOSE
Way = tuple[Purpose, int, int, int]
"""Purpose, time, price, lots."""


def story(
    *ways: Way,
    rested: Sequence[tuple[Purpose, int, int | None]] = (),
    lots: int = 10,
    side: Side = Side.LONG,
    reason: Reason = Reason.EXIT_STOP,
    fee: str = "0.0007",
) -> OrderStory:
    fills = tuple(
        Fill(
            sequence=number,
            order_id=number,
            purpose=purpose,
            side=side,
            at=at,
            price=price,
            lots=size,
            maker=purpose in {ENTRY, TARGET},
            fee_jpy=Decimal(fee) * number,
        )
        for number, (purpose, at, price, size) in enumerate(ways, 1)
    )
    return OrderStory(
        at=0,
        side=side,
        fills=fills,
        trades=tuple(
            _trade(fill, reason, interest="0" if fee == "0" else "0.0013")
            for fill in fills
            if fill.purpose is not ENTRY
        ),
        rested=tuple(
            Rested(purpose=purpose, lots=lots, since_at=since, until_at=until)
            for purpose, since, until in rested
        ),
    )


def _trade(fill: Fill, reason: Reason, *, interest: str) -> Trade:
    return Trade(
        sequence=fill.sequence,
        side=fill.side,
        opened_at=0,
        closed_at=fill.at,
        lots=fill.lots,
        entry_price=Decimal(100),
        exit_price=fill.price,
        reason=reason,
        gross_jpy=Decimal(0),
        fees_jpy=fill.fee_jpy,
        interest_jpy=Decimal(interest),
    )


def net(told: OrderStory) -> Decimal:
    """Cash, without lots: what went out and what came in."""
    worth = sum(
        (
            Decimal(fill.price * fill.lots * told.side.sign * (-1 if fill.purpose is ENTRY else 1))
            for fill in told.fills
        ),
        Decimal(0),
    )
    costs = sum((fill.fee_jpy for fill in told.fills), Decimal(0))
    return worth / 10_000 - costs - sum((one.interest_jpy for one in told.trades), Decimal(0))


def cause(live: OrderStory, paper: OrderStory) -> set[FillCause]:
    found = amounts_by_cause([(live, paper)])
    assert sum(found.values(), Decimal(0)) == net(live) - net(paper)
    return set(found)


PAPER = story((ENTRY, 20, 100, 10), (TARGET, 60, 120, 10), rested=[(ENTRY, 5, None)])
STOPPED = story((ENTRY, 20, 100, 10), (STOP, 40, 90, 10), rested=[(ENTRY, 5, None)])
CLOSED = story((ENTRY, 20, 100, 10), (CLOSE, 180, 110, 10), rested=[(ENTRY, 5, None)])
GUARD = [(ENTRY, 5, 20), (STOP, 22, None), (TARGET, 22, None)]


@pytest.mark.parametrize(
    ("live", "paper", "expected"),
    [
        pytest.param(PAPER, PAPER, set(), id="the same"),
        pytest.param(story(rested=[(ENTRY, 21, 95)]), PAPER, {FillCause.LATENCY}, id="too late"),
        pytest.param(story(), PAPER, {FillCause.LATENCY}, id="refused when it came"),
        pytest.param(story(rested=[(ENTRY, 5, 95)]), PAPER, {FillCause.QUEUE}, id="not served"),
        pytest.param(
            story((ENTRY, 20, 100, 4), (TARGET, 60, 120, 4), rested=GUARD, fee="0"),
            story((ENTRY, 20, 100, 10), (TARGET, 60, 120, 10), fee="0"),
            {FillCause.PARTIAL_FILL},
            id="a part of it",
        ),
        pytest.param(
            story((ENTRY, 61, 100, 10), (STOP, 80, 90, 10), rested=[(ENTRY, 5, 61)]),
            PAPER,
            {FillCause.QUEUE},
            id="served only when paper was out",
        ),
        pytest.param(
            story((ENTRY, 20, 100, 10), (CLOSE, 44, 85, 10), rested=[(ENTRY, 5, 20)]),
            STOPPED,
            {FillCause.PROTECTION_GAP},
            id="no stop yet",
        ),
        pytest.param(
            story(
                (ENTRY, 20, 100, 10), (STOP, 99, 90, 10), rested=[(ENTRY, 5, 20), (STOP, 22, 99)]
            ),
            PAPER,
            {FillCause.PROTECTION_GAP},
            id="no target yet",
        ),
        pytest.param(
            story((ENTRY, 20, 100, 10), (STOP, 99, 90, 10), rested=GUARD),
            PAPER,
            {FillCause.QUEUE},
            id="the target was not served",
        ),
        pytest.param(
            story((ENTRY, 20, 100, 10), (STOP, 40, 88, 10), rested=GUARD),
            STOPPED,
            {FillCause.SLIPPAGE},
            id="the stop slipped",
        ),
        pytest.param(
            story((ENTRY, 20, 100, 10), (CLOSE, 184, 107, 10), rested=GUARD),
            CLOSED,
            {FillCause.LATENCY},
            id="the close came later",
        ),
        pytest.param(
            story((ENTRY, 20, 101, 10), (TARGET, 60, 120, 10), rested=GUARD),
            PAPER,
            {FillCause.OTHER_BOOK},
            id="another limit",
        ),
        pytest.param(
            story(
                (ENTRY, 20, 100, 4), (TARGET, 60, 120, 4), rested=[(ENTRY, 5, 20)], lots=4, fee="0"
            ),
            story((ENTRY, 20, 100, 10), (TARGET, 60, 120, 10), fee="0"),
            {FillCause.OTHER_ORDERS},
            id="a smaller order",
        ),
        pytest.param(
            story((ENTRY, 20, 100, 10), (TARGET, 60, 120, 10), rested=GUARD),
            STOPPED,
            {FillCause.UNEXPLAINED},
            id="a stop that paper saw fire and the exchange did not",
        ),
    ],
)
def test_each_cause_has_its_condition_and_the_whole_amount(
    live: OrderStory, paper: OrderStory, expected: set[FillCause]
) -> None:
    assert cause(live, paper) == expected


def test_an_order_that_only_one_of_them_sent_is_told_whole() -> None:
    assert differences_of(PAPER, None) == [
        LotDifference(at=0, cause=FillCause.OTHER_ORDERS, lots=10, amount_jpy=net(PAPER))
    ]
    assert amounts_by_cause([(None, PAPER), (PAPER, None)]) == {FillCause.OTHER_ORDERS: Decimal(0)}


def test_what_is_still_held_is_not_weighed() -> None:
    with pytest.raises(ValueError, match="not closed whole"):
        lot_runs(story((ENTRY, 20, 100, 10)))


@st.composite
def stories(draw: st.DrawFn, side: Side = Side.LONG) -> OrderStory:
    sizes = draw(st.lists(st.integers(1, 30), max_size=4))
    ways: list[Way] = [
        (ENTRY, draw(st.integers(6, 95)), draw(st.integers(90, 110)), lots) for lots in sizes
    ]
    left = sum(sizes)
    while left:
        lots = draw(st.integers(1, left))
        purpose = draw(st.sampled_from([STOP, TARGET, CLOSE]))
        ways.append((purpose, draw(st.integers(96, 200)), draw(st.integers(80, 120)), lots))
        left -= lots
    rested = [
        (purpose, draw(st.integers(0, 100)), draw(st.one_of(st.none(), st.integers(100, 200))))
        for purpose in (ENTRY, STOP, TARGET)
        if draw(st.booleans())
    ]
    return story(*ways, rested=rested, lots=40, side=side)


@given(st.sampled_from(Side), st.data())
def test_the_causes_add_up_whatever_happened(side: Side, data: st.DataObject) -> None:
    live, paper = data.draw(stories(side)), data.draw(stories(side))
    cause(live, paper)


@given(stories())
def test_the_parts_of_an_order_share_what_it_brought_and_lose_nothing(told: OrderStory) -> None:
    cuts = range(told.lots + 1)
    parts: list[LotRun] = lot_runs(told, list(cuts))
    assert len(parts) == told.lots
    assert Decimal(sum(part.net_units for part in parts)) / 10_000 == net(told)
