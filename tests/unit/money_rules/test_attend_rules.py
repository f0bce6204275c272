"""How a tick stays with its entry: when it looks, reads and cancels, when it sends a stop that was
refused again, and when it gives up.
"""

import itertools
from dataclasses import replace

import pytest

from shared.core.errors import LeaseLost, Unavailable
from shared.core.reasons import Reason
from shared.core.types import PairRules, Purpose, Rejected, Side
from shared.orders.carry_out import record_of
from shared.orders.own_book import value_holdings
from shared.orders.plan import Place
from shared.turn.attending import SAVING_MS, attend, is_left_bare
from tests.support.begun_turns import AT, PRICE
from tests.support.real_turns import LEDGER, Answering, RealTurn

ENTRY, STOP = "t.d.entry.1", "t.p.stop.1"
NOT_ENDED = "the entry could not be ended in its tick; the next tick looks at it first"
UNFOUND = "nobody could say in its tick whether the entry is in the market"
BARE = "the long position of 0.0040 BTC has no stop of its size"
NOTHING_SHOWN = f"{BARE} (the exchange shows 0.0000 BTC of it), and the last was refused:"
REFUSED = {Purpose.STOP: Reason.QUANTITY_HELD}
UNREADABLE = Unavailable("bitbank answered with status 503")


@pytest.fixture
def holds(made):
    """What is held at a real exchange: with `lots` of a position, of which `covered` have a stop,
    and with the entry of this tick where it `rests`.
    """

    def making(*others, lots=0, covered=0, rests=False, **more):
        entry = (made.order(7, made.entry(9_999_500, id=ENTRY), at=AT),) if rests else ()
        stop = (made.order(8, made.stop(9_000_000, covered, id=STOP)),) if covered else ()
        positions = (made.position(made.part(PRICE, lots)),) if lots else ()
        return made.holdings(
            *positions, orders=(*entry, *stop, *others), **{"ledger": LEDGER, **more}
        )

    return making


@pytest.fixture
def attended(made):
    """Attends, and says what was noted and how it came out: the turn, or what it raised."""

    def attending(hands, market=None, *, settings=None, **more):
        it = RealTurn(hands, settings or made.settings(), **more)
        try:
            found = it.runs(attend(it.steps, it.turn, market))
        except (Unavailable, LeaseLost, ValueError) as error:
            found = error
        return hands.noted, found

    return attending


def looks(first, until, *, readings=()):
    """A look every two seconds, of which every fifth reads, and those at `readings`."""
    return [
        (at, "read" if number % 5 == 0 or at in readings else "look")
        for number, at in enumerate(range(first, until, 2_000))
    ]


# when it looks, and when it ends the entry


@pytest.mark.parametrize(("first", "cancel_at"), [(-1, 91_999), (0, 90_000), (1, 90_001)])
def test_an_entry_that_rests_is_cancelled_ten_seconds_before_its_time_is_over(
    holds, attended, first, cancel_at
):
    hands = Answering(holds(rests=True), at_ms=first)
    noted, turn = attended(hands)
    assert noted == [
        *looks(first, cancel_at),
        (cancel_at, "read"),
        (cancel_at, "cancel", ENTRY),
        (cancel_at + 2_000, "read"),
    ]
    assert hands.sent_with == [(None, None, None)]
    assert [record.reason for record in hands.records] == [Reason.ENTRY_EXPIRED]
    assert turn.holdings is hands.holds
    assert turn.holdings.orders == ()


def test_an_entry_lives_as_long_as_the_settings_say(made, holds, attended):
    settings = made.settings(tick={"no_new_order_after_seconds": 30.5, "answer_by_seconds": 115})
    noted, _ = attended(Answering(holds(rests=True)), settings=settings)
    assert noted[-3:] == [(22_000, "read"), (22_000, "cancel", ENTRY), (24_000, "read")]


@pytest.mark.parametrize("at_ms", [0, 6_000])
def test_an_entry_that_has_ended_is_attended_no_longer(holds, attended, at_ms):
    after = {6_000: {"holds": holds(), "news": True}}
    hands = Answering(holds(rests=bool(at_ms)), later=after)
    noted, turn = attended(hands)
    assert noted[-1] == (at_ms, "read")
    assert turn.holdings is hands.holds


