"""The desired state as data: every body as Google's own documents have it, the rights as small as
the issue of each account, and what must never be otherwise. Twelve mistakes are found.
"""

import base64
import json
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
import yaml

from scripts.cloud.desired import RESOURCES, STAGES, load_desired
from scripts.cloud.facts import FUNCTIONS, CloudFacts
from scripts.cloud.kinds import KINDS
from scripts.cloud.options import STAGES as STAGE_NAMES
from scripts.cloud.resource import Resource
from shared.core.errors import UserError
from shared.core.settings import load_settings
from tests.support.cloud.discovery import errors_of

PROJECT, REGION = "my-bot", "asia-northeast1"
URLS = {name: f"https://{name}-abc-an.a.run.app" for name in FUNCTIONS}
KNOWN = {
    "number": "123456789012",
    "billing": "billingAccounts/000000-AAAAAA-111111",
    "channel": f"projects/{PROJECT}/notificationChannels/1",
    "email": "owner@example.com",
    "repository": f"projects/{PROJECT}/locations/{REGION}/connections/github/repositories/x",
    **{f"url:{name}": url for name, url in URLS.items()},
    **{
        f"service:{name}": f"projects/{PROJECT}/locations/{REGION}/services/{name}"
        for name in FUNCTIONS
    },
}
FACTS = CloudFacts.of(PROJECT, REGION, **KNOWN)
MEANT_BY_THE_SERVER = frozenset({"api", "value", "schedule"})
"""Kinds whose state only the server writes, and the data wants."""
TICK_SECONDS = 180
WRITES = {
    "tick": {"candles/window/"},
    "alerts": {"watch/"},
    "backtest": {"backtests/", "candles/joined/", "stages/", "folds/", "shuffles/"},
    "retrain": {
        "bundles/",
        "archive/bundles/",
        "apart/bundles/",
        "candles/",
        "folds/",
        "shuffles/",
        "tuning/",
    },
}
READS = {
    "BITBANK_API_KEY": {"tick"},
    "BITBANK_API_SECRET": {"tick"},
    "BOT_BUNDLE_SIGNING_KEY": {"retrain"},
    "DISCORD_WEBHOOK_URL": {"alerts", "tick", "retrain"},
}
HOLDS = {
    "roles/datastore.user": {"tick", "backtest", "retrain", "alerts"},
    "roles/run.builder": {"build"},
    "roles/run.sourceDeveloper": {"deploy"},
    "roles/serviceusage.serviceUsageConsumer": {"deploy"},
    "roles/logging.logWriter": {"deploy"},
    "roles/datastore.viewer": {"deploy"},
    "roles/cloudscheduler.admin": {"deploy"},
}
CALLS = {
    "tick": {"schedule", "alerts", "deploy"},
    "retrain": {"schedule"},
    "alerts": {"schedule", "push"},
    "backtest": {"push"},
}


def desired(stage: str = "live", *, resources: Path = RESOURCES) -> tuple[Resource, ...]:
    return load_desired(FACTS, stage, resources=resources).resources


def of_kind(found: Sequence[Resource], kind: str) -> dict[str, Resource]:
    return {one.id: one for one in found if one.kind == kind}


def bots(binding: dict[str, list[str]]) -> set[str]:
    return {
        found[1]
        for who in binding["members"]
        if (found := re.fullmatch(rf"serviceAccount:bot-(\w+)@{PROJECT}\..*", who))
    }


def mistakes(found: Sequence[Resource]) -> list[str]:
    """Everything that is wrong with the data, a sentence each."""
    return [
        *schema_mistakes(found),
        *rights_mistakes(found),
        *schedule_mistakes(found),
        *topic_mistakes(found),
        *store_mistakes(found),
        *cost_mistakes(found),
        *waiting_mistakes(found),
    ]


def schema_mistakes(found: Sequence[Resource]) -> Iterator[str]:
    for one in found:
        api, _, schema = KINDS[one.kind].schema.partition(" ")
        told = "allowed" if one.kind in MEANT_BY_THE_SERVER else "refused"
        for error in errors_of(api, schema, one.body, output_only=told):
            yield f"{one.kind} {one.id}: {error}"


