"""What goes when a project is taken away, in which order, what stays, and what of the bot's books
is kept.
"""

import json
from pathlib import Path

import pytest

from functions import wiring
from scripts.cloud.deleting import deletion_steps, kept_names, named_resources
from scripts.cloud.desired import load_desired
from scripts.cloud.facts import CloudFacts
from scripts.cloud.remains import KEPT, export_books, things_held
from scripts.cloud.resource import FoundResource
from shared.core.errors import UserError
from shared.stores.memory import MemoryDocuments
from shared.tick.documents import BotDocuments

PROJECT, REGION = "my-bot", "asia-northeast1"
SERVICE = f"projects/{PROJECT}/locations/{REGION}/services/tick"
FACTS = CloudFacts.of(
    PROJECT,
    REGION,
    number="1",
    billing="billingAccounts/1",
    channel="c",
    email="e",
    repository="r",
    **{f"url:{name}": f"https://{name}" for name in ("tick", "backtest", "retrain", "alerts")},
    **{"service:tick": SERVICE},
)
WANTED = tuple(one for one in load_desired(FACTS, "every").resources if not one.waits)
THERE = {
    (one.kind, one.name): FoundResource(body={**one.body, "name": "given"}, whole={"bindings": []})
    for one in WANTED
}


def test_schedules_go_first_then_functions_then_the_rest_backwards() -> None:
    kinds = [step.resource.kind for step in deletion_steps(WANTED, THERE, FACTS)]
    assert kinds[:4] == ["schedule", "schedule", "schedule", "function"]
    assert kinds.index("subscription") < kinds.index("topic") < kinds.index("secret")
    assert kinds.index("secret") < kinds.index("rights") < kinds.index("account")
    assert kinds[-1] == "account"
    assert len(kinds) >= 25


def test_database_and_bucket_stay_unless_they_are_named() -> None:
    usual = [step.resource.name for step in deletion_steps(WANTED, THERE, FACTS)]
    assert kept_names(FACTS) == ("(default)", "my-bot-bot")
    assert not any(name.endswith("(default)") or name == f"b/{PROJECT}-bot" for name in usual)
    assert f"b/run-sources-{PROJECT}-{REGION}" in usual
    both = deletion_steps(WANTED, THERE, FACTS, also=kept_names(FACTS))
    more = {step.resource.name for step in both} - set(usual)
    assert more == {f"b/{PROJECT}-bot", f"projects/{PROJECT}/databases/(default)"}
    [database] = [step for step in both if step.resource.kind == "database"]
    assert [call.arguments[2] for call in database.calls] == ["update", "delete"]


def test_what_is_not_there_is_not_deleted() -> None:
    assert [one.resource.kind for one in deletion_steps(WANTED, {}, FACTS)] == ["function"]


def test_functions_go_with_the_builds_and_with_no_other_part() -> None:
    topics = [one for one in WANTED if one.part == "topics"]
    kinds = {step.resource.kind for step in deletion_steps(topics, THERE, FACTS)}
    assert kinds == {"topic", "subscription"}


def test_what_waits_for_a_function_that_is_gone_goes_all_the_same() -> None:
    waiting = load_desired(CloudFacts.of(PROJECT, REGION), "every").resources
    named = named_resources(waiting)
    kinds = {one.kind for one in named}
    assert {"schedule", "subscription", "policy", "trigger"} <= kinds
    assert not any(one.waits for one in named)
    gone = {one.name for one in waiting} - {one.name for one in named}
    assert {name.partition(":")[0] for name in gone} == {
        "${service",
        "${billing}/budgets/crypto-bot",
    }


def test_what_google_named_is_deleted_by_that_name() -> None:
    steps = deletion_steps(WANTED, THERE, FACTS)
    lines = [call.command_line for step in steps for call in step.calls]
    for words in ("channels delete given", "policies delete given", "budgets delete given"):
        assert any(words in line for line in lines)


def test_the_books_are_exported_whole_and_never_over_others(tmp_path: Path) -> None:
    documents = MemoryDocuments()
    for number in range(250):
        documents.create(f"trades/default~{number:04}", {"net_jpy": str(number)})
    documents.create("audit/1~halt", {"who": "me"})
    documents.create("ticks/default~1", {"status": "done"})
    counts = export_books(documents, tmp_path / "books")
    assert counts == {"trades": 250, "fills": 0, "days": 0, "audit": 1}
    assert {path.stem for path in (tmp_path / "books").iterdir()} == set(KEPT)
    lines = (tmp_path / "books" / "trades.jsonl").read_text().splitlines()
    assert json.loads(lines[7]) == {"path": "trades/default~0007", "net_jpy": "7"}
    with pytest.raises(UserError, match="not empty"):
        export_books(documents, tmp_path / "books")


def test_a_lease_and_an_open_intent_are_held_and_an_empty_bot_holds_nothing(
    tmp_path: Path,
) -> None:
    settings = wiring.settings_from({"BOT_HOME": str(tmp_path)})
    ports = wiring.ports(settings, {}, dry_run=True)
    bot = BotDocuments(MemoryDocuments(), settings.id)
    now_ms = ports.clock.now_ms()
    assert list(things_held(bot, ports.exchange, settings, now_ms=now_ms)) == []
    lease = bot.take_lease(now_ms=now_ms, lease_ms=170_000)
    assert lease is not None
    bot.write_intent("t1~e1", {"bot": settings.id, "open_for": settings.id, "at": 1}, lease=lease)
    held = list(things_held(bot, ports.exchange, settings, now_ms=now_ms))
    assert held == ["tick", "intent:t1~e1"]