def test_news_are_read_at_once_and_what_is_quiet_is_not(holds, attended):
    hands = Answering(holds(rests=True), later={4_000: {"news": True}, 6_000: {"news": False}})
    noted, _ = attended(hands)
    assert noted[:7] == [
        *((0, "read"), (2_000, "look"), (4_000, "look"), (4_000, "read")),
        *((6_000, "look"), (8_000, "look"), (10_000, "read")),
    ]


def test_a_fill_gets_its_stop_at_the_look_that_shows_it_and_its_target_at_the_end(
    made, holds, attended
):
    filled = holds(lots=40, rests=True, mark_price=made.book().mid)
    hands = Answering(holds(rests=True), later={4_000: {"holds": filled, "news": True}})
    noted, turn = attended(hands, plan=made.plan())
    assert [one for one in noted if one[1] not in {"read", "look"}] == [
        (4_000, "place", "t.a2x.stop.1"),
        (90_000, "cancel", ENTRY),
        (92_000, "place", "t.a46x.target.1"),
    ]
    assert [(order.intent.purpose, order.remaining_lots) for order in turn.holdings.orders] == [
        (Purpose.STOP, 40),
        (Purpose.TARGET, 40),
    ]
    assert turn.holdings is hands.holds


def test_only_an_entry_of_this_tick_is_attended(made, holds, attended):
    other = made.order(9, made.entry(9_000_000, id="t.9d.entry.1"))
    hands = Answering(holds(other, lots=40, covered=40), ends=False)
    noted, _ = attended(hands)
    assert noted == [(0, "read"), (0, "cancel", "t.9d.entry.1"), (0, "read")]
    mine = Answering(holds(other, rests=True), ends=False, later={2_000: {"ends": True}})
    assert (90_000, "cancel", ENTRY) in attended(mine)[0]


def test_an_entry_that_may_be_in_the_market_is_waited_for_and_not_cancelled(holds, attended):
    hands = Answering(holds(), has_unfound_entry=True, later={10_000: {"has_unfound_entry": False}})
    noted, turn = attended(hands)
    assert noted == [*looks(0, 10_000), (10_000, "read")]
    assert turn.holdings is hands.holds
    hands = Answering(holds(), has_unfound_entry=True)
    noted, error = attended(hands)
    assert (hands.ms, hands.records) == (100_000, [])
    assert str(error) == f"{UNFOUND}; the next tick looks at it first"


# what is bare


def test_what_is_bare_is_read_at_every_look_until_it_has_its_stop(made, holds, attended):
    bare = holds(lots=40, there_lots={Side.LONG: 0})
    hands = Answering(bare, refuses=REFUSED, later={6_000: {"refuses": {}}})
    noted, turn = attended(hands, plan=made.plan())
    assert noted == [
        *((0, "read"), (0, "place", "t.a0x.stop.1"), (0, "read")),
        *((2_000, "read"), (2_000, "place", "t.a1x.stop.1"), (2_000, "read")),
        (4_000, "read"),
        *((6_000, "read"), (6_000, "place", "t.a3x.stop.1"), (6_000, "read")),
    ]
    assert turn.holdings is hands.holds


def placed(noted):
    """When stops were sent."""
    return [at for at, what, *name in noted if what == "place" and "stop" in name[0]]


SPACED = (0, 2_000, 6_000, *range(14_000, 110_001, 8_000))
"""When a stop is sent that is refused again and again, from the first time on."""


@pytest.mark.parametrize("covered", [0, 30])
def test_while_nothing_shows_a_refused_stop_is_sent_after_2_4_and_then_every_8_seconds(
    made, holds, attended, covered
):
    """So a tick sends it sixteen times at the most, and one that would be taken though nothing
    shows is late by eight seconds at the most.
    """
    bare = holds(lots=40, covered=covered, there_lots={Side.LONG: covered})
    hands = Answering(bare, refuses=REFUSED)
    noted, _ = attended(hands, plan=made.plan())
    assert placed(noted) == list(SPACED)
    assert len(SPACED) == 16
    read = {at for at, what, *_ in noted if what == "read"}
    assert read == set(range(0, 110_001, 2_000)), "it is read at every look all the same"
    names = [name for _, what, *name in noted if what == "place"]
    assert len({*map(tuple, names)}) == len(names)


