"""What people have ordered: whose halt it is, which one a resume takes back, and what a damaged
document may never do.
"""

import contextlib
import random

import pytest

from shared.core.errors import BadData, Conflict
from shared.stores.memory import MemoryDocuments
from shared.stores.ports import Write
from shared.tick import control
from shared.tick.commands import order_flatten
from shared.tick.documents import BotDocuments

AT = 1_772_409_600_000
ASKED = {"who": "alice", "why": "a test"}


@pytest.fixture
def documents():
    return MemoryDocuments()


def bots(documents):
    return BotDocuments(documents, "alpha"), BotDocuments(documents, "beta")


def test_a_halt_belongs_to_the_bot_that_was_named(documents):
    alpha, beta = bots(documents)
    halt = alpha.halt(**ASKED, now_ms=AT)
    assert alpha.control().halts == {"control/alpha": halt}
    assert not beta.control().halts
    beta.resume(halts=[], drawdown=AT, **ASKED, now_ms=AT + 1)
    assert alpha.control().halts == {"control/alpha": halt}
    assert (alpha.control().lifts_drawdown, beta.control().lifts_drawdown) == (0, AT)


def test_a_halt_for_all_holds_for_every_bot_until_it_is_taken_back_for_all(documents):
    alpha, beta = bots(documents)
    halt = alpha.halt(**ASKED, now_ms=AT, everyone=True)
    assert alpha.control().halts == beta.control().halts == {"control/all": halt}
    beta.resume(halts=[], drawdown=0, **ASKED, now_ms=AT + 1)
    assert alpha.control().halts == beta.control().halts == {"control/all": halt}
    beta.resume(halts=[halt.id], drawdown=0, **ASKED, now_ms=AT + 2, everyone=True)
    assert not alpha.control().halts
    assert not beta.control().halts


def test_a_halt_of_an_older_version_holds_for_every_bot_and_its_resume_lifts_nothing(documents):
    alpha, beta = bots(documents)
    older = {
        "halt": True,
        "halted_at": AT,
        "who": "bob",
        "why": "older",
        "at": AT,
        "resumed_at": AT + 10**9,
    }
    documents.create("control/current", older)
    for bot in (alpha, beta):
        (halt,) = bot.control().halts.values()
        assert (halt.who, halt.why, halt.at) == ("bob", "older", AT)
        assert bot.control().lifts_drawdown == 0
    (halt,) = alpha.control().halts.values()
    alpha.resume(halts=[halt.id], drawdown=0, **ASKED, now_ms=AT + 1, everyone=True)
    assert not beta.control().halts
    assert documents.get("control/current") is None
    documents.create("control/current", {**older, "halt": False})
    assert not alpha.control().halts
    assert not alpha.control().damaged


def test_a_resume_never_lifts_a_halt_that_it_does_not_name(documents):
    alpha, _ = bots(documents)
    first = alpha.halt(**ASKED, now_ms=AT)
    second = alpha.halt(who="bob", why="later", now_ms=AT)
    with pytest.raises(Conflict, match="bob halted meanwhile"):
        alpha.resume(halts=[first.id], drawdown=0, **ASKED, now_ms=AT + 1)
    assert alpha.control().halts == {"control/alpha": second}
    assert len(documents.query("audit")) == 2


def test_what_a_newer_version_wrote_beside_survives(documents):
    alpha, _ = bots(documents)
    alpha.halt(**ASKED, now_ms=AT)
    stored = documents.get("control/alpha")
    documents.replace(stored, {**stored.data, "until": AT + 5})
    (halt,) = alpha.control().halts.values()
    alpha.resume(halts=[halt.id], drawdown=0, **ASKED, now_ms=AT + 1)
    assert documents.get("control/alpha").data["until"] == AT + 5


WRONG = (None, True, False, 0, -1, 7, 1.5, "", "yesterday", [], [1], {}, {"a": 1}, 10**18, "null")


def damaged_ones():
    """Every field of both layouts with every value of a wrong type, and without the field; and
    documents that are none.
    """
    halt = {"id": "h", "at": AT, "who": "a", "why": "b"}
    lifted = {"halts": ["g"], "drawdown": AT, "at": AT, "who": "a", "why": "b"}
    whole = {"schema": 1, "halt": halt, "lifted": lifted}
    older = {"halt": True, "halted_at": AT, "resumed_at": AT, "who": "a", "why": "b", "at": AT}
    yield from ([], [whole], "halt", 7, None, True)
    for base in (whole, older):
        for path in [(name,) for name in base] + [
            (name, inner) for name, part in base.items() if isinstance(part, dict) for inner in part
        ]:
            for value in WRONG:
                made = {**base}
                if len(path) == 2:
                    made[path[0]] = {**base[path[0]], path[1]: value}
                else:
                    made[path[0]] = value
                yield made
            made = {**base}
            if len(path) == 2:
                made[path[0]] = {
                    name: part for name, part in base[path[0]].items() if name != path[1]
                }
            else:
                del made[path[0]]
            yield made


