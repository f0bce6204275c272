"""What counts as a difference, and what is only the API's way of writing."""

from typing import Any

import pytest

from scripts.cloud.comparing import field_differences


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (60, "60"),
        (0, None),
        (0, "0"),
        (False, None),
        ("", None),
        ([], None),
        ("60s", "60.000s"),
        ({"a": {"b": False}}, {}),
        ({"a": 1}, {"a": 1, "etag": "x"}),
        ([{"a": 1}], [{"a": "1", "state": "READY"}]),
        ({"a": {}}, {"a": {"state": "ACTIVE"}}),
        (["x", "y"], ["x", "y"]),
    ],
)
def test_the_same_in_other_words_is_no_difference(wanted: Any, found: Any) -> None:
    assert list(field_differences(wanted, found)) == []


@pytest.mark.parametrize(
    ("wanted", "found", "path"),
    [
        ({"a": {}}, {}, "a"),
        ({"a": 60}, {"a": 61}, "a"),
        ({"a": True}, {}, "a"),
        ({"a": {"b": "60s"}}, {"a": {"b": "61s"}}, "a.b"),
        ({"a": [{"b": 1}, {"b": 2}]}, {"a": [{"b": 1}, {"b": 3}]}, "a[1].b"),
        ({"a": [{"b": 1}]}, {"a": [{"b": 1}, {"b": 2}]}, "a"),
        ({"a": ["x"]}, {"a": ["y"]}, "a"),
        ({"a": []}, {"a": ["y"]}, "a"),
        ({"a": False}, {"a": True}, "a"),
        ({"a": "1.0"}, {"a": 1}, "a"),
    ],
)
def test_a_difference_is_named_by_its_path(wanted: Any, found: Any, path: str) -> None:
    assert [one.path for one in field_differences(wanted, found)] == [path]


def test_where_a_map_is_whole_a_key_too_much_is_a_difference() -> None:
    wanted, found = {"a": {}, "b": {}}, {"a": {"ttl": "9s"}, "b": {"state": "OK"}}
    told = list(field_differences(wanted, found, whole=frozenset({"a"})))
    assert [(one.path, one.found, one.wanted) for one in told] == [("a.ttl", "9s", None)]
