"""The sinks, against a real HTTP server that behaves as Discord does, and as it does not."""

import json
import threading
import time
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from shared.alerts import compose
from shared.alerts.discord.answers import _seconds, asked_seconds
from shared.alerts.discord.letters import Letter
from shared.alerts.discord.posting import post_by_requests
from shared.alerts.discord.sink import DiscordSink
from shared.alerts.log_sink import LogSink
from shared.core import logs, masking
from shared.core import settings as configuration
from shared.core.deadline import Deadline, bind_deadline
from shared.core.errors import AlreadyExists, BadSettings, Unavailable
from shared.core.types import Alert, Entry, Level, Position, Side, TickReport, TickStatus
from shared.stores.memory import MemoryDocuments

SETTINGS = configuration.load_settings({"BOT_DISCORD__TIMEOUT_SECONDS": "1"})
AT = 1_893_456_000_000
TOKEN = "s3cr3t-token-of-the-webhook"


class Discord:
    """Answers as it is told, in turn, then 204; counts what it was sent."""

    def __init__(self, *answers):
        self.answers, self.requests, self.times = list(answers), [], []
        discord = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                discord.requests.append((self.path, body, dict(self.headers)))
                discord.times.append(time.monotonic())
                answer = discord.answers.pop(0) if discord.answers else {"status": 204}
                if callable(answer):
                    answer = answer(body)
                if "sleep" in answer:
                    time.sleep(answer["sleep"])
                if answer.get("hang_up"):
                    self.close_connection = True
                    return
                text = answer.get("body", "").encode()
                self.send_response(answer["status"])
                for name, value in answer.get("headers", {}).items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                for byte in text:
                    self.wfile.write(bytes([byte]))
                    self.wfile.flush()
                    time.sleep(answer.get("drip", 0))

            def log_message(self, *_):
                pass

        class Server(ThreadingHTTPServer):
            def handle_error(self, request, client_address):
                pass  # a client that went away

        self._server = Server(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.01}
        )
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}/api/webhooks/123/{TOKEN}"

    def close(self):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def keys(self):
        return [embed["footer"]["text"] for _, body, _ in self.requests for embed in body["embeds"]]


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def discord():
    with closing(Discord()) as server:
        yield server


def alert(name="a", level=Level.CRITICAL, **fields):
    return Alert(
        key=name, level=level, kind="kind", title=f"Title of {name}.", at=AT, fields=fields
    )


class Lines(list):
    def __call__(self, event, *, severity="INFO", **fields):
        self.append({"event": event, "severity": severity, **fields})


def sink(discord, *, levels=tuple(Level), lines=None, **more):
    return DiscordSink(
        dict.fromkeys(levels, discord.url),
        SETTINGS,
        write=Lines() if lines is None else lines,
        **more,
    )


def send(sink_, alerts, *, seconds=20):
    return sink_.send(alerts, deadline_ms=int((time.monotonic() + seconds) * 1000))


# delivering


def test_the_alerts_of_a_level_are_one_message_and_the_critical_go_first(discord):
    alerts = [
        alert("i1", Level.INFO),
        alert("w1", Level.WARNING),
        alert("c1"),
        alert("i2", Level.INFO),
        alert("c2"),
    ]
    assert send(sink(discord), alerts) == {"i1", "w1", "c1", "i2", "c2"}
    assert [[embed["title"] for embed in body["embeds"]] for _, body, _ in discord.requests] == [
        ["Title of c1.", "Title of c2."],
        ["Title of w1."],
        ["Title of i1.", "Title of i2."],
    ]
    path, _, headers = discord.requests[0]
    assert path == f"/api/webhooks/123/{TOKEN}?wait=true"
    assert headers["Content-Type"] == "application/json"


def test_25_alerts_are_three_messages(discord):
    assert len(send(sink(discord), [alert(f"a{n}") for n in range(25)])) == 25
    assert [len(body["embeds"]) for _, body, _ in discord.requests] == [10, 10, 5]


