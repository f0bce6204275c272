"""Our operators beside cosmic-ray's: what a slip in a money rule looks like that no comparison and
no constant shows.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeAlias

import parso
from cosmic_ray.operators.operator import Operator

Node: TypeAlias = Any
Span: TypeAlias = tuple[tuple[int, int], tuple[int, int]]

SWAPS: Mapping[str, str] = {
    one: other
    for pair in (
        ("min", "max"),
        ("any", "all"),
        ("ROUND_FLOOR", "ROUND_CEILING"),
        ("LONG", "SHORT"),
        ("bid", "ask"),
        ("maker_fee_rate", "taker_fee_rate"),
        ("long_interest_rate_day", "short_interest_rate_day"),
        ("long_opens", "short_opens"),
        ("max_limit_lots", "max_market_lots"),
        ('"left"', '"right"'),
        ('"spot"', '"margin"'),
    )
    for one, other in (pair, pair[::-1])
} | {"ROUND_DOWN": "ROUND_UP", "ROUND_HALF_EVEN": "ROUND_DOWN"}
"""What is easily written for the other."""

CONSTANT = re.compile(r"(?!ROUND_)[A-Z][A-Z0-9]*_?[A-Z0-9_]+")
TIMES = 10


class OneSpan(Operator):  # type: ignore[misc] # cosmic-ray has no types
    """An operator with at most one mutation of a node."""

    def mutation_positions(self, node: Node) -> Iterator[Span]:
        """The node's own span, where the operator applies."""
        if self.is_mutable(node):
            yield node.start_pos, node.end_pos

    def is_mutable(self, node: Node) -> bool:
        """Whether the node can be mutated."""
        raise NotImplementedError

    @classmethod
    def examples(cls) -> Iterable[Any]:
        """None: `tests/mutants` says what each operator makes."""
        return ()


class NumberTimesTen(OneSpan):
    """`1_000` becomes `10_000`."""

    def is_mutable(self, node: Node) -> bool:
        """Any number but zero."""
        return node.type == "number" and bool(_number(node))

    def mutate(self, node: Node, index: int) -> Node:
        """Ten times the number."""
        del index
        return _leaf(node, repr(_number(node) * TIMES))


class ConstantByOne(OneSpan):
    """A constant of the module, where it is used, becomes 1: `fills[-RECENT:]` becomes
    `fills[-1:]`.
    """

    def is_mutable(self, node: Node) -> bool:
        """A name in capitals that stands for itself and is not defined here."""
        named = node.type == "name" and CONSTANT.fullmatch(node.value)
        return (
            bool(named)
            and node.parent.type not in {"trailer", "import_as_names", "import_from"}
            and not node.is_definition()
        )

    def mutate(self, node: Node, index: int) -> Node:
        """One."""
        del index
        return _leaf(node, "(1)")


class SwapName(OneSpan):
    """`min` becomes `max`, `bid` becomes `ask`, the long side the short one."""

    def is_mutable(self, node: Node) -> bool:
        """A name or a word of `SWAPS`, but never the name of an argument or of what is defined."""
        if node.type not in {"name", "string"} or node.value not in SWAPS:
            return False
        first = node.parent.children[0] if node.parent is not None else None
        return not (node.parent.type in {"argument", "param"} and node is first) and not (
            node.type == "name" and node.is_definition()
        )

    def mutate(self, node: Node, index: int) -> Node:
        """The other one."""
        del index
        return _leaf(node, SWAPS[node.value])


class DropOperand(Operator):  # type: ignore[misc] # cosmic-ray has no types
    """`a and b` becomes `a`, and `b`."""

    def mutation_positions(self, node: Node) -> Iterator[Span]:
        """One for each operand of `and` and `or`."""
        if node.type in {"and_test", "or_test"}:
            for operand in node.children[::2]:
                yield operand.start_pos, operand.end_pos

    def mutate(self, node: Node, index: int) -> Node:
        """Without operand `index`, and without the word beside it."""
        gone = {0, 1} if index == 0 else {2 * index - 1, 2 * index}
        prefix = node.children[0].get_first_leaf().prefix
        kept = "".join(
            child.get_code() for place, child in enumerate(node.children) if place not in gone
        )
        return _parse_node(prefix + kept.lstrip())

    @classmethod
    def examples(cls) -> Iterable[Any]:
        """None: `tests/mutants` says what each operator makes."""
        return ()


class DropArgument(OneSpan):
    """`f(a, b=c)` becomes `f(a)`: what is left to its default."""

    def is_mutable(self, node: Node) -> bool:
        """A named argument."""
        return (
            node.type == "argument"
            and len(node.children) == len("a=b")
            and getattr(node.children[1], "value", "") == "="
        )

    def mutate(self, node: Node, index: int) -> Node:
        """Nothing in its place, which unpacking an empty mapping is."""
        del index
        return _parse_node(node.get_first_leaf().prefix + "**{}")


class DropStatement(OneSpan):
    """An assignment, or a call whose value is not used, does not happen."""

    def is_mutable(self, node: Node) -> bool:
        """A statement of a function that is not its documentation."""
        if (
            node.type not in {"expr_stmt", "atom_expr"}
            or node.parent is None
            or node.parent.type != "simple_stmt"
        ):
            return False
        return parso.tree.search_ancestor(node, "funcdef") is not None

    def mutate(self, node: Node, index: int) -> Node:
        """Do nothing."""
        del index
        return _leaf(node.get_first_leaf(), "pass")


OURS: tuple[type[Operator], ...] = (
    NumberTimesTen,
    ConstantByOne,
    SwapName,
    DropOperand,
    DropArgument,
    DropStatement,
)


def _number(node: Node) -> int | float:
    return (
        float(node.value)
        if "." in node.value or ("e" in node.value.lower() and "x" not in node.value)
        else int(node.value, 0)
    )


def _parse_node(text: str) -> Node:
    return parso.parse(text)  # type: ignore[no-untyped-call]


def _leaf(node: Node, text: str) -> Node:
    return _parse_node(node.prefix + text)
