"""The paper account as a stored document: what is read, what is settled anew, what is written and
what is kept in mind.
"""

from dataclasses import dataclass, replace
from decimal import Decimal

import numpy as np
import pytest

from shared.core.errors import BadData, Conflict, LeaseLost, Unavailable
from shared.core.reasons import Reason
from shared.core.types import (
    Accepted,
    AccountKind,
    Candles,
    Counted,
    Entry,
    PairRules,
    Rejected,
    Timeframe,
    Unknown,
)
from shared.exchanges.paper import exchange as papers
from shared.exchanges.paper.exchange import PaperExchange, decode_account, encode_account
from shared.exchanges.paper.ledger import account_terms, with_order
from shared.orders.ports import Fence

T0 = 1_699_999_200_000
MINUTE = 60_000
SETTLE = 10_000
CAPITAL = 1_000_000


@dataclass(frozen=True)
class Version:
    """A token without an order, as a store's are."""

    number: int


class Shelf:
    """A store in memory that counts, and can lose a compare-and-set or fail."""

    def __init__(self, account):
        self.data = None if account is None else encode_account(account)
        self.number = self.saves = self.loads = self.lose = 0
        self.down = False
        self.held = []

    def load(self):
        self.loads += 1
        return None if self.data is None else (self.data, Version(self.number))

    def save(self, data, token, *, held=None):
        if self.down:
            raise Unavailable("no answer")
        if self.lose:
            self.lose -= 1
            raise Conflict("another writer was first")
        if token != (None if self.data is None else Version(self.number)):
            raise Conflict("another version")
        self.data, self.number, self.saves = data, self.number + 1, self.saves + 1
        self.held.append(held)


class Minutes:
    """Flat candles on demand, with what was asked for in minutes after T0; `then` is called once,
    after the first answer.
    """

    def __init__(self, price, volume, low=None, then=None):
        self.price, self.volume, self.low, self.then = price, volume, low or {}, then
        self.asked = []

    def __call__(self, start, end):
        self.asked.append(((start - T0) / MINUTE, (end - T0) / MINUTE))
        opened = np.arange(start - start % MINUTE, end, MINUTE, dtype=np.int64)
        flat = np.full(len(opened), float(self.price))
        low = flat.copy()
        for minute, price in self.low.items():
            low[opened == T0 + minute * MINUTE] = price
        then, self.then = self.then, None
        if then is not None:
            then()
        volume = np.full(len(opened), self.volume)
        return Candles(
            timeframe=Timeframe.M1,
            opened_at=opened,
            open=flat,
            high=flat,
            low=low,
            close=flat,
            volume=volume,
        )


@pytest.fixture
def opened(made):
    def opening(account, /, *, price=1000, volume=100.0, low=None, **settings):
        shelf, minutes = Shelf(account), Minutes(price, volume, low)
        return (
            PaperExchange(shelf, minutes, made.settings(capital_jpy=CAPITAL, **settings)),
            shelf,
            minutes,
        )

    return opening


def resting(made, *intents, **more):
    account = made.account(**more)
    for intent in intents:
        account, _ = with_order(account, intent, T0)
    return account


def at(minute, more=0):
    """When a tick knows the path up to that minute after T0."""
    return T0 + minute * MINUTE + SETTLE + more


def test_on_paper_nothing_is_attended_asked_for_or_new(made, opened):
    paper, shelf, minutes = opened(resting(made, made.entry(900, lots=5)))
    assert (paper.is_attended, paper.requests, paper.has_news()) == (False, 0, False)
    assert (shelf.loads, minutes.asked) == (0, [])


# what is read


ONE_LOT = Entry(at=T0, price=1, lots=1, fee_jpy=Decimal(0))


def damaged(made, **more):
    account = resting(made, made.entry(900, lots=5))
    part = replace(
        made.part(more.pop("price", 1), more.pop("lots", 1)), cost_jpy=more.pop("cost", None)
    )
    held = made.position(part, *more.pop("beside", ()))
    order = replace(account.orders[0], remaining_lots=more.pop("left", 1))
    return encode_account(replace(account, **{"positions": (held,), "orders": (order,), **more}))


