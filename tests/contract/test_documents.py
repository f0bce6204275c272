"""What every document store must do. Adapters: conftest.py."""

import json
import multiprocessing
import threading
from enum import StrEnum

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.core.errors import AlreadyExists, BadData, BotError, Conflict
from shared.stores.documents import AnswerLost
from shared.stores.local.sqlite import SqliteDocuments
from shared.stores.memory import MemoryDocuments
from shared.stores.ports import Document, Write
from tests.support.adapters import create_in_a_process, increment, increment_in_a_process


class Colour(StrEnum):
    RED = "red"


FORKS = pytest.mark.filterwarnings(
    "ignore:This process:DeprecationWarning"
)  # told from 3.12 on; no thread runs then

FULL_OF_TYPES = {
    "text": "価格 \u0000\n\"'\\ 😀",
    "whole": 2**53 + 1,
    "least": -(2**63),
    "float": 0.1 + 0.2,
    "one": 1.0,
    "tiny": 5e-324,
    "flag": True,
    "nothing": None,
    "list": [1, "two", None, {"three": [3.0]}],
    "mapping": {"a b.c": {"d": 1}},
    "empty": {},
    "none": [],
}


# one document


def test_what_was_created_is_read_back_exactly(documents):
    created = documents.create("things/one", FULL_OF_TYPES)
    read = documents.get("things/one")
    assert (
        read == created == Document(path="things/one", data=FULL_OF_TYPES, version=created.version)
    )
    # 1.0 stays 1.0, True stays True
    assert json.dumps(read.data) == json.dumps(FULL_OF_TYPES, sort_keys=True)
    assert created.version


def test_a_document_that_is_not_there_is_none(documents):
    assert documents.get("things/none") is None


def test_tuples_and_text_enums_are_stored_as_lists_and_texts(documents):
    created = documents.create("things/one", {"tuple": (1, 2), "colour": Colour.RED})
    assert created.data == documents.get("things/one").data == {"tuple": [1, 2], "colour": "red"}
    assert type(created.data["colour"]) is str


def test_a_mapping_comes_back_in_the_order_of_its_keys_and_a_list_as_it_was(documents):
    given = {"b": {"z": 1, "a": [3, 1, 2], "é": 0}, "a": [{"2": 0, "10": 0}]}
    found = [
        documents.create("things/one", given),
        documents.get("things/one"),
        *documents.query("things"),
    ]
    told = '{"a": [{"10": 0, "2": 0}], "b": {"a": [3, 1, 2], "z": 1, "\\u00e9": 0}}'
    assert [json.dumps(document.data) for document in found] == [told] * 3


def test_creating_it_again_is_refused_and_changes_nothing(documents):
    first = documents.create("things/one", {"n": 1})
    with pytest.raises(AlreadyExists, match="things/one"):
        documents.create("things/one", {"n": 2})
    assert documents.get("things/one") == first


def test_the_version_changes_with_every_write_and_a_stale_one_is_refused(documents):
    first = documents.create("things/one", {"n": 1})
    second = documents.replace(first, {"n": 1})
    with pytest.raises(Conflict, match="things/one"):
        documents.replace(first, {"n": 3})
    third = documents.replace(second, {"n": 3})
    documents.commit([Write(kind="put", path="things/one", data={"n": 4})])
    fourth = documents.get("things/one")
    documents.commit([Write(kind="delete", path="things/one")])
    with pytest.raises(Conflict, match="gone"):
        documents.replace(fourth, {"n": 5})
    fifth = documents.create("things/one", {"n": 1})
    assert len({document.version for document in (first, second, third, fourth, fifth)}) == 5
    with pytest.raises(Conflict):
        documents.replace(first, {"n": 6})


def test_changing_what_was_given_or_read_changes_nothing_stored(documents):
    given_ = {"list": [1]}
    created = documents.create("things/one", given_)
    given_["list"].append(2)
    created.data["list"].append(3)
    documents.get("things/one").data["list"].append(4)
    documents.query("things")[0].data["list"].append(5)
    assert documents.get("things/one").data == {"list": [1]}


