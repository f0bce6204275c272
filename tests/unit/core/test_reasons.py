"""One table says what a denial leaves of its candle, and everything that denies stands in it."""

import ast
from pathlib import Path

from scripts.docs import pages as docs
from shared.core.reasons import DENIALS, OF_THE_WATCH, TRANSIENT, UNREAD, Denial, Reason
from shared.core.sentences import reason_now, reason_then

ROOT = Path(__file__).resolve().parents[3]
NEVER = {
    Reason.MONEY_MOVED,
    Reason.CLOSE_BEYOND,
    Reason.QUANTITY_HELD,
    Reason.CANCEL_REFUSED,
    Reason.BOT_MOVED,
    Reason.EXIT_MANUAL,
    Reason.EXIT_LOSSCUT,
    # outcomes and holds: these decisions deny nothing
    *(
        Reason.OK,
        Reason.POSITION_OPEN,
        Reason.ENTRY_RESTING,
        Reason.NOTHING_NEW,
        Reason.ON_TARGET,
        Reason.TARGET_UNKNOWN,
    ),
    # warnings
    *(Reason.SPREAD_WARNING, Reason.MODEL_OVERRULED),
    # what came of positions and orders
    *(reason for reason in Reason if reason.name.startswith("EXIT_")),
    *(Reason.REJECTED_BY_EXCHANGE, Reason.OUTCOME_UNKNOWN, Reason.POST_ONLY_WOULD_CROSS),
    *(Reason.ENTRY_EXPIRED, Reason.STOP_PLACED, Reason.ORPHAN_CANCELED),
    # what a tick as a whole came to
    *(
        Reason.TICK_LATE,
        Reason.LEASE_HELD,
        Reason.TIME_IMPOSSIBLE,
        Reason.STATE_DAMAGED,
        Reason.CAPITAL_CHANGED,
    ),
}


def test_every_reason_either_stands_in_the_table_or_never_denies() -> None:
    assert set(DENIALS) | NEVER == set(Reason)
    assert not set(DENIALS) & NEVER
    assert {reason for reason in DENIALS if DENIALS[reason] is Denial.TRANSIENT} == TRANSIENT
    assert set(DENIALS) >= UNREAD
    assert set(DENIALS) | {Reason.MODEL_OVERRULED} >= OF_THE_WATCH


def forbidding(tree: ast.AST) -> set[str]:
    """The members of `Reason` that a module denies for: given to `deny`, `denied`, a DENY decision
    or a forbidding issue.
    """
    found = set()
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        named = {keyword.arg: keyword.value for keyword in node.keywords}
        forbids = named.get("forbids_entry", named.get("forbids"))
        callee = (
            node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        )
        arguments = [*node.args, *named.values()]
        denies = any(isinstance(each, ast.Attribute) and each.attr == "DENY" for each in arguments)
        never = isinstance(forbids, ast.Constant) and forbids.value is False
        if (forbids is not None and not never) or denies or callee in {"deny", "denied", "_valued"}:
            found |= {
                inner.attr
                for each in arguments
                for inner in ast.walk(each)
                if isinstance(inner, ast.Attribute)
                and isinstance(inner.value, ast.Name)
                and inner.value.id == "Reason"
            }
    return found


def test_whatever_the_code_denies_for_stands_in_the_table() -> None:
    modules = list((ROOT / "shared").rglob("*.py"))
    told = {
        name for file in modules for name in forbidding(ast.parse(file.read_text(encoding="utf-8")))
    }
    assert {Reason[name] for name in told} - {Reason.OK} <= set(DENIALS)
    assert len(modules) >= 200
    assert len(told) >= 25


def test_a_denial_that_the_table_does_not_know_is_found() -> None:
    planted = ast.parse(
        "_issue(Reason.TICK_LATE, forbids=True)\nIssue(reason=Reason.STOP_PLACED, forbids_entry=x)"
    )
    assert forbidding(planted) == {"TICK_LATE", "STOP_PLACED"}


def test_nobody_else_says_which_reasons_may_pass() -> None:
    """A second list of transient reasons would let tick and replay, or two policies, differ."""
    asking = [
        file
        for file in (ROOT / "shared").rglob("*.py")
        if "TRANSIENT" in file.read_text(encoding="utf-8") and file.name != "reasons.py"
    ]
    assert sorted(file.name for file in asking) == ["exposure.py", "halts.py", "state.py"]


def test_the_page_prints_the_table() -> None:
    page = docs.reasons_page()
    rows = 0
    for reason in Reason:
        assert f"| `{reason}` | {DENIALS.get(reason, '')} |" in page
        rows += 1
    assert rows == len(Reason) >= 70


def test_what_stands_against_an_entry_has_words_for_people() -> None:
    told = [reason for reason in DENIALS if reason_then(reason) == reason.value.replace("_", " ")]
    assert not told
    for reason in UNREAD | {Reason.BOOK_FAR, Reason.DATA_SPIKE, Reason.SIDE_SUSPENDED}:
        assert reason_now(reason) != reason.value.replace("_", " ")
