"""For each mutant that is listed as equal: the inputs on which it and the rule as it is were seen to agree.

Each function takes the module, as it is or mutated, and gives what it answers to each of its inputs.
"""

from types import ModuleType
from typing import Any


def answers(name: str, module: ModuleType) -> list[Any]:
    """What the module answers to the inputs of that name."""
    return list(globals()[name](module))
