"""Live ticks by what people have written down: real HTTP to the sandbox, a real store."""

import random
from collections import Counter
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from shared.alerts.records import record_write
from shared.core.reasons import Reason
from shared.core.types import Alert, Level, Side, TickReport
from shared.exchanges.sandbox.private.settings import FAKE_KEY, FAKE_SECRET
from shared.stores.local.sqlite import SqliteDocuments
from shared.tick.control import StageCap
from shared.tick.live import reading
from shared.tick.live.documents import LiveDocuments
from shared.tick.live.reading import Surroundings, read_preflight
from shared.tick.live.records import key_fingerprint
from shared.turn.state import State
from tests.support.account_stories import T0, market
from tests.support.live_world import LiveWorld, live_world
from tests.support.signed_client import SignedClient
from tests.support.tick_stories import INTERVAL, Script

FIRST = 6


def world_of(**more: Any) -> Any:
    minutes = market(random.Random(3), 400, day_off=0.0)
    return live_world(minutes, account=more.pop("account", "margin"), script=Script(3), **more)


def ticks(world: LiveWorld, count: int, *, first: int = FIRST) -> list[TickReport]:
    return [world.tick(T0 + number * INTERVAL) for number in range(first, first + count)]


def said(report: TickReport) -> list[str]:
    return [issue.reason.value for issue in report.issues if issue.forbids_entry]


def found(report: TickReport) -> str:
    return next(issue.context["found"] for issue in report.issues if issue.forbids_entry)


def entries(reports: list[TickReport]) -> int:
    orders = [record for report in reports for record in report.orders]
    return sum(one.what == "place" and one.intent.is_opening for one in orders)


def state_of(world: LiveWorld) -> State:
    stored = world.bot.peek()
    assert stored is not None
    return State.decode_state(stored.data["state"], world.settings)


def restart(world: LiveWorld, **more: Any) -> None:
    """The person's word again, with other fields."""
    opened_at = (state_of(world).ledger or pytest.fail("no book")).opened_at
    record = world.record(world.settings, book_opened_at=opened_at, **more)
    LiveDocuments(world.documents, world.settings.id).write_start(record, world.settings)


@pytest.mark.parametrize("account", ["margin", "spot"])
def test_a_bot_that_nobody_started_reconciles_and_enters_nothing_and_then_enters_once_started(
    account: str,
) -> None:
    with world_of(account=account, is_started=False) as world:
        before = ticks(world, 8)
        assert entries(before) == 0
        assert all(said(report) == ["live_not_started"] for report in before)
        assert {report.status.value for report in before} == {"done"}
        assert state_of(world).ledger is not None
        restart(world)
        assert entries(ticks(world, 8, first=FIRST + 8)) > 0


def test_a_denial_that_people_can_take_back_leaves_the_candle_open() -> None:
    with world_of(is_started=False) as world:
        at = T0 + 5 * INTERVAL  # a candle has just closed
        world.tick(at)
        assert not state_of(world).candle.closed
        restart(world)
        assert entries([world.tick(at + INTERVAL)]) == 1


def test_the_first_tick_of_a_book_enters_nothing_though_an_older_start_stands() -> None:
    with world_of(is_started=False) as world:
        LiveDocuments(world.documents, world.settings.id).write_start(
            world.record(world.settings, book_opened_at=1), world.settings
        )
        first, second = ticks(world, 2)
        assert found(first) == "it looks at the account for the first time, and only protects"
        assert found(second) == "its book was begun anew since the start"
        assert entries([first, second]) == 0


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ({"key": "0" * 12}, "key was 000000000000 at the start"),
        ({"stage": "stage-10"}, "stage was stage-10 at the start and is live now"),
        ({"account": "spot"}, "account was spot at the start and is margin now"),
        ({"sides": "long"}, "sides was long at the start and is both now"),
        ({"capital_jpy": 100}, "capital_jpy was 100 at the start and is 1,000,000 now"),
    ],
)
def test_a_start_with_something_else_enters_nothing_and_says_with_what(
    more: dict[str, Any], sentence: str
) -> None:
    with world_of() as world:
        documents = LiveDocuments(world.documents, world.settings.id)
        kept = documents.record()
        assert kept is not None
        stored = world.documents.get(f"live/{world.settings.id}")
        assert stored is not None
        world.documents.replace(stored, {**stored.data, **more})
        reports = ticks(world, 8)
        assert entries(reports) == 0
        assert said(reports[0]) == ["live_differs"]
        assert found(reports[0]).startswith(sentence)


