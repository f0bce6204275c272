"""What must hold of the paper account whatever happens: checked after every event, recomputed from
the fills alone.

Nothing here uses the code under test for its sums. Money is counted in whole units of 0.0001 yen,
which is what one lot costs at a price of one yen, so that a notional is the integer `price * lots`;
rates are fractions; the path is read anew.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from itertools import chain
from math import ceil, floor
from typing import NamedTuple

import numpy as np

from shared.core.types import (
    Accepted,
    Candles,
    Entry,
    Fill,
    Order,
    OrderIntent,
    OrderKind,
    Outcome,
    PairRules,
    Purpose,
    Side,
    Trade,
)
from shared.exchanges.paper import account as accounts
from shared.exchanges.paper.account import PaperAccount

MINUTE = 60_000
DAY = 86_400_000
SECONDS = (0, 20_000, 40_000, 59_000)
KEPT_ENDED = 20


class Rule(StrEnum):
    """The invariants by name, in the order in which a broken one is told: causes before their
    consequences.
    """

    PLACED_ONCE = "an intent id makes one order"
    LOST = "no accepted order vanishes"
    LIMITS = "an opening order fits size limits and money"
    ALIVE = "an order fills only during its life"
    SETTLED_ONCE = "no minute is walked twice"
    THROUGH = "a limit fills at its price where the path traded strictly through it"
    VOLUME = "limits take no more than their share of a minute's volume"
    STOP_PRICE = "a stop fills where the path reached it, at the worse price, all costs paid"
    STOP_FIRED = "a live stop that is reached fires"
    STOP_FIRST = "where one candle holds stop and target the stop wins"
    FILLED_ONCE = (
        "an order fills its lots at most once, and stop and target together what was entered"
    )
    FEE = "a fill pays its fee"
    COVER = "a position has a stop of at least its size"
    CLOSE_SIZE = "no order closes more than is held"
    SIZE = "never more lots than the entries meant"
    TRADE = "a trade's amounts follow from its fills"
    POSITION = "positions follow from the fills"
    CASH = "cash follows from the fills"
    EQUITY = "equity is what cash, positions, fees and interest say"
    EQUITY_JUMP = "equity moves only with a price, a fill, interest or a fee"


class Violation(NamedTuple):
    """One broken invariant, and the facts."""

    rule: StrEnum
    found: str


class InvariantBroken(AssertionError):
    """Some event broke some invariants; `rule` is the first of them, the cause."""

    def __init__(self, event: str, violations: Iterable[Violation]) -> None:
        self.violations = list(violations)
        self.rule = self.violations[0].rule
        super().__init__(
            f"after {event}: " + "; ".join(f"{rule}: {found}" for rule, found in self.violations)
        )


def insist(event: str, violations: Iterable[Violation]) -> None:
    """Raise where anything is broken."""
    found = list(violations)
    if found:
        raise InvariantBroken(event, found)


# the books: double entry from fills


def units(amount: Decimal) -> int:
    """An amount of yen in units of 0.0001 yen; it must be a whole number of them."""
    scaled = Fraction(amount) * 10_000
    assert scaled.denominator == 1, f"{amount} has more than four places"
    return scaled.numerator


def cost_of(entry: Entry) -> Fraction:
    """What is left of an entry's cost, in units."""
    if entry.cost_jpy is None:
        return Fraction(entry.price * entry.lots)
    return Fraction(entry.cost_jpy) * 10_000


@dataclass
class Lot:
    """What is left of one opening fill; its cost, in units, is whole until a part of a margin
    position is closed.
    """

    at: int
    price: int
    lots: int
    fee: int
    cost: Fraction


@dataclass(frozen=True)
class Expected:
    """What a closing fill must have booked, amounts in units."""

    opened_at: int
    lots: int
    average: Fraction
    gross: int
    fees: int
    interest: int
    ends: bool


