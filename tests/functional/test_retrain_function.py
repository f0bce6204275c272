"""The retraining as the real functions-framework process beside a sandbox: answers, errors, two at
once.
"""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from shared.stores.local.sqlite import SqliteDocuments
from shared.stores.trials import TrialLog
from tests.support.retrain_world import (
    NOW,
    bundle_bytes,
    every_file,
    home_at,
    minutes,
)
from tests.support.world import retrain_process, world


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    """The function's address, its data folder, and what its first real run was answered; two calls
    came at once.
    """
    folder = tmp_path_factory.mktemp("function")
    home = folder / "home"
    with world(home, now=NOW, minutes=minutes()) as scene:
        environ = home_at(
            home,
            **{
                name: scene.environ[name]
                for name in scene.environ
                if name.startswith(("BOT_E", "BOT_CLOCK"))
            },
        )
        with retrain_process(environ, log=folder / "log") as (url, _):
            requests.get(url, timeout=60)  # opens the store, which makes its file
            dry_before = without_trials(home)
            dry = requests.post(url, json={"dry_run": True}, timeout=120)
            dry_after, trials = without_trials(home), trials_of(home)
            with ThreadPoolExecutor(2) as pool:
                both = list(pool.map(lambda _: requests.post(url, json={}, timeout=120), range(2)))
            yield {
                "url": url,
                "home": home,
                "dry": dry,
                "dry_same": dry_before == dry_after,
                "trials": trials,
                "both": both,
            }


def without_trials(home):
    return {name: data for name, data in every_file(home).items() if not name.endswith(".sqlite")}


def trials_of(home):
    store = SqliteDocuments(home / "state.sqlite")
    try:
        return TrialLog(store).all()
    finally:
        store.close()


def test_a_dry_run_answers_everything_and_writes_nothing_but_its_trial(running):
    told = running["dry"].json()
    assert (running["dry"].status_code, told["status"], told["dry_run"]) == (200, "done", True)
    assert told["result"]["version"]
    assert running["dry_same"]
    assert running["trials"].count == 1, "a look at the verdict is a try"


def test_two_at_once_have_one_winner_and_the_other_is_asked_to_come_again(running):
    won, lost = sorted(running["both"], key=lambda answer: answer.status_code)
    assert (won.status_code, lost.status_code) == (200, 409)
    assert int(lost.headers["Retry-After"]) > 0
    assert (lost.json()["busy"], lost.json()["result"]) == (True, None)
    result = won.json()["result"]
    assert result["outcome"] == "promoted"
    assert result["version"] == running["dry"].json()["result"]["version"]
    assert {"may_serve", "may_enter", "checks", "takes_over"} == set(result["verdict"])
    assert len(result["verdict"]["checks"]) >= 15
    assert {"skill", "f1"} <= set(result["metrics"]["vote"])


def test_the_week_is_told_again_and_not_worked_on_again(running):
    before = bundle_bytes(running["home"])
    began = time.monotonic()
    again = requests.post(running["url"], json={}, timeout=120)
    assert (again.status_code, again.json()["already"]) == (200, True)
    assert time.monotonic() - began < 60
    assert bundle_bytes(running["home"]) == before
    shown = requests.get(running["url"], timeout=60).json()["retrainings"]
    assert [one["status"] for one in shown] == ["done"]
    assert "metrics" not in shown[0]["result"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"days": 0}, "days"),
        ({"days": "180"}, "days"),
        ({"seed": -1}, "seed"),
        ({"seed": True}, "seed"),
        ({"dry_run": 1}, "dry_run"),
        ({"day": 3}, "day"),
        ([1], "body"),
        ({"days": 60}, "days"),
    ],
)
def test_a_bad_field_is_answered_with_400_and_named(running, body, field):
    answer = requests.post(running["url"], json=body, timeout=60)
    assert (answer.status_code, answer.json()["field"]) == (400, field)
    assert answer.json()["remedy"]


def test_other_methods_and_broken_json_are_refused(running):
    assert requests.put(running["url"], json={}, timeout=60).status_code == 405
    broken = requests.post(running["url"], data=b"{", timeout=60)
    assert (broken.status_code, broken.json()["field"]) == (400, "body")
