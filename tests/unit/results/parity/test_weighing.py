"""What orders brought beside a replay's: with what else was booked it is all that the cash differs
by, and what reports contradict themselves in is told.
"""

import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from decimal import Decimal

import pytest

from shared.core.reasons import Reason
from shared.core.types import (
    AccountKind,
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
from shared.orders.own_book import Executed, book_execution, open_ledger
from shared.results.parity import FillCause, Fills, weigh_orders

STEP, CASH = 180_000, 1_000_000
ENTRY, EXITS = Purpose.ENTRY, (Purpose.STOP, Purpose.TARGET, Purpose.CLOSE)
BOTH = [AccountKind.MARGIN, AccountKind.SPOT]


def intent(number: int, purpose: Purpose, side: Side, lots: int) -> OrderIntent:
    kind = OrderKind.LIMIT if purpose is ENTRY else OrderKind.MARKET
    price = 100_000 if kind is OrderKind.LIMIT else None
    name = f"t.{purpose}.{number}"
    return OrderIntent(
        id=name,
        purpose=purpose,
        side=side,
        kind=kind,
        lots=lots,
        price=price,
        reason=Reason.EXIT_TIME,
    )


def lives(
    *, seed: int, kind: AccountKind, orders: int = 8, is_open: bool = False, adopts: bool = False
) -> list[TickReport]:
    """A life by the rules of the book: each order is filled in pieces, or not, and left in pieces;
    what else is drawn depends on the seed. The last position may stay, and one may be a person's.
    """
    dice, ledger, reports = random.Random(seed), open_ledger(CASH, 0), list[TickReport]()
    for number in range(1, orders + 1):
        at = number * STEP
        side = dice.choice(list(Side)) if kind.has_debt else Side.LONG
        pieces = [dice.randint(1, 40) for _ in range(dice.randint(0, 3))]
        is_last, order_id = number == orders, 100 * number
        if is_last:
            pieces = pieces or [12]
        is_strange = adopts and number == orders // 2
        booked: list[tuple[Purpose, int, int]] = [(ENTRY, lots, at + 10) for lots in pieces]
        left = sum(pieces)
        while left and not (is_last and is_open and left <= sum(pieces) // 2):
            lots = dice.randint(1, left)
            booked.append((dice.choice(EXITS), lots, at + 90))
            left -= lots
        fills, trades = list[Fill](), list[Trade]()
        for index, (purpose, lots, moment) in enumerate(booked):
            done = Executed(
                number=order_id + index,
                order_id=order_id if purpose is ENTRY else order_id + index,
                at=moment,
                price=dice.randint(90_000, 110_000),
                lots=lots,
                is_maker=purpose is not Purpose.CLOSE,
                fee_jpy=Decimal(dice.randint(0, 9_999)) / 10_000,
            )
            after = book_execution(ledger, intent(order_id, purpose, side, lots), done, kind=kind)
            ledger = after.ledger
            fills.append(after.fill)
            trades += [] if after.trade is None else [after.trade]
        record = OrderRecord(
            what="place",
            intent=intent(order_id, ENTRY, side, 120),
            outcome="accepted",
            order_id=order_id,
        )
        report = TickReport(
            tick=f"t{at}",
            bot="default",
            status=TickStatus.DONE,
            scheduled_at=at,
            received_at=at,
            finished_at=at,
            mode="live",
            stage="live",
            settings_hash="0" * 16,
            orders=() if is_strange else (record,),
            fills=tuple(fills),
            trades=tuple(trades),
            cash_jpy=ledger.cash_jpy,
        )
        reports.append(report)
    return reports


def total(weighed: Fills) -> Decimal:
    return sum(weighed.amounts.values(), Decimal(0))


@pytest.mark.parametrize("kind", BOTH)
def test_the_causes_and_what_else_was_booked_are_all_that_the_cash_differs_by(
    kind: AccountKind,
) -> None:
    seen: Counter[str] = Counter()
    for seed in range(120):
        told = {"kind": kind, "is_open": seed % 3 == 0, "adopts": seed % 4 == 0}
        mine, other = lives(seed=seed, **told), lives(seed=seed + 1_000, kind=kind, orders=7)
        weighed = weigh_orders(mine, other, kind=kind)
        assert weighed.gap_jpy == mine[-1].cash_jpy - other[-1].cash_jpy
        assert total(weighed) + weighed.open_jpy == weighed.gap_jpy, seed
        assert (weighed.untold_jpy, weighed.is_explained) == (
            0,
            FillCause.UNEXPLAINED not in weighed.amounts,
        )
        assert (weighed.orders, weighed.replayed) == (8 - told["adopts"], 7)
        assert weighed.entries + weighed.exits == sum(len(one.fills) for one in mine)
        assert weighed.exits == sum(len(one.trades) for one in mine)
        seen["open"] += weighed.still_open
        seen["booked besides"] += bool(weighed.open_jpy)
        seen["shared"] += weighed.shared
        seen.update({str(cause): 1 for cause in weighed.amounts})
    print(dict(seen))
    floors = {"open": 30, "booked besides": 40, "shared": 400}
    floors |= dict.fromkeys(("queue", "other orders", "other book", "latency", "partial fill"), 50)
    assert {name: seen[name] for name, least in floors.items() if seen[name] < least} == {}, seen


@pytest.mark.parametrize("kind", BOTH)
def test_a_life_beside_itself_differs_in_nothing(kind: AccountKind) -> None:
    mine = lives(seed=5, kind=kind, is_open=True)
    weighed = weigh_orders(mine, mine, kind=kind)
    assert (weighed.amounts, weighed.gap_jpy, weighed.open_jpy) == ({}, 0, 0)
    assert (weighed.orders, weighed.replayed, weighed.shared) == (8, 8, 8)
    assert weighed.still_open == 2
    assert weighed.is_explained
    weighed = weigh_orders(mine, mine[:5], kind=kind)
    assert (weighed.orders, weighed.replayed, weighed.shared) == (8, 5, 5)


def with_fill(reports: Sequence[TickReport], change: Callable[[Fill], Fill]) -> list[TickReport]:
    """With the first fill of a position that has ended altered."""
    index = next(number for number, one in enumerate(reports) if one.trades)
    report = reports[index]
    altered = replace(report, fills=(change(report.fills[0]), *report.fills[1:]))
    return [*reports[:index], altered, *reports[index + 1 :]]


@pytest.mark.parametrize("kind", BOTH)
def test_what_reports_contradict_themselves_in_is_told_by_no_order(kind: AccountKind) -> None:
    mine = lives(seed=5, kind=kind)
    fill = next(one for one in mine if one.trades).fills[0]
    dearer = with_fill(mine, lambda one: replace(one, price=one.price + 10_000))
    weighed = weigh_orders(dearer, mine, kind=kind)
    assert weighed.gap_jpy == 0
    assert weighed.untold_jpy == fill.side.sign * fill.lots == -total(weighed) != 0
    assert not weighed.is_explained
    poorer = [*mine[:-1], replace(mine[-1], cash_jpy=mine[-1].cash_jpy - 7)]
    weighed = weigh_orders(poorer, mine, kind=kind)
    assert (weighed.gap_jpy, weighed.untold_jpy, weighed.amounts) == (-7, -7, {})
    assert not weighed.is_explained


def test_less_than_a_yen_and_only_that_needs_no_word() -> None:
    def lacking(amount: str) -> Fills:
        return Fills(amounts={}, untold_jpy=Decimal(amount))

    assert lacking("0.9999").is_explained
    assert lacking("-0.9999").is_explained
    assert not lacking("1").is_explained
    assert not lacking("-1").is_explained
    assert not Fills(amounts={FillCause.UNEXPLAINED: Decimal("0.1")}).is_explained


def test_the_cash_is_that_of_the_last_tick_that_could_read_it() -> None:
    mine = lives(seed=5, kind=AccountKind.MARGIN)
    blind = replace(
        mine[-1], tick="t", scheduled_at=9 * STEP, cash_jpy=None, orders=(), fills=(), trades=()
    )
    assert weigh_orders([*mine, blind], mine, kind=AccountKind.MARGIN).gap_jpy == 0
