"""A live bot at an exchange that fails, refuses its signature and repeats what it was sent: no key,
no secret and no signature is in anything that it wrote, told or answered.
"""

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.support.live_process import INTERVAL, NOW, LiveProcess, live_process
from tests.support.loopback_discord import LoopbackDiscord
from tests.support.world import ROOT

KEY = "5f0c9e1d-77a2-4b8e-9d3c-1e64b0a2c9f7"
SECRET = "c2d19ad0f7be4e2f8c5b6a7d1e0f93847563a1b2c3d4e5f60718293a4b5c6d7e"
OTHER_SECRET = "deadbeef0f7be4e2f8c5b6a7d1e0f93847563a1b2c3d4e5f60718293a4b5c6d7"
WEBHOOK_TOKEN = "token-of-a-test"
TELLING = 12
"""So many letters of a secret are one."""
FAULTS: tuple[dict[str, Any], ...] = (
    {"name": "http-500", "path": "/v1/user/*"},
    {"name": "html", "path": "/v1/user/*"},
    {"name": "http-500", "endpoint": "order"},
    {"name": "html", "endpoint": "order"},
    {"name": "reset", "endpoint": "order"},
    {"name": "code", "path": "/v1/user/*", "code": 20001},
    {"name": "truncated", "path": "/v1/user/*"},
)
COMMANDS = (
    *("status", "status --json", "doctor", "doctor --json", "live", "live --json"),
    *("alerts", "tick --dry-run"),
)
OURS = frozenset({"site", "keys", "window"})
"""What the test itself keeps beside what the bot writes."""


def told_by_commands(bot: LiveProcess) -> Iterator[tuple[str, bytes]]:
    kept = {name: text for name, text in os.environ.items() if not name.startswith("BOT_")}
    environ = {**kept, **bot.environ, "PYTHONPATH": str(ROOT)}
    for words in COMMANDS:
        done = subprocess.run(
            [sys.executable, "-m", "scripts.cli", *words.split()],
            cwd=ROOT,
            env=environ,
            capture_output=True,
            timeout=120,
            check=False,
        )
        yield words, done.stdout + done.stderr


def written(home: Path) -> Iterator[tuple[str, bytes]]:
    """Every file below the bot's home as it lies there, and every document."""
    for path in sorted(home.rglob("*")):
        if path.is_file() and path.relative_to(home).parts[0] not in OURS:
            yield str(path.relative_to(home)), path.read_bytes()
    with closing(sqlite3.connect(home / "state.sqlite")) as stored:
        for path, *rest in stored.execute("SELECT path, data, writer FROM documents"):
            yield path, f"{path} {rest}".encode()


def found_in(said: Iterable[tuple[str, bytes]], secrets: set[str]) -> list[str]:
    """Where the beginning of a secret stands, for texts are cut."""
    return [
        f"{where}: {secret[:4]}..."
        for where, text in said
        for secret in secrets
        if secret[:TELLING].encode() in text
    ]


@pytest.mark.slow
def test_no_key_secret_or_signature_is_in_anything_that_a_live_bot_wrote_or_told(
    tmp_path: Path,
) -> None:
    home, discord, answers = tmp_path / "home", LoopbackDiscord(), list[dict[str, Any]]()
    with live_process(home, key=(KEY, SECRET), DISCORD_WEBHOOK_URL=discord.url) as bot:
        numbers = iter(range(1_000))

        def tick() -> dict[str, Any]:
            told = bot.post(NOW + next(numbers) * INTERVAL)
            assert told is not None
            answers.append(told)
            return told

        bot.start()
        try:
            assert any(one["fills"] for one in (tick() for _ in range(2)))
            for fault in FAULTS:
                body = json.dumps({"times": 3, **fault}).encode()
                assert bot.sandbox.answer("POST", "/_sandbox/faults", body).status == 200, fault
                while next(numbers) % 5 != 4:
                    pass  # the next one may enter
                tick()
                bot.sandbox.faults.clear()
            bot.sandbox.echoes = True
            tick()
            bot.kill()
            bot.start(BITBANK_API_SECRET=OTHER_SECRET)
            tick()
            bot.sandbox.echoes = False
            refused = tick()
            bot.kill()
            bot.start()
            tick()
        finally:
            discord.close()
        said = [
            *written(home),
            *told_by_commands(bot),
            ("answers", json.dumps(answers).encode()),
            ("discord", json.dumps([body for _, body in discord.requests]).encode()),
        ]
        signatures = bot.sandbox.signatures
    names = {where for where, text in said if text}
    statuses = {one["status"] for one in answers}
    print(
        f"{len(said)} texts, {sum(len(text) for _, text in said):,} bytes, {len(signatures)}"
        f" signatures, {len(discord.requests)} messages, ticks {statuses}"
    )
    assert refused["status"] == "degraded"
    assert {"done", "degraded"} <= statuses
    assert len(signatures) >= 100
    assert len(discord.requests) >= 3
    assert names >= {"log", "state.sqlite", "bots/default", "answers", "discord"}
    assert names >= set(COMMANDS)
    assert any(name.startswith("bucket/") for name in names)
    secrets = {KEY, SECRET, OTHER_SECRET, WEBHOOK_TOKEN, *signatures}
    assert found_in(said, secrets) == []
    for secret in (KEY, OTHER_SECRET, *list(signatures)[:3]):
        assert found_in([("planted", f"a {secret[:20]}".encode())], secrets), "it would be seen"
