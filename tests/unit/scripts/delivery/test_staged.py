"""The staged tree of a function: what is in it, and that the same commit gives the same bytes."""

import json
import os
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import pytest

from scripts.delivery.staged import MANIFEST, StagedTree, stage_function, write_tree
from scripts.installation.checkout import ROOT
from shared.core import deciding
from shared.core.errors import UserError
from tests.support.staged import FUNCTIONS, only_pinned, staged

AT_THE_ROOT = {"main.py", "requirements.txt", ".python-version"}


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_tree_holds_code_its_data_and_four_files_at_its_root(function) -> None:
    files = staged(function).files
    assert {path for path in files if "/" not in path} == AT_THE_ROOT
    assert {path.partition("/")[0] for path in files if "/" in path} <= {
        "functions",
        "models",
        "shared",
    }
    data = {path for path in files if not path.endswith(".py")} - AT_THE_ROOT
    assert data >= {
        "shared/bot.yaml",
        "shared/core/guards.toml",
        "shared/stores/google/indexes.toml",
    }
    assert ("shared/results/report/page/report.html.j2" in data) == (function == "backtest")
    assert {Path(path).suffix for path in data} <= {".yaml", ".toml", ".j2", ".js", ".css"}
    assert len(files) >= 300


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_tree_holds_every_file_whose_text_the_function_reads(function) -> None:
    files = staged(function).files
    assert set(deciding.sources()) <= set(files)
    assert len(deciding.sources()) >= 90


def test_the_file_for_the_buildpack_names_the_function_and_the_requirements_have_hashes() -> None:
    tree = staged("tick")
    assert b"from functions.tick.main import tick\n" in tree.files["main.py"]
    own = (ROOT / "functions/tick/requirements.txt").read_bytes()
    assert tree.files["requirements.txt"] == own
    assert b"--hash=sha256:" in own
    assert tree.files[".python-version"] == b"3.12\n"


def test_the_manifest_has_the_hash_of_every_file(tmp_path) -> None:
    tree = staged("tick")
    write_tree(tree, tmp_path / "tick")
    told = json.loads((tmp_path / "tick" / MANIFEST).read_bytes())
    there = {
        path.relative_to(tmp_path / "tick").as_posix(): sha256(path.read_bytes()).hexdigest()
        for path in (tmp_path / "tick").rglob("*")
        if path.is_file() and path.name != MANIFEST
    }
    assert told["files"] == there
    assert (told["function"], told["digest"]) == ("tick", tree.digest)
    assert len(there) >= 300


def test_the_same_code_gives_the_same_bytes_and_times_in_another_process(tmp_path) -> None:
    words = [sys.executable, "-m", "scripts.cli", "stage", "tick", "--into"]
    seen = []
    for number, seed in enumerate(("1", "2")):
        environ = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)}
        umask = 0o077 if number else 0o022
        subprocess.run(
            [*words, str(tmp_path / seed)], cwd=ROOT, env=environ, check=True, umask=umask
        )
        seen.append(_archived(tmp_path / seed / "tick"))
    assert seen[0] == seen[1]
    assert len(seen[0]) >= 300


def _archived(folder: Path) -> list[tuple[str, bytes, int, float]]:
    """All that an archive of a folder would hold."""
    return [
        (
            path.relative_to(folder).as_posix(),
            path.read_bytes() if path.is_file() else b"",
            path.stat().st_mode,
            path.stat().st_mtime,
        )
        for path in sorted(folder.rglob("*"))
    ]


def test_a_changed_byte_gives_another_digest() -> None:
    tree = staged("tick")
    files = {**tree.files, "shared/bot.yaml": tree.files["shared/bot.yaml"] + b"\n"}
    changed = StagedTree(function="tick", commit=tree.commit, epoch=tree.epoch, files=files)
    assert changed.digest != tree.digest


def test_a_tree_takes_the_place_of_an_older_one_and_of_nothing_else(tmp_path) -> None:
    tree = StagedTree(function="tick", commit="c", epoch=1, files={"main.py": b""})
    old = StagedTree(function="tick", commit="c", epoch=1, files={"old.py": b""})
    write_tree(old, tmp_path / "tick")
    write_tree(tree, tmp_path / "tick")
    assert {path.name for path in (tmp_path / "tick").iterdir()} == {"main.py", MANIFEST}
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("mine")
    with pytest.raises(UserError, match="holds something that is no staged tree"):
        write_tree(tree, tmp_path / "mine")
    assert (tmp_path / "mine" / "letter.txt").read_text() == "mine"


def test_without_git_a_tree_is_that_of_the_checkout_and_what_lies_about_stays_out(
    tmp_path,
) -> None:
    copy = tmp_path / "upload"
    for place in ("functions", "models", "shared"):
        words = ["cp", "-r", str(ROOT / place), str(copy / place)]
        copy.mkdir(exist_ok=True)
        subprocess.run(words, check=True)
    (copy / "shared" / ".env").write_text("BITBANK_API_KEY=x")
    (copy / "shared" / "core" / "__pycache__").mkdir(exist_ok=True)
    (copy / "shared" / "core" / "__pycache__" / "errors.cpython-311.pyc").write_bytes(b"")
    tree = stage_function("tick", root=copy, environ={"COMMIT_SHA": "a" * 40})
    assert tree.commit == "a" * 40
    assert tree.files == staged("tick").files


def test_code_in_a_tree_has_the_hashes_that_it_has_at_home(tmp_path) -> None:
    for function in ("tick", "retrain"):
        write_tree(staged(function), tmp_path / function)
    ask = (
        "import sys; sys.path.insert(0, '')\nfrom shared.core import deciding\n"
        "print(deciding.files_hash(), deciding.trees_hash())\n"
    )
    learns = "from models.fit.code import model_code_hash\nprint(model_code_hash())\n"

    def told(folder: Path, script: str) -> str:
        environ = {"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1"}
        if folder != ROOT:
            environ |= only_pinned(folder)
        words = [sys.executable, "-c", script]
        return subprocess.check_output(words, cwd=folder, env=environ, text=True)

    assert told(tmp_path / "tick", ask) == told(ROOT, ask)
    assert told(tmp_path / "retrain", ask + learns) == told(ROOT, ask + learns)
