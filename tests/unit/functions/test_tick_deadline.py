"""Whatever the tick function does with a store ends by a deadline: wiring, a dry run, health."""

import time

import pytest
from flask import Request
from werkzeug.test import EnvironBuilder

from functions import wiring
from functions.shell import Shell
from functions.tick import main
from shared.core.deadline import bound_at
from shared.stores.memory import MemoryDocuments


class Watched(MemoryDocuments):
    """Notes how many seconds each reading may take at most; None: for ever."""

    def __init__(self) -> None:
        super().__init__()
        self.allowed: list[float | None] = []

    def _note(self) -> None:
        until = bound_at()
        self.allowed.append(None if until is None else until - time.monotonic())

    def _get(self, path):
        self._note()
        return super()._get(path)

    def _query(self, query):
        self._note()
        return super()._query(query)


@pytest.fixture
def watched(monkeypatch, tmp_path):
    documents = Watched()
    settings = {"BOT_HOME": str(tmp_path / "home")}
    monkeypatch.setattr(wiring, "environment", lambda: settings)
    monkeypatch.setattr(wiring, "documents_for", lambda _settings: documents)
    shell = Shell("tick", wire=main._wire, usage="POST or GET")
    monkeypatch.setattr(main, "_SHELL", shell)
    return documents


def is_bounded(documents: Watched) -> bool:
    longest = main._SHELL.settings.tick.answer_by_seconds
    return bool(documents.allowed) and all(
        seconds is not None and seconds <= longest for seconds in documents.allowed
    )


def test_health_is_asked_within_a_deadline(watched) -> None:
    request = Request(EnvironBuilder(method="GET").get_environ())
    assert main._health(request).body["healthy"] is False
    assert is_bounded(watched), watched.allowed


def test_a_dry_run_is_wired_within_the_ticks_deadline(watched, monkeypatch) -> None:
    class Wired(Exception):
        pass

    def stop(*_: object, **__: object) -> None:
        raise Wired

    monkeypatch.setattr(main, "run_tick", stop)
    monkeypatch.setattr(main, "_tell_failure", lambda *_, **__: None)
    request = Request(EnvironBuilder(method="POST", json={"dry_run": True}).get_environ())
    with pytest.raises(Exception, match="Wired"):
        main._run(request)
    assert is_bounded(watched), watched.allowed