def rights_mistakes(found: Sequence[Resource]) -> Iterator[str]:
    for one in of_kind(found, "rights").values():
        for binding in one.body["bindings"]:
            if {"allUsers", "allAuthenticatedUsers"} & set(binding["members"]):
                yield f"{one.name} is public"
            if re.search(r"\.(owner|editor)$|/(owner|editor)$", binding["role"]):
                yield f"{one.name}: {binding['role']} is far too much"
    rights = {one.name: one.body["bindings"] for one in found if one.kind == "rights"}
    yield from _unequal("the project", _roles(rights[f"projects/{PROJECT}"]), HOLDS)
    for name, callers in CALLS.items():
        service = f"projects/{PROJECT}/locations/{REGION}/services/{name}"
        yield from _unequal(name, _roles(rights[service]), {"roles/run.invoker": callers})
    for name in of_kind(found, "secret"):
        secret = _roles(rights[f"projects/{PROJECT}/secrets/{name}"])
        yield from _unequal(name, secret, {"roles/secretmanager.secretAccessor": READS[name]})
    written: dict[str, set[str]] = {}
    for binding in rights[f"b/{PROJECT}-bot"]:
        if binding["role"] == "roles/storage.objectViewer":
            continue
        told = binding.get("condition", {}).get("expression", "everything")
        prefix = rf'"projects/_/buckets/{PROJECT}-bot/objects/([^"]+)"'
        for who in bots(binding):
            written[who] = set(re.findall(rf"startsWith\({prefix}\)", told)) or {told}
    yield from _unequal("the bucket", written, WRITES)


def _roles(bindings: Sequence[dict[str, list[str]]]) -> dict[str, set[str]]:
    return {str(one["role"]): bots(one) for one in bindings}


def _unequal(what: str, found: dict[str, set[str]], wanted: dict[str, set[str]]) -> Iterator[str]:
    for name in sorted({*found, *wanted}):
        if found.get(name, set()) != wanted.get(name, set()):
            yield f"{what}: {name} is {found.get(name)}, not {wanted.get(name)}"


def schedule_mistakes(found: Sequence[Resource]) -> Iterator[str]:
    jobs = of_kind(found, "schedule")
    targets = {"tick": "tick", "retrain": "retrain", "watch": "alerts"}
    intervals = {"tick": TICK_SECONDS, "retrain": 7 * 86_400, "watch": 900}
    if set(jobs) != set(targets):
        yield f"the schedules are {sorted(jobs)}: three are free"
        return
    for name, job in jobs.items():
        target, url = job.body["httpTarget"], URLS[targets[name]]
        if target["oidcToken"]["audience"] != url or target["uri"] != f"{url}/":
            yield f"{name} calls {target['uri']} for {target['oidcToken']['audience']}"
        if not bots({"members": [f"serviceAccount:{target['oidcToken']['serviceAccountEmail']}"]}):
            yield f"{name} calls as nobody of ours"
        if float(job.body["attemptDeadline"][:-1]) >= intervals[name]:
            yield f"{name} may still be waiting when the next one is due"
        if job.body["timeZone"] != "Etc/UTC":
            yield f"{name} is not of UTC"
        if not isinstance(json.loads(base64.b64decode(target["body"])), dict):
            yield f"{name} sends no object"
    tick, retrain = jobs["tick"].body, jobs["retrain"].body
    if tick["schedule"] != "*/3 * * * *" or tick["retryConfig"] != {"retryCount": 0}:
        yield "a tick comes every three minutes and is never repeated"
    answer_by = load_settings({}).tick.answer_by_seconds
    if float(tick["attemptDeadline"][:-1]) <= answer_by:
        yield "the scheduler gives a tick up before it has to answer"
    if retrain["retryConfig"]["retryCount"] != 5 or retrain["attemptDeadline"] != "1800s":
        yield "a retraining is tried five times more, each within 1800 s"
    if jobs["watch"].body["schedule"] != "*/15 * * * *":
        yield "the watch comes every fifteen minutes"


def topic_mistakes(found: Sequence[Resource]) -> Iterator[str]:
    if set(of_kind(found, "topic")) != {"alerts", "jobs", "dead"}:
        yield "there are two topics, and one for what is dead"
    for name, target in {"alerts": "alerts", "jobs": "backtest"}.items():
        body = of_kind(found, "subscription")[name].body
        push = body["pushConfig"]
        if push["oidcToken"]["audience"] != URLS[target]:
            yield f"{name} is pushed for {push['oidcToken']['audience']}"
        if body.get("deadLetterPolicy", {}).get("deadLetterTopic", "")[-5:] != "/dead":
            yield f"what is dead of {name} is lost"
    for one in of_kind(found, "subscription").values():
        if one.body["expirationPolicy"]:
            yield f"{one.id} expires"


