"""The parameters of every strategy that a line of `bot.yaml` names, and how votes become one side.

Core imports no strategy: a line of `bot.yaml` names a file of `shared/strategies/`, which is opened
when settings are first read. The class there that is called like the file holds the parameters,
their bounds and their defaults.
"""

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields, make_dataclass
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from shared.core.errors import BadSettings
from shared.core.masking import quote_value
from shared.core.settings.kinds import Share
from shared.core.settings.origin import DEFAULTS, defaults

ROOM = "shared.strategies"


class Strategies:
    """The parameters of each strategy by its name, in the order of the votes' columns.

    What is read are objects of `kind()`, which has a field for each line of `bot.yaml`.
    """

    __slots__ = ()

    def __reduce__(self) -> tuple[Any, ...]:
        return _build_parameters, (
            {name: getattr(self, name) for name in kind().__dataclass_fields__},
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Consensus:
    """How votes become one side: share of weight that must agree, mean confidence, and the rule for
    conflicts.
    """

    agreement: Share
    min_confidence: Share
    conflict_margin: Share


@cache
def kind() -> Any:
    """The dataclass with a field for each strategy, in the order of `bot.yaml`.

    Raises `BadSettings` where a line names no file of `shared/strategies/`.
    """
    hints = [(name, _parameters(name)) for name in defaults()["strategies"]]
    return make_dataclass(
        "Strategies", hints, bases=(Strategies,), frozen=True, slots=True, kw_only=True
    )


def with_defaults(lines: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """The lines of `bot.yaml`, with the defaults of each strategy's file under what they say."""
    return {
        name: {
            **{
                field.name: field.default
                for field in fields(kind().__dataclass_fields__[name].type)
                if field.default is not MISSING
            },
            **line,
        }
        for name, line in lines.items()
    }


def _parameters(name: str) -> type:
    named = "".join(part.title() for part in name.split("_"))
    if not name.isidentifier() or find_spec(f"{ROOM}.{name}") is None:
        raise BadSettings(
            f"{DEFAULTS.name} names the strategy {quote_value(name)}, and there is no file of it",
            remedy=f"write {ROOM.replace('.', '/')}/{name}.py, or take the line out",
        )
    found = getattr(import_module(f"{ROOM}.{name}"), named, None)
    if not isinstance(found, type):
        raise BadSettings(
            f"the strategy {name} has no class {named} with its parameters",
            remedy=f"write one into {ROOM.replace('.', '/')}/{name}.py; docs/extending.md shows it",
        )
    return found


def _build_parameters(parameters: Mapping[str, Any]) -> Any:
    return kind()(**parameters)