@pytest.mark.parametrize(
    "fine",
    [
        {},
        {"left": 5},
        {"lots": 2},
        {"price": 2},
        {"cost": Decimal("0.0001")},
        {"cost": Decimal("0.000000000001"), "lots": 0, "beside": (ONE_LOT,)},
        {"capital_jpy": None},
        {"capital_jpy": Decimal(5)},
    ],
)
def test_a_sound_document_is_read_as_it_was(made, fine):
    data = damaged(made, **fine)
    assert encode_account(decode_account(data)) == data


@pytest.mark.parametrize(
    "wrong",
    [
        *({"left": left} for left in (-1, 0, 6)),
        *({name: size} for name in ("lots", "price") for size in (-1, 0)),
        *({"lots": size, "beside": (ONE_LOT,)} for size in (-1, 0)),
        {"lots": -1, "beside": (ONE_LOT,) * 2, "cost": Decimal(1)},
        {"price": 0, "cost": Decimal(1)},
        {"lots": 0, "cost": Decimal(1)},
        *({"cost": Decimal(value)} for value in ("NaN", "Infinity", "-1", "0")),
        *(
            {name: Decimal(value)}
            for name in ("capital_jpy", "cash_jpy")
            for value in ("NaN", "Infinity")
        ),
    ],
)
def test_a_document_with_what_cannot_be_is_damaged(made, wrong):
    with pytest.raises(BadData, match="the paper account document is damaged"):
        decode_account(damaged(made, **wrong))


def test_an_entry_that_says_no_cost_has_that_of_its_price_and_lots(made):
    data = damaged(made, price=2_000_000, lots=30)
    (held,) = data["positions"]
    (entry,) = held["entries"]
    del entry["cost_jpy"]
    (position,) = decode_account(data).positions
    assert (position.product_jpy, position.average_price) == (6_000, 2_000_000)


def test_a_position_of_nothing_and_a_field_of_another_kind_are_damage(made):
    with pytest.raises(BadData, match="no entries"):
        decode_account(damaged(made, positions=(made.position(),)))
    with pytest.raises(BadData, match="is damaged"):
        decode_account({**damaged(made), "cash_jpy": "a lot"})


@pytest.mark.parametrize("schema", [0, 2, "1", None])
def test_another_schema_is_refused(made, schema):
    assert damaged(made)["schema"] == 1
    with pytest.raises(BadData, match="this version reads 1"):
        decode_account({**damaged(made), "schema": schema})


def test_a_version_reads_the_schema_that_it_writes(made, monkeypatch):
    monkeypatch.setattr(papers, "SCHEMA", 2)
    assert damaged(made)["schema"] == 2
    assert encode_account(decode_account(damaged(made))) == damaged(made)


# whose money it is


@pytest.mark.parametrize(
    ("cash", "capital"), [(CAPITAL, CAPITAL), (5, 5), (CAPITAL, 5), (5, CAPITAL), (CAPITAL, None)]
)
@pytest.mark.parametrize("touched", ["", "ordered", "filled"])
def test_only_what_nothing_ever_traded_has_the_capital_that_is_set(
    made, opened, cash, capital, touched
):
    account = (
        resting(made, made.entry(900), cash=cash)
        if touched == "ordered"
        else made.account(cash=cash)
    )
    account = replace(account, capital_jpy=None if capital is None else Decimal(capital))
    held = opened(replace(account, next_fill_sequence=2 if touched == "filled" else 1))[0].holdings(
        T0
    )
    if not touched:
        assert (held.cash_jpy, held.opened_with_jpy, held.untouched) == (CAPITAL, CAPITAL, True)
    else:
        began = CAPITAL if capital is None else capital
        assert (held.cash_jpy, held.opened_with_jpy, held.untouched) == (
            cash,
            began,
            touched == "ordered",
        )


