"""What a tick may come upon under the target policy: refused stops, lost goals, late candles, the
other policy's position.
"""

import json
import random
from collections import Counter
from dataclasses import replace
from decimal import Decimal

import msgspec
import numpy as np
import pytest

from shared import risk
from shared.core.reasons import Reason
from shared.core.settings import Settings, load_settings
from shared.core.types import (
    Accepted,
    Account,
    AccountKind,
    Action,
    Candles,
    Decision,
    Entry,
    Goal,
    Holdings,
    Market,
    OrderIntent,
    OrderKind,
    PairRules,
    Position,
    PositionPlan,
    Purpose,
    Side,
    Signal,
    Timeframe,
    Trade,
)
from shared.exchanges.paper import account as accounts
from shared.exchanges.paper.exchange import PaperExchange
from shared.market.candles import empty_candles
from shared.market.path import book_at
from shared.orders import plan as planning
from shared.orders.carry_out import carry_out
from shared.replay import Replay, Schedule
from shared.replay.hands import AccountInHand
from shared.risk.limits import Limits
from shared.stores.memory import MemoryDocuments
from shared.tick.desk import Desk
from shared.tick.documents import BotDocuments, PaperDocument
from shared.turn import pipeline
from shared.turn.state import State
from tests.support import exposure_stories, replay_stories
from tests.support.fixed_clock import FixedClock
from tests.support.signals import as_before, signal_of

SLOT, QUARTER = Timeframe.H4.ms, Timeframe.M15.ms
AT = 120_000 * SLOT
PRICE = 10_000_000
BOOK = book_at(PRICE, spread_rate=0.0001, as_of=AT)
BOTH_WAYS = {"account": "margin", "sides": "both"}
EXPOSURE = {"volatility_target": 0.3}
TREND = load_settings({}, profile="trend", overrides={**BOTH_WAYS, "risk": {"exposure": EXPOSURE}})
BARRIER = load_settings({}, overrides={"sides": "both"})


# refused stops


def hands_with(*lots: int, side: Side = Side.LONG, settings: Settings = TREND) -> AccountInHand:
    """A margin account that has grown by these entries, each under its own stop."""
    account = accounts.open_account(
        100_000_000,
        AT,
        kind=AccountKind.MARGIN,
        terms=accounts.account_terms(settings, PairRules()),
    )
    hands = AccountInHand(
        account,
        path=empty_candles(Timeframe.M1),
        settings=settings,
        rules=PairRules(),
        traded=lambda account: None,
    )
    hands.arrive(AT)
    stop_price = PRICE * (82 if side is Side.LONG else 118) // 100
    for number, size in enumerate(lots):
        entry = OrderIntent(
            id=f"before.{number}",
            purpose=Purpose.ENTRY,
            side=side,
            kind=OrderKind.LIMIT,
            lots=size,
            price=PRICE * (101 if side is Side.LONG else 99) // 100,
            stop_price=stop_price,
        )
        hands.account, outcome = accounts.place_order(
            hands.account, entry, book=BOOK, now_ms=AT, rules=PairRules()
        )
        assert isinstance(outcome, Accepted)
    return hands


def covered(hands: AccountInHand) -> int:
    held = hands.holdings(AT)
    assert held.positions
    return sum(
        order.remaining_lots for order in held.orders if order.intent.purpose is Purpose.STOP
    )


@pytest.mark.parametrize("side", list(Side))
def test_where_the_one_stop_for_all_is_refused_the_stops_that_it_would_replace_stay(side) -> None:
    smaller = PairRules(max_market_lots=120)  # no stop for all 150 lots is taken any more
    hands = hands_with(100, 50, side=side)
    steps = planning.protection(
        hands.holdings(AT),
        plan=None,
        signal=None,
        tick="t",
        now_ms=AT,
        settings=TREND,
        book=BOOK,
        rules=PairRules(),
    )
    carry_out(steps, hands, book=BOOK, rules=smaller)
    assert [record.outcome for record in hands.records] == ["rejected"]
    assert covered(hands) == 150
    carry_out(steps, hands, book=BOOK, rules=PairRules())
    assert [order.remaining_lots for order in hands.holdings(AT).orders] == [150]


