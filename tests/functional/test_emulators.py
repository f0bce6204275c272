"""The emulators of a run: started once, shared by its workers, and gone with the last of them."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support.emulators import FIRESTORE, PUBSUB, Emulator, running, sdk_folder

ROOT = Path(__file__).resolve().parents[2]

USES = """
import os, pytest, requests
from pathlib import Path
from tests.support.emulators import {kind}, run_folder, running

@pytest.fixture(scope="session")
def address(tmp_path_factory):
    with running({kind}, run_folder(tmp_path_factory)) as found:
        yield found

@pytest.mark.parametrize("number", range(4))
def test_it_answers(address, number):
    assert requests.get("http://" + address, timeout=30).ok
    Path({told!r}, os.environ["PYTEST_XDIST_WORKER"]).write_text(address)
    {more}
"""


def command(folder: Path, *, kind: str = "FIRESTORE", more: str = "") -> list[str]:
    told = folder / "told"
    told.mkdir()
    (folder / "test_uses.py").write_text(USES.format(kind=kind, told=str(told), more=more))
    return [
        *(sys.executable, "-m", "pytest", "-q", "-n2", "--dist=load", f"--rootdir={folder}"),
        *(f"--basetemp={folder / 'base'}", "-p", "no:cacheprovider", str(folder)),
    ]


def addresses(folder: Path) -> list[str]:
    return [file.read_text() for file in (folder / "told").iterdir()]


def of_the_run(folder: Path) -> list[str]:
    """The command lines of processes that name this run's folder or its emulator's port."""
    signs = [
        str(folder / "base").encode(),
        *(a.rpartition(":")[2].encode() for a in addresses(folder)),
    ]
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            line = (process / "cmdline").read_bytes()
        except OSError:
            continue
        if any(sign in line for sign in signs):
            found.append(line.replace(b"\0", b" ").decode(errors="replace"))
    return found


ENVIRON = {**os.environ, "PYTHONPATH": str(ROOT)}


def needs(kind: Emulator) -> None:
    if kind.home is None:
        pytest.skip(f"emulators: no {kind.name} emulator is here")


@pytest.mark.parametrize("kind", ["FIRESTORE", pytest.param("PUBSUB", marks=pytest.mark.full)])
def test_two_workers_share_one_emulator_and_it_is_gone_with_them(tmp_path, kind) -> None:
    needs({"FIRESTORE": FIRESTORE, "PUBSUB": PUBSUB}[kind])
    ran = subprocess.run(
        command(tmp_path, kind=kind),
        cwd=ROOT,
        env=ENVIRON,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout
    told = addresses(tmp_path)
    assert len(told) == 2
    assert len(set(told)) == 1
    assert of_the_run(tmp_path) == []


def test_an_emulator_ends_also_where_the_run_is_killed(tmp_path) -> None:
    needs(FIRESTORE)
    run = subprocess.Popen(
        command(tmp_path, more="import time; time.sleep(600)"),
        cwd=ROOT,
        env=ENVIRON,
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )
    until = time.monotonic() + 90
    while len(addresses(tmp_path)) < 2 and time.monotonic() < until:
        time.sleep(0.1)
    assert any("CloudFirestore" in line for line in of_the_run(tmp_path))
    os.killpg(run.pid, signal.SIGKILL)
    run.wait()
    while of_the_run(tmp_path) and time.monotonic() < until:
        time.sleep(0.1)
    assert of_the_run(tmp_path) == []


def test_where_none_is_installed_a_test_is_skipped_by_its_kind(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("CLOUDSDK_ROOT_DIR", str(tmp_path))
    sdk_folder.cache_clear()
    try:
        with pytest.raises(pytest.skip.Exception, match=r"^emulators: no firestore emulator"):
            running(FIRESTORE, tmp_path).__enter__()
    finally:
        sdk_folder.cache_clear()


def test_one_that_does_not_start_says_why(tmp_path) -> None:
    broken = Emulator(
        name="broken",
        component="cloud-firestore-emulator",
        command=lambda home, port: [
            "sh",
            "-c",
            f"echo {home.name} cannot listen on {port}; exit 3",
        ],
    )
    needs(broken)
    with pytest.raises(AssertionError, match="cloud-firestore-emulator cannot listen on"):
        running(broken, tmp_path).__enter__()
