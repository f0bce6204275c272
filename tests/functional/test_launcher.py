"""`scripts/bot` on a machine with nothing but Python: real environments, real pip and uv, a folder
that plays the registry.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts import launch
from scripts.installation.environments import home_of

ROOT = Path(__file__).resolve().parents[2]
PYTHON = Path(sys._base_executable)
UV = Path(sys.executable).with_name("uv")

COMMAND_LINE = """
import importlib.metadata, os, pathlib, sys, time
pathlib.Path("began").touch()
while "wait" in sys.argv and not pathlib.Path("go").exists():
    time.sleep(0.01)
found = importlib.metadata.distributions()
found = sorted(f"{one.name}=={one.version}" for one in found if one.name.startswith("made"))
print(os.path.basename(sys.prefix), os.getcwd(), sys.argv[1:], *found, sep="|")
"""


class Machine:
    """A checkout with the real launcher and a command line that says what it runs on, and a
    registry in a folder.

    With uv an environment takes a moment; with pip it takes what `python -m venv` takes.
    """

    def __init__(self, folder: Path, *, uv: bool) -> None:
        self.folder = folder
        self.tools = folder / "tools"
        self.tools.mkdir()
        if uv:
            (self.tools / "uv").symlink_to(UV)
        self.root = folder / "check out"
        self.registry = folder / "registry"
        self.registry.mkdir()
        for name in ("scripts/bot", "scripts/__init__.py", "docs/commands.md", "pyproject.toml"):
            (self.root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, self.root / name)
        shutil.copy2(ROOT / "scripts/launch.py", self.root / "scripts/launch.py")
        shutil.copytree(
            ROOT / "scripts/installation",
            self.root / "scripts/installation",
            ignore=shutil.ignore_patterns("__pycache__"),
        )
        (self.root / "tests").mkdir()
        (self.root / "scripts/cli.py").write_text(COMMAND_LINE)
        self.want("requirements.txt")
        self.want("tests/requirements.txt")

    @property
    def venv(self) -> Path:
        return self.root / ".venv"

    def release(self, name: str, version: str, *requires: str) -> str:
        """Publish a package of nothing; returns the line that pins it."""
        path = self.registry / f"{name}-{version}-py3-none-any.whl"
        about = f"{name}-{version}.dist-info"
        wanted = "".join(f"Requires-Dist: {line}\n" for line in requires)
        with zipfile.ZipFile(path, "w") as wheel:
            wheel.writestr(
                f"{about}/METADATA",
                f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\nProvides-Extra:"
                f" more\n{wanted}",
            )
            wheel.writestr(
                f"{about}/WHEEL",
                "Wheel-Version: 1.0\nGenerator: x\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
            )
            wheel.writestr(
                f"{about}/RECORD", f"{about}/METADATA,,\n{about}/WHEEL,,\n{about}/RECORD,,\n"
            )
        return f"{name}=={version} --hash=sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}\n"

    def want(self, name: str, *pins: str) -> None:
        """Write a requirements file."""
        include = "-r ../requirements.txt\n" if name.startswith("tests") else ""
        (self.root / name).write_text(f"# pinned\n{include}{''.join(pins)}")

    def start(self, *words: str, **more: str) -> subprocess.Popen[str]:
        environ = {
            "PATH": os.pathsep.join([str(self.tools), str(PYTHON.parent), "/usr/bin", "/bin"]),
            "HOME": str(self.folder),
            "PIP_CONFIG_FILE": os.devnull,
            "PIP_NO_INDEX": "1",
            "PIP_FIND_LINKS": str(self.registry),
            "UV_NO_CONFIG": "1",
            "UV_OFFLINE": "1",
            "UV_FIND_LINKS": str(self.registry),
            "UV_CACHE_DIR": str(self.folder / "cache"),
            **more,
        }
        words = (str(self.root / "scripts/bot"), *words)
        return subprocess.Popen(
            words,
            cwd=self.folder,
            env=environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *words: str, code: int = 0, **more: str) -> tuple[str, str]:
        """What a command says on stdout and on stderr."""
        process = self.start(*words, **more)
        out, said = process.communicate(timeout=120)
        assert process.returncode == code, said
        assert "Traceback" not in said
        return out.strip(), said.strip()

    def packages(self, *words: str, **more: str) -> list[str]:
        """Which packages a command finds; it installs nothing and says nothing."""
        out, said = self.run(*words, **more)
        assert said == ""
        return out.split("|")[3:]

    def environments(self) -> list[Path]:
        home = home_of(self.venv)
        return sorted(home.iterdir()) if home.is_dir() else []


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    yield Machine(tmp_path, uv=True)
    (tmp_path / "go").touch()


@pytest.fixture(params=["pip", "uv"])
def each_machine(request: pytest.FixtureRequest, tmp_path: Path) -> Machine:
    """A machine that has only Python's own pip, and one that has uv."""
    return Machine(tmp_path, uv=request.param == "uv")


