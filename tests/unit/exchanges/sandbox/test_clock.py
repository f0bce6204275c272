"""The stepped clock: moved by sleepers or by a driver, shared by threads and processes, clear when
it is gone.
"""

import os
import threading
import time

import pytest

from shared.core.errors import BadSettings, Unavailable
from shared.exchanges.sandbox import control
from shared.exchanges.sandbox.clock import SteppedClock
from shared.exchanges.sandbox.market import SandboxMarket
from shared.exchanges.sandbox.server import Sandbox, serve
from shared.exchanges.sandbox.time_source import MachineTime, SteppedTime
from tests.unit.exchanges.sandbox.conftest import NOW, Running


@pytest.fixture
def driven(market: SandboxMarket):
    with serve(Sandbox(market, SteppedTime(NOW, policy="driver"))) as server:
        clock = SteppedClock(server.url)
        yield clock, server.url
        clock.close()


def test_a_sleeper_moves_the_clock_forward_and_never_back(running: Running) -> None:
    clock = SteppedClock(running.url)
    assert clock.now_ms() == NOW
    clock.sleep_until(NOW + 5_000)
    assert clock.now_ms() == NOW + 5_000
    clock.sleep_until(NOW)
    assert clock.now_ms() == NOW + 5_000
    assert clock.advance_to(NOW + 1_000) == NOW + 5_000
    assert clock.advance_to(NOW + 9_000) == NOW + 9_000
    clock.close()


def test_what_the_sandbox_shows_moves_with_the_clock(running: Running) -> None:
    clock = SteppedClock(f"{running.url}/")
    clock.advance_to(NOW + 180_000)
    assert running.browser.get("/btc_jpy/ticker").data["timestamp"] == NOW + 180_000
    clock.close()


def test_under_a_driver_sleepers_wait_until_it_has_stepped_past(
    driven: tuple[SteppedClock, str],
) -> None:
    driver, url = driven
    woken: list[tuple[int, int]] = []

    def sleeper(number: int) -> None:
        clock = SteppedClock(url)
        clock.sleep_until(NOW + number * 1_000)
        woken.append((number, clock.now_ms()))
        clock.close()

    threads = [threading.Thread(target=sleeper, args=(number,)) for number in (1, 2, 3)]
    for thread in threads:
        thread.start()
    time.sleep(0.1)
    assert woken == []
    driver.advance_to(NOW + 2_500)
    threads[0].join(5)
    threads[1].join(5)
    assert sorted(woken) == [(1, NOW + 2_500), (2, NOW + 2_500)]
    assert threads[2].is_alive()
    driver.advance_to(NOW + 3_000)
    threads[2].join(5)
    assert (3, NOW + 3_000) in woken


def test_a_sleep_longer_than_one_request_asks_again(
    driven: tuple[SteppedClock, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(control, "SLEEP_PATIENCE_SECONDS", 0.02)
    driver, url = driven
    thread = threading.Thread(target=lambda: SteppedClock(url).sleep_until(NOW + 1))
    thread.start()
    time.sleep(0.15)
    assert thread.is_alive()
    driver.advance_to(NOW + 1)
    thread.join(5)
    assert not thread.is_alive()


def test_one_clock_serves_many_threads(running: Running) -> None:
    clock = SteppedClock(running.url)
    seen: list[int] = []

    def step(worker: int) -> None:
        for number in range(50):
            clock.sleep_until(NOW + worker * 50 + number)
            seen.append(clock.now_ms())
        clock.close()

    threads = [threading.Thread(target=step, args=(worker,)) for worker in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(seen) == 200
    assert clock.now_ms() == NOW + 199
    clock.close()


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_speaks_on_a_connection_of_its_own(running: Running) -> None:
    clock = SteppedClock(running.url)
    assert clock.now_ms() == NOW
    child = os.fork()
    if child == 0:
        code = 1
        try:
            for step in range(1, 51):
                clock.sleep_until(NOW + step)
            code = 0 if clock.now_ms() >= NOW + 50 else 2
        finally:
            os._exit(code)
    for _ in range(50):
        assert clock.now_ms() >= NOW
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert clock.now_ms() == NOW + 50
    clock.close()


def test_it_reconnects_to_a_sandbox_that_was_started_again(market: SandboxMarket) -> None:
    with serve(Sandbox(market, SteppedTime(NOW))) as server:
        port, clock = server.port, SteppedClock(server.url)
        assert clock.now_ms() == NOW
    with serve(Sandbox(market, SteppedTime(NOW + 7)), port=port):
        assert clock.now_ms() == NOW + 7
        clock.close()


def test_a_clock_that_is_gone_is_one_sentence(market: SandboxMarket) -> None:
    with serve(Sandbox(market, SteppedTime(NOW))) as server:
        clock = SteppedClock(server.url)
        url = server.url
    with pytest.raises(Unavailable, match=f"the sandbox's clock at {url} does not answer") as error:
        clock.now_ms()
    assert "\n" not in str(error.value)


def test_something_else_on_that_port_is_no_clock(market: SandboxMarket) -> None:
    with serve(Sandbox(market, MachineTime())) as server:
        clock = SteppedClock(server.url)
        with pytest.raises(Unavailable, match="nobody can step"):
            clock.advance_to(NOW)
        clock.close()


@pytest.mark.parametrize(
    "url",
    [
        "",
        "localhost:8700",
        "https://127.0.0.1:1",
        "http://",
        "http://127.0.0.1:x",
        "http://127.0.0.1:1/else",
    ],
)
def test_an_address_that_cannot_be_a_clock_is_refused(url: str) -> None:
    with pytest.raises(BadSettings, match="clock's address"):
        SteppedClock(url)


def test_the_machine_s_time_can_be_waited_for_and_given_up() -> None:
    clock = MachineTime(offset_ms=-5_000)
    began = clock.now_ms()
    assert clock.wait_until(began + 20, patience_seconds=5)
    assert clock.now_ms() >= began + 20
    assert not clock.wait_until(began + 60_000, patience_seconds=0.01)
    assert not clock.advance_to(began + 60_000)
