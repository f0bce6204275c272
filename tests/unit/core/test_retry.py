"""What may be asked twice is, and never past a deadline; an order request is sent once."""

import ast
import tomllib

import pytest

from shared.core.errors import NotThere, Unavailable
from shared.core.retry import backoff_seconds, retry
from tests.support.world import ROOT


class FakeTime:
    """A monotonic clock that its own sleeping moves, by as much more as a machine oversleeps."""

    def __init__(self, *, oversleeps: float = 0.0) -> None:
        self.now, self.slept, self._oversleeps = 100.0, [], oversleeps

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds + self._oversleeps


class Failing:
    """Fails as often as it is told, then answers."""

    def __init__(self, failures: list[Exception]) -> None:
        self.failures, self.asked = failures, 0

    def __call__(self) -> str:
        self.asked += 1
        if self.asked <= len(self.failures):
            raise self.failures[self.asked - 1]
        return "an answer"


def ask(failing: Failing, time: FakeTime, **more: object) -> str:
    terms = {
        "on": Unavailable,
        "pause_seconds": lambda _error, number: backoff_seconds(1.0, number),
        **more,
    }
    return retry(failing, sleep=time.sleep, monotonic=time.monotonic, **terms)


def test_a_first_answer_is_given_at_once() -> None:
    time, failing = FakeTime(), Failing([])
    assert ask(failing, time) == "an answer"
    assert (failing.asked, time.slept) == (1, [])


def test_it_is_asked_again_after_pauses_that_grow() -> None:
    time, failing = FakeTime(), Failing([Unavailable("away")] * 3)
    assert ask(failing, time) == "an answer"
    assert (failing.asked, time.slept) == (4, [1.0, 2.0, 4.0])


def test_the_last_failure_is_raised_after_so_many_attempts_and_no_pause_follows_it() -> None:
    time, failing = FakeTime(), Failing([Unavailable(f"away {n}") for n in range(9)])
    with pytest.raises(Unavailable, match="away 2"):
        ask(failing, time, attempts=3)
    assert (failing.asked, time.slept) == (3, [1.0, 2.0])


def test_another_kind_of_failure_is_raised_at_once() -> None:
    time, failing = FakeTime(), Failing([NotThere("no such file")])
    with pytest.raises(NotThere):
        ask(failing, time)
    assert (failing.asked, time.slept) == (1, [])


def test_where_another_attempt_is_useless_none_is_made() -> None:
    time, failing = FakeTime(), Failing([Unavailable("for good")])
    with pytest.raises(Unavailable):
        ask(failing, time, pause_seconds=lambda _error, _number: None)
    assert (failing.asked, time.slept) == (1, [])


@pytest.mark.parametrize(("deadline", "asked"), [(101.0, 1), (101.001, 2), (103.0, 2), (103.1, 3)])
def test_no_pause_begins_that_would_end_at_the_deadline_or_after_it(deadline, asked) -> None:
    time, failing = FakeTime(), Failing([Unavailable("away")] * 9)
    with pytest.raises(Unavailable):
        ask(failing, time, deadline=deadline)
    assert failing.asked == asked
    assert time.now < deadline


def test_who_slept_past_the_deadline_does_not_ask_any_more() -> None:
    time, failing = FakeTime(oversleeps=5.0), Failing([Unavailable("away")] * 9)
    with pytest.raises(Unavailable):
        ask(failing, time, deadline=104.0)
    assert failing.asked == 1


def test_jitter_makes_a_pause_longer_never_shorter() -> None:
    assert [backoff_seconds(0.5, 3, jitter=share) for share in (0.0, 0.5)] == [2.0, 3.0]


def test_every_module_that_sends_orders_is_kept_from_the_retry_by_the_contract() -> None:
    """The contract names what stands between the decision and the sending; an exchange that is new
    has to be named there too.
    """
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    (contract,) = (
        one
        for one in settings["tool"]["importlinter"]["contracts"]
        if one["name"].startswith("an order request is sent once")
    )
    assert contract["forbidden_modules"] == ["shared.core.retry"]
    assert "allow_indirect_imports" not in contract
    kept = contract["source_modules"]
    assert {"shared.tick", "shared.turn", "shared.orders"} <= set(kept)
    senders = senders_of_orders()
    assert {"shared.exchanges.paper.exchange", "shared.exchanges.bitbank.signed"} <= set(senders)
    assert "shared.exchanges.bitbank.sending" in kept
    for module in senders:
        assert any(module == name or module.startswith(f"{name}.") for name in kept), module


def senders_of_orders() -> list[str]:
    """The modules in which a function `submit` takes an order, or `carry` carries one away."""
    return [
        ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for path in (ROOT / "shared").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef) and node.name in {"submit", "carry"}
    ]