def store_mistakes(found: Sequence[Resource]) -> Iterator[str]:
    [database] = of_kind(found, "database").values()
    if database.body["deleteProtectionState"] != "DELETE_PROTECTION_ENABLED":
        yield "the database can be deleted"
    if database.body["locationId"] != REGION:
        yield "the database is elsewhere"
    expiring = {one.name.split("/")[5] for one in found if "ttlConfig" in one.body}
    if expiring != {"ticks", "alerts"}:
        yield f"{sorted(expiring)} expire: a tax return needs trades, fills, days and audit"
    for one in of_kind(found, "bucket").values():
        access = one.body["iamConfiguration"]
        if access["publicAccessPrevention"] != "enforced":
            yield f"{one.id} may be made public"
    if of_kind(found, "bucket")[f"{PROJECT}-bot"].body["versioning"] != {"enabled": True}:
        yield "what is overwritten in the bucket is gone"


def cost_mistakes(found: Sequence[Resource]) -> Iterator[str]:
    conditions = [c for one in of_kind(found, "policy").values() for c in one.body["conditions"]]
    if not 1 <= len(conditions) <= 3:
        yield f"{len(conditions)} conditions are paid for"
    # An exchange key that is rotated has two versions for a while.
    secrets = of_kind(found, "secret")
    if len(secrets) + sum(name.startswith("BITBANK") for name in secrets) > 6:
        yield "six active versions are free"
    [images] = of_kind(found, "images").values()
    kept = images.body["cleanupPolicies"].get("keep-two", {}).get("mostRecentVersions")
    if kept != {"keepCount": 2}:
        yield "two images of each function are kept"


def waiting_mistakes(found: Sequence[Resource]) -> Iterator[str]:
    for one in found:
        if "${" in one.name or one.waits:
            yield f"{one.name} waits, and everything is known"


def test_the_data_has_no_mistake_at_any_stage() -> None:
    for stage in STAGE_NAMES:
        found = desired(stage)
        assert mistakes(found) == []
        assert len(found) >= 75
        assert {one.kind for one in found} == set(KINDS)
        parts = list(dict.fromkeys(one.part for one in found))
        assert parts == [
            "apis", "accounts", "stores", "secrets", "topics", "schedules", "policies", "builds",
        ]  # fmt: skip


def test_paper_needs_no_exchange_key_and_a_stage_changes_little() -> None:
    paper, ten = desired("paper"), desired("stage-10")
    only = {one.name for one in ten} - {one.name for one in paper}
    assert {name.split("/")[3] for name in only} == {"BITBANK_API_KEY", "BITBANK_API_SECRET"}
    known = {(one.kind, one.name): one.body for one in ten}
    changed = [one.kind for one in paper if known[one.kind, one.name] != one.body]
    assert sorted(changed) == ["budget", "database", "logs", "trigger"]


def test_every_stage_has_the_same_values_and_the_stages_are_those_of_the_settings() -> None:
    stages = yaml.safe_load(STAGES.read_text(encoding="utf-8"))
    assert tuple(stages) == STAGE_NAMES == tuple(load_settings({}).stages)
    assert len({tuple(values) for values in stages.values()}) == 1
    for name in stages["paper"]:
        assert f"${{stage:{name}}}" in RESOURCES.read_text(encoding="utf-8")


def test_before_the_first_deployment_exactly_what_needs_a_function_waits_for_it() -> None:
    nothing = load_desired(CloudFacts.of(PROJECT, REGION), "paper").resources
    waiting = {(one.kind, one.id): one.waits for one in nothing if one.waits}
    for name in ("tick", "retrain"):
        assert waiting["schedule", name] == (f"url:{name}",)
    assert waiting["schedule", "watch"] == ("url:alerts",)
    assert waiting["subscription", "jobs"] == ("url:backtest",)
    assert set(waiting["rights", "jobs"]) == {"url:backtest", "number"}
    assert waiting["trigger", "crypto-bot-main"] == ("repository",)
    assert set(waiting["budget", "crypto-bot"]) == {"billing", "number"}
    assert waiting["policy", "silent"] == ("channel",)
    assert len(waiting) == 17
    assert not any(one.waits for one in desired())


