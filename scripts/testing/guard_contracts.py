"""The contracts of `pyproject.toml` about the files to which `shared/core/guards.toml` gives a
guard, and the one that every file has one.
"""

from collections.abc import Iterator
from typing import Any

from grimp import ImportGraph
from importlinter import Contract, ContractCheck, fields, output
from importlinter.contracts.forbidden import ForbiddenContract
from importlinter.contracts.protected import ProtectedContract

from shared.core import guards


class GuardForbids(ForbiddenContract):
    """What has the guard may not import the forbidden modules."""

    type_name = "guard forbids"
    guard = fields.StringField()

    def __init__(
        self, name: str, session_options: dict[str, Any], contract_options: dict[str, Any]
    ) -> None:
        """Take the modules of the guard for the sources."""
        sources = modules_of(contract_options["guard"])
        super().__init__(name, session_options, {**contract_options, "source_modules": sources})


class GuardProtects(ProtectedContract):
    """What has the guard is imported by those alone that are allowed to."""

    type_name = "guard protects"
    guard = fields.StringField()

    def __init__(
        self, name: str, session_options: dict[str, Any], contract_options: dict[str, Any]
    ) -> None:
        """Take the modules of the guard for the protected ones."""
        named = modules_of(contract_options["guard"])
        super().__init__(name, session_options, {**contract_options, "protected_modules": named})


class GuardCovers(Contract):
    """Every file of the product stands under a line of the table."""

    type_name = "guard covers"

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:
        """Look at the files themselves."""
        del graph, verbose
        said = guards.find_unguarded(guards.files_of_the_product())
        return ContractCheck(kept=said is None, metadata={"said": said})

    def render_broken_contract(self, check: ContractCheck) -> None:
        """Name the files, and the guards that there are."""
        output.print_error(check.metadata["said"])


def modules_of(guard: str) -> list[str]:
    """The modules with a guard; a folder of which all have it stands for its modules."""
    files = set(guards.sources(guard))
    return [module for line in guards.guarded_files(guard) for module in _within(line, files)]


def _within(path: str, files: set[str]) -> Iterator[str]:
    inside = [path] if path.endswith(".py") else guards.files_in(path)
    if files.issuperset(inside):
        yield path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        return
    depth = path.count("/") + 2
    for part in sorted({"/".join(file.split("/")[:depth]) for file in inside}):
        if part in files or not part.endswith(".py"):
            yield from _within(part, files)
