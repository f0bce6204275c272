"""The catalogue of what people read is whole: nothing missing, nothing unused, nothing too long."""

import ast
import pkgutil
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from string import Formatter
from unicodedata import east_asian_width

import jinja2
import jinja2.nodes
import pytest

from shared.alerts import embeds
from shared.core.reasons import Reason
from shared.core.sentences import english, fields_of, reason_now, reason_then, say

ROOT = Path(__file__).resolve().parents[3]
PACKAGES = ("scripts", "functions", "models", "shared")
FILLED = "x" * 40
"""What a field is taken to say, where the test does not know better."""
PLACES = {
    "alerts.title.": embeds.MAX_TITLE,
    "alerts.model.": embeds.MAX_TITLE,
    "alerts.watch.": embeds.MAX_TITLE,
    "alerts.field.": embeds.MAX_NAME,
    "alerts.value.": embeds.MAX_VALUE,
    "reasons.": 120,
    "figures.": 100,
    "models.column.policy": 8,
    "models.column.purpose": 10,
    "models.column.role": 10,
    "models.column.verdict": 13,
}
"""How many characters fit where a sentence is shown, by the beginning of its key."""

COLUMNS = {"models": 12, "paper": 10, "status": 10, "tick": 10}
"""Where the text of a line begins that has a label, by chapter."""
LABEL = re.compile(r"([^{]*?\S {2,})\S")


@dataclass(frozen=True)
class Use:
    """A place that says a sentence: a pattern of its key, the fields it fills, where it is."""

    key: re.Pattern[str]
    fields: frozenset[str]
    where: str


def catalogue() -> dict[str, str]:
    chapters = [module.name for module in pkgutil.iter_modules(english.__path__)]
    found: dict[str, str] = {}
    for name in chapters:
        chapter = import_module(f"{english.__name__}.{name}").SENTENCES
        assert all(key.startswith(f"{name}.") for key in chapter), name
        found |= chapter
    return found


def python_uses(source: str, where: str) -> Iterator[Use]:
    tree = ast.parse(source)
    named = {
        alias.asname or alias.name: alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        and node.module in {"shared.core.sentences", "shared.alerts.wording"}
        for alias in node.names
    }
    if where == "shared/core/sentences/__init__.py":
        named["say"] = "say"
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
            continue
        place = f"{where}:{node.lineno}"
        fields = [keyword.arg for keyword in node.keywords]
        if named.get(node.func.id) == "name_fields":
            for field in fields:
                assert field is not None, f"{place}: its fields cannot be read"
                yield Use(re.compile(re.escape(f"alerts.field.{field}")), frozenset(), place)
        elif named.get(node.func.id) == "say":
            assert None not in fields, f"{place}: its fields cannot be read"
            for key in _keys(node.args[0], place):
                yield Use(key, frozenset(field for field in fields if field), place)


def _keys(node: ast.expr, place: str) -> Iterator[re.Pattern[str]]:
    if isinstance(node, ast.IfExp):
        yield from _keys(node.body, place)
        yield from _keys(node.orelse, place)
    elif isinstance(node, ast.JoinedStr):
        parts = [
            re.escape(str(part.value)) if isinstance(part, ast.Constant) else r"\w+"
            for part in node.values
        ]
        yield re.compile("".join(parts))
    else:
        assert isinstance(node, ast.Constant), f"{place}: its key cannot be read"
        yield re.compile(re.escape(node.value))


def template_uses(source: str, where: str) -> Iterator[Use]:
    tree = jinja2.Environment(autoescape=True).parse(source)
    for call in tree.find_all(jinja2.nodes.Call):
        if isinstance(call.node, jinja2.nodes.Name) and call.node.name == "say":
            key = call.args[0]
            assert isinstance(key, jinja2.nodes.Const), f"{where}:{call.lineno}"
            fields = frozenset(keyword.key for keyword in call.kwargs)
            yield Use(re.compile(re.escape(key.value)), fields, f"{where}:{call.lineno}")


def script_uses(source: str, where: str) -> Iterator[Use]:
    """Of a page's own script: `tell("name", { field: value, field })`, of the chapter of charts."""
    for call in re.finditer(r'\btell\("(\w+)"(, \{)?', source):
        fields = names_of_object(source, call.end()) if call[2] else frozenset()
        line = source.count("\n", 0, call.start()) + 1
        yield Use(re.compile(rf"charts\.{call[1]}"), fields, f"{where}:{line}")


def names_of_object(source: str, at: int) -> frozenset[str]:
    """The names in an object of JavaScript whose brace opened before `at`."""
    depth, parts = 1, [""]
    for letter in source[at:]:
        depth += (letter in "({[") - (letter in ")}]")
        if not depth:
            break
        if letter == "," and depth == 1:
            parts.append("")
        else:
            parts[-1] += letter
    return frozenset(part.partition(":")[0].strip() for part in parts if part.strip())


