"""For each mutant that is listed as equal: the inputs on which it and the rule as it is were seen
to agree.

Each function takes the module, as it is or mutated, and gives what it answers to each of its
inputs.
"""

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from itertools import product
from types import ModuleType
from typing import Any

import numpy as np

from shared.core import settings as configuration
from shared.core.reasons import Reason
from shared.core.types import (
    Account,
    AccountKind,
    Barriers,
    Book,
    Candles,
    Entry,
    Fill,
    Goal,
    Holdings,
    OrderIntent,
    OrderKind,
    OrderRecord,
    PairRules,
    Position,
    PositionPlan,
    Purpose,
    Side,
    Signal,
    Timeframe,
)
from shared.exchanges.paper import ledger
from shared.risk import Case
from tests.support.signals import signal_of

T0, MINUTE = 1_699_999_200_000, 60_000
FREE = {"paper": {"spread_rate": 0.0, "slippage_rate": 0.0, "volume_share": 1.0}}


def answers(name: str, module: ModuleType) -> list[Any]:
    """What the module answers to the inputs of that name."""
    return list(globals()[name](module))


def _position(side: Side = Side.LONG) -> Position:
    return Position(side=side, entries=(Entry(at=T0, price=1000, lots=100, fee_jpy=Decimal(0)),))


def _account(*intents: OrderIntent, held: bool = True) -> ledger.PaperAccount:
    settings = configuration.load_settings({}, overrides=FREE)
    terms = ledger.account_terms(settings, replace(PairRules(), taker_fee_rate=Decimal(0)))
    account = ledger.open_account(10_000_000, T0, kind=AccountKind.MARGIN, terms=terms)
    for intent in intents:
        account, _ = ledger.with_order(account, intent, T0 - 1)
    return replace(account, positions=(_position(),)) if held else account


def _fill() -> Fill:
    zero = Decimal(0)
    return Fill(
        sequence=1,
        order_id=1,
        purpose=Purpose.ENTRY,
        side=Side.LONG,
        at=T0,
        price=1,
        lots=1,
        maker=True,
        fee_jpy=zero,
    )


def _limit(price: int, lots: int = 100, purpose: Purpose = Purpose.TARGET) -> OrderIntent:
    return OrderIntent(
        id=f"{purpose}.{price}",
        purpose=purpose,
        side=Side.LONG,
        kind=OrderKind.LIMIT,
        lots=lots,
        price=price,
    )


def _minutes(
    count: int,
    *,
    high: dict[int, int] | None = None,
    low: dict[int, int] | None = None,
    volume: float = 1.0,
) -> Candles:
    highs, lows = np.full(count, 1000.0), np.full(count, 1000.0)
    for row, price in (high or {}).items():
        highs[row] = price
    for row, price in (low or {}).items():
        lows[row] = price
    flat = np.full(count, 1000.0)
    opened_at = np.arange(count, dtype=np.int64) * MINUTE + T0
    volumes = np.full(count, volume)
    return Candles(
        timeframe=Timeframe.M1,
        opened_at=opened_at,
        open=flat,
        high=highs,
        low=lows,
        close=flat,
        volume=volumes,
    )


def targets_at_every_distance(plan: ModuleType) -> Iterator[Any]:
    settings = configuration.load_settings({}, overrides={})
    for side in Side:
        yen = Decimal(1)
        holdings = Holdings(
            as_of=T0,
            cash_jpy=yen,
            equity_jpy=yen,
            available_jpy=yen,
            mark_price=None,
            positions=(_position(side),),
        )
        wanted = PositionPlan(
            side=side, stop_price=1, target_price=1000, exit_by=T0, as_of=T0, entry_intent=""
        )
        for touch in (1, 500, 998, 999, 1000, 1001, 1002, 5000):
            book = Book(as_of=T0, bid=touch, ask=touch)
            yield str(
                plan.watched_target(
                    holdings, plan=wanted, book=book, tick="T", settings=settings, now_ms=T0
                )
            )


