"""The README's first commands on a machine with nothing but Python: an empty home, a clean
checkout, the registry.

What a registry answers is needed, so these are of `--full`; `.ci/run` begins the same way.
"""

import csv
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Sequence
from pathlib import Path

import pytest

from scripts.installation.environments import CLOSED

pytestmark = pytest.mark.full

ROOT = Path(__file__).resolve().parents[2]
PYTHON = Path(sys._base_executable)
UV = Path(sys.executable).with_name("uv")
REACHES_REGISTRY = re.compile(r"(PIP_|UV_|(https?|no|all)_proxy$|SSL_CERT_)", re.IGNORECASE)
"""The only variables of this machine that a bare one has as well."""


def bare(home: Path) -> dict[str, str]:
    """The environment of a login without anything: Python with the pip that it brings, and the
    system's tools.
    """
    (home / "bin").mkdir(parents=True)
    (home / "bin/git").symlink_to(shutil.which("git") or "/nowhere")
    environ = {name: value for name, value in os.environ.items() if REACHES_REGISTRY.match(name)}
    environ |= {
        "HOME": str(home),
        "PATH": f"{home}/bin:{PYTHON.parent}:/usr/bin:/bin",
        "LANG": "C.UTF-8",
    }
    assert shutil.which("uv", path=environ["PATH"]) is None, (
        "uv lies beside Python, so this is not a bare machine"
    )
    return environ


def checkout(folder: Path) -> Path:
    """A clean checkout of what is here, changes that are not committed yet included."""
    tracked = [
        "git",
        "-C",
        str(ROOT),
        "ls-files",
        "-z",
        "--cached",
        "--others",
        "--exclude-standard",
    ]
    names = subprocess.run(tracked, check=True, capture_output=True, text=True).stdout.split("\0")
    for name in filter(None, names):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    git = [
        "git",
        "-C",
        str(folder),
        "-c",
        "user.name=nobody",
        "-c",
        "user.email=nobody@example.org",
    ]
    for words in (["init", "--quiet"], ["add", "--all"], ["commit", "--quiet", "--message=Begin"]):
        subprocess.run([*git, *words], check=True)
    return folder


def run(words: Sequence[str | Path], *, at: Path, environ: dict[str, str]) -> str:
    """What a command prints on both streams; it ends well."""
    ran = subprocess.run(
        words,
        cwd=at,
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout[-4000:]
    return ran.stdout


def installed(environment: Path) -> dict[str, str]:
    """Each file of an environment's packages with its hash, as the installer recorded it; its own
    notes are left out.
    """
    packages = Path(sysconfig.get_path("purelib", vars={"base": str(environment)}))
    found: dict[str, str] = {}
    for record in packages.glob("*.dist-info/RECORD"):
        if record.parent.name.startswith(
            ("pip-", "setuptools-")
        ):  # what a new environment of 3.11 holds
            continue
        with record.open(encoding="utf-8", newline="") as lines:
            rows = [(name, digest) for name, digest, _ in csv.reader(lines)]
        found |= {
            name: digest
            for name, digest in rows
            if digest
            and not name.startswith("../")
            and Path(name).name not in {"INSTALLER", "REQUESTED", "uv_cache.json"}
        }
    return found


def test_pip_23_0_the_newest_pip_and_uv_install_the_same_files(tmp_path: Path) -> None:
    environ = bare(tmp_path / "home")
    root = checkout(tmp_path / "checkout")
    wanted = ["-r", "tests/requirements.txt"]
    found = {}
    for way in ("pip==23.0", "pip"):
        environment = tmp_path / way
        run([PYTHON, "-m", "venv", environment], at=root, environ=environ)
        pip = [environment / "bin/python", "-m", "pip", "install", "--quiet", "--no-compile"]
        if (way, sys.version_info[:2] >= (3, 12)) != (
            "pip==23.0",
            True,
        ):  # 23.0 does not run on what came after 3.11
            run([*pip, "--upgrade", way], at=root, environ=environ)
        run([*pip, *CLOSED, *wanted], at=root, environ=environ)
        found[way] = installed(environment)
    environment = tmp_path / "uv"
    run(
        [UV, "venv", "--quiet", "--no-project", "--python", PYTHON, environment],
        at=root,
        environ=environ,
    )
    uv = [UV, "pip", "install", "--quiet", "--python", environment / "bin/python"]
    run([*uv, *CLOSED, *wanted], at=root, environ=environ)
    found["uv"] = installed(environment)
    assert len(found["uv"]) > 10_000
    assert found["pip==23.0"] == found["pip"] == found["uv"]


@pytest.mark.parametrize("way", ["pip", "uv"])
@pytest.mark.parametrize("name", ["backtest", "retrain", "tick"])
def test_the_requirements_of_a_function_install_as_the_cloud_does_it(
    tmp_path: Path, way: str, name: str
) -> None:
    environ = bare(tmp_path / "home")
    wanted = ["-r", str(ROOT / f"functions/{name}/requirements.txt")]
    environment = tmp_path / "packages"
    run([PYTHON, "-m", "venv", environment], at=tmp_path, environ=environ)
    python = environment / "bin/python"
    installer = (
        [UV, "pip", "install", "--python", python]
        if way == "uv"
        else [python, "-m", "pip", "install"]
    )
    run([*installer, "--quiet", *wanted], at=tmp_path, environ=environ)
    assert "No broken requirements found" in run(
        [python, "-m", "pip", "check"], at=tmp_path, environ=environ
    )
    run(
        [python, "-c", f"import functions.{name}.main"],
        at=tmp_path,
        environ=environ | {"PYTHONPATH": str(ROOT)},
    )


def test_demo_and_tests_end_well_with_nothing_but_python(tmp_path: Path) -> None:
    environ = bare(tmp_path / "home")
    root = checkout(tmp_path / "checkout")
    told = run(["scripts/bot", "demo"], at=root, environ=environ)
    assert "with pip" in told
    told = run(["scripts/bot", "test"], at=root, environ=environ)
    passed = re.search(r"(\d+) passed", told)
    assert passed is not None, told[-4000:]
    assert int(passed[1]) > 5_000
    print(told[-3000:])
