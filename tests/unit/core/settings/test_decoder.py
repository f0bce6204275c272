"""The one decoder of all functions, on bodies as they come: what is wrong is named, and nothing is
an error of ours.
"""

import json
import random
from dataclasses import dataclass
from typing import Annotated

import msgspec
import pytest
from werkzeug.test import EnvironBuilder
from werkzeug.wrappers import Request

from functions.http import (
    DEEPEST,
    MOST_BODY_BYTES,
    TooLarge,
    body_fields,
    body_of,
    check_known_names,
    parse_fields,
    query_of,
)
from functions.shell import Shell
from functions.tick.main import TickFields
from shared.core.errors import BadRequest, Unavailable
from shared.core.settings.kinds import Text

BROKEN = {
    "not UTF-8": b'{"id": "\xff"}',
    "UTF-16": '{"dry_run": true}'.encode("utf-16"),
    "nested without end": b"[" * 200_000,
    "objects without end": b'{"a":' * 200_000,
    "closed properly": b"[" * 100_000 + b"]" * 100_000,
    "deep, but not endless": b'{"a":' * 400 + b"1" + b"}" * 400,
    "just too deep": b'{"a":' * (DEEPEST + 1) + b"1" + b"}" * (DEEPEST + 1),
    "cut": b'{"dry_run": tr',
    "NaN": b'{"a": NaN}',
    "infinite": b'{"a": -Infinity}',
    "infinite by its exponent": b'{"a": 1e999}',
    "a number of 5,000 digits": b'{"a": ' + b"9" * 5_000 + b"}",
    "a list": b"[1]",
    "a number": b"1",
    "null": b"null",
    "a text": b'"dry_run"',
    "two objects": b"{}{}",
    "half a character": b'{"a": "\\ud800"}',
    "half a character as a name": b'{"\\udfff": 1}',
    "a comment": b'{"dry_run": true} // please',
    "single quotes": b"{'dry_run': true}",
    "a comma too many": b'{"dry_run": true,}',
    "zeros": b"\x00" * 100,
    "compressed": bytes.fromhex("1f8b0800000000000003"),
    "a form": b"dry_run=true",
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_body_that_is_no_plain_json_object_is_refused_and_named_as_the_body(name: str) -> None:
    with pytest.raises(BadRequest) as caught:
        body_fields(BROKEN[name])
    assert caught.value.field == "body"
    assert caught.value.remedy
    assert len(str(caught.value)) < 300


def test_a_name_given_twice_is_refused_by_name_at_any_depth() -> None:
    for text in (
        b'{"dry_run": true, "dry_run": false}',
        b'{"a": {"dry_run": 1, "dry_run": 1}}',
        b'{"a": [{"dry_run": 1, "dry_run": 1}]}',
    ):
        with pytest.raises(BadRequest, match="given twice") as caught:
            body_fields(text)
        assert caught.value.field == "dry_run"


def test_no_body_white_space_and_a_byte_order_mark_are_taken() -> None:
    assert (
        body_fields(b"")
        == body_fields(b" \r\n\t")
        == body_fields(b"{}")
        == body_fields(b"\xef\xbb\xbf{}")
        == {}
    )


UNKNOWN_OR_MISTYPED = [
    ({"dryrun": True}, "dryrun", "did you mean dry_run?"),
    ({"dry-run": True}, "dry-run", "did you mean dry_run?"),
    ({"DRY_RUN": True}, "DRY_RUN", ""),
    ({"dry_run": "true"}, "dry_run", "true or false"),
    ({"dry_run": 1}, "dry_run", "true or false"),
    ({"dry_run": None}, "dry_run", "true or false"),
    ({"dry_run": []}, "dry_run", "true or false"),
    ({"scheduled_at": 1_767_225_600_000}, "scheduled_at", "text"),
    ({"scheduled_at": {"a": 1}}, "scheduled_at", "text"),
    ({"scheduled_at": "x" * 100_000}, "scheduled_at", "characters"),
    ({"": 1}, "", "known"),
    ({"x" * 100_000: 1}, "x" * 80, "known"),
]


@pytest.mark.parametrize(("told", "field", "remedy"), UNKNOWN_OR_MISTYPED)
def test_an_unknown_or_mistyped_field_is_named_with_what_would_be_right(
    told, field, remedy
) -> None:
    with pytest.raises(BadRequest) as caught:
        parse_fields(told, TickFields)
    assert caught.value.field == field
    assert remedy in caught.value.remedy


@dataclass(frozen=True, kw_only=True)
class Needs:
    work: Text
    share: Annotated[float, msgspec.Meta(ge=0.0, le=1.0)] = 0.5


def test_a_missing_field_is_named_and_numbers_keep_their_bounds() -> None:
    with pytest.raises(BadRequest, match="work is missing"):
        parse_fields({}, Needs)
    for bad in (2, -1, "0.5", True, None):
        with pytest.raises(BadRequest, match="share was"):
            parse_fields({"work": "a", "share": bad}, Needs)
    assert parse_fields({"work": "a", "share": 1}, Needs) == Needs(work="a", share=1.0)


def request(body: bytes = b"", **more) -> Request:
    return Request(EnvironBuilder(method="POST", data=body, **more).get_environ())


def test_a_body_beyond_the_limit_is_refused_with_the_limit_whether_its_length_was_told_or_not():
    large = b'{"a": "' + b"x" * MOST_BODY_BYTES + b'"}'
    with pytest.raises(TooLarge, match=f"longer than {MOST_BODY_BYTES:,} bytes"):
        body_of(request(large))
    assert body_of(request(b'{"a": 1}', content_type="application/x-www-form-urlencoded")) == {
        "a": 1
    }
    assert body_of(request(b'{"a": 1}', content_type="image/png; charset=latin-1")) == {"a": 1}


def test_a_query_is_checked_like_a_body() -> None:
    assert query_of(request(query_string="id=a")) == {"id": "a"}
    with pytest.raises(BadRequest, match="id was given twice"):
        query_of(request(query_string="id=a&id=b"))
    with pytest.raises(BadRequest, match="dry_run is not known in the query"):
        check_known_names(query_of(request(query_string="dry_run=true")), (), named="query")


def test_random_bytes_and_cut_bodies_are_never_an_error_of_ours() -> None:
    dice, refused, taken = random.Random(3), 0, 0
    good = json.dumps({"scheduled_at": "2026-01-01T00:00:00Z", "dry_run": True}).encode()
    for _ in range(3_000):
        body = bytearray(good[: dice.randrange(len(good) + 1)] if dice.random() < 0.5 else good)
        for _ in range(dice.randrange(4)):
            if body:
                body[dice.randrange(len(body))] = dice.randrange(256)
        try:
            parse_fields(body_fields(bytes(body)), TickFields)
            taken += 1
        except BadRequest as error:
            refused += bool(error.remedy)
    assert refused >= 2_000
    assert taken + refused == 3_000
    assert taken >= 100


def test_a_failure_is_answered_and_a_surprise_is_no_traceback() -> None:
    shell = Shell("test", wire=dict, usage="", failure={"status": "failed"})
    request = Request(EnvironBuilder(method="POST").get_environ())

    def fails(error: Exception):
        def work(_request: Request):
            raise error

        return shell.respond(request, {"POST": work})

    bad = fails(BadRequest("days", "was 0", remedy="give more"))
    assert (bad.status_code, bad.get_json()["field"], bad.get_json()["status"]) == (
        400,
        "days",
        "failed",
    )
    assert fails(Unavailable("the store is away")).status_code == 503
    ours = fails(KeyError("https://discord.com/api/webhooks/1/secret"))
    assert ours.status_code == 500
    assert "secret" not in ours.get_data(as_text=True)
