"""Fingerprints of source code: of its bytes, or of what it means.

One way for all that must know whether code is the same.

In the fingerprint of trees comments, docstrings, imports, layout, the order of definitions and the
files that they stand in make no difference; a changed constant, comparison or call does.
"""

import ast
import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from shared.core.errors import NotThere

ROOT = Path(__file__).resolve().parents[2]
_OURS = frozenset({"models", "shared"})
_UNTOLD = frozenset({"ctx", "type_comment", "kind", "type_params"})
"""Fields of a tree that say nothing, or that only some versions of Python have."""


def read_sources(places: Iterable[str], *, below: Path = ROOT) -> Mapping[str, bytes]:
    """The source files at these places below a folder, rooms with all that is in them, by place.

    Raises `NotThere` where one is gone: then nobody can say which code it is.

    >>> list(read_sources(["shared/core/money.py"]))
    ['shared/core/money.py']
    """
    found: dict[str, bytes] = {}
    for place in places:
        path = below / place
        files = sorted(path.rglob("*.py")) if path.is_dir() else [path]
        if not files or not all(file.is_file() for file in files):
            raise NotThere(f"the code is not whole: there is no {place}")
        found |= {file.relative_to(below).as_posix(): file.read_bytes() for file in files}
    return found


def digest_of(texts: Mapping[str, bytes], *more: str) -> str:
    """SHA-256 of names and contents, and of what else a result depends on.

    >>> digest_of({"a.py": b"x = 1"})[:12]
    'db6c345bfe9f'
    >>> digest_of({"a.py": b"x = 1"}, "seed 7")[:12]
    'd5770ffa95f3'
    """
    digest = hashlib.sha256("\0".join(more).encode())
    for place, text in sorted(texts.items()):
        digest.update(place.encode() + b"\0" + text + b"\0")
    return digest.hexdigest()


def canonical_trees(texts: Mapping[str, bytes]) -> str:
    """The hash of what these sources mean, whatever they are called."""
    return _together(
        hashlib.sha256(told.encode()).hexdigest()
        for text in texts.values()
        for told in _statements(ast.parse(text))
    )


def _together(digests: Iterator[str]) -> str:
    return hashlib.sha256("\n".join(sorted(digests)).encode()).hexdigest()[:16]


def _statements(module: ast.Module) -> Iterator[str]:
    """Every statement of a module that does something, as a text."""
    teller = _Teller(_original_names(module))
    for statement in _body(module.body):
        told = teller.encode_tree(statement)
        if told:
            yield told


def _body(statements: Sequence[ast.stmt]) -> Iterator[ast.stmt]:
    """Without docstrings, imports, `__all__`, and what only a type checker reads."""
    for statement in statements:
        if isinstance(statement, ast.Import | ast.ImportFrom):
            continue
        if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
            continue
        if isinstance(statement, ast.Assign) and _is_name(statement.targets[0], "__all__"):
            continue
        if isinstance(statement, ast.If) and _is_name(statement.test, "TYPE_CHECKING"):
            continue
        yield statement


def _is_name(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name


def _original_names(module: ast.Module) -> dict[str, str]:
    """What each imported name is called where it comes from; a module of this project is called
    nothing.
    """
    found: dict[str, str] = {}
    for node in ast.walk(module):
        if isinstance(node, ast.Import):
            found |= {one.asname: one.name for one in node.names if one.asname}
        elif isinstance(node, ast.ImportFrom):
            for one in node.names:
                found[one.asname or one.name] = (
                    "" if _is_module(node.module or "", one.name) else one.name
                )
    return found


def _is_module(package: str, name: str) -> bool:
    place = ROOT.joinpath(*package.split("."), name)
    return (package.partition(".")[0] in _OURS and place.is_dir()) or place.with_suffix(
        ".py"
    ).is_file()


class _Teller:
    """Writes trees down, with the names that imports gave taken back."""

    def __init__(self, renamed: Mapping[str, str]) -> None:
        self._renamed = renamed

    def encode_tree(self, node: object) -> str:
        """One tree as a text that is the same in every version of Python."""
        if isinstance(node, ast.Name):
            return f"N({self._renamed.get(node.id) or node.id})"
        if (
            isinstance(node, ast.Attribute)
            and isinstance(node.value, ast.Name)
            and self._renamed.get(node.value.id) == ""
        ):
            return f"N({node.attr})"
        if isinstance(node, ast.AST):
            return self._node(node)
        if isinstance(node, list):
            parts = list(_body(node)) if node and isinstance(node[0], ast.stmt) else node
            return f"[{','.join(self.encode_tree(part) for part in parts)}]"
        return repr(node)

    def _node(self, node: ast.AST) -> str:
        parts = []
        for name in node._fields:
            value = getattr(node, name, None)
            if name in _UNTOLD or value is None or value == []:
                continue
            parts.append(f"{name}={self.encode_tree(value)}")
        return f"{type(node).__name__}({','.join(parts)})"
