import copy
from decimal import Decimal

import pytest

from shared.candle_files import file_of
from shared.errors import BadData
from shared.market.answers import book_from, candles_from, mode_from, rules_from, status_from
from shared.types import Timeframe

T0 = 1_769_904_000_000  # 2026-02-01 00:00 UTC
DAY = file_of(Timeframe.M15, T0)
LATER = T0 + 10_000_000
PAIR = {
    "name": "btc_jpy",
    "maker_fee_rate_quote": "-0.0002",
    "taker_fee_rate_quote": "0.0012",
    "margin_open_maker_fee_rate_quote": "0",
    "margin_open_taker_fee_rate_quote": "0.001",
    "margin_close_maker_fee_rate_quote": "0.0001",
    "margin_close_taker_fee_rate_quote": "0.0009",
    "margin_long_interest": "0.0004",
    "margin_short_interest": "0.0005",
    "margin_current_individual_ratio": "0.5",
    "unit_amount": "0.0001",
    "limit_max_amount": "1000",
    "market_max_amount": "10",
    "price_digits": 0,
    "amount_digits": 4,
    "is_enabled": True,
    "stop_order": False,
    "stop_order_and_cancel": False,
    "stop_market_order": False,
    "stop_stop_order": False,
    "stop_margin_long_order": False,
    "stop_margin_short_order": False,
    "stop_buy_order": False,
    "stop_sell_order": False,
    "a_field_of_tomorrow": "ignored",
}


def ohlcv(*rows, kind="15min"):
    return {"candlestick": [{"type": kind, "ohlcv": list(rows)}], "timestamp": LATER}


def candle(i: int, *, low: str = "90"):
    return ["100", "120", low, "110", "0.5000", T0 + i * 900_000]


def depth(**changes):
    return {"asks": [["101", "0.5"], ["102", "1"]], "bids": [["99", "0.00015"], ["98", "2"]], "timestamp": T0} | changes


def test_only_candles_that_closed_by_the_instant_are_taken():
    data = ohlcv(candle(0), candle(1), candle(2))
    for closed_by, count in ((T0 + 899_999, 0), (T0 + 900_000, 1), (T0 + 2_699_999, 2), (T0 + 2_700_000, 3)):
        assert len(candles_from(data, DAY, closed_by=closed_by)) == count


def test_the_forming_candle_may_look_like_anything():
    data = ohlcv(candle(0), [None, "NaN", "", 7, {}, T0 + 900_000])
    assert len(candles_from(data, DAY, closed_by=T0 + 900_000)) == 1


def test_a_file_without_candles_is_empty():
    assert len(candles_from({"candlestick": []}, DAY, closed_by=LATER)) == 0
    assert len(candles_from(ohlcv(), DAY, closed_by=LATER)) == 0


@pytest.mark.parametrize(
    ("data", "found"),
    [
        ({}, "the field candlestick is missing"),
        ({"candlestick": {}}, "the field candlestick is"),
        ({"candlestick": ["x"]}, "not of the type"),
        (ohlcv(candle(0), kind="1hour"), "not of the type"),
        ({"candlestick": [{"type": "15min"}]}, "the field ohlcv is missing"),
        (ohlcv("row"), "a candle must be five numbers"),
        (ohlcv(candle(0)[:5]), "a candle must be five numbers"),
        (ohlcv([*candle(0)[:5], str(T0)]), "a candle must be five numbers"),
        (ohlcv([*candle(0)[:5], True]), "a candle must be five numbers"),
        (ohlcv(candle(96)), "does not belong into this file"),
        (ohlcv(candle(-1)), "does not belong into this file"),
        (ohlcv(["100", 120, *candle(0)[2:]]), "is no number"),
        (ohlcv(["100", "NaN", *candle(0)[2:]]), "is no number"),
        (ohlcv(["100", "1e3", *candle(0)[2:]]), "is no number"),
        (ohlcv(candle(0), candle(0)), "candle row 1: the timestamp stands there twice"),
        (ohlcv(candle(1), candle(0)), "candle row 1: timestamps must ascend"),
        (ohlcv(candle(0, low="115")), "candle row 0: low must be"),
        (ohlcv([*candle(0)[:5], T0 + 1]), "candle row 0: a 15m candle must open on the grid"),
    ],
)
def test_a_broken_candle_answer_is_refused_by_name(data, found):
    with pytest.raises(BadData, match=found) as caught:
        candles_from(data, DAY, closed_by=LATER)
    assert "candlestick/15min/20260201" in str(caught.value)


def test_the_book_is_its_best_prices_with_sizes_rounded_down():
    book = book_from(depth())
    assert (book.bid, book.ask, book.bid_lots, book.ask_lots, book.as_of) == (99, 101, 1, 5_000, T0)


