"""The Firestore adapter over real gRPC, where no emulator is needed: lost answers, refusals, how
long it waits, and how a document lies.
"""

import ast
import http.server
import re
import subprocess
import sys
import threading
import time
import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from google.api_core.datetime_helpers import DatetimeWithNanoseconds
from google.auth import exceptions as credentials
from google.auth.compute_engine import _metadata
from google.cloud.firestore_v1 import DocumentSnapshot, types
from grpc import StatusCode

from shared.core.deadline import Deadline, bind_deadline
from shared.core.errors import (
    AlreadyExists,
    BadData,
    BadSettings,
    BotError,
    Conflict,
    StoreBroken,
    Unavailable,
    remedy_of,
)
from shared.stores.documents import AnswerLost
from shared.stores.google import layout
from shared.stores.google.connection import Connection
from shared.stores.google.firestore import CALL_SECONDS, FirestoreDocuments
from shared.stores.ports import Write
from shared.tick.documents import BotDocuments
from tests.support.scripted_firestore import Fail, ScriptedFirestore

ROOT = Path(__file__).resolve().parents[3]
LOST = Fail(StatusCode.UNAVAILABLE, applied=True)
DOWN = Fail(StatusCode.UNAVAILABLE)


@pytest.fixture
def server(monkeypatch):
    with ScriptedFirestore() as running:
        monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", running.address)
        yield running


@pytest.fixture
def documents(server):
    store = FirestoreDocuments.open("a-project/(default)")
    yield store
    store.close()


def writers(server) -> set[str]:
    """The nonces of all commits that were sent."""
    return {
        write.update.fields["writer"].string_value
        for request in server.requests("Commit")
        for write in request.writes
    }


# lost answers


def test_a_commit_that_was_applied_and_whose_answer_was_lost_is_found_by_its_nonce(
    server, documents
) -> None:
    server.faults = [LOST]
    created = documents.create("ticks/one", {"n": 1})
    assert documents.get("ticks/one") == created
    assert len(server.requests("Commit")) == 1
    assert documents.writes == 1


def test_a_commit_that_never_arrived_is_sent_again_under_the_same_nonce(server, documents) -> None:
    server.faults = [DOWN]
    documents.create("ticks/one", {"n": 1})
    assert len(server.requests("Commit")) == 2
    assert len(writers(server)) == 1
    with pytest.raises(AlreadyExists, match="ticks/one"):
        documents.create("ticks/one", {"n": 1})
    assert len(writers(server)) == 2


def test_a_commit_that_arrives_late_is_still_our_own(server, documents) -> None:
    server.faults = [LOST, DOWN, DOWN]  # nor can it be read back at once
    created = documents.create("ticks/one", {"n": 1})
    assert len(server.requests("Commit")) == 2, "the second is refused, and is our own"
    assert documents.get("ticks/one") == created


def test_where_nobody_can_say_what_became_of_a_commit_it_is_said_to_be_open(
    server, documents
) -> None:
    server.faults = [LOST, *[DOWN] * 8]
    with pytest.raises(AnswerLost, match=r"ticks/one.*open whether it was written"):
        documents.create("ticks/one", {"n": 1})
    server.faults = []
    assert documents.get("ticks/one").data == {"n": 1}
    assert documents.writes == 0


def test_a_commit_that_is_open_when_the_time_is_up_says_so_too(server, documents) -> None:
    server.faults = [Fail(StatusCode.UNAVAILABLE, applied=True, seconds=0.4)]
    with bind_deadline(Deadline.after(0.3)), pytest.raises(AnswerLost, match="open whether"):
        documents.create("ticks/one", {"n": 1})


def test_a_batch_that_met_others_is_tried_again_and_a_real_conflict_is_told(
    server, documents
) -> None:
    first = documents.create("bots/one", {"n": 1})
    server.faults = [Fail(StatusCode.ABORTED)]
    second = documents.replace(first, {"n": 2})
    assert documents.get("bots/one") == second
    with pytest.raises(Conflict, match="written by somebody else"):
        documents.replace(first, {"n": 3})
    server.faults = [Fail(StatusCode.ABORTED)]
    with pytest.raises(Conflict, match="written by somebody else"):
        documents.replace(first, {"n": 3})
    assert documents.get("bots/one") == second


