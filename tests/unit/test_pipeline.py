"""The pipeline: a tick's window and a replay's full history give the same signal and decision."""

from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest

from functions import wiring
from shared import pipeline
from shared.ensemble import load
from shared.ensemble.signing import public_of
from shared.market.candles import aggregate
from shared.reasons import Reason
from shared.types import Account, Book, Market, PairRules, Timeframe
from tests import world

AT = world.START + world.HISTORY_DAYS * world.DAY


@pytest.fixture(scope="module")
def settings():
    return wiring.settings_from(world.QUICK)


@pytest.fixture(scope="module")
def bundle():
    made = world.training()
    return load(made.files, public_keys=(public_of(world.SIGNING_KEY),), version=made.version)


@pytest.fixture(scope="module")
def history():
    minutes = world.market()
    return {frame: aggregate(minutes, frame) for frame in (Timeframe.M15, Timeframe.H4)}


def account() -> Account:
    yen = Decimal("1000000.0000")
    return Account(equity_jpy=yen, capital_jpy=yen, available_jpy=yen, equity_peak_jpy=yen, day_start_equity_jpy=yen)


def market_at(history, as_of: int, book: Book | None = None) -> Market:
    return Market(
        as_of=as_of,
        candles={frame: candles.closed_by(as_of) for frame, candles in history.items()},
        book=book,
        rules=PairRules(),
    )


def test_a_tick_and_a_replay_see_the_same_signal_on_every_sampled_row(history, bundle, settings) -> None:
    whole = pipeline.stages(history, bundle=bundle, settings=settings)
    rows = np.random.default_rng(3).integers(1200, len(history[Timeframe.M15]), 40)
    predicted = 0
    for row in map(int, rows):
        as_of = int(whole.features.as_of[row])
        known = {frame: candles.closed_by(as_of) for frame, candles in history.items()}
        ticked = pipeline.last_signal(market_at(history, as_of), bundle=bundle, settings=settings)
        counts = {frame: min(len(candles), settings.market.window_candles) for frame, candles in known.items()}
        replayed = pipeline.signal_at(whole, row, candles_before=counts, settings=settings)
        assert ticked == replayed
        predicted += ticked is not None and ticked.p_upper is not None
    assert predicted >= 10


def test_too_little_history_is_said_and_no_row_at_all_is_none(history, bundle, settings) -> None:
    early = int(history[Timeframe.M15].closed_at[100])
    signal = pipeline.last_signal(market_at(history, early), bundle=bundle, settings=settings)
    assert signal is not None
    assert not signal.warm
    decision, _ = pipeline.decide(
        signal,
        market=market_at(history, early, Book(as_of=early, bid=13_000_000, ask=13_000_100)),
        account=account(),
        now_ms=early + 10_000,
        settings=settings,
    )
    assert decision.reason is Reason.WARMING_UP
    assert pipeline.last_signal(market_at(history, world.START), bundle=bundle, settings=settings) is None


def test_without_a_bundle_there_is_a_signal_but_never_an_entry(history, settings) -> None:
    signal = pipeline.last_signal(market_at(history, AT), bundle=None, settings=settings)
    assert signal is not None
    assert signal.p_upper is None
    assert signal.model is None
    forced = replace(signal, side=pipeline.Side.LONG)
    decision, _ = pipeline.decide(
        forced,
        market=market_at(history, AT, Book(as_of=AT, bid=signal.close - 50, ask=signal.close + 50)),
        account=account(),
        now_ms=AT + 10_000,
        settings=settings,
    )
    assert decision.reason is Reason.MODEL_MISSING
