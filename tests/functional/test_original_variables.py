"""Variables of the original are never ignored in silence: named with their successors, once, and
never with their value.
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from shared.core.settings.original_variables import SUCCESSORS, left_over
from tests.functional.test_cli import bot, environ  # noqa: F401 - a fixture

ROOT = Path(__file__).resolve().parents[2]
SET = {
    "MODE": "live",
    "EXCHANGE": "bitbank",
    "DEPLOY_MODE": "stage-10",
    "GCP_PROJECT_ID": "project-of-mine",
}
ASKED_TWICE = """
import sys
from functions_framework import create_app
app = create_app(sys.argv[1], f"functions/{sys.argv[1]}/main.py")
for _ in range(2):
    print(app.test_client().get("/").status_code)
"""


def test_each_is_named_with_what_takes_its_place_and_an_empty_one_is_none() -> None:
    assert set(SET) <= set(SUCCESSORS)
    assert [
        found.split()[0] for found in left_over({**SET, "GCP_REGION": "", "BOT_MODE": "paper"})
    ] == list(SET)
    assert left_over({"BOT_MODE": "paper", "HOME": "/"}) == []


def test_doctor_and_paper_start_name_them(environ: dict[str, str]):  # noqa: F811 - the fixture
    told = json.loads(bot({**environ, **SET}, "doctor", "--json").stdout)
    (check,) = [check for check in told["checks"] if check["name"] == "variables"]
    assert check["verdict"] == "note"
    started = bot({**environ, **SET, "BOT_HOME": "/proc/nothing"}, "paper", "start", cwd=Path("/"))
    for said in (check["said"], started.stderr):
        assert all(name in said for name in SET)
        assert "BOT_MODE" in said
        assert "BOT_STAGE" in said
        assert "project-of-mine" not in said
    assert "variables" not in bot(environ, "doctor").stdout


@pytest.mark.parametrize("function", ["tick", "backtest", "retrain"])
# The argument is the fixture of that name.
def test_every_function_logs_them_once(environ: dict[str, str], function: str) -> None:  # noqa: F811
    asked = [sys.executable, "-c", ASKED_TWICE, function]
    done = subprocess.run(
        asked, cwd=ROOT, env={**environ, **SET}, capture_output=True, text=True, check=True
    )
    lines = [json.loads(line) for line in done.stderr.splitlines() if line.startswith("{")]
    warned = [line for line in lines if line["message"] == "settings.left_over"]
    assert [line["found"].split()[0] for line in warned] == list(SET)
    assert {line["severity"] for line in warned} == {"WARNING"}
