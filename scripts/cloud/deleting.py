"""Taking a project's resources away: what stops work first, what is written by others last."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import groupby

from scripts.cloud.applying import StepFailure
from scripts.cloud.facts import FUNCTIONS, CloudFacts
from scripts.cloud.gcloud import Gcloud, NotAllowed
from scripts.cloud.kinds import KINDS
from scripts.cloud.resource import FoundResource, GcloudCall, Resource
from shared.core.errors import BotError, NotThere

_KEPT_KINDS = frozenset({"database", "field"})


@dataclass(frozen=True, slots=True, kw_only=True)
class DeletionStep:
    """A resource that is there, and the calls that take it away."""

    resource: Resource
    calls: tuple[GcloudCall, ...]


def deletion_steps(
    wanted: Sequence[Resource],
    found: Mapping[tuple[str, str], FoundResource],
    facts: CloudFacts,
    *,
    also: Sequence[str] = (),
) -> tuple[DeletionStep, ...]:
    """What is there and is to go, in that order: schedules, functions (which go with the part
    `builds`), and then all that was made, the last one first.

    Database and bucket stay unless `also` names them: `(default)`, `PROJECT-bot`. Pure.
    """
    there = [(one, found[key]) for one in wanted if (key := (one.kind, one.name)) in found]
    steps = [
        DeletionStep(resource=one, calls=tuple(calls))
        for one, known in reversed(there)
        if known.body is not None and (one.id in also or not _is_kept(one, facts))
        for calls in [KINDS[one.kind].delete_calls(one, known)]
        if calls
    ]
    first = [step for step in steps if step.resource.kind == "schedule"]
    rest = [step for step in steps if step.resource.kind != "schedule"]
    has_builds = any(one.part == "builds" for one in wanted)
    return (*first, *(_function_steps(facts) if has_builds else ()), *rest)


def named_resources(wanted: Sequence[Resource]) -> tuple[Resource, ...]:
    """Those whose name is known, whatever their body waits for: it is by its name that a resource
    goes, also where the function that it spoke of is gone already.
    """
    return tuple(replace(one, waits=()) for one in wanted if "${" not in one.name)


def kept_names(facts: CloudFacts) -> tuple[str, str]:
    """What stays unless it is named: the database, and the bucket of the bot."""
    return "(default)", f"{facts.project}-bot"


def delete_all(
    gcloud: Gcloud, steps: Sequence[DeletionStep], *, tell: Callable[[Resource], None]
) -> list[StepFailure]:
    """Take it away; what is gone already is fine. `tell` hears of each.

    What fails does not hold the rest back. Raises `NotAllowed` at once.
    """
    failures: list[StepFailure] = []

    def try_step(step: DeletionStep) -> StepFailure | None:
        try:
            for call in step.calls:
                _run_to_the_end(gcloud, call)
        except NotAllowed:
            raise
        except BotError as error:
            return StepFailure(resource=step.resource, error=error)
        tell(step.resource)
        return None

    for _, wave in groupby(steps, key=lambda step: step.resource.kind):
        with ThreadPoolExecutor(max_workers=4) as threads:
            failures += filter(None, threads.map(try_step, list(wave)))
    return failures


def _run_to_the_end(gcloud: Gcloud, call: GcloudCall) -> None:
    try:
        gcloud.run(call)
    except NotThere:
        return


def _is_kept(resource: Resource, facts: CloudFacts) -> bool:
    return resource.kind in _KEPT_KINDS or resource.id in kept_names(facts)


def _function_steps(facts: CloudFacts) -> Iterator[DeletionStep]:
    """Those of a deployment, which no data names."""
    for name in FUNCTIONS:
        if service := facts.known.get(f"service:{name}"):
            resource = Resource(part="builds", kind="function", name=service, body={})
            arguments = ("run", "services", "delete", name, f"--region={facts.region}")
            yield DeletionStep(resource=resource, calls=(GcloudCall(arguments=arguments),))
