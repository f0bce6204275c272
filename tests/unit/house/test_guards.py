"""One table says what guards each file, and every guard follows from it."""

from pathlib import Path, PurePosixPath

from models.fit.code import model_code_hash
from scripts.testing.guard_contracts import modules_of
from scripts.testing.mutation.rooms import ROOMS
from shared.core import deciding, fingerprint, guards
from tests.plugins import closing

ROOT = Path(__file__).resolve().parents[3]
FILES = guards.files_of_the_product()


def test_every_file_of_the_product_has_a_guard() -> None:
    assert len(FILES) > 400
    assert guards.find_unguarded(FILES) is None


def test_a_new_file_beside_guarded_ones_has_none_and_is_told_which_there_are() -> None:
    said = guards.find_unguarded([*FILES, "shared/orders/new.py"])
    assert said is not None
    assert said.startswith("shared/orders/new.py: no line of shared/core/guards.toml")
    assert all(f"{name}: {meaning}" in said for name, meaning in guards.meanings().items())


def test_a_new_file_in_a_room_that_is_guarded_as_a_whole_comes_under_its_guards() -> None:
    for file, line in {
        "shared/risk/new.py": "shared/risk",
        "shared/strategies/new.py": "shared/strategies",
        "models/fit/learners/new.py": "models/fit/learners",
        "shared/exchanges/another/new.py": "shared/exchanges",
        "shared/stores/google/firestore.py": "shared/stores",
    }.items():
        assert guards.find_unguarded([file]) is None
        assert guards.line_of(file) == line


def test_every_line_names_what_is_there_and_says_something_else_than_the_folder_around_it() -> None:
    known = guards.guard_lines()
    for path, marks in known.items():
        assert (ROOT / path).is_file() if path.endswith(".py") else (ROOT / path).is_dir(), path
        assert marks <= set(guards.meanings()), path
        assert marks, path
        assert "plain" not in marks or len(marks) == 1, path
        for folder in map(str, PurePosixPath(path).parents):
            if folder in known:
                assert known[folder] != marks, f"{path} says what {folder} says"
                assert "plain" not in known[folder], f"{folder} would leave new files bare"


def test_what_moves_money_is_pure_or_sends_and_has_its_tests() -> None:
    money = set(guards.sources("money"))
    assert set(guards.tests()) == money
    assert {file for file in money if "pure" not in guards.guard_lines()[file]} == {
        "shared/exchanges/paper/exchange.py",
        "shared/tick/desk.py",
        "shared/exchanges/bitbank/recognition.py",
        "shared/exchanges/bitbank/live/aside.py",
        "shared/exchanges/bitbank/live/delays.py",
        "shared/exchanges/bitbank/live/executions.py",
        "shared/exchanges/bitbank/live/fates.py",
        "shared/exchanges/bitbank/live/held.py",
        "shared/exchanges/bitbank/live/own_orders.py",
        "shared/exchanges/bitbank/live/reckoning.py",
        "shared/exchanges/bitbank/live/unexplained.py",
    }
    for tests in guards.tests().values():
        assert tests
        assert [test for test in tests if not (ROOT / test).is_file()] == []


def test_floor_contracts_hashes_and_mutation_rooms_are_of_the_table() -> None:
    floor = {file for stage in closing.PURE.values() for file in stage}
    assert floor == {*guards.sources("pure"), *guards.sources("floor")}
    for name in ("ledger", "placing", "settling"):
        assert closing.PURE[f"shared/exchanges/paper/{name}"] == (
            f"shared/exchanges/paper/{name}.py",
        )
    assert "shared/turn/state" in closing.PURE
    assert deciding.sources() == guards.sources("decides")
    assert model_code_hash() == fingerprint.canonical_trees(guards.sources("fits"))
    assert {str(room.path) for room in ROOMS.values()} == set(guards.tests())
    assert len(ROOMS) == len(guards.tests())


def test_a_contract_of_a_guard_is_of_every_file_with_it_and_of_no_other() -> None:
    for guard in ("pure", "adapter"):
        modules = tuple(f"{module}." for module in modules_of(guard))
        named = {file for file in FILES if f"{module_of(file)}.".startswith(modules)}
        assert named == set(guards.sources(guard))


def module_of(file: str) -> str:
    return file.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
