"""The rules of the preflight: everything that must agree, each by itself; and what a stage must
have shown.
"""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from shared.core.calendar import DAY_MS
from shared.core.reasons import Reason
from shared.core.settings import load_settings
from shared.core.types import (
    Holdings,
    Issue,
    Ledger,
    Position,
    Side,
    Stranger,
    Traces,
)
from shared.core.types.orders import Entry
from shared.orders.own_book import open_ledger
from shared.tick.control import StageCap
from shared.tick.live.preflight import (
    RULES,
    PreflightFacts,
    is_passed,
    preflight,
)
from shared.tick.live.raising import StageEvidence, is_going_up, needed_kinds
from shared.tick.live.records import (
    AlertsTest,
    KeyRights,
    LiveRecord,
    ParityResult,
    ParityResults,
    SideClaims,
)
from shared.tick.live.standing import LiveStanding
from shared.turn.state import State

NOW = 1_900_000_000_000
KEY = "0123456789ab"
SETTINGS = load_settings(
    {"BOT_HOME": "/nowhere", "BOT_MODE": "live", "BOT_STAGE": "stage-10", "BOT_SIDES": "both"}
)
BOOK = replace(
    open_ledger(100_000, 1), traces=Traces(read_at=NOW, newest_order_id=7, jpy=Decimal(50_000))
)
HELD = Holdings(
    as_of=NOW,
    cash_jpy=Decimal(100_000),
    equity_jpy=Decimal(100_000),
    available_jpy=Decimal(100_000),
    mark_price=None,
    ledger=BOOK,
    there_lots={Side.LONG: 0, Side.SHORT: 0},
)
GOOD = PreflightFacts(
    settings=SETTINGS,
    now_ms=NOW,
    key=KEY,
    is_capital_said=True,
    rights=KeyRights(at=1, who="ann", why="looked", key=KEY),
    alerts_test=AlertsTest(at=NOW - DAY_MS, channels=("discord", "second")),
    channels=("discord",),
    skew_ms=12.0,
    model="v1",
    state=State(mode="live", stage="stage-10", ledger=BOOK),
    holdings=HELD,
)
RECORD = LiveRecord(
    at=1,
    who="ann",
    why="go",
    key=KEY,
    stage="stage-10",
    stage_since=NOW - 15 * DAY_MS,
    account="margin",
    pair="btc_jpy",
    sides="both",
    capital_jpy=1_000_000,
    book_opened_at=1,
    settings_hash="0",
)
SHOWN = StageEvidence(
    since=NOW - 15 * DAY_MS,
    now_ms=NOW,
    expected_ticks=6_720,
    done_ticks=6_687,
    seen=frozenset({"entry", "stop", "target", "close"}),
    parity=ParityResults(results=(ParityResult(at=NOW - DAY_MS, since=1, until=2, unexplained=0),)),
)


def lacking(facts: PreflightFacts) -> list[str]:
    """The names of what must be mended; each says how."""
    checks = [check for check in preflight(facts) if not check.is_met]
    assert all(check.said and check.remedy for check in checks)
    assert is_passed(preflight(facts)) is not bool(checks)
    return [check.name for check in checks]


def with_settings(**more: Any) -> PreflightFacts:
    return replace(GOOD, settings=replace(SETTINGS, **more))


def holding(**more: Any) -> PreflightFacts:
    return replace(GOOD, holdings=replace(HELD, **more))


def book(**more: Any) -> Ledger:
    return replace(BOOK, **more)


def test_everything_agrees_and_every_rule_has_said_so() -> None:
    checks = preflight(GOOD)
    assert lacking(GOOD) == []
    assert len({check.name for check in checks}) == len(RULES) + 1  # key and its rights
    assert not any(check.remedy for check in checks)