def every_use() -> list[Use]:
    found: list[Use] = []
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*")):
            reads = {".py": python_uses, ".j2": template_uses, ".js": script_uses}.get(path.suffix)
            if reads is not None:
                place = path.relative_to(ROOT).as_posix()
                found += reads(path.read_text(encoding="utf-8"), place)
    return found


def faults(uses: list[Use], known: Mapping[str, str]) -> list[str]:
    """What is missing, unused, or said with other fields than its own."""
    found, used = [], set()
    for use in uses:
        keys = [key for key in known if use.key.fullmatch(key)]
        if not keys:
            found.append(f"{use.where}: no sentence is called {use.key.pattern}")
        used |= set(keys)
        found += [
            f"{use.where}: {key} has fields {sorted(fields_of(known[key]))}"
            for key in keys
            if fields_of(known[key]) != use.fields
        ]
    return found + [f"{key} is said nowhere" for key in known if key not in used]


def longest(key: str, known: Mapping[str, str]) -> str:
    """The sentence with its fields as long as they come."""
    filled = {
        "reason": max((text for name, text in known.items() if "reasons.now." in name), key=len),
        "title": known["alerts.title.model_before"],
        "finding": known["alerts.model.challenger_invalid"],
    }
    return known[key].format_map(
        {field: filled.get(field, FILLED) for field in fields_of(known[key])}
    )


def width(text: str) -> int:
    """Columns of a terminal: letters of East Asia take two."""
    return sum(2 if east_asian_width(letter) in "WF" else 1 for letter in text)


def test_every_sentence_is_said_with_its_fields_and_none_is_missing_or_unused() -> None:
    uses, known = every_use(), catalogue()
    assert faults(uses, known) == []
    assert len(uses) > 60
    assert len(known) > 200


def test_a_sentence_that_is_missing_unused_or_said_with_other_fields_is_found() -> None:
    source = """
from shared.core.sentences import say
say("a.known" if x else "a.gone", size=1)
say(f"b.{kind}.text")
"""
    uses = list(python_uses(source, "planted.py"))
    known = {"a.known": "{size}", "b.one.text": "", "b.two.text": "{at}", "c.unused": ""}
    assert faults(uses, known) == [
        r"planted.py:3: no sentence is called a\.gone",
        "planted.py:4: b.two.text has fields ['at']",
        "c.unused is said nowhere",
    ]
    page = """<p>{{ say("a.known", size=2) }}{% if say("c.unused", x=1) %}{% endif %}</p>"""
    assert faults([*template_uses(page, "planted.j2")], known)[0] == (
        "planted.j2:1: c.unused has fields []"
    )
    script = 'tell("bar", { length: f(a, b), more }); tell("gone")'
    assert faults([*script_uses(script, "planted.js")], {"charts.bar": "{length}"}) == [
        "planted.js:1: charts.bar has fields ['length']",
        r"planted.js:1: no sentence is called charts\.gone",
    ]


def test_a_key_that_cannot_be_read_from_the_source_is_refused() -> None:
    for call in ("say(key)", 'say("a.known", **values)'):
        with pytest.raises(AssertionError, match="cannot be read"):
            list(python_uses(f"from shared.core.sentences import say\n{call}", "planted.py"))


def test_fields_are_plain_names() -> None:
    """How a number looks is decided by its one formatter, not by a sentence."""
    for key, template in catalogue().items():
        for _, name, spec, conversion in Formatter().parse(template):
            assert name is None or (name.isidentifier() and not spec and not conversion), key


def test_every_reason_has_two_texts_of_its_own() -> None:
    known = [key for key in catalogue() if key.startswith("reasons.")]
    assert len(known) == 2 * len(Reason)
    for words in (reason_now, reason_then):
        texts = [words(reason) for reason in Reason]
        assert len(set(texts)) == len(texts)
        assert not any("_" in text or text.endswith(".") for text in texts)


def test_every_sentence_fits_its_place() -> None:
    known = catalogue()
    for place, most in PLACES.items():
        keys = [key for key in known if key.startswith(place)]
        assert keys, place
        assert [key for key in keys if len(longest(key, known)) > most] == []


def test_labels_stand_in_their_column() -> None:
    labels = {
        key: (width(label[1]), COLUMNS[key.partition(".")[0]])
        for key, text in catalogue().items()
        if key.partition(".")[0] in COLUMNS and (label := LABEL.match(text))
    }
    assert len(labels) > 30
    assert {key: found for key, found in labels.items() if len(set(found)) > 1} == {}
    assert width("注文      ") == 10


def test_an_unknown_key_and_wrong_fields_raise() -> None:
    for key in ("alerts.title.nonsense", "nonsense.title", "nonsense"):
        with pytest.raises(LookupError, match="no sentence is called"):
            say(key)
    for fields in ({}, {"reason": "a", "more": "b"}):
        with pytest.raises(ValueError, match=r"has fields \['reason'\]"):
            say("alerts.title.tick_failed", **fields)
