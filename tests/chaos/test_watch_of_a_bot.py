"""The watch beside real ticks: in a sandbox, over SQLite, and by HTTP against the function."""

import base64
import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from urllib.parse import parse_qsl, urlsplit

import pytest

from functions import wiring
from scripts.installation.checkout import ROOT
from shared.core.calendar import MINUTE_MS
from shared.core.errors import AlreadyExists
from shared.core.settings import load_settings
from shared.core.types import Alert, TickStatus
from shared.exchanges.sandbox.faults import Fault
from shared.model.registry import BundleRegistry
from shared.rounds.calling import TickCaller
from shared.rounds.watch import WatchPorts, look_around
from tests.support.watch_world import alert_name
from tests.support.world import DAY, HISTORY_DAYS, INTERVAL, START, World, tick_process, world

NOW = START + HISTORY_DAYS * DAY + 15 * MINUTE_MS
TOLD_BY_BOTH = {"BOT_WATCH__MAX_AGE_DAYS": "0.001", "BOT_WATCH__OVERDUE_DAYS": "5"}


class Watched:
    """A world with a watch whose teller is the outbox: what it stores is what people hear."""

    def __init__(self, scene: World) -> None:
        self.scene, self.settings = scene, scene.settings
        self.tick_ports = scene.ports()
        self.documents = self.tick_ports.documents
        self.own: list[str] = []
        self.caller: TickCaller | None = None

    def tell(self, alerts: list[Alert]) -> None:
        for alert in alerts:
            try:
                self.documents.create(f"alerts/{alert.key}", {"alert": {"kind": alert.kind}})
            except AlreadyExists:
                continue
            self.own.append(alert_name(alert))

    def ticks(self, *times: int) -> list[TickStatus]:
        return [self.scene.tick(at, self.tick_ports).status for at in times]

    def look(self, at: int) -> list[str]:
        """What the watch itself told in the round at `at`."""
        self.scene.time.advance_to(at)
        before = len(self.own)
        ports = WatchPorts(
            clock=self.tick_ports.clock,
            open_documents=lambda: self.documents,
            bucket=wiring.bucket_for(self.settings),
            tell=self.tell,
            call_tick=self.caller,
            skew_ms=lambda: self.tick_ports.feed.clock_skew_ms(deadline=None),
        )
        look_around(ports, self.settings)
        return self.own[before:]

    def heard(self) -> Counter[str]:
        """Everything that tick and watch have put into the outbox, by kind."""
        stored = self.documents.query("alerts", limit=1_000)
        return Counter(item.data["alert"]["kind"] for item in stored)


@pytest.mark.slow
@pytest.mark.parametrize("first", ["tick", "watch"])
def test_what_tick_and_watch_both_see_is_told_once(tmp_path, first) -> None:
    with world(tmp_path, extra=TOLD_BY_BOTH) as scene:
        scene.with_model()
        bot = Watched(scene)
        BundleRegistry(wiring.bucket_for(scene.settings)).note_retraining(at=START)
        if first == "watch":
            bot.scene.time.advance_to(NOW - 1_000)
            assert sorted(bot.look(NOW - 1_000)) == ["model_old", "retrain_overdue"]
        assert bot.ticks(NOW, NOW + INTERVAL) == ["done", "done"]
        rounds = [bot.look(NOW + INTERVAL + number * 15 * MINUTE_MS) for number in (0, 1)]
        assert rounds[0] == []
        heard = bot.heard()
        assert (heard["model_old"], heard["retrain_overdue"]) == (1, 1)
        registry = BundleRegistry(wiring.bucket_for(scene.settings))
        registry.note_retraining(at=NOW)
        at = NOW + INTERVAL + 30 * MINUTE_MS
        bot.ticks(at)
        assert "-retrain_overdue" in bot.look(at)
        bot.documents.close()


@pytest.mark.slow
def test_an_exchange_that_is_down_is_told_once_and_its_return_once(
    tmp_path,
) -> None:
    with world(tmp_path) as scene:
        scene.with_model()
        bot = Watched(scene)
        assert bot.ticks(NOW) == ["done"]
        assert bot.look(NOW) == []
        fault = scene.sandbox.faults.add(Fault(name="reset"))
        told, at, statuses = [], NOW, []
        for _ in range(8):
            times = [at + number * INTERVAL for number in range(1, 6)]
            statuses += bot.ticks(*times)
            at = times[-1]
            told.append(bot.look(at))
        assert set(statuses) == {"degraded"}
        assert told == [[], ["errors"], [], [], [], [], [], []], "five an hour are none too many"
        scene.sandbox.faults.clear(fault)
        told = []
        for _ in range(5):
            times = [at + number * INTERVAL for number in range(1, 6)]
            bot.ticks(*times)
            at = times[-1]
            told += bot.look(at)
        assert told == ["-errors"]
        assert bot.heard()["errors"] == 1
        bot.documents.close()


