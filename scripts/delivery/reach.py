"""Which code a function reaches, read from its syntax trees and without running any of it.

From the entry point on, everything counts that an import names, with three refinements. A function
of a module counts where somebody who is reached names it: `functions/wiring.py` imports all of the
learning in functions that no tick calls. A text like `shared.stores.memory:MemoryBucket` is an
import, for that is how adapters are named. And a room that is imported by a name which nobody knows
before (`import_module(f"{__name__}.{name}")`) counts whole. Where code reads the sources
themselves, to say by their hash what decides, these files are needed too, though nobody imports
them.
"""

import ast
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from scripts.delivery.modules import OURS, ModuleSource, module_file, read_source
from scripts.installation.checkout import ROOT
from shared.core import guards

_DOTTED = re.compile(rf"(?:{'|'.join(OURS)})(?:\.\w+)+(?::\w+)?")
_BY_NAME = frozenset({"import_module", "find_spec", "resolve_name"})
_EVERYTHING = "*"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """What an entry point reaches.

    Attributes:
        modules: Those of ours that may be imported, by dotted name, packages included.
        packages: The top-level names of what others wrote, without the standard library.
        texts: Files whose source is read, by their path from the root.
    """

    modules: frozenset[str]
    packages: frozenset[str]
    texts: frozenset[str]


def reach_of(module: str, *names: str, root: Path = ROOT) -> Reach:
    """What is reached by importing `module` and asking for `names` of it.

    Raises `ValueError` where there is no such module of ours.
    """
    if module_file(module, root) is None:
        raise ValueError(f"there is no module {module} below {root}")
    walk = _Walk(root)
    walk.take_module(module)
    for name in names:
        walk.take_name(module, name)
    walk.follow()
    return Reach(
        modules=frozenset(walk.modules),
        packages=frozenset(walk.packages),
        texts=frozenset(walk.texts),
    )


