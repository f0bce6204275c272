"""Every kind: what gcloud prints becomes the body that the data has, whatever Google adds to it;
what differs is changed by the right call; what cannot be changed is said.
"""

from collections.abc import Mapping
from typing import Any

import pytest

from scripts.cloud.desired import load_desired
from scripts.cloud.facts import FUNCTIONS, CloudFacts, Traffic, service_facts, traffic_of
from scripts.cloud.kinds import KINDS
from scripts.cloud.planning import PlanStep, plan_steps
from scripts.cloud.resource import FoundResource, Resource
from scripts.cloud.words import short_name

PROJECT, REGION, NUMBER = "my-bot", "asia-northeast1", "123456789012"
KNOWN = {
    "number": NUMBER,
    "billing": "billingAccounts/000000-AAAAAA-111111",
    "channel": f"projects/{PROJECT}/notificationChannels/77",
    "email": "owner@example.com",
    "repository": f"projects/{PROJECT}/locations/{REGION}/connections/github/repositories/x",
    **{f"url:{name}": f"https://{name}-abc-an.a.run.app" for name in FUNCTIONS},
    **{
        f"service:{name}": f"projects/{PROJECT}/locations/{REGION}/services/{name}"
        for name in FUNCTIONS
    },
}
EVERYTHING = load_desired(CloudFacts.of(PROJECT, REGION, **KNOWN), "live").resources
OWNER = {"role": "roles/owner", "members": ["user:owner@example.com"]}


def answer_of(resource: Resource, **otherwise: Any) -> Any:  # noqa: PLR0911
    """What gcloud prints where the resource is as it should be, but for some fields of it."""
    body: dict[str, Any] = {**resource.body, **otherwise}
    added = {"etag": "abc", "createTime": "2026-11-02T00:00:00Z"}
    name, numbered = resource.name, resource.name.replace(PROJECT, NUMBER, 1)
    match resource.kind:
        case "api":
            return [{"config": {"name": resource.id}, "name": numbered, **body}]
        case "rights":
            return {"version": 3, "etag": "abc", "bindings": [OWNER, *body["bindings"]]}
        case "bucket":
            access = {**body["iamConfiguration"], "bucketPolicyOnly": {"enabled": True}}
            seconds = str(body["softDeletePolicy"]["retentionDurationSeconds"])
            return {
                **body,
                "kind": "storage#bucket",
                "name": resource.id,
                "location": body["location"].upper(),
                "iamConfiguration": access,
                "softDeletePolicy": {"retentionDurationSeconds": seconds},
            }
        case "secret":
            return [{"name": numbered, **added, **body}]
        case "value":
            return [{"name": numbered.replace("latest", "3"), **added, **body}]
        case "database":
            return {"name": name, **added, "freeTier": True, **body}
        case "field" if resource.id == "*":
            return {"name": name, **body}
        case "field" if "ttlConfig" in body:
            return [{"name": name, "ttlConfig": {"state": "ACTIVE"}}]
        case "logs":
            return {"name": name, "lifecycleState": "ACTIVE", **added, **body}
        case "metric" | "trigger":
            return [{"id": "1", **added, **body, "name": resource.id}]
        case "channel" | "policy" | "budget":
            parent = resource.name.rpartition("/")[0]
            return [{**added, **body, "name": f"{parent}/77"}]
        case "schedule":
            retries = {"maxDoublings": 5, "minBackoffDuration": "5.000s", **body["retryConfig"]}
            if not retries["retryCount"]:
                del retries["retryCount"]  # as the API does with what is zero
            return [{"name": name, **added, **body, "retryConfig": retries}]
        case _:
            return [{"name": name, **added, **body}]


def step_for(resource: Resource, answer: Any) -> PlanStep:
    body = KINDS[resource.kind].resource_body(resource, answer)
    found = FoundResource(body=body, whole=answer)
    [step] = plan_steps([resource], {(resource.kind, resource.name): found})
    return step


def one_of(kind: str, name: str = "") -> Resource:
    return next(one for one in EVERYTHING if one.kind == kind and one.name.endswith(name))


