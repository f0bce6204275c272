"""A replay's result made by hand: a plausible market, positions of every kind, booked by the real
ledger to 0.0001 yen.

`made_candles(days=…, seed=…)` are the 15m candles that `made_replay(days=…, seed=…)` traded on: the
curve's closes are theirs.
"""

from collections import Counter
from dataclasses import dataclass, replace
from decimal import Decimal

import numpy as np

from shared.core import settings as configuration
from shared.core.money import UNITS_PER_JPY, ZERO, jpy
from shared.core.reasons import Reason
from shared.core.types import (
    AccountKind,
    Candles,
    Order,
    OrderIntent,
    OrderKind,
    PairRules,
    Purpose,
    Side,
    Timeframe,
)
from shared.exchanges.paper.fills import crossing_at
from shared.exchanges.paper.ledger import (
    Execution,
    account_terms,
    book_closing,
    book_opening,
    equity,
    open_account,
)
from shared.replay.types import Curve, Entered, Event, Replayed

START = 1_893_456_000_000  # 2030-01-01T00:00:00Z, 09:00 JST
DAY = 86_400_000
QUARTER = 900_000
CAPITAL = Decimal(1_000_000)
STRATEGIES = (
    "atr_based",
    "mochipoy_alert",
    "multi_timeframe",
    "fibonacci_retracement",
    "donchian_channel",
    "adx_trend",
)
HOLD = 24


def made_candles(*, days=120, seed=1, start_at=START):
    """A walk in whole yen around ten million, 96 candles a day without a hole."""
    rng = np.random.default_rng([seed, 1])
    count = days * 96
    calm = np.exp(0.5 * np.sin(np.arange(count) / 700.0))
    close = np.round(
        10_000_000 * np.exp(np.cumsum(rng.standard_normal(count) * 0.0022 * calm + 0.000004))
    )
    open_ = np.concatenate(([10_000_000.0], close[:-1]))
    reach = np.abs(rng.standard_normal((2, count))) * 0.0012 * close
    return Candles(
        timeframe=Timeframe.M15,
        opened_at=start_at + QUARTER * np.arange(count, dtype=np.int64),
        open=open_,
        high=np.round(np.maximum(open_, close) + reach[0]),
        low=np.round(np.minimum(open_, close) - reach[1]),
        close=close,
        volume=np.round(rng.uniform(2.0, 40.0, count), 4),
    )


@dataclass
class _Desk:
    """The account while it is being made, with what a replay keeps of it."""

    account: object
    candles: Candles
    costs: object
    worth: dict
    held: dict
    orders: int = 0

    def order(
        self, purpose, side, lots, *, price=None, stop=None, target=None, reason=Reason.OK, name=""
    ):
        self.orders += 1
        kind = {Purpose.STOP: OrderKind.STOP, Purpose.CLOSE: OrderKind.MARKET}.get(
            purpose, OrderKind.LIMIT
        )
        intent = OrderIntent(
            id=name or f"made.{purpose}.{self.orders}",
            purpose=purpose,
            side=side,
            kind=kind,
            lots=lots,
            price=price,
            trigger_price=stop if purpose is Purpose.STOP else None,
            reason=reason,
        )
        return Order(
            order_id=1_000_000 + self.orders, intent=intent, placed_at=0, remaining_lots=lots
        )

    def enter(self, order, row, lots, *, second=20):
        done = Execution(at=self.at(row, second), price=order.intent.price, lots=lots, maker=True)
        self.account = book_opening(self.account, order, done)

    def leave(self, purpose, side, row, lots, *, price, reason=Reason.OK, second=40):
        order = self.order(purpose, side, lots, price=price, reason=reason)
        if purpose is Purpose.TARGET:
            done = Execution(at=self.at(row, second), price=price, lots=lots, maker=True)
        else:
            paid = crossing_at(price, buys=side is Side.SHORT, lots=lots, costs=self.costs)
            done = Execution(
                at=self.at(row, second),
                price=paid.price,
                lots=lots,
                maker=False,
                slippage_jpy=paid.slippage_jpy,
            )
        self.account = book_closing(self.account, order, done)

    def at(self, row, second):
        return int(self.candles.opened_at[row]) + 1000 * second

    def close_of(self, row):
        """Remember what the account is worth at the close of a candle."""
        at = int(self.candles.opened_at[row]) + QUARTER
        self.worth[row] = equity(self.account, int(self.candles.close[row]), at)
        self.held[row] = sum(
            position.side.sign * position.lots for position in self.account.positions
        )