@pytest.mark.parametrize(("following", "whole"), [(2, False), (3, True), (4, False), (12, False)])
@pytest.mark.parametrize("idle", [True, False])
def test_a_capital_that_is_not_said_is_what_the_cash_was_before_all_trades(
    made, opened, following, whole, idle
):
    account = made.account(cash=500) if idle else resting(made, made.entry(900), cash=500)
    trades = made.trade(1, 5), made.trade(2, 7)
    account = replace(
        account,
        trades=trades,
        next_trade_sequence=following,
        next_fill_sequence=5,
        capital_jpy=None,
    )
    held = opened(account)[0].holdings(T0)
    assert (held.cash_jpy, held.opened_with_jpy) == (500, 488 if whole and idle else CAPITAL)


def test_a_first_account_is_opened_with_the_capital_and_written_with_its_first_order(made, opened):
    paper, shelf, _ = opened(None)
    held = paper.reconcile(at(9))
    assert (held.cash_jpy, held.settled_until, held.untouched, shelf.saves) == (
        CAPITAL,
        T0 + 9 * MINUTE,
        True,
        0,
    )
    outcome = paper.submit(made.entry(900), book=made.book(999, 1001), now_ms=T0 + 1)
    assert isinstance(outcome, Accepted)
    assert (shelf.saves, shelf.data["cash_jpy"], shelf.data["terms"]["taker_fee_rate"]) == (
        1,
        encode_account(made.account(cash=CAPITAL))["cash_jpy"],
        str(PairRules().taker_fee_rate),
    )


RATES = {
    "maker_fee_rate": Decimal("0.01"),
    "taker_fee_rate": Decimal("0.02"),
    "long_interest_rate_day": Decimal("0.03"),
    "short_interest_rate_day": Decimal("0.04"),
    "margin_ratio": Decimal("0.6"),
}


def test_an_account_at_rest_follows_the_settings_and_keeps_the_exchanges_rates_and_unknown_fields(
    made, opened
):
    rules = PairRules(**RATES)
    paper, shelf, _ = opened(
        made.account("margin", rules=rules, cash=CAPITAL),
        account=AccountKind.SPOT,
        paper={"keep_trades": 7},
    )
    shelf.data = {**shelf.data, "new": 5}
    assert isinstance(
        paper.submit(made.entry(900), book=made.book(999, 1001), now_ms=T0 + 1), Accepted
    )
    account = decode_account(shelf.data)
    expected = account_terms(made.settings(paper={"keep_trades": 7}), rules)
    assert (shelf.data["new"], account.kind, account.terms) == (5, "spot", expected)


def test_a_busy_account_keeps_its_kind_and_terms(made, opened):
    account = resting(made, made.entry(900))
    paper, shelf, _ = opened(account, account=AccountKind.SPOT, paper={"keep_trades": 7})
    paper.cancel(account.orders[0], now_ms=T0 + 1)
    after = decode_account(shelf.data)
    assert (after.kind, after.terms) == (account.kind, account.terms)


# an account at rest


@pytest.mark.parametrize(
    ("now", "until", "saves"),
    [
        (at(0), T0, 1),
        (T0 + 5 * MINUTE - 2_000, T0 + 5 * MINUTE, 0),
        (at(5, -1), T0 + 5 * MINUTE, 0),
        (at(6, -1), T0 + 5 * MINUTE, 0),
        (at(6), T0 + 6 * MINUTE, 0),
        (T0 + 5 * MINUTE - 2_001, T0 + 4 * MINUTE, 1),
    ],
)
def test_an_account_at_rest_moves_in_time_alone_but_never_stays_in_the_future(
    made, opened, now, until, saves
):
    paper, shelf, minutes = opened(
        made.account(settled_until=T0 + 5 * MINUTE), market={"max_clock_skew_ms": 2000}
    )
    held = paper.reconcile(now)
    assert (held.settled_until, shelf.saves, minutes.asked, held.as_of) == (until, saves, [], now)


