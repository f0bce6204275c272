"""Which code a function reaches: rules on small trees, and what comes of them for the four."""

import ast
from functools import cache
from pathlib import Path

import grimp
import pytest

from functions import wiring
from scripts.delivery.reach import Reach, reach_of
from scripts.installation.checkout import ROOT
from tests.support.staged import FUNCTIONS, staged, without_pin


def tree(folder: Path, **files: str) -> Path:
    """A checkout of a few modules: `shared__a` is shared/a.py; packages make themselves."""
    for name, text in files.items():
        path = folder.joinpath(*name.split("__")).with_suffix(".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        for above in path.relative_to(folder).parents:
            (folder / above / "__init__.py").touch()
    return folder


def reached(root: Path, *names: str, module: str = "functions.tick.main") -> set[str]:
    found = reach_of(module, *names, root=root).modules
    return {
        name for name in found if not (root.joinpath(*name.split(".")) / "__init__.py").exists()
    }


def test_an_import_in_a_function_counts_where_the_function_is_named(tmp_path) -> None:
    root = tree(
        tmp_path,
        functions__tick__main="from functions import wiring\ndef tick(): wiring.ports()",
        functions__wiring=(
            "def ports(): return _inner()\n"
            "def _inner():\n    from shared.near import x\n"
            "def retrain_place():\n    from models.far import y\n"
        ),
        shared__near="x = 1",
        models__far="y = 1",
    )
    assert reached(root, "tick") == {"functions.tick.main", "functions.wiring", "shared.near"}
    assert reached(root) == {"functions.tick.main", "functions.wiring"}


def test_the_methods_of_a_class_count_where_the_class_is_named(tmp_path) -> None:
    root = tree(
        tmp_path,
        functions__tick__main="from shared.both import Near\n",
        shared__both=(
            "class Near:\n    def go(self):\n        from shared.near import x\n"
            "class Far:\n    def go(self):\n        from shared.far import x\n"
        ),
        shared__near="x = 1",
        shared__far="x = 1",
    )
    assert reached(root) == {"functions.tick.main", "shared.both", "shared.near"}


def test_a_decorator_a_default_and_the_body_of_a_class_run_at_once(tmp_path) -> None:
    root = tree(
        tmp_path,
        functions__tick__main=(
            "import shared.near as near, shared.of_class as c, shared.default as d\n"
            "@near.deco\ndef unasked(x=d.value()): pass\nclass A:\n    b = c.made()\n"
        ),
        shared__near="def deco(f):\n    import shared.one\n    return f",
        shared__default="def value():\n    import shared.two",
        shared__of_class="def made():\n    import shared.three",
        shared__one="",
        shared__two="",
        shared__three="",
    )
    assert {"shared.one", "shared.two", "shared.three"} <= reached(root)


def test_what_only_a_type_checker_reads_does_not_count(tmp_path) -> None:
    root = tree(
        tmp_path,
        functions__tick__main=(
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from shared.far import x\n"
            "else:\n    from shared.near import x\n"
        ),
        shared__near="x = 1",
        shared__far="x = 1",
    )
    assert reached(root) == {"functions.tick.main", "shared.near"}


def test_a_name_is_followed_through_a_package_that_only_hands_it_on(tmp_path) -> None:
    root = tree(
        tmp_path,
        functions__tick__main="from shared.room import x\nx()",
        shared__room__inner="def x():\n    from shared.near import y",
        shared__near="y = 1",
    )
    (root / "shared" / "room" / "__init__.py").write_text("from .inner import x\n")
    assert reached(root) == {"functions.tick.main", "shared.room.inner", "shared.near"}


def test_an_adapter_named_by_a_text_counts_where_its_table_is_asked(tmp_path) -> None:
    root = tree(
        tmp_path,
        functions__tick__main="from functions import wiring\ndef tick(): wiring.bucket()",
        functions__wiring=(
            "BUCKETS = {'gs': 'shared.google:Bucket'}\nSECRETS = {'sm': 'shared.secrets:Store'}\n"
            "def bucket(): return resolve_name(BUCKETS['gs'])\n"
            "def secret(): return resolve_name(SECRETS['sm'])\n"
        ),
        shared__google="class Bucket:\n    def open(self):\n        import google.cloud.storage",
        shared__secrets="class Store: pass",
    )
    assert reached(root, "tick") == {"functions.tick.main", "functions.wiring", "shared.google"}
    assert reach_of("functions.tick.main", "tick", root=root).packages == {"google"}


def test_a_room_that_is_imported_by_an_unknown_name_counts_whole(tmp_path) -> None:
    root = tree(
        tmp_path,
        functions__tick__main="from shared.room import one\none('a')",
        shared__room__a="def vote():\n    import shared.near",
        shared__room__b="",
        shared__near="",
    )
    text = (
        "from importlib import import_module\ndef one(n): return import_module(f'{__name__}.{n}')"
    )
    (root / "shared" / "room" / "__init__.py").write_text(text)
    assert {"shared.room.a", "shared.room.b", "shared.near"} <= reached(root)


def test_a_module_that_there_is_not_is_said() -> None:
    with pytest.raises(ValueError, match=r"there is no module functions\.tock\.main"):
        reach_of("functions.tock.main")


@cache
def reach(function: str) -> Reach:
    return reach_of(f"functions.{function}.main", function)


@pytest.fixture(scope="module")
def graph():
    return grimp.build_graph("functions", "models", "shared", cache_dir=None)


NAMED_BY_TEXT = (
    "shared.strategies.",
    "shared.core.sentences.english.",
    "models.fit.learners.",
    *(
        text.partition(":")[0]
        for table in (wiring.DOCUMENTS, wiring.BUCKETS, wiring.EXCHANGES)
        for text in table.values()
    ),
)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_nothing_is_reached_that_no_import_or_text_leads_to(graph, function) -> None:
    modules = reach(function).modules
    led = {name for name in modules if graph.find_modules_that_directly_import(name) & modules}
    unled = {name for name in modules - led if not _is_package(name)}
    strange = {name for name in unled if not name.startswith(NAMED_BY_TEXT)}
    assert strange == {f"functions.{function}.main"}
    assert len(led) >= 150


def _is_package(name: str) -> bool:
    return (ROOT.joinpath(*name.split(".")) / "__init__.py").is_file()


EXCUSED = {
    "retrain": {"pandas"},  # reads candle files that people bring; a retraining reads the archive
    "backtest": {"ccxt"},  # carries requests to bitbank; a backtest reads the archive
}


@pytest.mark.parametrize("function", FUNCTIONS)
def test_every_package_that_a_function_reaches_is_pinned_for_it(function) -> None:
    packages = reach(function).packages
    requirements = staged(function).files["requirements.txt"].decode()
    assert without_pin(packages, requirements) == EXCUSED.get(function, set())
    assert len(packages) >= 10


def test_a_tick_gets_nothing_that_learns_replays_or_plays_an_exchange() -> None:
    modules = reach("tick").modules
    assert not [name for name in modules if name.startswith("models")]
    assert not [name for name in modules if name.startswith(("shared.replay", "shared.results"))]
    sandbox = {name for name in modules if name.startswith("shared.exchanges.sandbox")}
    assert sandbox == {"shared.exchanges.sandbox", "shared.exchanges.sandbox.clock"}
    assert "shared.exchanges.bitbank.live.exchange" in modules, "it trades with real money"


@pytest.mark.parametrize("function", FUNCTIONS)
def test_no_function_gets_the_store_of_secrets_or_another_function(function) -> None:
    modules = reach(function).modules
    assert not [name for name in modules if name.endswith(".secrets")]
    others = {f"functions.{other}" for other in FUNCTIONS if other != function}
    assert not modules & others


def test_who_imports_by_a_name_that_is_not_written_there_is_known() -> None:
    """What `reach_of` cannot see: a new place like these has to be looked at."""
    unseen = set()
    for path in [file for one in ("functions", "models", "shared") for file in _files(one)]:
        for node in ast.walk(ast.parse(path.read_bytes())):
            if isinstance(node, ast.Call) and _called(node) in {"import_module", "resolve_name"}:
                first = node.args[0]
                if not isinstance(first, ast.JoinedStr | ast.Constant):
                    unseen.add(path.relative_to(ROOT).as_posix())
    assert unseen == {
        "functions/wiring.py",  # a table of its own: texts
        "models/fit/learners/learner.py",  # packages that each learner's own file names
    }


def _files(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


def _called(node: ast.Call) -> str:
    return getattr(node.func, "attr", getattr(node.func, "id", ""))
