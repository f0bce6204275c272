"""What a person reads and says: whose halt it is, why nothing is entered, what is damaged and how
it is mended.
"""

import json
import sqlite3
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from functions import wiring
from scripts.cli import main
from shared.core.reasons import Reason
from shared.core.types import TickStatus
from shared.tick.cycle import run_tick
from shared.tick.documents import BotDocuments
from shared.tick.request import TickRequest
from tests.functional.test_tick_trouble import changed, entered
from tests.support.world import DAY, HISTORY_DAYS, INTERVAL, START, World, world

NOW = START + HISTORY_DAYS * DAY
Say = Callable[..., str]


@pytest.fixture
def scene(tmp_path) -> Iterator[World]:
    with world(tmp_path / "home") as made:
        yield made


@pytest.fixture
def say(scene, monkeypatch, capsys) -> Say:
    """Run a command of this world's bot (or of another in its store) in this process; what it
    prints.
    """

    def run(*words: str, expects: int | None = 0, bot: str = "default", **more: str) -> str:
        for name, value in {**scene.environ, "BOT_ID": bot, **more}.items():
            monkeypatch.setenv(name, value)
        code = main([*words])
        printed = capsys.readouterr()
        assert expects in {None, code}, printed
        return printed.out + printed.err

    return run


@pytest.mark.parametrize("command", ["halt", "resume", "rollback", "doctor"])
@pytest.mark.parametrize("why", [(), ("--why", ""), ("--why", " \n "), ("--why", "x" * 501)])
def test_whoever_acts_without_a_terminal_must_say_why(say, command, why) -> None:
    words = (command, "--mend", *why) if command == "doctor" else (command, *why)
    assert "--why" in (told := say(*words, expects=2)) or "characters" in told


def test_at_a_terminal_the_reason_is_asked_for(scene, say, monkeypatch) -> None:
    import click

    from scripts.operation import bot as here

    class Terminal:
        @staticmethod
        def isatty() -> bool:
            return True

    monkeypatch.setattr(here.sys, "stdin", Terminal)
    monkeypatch.setattr(here.sys, "stderr", Terminal)
    monkeypatch.setattr(click, "prompt", lambda text, **_: f"answered {text}")
    assert here.why_asked(None, "the halt") == "answered Why the halt"
    assert here.why_asked("given", "the halt") == "given"


def test_the_resume_of_one_bot_says_that_nothing_was_halted_and_leaves_the_other_alone(
    scene, say
) -> None:
    ports = scene.ports()
    scene.tick(NOW, ports)
    halt_now(ports, NOW)
    say("halt", "--why", "a look", "--by", "alice")
    before = [item.data for item in ports.documents.query("control")]
    told = say("resume", "--why", "mine", bot="beta")
    assert "Nothing was halted for bot beta" in told
    assert [item.data for item in ports.documents.query("control")] == before
    report = scene.tick(NOW + INTERVAL, ports)
    assert ports.documents.get("bots/default").data["state"]["halted_at"] == NOW
    assert (
        report.status is not TickStatus.DONE
        or report.decision is None
        or report.decision.reason is not Reason.OK
    )
    assert "a look" in say("status", expects=None)
    assert "HALTED" not in say("status", expects=None, bot="beta")


def test_a_halt_for_all_is_seen_by_every_bot_and_lifted_only_for_all(say) -> None:
    say("halt", "--all", "--why", "typhoon")
    for bot in ("default", "beta", "third"):
        assert "for every bot: typhoon" in say("status", expects=None, bot=bot)
    told = say("resume", "--why", "mine", bot="beta")
    assert "Nothing was halted for bot beta" in told
    assert "resume --all" in told
    assert "typhoon" in say("status", expects=None)
    assert "Taken back" in say("resume", "--all", "--why", "over", bot="beta")
    for bot in ("default", "beta"):
        assert "HALTED" not in say("status", expects=None, bot=bot)


