"""What must be done so that what is becomes what should be. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from scripts.cloud.comparing import FieldDifference, field_differences
from scripts.cloud.kinds import KINDS
from scripts.cloud.resource import FoundResource, GcloudCall, Resource

PlannedAction = Literal["create", "change", "waits", "stuck", "nothing"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanStep:
    """What is to be done with one resource.

    Attributes:
        resource: As it should be.
        action: `stuck` where a field differs that cannot be changed, `waits` where something is
            not known yet.
        differences: Where it is not as it should be.
        calls: That make it so.
    """

    resource: Resource
    action: PlannedAction
    differences: tuple[FieldDifference, ...] = ()
    calls: tuple[GcloudCall, ...] = ()


def plan_steps(
    wanted: Iterable[Resource], found: Mapping[tuple[str, str], FoundResource]
) -> tuple[PlanStep, ...]:
    """One step a resource, in the order of what is wanted; `found` by kind and name.

    >>> alerts = Resource(
    ...     part="apis", kind="api", name="projects/p/services/a.googleapis.com",
    ...     body={"state": "ENABLED"},
    ... )
    >>> [step] = plan_steps([alerts], {})
    >>> step.action, step.calls[0].command_line
    ('create', 'gcloud services enable a.googleapis.com')
    """
    nothing = FoundResource()
    return tuple(_step(one, found.get((one.kind, one.name), nothing)) for one in wanted)


def is_empty(steps: Sequence[PlanStep]) -> bool:
    """Whether everything is as it should be."""
    return all(step.action == "nothing" for step in steps)


def _step(resource: Resource, found: FoundResource) -> PlanStep:
    kind = KINDS[resource.kind]
    if resource.waits:
        return PlanStep(resource=resource, action="waits")
    if found.body is None:
        calls = tuple(kind.create_calls(resource))
        return PlanStep(resource=resource, action="create", calls=calls)
    differences = tuple(field_differences(resource.body, found.body, whole=kind.whole))
    if not differences:
        return PlanStep(resource=resource, action="nothing")
    if any(_is_below(one.path, kind.fixed) for one in differences):
        return PlanStep(resource=resource, action="stuck", differences=differences)
    calls = tuple(kind.change_calls(resource, found, differences))
    return PlanStep(resource=resource, action="change", differences=differences, calls=calls)


def _is_below(path: str, fixed: frozenset[str]) -> bool:
    return any(path == one or path.startswith((f"{one}.", f"{one}[")) for one in fixed)
