"""Second half of the launcher `scripts/bot`: makes the environment where it is missing, then runs the command line.

Nothing but the standard library, so that any Python from 3.11 on runs it. Everything is said on stderr.

    .venv/                      the environment (BOT_VENV names another place)
    .venv/installed.json        the hash of each requirements file that is installed: written last
    .venv.lock                  locked while somebody installs; not empty and not locked: that install was interrupted
"""

import fcntl
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

PRODUCT = "requirements.txt"
TESTS = "tests/requirements.txt"
TESTING = frozenset({"check", "mutants", "test"})
TRAINING = frozenset({"check", "demo", "paper", "test", "train"})

CLOSED = ("--require-hashes", "--no-deps")
"""A requirements file is a closure: nothing is resolved, so no newer release of anything can change what is installed."""

NO_NETWORK = re.compile(
    r"dns error|error sending request|NewConnectionError|NameResolutionError|name resolution|Connection refused|"
    r"ConnectTimeout|ReadTimeout|timed out|unreachable|Could not connect|ProxyError|tcp connect",
    re.IGNORECASE,
)
BAD_HASH = re.compile(r"do not match the hashes|hash mismatch", re.IGNORECASE)
NO_SPACE = re.compile(r"no space left|quota exceeded", re.IGNORECASE)


class LaunchError(Exception):
    """The environment cannot be made: what was found, and the next step."""

    def __init__(self, found: str, remedy: str) -> None:
        super().__init__(found)
        self.remedy = remedy


def main(root: Path, venv: Path, arguments: Sequence[str]) -> None:
    """Make sure of the environment and become the command line; does not return."""
    command = next((word for word in arguments if not word.startswith("-")), "")
    try:
        ensure(root, venv, [PRODUCT, TESTS] if command in TESTING else [PRODUCT])
        if command in TRAINING:
            ensure_openmp()
    except LaunchError as error:
        sys.exit(f"error: {error}\nremedy: {error.remedy}")
    except KeyboardInterrupt:
        say("interrupted; the next run begins again")
        sys.exit(130)
    python = str(python_of(venv))
    path = os.pathsep.join(filter(None, [str(root), os.environ.get("PYTHONPATH")]))
    os.execve(python, [python, "-P", "-m", "scripts.cli", *arguments], {**os.environ, "PYTHONPATH": path})  # noqa: S606 - our own Python


def ensure(root: Path, venv: Path, wanted: Sequence[str]) -> None:
    """Install the `wanted` requirements files into `venv`, unless they are there; one process at a time."""
    hashes = {name: hashlib.sha256((root / name).read_bytes()).hexdigest() for name in wanted}
    if is_installed(venv, hashes):
        return
    began = time.monotonic()
    with exclusively(venv) as interrupted:
        if is_installed(venv, hashes):
            return
        log = venv.with_name(f"{venv.name}.log")
        log.write_text("", encoding="utf-8")
        uv = working_uv()
        if interrupted or not os.access(python_of(venv), os.X_OK):
            make(venv, uv, log, interrupted=interrupted)
        stamp_of(venv).unlink(missing_ok=True)
        install(root, venv, wanted, uv, log)
        stamp_of(venv).write_text(json.dumps(hashes), encoding="utf-8")
        log.unlink()
    say(f"ready after {time.monotonic() - began:.0f} s")


def python_of(venv: Path) -> Path:
    """The environment's Python."""
    return venv / "bin" / "python"


def stamp_of(venv: Path) -> Path:
    """The file that says what is installed."""
    return venv / "installed.json"


