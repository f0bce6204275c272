"""`scripts/bot alerts`: what was told, and whether the channels bring anything, as one types it."""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from functions import wiring
from scripts.commands.alerts import _lines, _row
from shared.alerts.records import record_write
from shared.core.settings import load_settings
from shared.core.types import Alert, Level
from shared.stores.local.sqlite import SqliteDocuments
from shared.stores.ports import Write
from shared.tick.live.documents import LiveDocuments
from tests.support.discord import TOKEN, loopback_discord
from tests.support.smtp_server import mail_server
from tests.support.world import ROOT

MINUTE = 60_000


def bot(home: Path, *words: str, stdin: Any = subprocess.DEVNULL, **more: str) -> Any:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("BOT_")}
    return subprocess.Popen(
        [sys.executable, "-m", "scripts.cli", "alerts", *words],
        cwd=ROOT,
        env={**kept, "PYTHONPATH": str(ROOT), "BOT_HOME": str(home), **more},
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for(is_so: Callable[[], Any]) -> Any:
    limit = time.monotonic() + 60
    while not (found := is_so()):
        assert time.monotonic() < limit
        time.sleep(0.05)
    return found


@pytest.mark.parametrize("is_right", [True, False])
def test_the_channels_are_passed_when_the_owner_types_what_each_brought(
    tmp_path: Path, is_right: bool
) -> None:
    with loopback_discord() as discord, mail_server() as mails:
        address = f"smtp://127.0.0.1:{mails.port}/?from=bot@example.org&to=me@example.org"
        process = bot(
            tmp_path,
            "test",
            "--json",
            stdin=subprocess.PIPE,
            DISCORD_WEBHOOK_URL=discord.url,
            BOT_SECOND_CHANNEL=address,
        )
        title = wait_for(lambda: discord.posted and discord.posted[0].embeds[0]["title"])
        first = re.findall(r"\d{6}", title)[0]
        second = re.findall(r"type (\d{6})", wait_for(lambda: mails.mails)[0].get_content())[0]
        assert first != second
        typed = (first, second) if is_right else (first, first)
        out, err = process.communicate("".join(f"{code}\n" for code in typed), timeout=60)
        assert process.returncode == (0 if is_right else 1), err
        assert json.loads(out) == {"channels": {"discord": True, "mail": is_right}}
        assert TOKEN not in out + err
        assert first not in err
    settings = load_settings({"BOT_HOME": str(tmp_path)})
    documents = wiring.documents_for(settings)
    kept = LiveDocuments(documents, "default").alerts_test()
    documents.close()
    assert kept is not None
    assert kept.channels == (("discord", "mail") if is_right else ("discord",))


def test_where_no_channel_is_set_up_the_owner_is_told_what_to_set(tmp_path: Path) -> None:
    process = bot(tmp_path, "test")
    _, err = process.communicate(timeout=60)
    assert process.returncode == 2
    assert "DISCORD_WEBHOOK_URL" in err


def test_a_channel_that_takes_nothing_fails_the_test(tmp_path: Path) -> None:
    with loopback_discord() as discord:
        discord.mode = "banned"
        process = bot(tmp_path, "test", "--send-only", DISCORD_WEBHOOK_URL=discord.url)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "discord: failed" in out
    assert TOKEN not in out + err


def test_each_webhook_is_tried_by_itself(tmp_path: Path) -> None:
    with loopback_discord() as loud, loopback_discord() as warning:
        warning.mode = "banned"
        process = bot(
            tmp_path,
            "test",
            "--send-only",
            "--json",
            DISCORD_WEBHOOK_URL=loud.url,
            DISCORD_WEBHOOK_WARNING=warning.url,
        )
        out, _ = process.communicate(timeout=60)
    assert process.returncode == 1
    assert json.loads(out) == {"channels": {"discord": True, "discord (warning)": False}}
    assert len(loud.posted) == 1


@pytest.mark.parametrize(
    "data",
    [
        {"alert": {"at": 10**17, "level": {"a": 1}, "title": 7}, "last_at": -(10**17)},
        {"alert": 7, "last_at": None, "times": "x", "dead_at": 1},
        {"alert": {"at": True, "level": None}, "sent_at": 1, "told_by": 7, "second_at": "x"},
    ],
)
def test_a_damaged_record_is_listed_as_well_as_it_can_be(data: dict[str, Any]) -> None:
    (line,) = _lines([_row(data)], "24h")
    assert line.startswith("-  -")


def test_the_list_says_when_how_loud_how_often_by_what_and_what_waits_or_is_dead(
    tmp_path: Path,
) -> None:
    now = int(time.time() * 1000)
    store = SqliteDocuments(tmp_path / "state.sqlite")
    told = [
        ("told", Level.CRITICAL, {"sent_at": now, "told_by": "discord", "second_at": now}),
        ("often", Level.WARNING, {"sent_at": now, "told_by": "summary", "times": 7}),
        ("waits", Level.WARNING, {}),
        ("dead", Level.WARNING, {"dead_at": now, "dead_why": "Discord answered 400"}),
        ("later", Level.INFO, {"digest_for": "default", "waiting_for": None}),
        ("old", Level.CRITICAL, {"last_at": now - 3 * 86_400_000}),
    ]
    for number, (name, level, more) in enumerate(told):
        at = now - (10 - number) * MINUTE
        title = f"Title of {name}."
        one = Alert(key=f"default:{name}", level=level, kind="kind", title=title, at=at)
        write = record_write(one, bot="default")
        data = {**(write.data or {}), **more}
        store.commit([Write(kind="put", path=write.path, data=data)])
    store.close()
    out, err = bot(tmp_path).communicate(timeout=60)
    lines = out.splitlines()
    assert [re.findall(r"Title of (\w+)", line)[0] for line in lines] == [
        "told",
        "often",
        "waits",
        "dead",
        "later",
    ], err
    assert lines[0].endswith("critical  Title of told.  [discord]")
    assert "(7 times)  [summary]" in lines[1]
    assert lines[2].endswith("[waiting]")
    assert lines[3].endswith("[dead: Discord answered 400]")
    assert lines[4].endswith("[in the next digest]")
    out, _ = bot(tmp_path, "--period", "7d", "--level", "critical", "--json").communicate(
        timeout=60
    )
    found = json.loads(out)["alerts"]
    assert {row["title"] for row in found} == {"Title of told.", "Title of old."}
