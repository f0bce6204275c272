"""What a check of data or recipe found: a name, what is there, what would be right, and
the facts.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from shared.core.errors import BadData

Fact: TypeAlias = int | float | str


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that forbids a training.

    `found` and `right` are clauses: "found; right would be ...".
    """

    name: str
    found: str
    right: str
    facts: Mapping[str, Fact] = field(default_factory=dict)

    def __str__(self) -> str:
        """One sentence."""
        return f"{self.name}: {self.found}; right would be {self.right}"


def refuse(findings: Iterable[Finding]) -> None:
    """Raise `BadData` with every finding, a sentence a line; nothing where there is none.

    >>> finding = Finding(name="rows_in_order", found="two rows are doubled", right="none")
    >>> refuse([finding])
    Traceback (most recent call last):
        ...
    shared.core.errors.BadData: rows_in_order: two rows are doubled; right would be none
    """
    told = "\n".join(str(finding) for finding in findings)
    if told:
        raise BadData(told)