def walks_of_every_length(settling: ModuleType) -> Iterator[Any]:
    for until in (0, 1, 2, 3, 4, 5, 6, 9):
        for hit in (0, 2, 4, None):
            shown: list[int] = []
            path = _minutes(5, high={} if hit is None else {hit: 1200})
            walked = settling.settle_account(
                _account(_limit(1100, 30)),
                path,
                T0 + until * MINUTE,
                walked=lambda each: shown.append(each.settled_until),  # noqa: B023
            )
            yield walked, tuple(shown)


def rows_far_away(settling: ModuleType) -> Iterator[Any]:
    for hit in (0, 1, 63, 64, 65, 319, 320, 321, 399):
        for first, stop in ((0, 400), (hit, 400), (0, hit), (min(hit + 1, 399), 400)):
            yield settling.next_due(
                _account(_limit(1100)), _minutes(400, high={hit: 1200}), first, stop
            )


def entries_and_targets_at_every_volume(settling: ModuleType) -> Iterator[Any]:
    for lots in (0, 1, 50, 99, 100, 101, 150, 200, 300):
        account = _account(_limit(900, 100, Purpose.ENTRY), _limit(1100, 100))
        path = _minutes(1, high={0: 1200}, low={0: 850}, volume=lots / 10_000)
        yield settling.settle_account(account, path, T0 + MINUTE)


def days_around_every_boundary(module: ModuleType) -> Iterator[Any]:
    for days in range(4):
        for beside in (-1, 0, 1, 2):
            yield module.days_started(T0, T0 + days * 86_400_000 + beside)


def closes_at_every_price(module: ModuleType) -> Iterator[Any]:
    for side in Side:
        for price in (1, 999, 1000, 1001, 5000):
            for lots in (1, 40, 60, 99, 100):
                stop = OrderIntent(
                    id="s",
                    purpose=Purpose.STOP,
                    side=side,
                    kind=OrderKind.STOP,
                    lots=60,
                    trigger_price=1,
                )
                close = OrderIntent(
                    id="c", purpose=Purpose.CLOSE, side=side, kind=OrderKind.MARKET, lots=lots
                )
                account = replace(_account(stop, close), positions=(_position(side),))
                done = ledger.Execution(at=T0, price=price, lots=lots, maker=False)
                yield str(module.book_closing(account, account.orders[1], done))


def quotients(module: ModuleType) -> Iterator[Any]:
    for amount in ("0", "0.3", "1", "2.9999", "3", "3.0001", "1000000", "12345678.9012"):
        for per_lot in ("-1", "0", "0.0001", "0.3", "1", "3", "13.9313025", "99999999"):
            yield module._floor(Decimal(amount), Decimal(per_lot))


def forecasts_around_the_past(rules: ModuleType) -> Iterator[Any]:
    settings = configuration.load_settings(
        {}, overrides={"sides": "both", "risk": {"volatility_reach": 2.0}}
    )
    for side in Side:
        for forecast in (0.005, 0.01, 0.0199, 0.02, 0.0201, 0.04, 0.09):
            signal = _signal(side=side, volatility=forecast, volatility_past=0.02)
            book = Book(as_of=T0, bid=9_999_500, ask=10_000_500)
            yield str(
                rules.BarrierPolicy().decide(
                    Case(
                        signal=signal,
                        account=_owner(),
                        issues=(),
                        rules=PairRules(),
                        book=book,
                        now_ms=T0,
                        settings=settings,
                    )
                )
            )


def candles_of_every_shape(fills: ModuleType) -> Iterator[Any]:
    for high in (1000, 1001, 1500):
        for low in (1000, 999, 500):
            yield [
                tuple(point) for point in fills.points(_minutes(2, high={1: high}, low={1: low}), 1)
            ]


