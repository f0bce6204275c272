import copy
from decimal import Decimal

import pytest

from shared.core.errors import BadData
from shared.core.types import Timeframe
from shared.exchanges.bitbank.answers import (
    StaleAnswer,
    book_from,
    candles_from,
    mode_from,
    rules_from,
    sequence_from,
    status_from,
)
from shared.market.candle_files import file_of

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


def taken(data, closed_by, *, now=LATER):
    return candles_from(data, DAY, closed_by=closed_by, now_ms=now, ahead_ms=2_000)[0]


def read_book(data, *, now=T0):
    return book_from(data, now_ms=now, ahead_ms=2_000, fresh_ms=60_000)


def depth(**changes):
    return {
        "asks": [["101", "0.5"], ["102", "1"]],
        "bids": [["99", "0.00015"], ["98", "2"]],
        "timestamp": T0,
    } | changes


def test_only_candles_that_closed_by_the_instant_are_taken():
    data = ohlcv(candle(0), candle(1), candle(2))
    for closed_by, count in (
        (T0 + 899_999, 0),
        (T0 + 900_000, 1),
        (T0 + 2_699_999, 2),
        (T0 + 2_700_000, 3),
    ):
        assert len(taken(data, closed_by)) == count


def test_the_forming_candle_may_look_like_anything():
    data = ohlcv(candle(0), [None, "NaN", "", 7, {}, T0 + 900_000])
    assert len(taken(data, T0 + 900_000)) == 1


