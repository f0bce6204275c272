"""The licences of what is pinned: each is known, and one that this project takes.

Run as a program it prints them all and ends with 1 where one is not.
"""

import sys
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path
from typing import Any

from scripts.installation.checkout import ROOT
from scripts.testing.pins import TARGETS, Pin, read_pins

LIST = Path("infra/licences.toml")
_OF_TESTS = "tests/requirements.txt"
_CLASSIFIER = "License :: "


@dataclass(frozen=True, slots=True, kw_only=True)
class LicenceFinding:
    """A package, its licence as it writes it, and what is wrong; empty where nothing is."""

    package: str
    licence: str
    wrong: str = ""


def installed_licence(name: str) -> str:
    """What an installed package says of its licence: its expression, else its classifiers, else the
    first line of its own words; empty where it is not installed or says nothing.
    """
    try:
        told = metadata(name).json
    except PackageNotFoundError:
        return ""
    names = sorted(
        one.rpartition(" :: ")[2]
        for one in told.get("classifier", [])
        if one.startswith(_CLASSIFIER) and not one.endswith("OSI Approved")
    )
    lines = str(told.get("license", "")).splitlines()
    expression = str(told.get("license_expression", ""))
    return expression or ", ".join(names) or (lines[0].strip() if lines else "")


def judge_licences(
    pins: Sequence[Pin],
    allowed: Mapping[str, Any],
    *,
    licence_of: Callable[[str], str] = installed_licence,
) -> list[LicenceFinding]:
    """One finding a package; `allowed` is `infra/licences.toml`.

    What is for other systems and not installed can only be known from the list.
    """
    found = []
    for pin in pins:
        licence = licence_of(pin.name) or allowed["known"].get(pin.name, "")
        taken = list(allowed["product"])
        if all(file == _OF_TESTS for file in pin.files):
            taken += allowed["tests"]
        wrong = ""
        if not licence and pin.is_for_here:
            wrong = "its licence is not known"
        elif licence and licence not in taken:
            wrong = "its licence is none that this project takes"
        found.append(LicenceFinding(package=pin.name, licence=licence, wrong=wrong))
    return found


def check_licences(root: Path = ROOT) -> list[LicenceFinding]:
    """Those of every pin of this checkout."""
    allowed = tomllib.loads((root / LIST).read_text(encoding="utf-8"))
    return judge_licences(read_pins(root, [target.path for target in TARGETS]), allowed)


def main() -> int:
    """Print every package with its licence, the wrong ones last."""
    findings = check_licences()
    for one in sorted(findings, key=lambda one: bool(one.wrong)):
        wrong = f"; {one.wrong}" if one.wrong else ""
        print(f"{one.package}: {one.licence or 'not installed here'}{wrong}")
    return 1 if any(one.wrong for one in findings) else 0


if __name__ == "__main__":
    sys.exit(main())
