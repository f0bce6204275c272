"""Going live as an owner does it: commands, a store on disk, a bitbank on loopback."""

import json
import os
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from functions import wiring
from models.jobs.keys import signing_key
from shared.core.types import TickReport
from shared.exchanges.sandbox.private.endpoints import PRIVATE
from shared.exchanges.sandbox.private.settings import FAKE_KEY, FAKE_SECRET
from shared.model.registry import BundleRegistry
from shared.stores.local.sqlite import SqliteDocuments
from shared.tick.cycle import run_tick
from shared.tick.live.documents import LiveDocuments
from shared.tick.live.records import key_fingerprint
from tests.support import world as worlds
from tests.support.account_stories import T0, market
from tests.support.live_world import LiveWorld, live_world
from tests.support.signed_client import SignedClient
from tests.support.tick_stories import INTERVAL, NoModel, Script
from tests.support.world import ROOT

KEY = key_fingerprint(FAKE_KEY)
SENT = {"BITBANK_API_KEY": FAKE_KEY, "BITBANK_API_SECRET": FAKE_SECRET}


@dataclass
class Owner:
    """Somebody at a terminal, and the bot whose ticks run beside it."""

    world: LiveWorld
    home: Path
    environ: dict[str, str]

    def bot(self, *words: str, **more: str) -> tuple[int, dict[str, Any]]:
        """A command's exit code, and its JSON."""
        kept = {name: text for name, text in os.environ.items() if not name.startswith("BOT_")}
        environ = {**kept, "PYTHONPATH": str(ROOT), **self.environ, **more}
        done = subprocess.run(
            [sys.executable, "-m", "scripts.cli", *words, "--json"],
            cwd=ROOT,
            env={name: text for name, text in environ.items() if text},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert FAKE_SECRET not in done.stdout + done.stderr
        assert FAKE_KEY not in done.stdout + done.stderr
        return done.returncode, json.loads(done.stdout) if done.stdout else {"err": done.stderr}

    def lacking(self, told: dict[str, Any]) -> list[str]:
        return [check["name"] for check in told["checks"] if not check["is_met"]]

    def rehearse(self, at: int) -> tuple[TickReport, list[dict[str, str]]]:
        """A dry run of a tick on this store, with a scripted signal."""
        settings = wiring.settings_from(self.environ)
        ports = wiring.ports(settings, self.environ, dry_run=True)
        ports = replace(ports, champions=NoModel(), feed=self.world.feed)  # type: ignore[arg-type]
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("shared.turn.pipeline.last_signal", Script(3))
            report = run_tick(ports, settings, self.world.request(at))
        return report, [dict(one) for one in wiring.rehearsed_requests(ports)]


@contextmanager
def owner_of(
    home: Path, *, stage: str = "live", is_started: bool = False, account: str = "margin"
) -> Iterator[Owner]:
    store = home / "bot.db"
    minutes = market(random.Random(3), 400, day_off=0.0)
    documents = SqliteDocuments(store)
    with live_world(
        minutes,
        account=account,
        script=Script(3),
        documents=documents,
        is_started=is_started,
        overrides={"stage": stage},
    ) as world:
        url = f"http://127.0.0.1:{world.port}"
        environ = {
            "BOT_HOME": str(home),
            "BOT_STATE": f"sqlite:///{store}",
            "BOT_MODE": "live",
            "BOT_STAGE": stage,
            "BOT_PROFILE": "loose",
            "BOT_ACCOUNT": account,
            "BOT_SIDES": world.settings.sides,
            "BOT_CAPITAL_JPY": "1000000",
            "BOT_EXCHANGE__PUBLIC_URL": url,
            "BOT_EXCHANGE__PRIVATE_URL": url,
            "BOT_CLOCK": url,
            **SENT,
        }
        yield Owner(world=world, home=home, environ=environ)


def posts(world: LiveWorld) -> Counter[str]:
    """The requests that reached the exchange by POST."""
    names = {route.endpoint for route in PRIVATE if route.method == "POST"}
    assert names >= {"order", "cancel_order", "orders_info"}
    return Counter({name: n for name, n in world.sandbox.requests().items() if name in names})


def test_an_owner_mends_one_thing_after_the_other_and_starts(tmp_path: Path) -> None:
    with owner_of(tmp_path, stage="stage-10") as owner:
        owner.world.sandbox.forget_requests()
        code, told = owner.bot("live", BITBANK_API_KEY="", BOT_CAPITAL_JPY="")
        assert code == 1
        assert {"capital", "key", "alerts", "account", "model"} <= set(owner.lacking(told))
        code, told = owner.bot("live")
        assert {"rights", "alerts", "account", "model"} == set(owner.lacking(told))
        code, refused = owner.bot("live", "rights", "0" * 12, "--why", "looked")
        assert code == 2
        assert KEY in refused["err"]
        assert owner.bot("live", "rights", KEY, "--why", "looked at the page")[0] == 0
        LiveDocuments(owner.world.documents, "default").note_alerts_test(
            ("discord",), now_ms=owner.world.clock.now_ms()
        )
        code, told = owner.bot("live", DISCORD_WEBHOOK_URL="https://discord.com/api/webhooks/1/a")
        assert set(owner.lacking(told)) == {"account", "model"}
        code, told = owner.bot("live", "start", "--why", "let us go")
        assert code == 1
        assert told["started"] is False
        assert owner.world.documents.get("live/default") is None
        report = owner.world.tick(T0 + 5 * INTERVAL)
        assert [issue.reason.value for issue in report.issues] == ["live_not_started"]
        code, told = owner.bot("live", DISCORD_WEBHOOK_URL="https://discord.com/api/webhooks/1/a")
        assert owner.lacking(told) == ["model"]
        assert sum(posts(owner.world).values()) == 0


@pytest.fixture
def serving(tmp_path: Path) -> str:
    """A real bundle serves; its version."""
    made = worlds.training(8.0, 5)
    settings = wiring.settings_from({"BOT_HOME": str(tmp_path)})
    signing_key(settings, {"BOT_BUNDLE_SIGNING_KEY": worlds.SIGNING_KEY})
    registry = BundleRegistry(wiring.bucket_for(settings))
    registry.publish(made.version, made.files)
    registry.promote(made.version, at=T0, why="the first", by="test")
    return made.version


def test_a_start_is_written_down_the_next_tick_enters_and_a_second_bot_is_refused_by_name(
    tmp_path: Path, serving: str
) -> None:
    with owner_of(tmp_path, stage="stage-10") as owner:
        owner.environ |= {
            "BOT_PROFILE": "",
            "BOT_RISK__OVERRULE_MODEL": serving,
            "DISCORD_WEBHOOK_URL": "https://discord.com/api/webhooks/1/a",
        }
        world = owner.world
        assert owner.bot("live", "rights", KEY, "--why", "looked at the page")[0] == 0
        live = LiveDocuments(world.documents, "default")
        live.note_alerts_test(("discord",), now_ms=world.clock.now_ms())
        assert world.tick(T0 + 6 * INTERVAL).reason.value == "ok"
        code, told = owner.bot("live", "start", "--why", "let us go", "--by", "ann")
        assert owner.lacking(told) == []
        assert (code, told["started"]) == (0, True)
        record = live.record()
        assert record is not None
        assert (record.who, record.why, record.key) == ("ann", "let us go", KEY)
        assert (record.stage, record.model) == ("stage-10", serving)
        entered = world.tick(T0 + 10 * INTERVAL)
        assert [one for one in entered.orders if one.intent.is_opening]
        assert set(owner.lacking(owner.bot("live", BOT_ID="second")[1])) == {
            *("claim", "alerts", "account", "side", "orders"),
        }
        up = owner.bot("live", "start", "--why", "more", BOT_STAGE="stage-50")
        assert up[0] == 1
        assert {"up-days", "up-ticks", "up-parity"} <= set(owner.lacking(up[1]))
        assert live.record() == record
        since = record.stage_since
        assert owner.bot("live", "start", "--why", "the same again")[0] == 0
        again = live.record()
        assert again is not None
        assert again.stage_since == since


def test_the_doctor_shows_what_live_lacks(tmp_path: Path) -> None:
    with owner_of(tmp_path, stage="stage-10") as owner:
        code, told = owner.bot("doctor")
        assert code == 1
        named = {check["name"]: check for check in told["checks"] if "live" in check["name"]}
        assert {"live-rights", "live-account", "live-side", "live-orders"} <= set(named)
        assert named["live-rights"]["verdict"] == "bad"
        assert KEY in named["live-rights"]["remedy"]
        assert sum(posts(owner.world).values()) == 0


def test_an_exchange_that_does_not_answer_is_no_damage_of_the_store(tmp_path: Path) -> None:
    with owner_of(tmp_path, stage="stage-10") as owner:
        nowhere = "http://127.0.0.1:9"
        silent = {f"BOT_EXCHANGE__{name}_URL": nowhere for name in ("PUBLIC", "PRIVATE")}
        told = owner.bot("doctor", **silent)[1]
        verdicts = {check["name"]: check["verdict"] for check in told["checks"]}
        assert (verdicts["documents"], verdicts["exchange"]) == ("ok", "bad")


def test_a_bot_is_lowered_and_stopped_by_command_and_the_next_tick_honours_it(
    tmp_path: Path,
) -> None:
    with owner_of(tmp_path, is_started=True) as owner:
        assert owner.world.tick(T0 + 6 * INTERVAL).stage == "live"
        assert owner.bot("live", "lower", "stage-50", "--why", "careful")[0] == 0
        assert owner.bot("live", "lower", "live", "--why", "more")[0] == 2
        assert owner.world.tick(T0 + 7 * INTERVAL).stage == "stage-50"
        assert owner.bot("live", "stop", "--why", "enough")[1]["stopped"] is True
        report = owner.world.tick(T0 + 10 * INTERVAL)
        assert not [one for one in report.orders if one.intent.is_opening and one.what == "place"]
        assert "live_not_started" in [issue.reason.value for issue in report.issues]


@pytest.mark.parametrize("account", ["margin", "spot"])
def test_a_dry_run_shows_the_body_that_the_tick_then_sends_and_posts_nothing(
    tmp_path: Path, account: str
) -> None:
    with owner_of(tmp_path, is_started=True, account=account) as owner:
        world = owner.world
        at = T0 + 10 * INTERVAL
        world.sandbox.forget_requests()
        before = world.truth()["orders"]
        report, bodies = owner.rehearse(at)
        assert sum(posts(world).values()) == 0
        assert sum(world.sandbox.requests().values()) > 0
        assert world.truth()["orders"] == before
        assert [one.intent.purpose.value for one in report.orders] == ["entry"]
        assert [one["path"] for one in bodies] == ["user/spot/order"]
        assert report.counts["writes"] == 0
        assert world.tick(at).counts["writes"] >= 5
        sent = world.truth()["orders"][0]
        shown = json.loads(bodies[0]["body"])
        assert shown["post_only"] is True
        assert (shown["side"], shown["price"], shown.get("position_side")) == (
            sent["side"],
            sent["price"],
            sent.get("position_side"),
        )
        assert world.bot.peek() is not None
        assert posts(world)["order"] > 0


def test_a_dry_run_shows_the_stop_that_is_missing_and_looks_at_lost_orders_by_get(
    tmp_path: Path,
) -> None:
    with owner_of(tmp_path, is_started=True) as owner:
        world = owner.world
        held = world.tick(T0 + 10 * INTERVAL)
        assert held.positions
        client = SignedClient(world.port, world.clock.now_ms, key=FAKE_KEY, secret=FAKE_SECRET)
        stops = [one for one in held.resting if one.intent.trigger_price is not None]
        for one in stops:  # the owner takes the stop away
            client.post("/user/spot/cancel_order", {"pair": "btc_jpy", "order_id": one.order_id})
        client.close()
        world.sandbox.forget_requests()
        before = world.truth()["orders"]
        _, bodies = owner.rehearse(T0 + 11 * INTERVAL)
        assert world.truth()["orders"] == before
        assert sum(posts(world).values()) == 0
        assert world.sandbox.requests()["order_info"] > 0
        assert any('"type":"stop"' in one["body"] for one in bodies)


def test_a_dry_run_of_a_bot_that_nobody_started_shows_no_entry(tmp_path: Path) -> None:
    with owner_of(tmp_path) as owner:
        report, bodies = owner.rehearse(T0 + 10 * INTERVAL)
        assert bodies == []
        assert [issue.reason.value for issue in report.issues] == ["live_not_started"]
        code, told = owner.bot("tick", "--dry-run")
        assert "would_post" not in told
        assert told["mode"] == "live"
        assert code in {0, 1}