def test_the_desk_of_a_tick_sends_nothing_that_waits_for_an_order_which_was_not_taken() -> None:
    documents, name = MemoryDocuments(), TREND.id
    exchange = PaperExchange(
        PaperDocument(documents, name), lambda start, end: empty_candles(Timeframe.M1), TREND
    )
    bot = BotDocuments(documents, name)
    lease = bot.take_lease(now_ms=AT, lease_ms=170_000)
    assert lease is not None
    desk = Desk(
        exchange=exchange,
        bot=bot,
        clock=FixedClock(AT),
        settings=TREND,
        lease=lease,
        opens_until=AT + 100_000,
    )
    for number in (1, 2):
        entry = OrderIntent(
            id=f"before.{number}",
            purpose=Purpose.ENTRY,
            side=Side.LONG,
            kind=OrderKind.LIMIT,
            lots=5,
            price=PRICE * 101 // 100,
            stop_price=PRICE * 82 // 100,
        )
        exchange.submit(entry, book=BOOK, rules=PairRules(), now_ms=AT)
    steps = planning.protection(
        exchange.holdings(AT),
        plan=None,
        signal=None,
        tick="t",
        now_ms=AT,
        settings=TREND,
        book=BOOK,
        rules=PairRules(),
    )
    assert len(steps) == 3
    carry_out(steps, desk, book=BOOK, rules=PairRules(max_market_lots=7))
    assert [record.outcome for record in desk.records] == ["rejected"]
    assert sum(order.remaining_lots for order in exchange.holdings(AT).orders) == 10


@pytest.mark.parametrize("side", list(Side))
def test_where_the_stop_of_the_rest_is_refused_nothing_is_closed_and_nothing_is_left_bare(
    side,
) -> None:
    smaller = PairRules(max_market_lots=120)
    hands = hands_with(100, 50, side=side)
    goal = Goal(lots=130 * side.sign, as_of=AT)
    less = Decision(
        action=Action.REDUCE, as_of=AT, reason=Reason.EXIT_EXPOSURE, side=side, lots=20, goal=goal
    )
    steps = planning.orders(
        less,
        hands.holdings(AT),
        book=BOOK,
        rules=PairRules(),
        tick="t",
        now_ms=AT,
        deadline_at=AT + 1,
        settings=TREND,
    )
    carry_out(steps, hands, book=BOOK, rules=smaller)
    assert [record.outcome for record in hands.records] == ["rejected"]
    assert (hands.account.lots(side), covered(hands)) == (150, 150)
    carry_out(steps, hands, book=BOOK, rules=PairRules())
    assert (hands.account.lots(side), covered(hands)) == (130, 130)


# what is wanted, and what is not


def signal(weight: float | None = 1.0, *, at: int = AT) -> Signal:
    return signal_of(
        as_of=at,
        close=PRICE,
        atr_jpy=50_000.0,
        side=None,
        strength=0.0,
        model="m",
        target_weight=weight,
        target_volatility=None if weight is None else 0.3,
        target_as_of=at - at % SLOT,
    )


def decided(
    state: State,
    held: Holdings,
    *,
    given: Signal,
    settings: Settings = TREND,
    rules: PairRules | None = None,
) -> Decision:
    return risk.decide(
        risk.Case(
            signal=given,
            account=state.account(held, halted=False, capital_jpy=1_000_000),
            issues=(),
            rules=rules or PairRules(),
            book=BOOK,
            now_ms=given.as_of + 10_000,
            settings=settings,
        )
    )


def holdings(lots: int = 0, *trades: Trade, at: int = AT, price: int = PRICE) -> Holdings:
    yen = Decimal("1000000.0000")
    entry = Entry(at=at, price=price, lots=abs(lots), fee_jpy=Decimal(0))
    side = Side.LONG if lots > 0 else Side.SHORT
    return Holdings(
        as_of=at,
        cash_jpy=yen,
        equity_jpy=yen,
        available_jpy=2 * yen,
        mark_price=None,
        positions=(Position(side=side, entries=(entry,)),) if lots else (),
        trades=trades,
    )


