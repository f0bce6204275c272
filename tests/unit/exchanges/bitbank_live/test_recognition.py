"""Which of bitbank's orders is which of ours, by form, time and number."""

from dataclasses import replace

import pytest

from shared.core.types import Purpose, Side
from shared.exchanges.bitbank.recognition import (
    CLOCKS_APART_MS,
    differing_fields,
    is_like_ours,
    orders_that_may_be,
    permitted_intent,
)
from tests.unit.exchanges.bitbank_live.conftest import (
    STOP,
    T0,
    TARGET,
    intent_of,
    open_intent,
    told_order,
)

ENTRY = intent_of()
UNTIL = T0 + 170_000


def test_each_field_that_differs_is_named_in_either_direction():
    intents = [
        ENTRY,
        *(intent_of(purpose) for purpose in (Purpose.STOP, Purpose.TARGET, Purpose.CLOSE)),
    ]
    for meant in intents:
        assert differing_fields(told_order(7, meant), meant, is_margin=True) == ()
        for lots in (99, 101):
            told = told_order(7, meant, lots=lots)
            assert differing_fields(told, meant, is_margin=True) == ("amount",)
        told = told_order(7, meant, is_buy=not meant.is_buy)
        assert differing_fields(told, meant, is_margin=True) == ("side",)
        for kind in ("limit", "market", "stop", "stop_limit", "take_profit"):
            told = told_order(7, meant, kind=kind)
            expected = () if kind == meant.kind.value else ("type",)
            assert differing_fields(told, meant, is_margin=True) == expected
        for side in (Side.SHORT, None):
            told = told_order(7, meant, position_side=side)
            assert differing_fields(told, meant, is_margin=True) == ("position_side",)
    for price in (9_999_999, 10_000_001, None):
        assert differing_fields(told_order(7, ENTRY, price=price), ENTRY, is_margin=True) == (
            "price",
        )
    stop = intent_of(Purpose.STOP)
    for price in (STOP - 1, STOP + 1, None):
        told = told_order(7, stop, trigger_price=price)
        assert differing_fields(told, stop, is_margin=True) == ("trigger_price",)


def test_on_spot_an_order_has_no_side_of_a_position():
    told = told_order(7, ENTRY, is_margin=False)
    assert differing_fields(told, ENTRY, is_margin=False) == ()
    assert differing_fields(told_order(7, ENTRY), ENTRY, is_margin=False) == ("position_side",)


@pytest.mark.parametrize(
    ("at", "may_be"),
    [
        (T0 - CLOCKS_APART_MS - 1, False),
        (T0 - CLOCKS_APART_MS, True),
        (UNTIL + CLOCKS_APART_MS, True),
        (UNTIL + CLOCKS_APART_MS + 1, False),
    ],
)
def test_an_order_is_dated_within_the_window_and_two_seconds(at, may_be):
    assert CLOCKS_APART_MS == 2_000
    written = open_intent(ENTRY)
    found = orders_that_may_be(written, [told_order(70, ENTRY, at=at)], is_margin=True)
    assert bool(found) is may_be
    entry = open_intent(ENTRY)
    stop = told_order(70, intent_of(Purpose.STOP), at=at)
    assert (permitted_intent(entry, 60, stop, is_margin=True) is not None) is may_be


def test_only_orders_newer_than_what_was_read_before_may_be_it_oldest_first():
    orders = [told_order(number, ENTRY) for number in (60, 49, 51, 50)]
    found = orders_that_may_be(open_intent(ENTRY), orders, is_margin=True)
    assert [one.order_id for one in found] == [51, 60]
    unread = replace(open_intent(ENTRY), before=None)
    first = [told_order(number, ENTRY) for number in (1, 0)]
    found = orders_that_may_be(unread, first, is_margin=True)
    assert [one.order_id for one in found] == [1]


@pytest.mark.parametrize(
    ("purpose", "price", "trigger", "post_only"),
    [
        (Purpose.STOP, None, STOP, False),
        (Purpose.TARGET, TARGET, None, True),
        (Purpose.CLOSE, None, None, False),
    ],
)
def test_an_entry_permits_its_stop_its_target_and_a_close(purpose, price, trigger, post_only):
    told = told_order(8, intent_of(purpose, 60))
    intent = permitted_intent(open_intent(ENTRY), 7, told, is_margin=True)
    assert intent is not None
    assert (intent.id, intent.purpose, intent.lots) == ("t1.entry.1.unwritten8", purpose, 60)
    assert (intent.price, intent.trigger_price, intent.post_only) == (price, trigger, post_only)


@pytest.mark.parametrize(
    "told",
    [
        told_order(7, intent_of(Purpose.STOP)),
        told_order(6, intent_of(Purpose.STOP)),
        told_order(8, intent_of(Purpose.STOP, 101)),
        told_order(8, intent_of(Purpose.STOP), lots=None),
        told_order(8, intent_of(Purpose.STOP), trigger_price=STOP + 1),
        told_order(8, intent_of(Purpose.TARGET), price=TARGET - 1),
        told_order(8, intent_of(Purpose.STOP, side=Side.SHORT)),
        told_order(8, ENTRY),
    ],
    ids=str,
)
def test_an_entry_permits_nothing_older_larger_or_at_another_price(told):
    assert permitted_intent(open_intent(ENTRY), 7, told, is_margin=True) is None


@pytest.mark.parametrize(
    ("told", "is_like"),
    [
        (told_order(7, ENTRY), True),
        (told_order(7, intent_of(side=Side.SHORT)), True),
        (told_order(7, ENTRY, is_margin=False), True),
        (told_order(7, ENTRY, post_only=False), False),
        (told_order(7, ENTRY, kind="market"), False),
        (told_order(7, intent_of(Purpose.TARGET)), False),
        (told_order(7, intent_of(Purpose.TARGET, side=Side.SHORT)), False),
        (told_order(7, intent_of(Purpose.TARGET), is_margin=False), False),
        (told_order(7, intent_of(Purpose.STOP)), True),
        (told_order(7, intent_of(Purpose.STOP, side=Side.SHORT)), True),
        (told_order(7, intent_of(Purpose.STOP), is_margin=False), False),
        (told_order(7, intent_of(Purpose.CLOSE)), False),
    ],
    ids=str,
)
def test_what_looks_like_a_bots_is_a_post_only_entry_or_a_stop_on_margin(told, is_like):
    assert is_like_ours(told) is is_like
