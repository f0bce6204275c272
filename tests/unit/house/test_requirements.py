"""What is pinned: one version everywhere, every file with its hash, nothing heavy where a tick runs."""

import re
import tomllib
from pathlib import Path

import pytest

from scripts.commands.lock import TARGETS, assemble, blocks, header, without
from shared.errors import BotError

ROOT = Path(__file__).resolve().parents[3]
FILES = [str(target.path) for target in TARGETS]
LEARNING = {"pandas", "pyarrow", "lightgbm", "xgboost", "xgboost-cpu", "scikit-learn", "scipy", "joblib", "matplotlib"}


def text_of(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def pins(name: str) -> dict[str, str]:
    """Package -> version; a package may be pinned once only."""
    found: dict[str, str] = {}
    for pin in blocks(text_of(name)):
        package, _, version = pin.partition(" ;")[0].partition("==")
        assert package not in found, f"{package} is pinned twice in {name}"
        found[package.strip()] = version.strip()
    return found


def test_a_tick_installs_a_part_of_the_product_in_the_same_versions() -> None:
    product, tick = pins("requirements.txt"), pins("functions/tick/requirements.txt")
    assert len(tick) >= 30
    assert tick.items() <= product.items()
    assert set(blocks(text_of("functions/tick/requirements.txt"))) <= set(blocks(text_of("requirements.txt")))


def test_a_tick_installs_nothing_that_learns() -> None:
    assert not LEARNING & set(pins("functions/tick/requirements.txt"))
    assert LEARNING & set(pins("requirements.txt")) >= {"pyarrow", "lightgbm", "xgboost", "xgboost-cpu", "scikit-learn"}


def test_the_tests_add_to_the_product_and_repeat_nothing() -> None:
    assert "\n-r ../requirements.txt\n" in text_of("tests/requirements.txt")
    added = pins("tests/requirements.txt")
    assert {"pytest", "hypothesis", "mypy", "ruff", "import-linter", "ta-lib"} <= set(added)
    assert not set(added) & set(pins("requirements.txt"))


def test_no_package_for_graphics_cards_is_pinned() -> None:
    assert not [package for name in FILES for package in pins(name) if "nvidia" in package or "cuda" in package]
    markers = {pin.partition("==")[0]: pin.partition(" ; ")[2] for pin in blocks(text_of("requirements.txt"))}
    assert markers["xgboost"] == "sys_platform == 'darwin'"
    assert markers["xgboost-cpu"] == "sys_platform != 'darwin'"
    product = pins("requirements.txt")
    assert product["xgboost"] == product["xgboost-cpu"]


@pytest.mark.parametrize("name", FILES)
def test_every_pin_has_hashes_and_no_file_names_a_host(name: str) -> None:
    found = blocks(text_of(name))
    assert found
    assert [pin for pin, rest in found.items() if not re.search(r"--hash=sha256:[0-9a-f]{64}", rest)] == []
    assert not re.search(r"https?:|--index|--find-links|--trusted|^/|file:|@ ", text_of(name), re.MULTILINE)


def test_every_direct_requirement_is_pinned() -> None:
    counted = 0
    for target in TARGETS:
        source = (ROOT / "infra/requirements" / target.source).read_text(encoding="utf-8")
        known = set(pins(str(target.path))) | (set(pins(str(target.includes))) if target.includes else set())
        for line in source.splitlines():
            if re.match(r"[A-Za-z]", line):
                counted += 1
                assert re.split(r"[ ;]", line)[0].lower() in known
    assert counted >= 25


def test_the_project_is_for_the_pythons_that_the_launcher_takes() -> None:
    project = tomllib.loads(text_of("pyproject.toml"))["project"]
    assert project["requires-python"] == ">=3.11,<3.15"
    assert "(3, 11) <= sys.version_info[:2] <= (3, 14)" in text_of("scripts/bot")


def test_a_lock_reads_back_as_it_was_written() -> None:
    for target in TARGETS:
        text = text_of(str(target.path))
        assert assemble(header(target), blocks(text)) == text


def test_an_included_pin_is_left_out_and_a_different_one_is_refused() -> None:
    pinned = {"a==1": "x", "b==2 ; sys_platform == 'linux'": "y"}
    assert without(pinned, {"a==1": "x"}) == {"b==2 ; sys_platform == 'linux'": "y"}
    with pytest.raises(BotError, match="pinned differently"):
        without(pinned, {"b==2": "y"})
