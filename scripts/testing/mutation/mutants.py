"""All mutants of a module, each with a name that does not change when other lines do.

cosmic-ray's operators and ours are applied to every place of the module's syntax tree, but for what
is no rule of money:

* annotations, decorators (what they say of a class's shape), signatures' markers, protocols;
* the texts of errors: what stands in a `raise` or in a formatted text;
* what is only told: the named arguments of calls that refuse or tell (`TELLING`), arguments named
  `context`, what is put into `facts`;
* guards: an `if` that does nothing but raise `AssertionError` says what cannot be.

And but for changes that are none: `is` stands for `is not` alone and texts are equal or not (words
and members of enumerations have no order that means anything), a product with a sign is the
quotient by it, and arithmetic stands for other arithmetic, since nothing here is written with bits,
shifts or powers. What does not compile is no mutant, and the same text is one, whichever operators
write it.
"""

import ast
import textwrap
import warnings
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias

import cosmic_ray.plugins
from cosmic_ray.ast import ast_nodes, get_ast

from scripts.testing.mutation.operators import OURS

Node: TypeAlias = Any
MODULE = "<module>"

ARITHMETIC = {"Add", "Sub", "Mul", "Div", "FloorDiv", "Mod"}
ORDER = {"Eq", "NotEq", "Lt", "LtE", "Gt", "GtE"}
PASSED_OVER = {
    "decorator",
    "raise_stmt",
    "fstring",
    "tfpdef",
    "annassign",
    "import_from",
    "import_name",
    "global_stmt",
}
"""Nodes of the syntax tree below which nothing is mutated; of an `annassign` the value is."""

WORDS = {"CONTINUOUS"}
"""Constants that are words."""

TELLING = {"deny", "decide_without_order", "_reject", "_reject_with_code", "_build_decision"}
"""What these functions are told by name, people read; no rule does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """One change of one function.

    `function` is its qualified name, or the class or constant where there is none.

    `lines` are those of the statement that was changed, `within` says that it lies in the body of a
    function.
    """

    room: str
    function: str
    operator: str
    was: str
    becomes: str
    count: int
    line: int
    lines: tuple[int, int]
    within: bool
    text: str

    @property
    def id(self) -> str:
        """What names the mutant from run to run."""
        again = f" #{self.count}" if self.count > 1 else ""
        return f"{self.room} {self.function}: {self.was} -> {self.becomes}{again}"


def mutants(room: str, source: str) -> list[Mutant]:
    """Every mutant of a module's source, in the order of its lines."""
    tree = get_ast(source)
    before = source.split("\n")
    found: list[Mutant] = []
    texts: set[str] = set()
    counts: Counter[tuple[str, str, str]] = Counter()
    for node, head, top, tail in _nodes(tree):
        if _is_passed_over(node):
            continue
        for name, operator in _operators():
            if _is_meaningless(name, node):
                continue
            for index, _ in enumerate(list(operator.mutation_positions(node))):
                part, compiles = _apply_operator(top, node, operator, index)
                text = head + part + tail
                if not compiles or text in texts or text == source:
                    continue
                texts.add(text)
                was, becomes = _changed_lines(before, text.split("\n"))
                function, within = _function(node)
                counts[function, was, becomes] += 1
                found.append(
                    Mutant(
                        room=room,
                        function=function,
                        operator=name,
                        was=was,
                        becomes=becomes,
                        count=counts[function, was, becomes],
                        line=node.start_pos[0],
                        lines=_lines(node),
                        within=within,
                        text=text,
                    )
                )
    if tree.get_code() != source:
        raise AssertionError(f"an operator left its mark on the tree of {room}")
    return found


def function_sources(source: str) -> dict[str, str]:
    """The source of every outermost function by its qualified name; the whole module by
    `MODULE`.
    """
    lines = source.split("\n")
    found = {MODULE: source}

    def visit(body: list[ast.stmt], prefix: str) -> None:
        for node in body:
            if isinstance(node, ast.FunctionDef):
                first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
                found[prefix + node.name] = "\n".join(lines[first - 1 : node.end_lineno])
            elif isinstance(node, ast.ClassDef):
                visit(node.body, f"{prefix}{node.name}.")

    visit(ast.parse(source).body, "")
    return found


@cache
def _operators() -> tuple[tuple[str, Any], ...]:
    """cosmic-ray's operators that change a money rule, and ours."""
    kept = []
    for name in sorted(cosmic_ray.plugins.operator_names()):
        plain = name.partition("/")[2]
        kind, _, pair = plain.partition("_")
        ours = {
            "ReplaceBinaryOperator": set(pair.split("_")) <= ARITHMETIC,
            "ReplaceComparisonOperator": (
                set(pair.split("_")) <= ORDER or set(pair.split("_")) == {"Is", "IsNot"}
            ),
            "VariableReplacer": False,
            "VariableInserter": False,
            "RemoveDecorator": False,
        }.get(kind, True)
        if ours:
            kept.append((plain, cosmic_ray.plugins.get_operator(name)()))
    return (*kept, *((operator.__name__, operator()) for operator in OURS))


def _is_meaningless(operator: str, node: Node) -> bool:
    """Whether an operator would only order words, or divide by a sign instead of multiplying with
    it.
    """
    kind, _, pair = operator.partition("_")
    if kind == "ReplaceComparisonOperator" and node.type == "comparison":
        words = any(
            child.type in {"string", "fstring"} or child.get_code().strip() in WORDS
            for child in node.children
        )
        return words and set(pair.split("_")) != {"Eq", "NotEq"}
    if operator == "ReplaceBinaryOperator_Mul_Div" and node.type == "operator":
        following = node.get_next_sibling()
        return following is not None and following.get_last_leaf().value == "sign"
    return False