def wait_for(path: Path) -> None:
    until = time.monotonic() + 60
    while not path.exists():
        assert time.monotonic() < until
        time.sleep(0.01)


def plain_environment(venv: Path, root: Path, *, complete: bool) -> None:
    """An environment as a launcher made it that installs in place: a plain folder."""
    subprocess.run([PYTHON, "-m", "venv", "--without-pip", venv], check=True)
    if complete:
        digest = hashlib.sha256((root / "requirements.txt").read_bytes()).hexdigest()
        (venv / "installed.json").write_text(f'{{"requirements.txt": "{digest}"}}')


def test_the_tests_install_whatever_was_released_since(each_machine: Machine) -> None:
    machine = each_machine
    pins = [
        machine.release("made_a", "1.0", "made_b[more]>=1"),
        machine.release("made_b", "1.0", 'made_c; extra == "more"'),
    ]
    pins.append(machine.release("made_c", "1.0"))
    for name in ("made_a", "made_b", "made_c"):
        machine.release(name, "1.1")
    machine.want("tests/requirements.txt", *pins)
    out, said = machine.run("test", "a b")
    assert out.split("|")[1:] == [
        str(machine.folder),
        "['test', 'a b']",
        "made_a==1.0",
        "made_b==1.0",
        "made_c==1.0",
    ]
    assert "installing 3 pinned packages with" in said
    assert ("with uv" in said) is (machine.tools / "uv").exists()
    assert ("with pip" in said) is not (machine.tools / "uv").exists()
    assert machine.packages("status") == ["made_a==1.0", "made_b==1.0", "made_c==1.0"]
    assert machine.venv.is_symlink()
    assert machine.environments() == [machine.venv.resolve()]
    link = machine.folder / "bot"
    link.symlink_to(machine.root / "scripts/bot")
    again = subprocess.run(
        [link, "status"], cwd=machine.root, capture_output=True, text=True, check=True
    )
    assert (again.stdout.split("|")[1], again.stderr) == (str(machine.root), "")


def test_an_install_that_fails_leaves_what_was_there_to_every_command(
    each_machine: Machine,
) -> None:
    machine = each_machine
    one, two, three = (machine.release("made_a", version) for version in ("1.0", "2.0", "3.0"))
    machine.want("requirements.txt", one)
    machine.run("status")
    before = machine.environments()
    machine.want("requirements.txt", two)
    (machine.registry / "made_a-2.0-py3-none-any.whl").unlink()
    for words, tried in ((("halt",), True), (("status",), False), (("resume",), False)):
        out, said = machine.run(*words)
        assert out.endswith("|made_a==1.0")
        assert said.splitlines()[-1].startswith("crypto-bot: ")
        assert "going on with the packages that were there" in said
        assert ("installing 1 pinned" in said) is tried
        assert machine.environments() == before
    out, said = machine.run("check", code=1)
    assert said.splitlines()[-2].startswith("error: the packages could not be installed")
    assert said.splitlines()[-1].startswith("remedy: ")
    assert machine.environments() == before
    machine.want("requirements.txt", three)
    assert machine.run("halt")[0].endswith("|made_a==3.0")
    assert machine.packages("halt") == ["made_a==3.0"]
    assert len(machine.environments()) == 1


def test_without_anything_to_go_on_with_a_failed_install_is_an_error(machine: Machine) -> None:
    machine.want("requirements.txt", f"made_x==1.0 --hash=sha256:{'0' * 64}\n")
    _, said = machine.run("status", code=1)
    assert said.splitlines()[-2].startswith("error: the packages could not be installed")
    assert machine.environments() == []


def test_a_running_command_keeps_its_packages_while_others_take_their_place(
    machine: Machine,
) -> None:
    one, two, three = (machine.release("made_a", version) for version in ("1.0", "2.0", "3.0"))
    machine.want("requirements.txt", one)
    machine.run("status")
    (machine.folder / "began").unlink()
    running = machine.start("paper", "wait")
    wait_for(machine.folder / "began")
    machine.want("requirements.txt", two)
    assert machine.run("status")[0].endswith("|made_a==2.0")
    assert len(machine.environments()) == 2
    (machine.folder / "go").touch()
    out, said = running.communicate(timeout=60)
    assert (out.strip().split("|")[3:], said) == (["made_a==1.0"], "")
    machine.want("requirements.txt", three)
    assert machine.run("status")[0].endswith("|made_a==3.0")
    assert machine.environments() == [machine.venv.resolve()]


def test_two_commands_at_once_with_one_new_environment_both_end_well(machine: Machine) -> None:
    elsewhere = str(machine.folder / "elsewhere/venv")
    machine.want("requirements.txt", machine.release("made_a", "1.0"))
    machine.want("tests/requirements.txt", machine.release("made_t", "1.0"))
    running = [
        machine.start(word, BOT_VENV=elsewhere) for word in ("status", "test", "halt", "check")
    ]
    told = [process.communicate(timeout=240) for process in running]
    assert [process.returncode for process in running] == [0, 0, 0, 0], told
    for (out, _), testing in zip(told, (False, True, False, True), strict=True):
        assert {"made_a==1.0", *(["made_t==1.0"] if testing else [])} <= set(
            out.strip().split("|")[3:]
        )
    said = "".join(said for _, said in told)
    assert "waiting for it" in said
    assert 1 <= said.count("making ") <= 2
    assert machine.packages("test", BOT_VENV=elsewhere) == ["made_a==1.0", "made_t==1.0"]