def spreads_of_every_half(fills: ModuleType) -> Iterator[Any]:
    for price in (1, 10_000, 10_001, 1_000_000):
        for spread in ("0", "0.0001", "0.0003", "0.0005", "0.0007", "0.01"):
            yield fills.half_spread(price, Decimal(spread))


def goals_beside_every_position(exposure: ModuleType) -> Iterator[Any]:
    settings = configuration.load_settings(
        {}, overrides={"sides": "both", "risk": {"policy": "target"}}
    )
    book = Book(as_of=T0, bid=9_999_500, ask=10_000_500)
    for held in (-500, -1, 0, 1, 500):
        for lots in (-700, -500, -1, 0, 1, 500, 700):
            side = Side.LONG if held > 0 else Side.SHORT
            part = Entry(at=T0, price=10_000_000, lots=abs(held), fee_jpy=Decimal(0))
            position = Position(side=side, entries=(part,)) if held else None
            account = replace(_owner(), position=position, goal=Goal(lots=lots, as_of=T0))
            given = {
                "signal": _signal(),
                "issues": (),
                "rules": PairRules(),
                "book": book,
                "now_ms": T0,
                "settings": settings,
            }
            yield str(exposure.ExposurePolicy().decide(Case(account=account, **given)))


def wishes_beside_every_goal(exposure: ModuleType) -> Iterator[Any]:
    settings = configuration.load_settings(
        {}, overrides={"sides": "both", "risk": {"policy": "target"}}
    )
    for held in (-500, -1, 0, 1, 500):
        for before in (-700, -1, 0, 1, 700):
            for weight in (-1.0, -0.5, 0.0, 0.5, 1.0):
                side = Side.LONG if held > 0 else Side.SHORT
                part = Entry(at=T0, price=10_000_000, lots=abs(held), fee_jpy=Decimal(0))
                position = Position(side=side, entries=(part,)) if held else None
                account = replace(
                    _owner(), position=position, goal=Goal(lots=before, as_of=1, since=7)
                )
                signal = _signal(target_weight=weight, target_volatility=0.5, target_as_of=T0)
                given = {
                    "issues": (),
                    "rules": PairRules(),
                    "book": None,
                    "now_ms": T0,
                    "settings": settings,
                }
                yield str(
                    exposure.ExposurePolicy().decide(Case(signal=signal, account=account, **given))
                )


def _owner() -> Account:
    yen = Decimal(1_000_000)
    return Account(
        equity_jpy=yen,
        capital_jpy=yen,
        available_jpy=2 * yen,
        equity_peak_jpy=yen,
        day_start_equity_jpy=yen,
    )


def _signal(side: Side = Side.LONG, **more: Any) -> Signal:
    lower, upper = (0.2, 0.6) if side is Side.LONG else (0.6, 0.2)
    return signal_of(
        as_of=T0,
        close=10_000_000,
        atr_jpy=30_000.0,
        side=side,
        strength=0.8,
        p_lower=lower,
        p_neither=0.2,
        p_upper=upper,
        barriers=Barriers(atr_multiple=4.0, horizon_candles=48),
        model="m",
        **more,
    )


def refusals_of_every_size(module: ModuleType) -> Iterator[Any]:
    for lots, first in product(range(1, 12), range(-1, 12)):
        refusals = module.Refusals()
        for look in range(16):
            shown = {Side.LONG: first if look < 3 else lots}
            now_ms = 2_000 * look
            most = refusals.most_lots(shown, (), orders=0, now_ms=now_ms)
            yield dict(most)
            sent = min(most.get(Side.LONG, lots), lots)
            if sent:
                stop = OrderIntent(
                    id="t~s1",
                    purpose=Purpose.STOP,
                    side=Side.LONG,
                    kind=OrderKind.STOP,
                    lots=sent,
                    trigger_price=900,
                )
                told = OrderRecord(
                    what="place", intent=stop, outcome="rejected", reason=Reason.QUANTITY_HELD
                )
                refusals.note([told], shown, now_ms=now_ms)