def test_a_version_of_another_store_is_a_conflict(documents) -> None:
    documents.create("bots/one", {})
    with pytest.raises(Conflict):
        documents.commit([Write(kind="replace", path="bots/one", data={}, version="7f3a")])


def test_verifying_changes_nothing_and_stops_a_batch(server, documents) -> None:
    held = documents.create("bots/one", {"n": 1})
    documents.commit(
        [
            Write(kind="create", path="intents/a", data={}),
            Write(kind="verify", path="bots/one", version=held.version),
        ]
    )
    assert documents.get("bots/one") == held
    newer = documents.replace(held, {"n": 2})
    with pytest.raises(Conflict, match="bots/one"):
        documents.commit(
            [
                Write(kind="create", path="intents/b", data={}),
                Write(kind="verify", path="bots/one", version=held.version),
            ]
        )
    assert documents.get("intents/b") is None
    assert documents.get("bots/one") == newer


# refusals


@pytest.mark.parametrize(
    ("code", "error", "words"),
    [
        (StatusCode.PERMISSION_DENIED, StoreBroken, "roles/datastore.user"),
        (StatusCode.UNAUTHENTICATED, StoreBroken, "gcloud auth application-default login"),
        (StatusCode.NOT_FOUND, StoreBroken, "make the database"),
        (StatusCode.FAILED_PRECONDITION, StoreBroken, "indexes.toml"),
        (StatusCode.INVALID_ARGUMENT, BadData, "things/one"),
        (StatusCode.RESOURCE_EXHAUSTED, Unavailable, "patience"),
        (StatusCode.UNAVAILABLE, Unavailable, "no answer"),
        (StatusCode.DEADLINE_EXCEEDED, Unavailable, "no answer"),
        (StatusCode.INTERNAL, Unavailable, "no answer"),
        (StatusCode.CANCELLED, Unavailable, "no answer"),
    ],
)
def test_what_firestore_says_is_told_with_what_to_do(server, documents, code, error, words) -> None:
    server.faults = [Fail(code)] * 3
    with pytest.raises(error) as told:
        documents.get("things/one")
    assert words in f"{told.value} {remedy_of(told.value)}"
    assert len(server.calls) == (3 if error is Unavailable else 1), "only silence is asked again"
    server.faults = []
    assert documents.get("things/one") is None


@pytest.mark.parametrize(
    ("code", "is_replaced"),
    [
        (StatusCode.UNAVAILABLE, True),
        (StatusCode.DEADLINE_EXCEEDED, True),
        (StatusCode.RESOURCE_EXHAUSTED, False),
        (StatusCode.PERMISSION_DENIED, False),
    ],
)
def test_a_connection_without_an_answer_is_replaced_and_no_other(
    server, documents, code, is_replaced
) -> None:
    documents.get("things/one")
    with documents._connection.client() as client:
        pass
    server.faults = [Fail(code)]
    try:
        documents.get("things/one")
    except BotError:
        assert code is StatusCode.PERMISSION_DENIED
    with documents._connection.client() as after:
        assert (after is not client) is is_replaced


@pytest.mark.parametrize("address", ["", "/", "/(default)", "a/b/c", "a b/c"])
def test_an_address_without_a_project_is_refused_with_a_remedy(address) -> None:
    with pytest.raises(BadSettings, match=r"BOT_STATE was .firestore://") as told:
        FirestoreDocuments.open(address)
    assert "firestore://PROJECT/DATABASE" in told.value.remedy


def test_a_database_may_be_left_out(server) -> None:
    store = FirestoreDocuments.open("a-project")
    store.get("things/one")
    (request,) = server.requests("BatchGetDocuments")
    assert request.database == "projects/a-project/databases/(default)"
    store.close()


# how long it waits


