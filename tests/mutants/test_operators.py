"""What each operator makes of a line, what is passed over, and what a run does with its mutants."""

import json

import pytest

from scripts.installation.checkout import ROOT
from scripts.testing.mutation.mutants import function_sources, mutants
from scripts.testing.mutation.records import Records
from scripts.testing.mutation.rooms import ROOMS
from scripts.testing.mutation.run import run
from scripts.testing.mutation.session import KILLED, MutantVerdict
from shared.core.errors import UserError


def made(source: str) -> set[str]:
    return {mutant.becomes for mutant in mutants("limits", source)}


@pytest.mark.parametrize(
    ("line", "slips"),
    [
        (
            "    return a <= 0",
            {"return a < 0", "return a == 0", "return a > 0", "return a <= 1", "return a <= -1"},
        ),
        ("    return a > b", {"return a >= b", "return a < b", "return a != b"}),
        ("    return a[-RECENT:]", {"return a[-(1):]", "return a[+RECENT:]"}),
        ("    return a + 60_000", {"return a - 60_000", "return a + 60001", "return a + 600000"}),
        ("    return min(a, b)", {"return max(a, b)"}),
        ("    return a and b", {"return a or b", "return a", "return b"}),
        ("    return f(a, b=1)", {"return f(a, **{})", "return f(a, b= 2)"}),
        ("    a = b", {"pass"}),
        ("    return a is Side.LONG", {"return a is not Side.LONG", "return a is Side.SHORT"}),
    ],
)
def test_a_line_suffers_these_slips_among_others(line: str, slips: set[str]) -> None:
    assert slips <= made(f"def rule(a, b):\n{line}\n")


def test_a_constant_outside_of_functions_is_mutated_too() -> None:
    found = mutants("paper", "STORE_EVERY_MS = 3_600_000\n")
    assert {(mutant.function, mutant.within) for mutant in found} == {("<module>", False)}
    assert "STORE_EVERY_MS = 36000000" in {mutant.becomes for mutant in found}


@pytest.mark.parametrize(
    "source",
    [
        "def rule(a: int | None, *, b: tuple[int, ...]) -> int | None:\n    return a\n",
        "@dataclass(frozen=True, slots=True)\nclass Held:\n    lots: int\n",
        "class Port(Protocol):\n    limit = 5\n",
        "def rule(a):\n    raise ValueError(f'{a + 1} is 5 too many')\n",
        "def rule(a):\n    return deny(a, why=a + 1)\n",
    ],
)
def test_what_is_no_rule_of_money_is_passed_over(source: str) -> None:
    assert made(source) == set()


@pytest.mark.parametrize(
    "source", ['def rule(a):\n    return a == "spot"\n', "def rule(a):\n    return a is None\n"]
)
def test_words_and_members_have_no_order(source: str) -> None:
    assert len(made(source)) == 1 + ("spot" in source)


def test_a_mutants_name_does_not_change_with_the_lines_above_it() -> None:
    source = (
        "def rule(a):\n    if a > 0:\n        return 1\n    if a > 0:\n        return 2\n   "
        " return 3\n"
    )
    moved = f'"""Above."""\n\nOTHER = "x"\n\n\n{source}'
    names = [mutant.id for mutant in mutants("limits", source)]
    assert len(set(names)) == len(names)
    assert [mutant.id for mutant in mutants("limits", moved)] == names


def test_a_function_is_known_by_its_qualified_name() -> None:
    source = "class Held:\n    @property\n    def lots(self):\n        return 1\n"
    assert set(function_sources(source)) == {"<module>", "Held.lots"}


def test_a_verdict_is_kept_until_its_function_or_its_killer_changes(tmp_path) -> None:
    source = "def rule(a):\n    return a > 0\n"
    mutant = mutants("limits", source)[0]
    killer = "tests/unit/risk/test_limits.py::test_the_drawdown_is_a_share_of_the_peak"

    def records(text: str) -> Records:
        read = Records(
            path=tmp_path / "verdicts.jsonl",
            rooms=ROOMS,
            sources={"limits": function_sources(text)},
        )
        read.read()
        return read

    records(source).keep(MutantVerdict(mutant=mutant, outcome=KILLED, killer=killer, seconds=0.1))
    assert records(source).verdict(mutant).killer == killer
    assert records(source.replace("a", "b")).verdict(mutant) is None
    line = json.loads((tmp_path / "verdicts.jsonl").read_text())
    (tmp_path / "verdicts.jsonl").write_text(
        json.dumps({**line, "tests": "others"}) + '\n{"id": "cut'
    )
    assert records(source).verdict(mutant) is None
    assert records(source).killer(mutant) == killer


def test_a_room_that_there_is_not_is_refused(tmp_path) -> None:
    with pytest.raises(UserError, match="there is no room 'kitchen'"):
        run(["kitchen"], sample=1, seed=0, workers=1, work=tmp_path, again=False)


def test_every_room_has_a_module_and_tests_of_its_own() -> None:
    for room in ROOMS.values():
        assert (ROOT / room.path).is_file()
        assert any((ROOT / test).is_file() for test in room.tests)
