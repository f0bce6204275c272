"""Second channels that lie, stall or get what no channel can carry: told once, never for ever."""

import json
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from shared.alerts.second.command import OwnCommand
from shared.alerts.second.line import CriticalLine
from shared.alerts.second.mail import Mail
from shared.alerts.second.text import body_text, headline
from shared.core.masking import register_secrets
from shared.core.types import Alert, Level
from tests.support.smtp_server import mail_server
from tests.unit.alerts.test_discord import Lines
from tests.unit.alerts.test_second import AT, alert, mail, own, soon

ODD = {
    "nothing": "Halted\x00 at once.",
    "half a character": "Halted \udcff at once.",
    "lines": "Halted\r\nBcc: everyone@example.org",
    "a long one": "Halted. " * 60_000,
}


@pytest.mark.parametrize("mode", ["trickles", "chatters"])
def test_a_mail_server_that_talks_without_end_is_left_in_time(mode: str) -> None:
    with mail_server() as server:
        server.mode = mode
        began = time.monotonic()
        assert not mail(server).tell([alert()], deadline_ms=soon(0.6))
        assert time.monotonic() - began < 1.5
        server.mode = "up"


def test_a_mail_that_somebody_took_is_told_whoever_else_is_refused() -> None:
    lines = Lines()
    with mail_server() as server:
        server.mode = "refuses one"
        address = f"smtp://127.0.0.1:{server.port}/?from=a@b.test&to=me@b.test&to=nobody@b.test"
        assert Mail(address, write=lines).tell([alert()], deadline_ms=soon())
        assert len(server.mails) == 1
    assert [line["problem"] for line in lines] == ["the server refused an address"]
    assert "b.test" not in json.dumps(lines)


def test_a_mail_that_was_taken_is_told_whatever_the_farewell_was() -> None:
    with mail_server() as server:
        server.mode = "rude"
        assert mail(server).tell([alert()], deadline_ms=soon())
        assert len(server.mails) == 1


def odd(title: str) -> Sequence[Alert]:
    told = Alert(
        key="default:\x00\udcff",
        level=Level.CRITICAL,
        kind="kind",
        title=title,
        at=AT,
        fields={title: title},
    )
    return [told, alert()]


@pytest.mark.parametrize("title", ODD.values(), ids=list(ODD))
def test_what_no_wire_can_carry_is_told_without_it(title: str, tmp_path: Path) -> None:
    with mail_server() as server:
        assert mail(server).tell(odd(title), deadline_ms=soon())
        (taken,) = server.mails
        assert "Halted" in taken["Subject"]
        assert "Title of a." in taken.get_content()
    made = own(tmp_path, "open(folder + '/told', 'w').write(sys.argv[1] + '|' + sys.stdin.read())")
    assert made.tell(odd(title), deadline_ms=soon(20.0))
    told = (tmp_path / "told").read_text()
    assert told.startswith("crypto-bot: Halted")
    assert "Title of a." in told
    lines = Lines()
    assert CriticalLine(lines).tell(odd(title), deadline_ms=soon())
    assert len(json.dumps(lines)) < 10_000


def test_a_secret_at_which_a_text_is_cut_leaves_nothing_behind() -> None:
    register_secrets("planted-secret-4799")
    cut = 0
    for before in (*range(180, 200), *range(980, 1_000)):
        text = "x" * before + "planted-secret-4799"
        told = replace(alert(), title=text, fields={text: text})
        lines = Lines()
        CriticalLine(lines).tell([told], deadline_ms=soon())
        shown = f"{headline([told])}{body_text([told])}{lines}"
        assert "plan" not in shown
        cut += "…" in shown
    assert cut >= 20


def test_an_address_that_no_mail_can_bear_fails_without_telling_it() -> None:
    lines = Lines()
    with mail_server() as server:
        address = f"smtp://127.0.0.1:{server.port}/?from=a%0Ab@c.test&to=me@c.test"
        assert not Mail(address, write=lines).tell([alert()], deadline_ms=soon())
    assert [line["problem"] for line in lines] == ["ValueError"]
    assert "c.test" not in json.dumps(lines)


def test_a_command_that_prints_for_ever_is_ended_in_time(tmp_path: Path) -> None:
    lines = Lines()
    began = time.monotonic()
    assert not own(tmp_path, "while True: print('x' * 10_000)", lines).tell(
        [alert()], deadline_ms=soon(0.5)
    )
    assert time.monotonic() - began < 1.5
    assert [line["problem"] for line in lines] == ["it did not end in time"]


def test_a_command_whose_end_cannot_be_forced_holds_nothing_up(monkeypatch) -> None:
    def forbidden(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "killpg", forbidden)
    command = OwnCommand(f"'{sys.executable}' -c 'import time; time.sleep(1.5)'", write=Lines())
    began = time.monotonic()
    assert not command.tell([alert()], deadline_ms=soon(0.2))
    assert time.monotonic() - began < 1.4
