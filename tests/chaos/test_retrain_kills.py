"""A retraining is killed at a step, hard, and called again: the same bundle, byte for byte, and
nothing half there.
"""

import multiprocessing
import random
import signal
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from functions import wiring
from models.jobs import pace
from models.retrain import RetrainRequest, Retrains
from shared import model
from shared.model.registry import BundleRegistry
from shared.model.signing import public_keys
from shared.stores.trials import TrialLog
from tests.support.killed_tick import Deadly
from tests.support.retrain_world import NOW, bundle_bytes, home_at, place_in, retrained

METHODS = (
    ("bucket", "put"),
    ("documents", "create"),
    ("documents", "replace"),
    ("documents", "commit"),
)
LATER = NOW + 600_000  # the lease of the dead is over
SAMPLE = 4
NEVER = 3_600.0
"""How it stands is told by a write a second: told by time, there would be another last one on every
machine."""


class Counting:
    """Passes everything on, and counts the calls of some methods."""

    def __init__(self, inner: Any, port: str, calls: Counter) -> None:
        self._inner, self._port, self._counter = inner, port, calls

    def __getattr__(self, name: str) -> Any:
        if (self._port, name) in METHODS:
            self._counter[self._port, name] += 1
        return getattr(self._inner, name)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory) -> tuple[dict[str, bytes], Counter]:
    """The bundle of a run that nobody disturbed, and how often it wrote where."""
    home = tmp_path_factory.mktemp("undisturbed") / "home"
    place, calls = place_in(home_at(home)), Counter()
    counted = {
        port: Counting(getattr(place, port), port, calls) for port in ("bucket", "documents")
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pace, "NOTE_EVERY_SECONDS", NEVER)
        assert Retrains(replace(place, **counted)).run(RetrainRequest())["status"] == "done"
    return bundle_bytes(home), calls


def steps(calls: Counter) -> list[tuple[str, str, str, int]]:
    return [
        (port, method, when, nth)
        for port, method in METHODS
        for nth in range(1, calls[port, method] + 1)
        for when in ("before", "after")
    ]


def run_and_die(environ: dict[str, str], step: tuple[str, str, str, int]) -> None:
    """What the child does."""
    pace.NOTE_EVERY_SECONDS = NEVER
    port, method, when, nth = step
    place = place_in(environ)
    Retrains(
        replace(place, **{port: Deadly(getattr(place, port), method, when=when, nth=nth)})
    ).run(RetrainRequest())


def killed(environ: dict[str, str], step: tuple[str, str, str, int]) -> bool:
    """Run in a child that dies at the step; whether it came to that.

    The child is forked from a server that has imported everything and fitted nothing: OpenMP does
    not survive a fork.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(
        ["tests.support.retrain_world", "lightgbm", "xgboost", "sklearn.ensemble"]
    )
    child = context.Process(target=run_and_die, args=(environ, step))
    child.start()
    child.join(240)
    code = child.exitcode
    if code is None:
        child.kill()
    assert code in {0, -signal.SIGKILL}, code
    return code == -signal.SIGKILL


def check_killed_and_called_again(
    home: Path, step: tuple[str, str, str, int], whole: dict[str, bytes]
) -> None:
    environ = home_at(home)
    assert killed(environ, step), step
    settings = wiring.settings_from(environ)
    registry = BundleRegistry(wiring.bucket_for(settings))
    for version in registry.versions():  # whatever is there is whole
        model.load_bundle(
            registry.files(version, audit=True),
            public_keys=public_keys(settings),
            version=version,
            whole=True,
        )
    before = registry.current()
    if before is not None:
        assert before.version in registry.versions()
    told = retrained(environ, now=LATER)
    assert told["status"] == "done", (step, told)
    assert bundle_bytes(home) == whole, step
    now = registry.current()
    assert [move.what for move in now.history] == ["promote"], step
    assert len(TrialLog(wiring.documents_for(settings)).all().trials) == 1, step
    alerts = wiring.documents_for(settings).query("alerts")
    assert [alert.data["alert"]["kind"] for alert in alerts] == ["retrained"], step


def test_killed_at_a_step_and_called_again_it_comes_to_the_same_bundle(undisturbed, tmp_path, full):
    whole, calls = undisturbed
    every = steps(calls)
    assert len(every) >= 50
    assert {step[:2] for step in every} >= set(METHODS[:3])
    chosen = every if full else random.Random(11).sample(every, SAMPLE)
    for number, step in enumerate(chosen):
        check_killed_and_called_again(tmp_path / f"home{number}", step, whole)


def test_the_bytes_that_are_compared_are_those_of_a_whole_bundle(undisturbed):
    whole, _ = undisturbed
    assert sum(name.endswith("/manifest.sig") for name in whole) == 1
    assert len(whole) >= 12
