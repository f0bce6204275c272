"""Which steps of a tick run at a real exchange: the entry is attended, and what is bare is
protected also where the market could not be read at all.
"""

from dataclasses import replace

import pytest

from shared.core.errors import Unavailable
from shared.core.reasons import Reason
from shared.core.types import Purpose, Side, TickStatus, Timeframe
from shared.stores.memory import MemoryDocuments
from shared.tick.guard import TickGuard
from shared.tick.meter import Meter
from shared.turn.sequence import run
from shared.turn.state import CandleProgress
from shared.turn.turn import Ending
from tests.support.begun_turns import AT, PRICE, T0, Asked, quarters
from tests.support.real_turns import LEDGER, Answering, RealTurn

LATE = Ending(status=TickStatus.LATE, reason=Reason.TICK_LATE)
UNREADABLE = Unavailable("bitbank answered with status 503")
REFUSED = {"refuses": {Purpose.STOP: Reason.REJECTED_BY_EXCHANGE}}


class Feed:
    requests = 0


class Told:
    """A whole sequence, as a tick runs it: `ran` names the steps in order, `sent` the ids."""

    def __init__(self, made, hands, *, market, refusals=(), flattens=False):
        it = RealTurn(
            hands,
            made.settings(),
            knows=False,
            flattens=flattens,
            plan=made.plan(),
            candle=CandleProgress(as_of=T0, closed=True),
        )
        source = Asked(market=market, refusals=refusals)
        self.ran, steps = [], replace(it.steps, source=source)
        guard = TickGuard(it.turn, Meter(MemoryDocuments(), Feed()))

        def noting(step, turn, found):
            self.ran.append(step)
            return guard(step, turn, found)

        self.turn = run(it.turn, steps, noting)
        self.sent = [what[2] for what in hands.noted if len(what) > 2]


@pytest.fixture
def holds(made):
    def making(*orders, **more):
        position = made.position(made.part(PRICE, 40))
        return made.holdings(position, orders=orders, **{"ledger": LEDGER, **more})

    return making


@pytest.fixture
def market(made):
    return made.market(candles={Timeframe.M15: quarters(12)}, book=made.book(at=AT))


@pytest.mark.parametrize("refusals", [(), (LATE,)])
def test_where_no_market_could_be_read_what_is_bare_is_protected_blindly(made, holds, refusals):
    passed = holds(made.order(1, made.target(10_300_000, 40)), mark_price=made.book(9_700_000).bid)
    it = Told(made, Answering(passed), market=UNREADABLE, refusals=refusals)
    assert it.ran == ["reconcile", "protect", "fetch", "protect"]
    assert it.sent == ["t.target.1", "t.z.close.2"]
    assert it.turn.holdings.positions == ()


@pytest.mark.parametrize("refusals", [(), (LATE,)])
def test_on_paper_nothing_is_protected_blindly(made, holds, refusals):
    hands = Answering(holds(ledger=None), **REFUSED)
    it = Told(made, hands, market=UNREADABLE, refusals=refusals)
    assert it.ran == ["reconcile", "protect", "fetch"]
    assert it.sent == ["t.p.stop.1"]


def test_with_a_market_nothing_is_protected_blindly(made, holds, market):
    bare = holds(there_lots={Side.LONG: 0})
    it = Told(made, Answering(bare, **REFUSED), market=market, refusals=(LATE,))
    assert it.ran == ["reconcile", "protect", "fetch"]
    assert [sent for sent in it.sent if "stop" in sent] == ["t.p.stop.1", "t.q.stop.1"]


def test_what_is_covered_is_not_protected_again(made, holds):
    covered = holds(made.order(1, made.stop(9_000_000, 40)))
    it = Told(made, Answering(covered), market=UNREADABLE)
    assert it.ran == ["reconcile", "protect", "fetch"]
    assert it.sent == []


@pytest.mark.parametrize(
    ("is_attended", "there", "then"),
    [
        (True, 40, ["order", "attend", "cover"]),
        (False, 40, ["order", "cover"]),
        (True, 0, ["order"]),
    ],
)
def test_what_was_ordered_at_a_real_exchange_is_attended(
    made, holds, market, is_attended, there, then
):
    held = holds(made.order(1, made.stop(9_000_000, 40)), there_lots={Side.LONG: there})
    hands = Answering(held)
    hands.is_attended = is_attended
    it = Told(made, hands, market=market, flattens=True)
    assert it.ran[:2] == ["reconcile", "protect"]
    assert it.ran[-len(then) - 1 :] == ["decide", *then]
    assert ("t.d.close.1" in it.sent) is bool(there)
