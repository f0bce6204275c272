"""What the paper exchange takes, refuses and answers: each limit at its boundary, each refusal with
what it says.
"""

from dataclasses import replace
from decimal import Decimal

import pytest

from shared.core.reasons import Reason
from shared.core.types import Accepted, AccountKind, OrderKind, PairRules, Purpose, Rejected, Side
from shared.exchanges.paper.ledger import end_orders, with_order
from shared.exchanges.paper.placing import cancel_order, defer_orders, place_order

T0 = 1_699_999_200_000
LONG, SHORT = Side.LONG, Side.SHORT
FREE = replace(PairRules(), taker_fee_rate=Decimal(0))


@pytest.fixture
def ask(made):
    """Place an intent at a book of 999/1001 (or another), and give the account and the answer."""

    def asking(account, intent, *, bid=999, ask=1001, book=True, rules=FREE, at=T0):
        return place_order(
            account,
            intent,
            book=made.book(bid, ask, at=at) if book else None,
            now_ms=at,
            rules=rules,
        )

    return asking


def holding(made, *, lots=100, side=LONG, kind=AccountKind.MARGIN, orders=(), **more):
    account = made.account(kind, **more)
    account = replace(account, positions=(made.position(made.part(1000, lots), side=side),))
    for intent in orders:
        account, _ = with_order(account, intent, T0 - 1)
    return account


def code(answer):
    assert isinstance(answer, Rejected), answer
    return answer.context.get("code") or answer.reason


# what is taken


def test_an_order_that_rests_is_answered_with_itself_and_moves_no_money(made, ask):
    account, answer = ask(made.account(), made.entry(998))
    assert answer == Accepted(order=account.orders[0])
    assert (account.cash_jpy, account.fills, account.last_price) == (
        made.account().cash_jpy,
        (),
        None,
    )


def test_what_crosses_is_answered_with_its_own_fills_alone(made, ask):
    costs = {"spread_rate": 0.0, "slippage_rate": 0.01, "volume_share": 1.0, "keep_trades": 10}
    account, first = ask(made.account(costs=costs), made.entry(1100, post_only=False, id="one"))
    account, second = ask(account, made.entry(1100, 50, post_only=False, id="two"))
    assert [fill.sequence for fill in first.fills] == [1]
    assert [(fill.sequence, fill.order_id, fill.lots, fill.maker) for fill in second.fills] == [
        (2, 2, 50, False)
    ]
    assert (second.order.order_id, second.order.remaining_lots) == (2, 0)
    assert second.fills[0].slippage_jpy == Decimal("0.0600")  # 1,012 for a middle of 1,000, 50 lots
    assert account.last_price == 1000


def test_a_known_intent_is_answered_as_it_was_and_nothing_happens_twice(made, ask):
    account, _ = ask(made.account(), made.entry(1001, post_only=False, id="one"))
    account, _ = ask(account, made.entry(1001, post_only=False, id="two"))
    account, _ = ask(account, made.entry(998, id="three"))
    for number, name in enumerate(("one", "two", "three"), start=1):
        again, answer = ask(account, made.entry(5, 7, id=name), bid=1, ask=9)
        assert again is account
        assert answer.order.order_id == number
        assert [fill.order_id for fill in answer.fills] == [number] * (number < 3)


def test_without_a_book_the_last_price_of_the_path_makes_one(made, ask):
    account = replace(made.account(), last_price=1000)
    account, answer = ask(account, made.entry(1001, post_only=False), book=False)
    assert [fill.price for fill in answer.fills] == [1001]
    assert ask(made.account(), made.entry(1001, post_only=False), book=False)[1].fills == ()


def test_the_terms_follow_the_rules_that_an_order_was_placed_under(made, ask):
    account, _ = ask(
        made.account(), made.entry(900), rules=replace(FREE, margin_ratio=Decimal("0.4"))
    )
    assert account.terms.margin_ratio == Decimal("0.4")