def test_a_pause_is_over_to_the_millisecond(made, holds, attended):
    """A sleep that ends a millisecond too early finds it standing."""
    early = {
        at: {"now": AT + now} for at, now in ((2_000, 1_999), (7_999, 7_998), (17_998, 17_997))
    }
    hands = Answering(holds(lots=40, there_lots={Side.LONG: 0}), refuses=REFUSED, later=early)
    noted, _ = attended(hands, plan=made.plan())
    assert placed(noted)[:4] == [0, 3_999, 9_998, 19_997]


@pytest.mark.parametrize("shows_at", range(2_000, 30_000, 2_000))
@pytest.mark.parametrize("shown", [1, 39, 40])
def test_a_stop_goes_out_at_the_very_look_that_shows_what_it_is_for(
    made, holds, attended, shows_at, shown
):
    there = holds(lots=40, there_lots={Side.LONG: shown})
    hands = Answering(
        holds(lots=40, there_lots={Side.LONG: 0}),
        refuses=REFUSED,
        later={shows_at: {"holds": there, "refuses": {}}},
    )
    noted, _ = attended(hands, plan=made.plan())
    taken = [record for record in hands.records if record.outcome == "accepted"]
    assert placed(noted)[: len(hands.records) - len(taken) + 1] == [
        *(at for at in SPACED if at < shows_at),
        shows_at,
    ]
    assert taken[0].intent.lots == shown


def sizes(hands):
    """Of the stops that were sent, each with how it came out."""
    return [
        (record.intent.lots, record.outcome == "accepted")
        for record in hands.records
        if record.what == "place" and record.intent.purpose is Purpose.STOP
    ]


def test_where_something_shows_a_stop_that_is_refused_is_sent_at_every_look(made, holds, attended):
    refuses = dict.fromkeys((Purpose.STOP, Purpose.CLOSE), Reason.REJECTED_BY_EXCHANGE)
    for there, reasons in itertools.product((1, 40, None), (REFUSED, refuses)):
        shown = {} if there is None else {"there_lots": {Side.LONG: there}}
        hands = Answering(holds(lots=40, **shown), refuses=reasons)
        noted, _ = attended(hands, plan=made.plan())
        assert sorted({*placed(noted)}) == list(range(0, 110_001, 2_000))
        whole = there or 40
        assert sizes(hands).count((whole, False)) == 56
        assert {lots for lots, _ in sizes(hands)} == (
            {40, 39, 38, 36, 32, 24, 12, 6, 3, 1} if reasons is REFUSED and whole == 40 else {whole}
        )


@pytest.mark.parametrize("rests", [False, True])
def test_where_all_shows_and_is_refused_a_part_that_is_taken_is_looked_for(
    made, holds, attended, rests
):
    """Seven of 180 lots are held by something that nobody sees: 172 are covered at the fourth look,
    and the last at the sixth. An entry that would go on growing the position ends.
    """
    hands = Answering(
        holds(lots=180, there_lots={Side.LONG: 180}, rests=rests), room_lots=173, ends=True
    )
    noted, _ = attended(hands, plan=made.plan())
    assert sizes(hands)[:7] == [
        *([(180, False)] * 3),
        *((180, False), (179, False), (178, False), (176, False), (172, True))[:4],
    ]
    assert sizes(hands)[7] == (172, True)
    assert placed(noted)[:8] == [0, 2_000, 4_000, *([6_000] * 5)]
    assert sizes(hands)[8:14] == [*((lots, False) for lots in (8, 7, 6, 4, 2)), (1, True)]
    assert {*placed(noted)[8:14]} == {8_000}
    assert sizes(hands)[14:19] == [*((lots, False) for lots in (7, 6, 5, 2, 1))]
    assert {*sizes(hands)[19:]} == {(7, False)}
    assert placed(noted)[19:] == list(range(12_000, 110_001, 2_000))
    assert ((4_000, "cancel", ENTRY) in noted) is rests
    ids = [name for _, what, *name in noted if what == "place"]
    assert len({*map(tuple, ids)}) == len(ids)


