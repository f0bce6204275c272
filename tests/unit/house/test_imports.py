"""The import contracts name every module of every package, and an import that runs back breaks
them.
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

PLANTED = {
    "shared/tick/cycle.py": (
        "import shared.exchanges.sandbox.market",
        "scripts that run one name the sandbox",
    ),
    "shared/a_new_room.py": ("import json", "shared: the folder list is the trade"),
    "shared/features/indicators.py": (
        "import shared.strategies",
        "shared: the folder list is the trade",
    ),
    "functions/wiring.py": ("import functions.tick.main", "functions: entry points"),
    "scripts/console.py": ("import scripts.commands.train", "scripts: cli -> commands"),
    "models/gate/table.py": ("import scripts.console", "scripts -> functions -> models"),
    "shared/results/parity/compare.py": (
        "import shared.stores.local.sqlite",
        "only functions.wiring names",
    ),
    "scripts/report/render.py": ("import shared.alerts.discord", "only functions.wiring names"),
    "shared/exchanges/sandbox/bars.py": (
        "import shared.risk.limits",
        "an exchange knows neither the turn nor a tick",
    ),
    "models/backtest/prepare.py": (
        "import shared.exchanges.paper.account",
        "nobody but the replay",
    ),
    "shared/turn/sequence.py": ("import time", "the decision is pure"),
    "shared/replay/engine.py": ("import shared.tick.desk", "the decision is pure"),
    "shared/orders/new.py": ("", "every file of the product has a guard"),
    "shared/core/names.py": ("import pandas", "pandas reads candle files"),
}
"""Where, what, and the contract that must break."""


def contracts() -> list[dict]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"][
        "importlinter"
    ]["contracts"]


def modules_of(package: str) -> set[str]:
    return {
        path.stem
        for path in (ROOT / package).iterdir()
        if (path.suffix == ".py" and path.stem != "__init__")
        or (path.is_dir() and any(path.glob("*.py")))
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


@pytest.mark.parametrize("package", PACKAGES)
def test_a_contract_names_every_module_of_every_package(package: str) -> None:
    (layers,) = (contract for contract in contracts() if contract.get("containers") == [package])
    assert layers["exhaustive"]
    assert "exhaustive_ignores" not in layers
    named = [name.strip() for layer in layers["layers"] for name in layer.split("|")]
    assert sorted(named) == sorted(modules_of(package))


def test_every_package_of_the_product_is_under_contract() -> None:
    found = {path.parent.name for path in ROOT.glob("*/*.py")} - {"tests"}
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"][
        "importlinter"
    ]
    assert found == set(settings["root_packages"]) == set(PACKAGES)


def rooms_of(package: str) -> list[list[str]]:
    """The rooms of a package in their order, the last one first; those of one line do not know each
    other.
    """
    (layers,) = (contract for contract in contracts() if contract.get("containers") == [package])
    return [[name.strip() for name in layer.split("|")] for layer in layers["layers"]]


def copy_of_the_packages(folder: Path) -> Path:
    for package in PACKAGES:
        shutil.copytree(
            ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__")
        )
    shutil.copytree(
        ROOT / "tests/plugins",
        folder / "tests/plugins",
        ignore=shutil.ignore_patterns("__pycache__"),
    )
    shutil.copy2(ROOT / "pyproject.toml", folder / "pyproject.toml")
    return folder


def test_an_import_that_runs_back_breaks_its_contract(tmp_path: Path) -> None:
    root = copy_of_the_packages(tmp_path)
    for where, (line, _) in PLANTED.items():
        with (root / where).open("a", encoding="utf-8") as module:
            module.write(f"\n{line}\n")
    told = lint(root)
    assert told.returncode == 1
    broken = [
        line.removesuffix(" BROKEN")
        for line in told.stdout.splitlines()
        if line.endswith(" BROKEN")
    ]
    for where, (line, contract) in PLANTED.items():
        assert [name for name in broken if contract in name], (where, line, told.stdout[-3000:])
    assert "a_new_room" in told.stdout
    assert "shared/orders/new.py: no line of shared/core/guards.toml" in " ".join(
        told.stdout.split()
    )
    assert "shared.tick.cycle -> shared.exchanges.sandbox" in told.stdout


@pytest.mark.parametrize(("package", "fewest"), [("shared", 13), ("models", 10)])
def test_an_import_from_any_room_upwards_breaks_the_order_of_the_rooms(
    package: str, fewest: int, tmp_path: Path
) -> None:
    root, layers = copy_of_the_packages(tmp_path), rooms_of(package)
    planted = []
    for above, below in itertools.pairwise(layers):
        for room in below:
            (root / package / room / "planted.py").write_text(
                f"import {package}.{above[0]}.new\n", encoding="utf-8"
            )
            (root / package / above[0] / "new.py").write_text("", encoding="utf-8")
            planted.append(f"{package}.{room}.planted -> {package}.{above[0]}.new")
    told = lint(root).stdout
    assert len(planted) >= fewest
    assert [arrow for arrow in planted if arrow not in told] == []
