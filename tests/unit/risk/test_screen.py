"""The screen of a replay may let too much through, never too little: what it denies the
rules deny.
"""

import random
from collections import Counter
from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest

from shared.core.reasons import Reason
from shared.core.types import AccountKind, Action, Barriers, Forecast, PairRules, Side
from shared.market.path import book_at
from shared.risk import anomalies
from shared.risk import edge as edges
from shared.risk.screen import ROOM, ScreenRows, distance_factors, net_edge_at_best, screen
from tests.support.signals import changed_signal

CASES = 4_000
SILENT = Forecast(
    p_lower=np.nan,
    p_neither=np.nan,
    p_upper=np.nan,
    barriers=Barriers(atr_multiple=4.0, horizon_candles=48),
)


def _random_settings(desk, draw: random.Random):
    spot = draw.random() < 0.3
    return desk.settings(
        account=AccountKind.SPOT if spot else AccountKind.MARGIN,
        sides="long" if spot else draw.choice(["long", "both"]),
        risk={
            "stop_atr": round(draw.uniform(0.5, 6), 2),
            "target_atr": round(draw.uniform(0.5, 6), 2),
            "min_edge_rate": draw.choice([-1.0, -0.001, 0.0, 0.0005, 0.002]),
            "max_hold_candles": draw.choice([4, 48, 200]),
            "kelly_fraction": 0.0,
            "volatility_reach": draw.choice([1.0, 1.5, 3.0]),
            "entry": draw.choice(["value", "value", "value", "threshold"]),
            "min_probability": draw.choice([0.35, 0.5]),
            "veto_below": draw.choice([0.0, 0.0, 0.4]),
            "shrink_by_vote": draw.random() < 0.2,
        },
        paper={
            "spread_rate": draw.choice([0.0, 0.0001, 0.0004]),
            "slippage_rate": draw.choice([0.0, 0.0005]),
        },
    )


def _case(desk, draw: random.Random, settings):
    close = draw.randint(100_000, 20_000_000)
    side = draw.choice([None, Side.LONG, Side.SHORT])
    shares = [draw.random() ** 2 for _ in range(3)]
    lower, neither, upper = (round(share / sum(shares), 6) for share in shares)
    asked = side is not None and draw.random() > 0.05
    signal = changed_signal(
        desk.signal,
        close=close,
        atr_jpy=close * draw.uniform(0.0005, 0.01),
        side=side,
        p_lower=lower if asked else None,
        p_neither=neither if asked else None,
        p_upper=upper if asked else None,
        barriers=Barriers(
            atr_multiple=draw.choice([1.0, 2.0, 4.0]),
            horizon_candles=48,
            kind="next_candle" if draw.random() < 0.1 else "barriers",
            move_rate=0.003,
        ),
        volatility=draw.choice([None, draw.uniform(0.001, 0.05)]),
        volatility_past=draw.choice(
            [None, 0.0, draw.uniform(0.001, 0.05), draw.uniform(0.001, 0.05)]
        ),
        p_vote=draw.random() if draw.random() < 0.8 else None,
        warm=draw.random() > 0.05,
        price_z=draw.choice([0.0, 5.9, 6.0, -7.0]) if draw.random() < 0.1 else 0.0,
        volume_z=draw.choice([0.0, 7.9, 8.0]) if draw.random() < 0.1 else 0.0,
    )
    rules = PairRules(
        maker_fee_rate=draw.choice([Decimal(0), Decimal("-0.0002"), Decimal("0.0012")])
    )
    price = round(close * draw.uniform(0.999, 1.001))
    return signal, rules, book_at(price, spread_rate=settings.paper.spread_rate, as_of=desk.now)


def _rows(signal) -> ScreenRows:
    told = signal.forecast or SILENT
    return ScreenRows(
        close=np.array([float(signal.close)]),
        atr_jpy=np.array([signal.atr_jpy]),
        consensus=np.array([0 if signal.side is None else signal.side.sign], dtype=np.int8),
        probabilities=np.array([[told.p_lower, told.p_neither, told.p_upper]]),
        barriers=told.barriers,
        warm=np.array([signal.warm]),
        holes=np.array([False]),
        price_z=np.array([signal.price_z]),
        volume_z=np.array([signal.volume_z]),
        volatility=_column(signal.volatility),
        volatility_past=_column(signal.volatility_past),
        p_vote=_column(told.p_vote),
    )


