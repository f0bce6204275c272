"""A live bot on a bitbank that nobody of the sandbox wrote: entries, fills, stops and targets, tick
after tick, under each reading that the reference leaves open, with its own book compared to the
server's at each.
"""

import subprocess
import sys
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from decimal import Decimal
from pathlib import Path

import pytest

from shared.core.types import Accepted, OrderIntent, OrderKind, Purpose, Side, Unknown
from shared.exchanges.bitbank.bodies import query_request
from shared.exchanges.bitbank.envelope import read_envelope
from shared.exchanges.bitbank.signed import SignedRest
from tests.support.account_stories import T0
from tests.support.second_bitbank import KEY, SECRET, Fault, Readings, yen
from tests.support.second_world import (
    CAPITAL,
    Faults,
    Moving,
    SecondWorld,
    limits_of_nobody,
    now_and_then,
    probe,
    second_world,
)
from tests.support.tick_stories import INTERVAL

ROOT = Path(__file__).parents[2]
TICKS = 60
LAST_SECOND = 99
"""Of a tick: its entry's time is over in the next one."""
ORDER, CANCEL = "POST spot/order", "POST spot/cancel_order"
LOST, NEVER = Fault(is_done=True, told="nothing"), Fault(is_done=False, told="nothing")
REFUSALS = tuple(
    Fault(is_done=False, told=code) for code in (50062, 70004, 60020, 70023, 70009, 50059)
)
ODD = (
    *(Fault(is_done=True, told=told) for told in ("page", "half", "empty", 10005, 70011, 99999)),
    *(Fault(is_done=False, told=told) for told in ("page", 10001, 10008, 10009, 99999)),
)
CANCELS = (
    *(Fault(is_done=True, told=told) for told in ("nothing", "half", 10001, 70019)),
    *(Fault(is_done=False, told=told) for told in ("nothing", 70004, 10009)),
)
READS = tuple(
    Fault(is_done=False, told=told) for told in ("nothing", "page", "half", "empty", 10008, 10009)
)


@dataclass(frozen=True, kw_only=True)
class Place:
    """A server, and how often at least something has to be seen there; parts that were filled had
    their stop after `bare_seconds` at the most, half of them after `usually`.
    """

    account: str
    readings: Readings = field(default_factory=Readings)
    faults: Callable[[], Faults] | None = None
    is_rough: bool = True
    is_thin: bool = False
    is_fed: bool = False
    floors: Mapping[str, int] = field(default_factory=dict)
    bare_seconds: int = 8
    usually: int = 3


LAB = Readings(
    dialect="lab",
    error_status="200",
    post_answers="late",
    cancel_answers="early",
    fires_on="last",
    fills_at="touch",
    interest_sign="minus",
    interest_by="second",
)
MOCK = Readings(
    dialect="mock",
    orders_oldest_first=True,
    since_unit="s",
    lists="no_stop_limits",
    above_position="rest",
    amountless="follow",
    locks_fee=True,
)
LATE = Readings(position_ms=5_000, history_ms=4_000, lists_after_ms=3_000)
HELD = Readings(closes="together", lists="no_stops")
FREE = Readings(closes="stops_free", above_position="nothing", oversized="rejected")
SLOW = Readings(cancel_ms=2_500)
PASSING = Readings(passing_ms=4_000, collect_ms=600_000, tells_occurred=False)
EXPECTED = (60018, 50062, 50026, 50027, 70019, 10000)
"""Codes that a bot meets where nothing is wrong."""
SMOOTH = {"exit_stop": 2, "stop taker": 2}
FED = {"covered": 3, "filled in part": 20}
ROUGH = {"exit_stop": 12, "stop taker": 12, "filled in part": 50}
BETWEEN_TICKS = INTERVAL // 1_000

