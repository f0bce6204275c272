"""A short run made by hand: one trade that wins, one that is stopped, one entry that expires, one
position left open.
"""

from dataclasses import replace
from decimal import Decimal
from math import sin

import numpy as np

from scripts.output.report import MarketSource, ReportHeader, TrainingNote
from shared.core.money import ZERO, jpy, notional_jpy
from shared.core.reasons import Reason
from shared.core.types import (
    Action,
    Candles,
    Decision,
    Entry,
    Fill,
    OrderIntent,
    OrderKind,
    OrderRecord,
    Position,
    Purpose,
    Side,
    TickReport,
    TickStatus,
    Timeframe,
    Trade,
    Vote,
)
from shared.core.variants import AccountKind
from tests.support.signals import signal_of

START = 1_893_456_000_000  # 2030-01-01T00:00:00Z, 09:00 JST
STEP = 180_000
DAYS = 2
TICKS = DAYS * 480
CAPITAL = Decimal(1_000_000)
STRATEGIES = (
    "atr_based",
    "mochipoy_alert",
    "multi_timeframe",
    "fibonacci_retracement",
    "donchian_channel",
    "adx_trend",
)


def price_at(at):
    hours = (at - START) / 3_600_000
    return round(10_000_000 + 300_000 * sin(hours / 7) + 60_000 * sin(hours * 1.7))


def candles():
    opened_at = np.arange(START, START + DAYS * 86_400_000, 900_000, dtype=np.int64)
    open_ = np.array([price_at(at) for at in opened_at], dtype=np.float64)
    close = np.array([price_at(at + 900_000) for at in opened_at], dtype=np.float64)
    return Candles(
        timeframe=Timeframe.M15,
        opened_at=opened_at,
        open=open_,
        high=np.maximum(open_, close) + 8_000,
        low=np.minimum(open_, close) - 8_000,
        close=close,
        volume=np.full(len(opened_at), 5.0),
    )


def header(**changes):
    made = ReportHeader(
        market=MarketSource(kind="generated", edge_bp=6.0, seed=7),
        training=TrainingNote(start_at=START - 180 * 86_400_000, end_at=START),
        start_at=START,
        end_at=START + DAYS * 86_400_000,
        start_equity_jpy=CAPITAL,
        account=AccountKind.MARGIN,
        settings_hash="0123456789ab",
        model="2029-12-31-abc1234",
        smallest_capital_jpy={
            "paper": 41_000,
            "stage-10": 410_000,
            "stage-50": 82_000,
            "live": 41_000,
        },
    )
    return replace(made, **changes)


def _signal(at):
    votes = tuple(
        Vote(strategy=name, side=(1, 1, 0, -1, 1, 1)[i], confidence=0.3 + i / 20)
        for i, name in enumerate(STRATEGIES)
    )
    return signal_of(
        as_of=at,
        close=price_at(at),
        atr_jpy=30_000.0,
        side=Side.LONG,
        strength=0.6,
        votes=votes,
        p_lower=0.25,
        p_neither=0.15,
        p_upper=0.60,
    )


def _entry_decision(at, price, lots):
    return Decision(
        action=Action.ENTER,
        as_of=at,
        reason=Reason.OK,
        side=Side.LONG,
        lots=lots,
        stop_price=price - 120_000,
        target_price=price + 120_000,
        edge_rate=0.0021,
        cost_rate=0.0013,
    )


def _record(at, price, lots, order_id):
    intent = OrderIntent(
        id=f"{at}-entry-0",
        purpose=Purpose.ENTRY,
        side=Side.LONG,
        kind=OrderKind.LIMIT,
        lots=lots,
        price=price,
        post_only=True,
        stop_price=price - 120_000,
        target_price=price + 120_000,
    )
    return OrderRecord(what="submit", intent=intent, outcome="accepted", order_id=order_id)


def _fill(order_id, at, price, lots):
    return Fill(
        sequence=order_id,
        order_id=order_id,
        purpose=Purpose.ENTRY,
        side=Side.LONG,
        at=at,
        price=price,
        lots=lots,
        maker=True,
        fee_jpy=ZERO,
    )


