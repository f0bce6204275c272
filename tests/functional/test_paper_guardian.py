"""A paper bot whose supervisor is killed is noticed: one critical message, and nothing is left."""

import json
import os
import subprocess
import sys
import time
from contextlib import closing, suppress
from pathlib import Path

from scripts.installation.checkout import ROOT
from tests.support.loopback_discord import LoopbackDiscord

PATIENCE_SECONDS = 60


def environment(tmp_path, webhook):
    """A bot without a network: what it would trade does not matter here."""
    return {
        **{name: value for name, value in os.environ.items() if "proxy" not in name.lower()},
        "PYTHONPATH": str(ROOT),
        "BOT_HOME": str(tmp_path / "home"),
        "BOT_EXCHANGE__PUBLIC_URL": "http://127.0.0.1:9",
        "BOT_EXCHANGE__PRIVATE_URL": "http://127.0.0.1:9/v1",
        "BOT_EXCHANGE__RETRY_BASE_SECONDS": "0.01",
        "DISCORD_WEBHOOK_CRITICAL": webhook,
    }


def bot(environ, *words):
    return subprocess.run(
        [sys.executable, "-m", "scripts.cli", "paper", *words],
        cwd=ROOT,
        env=environ,
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )


def processes_of(tmp_path):
    found = {}
    for entry in Path("/proc").glob("[0-9]*/environ"):
        try:
            if str(tmp_path).encode() in entry.read_bytes():
                words = (entry.parent / "cmdline").read_text().replace("\0", " ")
                found[int(entry.parent.name)] = words
        except OSError:
            continue
    found.pop(os.getpid(), None)
    return found


def until(wanted):
    limit = time.monotonic() + PATIENCE_SECONDS
    while not (found := wanted()):
        assert time.monotonic() < limit
        time.sleep(0.1)
    return found


def guardians(tmp_path):
    return [pid for pid, words in processes_of(tmp_path).items() if "paper.guardian" in words]


def kills_of(discord):
    return [
        embed
        for _, body in discord.requests
        for embed in body["embeds"]
        if "was killed" in embed["title"]
    ]


def started(environ, tmp_path):
    told = json.loads(bot(environ, "start", "--json").stdout)
    until(lambda: guardians(tmp_path))
    return told["pid"]


def test_a_supervisor_that_is_killed_is_told_once_and_leaves_nothing(tmp_path):
    with closing(LoopbackDiscord()) as discord:
        environ = environment(tmp_path, discord.url)
        pid = started(environ, tmp_path)
        assert len(guardians(tmp_path)) == 1
        os.kill(pid, 9)
        until(lambda: not processes_of(tmp_path))
        (told,) = kills_of(discord)
        assert "Paper trading was killed" in told["title"]
        said = json.dumps(told)
        assert "scripts/bot paper start" in said
        assert f"process {pid}" in said
        again = started(environ, tmp_path)  # and what waits in the outbox is not told once more
        assert bot(environ, "stop").returncode == 0
        assert again != pid
        assert len(kills_of(discord)) == 1
        until(lambda: not processes_of(tmp_path))


def test_an_end_that_was_meant_is_told_nobody(tmp_path):
    with closing(LoopbackDiscord()) as discord:
        environ = environment(tmp_path, discord.url)
        started(environ, tmp_path)
        stopped = json.loads(bot(environ, "stop", "--json").stdout)
        assert (stopped["stopped"], stopped["left"]) == (True, {})
        until(lambda: not processes_of(tmp_path))
        pid = started(environ, tmp_path)
        os.kill(pid, 15)
        time.sleep(0.2)
        with suppress(ProcessLookupError):
            os.kill(pid, 9)  # a person who does not wait for the end that was asked for
        until(lambda: not processes_of(tmp_path))
        assert kills_of(discord) == []


def test_a_guardian_that_is_killed_is_started_again_and_there_is_one(tmp_path):
    with closing(LoopbackDiscord()) as discord:
        environ = environment(tmp_path, discord.url)
        pid = started(environ, tmp_path)
        (first,) = guardians(tmp_path)
        os.kill(first, 9)
        (second,) = until(lambda: [one for one in guardians(tmp_path) if one != first])
        until(lambda: (tmp_path / "home/paper/default/guardian.group").read_text() == str(second))
        os.kill(pid, 9)
        os.kill(second, 15)  # as a service is ended whole
        assert bot(environ, "stop").returncode == 0  # waits until it has told
        assert len(kills_of(discord)) == 1
        until(lambda: not processes_of(tmp_path))


def test_a_message_that_does_not_get_through_waits_for_the_next_tick(tmp_path):
    with closing(LoopbackDiscord(status=500)) as discord:
        environ = environment(tmp_path, discord.url) | {"BOT_DISCORD__ATTEMPTS": "1"}
        pid = started(environ, tmp_path)
        os.kill(pid, 9)
        until(lambda: not processes_of(tmp_path))
        tried = len(kills_of(discord))
        assert tried >= 1
        discord.status = 204
        ticked = subprocess.run(
            [sys.executable, "-m", "scripts.cli", "tick"],
            cwd=ROOT,
            env=environ,
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
            check=False,
        )
        assert len(kills_of(discord)) == tried + 1, ticked.stderr