def test_what_a_stop_may_hold_of_which_no_answer_told_is_left_out_first(made, holds, attended):
    hands = Answering(
        holds(lots=180, there_lots={Side.LONG: 7}),
        loses=(Purpose.STOP,),
        later={
            2_000: {
                "holds": holds(lots=180, there_lots={Side.LONG: 180}),
                "loses": (),
                "room_lots": 173,
            }
        },
    )
    attended(hands, plan=made.plan())
    assert sizes(hands)[:6] == [(7, False), *([(180, False)] * 4), (173, True)]


def test_no_part_is_looked_for_beside_more_than_four_orders_of_ours(made, holds, attended):
    """A sixth may be what nobody sees."""
    for number in (4, 5):
        stops = [made.order(20 + one, made.stop(9_000_000, 10)) for one in range(number)]
        shown = {Side.LONG: 10 * number + 20}
        hands = Answering(
            holds(*stops, lots=10 * number + 20, there_lots=shown), room_lots=10 * number
        )
        attended(hands, plan=made.plan())
        assert ((19, False) in sizes(hands)) is (number == 4)
        assert (20, False) in sizes(hands)


def test_no_part_is_below_what_the_exchange_takes(made, holds, attended):
    """With the rest of eight, which is refused for another reason, no stop that stands goes."""
    market = made.market(book=made.book(at=AT), rules=PairRules(min_lots=10))
    hands = Answering(
        holds(lots=180, there_lots={Side.LONG: 180}),
        room_lots=173,
        later={8_000: {"room_lots": None, "refuses": {Purpose.STOP: Reason.SIZE_BELOW_MINIMUM}}},
    )
    noted, _ = attended(hands, market, plan=made.plan())
    unknown = Answering(holds(lots=180, there_lots={Side.LONG: 180}), room_lots=1)
    attended(unknown, replace(market, rules=None), plan=made.plan())
    assert (1, True) in sizes(unknown), "where no rules are known the smallest size is tried"
    assert (172, True) in sizes(hands)
    assert {lots for lots, _ in sizes(hands)} == {180, 179, 178, 176, 172, 8}
    assert [name for _, what, *name in noted if what == "cancel" and "stop" in name[0]] == []
    assert [name for _, what, *name in noted if what == "place" and "close" in name[0]] == []
    orders = {order.intent.purpose: order.remaining_lots for order in hands.holds.orders}
    assert orders[Purpose.STOP] == 172


def test_what_does_not_show_any_more_is_asked_for_whole(made, holds, attended):
    shown = holds(lots=40, there_lots={Side.LONG: 40})
    hands = Answering(
        shown,
        room_lots=0,
        later={
            8_000: {"holds": holds(lots=40, there_lots={Side.LONG: 0})},
            24_000: {"holds": shown},
        },
    )
    noted, _ = attended(hands, plan=made.plan())
    at = [(one, lots) for one, (lots, _) in zip(placed(noted), sizes(hands), strict=True)]
    assert [one for one in at if 8_000 <= one[0] < 24_000] == [(14_000, 40), (22_000, 40)]
    assert [one for one in at if 24_000 <= one[0] < 31_000] == [
        *((24_000, 40), (26_000, 40), (28_000, 40)),
        *((30_000, lots) for lots in (40, 39, 38, 36, 32, 24)),
    ]


def test_after_a_stop_that_was_taken_the_next_one_is_sent_as_if_none_had_been_refused(
    made, holds, attended
):
    later = {
        8_000: {"holds": holds(lots=40, there_lots={Side.LONG: 30}), "refuses": {}},
        10_000: {"refuses": REFUSED},
    }
    hands = Answering(holds(lots=40, there_lots={Side.LONG: 0}), refuses=REFUSED, later=later)
    noted, _ = attended(hands, plan=made.plan())
    assert placed(noted)[:8] == [0, 2_000, 6_000, 8_000, 10_000, 12_000, 16_000, 24_000]


