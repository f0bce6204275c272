"""The licences of what is pinned."""

import tomllib
from dataclasses import replace

import pytest

from scripts.commands.check import STEPS, run_step
from scripts.installation.checkout import ROOT
from scripts.testing.licences import LIST, check_licences, judge_licences
from scripts.testing.pins import Pin

ALLOWED = {"product": ["MIT"], "tests": ["AGPL"], "known": {"silent": "MIT"}}


def pin(name: str, *files: str) -> Pin:
    return Pin(name=name, version="1", hashes=frozenset(), files=files or ("requirements.txt",))


@pytest.mark.parametrize(
    ("found", "files", "wrong"),
    [
        ("MIT", (), ""),
        ("AGPL", (), "its licence is none that this project takes"),
        ("AGPL", ("tests/requirements.txt",), ""),
        (
            "AGPL",
            ("tests/requirements.txt", "functions/tick/requirements.txt"),
            "its licence is none that this project takes",
        ),
        ("", (), "its licence is not known"),
        ("Proprietary", ("tests/requirements.txt",), "its licence is none that this project takes"),
    ],
)
def test_a_licence_is_known_and_taken_and_some_only_where_tests_run(found, files, wrong) -> None:
    (one,) = judge_licences([pin("some", *files)], ALLOWED, licence_of=lambda _: found)
    assert one.wrong == wrong


def test_of_what_is_for_another_system_nothing_is_asked_that_cannot_be_known() -> None:
    elsewhere = replace(pin("windows-only"), is_for_here=False)
    (one,) = judge_licences([elsewhere], ALLOWED, licence_of=lambda _: "")
    assert (one.licence, one.wrong) == ("", "")
    (one,) = judge_licences([elsewhere], ALLOWED, licence_of=lambda _: "Proprietary")
    assert one.wrong == "its licence is none that this project takes"


def test_of_a_package_that_says_nothing_the_list_says_it() -> None:
    (one,) = judge_licences([pin("silent")], ALLOWED, licence_of=lambda _: "")
    assert (one.licence, one.wrong) == ("MIT", "")


def test_every_pin_of_this_project_has_a_licence_that_it_takes_and_no_spelling_is_idle() -> None:
    findings = check_licences()
    assert [one for one in findings if one.wrong] == []
    assert len(findings) >= 150
    allowed = tomllib.loads((ROOT / LIST).read_text(encoding="utf-8"))
    seen = {one.licence for one in findings}
    if all(one.licence for one in findings):
        assert {*allowed["product"], *allowed["tests"]} <= seen
    assert set(allowed["known"]) <= {one.package for one in findings}


def test_check_asks_for_them() -> None:
    assert "licences" in STEPS
    told = run_step("licences")
    assert told.passed, told.said
    assert "numpy: BSD-3-Clause" in told.said