def test_a_thread_of_a_channel_in_the_address_is_kept(discord):
    discord.url += "?thread_id=9"
    assert send(sink(discord), [alert()]) == {"a"}
    assert discord.requests[0][0].endswith("?thread_id=9&wait=true")


def test_levels_without_a_webhook_are_logged_and_count_as_told(discord):
    lines = Lines()
    told = send(
        sink(discord, levels=(Level.CRITICAL,), lines=lines),
        [alert("c"), alert("w", Level.WARNING, why="so")],
    )
    assert told == {"c", "w"}
    assert discord.keys == ["c"]
    assert lines == [
        {
            "event": "alert",
            "severity": "WARNING",
            "key": "w",
            "kind": "kind",
            "title": "Title of w.",
            "fields": {"why": "so"},
        }
    ]


def test_the_log_sink_tells_everything_in_structured_lines():
    lines = Lines()
    assert LogSink(lines).send([alert("a"), alert("b", Level.INFO)], deadline_ms=0) == {"a", "b"}
    assert [(line["severity"], line["key"]) for line in lines] == [("CRITICAL", "a"), ("INFO", "b")]


def test_what_was_delivered_is_not_sent_again_even_if_the_outbox_forgot_it(discord):
    told = sink(discord)
    assert send(told, [alert("a"), alert("a")]) == {"a"}
    assert send(told, [alert("a"), alert("b")]) == {"a", "b"}
    assert discord.keys == ["a", "b"]


def test_what_is_remembered_is_bounded(discord):
    told = sink(discord)
    told._remember(f"x{n}" for n in range(5000))
    assert len(told._told) == 1000
    assert send(told, [alert("a")]) == {"a"}


def test_nothing_to_tell_sends_nothing(discord):
    assert send(sink(discord), []) == frozenset()
    assert discord.requests == []


# patience


@pytest.mark.parametrize(
    "patience",
    [
        {"headers": {"Retry-After": "0.4"}},
        {"body": '{"message": "You are being rate limited.", "retry_after": 0.4, "global": false}'},
        {"headers": {"Retry-After": "0"}, "body": '{"retry_after": 0.4}'},
    ],
)
def test_a_429_is_waited_out_as_long_as_it_asks(discord, patience):
    discord.answers = [{"status": 429, **patience}]
    assert send(sink(discord), [alert()]) == {"a"}
    assert len(discord.requests) == 2
    assert discord.times[1] - discord.times[0] >= 0.38


def test_a_429_that_asks_for_more_than_the_deadline_is_given_up_at_once(discord):
    discord.answers = [{"status": 429, "headers": {"Retry-After": "60"}}]
    lines, began = Lines(), time.monotonic()
    assert send(sink(discord, lines=lines), [alert()], seconds=3) == frozenset()
    assert time.monotonic() - began < 2
    assert len(discord.requests) == 1
    assert [(line["event"], line["problem"], line["keys"]) for line in lines] == [
        ("alerts.not_sent", "Discord answered 429", ["a"])
    ]


def test_attempts_are_bounded(discord):
    discord.answers = [{"status": 429, "headers": {"Retry-After": "0.01"}}] * 10
    assert send(sink(discord), [alert()]) == frozenset()
    assert len(discord.requests) == SETTINGS.discord.attempts == 3


def test_a_server_error_and_a_hung_up_connection_are_tried_again(discord):
    discord.answers = [{"status": 500}, {"status": 0, "hang_up": True}]
    waits = []
    assert send(sink(discord, sleep=waits.append), [alert()]) == {"a"}
    assert len(discord.requests) == 3
    assert waits == [0.5, 1.0]


def test_a_server_that_answers_too_late_is_tried_again_after_its_time_is_up(discord):
    discord.answers = [{"status": 204, "sleep": 1.6}]
    began = time.monotonic()
    assert send(sink(discord), [alert()]) == {"a"}
    assert len(discord.requests) == 2
    assert 1.4 < time.monotonic() - began < 4