def test_while_nothing_shows_a_stop_that_was_refused_does_not_grow_with_what_is_filled_since(
    made, holds, attended
):
    """The exchange may know of the first fill and not of the second."""
    nothing = {"there_lots": {Side.LONG: 0}}
    hands = Answering(
        holds(lots=40, **nothing),
        refuses=REFUSED,
        later={
            4_000: {"holds": holds(lots=55, **nothing)},
            6_000: {"refuses": {}},
            8_000: {"refuses": REFUSED},
            12_000: {"holds": holds(lots=45, covered=40, **nothing)},
            16_000: {"refuses": {}},
        },
    )
    noted, _ = attended(hands, plan=made.plan())
    sizes = [record.intent.lots for record in hands.records]
    assert placed(noted) == [0, 2_000, 6_000, 8_000, 10_000, 14_000, 22_000]
    assert sizes == [40, 40, 40, 15, 15, 5, 5]


def test_a_stop_whose_answer_was_lost_is_sent_at_the_next_look(made, holds, attended):
    hands = Answering(
        holds(lots=40, there_lots={Side.LONG: 0}),
        refuses=REFUSED,
        later={6_000: {"loses": (Purpose.STOP,)}, 12_000: {"loses": ()}},
    )
    noted, _ = attended(hands, plan=made.plan())
    assert placed(noted)[:7] == [0, 2_000, 6_000, 8_000, 10_000, 12_000, 14_000]
    assert placed(noted)[7:9] == [18_000, 26_000]


def test_each_side_is_held_back_for_itself(made, attended):
    def both(**there):
        sides = {Side.LONG: 9_000_000, Side.SHORT: 11_000_000}
        positions = (made.position(made.part(PRICE, 40), side=side) for side in sides)
        shown = {Side(side): lots for side, lots in there.items()}
        return made.holdings(*positions, ledger=LEDGER, there_lots=shown)

    settings = made.target_settings()
    hands = Answering(both(), refuses=REFUSED, later={4_000: {"holds": both(short=40)}})
    attended(hands, settings=settings)
    sides = [(record.intent.side, record.intent.id) for record in hands.records]
    of_long = [name.split(".")[1] for side, name in sides if side is Side.LONG]
    of_short = [name.split(".")[1] for side, name in sides if side is Side.SHORT]
    assert of_long[:5] == ["a0x", "a1x", "a3x", "a7x", "a11x"]
    assert of_short[:6] == ["a0x", "a1x", "a2x", "a3x", "a4x", "a5x"]


def test_what_becomes_of_a_target_and_what_was_refused_before_is_not_counted(made, holds, attended):
    shown = holds(lots=40, there_lots={Side.LONG: 40}, mark_price=made.book().mid)
    before = Place(intent=made.stop(9_000_000, 40))
    hands = Answering(
        shown,
        refuses=dict.fromkeys((Purpose.STOP, Purpose.TARGET), Reason.QUANTITY_HELD),
        later={2_000: {"holds": replace(shown, there_lots={})}},
    )
    hands.records += [record_of(before, Rejected(reason=Reason.QUANTITY_HELD))] * 3
    noted, _ = attended(hands, plan=made.plan())
    assert noted[2] == (0, "place", "t.a0x.target.2")
    assert placed(noted)[:4] == [0, 2_000, 6_000, 14_000]


def test_a_stop_that_is_cancelled_says_nothing_of_those_that_were_refused(made, holds, attended):
    bare = holds(lots=40, there_lots={Side.LONG: 0}, rests=True)
    surplus = made.order(9, made.stop(9_000_000, 10, id="t.p.stop.9"))
    hands = Answering(
        bare,
        refuses=REFUSED,
        later={
            4_000: {"holds": holds(surplus, lots=40, covered=40, rests=True), "news": True},
            6_000: {"holds": bare},
        },
    )
    noted, _ = attended(hands, plan=made.plan())
    assert (4_000, "cancel", "t.p.stop.9") in noted
    assert placed(noted)[:4] == [0, 2_000, 6_000, 14_000]


def test_a_refusal_counts_also_where_nothing_could_be_read_after_it(made, holds, attended):
    hands = Answering(
        holds(lots=40, there_lots={Side.LONG: 0}),
        refuses=REFUSED,
        failures_after_orders=[UNREADABLE] * 3,
    )
    noted, _ = attended(hands, plan=made.plan())
    assert placed(noted)[:4] == [0, 2_000, 6_000, 14_000]


