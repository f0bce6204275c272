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
from shared.turn.attending import SAVING_MS
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
    hands.is_attended = False
    it = Told(made, hands, market=UNREADABLE, refusals=refusals)
    assert it.ran == ["reconcile", "protect", "fetch"]
    assert it.sent == ["t.p.stop.1"]


def test_with_a_market_nothing_is_protected_blindly(made, holds, market):
    bare = holds(there_lots={Side.LONG: 0})
    it = Told(made, Answering(bare, **REFUSED), market=market, refusals=(LATE,))
    assert it.ran == ["reconcile", "protect", "fetch", "attend"]
    assert [sent for sent in it.sent if "stop" in sent][:2] == ["t.p.stop.1", "t.q.stop.1"]
    assert not [sent for sent in it.sent if ".z." in sent]


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


# what is bare at the end


SHOWS_MS = 14_000
"""So long after `AT` what was refused a stop shows, and then it gets one."""


def shows_later(holds, **more):
    """Nothing shows of what the book holds, and stops are refused; then all of it does."""
    later = {SHOWS_MS: {"holds": holds(there_lots={Side.LONG: 40}), "refuses": {}}}
    return Answering(holds(there_lots={Side.LONG: 0}), later=later, **{**REFUSED, **more})


@pytest.mark.parametrize("refusals", [(), (LATE,)])
def test_what_is_bare_at_the_end_is_stayed_with_until_it_has_its_stop(
    made, holds, market, refusals
):
    hands = shows_later(holds)
    it = Told(made, hands, market=market, refusals=refusals)
    assert it.ran[-1] == "attend"
    assert it.ran.count("attend") == 1
    assert "attend" not in it.turn.failed
    stops = [what for what in hands.noted if what[1] == "place" and "stop" in what[2]]
    assert stops[-1][0] == SHOWS_MS + 1_000, "at the next look"
    assert stops[-1][2].startswith("t.b"), "no id of an attended entry's"
    assert len({*it.sent}) == len(it.sent)
    assert [one.intent.purpose for one in it.turn.holdings.orders][:1] == [Purpose.STOP]


def test_what_was_bare_at_the_end_and_the_tick_has_to_answer_is_told(made, holds, market):
    hands = Answering(holds(there_lots={Side.LONG: 0}), **REFUSED)
    it = Told(made, hands, market=market, refusals=(LATE,))
    assert it.ran[-1] == "attend"
    assert "attend" in it.turn.failed


def test_nobody_stays_where_nothing_is_bare_or_where_nobody_can(made, holds, market):
    stop, close = made.stop(9_000_000, 40), made.close(40)
    last_ms = int(made.settings().tick.answer_by_seconds * 1_000) - SAVING_MS
    cases = [
        (Answering(holds(made.order(1, stop))), False),
        (Answering(holds(made.order(1, stop), there_lots={Side.LONG: 0})), False),
        (shows_later(holds), True),
        (shows_later(holds, at_ms=last_ms - 1), True),
        (shows_later(holds, at_ms=last_ms), False),
    ]
    for hands, stays in cases:
        it = Told(made, hands, market=market, refusals=(LATE,))
        assert ("attend" in it.ran) is stays, hands.noted
    hands = shows_later(holds)
    hands.is_attended = False
    assert "attend" not in Told(made, hands, market=market, refusals=(LATE,)).ran
    resting = Answering(holds(made.order(1, close), there_lots={Side.LONG: 0}), **REFUSED)
    assert "attend" not in Told(made, resting, market=market, refusals=(LATE,)).ran


def test_what_was_stayed_with_to_the_last_second_is_not_stayed_with_again(made, holds, market):
    refuses = dict.fromkeys((Purpose.STOP, Purpose.CLOSE), Reason.REJECTED_BY_EXCHANGE)
    hands = Answering(holds(there_lots={Side.LONG: 40}), refuses=refuses)
    it = Told(made, hands, market=market, flattens=True)
    assert it.ran.count("attend") == 1
    assert "attend" in it.turn.failed
    assert it.ran[-1] == "cover"