@pytest.mark.parametrize(
    ("settled_until", "after"), [(T0 - 120_000, T0), (T0, T0), (T0 + 60_000, T0 + 60_000)]
)
def test_an_idle_account_begins_its_path_in_the_minute_of_the_order(
    made, ask, settled_until, after
):
    account, _ = ask(
        replace(made.account(), settled_until=settled_until), made.entry(900), at=T0 + 59_999
    )
    assert account.settled_until == after


def test_an_account_at_work_goes_on_where_its_path_is(made, ask):
    account = replace(holding(made), settled_until=T0 - 120_000)
    assert ask(account, made.entry(900), at=T0)[0].settled_until == T0 - 120_000


@pytest.mark.parametrize(
    ("side", "purpose", "price", "crosses"),
    [
        (LONG, Purpose.ENTRY, 1000, False),
        (LONG, Purpose.ENTRY, 1001, True),
        (LONG, Purpose.ENTRY, 1002, True),
        (SHORT, Purpose.ENTRY, 1000, False),
        (SHORT, Purpose.ENTRY, 999, True),
        (SHORT, Purpose.ENTRY, 998, True),
        (LONG, Purpose.CLOSE, 1000, False),
        (LONG, Purpose.CLOSE, 999, True),
        (SHORT, Purpose.CLOSE, 1000, False),
        (SHORT, Purpose.CLOSE, 1001, True),
    ],
)
def test_a_limit_crosses_at_the_other_touch(made, ask, side, purpose, price, crosses):
    account = made.account() if purpose is Purpose.ENTRY else holding(made, side=side)
    intent = made.intent(purpose, OrderKind.LIMIT, 100, side=side, price=price)
    assert bool(ask(account, intent)[1].fills) is crosses
    post_only = replace(intent, post_only=True)
    answer = ask(account, post_only)[1]
    assert isinstance(answer, Rejected) is crosses
    if crosses:
        touch = "1001" if intent.is_buy else "999"
        assert (answer.reason, answer.context["price"], answer.context["touch"]) == (
            Reason.POST_ONLY_WOULD_CROSS,
            str(price),
            touch,
        )


@pytest.mark.parametrize(
    ("side", "slippage", "limit", "price", "paid"),
    [
        (LONG, 0.0, None, 1001, "0.0100"),
        (LONG, 0.01, None, 1012, "0.1200"),
        (LONG, 0.01, 1005, 1005, "0.0500"),
        (LONG, 0.01, 1012, 1012, "0.1200"),
        (LONG, 0.01, 1020, 1012, "0.1200"),
        (SHORT, 0.0, None, 999, "0.0100"),
        (SHORT, 0.01, None, 989, "0.1100"),
        (SHORT, 0.01, 995, 995, "0.0500"),
        (SHORT, 0.01, 980, 989, "0.1100"),
    ],
)
def test_what_trades_at_once_pays_slippage_but_a_limit_never_more_than_its_price(
    made, ask, side, slippage, limit, price, paid
):
    costs = {"spread_rate": 0.0, "slippage_rate": slippage, "volume_share": 1.0, "keep_trades": 10}
    account = made.account(costs=costs)
    kind = OrderKind.MARKET if limit is None else OrderKind.LIMIT
    answer = ask(account, made.intent(Purpose.ENTRY, kind, 100, side=side, price=limit))[1]
    assert [(fill.price, fill.slippage_jpy) for fill in answer.fills] == [(price, Decimal(paid))]


def test_a_market_order_with_a_price_beside_it_is_no_limit(made, ask):
    """Only the kind says what an order is."""
    intent = made.intent(Purpose.CLOSE, OrderKind.STOP, 100, trigger_price=900, price=999)
    assert ask(holding(made), intent)[1].fills == ()


