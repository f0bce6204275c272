"""The folders of installed packages that the launcher makes. Nothing but the standard library.

    .venv -> .venv.d/1f0c4a7e   the environment in place (BOT_VENV names another path)
    .venv.d/                    the environments: each is made beside the one in place,
                                and never changed once it is complete
    .venv.d/*/installed.json    the hash of each requirements file that is in it:
                                written last, so that it makes it complete
    .venv.d/*/in-use.lock       held by every command that runs out of it: it is cleared
                                when nobody does
    .venv.lock                  locked while somebody installs
    .venv.log                   what the last install said, where it failed

A plain folder `.venv` with such an `installed.json` serves as well, until other packages are
wanted.
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
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

from scripts.installation.in_use import hold, hold_alone

STAMP = "installed.json"
REMEDY = "free about 2 GB, or set BOT_VENV to a folder that you may write to"
RETRY_SECONDS = 600
"""How long a failed install is not tried again where an older environment can do the work: a
scheduled tick must not wait."""

CLOSED = ("--require-hashes", "--no-deps", "--only-binary", ":all:")
"""A requirements file is a closure of wheels: nothing is resolved or built, so no newer release
changes what is installed."""

NO_NETWORK = re.compile(
    r"dns error|error sending request|NewConnectionError|NameResolutionError|name"
    r" resolution|Connection refused|"
    r"ConnectTimeout|ReadTimeout|timed out|unreachable|Could not connect|ProxyError|tcp connect",
    re.IGNORECASE,
)
BAD_HASH = re.compile(r"do not match the hashes|hash mismatch", re.IGNORECASE)
NO_SPACE = re.compile(r"no space left|quota exceeded", re.IGNORECASE)
NO_WHEEL = re.compile(r"No matching distribution found|no wheels? (?:with|are|is)", re.IGNORECASE)


class LaunchError(Exception):
    """The environment cannot be made: what was found, and the next step."""

    def __init__(self, found: str, remedy: str) -> None:
        """Say both."""
        super().__init__(found)
        self.remedy = remedy


def ready(root: Path, venv: Path, wanted: Sequence[str], *, insist: bool = True) -> Path:
    """An environment with the `wanted` requirements files of `root`, made where it is missing; held
    for this process.

    One process makes it and others wait. Whoever does not `insist` gets the environment with other
    versions of them that is there, if the new one cannot be made. Raises `LaunchError` where
    nothing serves; what is there stays as it is.
    """
    hashes = {name: hashlib.sha256((root / name).read_bytes()).hexdigest() for name in wanted}
    found = take(venv, hashes)
    if found is not None:
        return found
    try:
        if not insist:
            let_wait(venv, hashes)
        return _make_ready(root, venv, hashes)
    except (LaunchError, OSError) as error:
        told = (
            error
            if isinstance(error, LaunchError)
            else LaunchError(f"the environment could not be made: {error}", REMEDY)
        )
        older = take_older(venv, wanted)
        if older is None:
            raise told from error
        say(
            f"{told}; going on with the packages that were there, which are not the ones pinned now"
            f" (remedy: {told.remedy})"
        )
        return older


def _make_ready(root: Path, venv: Path, hashes: Mapping[str, str]) -> Path:
    began = time.monotonic()
    with exclusively(venv) as lock:
        found = take(venv, hashes)
        if found is not None:
            return found
        interrupted = bool(lock.read())  # a launcher that installed in place left this
        guard(venv, interrupted=interrupted)
        clear(venv)
        made = install(root, venv, hashes)
        hold(made)
        spared = put_in_place(venv, made, ours=interrupted or (venv / STAMP).is_file())
        clear(venv, spared=spared)
        lock.truncate(0)
    say(f"ready after {time.monotonic() - began:.0f} s")
    return made


def home_of(venv: Path) -> Path:
    """The folder of the environments that take turns at `venv`."""
    return venv.with_name(f"{venv.name}.d")


def own_path(path: Path) -> Path:
    """The path that the launcher manages: links of the user are followed, its own is not."""
    for _ in range(40):
        if not path.is_symlink():
            break
        target = Path(os.path.normpath(path.parent / path.readlink()))
        if target.parent == home_of(path):
            break
        path = target
    return path


def python_of(environment: Path) -> Path:
    """An environment's Python."""
    return environment / "bin" / "python"


def environments(venv: Path) -> list[Path]:
    """What there is, complete or not: the environment in place, then the others, newest first."""
    in_place = venv.resolve()
    with suppress(OSError):
        others = [
            folder
            for folder in home_of(venv).resolve().iterdir()
            if folder.is_dir() and folder != in_place
        ]
        others.sort(key=lambda folder: folder.stat().st_mtime, reverse=True)
        return [in_place, *others]
    return [in_place]


