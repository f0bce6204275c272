"""In which order the steps of a tick run, which of them run at all, and what it means that one
fails.
"""

from dataclasses import replace

import pytest

from shared.core.errors import LeaseLost
from shared.core.reasons import Reason
from shared.core.types import Action, Holdings, Issue, PairRules, Purpose, TickStatus, Timeframe
from shared.stores.memory import MemoryDocuments
from shared.tick.guard import TickGuard
from shared.tick.meter import Meter
from shared.turn.sequence import NO_SIGNAL, run, run_unguarded
from shared.turn.state import CandleProgress
from shared.turn.turn import Ending
from tests.support.begun_turns import AT, MINUTE, PRICE, T0, Asked, Begun, quarters

LATE = Ending(status=TickStatus.LATE, reason=Reason.TICK_LATE)
OFF = Ending(status=TickStatus.DEGRADED, reason=Reason.CLOCK_SKEW)
ALL = ["reconcile", "protect", "fetch", "signal", "decide", "order"]


class Feed:
    requests = 0


class Steady:
    """Runs each step as the guard behind it does; `ran` names them in order, and `broken` raises
    what it is told to.
    """

    def __init__(self, guard=run_unguarded, **broken):
        self.guard, self.broken, self.ran = guard, broken, []

    def __call__(self, step, turn, found):
        self.ran.append(step)
        return self.guard(step, turn, self._breaking(step, found))

    def _breaking(self, step, found):
        if step in self.broken:
            raise self.broken[step]
        return (yield from found)


class Run:
    """A whole sequence: a signal that enters, a book, and nothing held, but for what is said."""

    def __init__(
        self,
        made,
        *,
        orders=(),
        lots=0,
        occasion=None,
        state=None,
        settings=None,
        tolerant=False,
        **answers,
    ):
        held = (made.position(made.part(PRICE, lots)),) if lots else ()
        account = made.account(
            positions=held,
            orders=orders,
            next_order_id=50,
            next_fill_sequence=9,
            last_price=PRICE,
            settled_until=T0 + 7 * MINUTE,
        )
        self.it = Begun(
            made, account, settings or made.settings(), occasion=occasion or {}, **(state or {})
        )
        market = made.market(
            candles={Timeframe.M15: quarters(12)}, book=made.book(at=AT), rules=PairRules()
        )
        self.source = Asked(**{"market": market, "signal": made.signal(as_of=T0), **answers})
        self.it.steps = replace(self.it.steps, source=self.source)
        meter = Meter(MemoryDocuments(), Feed())
        self.guard = TickGuard(self.it.turn, meter) if tolerant else run_unguarded

    def __call__(self, **broken):
        self.steady = Steady(self.guard, **broken)
        return run(self.it.turn, self.it.steps, self.steady)

    @property
    def ran(self):
        return self.steady.ran

    @property
    def records(self):
        return [(record.what, record.intent.purpose) for record in self.it.hands.records]


def test_every_step_runs_once_and_in_its_order(made):
    one = Run(made)
    turn = one()
    assert one.ran == [*ALL, "cover"]
    assert (turn.ending, turn.failed, turn.is_trusted) == (None, (), True)
    assert turn.decision.action is Action.ENTER
    assert one.records == [("place", Purpose.ENTRY)]
    assert one.it.hands.records[0].intent.id == "t.d.entry.1"
    assert turn.state.candle == CandleProgress(as_of=T0, attempts_used=1, closed=False)
    assert [order.intent.purpose for order in turn.holdings.orders] == [Purpose.ENTRY], (
        "what was sent is seen"
    )


def test_where_nothing_was_ordered_there_is_nothing_to_see_after_it(made):
    one = Run(made, signal=made.signal(as_of=T0, side=None))
    assert one().decision.action is Action.DENY
    assert one.ran == ALL
    assert one.records == []


