"""`bot parity` of a bot with real money, on the store that its ticks left: what was decided and
ordered otherwise than in the replay, the yen of each cause, and an exit code of its own for what no
cause explains.
"""

import itertools
import json
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from functions import wiring
from shared.core.money import jpy_from_units
from shared.core.types import Fill, Purpose, TickReport
from shared.exchanges.bitbank.live.exchange import BitbankExchange
from shared.exchanges.bitbank.pace import AccountPace
from shared.exchanges.sandbox.market import SandboxMarket
from shared.exchanges.sandbox.private.settings import FAKE_KEY, FAKE_SECRET, PrivateSettings
from shared.exchanges.sandbox.server import Sandbox, serve
from shared.exchanges.sandbox.time_source import SteppedTime
from shared.results.parity import Cause
from shared.tick.cycle import Ports, run_tick
from shared.tick.documents import BotDocuments
from shared.tick.live.documents import LiveDocuments
from shared.tick.live.records import ParityResult, key_fingerprint
from shared.tick.request import TickRequest
from tests.support import parity_world
from tests.support import world as worlds
from tests.support.live_process import truth_of
from tests.support.live_world import open_book, start_record
from tests.support.world import DAY, INTERVAL, World

pytestmark = pytest.mark.slow

START = parity_world.NEW_YEAR - DAY // 4
TRADES_UNTIL, ENDS = START + 7 * DAY // 20, START + 9 * DAY // 20
YEN, STAGED = 2_000_000, 1_000_000
TAKEN_UP_MS = 700
BY_HAND_MS = 110_000
BY_HAND = range(20, 150, 2)
"""So many ticks from the start a person runs one between them, wherever something is held."""
FLOORS = {
    "ticks": 200,
    "equal decisions": 150,
    "other decisions": 10,
    "orders": 15,
    "shared": 10,
    "entries": 20,
    "exits": 20,
    "by hand": 20,
    "filled by hand": 1,
}
CAUSES = ("partial fill", "queue", "other orders")
LEAST_YEN = 50
PLANTED_YEN = 10_000


@dataclass(frozen=True)
class Lived:
    """What a bot of the first stage left, and what the exchange says of it."""

    scene: World
    reports: list[TickReport]
    truth: dict[str, Any]


@dataclass(frozen=True)
class Answer:
    """What the command said."""

    found: dict[str, Any]
    text: str
    noted: ParityResult


def start_real_money(scene: World) -> None:
    """A person's start."""
    settings = scene.settings
    documents = wiring.documents_for(settings)
    open_book(documents, settings, now_ms=START)
    key = key_fingerprint(FAKE_KEY)
    record = start_record(settings, book_opened_at=START, now_ms=START, key=key)
    LiveDocuments(documents, settings.id).write_start(record, settings)
    documents.close()


def unhurried(scene: World) -> Ports:
    """The bot's ports; the sandbox counts no requests, so that none has to wait."""
    ports, later = scene.ports(), itertools.count(0, 60)
    limits = AccountPace(monotonic=lambda: next(later), sleep=lambda _seconds: None)
    exchange = BitbankExchange.open(
        scene.settings, ports.clock, key=FAKE_KEY, secret=FAKE_SECRET, limits=limits
    )
    return replace(ports, exchange=exchange)


