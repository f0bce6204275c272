"""What is pinned: one version everywhere, every file with its hash, nothing heavy where a tick
runs.
"""

import re
import tomllib
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path

import pytest
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from scripts.commands.lock import TARGETS, assemble, blocks, header, without_pins
from shared.core.errors import BotError

ROOT = Path(__file__).resolve().parents[3]
FILES = [str(target.path) for target in TARGETS]
LEARNING = {
    "pandas",
    "pyarrow",
    "lightgbm",
    "xgboost",
    "xgboost-cpu",
    "scikit-learn",
    "scipy",
    "joblib",
    "matplotlib",
}


def text_of(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def pins(name: str) -> dict[str, str]:
    """Package -> version; a package may be pinned once only."""
    found: dict[str, str] = {}
    for pin in blocks(text_of(name)):
        package, _, version = re.sub(r"\[.*?\]", "", pin.partition(" ;")[0]).partition("==")
        assert package not in found, f"{package} is pinned twice in {name}"
        found[package.strip()] = version.strip()
    return found


def test_a_tick_installs_a_part_of_the_product_in_the_same_versions() -> None:
    product, tick = pins("requirements.txt"), pins("functions/tick/requirements.txt")
    assert len(tick) >= 30
    assert tick.items() <= product.items()
    assert set(blocks(text_of("functions/tick/requirements.txt"))) <= set(
        blocks(text_of("requirements.txt"))
    )


def test_a_tick_installs_nothing_that_learns() -> None:
    assert not LEARNING & set(pins("functions/tick/requirements.txt"))
    assert LEARNING & set(pins("requirements.txt")) >= {
        "pyarrow",
        "lightgbm",
        "xgboost",
        "xgboost-cpu",
        "scikit-learn",
    }


def test_the_tests_add_to_the_product_and_repeat_nothing() -> None:
    assert "\n-r ../requirements.txt\n" in text_of("tests/requirements.txt")
    added = pins("tests/requirements.txt")
    assert {"pytest", "hypothesis", "mypy", "ruff", "import-linter", "ta-lib"} <= set(added)
    assert not set(added) & set(pins("requirements.txt"))


def test_no_package_for_graphics_cards_is_pinned() -> None:
    assert not [
        package
        for name in FILES
        for package in pins(name)
        if "nvidia" in package or "cuda" in package
    ]
    markers = {
        pin.partition("==")[0]: pin.partition(" ; ")[2]
        for pin in blocks(text_of("requirements.txt"))
    }
    assert markers["xgboost"] == "sys_platform == 'darwin'"
    assert markers["xgboost-cpu"] == "sys_platform != 'darwin'"
    product = pins("requirements.txt")
    assert product["xgboost"] == product["xgboost-cpu"]


@pytest.mark.parametrize("name", FILES)
def test_every_pin_has_hashes_and_no_file_names_a_host(name: str) -> None:
    found = blocks(text_of(name))
    assert found
    assert [
        pin for pin, rest in found.items() if not re.search(r"--hash=sha256:[0-9a-f]{64}", rest)
    ] == []
    assert not re.search(
        r"https?:|--index|--find-links|--trusted|^/|file:|@ ", text_of(name), re.MULTILINE
    )


def test_every_direct_requirement_is_pinned() -> None:
    counted = 0
    for target in TARGETS:
        source = (ROOT / "infra/requirements" / target.source).read_text(encoding="utf-8")
        known = set(pins(str(target.path))) | (
            set(pins(str(target.includes))) if target.includes else set()
        )
        for line in source.splitlines():
            if re.match(r"[A-Za-z]", line):
                counted += 1
                assert re.split(r"[ ;]", line)[0].lower() in known
    assert counted >= 25


PLATFORMS = {
    "linux, 64-bit Intel": {
        "sys_platform": "linux",
        "platform_system": "Linux",
        "platform_machine": "x86_64",
    },
    "linux, 64-bit ARM": {
        "sys_platform": "linux",
        "platform_system": "Linux",
        "platform_machine": "aarch64",
    },
    "macOS, Apple silicon": {
        "sys_platform": "darwin",
        "platform_system": "Darwin",
        "platform_machine": "arm64",
    },
    "macOS, Intel": {
        "sys_platform": "darwin",
        "platform_system": "Darwin",
        "platform_machine": "x86_64",
    },
}
ELSEWHERE = {"xgboost": "sys_platform == 'darwin'", "xgboost-cpu": "sys_platform != 'darwin'"}
"""Packages that another platform installs: their metadata is not here. Both need numpy and scipy
and nothing else."""

LEFT_OUT = set(
    re.findall(r"^([a-z][\w-]*) ;", text_of("infra/requirements/overrides.txt"), re.MULTILINE)
)


def test_what_is_left_out_of_the_locks_is_used_nowhere() -> None:
    assert {"yattag"} == LEFT_OUT
    assert not [name for name in FILES if LEFT_OUT & set(pins(name))]
    assert not [
        path
        for path in (ROOT / "scripts").rglob("*.py")
        if "cosmic_ray.tools.html" in path.read_text(encoding="utf-8")
    ]


def pinned_in(name: str) -> list[Requirement]:
    """What a requirements file pins, with what it includes."""
    (target,) = (target for target in TARGETS if str(target.path) == name)
    return [
        Requirement(pin)
        for file in (name, str(target.includes) if target.includes else None)
        if file is not None
        for pin in blocks(text_of(file))
    ]


def environments() -> Iterator[tuple[str, dict[str, str]]]:
    """Every Python on every platform that the project is for, as markers see it."""
    for minor in range(11, 15):
        python = {"python_version": f"3.{minor}", "python_full_version": f"3.{minor}.1"}
        for platform, markers in PLATFORMS.items():
            yield f"Python 3.{minor} on {platform}", {**default_environment(), **python, **markers}


def unpinned(
    pins: list[Requirement], environment: dict[str, str]
) -> tuple[list[str], int, set[str]]:
    """What the pins of one environment ask for that is not pinned as asked; how many were looked
    at; which are not here.
    """
    active = {
        canonicalize_name(pin.name): pin
        for pin in pins
        if pin.marker is None or pin.marker.evaluate(environment)
    }
    missing, looked_at, absent = [], 0, set()
    for name, pin in active.items():
        try:
            wanted = [Requirement(line) for line in requires(name) or ()]
        except PackageNotFoundError:
            absent.add(name)
            continue
        for want in wanted:
            if not any(
                want.marker is None or want.marker.evaluate({**environment, "extra": extra})
                for extra in ("", *pin.extras)
            ):
                continue
            if canonicalize_name(want.name) in LEFT_OUT:
                continue
            looked_at += 1
            found = active.get(canonicalize_name(want.name))
            if (
                found is None
                or not want.extras <= found.extras
                or not want.specifier.contains(str(found.specifier)[2:])
            ):
                missing.append(f"{name} asks for {want}, pinned is {found}")
    return missing, looked_at, absent


@pytest.mark.parametrize("name", FILES)
def test_a_lock_is_a_closure_on_every_python_and_platform(name: str) -> None:
    pins, counted = pinned_in(name), 0
    for where, environment in environments():
        missing, looked_at, absent = unpinned(pins, environment)
        assert missing == [], where
        assert absent <= set(ELSEWHERE), where
        counted += looked_at
    assert counted >= 500


def test_a_lock_without_an_extra_a_marker_or_a_package_is_no_closure() -> None:
    whole = pinned_in("tests/requirements.txt")
    linux = next(environment for _, environment in environments())

    def planted(name: str, *pins: str) -> list[str]:
        return unpinned(
            [pin for pin in whole if pin.name != name] + [Requirement(pin) for pin in pins], linux
        )[0]

    assert planted("nothing") == []
    assert any("coverage[toml]" in line for line in planted("coverage", "coverage==7.17.3"))
    assert any("asks for numpy" in line for line in planted("numpy"))
    assert any(
        "asks for click" in line
        for line in planted("click", "click==8.0 ; python_version >= '3.14'")
    )
    assert any("asks for pytest" in line for line in planted("pytest", "pytest==6.0"))


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
    assert without_pins(pinned, {"a==1": "x"}) == {"b==2 ; sys_platform == 'linux'": "y"}
    assert without_pins({"c[more]==3": "z"}, {"c==3": "z"}) == {"c[more]==3": "z"}
    for other in ("b==2", "b==3 ; sys_platform == 'linux'", "b[more]==2"):
        with pytest.raises(BotError, match="pinned differently"):
            without_pins(pinned, {other: "y"})
