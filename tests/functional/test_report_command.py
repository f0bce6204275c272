"""`bot report` on a bot that really ticked for a day: each number against one that is worked out
here from what is stored.
"""

import csv
import json
import shutil
from collections import Counter
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from functions import wiring
from scripts.operation.bot import open_bot
from scripts.operation.period import judge_period, measure_stay, read_period
from shared.core.calendar import jst_day
from shared.core.money import ZERO
from shared.core.types import Action, TickReport
from shared.tick.cycle import run_tick
from shared.tick.documents import BotDocuments
from shared.tick.request import TickRequest
from tests.support import parity_world
from tests.support.emulators import fresh_project
from tests.support.storage_server import running
from tests.support.world import DAY, HISTORY_DAYS, INTERVAL, START, World, world

pytestmark = pytest.mark.slow

NOW = START + HISTORY_DAYS * DAY
TICKS = 500
"""A day and an hour: the first hour lies before the period."""
MISSED = frozenset({100, 101, 317})
DIED = 250
END = NOW + TICKS * INTERVAL


def live_through(scene: World, numbers: range) -> None:
    """The ticks of the schedule, but for those that were missed and the one that died."""
    ports, settings = scene.ports(), scene.settings
    for number in numbers:
        at = NOW + number * INTERVAL
        scene.time.advance_to(at)
        if number == DIED:
            claims = BotDocuments(ports.documents, settings.id)
            named = TickRequest.by_schedule(at, received_at=at)
            claims.claim(named.tick, now_ms=at, lease_ms=170_000)
        elif number not in MISSED:
            run_tick(ports, settings, TickRequest.by_schedule(at, received_at=at + 700))
    ports.documents.close()


@pytest.fixture(scope="module")
def lived(tmp_path_factory) -> World:
    with world(tmp_path_factory.mktemp("report") / "home", extra=parity_world.RESTLESS) as scene:
        live_through(scene.with_model(), range(TICKS))
        scene.time.advance_to(END)
        yield scene


@pytest.fixture(scope="module")
def reports(lived: World) -> list[TickReport]:
    return [one for one in parity_world.stored(lived) if one.scheduled_at >= END - DAY]


@pytest.fixture(scope="module")
def answered(lived: World, tmp_path_factory) -> tuple[dict, Path]:
    """The whole answer, and the file of the signals."""
    file = tmp_path_factory.mktemp("signals") / "signals.csv"
    words = ("report", "--signals", "--csv", str(file), "--json")
    return json.loads(parity_world.by_hand(lived, *words)), file


def target(answered: tuple[dict, Path], name: str) -> dict:
    return next(one for one in answered[0]["targets"] if one["name"] == name)


def test_the_ticks_that_were_due_are_counted_and_the_missed_and_the_dead_are_told(answered) -> None:
    uptime = target(answered, "uptime")
    assert (uptime["samples"], uptime["parts"]["up"]) == (480, 480 - len(MISSED) - 1)
    assert (uptime["parts"]["never_came"], uptime["parts"]["died"]) == (len(MISSED), 1)
    assert uptime["value"] == 476 / 480
    assert uptime["reached"] == "missed"


def test_answers_are_what_the_reports_say_less_their_waits(answered, reports) -> None:
    answers = target(answered, "answers")
    told = [one.timings_ms["total"] - one.timings_ms["wait"] for one in reports]
    assert answers["samples"] == len(told) == 476
    assert answers["value"] == pytest.approx(sum(told) / len(told) / 1000)
    closes = [one for one in reports if one.scheduled_at % 900_000 == 0]
    assert len(closes) >= 90
    assert all(one.timings_ms["wait"] > 0 for one in closes), "each waited for its candle"
    assert answers["parts"]["waited"] >= len(closes)
    assert (answers["parts"]["unmeasured"], answers["parts"]["attended"]) == (0, 0)


def test_the_dead_tick_is_an_error_of_its_hour(answered) -> None:
    errors = target(answered, "errors")
    assert errors["parts"]["claims"] == 1
    assert (errors["value"], errors["reached"]) == (1, "met")


def test_wins_are_those_of_the_trades_that_are_stored(answered, reports) -> None:
    trades = [trade for one in reports for trade in one.trades]
    assert sum(trade.ends_position for trade in trades) >= 5, "it traded"
    nets, running = [], ZERO
    for trade in trades:
        running += trade.net_jpy
        if trade.ends_position:
            nets.append(running)
            running = ZERO
    wins = target(answered, "wins")
    assert (wins["samples"], wins["parts"]["wins"]) == (len(nets), sum(net > 0 for net in nets))


def test_profit_is_the_change_of_equity_scaled_to_a_month(answered, lived, reports) -> None:
    before = [one for one in parity_world.stored(lived) if one.scheduled_at < END - DAY][-1]
    change = reports[-1].equity_jpy - before.equity_jpy
    assert change != 0
    profit = target(answered, "profit")
    assert Decimal(profit["parts"]["change_jpy"]) == change
    scaled = change * 30 * DAY / (reports[-1].scheduled_at - (END - DAY))
    assert abs(Decimal(profit["value"]) - scaled) < Decimal("0.001")
    assert profit["reached"] == "not enough data"
    found = answered[0]["performance"]["found"]
    assert Decimal(found["end_equity_jpy"]) == reports[-1].equity_jpy


