"""A turn at a real exchange whose account answers what a test says, and notes what it is asked."""

from collections import Counter
from dataclasses import replace

from shared.core.reasons import Reason
from shared.core.types import Accepted, Order, Purpose, Rejected, Unknown
from shared.orders.carry_out import record_of
from shared.orders.own_book import open_ledger
from shared.orders.plan import Cancel
from shared.turn.state import State
from shared.turn.steps import Steps
from shared.turn.turn import Occasion, Turn
from tests.support.begun_turns import AT, T0, after

LEDGER = open_ledger(1_000_000, T0)
PATIENCE = 3_000


class Answering:
    """A clock and an account. `noted` is what was asked and sent: the milliseconds since `AT`,
    what it was, and of an order its id.

    `later` says what changes when, in the same milliseconds. An order that is taken rests, a close
    closes, and a cancelled order goes where it `ends`. Of purposes that it `loses` no answer comes,
    and so many readings right after an order fail as it has `failures_after_orders`. With
    `room_lots` stops are refused that together with those that rest are for more.
    """

    is_attended = True

    def __init__(self, holds, *, at_ms=0, later=None, **now):
        self.holds, self.now, self.noted, self.records = holds, AT + at_ms, [], []
        self.has_unfound_entry = self.is_shutting_down = self.news = False
        self.failure = self.cancel_failure = self.look_failure = None
        self.ends, self.refuses, self.loses, self.failures_after_orders = True, {}, (), []
        self.room_lots = None
        self.reconciled, self.sent_with, self._asked = [], [], 0
        self._later = sorted((later or {}).items(), key=lambda change: change[0])
        self._change(now)

    @property
    def ms(self):
        return self.now - AT

    def now_ms(self):
        self._asked += 1
        assert self._asked < PATIENCE, "nobody asks for ever"
        return self.now

    def sleep_until(self, at_ms):
        assert self.now < at_ms < AT + 3_600_000, "time passes, and not for ever"
        self.now = at_ms
        while self._later and self._later[0][0] <= self.ms:
            self._change(self._later.pop(0)[1])

    def holdings(self, now_ms):
        assert now_ms == self.now
        is_after_an_order = bool(self.noted) and self.noted[-1][1] == "place"
        self.noted.append((self.ms, "read"))
        if is_after_an_order and self.failures_after_orders:
            raise self.failures_after_orders.pop()
        if self.failure is not None:
            raise self.failure
        return self.holds

    def reconcile(self, now_ms):
        self.reconciled.append(now_ms - AT)
        return self.holds

    def has_news(self):
        self.noted.append((self.ms, "look"))
        if self.look_failure is not None:
            raise self.look_failure
        return self.news

    def send(self, step, *, book, rules, plan):
        is_cancel = isinstance(step, Cancel)
        intent = step.order.intent if is_cancel else step.intent
        self.noted.append((self.ms, "cancel" if is_cancel else "place", intent.id))
        self.sent_with.append((book, rules, plan))
        if is_cancel and self.cancel_failure is not None:
            raise self.cancel_failure
        order = step.order if is_cancel else self._order(intent)
        refusal = None if is_cancel else self._refusal(intent)
        outcome = Accepted(order=order) if refusal is None else Rejected(reason=refusal)
        if not is_cancel and intent.purpose in self.loses:
            refusal = outcome = Unknown()
        self.records.append(record_of(step, outcome))
        if refusal is None:
            self._take(order, is_cancel=is_cancel)
        return self.records[-1]

    @property
    def lost_stop_lots(self):
        lost = Counter()
        for record in self.records:
            if record.outcome == "unknown" and record.intent.purpose is Purpose.STOP:
                lost[record.intent.side] += record.intent.lots
        return lost

    def _refusal(self, intent):
        if self.room_lots is not None and intent.purpose is Purpose.STOP:
            stops = (one for one in self.holds.orders if one.intent.purpose is Purpose.STOP)
            if sum(one.remaining_lots for one in stops) + intent.lots > self.room_lots:
                return Reason.QUANTITY_HELD
        return self.refuses.get(intent.purpose)

    def _order(self, intent):
        number = 100 + len(self.records)
        return Order(order_id=number, intent=intent, placed_at=self.now, remaining_lots=intent.lots)

    def _take(self, order, *, is_cancel):
        held = self.holds
        if is_cancel and self.ends:
            rest = tuple(one for one in held.orders if one.order_id != order.order_id)
            self.holds = replace(held, orders=rest)
        elif not is_cancel and order.intent.purpose is Purpose.CLOSE:
            self.holds = replace(held, positions=())
        elif not is_cancel:
            self.holds = replace(held, orders=(*held.orders, order))

    def _change(self, what):
        for name, value in what.items():
            assert hasattr(self, name)
            setattr(self, name, value)


class RealTurn:
    """A turn on such an account. `runs` runs a step or another part of the turn."""

    def __init__(self, hands, settings, *, name="t.", knows=True, flattens=False, **state):
        self.hands = hands
        self.steps = Steps(clock=hands, hands=hands, source=None, settings=settings)
        self.turn = Turn(
            occasion=Occasion(name=name, scheduled_at=AT, flattens=flattens),
            state=State(**{"mode": "live", "stage": "full", **state}),
            holdings=hands.holds if knows else None,
        )

    def runs(self, found):
        self.turn = after(self.turn, found)
        return self.turn