def test_a_stop_that_is_born_beyond_the_market_fires_at_once_and_takes_what_it_was_born_for(
    made, ask
):
    costs = {"spread_rate": 0.0, "slippage_rate": 0.01, "volume_share": 1.0, "keep_trades": 10}
    account = holding(
        made,
        lots=40,
        orders=[made.stop(900, 40, id="far"), made.stop(900, 40, side=SHORT, id="other")],
        costs=costs,
    )
    account = replace(
        account, positions=(*account.positions, made.position(made.part(1000, 40), side=SHORT))
    )
    after, answer = ask(account, made.entry(1020, post_only=False, stop_price=1100))
    assert [fill.purpose for fill in answer.fills] == [Purpose.ENTRY]
    stopped = after.fills[-1]
    assert (len(after.fills), stopped.purpose, stopped.side, stopped.lots) == (
        2,
        Purpose.STOP,
        LONG,
        100,
    )
    assert (stopped.price, stopped.maker, stopped.at, stopped.slippage_jpy) == (
        989,
        False,
        T0,
        Decimal("0.1100"),
    )
    assert (after.lots(LONG), after.lots(SHORT)) == (40, 40)


def test_an_answer_tells_the_order_itself_whatever_has_ended_besides(made, ask):
    later = made.order(99, made.entry(5, id="later"), left=0)
    answer = ask(replace(made.account(), ended=(later,)), made.entry(1001, post_only=False))[1]
    assert (answer.order.order_id, answer.order.remaining_lots) == (1, 0)


# cancelling, and putting off


def test_only_the_order_that_is_meant_is_cancelled_and_its_life_ends_now(made):
    account = holding(
        made,
        orders=[made.stop(900, id="one"), made.stop(901, id="two"), made.stop(902, id="three")],
    )
    after, answer = cancel_order(account, account.orders[1], now_ms=T0 + 5)
    assert [order.intent.expires_at for order in after.orders] == [None, T0 + 5, None]
    assert answer == Accepted(order=after.orders[1])


def test_an_order_that_has_ended_is_told_as_it_ended(made):
    account = holding(
        made,
        orders=[made.stop(900, id="one"), made.stop(901, id="two"), made.stop(902, id="three")],
    )
    ended = end_orders(account, account.orders)
    for order in account.orders:
        assert cancel_order(ended, order, now_ms=T0) == (ended, Accepted(order=order))


@pytest.mark.parametrize(("ends_at", "expires_at"), [(T0 - 1, T0 - 1), (T0, T0), (T0 + 1, T0)])
def test_an_order_whose_end_has_come_keeps_it(made, ends_at, expires_at):
    account, order = with_order(made.account(), made.entry(900, expires_at=ends_at), T0 - 10)
    assert cancel_order(account, order, now_ms=T0)[1].order.intent.expires_at == expires_at


@pytest.mark.parametrize("number", [0, 2])
def test_an_order_that_nobody_knows_cannot_be_cancelled(made, number):
    account, order = with_order(made.account(), made.entry(900), T0)
    for held in (account, end_orders(account, [order])):
        after, answer = cancel_order(held, replace(order, order_id=number), now_ms=T0)
        assert after is held
        assert answer == Rejected(
            reason=Reason.REJECTED_BY_EXCHANGE, context={"code": "50009", "order_id": str(number)}
        )


def test_orders_of_one_purpose_are_put_off_and_none_is_brought_forward(made):
    account = holding(made, orders=[made.stop(900), made.target(1100)])
    late, _ = with_order(account, made.stop(901, id="late"), T0 + 100)
    after = defer_orders(late, Purpose.STOP, until=T0 + 50)
    assert [order.placed_at for order in after.orders] == [T0 + 50, T0 - 1, T0 + 100]


# what is refused