def test_the_same_name_in_two_collections_is_two_documents(documents):
    documents.create("a/x", {"n": 1})
    documents.create("b/x", {"n": 2})
    documents.create("a/x/b/x", {"n": 3})
    assert [documents.get(path).data["n"] for path in ("a/x", "b/x", "a/x/b/x")] == [1, 2, 3]
    assert [document.path for document in documents.query("a")] == ["a/x"]
    assert [document.path for document in documents.query("a/x/b")] == ["a/x/b/x"]


def test_half_a_character_from_a_broken_answer_does_not_keep_a_document_from_being_saved(documents):
    created = documents.create("things/one", {"detail": "a\ud800b \udc00 \ud83d\ude00 価"})
    assert created.data == documents.get("things/one").data == {"detail": "a\ufffdb \ufffd 😀 価"}


# what is refused


@pytest.mark.parametrize(
    ("data", "named"),
    [
        ({"a": float("nan")}, "things/one:a"),
        ({"a": {"b": [1, float("inf")]}}, r"a\.b\[1\]"),
        ({"a": float("-inf")}, "a"),
        ({"a": 2**63}, "64 bits"),
        ({"a": object()}, "object"),
        ({"a": b"bytes"}, "bytes"),
        ({"a": {1, 2}}, "set"),
        ({"a": [[1]]}, r"a\[0\] is a list directly inside a list"),
        ({"a": ["x", (1,)]}, r"a\[1\]"),
        ({1: "x"}, "key 1"),
        ({"": "x"}, "key ''"),
        ({"__secret__": "x"}, "__secret__"),
        ([1], "list"),
    ],
)
def test_what_is_no_plain_json_is_refused_by_name_and_nothing_is_written(documents, data, named):
    with pytest.raises(BadData, match=named):
        documents.commit(
            [
                Write(kind="put", path="things/two", data={}),
                Write(kind="put", path="things/one", data=data),
            ]
        )
    assert documents.query("things") == []


def test_a_document_nested_too_deeply_is_refused(documents):
    deep: dict = {}
    for _ in range(21):
        deep = {"d": deep}
    with pytest.raises(BadData, match="levels deep"):
        documents.create("things/one", deep)
    documents.create("things/one", deep["d"]["d"])
    assert documents.get("things/one").data == deep["d"]["d"]


def test_a_document_that_is_short_as_text_and_large_with_its_types_is_refused(documents):
    with pytest.raises(BadData, match="with its types"):
        documents.create("things/one", {"a": [0] * 125_000})
    documents.create("things/one", {"a": [0] * 124_900})
    assert documents.get("things/one").data == {"a": [0] * 124_900}


def test_a_document_above_900_kib_is_refused_and_one_just_below_is_kept(documents):
    with pytest.raises(BadData, match="921601 bytes"):
        documents.create("things/one", {"a": "x" * (900 * 1024 + 1 - 8)})
    documents.create("things/one", {"a": "x" * (900 * 1024 - 8)})
    assert len(documents.get("things/one").data["a"]) == 900 * 1024 - 8


@pytest.mark.parametrize(
    "path",
    [
        "",
        "one",
        "/one",
        "a/",
        "a//b/c",
        "a/b/c",
        "a/..",
        "./a",
        "a/__x__",
        "a/b\n",
        "a/" + "x" * 1500,
        "a/\ud800",
    ],
)
def test_a_path_that_is_none_is_refused(documents, path):
    with pytest.raises(BadData, match="document path"):
        documents.get(path)
    with pytest.raises(BadData, match="document path"):
        documents.create(path, {})


@pytest.mark.parametrize(
    ("write", "named"),
    [
        (Write(kind="create", path="a/b"), "without data"),
        (Write(kind="delete", path="a/b", data={}), "with data"),
        (Write(kind="replace", path="a/b", data={}), "without a version"),
        (Write(kind="put", path="a/b", data={}, version="1"), "with a version"),
        (Write(kind="verify", path="a/b", data={}, version="1"), "with data"),
        (Write(kind="verify", path="a/b"), "without a version"),
    ],
)
def test_a_write_that_contradicts_itself_is_refused(documents, write, named):
    with pytest.raises(BadData, match=named):
        documents.commit([write])


