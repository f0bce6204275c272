"""The channels beside Discord: an e-mail, a command, and a line of the log that a policy finds."""

import io
import json
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from shared.alerts.log_sink import LogSink
from shared.alerts.office import Office
from shared.alerts.second.address import second_channel
from shared.alerts.second.command import OwnCommand
from shared.alerts.second.line import CRITICAL_LINE, CriticalLine
from shared.alerts.second.mail import Mail
from shared.alerts.second.text import body_text, headline
from shared.core import logs
from shared.core.errors import BadSettings
from shared.core.masking import register_secrets
from shared.core.settings import load_settings
from shared.core.types import Alert, Level
from shared.stores.memory import MemoryDocuments
from tests.support.fixed_clock import FixedClock
from tests.support.log_filter import entry_of, extracted, is_matched
from tests.support.smtp_server import MailServer, mail_server
from tests.unit.alerts.test_discord import Lines

AT = 1_893_456_000_000
POLICIES = Path(__file__).parents[3] / "infra" / "policies"


def alert(name: str = "a", level: Level = Level.CRITICAL, **fields: str) -> Alert:
    return Alert(
        key=f"default:{name}",
        level=level,
        kind="kind",
        title=f"Title of {name}.",
        at=AT,
        fields=fields,
    )


def soon(seconds: float = 5.0) -> int:
    return int((time.monotonic() + seconds) * 1000)


@pytest.fixture
def server() -> Any:
    with mail_server() as running:
        yield running


def mail(server: MailServer, lines: Lines | None = None) -> Mail:
    address = f"smtp://127.0.0.1:{server.port}/?from=bot@example.org&to=me@example.org"
    return Mail(f"{address}&to=you@example.org", write=Lines() if lines is None else lines)


# mail


def test_one_mail_names_all_and_shows_a_phone_how_many(server: MailServer) -> None:
    alerts = [alert("a", why="a drawdown of 26 %"), alert("b"), alert("c", Level.WARNING)]
    assert mail(server).tell(alerts, deadline_ms=soon())
    (told,) = server.mails
    assert told["Subject"] == "crypto-bot: Title of a. (and 2 more)"
    assert told["To"] == "me@example.org, you@example.org"
    text = told.get_content()
    assert all(f"Title of {name}." in text for name in "abc")
    assert "why: a drawdown of 26 %" in text
    assert "scripts/bot alerts" in text


@pytest.mark.parametrize("mode", ["refuses", "breaks", "hangs"])
def test_a_server_that_does_not_take_it_is_told_and_ends_in_time(
    server: MailServer, mode: str
) -> None:
    server.mode, lines = mode, Lines()
    began = time.monotonic()
    assert not mail(server, lines).tell([alert()], deadline_ms=soon(2.0))
    assert time.monotonic() - began < 6.0
    assert server.mails == []
    (line,) = lines
    assert (line["event"], line["channel"]) == ("alerts.second_failed", "mail")
    assert "example.org" not in json.dumps(lines)


def test_no_secret_and_no_second_line_gets_into_a_mail(server: MailServer) -> None:
    register_secrets("planted-secret-4712")
    told = Alert(
        key="k",
        level=Level.CRITICAL,
        kind="kind",
        title="planted-secret-4712\r\nBcc: everyone@example.org",
        at=AT,
        fields={"planted-secret-4712": "x\n.\nDATA"},
    )
    assert mail(server).tell([told], deadline_ms=soon())
    (taken,) = server.mails
    assert "planted-secret" not in taken.as_string()
    assert taken["Bcc"] is None


def test_no_password_goes_over_a_line_that_is_not_encrypted() -> None:
    with pytest.raises(BadSettings) as told:
        Mail("smtp://me:hidden-4713@mail.test/?from=a@b.test&to=c@d.test")
    assert "hidden-4713" not in f"{told.value}{told.value.remedy}"
    lines = Lines()
    with mail_server() as server:
        made = Mail(f"smtp://127.1:{server.port}/?from=a@b.test&to=c@d.test", write=lines)
        assert not made.tell([alert()], deadline_ms=soon())
        assert server.mails == []
    assert lines[0]["problem"] == "SMTPNotSupportedError"


# a command


def own(tmp_path: Path, body: str, lines: Lines | None = None) -> OwnCommand:
    script = tmp_path / "notify.py"
    script.write_text(f"import sys, time\nfolder = {str(tmp_path)!r}\n{body}\n")
    return OwnCommand(f"'{sys.executable}' '{script}'", write=Lines() if lines is None else lines)


