"""The import contracts name every module of every package, and an import that runs back breaks them."""

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
    "shared/cycle.py": ("from shared import sandbox", "shared: cycle -> pipeline"),
    "shared/risk/decide.py": ("import shared.alerts", "shared: cycle -> pipeline"),
    "shared/a_new_room.py": ("import json", "shared: cycle -> pipeline"),
    "models/labels.py": ("import models.gate", "models: retrain -> proof"),
    "functions/wiring.py": ("import functions.tick.main", "functions: entry points"),
    "scripts/console.py": ("import scripts.commands.train", "scripts: cli -> commands"),
    "models/gate/table.py": ("import scripts.console", "scripts -> functions -> models"),
    "shared/parity/compare.py": ("import shared.stores.sqlite", "only functions.wiring names"),
    "scripts/report/render.py": ("import shared.alerts.discord", "only functions.wiring names"),
    "shared/stores/ports.py": ("import shared.sandbox.market", "scripts that run one name the sandbox"),
    "shared/turn.py": ("import time", "the decision is pure"),
    "shared/replay/engine.py": ("import shared.desk", "a replay reaches no exchange"),
}
"""Where, what, and the contract that must break."""


def contracts() -> list[dict]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]["contracts"]


def modules_of(package: str) -> set[str]:
    return {
        path.stem
        for path in (ROOT / package).iterdir()
        if (path.suffix == ".py" and path.stem != "__init__") or (path.is_dir() and any(path.glob("*.py")))
    }


def lint(root: Path) -> subprocess.CompletedProcess[str]:
    code = "from importlinter.cli import lint_imports_command; lint_imports_command(['--no-cache'])"
    environ = {**os.environ, "PYTHONPATH": str(root), "COLUMNS": "200", "NO_COLOR": "1"}
    return subprocess.run(
        [sys.executable, "-P", "-c", code], cwd=root, env=environ, capture_output=True, text=True, check=False
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
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
    assert found == set(settings["root_packages"]) == set(PACKAGES)


def test_an_import_that_runs_back_breaks_its_contract(tmp_path: Path) -> None:
    for package in PACKAGES:
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy2(ROOT / "pyproject.toml", tmp_path / "pyproject.toml")
    for where, (line, _) in PLANTED.items():
        with (tmp_path / where).open("a", encoding="utf-8") as module:
            module.write(f"\n{line}\n")
    told = lint(tmp_path)
    assert told.returncode == 1
    broken = [line.removesuffix(" BROKEN") for line in told.stdout.splitlines() if line.endswith(" BROKEN")]
    for where, (line, contract) in PLANTED.items():
        assert [name for name in broken if contract in name], (where, line, told.stdout[-3000:])
    assert "a_new_room" in told.stdout
    assert "shared.cycle -> shared.sandbox" in told.stdout