@dataclass
class Journal:
    """Double-entry books of one account, kept from fills alone.

    Debit is positive; all balances add up to zero.
    """

    kind: str
    capital: int
    maker: Fraction
    taker: Fraction
    interest_day: Mapping[Side, Fraction]
    balances: Counter[str] = field(default_factory=Counter)
    open: dict[Side, list[Lot]] = field(default_factory=lambda: {side: [] for side in Side})
    exact: dict[Side, Fraction] = field(default_factory=lambda: dict.fromkeys(Side, Fraction(0)))
    """What the margin position of a side cost, never rounded."""

    @classmethod
    def of(cls, account: PaperAccount) -> "Journal":
        """Books for an account that has just been opened."""
        terms, spot = account.terms, account.kind == "spot"
        days = {Side.LONG: terms.long_interest_rate_day, Side.SHORT: terms.short_interest_rate_day}
        made = cls(
            kind=account.kind,
            capital=units(account.cash_jpy),
            maker=Fraction(terms.maker_fee_rate),
            taker=Fraction(terms.taker_fee_rate),
            interest_day={
                side: Fraction(0) if spot else Fraction(rate) for side, rate in days.items()
            },
        )
        made._book("cash", "capital", made.capital)
        return made

    def _book(self, debit: str, credit: str, amount: int) -> None:
        self.balances[debit] += amount
        self.balances[credit] -= amount

    def fee(self, fill: Fill) -> int:
        """The fee that a fill must pay."""
        return round(fill.price * fill.lots * (self.maker if fill.maker else self.taker))

    def lots(self, side: Side) -> int:
        return sum(lot.lots for lot in self.open[side])

    def interest(self, side: Side, lot: Lot, at: int) -> int:
        """Every started 24 hours cost a day."""
        days = max(0, at - lot.at) // DAY + 1
        return round(lot.cost * self.interest_day[side] * days)

    def accrued(self, at: int) -> int:
        return sum(self.owed_interest(side, at) for side in Side)

    def owed_interest(self, side: Side, at: int) -> int:
        return sum(self.interest(side, lot, at) for lot in self.open[side])

    def cost(self, side: Side) -> int:
        return round(sum((lot.cost for lot in self.open[side]), Fraction(0)))

    def owed_fees(self, side: Side) -> int:
        return sum(lot.fee for lot in self.open[side])

    def post(self, fill: Fill) -> Expected | None:
        """Book one fill; what its trade must say where it closes."""
        fee = self.fee(fill)
        if fill.purpose is not Purpose.ENTRY:
            return self._close(fill, fee)
        self._book("fees", "cash" if self.kind == "spot" else "owed", fee)
        if self.kind == "spot":
            self._book("coins", "cash", fill.price * fill.lots)
        cost = Fraction(fill.price * fill.lots)
        self.exact[fill.side] += cost
        self.open[fill.side].append(Lot(fill.at, fill.price, fill.lots, fee, cost))
        return None

    def _close(self, fill: Fill, fee: int) -> Expected:
        side, held = fill.side, self.open[fill.side]
        opened_at = held[0].at if held else 0
        average = self.exact[side] / max(1, self.lots(side))
        cost, fees = self.cost(side), self.owed_fees(side)
        interest = self.owed_interest(side, fill.at)
        (self._sell_first if self.kind == "spot" else self._reduce_all)(held, fill.lots)
        self.exact[side] = average * self.lots(side)
        cost, fees = cost - self.cost(side), fees - self.owed_fees(side)
        interest -= self.owed_interest(side, fill.at)
        gross = (fill.price * fill.lots - cost) * side.sign
        if self.kind == "spot":
            average = Fraction(cost, fill.lots)
            self._book("cash", "coins", cost)
        else:
            self._book("owed", "cash", fees)
        self._book("cash", "gain", gross)
        self._book("fees", "cash", fee)
        self._book("interest", "cash", interest)
        return Expected(opened_at, fill.lots, average, gross, fees + fee, interest, not held)

    @staticmethod
    def _sell_first(held: list[Lot], lots: int) -> None:
        """Spot: what came first goes first."""
        while lots and held:
            first = held[0]
            part = min(first.lots, lots)
            share = round(Fraction(first.fee * part, first.lots))
            first.lots, first.fee, lots = first.lots - part, first.fee - share, lots - part
            first.cost = Fraction(first.price * first.lots)
            if not first.lots:
                held.pop(0)

    @staticmethod
    def _reduce_all(held: list[Lot], lots: int) -> None:
        """Margin: all give the same share; whole lots go to the largest remainders, the oldest
        first.
        """
        size = sum(lot.lots for lot in held)
        if lots >= size:
            held.clear()
            return
        share = Fraction(size - lots, size)
        exact = [lot.lots * share for lot in held]
        spare = size - lots - sum(floor(one) for one in exact)
        ranked = sorted(range(len(held)), key=lambda index: floor(exact[index]) - exact[index])
        for index, lot in enumerate(held):
            lot.lots = floor(exact[index]) + (index in ranked[:spare])
            lot.fee = round(lot.fee * share)
            lot.cost = Fraction(ceil(lot.cost * share * 10**8), 10**8)

    def equity(self, mark: int | None, at: int) -> int:
        """What the account is worth; without a mark a position counts at its entry price."""
        worth = self.balances["cash"] + self.balances["owed"] - self.accrued(at)
        for side in Side:
            cost = self.cost(side)
            value = cost if mark is None else mark * self.lots(side)
            worth += value if self.kind == "spot" else (value - cost) * side.sign
        return worth


