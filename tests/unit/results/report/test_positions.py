"""Closing fills become positions, with the order that opened each."""

from dataclasses import replace
from decimal import Decimal

import pytest

from shared.core.types import Purpose
from shared.results.performance import measure
from shared.results.report.positions import positions
from tests.support.made_replays import made_replay


@pytest.fixture(scope="module")
def replayed():
    return made_replay(days=120, trades=90, held_at_end=True)


@pytest.fixture(scope="module")
def held(replayed):
    return positions(replayed)


def test_every_trade_belongs_to_one_position_in_order(replayed, held):
    assert [trade for one in held for trade in one.trades] == list(replayed.trades)
    assert [one.number for one in held] == list(range(1, len(held) + 1))
    assert sum(len(one.trades) > 1 for one in held) >= 3


def test_they_agree_with_the_measured_numbers(replayed, held):
    measured = measure(replayed)
    closed = [one for one in held if one.closed_at is not None]
    assert len(closed) == measured.positions.count >= 80
    assert sum(one.net_jpy > 0 for one in closed) == measured.positions.wins
    assert sum((one.net_jpy for one in held), Decimal(0)) == measured.costs.net_jpy
    assert sum((one.fees_jpy for one in held), Decimal(0)) == measured.costs.fees_jpy


def test_each_knows_the_order_that_opened_it(replayed, held):
    orders = {entry.intent: entry for entry in replayed.entries}
    for one in held:
        assert one.entered is not None
        assert one.entered == orders[one.entered.intent]
        assert one.entered.filled_lots == one.lots
        assert one.entered.side is one.side
        assert one.entered.placed_at <= one.opened_at


def test_what_is_still_open_has_no_end(replayed, held):
    last = held[-1]
    assert (last.closed_at, last.exit_price, last.reason, last.trades) == (None, None, None, ())
    opening = [
        fill
        for fill in replayed.fills
        if fill.purpose is Purpose.ENTRY and fill.at >= last.opened_at
    ]
    assert last.lots == sum(fill.lots for fill in opening) == abs(int(replayed.curve.lots[-1]))
    assert last.entry_price == sum(Decimal(fill.price) * fill.lots for fill in opening) / last.lots


def test_a_position_that_was_closed_in_part_stays_open(replayed):
    parted = next(index for index, trade in enumerate(replayed.trades) if not trade.ends_position)
    kept = replayed.trades[: parted + 1]
    fills = tuple(fill for fill in replayed.fills if fill.at <= kept[-1].closed_at)
    held = positions(replace(replayed, trades=kept, fills=fills))
    assert held[-1].trades == kept[-1:]
    assert held[-1].closed_at is None
    assert held[-1].lots > kept[-1].lots
    assert held[-1].exit_price == kept[-1].exit_price


def test_without_entries_and_fills_the_trades_still_tell(replayed):
    bare = positions(replace(replayed, entries=(), fills=()))
    assert len(bare) == measure(replayed).positions.count
    assert all(one.entered is None for one in bare)


def test_an_empty_replay_has_none():
    assert positions(made_replay(days=2, trades=0)) == []
