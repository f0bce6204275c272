import ast
import json
import multiprocessing
import os
import sys
import time
from pathlib import Path

import pytest

from scripts import launch
from scripts.installation import environments, system_libraries
from scripts.installation.in_use import hold, hold_alone

ROOT = Path(__file__).resolve().parents[4]


@pytest.fixture
def venv(tmp_path: Path) -> Path:
    """A folder that looks like a finished environment."""
    folder = tmp_path / ".venv"
    (folder / "bin").mkdir(parents=True)
    (folder / "bin" / "python").symlink_to(sys.executable)
    (folder / "pyvenv.cfg").write_text("home = x\n")
    (folder / "lib" / f"python{sys.version_info[0]}.{sys.version_info[1]}").mkdir(parents=True)
    return folder


def installed(venv: Path, **hashes: str) -> None:
    (venv / "installed.json").write_text(json.dumps(hashes))


def test_an_environment_counts_as_installed_only_with_the_same_hashes(venv: Path) -> None:
    assert environments.take(venv, {"product": "a"}) is None
    installed(venv, product="a", tests="b")
    assert environments.take(venv, {"product": "a"}) == venv
    assert environments.take(venv, {"product": "a", "tests": "b"}) == venv
    assert environments.take(venv, {"product": "changed"}) is None
    assert environments.take_older(venv, ["product", "tests"]) == venv
    assert environments.take_older(venv, ["product", "more"]) is None
    for broken in ("{", "[]", ""):
        (venv / "installed.json").write_text(broken)
        assert environments.take_older(venv, ["product"]) is None


def test_an_environment_whose_python_went_away_or_became_another_is_not_installed(
    venv: Path,
) -> None:
    installed(venv, product="a")
    (version,) = (venv / "lib").iterdir()
    version.rename(version.with_name("python3.2"))
    assert environments.take(venv, {"product": "a"}) is None
    (venv / "bin" / "python").unlink()
    (venv / "bin" / "python").symlink_to("/nowhere/python")
    assert environments.take(venv, {"product": "a"}) is None


def hold_the_lock(venv: Path, held: "multiprocessing.synchronize.Event") -> None:
    with environments.exclusively(venv):
        held.set()
        time.sleep(0.5)