def _nodes(tree: Node) -> Iterator[tuple[Node, str, Node, str]]:
    """Every node, with the statement of the module that it lies in, and the texts before and after
    that.
    """
    codes = [top.get_code() for top in tree.children]
    for place, top in enumerate(tree.children):
        head, tail = "".join(codes[:place]), "".join(codes[place + 1 :])
        for node in list(ast_nodes(top)):
            yield node, head, top, tail


def _apply_operator(top: Node, node: Node, operator: Any, index: int) -> tuple[str, bool]:
    """The text of a statement of the module after one mutation, and whether it compiles; the tree
    is afterwards as it was.
    """
    parent, value = node.parent, getattr(node, "value", None)
    children = list(node.children) if hasattr(node, "children") else None
    below = ast_nodes(node) if node.type == "except_clause" else children or ()
    leaves = [(child, child.value) for child in below if hasattr(child, "value")]
    place = parent.children.index(node)
    mutated = operator.mutate(node, index)
    parent.children[place] = mutated
    text = top.get_code() if top is not node else mutated.get_code()
    inner = next(
        (held for held in reversed(list(_ancestors(parent))) if held.type == "funcdef"), None
    )
    compiles = _is_compilable(
        text
        if inner is None
        else textwrap.dedent(" " * inner.start_pos[1] + inner.get_code(include_prefix=False))
    )
    parent.children[place] = node
    if children is not None:
        node.children = children
    if value is not None:
        node.value = value
    for leaf, was in leaves:
        leaf.value = was
    return text, compiles


def _is_compilable(text: str) -> bool:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            compile(text, "mutant", "exec", dont_inherit=True)
        except (SyntaxError, ValueError):
            return False
    return True


def _ancestors(node: Node) -> Iterator[Node]:
    while node is not None:
        yield node
        node = node.parent


def _is_passed_over(node: Node) -> bool:
    below = None
    for held in _ancestors(node):
        if (
            held.type == "annassign"
            and below is not None
            and below is held.children[-1]
            and "=" in held.get_code()
        ):
            below = held
            continue
        if held.type in PASSED_OVER or (
            held.type == "parameters" and below is not None and below.type == "operator"
        ):
            return True
        if held.type == "funcdef" and below is held.annotation and below is not None:
            return True
        if _is_only_told(held) or (_is_guard(held) and below is not held.children[-1]):
            return True
        if held.type == "classdef" and "Protocol" in held.get_code().partition(":")[0]:
            return True
        below = held
    return False


def _is_only_told(node: Node) -> bool:
    """Whether a node is an argument or a statement whose value no rule reads."""
    if (
        node.type == "argument"
        and len(node.children) > 1
        and getattr(node.children[1], "value", "") == "="
    ):
        if node.children[0].value == "context":
            return True
        call = next(held for held in _ancestors(node) if held.type in {"atom_expr", "power"})
        return bool(call.children[0].type == "name" and call.children[0].value in TELLING)
    return bool(node.type == "expr_stmt" and node.get_first_leaf().value == "facts")


def _is_guard(node: Node) -> bool:
    """Whether a node is an `if` that only raises `AssertionError`."""
    if node.type != "if_stmt":
        return False
    body = node.children[-1]
    statements = [held for held in body.children if held.type not in {"newline", "indent"}]
    return (
        len(statements) == 1
        and body.get_code().split()[:1] == ["raise"]
        and ("AssertionError" in statements[0].get_code())
    )


def _function(node: Node) -> tuple[str, bool]:
    """The qualified name of the outermost function around a node, and whether it lies in that
    function's body.
    """
    names: list[str] = []
    within = False
    below = None
    for held in _ancestors(node):
        if held.type == "funcdef":
            names, within = [held.name.value], below is held.children[-1]
        elif held.type == "classdef":
            names.append(held.name.value)
        below = held
    return ".".join(reversed(names)) or MODULE, within


def _lines(node: Node) -> tuple[int, int]:
    """The lines of the statement around a node; of a compound one its head alone."""
    inner = node
    for held in _ancestors(node):
        if held.type == "simple_stmt":
            return held.start_pos[0], held.end_pos[0] - (held.end_pos[1] == 0)
        if held.type in {
            "if_stmt",
            "while_stmt",
            "for_stmt",
            "with_stmt",
            "try_stmt",
            "funcdef",
            "classdef",
        }:
            break
        inner = held
    return inner.start_pos[0], inner.end_pos[0]


def _changed_lines(before: list[str], after: list[str]) -> tuple[str, str]:
    """What was on the changed lines, and what is, without indentation."""
    first = next(
        (row for row, (one, other) in enumerate(zip(before, after, strict=False)) if one != other),
        0,
    )
    same = 0
    most = min(len(before), len(after)) - first - 1
    while same < most and before[-1 - same] == after[-1 - same]:
        same += 1
    was, becomes = before[first : len(before) - same], after[first : len(after) - same]
    return " ".join(line.strip() for line in was), " ".join(
        " ".join(line.split()) for line in becomes
    )


def source_of(path: Path) -> str:
    """A module's text."""
    return path.read_text(encoding="utf-8")