PLANTED: dict[str, tuple[Callable[[str], str], str]] = {
    "a typo": (lambda text: text.replace("ackDeadlineSeconds", "ackDeadLineSeconds", 1), "ackDead"),
    "a public function": (
        lambda text: text.replace(
            'members: ["serviceAccount:${account:push}"]', "members: [allUsers]", 1
        ),
        "public",
    ),
    "a number without its unit": (
        lambda text: text.replace("attemptDeadline: 150s", 'attemptDeadline: "150"'),
        "google-duration",
    ),
    "a deadline beyond the interval": (
        lambda text: text.replace("attemptDeadline: 150s", "attemptDeadline: 190s"),
        "next one is due",
    ),
    "a deadline before the answer": (
        lambda text: text.replace("attemptDeadline: 150s", "attemptDeadline: 110s"),
        "before it has to answer",
    ),
    "a tick that is repeated": (
        lambda text: text.replace("retryConfig: {retryCount: 0}", "retryConfig: {retryCount: 1}"),
        "never repeated",
    ),
    "the address of a tag as the audience": (
        lambda text: text.replace(
            "audience: ${url:tick}", "audience: https://candidate---tick-abc-an.a.run.app"
        ),
        "candidate---",
    ),
    "a function that may write everything": (
        lambda text: text.replace(
            'startsWith("${objects}/candles/window/")', 'startsWith("${objects}/")'
        ),
        "the bucket: tick",
    ),
    "the exchange key for the retraining": (
        lambda text: text.replace(
            'members: ["serviceAccount:${account:tick}"]',
            'members: ["serviceAccount:${account:tick}", "serviceAccount:${account:retrain}"]',
        ),
        "BITBANK_API_KEY: roles/secretmanager",
    ),
    "a database that can be deleted": (
        lambda text: text.replace("DELETE_PROTECTION_ENABLED", "DELETE_PROTECTION_DISABLED"),
        "can be deleted",
    ),
    "a word that the API does not know": (
        lambda text: text.replace("publicAccessPrevention: enforced", "publicAccessPrevention: on"),
        "True is not of type 'string'",
    ),
    "an editor": (
        lambda text: text.replace("roles/run.sourceDeveloper", "roles/editor"),
        "far too much",
    ),
    "what is dead is lost": (
        lambda text: text.replace("deadLetterTopic: projects/${project}/topics/dead", "x: y", 1),
        "dead of alerts is lost",
    ),
    "a fourth schedule": (
        lambda text: text.replace("jobs/watch\n", "jobs/look\n"),
        "three are free",
    ),
    "a field that only the server writes": (
        lambda text: text.replace("displayName: bot-push", "uniqueId: '1', displayName: bot-push"),
        "only the server writes it",
    ),
}


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_mistake_is_found(name: str, tmp_path: Path) -> None:
    plant, told = PLANTED[name]
    text = RESOURCES.read_text(encoding="utf-8")
    assert plant(text) != text
    path = tmp_path / "resources.yaml"
    path.write_text(plant(text), encoding="utf-8")
    found = mistakes(desired(resources=path))
    assert any(told in one for one in found), found


@pytest.mark.parametrize(
    ("wrong", "right", "remedy"),
    [
        ("${url:tock}", "${url:tick}", "did you mean 'url:tick'?"),
        ('{location: "${regoin}"}', '{location: "${region}"}', "did you mean 'region'?"),
        ("${account:tik}", "${account:tick}", "did you mean 'account:tick'?"),
        ("${stage:log_day}", "${stage:log_days}", "did you mean 'stage:log_days'?"),
        ("kind: shedule", "kind: schedule", "did you mean 'schedule'?"),
        ("boddy:", "body:", "did you mean 'body'?"),
    ],
)
def test_a_name_that_nobody_knows_is_refused_with_the_nearest(
    wrong: str, right: str, remedy: str, tmp_path: Path
) -> None:
    path = tmp_path / "resources.yaml"
    text = RESOURCES.read_text(encoding="utf-8").replace(right, wrong, 1)
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UserError) as refused:
        desired(resources=path)
    assert refused.value.remedy == remedy


def test_a_resource_that_stands_twice_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "resources.yaml"
    text = RESOURCES.read_text(encoding="utf-8").replace("topics/jobs\n", "topics/alerts\n", 1)
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match="twice"):
        desired(resources=path)


def test_a_part_and_a_stage_that_there_are_not_are_refused() -> None:
    everything = load_desired(FACTS, "paper")
    with pytest.raises(UserError) as refused:
        everything.of_parts(["topic"])
    assert refused.value.remedy == "did you mean 'topics'?"
    with pytest.raises(UserError):
        load_desired(FACTS, "stage-20")
    assert {one.part for one in everything.of_parts(["topics"])} == {"topics"}