def test_every_request_is_given_what_is_left_and_never_the_clients_own_limits(
    server, documents
) -> None:
    documents.create("things/one", {})
    documents.get("things/one")
    outside = [seconds for _, _, seconds in server.calls]
    assert len(outside) == 2
    assert all(CALL_SECONDS - 5 < seconds < CALL_SECONDS + 0.1 for seconds in outside)
    with bind_deadline(Deadline.after(3.0)):
        documents.replace(documents.get("things/one"), {"n": 1})
    inside = [seconds for _, _, seconds in server.calls[2:]]
    assert len(inside) == 2
    assert all(0 < seconds < 3.1 for seconds in inside)


def test_a_server_that_is_silent_is_waited_for_until_the_deadline_and_no_longer(
    server, documents
) -> None:
    server.faults = [Fail(StatusCode.OK, applied=True, seconds=2.0)] * 9
    for ask in (lambda: documents.get("a/b"), lambda: documents.create("a/b", {})):
        began = time.monotonic()
        with bind_deadline(Deadline.after(0.5)), pytest.raises(Unavailable):
            ask()
        assert time.monotonic() - began < 1.5
    with bind_deadline(Deadline.after(-1.0)):
        count = len(server.calls)
        with pytest.raises(Unavailable, match="no time was left for the document a/b"):
            documents.get("a/b")
        assert len(server.calls) == count


def test_threads_share_a_connection_and_it_is_closed_when_the_last_has_left_it() -> None:
    made, closed = [], []
    connection = Connection(make=lambda: made.append(1) or len(made), close=closed.append)
    entered, leave = threading.Barrier(5), threading.Event()

    def use() -> None:
        with connection.client() as client:
            assert client == 1
            entered.wait()
            leave.wait()

    threads = [threading.Thread(target=use, daemon=True) for _ in range(4)]
    for thread in threads:
        thread.start()
    entered.wait()
    connection.drop(1)
    connection.drop(1)
    assert closed == []
    with connection.client() as another:
        assert another == 2
    leave.set()
    for thread in threads:
        thread.join()
    assert (made, closed) == ([1, 1], [1])
    connection.drop()
    assert closed == [1, 2]


def test_connecting_is_within_the_time_of_the_request(server, documents, monkeypatch) -> None:
    make = documents._connection._make
    documents.get("a/b")
    documents.close()
    sent = len(server.calls)

    def connect_slowly():
        time.sleep(0.4)
        return make()

    monkeypatch.setattr(documents._connection, "_make", connect_slowly)
    with bind_deadline(Deadline.after(1.4)):
        documents.get("a/b")
    assert server.calls[sent][2] < 1.05, "the request had what connecting left"
    documents.close()
    with bind_deadline(Deadline.after(0.2)), pytest.raises(Unavailable, match="no time was left"):
        documents.create("a/b", {})
    assert len(server.calls) == sent + 1, "nothing is sent when the time is over"


def test_whoever_waits_for_anothers_connecting_waits_no_longer_than_it_may() -> None:
    entered, leave = threading.Event(), threading.Event()

    def make() -> int:
        entered.set()
        leave.wait(20)
        return 1

    def use() -> None:
        with connection.client():
            pass

    connection = Connection(make=make, close=lambda _: None)
    first = threading.Thread(target=use, daemon=True)
    first.start()
    entered.wait()
    waits = {"bound": None, "given": time.monotonic() + 0.2}
    for until in waits.values():
        began = time.monotonic()
        with (
            bind_deadline(Deadline.after(0.2)),
            pytest.raises(Unavailable, match="still connecting"),
            connection.client(until=until),
        ):
            pass
        assert time.monotonic() - began < 1.5
    connection.drop()  # waits for nobody either
    leave.set()
    first.join()