def test_a_crossed_book_is_told_as_it_is():
    assert book_from(depth(bids=[["105", "1"]])).crossed


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"asks": []}, "there are no asks"),
        ({"bids": []}, "there are no bids"),
        ({"bids": None}, "bids is missing"),
        ({"timestamp": None}, "timestamp is missing"),
        ({"timestamp": "1"}, "timestamp is '1'"),
        ({"asks": [["101"]]}, "no price and amount"),
        ({"asks": [["x", "1"]]}, "is no number"),
        ({"asks": [[101, "1"]]}, "is no number"),
        ({"asks": [["0", "1"]]}, "positive whole number"),
        ({"asks": [["101.5", "1"]]}, "positive whole number"),
        ({"bids": [["98", "1"], ["99", "1"]]}, "the bids do not descend"),
        ({"asks": [["102", "1"], ["101", "1"]]}, "the asks do not ascend"),
    ],
)
def test_a_broken_book_is_refused_by_name(changes, found):
    with pytest.raises(BadData, match=found):
        book_from(depth(**changes))


def test_modes_and_statuses_are_the_documented_ones():
    assert mode_from({"mode": "NONE"}) == "NONE"
    for data, found in (({}, "mode is missing"), ({"mode": "PARTY"}, "'PARTY'"), ({"mode": None}, "missing")):
        with pytest.raises(BadData, match=found):
            mode_from(data)
    row = {"pair": "btc_jpy", "status": "BUSY", "min_amount": "0.00105"}
    assert status_from({"statuses": [{"pair": "eth_jpy"}, row]}, "btc_jpy") == ("BUSY", 11)
    for data, found in (
        ({}, "statuses is missing"),
        ({"statuses": []}, "btc_jpy is missing"),
        ({"statuses": [{"pair": "btc_jpy"}]}, "status is missing"),
        ({"statuses": [row | {"status": "ODD"}]}, "'ODD'"),
        ({"statuses": [row | {"min_amount": 0.1}]}, "min_amount is 0.1"),
    ):
        with pytest.raises(BadData, match=found):
            status_from(data, "btc_jpy")


def rules(*, margin: bool = True, **changes):
    return rules_from({"pairs": [PAIR | changes]}, "btc_jpy", margin=margin)


def test_margin_rules_take_the_dearer_of_opening_and_closing():
    told = rules()
    assert (told.maker_fee_rate, told.taker_fee_rate) == (Decimal("0.0001"), Decimal("0.001"))
    assert (told.long_interest_rate_day, told.short_interest_rate_day) == (Decimal("0.0004"), Decimal("0.0005"))
    assert (told.min_lots, told.max_limit_lots, told.max_market_lots) == (1, 10_000_000, 100_000)
    assert told.margin_ratio == Decimal("0.5")
    assert all((told.enabled, told.stop_orders, told.market_orders, told.long_opens, told.short_opens))


def test_spot_rules_take_spot_fees_and_cannot_go_short():
    told = rules(margin=False)
    assert (told.maker_fee_rate, told.taker_fee_rate) == (Decimal("-0.0002"), Decimal("0.0012"))
    assert told.long_opens
    assert not told.short_opens


@pytest.mark.parametrize(
    ("flag", "closed"),
    [
        ({"is_enabled": False}, {"enabled"}),
        ({"stop_order": True}, {"enabled"}),
        ({"stop_order_and_cancel": True}, {"enabled"}),
        ({"stop_market_order": True}, {"market_orders"}),
        ({"stop_stop_order": True}, {"stop_orders"}),
        ({"stop_margin_long_order": True}, {"long_opens"}),
        ({"stop_margin_short_order": True}, {"short_opens"}),
        ({"stop_buy_order": True}, {"long_opens"}),
        ({"stop_sell_order": True}, {"short_opens"}),
        ({"margin_current_individual_ratio": None, "margin_long_interest": None}, {"long_opens", "short_opens"}),
    ],
)
def test_each_flag_of_the_exchange_closes_what_it_names(flag, closed):
    told = rules(**flag)
    names = ("enabled", "market_orders", "stop_orders", "long_opens", "short_opens")
    assert {name for name in names if not getattr(told, name)} == closed


def test_a_pair_counted_in_other_units_is_refused():
    for change in ({"price_digits": 1}, {"amount_digits": 8}):
        with pytest.raises(BadData, match="whole yen"):
            rules(**change)


@pytest.mark.parametrize("name", [name for name in PAIR if name != "a_field_of_tomorrow"])
def test_every_field_that_is_used_must_be_there(name):
    row = copy.deepcopy(PAIR)
    del row[name]
    with pytest.raises(BadData, match="missing"):
        rules_from({"pairs": [row]}, "btc_jpy", margin=True)