def test_a_process_that_is_asked_to_end_holds_nothing_back_at_first(made, holds, attended):
    hands = Answering(
        holds(lots=40, there_lots={Side.LONG: 0}),
        refuses=REFUSED,
        later={7_000: {"is_shutting_down": True}, 20_000: {"is_shutting_down": False}},
    )
    noted, _ = attended(hands, plan=made.plan())
    assert placed(noted)[:6] == [0, 2_000, 6_000, 8_000, 10_000, 14_000]
    looked = sorted({at for at, *_ in noted if 8_000 <= at < 10_000})
    assert looked == [8_000, 8_500, 9_000, 9_500], "it looks twice a second all the same"


@pytest.mark.parametrize(
    ("first", "answer_by", "given_up_at"),
    [
        (-1, 115, 111_999),
        (0, 115, 110_000),
        (1, 115, 110_001),
        (0, 105.5, 102_000),
        (0, 104, 100_000),
    ],
)
def test_with_what_is_bare_it_stays_until_five_seconds_before_the_answer(
    made, holds, attended, first, answer_by, given_up_at
):
    settings = made.settings(tick={"answer_by_seconds": answer_by})
    bare = holds(lots=40, there_lots={Side.LONG: 0})
    hands = Answering(bare, at_ms=first, refuses={Purpose.STOP: Reason.REJECTED_BY_EXCHANGE})
    _, error = attended(hands, plan=made.plan(), settings=settings)
    assert (hands.ms, type(error)) == (given_up_at, Unavailable)
    assert str(error) == f"{NOTHING_SHOWN} rejected_by_exchange; the next tick looks at it first"


@pytest.mark.parametrize(("first", "given_up_at"), [(-1, 101_999), (0, 100_000), (1, 100_001)])
def test_an_entry_that_does_not_end_is_left_to_the_next_tick_when_its_time_is_over(
    holds, attended, first, given_up_at
):
    hands = Answering(holds(lots=40, covered=40, rests=True), at_ms=first, ends=False)
    noted, error = attended(hands)
    assert (hands.ms, type(error), str(error)) == (given_up_at, Unavailable, NOT_ENDED)
    cancelled = [at for at, what, *_ in noted if what == "cancel"]
    assert cancelled == list(range(given_up_at - 10_000, given_up_at + 1, 2_000))


# what it says when it gives up


def test_it_says_what_is_not_as_it_should_be_and_what_was_found(made, holds, attended):
    end = "; the next tick looks at it first"

    def said(held, **more):
        return str(attended(Answering(held, **more), plan=made.plan())[1])

    shows = {"there_lots": {Side.LONG: 0}}
    assert said(holds(rests=True), ends=False) == NOT_ENDED
    unended = {"ends": False, "refuses": REFUSED}
    both = said(holds(lots=40, rests=True, **shows), **unended)
    assert both == f"{NOT_ENDED.removesuffix(end)}, and {NOTHING_SHOWN} quantity_held{end}"
    unfound = said(holds(lots=40, **shows), has_unfound_entry=True, refuses=REFUSED)
    assert unfound == f"{UNFOUND}, and {NOTHING_SHOWN} quantity_held{end}"
    found = {"ends": False, "has_unfound_entry": True}
    assert said(holds(lots=40, covered=40, rests=True), **found) == NOT_ENDED
    unshown = said(holds(lots=40), refuses=REFUSED)
    assert unshown == f"{BARE}, and the last was refused: quantity_held{end}"
    lost = said(holds(lots=40, there_lots={Side.LONG: 15}), loses=(Purpose.STOP,))
    assert lost == f"{BARE} (the exchange shows 0.0015 BTC of it){end}"


