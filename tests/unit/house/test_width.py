"""No line of ours is longer than 100 characters, whatever the file is."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
WIDTH = 100
GENERATED = {".json", ".svg"}
"""Data that a program wrote for programs."""
URL = re.compile(r"\s*(?:[#*>/<-]+ *)?(?:\[[^\]]*\]: )?<?https?://\S+\s*")
PRAGMA = re.compile(r"  # (?:noqa: [A-Z]+\d+(?:, [A-Z]+\d+)*|type: ignore\[[\w,-]+\])$")


def too_long(path: str, text: str) -> list[int]:
    """The numbers of the lines that are longer and could be wrapped.

    Exempt is what cannot be: a URL alone on its line, the lines of a lock file (uv writes them, one
    requirement each), generated data, and the width of a bare pragma, which counts for its line
    only where it stands at its end. A reason belongs on a line of its own above.
    """
    is_lock = path.endswith("requirements.txt") and "--hash=sha256:" in text
    if is_lock or Path(path).suffix in GENERATED:
        return []
    return [
        number
        for number, line in enumerate(text.split("\n"), 1)
        if len(PRAGMA.sub("", line)) > WIDTH and not URL.fullmatch(line)
    ]


def texts() -> dict[str, str]:
    """Every tracked file that is text."""
    told = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True, text=True
    ).stdout
    found = {}
    for path in told.split("\0"):
        file = ROOT / path
        content = file.read_bytes() if path and file.is_file() else b"\0"
        if b"\0" not in content:
            found[path] = content.decode("utf-8")
    return found


@pytest.mark.skipif(not shutil.which("git"), reason="git: not installed")
def test_no_tracked_line_is_longer_than_a_hundred_characters() -> None:
    files = texts()
    suffixes = {Path(path).suffix for path in files}
    assert suffixes >= {".py", ".md", ".yaml", ".toml", ".css", ".js", ".j2", ".txt", ".in", ""}
    assert [f"{path}:{line}" for path, text in files.items() for line in too_long(path, text)] == []


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("README.md", "word " * 20 + "x"),
        ("page.css", "a" * 101),
        ("shared/x.py", "x" * 100 + "y  # noqa: E501"),
        ("shared/x.py", "x" * 90 + "  # noqa: S101 - because"),
        ("docs/x.md", "see https://example.com/" + "a" * 80),
        ("infra/requirements/retrain.in", "a" * 101),
    ],
)
def test_a_line_that_could_be_wrapped_is_seen(path: str, text: str) -> None:
    assert too_long(path, f"short\n{text}\n") == [2]


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("README.md", "x" * 100),
        ("docs/x.md", "  <https://example.com/" + "a" * 90 + ">"),
        ("shared/x.py", "# https://example.com/" + "a" * 90),
        ("shared/x.py", "x" * 99 + "  # type: ignore[operator,type-var]"),
        ("requirements.txt", "a" * 101 + " \\\n    --hash=sha256:00"),
        ("tests/cpu_seconds.json", "[" + "1," * 90 + "1]"),
    ],
)
def test_what_cannot_be_wrapped_is_no_fault(path: str, text: str) -> None:
    assert too_long(path, text) == []
