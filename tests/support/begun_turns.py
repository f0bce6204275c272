"""A turn with the account of a replay as its hands, one step at a time, and a source that answers
what it is told to.
"""

import numpy as np

from shared.core.types import Candles, PairRules, Timeframe
from shared.market.candles import empty_candles
from shared.orders import plan as planning
from shared.replay.hands import AccountInHand
from shared.turn import steps as steps_module
from shared.turn.state import State
from shared.turn.steps import Steps
from shared.turn.turn import Occasion, Turn

T0, MINUTE, QUARTER = 1_699_999_200_000, 60_000, 900_000  # T0: 22:00 UTC
PRICE = 10_000_000
AT = T0 + 7 * MINUTE + 1_000


def quarters(count, *, until=T0, price=PRICE):
    opened_at = until - QUARTER * np.arange(count, 0, -1, dtype=np.int64)
    flat = np.full(count, float(price))
    return Candles(
        timeframe=Timeframe.M15,
        opened_at=opened_at,
        open=flat,
        high=flat,
        low=flat,
        close=flat,
        volume=flat,
    )


class Noting(AccountInHand):
    """The account of a replay; it notes what it was asked, and carrying something out takes
    `takes_ms`.
    """

    takes_ms = 0

    def __init__(self, account, **more):
        super().__init__(account, **more)
        self.sent, self.reconciled = [], []

    def reconcile(self, now_ms):
        self.reconciled.append(now_ms)
        return super().reconcile(now_ms)


def note_what_is_carried_out(monkeypatch):
    """The order loop, as it is, notes what it was given."""
    real = steps_module.carry_out

    def noting(steps, hands, *, book=None, rules=None, plan=None):
        hands.sent.append((tuple(steps), book, rules, plan))
        opened = real(steps, hands, book=book, rules=rules, plan=plan)
        hands.now += hands.takes_ms
        return opened

    monkeypatch.setattr(steps_module, "carry_out", noting)


def after(turn, found):
    """What is known after a step: it returns what it yielded last, or what was known before."""
    last = turn
    while True:
        try:
            last = next(found)
        except StopIteration as end:
            returned = end.value
            break
    assert returned is last
    return last


class Begun:
    """A turn with its hands and its steps; `held` books what these hold, `runs` runs a step on what
    is held.
    """

    def __init__(self, made, account, settings, *, occasion, **state):
        rules = PairRules()
        path = empty_candles(Timeframe.M1)
        self.hands = Noting(
            account, path=path, settings=settings, rules=rules, traded=lambda account: None
        )
        self.hands.arrive(AT)
        state = State(**{"mode": "paper", "stage": "paper", **state})
        self.turn = Turn(
            occasion=Occasion(**{"name": "t.", "scheduled_at": AT, **occasion}), state=state
        )
        self.steps = Steps(clock=self.hands, hands=self.hands, source=None, settings=settings)

    def held(self):
        self.turn = after(
            self.turn, self.steps.book(self.turn, self.hands.holdings(self.hands.now))
        )
        return self.turn

    def runs(self, step, *what, **more):
        self.turn = after(self.turn, getattr(self.steps, step)(self.turn, *what, **more))
        return self.turn

    def looks_at(self, market):
        return self.runs("look_at", self.turn.holdings, market)

    def decides(self, market):
        return self.runs("decide", self.turn.holdings, market)

    def is_due(self, at=AT):
        return self.steps.is_due(self.turn.state, self.turn.holdings, at)

    @property
    def is_bare(self):
        return self.steps.is_bare(self.turn.holdings)

    @property
    def placed(self):
        return [
            step.intent
            for steps, *_ in self.hands.sent
            for step in steps
            if isinstance(step, planning.Place)
        ]

    @property
    def canceled(self):
        return [
            step.order.order_id
            for steps, *_ in self.hands.sent
            for step in steps
            if isinstance(step, planning.Cancel)
        ]


class Asked:
    """A source that answers what it is told to; `asked` is what it was asked."""

    def __init__(self, *, signal=None, issues=(), doubts=(), model="m", market=None, refusals=()):
        self.model, self._answers, self.asked = None, (signal, issues, doubts, model), []
        self._market, self._refusals = market, list(refusals)

    def refusal(self):
        """The next of the refusals, then none."""
        return self._refusals.pop(0) if self._refusals else None

    def market(self, holdings, *, may_enter):
        self.asked.append(("market", holdings, may_enter()))
        if isinstance(self._market, Exception):
            raise self._market
        return self._market

    def permission(self, market):
        self.asked.append("permission")
        if isinstance(self._answers[3], Exception):
            raise self._answers[3]
        self.model = self._answers[3]
        return self._answers[1]

    def signal(self, market):
        self.asked.append("signal")
        return self._answers[0]

    def doubts(self, market, signal):
        self.asked.append("doubts")
        assert signal is self._answers[0]
        return self._answers[2]