class _Walk:
    """The work of one `reach_of`: what was reached, and what is still to be looked at."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.modules: set[str] = set()
        self.packages: set[str] = set()
        self.texts: set[str] = set()
        self._asked: set[tuple[str, str]] = set()
        self._aliases: dict[str, _Aliases] = {}
        self._waiting: list[tuple[ModuleSource, ast.AST]] = []

    def follow(self) -> None:
        """Look at everything until nothing new comes."""
        while self._waiting:
            source, node = self._waiting.pop()
            self._look(source, node)

    def take_module(self, name: str) -> None:
        """A module is imported, and with it the packages that it lies in."""
        if name.partition(".")[0] not in OURS:
            self._take_package(name)
            return
        parts = name.split(".")
        for depth in range(1, len(parts) + 1):
            one = ".".join(parts[:depth])
            source = read_source(one, self.root)
            if source is None or one in self.modules:
                continue
            self.modules.add(one)
            self._waiting.extend((source, node) for node in source.runs)

    def take_name(self, module: str, name: str) -> None:
        """Somebody asks a module of ours for a name: a module inside it, or what waits there."""
        if module_file(f"{module}.{name}", self.root) is not None:
            self.take_module(f"{module}.{name}")
            return
        source = read_source(module, self.root)
        if source is None or (module, name) in self._asked:
            return
        self._asked.add((module, name))
        wanted = source.waits if name == _EVERYTHING else {name: source.waits.get(name, [])}
        self._waiting.extend((source, node) for nodes in wanted.values() for node in nodes)

    def _take_package(self, name: str) -> None:
        top = name.partition(".")[0]
        if top not in sys.stdlib_module_names:
            self.packages.add(top)

    def _take_room(self, package: str) -> None:
        """A module of a room is imported by a name that is not known: each may be."""
        path = module_file(package, self.root)
        if path is None or path.name != "__init__.py":
            return
        for file in sorted(path.parent.rglob("*.py")):
            inside = file.relative_to(self.root).with_suffix("").parts
            name = ".".join(inside).removesuffix(".__init__")
            self.take_module(name)
            self.take_name(name, _EVERYTHING)

    def _look(self, source: ModuleSource, root_node: ast.AST) -> None:
        if source.name not in self._aliases:
            self._aliases[source.name] = _Aliases(source, self.root)
        aliases = self._aliases[source.name]
        for node in ast.walk(root_node):
            if isinstance(node, ast.Import | ast.ImportFrom):
                for module, name in aliases.import_targets(node):
                    self.take_module(module)
                    if name and module.partition(".")[0] in OURS:
                        self.take_name(module, name)
            else:
                self._look_at_expression(source, aliases, node)

    def _look_at_expression(self, source: ModuleSource, aliases: "_Aliases", node: ast.AST) -> None:
        if isinstance(node, ast.Name):
            self.take_name(source.name, node.id)
        elif isinstance(node, ast.Attribute):
            for module in aliases.modules_named(node.value):
                self.take_name(module, node.attr)
        elif isinstance(node, ast.Constant):
            self._take_text(node.value)
        elif isinstance(node, ast.Call):
            self._take_call(source, node)

    def _take_text(self, value: object) -> None:
        if not isinstance(value, str) or not _DOTTED.fullmatch(value):
            return
        module, _, name = value.partition(":")
        if module_file(module, self.root) is not None:
            self.take_module(module)
            self.take_name(module, name or _EVERYTHING)

    def _take_call(self, source: ModuleSource, call: ast.Call) -> None:
        called = call.func.attr if isinstance(call.func, ast.Attribute) else None
        called = call.func.id if isinstance(call.func, ast.Name) else called
        if called in _BY_NAME and call.args:
            first = call.args[0]
            if isinstance(first, ast.JoinedStr) and isinstance(first.values[0], ast.FormattedValue):
                self._take_room(_value_of(first.values[0].value, source))
        elif called == "import_package" and call.args and isinstance(call.args[0], ast.Constant):
            self._take_package(str(call.args[0].value))
        elif called == "sources" and _texts_in(call):
            for guard in _texts_in(call):
                self.texts.update(guards.sources(guard))
        elif called == "read_sources":
            for place in _texts_in(call):
                self.texts.update(_files_at(self.root / place, self.root))


class _Aliases:
    """What imports name, and which names of a module stand for modules, wherever in it they were
    imported.
    """

    def __init__(self, source: ModuleSource, root: Path) -> None:
        self._source, self._root = source, root
        self._modules: dict[str, set[str]] = {}
        every = [*source.runs, *(node for nodes in source.waits.values() for node in nodes)]
        for top in every:
            for node in ast.walk(top):
                if isinstance(node, ast.Import | ast.ImportFrom):
                    self._read(node)

    def _read(self, node: ast.Import | ast.ImportFrom) -> None:
        for one, (module, name) in zip(node.names, self.import_targets(node), strict=True):
            given = one.asname or one.name.partition(".")[0]
            whole = f"{module}.{name}" if name else (module if one.asname else given)
            if module_file(whole, self._root) is not None:
                self._modules.setdefault(given, set()).add(whole)

    def import_targets(self, node: ast.Import | ast.ImportFrom) -> Iterator[tuple[str, str]]:
        """The modules that an import names, each with the name that is taken from it, or none."""
        if isinstance(node, ast.Import):
            yield from ((one.name, "") for one in node.names)
            return
        module = node.module or ""
        if node.level:
            parts = self._source.name.split(".")
            above = parts[: len(parts) - node.level + self._source.is_package]
            module = ".".join([*above, *([module] if module else [])])
        yield from ((module, one.name) for one in node.names)

    def modules_named(self, node: ast.expr) -> Iterable[str]:
        """The modules of ours that an expression like `wiring` or `shared.core` stands for."""
        if isinstance(node, ast.Name):
            return self._modules.get(node.id, ())
        if isinstance(node, ast.Attribute):
            inside = (f"{above}.{node.attr}" for above in self.modules_named(node.value))
            return [name for name in inside if module_file(name, self._root) is not None]
        return ()


def _value_of(node: ast.expr, source: ModuleSource) -> str:
    """The text that a name stands for at the top of a module; empty where it is not known."""
    name = node.id if isinstance(node, ast.Name) else ""
    return source.name if name == "__name__" else source.constants.get(name, "")


def _texts_in(call: ast.Call) -> list[str]:
    return [
        part.value
        for argument in call.args
        for part in ast.walk(argument)
        if isinstance(part, ast.Constant) and isinstance(part.value, str)
    ]


def _files_at(path: Path, root: Path) -> Iterator[str]:
    files = sorted(path.rglob("*.py")) if path.is_dir() else [path]
    return (file.relative_to(root).as_posix() for file in files)
