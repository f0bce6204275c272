"""Words: a class has a name of its own, a function is called after what it does or gives, and a
word that stands for several things is one of a short list.
"""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
PACKAGES = ("scripts", "functions", "models", "shared")
MOST_WORDS = 60

PARTICIPLES = frozenset(
    [
        "told",
        "found",
        "made",
        "kept",
        "held",
        "known",
        "given",
        "seen",
        "said",
        "sent",
        "taken",
        "done",
        "gone",
        "built",
        "sought",
        "met",
        "left",
        "lost",
        "born",
        "worn",
        "shown",
        "drawn",
        "written",
        "chosen",
        "begun",
        "bought",
        "sold",
        "paid",
        "laid",
        "brought",
        "thought",
        "felt",
        "led",
        "spent",
        "won",
        "grown",
        "fed",
        "stood",
        "understood",
    ]
)
GIVEN_BY_A_LIBRARY = frozenset({"readable"})
BASE_FORMS = frozenset(["need", "seed", "speed", "feed", "proceed", "exceed", "embed"])
ACTING = frozenset(
    [
        "advance",
        "append",
        "hold",
        "keep",
        "parse",
        "poke",
        "pytest",
        "put",
        "read",
        "remember",
        "remove",
        "run",
        "send",
        "stop",
        "take",
        "tell",
        "verify",
        "wait",
    ]
)
"""Verbs whose functions act and answer with whether it went well."""


def _functions(tree: ast.AST, owner: str = "") -> Iterator[tuple[str, ast.FunctionDef]]:
    """Functions and methods with the class that they belong to; what is nested in one is its own
    business.
    """
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.ClassDef):
            yield from _functions(node, node.name)
        elif isinstance(node, ast.FunctionDef):
            yield owner, node


def _every_function() -> Iterator[tuple[Path, str, ast.FunctionDef]]:
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            tree = ast.parse(path.read_text(encoding="utf-8"))
            for owner, node in _functions(tree):
                yield path.relative_to(ROOT), owner, node


def is_participle(name: str) -> bool:
    """Whether a function is named by one participle and nothing else."""
    word = name.strip("_")
    if "_" in word or name.startswith("__") or word in BASE_FORMS:
        return False
    return word in PARTICIPLES or word.endswith("ed")


def is_question_by_another_name(node: ast.FunctionDef) -> bool:
    """Whether a function answers yes or no without asking, and does not act."""
    name = node.name.lstrip("_")
    if name in GIVEN_BY_A_LIBRARY:
        return False
    if node.returns is None or ast.unparse(node.returns) != "bool" or node.name.startswith("__"):
        return False
    return not name.startswith(("is_", "has_")) and name.partition("_")[0] not in ACTING


def meanings(found: Iterator[tuple[Path, str, ast.FunctionDef]]) -> dict[str, set[str]]:
    """For each public name that stands in several rooms: what it gives, where that differs."""
    gives: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for path, owner, node in found:
        if not node.name.startswith("_"):
            kind = re.sub(r"'|\"| \| None", "", ast.unparse(node.returns)) if node.returns else ""
            kind = "its class" if kind in {"Self", owner} else kind
            gives[node.name][kind].add("/".join(path.parts[:2]))
    return {
        name: set(kinds)
        for name, kinds in gives.items()
        if len(kinds) > 1 and len(set().union(*kinds.values())) > 1
    }


def listed() -> list[str]:
    """The words of the architecture's list."""
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    section = page.partition("\n## Words\n")[2].partition("\n## ")[0]
    return re.findall(r"^\* `(\w+)`: ", section, re.MULTILINE)


def test_no_two_classes_of_the_product_have_one_name() -> None:
    places = defaultdict(list)
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.ClassDef):
                    places[node.name].append(path.relative_to(ROOT).as_posix())
    assert len(places) > 400
    assert {name: where for name, where in places.items() if len(where) > 1} == {}


def test_no_function_is_named_by_a_participle_alone() -> None:
    seen = list(_every_function())
    assert len(seen) > 2_000
    named = [f"{path}: {node.name}" for path, _, node in seen if is_participle(node.name)]
    assert named == []


def test_a_question_begins_with_is_or_has() -> None:
    seen = list(_every_function())
    asking = [node for _, _, node in seen if node.name.lstrip("_").startswith(("is_", "has_"))]
    assert len(asking) > 80
    other = [f"{path}: {node.name}" for path, _, node in seen if is_question_by_another_name(node)]
    assert other == []


def test_a_word_with_several_meanings_is_one_of_the_list_and_the_list_is_short() -> None:
    words, found = listed(), meanings(_every_function())
    assert len(words) <= MOST_WORDS
    assert words == sorted(set(words))
    assert {name: kinds for name, kinds in found.items() if name not in words} == {}
    assert [word for word in words if word not in found] == [], "stands for one thing by now"


@pytest.mark.parametrize(
    ("name", "is_one"),
    [
        ("told", True),
        ("_walked", True),
        ("settled", True),
        ("settle_account", False),
        ("settled_until", False),
        ("feed", False),
        ("__wrapped__", False),
        ("read", False),
    ],
)
def test_a_participle_is_known_by_its_form(name: str, is_one: bool) -> None:
    assert is_participle(name) is is_one


def test_what_is_planted_is_found() -> None:
    source = (
        "class A:\n    def due(self) -> bool: ...\n    def is_due(self) -> bool: ...\n"
        "    def append(self) -> bool: ...\ndef size() -> int: ...\n"
    )
    functions = [node for _, node in _functions(ast.parse(source))]
    assert [node.name for node in functions if is_question_by_another_name(node)] == ["due"]
    other = "def size() -> str: ...\ndef price() -> int: ...\n"
    planted = [
        (Path(f"shared/{room}/new.py"), owner, node)
        for room, text in (("risk", source), ("orders", other))
        for owner, node in _functions(ast.parse(text))
    ]
    assert meanings(iter(planted)) == {"size": {"int", "str"}}