PLACES: dict[str, Place] = {
    "margin": Place(account="margin", is_rough=False),
    "margin, in parts": Place(
        account="margin", floors={"post-only cancelled": 1, "taken from more than one level": 5}
    ),
    "margin, as the lab has it": Place(account="margin", readings=LAB),
    "margin, as the mock has it": Place(account="margin", readings=MOCK),
    "margin, late": Place(
        account="margin",
        readings=LATE,
        floors={"code 50062": 40, "issue fills_late": 8},
        bare_seconds=16,
        usually=8,
    ),
    "margin, closes together": Place(account="margin", readings=HELD, floors={"code 50062": 10}),
    "margin, stops free": Place(account="margin", readings=FREE, bare_seconds=BETWEEN_TICKS),
    "margin, slow cancels": Place(
        account="margin", readings=SLOW, floors={"POST spot/cancel_order": 30}, bare_seconds=16
    ),
    "margin, passing and owed": Place(
        account="margin",
        readings=PASSING,
        floors={"a fired stop that passed through cancelled": 20, "a loss that is owed": 30},
        usually=5,
    ),
    "margin, nobody there": Place(
        account="margin",
        readings=Readings(unfilled="REJECTED"),
        is_thin=True,
        floors={"a market order that nobody took": 2},
        bare_seconds=BETWEEN_TICKS,
    ),
    "margin, answers lost": Place(
        account="margin",
        faults=lambda: now_and_then(0.12, ORDER, LOST, NEVER, *ODD),
        floors={"faults": 8},
        bare_seconds=16,
    ),
    "margin, refused": Place(
        account="margin",
        faults=lambda: now_and_then(0.15, ORDER, *REFUSALS),
        floors={"faults": 8, "market taker": 8, "exit_stop": 3, "stop taker": 3},
    ),
    "margin, cancels lost": Place(
        account="margin",
        faults=lambda: now_and_then(0.15, CANCEL, *CANCELS),
        floors={"faults": 3},
    ),
    "margin, readings lost": Place(
        account="margin", faults=lambda: now_and_then(0.03, "", *READS), floors={"faults": 30}
    ),
    "margin, its own market": Place(
        account="margin",
        is_fed=True,
        floors={
            "public depth": TICKS - 2,
            "public pairs": 50,
            "issue circuit_break": 5,
            "tick done": 12,
            **FED,
        },
    ),
    "spot": Place(account="spot", is_rough=False),
    "spot, in parts": Place(account="spot", readings=HELD),
    "spot, as the lab has it": Place(account="spot", readings=LAB),
    "spot, as the mock has it": Place(account="spot", readings=MOCK),
    "spot, late": Place(account="spot", readings=LATE, floors={"issue fills_late": 8}),
    "spot, slow cancels": Place(account="spot", readings=SLOW, bare_seconds=20, usually=9),
    "spot, passing": Place(account="spot", readings=PASSING, usually=5),
    "spot, nobody there": Place(
        account="spot",
        readings=Readings(unfilled="EXPIRED"),
        is_thin=True,
        floors={"a market order that nobody took": 2},
        bare_seconds=BETWEEN_TICKS,
    ),
    "spot, answers lost": Place(
        account="spot",
        faults=lambda: now_and_then(0.12, ORDER, LOST, NEVER, *ODD),
        floors={"faults": 8},
        bare_seconds=16,
    ),
    "spot, refused": Place(
        account="spot",
        faults=lambda: now_and_then(0.15, ORDER, *REFUSALS),
        floors={"faults": 8, "exit_stop": 5, "stop taker": 5},
    ),
    "spot, cancels lost": Place(
        account="spot",
        faults=lambda: now_and_then(0.15, CANCEL, *CANCELS),
        floors={"faults": 3},
    ),
}


def circuit_mode(at: int) -> str:
    """Nothing is traded for the time of six ticks in forty."""
    return "CIRCUIT_BREAK" if (at - T0) // INTERVAL % 40 >= 34 else "NONE"