def is_installed(venv: Path, hashes: dict[str, str]) -> bool:
    """Whether the last finished install had exactly these requirements (or more than these)."""
    if not os.access(python_of(venv), os.X_OK):
        return False
    try:
        installed = json.loads(stamp_of(venv).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(installed, dict) and hashes.items() <= installed.items()


@contextmanager
def exclusively(venv: Path) -> Iterator[bool]:
    """Hold the right to install; yields whether the install before was interrupted."""
    path = venv.with_name(f"{venv.name}.lock")
    try:
        venv.parent.mkdir(parents=True, exist_ok=True)
        lock = path.open("a+", encoding="utf-8")
    except OSError as error:
        raise LaunchError(
            f"{path} cannot be written: {error.strerror}", "set BOT_VENV to a folder that you may write to"
        ) from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("another command is installing the packages; waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        lock.seek(0)
        interrupted = bool(lock.read())
        lock.write("installing\n")
        lock.flush()
        yield interrupted
        lock.truncate(0)


def working_uv() -> str | None:
    """The path of uv where it is present and runs."""
    uv = shutil.which("uv")
    if uv is None or subprocess.run([uv, "--version"], check=False, capture_output=True).returncode:
        return None
    return uv


def make(venv: Path, uv: str | None, log: Path, *, interrupted: bool) -> None:
    """Make an empty environment, in place of a broken one."""
    if venv.exists() and not interrupted and any(venv.iterdir()) and not (venv / "pyvenv.cfg").is_file():
        raise LaunchError(f"{venv} exists and is not a virtual environment", "move it away, or set BOT_VENV to another folder")
    shutil.rmtree(venv, ignore_errors=True)
    version = ".".join(str(part) for part in sys.version_info[:3])
    say(f"first use: making {venv} with Python {version}")
    python = sys.executable
    if uv is not None and run([uv, "venv", "--quiet", "--no-project", "--python", python, str(venv)], log):
        return
    shutil.rmtree(venv, ignore_errors=True)
    if not run([python, "-I", "-c", "import ensurepip, venv"], log):
        raise LaunchError(
            "this Python has no working venv module", "install it (Debian, Ubuntu: apt-get install python3-venv), or install uv"
        )
    if not run([python, "-I", "-m", "venv", str(venv)], log):
        raise failure(f"the environment {venv} could not be made", log)


def install(root: Path, venv: Path, wanted: Sequence[str], uv: str | None, log: Path) -> None:
    """Install the requirements, checked against their hashes: with uv, else (or where uv cannot) with pip."""
    files = [word for name in wanted[-1:] for word in ("-r", str(root / name))]
    count = sum(len(re.findall(r"^[A-Za-z0-9]", (root / name).read_text(encoding="utf-8"), re.MULTILINE)) for name in wanted)
    python = str(python_of(venv))
    if uv is not None:
        say(f"installing {count} pinned packages with uv")
        if run([uv, "pip", "install", "--quiet", "--python", python, *CLOSED, *files], log):
            return
    if not (run([python, "-I", "-c", "import pip"], log) or run([python, "-I", "-m", "ensurepip"], log)):
        raise failure("the packages could not be installed", log)
    say(f"installing {count} pinned packages with pip; this takes about a minute")
    flags = ["--quiet", *CLOSED, "--prefer-binary", "--no-compile", "--no-input", "--retries", "2"]
    if not run([python, "-I", "-m", "pip", "--disable-pip-version-check", "install", *flags, *files], log):
        raise failure("the packages could not be installed", log)


def run(command: Sequence[str], log: Path) -> bool:
    """Run a step; what it says goes to the log. Returns whether it succeeded."""
    with log.open("a", encoding="utf-8") as out:
        return subprocess.run(command, check=False, stdin=subprocess.DEVNULL, stdout=out, stderr=out).returncode == 0


def failure(what: str, log: Path) -> LaunchError:
    """Say in one sentence why a step failed, from its log."""
    said = log.read_text(encoding="utf-8", errors="replace")
    if BAD_HASH.search(said):
        return LaunchError(
            f"{what}: a file of the registry does not have its pinned hash (see {log})", "do not go on; report it"
        )
    if NO_SPACE.search(said):
        return LaunchError(f"{what}: the disk is full", "free about 1 GB, or set BOT_VENV to a folder on another disk")
    if NO_NETWORK.search(said):
        return LaunchError(
            f"{what}: the package registry did not answer", "connect to the network and run the same command again"
        )
    return LaunchError(f"{what} (see {log})", "read the last lines of that file, then run the same command again")


def ensure_openmp() -> None:
    """LightGBM needs the system's OpenMP library: install it as root on Debian, else name its package."""
    if sys.platform == "darwin":
        homes = ("/opt/homebrew/opt/libomp", "/usr/local/opt/libomp")
        if not any(Path(home).exists() for home in homes):
            raise LaunchError("LightGBM needs the library libomp, which is not here", "brew install libomp")
        return
    if has_library("libgomp.so.1"):
        return
    apt = shutil.which("apt-get")
    if apt is not None and os.geteuid() == 0:
        say("installing the system library libgomp1")
        environ = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        package = ["install", "--no-install-recommends", "libgomp1"]
        for step in (package, ["update"], package):
            subprocess.run([apt, "-qq", "-y", *step], check=False, capture_output=True, env=environ)
            if has_library("libgomp.so.1"):
                return
    raise LaunchError(
        "LightGBM needs the system library libgomp, which is not here",
        "install it (Debian, Ubuntu: apt-get install libgomp1; Fedora: dnf install libgomp; Alpine: apk add libgomp)",
    )


def has_library(name: str) -> bool:
    """Whether the dynamic linker finds a library."""
    import ctypes

    try:
        ctypes.CDLL(name)
    except OSError:
        return False
    return True


def say(what: str) -> None:
    """One line of progress."""
    print(f"crypto-bot: {what}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]).absolute(), sys.argv[3:])