@pytest.fixture
def metadata(monkeypatch, tmp_path):
    """A metadata server, the paths that it was asked for, and those on which it hangs."""
    asked, hanging, over = [], [], threading.Event()

    class Answer(http.server.BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

        def do_GET(self) -> None:
            asked.append(self.path)
            if any(part in self.path for part in hanging):
                over.wait(20)
                return
            self.send_response(200)
            self.send_header("Metadata-Flavor", "Google")
            self.send_header("Content-Type", "application/text")
            self.end_headers()
            self.wfile.write(b"a-project" if "project-id" in self.path else b"{}")

    running = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    threading.Thread(target=running.serve_forever, daemon=True).start()
    address = f"127.0.0.1:{running.server_port}"
    for name in ("GCE_METADATA_HOST", "GCE_METADATA_IP", "GCE_METADATA_ROOT"):
        monkeypatch.setenv(name, address)
    monkeypatch.setattr(_metadata, "_GCE_METADATA_HOST", address)
    for name in ("GOOGLE_APPLICATION_CREDENTIALS", "FIRESTORE_EMULATOR_HOST", "NO_GCE_CHECK"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    yield asked, hanging
    over.set()
    running.shutdown()
    running.server_close()


@pytest.mark.parametrize("part", ["project-id", "/"])
def test_signing_in_ends_with_the_deadline(metadata, part) -> None:
    asked, hanging = metadata
    hanging.append(part)
    store = FirestoreDocuments("a-project")
    began = time.monotonic()
    with bind_deadline(Deadline.after(0.5)), pytest.raises(Unavailable):
        store.get("a/b")
    assert time.monotonic() - began < 4.0
    assert asked


def test_one_signs_in_once_whatever_becomes_of_the_connection(metadata) -> None:
    asked, _ = metadata
    store = FirestoreDocuments("a-project")
    for _ in range(3):
        with store._ready_client("a test", time.monotonic() + 10.0):
            pass
        store.close()
    assert len([path for path in asked if "project-id" in path]) == 1


def test_an_emulator_is_asked_without_signing_in(metadata, server) -> None:
    asked, _ = metadata
    store = FirestoreDocuments("a-project")
    store.get("a/b")
    store.close()
    assert asked == []
    assert len(server.calls) == 1


LOST_SIGN_IN = [
    credentials.DefaultCredentialsError("nobody there"),
    credentials.TransportError("no way"),
    credentials.RefreshError("no token"),
]


@pytest.mark.parametrize("failure", LOST_SIGN_IN, ids=lambda failure: type(failure).__name__)
def test_a_lost_answer_stays_open_where_nobody_can_sign_in_to_read_it_back(
    server, documents, monkeypatch, failure
) -> None:
    made = []
    make = documents._connection._make

    def connect_once():
        made.append(1)
        if len(made) > 1:
            raise failure
        return make()

    monkeypatch.setattr(documents._connection, "_make", connect_once)
    server.faults = [LOST]
    with pytest.raises(AnswerLost, match="open whether it was written"):
        documents.create("ticks/one", {"n": 1})
    assert len(server.requests("Commit")) == 1
    monkeypatch.setattr(documents._connection, "_make", make)
    assert documents.get("ticks/one").data == {"n": 1}


@pytest.mark.parametrize("code", [StatusCode.PERMISSION_DENIED, StatusCode.UNAUTHENTICATED])
def test_a_lost_answer_stays_open_where_reading_back_or_sending_again_is_not_allowed(
    server, documents, code
) -> None:
    for count in (1, 2):
        server.faults = [Fail(StatusCode.UNAVAILABLE, applied=True), *[Fail(code)] * count]
        if count == 1:  # allowed again when it is sent again: found by its nonce
            documents.create(f"ticks/{count}", {})
        else:
            with pytest.raises(AnswerLost, match=f"ticks/{count}"):
                documents.create(f"ticks/{count}", {})
        server.faults = []
        assert documents.get(f"ticks/{count}") is not None


@pytest.mark.parametrize("failure", LOST_SIGN_IN[1:], ids=lambda failure: type(failure).__name__)
def test_signing_in_that_reached_nobody_is_tried_again(
    server, documents, monkeypatch, failure
) -> None:
    fails, make = [failure, failure], documents._connection._make

    def connect():
        if fails:
            raise fails.pop()
        return make()

    monkeypatch.setattr(documents._connection, "_make", connect)
    assert documents.get("a/b") is None
    assert fails == []


@pytest.mark.parametrize("method", ["get", "create"])
def test_a_closed_channel_is_replaced_and_the_request_sent_again(server, documents, method) -> None:
    documents.get("a/b")
    with documents._connection.client() as client:
        client._firestore_api.transport.close()
    found = documents.get("a/b") if method == "get" else documents.create("a/b", {"n": 1})
    assert (found is None) is (method == "get")
    with documents._connection.client() as after:
        assert after is not client


@pytest.mark.parametrize("failure", LOST_SIGN_IN, ids=lambda failure: type(failure).__name__)
def test_a_client_whose_request_cannot_be_signed_is_replaced(
    server, documents, monkeypatch, failure
) -> None:
    documents.get("a/b")
    with documents._connection.client() as client:

        def fail(*_: object, **__: object) -> None:
            raise failure

        monkeypatch.setattr(client, "get_all", fail)
    assert documents.get("a/b") is None
    with documents._connection.client() as after:
        assert after is not client


# how a document lies


def stored(server, path):
    return types.Document.wrap(
        server.stored[f"projects/a-project/databases/(default)/documents/{path}"]
    )


def test_the_data_is_one_map_and_what_expires_has_a_timestamp_beside_it(server, documents) -> None:
    before = datetime.now(UTC)
    for collection in ("ticks", "alerts", "bots", "intents", "audit", "days", "trades", "paper"):
        documents.create(f"{collection}/one", {"expire_at": 5})
    for collection in ("ticks", "alerts"):
        fields = stored(server, f"{collection}/one").fields
        assert set(fields) == {"data", "writer", "schema", "expire_at"}
        lives = fields["expire_at"].timestamp_value - before
        assert timedelta(days=90) <= lives < timedelta(days=90, minutes=5)
    for collection in ("bots", "intents", "audit", "days", "trades", "paper"):
        assert set(stored(server, f"{collection}/one").fields) == {"data", "writer", "schema"}
    assert documents.get("ticks/one").data == {"expire_at": 5}


def test_what_a_newer_version_wrote_beside_the_data_stays(server, documents) -> None:
    read = documents.create("bots/one", {"n": 1})
    place = f"projects/a-project/databases/(default)/documents/{read.path}"
    server.stored[place].fields["newer"].string_value = "kept"
    server.stored[place].fields["schema"].integer_value = layout.SCHEMA + 1
    documents.replace(documents.get("bots/one"), {"n": 2})
    assert stored(server, "bots/one").fields["newer"].string_value == "kept"
    server.stored[place].fields["schema"].integer_value = layout.SCHEMA + 2
    with pytest.raises(StoreBroken, match="bots/one has the layout 3") as told:
        documents.get("bots/one")
    assert "version of the bot that wrote it" in told.value.remedy


@pytest.mark.parametrize(
    "fields",
    [
        {"schema": 1},
        {"schema": 1, "data": [1]},
        {"schema": 1, "data": {"at": datetime(2026, 1, 1, tzinfo=UTC)}},
        {"schema": 1, "data": {"deep": [{"at": b"bytes"}]}},
        {"schema": 1, "data": {"not": float("nan")}},
        {"data": {}},
    ],
)
def test_what_no_bot_wrote_is_named_with_a_remedy(fields) -> None:
    with pytest.raises(StoreBroken, match="bots/one") as told:
        layout.read_document("bots/one", fields, version="1")
    assert told.value.remedy


def test_a_control_document_made_by_hand_is_told_as_damage_and_stops_no_tick(
    server, documents
) -> None:
    bot = BotDocuments(documents, "default")
    bot.halt(who="alice", why="a test", now_ms=1)
    for name in ("default", "all"):
        if name == "all":
            documents.create("control/all", {"halt": True})
        place = f"projects/a-project/databases/(default)/documents/control/{name}"
        server.stored[place].fields.pop("schema")
    ordered = bot.control()
    assert set(ordered.damaged) == {"control/default", "control/all"}
    assert {path: "has the layout None" in told for path, told in ordered.damaged.items()} == (
        dict.fromkeys(ordered.damaged, True)
    ), ordered.damaged
    halt = bot.halt(who="bob", why="written anew", now_ms=2)
    assert bot.control().halts == {"control/default": halt}
    assert set(bot.control().damaged) == {"control/all"}


@pytest.mark.parametrize("collection", ["alerts", "intents", "trials"])
def test_one_foreign_document_of_a_query_stands_there_as_no_mapping(collection) -> None:
    found = layout.read_found(f"{collection}/one", {"data": {"n": 1}}, version="7")
    assert (found.path, found.version) == (f"{collection}/one", "7")
    told: Any = found.data
    assert told == (
        f"the stored document {collection}/one has the layout None, and this version of the bot"
        " knows 1"
    )


def test_a_foreign_document_is_not_passed_to_who_cannot_tell_it() -> None:
    with pytest.raises(layout.ForeignDocument, match="days/one"):
        layout.read_found("days/one", {"data": {"n": 1}}, version="7")


# what the database needs


def queries_of_the_code() -> set[tuple[str, str, bool]]:
    """Every query by a field in the product: where, by which field, whether descending."""
    found = set()
    for package in ("shared", "models", "functions", "scripts"):
        for file in (ROOT / package).rglob("*.py"):
            if file.is_relative_to(ROOT / "shared" / "stores"):
                continue
            text = file.read_text(encoding="utf-8")
            for node in ast.walk(ast.parse(text)) if ".query(" in text else ():
                if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
                    continue
                named = {word.arg: word.value for word in node.keywords}
                if node.func.attr != "query" or "field" not in named:
                    continue
                where = ast.unparse(node.args[0]).strip("'")
                field = ast.literal_eval(named["field"])
                found.add((where, field, "descending" in named))
    return found


def test_every_query_of_the_code_has_its_index_and_every_index_its_query() -> None:
    indexed = {
        (line["collection"], line["field"].removeprefix("data."), order)
        for line in layout.indexes()["indexed"]
        for order in line["order"]
    }
    jobs = set()
    for file in (ROOT / "models").rglob("*.py"):
        jobs |= set(re.findall(r'^COLLECTION = "(\w+)"$', file.read_text(), re.MULTILINE))
    asked = set()
    for where, field, descending in queries_of_the_code():
        for collection in sorted(jobs) if where == "self._collection" else [where]:
            asked.add((collection, field, "descending" if descending else "ascending"))
    assert len(asked) >= 7
    assert asked <= indexed
    assert {(where, field) for where, field, _ in indexed} == {
        (where, field) for where, field, _ in asked
    }


def test_the_needs_of_the_database_are_complete_as_data() -> None:
    told = tomllib.loads(layout.INDEXES.read_text(encoding="utf-8"))
    assert set(told) == {"unindexed", "indexed", "kept"}
    assert {line["collection"]: line["days"] for line in told["kept"]} == {
        "ticks": 90,
        "alerts": 90,
    }
    assert {line["field"] for line in told["kept"]} == {"expire_at"}
    assert all(line["field"].startswith("data.") for line in told["indexed"])


def test_googles_client_is_imported_by_the_first_request_and_not_before() -> None:
    code = (
        "import sys\n"
        "from functions import wiring\n"
        "def loaded(): return [name for name in ('grpc', 'google.cloud.firestore', 'google.auth')"
        " if name in sys.modules]\n"
        "made = wiring.documents_for(wiring.settings_from({'BOT_STATE': 'firestore://a/b'}))\n"
        "print(loaded(), type(made).__name__)\n"
    )
    told = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert told.stdout.split("\n")[0] == "[] FirestoreDocuments"


@pytest.mark.parametrize("collection", ["alerts", "intents", "trials"])
def test_one_foreign_document_does_not_hide_the_others_of_a_query(
    documents, monkeypatch, collection
) -> None:
    client = documents._client()
    at = DatetimeWithNanoseconds(2026, 1, 1, tzinfo=UTC)
    page = [
        DocumentSnapshot(client.document(f"{collection}/{name}"), fields, True, at, at, at)
        for name, fields in [
            ("foreign", {"data": {"open_for": "default"}}),
            ("ours", {"data": {"open_for": "default"}, "schema": 1}),
        ]
    ]
    monkeypatch.setattr(documents, "_page", lambda *_, **__: page)
    found = documents.query(collection, field="open_for", value="default")
    assert [document.path for document in found] == [f"{collection}/foreign", f"{collection}/ours"]
    assert "has the layout None" in found[0].data
    assert found[1].data == {"open_for": "default"}
    client.close()