def trade(scene: World) -> None:
    """Ticks, some by hand between them; a person halts the bot before the end, so that it ends with
    nothing held.
    """
    ports, settings, is_halted = unhurried(scene), scene.settings, False
    for number, at in enumerate(range(START, ENDS, INTERVAL)):
        if at >= TRADES_UNTIL and not is_halted:
            is_halted = True
            parity_world.by_hand(scene, "halt", "--why", "the end of a test")
        scene.time.advance_to(at + TAKEN_UP_MS)
        request = TickRequest.by_schedule(at, received_at=scene.time.now_ms())
        report = run_tick(ports, settings, request)
        if number in BY_HAND and report.positions:
            scene.time.advance_to(at + BY_HAND_MS)
            run_tick(ports, settings, TickRequest.by_hand(scene.time.now_ms()))
    ports.documents.close()


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lived]:
    """Eleven hours at an exchange where others stand before each order, and a candle's volume
    gives ours little.
    """
    minutes = parity_world.minutes_of(4, START, ENDS, (0, 0))
    time = SteppedTime(START)
    private = PrivateSettings(
        yen=Decimal(YEN), is_limited=False, volume_share=Decimal("0.05"), behind_others=1
    )
    sandbox = Sandbox(SandboxMarket.from_minutes(minutes), time, private=private)
    with serve(sandbox) as server:
        extra = {
            **parity_world.RESTLESS,
            "BOT_RISK__MAX_HOLD_CANDLES": "2",
            "BOT_RISK__STOP_ATR": "0.8",
            "BOT_RISK__TARGET_ATR": "0.8",
            "BOT_MODE": "live",
            "BOT_STAGE": "stage-10",
            "BOT_ACCOUNT": "margin",
            "BOT_CAPITAL_JPY": str(10 * STAGED),
            "BOT_RISK__OVERRULE_MODEL": worlds.training().version,
            **dict(zip(wiring.EXCHANGE_KEY, (FAKE_KEY, FAKE_SECRET), strict=True)),
        }
        home = tmp_path_factory.mktemp("parity") / "home"
        scene = World(home=home, server=server, sandbox=sandbox, time=time, extra=extra)
        start_real_money(scene.with_model())
        trade(scene)
        yield Lived(scene, parity_world.stored(scene), truth_of(sandbox))


@pytest.fixture(scope="module")
def whole(lived: Lived, tmp_path_factory: pytest.TempPathFactory) -> Answer:
    """What the command answers, to a person and as JSON, and what it notes for the next stage."""
    home = tmp_path_factory.mktemp("whole") / "copy"
    shutil.copytree(lived.scene.home, home)
    scene = replace(lived.scene, home=home)
    text = parity_world.by_hand(scene, "parity", "--days", "1", expects=3)
    return Answer(told(scene, expects=3), text, noted(scene))


@pytest.fixture
def bot(lived: Lived, tmp_path) -> World:
    """The same bot in a copy of its home, for a test to spoil."""
    shutil.copytree(lived.scene.home, tmp_path / "copy")
    return replace(lived.scene, home=tmp_path / "copy")


def told(scene: World, *, expects: int) -> dict[str, Any]:
    words = ("parity", "--days", "1", "--json")
    answer: dict[str, Any] = json.loads(parity_world.by_hand(scene, *words, expects=expects))
    return answer


def noted(scene: World) -> ParityResult:
    """What the next stage will read of the last comparison."""
    documents = wiring.documents_for(scene.settings)
    found = LiveDocuments(documents, scene.settings.id).parity_results().results[-1]
    documents.close()
    return found


def spoil(scene: World, report: TickReport, change: Callable[[TickReport], TickReport]) -> None:
    documents = wiring.documents_for(scene.settings)
    stored = documents.get(BotDocuments(documents, scene.settings.id).tick_path(report.tick))
    assert stored is not None
    documents.replace(stored, {**stored.data, "report": msgspec.to_builtins(change(report))})
    documents.close()


def total(amounts: dict[str, str]) -> Decimal:
    return sum(map(Decimal, amounts.values()), Decimal(0))


def test_decisions_orders_and_the_yen_by_cause_are_told_and_add_up_to_what_the_exchange_paid(
    lived: Lived, whole: Answer
) -> None:
    found, fills, compared = whole.found, whole.found["fills"], whole.found["bot"]
    reports = [one for one in lived.reports if one.scheduled_at >= found["start_at"]]
    by_hand = [report for report in reports if report.tick.startswith("manual-")]
    seen = Counter(
        {name: fills[name] for name in ("orders", "shared", "entries", "exits")},
        **{
            "ticks": compared["ticks"],
            "equal decisions": compared["equal_decisions"],
            "other decisions": compared["ticks"] - compared["equal_decisions"],
            "by hand": len(by_hand),
            "filled by hand": sum(bool(report.fills) for report in by_hand),
        },
    )
    print(f"\n{dict(seen)}\n{fills['amounts']}")
    assert {name: seen[name] for name, least in FLOORS.items() if seen[name] < least} == {}, seen
    assert compared["ticks"] == len(reports) - len(by_hand), "the last one too"
    assert fills["entries"] + fills["exits"] == sum(len(report.fills) for report in reports)
    assert all(abs(Decimal(fills["amounts"][cause])) >= LEAST_YEN for cause in CAUSES)

    end_jpy = {name: Decimal(amount) for name, amount in found["end_jpy"].items()}
    assert not reports[-1].positions
    assert end_jpy["bot"] - STAGED == Decimal(lived.truth["yen"]) - YEN
    gap = end_jpy["bot"] - end_jpy["replay"]
    assert total(fills["amounts"]) == gap
    assert {Decimal(fills["gap_jpy"]), Decimal(compared["gap_jpy"])} == {gap}
    assert (fills["open_jpy"], fills["untold_jpy"], fills["still_open"]) == ("0.0000", "0.0000", 0)
    assert sum(Decimal(one["price_jpy"]) for one in compared["differences"]) == gap