@pytest.mark.parametrize(
    ("data", "found"),
    [
        ({"timestamp": LATER}, "the field candlestick is missing"),
        ({"timestamp": LATER, "candlestick": {}}, "the field candlestick is"),
        ({"timestamp": LATER, "candlestick": ["x"]}, "not of the type"),
        ({"timestamp": LATER, "candlestick": []}, "not of the type"),
        ({"timestamp": LATER, "candlestick": None}, "the field candlestick is missing"),
        (ohlcv(), "there are no candles"),
        (ohlcv(candle(0), kind="1hour"), "not of the type"),
        ({"timestamp": LATER, "candlestick": [{"type": "15min"}]}, "the field ohlcv is missing"),
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
        taken(data, LATER)
    assert "candlestick/15min/20260201" in str(caught.value)


def stamped(stamp, *rows):
    return {"candlestick": [{"type": "15min", "ohlcv": list(rows)}], "timestamp": stamp}


@pytest.mark.parametrize("early_ms", [1, 1_000, 40_000, 900_000, 3_600_000])
def test_a_candle_is_final_only_in_an_answer_that_was_made_after_its_close(early_ms):
    rows = [candle(i) for i in range(8)]
    close = T0 + 8 * 900_000
    assert len(taken(stamped(close, *rows), close, now=close + 10_000)) == 8
    with pytest.raises(StaleAnswer, match=f"{early_ms} ms before its last candle closed") as caught:
        taken(stamped(close - early_ms, *rows), close, now=close + 10_000)
    assert caught.value.candles is not None
    whole = (close - early_ms - T0) // 900_000
    assert len(caught.value.candles) == whole
    assert isinstance(caught.value, BadData)


@pytest.mark.parametrize(
    ("read_after_ms", "stamped_before_ms", "final"),
    [
        (10_000, 1, True),  # what bitbank answers for a past day: the stamp of its last moment
        (10_000, 341, True),
        (10_000, 500, True),
        (10_000, 501, False),
        (10_000, 40_000, False),  # a cached answer
        (299_999, 40_000, False),
        (300_000, 40_000, True),  # nobody traded in the last minute
        (300_000, 60_001, False),
        (3_600_000, 600_000, False),
        (86_400_000, 43_200_000, True),  # a day later nothing of it can change any more
    ],
)
def test_the_last_candle_of_a_past_file_is_final_though_its_answer_is_stamped_before_its_end(
    read_after_ms, stamped_before_ms, final
):
    rows = [candle(i) for i in range(96)]
    data = stamped(DAY.end - stamped_before_ms, *rows)
    if final:
        assert len(taken(data, DAY.end + 600_000, now=DAY.end + read_after_ms)) == 96
        return
    with pytest.raises(StaleAnswer) as caught:
        taken(data, DAY.end + 600_000, now=DAY.end + read_after_ms)
    assert len(caught.value.candles) == 96 - -(-stamped_before_ms // 900_000)


@pytest.mark.parametrize(
    "stamp",
    [None, "1769990399999", 1.5, True, -1, 0, [], LATER + 2_001, LATER + 86_400_000, LATER * 1_000],
)
def test_an_answer_that_does_not_say_when_it_was_made_is_refused(stamp):
    with pytest.raises(BadData, match=r"timestamp is|stamped"):
        taken(stamped(stamp, candle(0)), LATER)
    data = stamped(stamp, candle(0))
    del data["timestamp"]
    with pytest.raises(BadData, match="timestamp is missing"):
        taken(data, LATER)


def test_a_stamp_in_seconds_is_from_before_any_candle_closed():
    with pytest.raises(StaleAnswer) as caught:
        taken(stamped(LATER // 1_000, candle(0)), LATER)
    assert len(caught.value.candles) == 0


def test_a_candle_of_the_future_is_refused():
    with pytest.raises(BadData, match="ahead of the present"):
        taken(stamped(T0 + 900_000, candle(0), candle(3)), T0 + 900_000, now=T0 + 1_000_000)
    assert (
        len(taken(stamped(T0 + 1_000_000, candle(0), candle(1)), T0 + 900_000, now=T0 + 1_000_000))
        == 1
    )


def test_an_answer_older_than_one_that_was_read_gives_nothing_back():
    close = T0 + 4 * 900_000
    data = stamped(close + 20_000, *(candle(i) for i in range(4)))
    for seen_at in (0, close + 20_000):
        assert (
            len(
                candles_from(data, DAY, closed_by=close, now_ms=LATER, ahead_ms=0, seen_at=seen_at)[
                    0
                ]
            )
            == 4
        )
    with pytest.raises(
        StaleAnswer, match="was made 1 ms before one that was read already"
    ) as caught:
        candles_from(data, DAY, closed_by=close, now_ms=LATER, ahead_ms=0, seen_at=close + 20_001)
    assert caught.value.candles is None


@pytest.mark.parametrize(
    ("offset", "refused"),
    [(-60_000, False), (-60_001, True), (2_000, False), (2_001, True), (86_400_000, True)],
)
def test_a_book_of_another_moment_is_refused_on_either_side(offset, refused):
    if not refused:
        assert read_book(depth(timestamp=T0 + offset)).as_of == T0 + offset
        return
    with pytest.raises(StaleAnswer, match=r"ms old|ms ahead"):
        read_book(depth(timestamp=T0 + offset))


def test_the_number_of_a_book_is_read_strictly():
    assert sequence_from({}) is None
    assert sequence_from({"sequenceId": "34423989141"}) == 34_423_989_141
    for bad in (1, None, "", "x", "-1", "1.0", "9" * 19):
        with pytest.raises(BadData, match="sequenceId"):
            sequence_from({"sequenceId": bad})


def test_the_book_is_its_best_prices_with_sizes_rounded_down():
    book = read_book(depth())
    assert (book.bid, book.ask, book.bid_lots, book.ask_lots, book.as_of) == (99, 101, 1, 5_000, T0)


def test_a_crossed_book_is_told_as_it_is():
    assert read_book(depth(bids=[["105", "1"]])).is_crossed


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
        read_book(depth(**changes))


def test_modes_and_statuses_are_the_documented_ones():
    told = {"timestamp": T0}
    assert mode_from(told | {"mode": "NONE"}, now_ms=T0, ahead_ms=0) == "NONE"
    for data, found in (
        (told, "mode is missing"),
        (told | {"mode": "PARTY"}, "'PARTY'"),
        (told | {"mode": None}, "missing"),
        ({"mode": "NONE"}, "timestamp is missing"),
        ({"mode": "NONE", "timestamp": T0 + 1}, "1 ms ahead"),
    ):
        with pytest.raises(BadData, match=found):
            mode_from(data, now_ms=T0, ahead_ms=0)
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
    assert (told.long_interest_rate_day, told.short_interest_rate_day) == (
        Decimal("0.0004"),
        Decimal("0.0005"),
    )
    assert (told.min_lots, told.max_limit_lots, told.max_market_lots) == (1, 10_000_000, 100_000)
    assert told.margin_ratio == Decimal("0.5")
    assert all(
        (told.enabled, told.stop_orders, told.market_orders, told.long_opens, told.short_opens)
    )


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
        (
            {"margin_current_individual_ratio": None, "margin_long_interest": None},
            {"long_opens", "short_opens"},
        ),
    ],
)
def test_each_flag_of_the_exchange_closes_what_it_names(flag, closed):
    told = rules(**flag)
    names = ("enabled", "market_orders", "stop_orders", "long_opens", "short_opens")
    assert {name for name in names if not getattr(told, name)} == closed


def test_a_pair_counted_in_other_units_is_refused():
    for change in ({"price_digits": 1}, {"amount_digits": 8}):
        with pytest.raises(BadData, match="steps of 1 yen"):
            rules(**change)


@pytest.mark.parametrize("name", [name for name in PAIR if name != "a_field_of_tomorrow"])
def test_every_field_that_is_used_must_be_there(name):
    row = copy.deepcopy(PAIR)
    del row[name]
    with pytest.raises(BadData, match="missing"):
        rules_from({"pairs": [row]}, "btc_jpy", margin=True)
