"""The pipeline: a tick's window and a replay's full history give the same signal and decision."""

from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest

from functions import wiring
from shared.core.errors import BadData
from shared.core.reasons import Reason
from shared.core.types import Account, Book, Entry, Market, PairRules, Position, Side, Timeframe
from shared.market.candles import aggregate
from shared.model import load_bundle
from shared.model.signing import public_of
from shared.turn import pipeline
from tests.support import world

AT = world.START + world.HISTORY_DAYS * world.DAY


@pytest.fixture(scope="module")
def settings():
    return wiring.settings_from(world.QUICK)


@pytest.fixture(scope="module")
def bundle():
    made = world.training()
    return load_bundle(
        made.files, public_keys=(public_of(world.SIGNING_KEY),), version=made.version
    )


@pytest.fixture(scope="module")
def history():
    minutes = world.market()
    return {frame: aggregate(minutes, frame) for frame in (Timeframe.M15, Timeframe.H4)}


def account() -> Account:
    yen = Decimal("1000000.0000")
    return Account(
        equity_jpy=yen,
        capital_jpy=yen,
        available_jpy=yen,
        equity_peak_jpy=yen,
        day_start_equity_jpy=yen,
    )


def market_at(history, as_of: int, book: Book | None = None) -> Market:
    return Market(
        as_of=as_of,
        candles={frame: candles.closed_by(as_of) for frame, candles in history.items()},
        book=book,
        rules=PairRules(),
    )


def test_a_tick_and_a_replay_see_the_same_signal_on_every_sampled_row(
    history, bundle, settings
) -> None:
    whole = pipeline.stages(history, bundle=bundle, settings=settings)
    rows = np.random.default_rng(3).integers(1200, len(history[Timeframe.M15]), 40)
    predicted = 0
    for row in map(int, rows):
        as_of = int(whole.features.as_of[row])
        known = {frame: candles.closed_by(as_of) for frame, candles in history.items()}
        ticked = pipeline.last_signal(market_at(history, as_of), bundle=bundle, settings=settings)
        counts = {
            frame: min(len(candles), settings.market.window_candles)
            for frame, candles in known.items()
        }
        until = int(known[Timeframe.H4].closed_at[-1])
        replayed = pipeline.signal_at(
            whole, row, candles_before=counts, slow_until=until, settings=settings
        )
        assert ticked == replayed
        predicted += ticked is not None and ticked.forecast is not None
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
    assert (
        pipeline.last_signal(market_at(history, world.START), bundle=bundle, settings=settings)
        is None
    )


def test_without_a_bundle_there_is_a_signal_but_never_an_entry(history, settings) -> None:
    signal = pipeline.last_signal(market_at(history, AT), bundle=None, settings=settings)
    assert signal is not None
    assert signal.forecast is None
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


def decision_at(stages, row: int, *, settings, account: Account, history) -> pipeline.Decision:
    as_of = int(stages.features.as_of[row])
    counts = {frame: len(candles.closed_by(as_of)) for frame, candles in history.items()}
    slow_until = as_of - as_of % Timeframe.H4.ms
    signal = pipeline.signal_at(
        stages, row, candles_before=counts, slow_until=slow_until, settings=settings
    )
    book = Book(as_of=as_of, bid=signal.close - 50, ask=signal.close + 50)
    return pipeline.decide(
        signal,
        market=market_at(history, as_of, book),
        account=account,
        now_ms=as_of + 20_000,
        settings=settings,
    )[0]


@pytest.mark.parametrize(
    ("kind", "sides", "loose"),
    [
        ("margin", "long", False),
        ("margin", "both", True),
        ("spot", "long", True),
        ("margin", "long", True),
    ],
)
def test_every_decision_is_the_same_when_only_rows_that_can_lead_to_an_entry_are_predicted(
    history, bundle, kind, sides, loose
) -> None:
    environ = {
        **world.QUICK,
        "BOT_ACCOUNT": kind,
        "BOT_SIDES": sides,
        **({"BOT_PROFILE": "loose"} if loose else {}),
    }
    settings = wiring.settings_from(environ)
    rows = len(history[Timeframe.M15])
    whole = pipeline.stages(history, bundle=bundle, settings=settings)
    since = int(whole.features.as_of[200]) + 60_000
    part = pipeline.stages(history, bundle=bundle, settings=settings, since=since)
    assert whole.prediction is not None
    assert part.prediction is not None
    assert part.prediction.unasked is not None
    told = [np.isfinite(stages.prediction.probabilities[:, 0]) for stages in (whole, part)]
    assert np.array_equal(told[0], told[1] | part.prediction.unasked)
    entry = Entry(at=2 * since, price=10_000_000, lots=10, fee_jpy=Decimal(0))
    held = replace(account(), position=Position(side=Side.LONG, entries=(entry,)))
    seen: dict[object, int] = {}
    for row in range(199, rows):
        for owner in (account(), held) if row % 50 == 0 else (account(),):
            one = decision_at(whole, row, settings=settings, account=owner, history=history)
            assert one == decision_at(part, row, settings=settings, account=owner, history=history)
            seen[one.reason] = seen.get(one.reason, 0) + 1
    assert sum(seen.values()) >= 5_000
    assert seen[Reason.WARMING_UP] >= 10
    assert seen[Reason.POSITION_OPEN] >= 80
    if sides == "long":
        assert seen[Reason.SIDE_NOT_ALLOWED] >= 500
        assert part.prediction.unasked[201:].sum() >= 500
    if loose:
        assert seen[Reason.OK] >= 500


def test_stages_for_a_later_start_or_one_side_refuse_a_decision_that_they_cannot_make(
    history, bundle, settings
) -> None:
    both = replace(settings, sides="both")
    stages = pipeline.stages(history, bundle=bundle, settings=settings, since=AT)
    assert stages.prediction is not None
    assert stages.prediction.unasked is not None
    counts = {Timeframe.M15: 1000, Timeframe.H4: 1000}
    early = int(np.flatnonzero(stages.prediction.unasked & (stages.votes.consensus > 0))[0])
    with pytest.raises(BadData, match="later start"):
        pipeline.signal_at(stages, early, candles_before=counts, slow_until=0, settings=settings)
    short = int(np.flatnonzero(stages.prediction.unasked & (stages.votes.consensus < 0))[-1])
    assert stages.features.as_of[short] > AT
    assert (
        pipeline.signal_at(
            stages, short, candles_before=counts, slow_until=0, settings=settings
        ).forecast
        is None
    )
    with pytest.raises(BadData, match="other settings"):
        pipeline.signal_at(stages, short, candles_before=counts, slow_until=0, settings=both)


def test_features_that_are_there_already_are_not_computed_again(history, bundle, settings) -> None:
    whole = pipeline.stages(history, bundle=bundle, settings=settings)
    again = pipeline.stages(history, bundle=bundle, settings=settings, computed=whole.features)
    assert again.features is whole.features
    assert np.array_equal(again.votes.strength, whole.votes.strength)