def books(account: PaperAccount, journal: Journal, at: int) -> Iterator[Violation]:
    """Positions, cash and equity against the journal."""
    assert sum(journal.balances.values()) == 0, "every posting of the journal has two sides"
    for side in Side:
        held = account.position(side)
        told = (
            [(e.at, e.price, e.lots, units(e.fee_jpy), cost_of(e)) for e in held.entries]
            if held
            else []
        )
        kept = [(lot.at, lot.price, lot.lots, lot.fee, lot.cost) for lot in journal.open[side]]
        if told != kept:
            yield Violation(Rule.POSITION, f"{side} is {told}, the fills say {kept}")
    if units(account.cash_jpy) != journal.balances["cash"]:
        yield Violation(
            Rule.CASH, f"{account.cash_jpy}, the fills say {journal.balances['cash']} units"
        )
    if account.kind == "spot" and account.cash_jpy < 0:
        yield Violation(Rule.CASH, f"a spot account owes {account.cash_jpy}")
    worth = units(accounts.equity(account, account.last_price, at))
    if worth != journal.equity(account.last_price, at):
        yield Violation(
            Rule.EQUITY, f"{worth} units, the fills say {journal.equity(account.last_price, at)}"
        )


def trade(told: Trade, fill: Fill, expected: Expected) -> Iterator[Violation]:
    """One trade against the journal's own arithmetic."""
    named = (
        told.side,
        told.closed_at,
        told.exit_price,
        told.opened_at,
        told.lots,
        told.ends_position,
    )
    wanted = (fill.side, fill.at, fill.price, expected.opened_at, expected.lots, expected.ends)
    amounts = (units(told.gross_jpy), units(told.fees_jpy), units(told.interest_jpy))
    due = (expected.gross, expected.fees, expected.interest)
    if named != wanted:
        yield Violation(Rule.TRADE, f"trade {told.sequence} says {named}, its fills {wanted}")
    if amounts != due:
        yield Violation(
            Rule.TRADE, f"trade {told.sequence}: gross, fees, interest are {amounts}, must be {due}"
        )
    if abs(Fraction(told.entry_price) - expected.average) > Fraction(1, 10**6):
        yield Violation(Rule.TRADE, f"trade {told.sequence} entered at {told.entry_price}")


# the path: what a settled stretch of it may and must have filled


def path(minutes: Candles, row: int) -> list[tuple[int, int]]:
    """The four points of a candle: open, the nearer extreme (the low on a tie), the other one,
    close.
    """
    opened_at = int(minutes.opened_at[row])
    first, high, low, last = (
        int(column[row]) for column in (minutes.open, minutes.high, minutes.low, minutes.close)
    )
    middle = (high, low) if high - first < first - low else (low, high)
    return [
        (opened_at + second, price)
        for second, price in zip(SECONDS, (first, *middle, last), strict=True)
    ]


def reached(stop: OrderIntent, price: int) -> bool:
    return price >= stop.trigger_price if stop.is_buy else price <= stop.trigger_price


def alive(order: Order, at: int) -> bool:
    ends = order.intent.expires_at
    return order.placed_at < at and (ends is None or at <= ends)