def test_a_command_gets_the_headline_as_a_word_and_the_text_as_its_input(tmp_path: Path) -> None:
    made = own(tmp_path, "open(folder + '/told', 'w').write(sys.argv[1] + '|' + sys.stdin.read())")
    assert made.tell([alert("a; touch x $(id)")], deadline_ms=soon(20.0))
    head, _, text = (tmp_path / "told").read_text().partition("|")
    assert head == "crypto-bot: Title of a; touch x $(id)."
    assert text.startswith("[critical] Title of a; touch x $(id).")


@pytest.mark.parametrize(
    ("body", "seconds", "problem"),
    [
        ("sys.exit(3)", 20.0, "it ended with 3"),
        ("time.sleep(60)", 1.5, "it did not end in time"),
    ],
)
def test_a_command_that_fails_or_hangs_has_told_nothing(
    tmp_path: Path, body: str, seconds: float, problem: str
) -> None:
    lines = Lines()
    began = time.monotonic()
    assert not own(tmp_path, body, lines).tell([alert()], deadline_ms=soon(seconds))
    assert time.monotonic() - began < seconds + 5.0
    assert [line["problem"] for line in lines] == [problem]


def test_a_command_that_is_not_there_has_told_nothing() -> None:
    lines = Lines()
    assert not OwnCommand("/nowhere/at-all", write=lines).tell([alert()], deadline_ms=soon())
    assert lines[0]["problem"] == "FileNotFoundError"
    assert second_channel("command:/nowhere/at-all").name == "command"


# the line of the log


def entries(stream: io.StringIO) -> list[dict[str, Any]]:
    return [entry_of(line) for line in stream.getvalue().splitlines()]


@pytest.fixture
def stream() -> Any:
    written = io.StringIO()
    logs.configure(stream=written)
    yield written
    logs.configure()


def test_every_critical_alert_is_in_a_line_that_the_policy_finds_and_no_other_is(stream) -> None:
    policy = json.loads((POLICIES / "critical.json").read_text())
    (condition,) = policy["conditions"]
    matched = condition["conditionMatchedLog"]
    settings, documents, clock = load_settings({}), MemoryDocuments(), FixedClock(AT)
    office = Office(documents, settings, clock, LogSink(), CriticalLine())
    keys = set()
    for number in range(40):
        level = list(Level)[number % 3]
        name = f"{level.value}-{number}"
        office.tell([alert(name, level)], seconds=5.0)
        keys |= {f"default:{name}"} if level is Level.CRITICAL else set()
        clock.sleep_until(clock.now_ms() + 60_000)
    clock.sleep_until(clock.now_ms() + 300_000)
    office.deliver_due(seconds=5.0)
    found = [entry for entry in entries(stream) if is_matched(entry, matched["filter"])]
    named = [key for entry in found for key in entry["jsonPayload"]["keys"]]
    assert sorted(named) == sorted(keys)
    assert all(entry["jsonPayload"]["message"] == CRITICAL_LINE for entry in found)
    assert len(found) <= 1 + 40 * 60 // 300
    labels = {name: extracted(found[-1], how) for name, how in matched["labelExtractors"].items()}
    assert labels["headline"].startswith("crypto-bot: Title of critical-")
    assert int(labels["count"]) == len(found[-1]["jsonPayload"]["keys"])
    assert policy["alertStrategy"]["notificationRateLimit"] == {"period": "300s"}


def test_the_policy_of_silence_counts_the_ticks_of_all_revisions_together() -> None:
    policy = json.loads((POLICIES / "silent.json").read_text())
    metric = json.loads((POLICIES / "ticks.metric.json").read_text())
    absent = policy["conditions"][0]["conditionAbsent"]
    assert absent["duration"] == "600s"
    assert [one["crossSeriesReducer"] for one in absent["aggregations"]] == ["REDUCE_SUM"]
    assert f"logging.googleapis.com/user/{metric['name']}" in absent["filter"]
    line = '{"severity":"INFO","message":"tick.done","tick":"t1"}'
    assert is_matched(entry_of(line), metric["filter"])
    other = '{"severity":"INFO","message":"tick.failed"}'
    assert not is_matched(entry_of(other), metric["filter"])


def test_a_filter_that_is_not_understood_is_no_match_but_an_error() -> None:
    entry = entry_of('{"severity":"INFO","message":"x"}')
    for text in ("a:b", 'a="x" OR b="y"', "severity>=ERROR", ""):
        with pytest.raises(ValueError, match="not understood"):
            is_matched(entry, text)


def test_many_are_named_and_counted() -> None:
    alerts = [alert(f"n{number}") for number in range(130)]
    assert headline(alerts).endswith("(and 129 more)")
    assert "and 30 more" in body_text(alerts)
