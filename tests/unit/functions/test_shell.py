"""One shell around every function: wired once, and an answer to whatever comes of a request."""

import json
import threading
import time

import pytest
from flask import Request, Response
from werkzeug.test import EnvironBuilder

from functions.shell import Refusal, Shell, VerbResult
from shared.core.errors import BadRequest, BotError, NotThere, Unavailable, UserError


def shell(**terms: object) -> Shell:
    return Shell("test", **{"wire": dict, "usage": "POST does it", **terms})


def respond(to: Shell, verb, *, method: str = "POST") -> Response:
    request = Request(EnvironBuilder(method=method).get_environ())
    return to.respond(request, {"POST": lambda _request: verb()})


def raises(error: Exception):
    def verb() -> VerbResult:
        raise error

    return verb


def test_a_verb_is_answered_with_its_body_and_writes_its_line(capsys) -> None:
    result = VerbResult(body={"id": "a"}, status=202, event="job", line={"id": "a"})
    answer = respond(shell(retry_after_seconds=30), lambda: result)
    assert (answer.status_code, answer.get_json()) == (202, {"id": "a"})
    assert "Retry-After" not in answer.headers
    line = json.loads(capsys.readouterr().err)
    assert (line["message"], line["severity"], line["id"]) == ("test.job", "INFO", "a")


def test_what_is_to_be_sent_again_says_when_whatever_its_status() -> None:
    busy = VerbResult(body={}, status=409, send_again=True)
    assert respond(shell(retry_after_seconds=60), lambda: busy).headers["Retry-After"] == "60"


def test_a_method_that_there_is_not_is_told_what_there_is() -> None:
    answer = respond(shell(), raises(AssertionError("was asked")), method="PUT")
    told = answer.get_json()
    assert (answer.status_code, told["error"]) == (405, "the method was PUT")
    assert told["remedy"] == "POST does it"


@pytest.mark.parametrize(
    ("error", "status", "field", "again"),
    [
        (BadRequest("days", "was 0", remedy="give more"), 400, "days", None),
        (NotThere("no such job"), 404, "id", None),
        (Unavailable("the store is away"), 503, "", "30"),
        (BotError("a plain one"), 503, "", "30"),
        (ZeroDivisionError("by nothing"), 500, "", None),
    ],
)
def test_what_goes_wrong_has_a_status_and_says_whether_to_send_it_again(
    error, status, field, again
) -> None:
    one = shell(
        refusals={NotThere: Refusal(status=404, field="id", remedy="check the id")},
        retry_after_seconds=30,
        failure={"status": "failed"},
    )
    answer = respond(one, raises(error))
    told = answer.get_json()
    assert (answer.status_code, told["field"], told["status"]) == (status, field, "failed")
    assert answer.headers.get("Retry-After") == again


def test_a_refusal_gives_its_own_remedy_only_where_the_error_has_none() -> None:
    refusals = {UserError: Refusal(status=400, field="days", remedy="the usual")}
    for remedy, told in (("ask for less", "ask for less"), ("", "the usual")):
        answer = respond(shell(refusals=refusals), raises(UserError("too much", remedy=remedy)))
        assert answer.get_json()["remedy"] == told


def test_many_first_requests_wire_once_and_options_wire_anew(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("BOT_HOME", str(tmp_path))
    wired = []

    def wire(settings, environ, **options: bool) -> list[object]:
        time.sleep(0.05)
        wired.append(options)
        return [settings.home, dict(options)]

    one, together, found = shell(wire=wire), threading.Barrier(6), []

    def ask() -> None:
        together.wait()
        found.append(one.wire_once())

    threads = [threading.Thread(target=ask) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wired == [{}]
    assert all(each is found[0] for each in found)
    assert one.wire(dry_run=True)[1] == {"dry_run": True}
    assert one.wire_once() is found[0]