def stop_price(
    stop: OrderIntent, points: list[tuple[int, int]], index: int, account: PaperAccount
) -> int:
    """What a stop must pay that fires at a point: the worst of what is known, half a spread and the
    slippage.
    """
    worst = max if stop.is_buy else min
    base = stop.trigger_price
    if index == 0:
        base = worst(base, points[0][1])
    elif reached(stop, points[index - 1][1]):
        base = worst(base, points[index - 1][1], points[index][1])
    costs = account.terms.costs
    half = max(1, round(base * Fraction(costs.spread_rate) / 2))
    beyond = half + base * Fraction(costs.slippage_rate)
    return ceil(base + beyond) if stop.is_buy else max(1, floor(base - beyond))


class Walk:
    """One settled stretch of the path, checked point by point."""

    def __init__(
        self,
        before: PaperAccount,
        after: PaperAccount,
        minutes: Candles,
        orders: Mapping[int, Order],
    ) -> None:
        self.before, self.after, self.minutes, self.orders = before, after, minutes, orders
        self.fills: dict[int, list[Fill]] = defaultdict(list)
        for fill in new_fills(before, after):
            if fill.order_id in orders:  # an unknown one is told by the audit
                self.fills[fill.at].append(fill)
        self.lots = {side: before.lots(side) for side in Side}
        self.gone: set[int] = set()
        fresh = {order.order_id for order in before.orders}
        self.stops = [
            order
            for number, order in orders.items()
            if order.intent.kind is OrderKind.STOP
            and (number in fresh or number >= before.next_order_id)
        ]

    def violations(self) -> Iterator[Violation]:
        opened = self.minutes.opened_at
        first = int(np.searchsorted(opened, self.before.settled_until))
        last = int(np.searchsorted(opened, self.after.settled_until - MINUTE, side="right"))
        for row in range(first, last):
            yield from self._candle(row)
        for at, fills in self.fills.items():
            rule = Rule.SETTLED_ONCE if at < self.before.settled_until else Rule.THROUGH
            yield Violation(rule, f"{len(fills)} fills at {at}, where this stretch has no point")

    def _candle(self, row: int) -> Iterator[Violation]:
        opened_at = int(self.minutes.opened_at[row])
        low, high = int(self.minutes.low[row]), int(self.minutes.high[row])
        touched = any(
            reached(order.intent, high if order.intent.is_buy else low) for order in self.stops
        )
        if not touched and not any(opened_at <= at < opened_at + MINUTE for at in self.fills):
            return
        points, taken = path(self.minutes, row), 0
        for index, (at, _) in enumerate(points):
            fills = self.fills.pop(at, [])
            taken += sum(fill.lots for fill in fills if fill.maker)
            yield from self._point(points, index, fills)
        share = (
            Fraction(str(float(self.minutes.volume[row])))
            * Fraction(self.before.terms.costs.volume_share)
            * 10_000
        )
        if taken > floor(share):
            yield Violation(Rule.VOLUME, f"{taken} lots of {floor(share)} at {opened_at}")

    def _point(
        self, points: list[tuple[int, int]], index: int, fills: list[Fill]
    ) -> Iterator[Violation]:
        at, price = points[index]
        for fill in fills:
            if fill.purpose is Purpose.ENTRY:
                self.lots[fill.side] += fill.lots
        held = dict(self.lots)
        for fill in fills:
            yield from self._fill(fill, points, index)
            if fill.purpose is not Purpose.ENTRY:
                self.lots[fill.side] -= fill.lots
            if fill.purpose is Purpose.STOP:
                self.gone.add(fill.order_id)
        for stop in self.stops:
            side, newborn = (
                stop.intent.side,
                stop.placed_at == at and stop.order_id >= self.before.next_order_id,
            )
            due = stop.order_id not in self.gone and held[side] and reached(stop.intent, price)
            if due and (newborn or alive(stop, at)) and self.lots[side]:
                yield Violation(
                    Rule.STOP_FIRED,
                    f"{stop.intent.id} at {at}: {price} against {stop.intent.trigger_price}",
                )
        for side in Side:
            if (
                held[side] and not self.lots[side]
            ):  # the end of a position ends every order on its side
                self.gone |= {stop.order_id for stop in self.stops if stop.intent.side is side}

    def _fill(self, fill: Fill, points: list[tuple[int, int]], index: int) -> Iterator[Violation]:
        order, (at, price) = self.orders[fill.order_id], points[index]
        intent = order.intent
        newborn = (
            intent.kind is OrderKind.STOP
            and order.placed_at == at
            and fill.order_id >= self.before.next_order_id
        )
        if not newborn and not alive(order, at):
            life = f"{order.placed_at} to {intent.expires_at}"
            yield Violation(Rule.ALIVE, f"{intent.id} filled at {at}, it lives from {life}")
        if intent.kind is OrderKind.STOP:
            due = stop_price(intent, points, index, self.before)
            if fill.maker or not reached(intent, price) or fill.price != due:
                yield Violation(
                    Rule.STOP_PRICE,
                    f"{intent.id} at {fill.price}, must be {due} with the path at {price}",
                )
            return
        beyond = price < intent.price if intent.is_buy else price > intent.price
        if not (fill.maker and fill.price == intent.price and beyond):
            yield Violation(
                Rule.THROUGH,
                f"{intent.id}: {fill.price} for a limit of {intent.price}, the path at {price}",
            )
        if not intent.is_opening:
            for stop in self.stops:
                known = (
                    stop.placed_at <= at and stop.order_id not in self.gone
                )  # not one that a later fill will bring
                live = known and stop.intent.side is intent.side
                if live and any(
                    alive(stop, t) and reached(stop.intent, p) for t, p in points[index:]
                ):
                    yield Violation(
                        Rule.STOP_FIRST,
                        f"{intent.id} filled at {at}; the candle reaches {stop.intent.id}",
                    )


