"""`scripts/bot probe` on the sandbox: it finds every reading that it asks for, ends flat wherever
it was killed, loses no more than it named, and begins beside nothing.
"""

import random
from collections import Counter
from decimal import Decimal
from itertools import product
from typing import Any

import pytest

from shared.alerts.acts import AUDIT
from shared.core.errors import BotError, UserError
from shared.core.settings import load_settings
from shared.core.types import Book, PairRules
from shared.exchanges.bitbank.probe.danger import probe_plan
from shared.exchanges.sandbox.private.settings import READINGS
from shared.tick.live.documents import LiveDocuments
from shared.turn.state import State
from tests.support.account_stories import T0, market
from tests.support.live_world import CAPITAL, LiveWorld, live_world
from tests.support.probe_world import WHO, ProbeProcess, leftovers
from tests.support.tick_stories import INTERVAL, Killed, Script

MARKET = market(random.Random(3), 400, day_off=0.0)
AT = T0 + 6 * INTERVAL
ASKED = ("closes", "stops_listed", "amountless", "since_unit", "error_status", "interest_sign")
OF_MARGIN = {"closes", "amountless", "interest_sign", "interest_rounding"}
LEASE_MS = 171_000


def choices_of(world: LiveWorld) -> dict[str, str]:
    stored = world.documents.get(f"readings/{world.settings.id}")
    assert stored is not None
    return {name: told["choice"] for name, told in stored.data["readings"].items()}


def lost_jpy(world: LiveWorld) -> Decimal:
    return CAPITAL - Decimal(world.truth()["yen"])


def started(world: LiveWorld) -> LiveWorld:
    world.source.advance_to(AT)
    return world


@pytest.mark.parametrize("account", ["margin", "spot"])
def test_for_each_reading_and_choice_the_probe_finds_that_choice(account: str) -> None:
    seen = Counter[str]()
    cases = [(name, choice) for name, (known, _) in READINGS.items() for choice in known]
    for name, choice in cases:
        with live_world(MARKET, account=account, readings={name: choice}) as world:
            process = ProbeProcess(started(world))
            named = process.look()
            outcome = process.run(named)
            assert outcome.trouble == "", (name, choice, outcome)
            found = choices_of(world)
            asked = {**{one: READINGS[one][0][0] for one in ASKED}, name: choice}
            expected = {
                one: asked[one] for one in ASKED if account == "margin" or one not in OF_MARGIN
            }
            assert {one: found[one] for one in expected} == expected, (name, choice)
            assert account == "margin" or not OF_MARGIN & set(found)
            assert leftovers(world) == []
            assert 0 < lost_jpy(world) == outcome.cost_jpy <= named
            seen[name] += name in expected
    assert seen.total() == 2 * (6 if account == "margin" else 3)


def test_every_pair_of_readings_that_bear_on_each_other_is_told_apart() -> None:
    names = ("closes", "stops_listed", "amountless", "orphans")
    cases = 0
    for told in product(*(READINGS[name][0] for name in names)):
        readings = dict(zip(names, told, strict=True))
        with live_world(MARKET, readings=readings) as world:
            ProbeProcess(started(world)).run()
            found = choices_of(world)
            assert {name: found[name] for name in names[:3]} == {
                name: readings[name] for name in names[:3]
            }
            assert leftovers(world) == []
            cases += 1
    assert cases == 16