def _column(value: float | None) -> np.ndarray:
    return np.array([np.nan if value is None else value])


def test_what_the_screen_denies_the_rules_deny_for_the_same_reason(desk):
    draw, seen = random.Random(11), Counter()
    while seen["cases"] < CASES:
        settings = _random_settings(desk, draw)
        for _ in range(20):
            signal, rules, book = _case(desk, draw, settings)
            passes, why = screen(_rows(signal), rules=rules, settings=settings)
            market = desk.market(book=book, rules=rules)
            issues = anomalies(market=market, signal=signal, settings=settings)
            told = desk.decide(
                signal=signal, issues=issues, rules=rules, book=book, settings=settings
            )
            seen["cases"] += 1
            if told.action is Action.ENTER:
                assert passes[0]
                seen["enter"] += 1
            if not passes[0]:
                reason = next(reason for reason, rows in why if rows[0])
                assert told.action is Action.DENY
                assert told.reason is reason
                seen[reason] += 1
            else:
                seen["passed"] += 1
    assert seen["enter"] > 400
    assert seen["passed"] < 0.6 * CASES
    for reason in (
        Reason.WARMING_UP,
        Reason.PRICE_JUMP,
        Reason.VOLUME_SPIKE,
        Reason.NO_CONSENSUS,
        Reason.SIDE_NOT_ALLOWED,
        Reason.MODEL_MISMATCH,
        Reason.VOTE_VETOED,
        Reason.PROBABILITY_BELOW,
        Reason.EDGE_BELOW_COST,
    ):
        assert seen[reason] > 20, reason


def test_the_edge_in_arrays_is_never_below_the_edge_of_the_rules(desk):
    draw, compared, moved = random.Random(5), 0, 0
    for case in range(2_000):
        if case % 20 == 0:
            settings = _random_settings(desk, draw)
        signal, rules, book = _case(desk, draw, settings)
        if signal.side is None or signal.forecast is None:
            continue
        told = edges.lower_edge(
            signal=signal, side=signal.side, rules=rules, book=book, settings=settings
        )[0].net
        moved += (
            told
            < edges.expected_edge(
                signal=signal, side=signal.side, rules=rules, book=book, settings=settings
            ).net
        )
        best = float(
            net_edge_at_best(_rows(signal), np.array([0]), rules=rules, settings=settings)[0]
        )
        assert best >= told - ROOM
        assert best == pytest.approx(told, abs=5 / signal.close + 1e-6)
        compared += 1
    assert compared > 1_000
    assert moved > 100


def test_rows_with_holes_before_them_and_rows_without_a_model_pass_nowhere(desk):
    settings = desk.settings()
    rows = _rows(desk.signal)
    assert screen(rows, rules=desk.rules, settings=settings)[0].tolist() == [True]
    assert screen(replace(rows, holes=np.array([True])), rules=desk.rules, settings=settings)[
        0
    ].tolist() == [False]
    passes, why = screen(replace(rows, probabilities=None), rules=desk.rules, settings=settings)
    assert passes.tolist() == [False]
    assert [reason for reason, denied in why if denied[0]] == [Reason.MODEL_MISSING]


def test_the_factors_in_arrays_are_those_of_the_rules(desk):
    draw, moved = random.Random(9), 0
    for reach in (1.0, 1.5, 4.0):
        given = desk.settings(risk={"volatility_reach": reach})
        signals = [
            replace(
                desk.signal,
                volatility=draw.choice([None, draw.uniform(0.001, 0.05)]),
                volatility_past=draw.choice([None, 0.0, draw.uniform(0.001, 0.05)]),
            )
            for _ in range(500)
        ]
        columns = [
            np.concatenate([_column(getattr(each, name)) for each in signals])
            for name in ("volatility", "volatility_past")
        ]
        told = distance_factors(*columns, settings=given)
        assert told.tolist() == [edges.distance_factor(each, given) for each in signals]
        moved += int((told != 1.0).sum())
    assert moved > 200
    assert distance_factors(None, columns[1], settings=desk.settings()) == 1.0
