"""Cloud Logging's language of filters, as far as our policies speak it: comparisons for equality,
joined by AND. And an entry, as Cloud Run makes one of a line.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

_TERM = re.compile(r'\s*([A-Za-z_][\w.]*)\s*=\s*("(?:[^"\\]|\\.)*"|[A-Z]+)\s*')
_SPECIAL = frozenset({"severity"})


def entry_of(line: str) -> dict[str, Any]:
    """The entry that Cloud Run's agent makes of a line of JSON: its `severity` becomes the entry's
    own, the rest its `jsonPayload`.
    """
    told = json.loads(line)
    return {
        "resource": {"type": "cloud_run_revision"},
        "severity": told["severity"],
        "jsonPayload": {name: value for name, value in told.items() if name not in _SPECIAL},
    }


def is_matched(entry: Mapping[str, Any], filter_text: str) -> bool:
    """Whether a filter finds an entry. Raises `ValueError` for what is not understood."""
    position, found = 0, True
    while True:
        term = _TERM.match(filter_text, position)
        if term is None:
            raise ValueError(f"not understood: {filter_text[position:]!r}")
        name, said = term.groups()
        wanted = json.loads(said) if said.startswith('"') else said
        found &= _at(entry, name) == wanted
        position = term.end()
        if position == len(filter_text):
            return found
        if not filter_text.startswith("AND ", position):
            raise ValueError(f"not understood: {filter_text[position:]!r}")
        position += len("AND ")


def extracted(entry: Mapping[str, Any], extractor: str) -> str:
    """What a label extractor `EXTRACT(name)` finds."""
    found = re.fullmatch(r"EXTRACT\(([\w.]+)\)", extractor)
    if found is None:
        raise ValueError(f"not understood: {extractor!r}")
    value = _at(entry, found[1])
    return "" if value is None else str(value)


def _at(entry: Any, name: str) -> Any:
    for part in name.split("."):
        entry = entry.get(part) if isinstance(entry, Mapping) else None
    return entry