@pytest.mark.slow
@pytest.mark.parametrize("place", PLACES)
def test_a_live_bot_trades_on_a_server_that_was_written_from_the_reference_alone(
    place: str,
) -> None:
    """Hours of ticks: whatever is held has its stop, the book equals the server's yen and coins,
    nothing is ordered twice, and nothing rests where nothing is held.
    """
    told = PLACES[place]
    with second_world(
        told.account,
        3,
        ticks=TICKS,
        is_rough=told.is_rough,
        is_thin=told.is_thin,
        is_fed=told.is_fed,
        mode=circuit_mode if told.is_fed else lambda _at: "NONE",
        readings=told.readings,
        faults=None if told.faults is None else told.faults(),
    ) as world:
        for number in range(2, TICKS):
            report = world.tick(T0 + number * INTERVAL)
            world.check_cover(report)
            world.check_money(report)
            world.check_orders(report)
        seen = world.counts + world.server.counts
        bare = sorted(world.server.cover.bare_seconds.elements())
    seen["faults"] = sum(count for name, count in seen.items() if name.startswith("fault "))
    floors = {
        "tick done": TICKS - 1 if told.faults is None else TICKS // 2,
        "books compared": TICKS * 7 // 10,
        "covered": 5,
        "flat": 60,
        "exit_target": 3,
        **(ROUGH if told.is_rough else SMOOTH),
        **told.floors,
    }
    missed = {name: (seen[name], least) for name, least in floors.items() if seen[name] < least}
    assert not missed, (missed, seen)
    assert not seen["tick halted"], seen
    assert not seen["issue money_moved"], seen
    if told.faults is None:
        codes = {name for name in seen if name.startswith("code ")}
        # a sale that no list shows yet has taken the coins already
        hidden = {"code 60001"} if told.readings.lists_after_ms else set[str]()
        assert codes <= {f"code {code}" for code in EXPECTED} | hidden, seen
    assert len(bare) >= 8, bare
    assert bare[-1] <= told.bare_seconds, bare
    assert bare[len(bare) // 2] <= told.usually, bare


def test_every_reading_of_the_server_is_traded_under() -> None:
    """Each word that the reference leaves open is the reading of some place, and each delay too."""
    used = [place.readings for place in PLACES.values()]
    words = 0
    for name, kind in typing.get_type_hints(Readings).items():
        held = {getattr(one, name) for one in used}
        wanted = {True, False} if kind is bool else set(typing.get_args(kind))
        assert wanted <= held, (name, wanted - held)
        assert wanted or max(held) > 0, name
        words += max(2, len(wanted))
    assert words >= 45
    assert len(fields(Readings)) >= 22


def test_nothing_of_it_is_of_the_sandbox() -> None:
    code = (
        "import sys, tests.functional.test_live_on_a_second_server\n"
        "found = [name for name in sys.modules if name.startswith('shared.exchanges.sandbox')]\n"
        "assert 'tests.support.second_world' in sys.modules\n"
        "assert not found, found"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


@pytest.mark.parametrize(("cancel_ms", "is_known"), [(0, True), (2_500, True), (9_000, False)])
def test_a_cancel_that_takes_a_while_is_waited_for_a_few_seconds(
    cancel_ms: int, is_known: bool
) -> None:
    readings = Readings(cancel_ms=cancel_ms, cancel_answers="early")
    with second_world("spot", 3, ticks=4, readings=readings) as world:
        exchange, now = world.exchange(), world.clock.now_ms()
        entry = OrderIntent(
            id="t1.entry.1",
            purpose=Purpose.ENTRY,
            side=Side.LONG,
            kind=OrderKind.LIMIT,
            lots=10,
            price=900_000,
            stop_price=890_000,
            post_only=True,
        )
        placed = exchange.submit(entry, book=None, now_ms=now)
        assert isinstance(placed, Accepted)
        ended = exchange.cancel(placed.order, now_ms=now)
        assert isinstance(ended, Accepted if is_known else Unknown)
        assert world.clock.now_ms() - now <= 3_000
        (order,) = world.server.orders.values()
        assert order.is_live is not is_known


@pytest.mark.parametrize("locks_fee", [False, True])
def test_on_spot_no_more_is_bought_than_the_yen_pay_with_their_fee(locks_fee: bool) -> None:
    """Whether what a buy locks includes the taker's fee is not documented."""
    with second_world("spot", 3, ticks=4, readings=Readings(locks_fee=locks_fee)) as world:
        exchange, now = world.exchange(), world.clock.now_ms()
        most = exchange.reconcile(now).available_jpy
        assert most == Decimal(CAPITAL) / Decimal("1.001") // Decimal("0.0001") / 10_000
        whole = OrderIntent(
            id="t1.entry.1",
            purpose=Purpose.ENTRY,
            side=Side.LONG,
            kind=OrderKind.LIMIT,
            lots=int(most / 900_000 * 10_000),
            price=900_000,
            stop_price=890_000,
            post_only=True,
        )
        assert isinstance(exchange.submit(whole, book=None, now_ms=now), Accepted)


def test_the_second_server_knows_who_asks() -> None:
    with second_world("margin", 3, ticks=4) as world:
        for key, secret, ahead, code in (
            (KEY, "another", 0, 20005),
            ("another", SECRET, 0, 20002),
            (KEY, SECRET, 1_000, 20034),
            (KEY, SECRET, 999, None),
            (KEY, SECRET, -5_000, None),
            (KEY, SECRET, -5_001, 20035),
        ):
            clock = Moving(world.clock.now_ms() + ahead)
            rest = SignedRest(
                world.settings.exchange, clock, key=key, secret=secret, limits=limits_of_nobody()
            )
            answer = rest.carry(query_request("user/assets"))
            assert read_envelope(answer).code == code


@pytest.mark.parametrize("account", ["margin", "spot"])
@pytest.mark.parametrize(
    "readings",
    [
        Readings(position_ms=5_000),
        Readings(
            dialect="lab",
            error_status="200",
            lists="no_stops",
            since_unit="s",
            closes="together",
            amountless="follow",
            interest_sign="minus",
        ),
    ],
    ids=["one", "another"],
)
def test_a_probe_reads_the_second_server_too(account: str, readings: Readings) -> None:
    with second_world(account, 3, ticks=40, readings=readings) as world:
        world.clock.sleep_until(T0 + 6 * INTERVAL)
        outcome = probe(world)
        found = {one.question: one.choice for one in outcome.findings}
        expected = {
            "error_status": readings.error_status,
            "stops_listed": "no" if readings.lists == "no_stops" else "yes",
            "since_unit": readings.since_unit,
        }
        if account == "margin":
            expected |= {
                "closes": readings.closes,
                "amountless": readings.amountless,
                "interest_sign": readings.interest_sign,
            }
        assert {name: found.get(name) for name in expected} == expected
        assert not outcome.trouble
        assert world.lots() == {"long": 0, "short": 0}
        assert not world.server.live()
        assert outcome.cost_jpy == CAPITAL - Decimal(yen(world.server.account.cash)) > 0


def test_a_part_that_is_filled_in_the_last_second_has_its_stop_before_the_tick_ends() -> None:
    """The cancel is lost, and the position shows five seconds after its fill: there is time left
    until the answer.
    """

    worlds: list[SecondWorld] = []

    def second_of_tick(at: int) -> int:
        return (at - T0) % INTERVAL // 1_000

    def lost(name: str, number: int) -> Fault | None:
        del number
        is_early = bool(worlds) and second_of_tick(worlds[0].clock.now_ms()) < LAST_SECOND
        return NEVER if name == CANCEL and is_early else None

    readings = Readings(position_ms=5_000)
    with second_world("margin", 3, ticks=20, readings=readings, faults=lost) as world:
        worlds.append(world)
        market, price = world.server.market, world.server.market.price
        market.price = lambda at: price(at) + (-900 if second_of_tick(at) >= LAST_SECOND else 400)
        market.most_lots = lambda at: 90 if second_of_tick(at) >= LAST_SECOND else 0
        entered = 0
        for number in range(2, 20):
            report = world.tick(T0 + number * INTERVAL)
            entered += sum(fill.purpose == "entry" for fill in report.fills)
            world.check_cover(report)
            if entered:
                break
        assert entered, "nothing was filled"
        closing = {"stop", "close"} & {one.intent.purpose.value for one in report.orders}
        assert closing, "what was filled has its stop, or was closed beyond it"
