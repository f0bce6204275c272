"""`bot parity`: what the bot stored against a replay of the same ticks; planted differences are
found, named and priced.
"""

import json
import shutil
from dataclasses import replace

import msgspec
import numpy as np
import pytest

from functions import wiring
from shared.core.types import Action, TickReport, Timeframe
from shared.exchanges.sandbox.faults import Fault
from shared.market.archive import CandleArchive
from shared.market.candle_files import file_of
from shared.tick.documents import BotDocuments
from tests.support import parity_world
from tests.support.world import DAY, World, world

WHOLE = parity_world.story(
    seed=4, start_at=parity_world.NEW_YEAR - DAY // 4, days=0.4, missed=3, late=3
)
STORY = replace(WHOLE, received_at={**WHOLE.received_at, WHOLE.end_at: WHOLE.end_at + 700})
"""The last tick is received a moment after its schedule time, as every tick of life is."""
WIDE_UNTIL = STORY.start_at + DAY // 10
QUIET_DAYS = 0.2


@pytest.fixture(scope="module")
def lived(tmp_path_factory) -> World:
    """A bot that has ticked for ten hours, with a book four times as wide as paper assumes in the
    first quarter of them.
    """
    folder = tmp_path_factory.mktemp("parity")
    minutes = parity_world.market_of(STORY)
    with world(
        folder / "home", now=STORY.start_at, minutes=minutes, extra=parity_world.RESTLESS
    ) as scene:
        scene.sandbox.faults.add(Fault(name="wide-spread", rate=0.0004, until_ms=WIDE_UNTIL))
        parity_world.driven(scene.with_model(), STORY, parity_world.in_process(scene))
        assert scene.sandbox.faults.fire_count("wide-spread") > 10
        yield scene


@pytest.fixture(scope="module")
def whole(lived: World, tmp_path_factory) -> dict:
    """The answer for its whole life."""
    home = tmp_path_factory.mktemp("whole") / "copy"
    shutil.copytree(lived.home, home)
    return told(replace(lived, home=home), days=1.0, expects=3)


@pytest.fixture
def bot(lived: World, tmp_path) -> World:
    """The same bot in a copy of its home, for a test to spoil."""
    shutil.copytree(lived.home, tmp_path / "copy")
    return replace(lived, home=tmp_path / "copy")


def told(bot: World, *, days: float, expects: int) -> dict:
    return json.loads(
        parity_world.by_hand(bot, "parity", "--days", str(days), "--json", expects=expects)
    )


def test_ticks_in_an_ordinary_book_are_equal_from_where_the_bot_held_nothing(bot: World) -> None:
    found = told(bot, days=QUIET_DAYS, expects=0)
    assert found["equal"]
    assert found["bot"]["differences"] == []
    assert found["bot"]["ticks"] > 50
    assert found["bot"]["equal_decisions"] == found["bot"]["ticks"]
    assert found["begins"].startswith("where the bot held nothing, with its ¥")
    inside = [
        report for report in parity_world.stored(bot) if report.scheduled_at >= found["start_at"]
    ]
    assert sum(bool(report.fills) for report in inside) >= 5, "it traded"
    assert found["end_jpy"]["bot"] == found["end_jpy"]["replay"] == str(inside[-1].equity_jpy)


def test_ticks_that_were_missed_or_late_are_repeated_and_priced_apart(whole: dict) -> None:
    found = whole
    assert set(found["schedule"]["missed"]) == set(STORY.missed)
    assert {int(at) for at in found["schedule"]["received_at"]} == set(STORY.received_at)
    assert len(found["on_time"]["missed"]) == 3
    assert found["bot"]["ticks"] == len(STORY.deliveries), "the last one too"
    assert found["explained"]
    assert {difference["cause"] for difference in found["on_time"]["differences"]} <= {
        "missed tick",
        "late tick",
    }


def test_a_wide_book_is_found_and_named_from_the_first_tick_on(bot: World, whole: dict) -> None:
    found = whole
    assert found["begins"] == "with the bot's first tick"
    assert found["start_at"] == STORY.start_at
    wide = [one for one in found["bot"]["differences"] if one["cause"] == "spread"]
    assert wide
    assert all(one["began_at"] < WIDE_UNTIL for one in wide)
    entered = [
        one
        for one in wide
        if any(fact["what"] == "orders[0].intent.price" for fact in one["facts"])
    ]
    assert entered, "another touch, another price"
    assert "spread" in found["sentence"]
    text = parity_world.by_hand(bot, "parity", "--days", "1", expects=3)
    assert found["sentence"] in text
    assert "from 15m  a replay of the 15m candles alone ends at ¥" in text


def test_a_tampered_report_is_found_with_its_price(bot: World) -> None:
    documents = wiring.documents_for(bot.settings)
    last = parity_world.stored(bot)[-1]
    stored = documents.get(BotDocuments(documents, bot.settings.id).tick_path(last.tick))
    richer = replace(last, equity_jpy=last.equity_jpy + 1234)
    documents.replace(stored, {**stored.data, "report": msgspec.to_builtins(richer)})
    documents.close()
    found = told(bot, days=QUIET_DAYS, expects=4)
    assert not found["explained"]
    (difference,) = found["bot"]["differences"]
    assert (difference["at"], difference["cause"]) == (last.scheduled_at, "unknown")
    assert difference["price_jpy"] == found["bot"]["gap_jpy"] == "1234.0000"
    assert [fact["what"] for fact in difference["facts"]] == ["equity_jpy"]


def test_a_corrected_candle_is_named_as_data(bot: World) -> None:
    entry = next(report for report in reversed(parity_world.stored(bot)) if _filled_entry(report))
    corrected_at = int(entry.decision.as_of) - Timeframe.M15.ms
    told(
        bot, days=QUIET_DAYS, expects=0
    )  # it collects what it needs; a file that is whole is never asked for again
    file = file_of(Timeframe.M15, corrected_at)
    archive = CandleArchive(wiring.bucket_for(bot.settings))
    candles = archive.read(Timeframe.M15, file.start, file.end)
    row = int(np.searchsorted(candles.opened_at, corrected_at))
    close = candles.close.copy()
    close[row] += 3 if close[row] + 3 <= candles.high[row] else -3
    archive.write(file, replace(candles, close=close), complete=True)
    found = told(bot, days=QUIET_DAYS, expects=3)
    first = found["bot"]["differences"][0]
    assert (first["at"], first["cause"]) == (entry.decision.as_of, "data")
    assert "signal.close" in {fact["what"] for fact in first["facts"]}


def test_a_model_that_is_gone_and_days_without_ticks_are_the_users_to_mend(bot: World) -> None:
    shutil.rmtree(bot.home / "bucket" / "bundles")
    parity_world.by_hand(bot, "parity", "--days", str(QUIET_DAYS), expects=2)
    bot.extra = {**bot.extra, "BOT_ID": "another"}
    parity_world.by_hand(bot, "parity", expects=2)


def _filled_entry(report: TickReport) -> bool:
    entering = report.decision is not None and report.decision.action is Action.ENTER
    return (
        entering
        and report.scheduled_at % Timeframe.M15.ms == 0
        and report.scheduled_at > STORY.end_at - DAY // 8
    )