# accounts before and after an event


def new_fills(before: PaperAccount, after: PaperAccount) -> list[Fill]:
    return [fill for fill in after.fills if fill.sequence >= before.next_fill_sequence]


def bare_lots(account: PaperAccount, side: Side, at: int) -> int:
    """How much of a position no live stop covers."""
    stops = [
        order
        for order in account.orders
        if order.intent.side is side and order.intent.kind is OrderKind.STOP
    ]
    live = [
        order for order in stops if order.intent.expires_at is None or order.intent.expires_at > at
    ]
    return account.lots(side) - sum(order.remaining_lots for order in live)


def sizes(account: PaperAccount, intended: Mapping[Side, int]) -> Iterator[Violation]:
    """Nothing is held beyond what was meant, nothing rests that closes more than is held, no short
    on spot.
    """
    for side in Side:
        held = account.lots(side)
        if (
            held > intended[side]
            or held < 0
            or (held and account.kind == "spot" and side is Side.SHORT)
        ):
            yield Violation(Rule.SIZE, f"{held} lots {side}, {intended[side]} were meant")
        for order in account.orders:
            if (
                order.intent.side is side
                and not order.intent.is_opening
                and order.remaining_lots > held
            ):
                yield Violation(
                    Rule.CLOSE_SIZE, f"{order.intent.id} closes {order.remaining_lots} of {held}"
                )


def affordable(
    before: PaperAccount,
    after: PaperAccount,
    intent: OrderIntent,
    rules: PairRules,
    mark: int,
    at: int,
) -> Iterator[Violation]:
    """An accepted opening order: its size, and its need beside what is held and reserved already,
    judged before it costs.
    """
    most = rules.max_limit_lots if intent.kind is OrderKind.LIMIT else rules.max_market_lots
    if not rules.min_lots <= intent.lots <= most:
        yield Violation(Rule.LIMITS, f"{intent.lots} lots outside {rules.min_lots} to {most}")
    resting = [
        (order.intent.price or 0) * order.remaining_lots
        for order in after.orders
        if order.intent.is_opening
    ]
    if after.kind == "spot":
        fee = max(Fraction(0), Fraction(rules.maker_fee_rate))
        needed, money = (
            sum(resting) + sum(round(cost * fee) for cost in resting),
            Fraction(units(after.cash_jpy)),
        )
    else:
        held = sum(
            round(sum(cost_of(entry) for entry in position.entries)) for position in after.positions
        )
        needed = sum(resting) + held
        money = units(accounts.equity(before, mark, at)) / Fraction(rules.margin_ratio)
    if needed > money:
        yield Violation(Rule.LIMITS, f"{intent.id}: {needed} units needed of {float(money)}")


