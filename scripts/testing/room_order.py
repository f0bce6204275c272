"""The contract of `pyproject.toml` that gives every room of every package its place.

The `layers` contract of import-linter is exhaustive only inside containers that all have the same
layers, so that each package would need a contract of its own and no list would be the plan. This
one takes the rooms of all packages by their full names and is always exhaustive.
"""

from collections.abc import Iterable, Iterator
from typing import cast

from grimp import ImportGraph
from importlinter import ContractCheck
from importlinter.contracts.layers import Layer, LayersContract


class RoomOrder(LayersContract):
    """Layers by full names: a room may import only what stands below it, and every room stands."""

    type_name = "rooms"

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:
        """Break the contract also for a module that no line names."""
        layers = cast("Iterable[Layer]", self.layers)
        named = {room.name for layer in layers for room in layer.module_tails}
        unnamed = set(_required_modules(graph, self.session_options["root_packages"])) - named
        found = super().check(graph, verbose)
        if unnamed:
            found.kept = False
            found.metadata["undeclared_modules"] = unnamed
        return found


def _required_modules(graph: ImportGraph, packages: Iterable[str]) -> Iterator[str]:
    """What the list has to name: each child of a package, and the package's own `__init__` where it
    imports (no line can name that one: it would stand in two places).
    """
    for package in packages:
        yield from graph.find_children(package)
        if graph.find_modules_directly_imported_by(package):
            yield package