@pytest.mark.parametrize("lots", [0, 100])
def test_a_refusal_leaves_protection_and_nothing_else(made, lots):
    for refusal in (LATE, OFF):
        one = Run(
            made, lots=lots, state={"plan": made.plan(stop_price=9_700_000)}, refusals=[refusal]
        )
        turn = one()
        assert one.ran == ["reconcile", "protect"]
        assert (turn.ending, turn.decision, turn.market) == (refusal, None, None)
        assert one.records == ([("place", Purpose.STOP), ("place", Purpose.TARGET)] if lots else [])


def test_where_a_stop_was_refused_the_market_is_asked_all_the_same_and_nothing_is_decided(made):
    for more in ({"refusals": [LATE]}, {"occasion": {"readable": False}}):
        one = Run(made, lots=100, state={"plan": made.plan(stop_price=9_700_000)}, **more)
        one.it.hands._rules = PairRules(
            max_market_lots=7
        )  # what the exchange takes, as long as the tick has read no rules
        turn = one()
        assert one.ran == ["reconcile", "protect", "fetch"]
        outcomes = [
            record.outcome
            for record in one.it.hands.records
            if record.intent.purpose is Purpose.STOP
        ]
        assert outcomes == ["rejected", "accepted"]
        assert turn.market is not None
        assert turn.decision is None
        assert one.source.asked[1:] == []


def test_a_clock_that_proves_wrong_while_the_market_is_read_decides_nothing(made):
    one = Run(made, refusals=[None, OFF])
    turn = one()
    assert one.ran == ["reconcile", "protect", "fetch"]
    assert (turn.ending, turn.decision, one.records) == (OFF, None, [])


def test_what_lies_damaged_is_the_ending_unless_something_went_wrong_before(made):
    first, second = (
        Issue(reason=reason, forbids_entry=True, context={"found": f"{reason} is broken"})
        for reason in (Reason.CONTROL_DAMAGED, Reason.INTENT_DAMAGED)
    )
    one = Run(made, occasion={"damage": (first, second)})
    expected = Ending(
        status=TickStatus.DEGRADED,
        reason=Reason.CONTROL_DAMAGED,
        detail="control_damaged is broken",
    )
    assert one().ending == expected
    assert one.ran[:6] == ALL, "it is the market's issue that forbids entries, and exits go on"
    one = Run(made, occasion={"damage": (first,)})
    one.it.turn = one.it.turn.end_with(LATE)
    assert one().ending == LATE


def test_a_state_that_cannot_be_read_whole_decides_nothing(made):
    one = Run(made, occasion={"readable": False})
    turn = one()
    assert (one.ran, turn.decision, turn.is_trusted) == (["reconcile", "protect"], None, False)


def test_a_plan_that_no_state_knows_of_protects_and_counts_as_an_attempt(made):
    unsaved = made.plan(stop_price=9_600_000, as_of=T0)
    one = Run(
        made,
        lots=100,
        occasion={"unsaved": (made.plan(stop_price=9_500_000, as_of=1), unsaved)},
        state={"plan": made.plan(stop_price=9_700_000), "candle": CandleProgress(as_of=T0)},
    )
    turn = one()
    assert one.it.hands.records[0].intent.trigger_price == 9_600_000
    assert turn.state.candle.attempts_used == 1
    assert turn.state.plan == unsaved


def test_a_market_that_was_not_read_is_the_ending_also_where_nothing_was_at_stake(made):
    missing = Issue(reason=Reason.BOOK_MISSING, forbids_entry=True)
    market = made.market(candles={Timeframe.M15: quarters(12)}, book=None, issues=(missing,))
    one = Run(made, market=market)
    assert one().ending == Ending(
        status=TickStatus.DEGRADED, reason=Reason.BOOK_MISSING, issue=missing
    )
    one = Run(made, market=market, occasion={"halted": True})
    assert one().ending == Ending(status=TickStatus.HALTED, reason=Reason.HALTED_BY_PERSON), (
        "the first one stays"
    )


def test_a_replay_raises_what_a_step_raises(made):
    with pytest.raises(ZeroDivisionError, match="surprise"):
        Run(made, market=ZeroDivisionError("surprise"))()


