"""What a page of docs/ names as ours: commands, paths, settings. In the rows of a page that
compares, what stands before the first colon is somebody else's.
"""

import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from shared.core.settings import Settings, leaves
from shared.core.settings.load import NOT_SETTINGS, PREFIX

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = "scripts/bot"
TOPS = frozenset({"docs", "functions", "infra", "models", "scripts", "shared", "tests"})

_BLOCK = re.compile(r"^```\w*\n(.*?)^```$|((?:^ {4}[^\n]*\n)+)", re.MULTILINE | re.DOTALL)
_ITEM = re.compile(r"^\* (.*(?:\n  \S.*)*)", re.MULTILINE)
_CUT = re.compile(r"((?:`[^`]*`|[^`])*?): (.*)")
_SPAN = re.compile(r"`([^`]+)`")
_COMMENT = re.compile(r"(?:^|\s)#.*$")
_SETTING = re.compile(r"(BOT_[A-Z0-9_]+)=\S*")
_TEST = re.compile(r"test_\w+")
_FILE = re.compile(r"[\w.-]+\.(?:md|py|sh|toml|txt|ya?ml)")


@dataclass(frozen=True, kw_only=True)
class Row:
    """One row of a page that compares: what there was, and what there is here."""

    theirs: str
    ours: str


def rows(text: str) -> list[Row]:
    """The list items of a text, each cut at its first colon."""
    return [_row(item[1]) for item in _ITEM.finditer(text)]


def without_theirs(text: str) -> str:
    """A page that compares, with nothing of theirs in its rows."""
    return _ITEM.sub(lambda item: f"* {_row(item[1]).ours}", text)


def spans(text: str) -> list[str]:
    """What stands between backticks, a line break in it as a space."""
    return [_flat(span) for span in _SPAN.findall(_BLOCK.sub("", text))]


def lines(text: str) -> list[str]:
    """The lines of its blocks of code, without comments."""
    found = [
        _COMMENT.sub("", line).strip()
        for block in _BLOCK.finditer(text)
        for line in textwrap.dedent(block[1] or block[2]).splitlines()
    ]
    return [line for line in found if line]


def commands(text: str, *, program: str = PROGRAM) -> list[str]:
    """Every command of a program that is written out, without variables before it."""
    told = [part for text in [*lines(text), *spans(text)] for part in re.split(r"; | && ", text)]
    found = [re.sub(r"^(?:\w+=\S* )+", "", one) for one in told]
    return [one for one in found if one.startswith(f"{program} ")]


def paths(text: str) -> list[str]:
    """Every path below the root, with `::name` where a test in it is named, too."""
    found: list[str] = []
    for span in spans(text):
        if _TEST.fullmatch(span) and found:
            found.append(f"{found[-1].partition('::')[0]}::{span}")
        elif span != PROGRAM and " " not in span and _is_below(span):
            found.append(span)
    return found


def _is_below(span: str) -> bool:
    first, slash, _ = span.partition("/")
    return (bool(slash) and first in TOPS) or _FILE.fullmatch(span) is not None


def is_path(named: str) -> bool:
    """Whether it is there, and the test in it."""
    path, _, test = named.partition("::")
    file = ROOT / path
    if test:
        return file.is_file() and f"def {test}(" in file.read_text(encoding="utf-8")
    return file.exists()


def settings(text: str) -> list[str]:
    """Every setting, by its own name or by that of its variable."""
    groups = {name.partition(".")[0] for name in _names() if "." in name}
    told = [*spans(text), *(found for line in lines(text) for found in _variables(line))]
    found = []
    for one in told:
        if re.fullmatch(r"[a-z_]+(?:\.[a-z0-9_-]+)+", one) and one.partition(".")[0] in groups:
            found.append(one)
        found += _variables(one) if "=" in one else re.findall(r"^BOT_[A-Z0-9_]+$", one)
    return found


def is_setting(named: str) -> bool:
    """Whether it is one, or a group of them."""
    names = set(_names())
    if named.startswith(PREFIX):
        level = named.removeprefix(PREFIX).lower().replace("__", ".")
        return named in NOT_SETTINGS or level in {name.replace("-", "_") for name in names}
    return named in names or any(name.startswith(f"{named}.") for name in names)


def _variables(text: str) -> list[str]:
    return _SETTING.findall(text)


def _names() -> Iterator[str]:
    return (name for name, _ in leaves(Settings))


def _row(item: str) -> Row:
    cut = _CUT.fullmatch(_flat(item))
    assert cut is not None, f"no colon in: {item}"
    return Row(theirs=cut[1], ours=cut[2])


def _flat(text: str) -> str:
    return " ".join(text.split())