FORBIDDING = Issue(
    reason=Reason.MODEL_NOT_PROVEN, forbids_entry=True, context={"found": "no proof"}
)
ONE_AT_A_TIME = {
    "the mode is paper": (with_settings(mode="paper"), "mode"),
    "the stage is of paper": (with_settings(stage="paper"), "stage"),
    "the first stage is skipped": (with_settings(stage="stage-50"), "stage"),
    "the capital is the default": (replace(GOOD, is_capital_said=False), "capital"),
    "no key is set": (replace(GOOD, missing_secrets=["BITBANK_API_KEY"]), "key"),
    "nobody said what the key may do": (replace(GOOD, rights=None), "rights"),
    "it was said of another key": (replace(GOOD, key="ba9876543210"), "rights"),
    "another bot has the side": (
        replace(GOOD, standing=LiveStanding(claims=SideClaims(sides={Side.SHORT: "first"}))),
        "claim",
    ),
    "a document is damaged": (replace(GOOD, standing=LiveStanding(damage="live/a")), "claim"),
    "no model serves": (replace(GOOD, model=None), "model"),
    "the model may not enter": (replace(GOOD, model_issues=[FORBIDDING]), "model"),
    "the clock is not known": (replace(GOOD, skew_ms=None), "clock"),
    "the clock is wrong": (replace(GOOD, skew_ms=-60_000.0), "clock"),
    "no channel is set up": (replace(GOOD, channels=()), "alerts"),
    "no channel was tried": (replace(GOOD, alerts_test=None), "alerts"),
    "a channel was not tried": (replace(GOOD, channels=("discord", "mail")), "alerts"),
    "the test is old": (
        replace(GOOD, alerts_test=AlertsTest(at=NOW - 31 * DAY_MS, channels=("discord",))),
        "alerts",
    ),
    "no live tick has looked": (
        replace(GOOD, state=State(mode="live", stage="stage-10")),
        "account",
    ),
    "the account cannot be read": (replace(GOOD, trouble="no answer"), "account"),
    "an outcome is unknown": (replace(GOOD, is_blocked=True), "account"),
    "a reading does not agree": (
        holding(issues=(Issue(reason=Reason.FILLS_LATE, forbids_entry=True, context={}),)),
        "account",
    ),
    "the owner has a position on the side": (holding(there_lots={Side.LONG: 12}), "side"),
    "what is booked is not there": (
        holding(
            positions=(
                Position(
                    side=Side.SHORT,
                    entries=(Entry(at=1, price=1, lots=3, fee_jpy=Decimal(0)),),
                ),
            )
        ),
        "side",
    ),
    "the yen are not there": (
        holding(ledger=book(traces=replace(BOOK.traces, jpy=Decimal(-1)))),  # type: ignore[type-var]
        "balances",
    ),
    "somebody sends orders like the bot's": (
        holding(strangers=(Stranger(order_id=9, is_like_ours=True),)),
        "orders",
    ),
}


@pytest.mark.parametrize("name", ONE_AT_A_TIME)
def test_what_is_missing_is_named_alone_with_its_remedy(name: str) -> None:
    facts, missing = ONE_AT_A_TIME[name]
    assert lacking(facts) == [missing]


def test_a_model_that_a_person_overrules_may_start_and_is_remarked() -> None:
    overruled = Issue(
        reason=Reason.MODEL_OVERRULED, forbids_entry=False, context={"found": "by ann"}
    )
    facts = replace(GOOD, model_issues=[overruled])
    assert lacking(facts) == []
    assert [check.name for check in preflight(facts) if check.is_note] == ["model"]


def test_coins_beside_the_bots_are_named_on_spot_and_are_collateral_on_margin() -> None:
    ledger = book(traces=replace(BOOK.traces, btc=Decimal("0.25")))  # type: ignore[type-var]
    spot = load_settings({"BOT_HOME": "/nowhere", "BOT_ACCOUNT": "spot"}).account
    for account, notes in ((spot, ["side"]), (SETTINGS.account, [])):
        facts = replace(holding(ledger=ledger), settings=replace(SETTINGS, account=account))
        assert lacking(facts) == []
        assert [check.name for check in preflight(facts) if check.is_note] == notes


def test_strange_orders_start_where_each_is_named_and_the_remedy_names_the_others() -> None:
    strangers = tuple(Stranger(order_id=number, is_like_ours=number != 8) for number in (7, 8, 9))
    facts = replace(holding(strangers=strangers), confirmed_orders=(7,))
    assert lacking(facts) == ["orders"]
    remedy = next(check.remedy for check in preflight(facts) if check.name == "orders")
    assert "--theirs 9" in remedy
    assert "--theirs 7" not in remedy
    assert lacking(replace(facts, confirmed_orders=(7, 9))) == []