def test_it_says_of_each_side_that_is_bare_why_the_last_stop_for_it_was_refused(made, attended):
    parts = {Side.LONG: 40, Side.SHORT: 1}
    long, short = (made.position(made.part(PRICE, lots), side=side) for side, lots in parts.items())
    held = made.holdings(long, ledger=LEDGER, there_lots={Side.SHORT: 0})
    hands = Answering(
        held,
        refuses={Purpose.STOP: Reason.REJECTED_BY_EXCHANGE},
        later={
            4_000: {"refuses": {Purpose.STOP: Reason.MARGIN_INSUFFICIENT}},
            48_000: {"holds": replace(held, positions=(long, short)), "refuses": REFUSED},
            50_000: {"loses": (Purpose.STOP,)},
        },
    )
    _, error = attended(hands, settings=made.target_settings())
    assert str(error) == (
        f"{NOTHING_SHOWN} margin_insufficient, and the short position of 0.0001 BTC has no stop of"
        " its size (the exchange shows 0.0000 BTC of it), and the last was refused: quantity_held;"
        " the next tick looks at it first"
    )


# what fails


@pytest.mark.parametrize("knows", [True, False])
def test_an_account_that_cannot_be_read_is_asked_again_until_the_entry_s_time_is_over(
    holds, attended, knows
):
    hands = Answering(holds(rests=True), failure=UNREADABLE)
    noted, error = attended(hands, knows=knows)
    assert error is UNREADABLE
    assert noted == [(at, "read") for at in range(0, 100_001, 2_000)]
    hands = Answering(holds(rests=True), failure=UNREADABLE, later={8_000: {"failure": None}})
    noted, turn = attended(hands, knows=knows)
    assert noted[:5] == [(at, "read") for at in range(0, 8_001, 2_000)]
    assert noted[5:] == [
        *looks(0, 90_000)[5:],
        *((90_000, "read"), (90_000, "cancel", ENTRY), (92_000, "read")),
    ]
    assert turn.holdings is hands.holds


def test_after_a_look_that_failed_all_is_read_whether_or_not_there_are_news(holds, attended):
    hands = Answering(
        holds(rests=True),
        later={4_000: {"look_failure": UNREADABLE}, 6_000: {"look_failure": None}},
    )
    noted, _ = attended(hands)
    assert noted == [
        *looks(0, 90_000, readings={6_000}),
        *((90_000, "read"), (90_000, "cancel", ENTRY), (92_000, "read")),
    ]


def test_with_what_was_bare_an_account_that_cannot_be_read_is_asked_until_the_answer(
    holds, attended
):
    hands = Answering(holds(lots=40), failure=UNREADABLE)
    noted, error = attended(hands)
    assert error is UNREADABLE
    assert noted == [(at, "read") for at in range(0, 110_001, 2_000)]


def test_a_failure_that_is_over_is_not_what_it_ends_with(holds, attended):
    hands = Answering(
        holds(rests=True), ends=False, failure=UNREADABLE, later={100_000: {"failure": None}}
    )
    _, error = attended(hands)
    assert str(error) == NOT_ENDED


def test_a_cancel_that_fails_is_sent_again(holds, attended):
    hands = Answering(
        holds(rests=True), cancel_failure=UNREADABLE, later={94_000: {"cancel_failure": None}}
    )
    noted, turn = attended(hands)
    assert [one[0] for one in noted if one[1] == "cancel"] == [90_000, 92_000, 94_000]
    assert turn.holdings.orders == ()


@pytest.mark.parametrize("error", [LeaseLost("another tick holds it"), ValueError("a bug")])
def test_a_lost_lease_and_what_nobody_names_end_it_at_once(holds, attended, error):
    hands = Answering(holds(rests=True), failure=error)
    noted, found = attended(hands)
    assert found is error
    assert noted == [(0, "read")]


# a process that is about to be killed


def test_where_the_process_is_to_end_the_entry_is_cancelled_before_anything_is_read(
    holds, attended
):
    noted, _ = attended(Answering(holds(rests=True), is_shutting_down=True))
    assert noted == [(0, "cancel", ENTRY), (0, "read")]
    hands = Answering(holds(rests=True), later={3_000: {"is_shutting_down": True}})
    noted, _ = attended(hands)
    assert noted == [(0, "read"), (2_000, "look"), (4_000, "cancel", ENTRY), (4_000, "read")]


def test_an_entry_that_outlives_its_cancel_is_looked_at_twice_a_second(holds, attended):
    hands = Answering(
        holds(rests=True), is_shutting_down=True, ends=False, later={1_000: {"ends": True}}
    )
    noted, _ = attended(hands)
    assert noted == [
        *((0, "cancel", ENTRY), (0, "read"), (0, "cancel", ENTRY)),
        *((500, "read"), (500, "cancel", ENTRY)),
        *((1_000, "read"), (1_000, "cancel", ENTRY), (1_500, "read")),
    ]