BREAKS = {
    "reconcile": ["reconcile", "protect"],
    "protect": [*ALL, "cover"],
    "fetch": ["reconcile", "protect", "fetch"],
    "signal": ALL,
    "decide": ALL[:5],
    "order": ALL,
    "cover": [*ALL, "cover"],
}


@pytest.mark.parametrize("step", BREAKS)
def test_in_a_tick_a_step_that_fails_is_the_ending_and_the_tick_goes_on(made, step):
    one = Run(made, tolerant=True)
    turn = one(**{step: ZeroDivisionError("surprise")})
    assert one.ran == BREAKS[step]
    reason = Reason.EXIT_UNPROTECTED if step == "protect" else Reason.STEP_FAILED
    detail = f"{step}: ZeroDivisionError: surprise"
    assert turn.ending == Ending(status=TickStatus.DEGRADED, reason=reason, detail=detail)
    assert (turn.failed, turn.is_trusted) == ((step,), step != "reconcile")
    assert [("place", Purpose.ENTRY)] * (step in {"protect", "cover"}) == one.records, (
        "what breaks before an order forbids it"
    )
    assert (NO_SIGNAL in turn.issues) is (step == "signal")


@pytest.mark.parametrize("step", BREAKS)
def test_a_lost_lease_ends_the_tick_at_once(made, step):
    one = Run(made, tolerant=True)
    with pytest.raises(LeaseLost):
        one(**{step: LeaseLost("another tick has the account")})
    assert one.ran[-1] == step
    assert one.guard.turn.failed == ()


def test_a_signal_that_breaks_half_way_keeps_what_was_read_and_enters_nothing(made):
    state = {"signal": made.signal(as_of=T0), "candle": CandleProgress(as_of=T0, closed=False)}
    one = Run(made, tolerant=True, model=ZeroDivisionError("surprise"), state=state)
    turn = one()
    assert turn.failed == ("signal",)
    assert turn.market.issues[-1] is turn.issues[0] is NO_SIGNAL
    assert (turn.decision.action, turn.decision.reason, one.records) == (
        Action.DENY,
        Reason.STEP_FAILED,
        [],
    )
    assert NO_SIGNAL.forbids_entry is True


def test_a_position_ends_at_its_time_though_the_signal_is_broken(made):
    stop = made.order(1, made.stop(9_000_000))
    state = {"plan": made.plan(exit_by=AT), "signal": made.signal(as_of=T0)}
    one = Run(
        made,
        lots=100,
        orders=(stop,),
        tolerant=True,
        model=ZeroDivisionError("surprise"),
        state=state,
    )
    turn = one()
    assert (turn.decision.reason, turn.holdings.positions) == (Reason.EXIT_TIME, ())


def test_what_an_order_did_before_it_failed_is_seen_and_covered(made):
    one = Run(made, tolerant=True)
    send = one.it.hands.send

    def breaking(step, **more):
        send(step, **more)
        raise ZeroDivisionError("surprise")

    one.it.hands.send = breaking
    turn = one()
    assert one.ran == [*ALL, "cover"]
    assert (turn.failed, turn.ordered) == (("order",), True)
    assert [order.intent.purpose for order in turn.holdings.orders] == [Purpose.ENTRY]


def test_an_account_that_cannot_be_reconciled_is_protected_by_what_is_known_of_it(made):
    state = {"plan": made.plan(stop_price=9_700_000), "halted_at": 5}
    one = Run(made, tolerant=True, lots=100, state=state, occasion={"lifts": 5})
    turn = one(reconcile=ZeroDivisionError("surprise"))
    assert one.ran == ["reconcile", "protect"]
    assert one.records == [("place", Purpose.STOP), ("place", Purpose.TARGET)]
    assert isinstance(turn.holdings, Holdings)
    assert turn.state.halted_at == 5, "no halt is taken back on it"


def test_nothing_of_an_account_that_nobody_could_read_is_asked_again(made):
    one = Run(made, tolerant=True)
    turn = one(reconcile=ZeroDivisionError("surprise"), protect=ZeroDivisionError("surprise"))
    assert (one.ran, turn.holdings, turn.market) == (["reconcile", "protect"], None, None)


