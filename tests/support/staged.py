"""Staged trees away from the checkout, in a Python that has only what their requirements pin."""

import re
import shutil
from collections.abc import Iterable
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

from packaging.utils import canonicalize_name

from scripts.commands.lock import blocks
from scripts.delivery.staged import StagedTree, stage_function, write_tree

FUNCTIONS = ("alerts", "backtest", "retrain", "tick")


@cache
def staged(function: str) -> StagedTree:
    """The tree of a function; put together once a process."""
    return stage_function(function)


def unpack(function: str, folder: Path) -> Path:
    """Write the tree of a function into a folder and move it once more, so that nothing in it can
    know where it was made; its place.
    """
    write_tree(staged(function), folder / "made" / function)
    shutil.move(folder / "made" / function, folder / "unpacked")
    return folder / "unpacked"


def pinned(requirements: str) -> frozenset[str]:
    """The distributions that a requirements file pins."""
    names = (re.split(r"[=\[; ]", pin, maxsplit=1)[0] for pin in blocks(requirements))
    return frozenset(canonicalize_name(name) for name in names)


def without_pin(packages: Iterable[str], requirements: str) -> set[str]:
    """Those top-level names that no distribution of a requirements file installs."""
    known, pins = _distributions(), pinned(requirements)
    return {name for name in packages if not known.get(name, frozenset()) & pins}


def only_pinned(tree: Path) -> dict[str, str]:
    """The environment of a Python that imports nothing installed but what a tree pins."""
    requirements = (tree / "requirements.txt").read_text(encoding="utf-8")
    refused = without_pin(_distributions(), requirements)
    return {
        "PYTHONPATH": str(Path(__file__).with_name("only_required")),
        "REFUSED_PACKAGES": " ".join(sorted(refused)),
    }


@cache
def _distributions() -> dict[str, frozenset[str]]:
    return {
        name: frozenset(map(canonicalize_name, found))
        for name, found in packages_distributions().items()
    }