def test_a_slow_server_is_left_at_the_deadline(discord):
    discord.answers = [{"status": 204, "sleep": 3}]
    began = time.monotonic()
    assert send(sink(discord), [alert()], seconds=0.5) == frozenset()
    assert time.monotonic() - began < 1.5


def test_the_deadline_that_is_bound_holds_where_it_is_the_earlier_one(discord):
    discord.answers = [{"status": 204, "sleep": 3}]
    began = time.monotonic()
    with bind_deadline(Deadline.after(0.5)):
        assert send(sink(discord), [alert()]) == frozenset()
    assert time.monotonic() - began < 1.0
    with bind_deadline(Deadline.after(-1.0)):
        assert send(sink(discord), [alert("b")]) == frozenset()
    assert len(discord.requests) == 1


def test_a_body_that_drips_is_left_at_the_deadline(discord):
    discord.answers = [{"status": 429, "body": '{"retry_after": 0.01}' + " " * 400, "drip": 0.05}]
    began = time.monotonic()
    send(sink(discord), [alert()], seconds=2)
    assert time.monotonic() - began < 3.5


def test_after_the_deadline_nothing_is_asked(discord):
    lines = Lines()
    assert (
        send(sink(discord, lines=lines), [alert("a"), alert("b", Level.INFO)], seconds=-1)
        == frozenset()
    )
    assert discord.requests == []
    assert [line["problem"] for line in lines] == ["there was no time left"] * 2


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("1.5", 1.5),
        (2, 2.0),
        ("-1", None),
        ("soon", None),
        (None, None),
        ("nan", None),
        ("inf", None),
    ],
)
def test_only_a_sensible_wait_is_believed(value, seconds):
    assert _seconds(value) == seconds


def test_a_body_that_is_no_json_object_asks_for_nothing():
    assert asked_seconds({}, b"<html>") is None
    assert asked_seconds({}, b"[1]") is None
    assert asked_seconds({"Retry-After": "3"}, b"<html>") == 3


# refusals


@pytest.mark.parametrize("status", [400, 413, 301])
def test_a_payload_that_is_refused_is_not_sent_again(discord, status):
    discord.answers = [{"status": status, "headers": {"Location": discord.url}}]
    lines = Lines()
    assert send(sink(discord, lines=lines), [alert()]) == frozenset()
    assert len(discord.requests) == 1
    assert lines[0]["problem"] == f"Discord answered {status}"
    assert (lines[0]["severity"], lines[0]["titles"]) == ("ERROR", ["Title of a."])


def test_one_bad_alert_does_not_hold_back_the_others(discord):
    def picky(body):
        return {
            "status": (
                400 if any(embed["footer"]["text"] == "bad" for embed in body["embeds"]) else 204
            )
        }

    discord.answers = [picky] * 4
    lines = Lines()
    assert send(sink(discord, lines=lines), [alert("good"), alert("bad"), alert("fine")]) == {
        "good",
        "fine",
    }
    assert [len(body["embeds"]) for _, body, _ in discord.requests] == [3, 1, 1, 1]
    assert [line["keys"] for line in lines] == [["bad"]]


@pytest.mark.parametrize("status", [401, 404, 410])
def test_a_webhook_that_is_gone_is_asked_once_and_told_as_not_sent(discord, status):
    discord.answers = [{"status": status}]
    lines = Lines()
    alerts = [*(alert(f"c{n}") for n in range(12)), alert("i", Level.INFO)]
    assert send(sink(discord, lines=lines), alerts) == frozenset()
    assert len(discord.requests) == 1
    assert [line["problem"] for line in lines] == [
        f"Discord answered {status}",
        "its webhook is gone",
        "its webhook is gone",
    ]