@pytest.mark.slow
@pytest.mark.parametrize("account", ["margin", "spot"])
@pytest.mark.parametrize(
    ("readings", "ticks"),
    [
        pytest.param({}, 0, id="as usual"),
        pytest.param({"stops_listed": "no", "closes": "together"}, 2, id="after ticks"),
        pytest.param({"stops_listed": "no"}, 0, id="unlisted", marks=pytest.mark.full),
        pytest.param({"amountless": "refuse"}, 2, id="refused", marks=pytest.mark.full),
        pytest.param(
            {"since_unit": "s", "orphans": "end", "error_status": "200"},
            2,
            id="others",
            marks=pytest.mark.full,
        ),
    ],
)
def test_killed_at_any_call_the_next_start_leaves_nothing(
    account: str, readings: dict[str, str], ticks: int
) -> None:
    """A call is a request to the exchange or a write of the store; also while ticks of the bot run
    in between.
    """
    coins = 37 if account == "spot" else 0
    with live_world(MARKET, account=account, readings=readings, btc_lots=coins) as world:
        whole = ProbeProcess(started(world))
        whole.run()
        calls = len(whole.calls)
    seen = Counter[str]()
    for dies_at in range(calls):
        for after in (False, True):
            with live_world(
                MARKET, account=account, readings=readings, script=silent(), btc_lots=coins
            ) as world:
                process = ProbeProcess(started(world), dies_at=dies_at, after=after)
                with pytest.raises(Killed):
                    process.run()
                left = leftovers(world, owners_lots=coins)
                seen["left something"] += bool(left)
                seen["held"] += any(one.startswith("position") for one in left)
                world.source.advance_to(world.source.now_ms() + LEASE_MS)
                for _ in range(ticks):
                    at = (world.source.now_ms() // INTERVAL + 1) * INTERVAL
                    world.tick(at)
                world.source.advance_to(world.source.now_ms() + LEASE_MS)
                nexts = ProbeProcess(world)
                done = nexts.recover()
                seen["recovered"] += bool(done)
                where = (dies_at, process.calls[-1], after, left, done)
                assert leftovers(world, owners_lots=coins) == [], where
                assert world.bot.open_intents() == [], where
                assert nexts.recover() == "", where
                assert lost_jpy(world) <= (process.named or 0), where
                seen["cases"] += 1
    assert seen["cases"] == 2 * calls
    assert seen["held"] >= 10
    assert seen["recovered"] >= 20


def silent() -> Any:
    """No signal ever."""

    class Silent(Script):
        def __call__(self, *_: object, **__: object) -> None:  # type: ignore[override]
            return None

    return Silent(1)


def test_a_probe_that_was_killed_twice_still_ends_flat() -> None:
    cases = 0
    for first, second in product(range(12, 50, 5), range(1, 14, 2)):
        with live_world(MARKET) as world:
            with pytest.raises(Killed):
                ProbeProcess(started(world), dies_at=first, after=True).run()
            world.source.advance_to(world.source.now_ms() + LEASE_MS)
            try:
                ProbeProcess(world, dies_at=second, after=True).recover()
            except Killed:
                cases += 1
            world.source.advance_to(world.source.now_ms() + LEASE_MS)
            ProbeProcess(world).recover()
            assert leftovers(world) == []
    assert cases >= 30


def test_a_second_process_waits_for_the_first_ones_lease() -> None:
    with live_world(MARKET) as world:
        with pytest.raises(Killed):
            ProbeProcess(started(world), dies_at=30).run()
        with pytest.raises(UserError, match="another holds the account for"):
            ProbeProcess(world).recover()
        assert world.tick(AT + INTERVAL // 2).status.value == "busy"


def test_it_begins_beside_no_position_order_or_open_intent() -> None:
    with live_world(MARKET, script=Script(3)) as world:
        started(world)
        refused = Counter[str]()
        for number in range(6, 60):
            world.tick(T0 + number * INTERVAL)
            held = leftovers(world)
            if held:
                with pytest.raises(UserError) as found:
                    ProbeProcess(world).run()
                refused[str(found.value).split()[-1]] += 1
        assert refused.total() >= 10
    with live_world(MARKET) as world:
        intent = {"open_for": world.settings.id, "intent": {}, "at": 0}
        world.documents.create(f"intents/{world.settings.id}~x", intent)
        with pytest.raises(UserError, match="1 intents are open"):
            ProbeProcess(started(world)).look()


def test_it_names_no_more_than_500_yen() -> None:
    with live_world(MARKET) as world:
        process = ProbeProcess(started(world))
        assert 0 < process.look() <= 500
        with pytest.raises(UserError, match="yen are at stake, and 1 were named"):
            process.run(1)
        assert leftovers(world) == []
        assert world.truth()["orders"] == []


def test_a_larger_least_size_is_at_the_market_only_while_little_is_at_stake() -> None:
    book = Book(as_of=0, bid=9_999_000, ask=10_000_000)
    assert probe_plan(book, PairRules(min_lots=5)).loss_jpy <= 500
    with pytest.raises(UserError, match=r"20 lots of .*, with which a probe could lose"):
        probe_plan(book, PairRules(min_lots=20))


FAULTS: tuple[dict[str, Any], ...] = (
    *({"name": "reset", "endpoint": "order", "skip": skip, "times": 1} for skip in range(5)),
    *({"name": "html", "endpoint": "order", "skip": skip, "times": 1} for skip in range(5)),
    {"name": "reset", "endpoint": "order", "before": True, "times": 1},
    {"name": "reset", "endpoint": "cancel_order", "times": 2},
    {"name": "code", "code": 70004, "endpoint": "cancel_order", "before": True, "times": 3},
    {"name": "lag", "seconds": 5},
    {"name": "trades-late"},
    {"name": "positions-empty", "times": 3},
    {"name": "http-502", "probability": 0.1},
    {"name": "stop-dies"},
    {"name": "cancel-unseen", "times": 2},
)


def test_whatever_the_exchange_does_the_probe_ends_flat_or_its_next_start_does() -> None:
    seen = Counter[str]()
    for account, fault in product(("margin", "spot"), FAULTS):
        with live_world(MARKET, account=account) as world:
            process = ProbeProcess(started(world))
            named = process.look()
            world.fault(**fault)
            try:
                outcome = process.run(named)
                seen["whole" if not outcome.trouble else "in part"] += 1
            except (BotError, OSError) as error:
                seen[f"raised {type(error).__name__}"] += 1
            assert world.sandbox.answer("DELETE", "/_sandbox/faults").status == 200
            world.source.advance_to(world.source.now_ms() + LEASE_MS)
            ProbeProcess(world).recover()
            assert leftovers(world) == [], (account, fault)
            assert lost_jpy(world) <= named, (account, fault)
            assert world.bot.open_intents() == [], (account, fault)
            seen["cases"] += 1
    assert seen["cases"] == 2 * len(FAULTS)
    assert seen["whole"] >= 10, seen
    assert seen["in part"] >= 8, seen


def test_it_is_told_once_as_an_act_of_a_person_and_the_book_goes_on() -> None:
    with live_world(MARKET, script=silent()) as world:
        started(world)
        world.tick(AT + INTERVAL)
        world.source.advance_to(world.source.now_ms() + LEASE_MS)
        outcome = ProbeProcess(world).run()
        told = [one.data for one in world.documents.query("alerts", limit=100)]
        acts = [one for one in told if f":{AUDIT}:probe:" in str(one)]
        assert len(acts) == 1
        audit = [one.data for one in world.documents.query("audit", limit=100)]
        assert [one["who"] for one in audit if "probe" in one["what"]] == [WHO]
        later = [world.tick(AT + number * INTERVAL) for number in range(4, 9)]
        assert {report.status.value for report in later} == {"done"}
        assert all(not report.fills for report in later)
        assert later[-1].equity_jpy == CAPITAL  # its cost is no trade of the bot's
        assert outcome.cost_jpy > 0


@pytest.mark.parametrize("closes", ["apart", "together"])
def test_the_bot_knows_afterwards_how_closes_count_and_which_orders_were_seen(closes: str) -> None:
    with live_world(MARKET, script=silent(), readings={"closes": closes}) as world:
        started(world)
        world.tick(AT + INTERVAL)
        world.source.advance_to(world.source.now_ms() + LEASE_MS)
        ProbeProcess(world).run()
        world.tick(AT + 4 * INTERVAL)
        stored = world.bot.peek()
        assert stored is not None
        ledger = State.decode_state(stored.data["state"], world.settings).ledger
        assert ledger is not None
        assert ledger.has_shared_closes is (closes == "together")
        seen = LiveDocuments(world.documents, world.settings.id).probe()
        assert seen is not None
        expected = {"entry", "stop", "close"} | ({"target"} if closes == "apart" else set())
        assert set(seen.purposes) == expected
        ProbeProcess(world).run()
        again = LiveDocuments(world.documents, world.settings.id).probe()
        assert again is not None
        assert set(again.purposes) == expected


def test_only_a_live_bot_probes() -> None:
    from functions import wiring

    settings = load_settings({})
    with pytest.raises(UserError, match="BOT_MODE was paper"):
        wiring.probe_for(settings, {}, wiring.clock_for(settings))
