"""`shared/bot.yaml` as it stands: what every setting is where nothing else is said."""

from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import yaml

DEFAULTS = Path(__file__).resolve().parents[2] / "bot.yaml"
_YAML_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def defaults() -> dict[str, Any]:
    """A copy of it, profiles and all, nested as in the file."""
    copy: dict[str, Any] = msgspec.msgpack.decode(_parse_yaml(DEFAULTS.read_text(encoding="utf-8")))
    return copy


@cache
def _parse_yaml(text: str) -> bytes:
    """In a form of which copies are cheap: YAML takes longer than all the rest."""
    return msgspec.msgpack.encode(yaml.load(text, Loader=_YAML_LOADER))  # noqa: S506 - safe, in C