def test_a_level_that_cannot_be_delivered_does_not_hold_back_another(discord):
    with closing(Discord(*[{"status": 404}])) as dead:
        both = DiscordSink(
            {Level.CRITICAL: dead.url, Level.INFO: discord.url}, SETTINGS, write=Lines()
        )
        assert send(both, [alert("c"), alert("i", Level.INFO)]) == {"i"}
        assert (len(dead.requests), len(discord.requests)) == (1, 1)


def test_a_failure_of_our_own_is_told_and_stops_nothing(discord):
    def broken(url, body, timeout):
        raise RuntimeError(f"boom {url}")

    lines = Lines()
    assert send(sink(discord, lines=lines, post=broken), [alert()]) == frozenset()
    assert lines[0]["problem"] == "a RuntimeError of ours"


# secrets


def test_the_address_is_in_no_error_no_line_no_repr_and_no_message(discord, capfd):
    url = discord.url
    discord.close()  # nobody listens any more
    real = DiscordSink({Level.CRITICAL: url}, SETTINGS, sleep=lambda _: None)
    assert repr(real) == "DiscordSink(critical)"
    assert send(real, [alert(url=url, token=TOKEN)]) == frozenset()
    logs.log("x", problem=url, again=[TOKEN])
    with pytest.raises(Unavailable) as caught:
        post_by_requests(url, Letter(body=b"{}"), 1.0)
    assert str(caught.value) == "Discord did not answer (ConnectionError)"
    assert caught.value.__cause__ is caught.value.__context__ is None
    lines = capfd.readouterr().err
    assert len(lines.splitlines()) == 2
    assert TOKEN not in lines
    assert TOKEN not in repr(vars(caught.value))
    discord._server, discord._thread = _Nothing(), _Nothing()


class _Nothing:
    def shutdown(self):
        pass

    server_close = join = shutdown


def test_a_registered_secret_in_an_alert_never_leaves(discord):
    masking.register_secrets("bitbank-api-secret-0123")
    assert send(
        sink(discord), [alert("a", why="key bitbank-api-secret-0123 refused", hook=discord.url)]
    ) == {"a"}
    body = json.dumps(discord.requests[0][1])
    assert "bitbank-api-secret" not in body
    assert TOKEN not in body
    assert "key *** refused" in body


@pytest.mark.parametrize(
    "url",
    [
        "",
        "discord",
        "http://discord.com/api/webhooks/1/very-secret",
        "ftp://x/very-secret",
        "https://",
        "http://[very-secret",
    ],
)
def test_an_address_that_cannot_be_a_webhook_is_refused_without_telling_it(url):
    with pytest.raises(BadSettings, match="webhook for warning alerts") as caught:
        DiscordSink({Level.WARNING: url}, SETTINGS)
    assert "very-secret" not in str(caught.value) + caught.value.remedy
    assert caught.value.remedy


# the storm


def _tick(sink_, documents, report):
    """What the cycle does: compose, keep what is new in the outbox, deliver, mark."""
    for item in compose(report, settings=SETTINGS):
        try:
            documents.create(f"alerts/{item.key}", {"level": item.level.value, "title": item.title})
        except AlreadyExists:
            continue
        assert send(sink_, [item]) == {item.key}


def test_500_identical_ticks_are_one_message_a_window(discord):
    report = TickReport(
        tick="t",
        bot="default",
        status=TickStatus.DONE,
        scheduled_at=AT,
        received_at=AT,
        finished_at=AT,
        mode="paper",
        stage="paper",
        settings_hash="x",
        positions=(Position(side=Side.LONG, entries=(Entry(at=AT, price=1, lots=1, fee_jpy=0),)),),
    )
    from dataclasses import replace

    documents, ticks = MemoryDocuments(), 500
    for number in range(ticks):  # every process fresh: the sink remembers nothing
        _tick(sink(discord), documents, replace(report, finished_at=AT + number))
    assert len(discord.requests) == 1
    for number in range(ticks):  # a tick every 3 minutes: 25 hours
        _tick(sink(discord), documents, replace(report, finished_at=AT + number * 180_000))
    assert len(discord.requests) == 25
