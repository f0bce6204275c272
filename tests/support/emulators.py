"""Google's own emulators, one of each kind a run of pytest, shared by its workers.

    FIRESTORE = Emulator(name="firestore", component="cloud-firestore-emulator", command=...)

    @pytest.fixture(scope="session")
    def firestore_address(tmp_path_factory):
        with running(FIRESTORE, run_folder(tmp_path_factory)) as address:   # "127.0.0.1:40123"
            yield address

The first worker that asks starts it, on a free port; the others find it by a file in the run's own
temporary folder. Every user holds a shared lock on that folder for as long as it lives. A keeper
waits for the exclusive one: it gets it when the last user has ended, however that one ended, and
then ends the emulator with all of its process group. Where no emulator is installed the test is
skipped by the word `emulators`.

Tests keep apart by a project of their own (`fresh_project`), so that nothing is cleaned between
them.
"""

import contextlib
import fcntl
import itertools
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import IO

import pytest
import requests

READY_SECONDS = 60.0
ENDING_SECONDS = 5.0
STARTS = 3
"""Another program may take the free port before the emulator does."""

_projects = itertools.count()


@dataclass(frozen=True, slots=True, kw_only=True)
class Emulator:
    """One kind of emulator.

    `component`: what gcloud calls it, and the folder below `platform/` in the SDK. `command`: how
    it is started, of that folder and a port; it answers `GET /` with 200 when it is ready.
    """

    name: str
    component: str
    command: Callable[[Path, int], Sequence[str]]

    @property
    def home(self) -> Path | None:
        """Where it is installed, or None."""
        sdk = sdk_folder()
        home = None if sdk is None else sdk / "platform" / self.component
        return home if home is not None and home.is_dir() and shutil.which("java") else None