# batches


def test_a_batch_is_applied_whole(documents):
    old = documents.create("a/old", {"n": 1})
    documents.create("a/gone", {})
    told = documents.commit(
        [
            Write(kind="create", path="a/new", data={"n": 2}),
            Write(kind="replace", path="a/old", data={"n": 3}, version=old.version),
            Write(kind="put", path="b/put", data={"n": 4}),
            Write(kind="delete", path="a/gone"),
            Write(kind="delete", path="a/never"),
        ],
    )
    assert {path: document.data["n"] for path, document in told.items()} == {
        "a/new": 2,
        "a/old": 3,
        "b/put": 4,
    }
    assert all(documents.get(path) == document for path, document in told.items())
    assert documents.get("a/gone") is None


@pytest.mark.parametrize("position", [0, 1, 2])
def test_a_batch_with_one_write_that_cannot_be_leaves_everything_as_it_was(documents, position):
    first = documents.create("a/1", {"n": 1})
    second = documents.replace(first, {"n": 2})
    kept = documents.create("a/kept", {})
    good = [Write(kind="put", path="a/2", data={}), Write(kind="delete", path="a/kept")]
    for bad, error in (
        (Write(kind="create", path="a/1", data={}), AlreadyExists),
        (Write(kind="replace", path="a/1", data={}, version=first.version), Conflict),
        (Write(kind="replace", path="a/none", data={}, version=first.version), Conflict),
        (Write(kind="verify", path="a/1", version=first.version), Conflict),
        (Write(kind="verify", path="a/none", version=first.version), Conflict),
    ):
        with pytest.raises(error):
            documents.commit([*good[:position], bad, *good[position:]])
        assert documents.query("a") == [second, kept]


def test_a_verified_document_stays_as_it_is_and_lets_the_rest_of_its_batch_pass(documents):
    held = documents.create("a/held", {"n": 1})
    told = documents.commit(
        [
            Write(kind="create", path="a/new", data={"n": 2}),
            Write(kind="verify", path="a/held", version=held.version),
        ]
    )
    assert set(told) == {"a/new"}
    assert documents.get("a/held") == held
    assert documents.writes == 3
    after = documents.replace(held, {"n": 3})
    with pytest.raises(Conflict, match="a/held"):
        documents.commit(
            [
                Write(kind="verify", path="a/held", version=held.version),
                Write(kind="delete", path="a/new"),
            ],
        )
    assert documents.query("a") == [after, told["a/new"]]


def test_a_batch_under_a_condition_whose_answer_was_lost_is_our_own_success(documents_case):
    held = documents_case.open().create("a/held", {"n": 1})
    documents = documents_case.open(lossy=1)
    told = documents.commit(
        [
            Write(kind="create", path="a/new", data={"n": 2}),
            Write(kind="verify", path="a/held", version=held.version),
        ]
    )
    assert documents.get("a/new") == told["a/new"]


def test_an_empty_batch_does_nothing(documents):
    assert documents.commit([]) == {}
    assert (documents.reads, documents.writes) == (0, 0)


def test_a_batch_that_writes_a_document_twice_or_too_many_is_refused(documents):
    with pytest.raises(BadData, match="a/1 twice"):
        documents.commit([Write(kind="put", path="a/1", data={}), Write(kind="delete", path="a/1")])
    with pytest.raises(BadData, match="501 writes"):
        documents.commit([Write(kind="put", path=f"a/{n}", data={}) for n in range(501)])
    documents.commit([Write(kind="put", path=f"a/{n:03d}", data={}) for n in range(500)])
    found = documents.query("a", limit=1000)
    assert [document.path for document in found] == [f"a/{n:03d}" for n in range(500)]
    assert [document.path for document in documents.query("a", limit=301)] == [
        f"a/{n:03d}" for n in range(301)
    ]