@pytest.mark.parametrize(
    ("kind", "more", "answer"),
    [
        (OrderKind.LIMIT, {"price": None}, "30012"),
        (OrderKind.LIMIT, {"price": 0}, "40020"),
        (OrderKind.LIMIT, {"price": -1}, "40020"),
        (OrderKind.LIMIT, {"price": 1}, None),
        (OrderKind.STOP, {"trigger_price": None}, "30101"),
        (OrderKind.STOP, {"trigger_price": 0}, "40112"),
        (OrderKind.STOP, {"trigger_price": 1}, "40200"),
        (OrderKind.MARKET, {"post_only": True}, "40114"),
        (OrderKind.MARKET, {}, None),
    ],
)
def test_a_malformed_order_is_refused(made, ask, kind, more, answer):
    intent = made.intent(Purpose.ENTRY, kind, 100, **more)
    told = ask(made.account(), intent)[1]
    assert (code(told) if isinstance(told, Rejected) else None) == answer


def test_a_stop_closes_on_both_sides_and_a_spot_account_goes_only_long(made, ask):
    assert isinstance(ask(holding(made), made.stop(900))[1], Accepted)
    assert isinstance(ask(holding(made), made.stop(900, post_only=True))[1], Rejected)
    assert code(ask(made.account("spot"), made.entry(1002, side=SHORT))[1]) == "40164"
    assert isinstance(ask(made.account("spot"), made.entry(998))[1], Accepted)
    assert isinstance(ask(made.account(), made.entry(1002, side=SHORT))[1], Accepted)


@pytest.mark.parametrize(
    ("kind", "lots", "answer"),
    [
        (OrderKind.LIMIT, 9, {"code": "60004", "lots": "9", "least": "10"}),
        (OrderKind.LIMIT, 10, None),
        (OrderKind.LIMIT, 70, None),
        (OrderKind.LIMIT, 71, {"code": "60003", "lots": "71", "most": "70"}),
        (OrderKind.MARKET, 50, None),
        (OrderKind.MARKET, 51, {"code": "60002", "lots": "51", "most": "50"}),
        (OrderKind.LIMIT, 0, {"code": "60004", "lots": "0", "least": "10"}),
        (OrderKind.LIMIT, -1, {"code": "60004", "lots": "-1", "least": "10"}),
    ],
)
def test_a_size_lies_between_the_least_and_the_most_of_its_kind(made, ask, kind, lots, answer):
    rules = replace(FREE, min_lots=10, max_limit_lots=70, max_market_lots=50)
    intent = made.intent(Purpose.ENTRY, kind, lots, price=998 if kind is OrderKind.LIMIT else None)
    told = ask(made.account(), intent, rules=rules)[1]
    assert (told.context if isinstance(told, Rejected) else None) == answer


@pytest.mark.parametrize(
    ("held", "lots", "answer"),
    [
        (5, 5, None),
        (5, 4, "60004"),
        (20, 10, None),
        (20, 9, "60004"),
        (20, 11, None),
        (0, 0, "60004"),
    ],
)
def test_a_close_may_be_below_the_minimum_where_all_that_is_held_is(made, ask, held, lots, answer):
    rules = replace(FREE, min_lots=10)
    account = holding(made, lots=held) if held else made.account()
    told = ask(account, made.close(lots), rules=rules)[1]
    assert (code(told) if isinstance(told, Rejected) else None) == answer


@pytest.mark.parametrize("least", [0, 1])
def test_an_order_of_nothing_is_refused_whatever_the_minimum(made, ask, least):
    assert (
        code(ask(made.account(), made.entry(998, 0), rules=replace(FREE, min_lots=least))[1])
        == "60004"
    )
    assert isinstance(
        ask(made.account(), made.entry(998, 1), rules=replace(FREE, min_lots=least))[1], Accepted
    )


@pytest.mark.parametrize(("status", "answer"), [("NORMAL", "60004"), ("BUSY", "70010")])
def test_a_minimum_that_was_raised_is_told_apart_from_the_pair_s_own(made, ask, status, answer):
    rules = replace(FREE, min_lots=10, status=status)
    assert code(ask(made.account(), made.entry(998, 9), rules=rules)[1]) == answer
    assert isinstance(ask(made.account(), made.entry(998, 10), rules=rules)[1], Accepted)


