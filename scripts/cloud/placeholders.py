"""What stands for something in the data: `${project}`, `${url:tick}`. Pure."""

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from shared.core.errors import UserError

_PLACEHOLDER = re.compile(r"\$\{([^{}]*)\}")


@dataclass(slots=True, kw_only=True)
class Filling:
    """Fills what is known, and notes what is not yet.

    >>> filling = Filling(known={"project": "my-bot"}, awaited=frozenset({"url:tick"}))
    >>> filling.fill_in({"topic": "projects/${project}/topics/alerts", "uri": "${url:tick}/"})
    {'topic': 'projects/my-bot/topics/alerts', 'uri': '${url:tick}/'}
    >>> filling.waits
    ['url:tick']

    Attributes:
        known: By name. A text that is one placeholder takes the value's own type.
        awaited: Names that are known later: they stay, and come into `waits`.
    """

    known: Mapping[str, Any]
    awaited: frozenset[str]
    waits: list[str] = field(default_factory=list)

    def fill_in(self, value: Any) -> Any:
        """The value, filled however deep. Raises `UserError` for a name that nobody knows."""
        if isinstance(value, str):
            return self._fill_text(value)
        if isinstance(value, Mapping):
            return {self.fill_in(name): self.fill_in(inner) for name, inner in value.items()}
        if isinstance(value, list):
            return [self.fill_in(inner) for inner in value]
        return value

    def _fill_text(self, text: str) -> Any:
        alone = _PLACEHOLDER.fullmatch(text)
        if alone:
            return self._value(alone[1])
        return _PLACEHOLDER.sub(lambda found: str(self._value(found[1])), text)

    def _value(self, name: str) -> Any:
        if name in self.known:
            return self.known[name]
        if name not in self.awaited:
            raise unknown_name(f"the placeholder ${{{name}}}", name, [*self.known, *self.awaited])
        if name not in self.waits:
            self.waits.append(name)
        return f"${{{name}}}"


def unknown_name(what: str, name: str, known: Iterable[str]) -> UserError:
    """The error of a name that there is not, with the nearest that there is.

    >>> unknown_name("the part 'topic'", "topic", ["topics", "secrets"]).remedy
    "did you mean 'topics'?"
    """
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=1)
    remedy = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(names)}"
    return UserError(f"{what} is unknown", remedy=remedy)
