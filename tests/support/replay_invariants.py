"""What must hold of a replay's result whatever the settings and the market: recomputed from its
fills and the path alone.

The books are the double entry of `tests.support.invariants`; the path is read anew. Money is in
units of
0.0001 yen, so that a price
times a lot is a whole number; rates are fractions.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from fractions import Fraction
from functools import cached_property
from math import ceil, floor
from typing import Any

import numpy as np

from shared.core.reasons import Reason
from shared.core.types import Candles, Fill, PairRules, Purpose, Side, Timeframe, Trade
from shared.replay.types import Entered, Inputs, Replayed
from tests.support import invariants
from tests.support.invariants import Journal, Violation, units

MINUTE, QUARTER, DAY = 60_000, 900_000, 86_400_000
LATEST_START = 156_000
"""How late a tick may be and still decide, at the times as they ship: 170 s of lease less 6 + 5 + 3
s for a request."""
JST = 9 * 3_600_000
EXITS = {Purpose.STOP: Reason.EXIT_STOP, Purpose.TARGET: Reason.EXIT_TARGET}


class Rule(StrEnum):
    """The invariants by name, in the order in which a broken one is told: causes before their
    consequences.
    """

    AGAIN = "the same inputs give the same result"
    PIECES = "stopping, writing down and going on changes nothing"
    SKIPPED = "skipping the ticks at which nothing happens changes nothing"
    DECIDED = "an entry is decided on a candle that is closed and final, and not too old"
    SIGNAL = "an entry has the side of its candle's consensus, and the side is allowed"
    ATTEMPTS = "a candle is tried no more often than allowed"
    HALTED = "nothing is entered while a person has halted the bot"
    DRAWDOWN = "nothing is entered below the drawdown limit"
    DAILY = "nothing is entered after the day's loss"
    COOLDOWN = "nothing is entered in a cool-down"
    ONE = "there is one position at most, and one entry made it"
    MINIMUM = "an entry is within the exchange's size limits"
    LEVERAGE = "a position is never above the leverage that is allowed"
    RISK = "a position never risks more at its stop than is allowed"
    ALIVE = "an entry fills while it is in the market"
    THROUGH = "a limit fills at its price, as maker, where the path traded strictly through it"
    CROSSED = "what crosses pays half the spread and the slippage"
    VOLUME = "limits take no more than their share of a candle's volume"
    STOPPED = "what is held is stopped at the first point of the path that reaches its stop"
    STOP_PRICE = "a stop fills at its trigger or the open beyond it, all costs paid"
    STOP_FIRST = "where one candle holds stop and target the stop wins"
    TIME = "nothing is held longer than allowed"
    FEE = "a fill pays its fee"
    TRADE = "a trade's amounts follow from its fills"
    EQUITY = "the curve is what cash, positions, fees and interest say"
    JUMP = "equity moves only with a price, a fill, interest or a fee"
    COUNTS = "what is counted is what is there"


class Path:
    """The points of the path, four a candle, read without the code under test."""

    def __init__(self, inputs: Inputs) -> None:
        self.candles: Candles = (
            inputs.candles[Timeframe.M15] if inputs.minutes is None else inputs.minutes
        )
        ms = self.candles.timeframe.ms
        rows = [invariants.path(self.candles, row) for row in range(len(self.candles))]
        self.price = np.array([price for row in rows for _, price in row], dtype=np.int64)
        offsets = np.array([0, 20, 40, 59], dtype=np.int64) * (ms // 60)
        self.at = (self.candles.opened_at[:, None] + offsets).ravel()
        self.ms = ms

    def price_at(self, at: int) -> int:
        """The last price at or before an instant."""
        return int(self.price[np.searchsorted(self.at, at, side="right") - 1])

    def point(self, at: int) -> int | None:
        """The index of the point at exactly this instant."""
        index = int(np.searchsorted(self.at, at))
        return index if index < len(self.at) and self.at[index] == at else None

    def mark(self, at: int) -> int:
        """The close of the last candle that is closed."""
        row = int(np.searchsorted(self.candles.opened_at, at - self.ms, side="right")) - 1
        return int(self.candles.close[row])

    def closed_before(self, at: int) -> int:
        """How many points belong to candles that are closed by `at`."""
        return 4 * int(np.searchsorted(self.candles.opened_at, at - self.ms, side="right"))


@dataclass
class Held:
    """One position: its entry, its opening and its closing fills."""

    entered: Entered
    opening: list[Fill] = field(default_factory=list)
    closing: list[Fill] = field(default_factory=list)

    @property
    def side(self) -> Side:
        return self.entered.side

    @property
    def open_lots(self) -> int:
        return sum(fill.lots for fill in self.opening) - sum(fill.lots for fill in self.closing)


class Audit:
    """One result against its inputs. `counts` tells what there was to check."""

    def __init__(self, inputs: Inputs, done: Replayed, *, whole: bool = True) -> None:
        self.inputs, self.done, self.whole = inputs, done, whole
        self.settings, self.rules = inputs.settings, _rules(inputs)
        self.path = Path(inputs)
        self.counts: Counter[str] = Counter()
        self.spread = Fraction(str(self.settings.paper.spread_rate))
        self.slippage = Fraction(str(self.settings.paper.slippage_rate))
        self.volume_share = Fraction(str(self.settings.paper.volume_share))

    def violations(self) -> Iterator[Violation]:
        """All that is broken, causes first."""
        found = [
            *self._entries(),
            *self._limits(),
            *self._fills(),
            *self._positions(),
            *self._books(),
            *self._counted(),
        ]
        order = list(Rule)
        yield from sorted(found, key=lambda violation: order.index(violation.rule))

    # entries: when, which side, how large

    def _entries(self) -> Iterator[Violation]:
        as_of = self.inputs.stages.features.as_of
        tick = self.settings.tick
        tried: Counter[int] = Counter()
        for entered in self.done.entries:
            age = entered.placed_at - entered.as_of
            if not tick.settle_seconds * 1000 <= age <= tick.decision_valid_seconds * 1000:
                yield Violation(Rule.DECIDED, f"placed {age} ms after the close of its candle")
            row = int(np.searchsorted(as_of, entered.as_of))
            consensus = int(self.inputs.stages.votes.consensus[row])
            allowed = entered.side is Side.LONG or (
                self.settings.sides == "both" and self.settings.account == "margin"
            )
            if consensus != entered.side.sign or not allowed:
                yield Violation(
                    Rule.SIGNAL,
                    f"{entered.side} with a consensus of {consensus}, sides {self.settings.sides}",
                )
            tried[entered.as_of] += 1
            if (
                tried[entered.as_of] > self.settings.execution.entry_attempts
                or entered.attempt != tried[entered.as_of]
            ):
                yield Violation(
                    Rule.ATTEMPTS, f"attempt {entered.attempt} is number {tried[entered.as_of]}"
                )
            self.counts["second attempts"] += entered.attempt > 1
            self.counts[f"{self.settings.account} {entered.side} entries"] += 1
            yield from self._sized(entered)

    def _sized(self, entered: Entered) -> Iterator[Violation]:
        if (
            not max(1, self.rules.min_lots)
            <= entered.lots
            <= min(self.rules.max_limit_lots, self.rules.max_market_lots)
        ):
            yield Violation(
                Rule.MINIMUM, f"{entered.lots} lots, allowed are {self.rules.min_lots} and more"
            )
        capital = max(0, min(units(self.settings.capital_jpy), self._cash(entered.placed_at)))
        share = Fraction(str(self.settings.stages[self.settings.stage]))
        in_use = capital * share
        most = Fraction(str(self.settings.risk.max_leverage))
        if entered.lots * entered.price > in_use * (
            min(1, most) if self.settings.account == "spot" else most
        ):
            yield Violation(
                Rule.LEVERAGE,
                f"{entered.lots} lots at {entered.price} with {float(in_use)} units in use",
            )
        at_risk = entered.lots * self._loss_a_lot(entered)
        if at_risk > in_use * Fraction(str(self.settings.risk.risk_per_trade)) * (
            1 + Fraction(1, 10**9)
        ):
            yield Violation(Rule.RISK, f"{float(at_risk)} units at risk of {float(in_use)}")

    def _loss_a_lot(self, entered: Entered) -> Fraction:
        """What a lot loses between the limit and the stop, with all costs, in units."""
        price = self.path.price_at(entered.placed_at)
        half = Fraction(self._half(price), price)
        leaving = Fraction(self.rules.taker_fee_rate) + self.slippage + half
        interest = Fraction(0)
        if self.settings.account == "margin":
            days = self.settings.risk.max_hold_candles * QUARTER // DAY + 1
            long = entered.side is Side.LONG
            day = self.rules.long_interest_rate_day if long else self.rules.short_interest_rate_day
            interest = Fraction(day) * days
        always = max(Fraction(0), Fraction(self.rules.maker_fee_rate)) + interest
        return (
            abs(entered.price - entered.stop_price)
            + entered.stop_price * leaving
            + entered.price * always
        )

    # limits: what must keep the bot from entering

    def _limits(self) -> Iterator[Violation]:
        schedule, risk = self.inputs.schedule, self.settings.risk
        resumed = [halt.until_at for halt in schedule.halts if halt.until_at is not None]
        for entered in self.done.entries:
            scheduled_at = int(entered.intent.split(".")[0])
            came_at = schedule.received_at.get(scheduled_at, scheduled_at)
            if any(
                halt.from_at <= came_at and (halt.until_at is None or came_at < halt.until_at)
                for halt in schedule.halts
            ):
                yield Violation(Rule.HALTED, f"entered at {came_at}")
            cash = self._cash(entered.placed_at)
            since = max((at for at in resumed if at <= entered.placed_at), default=0)
            peak = max(
                self._cash(since),
                *(worth for at, worth in self._cashes if since <= at < entered.placed_at),
                0,
            )
            if peak and peak - cash >= Fraction(str(risk.max_drawdown)) * peak:
                yield Violation(Rule.DRAWDOWN, f"entered with {cash} of {peak} units")
            yield from self._day(entered, cash)
            until = max(
                (end for begun, end in self._cooldowns if begun < entered.placed_at), default=0
            )
            if entered.placed_at < until:
                yield Violation(
                    Rule.COOLDOWN,
                    f"entered at {entered.placed_at}, {until - entered.placed_at} ms too early",
                )
            self.counts["entries after a cool-down"] += until > 0

    def _day(self, entered: Entered, cash: int) -> Iterator[Violation]:
        """The day's loss, where the day began flat: then its start is the cash of that instant."""
        midnight = (entered.placed_at + JST) // DAY * DAY - JST
        begun = max(midnight, self.inputs.start_at)
        if any(
            held.opening[0].at <= begun + 2 * QUARTER and self._ended_at(held) >= begun
            for held in self.positions
        ):
            return
        if any(halt.until_at and halt.until_at > begun for halt in self.inputs.schedule.halts):
            return  # a resume may begin the day anew
        start = self._cash(begun)
        self.counts["entries of a day that began flat"] += 1
        if start - cash >= Fraction(str(self.settings.risk.daily_loss)) * start:
            yield Violation(Rule.DAILY, f"entered with {cash} of {start} units of the day")

    def _ended_at(self, held: Held) -> int:
        return held.closing[-1].at if not held.open_lots else self.done.end_at

    @cached_property
    def _cooldowns(self) -> list[tuple[int, int]]:
        """When each cool-down began and ended: `max_losses` positions lost in a row; a resume after
        a drawdown forgives all.
        """
        found: list[tuple[int, int]] = []
        forgiven = self._forgiven
        streak, net, after = 0, 0, 0
        for done in self.done.trades:
            net += units(done.net_jpy)
            if not done.ends_position:
                continue
            passed = max((at for at in forgiven if at <= done.closed_at), default=0)
            streak, after = (0, passed) if passed > after else (streak, after)
            streak, net = (streak + 1 if net < 0 else 0), 0
            if streak >= self.settings.risk.max_losses:
                ends_at = done.closed_at + int(self.settings.risk.cooldown_seconds * 1000)
                until = min((at for at in forgiven if at > done.closed_at), default=ends_at)
                found.append((done.closed_at, min(ends_at, until)))
                streak = 0
        self.counts["cool-downs"] += len(found)
        return found

    @cached_property
    def _forgiven(self) -> list[int]:
        """When a person resumed after a drawdown had halted the bot."""
        fallen = [event.at for event in self.done.events if event.reason is Reason.LIMIT_DRAWDOWN]
        resumed = [
            halt.until_at for halt in self.inputs.schedule.halts if halt.until_at is not None
        ]
        return sorted(
            {
                min(at for at in resumed if at > event)
                for event in fallen
                if any(at > event for at in resumed)
            }
        )

    @cached_property
    def _cashes(self) -> list[tuple[int, int]]:
        """The flat account after each position, by the trades' own amounts (which
        `_books` checks).
        """
        cash = units(self.settings.capital_jpy)
        found = [(0, cash)]
        for done in self.done.trades:
            cash += units(done.net_jpy)
            if done.ends_position:
                found.append((done.closed_at, cash))
        return found

    def _cash(self, at: int) -> int:
        return max(
            ((known_at, cash) for known_at, cash in self._cashes if known_at <= at), default=(0, 0)
        )[1]

    # fills: where, at what price, how much

    @cached_property
    def positions(self) -> list[Held]:
        """Positions from fills; an entry's fills belong to the next entry that says it
        was filled.
        """
        filled = iter([entered for entered in self.done.entries if entered.filled_lots])
        found: list[Held] = []
        orders: dict[int, Held] = {}
        for fill in self.done.fills:
            if fill.purpose is Purpose.ENTRY:
                if fill.order_id not in orders:
                    entered = next(filled, None)
                    if entered is None:
                        break
                    orders[fill.order_id] = Held(entered)
                    found.append(orders[fill.order_id])
                orders[fill.order_id].opening.append(fill)
            elif found:
                found[-1].closing.append(fill)
        return found

    def _fills(self) -> Iterator[Violation]:
        taken: Counter[int] = Counter()
        for fill in self.done.fills:
            if fill.maker:
                taken[
                    int(np.searchsorted(self.path.candles.opened_at, fill.at, side="right")) - 1
                ] += fill.lots
        for row, lots in taken.items():
            volume = Fraction(str(float(self.path.candles.volume[row])))
            if lots > floor(volume * self.volume_share * 10_000):
                yield Violation(Rule.VOLUME, f"{lots} lots of {float(volume)} BTC")
        for held in self.positions:
            for fill in held.opening:
                yield from self._opened(held.entered, fill)
            for fill in held.closing:
                yield from self._closed(held, fill)

    def _opened(self, entered: Entered, fill: Fill) -> Iterator[Violation]:
        lives_until = int(entered.intent.split(".")[0]) + int(
            self.settings.tick.no_new_order_after_seconds * 1000
        )
        if self.inputs.minutes is None:
            if fill.at != entered.placed_at:
                yield Violation(Rule.ALIVE, f"filled at {fill.at}, decided at {entered.placed_at}")
            yield from self._crossed(fill, buys=fill.side is Side.LONG)
            row = int(np.searchsorted(self.path.candles.opened_at, fill.at, side="right")) - 1
            low, high = int(self.path.candles.low[row]), int(self.path.candles.high[row])
            if not (low < entered.price if fill.side is Side.LONG else high > entered.price):
                yield Violation(
                    Rule.THROUGH, f"a limit of {entered.price} in a candle from {low} to {high}"
                )
            part = Fraction(lives_until - entered.placed_at, QUARTER)
            given = (
                Fraction(str(float(self.path.candles.volume[row])))
                * part
                * self.volume_share
                * 10_000
            )
            if fill.lots > given * (1 + Fraction(1, 10**9)):
                yield Violation(
                    Rule.VOLUME,
                    f"{fill.lots} lots, the candle gives {float(given)} to an entry's life",
                )
            return
        if not entered.placed_at < fill.at <= lives_until:
            yield Violation(
                Rule.ALIVE,
                f"filled at {fill.at}, in the market from {entered.placed_at} to {lives_until}",
            )
        yield from self._limit(fill, entered.price, buys=fill.side is Side.LONG)
        self.counts["partial fills"] += fill.lots < entered.lots

    def _closed(self, held: Held, fill: Fill) -> Iterator[Violation]:
        buys = fill.side is Side.SHORT
        self.counts[f"{self.settings.account} {fill.side} {fill.purpose} fills"] += 1
        if fill.purpose is Purpose.TARGET:
            yield from self._limit(fill, held.entered.target_price, buys=buys)
        elif fill.purpose is Purpose.CLOSE:
            yield from self._crossed(fill, buys=buys)

    def _limit(self, fill: Fill, limit: int, *, buys: bool) -> Iterator[Violation]:
        index = self.path.point(fill.at)
        price = None if index is None else int(self.path.price[index])
        beyond = price is not None and (price < limit if buys else price > limit)
        if not (beyond and fill.maker and fill.price == limit):
            yield Violation(
                Rule.THROUGH,
                f"{fill.purpose} at {fill.price} for a limit of {limit}, the path at {price}",
            )

    def _crossed(self, fill: Fill, *, buys: bool) -> Iterator[Violation]:
        middle = self.path.price_at(fill.at)
        sign = 1 if buys else -1
        touch = middle + sign * self._half(middle)
        worse = touch * (1 + sign * self.slippage)
        due = ceil(worse) if buys else floor(worse)
        if (
            fill.maker
            or fill.price != due
            or units(fill.slippage_jpy) != abs(due - middle) * fill.lots
        ):
            yield Violation(
                Rule.CROSSED,
                f"{fill.purpose} at {fill.price}, must be {due}; slippage {fill.slippage_jpy}",
            )

    def _half(self, price: int) -> int:
        return max(1, round(price * self.spread / 2))

    # positions: one at a time, protected, in time

    def _positions(self) -> Iterator[Violation]:
        held_lots, known = (
            0,
            {fill.sequence for held in self.positions for fill in (*held.opening, *held.closing)},
        )
        current: int | None = None
        for number, fill in enumerate(self.done.fills, start=1):
            if fill.sequence != number or fill.sequence not in known:
                yield Violation(Rule.ONE, f"fill {fill.sequence} belongs to nothing")
            if fill.purpose is Purpose.ENTRY:
                if held_lots and current != fill.order_id:
                    yield Violation(
                        Rule.ONE, f"order {fill.order_id} entered while {held_lots} lots were held"
                    )
                current, held_lots = fill.order_id, held_lots + fill.lots
            else:
                held_lots -= fill.lots
            if held_lots < 0:
                yield Violation(
                    Rule.ONE, f"fill {fill.sequence} closes {-held_lots} lots that nobody held"
                )
        for held in self.positions:
            if (
                sum(fill.lots for fill in held.opening) != held.entered.filled_lots
                or held.entered.filled_lots > held.entered.lots
            ):
                yield Violation(
                    Rule.ONE,
                    f"{held.entered.filled_lots} of {held.entered.lots} lots, the fills say"
                    " otherwise",
                )
            yield from self._stop(held)
            yield from self._in_time(held)

    def _stop(self, held: Held) -> Iterator[Violation]:
        """The first point that reaches the stop, from the entry's own on, must have ended the
        position.
        """
        last = held.closing[-1] if held.closing and not held.open_lots else None
        first = int(
            np.searchsorted(
                self.path.at, held.opening[0].at, side="left" if held.opening[0].maker else "right"
            )
        )
        if last is None:
            if not self.whole:
                return
            stop = self.path.closed_before(self.done.end_at)
        elif (
            last.purpose is Purpose.CLOSE
        ):  # a tick that closes has settled the path up to its own minute
            stop = self.path.closed_before(last.at - last.at % MINUTE)
        else:
            stop = int(np.searchsorted(self.path.at, last.at, side="right"))
        prices = self.path.price[first:stop]
        trigger = held.entered.stop_price
        reached = np.flatnonzero(prices <= trigger if held.side is Side.LONG else prices >= trigger)
        self.counts["points with a stop"] += len(prices)
        stopped = last if last is not None and last.purpose is Purpose.STOP else None
        if len(reached) and (stopped is None or stopped.at != self.path.at[first + reached[0]]):
            at = int(self.path.at[first + reached[0]])
            yield Violation(
                Rule.STOPPED,
                f"{held.open_lots} lots were left where the path reached {trigger} at {at}",
            )
        elif stopped is not None and not len(reached):
            yield Violation(
                Rule.STOPPED, f"stopped at {stopped.at}, where the path had not reached {trigger}"
            )
        elif stopped is not None:
            yield from self._stop_price(stopped, first + int(reached[0]), trigger)
        for fill in held.closing:
            if fill.purpose is Purpose.TARGET:
                yield from self._stop_first(held, fill, trigger)

    def _stop_price(self, fill: Fill, index: int, trigger: int) -> Iterator[Violation]:
        long, price = fill.side is Side.LONG, int(self.path.price[index])
        opens = index % 4 == 0
        base = (min if long else max)(trigger, price) if opens else trigger
        beyond = self._half(base) + base * self.slippage
        due = max(1, floor(base - beyond)) if long else ceil(base + beyond)
        self.counts["gaps through a stop"] += base != trigger
        if (
            fill.price != due
            or fill.maker
            or units(fill.slippage_jpy) != abs(due - base) * fill.lots
        ):
            yield Violation(
                Rule.STOP_PRICE,
                f"at {fill.price}, must be {due} for {trigger} with the path at {price}",
            )

    def _stop_first(self, held: Held, fill: Fill, trigger: int) -> Iterator[Violation]:
        index = self.path.point(fill.at)
        if index is None:
            return
        rest = self.path.price[index : index // 4 * 4 + 4]
        if (rest <= trigger if held.side is Side.LONG else rest >= trigger).any():
            yield Violation(
                Rule.STOP_FIRST,
                f"the target filled at {fill.at} in a candle that reaches {trigger} as well",
            )

    def _in_time(self, held: Held) -> Iterator[Violation]:
        """The first tick after the time is up closes the position; it may wait for a candle to be
        final.
        """
        up_at = held.entered.as_of + self.settings.risk.max_hold_candles * QUARTER
        due = (
            self.ticks[np.searchsorted(self.ticks, up_at)]
            if len(self.ticks) and self.ticks[-1] >= up_at
            else None
        )
        if due is None or due > self.done.end_at:
            return
        by = int(due) + MINUTE + int(self.settings.tick.settle_seconds * 1000)
        if (held.open_lots and self.whole) or (held.closing and held.closing[-1].at > by):
            yield Violation(Rule.TIME, f"held after {up_at}, when its time was up")

    @cached_property
    def ticks(self) -> Any:
        """When ticks were received that may decide: one that another overtook, or that has no time
        left, may not.
        """
        step = (
            QUARTER if self.inputs.minutes is None else self.settings.tick.interval_seconds * 1000
        )
        begin = self.inputs.start_at + (
            -self.inputs.start_at % QUARTER if self.inputs.minutes is None else 0
        )
        schedule = self.inputs.schedule
        every = [
            at for at in range(begin, self.inputs.end_at + 1, step) if at not in schedule.missed
        ]
        came = sorted((schedule.received_at.get(at, at), at) for at in every)
        newest, found = 0, []
        for received_at, scheduled_at in came:
            if scheduled_at < newest:
                continue
            newest = scheduled_at
            if received_at - scheduled_at <= LATEST_START:
                found.append(received_at)
        return np.array(found, dtype=np.int64)

    # books: trades, curve, counts

    def _books(self) -> Iterator[Violation]:
        journal = _journal(self.inputs, self.rules)
        fills, trades = list(self.done.fills), iter(self.done.trades)
        curve = self.done.curve
        before: tuple[int, int, int] | None = None
        for at, told, lots in zip(
            curve.at.tolist(), curve.equity_units.tolist(), curve.lots.tolist(), strict=True
        ):
            booked = 0
            while fills and self._known_at(fills[0]) <= at:
                fill = fills.pop(0)
                booked += 1
                yield from self._booked(journal, fill, trades)
            mark = self._mark(journal, at)
            worth = journal.equity(mark, at)
            if worth != told:
                yield Violation(Rule.EQUITY, f"{told} units at {at}, the fills say {worth}")
            if lots != journal.lots(Side.LONG) - journal.lots(Side.SHORT):
                yield Violation(Rule.EQUITY, f"{lots} lots at {at}, the fills say otherwise")
            if before is not None and not booked:
                moved = (mark - before[1]) * lots - (journal.accrued(at) - before[2])
                if told - before[0] != moved:
                    yield Violation(
                        Rule.JUMP,
                        f"equity moved by {told - before[0]} units before {at}, the price by"
                        f" {moved}",
                    )
                self.counts["quiet points"] += 1
            before = (told, mark, journal.accrued(at))
            self.counts["points"] += 1
            self.counts["points with interest of several days"] += any(
                at - lot.at >= DAY for side in Side for lot in journal.open[side]
            )
        if fills or next(trades, None) is not None:
            yield Violation(Rule.TRADE, "fills or trades are left that no point of the curve knows")

    def _known_at(self, fill: Fill) -> int:
        """What crosses is known at once, what rests when the candle of the path that filled it is
        closed.
        """
        if fill.purpose is Purpose.CLOSE or (
            fill.purpose is Purpose.ENTRY and self.inputs.minutes is None
        ):
            return fill.at
        return fill.at - fill.at % self.path.ms + self.path.ms

    def _mark(self, journal: Journal, at: int) -> int:
        """The last close; on a path of 15m candles an entry is marked where it crossed until its
        candle ends.
        """
        crossed = max((lot.at for side in Side for lot in journal.open[side]), default=0)
        mark = self.path.mark(at)
        return (
            self.path.price_at(crossed)
            if self.inputs.minutes is None and crossed > at - at % QUARTER
            else mark
        )

    def _booked(self, journal: Journal, fill: Fill, trades: Iterator[Trade]) -> Iterator[Violation]:
        if units(fill.fee_jpy) != journal.fee(fill):
            yield Violation(
                Rule.FEE, f"{fill.purpose} paid {fill.fee_jpy}, must be {journal.fee(fill)} units"
            )
        expected = journal.post(fill)
        if expected is None:
            return
        told = next(trades, None)
        if told is None:
            yield Violation(Rule.TRADE, f"fill {fill.sequence} made no trade")
            return
        self.counts[f"exits {told.reason}"] += 1
        self.counts["parts"] += not told.ends_position
        self.counts["interest of several days"] += (
            self.settings.account == "margin" and fill.at - expected.opened_at >= DAY
        )
        if told.reason is not EXITS.get(fill.purpose, told.reason):
            yield Violation(Rule.TRADE, f"a {fill.purpose} fill ended as {told.reason}")
        for violation in invariants.trade(told, fill, expected):
            yield Violation(Rule.TRADE, violation.found)

    def _counted(self) -> Iterator[Violation]:
        done, counts = self.done, self.done.counts
        ends = Counter(trade.ends_position for trade in done.trades)
        expected = {
            "entries": len(done.entries),
            "fills": len(done.fills),
            "positions": ends[True],
            "partial_closes": ends[False],
            "stops": sum(fill.purpose is Purpose.STOP for fill in done.fills),
            "targets": sum(fill.purpose is Purpose.TARGET for fill in done.fills),
            "closes": sum(fill.purpose is Purpose.CLOSE for fill in done.fills),
        }
        wrong = {
            name: (counts[name], count) for name, count in expected.items() if counts[name] != count
        }
        ends_at = done.curve.equity_units[-1].item(), done.curve.equity_units[0].item()
        if wrong or ends_at != (units(done.end_equity_jpy), units(done.start_equity_jpy)):
            yield Violation(
                Rule.COUNTS,
                f"{wrong}, equity from {done.start_equity_jpy} to {done.end_equity_jpy}",
            )
        candles = int(
            np.count_nonzero(
                (done.curve.at > self.inputs.start_at) & (done.curve.at % QUARTER == 0)
            )
        )
        if sum(done.denials.values()) > candles:
            yield Violation(
                Rule.COUNTS, f"{sum(done.denials.values())} denials in {candles} candles"
            )
        for reason, count in done.denials.items():
            self.counts[f"denied {reason}"] += count
        for event in done.events:
            self.counts[f"event {event.reason}"] += 1


def _rules(inputs: Inputs) -> PairRules:
    """The pair's rules with the fees that the settings put in their place."""
    from dataclasses import replace
    from decimal import Decimal

    asked = inputs.settings.replay
    fees = {"maker_fee_rate": asked.maker_fee_rate, "taker_fee_rate": asked.taker_fee_rate}
    return replace(
        inputs.rules, **{name: Decimal(str(fee)) for name, fee in fees.items() if fee is not None}
    )


def _journal(inputs: Inputs, rules: PairRules) -> Journal:
    spot = inputs.settings.account == "spot"
    days: Mapping[Side, Any] = {
        Side.LONG: rules.long_interest_rate_day,
        Side.SHORT: rules.short_interest_rate_day,
    }
    journal = Journal(
        kind=inputs.settings.account,
        capital=units(inputs.settings.capital_jpy),
        maker=Fraction(rules.maker_fee_rate),
        taker=Fraction(rules.taker_fee_rate),
        interest_day={side: Fraction(0) if spot else Fraction(rate) for side, rate in days.items()},
    )
    journal._book("cash", "capital", journal.capital)
    return journal


def difference(one: Replayed, other: Replayed, *, but: frozenset[str] = frozenset()) -> str:
    """The first field in which two results differ, with the values; empty where they are equal."""
    for name in (item.name for item in fields(Replayed) if item.name not in but):
        mine, theirs = getattr(one, name), getattr(other, name)
        if name == "curve":
            columns = ("at", "equity_units", "close", "lots")
            same = all(
                np.array_equal(getattr(mine, column), getattr(theirs, column)) for column in columns
            )
        elif name == "counts":
            same = (
                {**mine, "visits": 0} == {**theirs, "visits": 0}
                if "visits" in but
                else mine == theirs
            )
        else:
            same = mine == theirs
        if not same:
            return f"{name}: {_first(mine, theirs)}"
    return ""


def _first(mine: Any, theirs: Any) -> str:
    if isinstance(mine, tuple) and isinstance(theirs, tuple):
        at = next(
            (
                number
                for number, pair in enumerate(zip(mine, theirs, strict=False))
                if pair[0] != pair[1]
            ),
            None,
        )
        return (
            f"{len(mine)} and {len(theirs)}"
            if at is None
            else f"number {at}: {mine[at]} and {theirs[at]}"
        )
    return f"{mine} and {theirs}"