def test_only_a_purchase_at_market_has_a_limit_of_its_own(made, ask):
    rules = replace(FREE, max_market_lots=50)
    sale = made.intent(Purpose.ENTRY, OrderKind.MARKET, 51, side=SHORT)
    assert code(ask(made.account(), sale, rules=rules)[1]) == "60003"


def test_each_kind_of_account_has_its_own_code_for_openings_that_are_suspended(made, ask):
    shut = replace(FREE, long_opens=False, short_opens=False)
    assert code(ask(made.account(), made.entry(998), rules=shut)[1]) == "70024"
    assert code(ask(made.account(), made.entry(1002, side=SHORT), rules=shut)[1]) == "70025"
    assert code(ask(made.account("spot"), made.entry(998), rules=shut)[1]) == "70005"


ALL = ("limit", "market", "stop")


@pytest.mark.parametrize(
    ("rules", "refused"),
    [
        ({}, {}),
        ({"enabled": False}, dict.fromkeys(ALL, "70017")),
        ({"status": "HALT"}, dict.fromkeys(ALL, "70004")),
        ({"market_orders": False}, {"market": "70009"}),
        ({"stop_orders": False}, {"stop": "70023"}),
        ({"circuit_break_mode": "CIRCUIT_BREAK"}, {"market": "70020", "stop": "70023"}),
        ({"long_opens": False}, {"limit": "70024"}),
        ({"short_opens": False}, {}),
    ],
)
def test_what_is_suspended_is_refused_and_nothing_else(made, ask, rules, refused):
    intents = {"limit": made.entry(998), "market": made.close(), "stop": made.stop(900)}
    account = holding(made)
    told = {
        name: ask(account, intent, rules=replace(FREE, **rules))[1]
        for name, intent in intents.items()
    }
    assert {
        name: code(answer) for name, answer in told.items() if isinstance(answer, Rejected)
    } == refused
    short = ask(made.account(), made.entry(1002, side=SHORT), rules=replace(FREE, **rules))[1]
    assert isinstance(short, Rejected) is (
        "short_opens" in rules or "enabled" in rules or "status" in rules
    )


def test_what_is_refused_by_a_mode_says_which(made, ask):
    rules = replace(FREE, circuit_break_mode="CIRCUIT_BREAK")
    assert ask(holding(made), made.close(), rules=rules)[1].context["mode"] == "CIRCUIT_BREAK"
    assert ask(holding(made), made.stop(900), rules=rules)[1].context["mode"] == "CIRCUIT_BREAK"
    assert (
        ask(made.account(), made.entry(998), rules=replace(FREE, long_opens=False))[1].context[
            "side"
        ]
        == "long"
    )


@pytest.mark.parametrize(
    ("live", "ended", "refused"),
    [(29, 0, False), (29, 5, False), (30, 0, True), (30, 1, True), (31, 0, True)],
)
def test_thirty_orders_may_rest_and_those_that_have_ended_do_not_count(
    made, ask, live, ended, refused
):
    account = made.account()
    for number in range(live + ended):
        expires_at = None if number < live else T0
        account, _ = with_order(
            account, made.entry(1, 1, id=str(number), expires_at=expires_at), T0 - 1
        )
    told = ask(account, made.entry(998, 1))[1]
    assert isinstance(told, Rejected) is refused
    if refused:
        assert told.context == {"code": "60011", "live": str(live)}


@pytest.mark.parametrize(
    ("kind", "purpose", "cash", "lots", "answer"),
    [
        ("margin", LONG, 50, 1000, None),  # 100 yen at twice the money
        ("margin", LONG, 50, 1001, "50061"),
        ("margin", SHORT, 50, 1000, None),
        ("spot", LONG, 100, 1000, None),
        ("spot", LONG, 100, 1001, "60001"),
    ],
)
def test_an_entry_is_taken_as_long_as_the_money_suffices(
    made, ask, kind, purpose, cash, lots, answer
):
    intent = made.entry(1000, lots, side=purpose)
    told = ask(made.account(kind, cash=cash), intent)[1]
    assert (code(told) if isinstance(told, Rejected) else None) == answer
    if answer:
        assert told.reason is Reason.MARGIN_INSUFFICIENT
        assert (told.context["needed"], told.context["available"]) == ("100.1000", "100.0000")


