"""Whatever a room gives to others shows by an example what it does, and the check runs it."""

import ast
import doctest
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from scripts.commands.check import run_step

ROOT = Path(__file__).resolve().parents[3]
PACKAGES = ("shared", "models", "functions")
ROOMS_THAT_MAKE_A_NAME_PUBLIC = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Module:
    """A file of the product: what it defines, what it imports, and what it says that it exports."""

    tree: ast.Module
    is_package: bool

    @property
    def defined(self) -> dict[str, ast.FunctionDef | ast.ClassDef]:
        kinds = (ast.FunctionDef, ast.ClassDef)
        return {node.name: node for node in self.tree.body if isinstance(node, kinds)}

    @property
    def exported(self) -> list[str] | None:
        for node in self.tree.body:
            if isinstance(node, ast.Assign) and "__all__" in map(ast.unparse, node.targets):
                return ast.literal_eval(node.value)
        return None

    def imported(self, *, only_at_once: bool) -> Iterator[tuple[str, str, str]]:
        """Module, name, and the name that it has here."""
        for node in self.tree.body if only_at_once else ast.walk(self.tree):
            if isinstance(node, ast.ImportFrom) and node.module:
                for one in node.names:
                    yield node.module, one.name, one.asname or one.name


def modules_below(root: Path) -> dict[str, Module]:
    found = {}
    for package in PACKAGES:
        for path in (root / package).rglob("*.py"):
            parts = path.relative_to(root).with_suffix("").parts
            is_package = parts[-1] == "__init__"
            tree = ast.parse(path.read_text(encoding="utf-8"))
            name = ".".join(parts[:-1] if is_package else parts)
            found[name] = Module(tree=tree, is_package=is_package)
    return found


def origin(modules: Mapping[str, Module], module: str, name: str) -> tuple[str, str] | None:
    """Where a name is defined that `module` offers; None where it is no function or class."""
    if module not in modules:
        return None
    if name in modules[module].defined:
        return module, name
    for source, original, here in modules[module].imported(only_at_once=True):
        if here == name and source != module:
            return origin(modules, source, original)
    return None


def room_of(module: str) -> str:
    return ".".join(module.split(".")[:2])


def package_of(modules: Mapping[str, Module], module: str) -> str:
    while not modules[module].is_package:
        module = module.rpartition(".")[0]
    return module


def public_names(modules: Mapping[str, Module]) -> set[tuple[str, str]]:
    """What the `__init__` of a room exports; of a room whose own exports nothing (a tick would pay
    for it), what two other rooms or more import.
    """
    public = {
        found
        for name, module in modules.items()
        if module.is_package
        for exported in module.exported or ()
        if (found := origin(modules, name, exported)) is not None
    }
    users = defaultdict(set)
    for name, module in modules.items():
        aliases = {}
        for source, original, here in module.imported(only_at_once=False):
            aliases[here] = f"{source}.{original}"
            users[origin(modules, source, original)].add(room_of(name))
        for node in ast.walk(module.tree):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                source = aliases.get(node.value.id, "")
                users[origin(modules, source, node.attr)].add(room_of(name))
    for found, rooms in users.items():
        if found is None or len(rooms - {room_of(found[0])}) < ROOMS_THAT_MAKE_A_NAME_PUBLIC:
            continue
        if not any(
            modules[package].exported
            for package in {package_of(modules, found[0]), room_of(found[0])}
            if modules[package].is_package
        ):
            public.add(found)
    return public


def lacking(modules: Mapping[str, Module]) -> list[str]:
    """The public names without an example that shows a value."""
    parser = doctest.DocTestParser()
    return sorted(
        f"{module}.{name}"
        for module, name in public_names(modules)
        if not any(
            example.want
            for example in parser.get_examples(
                ast.get_docstring(modules[module].defined[name]) or ""
            )
        )
    )


def planted(root: Path, *, value: int) -> None:
    """A room of one function, whose example says what twice three is."""
    for package in PACKAGES:
        (root / package).mkdir(exist_ok=True)
        (root / package / "__init__.py").write_text('"""Nothing."""\n')
    room = root / "shared" / "sums"
    room.mkdir(exist_ok=True)
    (room / "__init__.py").write_text(
        'from shared.sums.twice import twice\n\n__all__ = ["twice"]\n'
    )
    (room / "twice.py").write_text(
        f'def twice(count):\n    """Two of it.\n\n    >>> twice(3)\n    {value}\n    """\n'
        "    return 2 * count\n"
    )


def test_every_public_name_has_an_example_that_shows_a_value() -> None:
    modules = modules_below(ROOT)
    assert len(public_names(modules)) > 250
    assert lacking(modules) == []


def test_a_public_name_without_an_example_is_seen_and_one_that_shows_nothing_too(tmp_path) -> None:
    planted(tmp_path, value=6)
    assert lacking(modules_below(tmp_path)) == []
    file = tmp_path / "shared" / "sums" / "twice.py"
    whole = file.read_text()
    for gone in ("    >>> twice(3)\n    6\n", "    6\n"):
        file.write_text(whole.replace(gone, ""))
        assert lacking(modules_below(tmp_path)) == ["shared.sums.twice.twice"]


def test_a_wrong_example_turns_the_check_red(tmp_path) -> None:
    # A folder each: of a file changed within a second at the same length, old bytecode is run.
    (right, wrong) = (tmp_path / "right", tmp_path / "wrong")
    for root, value in ((right, 6), (wrong, 7)):
        root.mkdir()
        planted(root, value=value)
    assert run_step("examples", root=right).passed
    result = run_step("examples", root=wrong)
    assert not result.passed
    assert "Expected:\n    7\nGot:\n    6" in result.said