def test_a_resume_says_what_it_lifted_and_what_stays(scene, say) -> None:
    ports = scene.ports()
    scene.tick(NOW, ports)
    state = ports.documents.get("bots/default").data["state"]
    limits = {
        **state["limits"],
        "losing_streak": 4,
        "cooldown_until": NOW + DAY,
        "equity_peak_jpy": "2000000.0000",
    }
    changed(ports, "bots/default", state={**state, "halted_at": NOW - 1, "limits": limits})
    told = say("resume", "--why", "looked at it")
    assert "the drawdown halt of" in told
    assert "Stays: the cool-down until" in told
    assert "Stays: the losing streak of 4" in told
    assert "Stays: the loss of the day" in told
    assert BotDocuments(ports.documents, "default").control().lifts_drawdown == NOW - 1
    scene.tick(NOW + INTERVAL, ports)
    after = ports.documents.get("bots/default").data["state"]
    assert after["halted_at"] == 0
    assert (after["limits"]["losing_streak"], after["limits"]["cooldown_until"]) == (4, NOW + DAY)
    assert "COOLING" in say("status", expects=None)
    assert "Nothing was halted" in say("resume", "--why", "again")


def test_a_resume_from_tomorrow_lifts_no_halt_of_today(scene) -> None:
    ports = scene.ports()
    scene.tick(NOW, ports)
    halt_now(ports, NOW - 5)
    bot = BotDocuments(ports.documents, "default")
    bot.resume(halts=[], drawdown=NOW - 5, who="a", why="a clock that is ahead", now_ms=NOW + DAY)
    ports.documents.create(
        "control/current", {"resumed_at": NOW + DAY, "who": "a", "why": "b", "at": NOW + DAY}
    )
    scene.tick(NOW + INTERVAL, ports)
    assert ports.documents.get("bots/default").data["state"]["halted_at"] == 0
    for index in range(2, 6):
        halt_now(ports, NOW + index)
        scene.tick(NOW + index * INTERVAL, ports)
        assert ports.documents.get("bots/default").data["state"]["halted_at"] == NOW + index


def halt_now(ports: Any, at: int) -> None:
    changed(
        ports,
        "bots/default",
        state={**ports.documents.get("bots/default").data["state"], "halted_at": at},
    )


def test_status_says_why_nothing_was_entered_whatever_the_last_tick_said(scene, say) -> None:
    ports = scene.ports()
    reports = [scene.tick(NOW + index * INTERVAL, ports) for index in range(8)]
    quiet = [
        report
        for report in reports
        if report.decision and report.decision.reason is Reason.NOTHING_NEW
    ]
    assert quiet, "there are ticks between the candles"
    last = next(
        report for report in reversed(reports) if report.decision.reason is not Reason.NOTHING_NEW
    )
    told = say("status", expects=None)
    (line,) = [line for line in told.splitlines() if line.startswith("decision")]
    assert "nothing new" not in line
    assert "the candle that closed at" in line
    assert (
        json.loads(say("status", "--json", expects=None))["last_decision"]["reason"]
        == last.decision.reason
    )


def test_status_tells_the_truth_of_the_model(scene, say) -> None:
    ports = scene.ports()
    scene.tick(NOW, ports)
    assert "no bundle was ever promoted" in say("status", expects=None)
    scene.with_model()
    told = say("status", expects=None)
    assert "no bundle was ever promoted" not in told
    assert "serves since" in told
    assert "the last tick found none" in told
    scene.tick(NOW + INTERVAL, scene.ports())
    assert "the last tick" not in next(
        line for line in say("status", expects=None).splitlines() if line.startswith("model ")
    )