def installed_in(environment: Path) -> dict[str, str]:
    """The requirements files of a complete environment, with their hashes; empty where it is not
    complete or does not run.
    """
    try:
        stamp = json.loads((environment / STAMP).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    python = python_of(environment)
    if not isinstance(stamp, dict) or not os.access(python, os.X_OK):
        return {}
    # A link to the system's Python runs another one after an upgrade of the system, and finds no
    # packages.
    version = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    if (
        python.resolve() == Path(sys.executable).resolve()
        and not (environment / "lib" / version).is_dir()
    ):
        return {}
    return stamp


def take(venv: Path, hashes: Mapping[str, str]) -> Path | None:
    """The first environment with these requirements or more; held, so that nobody clears it."""
    return _first(venv, lambda environment: hashes.items() <= installed_in(environment).items())


def take_older(venv: Path, wanted: Sequence[str]) -> Path | None:
    """The first environment with these requirements files in any version; held."""
    return _first(venv, lambda environment: set(wanted) <= installed_in(environment).keys())


def _first(venv: Path, serves: Callable[[Path], bool]) -> Path | None:
    for environment in environments(venv):
        # Asked again once it is held: it may have been cleared in between.
        if serves(environment) and hold(environment) and serves(environment):
            return environment
    return None


@contextmanager
def exclusively(venv: Path) -> Iterator[TextIO]:
    """Hold the right to install; the system takes it back when the process ends, however it ends.

    Yields the lock file.
    """
    path = venv.with_name(f"{venv.name}.lock")
    try:
        venv.parent.mkdir(parents=True, exist_ok=True)
        lock = path.open("a+", encoding="utf-8")
    except OSError as error:
        raise LaunchError(
            f"{path} cannot be written: {error.strerror}",
            "set BOT_VENV to a folder that you may write to",
        ) from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("another command is installing the packages; waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        lock.seek(0)
        yield lock


def guard(venv: Path, *, interrupted: bool) -> None:
    """Refuse a place that must not or cannot be replaced, before anything is installed."""
    if venv.is_symlink() or not venv.exists():
        return
    if not venv.is_dir() or not (
        interrupted or (venv / "pyvenv.cfg").is_file() or not any(venv.iterdir())
    ):
        raise LaunchError(
            f"{venv} exists and is not a virtual environment",
            "move it away, or set BOT_VENV to another folder",
        )
    if venv.is_mount():
        raise LaunchError(
            f"{venv} is a mounted disk, which cannot be replaced",
            f"set BOT_VENV to a folder on it: {venv}/venv",
        )


def clear(venv: Path, *, spared: Path | None = None) -> None:
    """Delete the environments that are not in place and that nobody uses, and what interrupted
    installs left.
    """
    for environment in environments(venv)[1:]:
        if environment == spared:
            continue
        if (environment / STAMP).exists():
            if not hold_alone(environment):
                continue
            (environment / STAMP).unlink(missing_ok=True)
        shutil.rmtree(environment, ignore_errors=True)


def install(root: Path, venv: Path, hashes: Mapping[str, str]) -> Path:
    """Make a complete environment beside the one in place; nothing of it stays where that fails."""
    log = log_of(venv)
    log.write_text(f"{json.dumps(dict(hashes))}\n", encoding="utf-8")
    environment = new_folder(venv, hashes)
    try:
        uv = working_uv()
        make(environment, uv, log)
        fill(root, environment, list(hashes), uv, log)
        (environment / STAMP).write_text(json.dumps(dict(hashes)), encoding="utf-8")
    except BaseException:
        shutil.rmtree(environment, ignore_errors=True)
        raise
    log.unlink()
    return environment


def log_of(venv: Path) -> Path:
    """Where an install writes what its tools say: it stays where that fails."""
    return venv.with_name(f"{venv.name}.log")


def failed_lately(venv: Path, hashes: Mapping[str, str]) -> str:
    """When an install of just these requirements failed a short time ago, in words; empty where
    none did.
    """
    log = log_of(venv)
    try:
        seconds = time.time() - log.stat().st_mtime
        tried = json.loads(log.read_text(encoding="utf-8", errors="replace").partition("\n")[0])
    except (OSError, ValueError):
        return ""
    if tried != hashes or not 0 <= seconds < RETRY_SECONDS:
        return ""
    return (
        f"the install failed {seconds / 60:.0f} min ago (see {log}) and is tried again after"
        f" {RETRY_SECONDS // 60} min"
    )


def let_wait(venv: Path, hashes: Mapping[str, str]) -> None:
    """Raise `LaunchError` where the same install failed a short time ago and an older environment
    can do the work.
    """
    lately = failed_lately(venv, hashes)
    if lately and take_older(venv, list(hashes)) is not None:
        raise LaunchError(lately, f"delete {log_of(venv)} to try it at once")


def new_folder(venv: Path, hashes: Mapping[str, str]) -> Path:
    """An empty folder for an environment, named after what it will hold."""
    home = home_of(venv)
    home.mkdir(exist_ok=True)
    name = hashlib.sha256(json.dumps(dict(hashes)).encode()).hexdigest()[:8]
    for number in range(1, 1000):
        folder = home / (f"{name}-{number}" if number > 1 else name)
        with suppress(FileExistsError):
            folder.mkdir()
            return folder
    raise LaunchError(f"{home} holds a thousand environments", f"delete {home}")


def working_uv() -> str | None:
    """The path of uv where it is present and runs."""
    uv = shutil.which("uv")
    if uv is None or subprocess.run([uv, "--version"], check=False, capture_output=True).returncode:
        return None
    return uv


def make(environment: Path, uv: str | None, log: Path) -> None:
    """Make an empty environment."""
    version = ".".join(str(part) for part in sys.version_info[:3])
    say(f"making {environment} with Python {version}")
    python = sys.executable
    if uv is not None and run(
        [uv, "venv", "--quiet", "--no-project", "--python", python, str(environment)], log
    ):
        return
    if not run([python, "-I", "-c", "import ensurepip, venv"], log):
        raise LaunchError(
            "this Python has no working venv module",
            "install it (Debian, Ubuntu: apt-get install python3-venv), or install uv",
        )
    if not run([python, "-I", "-m", "venv", "--clear", str(environment)], log):
        raise step_failure(f"the environment {environment} could not be made", log)


def fill(root: Path, environment: Path, wanted: Sequence[str], uv: str | None, log: Path) -> None:
    """Install the requirements, checked against their hashes: with uv, else (or where uv cannot)
    with pip.
    """
    files = [word for name in wanted[-1:] for word in ("-r", str(root / name))]
    count = sum(
        len(re.findall(r"^[A-Za-z0-9]", (root / name).read_text(encoding="utf-8"), re.MULTILINE))
        for name in wanted
    )
    python = str(python_of(environment))
    if uv is not None:
        say(f"installing {count} pinned packages with uv")
        if run([uv, "pip", "install", "--quiet", "--python", python, *CLOSED, *files], log):
            return
    if not (
        run([python, "-I", "-c", "import pip"], log) or run([python, "-I", "-m", "ensurepip"], log)
    ):
        raise step_failure("the packages could not be installed", log)
    say(f"installing {count} pinned packages with pip; this takes about a minute")
    flags = ["--quiet", *CLOSED, "--no-compile", "--no-input", "--retries", "2"]
    if not run(
        [python, "-I", "-m", "pip", "--disable-pip-version-check", "install", *flags, *files], log
    ):
        raise step_failure("the packages could not be installed", log)


def put_in_place(venv: Path, made: Path, *, ours: bool) -> Path | None:
    """Let `venv` be the new environment, in one step where it is a link.

    A plain folder is set aside first. Returns where it is if it must stay for now: commands that
    were started before run out of it and do not say so.
    """
    aside = None
    if not venv.is_symlink() and venv.is_dir():
        aside = set_aside(venv, ours=ours)
    link = home_of(venv) / "next"
    link.unlink(missing_ok=True)
    link.symlink_to(Path(home_of(venv).name) / made.name)
    link.replace(venv)
    return aside


def set_aside(venv: Path, *, ours: bool) -> Path | None:
    """Move a plain folder away: one of ours among the others, one of somebody else's beside them,
    where nothing clears it.
    """
    if not any(venv.iterdir()):
        venv.rmdir()
        return None
    path = str(home_of(venv) / "before") if ours else f"{venv}.before"
    target = next(
        Path(f"{path}-{number}")
        for number in range(1, 1000)
        if not Path(f"{path}-{number}").exists()
    )
    venv.rename(target)
    if not ours:
        say(f"the environment that was at {venv} is now {target}")
    return target.resolve() if (target / STAMP).is_file() else None


def run(command: Sequence[str], log: Path) -> bool:
    """Run a step; what it says goes to the log. Returns whether it succeeded."""
    with log.open("a", encoding="utf-8") as out:
        return (
            subprocess.run(
                command, check=False, stdin=subprocess.DEVNULL, stdout=out, stderr=out
            ).returncode
            == 0
        )


def step_failure(what: str, log: Path) -> LaunchError:
    """Say in one sentence why a step failed, from its log."""
    said = log.read_text(encoding="utf-8", errors="replace")
    if BAD_HASH.search(said):
        return LaunchError(
            f"{what}: a file of the registry does not have its pinned hash (see {log})",
            "do not go on; report it",
        )
    if NO_SPACE.search(said):
        return LaunchError(
            f"{what}: the disk is full",
            "free about 2 GB, or set BOT_VENV to a folder on another disk",
        )
    if NO_NETWORK.search(said):
        return LaunchError(
            f"{what}: the package registry did not answer",
            "connect to the network and run the same command again",
        )
    if NO_WHEEL.search(said):
        return LaunchError(
            f"{what}: one has no file for this Python on this machine (see {log})",
            "use Python 3.11 to 3.14 on macOS or on a Linux with glibc",
        )
    return LaunchError(
        f"{what} (see {log})", "read the last lines of that file, then run the same command again"
    )


def say(what: str) -> None:
    """One line of progress."""
    print(f"crypto-bot: {what}", file=sys.stderr, flush=True)