def test_what_is_as_it_should_be_is_left_alone_whatever_google_adds() -> None:
    steps = [step_for(one, answer_of(one)) for one in EVERYTHING]
    assert [(one.resource.name, one.differences) for one in steps if one.action != "nothing"] == []
    assert {step.resource.kind for step in steps} == set(KINDS)
    assert len(steps) >= 80


def test_what_is_not_there_is_made() -> None:
    steps = plan_steps(EVERYTHING, {})
    assert {step.action for step in steps} == {"create"}
    # A policy comes with its resource: it is read before it is written.
    silent = {step.resource.kind for step in steps if not step.calls}
    assert silent == {"rights"} == {kind for kind, of in KINDS.items() if of.reads_first}


DRIFTS: Mapping[str, tuple[str, dict[str, Any], tuple[str, ...]]] = {
    "account": ("bot-tick@my-bot.iam.gserviceaccount.com", {"description": "mine"}, ("update",)),
    "database": (
        "",
        {"deleteProtectionState": "DELETE_PROTECTION_DISABLED"},
        ("databases update", "--delete-protection"),
    ),
    "field": ("ticks/fields/data.claimed_at", {"indexConfig": {"indexes": []}}, ("order=asc",)),
    "bucket": ("my-bot-bot", {"versioning": {"enabled": False}}, ("update", "--versioning")),
    "topic": ("", {"messageStoragePolicy": {}}, ("topics update", f"regions={REGION}")),
    "subscription": ("alerts", {"ackDeadlineSeconds": 10}, ("update", "--ack-deadline=60")),
    "schedule": ("jobs/tick", {"schedule": "* * * * *"}, ("update http", "--schedule=*/3 * * * *")),
    "channel": ("", {"labels": {"email_address": "x@y.z"}}, ("notificationChannels/77",)),
    "metric": ("", {"filter": "severity=ERROR"}, ("metrics update crypto-bot-ticks",)),
    "policy": ("critical", {"combiner": "AND"}, ("policies update", "alertPolicies/77")),
    "logs": ("", {"retentionDays": 30}, ("buckets update _Default", "--retention-days=400")),
    "budget": (
        "",
        {"amount": {"specifiedAmount": {"currencyCode": "JPY", "units": "9"}}},
        ("budgets/77", "--budget-amount=2000JPY"),
    ),
    "images": ("", {"cleanupPolicies": {}}, ("set-cleanup-policies",)),
    "trigger": ("", {"filename": "other.yaml"}, ("triggers import",)),
}


@pytest.mark.parametrize("kind", DRIFTS)
def test_what_somebody_changed_by_hand_is_changed_back(kind: str) -> None:
    name, drift, told = DRIFTS[kind]
    resource = one_of(kind, name)
    step = step_for(resource, answer_of(resource, **drift))
    assert step.action == "change"
    assert len(step.differences) >= 1
    assert {one.path.partition(".")[0] for one in step.differences} == set(drift)
    lines = " ; ".join(call.command_line for call in step.calls)
    assert all(word in lines for word in told), lines


def test_a_right_too_much_and_one_too_few_are_mended_and_others_keep_theirs() -> None:
    resource = one_of("rights", f"projects/{PROJECT}")
    bindings = [dict(one) for one in resource.body["bindings"]]
    bindings[0] = {**bindings[0], "members": []}
    tick = "serviceAccount:bot-tick@my-bot.iam.gserviceaccount.com"
    bindings.append({"role": "roles/editor", "members": [tick, "user:other@example.com"]})
    bindings.append({"role": "roles/viewer", "members": ["allUsers"]})
    step = step_for(resource, answer_of(resource, bindings=bindings))
    [call] = step.calls
    written = {one["role"]: one["members"] for one in call.document["bindings"]}
    assert call.document["etag"] == "abc"
    assert written["roles/owner"] == OWNER["members"]
    assert written["roles/editor"] == ["user:other@example.com"]
    assert "roles/viewer" not in written
    for one in resource.body["bindings"]:
        assert written[one["role"]] == one["members"]