def _trade(sequence, opened_at, closed_at, entry, exit_price, lots, reason, *, slippage="0"):
    return Trade(
        sequence=sequence,
        side=Side.LONG,
        opened_at=opened_at,
        closed_at=closed_at,
        lots=lots,
        entry_price=Decimal(entry),
        exit_price=exit_price,
        reason=reason,
        gross_jpy=notional_jpy(exit_price - entry, lots),
        fees_jpy=jpy(notional_jpy(exit_price, lots) * Decimal("0.001")),
        interest_jpy=jpy(notional_jpy(entry, lots) * Decimal("0.0004")),
        slippage_jpy=jpy(slippage),
    )


def _closing(trade, order_id):
    stopped = trade.reason is Reason.EXIT_STOP
    return Fill(
        sequence=order_id,
        order_id=order_id,
        purpose=Purpose.STOP if stopped else Purpose.TARGET,
        side=trade.side,
        at=trade.closed_at,
        price=trade.exit_price,
        lots=trade.lots,
        maker=not stopped,
        fee_jpy=trade.fees_jpy,
        slippage_jpy=trade.slippage_jpy,
    )


def reports():
    """960 ticks.

    Trades: ticks 100 to 180 (target), 300 to 360 (stop); expired at 500 and 501; open since 800.
    """
    events = {
        100: (1, 200, 180, Reason.EXIT_TARGET),
        300: (2, 150, 360, Reason.EXIT_STOP),
        800: (5, 120, None, None),
    }
    closes, made, cash, held = {}, [], CAPITAL, None
    for tick in range(TICKS):
        at = START + tick * STEP
        price = price_at(at)
        decision, signal, orders, fills, trades, reason = None, None, (), (), (), Reason.NOTHING_NEW
        if tick % 5 == 0:
            decision = Decision(action=Action.HOLD, as_of=at, reason=Reason.NO_CONSENSUS)
            if tick % 4 == 0:
                decision = Decision(
                    action=Action.DENY,
                    as_of=at,
                    reason=Reason.EDGE_BELOW_COST,
                    edge_rate=tick / 1e7 - 0.0005,
                )
            reason = decision.reason
        if tick in events:
            order_id, lots, end, why = events[tick]
            decision, signal, reason = _entry_decision(at, price, lots), _signal(at), Reason.OK
            orders = (_record(at, price, lots, order_id),)
            fills = (_fill(order_id, at + 40_000, price, lots),)
            held = Position(
                side=Side.LONG,
                entries=(Entry(at=at + 40_000, price=price, lots=lots, fee_jpy=ZERO),),
            )
            closes[end] = (order_id, at + 40_000, price, lots, why)
        if tick in {500, 501}:
            decision, signal, reason = (
                _entry_decision(START + 500 * STEP, price, 100),
                _signal(at),
                Reason.OK,
            )
            orders = (_record(at, price, 100, 3 + tick - 500),)
        if tick in closes:
            order_id, opened_at, entry, lots, why = closes[tick]
            exit_price = entry + (120_000 if why is Reason.EXIT_TARGET else -120_500)
            trades = (
                _trade(
                    len(closes),
                    opened_at,
                    at - 60_000,
                    entry,
                    exit_price,
                    lots,
                    why,
                    slippage="75.5",
                ),
            )
            fills = (_closing(trades[0], order_id + 100),)
            cash += trades[0].net_jpy
            held = None
        open_jpy = notional_jpy(price - held.entries[0].price, held.lots) if held else ZERO
        made.append(
            TickReport(
                tick=str(at),
                bot="default",
                status=TickStatus.DEGRADED if tick == 700 else TickStatus.DONE,
                scheduled_at=at,
                received_at=at,
                finished_at=at + 100,
                mode="paper",
                stage="paper",
                settings_hash="0123456789ab",
                reason=reason,
                decision=decision,
                signal=signal,
                orders=orders,
                fills=fills,
                trades=trades,
                positions=(held,) if held else (),
                equity_jpy=cash + open_jpy,
                cash_jpy=cash,
                mark_price=Decimal(price),
                model="2029-12-31-abc1234",
            ),
        )
    return made