def going_up(**more: Any) -> PreflightFacts:
    facts = with_settings(stage="stage-50")
    standing = LiveStanding(
        record=replace(RECORD, **more.pop("record", {})), **more.pop("standing", {})
    )
    return replace(facts, standing=standing, evidence=replace(SHOWN, **more))


def test_a_stage_that_has_shown_everything_is_followed_by_the_next() -> None:
    facts = going_up()
    assert is_going_up(facts.standing, facts.settings)
    assert lacking(facts) == []
    assert sum(check.name.startswith("up-") for check in preflight(facts)) == 5


UNSHOWN: dict[str, tuple[dict[str, Any], str]] = {
    "thirteen days": ({"since": NOW - 14 * DAY_MS + 1}, "up-days"),
    "too few ticks": ({"done_ticks": 6_686}, "up-ticks"),
    "no tick was due": ({"expected_ticks": 0, "done_ticks": 0}, "up-ticks"),
    "no stop was seen": ({"seen": frozenset({"entry", "target", "close"})}, "up-kinds"),
    "never compared": ({"parity": ParityResults()}, "up-parity"),
    "compared long ago": (
        {
            "parity": ParityResults(
                results=(ParityResult(at=NOW - 15 * DAY_MS, since=1, until=2, unexplained=0),)
            )
        },
        "up-parity",
    ),
    "a difference without a cause": (
        {
            "parity": ParityResults(
                results=(ParityResult(at=NOW - DAY_MS, since=1, until=2, unexplained=1),)
            )
        },
        "up-parity",
    ),
    "something critical": ({"open_critical": ("The stop is gone.",)}, "up-critical"),
}


@pytest.mark.parametrize("name", UNSHOWN)
def test_a_stage_that_has_not_shown_something_is_not_left(name: str) -> None:
    more, missing = UNSHOWN[name]
    assert lacking(going_up(**more)) == [missing]


def test_a_stage_is_left_upwards_one_at_a_time_and_downwards_at_once() -> None:
    facts = replace(going_up(), settings=replace(SETTINGS, stage="live"))
    assert lacking(facts) == ["stage"]
    down = replace(
        with_settings(stage="stage-10"),
        standing=LiveStanding(record=replace(RECORD, stage="live")),
    )
    assert lacking(down) == []
    assert not is_going_up(down.standing, down.settings)


def test_what_people_lowered_counts_as_the_present_stage_and_its_days_from_then_on() -> None:
    cap = StageCap(stage="stage-10", at=NOW - DAY_MS, who="ann", why="careful")
    standing = LiveStanding(record=replace(RECORD, stage="live"), cap=cap)
    assert standing.stage(replace(SETTINGS, stage="live")) == "stage-10"
    assert standing.stage_since == cap.at
    assert lacking(replace(with_settings(stage="live"), standing=standing)) == ["stage"]
    facts = replace(with_settings(stage="stage-50"), standing=standing)
    assert lacking(replace(facts, evidence=replace(SHOWN, since=cap.at))) == ["up-days"]


def test_a_difference_is_explained_by_a_later_comparison_of_all_of_it_and_by_no_other() -> None:
    wrong = ParityResult(at=10, since=100, until=200, unexplained=2)
    for later, is_open in (
        (ParityResult(at=11, since=100, until=200, unexplained=0), False),
        (ParityResult(at=11, since=101, until=200, unexplained=0), True),
        (ParityResult(at=11, since=100, until=199, unexplained=0), True),
        (ParityResult(at=9, since=1, until=999, unexplained=0), True),
    ):
        found = ParityResults(results=(wrong,)).add(later)
        assert bool(found.open_results(since_ms=10)) is is_open
        assert found.open_results(since_ms=11) == ()


@pytest.mark.parametrize(
    ("environ", "kinds"),
    [
        ({}, ["entry", "stop", "target", "close"]),
        ({"BOT_ACCOUNT": "spot"}, ["entry", "stop", "close"]),
        ({"BOT_PROFILE": "trend"}, ["entry", "stop", "close"]),
    ],
)
def test_the_kinds_of_orders_follow_from_policy_and_account(
    environ: dict[str, str], kinds: list[str]
) -> None:
    settings = load_settings({"BOT_HOME": "/nowhere", **environ})
    assert [str(kind) for kind in needed_kinds(settings)] == kinds