def made_replay(
    *,
    days=120,
    seed=1,
    trades=60,
    start_at=START,
    sides="both",
    taker_fee_rate=Decimal("0.001"),
    held_at_end=False,
    agreeing=True,
    capital_jpy=CAPITAL,
    **changes,
):
    """A replay of `days` with about `trades` positions on `made_candles(days=days, seed=seed)`.

    Stops, targets, exits by time, targets in two parts, entries in two parts, entries that nobody
    filled, positions over midnight. Deterministic. `held_at_end` leaves the last position open.
    `changes` replace fields of the result.
    """
    rules = PairRules(maker_fee_rate=Decimal("-0.0002"), taker_fee_rate=taker_fee_rate)
    candles = made_candles(days=days, seed=seed, start_at=start_at)
    held_terms = replace(
        account_terms(configuration.load_settings({}), rules), keep_trades=10_000_000
    )
    desk = _Desk(
        open_account(capital_jpy, start_at, kind=AccountKind.MARGIN, terms=held_terms),
        candles,
        held_terms.costs,
        {},
        {},
    )
    entries, rng = [], np.random.default_rng([seed, 2])
    gap = len(candles) // max(1, trades)
    for number in range(trades):
        first = number * gap + int(rng.integers(0, max(1, gap // 4)))
        last = min(first + HOLD, (number + 1) * gap - 2, len(candles) - 2)
        stays = held_at_end and number == trades - 1
        if last - first >= 2 or stays:
            _position(
                desk, entries, rng, first, last, number, sides=sides, stays=stays, agreeing=agreeing
            )
    return replace(_result(desk, entries, rules, start_at, capital_jpy), **changes)


def _position(desk, entries, rng, first, last, number, *, sides, stays, agreeing):
    close, high, low = (getattr(desk.candles, name) for name in ("close", "high", "low"))
    side = Side.SHORT if sides == "both" and rng.random() < 0.45 else Side.LONG
    sign = side.sign
    price = int((low if sign > 0 else high)[first]) + sign * 1
    # From the close that decided; the order fills somewhere in the next candle.
    stop, target = (round(price * (1 + sign * part)) for part in (-0.008, 0.012))
    worth = desk.worth[max(desk.worth)] if desk.worth else desk.account.cash_jpy
    lots = max(2, int(max(ZERO, worth) * Decimal("0.9") / price * 10_000))
    attempt = 2 if number % 7 == 3 else 1
    told = Entered(
        intent=f"made.{number}.entry.{attempt}",
        as_of=int(desk.candles.opened_at[first]),
        placed_at=int(desk.candles.opened_at[first]) + 10_000,
        side=side,
        lots=lots,
        price=price,
        stop_price=stop,
        target_price=target,
        attempt=attempt,
        strength=round(float(rng.uniform(0.4, 0.9)), 6),
        edge_rate=round(float(rng.uniform(0.0005, 0.004)), 6),
        agreeing=_agreeing(rng) if agreeing else {},
        filled_lots=lots,
    )
    if attempt == 2:
        entries.append(replace(told, intent=f"made.{number}.entry.1", attempt=1, filled_lots=0))
        told = replace(told, placed_at=told.placed_at + 5_000)
    entries.append(told)
    order = desk.order(Purpose.ENTRY, side, lots, price=price, name=told.intent)
    if number % 5 == 1:
        desk.enter(order, first, lots // 2)
        desk.enter(order, first, lots - lots // 2, second=59)
    else:
        desk.enter(order, first, lots)
    desk.close_of(first)
    for row in range(first + 1, len(close) if stays else last + 1):
        if not stays:
            _leave_at(desk, side, row, last, number, whole=lots, stop=stop, target=target)
        desk.close_of(row)
        if not desk.account.positions:
            return


def _leave_at(desk, side, row, last, number, *, whole, stop, target):
    close, high, low = (
        float(getattr(desk.candles, name)[row]) for name in ("close", "high", "low")
    )
    lots = desk.account.lots(side)
    stopped, reached = (
        (low <= stop, high > target) if side is Side.LONG else (high >= stop, low < target)
    )
    if stopped:
        gapped = (
            min(stop, float(desk.candles.open[row]))
            if side is Side.LONG
            else max(stop, float(desk.candles.open[row]))
        )
        desk.leave(Purpose.STOP, side, row, lots, price=int(gapped))
    elif reached and number % 3 == 0 and lots == whole and row < last:
        desk.leave(Purpose.TARGET, side, row, lots // 2, price=target)
    elif reached:
        desk.leave(Purpose.TARGET, side, row, lots, price=target)
    elif row == last:
        desk.leave(
            Purpose.CLOSE, side, row, lots, price=int(close), reason=Reason.EXIT_TIME, second=899
        )


def _agreeing(rng):
    chosen = sorted(rng.choice(len(STRATEGIES), size=int(rng.integers(2, 5)), replace=False))
    return {STRATEGIES[index]: round(float(rng.uniform(0.3, 1.0)), 6) for index in chosen}


def _result(desk, entries, rules, start_at, capital_jpy):
    account, candles = desk.account, desk.candles
    units, lots = np.zeros((2, len(candles) + 1), dtype=np.int64)
    cash = int(jpy(capital_jpy) * UNITS_PER_JPY)
    units[0] = cash
    for row in range(len(candles)):
        units[row + 1] = int(desk.worth[row] * UNITS_PER_JPY) if row in desk.worth else units[row]
        lots[row + 1] = desk.held.get(row, 0)
    reasons = Counter(trade.reason for trade in account.trades)
    end_at = int(candles.opened_at[-1]) + QUARTER
    return Replayed(
        start_at=start_at,
        end_at=end_at,
        resolution=Timeframe.M1,
        settings_hash="0123456789ab",
        profile=None,
        model="2029-12-31-abc1234",
        account=AccountKind.MARGIN,
        rules=rules,
        start_equity_jpy=jpy(capital_jpy),
        end_equity_jpy=jpy(Decimal(int(units[-1])) / UNITS_PER_JPY),
        trades=account.trades,
        fills=account.fills,
        entries=tuple(entries),
        curve=Curve(
            at=np.concatenate(([start_at], candles.closed_at)),
            equity_units=units,
            close=np.concatenate((candles.open[:1], candles.close)),
            lots=lots,
        ),
        denials={
            Reason.NO_CONSENSUS: len(candles) * 7 // 10,
            Reason.EDGE_BELOW_COST: len(candles) // 12,
            Reason.POSITION_OPEN: int(np.count_nonzero(lots)),
        },
        events=tuple(
            Event(at=trade.closed_at, reason=Reason.LIMIT_COOLDOWN, detail="five losses in a row")
            for trade in account.trades[4::25]
        ),
        counts={
            "candles": len(candles),
            "visits": 3 * len(entries) + len(account.fills),
            "entries": len(entries),
            "second_attempts": sum(entry.attempt == 2 for entry in entries),
            "partial_fills": sum(not trade.ends_position for trade in account.trades),
            "stops": reasons[Reason.EXIT_STOP],
            "targets": reasons[Reason.EXIT_TARGET],
        },
        notes=("Made by hand for tests.",),
    )