@pytest.mark.slow
def test_a_function_that_nobody_calls_is_called_by_the_watch_and_one_that_is_gone_is_told(
    tmp_path,
) -> None:
    with world(tmp_path) as scene:
        scene.with_model()
        with tick_process(scene.environ, log=tmp_path / "log") as (url, _):
            scene.extra = {"BOT_ROUNDS__TICK_URL": url}
            bot = Watched(scene)
            bot.caller = TickCaller(scene.settings)
            bot.ticks(NOW)
            assert bot.look(NOW + 15 * MINUTE_MS) == []
            state = bot.documents.get("bots/default").data["state"]
            assert state["last_tick"].startswith("manual-"), "the function ran it"
        assert bot.look(NOW + 30 * MINUTE_MS) == ["silent"]
        assert bot.look(NOW + 45 * MINUTE_MS) == []
        bot.ticks(NOW + 48 * MINUTE_MS)
        assert bot.look(NOW + 48 * MINUTE_MS) == ["-silent"]
        bot.documents.close()


class Answering(BaseHTTPRequestHandler):
    """Answers with the status that its server has, and keeps what it was sent."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.server.heard.append((self.path, dict(self.headers)))  # type: ignore[attr-defined]
        self.send_response(self.server.status)  # type: ignore[attr-defined]
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.mark.parametrize(("status", "answered"), [(200, True), (503, False), (403, False)])
def test_a_call_counts_as_answered_by_its_status_and_carries_no_token_here(
    status, answered
) -> None:
    server = HTTPServer(("127.0.0.1", 0), Answering)
    server.status, server.heard = status, []
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        url = f"http://127.0.0.1:{server.server_port}"
        settings = load_settings({"BOT_ROUNDS__TICK_URL": url})
        assert TickCaller(settings)() is answered
        ((path, headers),) = server.heard
        assert (path, "Authorization" in headers) == ("/", False)
    finally:
        server.shutdown()
        server.server_close()


def made_token() -> str:
    """A token as Google's are made, signed by nobody."""
    parts = ({"alg": "RS256", "typ": "JWT"}, {"aud": "tick", "exp": 4_000_000_000})
    texts = [base64.urlsafe_b64encode(json.dumps(part).encode()).decode() for part in parts]
    return ".".join([*(text.rstrip("=") for text in texts), "c2lnbmF0dXJl"])


class Metadata(BaseHTTPRequestHandler):
    """Google's metadata server: there, and giving a token for an audience."""

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        self.server.heard.append((parts.path, dict(parse_qsl(parts.query))))  # type: ignore[attr-defined]
        is_asked = self.headers["Metadata-Flavor"] == "Google"
        self.send_response(self.server.status if is_asked else 403)  # type: ignore[attr-defined]
        self.send_header("Metadata-Flavor", "Google")
        is_token = parts.path.endswith("/identity")
        self.send_header("Content-Type", "application/text" if is_token else "application/json")
        self.end_headers()
        self.wfile.write(made_token().encode() if is_token else b'{"email": "tick@test.invalid"}')

    def log_message(self, *_: object) -> None:
        """Nothing."""


@contextmanager
def served(handler: type[BaseHTTPRequestHandler], status: int) -> Iterator[HTTPServer]:
    server = HTTPServer(("127.0.0.1", 0), handler)
    server.status, server.heard = status, []  # type: ignore[attr-defined]
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


CALL = """
from shared.core.settings import load_settings
from shared.rounds.calling import TickCaller
import os
print(TickCaller(load_settings({"BOT_ROUNDS__TICK_URL": os.environ["TICK"]}))())
"""


@pytest.mark.slow
@pytest.mark.parametrize("gives", [200, 404])
def test_a_function_elsewhere_hears_the_token_that_the_metadata_server_gives_for_it(gives) -> None:
    with served(Metadata, gives) as google, served(Answering, 200) as tick:
        url = f"http://0.0.0.0:{tick.server_port}"  # this machine, by a name that is no loopback's
        place = f"127.0.0.1:{google.server_port}"
        known = {
            name: text
            for name, text in os.environ.items()
            if "proxy" not in name.lower() and not name.startswith(("BOT_", "GOOGLE_"))
        }
        environ = {**known, "GCE_METADATA_HOST": place, "GCE_METADATA_IP": place, "TICK": url}
        done = subprocess.run(
            [sys.executable, "-c", CALL],
            env={**environ, "PYTHONPATH": str(ROOT)},
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        asked = [query for path, query in google.heard if path.endswith("/default/identity")]  # type: ignore[attr-defined]
        if gives == 200:
            assert done.stdout == "True\n", done.stderr
            ((path, headers),) = tick.heard  # type: ignore[attr-defined]
            assert (path, headers["Authorization"]) == ("/", f"Bearer {made_token()}")
            assert [query["audience"] for query in asked] == [url]
        else:
            assert (done.stdout, tick.heard) == ("False\n", [])  # type: ignore[attr-defined]
            assert "watch.call_failed" in done.stderr
        assert made_token() not in done.stderr


def test_a_function_elsewhere_is_called_with_a_token_for_its_address_that_no_log_shows(
    capsys,
) -> None:
    asked = []

    def token(audience, session):
        asked.append(audience)
        raise RuntimeError("Bearer very-secret-token")

    settings = load_settings({"BOT_ROUNDS__TICK_URL": "https://tick.invalid/"})
    assert TickCaller(settings, token=token)() is False
    assert asked == ["https://tick.invalid"]
    assert "very-secret" not in capsys.readouterr().err