def _firestore(home: Path, port: int) -> Sequence[str]:
    return [
        *("java", "-Duser.language=en", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"),
        *("-cp", str(home / "cloud-firestore-emulator.jar")),
        *("com.google.cloud.datastore.emulator.firestore.CloudFirestore", "start"),
        *("--host=127.0.0.1", f"--port={port}"),
    ]


def _pubsub(home: Path, port: int) -> Sequence[str]:
    return [str(home / "bin" / "cloud-pubsub-emulator"), "--host=127.0.0.1", f"--port={port}"]


FIRESTORE = Emulator(name="firestore", component="cloud-firestore-emulator", command=_firestore)
PUBSUB = Emulator(name="pubsub", component="pubsub-emulator", command=_pubsub)


@cache
def sdk_folder() -> Path | None:
    """The Google Cloud SDK: `CLOUDSDK_ROOT_DIR`, else where gcloud lies, else what it says."""
    told = os.environ.get("CLOUDSDK_ROOT_DIR")
    if told:
        return Path(told)
    gcloud = shutil.which("gcloud")
    if gcloud is None:
        return None
    beside = Path(gcloud).resolve().parents[1]
    if (beside / "platform").is_dir():
        return beside
    asked = subprocess.run(
        [gcloud, "info", "--format=value(installation.sdk_root)"],
        capture_output=True,
        text=True,
        check=False,
    )
    return Path(asked.stdout.strip()) if asked.returncode == 0 and asked.stdout.strip() else None


def run_folder(factory: pytest.TempPathFactory) -> Path:
    """The temporary folder of the whole run, the same for all of its workers."""
    base = factory.getbasetemp()
    return base.parent if "PYTEST_XDIST_WORKER" in os.environ else base


def fresh_project(prefix: str = "test") -> str:
    """The id of a project that no other test of the run has."""
    return f"{prefix}-{os.getpid()}-{next(_projects)}"


@contextlib.contextmanager
def running(kind: Emulator, folder: Path) -> Iterator[str]:
    """The address `host:port` of the run's emulator, started by the first who asks.

    Skips where it is not installed.
    """
    home = kind.home
    if home is None:
        pytest.skip(
            f"emulators: no {kind.name} emulator is here;"
            f" gcloud components install {kind.component}"
        )
    place = folder / "emulators" / kind.name
    place.mkdir(parents=True, exist_ok=True)
    user = _open(place / "users.lock")
    fcntl.flock(user, fcntl.LOCK_SH)
    try:
        yield _address(kind, home, place)
    finally:
        user.close()
        _wait_if_last(place)


def _address(kind: Emulator, home: Path, place: Path) -> str:
    with _open(place / "start.lock") as start:
        fcntl.flock(start, fcntl.LOCK_EX)
        state = place / "address"
        if _is_kept(place) and state.exists():
            return state.read_text(encoding="utf-8")
        for _ in range(STARTS):
            address = _start(kind, home, place)
            if address is not None:
                state.write_text(address, encoding="utf-8")
                return address
    log = (place / "log").read_text(encoding="utf-8", errors="replace")
    raise AssertionError(f"the {kind.name} emulator did not start: {log[-2000:]}")


def _start(kind: Emulator, home: Path, place: Path) -> str | None:
    """The address of an emulator that is ready; None where it ended or never answered."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    address = f"127.0.0.1:{port}"
    command = json.dumps(list(kind.command(home, port)))
    with (place / "log").open("ab") as log:
        keeper = subprocess.Popen(
            [sys.executable, str(Path(__file__)), str(place), command],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    until = time.monotonic() + READY_SECONDS
    while time.monotonic() < until and keeper.poll() is None:
        with contextlib.suppress(requests.RequestException):
            if requests.get(f"http://{address}/", timeout=5).ok:
                _keepers[place] = keeper
                return address
        time.sleep(0.05)
    keeper.terminate()
    keeper.wait()
    return None


_keepers: dict[Path, subprocess.Popen[bytes]] = {}
"""By their places, held until this process ends: the last user waits for them, and nobody warns of
them."""


def _open(path: Path) -> IO[bytes]:
    return path.open("ab")


def _is_kept(place: Path) -> bool:
    """Whether a keeper lives: it holds its lock for as long as it does."""
    with _open(place / "keeper.lock") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def _wait_if_last(place: Path) -> None:
    """Return when the emulator is gone, where nobody else uses it."""
    with _open(place / "users.lock") as users:
        try:
            fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(users, fcntl.LOCK_SH | fcntl.LOCK_NB)
                # Another worker uses it still; else the keeper is ending it just now.
                if place in _keepers:
                    _keepers[place].returncode = 0  # it ends with that one: nobody waits for it
                return
    until = time.monotonic() + 3 * ENDING_SECONDS
    while _is_kept(place) and time.monotonic() < until:
        time.sleep(0.01)
    if place in _keepers:
        _keepers[place].wait(ENDING_SECONDS)


def keep(place: Path, command: Sequence[str]) -> int:
    """Run the emulator until its last user has ended, or it ends by itself; leave no process."""
    with _open(place / "keeper.lock") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        emulator = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)
        signal.signal(signal.SIGTERM, lambda *_: _end(emulator))
        threading.Thread(target=_end_without_users, args=(place, emulator), daemon=True).start()
        code = emulator.wait()
        _signal(emulator, signal.SIGKILL)
        return code


def _end_without_users(place: Path, emulator: "subprocess.Popen[bytes]") -> None:
    users = _open(place / "users.lock")  # held until this process ends: nobody joins meanwhile
    fcntl.flock(users, fcntl.LOCK_EX)
    _end(emulator)


def _end(emulator: "subprocess.Popen[bytes]") -> None:
    _signal(emulator, signal.SIGTERM)
    later = threading.Timer(ENDING_SECONDS, _signal, (emulator, signal.SIGKILL))
    later.daemon = True
    later.start()


def _signal(emulator: "subprocess.Popen[bytes]", number: int) -> None:
    """To the whole group: a shell script that is killed alone leaves its Java behind."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(emulator.pid, number)


if __name__ == "__main__":
    sys.exit(keep(Path(sys.argv[1]), json.loads(sys.argv[2])))