def _large_writes(size):
    """A batch of `size` bytes as they are counted."""
    each, more = 900 * 1024 + 25, 33
    whole, rest = divmod(size, each)
    lengths = [900 * 1024 - 8] * whole + [rest - more]
    return [
        Write(kind="put", path=f"a/{n:02d}", data={"a": "x" * length})
        for n, length in enumerate(lengths)
    ]


def test_a_batch_above_9_mib_is_refused_and_one_just_below_is_written(documents_case):
    documents, most = documents_case.open(), 9 * 1024 * 1024
    with pytest.raises(BadData, match=f"a batch of 11 writes had {most + 1} bytes"):
        documents.commit(_large_writes(most + 1))
    assert documents.query("a") == []
    writes = _large_writes(documents_case.most_bytes)
    assert all(documents.commit(writes)[write.path].data == write.data for write in writes)
    assert [found.data for found in documents.query("a")] == [write.data for write in writes]


# lost answers


def test_a_create_whose_answer_was_lost_is_our_own_success(documents_case):
    store = documents_case.open(lossy=1)
    created = store.create("claims/one", {"n": 1})
    assert store.get("claims/one") == created
    assert store.writes == 1
    with pytest.raises(AlreadyExists):
        store.create("claims/one", {"n": 1})  # the same data, but another call: not ours


def test_a_replace_and_a_batch_whose_answers_were_lost_are_our_own_success(documents_case):
    store = documents_case.open()
    first = store.create("a/1", {"n": 1})
    store = documents_case.open(lossy=1)
    second = store.replace(first, {"n": 2})
    store = documents_case.open(lossy=1)
    told = store.commit(
        [
            Write(kind="replace", path="a/1", data={"n": 3}, version=second.version),
            Write(kind="create", path="a/2", data={}),
            Write(kind="delete", path="a/3"),
        ],
    )
    assert told["a/1"] == store.get("a/1")
    assert store.get("a/1").data == {"n": 3}


def test_a_lost_answer_does_not_hide_a_real_conflict(documents_case):
    store = documents_case.open()
    store.create("a/1", {"n": 1})
    store = documents_case.open(lossy=1)
    with pytest.raises(AlreadyExists):
        store.create("a/1", {"n": 2})
    assert store.get("a/1").data == {"n": 1}


def test_a_store_that_loses_two_answers_in_a_row_says_so_and_wrote_once(documents_case):
    store = documents_case.open(lossy=2)
    with pytest.raises(BotError):
        store.create("a/1", {"n": 1})
    assert documents_case.open().get("a/1").data == {"n": 1}
    assert issubclass(AnswerLost, BotError)


# counting


def test_reads_and_writes_count_documents(documents):
    documents.create("a/1", {"n": 1})
    documents.commit(
        [Write(kind="put", path="a/2", data={"n": 2}), Write(kind="put", path="a/3", data={"n": 2})]
    )
    assert (documents.reads, documents.writes) == (0, 3)
    documents.get("a/1")
    documents.get("a/none")
    assert documents.reads == 2
    documents.query("a", field="n", value=2)
    assert documents.reads == 4
    documents.query("a", field="n", value=3)
    assert documents.reads == 5
    with pytest.raises(AlreadyExists):
        documents.create("a/1", {})
    assert documents.writes == 3


# queries