@pytest.mark.parametrize(
    ("step", "forgets", "last"),
    [
        ("fetch", "market", "fetch"),
        ("fetch", "holdings", "fetch"),
        ("signal", "market", "decide"),
        ("decide", "market", "decide"),
        ("decide", "holdings", "decide"),
        ("decide", "decision", "decide"),
    ],
)
def test_nothing_is_decided_or_sent_on_what_a_step_did_not_leave(made, step, forgets, last):
    one = Run(made)

    def forgetful(name, turn, found):
        turn = run_unguarded(name, turn, found)
        return replace(turn, **{forgets: None}) if name == step else turn

    one.guard = forgetful
    one()
    assert one.ran == ALL[: ALL.index(last) + 1]
    assert one.records == []


FLATTENS = {"flattens": True, "halted": True}


def test_what_a_person_lets_close_is_closed_and_the_decision_gives_way(made):
    one = Run(made, lots=100, occasion=FLATTENS, state={"plan": made.plan(stop_price=9_700_000)})
    turn = one()
    assert one.ran == [*ALL[:5], "decide", "order", "cover"]
    assert (turn.decision.action, turn.decision.reason) == (Action.EXIT, Reason.EXIT_FLATTEN)
    assert (turn.decision.lots, turn.decision.as_of) == (100, T0)
    assert (turn.ending.status, turn.ending.reason) == (
        TickStatus.HALTED,
        Reason.HALTED_BY_PERSON,
    )
    assert ("place", Purpose.CLOSE) in one.records
    assert not turn.holdings.positions


def test_where_nothing_is_held_a_flatten_is_a_halt_and_no_more(made):
    one = Run(made, occasion=FLATTENS)
    turn = one()
    assert one.ran == ALL
    assert turn.decision.reason is Reason.HALTED_BY_PERSON
    assert one.records == []


@pytest.mark.parametrize("broken", ["fetch", "signal"])
def test_no_step_that_breaks_keeps_what_is_held_from_being_closed(made, broken):
    one = Run(
        made,
        lots=100,
        occasion=FLATTENS,
        state={"plan": made.plan(stop_price=9_700_000)},
        tolerant=True,
    )
    turn = one(**{broken: ValueError("broken")})
    assert broken in turn.failed
    assert turn.ending.status is TickStatus.DEGRADED
    assert turn.decision.reason is Reason.EXIT_FLATTEN
    assert turn.decision.as_of == (turn.state.candle.as_of if broken == "fetch" else T0)
    assert ("place", Purpose.CLOSE) in one.records
    assert not turn.holdings.positions


@pytest.mark.parametrize("refusal", [LATE, OFF])
def test_a_refusal_keeps_nothing_that_a_person_lets_close_from_it(made, refusal):
    one = Run(
        made,
        lots=100,
        occasion=FLATTENS,
        state={"plan": made.plan(stop_price=9_700_000)},
        refusals=[refusal],
    )
    turn = one()
    assert one.ran == ["reconcile", "protect", "fetch", "decide", "order", "cover"]
    assert turn.ending == refusal
    assert turn.decision.reason is Reason.EXIT_FLATTEN
    assert not turn.holdings.positions


def test_what_only_the_look_of_the_protection_shows_is_closed_too(made):
    one = Run(made, lots=100, occasion=FLATTENS, tolerant=True)
    turn = one(reconcile=ValueError("broken"))
    assert not turn.is_trusted
    assert turn.ending.status is TickStatus.DEGRADED
    assert [record for record in one.records if record == ("place", Purpose.CLOSE)]
    assert not turn.holdings.positions


def test_where_nobody_says_what_is_held_nothing_is_closed(made):
    one = Run(made, lots=100, occasion=FLATTENS, tolerant=True)
    turn = one(reconcile=ValueError("broken"), protect=ValueError("broken"))
    assert turn.holdings is None
    assert (turn.decision, one.records) == (None, [])