@pytest.mark.parametrize("lost", [0, 4, 5])
def test_a_lost_race_is_tried_five_times(made, opened, lost):
    ahead, shelf, _ = opened(made.account(settled_until=T0 + 500 * MINUTE))
    busy, other, minutes = opened(resting(made, made.entry(900)), low={0: 800})
    sending, third, _ = opened(None)
    shelf.lose = other.lose = third.lose = lost
    if lost == 5:
        for paper in (ahead, busy):
            with pytest.raises(Conflict, match="5 times"):
                paper.reconcile(at(1))
        outcome = sending.submit(made.entry(900), book=made.book(999, 1001), now_ms=T0 + 1)
        assert isinstance(outcome, Rejected)
        assert outcome.reason is Reason.REJECTED_BY_EXCHANGE
    else:
        assert ahead.reconcile(at(1)).settled_until == T0 + MINUTE
        assert busy.reconcile(at(1)).positions[0].lots == 100
        assert isinstance(
            sending.submit(made.entry(900), book=made.book(999, 1001), now_ms=T0 + 1), Accepted
        )
        assert [each.loads for each in (shelf, other, third)] == [lost + 1] * 3
        assert [each.saves for each in (shelf, other, third)] == [1] * 3
    assert minutes.asked == [(0, 1)]


# a path that is walked


@pytest.mark.parametrize(
    ("now", "asked"),
    [(at(1), []), (at(2, -1), []), (at(0), []), (at(2), [(1, 2)]), (at(4), [(1, 4)])],
)
def test_only_what_is_final_and_not_yet_settled_is_asked_for(made, opened, now, asked):
    paper, shelf, minutes = opened(
        replace(resting(made, made.entry(900)), settled_until=T0 + MINUTE)
    )
    held = paper.reconcile(now)
    assert (minutes.asked, shelf.saves) == (asked, 0)
    assert held.settled_until == T0 + MINUTE * (asked[0][1] if asked else 1)
    assert held.mark_price == (1000 if asked else None)


def test_where_only_time_passed_it_is_kept_in_mind_and_written_once_an_hour(made, opened):
    paper, shelf, minutes = opened(resting(made, made.entry(900)))
    saves = []
    for minute in (1, 59, 60, 61, 119, 120, 121):
        minutes.price = 1000 + minute
        assert paper.reconcile(at(minute)).settled_until == T0 + minute * MINUTE
        saves.append(shelf.saves)
    assert saves == [0, 0, 1, 1, 1, 2, 2]
    assert minutes.asked == [(0, 1), (1, 59), (59, 60), (60, 61), (61, 119), (119, 120), (120, 121)]
    paper, shelf, _ = opened(replace(resting(made, made.entry(900)), settled_until=T0 - MINUTE))
    assert paper.reconcile(at(60)).settled_until == T0 + 60 * MINUTE
    assert shelf.saves == 1


def test_an_hour_is_an_hour_at_any_time(made, opened):
    paper, shelf, _ = opened(replace(resting(made, made.entry(900)), settled_until=MINUTE))
    paper.reconcile(61 * MINUTE + SETTLE)
    assert shelf.saves == 1


def test_an_hour_but_for_a_millisecond_is_not_written(made, opened):
    paper, shelf, _ = opened(replace(resting(made, made.entry(900)), settled_until=T0 + 1))
    paper.reconcile(at(60))
    assert shelf.saves == 0


def test_what_another_wrote_is_read_anew_and_begins_its_own_hour(made, opened):
    account = resting(made, made.entry(900))
    paper, shelf, minutes = opened(account)
    paper.reconcile(at(40))
    PaperExchange(shelf, minutes, made.settings(capital_jpy=CAPITAL)).submit(
        made.entry(800, id="other"), book=made.book(999, 1001), now_ms=T0 + 1
    )
    shelf.data = {**shelf.data, "settled_until": T0 + 30 * MINUTE}
    assert len(paper.reconcile(at(50)).orders) == 2
    assert minutes.asked == [(0, 40), (30, 50)]
    saves = shelf.saves
    paper.reconcile(at(89))
    assert shelf.saves == saves
    paper.reconcile(at(90))
    assert shelf.saves == saves + 1


