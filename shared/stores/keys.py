"""The rules of object keys: relative paths that are safe as file names in every store."""

import re

from shared.core.errors import BadData

MAX_KEY_BYTES = 1_024
MAX_PART_BYTES = 255

_CONTROL = re.compile(r"[\x00-\x1f\x7f\\]")


def check_key(key: str) -> str:
    """The key, where it is safe.

    Raises `BadData` for an absolute, empty, dotted or otherwise unsafe one.
    """
    parts = key.split("/")
    if (
        not all(_is_safe_part(part) for part in parts)
        or len(key.encode(errors="replace")) > MAX_KEY_BYTES
    ):
        raise BadData(
            f"the object key {key[:200]!r} is wrong: a relative path with /, whose parts are"
            " neither empty nor begin with a dot"
        )
    return key


def _is_safe_part(part: str) -> bool:
    try:
        size = len(part.encode())
    except UnicodeEncodeError:
        return False
    return 0 < size <= MAX_PART_BYTES and not part.startswith(".") and not _CONTROL.search(part)


def check_prefix(prefix: str) -> str:
    """The prefix, where a safe key can begin with it. Raises `BadData`."""
    if prefix:
        check_key(prefix + "x" if prefix.endswith("/") else prefix)
    return prefix


def check_generation(generation: int | None) -> None:
    """Raise `BadData` where a precondition cannot be meant."""
    if generation is not None and generation < 0:
        raise BadData(
            f"the generation {generation} cannot be: 0 asks for a new object, None asks for nothing"
        )


def precondition_text(key: str, wanted: int, stored: int | None) -> str:
    """The sentence of a precondition that failed."""
    if wanted == 0:
        return f"the object {key} exists already"
    found = "is gone" if stored is None else f"has generation {stored}"
    return f"the object {key} {found}; it was to be replaced at generation {wanted}"
