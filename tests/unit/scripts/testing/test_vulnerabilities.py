"""The audit of what is pinned: pip-audit against a loopback database, and what counts as a pass."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from scripts.commands.lock import TARGETS
from scripts.installation.checkout import ROOT
from scripts.testing.pins import Pin, read_pins
from scripts.testing.vulnerabilities import read_answers


def pin(name: str, version: str = "1.0") -> Pin:
    return Pin(
        name=name, version=version, hashes=frozenset({f"sha256:{'0' * 64}"}), files=("a.txt",)
    )


@contextmanager
def database(*, known: dict[str, str], status: int = 200) -> Iterator[tuple[str, list[dict]]]:
    """An OSV that knows one vulnerability of each of these packages, and what it was asked."""
    asked: list[dict] = []

    class Osv(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            query = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            asked.append(query)
            name = query["package"]["name"]
            told: dict = {}
            if name in known:
                events = [{"introduced": "0"}, {"fixed": "9.9.9"}]
                ranges = [{"type": "ECOSYSTEM", "events": events}]
                affected = [{"package": query["package"], "ranges": ranges}]
                told = {"vulns": [{"id": known[name], "summary": "bad", "affected": affected}]}
            body = json.dumps(told).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_words: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Osv)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1/query", asked
    finally:
        server.shutdown()
        server.server_close()


def audit(url: str) -> tuple[int, dict, str]:
    pytest.importorskip("pip_audit")
    words = [sys.executable, "-m", "scripts.cli", "audit", "--database", url, "--json"]
    environ = {**os.environ, "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}
    ran = subprocess.run(words, cwd=ROOT, env=environ, capture_output=True, text=True, check=False)
    return ran.returncode, json.loads(ran.stdout)["audit"], ran.stderr


def test_every_pin_of_every_system_is_asked_about_and_none_known_is_a_pass() -> None:
    pins = read_pins(ROOT, [target.path for target in TARGETS])
    with database(known={}) as (url, asked):
        code, told, _ = audit(url)
    assert (code, told["unasked"], told["found"]) == (0, [], [])
    assert told["asked"] == len(pins) >= 150
    seen = {(one["package"]["name"], one["version"]) for one in asked}
    assert seen == {(one.name, one.version) for one in pins}
    assert {"xgboost", "colorama"} <= {name for name, _ in seen}, "those of other systems too"


def test_a_known_one_is_named_with_the_version_that_mends_it() -> None:
    with database(known={"requests": "PYSEC-2026-1"}) as (url, _):
        code, told, _ = audit(url)
    assert code == 3
    assert [(one["package"], one["id"], one["fixed_in"]) for one in told["found"]] == [
        ("requests", "PYSEC-2026-1", ["9.9.9"])
    ]


def test_a_database_that_fails_is_no_pass() -> None:
    with database(known={}, status=500) as (url, _):
        code, told, _ = audit(url)
    assert (code, told["asked"]) == (4, 0)
    assert told["why"]


def test_nobody_there_is_no_pass_and_the_answer_says_so() -> None:
    code, told, _ = audit("http://127.0.0.1:9/v1/query")
    assert (code, told["asked"], told["found"]) == (4, 0, [])
    assert len(told["unasked"]) >= 150
    assert "127.0.0.1" in told["why"]


def test_what_pip_audit_leaves_out_with_a_good_end_counts_as_not_asked() -> None:
    reason = "Dependency not found on PyPI and could not be audited: flask (1.0)"
    told = {
        "dependencies": [
            {"name": "flask", "skip_reason": reason},
            {"name": "numpy", "version": "1.0", "vulns": []},
        ]
    }
    pins = [pin("flask"), pin("numpy"), pin("never-told")]
    found = read_answers(pins, json.dumps(told), "No known vulnerabilities found")
    assert (found.asked, found.unasked, found.why) == (1, ("flask==1.0", "never-told==1.0"), "")


def test_another_version_than_the_pinned_is_no_answer() -> None:
    told = {"dependencies": [{"name": "numpy", "version": "2.0", "vulns": []}]}
    assert read_answers([pin("numpy")], json.dumps(told), "").unasked == ("numpy==1.0",)


def test_no_json_is_no_pass_and_says_the_last_line() -> None:
    found = read_answers([pin("numpy")], "", "Traceback\n  File x\nConnectionError: nobody\n")
    assert (found.asked, found.why) == (0, "ConnectionError: nobody")
