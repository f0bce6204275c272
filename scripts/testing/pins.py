"""The requirements files, and what all of them together pin."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from packaging.markers import Marker
from packaging.utils import canonicalize_name

EVERYTHING = "tests.in"


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A requirements file, its source, and another file that it includes instead of
    repeating it.
    """

    path: Path
    source: str
    includes: Path | None = None


PRODUCT = Path("requirements.txt")
TARGETS = (
    Target(path=PRODUCT, source="product.in"),
    Target(path=Path("tests/requirements.txt"), source=EVERYTHING, includes=PRODUCT),
    Target(path=Path("functions/tick/requirements.txt"), source="tick.in"),
    Target(path=Path("functions/alerts/requirements.txt"), source="alerts.in"),
    Target(path=Path("functions/backtest/requirements.txt"), source="backtest.in"),
    Target(path=Path("functions/retrain/requirements.txt"), source="retrain.in"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pin:
    """One version of one package, with the hashes of its files.

    `files`: the requirements files that ask for it; `is_for_here`: whether one of them asks for it
    on this system and Python.
    """

    name: str
    version: str
    hashes: frozenset[str]
    files: tuple[str, ...]
    is_for_here: bool = True


def read_pins(root: Path, files: Iterable[Path]) -> list[Pin]:
    """Every pin of the files below `root`, once each and whatever system it is for."""
    found: dict[tuple[str, str], Pin] = {}
    for file in files:
        for one in _pins_in((root / file).read_text(encoding="utf-8"), str(file)):
            known = found.get((one.name, one.version), one)
            found[one.name, one.version] = replace(
                known,
                hashes=known.hashes | one.hashes,
                files=tuple(dict.fromkeys((*known.files, *one.files))),
                is_for_here=known.is_for_here or one.is_for_here,
            )
    return [pin for _, pin in sorted(found.items())]


def _pins_in(text: str, file: str) -> Iterator[Pin]:
    for block in re.split(r"\n(?=[A-Za-z0-9])", f"\n{text}"):
        pin = re.match(r"([A-Za-z0-9._-]+)(?:\[.*?\])?==(\S+)(?: ; ([^\\\n]+))?", block)
        if pin:
            marker = (pin[3] or "").strip()
            yield Pin(
                name=canonicalize_name(pin[1]),
                version=pin[2],
                hashes=frozenset(re.findall(r"--hash=(sha256:[0-9a-f]{64})", block)),
                files=(file,),
                is_for_here=not marker or Marker(marker).evaluate(),
            )