class Audit:
    """Follows one account from its opening, event by event, and raises `InvariantBroken` at the
    first that is wrong.
    """

    def __init__(self, account: PaperAccount, *, least_lots: int = 1) -> None:
        self.least_lots = (
            least_lots  # less than the exchange's minimum cannot be stopped: it is dust
        )
        self.journal = Journal.of(account)
        self.orders: dict[int, Order] = {}
        self.accepted: dict[str, int] = {}
        self.intended: Counter[Side] = Counter()
        self.filled: Counter[int] = Counter()
        self.excused: set[Side] = set()
        self.at = account.settled_until
        self.counts: Counter[str] = Counter()

    def placed(
        self,
        before: PaperAccount,
        after: PaperAccount,
        intent: OrderIntent,
        outcome: Outcome,
        *,
        rules: PairRules,
        mark: int,
        now: int,
    ) -> None:
        found: list[Violation] = []
        if not isinstance(outcome, Accepted):
            self.counts["refusals"] += 1
            if after is not before:
                found.append(
                    Violation(Rule.LOST, f"{intent.id} was refused and changed the account")
                )
        elif intent.id in self.accepted:
            self.counts["told again"] += 1
            if after is not before or outcome.order.order_id != self.accepted[intent.id]:
                found.append(
                    Violation(
                        Rule.PLACED_ONCE,
                        f"{intent.id} was placed as order {outcome.order.order_id} again",
                    )
                )
        else:
            self.counts[f"placed {intent.purpose}"] += 1
            self.accepted[intent.id] = outcome.order.order_id
            if intent.is_opening:
                self.intended[intent.side] += intent.lots
                if intent.stop_price is None:
                    self.excused.add(intent.side)
                found += affordable(before, after, intent, rules, mark, now)
        self._register(after)
        for fill in new_fills(before, after):
            if fill.at != now or fill.maker:
                found.append(
                    Violation(Rule.ALIVE, f"{intent.id} crossed at {now} and filled at {fill.at}")
                )
        self._after(f"placing {intent.id}", before, after, now, found)

    def canceled(
        self, before: PaperAccount, after: PaperAccount, order: Order, *, now: int
    ) -> None:
        self.counts["cancels"] += 1
        if order.intent.kind is OrderKind.STOP:
            self.excused.add(order.intent.side)
        self._register(after)
        self._after(f"canceling {order.intent.id}", before, after, now, [])

    def settled(self, before: PaperAccount, after: PaperAccount, minutes: Candles) -> None:
        self._register(after)
        self.counts["minutes"] += (after.settled_until - before.settled_until) // MINUTE
        walked = Walk(before, after, minutes, self.orders).violations()
        self._after(
            f"settling to {after.settled_until}", before, after, after.settled_until, walked
        )

    def protected(self, account: PaperAccount, *, now: int) -> None:
        """The tick has protected what is held: from here on nothing excuses a position without its
        stop.
        """
        self.excused.clear()
        self.counts["protected"] += bool(account.positions)
        insist("protecting", self._cover(account, now))

    def _register(self, account: PaperAccount) -> None:
        self.orders.update(
            {order.order_id: order for order in chain(account.ended, account.orders)}
        )

    def _cover(self, account: PaperAccount, at: int) -> Iterator[Violation]:
        for side in Side:
            if not account.lots(side):
                self.excused.discard(side)
            elif side not in self.excused:
                self.counts["covered"] += 1
                bare = bare_lots(account, side, at)
                if bare >= self.least_lots:
                    yield Violation(
                        Rule.COVER, f"{bare} of {account.lots(side)} lots {side} have no stop"
                    )

    def _after(
        self,
        event: str,
        before: PaperAccount,
        after: PaperAccount,
        at: int,
        found: Iterable[Violation],
    ) -> None:
        self.counts["events"] += 1
        insist(event, chain(found, self._standing(before, after, at)))
        self.at = at

    def _standing(self, before: PaperAccount, after: PaperAccount, at: int) -> Iterator[Violation]:
        """All that must hold after any event."""
        yield from self._lost(before, after)
        fills = new_fills(before, after)
        worth = self._worth(before)
        told = [done for done in after.trades if done.sequence >= before.next_trade_sequence]
        closings = [fill for fill in fills if fill.purpose is not Purpose.ENTRY]
        if [fill.sequence for fill in fills] != list(
            range(before.next_fill_sequence, after.next_fill_sequence)
        ):
            yield Violation(Rule.LOST, "the new fills are not numbered one by one")
        if len(told) != len(closings):
            yield Violation(Rule.TRADE, f"{len(closings)} closing fills made {len(told)} trades")
        wrong: list[Violation] = []
        trades = iter(told)
        for fill in fills:
            yield from self._filled(fill)
            expected = self.journal.post(fill)
            if expected is not None and (done := next(trades, None)) is not None:
                self.counts["interest days"] += fill.at - expected.opened_at >= DAY
                wrong += trade(done, fill, expected)
        yield from self._cover(after, at)
        yield from sizes(after, self.intended)
        yield from wrong
        yield from books(after, self.journal, at)
        yield from self._jump(before, after, at, fills, worth)

    def _filled(self, fill: Fill) -> Iterator[Violation]:
        order = self.orders.get(fill.order_id)
        if order is None:
            yield Violation(
                Rule.LOST,
                f"fill {fill.sequence} belongs to order {fill.order_id}, which nobody knows",
            )
            return
        self.filled[fill.order_id] += fill.lots
        self.counts[f"{self.journal.kind} {fill.side} {fill.purpose} fills"] += 1
        self.counts["partial fills"] += (
            fill.purpose is Purpose.ENTRY and self.filled[fill.order_id] < order.intent.lots
        )
        if self.filled[fill.order_id] > order.intent.lots:
            yield Violation(
                Rule.FILLED_ONCE,
                f"{order.intent.id}: {self.filled[fill.order_id]} of {order.intent.lots} lots",
            )
        yield from self._bracket(order.intent)
        if units(fill.fee_jpy) != self.journal.fee(fill):
            yield Violation(Rule.FEE, f"{fill.fee_jpy} for {fill.lots} lots at {fill.price}")

    def _bracket(self, intent: OrderIntent) -> Iterator[Violation]:
        """Stop and target of an entry close together no more than it opened, where nothing else was
        held on its side.
        """
        family, _, part = intent.id.rpartition(".")
        opened = [number for number in self.filled if self.orders[number].intent.is_opening]
        mine = [number for number in opened if self.orders[number].intent.side is intent.side]
        if part not in {"stop", "target"} or [self.orders[number].intent.id for number in mine] != [
            family
        ]:
            return
        exits = [
            number
            for number in self.filled
            if self.orders[number].intent.id in {f"{family}.stop", f"{family}.target"}
        ]
        closed, entered = sum(self.filled[number] for number in exits), self.filled[mine[0]]
        self.counts["brackets"] += 1
        if closed > entered:
            yield Violation(
                Rule.FILLED_ONCE, f"stop and target of {family} closed {closed} of {entered} lots"
            )

    def _worth(self, account: PaperAccount) -> tuple[int, int, int, dict[Side, int]]:
        journal, mark = self.journal, account.last_price
        equity = units(accounts.equity(account, mark, self.at))
        interest = journal.balances["interest"] + journal.accrued(self.at)
        return equity, mark or 0, interest, {side: journal.lots(side) for side in Side}

    def _jump(
        self,
        before: PaperAccount,
        after: PaperAccount,
        at: int,
        fills: list[Fill],
        was: tuple[int, int, int, dict[Side, int]],
    ) -> Iterator[Violation]:
        """The change of the told equity is the flows of the fills, the move of the mark, fees and
        interest.
        """
        equity, mark, interest, lots = was
        now_mark = after.last_price or 0
        change = units(accounts.equity(after, after.last_price, at)) - equity
        flows = sum(
            fill.price * fill.lots * fill.side.sign * (-1 if fill.purpose is Purpose.ENTRY else 1)
            - self.journal.fee(fill)
            for fill in fills
        )
        moved = sum(
            (self.journal.lots(side) * now_mark - lots[side] * mark) * side.sign for side in Side
        )
        grown = self.journal.balances["interest"] + self.journal.accrued(at) - interest
        if change != flows + moved - grown:
            yield Violation(
                Rule.EQUITY_JUMP,
                f"moved {change} units; prices and fills {flows + moved}, interest {grown}",
            )

    def _lost(self, before: PaperAccount, after: PaperAccount) -> Iterator[Violation]:
        known = {order.order_id for order in chain(after.orders, after.ended)}
        if len(after.ended) < KEPT_ENDED:
            for order in before.orders:
                if order.order_id not in known:
                    yield Violation(Rule.LOST, f"order {order.order_id} ({order.intent.id})")