def _fill(documents):
    rows = {
        "a": {"n": 3, "text": "c", "flag": True, "deep": {"n": 1}},
        "b": {"n": 1, "text": "a", "flag": False},
        "c": {"n": 2, "text": "b", "flag": True, "deep": {"n": 2}},
        "d": {"n": 2, "text": "é"},
        "e": {"n": None, "text": None, "flag": None, "deep": None},
        "f": {"n": "2", "text": 2, "flag": 1, "deep": [1]},
        "g": {"n": 2.5, "text": "Z", "flag": "true"},
        "h": {"n": True, "text": ["x"], "deep": {"n": {"x": 1}}},
        "i": {},
    }
    documents.commit(
        [Write(kind="put", path=f"q/{name}", data=data) for name, data in rows.items()]
    )
    documents.create("other/a", {"n": 2, "text": "b", "flag": True})


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({}, "abcdefghi"),
        ({"limit": 2}, "ab"),
        ({"field": "n", "value": 2}, "cd"),
        ({"field": "n", "value": 2, "descending": True}, "dc"),
        ({"field": "n", "op": ">=", "value": 2}, "cdga"),
        ({"field": "n", "op": ">=", "value": 2, "descending": True, "limit": 2}, "ag"),
        ({"field": "n", "op": "<", "value": 3}, "bcdg"),
        ({"field": "n", "value": "2"}, "f"),
        ({"field": "n", "value": True}, "h"),
        ({"field": "n", "value": 1}, "b"),
        ({"field": "n"}, "bcdgaf"),
        ({"field": "n", "descending": True, "limit": 3}, "fag"),
        ({"field": "text", "op": ">=", "value": "b"}, "cad"),
        ({"field": "text", "op": "<", "value": "b"}, "gb"),
        ({"field": "flag", "value": True}, "ac"),
        ({"field": "flag", "value": False}, "b"),
        ({"field": "deep.n", "op": ">=", "value": 1}, "ac"),
        ({"field": "deep.n.x", "value": 1}, "h"),
        ({"field": "absent", "value": 1}, ""),
    ],
)
def test_a_query_filters_and_orders_by_one_field(documents, asked, found):
    _fill(documents)
    assert "".join(document.path[-1] for document in documents.query("q", **asked)) == found


def test_a_query_after_changes_sees_what_is_stored_now(documents):
    document = documents.create("q/a", {"n": 1})
    assert len(documents.query("q", field="n", value=1)) == 1
    documents.replace(document, {"n": 2})
    documents.create("q/b", {"n": 2})
    assert documents.query("q", field="n", value=1) == []
    assert [item.path for item in documents.query("q", field="n", value=2)] == ["q/a", "q/b"]
    documents.commit([Write(kind="delete", path="q/a")])
    assert [item.path for item in documents.query("q", field="n", value=2)] == ["q/b"]
    assert documents.query("q", field="n", value=2)[0] == documents.get("q/b")


@pytest.mark.parametrize(
    "asked",
    [
        {"value": 1},
        {"descending": True},
        {"field": "a b", "value": 1},
        {"field": "a') OR 1=1 --", "value": 1},
        {"field": "n", "op": "!=", "value": 1},
        {"field": "n", "value": 1.5},
        {"field": "n", "value": [1]},
        {"field": "n", "value": 2**63},
        {"field": "n", "op": ">="},
        {"field": "n", "op": "<", "value": True},
        {"field": "n", "value": "a\u0000b"},
        {"limit": 0},
    ],
)
def test_a_query_that_not_every_store_can_answer_is_refused(documents, asked):
    with pytest.raises(BadData, match="query"):
        documents.query("q", **asked)


@pytest.mark.parametrize("collection", ["", "a/b", "a/../c", "/a"])
def test_a_collection_that_is_none_is_refused(documents, collection):
    with pytest.raises(BadData, match="collection"):
        documents.query(collection)


VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.integers(-3, 3),
    st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=4),
    st.lists(st.integers(-(2**63), 2**63 - 1), max_size=1),
    st.floats(allow_nan=False, allow_infinity=False, width=16),
)
ASKED = st.one_of(
    st.integers(-3, 3), st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=2)
)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    rows=st.lists(VALUES, max_size=12),
    value=st.none() | ASKED,
    op=st.sampled_from(["==", ">=", "<"]),
    descending=st.booleans(),
)
def test_sqlite_and_memory_answer_any_query_alike(tmp_path_factory, rows, value, op, descending):
    memory, sqlite = (
        MemoryDocuments(),
        SqliteDocuments(tmp_path_factory.mktemp("alike") / "state.sqlite"),
    )
    writes = [
        Write(kind="put", path=f"q/{number}", data={"f": row}) for number, row in enumerate(rows)
    ]
    asked = {
        "field": "f",
        "value": value,
        "op": "==" if value is None else op,
        "descending": descending,
    }
    told = []
    for store in (memory, sqlite):
        store.commit(writes)
        told.append([(document.path, document.data) for document in store.query("q", **asked)])
    sqlite.close()
    assert told[0] == told[1]


