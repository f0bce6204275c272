"""What would be wrong at the end of a command is told before its work, and nothing of it is counted
as a try.
"""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from scripts.research.writable import (
    require_file,
    require_folder,
    require_stores,
    the_only_training,
)
from shared.core.errors import BotError, UserError
from shared.core.settings import load_settings
from tests.functional.test_cli import bot, environ  # noqa: F401 - a fixture

PLACES = [
    "/proc/nothing/x",
    "/dev/null/x",
    "/sys/x",
    "/dev/full/x/y",
    "a\0b",
    "x" * 300,
    f"ok/{'y' * 300}/z",
]
PERIOD = ("--from", "2026-01-05", "--to", "2026-01-06")
COMMANDS = {
    "backtest": ("backtest", *PERIOD, "--out"),
    "walk-forward": ("walk-forward", *PERIOD, "--report"),
    "study": ("study", *PERIOD, "--out"),
    "demo": ("demo", "--out"),
}


@pytest.mark.parametrize("place", PLACES)
def test_a_place_that_cannot_be_written_is_refused_by_its_option_and_nothing_is_left(
    tmp_path: Path, place: str
) -> None:
    where = Path(place) if place.startswith("/") or "\0" in place else tmp_path / place
    for check in (require_folder, require_file):
        with pytest.raises(UserError, match="--out was") as caught:
            check(where, "--out")
        assert "--out" in caught.value.remedy
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_can_be_written_stays_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "there.csv").write_text("kept")
    require_folder(tmp_path / "new" / "deep", "--out")
    require_file(tmp_path / "there.csv", "--out")
    require_stores(load_settings({"BOT_HOME": str(tmp_path / "home")}))
    with pytest.raises(UserError, match="is a folder"):
        require_file(tmp_path, "--out")
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("there.csv", "kept")]


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_refuses_it_before_it_asks_for_candles(
    environ: dict[str, str],  # noqa: F811 - the fixture
    name: str,
) -> None:
    began = time.monotonic()
    done = bot(environ, *COMMANDS[name], "/proc/nothing/report")
    assert done.returncode == 2, done.stderr
    assert "/proc/nothing/report" in done.stderr
    assert "cannot be written" in done.stderr
    assert "candle" not in done.stderr, "the work had begun"
    assert not (Path(environ["BOT_HOME"]) / "reports").exists()
    assert time.monotonic() - began < 60


@pytest.mark.parametrize("command", [("train", "--quick"), ("train",), ("collect", "--days", "1")])
def test_a_data_folder_that_cannot_be_written_is_told_first(
    environ: dict[str, str],  # noqa: F811 - the fixture
    command: tuple[str, ...],
) -> None:
    done = bot({**environ, "BOT_HOME": "/proc/nothing"}, *command, cwd=Path("/"))
    assert done.returncode == 2, done.stderr
    assert "/proc/nothing" in done.stderr


HOLDER = """
import sys, time
from scripts.research.writable import the_only_training
from shared.core.settings import load_settings
with the_only_training(load_settings({"BOT_HOME": sys.argv[1]})):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_second_training_is_told_at_once_and_a_dead_one_holds_nothing(
    environ: dict[str, str],  # noqa: F811 - the fixture
) -> None:
    home = environ["BOT_HOME"]
    first = subprocess.Popen(
        [sys.executable, "-c", HOLDER, home], env=environ, stdout=subprocess.PIPE, text=True
    )
    assert first.stdout is not None
    assert first.stdout.readline() == "held\n"
    for options in (("--quick",), (), ("--seed", "3", "--no-fetch")):
        done = bot(environ, "train", *options)
        assert done.returncode == 1, done.stderr
        assert f"a training runs already in {home} (process {first.pid})" in done.stderr
    dry = bot(environ, "train", "--quick", "--dry-run")
    assert "runs already" not in dry.stderr
    first.kill()
    first.wait()
    settings = load_settings({"BOT_HOME": home})
    with (
        the_only_training(settings),
        pytest.raises(BotError, match="runs already"),
        the_only_training(settings),
    ):
        pass