def test_confidence_is_of_the_candles_that_had_a_side(answered, reports) -> None:
    said = {}
    for one in reports:
        if one.decision is None or one.signal is None or one.signal.forecast is None:
            continue
        side = one.decision.side or one.signal.side
        if one.decision.action in {Action.ENTER, Action.DENY} and side is not None:
            forecast = one.signal.forecast
            chosen = forecast.p_upper if side.value == "long" else forecast.p_lower
            said.setdefault(one.signal.as_of, chosen)
    inside = {at: chosen for at, chosen in said.items() if at >= END - DAY}
    confidence = target(answered, "confidence")
    assert confidence["samples"] == len(inside) >= 10
    assert confidence["value"] == pytest.approx(sum(inside.values()) / len(inside))


def test_every_candle_is_in_the_signals_once_a_strategy(answered) -> None:
    whole, file = answered
    with file.open(encoding="utf-8", newline="") as text:
        rows = list(csv.DictReader(text))
    assert len(rows) == len(whole["signals"]) > 100
    assert list(rows[0]) == ["day", "hour", "strategy", "buy", "sell", "hold", "strength"]
    candles = Counter()
    for row in rows:
        candles[row["strategy"]] += int(row["buy"]) + int(row["sell"]) + int(row["hold"])
    assert len(candles) >= 7
    assert set(candles.values()) == {96}
    assert {row["day"] for row in rows} == {jst_day(END - DAY), jst_day(END)}
    assert sum(int(row["buy"]) + int(row["sell"]) for row in rows) > 50


def test_parity_is_the_comparison_of_its_own_command(answered, lived) -> None:
    code = 0 if answered[0]["parity"]["equal"] else 3
    alone = json.loads(parity_world.by_hand(lived, "parity", "--days", "1", "--json", expects=code))
    assert answered[0]["parity"] == alone
    assert alone["bot"]["ticks"] > 300


def test_a_person_reads_it_on_one_screen_of_eighty_columns(lived) -> None:
    before = stored_documents(lived)
    text = parity_world.by_hand(lived, "report", "--without-parity", "--signals")
    lines = text.rstrip("\n").split("\n")
    assert max(map(len, lines)) <= 80
    assert len(lines) <= 40
    assert "476 of 480 ticks that were due" in " ".join(text.split())
    for name in ("uptime", "answers", "errors", "wins", "confidence", "profit"):
        assert sum(line.startswith(name) for line in lines) == 1, name
    assert stored_documents(lived) == before, "it only reads"


def stored_documents(scene: World) -> dict[str, object]:
    documents = wiring.documents_for(scene.settings)
    found = {
        one.path: (one.version, one.data)
        for name in ("ticks", "bots", "days", "trades", "alerts", "paper", "intents", "audit")
        for one in documents.query(name, limit=10_000)
    }
    documents.close()
    assert len(found) > 500
    return found


def test_where_the_candles_are_not_to_be_had_it_says_why_and_ends_well(lived, tmp_path) -> None:
    shutil.copytree(lived.home, tmp_path / "copy")
    shutil.rmtree(tmp_path / "copy" / "bucket" / "candles", ignore_errors=True)
    for file in (tmp_path / "copy").rglob("manifest.json"):
        file.write_text("{}")
    alone = replace(lived, home=tmp_path / "copy")
    found = json.loads(parity_world.by_hand(alone, "report", "--json"))
    assert found["parity"] is None
    assert "does not load" in found["parity_why"]
    assert found["targets"][0]["samples"] == 480
    text = parity_world.by_hand(alone, "report")
    assert "parity      not compared: " in text


@pytest.mark.parametrize(
    "words", [("--period", "25h"), ("--csv", "x.csv"), ("--monthly-cost-jpy", "-1")]
)
def test_a_mistake_of_the_user_is_exit_code_two(lived, words) -> None:
    parity_world.by_hand(lived, "report", *words, expects=2)


def test_a_bot_that_never_ticked_has_no_numbers_and_no_failure(lived, tmp_path) -> None:
    young = replace(lived, home=tmp_path / "young")
    found = json.loads(parity_world.by_hand(young, "report", "--signals", "--json"))
    assert {one["reached"] for one in found["targets"]} == {"not enough data"}
    assert found["signals"] == []
    assert found["parity"] is None
    text = parity_world.by_hand(young, "report", "--signals")
    assert "nothing to count" in text


def test_on_the_clouds_stores_the_targets_are_those_of_one_machine(
    firestore_here, tmp_path, monkeypatch
) -> None:
    def figures(extra: dict[str, str]) -> list:
        with world(tmp_path / str(len(extra)), extra={**parity_world.RESTLESS, **extra}) as scene:
            live_through(scene.with_model(), range(30))
            scene.time.advance_to(NOW + 30 * INTERVAL)
            with open_bot(scene.environ) as here:
                stored = read_period(here, span_ms=DAY)
                earned = measure_stay(stored.reports, here.settings, begin_at=stored.begin_at)
                told = judge_period(stored, here.settings, earned, monthly_cost_jpy=ZERO)
        assert len(stored.reports) == 30
        return [one for one in told if one.name != "answers"]

    with running("my-bucket") as server:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", server.url)
        cloud = figures(
            {
                "BOT_STATE": f"firestore://{fresh_project()}/(default)",
                "BOT_BUCKET": "gs://my-bucket/bot",
            }
        )
    assert cloud == figures({})