def ended(at: int, *, reason: Reason = Reason.EXIT_STOP, side: Side = Side.LONG) -> Trade:
    yen = Decimal("0.0000")
    return Trade(
        sequence=1,
        side=side,
        opened_at=at - 60_000,
        closed_at=at,
        lots=10,
        entry_price=Decimal(PRICE),
        exit_price=PRICE,
        reason=reason,
        gross_jpy=yen,
        fees_jpy=yen,
        interest_jpy=yen,
        slippage_jpy=yen,
        ends_position=True,
    )


def booked(state: State, held: Holdings, settings: Settings = TREND) -> State:
    return state.after_account(held, lifts=0, now_ms=held.as_of, settings=settings)


@pytest.mark.parametrize("goal", [None, Goal(lots=0, as_of=AT - SLOT)])
@pytest.mark.parametrize("side", list(Side))
def test_what_was_stopped_is_not_entered_again_where_the_tick_that_wanted_it_died(
    goal, side
) -> None:
    """The entry was sent and filled, its tick died before it saved the goal, and the stop fired
    before the next one.
    """
    state = booked(
        State(mode="paper", stage="paper", goal=goal),
        holdings(0, ended(AT + 90_000, side=side), at=AT + 180_000),
    )
    for weight in (1.0, -1.0):
        assert decided(state, holdings(), given=signal(weight)).action is Action.HOLD
        assert (
            decided(state, holdings(), given=signal(weight, at=AT + SLOT - QUARTER)).action
            is Action.HOLD
        )
        assert decided(state, holdings(), given=signal(weight, at=AT + SLOT)).action is Action.ENTER
    wanted_less = booked(
        State(mode="paper", stage="paper", goal=goal),
        holdings(0, ended(AT + 90_000, side=side, reason=Reason.EXIT_EXPOSURE)),
    )
    assert decided(wanted_less, holdings(), given=signal(-side.sign)).action is Action.ENTER


def test_what_is_too_much_by_less_than_the_exchange_takes_is_kept_without_an_order() -> None:
    rules = PairRules(min_lots=10)
    for lots, action in ((509, Action.HOLD), (510, Action.REDUCE), (500, Action.HOLD)):
        state = booked(
            State(mode="paper", stage="paper", goal=Goal(lots=500, as_of=AT)), holdings(lots)
        )
        told = decided(state, holdings(lots), given=signal(), rules=rules)
        assert (told.action, told.goal) == (action, Goal(lots=500, as_of=AT))
    state = booked(State(mode="paper", stage="paper", goal=Goal(lots=0, as_of=AT)), holdings(9))
    assert decided(state, holdings(9), given=signal(), rules=rules).action is Action.EXIT


@pytest.mark.parametrize("side", list(Side))
def test_a_growth_at_a_better_price_keeps_the_loss_of_the_whole_within_the_drawdown(side) -> None:
    """What was bought dearer loses more at the common stop than its lots at today's price would."""
    settings = load_settings(
        {},
        profile="trend",
        overrides={**BOTH_WAYS, "risk": {"max_drawdown": 0.09, "exposure": EXPOSURE}},
    )
    paid = 14_000_000
    state = booked(
        State(mode="paper", stage="paper"), holdings(200 * side.sign, price=paid), settings
    )
    held = holdings(200 * side.sign, price=paid)
    told = decided(state, held, given=signal(float(side.sign)), settings=settings)
    assert told.action is Action.ENTER
    average = (200 * paid + told.lots * PRICE) / (200 + told.lots)
    loss = abs(average - told.stop_price) * (200 + told.lots) / 10_000
    assert 50_000 < loss <= 90_000


# candles that come late


def flat(frame: Timeframe, count: int, *, until: int) -> Candles:
    opened_at = until - frame.ms * np.arange(count, 0, -1, dtype=np.int64)
    price = np.rint(PRICE * (1.0 + 0.0001 * np.arange(count)))
    return Candles(
        timeframe=frame,
        opened_at=opened_at,
        open=price,
        high=price,
        low=price,
        close=price,
        volume=np.ones(count),
    )