def test_every_difference_has_a_cause_and_the_next_stage_may_count_on_it(whole: Answer) -> None:
    found = whole.found
    causes = Counter(one["cause"] for one in found["bot"]["differences"])
    print(f"\n{dict(causes)}")
    assert causes[Cause.FILLS] >= 20
    assert causes[Cause.TICK_BY_HAND] >= 20
    assert len(causes) == 2
    assert (found["equal"], found["explained"]) == (False, True)
    assert found["schedule"]["missed"] == []
    assert (whole.noted.unexplained, whole.noted.since) == (0, found["start_at"])


def test_a_person_reads_how_many_orders_there_were_and_what_each_cause_cost(whole: Answer) -> None:
    found, fills, text = whole.found, whole.found["fills"], whole.text
    assert f"decisions equal in {found['bot']['equal_decisions']}, everything equal in " in text
    assert (
        f"orders    {fills['orders']} that open were sent, {fills['shared']} of them by the replay"
        f" too, which sent {fills['replayed']}; {fills['entries']} fills opened,"
        f" {fills['exits']} closed" in text
    )
    for cause, amount in fills["amounts"].items():
        assert f"{cause} {Decimal(amount):+,.4f}" in text
    assert f"cash      apart by {Decimal(fills['gap_jpy']):+,.4f} yen: by these orders" in text
    assert "told by no order" not in text


def test_a_stored_fill_that_was_altered_is_yen_that_no_order_tells(
    lived: Lived, whole: Answer, bot: World
) -> None:
    def largest(fills: tuple[Fill, ...]) -> int:
        return max((fill.lots for fill in fills if fill.purpose is Purpose.ENTRY), default=0)

    before = whole.found
    report = max(
        (one for one in lived.reports if one.scheduled_at > before["start_at"]),
        key=lambda one: largest(one.fills),
    )
    fill = next(one for one in report.fills if one.lots == largest(report.fills))
    assert fill.lots >= 50

    def dearer(one: TickReport) -> TickReport:
        worse = tuple(
            replace(each, price=each.price + PLANTED_YEN) if each == fill else each
            for each in one.fills
        )
        return replace(one, fills=worse)

    spoil(bot, report, dearer)
    found = told(bot, expects=4)
    lacking = jpy_from_units(fill.side.sign * PLANTED_YEN * fill.lots)
    assert Decimal(found["fills"]["untold_jpy"]) == lacking
    assert total(found["fills"]["amounts"]) == total(before["fills"]["amounts"]) - lacking
    assert found["fills"]["gap_jpy"] == before["fills"]["gap_jpy"]
    assert not found["explained"]
    assert noted(bot).unexplained == 1
    text = parity_world.by_hand(bot, "parity", "--days", "1", expects=4)
    assert f"; {lacking:+,.4f} yen of it are told by no order" in text


def test_a_decision_that_neither_money_nor_market_explains_has_an_exit_code_of_its_own(
    lived: Lived, whole: Answer, bot: World
) -> None:
    start_at = whole.found["start_at"]
    first = next(report for report in lived.reports if report.scheduled_at == start_at)

    def larger(one: TickReport) -> TickReport:
        assert one.decision is not None
        return replace(one, decision=replace(one.decision, lots=one.decision.lots + 1))

    spoil(bot, first, larger)
    found = told(bot, expects=4)
    unknown = [one for one in found["bot"]["differences"] if one["cause"] == Cause.UNKNOWN]
    assert unknown[0]["at"] == first.scheduled_at
    assert [fact["what"] for fact in unknown[0]["facts"]] == ["decision.lots"]
    assert found["fills"]["untold_jpy"] == "0.0000"
    assert noted(bot).unexplained == 1
