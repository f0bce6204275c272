"""What guards each file of the product, as `guards.toml` beside this file says.

A file has one line there, its own or that of the nearest folder above it. Whoever guards asks here
which files are meant; nobody keeps another list.
"""

import tomllib
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from shared.core import fingerprint

PACKAGES = ("functions", "models", "scripts", "shared")
_TABLE = Path(__file__).with_name("guards.toml")


@cache
def guard_lines() -> Mapping[str, frozenset[str]]:
    """The guards of each line, by its path from the root."""
    return {path: frozenset(words.split()) for path, words in _table()["files"].items()}


def meanings() -> Mapping[str, str]:
    """What each guard is, in words."""
    return dict(_table()["guards"])


def tests() -> Mapping[str, tuple[str, ...]]:
    """For each file of money the tests that have to notice a slip in it, from the root."""
    return {
        path: tuple(f"tests/unit/{test}" for test in named)
        for path, named in _table()["tests"].items()
    }


def line_of(path: str) -> str | None:
    """The line that a file stands under; None where there is none."""
    known, line = guard_lines(), path
    while line and line not in known:
        line = line.rpartition("/")[0]
    return line or None


def guarded_files(guard: str) -> tuple[str, ...]:
    """The lines with this guard, without those that another one with it holds already."""
    named = [path for path, guards in guard_lines().items() if guard in guards]
    folders = {path for path in named if not path.endswith(".py")}
    return tuple(
        path for path in named if not any(path.startswith(f"{folder}/") for folder in folders)
    )


def sources(guard: str) -> Mapping[str, bytes]:
    """The files with this guard, by their path from the root.

    Raises `NotThere` where a line names what is gone: then nobody can say which code it is.
    """
    known = guard_lines()
    found = fingerprint.read_sources(guarded_files(guard))
    return {path: text for path, text in found.items() if guard in known[line_of(path) or path]}


def files_in(path: str) -> list[str]:
    """Every file of Python below a folder, by its path from the root, in order."""
    folder = fingerprint.ROOT / path
    return [file.relative_to(fingerprint.ROOT).as_posix() for file in sorted(folder.rglob("*.py"))]


def files_of_the_product() -> list[str]:
    """Every file of Python that is not a test."""
    return [file for package in PACKAGES for file in files_in(package)]


def find_unguarded(files: Iterable[str]) -> str | None:
    """What to say of the files that stand under no line; None where each stands under one."""
    bare = [path for path in files if line_of(path) is None]
    if not bare:
        return None
    choices = "; ".join(f"{name}: {meaning}" for name, meaning in meanings().items())
    return (
        f"{', '.join(bare)}: no line of shared/core/guards.toml says what guards it;"
        f" write one with what fits. {choices}"
    )


@cache
def _table() -> Mapping[str, Any]:
    return tomllib.loads(_TABLE.read_text(encoding="utf-8"))