@pytest.mark.parametrize(
    ("written", "asked"),
    [(0, [(0, 10), (10, 20), (0, 20)]), (10, [(0, 10), (10, 20)]), (12, [(0, 10), (10, 20)])],
)
def test_candles_are_asked_for_again_only_where_the_path_begins_before_them(
    made, opened, written, asked
):
    paper, shelf, minutes = opened(resting(made, made.entry(900)), low={15: 800})
    paper.reconcile(at(10))

    def other():
        shelf.data, shelf.number = (
            {
                **shelf.data,
                "settled_until": T0 + written * MINUTE,
            },
            shelf.number + 1,
        )

    minutes.then = other
    assert paper.reconcile(at(20)).positions[0].lots == 100
    assert minutes.asked == asked
    assert shelf.saves == 1


def test_no_more_than_four_hundred_fills_wait_until_they_are_counted(made, opened):
    account = replace(resting(made, made.entry(1001, lots=1000)), next_fill_sequence=4)
    paper, shelf, _ = opened(account, volume=0.0001)
    held = paper.reconcile(at(600), counted=Counted(trades=0, fills=3))
    assert [fill.sequence for fill in held.fills] == list(range(4, 404))
    assert shelf.saves == 1
    assert len(paper.reconcile(at(600)).fills) == 600


def test_what_was_counted_is_let_go_of(made, opened):
    account = resting(made, made.entry(900))
    account = replace(
        account, fills=tuple(made.fill(number) for number in range(1, 31)), next_fill_sequence=31
    )
    paper, _, _ = opened(account)
    assert len(paper.reconcile(at(1)).fills) == 30
    assert len(paper.reconcile(at(2), counted=Counted(trades=0, fills=8)).fills) == 22


# orders under a fence


@pytest.mark.parametrize(("late", "lost"), [(-1, False), (0, False), (1, True)])
def test_no_request_arrives_after_the_lease(made, opened, late, lost):
    paper, shelf, _ = opened(resting(made, made.entry(900)))
    fence, now = Fence(number=1, until=T0 + 5, held="mine"), T0 + 5 + late
    order = paper.holdings(T0).orders[0]
    if lost:
        for request in (
            lambda: paper.submit(
                made.entry(800, id="b"), book=made.book(999, 1001), now_ms=now, fence=fence
            ),
            lambda: paper.cancel(order, now_ms=now, fence=fence),
        ):
            with pytest.raises(LeaseLost):
                request()
        assert (shelf.saves, shelf.held) == (0, [])
    else:
        outcome = paper.submit(
            made.entry(800, id="b"), book=made.book(999, 1001), now_ms=now, fence=fence
        )
        assert isinstance(outcome, Accepted)
        assert isinstance(paper.cancel(order, now_ms=now, fence=fence), Accepted)
        assert shelf.held == ["mine", "mine"]


def test_without_a_fence_no_lease_is_held_and_a_path_is_saved_under_the_one_that_is(made, opened):
    paper, shelf, _ = opened(made.account(), low={2: 800})
    paper.submit(made.entry(900), book=made.book(999, 1001), now_ms=T0 + 1)
    fence = Fence(number=1, until=T0, held="mine")
    paper.reconcile(at(3), fence=fence)
    assert shelf.held == [None, "mine"]
    ahead, shelf, _ = opened(made.account(settled_until=T0 + 500 * MINUTE))
    ahead.reconcile(at(1), fence=fence)
    assert shelf.held == ["mine"]


def test_an_order_that_is_known_is_answered_and_not_written_again(made, opened):
    paper, shelf, _ = opened(made.account())
    first, second = (
        paper.submit(made.entry(900), book=made.book(999, 1001), now_ms=T0 + 1) for _ in range(2)
    )
    assert first == second
    assert shelf.saves == 1


def test_a_store_that_does_not_answer_leaves_the_outcome_unknown(made, opened):
    paper, shelf, _ = opened(made.account())
    shelf.down = True
    outcome = paper.submit(made.entry(900), book=made.book(999, 1001), now_ms=T0 + 1)
    assert isinstance(outcome, Unknown)
    assert outcome.context == {"why": "no answer"}


def test_an_order_takes_the_rules_that_it_is_given(made, opened):
    paper, shelf, _ = opened(made.account())
    paper.submit(
        made.entry(900), book=made.book(999, 1001), rules=PairRules(**RATES), now_ms=T0 + 1
    )
    assert decode_account(shelf.data).terms.taker_fee_rate == RATES["taker_fee_rate"]