# many at once


def _together(count, work):
    """Run `work(number)` in threads that start at one moment; results and errors by number."""
    barrier, told = threading.Barrier(count), [None] * count

    def run(number):
        barrier.wait()
        try:
            told[number] = work(number)
        except Exception as error:  # noqa: BLE001
            told[number] = error

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return told


def test_of_8_threads_that_create_a_document_exactly_one_succeeds(documents):
    races = 40
    for race in range(races):
        told = _together(8, lambda number: documents.create(f"race/{race}", {"winner": number}))  # noqa: B023
        won = [item for item in told if isinstance(item, Document)]
        assert len(won) == 1
        assert sum(isinstance(item, AlreadyExists) for item in told) == 7
        assert documents.get(f"race/{race}") == won[0]
    assert documents.writes == races


def test_of_two_threads_that_each_write_what_the_other_verifies_exactly_one_succeeds(documents):
    races = 40
    for race in range(races):
        pair = [documents.create(f"pair/{race}-{side}", {"n": 0}) for side in range(2)]

        def cross(number, pair=pair):
            mine, other = pair[number], pair[1 - number]
            return documents.commit(
                [
                    Write(kind="replace", path=mine.path, data={"n": 1}, version=mine.version),
                    Write(kind="verify", path=other.path, version=other.version),
                ]
            )

        told = _together(2, cross)
        assert sorted(isinstance(one, Conflict) for one in told) == [False, True]
        assert sum(documents.get(one.path).data["n"] for one in pair) == 1


def test_no_increment_by_compare_and_set_is_lost_between_threads(documents):
    documents.create("counter/one", {"n": 0})
    told = _together(8, lambda _: increment(documents, 25))
    assert all(isinstance(item, int) for item in told), told
    assert documents.get("counter/one").data == {"n": 200}
    assert documents.writes == 201


def _processes(case, target, *args):
    context = multiprocessing.get_context("fork" if case.may_fork else "spawn")
    count = 4 if case.may_fork else 2
    start, results = context.Event(), context.Queue()
    processes = [
        context.Process(target=target, args=(case.address, *args, start, results))
        for _ in range(count)
    ]
    for process in processes:
        process.start()
    start.set()
    told = [results.get(timeout=60) for _ in processes]
    for process in processes:
        process.join()
        assert process.exitcode == 0
    return told


@FORKS
def test_no_increment_by_compare_and_set_is_lost_between_processes(lasting_documents_case):
    store = lasting_documents_case.open()
    store.create("counter/one", {"n": 0})
    told = _processes(lasting_documents_case, increment_in_a_process, 40)
    assert store.get("counter/one").data == {"n": 40 * len(told)}


@FORKS
def test_of_processes_that_create_a_document_exactly_one_succeeds(lasting_documents_case):
    told = _processes(
        lasting_documents_case, create_in_a_process, 50
    )  # the file is new: they make it at once, too
    assert sorted(race for won in told for race in won) == list(range(50))
    assert len(lasting_documents_case.open().query("race")) == 50


# keeping


def test_what_was_written_is_there_after_the_store_is_closed_and_opened_again(
    lasting_documents_case,
):
    store = lasting_documents_case.open()
    created = store.create("a/1", FULL_OF_TYPES)
    store.close()
    again = lasting_documents_case.open()
    assert again.get("a/1") == created
    assert again.replace(created, {"n": 2}) == again.get("a/1")


def test_a_store_can_be_closed_twice(documents):
    documents.create("a/1", {})
    documents.close()
    documents.close()