def test_nothing_is_wanted_anew_on_the_4h_candle_before_the_one_that_is_due() -> None:
    whole = {
        Timeframe.M15: flat(Timeframe.M15, 400, until=AT),
        Timeframe.H4: flat(Timeframe.H4, 1_000, until=AT),
    }
    late = {**whole, Timeframe.H4: whole[Timeframe.H4].rows(0, 999)}
    early = {**late, Timeframe.M15: whole[Timeframe.M15].rows(0, 399)}
    told = {}
    for name, candles in (("whole", whole), ("late", late), ("early", early)):
        market = Market(as_of=AT, candles=candles, book=BOOK, rules=PairRules(), issues=())
        told[name] = pipeline.last_signal(market, bundle=None, settings=TREND)
    assert told["whole"].exposure.weight == 1.0
    assert told["late"].exposure is None
    assert (told["early"].exposure.weight, told["early"].exposure.as_of) == (1.0, AT - SLOT)
    standing = State(mode="paper", stage="paper", goal=Goal(lots=300, as_of=AT - SLOT))
    state = booked(standing, holdings(300))
    assert decided(state, holdings(300), given=told["late"]).goal == standing.goal
    after = decided(state, holdings(300), given=replace(told["whole"], model="m")).goal
    assert after is not None
    assert after.as_of == AT


def test_a_newer_4h_candle_beside_older_15m_candles_is_not_looked_at() -> None:
    candles = {
        Timeframe.M15: flat(Timeframe.M15, 390, until=AT - QUARTER),
        Timeframe.H4: flat(Timeframe.H4, 1_000, until=AT),
    }
    market = Market(as_of=AT, candles=candles, book=BOOK, rules=PairRules(), issues=())
    told = pipeline.last_signal(market, bundle=None, settings=TREND)
    assert told is not None
    assert told.exposure is not None
    assert (told.exposure.weight, told.exposure.as_of) == (1.0, AT - SLOT)


def test_with_4h_candles_missing_a_replay_that_skips_does_what_every_tick_does() -> None:
    counts: Counter[str] = Counter()
    for seed in range(16):
        inputs, dice = exposure_stories.inputs_of(seed), np.random.default_rng(seed)
        slow = inputs.candles[Timeframe.H4]
        kept = dice.random(len(slow)) > 0.4
        columns = {
            name: getattr(slow, name)[kept]
            for name in ("opened_at", "open", "high", "low", "close", "volume")
        }
        holed = replace(
            inputs,
            candles={**inputs.candles, Timeframe.H4: Candles(timeframe=Timeframe.H4, **columns)},
        )
        every, part = Replay(replace(holed, every_tick=True)), Replay(holed)
        every.advance()
        part.advance()
        one, other = every.result(), part.result()
        assert one.fills == other.fills, seed
        assert np.array_equal(one.curve.equity_units, other.curve.equity_units)
        assert every.checkpoint()["state"]["goal"] == part.checkpoint()["state"]["goal"], seed
        closed = set(holed.candles[Timeframe.H4].closed_at.tolist())
        before: Goal | None = None
        for report in one.ticks:
            goal = report.decision.goal if report.decision is not None else None
            if goal is not None and before is not None and goal.as_of > before.as_of:
                stopped = any(trade.reason is not Reason.EXIT_EXPOSURE for trade in report.trades)
                counts["new goals"] += 1
                assert goal.as_of in closed or stopped or goal.lots == before.lots, (
                    seed,
                    goal,
                    before,
                )
            before = goal or before
        counts["missing"] += int((~kept).sum())
        counts["fills"] += len(one.fills)
    assert counts["missing"] >= 40, counts
    assert counts["new goals"] >= 15, counts
    assert counts["fills"] >= 15, counts


# the other policy


def test_a_plan_is_forgotten_under_the_target_policy_and_a_goal_under_the_barriers() -> None:
    plan = PositionPlan(
        side=Side.LONG, stop_price=1, target_price=2, exit_by=AT, as_of=AT, entry_intent="a"
    )
    both = State(mode="paper", stage="paper", plan=plan, goal=Goal(lots=10, as_of=AT))
    assert booked(both, holdings(10)).plan is None
    assert booked(both, holdings(10)).goal == both.goal
    assert booked(both, holdings(10), BARRIER).plan == plan
    assert booked(both, holdings(10), BARRIER).goal is None


