"""Which pinned packages have a known vulnerability, asked by pip-audit of a public database.

pip-audit ends well where it could not ask about a package, and says so in a field that nobody
reads. Here every pin is asked about, also those of other systems, and one without an answer is
none that passed.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scripts.testing.pins import Pin
from shared.core.errors import BotError

OSV = "https://api.osv.dev/v1/query"
TIMEOUT_SECONDS = 15


@dataclass(frozen=True, slots=True, kw_only=True)
class Vulnerability:
    """A known one: `fixed_in` names the versions without it, none where there is no such yet."""

    package: str
    version: str
    id: str
    fixed_in: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Audit:
    """What came of asking about every pin.

    Attributes:
        asked: Of how many there is an answer.
        unasked: `name==version` of those without an answer.
        why: Why not, where the database itself failed.
        found: What is known, by package.
    """

    asked: int
    unasked: tuple[str, ...]
    why: str
    found: tuple[Vulnerability, ...]


def audit_pins(pins: Sequence[Pin], *, database: str = OSV) -> Audit:
    """Ask about every pin. Raises `BotError` where pip-audit is not installed."""
    with tempfile.TemporaryDirectory() as folder:
        listed = Path(folder) / "requirements.txt"
        listed.write_text("".join(map(_line, pins)), encoding="utf-8")
        options = ["--requirement", str(listed), "--disable-pip", "--require-hashes"]
        options += ["--vulnerability-service", "osv", "--osv-url", database]
        options += ["--cache-dir", str(Path(folder) / "cache"), "--timeout", str(TIMEOUT_SECONDS)]
        options += ["--format", "json", "--progress-spinner", "off"]
        ran = subprocess.run(
            [sys.executable, "-m", "pip_audit", *options],
            check=False,
            capture_output=True,
            text=True,
        )
    if "No module named pip_audit" in ran.stderr:
        raise BotError("pip-audit is not installed; scripts/bot installs it for `audit`")
    return read_answers(pins, ran.stdout, ran.stderr)


def read_answers(pins: Sequence[Pin], told: str, said: str) -> Audit:
    """What pip-audit told as JSON, and `said` beside it, held against what it was asked."""
    try:
        rows = json.loads(told)["dependencies"]
        why = ""
    except (ValueError, KeyError, TypeError):
        rows, why = [], _last_line(said)
    answered = {(row["name"], row["version"]): row for row in rows if "skip_reason" not in row}
    unasked = [pin for pin in pins if (pin.name, pin.version) not in answered]
    return Audit(
        asked=len(pins) - len(unasked),
        unasked=tuple(f"{pin.name}=={pin.version}" for pin in unasked),
        why=why,
        found=tuple(one for pin in pins for one in _known_faults(pin, answered)),
    )


def _known_faults(pin: Pin, answered: dict[tuple[str, str], Any]) -> list[Vulnerability]:
    row = answered.get((pin.name, pin.version), {})
    return [
        Vulnerability(
            package=pin.name,
            version=pin.version,
            id=one["id"],
            fixed_in=tuple(one["fix_versions"]),
        )
        for one in row.get("vulns", [])
    ]


def _line(pin: Pin) -> str:
    hashes = "".join(f" --hash={one}" for one in sorted(pin.hashes))
    return f"{pin.name}=={pin.version}{hashes}\n"


def _last_line(said: str) -> str:
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    return lines[-1] if lines else "pip-audit told nothing"