def test_two_first_runs_wait_for_each_other(venv: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spawn = multiprocessing.get_context("spawn")
    held = spawn.Event()
    other = spawn.Process(target=hold_the_lock, args=(venv, held))
    other.start()
    assert held.wait(20)
    began = time.monotonic()
    with environments.exclusively(venv):
        assert time.monotonic() - began > 0.2
    other.join()
    assert "waiting" in capsys.readouterr().err


def use(environment: Path, held: "multiprocessing.synchronize.Event") -> None:
    assert hold(environment)
    held.set()
    time.sleep(60)


def test_what_is_in_use_is_not_cleared_and_what_is_being_cleared_is_not_used(
    tmp_path: Path,
) -> None:
    venv = tmp_path / ".venv"
    for name in ("one", "two", "half"):
        (tmp_path / ".venv.d" / name).mkdir(parents=True)
    one, two, half = (tmp_path / ".venv.d" / name for name in ("one", "two", "half"))
    installed(one)
    installed(two)
    venv.symlink_to(".venv.d/two")
    spawn = multiprocessing.get_context("spawn")
    held = spawn.Event()
    user = spawn.Process(target=use, args=(one, held))
    user.start()
    assert held.wait(20)
    environments.clear(venv)
    assert (one.is_dir(), two.is_dir(), half.is_dir()) == (True, True, False)
    user.kill()
    user.join()
    assert hold_alone(one)
    assert not hold(one)
    environments.clear(venv)
    assert one.is_dir(), "held by the asking above"
    assert hold(two)
    assert not hold_alone(two)
    assert not hold(tmp_path / "none")


@pytest.mark.parametrize("pyvenv", [True, False])
def test_only_a_folder_that_is_an_environment_is_replaced(tmp_path: Path, pyvenv: bool) -> None:
    venv = tmp_path / "mine"
    venv.mkdir()
    environments.guard(venv, interrupted=False)
    (venv / "bin").mkdir()
    if pyvenv:
        (venv / "pyvenv.cfg").write_text("")
        environments.guard(venv, interrupted=False)
        return
    with pytest.raises(environments.LaunchError, match="not a virtual environment"):
        environments.guard(venv, interrupted=False)


def test_an_install_that_failed_is_not_tried_again_at_once(tmp_path: Path) -> None:
    venv = tmp_path / ".venv"
    assert environments.failed_lately(venv, {"a": "1"}) == ""
    log = environments.log_of(venv)
    log.write_text('{"a": "1"}\nno network\n')
    assert "failed 0 min ago" in environments.failed_lately(venv, {"a": "1"})
    assert environments.failed_lately(venv, {"a": "2"}) == ""
    for seconds in (-100, environments.RETRY_SECONDS + 1):
        os.utime(log, (time.time() - seconds, time.time() - seconds))
        assert environments.failed_lately(venv, {"a": "1"}) == ""


def test_links_of_the_user_are_followed_and_the_launchers_own_is_not(tmp_path: Path) -> None:
    venv = tmp_path / ".venv"
    assert environments.own_path(venv) == venv
    venv.symlink_to(".venv.d/0123")
    assert environments.own_path(venv) == venv
    venv.unlink()
    venv.symlink_to("disk/../other")
    assert environments.own_path(venv) == tmp_path / "other"
    (tmp_path / "other").symlink_to(venv)
    assert environments.own_path(venv) in {venv, tmp_path / "other"}


def test_help_without_packages_is_the_page_of_the_longest_command(
    capsys: pytest.CaptureFixture[str],
) -> None:
    pages = launch.pages_of((ROOT / "docs/commands.md").read_text(encoding="utf-8"))
    assert len(pages) >= 22
    for name, page in pages.items():
        assert page.startswith(f"Usage: {name} ")
        assert launch.explain(ROOT, [*name.split()[1:], "--help"]) == 0
        assert capsys.readouterr().out == f"{page}\n"
    assert launch.explain(ROOT, ["paper", "--json", "nonsense", "-h"]) == 0
    assert capsys.readouterr().out.startswith("Usage: scripts/bot paper ")
    assert launch.explain(ROOT, ["xylophone", "--help"]) == 2


@pytest.mark.skipif(os.geteuid() == 0, reason="root: may write everywhere")
def test_a_folder_that_may_not_be_written_is_named(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with (
        pytest.raises(environments.LaunchError, match="cannot be written"),
        environments.exclusively(tmp_path / ".venv"),
    ):
        pass


def test_a_path_that_is_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(environments.LaunchError, match="cannot be written"),
        environments.exclusively(tmp_path / "file" / ".venv"),
    ):
        pass


@pytest.mark.parametrize(
    ("said", "found", "remedy"),
    [
        (
            "error sending request for url: dns error: failed to lookup",
            "did not answer",
            "connect to the network",
        ),
        (
            "NewConnectionError: [Errno 111] Connection refused",
            "did not answer",
            "connect to the network",
        ),
        (
            "THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE",
            "pinned hash",
            "do not go on",
        ),
        ("OSError: [Errno 28] No space left on device", "disk is full", "free about"),
        ("ERROR: No matching distribution found for a==1", "no file for this Python", "glibc"),
        ("something else", "see ", "read the last lines"),
    ],
)
def test_a_failed_install_is_one_sentence_and_a_remedy(
    said: str, found: str, remedy: str, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    log.write_text(said)
    error = environments.step_failure("the packages could not be installed", log)
    assert found in str(error)
    assert remedy in error.remedy
    assert "\n" not in f"{error}{error.remedy}"


@pytest.mark.skipif(sys.platform != "linux", reason="linux: libgomp is its library")
def test_a_missing_libgomp_is_named_with_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(system_libraries, "has_library", lambda _: False)
    monkeypatch.setattr(system_libraries.os, "geteuid", lambda: 1000)
    with pytest.raises(environments.LaunchError) as caught:
        system_libraries.ensure_openmp()
    assert "libgomp" in str(caught.value)
    assert "apt-get install libgomp1" in caught.value.remedy


@pytest.mark.skipif(sys.platform != "linux", reason="linux: libgomp is its library")
def test_root_on_debian_gets_libgomp_installed_also_where_the_lists_are_old(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told, installed = tmp_path / "told", tmp_path / "installed"
    apt = tmp_path / "apt-get"
    apt.write_text(
        f'#!/bin/sh\necho "$*" >> {told}\ncase "$*" in *update*) touch {tmp_path}/new ;; esac\n'
        f'case "$*" in *libgomp1*) [ -e {tmp_path}/new ] && touch {installed} ;; esac\n'
    )
    apt.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setattr(system_libraries, "has_library", lambda _: installed.exists())
    monkeypatch.setattr(system_libraries.os, "geteuid", lambda: 0)
    system_libraries.ensure_openmp()
    assert [line.split()[2] for line in told.read_text().splitlines()] == [
        "install",
        "update",
        "install",
    ]


def test_a_library_that_is_there_is_found_and_one_that_is_not_is_not() -> None:
    assert not system_libraries.has_library("libnobody-has-this.so.9")


def test_the_launcher_imports_nothing_that_would_have_to_be_installed() -> None:
    files = [Path(launch.__file__), *Path(environments.__file__).parent.glob("*.py")]
    imported = {
        name
        for file in files
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in (
            [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else [alias.name for alias in node.names]
        )
    }
    own = {name for name in imported if name.startswith("scripts.installation.")}
    assert len(own) >= 3
    assert {name.partition(".")[0] for name in imported - own} <= sys.stdlib_module_names