@pytest.mark.parametrize(
    ("maker", "taker", "post_only", "lots", "answer"),
    [
        ("0.1", "0.2", True, 1000, None),
        ("0.1", "0.2", True, 1001, "60001"),
        ("0.1", "0.2", False, 916, None),
        ("0.1", "0.2", False, 917, "60001"),
        ("0.2", "0.1", False, 916, None),
        ("0.2", "0.1", False, 917, "60001"),
        ("-0.1", "-0.2", True, 1100, None),
        ("-0.1", "-0.2", True, 1101, "60001"),
    ],
)
def test_on_spot_the_dearest_fee_that_may_come_is_part_of_the_price(
    made, ask, maker, taker, post_only, lots, answer
):
    rules = replace(FREE, maker_fee_rate=Decimal(maker), taker_fee_rate=Decimal(taker))
    told = ask(
        made.account("spot", cash=110), made.entry(1000, lots, post_only=post_only), rules=rules
    )[1]
    assert (code(told) if isinstance(told, Rejected) else None) == answer


def test_on_margin_a_fee_reserves_nothing(made, ask):
    rules = replace(FREE, maker_fee_rate=Decimal("0.1"), taker_fee_rate=Decimal("0.1"))
    assert isinstance(ask(made.account(cash=50), made.entry(1000, 1000), rules=rules)[1], Accepted)


def test_what_crosses_is_reckoned_at_what_it_will_cost(made, ask):
    account = made.account("spot", cash=100)
    assert isinstance(
        ask(account, made.entry(2000, 999, post_only=False))[1], Accepted
    )  # filled at 1,001, not 2,000
    market = made.intent(Purpose.ENTRY, OrderKind.MARKET, 999)
    assert isinstance(ask(account, market)[1], Accepted)
    assert code(ask(account, made.entry(2000, 1000, post_only=False))[1]) == "60001"
    assert code(ask(account, replace(market, lots=1000))[1]) == "60001"


def test_the_margin_ratio_that_holds_is_the_exchanges_of_now(made, ask):
    rules = replace(FREE, margin_ratio=Decimal("0.25"))
    assert isinstance(ask(made.account(cash=50), made.entry(1000, 2000), rules=rules)[1], Accepted)
    assert code(ask(made.account(cash=50), made.entry(1000, 2001), rules=rules)[1]) == "50061"


def test_a_loss_at_the_middle_of_the_book_takes_from_what_is_free(made, ask):
    account = holding(made, lots=1000, cash=100)  # 100 yen at 1,000; at 900 ten are lost
    free = made.entry(890, 890)
    assert isinstance(ask(account, free, bid=899, ask=901)[1], Accepted)
    assert code(ask(account, replace(free, lots=900), bid=899, ask=901)[1]) == "50061"
    quiet = replace(account, last_price=900)
    assert isinstance(ask(quiet, free, book=False)[1], Accepted)
    assert code(ask(quiet, replace(free, lots=900), book=False)[1]) == "50061"


