"""A plan in words, and as JSON. Pure."""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from scripts.cloud.applying import StepFailure
from scripts.cloud.facts import Traffic
from scripts.cloud.planning import PlannedAction, PlanStep
from scripts.cloud.project import CloudPlan
from scripts.cloud.reading import CONNECTION, REPOSITORY
from scripts.cloud.resource import Resource
from shared.core.errors import remedy_of
from shared.core.sentences import say

_ACTIONS: tuple[PlannedAction, ...] = ("create", "change", "waits", "stuck", "nothing")
_LONGEST = 60


def plan_lines(plan: CloudPlan, *, stage: str) -> Iterator[str]:
    """The plan: how much there is to do, then by part what, and each difference."""
    counted = Counter(step.action for step in plan.steps)
    counts = [say(f"cloud.count.{name}", count=counted[name]) for name in _ACTIONS if counted[name]]
    facts = plan.facts
    yield say(
        "cloud.head",
        project=facts.project,
        region=facts.region,
        stage=stage,
        counts=", ".join(counts) or say("cloud.count.nothing", count=0),
    )
    part = ""
    for step in plan.steps:
        if step.action == "nothing":
            continue
        if step.resource.part != part:
            part = step.resource.part
            yield part
        yield from _step_lines(step)
    yield from (_traffic_line(one) for one in facts.traffic if one.is_pinned)


def browser_lines(plan: CloudPlan) -> Iterator[str]:
    """What only a person in a browser can do, of what the plan waits for."""
    waits = {name for step in plan.steps_of("waits") for name in step.resource.waits}
    project = plan.facts.project
    if "billing" in waits:
        yield say("cloud.browser.billing", project=project)
    if "repository" in waits:
        yield say(
            "cloud.browser.repository",
            project=project,
            region=plan.facts.region,
            connection=CONNECTION,
            repository=REPOSITORY,
        )


def plan_data(plan: CloudPlan, *, stage: str) -> dict[str, Any]:
    """The plan as JSON has it; no secret is in it."""
    return {
        "project": plan.facts.project,
        "region": plan.facts.region,
        "stage": stage,
        "empty": plan.is_empty,
        "steps": [_step_data(step) for step in plan.steps if step.action != "nothing"],
        "traffic": plan.facts.traffic,
        "pinned": [one.service for one in plan.facts.traffic if one.is_pinned],
    }


def failure_lines(failures: Sequence[StepFailure]) -> Iterator[str]:
    """What failed and why, and that the command goes on where it ended."""
    for one in failures:
        name, why = short_name(one.resource), f"{one.error} {remedy_of(one.error)}".strip()
        yield say("cloud.failed", kind=one.resource.kind, name=name, why=why)
    if failures:
        yield say("cloud.again")


def failure_data(failure: StepFailure) -> dict[str, str]:
    """A failure as JSON has it."""
    return {
        "kind": failure.resource.kind,
        "name": failure.resource.name,
        "error": str(failure.error),
        "remedy": remedy_of(failure.error),
    }


def short_name(resource: Resource) -> str:
    """What tells a resource from others of its kind.

    >>> field = "projects/p/databases/(default)/collectionGroups/ticks/fields/expire_at"
    >>> short_name(Resource(part="stores", kind="field", name=field, body={}))
    'ticks/expire_at'
    """
    pieces = resource.name.split("/")
    if resource.kind == "field":
        return f"{pieces[-3]}/{pieces[-1]}"
    if resource.kind == "value":
        return pieces[-3]
    if resource.kind == "rights":
        return "/".join(pieces[-2:])
    return resource.id


def _step_lines(step: PlanStep) -> Iterator[str]:
    kind, name = step.resource.kind, short_name(step.resource)
    if step.action == "waits":
        until = ", ".join(dict.fromkeys(_until(one) for one in step.resource.waits))
        yield say("cloud.waits", kind=kind, name=name, until=until)
        return
    yield say(f"cloud.step.{step.action}", kind=kind, name=name)
    for one in step.differences:
        yield say(
            "cloud.difference", path=one.path, found=_text(one.found), wanted=_text(one.wanted)
        )
    if step.action == "stuck":
        yield say("cloud.remedy", remedy=say(f"cloud.stuck.{kind}"))


def _until(awaited: str) -> str:
    what, _, name = awaited.partition(":")
    return say("cloud.deployed", name=name) if name else say(f"cloud.until.{what}")


def _traffic_line(traffic: Traffic) -> str:
    shares = ", ".join(f"{name} {share} %" for name, share in traffic.shares.items())
    return say("cloud.pinned", service=traffic.service, shares=shares, newest=traffic.newest)


def _text(value: Any) -> str:
    if value is None:
        return "not set"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def _step_data(step: PlanStep) -> dict[str, Any]:
    return {
        "part": step.resource.part,
        "kind": step.resource.kind,
        "name": step.resource.name,
        "action": step.action,
        "waits": step.resource.waits,
        "differences": step.differences,
        "calls": [call.command_line for call in step.calls],
    }
