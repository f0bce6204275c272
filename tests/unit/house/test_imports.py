"""One contract gives every room of every package its place, and an import that runs back breaks
it; others keep the decision pure and adapters behind the wiring.
"""

import itertools
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
PACKAGES = ("scripts", "functions", "models", "shared")
LOOSE = {
    "scripts": {"bot", "cli.py", "launch.py"},
    "functions": {"http.py", "shell.py", "wiring.py"},
    "models": set(),
    "shared": {"bot.yaml"},
}
"""What lies in a package and in none of its rooms."""

PLACES = "every room has its place"
PLANTED = {
    "shared/tick/cycle.py": (
        "import shared.exchanges.sandbox.market",
        "scripts that run one name the sandbox",
    ),
    "shared/a_new_room.py": ("import json", PLACES),
    "scripts/a_loose_module.py": ("import json", PLACES),
    "models/__init__.py": ("import shared.core.money", PLACES),
    "shared/features/indicators.py": ("import shared.strategies", PLACES),
    "scripts/output/report/render.py": (
        "import shared.alerts.discord",
        "only functions.wiring names",
    ),
    "shared/results/parity/compare.py": (
        "import shared.stores.local.sqlite",
        "only functions.wiring names",
    ),
    "shared/exchanges/sandbox/bars.py": (
        "import shared.risk.limits",
        "an exchange knows neither the turn nor a tick",
    ),
    "models/backtest/prepare.py": (
        "import shared.exchanges.paper.account",
        "nobody but the replay",
    ),
    "models/data/a_new_reader.py": ("import pandas", "pandas reads candle files"),
    "shared/turn/sequence.py": ("import time", "the decision is pure"),
    "shared/orders/carry_out.py": (
        "import shared.core.retry",
        "an order request is sent once",
    ),
    "shared/core/money.py": ("import shared.core.clock", "the decision is pure"),
    "shared/tick/loaded.py": ("import shared.stores.secrets", "no function knows their store"),
    "shared/replay/engine.py": ("import shared.tick.desk", "the decision is pure"),
    "shared/turn/steps.py": ("import shared.turn.champion", "the decision is pure"),
}
"""Where, what, and the contract that must break."""


def settings() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"][
        "importlinter"
    ]


def lines_of_rooms() -> list[list[str]]:
    """All rooms by their full names in their order, the last ones first; those of one line do not
    know each other.
    """
    (contract,) = (each for each in settings()["contracts"] if each["type"] == "rooms")
    assert set(contract) == {"name", "type", "layers", "broken_contract_guidance"}
    return [[name.strip() for name in line.split("|")] for line in contract["layers"]]


def rooms_of(package: str) -> set[str]:
    return {
        f"{package}.{path.stem}"
        for path in (ROOT / package).iterdir()
        if (path.suffix == ".py" and path.stem != "__init__")
        or (path.is_dir() and any(path.rglob("*.py")))
    }


def lint(root: Path) -> subprocess.CompletedProcess[str]:
    code = "from importlinter.cli import lint_imports_command; lint_imports_command(['--no-cache'])"
    environ = {**os.environ, "PYTHONPATH": str(root), "COLUMNS": "200", "NO_COLOR": "1"}
    return subprocess.run(
        [sys.executable, "-P", "-c", code],
        cwd=root,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )


def copy_of_the_packages(folder: Path) -> Path:
    for package in PACKAGES:
        shutil.copytree(
            ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__")
        )
    shutil.copy2(ROOT / "pyproject.toml", folder / "pyproject.toml")
    return folder


def test_every_package_of_the_product_is_under_contract() -> None:
    found = {path.parent.name for path in ROOT.glob("*/*.py")} - {"tests"}
    assert found == set(settings()["root_packages"]) == set(PACKAGES)


@pytest.mark.parametrize("package", PACKAGES)
def test_one_contract_names_every_room_of_every_package(package: str) -> None:
    named = [name for line in lines_of_rooms() for name in line if name.startswith(f"{package}.")]
    assert sorted(named) == sorted(rooms_of(package))


@pytest.mark.parametrize("package", PACKAGES)
def test_no_file_of_a_package_lies_outside_its_rooms(package: str) -> None:
    files = {path.name for path in (ROOT / package).iterdir() if path.is_file()}
    assert files - {"__init__.py"} == LOOSE[package]


def test_an_import_that_runs_back_breaks_its_contract(tmp_path: Path) -> None:
    root = copy_of_the_packages(tmp_path)
    for where, (line, _) in PLANTED.items():
        with (root / where).open("a", encoding="utf-8") as module:
            module.write(f"\n{line}\n")
    (root / "shared/orders/new.py").write_text("", encoding="utf-8")
    told = lint(root)
    assert told.returncode == 1
    broken = [line for line in told.stdout.splitlines() if " BROKEN" in line]
    assert [name for name in broken if "every file of the product has a guard" in name]
    (bare,) = (line for line in told.stdout.splitlines() if "no line of shared/core/guards" in line)
    assert "shared/orders/new.py" in bare
    for where, (line, contract) in PLANTED.items():
        assert [name for name in broken if contract in name], (where, line, told.stdout[-3000:])
        module = where.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        imported = line.removeprefix("import ")
        if contract != PLACES or module == "shared.features.indicators":
            assert f"{module} -> {imported} (l." in told.stdout, (where, line)
        else:
            assert f"\n- {module}\n" in told.stdout, (where, line)


def plant(root: Path, room: str, imported: str) -> str:
    """Let a room import a module; the arrow as the check prints it."""
    folder = root / room.replace(".", "/")
    module = f"{room}.planted" if folder.is_dir() else room
    with (root / f"{module.replace('.', '/')}.py").open("a", encoding="utf-8") as file:
        file.write(f"\nimport {imported}\n")
    return f"{module} -> {imported} (l."


def test_an_import_from_any_room_of_any_package_upwards_breaks_the_order(tmp_path: Path) -> None:
    root, lines = copy_of_the_packages(tmp_path), lines_of_rooms()
    rooms = {room for line in lines for room in line}
    new = {}
    for room in sorted(rooms):
        folder = root / room.replace(".", "/")
        if folder.is_dir():
            (folder / "new.py").write_text("", encoding="utf-8")
        new[room] = f"{room}.new" if folder.is_dir() else room
    arrows = [
        plant(root, room, new[above[0]])
        for above, below in itertools.pairwise(lines)
        for room in below
    ]
    arrows += [
        plant(root, one, new[other]) for line in lines for one, other in itertools.pairwise(line)
    ]
    told = lint(root).stdout
    assert {arrow.split(" ")[0].removesuffix(".planted") for arrow in arrows} >= rooms - {
        lines[0][-1]
    }
    assert [arrow for arrow in arrows if arrow not in told] == []