def test_whatever_policy_a_position_is_found_under_it_is_covered_at_every_tick_and_ends() -> None:
    """A replay's checkpoint goes on under the other policy, back and forth."""
    counts: Counter[str] = Counter()
    for seed in range(12):
        dice = random.Random(seed)
        inputs = exposure_stories.inputs_of(seed)
        made = replay_stories.stages_of(dice, inputs.candles[Timeframe.M15])
        inputs = replace(
            inputs,
            stages=replace(made, targets=inputs.stages.targets),
            every_tick=True,
            schedule=Schedule(),
        )
        least = max(1, inputs.rules.min_lots)
        checkpoint, since = None, 0
        cuts = sorted(dice.randrange(inputs.start_at, inputs.end_at) for _ in range(5))
        for number, until in enumerate((*cuts, inputs.end_at)):
            policy = ("barrier", "target")[(seed + number) % 2]
            risk_now = replace(
                inputs.settings.risk,
                policy=policy,
                max_hold_candles=16,
                stop_atr=6.0,
                target_atr=6.0,
            )
            settings = replace(inputs.settings, risk=risk_now)
            part = Replay(replace(inputs, settings=settings), checkpoint=checkpoint)
            found = None if checkpoint is None else bool(checkpoint["account"]["positions"])
            part.advance(until)
            old: set[int] = set()
            for report in (tick for tick in part.result().ticks if tick.received_at > since):
                for held in report.positions:
                    stops = [
                        o
                        for o in report.resting
                        if o.intent.purpose is Purpose.STOP and o.intent.side is held.side
                    ]
                    counts[f"{policy} ticks held"] += 1
                    assert held.lots - sum(order.remaining_lots for order in stops) < least, (
                        seed,
                        policy,
                        report.tick,
                    )
                    if policy == "target":
                        assert not (old & {o.order_id for o in report.resting}), (
                            seed,
                            report.tick,
                            "a barrier's target",
                        )
                    if policy == "barrier":
                        age = report.received_at - held.entries[-1].at
                        assert age <= 17 * QUARTER + 600_000, (seed, report.tick, age)
                old = {
                    order.order_id
                    for order in report.resting
                    if order.intent.purpose is Purpose.TARGET
                }
                counts[f"{policy} ended"] += any(trade.ends_position for trade in report.trades)
            counts[f"{policy} found a position"] += bool(found)
            checkpoint, since = json.loads(json.dumps(part.checkpoint())), until
    floors = {
        "target found a position": 6,
        "barrier found a position": 6,
        "barrier ended": 20,
        "target ended": 5,
    }
    assert {name: counts[name] for name, floor in floors.items() if counts[name] < floor} == {}, (
        counts
    )


# what is stored


def test_a_state_that_was_stored_before_there_were_goals_is_read() -> None:
    state = State(
        mode="paper",
        stage="paper",
        limits=Limits.first(equity_jpy=Decimal(1), now_ms=AT),
        signal=signal(None),
    )
    old = json.loads(json.dumps(state.encode_state()))
    for name in ("schema", "goal", "doubts"):
        del old[name]
    old["signal"] = {
        name: told
        for name, told in as_before(state.signal).items()
        if not name.startswith("target_")
    }
    assert State.decode_state(old, TREND) == state
    assert (
        len(msgspec.json.encode(replace(state, goal=Goal(lots=-(10**7), as_of=AT, since=AT))))
        < 4_096
    )


def test_an_account_without_money_wants_nothing_and_gives_up_what_it_holds() -> None:
    for equity in (Decimal("0.0000"), Decimal("-50000.0000")):
        for lots in (0, 300, -300):
            held = replace(holdings(lots), equity_jpy=equity, available_jpy=Decimal(0))
            account: Account = booked(State(mode="paper", stage="paper"), held).account(
                held, halted=False, capital_jpy=1_000_000
            )
            told = risk.decide(
                risk.Case(
                    signal=signal(1.0),
                    account=account,
                    issues=(),
                    rules=PairRules(),
                    book=BOOK,
                    now_ms=AT + 10_000,
                    settings=TREND,
                )
            )
            assert told.action is (Action.EXIT if lots else Action.HOLD)
            assert told.goal == Goal(lots=0, as_of=AT, since=told.goal.since if told.goal else 0)
