"""The one pattern of every name that becomes a part of a document's path, an object's key or a
file's name. Pure.
"""

import re

LONGEST = 40
PATTERN = rf"[a-z0-9][a-z0-9_-]{{0,{LONGEST - 1}}}"
RULE = f"begin with a-z or 0-9, then a-z, 0-9, - and _, at most {LONGEST} in all"
RESERVED = frozenset({"all", "current"})
"""Names of documents that belong to every bot: no bot may be called so."""

_NAME = re.compile(PATTERN)


def is_name(text: object) -> bool:
    """Whether the text follows the pattern, from its first character to its last."""
    return isinstance(text, str) and _NAME.fullmatch(text) is not None


def quote_short(text: object, most: int = 60) -> str:
    """What was found, cut where it is long, for a sentence."""
    told = repr(text)
    return told if len(told) <= most else f"{told[:most]}... ({len(told)} characters)"