def test_whatever_a_control_document_holds_it_is_read_or_named_and_a_resume_mends_it(documents):
    alpha, beta = bots(documents)
    counts = {"read": 0, "damaged": 0}
    for data in damaged_ones():
        found = control.combine_controls({"control/alpha": data}, "alpha")
        counts["damaged" if found.damaged else "read"] += 1
        for said in found.damaged.values():
            assert said.startswith("control/alpha ")
            assert not found.halts
            assert found.lifts_drawdown == 0
        if isinstance(data, dict):
            documents.commit([Write(kind="put", path="control/alpha", data=data)])
            ordered = alpha.control()
            assert bool(ordered.damaged) == bool(found.damaged)
            alpha.resume(
                halts=[halt.id for halt in ordered.halts.values()], drawdown=0, **ASKED, now_ms=AT
            )
            assert not alpha.control().damaged
            assert not alpha.control().halts
            assert not beta.control().damaged
    assert counts["damaged"] >= 180, counts
    assert counts["read"] >= 20, counts


def test_what_is_mended_is_kept_in_the_audit(documents):
    alpha, _ = bots(documents)
    documents.create("control/alpha", {"schema": 1, "halt": "yes", "lifted": None})
    alpha.resume(halts=[], drawdown=0, **ASKED, now_ms=AT)
    (record,) = documents.query("audit")
    assert "'halt': 'yes'" in record.data["damaged"]["control/alpha"]


def test_a_newer_schema_is_named_and_not_guessed_at():
    with pytest.raises(BadData, match="control/alpha has schema 2; this version reads up to 1"):
        control.decode_control({"schema": 2, "halt": None, "lifted": None}, "control/alpha")


def test_no_sequence_of_halts_and_resumes_lifts_more_than_it_names(documents):
    rng, lifted = random.Random(4), 0
    for _ in range(300):
        bot = bots(documents)[rng.random() < 0.5]
        before = {
            path: halt
            for name in ("alpha", "beta")
            for path, halt in BotDocuments(documents, name).control().halts.items()
        }
        everyone = rng.random() < 0.3
        if rng.random() < 0.5:
            bot.halt(**ASKED, now_ms=rng.randrange(10), everyone=everyone)
            continue
        named = [
            halt.id for halt in rng.sample(list(before.values()), k=rng.randint(0, len(before)))
        ]
        with contextlib.suppress(Conflict):
            bot.resume(
                halts=named, drawdown=0, **ASKED, now_ms=rng.randrange(10), everyone=everyone
            )
        after = {
            path: halt
            for name in ("alpha", "beta")
            for path, halt in BotDocuments(documents, name).control().halts.items()
        }
        gone = set(before) - set(after)
        assert all(before[path].id in named for path in gone)
        assert gone <= ({"control/all"} if everyone else {f"control/{bot.bot}"})
        lifted += len(gone)
    assert lifted >= 30


def test_a_flatten_halts_too_and_is_taken_back_with_its_halt_and_survives_another_halt(documents):
    alpha, beta = bots(documents)
    flatten = order_flatten(alpha, **ASKED, now_ms=AT)
    assert alpha.control().flatten == flatten
    assert alpha.control().halts == {"control/alpha": flatten}
    assert beta.control().flatten is None
    assert order_flatten(alpha, who="bob", why="again", now_ms=AT + 1) == flatten
    halt = alpha.halt(who="bob", why="a look", now_ms=AT + 2)
    assert alpha.control().flatten == flatten
    with pytest.raises(Conflict, match="bob halted meanwhile"):
        alpha.resume(halts=[flatten.id], drawdown=0, **ASKED, now_ms=AT + 3)
    assert alpha.control().flatten == flatten
    alpha.resume(halts=[halt.id], drawdown=0, **ASKED, now_ms=AT + 4)
    assert (alpha.control().flatten, dict(alpha.control().halts)) == (None, {})
    acts = {name for one in documents.query("audit") for name in one.data["what"]}
    assert acts == {"flatten", "halt", "resume", "drawdown"}


def test_a_flatten_over_a_damaged_document_counts_and_what_was_there_is_kept_in_the_audit(
    documents,
):
    alpha, _ = bots(documents)
    documents.create("control/alpha", {"schema": 1, "halt": 7, "lifted": None})
    assert alpha.control().damaged
    flatten = order_flatten(alpha, **ASKED, now_ms=AT)
    assert (alpha.control().flatten, dict(alpha.control().damaged)) == (flatten, {})
    (audit,) = documents.query("audit")
    assert "'halt': 7" in audit.data["damaged"]["control/alpha"]


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("flatten", {"id": 1}),
        ("adoption", {"id": "a", "what": "steal"}),
        ("moved", {"store": "x"}),
        ("moved", True),
    ],
)
def test_a_field_of_what_came_later_that_makes_no_sense_is_damage(documents, field, wrong):
    alpha, _ = bots(documents)
    documents.create("control/alpha", {"schema": 1, "halt": None, "lifted": None, field: wrong})
    assert list(alpha.control().damaged) == ["control/alpha"]