@pytest.mark.parametrize("complete", [True, False])
def test_a_plain_environment_serves_until_other_packages_are_wanted(
    machine: Machine, complete: bool
) -> None:
    plain_environment(machine.venv, machine.root, complete=complete)
    if complete:
        assert machine.run("status")[0].split("|")[0] == ".venv"
    machine.want("requirements.txt", machine.release("made_a", "1.0"))
    assert machine.run("status")[0].endswith("|made_a==1.0")
    assert machine.venv.is_symlink()
    aside = (
        home_of(machine.venv) / "before-1" if complete else machine.venv.with_name(".venv.before-1")
    )
    assert (aside / "pyvenv.cfg").is_file()


def test_what_an_interrupted_install_left_is_made_anew(machine: Machine) -> None:
    (machine.venv / "bin").mkdir(parents=True)
    (machine.venv / "bin/python").write_text("half of it")
    machine.venv.with_name(".venv.lock").write_text("installing\n")
    (home_of(machine.venv) / "0123abcd/bin").mkdir(parents=True)
    out, _ = machine.run("status")
    assert out.split("|")[0] == machine.venv.resolve().name
    assert machine.environments() == [machine.venv.resolve()]
    assert machine.packages("status") == []


def test_help_installs_nothing(machine: Machine) -> None:
    pages = launch.pages_of((ROOT / "docs/commands.md").read_text(encoding="utf-8"))
    assert len(pages) >= 22
    for name in (
        "scripts/bot",
        "scripts/bot test",
        "scripts/bot check",
        "scripts/bot paper status",
    ):
        words = name.split()[1:]
        for flag in ("--help", "-h"):
            assert machine.run(*words, flag) == (pages[name], "")
    assert machine.run() == (pages["scripts/bot"], "")
    assert machine.run("--version")[0].startswith("crypto-bot ")
    assert machine.run("tset", "--help", code=2)[1].startswith("error: No such command 'tset'")
    assert not machine.venv.exists()
    assert machine.environments() == []


def test_help_comes_from_the_command_line_where_its_packages_are_even_if_others_are_pinned(
    machine: Machine,
) -> None:
    plain_environment(machine.venv, machine.root, complete=True)
    machine.want("requirements.txt", f"made_x==1.0 --hash=sha256:{'0' * 64}\n")
    out, said = machine.run("test", "--help")
    assert (out.split("|")[2], said) == ("['test', '--help']", "")


def test_a_link_of_the_user_is_followed_and_kept(machine: Machine) -> None:
    disk = machine.folder / "disk"
    disk.mkdir()
    machine.venv.symlink_to(disk / "packages")
    machine.run("status")
    assert machine.venv.readlink() == disk / "packages"
    assert (disk / "packages").readlink().parent == Path("packages.d")
    assert machine.packages("status") == []


def test_a_python_that_became_another_one_is_not_run(machine: Machine) -> None:
    plain_environment(machine.venv, machine.root, complete=True)
    (lib,) = (machine.venv / "lib").iterdir()
    lib.rename(lib.with_name("python3.1"))
    assert machine.run("status")[0].split("|")[0] == machine.venv.resolve().name
    assert machine.venv.is_symlink()


def test_the_launcher_without_a_suitable_python_says_which_one_it_wants(machine: Machine) -> None:
    bare = machine.folder / "bare"
    bare.mkdir()
    for name in ("sh", "dirname", "readlink"):
        (bare / name).symlink_to(shutil.which(name) or "/nowhere")
    old = bare / "python3"
    old.write_text("#!/bin/sh\nexit 1\n")
    old.chmod(0o755)
    script = (machine.root / "scripts/bot").read_text().replace(" /usr/bin/python3", "")
    (machine.root / "scripts/bot").write_text(script)
    _, said = machine.run("status", code=1, PATH=str(bare))
    assert said.splitlines()[0] == "error: no Python from 3.11 to 3.14 was found"
    assert said.splitlines()[1].startswith("remedy: ")


def test_the_launcher_leaves_a_folder_alone_that_is_no_environment(machine: Machine) -> None:
    mine = machine.folder / "mine"
    (mine / "bin").mkdir(parents=True)
    (mine / "letter").write_text("dear")
    _, said = machine.run("status", code=1, BOT_VENV=str(mine))
    assert "is not a virtual environment" in said
    assert len(said.splitlines()) == 2
    assert (mine / "letter").read_text() == "dear"
    assert (
        list(home_of(mine).parent.glob("mine*")) == [mine, mine.with_name("mine.lock")]
        or not home_of(mine).exists()
    )
