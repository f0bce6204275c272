"""The log: one JSON line, two times, no secret, never an exception."""

import io
import json
import threading
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from shared.core import logs, masking
from shared.core.calendar import jst_day, jst_text, utc_text
from shared.core.reasons import Reason
from tests.support.fixed_clock import FixedClock

AT = 1_893_509_999_007  # 2030-01-01T14:59:59.007Z


@pytest.fixture
def stream():
    made = io.StringIO()
    logs.configure(stream=made, clock=FixedClock(AT))
    yield made
    logs.configure()


def lines(stream):
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_is_json_with_severity_message_and_both_times(stream):
    logs.log("tick.done", severity="WARNING", orders=[1], reason=Reason.OK, price=Decimal("1.50"))
    assert lines(stream) == [
        {
            "severity": "WARNING",
            "message": "tick.done",
            "at": "2030-01-01T14:59:59.007Z",
            "at_jst": "2030-01-01 23:59:59 JST",
            "orders": [1],
            "reason": "ok",
            "price": "1.50",
        }
    ]


def test_japan_is_nine_hours_ahead_and_its_day_ends_at_15_utc():
    assert (utc_text(AT + 993), jst_text(AT + 993)) == (
        "2030-01-01T15:00:00.000Z",
        "2030-01-02 00:00:00 JST",
    )
    assert (jst_day(AT), jst_day(AT + 993)) == ("2030-01-01", "2030-01-02")


class Untellable:
    def __repr__(self):
        raise RuntimeError("no")


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (float("nan"), "nan"),
        (float("inf"), "inf"),
        (np.float64(1.5), 1.5),
        (np.int64(3), 3),
        (True, True),
        (None, None),
        ({1: (2, {"a": float("-inf")})}, {"1": [2, {"a": "-inf"}]}),
        (Path("a/b"), "a/b"),
        (ValueError("x"), "ValueError('x')"),
        ("two\nlines \ud800 😀", "two\nlines ? 😀"),
        (Untellable(), "<Untellable that raised RuntimeError>"),
    ],
)
def test_whatever_a_value_is_the_line_is_one_line_of_json(stream, value, told):
    logs.log("x", value=value)
    assert lines(stream)[0]["value"] == told


def test_a_value_that_contains_itself_ends(stream):
    loop: dict = {}
    loop["again"] = loop
    logs.log("x", loop=loop)
    assert len(lines(stream)) == 1


def test_a_field_cannot_take_the_place_of_the_lines_own(stream):
    logs.log("x", at=1, message="mine", at_jst=2)
    told = lines(stream)[0]
    assert (told["message"], told["at"]) == ("x", "2030-01-01T14:59:59.007Z")
    assert (told["at_"], told["message_"], told["at_jst_"]) == (1, "mine", 2)


def test_registered_secrets_are_masked_wherever_they_stand(stream):
    secret, url = 'k"ey/1 2', "https://discord.com/api/webhooks/77/tok-en_of-hook"
    masking.register_secrets(secret, url, "", "abc")
    logs.log(
        f"event {secret}",
        plain=f"<{secret}>",
        quoted="k%22ey%2F1%202",
        deep=[{secret: (url,)}],
        error=ConnectionError(
            "Max retries exceeded with url: /api/webhooks/77/tok-en_of-hook?wait=true"
        ),
        token="tok-en_of-hook",
        short="abc stays",
    )
    text = stream.getvalue()
    for part in ("k%22ey", "ey/1 2", "tok-en_of-hook", "webhooks/77"):
        assert part not in text
    assert text.count(masking.MASK) == 7
    assert lines(stream)[0]["short"] == "abc stays"


def test_without_configuration_lines_go_to_standard_error_as_it_is_now(capsys):
    logs.configure()
    logs.log("x")
    assert json.loads(capsys.readouterr().err)["message"] == "x"


def test_threads_do_not_mix_their_lines(stream):
    threads = [
        threading.Thread(target=lambda: [logs.log("x", text="y" * 200) for _ in range(50)])
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(lines(stream)) == 200
