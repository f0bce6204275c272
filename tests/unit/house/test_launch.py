import json
import multiprocessing
import os
import sys
import time
from pathlib import Path

import pytest

from scripts import launch


@pytest.fixture
def venv(tmp_path: Path) -> Path:
    """A folder that looks like a finished environment."""
    folder = tmp_path / ".venv"
    (folder / "bin").mkdir(parents=True)
    (folder / "bin" / "python").symlink_to(sys.executable)
    (folder / "pyvenv.cfg").write_text("home = x\n")
    return folder


def test_an_environment_counts_as_installed_only_with_the_same_hashes(venv: Path) -> None:
    assert not launch.is_installed(venv, {"requirements.txt": "a"})
    launch.stamp_of(venv).write_text(json.dumps({"requirements.txt": "a", "tests/requirements.txt": "b"}))
    assert launch.is_installed(venv, {"requirements.txt": "a"})
    assert launch.is_installed(venv, {"requirements.txt": "a", "tests/requirements.txt": "b"})
    assert not launch.is_installed(venv, {"requirements.txt": "changed"})
    launch.stamp_of(venv).write_text("{")
    assert not launch.is_installed(venv, {"requirements.txt": "a"})


def test_an_environment_whose_python_went_away_is_not_installed(venv: Path) -> None:
    launch.stamp_of(venv).write_text(json.dumps({"requirements.txt": "a"}))
    (venv / "bin" / "python").unlink()
    (venv / "bin" / "python").symlink_to("/nowhere/python")
    assert not launch.is_installed(venv, {"requirements.txt": "a"})


def hold(venv: Path, held: "multiprocessing.synchronize.Event") -> None:
    with launch.exclusively(venv):
        held.set()
        time.sleep(0.5)


def test_two_first_runs_wait_for_each_other(venv: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spawn = multiprocessing.get_context("spawn")
    held = spawn.Event()
    other = spawn.Process(target=hold, args=(venv, held))
    other.start()
    assert held.wait(20)
    began = time.monotonic()
    with launch.exclusively(venv) as interrupted:
        assert time.monotonic() - began > 0.2
        assert not interrupted
    other.join()
    assert "waiting" in capsys.readouterr().err


def test_an_interrupted_install_is_seen_by_the_next(venv: Path) -> None:
    class KilledError(Exception):
        pass

    with pytest.raises(KilledError), launch.exclusively(venv):
        raise KilledError
    with launch.exclusively(venv) as interrupted:
        assert interrupted
    with launch.exclusively(venv) as interrupted:
        assert not interrupted


def test_a_folder_that_is_no_environment_is_never_cleared(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("x")
    with pytest.raises(launch.LaunchError, match="not a virtual environment"):
        launch.make(tmp_path, None, tmp_path / "log", interrupted=False)
    assert (tmp_path / "precious").read_text() == "x"


@pytest.mark.skipif(os.geteuid() == 0, reason="root: may write everywhere")
def test_a_folder_that_may_not_be_written_is_named(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(launch.LaunchError, match="cannot be written"), launch.exclusively(tmp_path / ".venv"):
        pass


def test_a_path_that_is_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(launch.LaunchError, match="cannot be written"), launch.exclusively(tmp_path / "file" / ".venv"):
        pass


@pytest.mark.parametrize(
    ("said", "found", "remedy"),
    [
        ("error sending request for url: dns error: failed to lookup", "did not answer", "connect to the network"),
        ("NewConnectionError: [Errno 111] Connection refused", "did not answer", "connect to the network"),
        ("THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE", "pinned hash", "do not go on"),
        ("OSError: [Errno 28] No space left on device", "disk is full", "free about"),
        ("something else", "see ", "read the last lines"),
    ],
)
def test_a_failed_install_is_one_sentence_and_a_remedy(said: str, found: str, remedy: str, tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text(said)
    error = launch.failure("the packages could not be installed", log)
    assert found in str(error)
    assert remedy in error.remedy
    assert "\n" not in f"{error}{error.remedy}"


@pytest.mark.skipif(sys.platform != "linux", reason="linux: libgomp is its library")
def test_a_missing_libgomp_is_named_with_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launch, "has_library", lambda _: False)
    monkeypatch.setattr(launch.os, "geteuid", lambda: 1000)
    with pytest.raises(launch.LaunchError) as caught:
        launch.ensure_openmp()
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
    monkeypatch.setattr(launch, "has_library", lambda _: installed.exists())
    monkeypatch.setattr(launch.os, "geteuid", lambda: 0)
    launch.ensure_openmp()
    assert [line.split()[2] for line in told.read_text().splitlines()] == ["install", "update", "install"]


def test_a_library_that_is_there_is_found_and_one_that_is_not_is_not() -> None:
    assert not launch.has_library("libnobody-has-this.so.9")