def test_a_hurried_cancel_that_fails_is_sent_again_once_the_account_is_read(holds, attended):
    hands = Answering(
        holds(rests=True),
        is_shutting_down=True,
        cancel_failure=UNREADABLE,
        later={500: {"cancel_failure": None}},
    )
    noted, _ = attended(hands)
    assert noted == [
        *((0, "cancel", ENTRY), (500, "read"), (500, "cancel", ENTRY)),
        (1_000, "read"),
    ]


@pytest.mark.parametrize("knows", [True, False])
def test_an_entry_that_nobody_has_seen_yet_is_cancelled_at_the_reading_that_shows_it(
    holds, attended, knows
):
    hands = Answering(
        holds(),
        is_shutting_down=True,
        has_unfound_entry=True,
        later={500: {"holds": holds(rests=True), "has_unfound_entry": False}},
    )
    noted, _ = attended(hands, knows=knows)
    assert noted == [(0, "read"), (500, "read"), (500, "cancel", ENTRY), (1_000, "read")]


# what it is worth


def test_what_is_read_is_valued_at_the_book_of_the_tick(made, holds, attended):
    held = holds(lots=40, covered=40)
    book = made.book(10_499_500, 10_500_500)
    _, turn = attended(Answering(held), made.market(book=book))
    kind = made.settings().account
    assert turn.holdings == value_holdings(held, book.mid, AT, kind=kind)
    assert turn.holdings.mark_price == book.mid
    for market in (None, made.market(book=None)):
        assert attended(Answering(held), market)[1].holdings is held


def test_a_stop_of_a_fill_is_sent_with_the_book_and_the_rules_of_the_tick(made, holds, attended):
    hands, market = Answering(holds(lots=40)), made.market()
    attended(hands, market, plan=made.plan())
    assert hands.noted[:2] == [(0, "read"), (0, "place", "t.a0x.stop.1")]
    assert hands.sent_with == [(market.book, market.rules, None)] * 2
    assert [order.intent.purpose for order in hands.holds.orders] == [Purpose.STOP, Purpose.TARGET]


# what is left bare


@pytest.mark.parametrize(
    ("at_ms", "held", "is_left"),
    [
        (0, {"lots": 40}, True),
        (0, {"lots": 40, "covered": 39}, True),
        (0, {"lots": 40, "covered": 40}, False),
        (0, {}, False),
        (0, None, False),
        (-SAVING_MS - 1, {"lots": 40}, True),
        (-SAVING_MS, {"lots": 40}, False),
        (1 - SAVING_MS, {"lots": 40}, False),
    ],
)
def test_what_is_bare_is_left_where_there_is_time_to_look_again(made, holds, at_ms, held, is_left):
    """Times below nothing are before the tick has to answer."""
    settings = made.settings()
    answer_ms = int(settings.tick.answer_by_seconds * 1_000)
    known = holds() if held is None else holds(**held)
    hands = Answering(known, at_ms=at_ms + answer_ms if at_ms else 0)
    it = RealTurn(hands, settings, knows=held is not None)
    assert is_left_bare(it.steps, it.turn) is is_left
    hands.is_attended = False
    assert not is_left_bare(it.steps, it.turn), "on paper"


def test_what_an_order_that_rests_closes_is_not_left_bare(made, holds):
    hands = Answering(holds(made.order(9, made.close(40)), lots=40))
    it = RealTurn(hands, made.settings())
    assert not is_left_bare(it.steps, it.turn)


@pytest.mark.parametrize(("second", "is_left"), [(109, True), (110, False)])
def test_there_is_time_at_least_as_long_as_an_entry_lives(made, holds, second, is_left):
    settings = made.settings()
    tick = replace(settings.tick, answer_by_seconds=10.0, no_new_order_after_seconds=110.0)
    it = RealTurn(Answering(holds(lots=40), at_ms=second * 1_000), replace(settings, tick=tick))
    assert is_left_bare(it.steps, it.turn) is is_left
