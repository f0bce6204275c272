"""One module as its syntax tree: what runs when it is imported, what waits until it is asked for,
and what its names stand for.
"""

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

OURS = ("functions", "models", "shared")
"""The packages that a staged tree may hold."""
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModuleSource:
    """A module of ours, read and not run.

    Attributes:
        name: Its dotted name.
        path: Its file.
        is_package: Whether the file is an `__init__`.
        runs: What is executed when it is imported, bodies of functions and methods aside.
        waits: Functions, methods of a class by the name of the class, and literal tables: they
            count only where somebody asks for that name.
        constants: Texts that it gives names to at its top.
    """

    name: str
    path: Path
    is_package: bool
    runs: Sequence[ast.AST]
    waits: dict[str, list[ast.AST]] = field(default_factory=dict)
    constants: dict[str, str] = field(default_factory=dict)


@cache
def module_file(name: str, root: Path) -> Path | None:
    """The file of a module of ours; None where there is none."""
    if name.partition(".")[0] not in OURS:
        return None
    place = root.joinpath(*name.split("."))
    for path in (place / "__init__.py", place.with_suffix(".py")):
        if path.is_file():
            return path
    return None


@cache
def read_source(name: str, root: Path) -> ModuleSource | None:
    """The module of that name; None where it is none of ours."""
    path = module_file(name, root)
    if path is None:
        return None
    tree = ast.parse(path.read_bytes(), filename=str(path))
    runs: list[ast.AST] = []
    waits: dict[str, list[ast.AST]] = {}
    constants: dict[str, str] = {}
    for node in tree.body:
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            runs.extend(node.orelse)
        elif isinstance(node, _FUNCTIONS):
            runs.extend(_head(node))
            waits.setdefault(node.name, []).extend(node.body)
        elif isinstance(node, ast.ClassDef):
            methods = [part for part in node.body if isinstance(part, _FUNCTIONS)]
            runs.extend([*node.decorator_list, *node.bases, *node.keywords])
            runs.extend(part for part in node.body if part not in methods)
            for method in methods:
                runs.extend(_head(method))
                waits.setdefault(node.name, []).extend(method.body)
        elif (named := _literal(node)) is not None:
            value = named[1]
            for one in named[0]:
                waits.setdefault(one, []).append(value)
                if isinstance(value, ast.Constant) and isinstance(value.value, str):
                    constants[one] = value.value
        else:
            runs.append(node)
    return ModuleSource(
        name=name,
        path=path,
        is_package=path.name == "__init__.py",
        runs=runs,
        waits=waits,
        constants=constants,
    )


def _head(node: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[ast.AST]:
    """What of a function is evaluated where it is defined."""
    yield from node.decorator_list
    yield node.args
    if node.returns is not None:
        yield node.returns


def _literal(node: ast.stmt) -> tuple[list[str], ast.expr] | None:
    """The names and the value of an assignment that runs nothing; None for another statement."""
    if isinstance(node, ast.Assign):
        targets, value = node.targets, node.value
    elif isinstance(node, ast.AnnAssign) and node.value is not None:
        targets, value = [node.target], node.value
    else:
        return None
    names = [target.id for target in targets if isinstance(target, ast.Name)]
    runs = any(isinstance(part, ast.Call | ast.Await) for part in ast.walk(value))
    return None if runs or len(names) < len(targets) else (names, value)
