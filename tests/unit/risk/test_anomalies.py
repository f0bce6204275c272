"""What is unusual about the market, and which of it forbids entries."""

from dataclasses import replace

import pytest

from shared.core.reasons import Reason
from shared.core.types import Book, Issue, PairRules
from shared.risk import anomalies


def found(desk, *, signal=None, **more):
    issues = anomalies(
        market=desk.market(**more), signal=signal or desk.signal, settings=desk.settings()
    )
    return [(issue.reason, issue.forbids_entry) for issue in issues]


def book(spread):
    return Book(as_of=0, bid=10_000_000 - spread // 2, ask=10_000_000 + spread // 2)


def test_a_calm_market_has_none(desk):
    assert found(desk) == []


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"book": None}, (Reason.BOOK_MISSING, True)),
        ({"book": Book(as_of=0, bid=10, ask=10)}, (Reason.BOOK_CROSSED, True)),
        ({"book": book(29_998)}, None),
        ({"book": book(30_000)}, (Reason.SPREAD_WARNING, False)),
        ({"book": book(49_998)}, (Reason.SPREAD_WARNING, False)),
        ({"book": book(50_000)}, (Reason.SPREAD_CRITICAL, True)),
        ({"latency_ms": 2999.0}, None),
        ({"latency_ms": 3000.0}, (Reason.LATENCY_HIGH, True)),
        ({"clock_skew_ms": -2000.0}, None),
        ({"clock_skew_ms": -2001.0}, (Reason.CLOCK_SKEW, True)),
        ({"rules": PairRules(circuit_break_mode="RESUMPTION")}, (Reason.CIRCUIT_BREAK, True)),
        ({"rules": PairRules(status="BUSY")}, (Reason.EXCHANGE_BUSY, False)),
        ({"rules": PairRules(status="VERY_BUSY")}, (Reason.EXCHANGE_BUSY, True)),
        ({"rules": PairRules(status="HALT")}, (Reason.EXCHANGE_HALTED, True)),
        ({"rules": PairRules(status="SOMETHING_NEW")}, (Reason.EXCHANGE_HALTED, True)),
        ({"rules": PairRules(enabled=False)}, (Reason.EXCHANGE_HALTED, True)),
        ({"rules": PairRules(stop_orders=False)}, (Reason.EXCHANGE_HALTED, True)),
        ({"rules": PairRules(market_orders=False)}, (Reason.EXCHANGE_HALTED, True)),
    ],
)
def test_each_anomaly_at_its_limit(desk, more, expected):
    assert found(desk, **more) == ([] if expected is None else [expected])


def test_jumps_of_price_and_volume_forbid_entries_either_way(desk):
    assert found(desk, signal=replace(desk.signal, price_z=5.9, volume_z=7.9)) == []
    assert found(desk, signal=replace(desk.signal, price_z=-6.0)) == [(Reason.PRICE_JUMP, True)]
    assert found(desk, signal=replace(desk.signal, volume_z=8.0)) == [(Reason.VOLUME_SPIKE, True)]


def test_a_busy_exchange_without_stops_forbids_all_the_same(desk):
    rules = PairRules(status="BUSY", stop_orders=False)
    assert found(desk, rules=rules) == [
        (Reason.EXCHANGE_HALTED, True),
        (Reason.EXCHANGE_BUSY, False),
    ]


def test_what_the_market_stage_has_said_is_not_said_again(desk):
    said = (Issue(reason=Reason.CLOCK_SKEW, forbids_entry=True),)
    assert found(desk, clock_skew_ms=9000.0, issues=said) == []


def test_what_forbids_comes_first(desk):
    mixed = {"book": book(30_000), "latency_ms": 5000.0, "rules": PairRules(status="BUSY")}
    assert [forbids for _, forbids in found(desk, **mixed)] == [True, False, False]