@pytest.mark.parametrize(
    ("path", "damage", "mends"),
    [
        ("control/default", {"schema": 1, "halt": 7, "lifted": None}, ("resume",)),
        ("control/all", {"schema": 1, "halt": {}, "lifted": None}, ("resume", "--all")),
        ("control/current", {"resumed_at": None}, ("resume", "--all")),
        (
            "intents/default~x",
            {"bot": "default", "open_for": "default", "intent": 1},
            ("doctor", "--mend"),
        ),
    ],
)
def test_doctor_names_a_damaged_document_and_a_command_mends_it(
    scene, say, path, damage, mends
) -> None:
    ports = scene.ports()
    scene.tick(NOW, ports)
    ports.documents.create(path, damage)
    told = say("doctor", expects=1)
    assert path in told
    assert " ".join(mends) in told
    assert path in say("status", expects=None) or path.startswith("intents")
    say(*mends, "--why", "mended", expects=None)
    assert path not in say("doctor", expects=None)
    assert scene.tick(NOW + INTERVAL, ports).status is TickStatus.DONE
    records = [item.data for item in ports.documents.query("audit")]
    assert [record["why"] for record in records] == ["mended"]


def test_a_list_in_the_place_of_a_control_document_is_named_and_mended(scene, say) -> None:
    ports, _ = entered(scene.with_model())
    BotDocuments(ports.documents, "default").halt(who="a", why="b", now_ms=NOW)
    with sqlite3.connect(scene.home / "state.sqlite") as connection:
        connection.execute("UPDATE documents SET data = '[1, 2]' WHERE path = 'control/default'")
    report = scene.tick(NOW + 2 * INTERVAL, ports)
    assert (report.status, report.reason) == (TickStatus.DEGRADED, Reason.CONTROL_DAMAGED)
    assert "control/default" in say("doctor", expects=1)
    assert "control/default, which was damaged, is written anew" in say("resume", "--why", "x")
    assert scene.tick(NOW + 3 * INTERVAL, scene.ports()).status is TickStatus.DONE


def test_doctor_and_status_name_a_state_that_cannot_be_read(scene, say) -> None:
    ports = scene.ports()
    scene.tick(NOW, ports)
    for damage in ({"mode": 7}, ["a"], {"schema": 9, "mode": "paper"}):
        changed(ports, "bots/default", state=damage)
        assert "the stored state of bot 'default'" in say("doctor", expects=1)
        assert "DAMAGED" in say("status", expects=None)
        assert "cannot be read" in say("resume", "--why", "x", expects=None)


def test_the_capital_of_an_account_that_has_traded_is_said(scene, say) -> None:
    entered(scene.with_model())
    assert "began with 1,000,000" in say("doctor", expects=None, BOT_CAPITAL_JPY="500000")
    half = World(**{**vars(scene), "extra": {"BOT_CAPITAL_JPY": "500000"}})
    half.tick(NOW + 2 * INTERVAL, half.ports())
    told: Any = say("status", expects=None)
    assert "capital_changed: capital_jpy is 500,000; the paper account began with 1,000,000" in told
    assert wiring.settings_from(half.environ).capital_jpy == 500_000


def test_status_and_doctor_name_late_ticks_and_times_of_the_future(scene, say) -> None:
    ports = scene.with_model().ports()
    scene.tick(NOW, ports)
    for index in range(1, 4):
        at = NOW + index * INTERVAL
        scene.time.advance_to(at + 165_000)
        request = TickRequest(tick=f"t{at}", scheduled_at=at, received_at=at + 165_000)
        assert run_tick(ports, scene.settings, request).status is TickStatus.LATE
    state = ports.documents.get("bots/default").data["state"]
    ahead = {"late_in_a_row": 0, "last_finished_at": scene.time.now_ms() + DAY}
    for told, words in (
        ({}, "3 ticks in a row came too late"),
        (ahead, "finished 86400 s in the future"),
    ):
        changed(ports, "bots/default", state={**state, **told})
        status, doctor = say("status", expects=1), say("doctor", expects=1)
        assert f"NOT WELL  {words}" in status or f"NOT WELL  the last tick {words}" in status, (
            status
        )
        (line,) = [line for line in doctor.splitlines() if words in line]
        assert "ticks" in line
        assert "look at the scheduler, and at this machine's clock" in doctor
        data = json.loads(say("status", "--json", expects=1))
        assert (data["fresh"], words in " ".join(data["why"])) == (False, True)
    assert "0.0 s ago" not in status
    assert "in the FUTURE" in status
