"""What the pages for operators name is there: every command with its options, every path, every
setting; and the page for those who come from the original has each of its variables.
"""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import click
import pytest

from scripts.cli import COMMANDS
from shared.core.settings.original_variables import SUCCESSORS
from tests.support.named_commands import check_command
from tests.support.named_things import (
    ROOT,
    commands,
    is_path,
    is_setting,
    paths,
    rows,
    settings,
    without_theirs,
)

DOCS = ROOT / "docs"
FROM_THE_SEEDS = "from-the-seeds.md"
FLOORS = {
    FROM_THE_SEEDS: {"commands": 60, "paths": 60, "settings": 40},
    "operations.md": {"commands": 60, "paths": 3, "settings": 8},
    "threats.md": {"commands": 2, "paths": 35, "settings": 8},
}
"""How much of each a page names at the least; one that named nothing would pass."""
NOT_OPERATED = frozenset({"demo", "sandbox", "study", "probe", "lock", "mutants"})
"""What is tried, asked once or worked with, and never operated."""


def text_of(page: str) -> str:
    text = (DOCS / page).read_text(encoding="utf-8")
    return without_theirs(text) if page == FROM_THE_SEEDS else text


@pytest.mark.parametrize("page", FLOORS)
def test_every_command_of_a_page_exists_with_these_options(page: str) -> None:
    found = commands(text_of(page))
    assert len(found) >= FLOORS[page]["commands"]
    for command in found:
        check_command(command)


@pytest.mark.skipif(not shutil.which("gcloud"), reason="gcloud: not installed")
def test_every_command_of_googles_exists_with_these_options(tmp_path: Path) -> None:
    found = [one for page in FLOORS for one in commands(text_of(page), program="gcloud")]
    wrong = ["gcloud scheduler jobs pause JOB --place=x", "gcloud scheduler jobs stop JOB"]
    file = tmp_path / "commands.json"
    file.write_text(json.dumps([{"command_string": one} for one in [*found, *wrong]]))
    told = subprocess.run(
        ["gcloud", "meta", "lint-gcloud-commands", f"--commands-file={file}"],
        env={**os.environ, "CLOUDSDK_CONFIG": str(tmp_path / "config")},
        capture_output=True,
        check=False,
    )
    verdicts = {one["command_string"]: one["success"] for one in json.loads(told.stdout)}
    assert len(found) >= 2
    assert [one for one, is_right in verdicts.items() if not is_right] == wrong


@pytest.mark.parametrize("page", FLOORS)
def test_every_path_and_every_test_of_a_page_exists(page: str) -> None:
    found = paths(text_of(page))
    assert len(found) >= FLOORS[page]["paths"]
    assert [path for path in found if not is_path(path)] == []


@pytest.mark.parametrize("page", FLOORS)
def test_every_setting_of_a_page_exists(page: str) -> None:
    found = settings(text_of(page))
    assert len(found) >= FLOORS[page]["settings"]
    assert [name for name in found if not is_setting(name)] == []


def test_every_variable_of_the_original_has_a_row_that_names_its_successor() -> None:
    told = {row.theirs: row.ours for row in rows((DOCS / FROM_THE_SEEDS).read_text("utf-8"))}
    assert len(told) >= 200
    assert len(SUCCESSORS) >= 5
    for name, successor in SUCCESSORS.items():
        row = told[f"`{name}`"]
        assert set(re.findall(r"BOT_[A-Z_]+", successor)) <= set(re.findall(r"BOT_[A-Z_]+", row))


def test_whoever_operates_it_finds_every_command_on_a_page() -> None:
    named = {
        command.split()[1]
        for page in (FROM_THE_SEEDS, "operations.md")
        for command in commands(text_of(page))
    }
    left_out = set(COMMANDS) - named - NOT_OPERATED
    assert left_out == set(), "say in the pages when it is used, and mend *not in this version*"
    assert named <= set(COMMANDS)
    assert not NOT_OPERATED & named


@pytest.mark.parametrize(
    "wrong",
    [
        "`scripts/bot halt --sure`",
        "`scripts/bot nonsense`",
        "`scripts/bot paper`",
        "a span that is\nbroken: `scripts/bot\npaper start --interval 90`",
        "    scripts/bot tick\n    BOT_ID=a scripts/bot live lower stage-99 --why x  # no stage\n",
        "```sh\nscripts/bot status; scripts/bot settle 7 --gone\n```\n",
    ],
)
def test_a_command_that_there_is_not_is_found_wherever_it_stands(wrong: str) -> None:
    found = commands(wrong)[-1]
    with pytest.raises((AssertionError, click.UsageError)):
        check_command(found)


@pytest.mark.parametrize(
    "wrong",
    [
        "`shared/nothing.py`",
        "`shared/bot.yml`",
        "`x.md`",
        "`tests/unit/house/test_pages.py::test_x`",
        "`tests/unit/house/test_pages.py`, `test_x`",
    ],
)
def test_a_path_that_there_is_not_is_found(wrong: str) -> None:
    assert not is_path(paths(wrong)[-1])


@pytest.mark.parametrize("wrong", ["`risk.nonsense`", "`BOT_NONSENSE`", "`BOT_RISK__X=1`"])
def test_a_setting_that_there_is_not_is_found(wrong: str) -> None:
    (found,) = settings(wrong)
    assert not is_setting(found)


def test_what_stands_before_the_first_colon_of_a_row_is_somebody_elses() -> None:
    row = "* `scripts/a.py x: y`,\n  `scripts/b.py`: here `shared/bot.yaml`, and: `docs/x.md`.\n"
    assert paths(without_theirs(row)) == ["shared/bot.yaml", "docs/x.md"]
    assert [one.theirs for one in rows(row)] == ["`scripts/a.py x: y`, `scripts/b.py`"]
