"""The trees that are uploaded, unpacked elsewhere: each serves under the real functions-framework
with nothing but what its own requirements pin.
"""

import os
import subprocess
import sys
import venv

import pytest
import requests

from scripts.delivery.reach import reach_of
from tests.support import backtest_world, retrain_world
from tests.support.staged import FUNCTIONS, only_pinned, unpack
from tests.support.world import DAY, HISTORY_DAYS, ROOT, START, function_process, post, world

NOW = START + HISTORY_DAYS * DAY

IMPORTS_ALL = """
import importlib, pathlib, sys
sys.path.insert(0, "")
for name in sys.stdin.read().split():
    importlib.import_module(name)
ours = {"functions", "models", "shared"}
found = [one for name, one in sys.modules.items() if name.partition(".")[0] in ours]
here = pathlib.Path.cwd()
outside = [one.__file__ for one in found if here not in pathlib.Path(one.__file__).parents]
try:
    import pytest
except ModuleNotFoundError as error:
    print(len(found), outside, error)
"""


@pytest.fixture
def place(tmp_path):
    """Unpacks the tree of a function, far from this checkout."""

    def unpacked(function: str):
        tree = unpack(function, tmp_path / function)
        assert ROOT not in tree.parents
        return tree

    return unpacked


def test_a_staged_tick_runs_a_dry_one_and_then_a_real_one(tmp_path, place) -> None:
    tree = place("tick")
    with (
        world(tmp_path / "home") as scene,
        function_process(
            "tick",
            {**scene.with_model().environ, **only_pinned(tree)},
            log=tmp_path / "log",
            tree=tree,
        ) as (url, _),
    ):
        before = requests.get(url, timeout=30)
        assert (before.status_code, before.json()["why"]) == (503, ["no tick was ever run"])
        dry = requests.post(url, json={"dry_run": True}, timeout=60)
        assert (dry.status_code, dry.json()["status"], dry.json()["dry_run"]) == (200, "done", True)
        assert requests.get(url, timeout=30).status_code == 503, "a dry run writes nothing"
        code, real = post(url, NOW)
        assert (code, real["status"]) == (200, "done")
        assert real["model"] == dry.json()["model"] != ""
        health = requests.get(url, timeout=30)
        assert (health.status_code, health.json()["healthy"]) == (200, True)
    assert not list(tree.rglob("*.sqlite")), "the data lies elsewhere"


def test_a_staged_retraining_learns_and_judges(tmp_path, place) -> None:
    tree = place("retrain")
    with world(tmp_path / "other", now=retrain_world.NOW, minutes=retrain_world.minutes()) as scene:
        of_exchange = {
            name: value
            for name, value in scene.environ.items()
            if name.startswith(("BOT_E", "BOT_CLOCK"))
        }
        environ = retrain_world.home_at(tmp_path / "home", **of_exchange)
        with function_process(
            "retrain", {**environ, **only_pinned(tree)}, log=tmp_path / "log", tree=tree
        ) as (url, _):
            assert requests.get(url, timeout=30).json() == {"retrainings": []}
            dry = requests.post(url, json={"dry_run": True}, timeout=180)
    told = dry.json()
    assert (dry.status_code, told["status"], told["dry_run"]) == (200, "done", True), told
    assert len(told["result"]["verdict"]["checks"]) >= 15


def test_a_staged_backtest_replays_and_gives_the_same_result_as_the_checkout(
    tmp_path, place
) -> None:
    tree, job = place("backtest"), {**backtest_world.JOB, "id": "staged"}
    results = []
    for name, where, more in (("away", tree, only_pinned(tree)), ("here", None, {})):
        environ = {**backtest_world.home_at(tmp_path / name), **more}
        with function_process("backtest", environ, log=tmp_path / f"{name}.log", tree=where) as (
            url,
            _,
        ):
            assert requests.get(url, timeout=30).json() == {"jobs": []}
            answer = requests.post(url, json=job, timeout=120)
            assert (answer.status_code, answer.json()["status"]) == (200, "done"), answer.json()
        results.append(backtest_world.result_files(tmp_path / name, answer.json()))
    assert results[0] == results[1]
    assert len(results[0]) >= 2


def test_staged_alerts_look_around_and_deliver(tmp_path, place) -> None:
    tree = place("alerts")
    with (
        world(tmp_path / "home") as scene,
        function_process(
            "alerts", {**scene.environ, **only_pinned(tree)}, log=tmp_path / "log", tree=tree
        ) as (url, _),
    ):
        assert requests.get(url, timeout=30).json() == {"waiting": 0, "last_at": None}
        watched = requests.post(url, json={"event": "watch"}, timeout=60)
        digest = requests.post(url, json={"event": "digest"}, timeout=60)
    assert (watched.status_code, digest.status_code) == (200, 200), (watched.text, digest.text)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_every_module_of_a_tree_is_imported_from_it_and_from_what_it_pins(place, function) -> None:
    tree = place(function)
    modules = reach_of(f"functions.{function}.main", function).modules
    ran = subprocess.run(
        [sys.executable, "-c", IMPORTS_ALL],
        input="\n".join(modules),
        cwd=tree,
        env={"PATH": os.environ["PATH"], **only_pinned(tree)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr[-2000:]
    count, rest = ran.stdout.split(maxsplit=1)
    assert int(count) == len(modules) >= 250
    assert rest.strip() == "[] No module named 'pytest': it is not pinned"


@pytest.mark.full
def test_a_tick_runs_in_an_environment_that_its_own_requirements_made(tmp_path, place) -> None:
    tree, made = place("tick"), tmp_path / "venv"
    venv.create(made, with_pip=True)
    words = ["-m", "pip", "install", "-q", "--require-hashes", "-r", str(tree / "requirements.txt")]
    subprocess.run([made / "bin" / "python", *words], check=True)
    with world(tmp_path / "home") as scene:
        served = function_process(
            "tick",
            scene.with_model().environ,
            log=tmp_path / "log",
            tree=tree,
            python=made / "bin" / "python",
        )
        with served as (url, _):
            dry = requests.post(url, json={"dry_run": True}, timeout=60)
    assert (dry.status_code, dry.json()["status"]) == (200, "done")
