"""What is listed as an equal mutant is one, answers as the rule does, and is rare."""

import types
from functools import cache

import pytest

from scripts.installation.checkout import ROOT
from scripts.testing.mutation.equal import AT_MOST, equal_ids, load_equal_mutants
from scripts.testing.mutation.mutants import mutants, source_of
from scripts.testing.mutation.rooms import ROOMS
from shared.core.errors import UserError
from tests.mutants.agreement import answers


@cache
def _mutants(room: str):
    return mutants(room, source_of(ROOT / ROOMS[room].path))


def _module(room: str, text: str) -> types.ModuleType:
    """The room as another module beside the real one."""
    module = types.ModuleType(f"{ROOMS[room].module}_beside")
    module.__dict__["__file__"] = str(ROOT / ROOMS[room].path)
    import sys

    sys.modules[module.__name__] = module  # dataclasses look their module up
    exec(compile(text, module.__file__, "exec", dont_inherit=True), module.__dict__)
    return module


@pytest.mark.parametrize("entry", load_equal_mutants(), ids=lambda entry: entry.id)
def test_an_equal_mutant_answers_as_the_rule_does_to_all_its_inputs(entry) -> None:
    mutant = next(mutant for mutant in _mutants(entry.room) if mutant.id == entry.id)
    as_it_is = answers(entry.inputs, _module(entry.room, source_of(ROOT / ROOMS[entry.room].path)))
    assert len(as_it_is) >= 3
    assert answers(entry.inputs, _module(entry.room, mutant.text)) == as_it_is
    assert len(entry.why.split()) >= 4


def test_equal_mutants_are_rare_and_each_is_listed_once() -> None:
    entries = load_equal_mutants()
    assert len({entry.id for entry in entries}) == len(entries)
    every = [mutant for room in ROOMS for mutant in _mutants(room)]
    assert len(entries) <= AT_MOST * len(every)
    assert equal_ids(every, entries) == {entry.id for entry in entries}


def test_an_entry_whose_function_has_changed_is_refused(tmp_path) -> None:
    path = tmp_path / "equal.yaml"
    path.write_text(
        "limits:\n  fall:\n    - {was: 'if start_jpy < 0:', becomes: 'if start_jpy > 0:', why: it"
        " was so once, inputs: falls}\n"
    )
    with pytest.raises(
        UserError,
        match="lists what is no mutant: limits fall: if start_jpy < 0: -> if start_jpy > 0:",
    ):
        equal_ids(_mutants("limits"), load_equal_mutants(path))