def test_teardown_takes_our_rights_in_the_project_and_no_others() -> None:
    resource = one_of("rights", f"projects/{PROJECT}")
    answer = answer_of(resource)
    body = KINDS["rights"].resource_body(resource, answer)
    [call] = KINDS["rights"].delete_calls(resource, FoundResource(body=body, whole=answer))
    assert call.document["bindings"] == [OWNER]


@pytest.mark.parametrize(
    ("kind", "drift"),
    [
        ("database", {"locationId": "us-east1"}),
        ("bucket", {"location": "us"}),
        ("secret", {"replication": {"automatic": {}}}),
        ("subscription", {"topic": "projects/my-bot/topics/other"}),
        ("images", {"format": "PYTHON"}),
        ("channel", {"type": "sms"}),
    ],
)
def test_what_cannot_be_changed_is_said_and_nothing_is_done(kind: str, drift: Any) -> None:
    resource = one_of(kind)
    step = step_for(resource, answer_of(resource, **drift))
    assert (step.action, step.calls) == ("stuck", ())
    assert {one.path.partition(".")[0] for one in step.differences} == set(drift)


def test_a_paused_schedule_is_resumed_after_what_it_does_is_right_again() -> None:
    resource = one_of("schedule", "jobs/tick")
    step = step_for(resource, answer_of(resource, state="PAUSED"))
    assert [call.arguments[2] for call in step.calls] == ["resume"]
    both = step_for(resource, answer_of(resource, state="PAUSED", attemptDeadline="180s"))
    assert [call.arguments[2] for call in both.calls] == ["update", "resume"]


def test_a_version_that_was_disabled_is_no_value() -> None:
    resource = one_of("value", "DISCORD_WEBHOOK_URL/versions/latest")
    assert step_for(resource, answer_of(resource)).action == "nothing"
    assert step_for(resource, answer_of(resource, state="DISABLED")).action == "create"
    [call] = step_for(resource, []).calls
    assert (call.secret, call.arguments[-1]) == ("DISCORD_WEBHOOK_URL", "--data-file=-")


def test_a_clean_up_that_somebody_added_is_taken_away() -> None:
    resource = one_of("images")
    policies = {**resource.body["cleanupPolicies"], "all": {"id": "all", "action": "DELETE"}}
    step = step_for(resource, answer_of(resource, cleanupPolicies=policies))
    assert step.action == "change"
    assert any("delete-cleanup-policies" in call.command_line for call in step.calls)


def test_a_schedule_that_is_to_be_paused_is_made_paused() -> None:
    resource = one_of("schedule", "jobs/tick")
    paused = Resource(
        part="schedules",
        kind="schedule",
        name=resource.name,
        body={**resource.body, "state": "PAUSED"},
    )
    calls = KINDS["schedule"].create_calls(paused)
    assert [call.arguments[2] for call in calls] == ["create", "pause"]


def test_traffic_that_goes_to_an_old_revision_is_pinned() -> None:
    def service(*targets: dict[str, Any]) -> dict[str, Any]:
        status = {
            "url": "https://tick-abc-an.a.run.app",
            "latestReadyRevisionName": "tick-2",
            "traffic": list(targets),
        }
        return {"metadata": {"name": "tick"}, "status": status}

    newest, old = {"latestRevision": True, "percent": 100}, {"revisionName": "tick-1"}
    [free] = traffic_of([service(newest, {**old, "tag": "before"})])
    assert (free.shares, free.is_pinned) == ({"tick-2": 100}, False)
    [pinned] = traffic_of([service({**old, "percent": 100})])
    assert pinned == Traffic(service="tick", newest="tick-2", shares={"tick-1": 100})
    assert pinned.is_pinned
    other = {"metadata": {"name": "somebody-elses"}, "status": {"url": "https://x.run.app"}}
    facts = service_facts([service(newest), other], PROJECT, REGION)
    assert facts == {
        "url:tick": "https://tick-abc-an.a.run.app",
        "service:tick": f"projects/{PROJECT}/locations/{REGION}/services/tick",
    }


def test_no_two_resources_of_a_kind_are_shown_alike() -> None:
    shown = [(one.kind, short_name(one)) for one in EVERYTHING]
    assert len(shown) == len(set(shown)) >= 80