def test_a_stopped_bot_keeps_the_stop_of_what_it_holds_and_enters_nothing_more() -> None:
    with world_of() as world:
        assert ticks(world, 5)[-1].positions
        live = LiveDocuments(world.documents, world.settings.id)
        assert live.has_taken_back(who="ann", why="enough", now_ms=world.clock.now_ms())
        assert not live.has_taken_back(who="ann", why="enough", now_ms=world.clock.now_ms())
        after = ticks(world, 6, first=FIRST + 5)
        assert entries(after) == 0
        seen = Counter[str]()
        for report in after:
            stops = [one for one in report.resting if one.intent.trigger_price is not None]
            if report.positions:
                seen["held"] += 1
                assert sum(one.remaining_lots for one in stops) == report.positions[0].lots
            assert found(report) == "a person has stopped this bot with real money"
        assert seen["held"] > 0
        assert live.claims(world.key, world.settings).sides == {}


def test_a_second_bot_on_the_same_side_is_told_the_name_of_the_first(tmp_path: Path) -> None:
    documents = SqliteDocuments(tmp_path / "bot.db")
    with world_of(documents=documents) as world:
        other = replace(world, settings=replace(world.settings, id="second"))
        LiveDocuments(documents, "second").note_alerts_test((), now_ms=0)
        reports = ticks(other, 6)
        assert entries(reports) == 0
        assert {found(report) for report in reports} == {
            "the long side of this account is claimed by bot default"
        }
        with pytest.raises(Exception, match="claimed by bot 'default'"):
            other.start()
        assert documents.get("live/second") is None
        assert entries(ticks(world, 6, first=FIRST + 6)) > 0


def test_another_key_or_another_side_has_claims_of_its_own() -> None:
    with world_of(overrides={"sides": "long"}) as world:
        settings = replace(world.settings, id="second")
        live = LiveDocuments(world.documents, "second")
        live.write_start(
            replace(world.record(settings, book_opened_at=1), key=key_fingerprint("another")),
            settings,
        )
        spot = replace(settings, id="third", account=type(settings.account)("spot"))
        LiveDocuments(world.documents, "third").write_start(
            world.record(spot, book_opened_at=1), spot
        )
        assert live.claims(world.key, settings).sides == {Side.LONG: "default"}


def test_a_lower_stage_of_the_control_document_is_honoured_by_the_next_tick() -> None:
    with world_of() as world:
        before = ticks(world, 1)[0]
        assert before.stage == "live"
        live = LiveDocuments(world.documents, world.settings.id)
        live.allow_at_most(StageCap(stage="stage-10", at=7, who="ann", why="careful"))
        after = ticks(world, 8, first=FIRST + 1)
        ledger = state_of(world).ledger
        assert ledger is not None
        assert ledger.capital_jpy == Decimal(100_000)
        assert {report.stage for report in after} == {"stage-10"}
        assert all("live_differs" not in said(report) for report in after)
        assert state_of(world).halted_at == 0
        opened = [one.intent for report in after for one in report.orders if one.intent.is_opening]
        assert opened
        for intent in opened:
            assert intent.price is not None
            assert intent.price * intent.lots < 100_000 * 10_000
        assert abs((after[-1].equity_jpy or 0) - Decimal(100_000)) < 10_000


def test_a_stage_can_only_be_lowered_and_a_halt_and_its_end_leave_it_as_it_is() -> None:
    with world_of() as world:
        live, bot = LiveDocuments(world.documents, world.settings.id), world.bot
        halt = bot.halt(who="ann", why="noon", now_ms=1)
        live.allow_at_most(StageCap(stage="stage-50", at=7, who="ann", why="careful"))
        assert bot.control().halts  # and the other way round
        bot.resume(halts=[halt.id], drawdown=0, who="ann", why="on", now_ms=9)
        for stage in ("stage-50", "live"):
            with pytest.raises(Exception, match="allows stage-50 at most"):
                live.allow_at_most(StageCap(stage=stage, at=8, who="bob", why="more"))  # type: ignore[arg-type]
        cap = bot.control().stage_at_most
        assert cap is not None
        assert cap.stage == "stage-50"
        live.allow_at_most(StageCap(stage="stage-10", at=9, who="ann", why="less"))
        assert live.stage_cap() == StageCap(stage="stage-10", at=9, who="ann", why="less")


