"""Run one tick in this process and kill it, hard, before or after the Nth call of a named port
method. A test's child.
"""

import os
import signal
import sys
from dataclasses import replace
from typing import Any

from functions import wiring
from shared.tick.cycle import Ports, run_tick
from shared.tick.request import TickRequest


class Deadly:
    """Passes everything on, and dies at one call."""

    def __init__(self, inner: Any, method: str, *, when: str, nth: int) -> None:
        self._inner, self._method, self._when, self._nth, self._calls = inner, method, when, nth, 0

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        if name != self._method:
            return found

        def deadly(*args: Any, **kwargs: Any) -> Any:
            self._calls += 1
            if self._calls == self._nth and self._when == "before":
                os.kill(os.getpid(), signal.SIGKILL)
            result = found(*args, **kwargs)
            if self._calls == self._nth and self._when == "after":
                os.kill(os.getpid(), signal.SIGKILL)
            return result

        return deadly


def main(port: str, method: str, when: str, nth: str, tick: str, at: str) -> None:
    environ = wiring.environment()
    settings = wiring.settings_from(environ)
    whole = wiring.ports(settings, environ)
    deadly = Deadly(getattr(whole, port), method, when=when, nth=int(nth))
    ports: Ports = replace(whole, **{port: deadly})
    run_tick(ports, settings, TickRequest(tick=tick, scheduled_at=int(at), received_at=int(at)))


if __name__ == "__main__":
    main(*sys.argv[1:])