@pytest.mark.parametrize(
    ("kind", "resting", "asked", "lots", "locked"),
    [
        ("margin", (), "close", 100, None),
        ("margin", (), "close", 101, "0"),
        ("margin", ("stop",), "stop", 100, None),
        ("margin", ("stop",), "stop", 101, "0"),
        ("margin", ("stop",), "target", 100, None),
        ("margin", ("target",), "stop", 100, None),
        ("margin", ("target",), "target", 60, None),
        ("margin", ("target",), "target", 61, "40"),
        ("margin", ("stop",), "close", 60, None),
        ("margin", ("stop",), "close", 61, "40"),
        ("margin", ("target",), "close", 61, "40"),
        ("margin", ("stop", "target"), "close", 60, None),
        ("margin", ("stop", "target"), "close", 61, "40"),
        ("margin", ("stop",), "limit", 61, "40"),
        ("margin", ("stop",), "limit", 60, None),
        ("spot", ("stop",), "stop", 60, None),
        ("spot", ("stop",), "stop", 61, "40"),
        ("spot", ("stop", "target"), "close", 20, None),
        ("spot", ("stop", "target"), "close", 21, "80"),
    ],
)
def test_a_close_is_no_larger_than_what_is_held_and_not_locked(
    made, ask, kind, resting, asked, lots, locked
):
    makes = {
        "stop": lambda lots, name: made.stop(900, lots, id=name),
        "target": lambda lots, name: made.target(1100, lots, id=name),
        "close": lambda lots, name: made.close(lots, id=name),
        "limit": lambda lots, name: made.intent(
            Purpose.CLOSE, OrderKind.LIMIT, lots, price=1100, id=name
        ),
    }
    account = holding(made, kind=kind, orders=[makes[name](40, f"r{name}") for name in resting])
    told = ask(account, makes[asked](lots, "asked"))[1]
    if locked is None:
        assert isinstance(told, Accepted)
    else:
        code = "50062" if kind == "margin" else "60001"
        assert told.context == {"code": code, "lots": str(lots), "held": "100", "locked": locked}


def test_what_has_ended_opens_or_lies_on_the_other_side_locks_nothing(made, ask):
    account = holding(
        made,
        orders=[
            made.stop(900, 40, id="ended", expires_at=T0),
            made.entry(900, 40, id="opens"),
            made.target(900, 40, side=SHORT, id="other"),
        ],
    )
    assert isinstance(ask(account, made.close(100))[1], Accepted)


@pytest.mark.parametrize(
    ("side", "trigger", "refused"),
    [
        (LONG, 999, False),
        (LONG, 1000, True),
        (LONG, 1001, True),
        (SHORT, 1001, False),
        (SHORT, 1000, True),
        (SHORT, 999, True),
    ],
)
def test_a_stop_whose_trigger_the_middle_has_reached_is_refused(made, ask, side, trigger, refused):
    told = ask(holding(made, side=side), made.stop(trigger, side=side))[1]
    assert isinstance(told, Rejected) is refused
    if refused:
        assert told.context == {
            "code": "60018",
            "trigger": str(trigger),
            "bid": "999",
            "ask": "1001",
        }


def test_without_any_price_only_a_market_order_is_refused(made, ask):
    assert ask(holding(made), made.close(), book=False)[1].reason is Reason.BOOK_MISSING
    assert isinstance(ask(holding(made), made.stop(900), book=False)[1], Accepted)


def test_while_the_market_is_interrupted_a_post_only_order_may_cross(made, ask):
    rules = replace(FREE, circuit_break_mode="CIRCUIT_BREAK")
    assert isinstance(ask(made.account(), made.entry(1001), rules=rules)[1], Accepted)


@pytest.mark.parametrize(("ends_at", "refused"), [(T0 - 1, True), (T0, True), (T0 + 1, False)])
def test_an_order_whose_end_has_come_is_refused(made, ask, ends_at, refused):
    assert (
        isinstance(ask(made.account(), made.entry(998, expires_at=ends_at))[1], Rejected) is refused
    )


def test_a_close_under_a_slow_clock_goes_out_but_never_into_the_past(made, ask):
    account = replace(holding(made), settled_until=T0 + 60_000)
    after, answer = ask(account, made.close(), at=T0)
    assert [fill.at for fill in answer.fills] == [T0 + 60_000]
    assert ask(account, made.stop(900), at=T0)[0].orders[0].placed_at == T0 + 60_000
    assert after.settled_until == T0 + 60_000