def test_a_damaged_control_document_that_is_written_anew_keeps_the_lower_stage() -> None:
    with world_of() as world:
        live, bot = LiveDocuments(world.documents, world.settings.id), world.bot
        live.allow_at_most(StageCap(stage="stage-10", at=7, who="ann", why="careful"))
        stored = world.documents.get("control/default")
        assert stored is not None
        world.documents.replace(stored, {**stored.data, "halt": 3})
        bot.resume(halts=[], drawdown=0, who="ann", why="mended", now_ms=9)
        assert not bot.control().damaged
        cap = bot.control().stage_at_most
        assert cap is not None
        assert cap.stage == "stage-10"


def test_a_start_in_a_stage_takes_the_lower_one_back_and_is_told() -> None:
    with world_of() as world:
        live = LiveDocuments(world.documents, world.settings.id)
        live.allow_at_most(StageCap(stage="stage-10", at=7, who="ann", why="careful"))
        restart(world)
        assert live.stage_cap() is None
        told = world.documents.query("audit", field="at", op=">=", value=0, limit=100)
        acts = Counter(name for one in told for name in one.data["what"])
        assert acts == {"start": 2, "lower": 1}
        alerts = world.documents.query("alerts", field="last_at", op=">=", value=0, limit=100)
        assert sum(one.data["alert"]["kind"] == "audit" for one in alerts) == 3


def test_somebody_elses_orders_that_the_owner_named_forbid_nothing_and_others_do() -> None:
    with world_of() as world:
        world.tick(T0 + FIRST * INTERVAL)
        numbers = [_strange_entry(world, price) for price in (900_000, 900_100)]
        restart(world, confirmed_orders=(numbers[0],))
        after = world.tick(T0 + (FIRST + 1) * INTERVAL)
        writers = [one for one in after.issues if one.reason is Reason.ANOTHER_WRITER]
        assert [one.context["orders"] for one in writers] == [str(numbers[1])]
        restart(world, confirmed_orders=tuple(numbers))
        last = world.tick(T0 + (FIRST + 2) * INTERVAL)
        assert not [one for one in last.issues if one.reason is Reason.ANOTHER_WRITER]
        resting = {order["order_id"] for order in world.truth()["orders"]}
        assert set(numbers) <= resting  # nobody touched them


def _strange_entry(world: LiveWorld, price: int) -> int:
    """A post-only order to buy that the owner, or another bot, sends with the same key."""
    client = SignedClient(world.port, world.clock.now_ms, key=FAKE_KEY, secret=FAKE_SECRET)
    answer = client.order(
        "buy", "limit", "0.0001", price=str(price), post_only=True, position_side="long"
    )
    client.close()
    return int(answer["order_id"])


def test_a_document_of_the_start_that_cannot_be_read_enters_nothing_and_is_named() -> None:
    with world_of() as world:
        stored = world.documents.get("live/default")
        assert stored is not None
        world.documents.replace(stored, {"nonsense": 1})
        reports = ticks(world, 3)
        assert entries(reports) == 0
        assert found(reports[0]).startswith("live/default is damaged")


def test_what_a_stage_has_shown_is_counted_from_its_reports_page_by_page(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(reading, "PAGE", 3)
    with world_of(overrides={"stage": "stage-10"}) as world:
        reports = ticks(world, 8)
        world.tick(T0 + (FIRST + 12) * INTERVAL)  # four are missing
        live = LiveDocuments(world.documents, "default")
        up = replace(world.settings, stage="stage-50")
        facts = read_preflight(world.ports(), up, Surroundings())
        proof = facts.evidence
        assert proof is not None
        assert proof.done_ticks == 9
        assert proof.expected_ticks == 18  # since the start, which was six before the first
        assert {"entry", "stop"} <= proof.seen
        assert "close" not in proof.seen
        stored = world.documents.query("probes")
        assert stored == []
        world.documents.create("probes/default", {"at": 1, "purposes": ["close"]})
        key = reports[0].tick
        for level, kind in (("critical", "unprotected"), ("critical", "test"), ("info", "digest")):
            alert = Alert(
                key=f"default:{kind}:{key}",
                level=Level(level),
                kind=kind,
                title=kind,
                at=world.clock.now_ms(),
            )
            world.documents.commit([record_write(alert, bot="default")])
        again = read_preflight(world.ports(), up, Surroundings()).evidence
        assert again is not None
        assert "close" in again.seen
        assert again.open_critical == ("unprotected",)
        assert live.parity_results().results == ()
        assert read_preflight(world.ports(), world.settings, Surroundings()).evidence is None
